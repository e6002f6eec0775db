//! The engines that a case runs on, each fresh for every case.
//!
//! Owns which engines there are, what each can be asked about, and the hardware that was compiled for earlier cases. Does
//! not own the choice among them, nor what is printed of a failure.

use crate::{Ability, Case};
use pagewalk_arch::{Mmu, MmuConfig, Uniprocessor};
use pagewalk_driver::RustHdl;
use pagewalk_golden::Golden;
use pagewalk_verilator::Hardware;
use pagewalk_verilator::cache::Cache;
use pagewalk_verilator::toolchain::Toolchain;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// First byte beyond a case's page-table memory.
const MEMORY_LIMIT: u64 = 1 << 40;

/// An engine that is asked what a case says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The golden model with TLBs and clock.
    Golden,
    /// The golden model's walk alone.
    Walk,
    /// rust-hdl's own simulation of the hardware.
    RustHdl,
    /// The generated Verilog under Verilator.
    Verilator,
}

impl Engine {
    /// All of them.
    pub const ALL: [Engine; 4] = [Engine::Golden, Engine::Walk, Engine::RustHdl, Engine::Verilator];

    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Golden => "golden",
            Engine::Walk => "golden without TLBs",
            Engine::RustHdl => "rust-hdl",
            Engine::Verilator => "verilator",
        }
    }

    fn ability(self) -> Ability {
        if self == Engine::Walk { Ability::ArchitectureOnly } else { Ability::Exact }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a case did not pass on an engine.
#[derive(Debug, thiserror::Error)]
pub enum CaseFailure {
    /// The engine did something else than the case says: the line and what was expected.
    #[error("{0}")]
    Differs(String),
    /// There is no such engine: the tools are missing, or the hardware cannot be built.
    #[error("{0}")]
    Unavailable(String),
}

impl CaseFailure {
    fn unavailable(error: impl fmt::Display) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Compiled once, by the thread that needs it first; the others wait.
type Build = Arc<OnceLock<Result<Hardware, String>>>;

/// Runs cases. Threads may share one.
pub struct Runner<'a> {
    tools: Option<(&'a Toolchain, &'a Cache)>,
    /// The hardware of every configuration met so far.
    builds: Mutex<Vec<(MmuConfig, Build)>>,
}

impl<'a> Runner<'a> {
    /// With Verilator and the cache that compiled hardware is kept in; without, no case runs on [`Engine::Verilator`].
    pub fn new(tools: Option<(&'a Toolchain, &'a Cache)>) -> Self {
        Self { tools, builds: Mutex::default() }
    }

    /// Runs `case` on a fresh `engine`.
    ///
    /// # Errors
    /// What differs, or why there is no such engine.
    pub fn check(&self, case: &Case, engine: Engine) -> Result<(), CaseFailure> {
        let config = &case.config;
        let mmu: Box<dyn Mmu> = match engine {
            Engine::Golden => Box::new(Golden::new(config).map_err(CaseFailure::unavailable)?),
            Engine::Walk => Box::new(Golden::bare(config).map_err(CaseFailure::unavailable)?),
            Engine::RustHdl => Box::new(RustHdl::simulation(config).map_err(CaseFailure::unavailable)?),
            Engine::Verilator => Box::new(self.hardware(config)?.start().map_err(CaseFailure::unavailable)?),
        };
        let mut machine = Uniprocessor::new(mmu, MEMORY_LIMIT);
        case.check(&mut machine, engine.ability()).map_err(CaseFailure::Differs)
    }

    fn hardware(&self, config: &MmuConfig) -> Result<Hardware, CaseFailure> {
        let (toolchain, cache) =
            self.tools.ok_or_else(|| CaseFailure::unavailable("no Verilator was given"))?;
        let build = {
            // A list that only grows is whole even where a thread panicked.
            let mut builds = self.builds.lock().unwrap_or_else(PoisonError::into_inner);
            match builds.iter().find(|(known, _)| known == config) {
                Some((_, build)) => build.clone(),
                None => {
                    builds.push((*config, Build::default()));
                    builds[builds.len() - 1].1.clone()
                }
            }
        };
        let built = build.get_or_init(|| {
            let design = pagewalk_rtl::generate(config).map_err(|error| error.to_string())?;
            // A case is a handful of cycles: compiling is what takes time.
            Hardware::trial(config, &design, &design.verilog, toolchain, cache)
                .map_err(|error| error.to_string())
        });
        built.clone().map_err(CaseFailure::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    /// Every engine that needs no tools finds a wrong expectation, and passes the right one.
    #[test]
    fn a_wrong_case_fails_on_every_engine() {
        let runner = Runner::new(None);
        for (answer, right) in [("ok 0x80000678", true), ("ok 0x80000679", false), ("page-fault 13", false)] {
            let text = format!(
                "format sv39\ncase T-1 title\nmap 0x40005678 = leaf 0x80000000 RWXUAD\n\
                 load u 0x40005678 -> {answer}\n"
            );
            let case = &parse("text", &text).unwrap_or_else(|error| panic!("{error}"))[0];
            for engine in [Engine::Golden, Engine::Walk, Engine::RustHdl] {
                match runner.check(case, engine) {
                    Ok(()) => assert!(right, "{engine}: {answer}"),
                    Err(CaseFailure::Differs(why)) => assert!(!right && why.starts_with("line 4: "), "{why}"),
                    Err(error) => panic!("{engine}: {error}"),
                }
            }
            let none = runner.check(case, Engine::Verilator).expect_err("there is no Verilator");
            assert_eq!(none.to_string(), "no Verilator was given");
        }
    }
}
