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
mod command;
mod compare;
mod completions;
mod config;
mod console;
mod emit;
mod engine;
mod error;
mod final_exit;
mod interrupt;
mod man;
mod quantity;
mod record;
mod session;
mod settings;
mod simulate;
mod source;
mod too_wide;
mod trace;
mod translate;
mod translations;
mod walk;
mod watch;

pub use error::CliError;

use clap::Parser;
use command::{Cli, Execute};
use console::Console;
use std::process::ExitCode;

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Agreed, or simply done: exit code 0.
    Done,
    /// A difference was found or a check failed: exit code 1.
    Failed,
}

/// Exit code for a difference or a failed check.
const EXIT_FAILED: u8 = 1;
/// Exit code for bad usage or input.
const EXIT_BAD_INPUT: u8 = 2;

/// Parses the arguments of the process, does what they say, and gives the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for; a reader that has gone away needs no help.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EXIT_BAD_INPUT) } else { ExitCode::SUCCESS };
        }
    };
    let console = Console::new();
    match cli.command.execute(&console) {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::from(EXIT_FAILED),
        // The reader that closed the pipe has seen enough.
        Err(CliError::OutputClosed) => ExitCode::SUCCESS,
        Err(error) => {
            console.error(&error);
            ExitCode::from(EXIT_BAD_INPUT)
        }
    }
}
