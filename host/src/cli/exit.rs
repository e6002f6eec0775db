//! How a command ends, and the exit code for it: 0 where all agree, 1 for a difference, 2 for bad usage or input.

use super::CliError;
use super::console::Console;
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

/// The exit code of a command that came to `end`; an error is told first.
pub(super) fn code(end: anyhow::Result<Verdict>, console: &Console) -> ExitCode {
    match end {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::from(EXIT_FAILED),
        // The reader that closed the pipe has seen enough.
        Err(error) if matches!(error.downcast_ref(), Some(CliError::OutputClosed)) => ExitCode::SUCCESS,
        Err(error) => {
            console.error(&error);
            ExitCode::from(EXIT_BAD_INPUT)
        }
    }
}

/// The exit code of arguments that mean nothing, or ask for help or version.
pub(super) fn code_of_usage(error: &clap::Error) -> ExitCode {
    // Help and version are asked for; a reader that has gone away needs no help.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(EXIT_BAD_INPUT) } else { ExitCode::SUCCESS }
}
