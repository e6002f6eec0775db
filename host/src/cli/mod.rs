//! The command line: every command of `pagewalk`, what it prints, and how it ends.
//!
//! Owns arguments, settings, output and exit codes: 0 = agreed or done, 1 = a difference or a failed check,
//! 2 = bad usage or input. Owns no model and no trace format: the commands join what the other crates offer.
//!
//! A command is a file or a folder of its own, with its arguments, its work and its output, and a row in `command`.
//! What several share has a room of its own: `args`, `settings`, `source` of the trace, `engine`, `session`, `console`,
//! `error`, `interrupt`, `quantity`, `screens`.

mod args;
mod bench;
mod case;
mod command;
mod compare;
mod completions;
mod config;
mod console;
mod emit;
mod engine;
mod error;
mod execute;
mod exit;
mod fuzz;
mod interrupt;
mod man;
mod quantity;
mod record;
pub mod screens;
mod session;
mod settings;
mod simulate;
mod source;
mod trace;
mod translate;
mod translations;
mod walk;
mod watch;
mod workload;

pub use error::CliError;
pub(crate) use exit::Verdict;

use clap::Parser;
use command::Command;
use console::Console;
use execute::Execute;
use std::process::ExitCode;

/// An MMU as hardware and as software, joined: a real program's memory trace through generated Verilog and a golden
/// model, in lockstep.
#[derive(Debug, Parser)]
#[command(name = "pagewalk", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Parses the arguments of the process, does what they say, and gives the exit code.
pub fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => {
            let console = Console::new();
            exit::code(cli.command.execute(&console).map_err(anyhow::Error::from), &console)
        }
        Err(error) => exit::code_of_usage(&error),
    }
}
