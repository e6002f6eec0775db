//! The logs of all programs as one trace. Owns the order, while the logs grow.
//!
//! An access line does not say whose it is, so the merged trace marks with `==PID==` whose lines follow; a log has
//! its turn for [`TURN_BYTES`] at most. Three orders are the recorded machine's, whatever the turns:
//! * a child's lines come after the line in which its maker created it,
//! * all lines of a child come before the line in which its parent's wait for it returned,
//! * a program's lines come after those of the program that it replaced.
//!
//! The rest is that of the polling. A log that has been passed on is cut off at its beginning, so the disk holds
//! only what is not read yet.

use super::CHUNK_BYTES;
use super::launcher::LogName;
use super::processes::{Processes, Sight};
use super::scan::{Line, Scan};
use pagewalk_trace::lackey::begins_access;
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Most bytes taken from one log before the next has its turn: about 5,000 accesses, a few hundred
/// microseconds of the program.
const TURN_BYTES: usize = CHUNK_BYTES;
/// A log's beginning is given back to the disk in steps of this.
const PUNCH_BYTES: u64 = 4 << 20;
/// How often is looked whether processes without new lines still live.
const LIFE_CHECK: Duration = Duration::from_millis(20);

/// Looks in a row that may find no process under a number: an execve(2) of one thread replaces the others.
const MISSES_MAX: u32 = 1;
/// The same where a process has the number that is not proven ours: two seconds, for in the middle of an execve there is
/// no command line, however long that takes on a busy machine.
const STRANGERS_MAX: u32 = 100;

/// Why merging ended early.
#[derive(Debug)]
pub(super) enum MergeError {
    Log(io::Error),
    Output(io::Error),
}

/// The log of one program.
struct Log {
    file: File,
    /// Read, but not yet passed on.
    pending: Vec<u8>,
    /// Bytes read, and of them given back.
    read: u64,
    punched: u64,
    /// The first line of `pending`, where it was read and waits.
    held: Option<Line>,
    /// Its process was gone, or ran the next program, before the last reading: no more comes.
    closed: bool,
    started: bool,
}

/// A process's programs, those that are passed on removed.
#[derive(Default)]
struct Process {
    logs: BTreeMap<u64, Log>,
    /// Programs passed on.
    passed: u64,
    gone: bool,
    /// It was seen running under its number: when no process has that any more, it has ended.
    seen: bool,
    /// Looks in a row that found no process.
    missed: u32,
    waits_for: Option<u32>,
}

/// The merging.
pub(super) struct Merge {
    directory: PathBuf,
    running: Processes,
    /// The first process, until its parent saw its end.
    root: Option<u32>,
    processes: BTreeMap<u32, Process>,
    /// Processes that have ended and are passed on.
    finished: HashSet<u32>,
    life_checked: Instant,
}

impl Merge {
    /// Merges the logs that appear in `directory`; process `root` writes the first.
    pub fn new(directory: PathBuf, root: u32) -> Self {
        Self {
            running: Processes::new(&directory),
            root: Some(root),
            directory,
            processes: BTreeMap::new(),
            finished: HashSet::new(),
            life_checked: Instant::now(),
        }
    }

    /// The first process has ended.
    pub fn root_ended(&mut self) {
        let root = self.root.take();
        if let Some(process) = root.and_then(|root| self.processes.get_mut(&root)) {
            process.gone = true;
        }
    }

    /// Gives every log a turn; whether anything new was found.
    pub fn round(&mut self, scan: &mut Scan, out: &mut impl Write) -> Result<bool, MergeError> {
        let mut progress = self.discover().map_err(MergeError::Log)?;
        let pids: Vec<u32> = self.processes.keys().copied().collect();
        for pid in pids {
            if scan.made.contains(&pid) && !self.is_held(pid).map_err(MergeError::Log)? {
                progress |= self.turn(pid, scan, out)?;
            }
        }
        if !progress && self.life_checked.elapsed() >= LIFE_CHECK {
            self.life_checked = Instant::now();
            progress |= self.look_who_lives().map_err(MergeError::Log)?;
        }
        Ok(progress)
    }

    /// Passes on all that is left, when nothing more can come; at last the lines of processes whose creation was
    /// never printed.
    pub fn rest(&mut self, scan: &mut Scan, out: &mut impl Write) -> Result<(), MergeError> {
        loop {
            self.discover().map_err(MergeError::Log)?;
            for process in self.processes.values_mut() {
                process.gone = true;
            }
            while self.round(scan, out)? {}
            let Some((&pid, process)) = self.processes.iter_mut().next() else {
                scan.over();
                return Ok(());
            };
            // Either no process made it, or what it waits for never ends.
            scan.made.insert(pid);
            process.waits_for = None;
        }
    }

    /// Whether a process of which lines may come still runs.
    pub fn anyone_lives(&self) -> bool {
        self.processes.values().any(|process| !process.gone) || !self.running.running().is_empty()
    }
    /// Ends every process of the recording.
    pub fn kill(&self) {
        self.running.kill();
    }

