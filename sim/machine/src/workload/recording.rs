//! A recorded trace as an actor's program: where it has come to, and what its numbers mean in the scenario's machine.
//!
//! Owns the translation of recorded pids and files. Processes get pids as workers do, in the order in which the trace names
//! them; files that have the same name in several traces are the same file. Does not own what an event does.

use crate::feed::Feed;
use crate::loss::Losses;
use pagewalk_arch::PagingFormat;
use pagewalk_trace::{Event, FileFact, FileId, FileKind, Syscall, Trace, TraceError};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

/// What a scenario calls the trace that comes with the program.
pub const BUNDLED_TRACE: &str = "bundled";

/// Where a scenario's traces come from.
pub trait Traces: Debug + Send + Sync {
    /// The trace that the scenario calls `name`, with addresses that `format` holds.
    ///
    /// # Errors
    /// One line that names file and remedy.
    fn open(&self, name: &str, format: PagingFormat) -> Result<Box<dyn Trace>, TraceError>;
}

/// Files that traces map, known by their names.
#[derive(Clone, Debug, Default)]
pub(super) struct RecordedFiles {
    by_name: BTreeMap<Arc<str>, FileId>,
    created: u64,
}

impl RecordedFiles {
    fn create(&mut self) -> FileId {
        let file = FileId(self.created);
        self.created += 1;
        file
    }
}

/// A trace that is being carried out.
pub(super) struct Recording {
    pub(super) source: Box<dyn Trace>,
    pub(super) feed: Feed,
    /// What model and trace disagree about.
    pub(super) losses: Losses,
    /// Whose accesses the trace shows now.
    pub(super) current: u32,
    /// The actor's own process.
    first: u32,
    /// No event has named the first process yet.
    is_unnamed: bool,
    /// Accesses have been carried out: a switch is to somebody else.
    pub(super) has_run: bool,
    /// Processes and threads of this machine by the trace's numbers.
    pids: BTreeMap<u32, u32>,
    /// All that there ever were.
    own: BTreeSet<u32>,
    files: BTreeMap<FileId, FileId>,
}

/// What a translation asks of the machine.
pub(super) struct Numbers<'m> {
    /// The next pid that is free.
    pub(super) next_pid: &'m mut u32,
    pub(super) files: &'m mut RecordedFiles,
    /// Whether the process of this pid lives.
    pub(super) lives: &'m dyn Fn(u32) -> bool,
}

impl Numbers<'_> {
    fn pid(&mut self) -> u32 {
        let pid = *self.next_pid;
        *self.next_pid += 1;
        pid
    }
}

impl Recording {
    /// `source`, whose first process is `first` here.
    pub(super) fn new(source: Box<dyn Trace>, first: u32) -> Self {
        Self {
            source,
            feed: Feed::new(),
            losses: Losses::default(),
            current: first,
            first,
            is_unnamed: true,
            has_run: false,
            pids: BTreeMap::new(),
            own: BTreeSet::from([first]),
            files: BTreeMap::new(),
        }
    }

    /// Its processes and threads, those that have ended included.
    pub(super) fn pids(&self) -> impl Iterator<Item = u32> {
        self.own.iter().copied()
    }

    /// Whether `pid` is one of them.
    pub(super) fn owns(&self, pid: u32) -> bool {
        self.own.contains(&pid)
    }

    fn pid(&mut self, recorded: u32, numbers: &mut Numbers<'_>) -> u32 {
        if std::mem::take(&mut self.is_unnamed) {
            self.pids.insert(recorded, self.first);
        }
        let pid = *self.pids.entry(recorded).or_insert_with(|| numbers.pid());
        self.own.insert(pid);
        pid
    }

    /// The process or thread that a clone makes: a new one, unless it has run already.
    fn child(&mut self, recorded: u32, numbers: &mut Numbers<'_>) -> u32 {
        let known = self.pids.get(&recorded).copied().filter(|&pid| (numbers.lives)(pid));
        let pid = known.unwrap_or_else(|| numbers.pid());
        self.pids.insert(recorded, pid);
        self.own.insert(pid);
        pid
    }

    fn file(&mut self, recorded: FileId, numbers: &mut Numbers<'_>) -> FileId {
        *self.files.entry(recorded).or_insert_with(|| numbers.files.create())
    }

