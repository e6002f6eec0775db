//! Recording a program with its children. Owns the log files, one per program and process, and the merging of
//! them into one trace while they grow.
//!
//! An access line does not say whose it is, so processes must not share a log. Each writes `DIRECTORY/PID`; a
//! program that is executed in a process writes the same name anew, so a log is renamed as soon as it is
//! seen. The merged trace marks with `==PID==` whose lines follow and takes turns only where no system call
//! is left half printed. A child's lines wait for the line in which its parent created it.
//!
//! Limits: the order between processes is that of the polling, fair but not the recorded machine's; the logs
//! take disk space until the end; of a process that executes a program within [`POLL`] after its start, the
//! accesses before that may be missing.

use super::{CHUNK_BYTES, POLL, RecordError, RecordOptions, output_error, spawn, valgrind, wait};
use super::{filter::Filter, sink::Sink};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Most bytes taken from one log before the next has its turn: about 5,000 accesses, a few hundred
/// microseconds of the program.
const TURN_BYTES: usize = CHUNK_BYTES;

/// The log of one program in one process.
struct Log {
    pid: u32,
    file: File,
    /// Read, but not yet passed on: what follows the last point at which the turn may pass.
    pending: Vec<u8>,
    /// Its creation has been read in its parent's log.
    released: bool,
    /// A program executed in a process that has been recorded before.
    executed: bool,
    started: bool,
}

/// Runs the program; its status and the number of processes recorded.
pub(super) fn run(
    options: &RecordOptions,
    filter: &mut Filter,
    sink: &mut Sink,
) -> Result<(ExitStatus, u64), RecordError> {
    let directory =
        tempfile::Builder::new().prefix("pagewalk-record-").tempdir().map_err(RecordError::Log)?;
    let mut command = valgrind(options, &directory.path().join("%p"));
    command.arg("--trace-children=yes").arg("--").args(&options.command);
    let child = spawn(options, command)?;
    let root = child.id();
    let stop = Arc::new(AtomicBool::new(false));
    let waiter = {
        let (stop, interrupted) = (Arc::clone(&stop), Arc::clone(&options.interrupted));
        thread::spawn(move || wait(child, &interrupted, &stop))
    };
    let mut merge =
        Merge { directory: directory.path().to_owned(), created: HashSet::from([root]), ..Merge::default() };
    let merged = loop {
        let ended = waiter.is_finished();
        match merge.round(filter, sink) {
            Ok(true) => {}
            Ok(false) if ended && (!merge.anyone_lives() || options.interrupted.load(Ordering::Relaxed)) => {
                break merge.rest(filter, sink);
            }
            Ok(false) => thread::sleep(POLL),
            Err(e) => break Err(e),
        }
    };
    if merged.is_err() {
        stop.store(true, Ordering::Relaxed);
    }
    let status = waiter.join().unwrap_or_else(|_| Err(io::Error::other("the waiting thread failed")));
    match merged {
        Ok(()) => Ok((status.map_err(RecordError::Log)?, merge.pids.len() as u64)),
        Err(MergeError::Log(e)) => Err(RecordError::Log(e)),
        Err(MergeError::Output(e)) => Err(output_error(&options.output, e)),
    }
}

#[derive(Debug)]
enum MergeError {
    Log(io::Error),
    Output(io::Error),
}

#[derive(Default)]
struct Merge {
    directory: PathBuf,
    logs: Vec<Log>,
    pids: HashSet<u32>,
    /// Processes whose creation has been passed on; the first has no parent here.
    created: HashSet<u32>,
    /// Whose lines were written last, an index into `logs`.
    current: Option<usize>,
}

impl Merge {
    /// Gives every log a turn; whether anything new was found.
    fn round(&mut self, filter: &mut Filter, sink: &mut impl Write) -> Result<bool, MergeError> {
        let mut progress = self.discover().map_err(MergeError::Log)?;
        for index in 0..self.logs.len() {
            let log = &mut self.logs[index];
            log.released |= self.created.contains(&log.pid);
            if !log.released {
                continue;
            }
            let taken = (&mut log.file)
                .take(TURN_BYTES as u64)
                .read_to_end(&mut log.pending)
                .map_err(MergeError::Log)?;
            progress |= taken > 0;
            let whole = turn_end(&log.pending);
            self.pass(index, whole, filter, sink)?;
        }
        Ok(progress)
    }

    /// Passes on all that is left, when nothing more can come: also half-printed calls, and at last the lines of
    /// processes whose creation was never printed.
    fn rest(&mut self, filter: &mut Filter, sink: &mut impl Write) -> Result<(), MergeError> {
        loop {
            while self.round(filter, sink)? {}
            for index in 0..self.logs.len() {
                let whole =
                    memchr::memrchr(b'\n', &self.logs[index].pending).map_or(0, |newline| newline + 1);
                self.pass(index, whole, filter, sink)?;
            }
            let created = &self.created;
            let waiting = |log: &&mut Log| !log.released;
            let mut waits: Vec<_> = self.logs.iter_mut().filter(waiting).collect();
            if waits.is_empty() {
                return Ok(());
            }
            if !waits.iter().any(|log| created.contains(&log.pid)) {
                waits.iter_mut().for_each(|log| log.released = true);
            }
        }
    }

