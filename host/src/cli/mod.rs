//! The command line: every command of `pagewalk`, what it prints, and how it ends.
//!
//! Owns arguments, settings, output and exit codes: 0 = agreed or done, 1 = a difference or a failed check,
//! 2 = bad usage or input. Owns no model and no trace format: the commands join what the other crates offer.

mod args;
mod bench;
mod case;
mod compare;
mod config;
mod console;
mod emit;
mod engine;
mod error;
mod interrupt;
mod losses;
mod quantity;
mod record;
mod replay;
mod report;
mod session;
mod settings;
mod simulate;
mod source;
mod summary;
mod trace;
mod translate;
mod translations;
mod walk;
mod watch;

pub use error::CliError;

use args::{Cli, Command};
use clap::Parser;
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
    match run(&cli.command, &console) {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::from(EXIT_FAILED),
        // Whoever closed the pipe has seen enough.
        Err(error) if matches!(error.downcast_ref(), Some(CliError::OutputClosed)) => ExitCode::SUCCESS,
        Err(error) => {
            console.error(&format_args!("{error:#}"));
            ExitCode::from(EXIT_BAD_INPUT)
        }
    }
}

fn run(command: &Command, console: &Console) -> anyhow::Result<Verdict> {
    Ok(match command {
        Command::Cosim(args) => simulate::cosim(args, console)?,
        Command::Run(args) => simulate::run(args, console)?,
        Command::Record(args) => record::record(args, console)?,
        Command::Emit(args) => emit::emit(args, console)?,
        Command::Translate(args) => translate::translate(args, console)?,
        Command::Walk(args) => walk::walk(args, console)?,
        Command::Trace(args) => trace::trace(args, console)?,
        Command::Compare(args) => compare::compare(args, console)?,
        Command::Case(args) => case::case(args, console)?,
        Command::Bench(args) => bench::bench(args, console)?,
        Command::Config(args) => config::config(args, console)?,
        Command::Completions(args) => args::completions(args, console)?,
        Command::Man(args) => args::man(args, console)?,
    })
}
