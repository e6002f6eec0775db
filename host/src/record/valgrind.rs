//! Valgrind as a process: what it is asked for, its start and its end.

use super::{RecordError, RecordOptions};
use std::io;
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often the program is asked whether it has ended.
pub(super) const POLL: Duration = Duration::from_millis(5);
/// What Valgrind is asked for, whichever program is followed. Signals, because they end processes and run handlers; and
/// registers that are right at every access: a handler of SIGSEGV that returns goes on with them.
pub(super) const ARGUMENTS: [&str; 6] = [
    "-q",
    "--tool=lackey",
    "--trace-mem=yes",
    "--trace-syscalls=yes",
    "--trace-signals=yes",
    "--vex-iropt-register-updates=allregs-at-mem-access",
];
/// How long a program may take to end after an interrupt.
const GRACE: Duration = Duration::from_secs(3);

/// Why it did not start.
pub(super) fn start_error(options: &RecordOptions, error: io::Error) -> RecordError {
    let name = options.valgrind.to_string_lossy().into_owned();
    match error.kind() {
        io::ErrorKind::NotFound => RecordError::ValgrindMissing(name),
        _ => RecordError::ValgrindFails(name, error),
    }
}

/// Starts it. Where standard output is the recording, the program writes to standard error instead.
pub(super) fn spawn(options: &RecordOptions, mut command: Command) -> Result<Child, RecordError> {
    if options.output == "-" {
        let stderr = io::stderr().as_fd().try_clone_to_owned();
        command.stdout(Stdio::from(stderr.map_err(|e| RecordError::of_output("standard error", e))?));
    }
    command.spawn().map_err(|e| start_error(options, e))
}

/// The thread that waits for the program. `stop` ends it at once; `kept` is dropped when it has ended.
pub(super) fn waiter<T: Send + 'static>(
    child: Child,
    options: &RecordOptions,
    stop: &Arc<AtomicBool>,
    kept: T,
) -> JoinHandle<io::Result<ExitStatus>> {
    let (stop, interrupted) = (Arc::clone(stop), Arc::clone(&options.interrupted));
    thread::spawn(move || {
        let status = wait(child, &interrupted, &stop);
        drop(kept);
        status
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

/// What the waiting thread saw.
pub(super) fn join(waiter: JoinHandle<io::Result<ExitStatus>>) -> io::Result<ExitStatus> {
    waiter.join().unwrap_or_else(|_| Err(io::Error::other("the waiting thread failed")))
}