    /// Passes on the first `bytes` of what is pending.
    fn pass(
        &mut self,
        index: usize,
        bytes: usize,
        filter: &mut Filter,
        sink: &mut impl Write,
    ) -> Result<(), MergeError> {
        if bytes == 0 {
            return Ok(());
        }
        let log = &mut self.logs[index];
        if self.current != Some(index) {
            let remark = if log.executed && !log.started { " Lackey, an example Valgrind tool" } else { "" };
            filter.name_process(log.pid, remark, sink).map_err(MergeError::Output)?;
            self.current = Some(index);
            log.started = true;
        }
        let text: Vec<u8> = log.pending.drain(..bytes).collect();
        self.created.extend(created_children(&text));
        filter.push(&text, sink).map_err(MergeError::Output)
    }

    /// Finds new logs and takes their names away, so that a program executed in the same process starts
    /// another.
    fn discover(&mut self) -> io::Result<bool> {
        let mut found = false;
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let Some(pid) = pid_of(&path) else { continue };
            let kept = path.with_extension(format!("{}.log", self.logs.len()));
            fs::rename(&path, &kept)?;
            let executed = !self.pids.insert(pid);
            let file = File::open(&kept)?;
            let log = Log { pid, file, pending: Vec::new(), released: false, executed, started: false };
            self.logs.push(log);
            found = true;
        }
        Ok(found)
    }

    /// Whether a process that writes a log still runs.
    fn anyone_lives(&self) -> bool {
        self.pids
            .iter()
            .any(|pid| Path::new(&format!("/proc/{pid}/maps")).metadata().is_ok() && !is_zombie(*pid))
    }
}

/// Where the turn may pass to another process: after the last access line, when no call is half printed.
fn turn_end(text: &[u8]) -> usize {
    let mut end = memchr::memrchr(b'\n', text).map_or(0, |newline| newline + 1);
    while end > 0 {
        let start = memchr::memrchr(b'\n', &text[..end - 1]).map_or(0, |newline| newline + 1);
        if matches!(&text[start..end], [b'I', b' ', ..] | [b' ', b'L' | b'S' | b'M', ..]) {
            return end;
        }
        end = start;
    }
    0
}

/// The processes whose creation `text` reports: `… process 5 created child 6`.
fn created_children(text: &[u8]) -> impl Iterator<Item = u32> {
    const CREATED: &[u8] = b" created child ";
    memchr::memmem::find_iter(text, CREATED).filter_map(|at| {
        let digits = &text[at + CREATED.len()..];
        let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
        std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
    })
}

/// The process that a log's name tells; `None` for logs already found.
fn pid_of(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.parse().ok()
}

fn is_zombie(pid: u32) -> bool {
    // "pid (name) state …"; the name may contain anything, also parentheses.
    let state = |stat: String| stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(state)
        .is_none_or(|state| matches!(state, 'Z' | 'X'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_end_after_accesses_only() {
        assert_eq!(turn_end(b"I  00001000,4\n L 00002000,8\nSYSCALL[5,1](57) sys_fork ( )\n"), 28);
        assert_eq!(turn_end(b"SYSCALL[5,1](57) sys_fork ( )\n --> Success(0x6)\n"), 0);
        assert_eq!(turn_end(b"I  00001000,4\nI  000"), 14);
        assert_eq!(turn_end(b"\n\n"), 0);
        assert_eq!(turn_end(b""), 0);
    }

    #[test]
    fn a_child_speaks_after_the_line_that_created_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let write =
            |pid: u32, text: &str| fs::write(directory.path().join(pid.to_string()), text).expect("written");
        let mut merge =
            Merge { directory: directory.path().to_owned(), created: HashSet::from([5]), ..Merge::default() };
        let (mut filter, mut out) = (Filter::default(), Vec::new());

        write(6, "I  00006000,1\nSYSCALL[6,1](59) sys_execve ( 0x1 )");
        merge.round(&mut filter, &mut out).expect("read");
        assert_eq!(out, b"", "nobody has created process 6 yet");
        write(5, "I  00005000,1\nSYSCALL[5,1](57) sys_fork ( )   fork: process 5 created child 6\n");
        merge.round(&mut filter, &mut out).expect("read");
        assert_eq!(String::from_utf8_lossy(&out), "==5==\nI  00005000,1\n", "the call is half printed");
        write(6, "I  00006001,1\n");
        merge.rest(&mut filter, &mut out).expect("read");
        let rest = String::from_utf8_lossy(&out).into_owned();
        let created = rest.find("created child 6").expect("the parent's line");
        let child = rest.find("==6==\nI  00006000,1\n").expect("the child's lines");
        let executed =
            rest.find("==6== Lackey, an example Valgrind tool\nI  00006001,1\n").expect("the new program's");
        assert!(created < child && child < executed, "{rest}");
    }

    #[test]
    fn children_are_found_in_the_text() {
        let text = b"SYSCALL[5,1](58) sys_fork ( )   fork: process 5 created child 61\n --> [pre-success] Success(0x3d)\n";
        assert_eq!(created_children(text).collect::<Vec<_>>(), [61]);
    }
}
