//! The command line: every command of `pagewalk`, what it prints, and how it ends.
//!
//! Owns arguments, settings, output and exit codes: 0 = agreed or done, 1 = a difference or a failed check,
//! 2 = bad usage or input. Owns no model and no trace format: the commands join what the other crates offer.
//!
//! A command is a file or a folder of its own, with its arguments, its work and its output, and a row in `command`.
//! What several share has a room of its own: `args`, `settings`, `source` of the trace, `engine`, `session`, `console`,
//! `error`, `interrupt`, `quantity`.

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
mod exit;
mod interrupt;
mod man;
mod quantity;
mod record;
mod session;
mod settings;
mod simulate;
mod source;
mod trace;
mod translate;
mod translations;
mod walk;
mod watch;

pub use error::CliError;
pub(crate) use exit::Verdict;

use clap::Parser;
use command::{Cli, Execute};
use console::Console;
use std::process::ExitCode;

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