    fn named_file(&mut self, fact: &FileFact, numbers: &mut Numbers<'_>) -> FileId {
        if let Some(&file) = self.files.get(&fact.file) {
            return file;
        }
        let shared = (fact.kind == FileKind::Regular && !fact.name.is_empty())
            .then(|| numbers.files.by_name.get(&fact.name).copied())
            .flatten()
            .filter(|file| self.files.values().all(|own| own != file));
        let file = shared.unwrap_or_else(|| numbers.files.create());
        if fact.kind == FileKind::Regular {
            numbers.files.by_name.entry(Arc::clone(&fact.name)).or_insert(file);
        }
        self.files.insert(fact.file, file);
        file
    }

    /// `event` with the numbers of this machine.
    pub(super) fn translate(&mut self, mut event: Event, numbers: &mut Numbers<'_>) -> Event {
        match &mut event {
            Event::File(fact) => fact.file = self.named_file(fact, numbers),
            Event::Signal { pid, .. } => *pid = self.pid(*pid, numbers),
            Event::Switch { pid, .. } => {
                self.is_unnamed &= !self.has_run;
                *pid = self.pid(*pid, numbers);
                self.current = *pid;
            }
            Event::Syscall { pid, call, .. } => {
                *pid = self.pid(*pid, numbers);
                match call {
                    Syscall::Clone { child, .. } => *child = self.child(*child, numbers),
                    Syscall::Wait { child } => *child = self.pid(*child, numbers),
                    Syscall::RemoveSegment { file } => *file = self.file(*file, numbers),
                    Syscall::Map(map) => {
                        if let Some(source) = &mut map.source {
                            source.file = self.file(source.file, numbers);
                        }
                    }
                    _ => {}
                }
            }
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_trace::{CloneKind, Recorded, SyscallOutcome};

    struct Silent(pagewalk_trace::Replay);

    impl pagewalk_trace::TraceSource for Silent {
        fn next_block(
            &mut self,
            block: &mut Vec<pagewalk_arch::Access>,
        ) -> Result<pagewalk_trace::Boundary, TraceError> {
            self.0.next_block(block)
        }
    }
    impl Trace for Silent {}

    fn recording(first: u32) -> Recording {
        Recording::new(Box::new(Silent(Recorded::new(vec![], vec![]).into_replay())), first)
    }

    fn clone(pid: u32, child: u32) -> Event {
        let call = Syscall::Clone { child, kind: CloneKind::Process };
        Event::Syscall { pid, call, outcome: SyscallOutcome::Success, line: 0 }
    }

    #[test]
    fn numbers_are_the_machines_own_and_a_number_used_again_is_somebody_else() {
        let (mut next_pid, mut files) = (80, RecordedFiles::default());
        let dead = std::cell::Cell::new(0);
        let lives = |pid| pid != dead.get();
        let mut recording = recording(79);
        let mut translate = |event| {
            let mut numbers = Numbers { next_pid: &mut next_pid, files: &mut files, lives: &lives };
            recording.translate(event, &mut numbers)
        };
        assert_eq!(translate(Event::Switch { pid: 5000, line: 0 }), Event::Switch { pid: 79, line: 0 });
        assert_eq!(translate(clone(5000, 5001)), clone(79, 80));
        assert_eq!(translate(Event::Switch { pid: 5001, line: 0 }), Event::Switch { pid: 80, line: 0 });
        assert_eq!(translate(clone(5000, 5001)), clone(79, 80), "it ran before the call returned");
        dead.set(80);
        assert_eq!(translate(clone(5000, 5001)), clone(79, 81));
    }

    #[test]
    fn files_of_one_name_are_one_file_but_not_within_a_trace() {
        let (mut next_pid, mut files) = (80, RecordedFiles::default());
        let fact = |file: u64, name: &str| FileFact {
            file: FileId(file),
            kind: FileKind::Regular,
            bytes: Some(1),
            name: name.into(),
            line: 0,
        };
        let mut of = |recording: &mut Recording, file, name: &str| {
            let mut numbers = Numbers { next_pid: &mut next_pid, files: &mut files, lives: &|_| true };
            match recording.translate(Event::File(fact(file, name)), &mut numbers) {
                Event::File(fact) => fact.file.0,
                other => panic!("{other:?}"),
            }
        };
        let (mut one, mut two) = (recording(1), recording(2));
        assert_eq!(
            [of(&mut one, 7, "/lib/c"), of(&mut one, 8, "/lib/m"), of(&mut one, 7, "/lib/c")],
            [0, 1, 0]
        );
        assert_eq!(of(&mut one, 9, "/lib/c"), 2, "deleted and written anew while it ran");
        assert_eq!([of(&mut two, 3, "/lib/c"), of(&mut two, 4, "/other")], [0, 3]);
    }
}
