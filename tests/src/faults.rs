//! Deliberate faults in the hardware, and the hunt for them.
//!
//! A lockstep that never disagrees proves something only if it would disagree: so the generated Verilog is broken in
//! one place at a time ([`Fault`], listed in `catalogue`) and run against the golden model until the two differ
//! ([`hunt`]). Owns the edits and how long is looked; the stimulus is that of the other suites.

mod catalogue;

pub use catalogue::CATALOGUE;

use crate::engines::models;
use crate::engines::{MEMORY_LIMIT, golden, tools};
use crate::stimulus::Stimulus;
use pagewalk_arch::{IssueOrder, MemoryTiming, MmuConfig, OnFault, PagingFormat, Preset, Uniprocessor};
use pagewalk_machine::Lockstep;
use pagewalk_verilator::{Hardware, HardwareError};

/// The MMU that a fault is put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Specimen {
    /// Its page-table format.
    pub format: PagingFormat,
    /// Name of its preset.
    pub preset: &'static str,
    /// Implemented physical-address bits, where they are not all of the format's.
    pub physical_bits: Option<u32>,
}

/// One textual change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Module that is changed, without the prefix `pagewalk_mmu_` that all bear; empty for the top module.
    pub module: &'static str,
    /// What stands there: exactly once in that module.
    pub find: &'static str,
    /// What stands there afterwards.
    pub replace: &'static str,
}

/// A deliberate fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong with the hardware.
    pub name: &'static str,
    /// Which hardware.
    pub specimen: Specimen,
    /// How it becomes wrong.
    pub edits: &'static [Edit],
}

/// An edit that does not fit the Verilog any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is no such module.
    #[error("there is no module {module}: correct the edit in the catalogue")]
    NoModule {
        /// Its name in the Verilog.
        module: String,
    },
    /// The text is not unique.
    #[error(
        "`{find}` stands {count} times in module {module} instead of once: correct the edit in the catalogue"
    )]
    Matches {
        /// The module's name in the Verilog.
        module: String,
        /// The text that was looked for.
        find: &'static str,
        /// How often it is there.
        count: usize,
    },
    /// It changes nothing.
    #[error("the edit of `{find}` in module {module} changes nothing")]
    Idle {
        /// The module's name in the Verilog.
        module: String,
        /// The text that was looked for.
        find: &'static str,
    },
}

impl Specimen {
    /// Its configuration, in a world without stalls.
    pub fn config(&self) -> MmuConfig {
        let preset = Preset::named(self.preset).expect("specimens are made of presets");
        let mut config = preset.config(self.format);
        config.physical_bits = self.physical_bits.unwrap_or(config.physical_bits);
        config
    }
}

impl Edit {
    /// `verilog` with this change.
    ///
    /// # Errors
    /// [`EditError`] where it does not fit.
    pub fn apply(&self, verilog: &str) -> Result<String, EditError> {
        let separator = if self.module.is_empty() { "" } else { "_" };
        let module = format!("{}{separator}{}", pagewalk_rtl::TOP, self.module);
        let head = format!("\nmodule {module} (");
        let Some(begin) = verilog.find(&head) else { return Err(EditError::NoModule { module }) };
        let length = verilog[begin..].find("\nendmodule").unwrap_or(verilog.len() - begin);
        let (before, rest) = verilog.split_at(begin);
        let (body, after) = rest.split_at(length);
        match body.matches(self.find).count() {
            1 if self.find == self.replace => Err(EditError::Idle { module, find: self.find }),
            1 => Ok([before, &body.replacen(self.find, self.replace, 1), after].concat()),
            count => Err(EditError::Matches { module, find: self.find, count }),
        }
    }
}

impl Fault {
    /// `verilog`, the text of the specimen, with the fault in it.
    ///
    /// # Errors
    /// [`EditError`] of the first edit that does not fit.
    pub fn put_into(&self, verilog: &str) -> Result<String, EditError> {
        self.edits.iter().try_fold(verilog.to_owned(), |text, edit| edit.apply(&text))
    }
}

/// Rounds of a hunt: each has a seed and a world of its own.
pub const ROUNDS: u64 = 96;

/// Accesses of one round.
pub const ROUND_ACCESSES: u64 = 2_000;

/// How a fault was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catch {
    /// The round, which is the stimulus's seed.
    pub seed: u64,
    /// Number of the access at which the engines differed, counted over all rounds from 1.
    pub access: u64,
    /// What differed.
    pub what: String,
}

