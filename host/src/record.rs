//! Recording a real program: Valgrind's lackey underneath, its log filtered and compressed on the way.
//!
//! Owns the running of Valgrind, where its log goes, what happens to a recording that does not come to its
//! end, and the program's own standard streams, which stay as they are. The format of the log is
//! [`crate::trace`]'s. Nothing here prints.
//!
//! A recording has its name only when it is complete: it is written beside it and renamed at the end, or
//! removed. A program that a signal ends, Ctrl-C for one, has a complete recording up to there.
//!
//! Without [`RecordOptions::trace_children`] the log runs through a pipe: no disk, and a program that is
//! faster than the reader waits. Children are silent. With it every process writes a file of its own (only
//! that tells whose access is whose), which takes the disk space of the text until the end.

mod filter;
mod follow;
mod sink;

use crate::trace::input::Compression;
use filter::Filter;
use sink::Sink;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{path::Path, thread};

/// Bytes of log read at once: what a pipe holds.
const CHUNK_BYTES: usize = 64 << 10;
/// How often the program is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);
/// How long a program may take to end after an interrupt.
const GRACE: Duration = Duration::from_secs(3);

/// What to record, and where to.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// The file to write, compressed as its suffix says (.zst .gz .xz .bz2); `-` is standard output,
    /// uncompressed, and the program's own standard output then goes to standard error.
    pub output: String,
    /// Follow the processes that the program starts, and the programs that they execute.
    pub trace_children: bool,
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
            trace_children: false,
            valgrind: "valgrind".into(),
            interrupted: Arc::default(),
        }
    }
}

/// What was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordSummary {
    /// Access lines.
    pub accesses: u64,
    /// Lines that begin a system call.
    pub syscalls: u64,
    /// Processes recorded.
    pub processes: u64,
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
}

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
    /// Whoever read standard output has gone.
    #[error("the reader of the recording has ended; the program was stopped")]
    ReaderGone,
    /// The log cannot be read.
    #[error("Valgrind's log cannot be read ({0}); check the space in the temporary directory")]
    Log(io::Error),
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

/// Runs a program and records it.
///
/// # Errors
/// See [`RecordError`]. The output then does not exist, or is what it was before.
pub fn record(options: &RecordOptions) -> Result<RecordSummary, RecordError> {
    let program = options.command.first().ok_or(RecordError::NoCommand)?;
    let output_failed = |e| output_error(&options.output, e);
    let mut sink =
        Sink::open(&options.output, Compression::by_suffix(&options.output)).map_err(output_failed)?;
    let mut filter = Filter::default();
    let (status, processes) = if options.trace_children {
        follow::run(options, &mut filter, &mut sink)?
    } else {
        (run_piped(options, &mut filter, &mut sink)?, 1)
    };
    if filter.accesses == 0 {
        let command = program.to_string_lossy().into_owned();
        return Err(RecordError::Nothing { command, code: exit_code(status) });
    }
    sink.finish().map_err(output_failed)?;
    let Filter { accesses, syscalls, text_bytes, .. } = filter;
    Ok(RecordSummary { accesses, syscalls, processes, text_bytes, status })
}

/// One process, its log through a pipe.
fn run_piped(
    options: &RecordOptions,
    filter: &mut Filter,
    sink: &mut Sink,
) -> Result<ExitStatus, RecordError> {
    let (mut log, writer) = io::pipe().map_err(RecordError::Log)?;
    // By this name Valgrind opens a writing end of its own: no descriptor has to be inherited, and the
    // program finds those it expects.
    let name = format!("/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd());
    let mut command = valgrind(options, Path::new(&name));
    command.arg("--child-silent-after-fork=yes").arg("--").args(&options.command);
    let child = spawn(options, command)?;
    let stop = Arc::new(AtomicBool::new(false));
    let waiter = {
        let (stop, interrupted) = (Arc::clone(&stop), Arc::clone(&options.interrupted));
        thread::spawn(move || {
            let status = wait(child, &interrupted, &stop);
            // The last writing end: the log is over when nobody else has one.
            drop(writer);
            status
        })
    };
    let mut chunk = vec![0; CHUNK_BYTES];
    let copied = loop {
        match log.read(&mut chunk) {
            Ok(0) => break Ok(()),
            Ok(count) => {
                if let Err(e) = filter.push(&chunk[..count], sink) {
                    break Err(output_error(&options.output, e));
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => break Err(RecordError::Log(e)),
        }
    };
    if copied.is_err() {
        stop.store(true, Ordering::Relaxed);
    }
    drop(log);
    let status = waiter.join().unwrap_or_else(|_| Err(io::Error::other("the waiting thread failed")));
    copied?;
    status.map_err(RecordError::Log)
}

/// The command line of Valgrind up to the program.
fn valgrind(options: &RecordOptions, log: &Path) -> Command {
    let mut log_file = OsString::from("--log-file=");
    log_file.push(log);
    let mut command = Command::new(&options.valgrind);
    command.args(["-q", "--tool=lackey", "--trace-mem=yes", "--trace-syscalls=yes"]).arg(log_file);
    command
}

fn spawn(options: &RecordOptions, mut command: Command) -> Result<Child, RecordError> {
    let name = || options.valgrind.to_string_lossy().into_owned();
    if options.output == "-" {
        let stderr = io::stderr().as_fd().try_clone_to_owned();
        command.stdout(Stdio::from(stderr.map_err(|e| output_error("standard error", e))?));
    }
    command.spawn().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => RecordError::ValgrindMissing(name()),
        _ => RecordError::ValgrindFails(name(), e),
    })
}

/// Waits for the program. After an interrupt it has [`GRACE`] to end by itself (the terminal has sent it the
/// same signal); `stop` ends it at once.
fn wait(mut child: Child, interrupted: &AtomicBool, stop: &AtomicBool) -> io::Result<ExitStatus> {
    let mut deadline = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupted.load(Ordering::Relaxed) {
            deadline.get_or_insert_with(|| Instant::now() + GRACE);
        }
        if stop.load(Ordering::Relaxed) || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            child.kill()?;
            return child.wait();
        }
        thread::sleep(POLL);
    }
}

fn output_error(output: &str, error: io::Error) -> RecordError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        RecordError::ReaderGone
    } else {
        RecordError::Output(output.to_owned(), error)
    }
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
