//! The commands: one row each, from which parsing, help, shell completions, the man page and the call are made.

use super::bench::BenchArgs;
use super::case::CaseArgs;
use super::compare::CompareArgs;
use super::completions::CompletionArgs;
use super::config::ConfigArgs;
use super::console::Console;
use super::emit::EmitArgs;
use super::execute::Execute;
use super::fuzz::FuzzArgs;
use super::man::ManArgs;
use super::record::RecordArgs;
use super::simulate::{CosimArgs, RunArgs};
use super::trace::TraceArgs;
use super::translate::TranslateArgs;
use super::walk::WalkArgs;
use super::{CliError, Verdict};
use clap::Subcommand;

macro_rules! commands {
    ($($(#[$about:meta])+ $name:ident = $arguments:ty;)+) => {
        /// Every command.
        #[derive(Debug, Subcommand)]
        pub enum Command {
            $($(#[$about])+ $name($arguments),)+
        }

        impl Execute for Command {
            fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
                match self {
                    $(Self::$name(arguments) => arguments.execute(console),)+
                }
            }
        }
    };
}

commands! {
    /// Run a trace through kernel, golden model and hardware in lockstep; stop at the first difference
    Cosim = CosimArgs;
    /// The same without hardware: the golden model with exact timing, at full speed
    Run = RunArgs;
    /// Record a real program's accesses and system calls with Valgrind's lackey
    Record = RecordArgs;
    /// Write the Verilog, a JSON manifest of ports and parameters, and a FuseSoC core file
    Emit = EmitArgs;
    /// Translate queries through page tables given as a memory image, without a kernel
    Translate = TranslateArgs;
    /// Explain one translation step by step
    Walk = WalkArgs;
    /// Look into a trace
    Trace = TraceArgs;
    /// Compare two files of translations, access by access
    Compare = CompareArgs;
    /// Run files of conformance cases on every engine
    Case = CaseArgs;
    /// Try random workloads in lockstep for as long as one likes
    Fuzz = FuzzArgs;
    /// Measure speed beside the least that could do the work
    Bench = BenchArgs;
    /// Print the settings that --config takes, with comments
    Config = ConfigArgs;
    /// Print a shell's completion script
    Completions = CompletionArgs;
    /// Print the man page, of the program or of one command
    Man = ManArgs;
}

#[cfg(test)]
mod tests {
    use crate::cli::Cli;
    use clap::CommandFactory;

    #[test]
    fn definitions_are_consistent() {
        Cli::command().debug_assert();
    }
}
