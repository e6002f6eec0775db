//! The choice of an engine: which hardware simulation can be had on this machine.

use super::CliError;
use super::args::EngineChoice;
use super::console::Console;
use pagewalk_verilator::cache::Cache;
use pagewalk_verilator::toolchain::{Environment, Toolchain, ToolchainError};

/// What is needed to compile hardware.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Verilator and a C++ compiler.
    pub toolchain: Toolchain,
    /// Where compiled hardware is kept.
    pub cache: Cache,
}

/// What runs under the kernel.
#[derive(Clone, Debug)]
pub enum Engine {
    /// The golden model alone, exact.
    Golden,
    /// The golden model alone, without TLB and clock.
    Bare,
    /// Golden model and compiled Verilog in lockstep.
    Verilator(Box<Tools>),
    /// Golden model and rust-hdl's simulation in lockstep.
    RustHdl,
}

impl Engine {
    /// The name in tables and JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Engine::Golden => "golden",
            Engine::Bare => "bare",
            Engine::Verilator(_) => "verilator",
            Engine::RustHdl => "rust-hdl",
        }
    }

    /// Whether hardware is simulated, and compared.
    pub fn has_hardware(&self) -> bool {
        matches!(self, Engine::Verilator(_) | Engine::RustHdl)
    }

    /// The engine for people, with its version.
    pub fn describe(&self) -> String {
        match self {
            Engine::Golden => "golden model alone".into(),
            Engine::Bare => "walks alone, no TLB and no clock".into(),
            Engine::Verilator(tools) => {
                format!("golden model against hardware (Verilator {})", tools.toolchain.verilator.version())
            }
            Engine::RustHdl => "golden model against hardware (rust-hdl simulation)".into(),
        }
    }

    /// Finds what `choice` needs; with `offline`, without a download.
    ///
    /// # Errors
    /// A tool that is missing and was asked for by name, or a cache that cannot be used.
    pub fn choose(choice: EngineChoice, offline: bool, console: &Console) -> Result<Self, CliError> {
        match choice {
            EngineChoice::Golden => Ok(Engine::Golden),
            EngineChoice::RustHdl => Ok(Engine::RustHdl),
            EngineChoice::Verilator => Ok(Engine::Verilator(Box::new(tools(offline, console)?))),
            EngineChoice::Auto => match tools(offline, console) {
                Ok(tools) => Ok(Engine::Verilator(Box::new(tools))),
                Err(CliError::Engine(pagewalk_verilator::HardwareError::Toolchain(missing)))
                    if !matches!(missing, ToolchainError::Cache(_)) =>
                {
                    console.note(&format!("using rust-hdl's own simulation, which is slow: {missing}"));
                    Ok(Engine::RustHdl)
                }
                Err(error) => Err(error),
            },
        }
    }
}

/// Verilator, compiler and cache of this machine.
///
/// # Errors
/// Whatever of them cannot be had, and how to get it.
pub fn tools(offline: bool, console: &Console) -> Result<Tools, CliError> {
    let mut environment = Environment::of_process();
    environment.offline |= offline;
    let cache = Cache::open(environment.cache_directory()?)?;
    let toolchain = Toolchain::discover(&environment, &cache, &|notice| console.note(notice))?;
    Ok(Tools { toolchain, cache })
}
