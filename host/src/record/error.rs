//! Why nothing was recorded: one line each, with what to do.

use super::merge::MergeError;
use std::io;
use std::path::PathBuf;

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The command line is empty.
    #[error("no program to record; put it after --, for example: pagewalk record -o ls.lackey.zst -- ls -l")]
    NoCommand,
    /// There is no Valgrind.
    #[error(
        "`{0}` was not found; install Valgrind (apt install valgrind, dnf install valgrind, or https://valgrind.org)"
    )]
    ValgrindMissing(String),
    /// It cannot be run.
    #[error("`{0}` cannot be started ({1}); check that it runs: {0} --version")]
    ValgrindFails(String, io::Error),
    /// The file cannot be written.
    #[error("{0}: cannot be written ({1}); choose another file with -o, or -o - for standard output")]
    Output(String, io::Error),
    /// The reader of standard output has gone.
    #[error("the reader of the recording has ended; the program was stopped")]
    ReaderGone,
    /// The log cannot be read.
    #[error("Valgrind's log cannot be read ({0}); check the space in the temporary directory")]
    Log(io::Error),
    /// There is no place for the logs.
    #[error(
        "the temporary directory {path} cannot be used ({1}); name one that exists and can be written with TMPDIR=DIRECTORY",
        path = .0.display()
    )]
    Directory(PathBuf, io::Error),
    /// Not one access came.
    #[error(
        "`{command}` ended with code {code} before its first instruction was recorded; Valgrind needs a program that exists, is not \
         set-user-ID, and is built for this machine"
    )]
    Nothing {
        /// The program.
        command: String,
        /// Its exit code, or Valgrind's.
        code: i32,
    },
}

impl RecordError {
    /// A failure to write `output`.
    pub(super) fn of_output(output: &str, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Output(output.to_owned(), error),
        }
    }

    /// What stopped the passing on of logs into `output`.
    pub(super) fn of_merge(output: &str, error: MergeError) -> Self {
        match error {
            MergeError::Log(e) => Self::Log(e),
            MergeError::Output(e) => Self::of_output(output, e),
        }
    }
}
