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

mod identify;
mod launcher;
mod merge;
mod processes;
mod scan;
mod sink;

use identify::Identifier;
use launcher::Launcher;
use merge::{Merge, MergeError};
use pagewalk_trace::input::Compression;
use scan::{Counts, Scan};
use sink::Sink;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Bytes of log read at once: what a pipe holds.
const CHUNK_BYTES: usize = 64 << 10;
/// How often the program is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);
/// What Valgrind is asked for, whoever is followed. Signals, because they end processes and run handlers; and
/// registers that are right at every access: a handler of SIGSEGV that returns goes on with them.
const VALGRIND_ARGUMENTS: [&str; 6] = [
    "-q",
    "--tool=lackey",
    "--trace-mem=yes",
    "--trace-syscalls=yes",
    "--trace-signals=yes",
    "--vex-iropt-register-updates=allregs-at-mem-access",
];
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

/// Runs a program and records it.
///
/// # Errors
/// See [`RecordError`]. The output then does not exist, or is what it was before.
pub fn record(options: &RecordOptions) -> Result<RecordSummary, RecordError> {
    let program = options.command.first().ok_or(RecordError::NoCommand)?;
    let output_failed = |e| output_error(&options.output, e);
    let mut sink =
        Sink::open(&options.output, Compression::by_suffix(&options.output)).map_err(output_failed)?;
    let identifier = Identifier::new(options.output == "-");
    let (status, counts, losses) = if options.children {
        run_followed(options, identifier, &mut sink)?
    } else {
        run_piped(options, identifier, &mut sink)?
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

/// All processes, each program's log merged into one trace.
fn run_followed(
    options: &RecordOptions,
    identifier: Identifier,
    sink: &mut Sink,
) -> Result<(ExitStatus, Counts, Vec<String>), RecordError> {
    let launcher = Launcher::new(options)?;
    let mut command = launcher.command(options);
    command.arg("--").args(&options.command);
    let child = spawn(options, command)?;
    let root = child.id();
    let stop = Arc::new(AtomicBool::new(false));
    let waiter = {
        let (stop, interrupted) = (Arc::clone(&stop), Arc::clone(&options.interrupted));
        thread::spawn(move || wait(child, &interrupted, &stop))
    };
    let mut scan = Scan::new(root, identifier);
    let mut merge = Merge::new(launcher.logs(), root);
    let mut waiter = Some(waiter);
    let mut status = None;
    let merged = scan.begin(root, sink).map_err(MergeError::Output).and_then(|()| {
        loop {
            if let Some(ended) = waiter.take_if(|waiter| waiter.is_finished()) {
                let joined = join(ended);
                scan.root.1 = joined.as_ref().ok().copied();
                status = Some(joined);
                merge.root_ended();
            }
            let ended = status.is_some();
            if !merge.round(&mut scan, sink)? {
                let interrupted = options.interrupted.load(Ordering::Relaxed);
                if ended && (interrupted || !merge.anyone_lives()) {
                    return merge.rest(&mut scan, sink);
                }
                thread::sleep(POLL);
            }
        }
    });
    if merged.is_err() || options.interrupted.load(Ordering::Relaxed) {
        stop.store(true, Ordering::Relaxed);
        merge.kill();
    }
    let status = status.or_else(|| waiter.map(join));
    let status = status.unwrap_or_else(|| Err(io::Error::other("nobody waited")));
    merged.map_err(|error| match error {
        MergeError::Log(e) => RecordError::Log(e),
        MergeError::Output(e) => output_error(&options.output, e),
    })?;
    let losses = losses(&scan.counts);
    Ok((status.map_err(RecordError::Log)?, scan.counts, losses))
}

/// One process, its log through a pipe.
fn run_piped(
    options: &RecordOptions,
    identifier: Identifier,
    sink: &mut Sink,
) -> Result<(ExitStatus, Counts, Vec<String>), RecordError> {
    let (mut log, writer) = io::pipe().map_err(RecordError::Log)?;
    // By this name Valgrind opens a writing end of its own: no descriptor has to be inherited, and the
    // program finds those it expects.
    let name = format!("--log-file=/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd());
    let mut command = Command::new(&options.valgrind);
    command.arg(name).args(VALGRIND_ARGUMENTS);
    command.arg("--child-silent-after-fork=yes").arg("--").args(&options.command);
    let child = spawn(options, command)?;
    let root = child.id();
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
    let mut scan = Scan::new(root, identifier);
    let copied = copy(&mut log, root, &mut scan, sink);
    if copied.is_err() {
        stop.store(true, Ordering::Relaxed);
    }
    drop(log);
    let status = join(waiter);
    scan.root.1 = status.as_ref().ok().copied();
    let executed = scan.pending_exec(root);
    let copied = copied.and_then(|()| match executed {
        Some(_) => Ok(()),
        None => scan.gone(root, sink).map_err(MergeError::Output),
    });
    copied.map_err(|error| match error {
        MergeError::Log(e) => RecordError::Log(e),
        MergeError::Output(e) => output_error(&options.output, e),
    })?;
    let mut losses = losses(&scan.counts);
    if let Some(program) = executed {
        losses.push(format!(
            "the program became another one, {program}, which is not recorded; record without --no-children to follow it"
        ));
    }
    if scan.counts.forks > 0 {
        losses.push(format!(
            "{} processes that the program started are not recorded; record without --no-children to follow them",
            scan.counts.forks
        ));
    }
    scan.counts.processes = 1;
    Ok((status.map_err(RecordError::Log)?, scan.counts, losses))
}

/// Passes on the log of process `root` as it comes.
fn copy(log: &mut impl Read, root: u32, scan: &mut Scan, sink: &mut Sink) -> Result<(), MergeError> {
    scan.begin(root, sink).map_err(MergeError::Output)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut pending = Vec::new();
    let mut held = None;
    loop {
        let count = match log.read(&mut chunk) {
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(MergeError::Log(e)),
        };
        pending.extend_from_slice(&chunk[..count]);
        loop {
            let (consumed, waits) = scan.pass(root, &pending, &mut held, sink).map_err(MergeError::Output)?;
            pending.drain(..consumed);
            // Its children are silent: there is nobody to wait for.
            if waits.is_none() {
                break;
            }
        }
        if count == 0 {
            if !pending.is_empty() && !scan::is_access(&pending) {
                // The execve that became another program.
                let line = scan.line(&pending);
                scan.finish(line, &pending, sink).map_err(MergeError::Output)?;
            }
            return Ok(());
        }
    }
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

fn start_error(options: &RecordOptions, error: io::Error) -> RecordError {
    let name = options.valgrind.to_string_lossy().into_owned();
    match error.kind() {
        io::ErrorKind::NotFound => RecordError::ValgrindMissing(name),
        _ => RecordError::ValgrindFails(name, error),
    }
}

fn spawn(options: &RecordOptions, mut command: Command) -> Result<Child, RecordError> {
    if options.output == "-" {
        let stderr = io::stderr().as_fd().try_clone_to_owned();
        command.stdout(Stdio::from(stderr.map_err(|e| output_error("standard error", e))?));
    }
    command.spawn().map_err(|e| start_error(options, e))
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

/// What the waiting thread saw.
fn join(waiter: JoinHandle<io::Result<ExitStatus>>) -> io::Result<ExitStatus> {
    waiter.join().unwrap_or_else(|_| Err(io::Error::other("the waiting thread failed")))
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