    /// Whether `pid` waits for lines of a child. That child has ended.
    fn is_held(&mut self, pid: u32) -> io::Result<bool> {
        let Some(child) = self.processes.get(&pid).and_then(|process| process.waits_for) else {
            return Ok(false);
        };
        if self.finished.contains(&child) || !self.processes.contains_key(&child) {
            if let Some(process) = self.processes.get_mut(&pid) {
                process.waits_for = None;
            }
            return Ok(false);
        }
        Ok(true)
    }

    /// One turn of process `pid`; whether anything was passed on or ended.
    fn turn(&mut self, pid: u32, scan: &mut Scan, out: &mut impl Write) -> Result<bool, MergeError> {
        let Some(process) = self.processes.get_mut(&pid) else { return Ok(false) };
        let newer = process.logs.len() > 1;
        let gone = process.gone;
        let Some(mut entry) = process.logs.first_entry() else { return Ok(false) };
        let log = entry.get_mut();
        // Only what is read after this was known is all there is.
        log.closed |= newer || gone;
        let taken =
            (&mut log.file).take(TURN_BYTES as u64).read_to_end(&mut log.pending).map_err(MergeError::Log)?;
        log.read += taken as u64;
        // An empty log of a later program: it could not be followed, and its execve stays without an end.
        let first = process.passed == 0;
        if !log.started && (taken > 0 || log.closed && first) {
            log.started = true;
            if first { scan.switch(pid, out) } else { scan.executed(pid, out) }
                .map_err(MergeError::Output)?;
        }
        let Log { pending, held, .. } = &mut *log;
        let (consumed, waits_for) = scan.pass(pid, pending, held, out).map_err(MergeError::Output)?;
        log.pending.drain(..consumed);
        log.give_back();
        let at_end = taken == 0 && waits_for.is_none();
        if at_end && log.closed {
            let rest = std::mem::take(&mut log.pending);
            // The execve that led to the next program has no end of line, seen or not; all else was cut off.
            let is_exec = newer || memchr::memmem::find(&rest, b" sys_execve").is_some();
            if is_exec && !rest.is_empty() && !begins_access(&rest) {
                let line = scan.line(&rest);
                scan.finish(line, &rest, out).map_err(MergeError::Output)?;
            }
            entry.remove();
            process.passed += 1;
            if process.logs.is_empty() {
                scan.gone(pid, out).map_err(MergeError::Output)?;
                self.processes.remove(&pid);
                self.finished.insert(pid);
            }
            return Ok(true);
        }
        if let Some(child) = waits_for {
            // It has ended, so all its logs are there.
            self.discover().map_err(MergeError::Log)?;
            scan.made.insert(child);
            if let Some(child) = self.processes.get_mut(&child) {
                child.gone = true;
            }
            if let Some(process) = self.processes.get_mut(&pid) {
                process.waits_for = Some(child);
            }
            return Ok(true);
        }
        Ok(taken > 0 || consumed > 0)
    }

    /// Finds new logs. Their names are taken away, so that the directory stays small and nothing is left behind.
    fn discover(&mut self) -> io::Result<bool> {
        let mut found = false;
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let Some(name) = LogName::parse(&entry.file_name()) else { continue };
            let path = entry.path();
            let file = File::options().read(true).write(true).open(&path)?;
            fs::remove_file(&path)?;
            self.finished.remove(&name.pid);
            let log = Log {
                file,
                pending: Vec::new(),
                read: 0,
                punched: 0,
                held: None,
                closed: false,
                started: false,
            };
            self.processes.entry(name.pid).or_default().logs.insert(name.program, log);
            found = true;
        }
        Ok(found)
    }

    /// Finds processes that have ended; whether there are any. A number that is not proven ours counts as free.
    fn look_who_lives(&mut self) -> io::Result<bool> {
        let mut all = None;
        let mut dead = Vec::new();
        for (&pid, process) in self.processes.iter_mut().filter(|(_, process)| !process.gone) {
            if self.root == Some(pid) {
                continue;
            }
            let sight = self.running.sight(pid);
            process.seen |= sight == Sight::Ours;
            let lives = sight == Sight::Ours
                || !process.seen && {
                    let all = all.get_or_insert_with(|| self.running.running());
                    all.iter().any(|&(_, inner)| inner == pid)
                };
            process.missed = if lives { 0 } else { process.missed + 1 };
            if process.missed > if sight == Sight::Stranger { STRANGERS_MAX } else { MISSES_MAX } {
                dead.push(pid);
            }
        }
        if dead.is_empty() {
            return Ok(false);
        }
        // Its last log may not have been found yet.
        self.discover()?;
        for pid in dead {
            if let Some(process) = self.processes.get_mut(&pid) {
                process.gone = true;
            }
        }
        Ok(true)
    }
}

impl Log {
    /// Gives what was read back to the disk. A file system that cannot keeps it until the end.
    fn give_back(&mut self) {
        use rustix::fs::{FallocateFlags, fallocate};
        if self.read - self.punched >= PUNCH_BYTES {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let _ = fallocate(&self.file, flags, self.punched, self.read - self.punched);
            self.punched = self.read;
        }
    }
}