/// The world of a round: how memory answers, who stalls, in what order accesses are issued, what faults do.
fn world(config: &mut MmuConfig, seed: u64) -> OnFault {
    let timing = &mut config.timing;
    timing.stall_seed = seed;
    if seed % 2 == 1 {
        timing.memory = MemoryTiming::Random { seed, latency_max: 6, ready_delay_max: 3 };
        timing.request_stall_percent = 25;
        timing.response_stall_percent = 35;
    } else {
        timing.memory = MemoryTiming::Fixed { latency: 1 + (seed / 2 % 3) as u32 };
    }
    let (issue, on_fault) = match seed % 3 {
        0 => (IssueOrder::Blocking, OnFault::Stop),
        1 => (IssueOrder::Overlapped, OnFault::Continue),
        _ => (IssueOrder::Blocking, OnFault::Continue),
    };
    timing.issue = issue;
    on_fault
}

/// Runs `verilog`, the text of `specimen` or a fault of it, against the golden model of `specimen` for [`ROUNDS`]
/// rounds or until they differ. `None` if they never do.
///
/// # Errors
/// [`HardwareError`] for Verilog that cannot be compiled, or without the tools for it.
pub fn hunt(specimen: &Specimen, verilog: &str) -> Result<Option<Catch>, HardwareError> {
    let mut config = specimen.config();
    let design = pagewalk_rtl::generate(&config)?;
    let (toolchain, cache) = tools().as_ref().unwrap_or_else(|why| panic!("no Verilator: {why}"));
    // A fault shows after few accesses, mostly, so that compiling is what takes time. What is sound runs long.
    let build = |config: &MmuConfig| match verilog == design.verilog {
        true => Hardware::of_verilog(config, &design, verilog, false, toolchain, cache, &|_| {}),
        false => Hardware::trial(config, &design, verilog, toolchain, models()),
    };
    for seed in 0..ROUNDS {
        let on_fault = world(&mut config, seed);
        let hardware = build(&config)?;
        let engines = (golden(&config), hardware.start()?);
        let lockstep = Lockstep::new(engines.0, engines.1, ["golden", "hardware"]);
        let mut machine = Uniprocessor::new(lockstep, MEMORY_LIMIT);
        // A difference that is seen only after the last access is still one.
        let _ = Stimulus::new(&config, seed, on_fault).run(&mut machine, ROUND_ACCESSES);
        if let Some(difference) = machine.mmu.report() {
            let access = seed * ROUND_ACCESSES + difference.number;
            return Ok(Some(Catch { seed, access, what: difference.what.clone() }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "// A design\nmodule pagewalk_mmu_part (\n);\n  x y y\nendmodule\n\n\
        module pagewalk_mmu (\n);\n  x\nendmodule\n";

    fn edit(module: &'static str, find: &'static str, replace: &'static str) -> Edit {
        Edit { module, find, replace }
    }

    #[test]
    fn edits_keep_to_their_module() {
        assert_eq!(edit("", "x", "z").apply(TEXT).unwrap(), TEXT.replace("  x\n", "  z\n"));
        assert_eq!(edit("part", "x", "z").apply(TEXT).unwrap(), TEXT.replace("  x y", "  z y"));
    }

    #[test]
    fn edits_that_do_not_fit_are_refused() {
        let module = || "pagewalk_mmu_part".to_owned();
        let matches = |find, count| Err(EditError::Matches { module: module(), find, count });
        assert_eq!(edit("part", "y", "z").apply(TEXT), matches("y", 2));
        assert_eq!(edit("part", "q", "z").apply(TEXT), matches("q", 0));
        assert_eq!(edit("part", "x", "x").apply(TEXT), Err(EditError::Idle { module: module(), find: "x" }));
        let missing = EditError::NoModule { module: "pagewalk_mmu_other".to_owned() };
        assert_eq!(edit("other", "x", "z").apply(TEXT), Err(missing));
    }

    #[test]
    fn names_are_unique() {
        for (at, fault) in CATALOGUE.iter().enumerate() {
            let twin = CATALOGUE[..at].iter().find(|other| other.name == fault.name);
            assert!(twin.is_none_or(|twin| twin.specimen != fault.specimen), "{} twice", fault.name);
        }
    }
}
