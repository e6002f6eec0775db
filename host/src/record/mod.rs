//! Recording a real program: Valgrind's lackey underneath, its log filtered and compressed on the way.
//!
//! Owns the running of Valgrind, where its log goes, what happens to a recording that does not come to its
//! end, and the program's own standard streams, which stay as they are. The format of the log is
//! [`pagewalk_trace`]'s. Nothing here prints.
//!
//! A recording has its name only when it is complete: it is written beside it and renamed at the end, or
//! removed. A program that a signal ends, Ctrl-C for one, has a complete recording up to there.
//!
//! Children and the programs that they execute are followed: every program of every process writes a log of its
//! own (`launcher`), and `merge` makes one trace of them while they grow. Without
//! [`RecordOptions::children`] the log runs through a pipe: no disk, and a program that is faster than the reader
//! waits. Then only the first process is recorded, until it executes another program, and what else there was is
//! warned of.

mod error;
mod followed;
mod identify;
mod launcher;
mod merge;
mod piped;
mod processes;
mod scan;
mod sink;
mod valgrind;

pub use error::RecordError;

use identify::Identifier;
use pagewalk_trace::input::Compression;
use scan::Counts;
use sink::Sink;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Bytes of log read at once: what a pipe holds.
const CHUNK_BYTES: usize = 64 << 10;

/// What to record, and where to.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// The file to write, compressed as its suffix says (.zst .gz .xz .bz2); `-` is standard output,
    /// uncompressed, and the program's own standard output then goes to standard error.
    pub output: String,
    /// Follow the processes that the program starts, and the programs that they execute.
    pub children: bool,
    /// Valgrind's name or path.
    pub valgrind: OsString,
    /// Set by a handler of Ctrl-C: ends the recording, keeping what is there.
    pub interrupted: Arc<AtomicBool>,
}

impl RecordOptions {
    /// Records `command` into `output` with everything else as usual.
    pub fn new(command: impl IntoIterator<Item = impl Into<OsString>>, output: &str) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            output: output.to_owned(),
            children: true,
            valgrind: "valgrind".into(),
            interrupted: Arc::default(),
        }
    }
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSummary {
    /// Access lines.
    pub accesses: u64,
    /// Lines that begin a system call.
    pub syscalls: u64,
    /// Processes recorded.
    pub processes: u64,
    /// Programs recorded, the first one included.
    pub programs: u64,
    /// Processes that were made: by fork, vfork, and by clone where it makes no thread.
    pub forks: u64,
    /// Programs that replaced another in its process.
    pub execs: u64,
    /// Processes that a signal ended.
    pub killed: u64,
    /// What is not in the recording although the program did it: one line each.
    pub losses: Vec<String>,
    /// Bytes of text, before compression.
    pub text_bytes: u64,
    /// How the program ended.
    pub status: ExitStatus,
}

impl RecordSummary {
    /// The exit code that a shell would report: 128 + number after a signal.
    pub fn exit_code(&self) -> i32 {
        exit_code(self.status)
    }

    /// How the program ended, in words: "ended with code 3", "ended by signal 15 (SIGTERM)".
    pub fn ending(&self) -> String {
        match self.status.signal() {
            // Without the remark on a core file.
            Some(signal) => {
                format!("ended by {}", ExitStatus::from_raw(signal)).replace("signal: ", "signal ")
            }
            None => format!("ended with code {}", self.exit_code()),
        }
    }
}

/// Runs a program and records it.
///
/// # Errors
/// See [`RecordError`]. The output then does not exist, or is what it was before.
pub fn record(options: &RecordOptions) -> Result<RecordSummary, RecordError> {
    let program = options.command.first().ok_or(RecordError::NoCommand)?;
    let output_failed = |e| RecordError::of_output(&options.output, e);
    let mut sink =
        Sink::open(&options.output, Compression::by_suffix(&options.output)).map_err(output_failed)?;
    let identifier = Identifier::new(options.output == "-");
    let (status, counts, losses) = if options.children {
        followed::run(options, identifier, &mut sink)?
    } else {
        piped::run(options, identifier, &mut sink)?
    };
    if counts.accesses == 0 {
        let command = program.to_string_lossy().into_owned();
        return Err(RecordError::Nothing { command, code: exit_code(status) });
    }
    sink.finish().map_err(output_failed)?;
    let Counts { accesses, syscalls, processes, programs, forks, execs, killed, text_bytes, .. } = counts;
    Ok(RecordSummary {
        accesses,
        syscalls,
        processes,
        programs,
        forks,
        execs,
        killed,
        losses,
        text_bytes,
        status,
    })
}

/// What of the program's doing is not in the recording.
fn losses(counts: &Counts) -> Vec<String> {
    let mut losses: Vec<String> = counts
        .given_up
        .iter()
        .map(|(pid, why)| format!("Valgrind gave up on process {pid}, and its recording ends there: {why}"))
        .collect();
    losses.extend(counts.lost.iter().cloned());
    if counts.unknown > 0 {
        losses.push(format!(
            "{} lines of Valgrind's log are no trace and were left out; the first: {}",
            counts.unknown, counts.unknown_first
        ));
    }
    losses
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
