//! What of a trace was not carried out, and where trace and model part.
//!
//! A process that the model killed makes no more accesses; one that the trace goes on with was not killed in reality.
//! Owns the accounts per process and the verdict on each end. Does not own the kill (the kernel's), nor how it is said.

use pagewalk_arch::Access;
use pagewalk_kernel::Death;
use pagewalk_trace::{CloneKind, Event, Syscall, SyscallOutcome};
use std::collections::BTreeMap;

/// What ended a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The model, at an access.
    Killed(Death),
    /// The trace: a signal with this number.
    Signalled(i32),
    /// The trace: a call of the process itself, or a number that no process ever had.
    Exited,
    /// The scenario that the trace is a part of: a step, or the killer when memory ran out for somebody else.
    Stopped,
}

/// What the trace says to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing of the process follows, or its death by a signal.
    Agreed,
    /// The modelled machine was too small for the process: a result, whatever the trace does on a larger one.
    Limit,
    /// The process goes on: model and reality differ.
    Contradicted,
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessEnd {
    /// Who, by the number of its thread group.
    pub pid: u32,
    /// By what.
    pub ending: Ending,
    /// Where in the trace; 0 where that is not known.
    pub line: u32,
    /// Accesses that were not carried out, the one that ended it among them.
    pub accesses: u64,
    /// Where the trace first goes on with it.
    pub went_on_at_line: Option<u32>,
    /// The trace has told of its death as well.
    confirmed: bool,
}

impl ProcessEnd {
    fn new(pid: u32, ending: Ending, line: u32) -> Self {
        let accesses = u64::from(matches!(ending, Ending::Killed(_)));
        Self { pid, ending, line, accesses, went_on_at_line: None, confirmed: false }
    }

    /// What the trace says to it.
    pub fn verdict(&self) -> Verdict {
        match (self.ending, self.went_on_at_line) {
            (Ending::Killed(death), _) if death.bound.is_some_and(|bound| bound.is_limit()) => Verdict::Limit,
            // The recorded process was not in this scenario.
            (Ending::Stopped, _) => Verdict::Agreed,
            (_, Some(_)) => Verdict::Contradicted,
            (_, None) => Verdict::Agreed,
        }
    }

    /// Whether the trace tells of the death as well, rather than of nothing more.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// The trace shows the process still running at `line`.
    fn note_running(&mut self, line: u32) {
        if !self.confirmed {
            self.went_on_at_line.get_or_insert(line);
        }
    }
}

/// The accounts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    ends: Vec<ProcessEnd>,
    /// Place in `ends` of those whose number no later process has.
    ended: BTreeMap<u32, usize>,
    /// The process of each thread that has a number of its own.
    process_of: BTreeMap<u32, u32>,
    /// Line of the last exit of each process.
    exits: BTreeMap<u32, u32>,
    /// Whose accesses the trace now shows; `None` until an event names the first process.
    current: Option<u32>,
    /// What the model calls the first process until then.
    unnamed: Option<u32>,
    unmodelled: BTreeMap<&'static str, u64>,
}

impl Losses {
    /// Every process that was killed, or that accesses were lost of, in the order of the trace.
    pub fn ends(&self) -> &[ProcessEnd] {
        &self.ends
    }

    /// The ends that the trace contradicts.
    pub fn contradictions(&self) -> impl Iterator<Item = &ProcessEnd> {
        self.ends.iter().filter(|end| end.verdict() == Verdict::Contradicted)
    }

    /// Accesses that were not carried out though the recorded program made them.
    pub fn lost(&self) -> u64 {
        self.contradictions().map(|end| end.accesses).sum()
    }

    /// Calls that succeeded for the program and that no model carries out, by name.
    pub fn unmodelled(&self) -> &BTreeMap<&'static str, u64> {
        &self.unmodelled
    }

    /// The accounts of another trace, of those processes that `is_own` says are its own.
    pub(crate) fn append(&mut self, other: Self, is_own: impl Fn(u32) -> bool) {
        self.ends.extend(other.ends.into_iter().filter(|end| is_own(end.pid)));
        for (name, count) in other.unmodelled {
            *self.unmodelled.entry(name).or_default() += count;
        }
    }

    /// Process `pid` was ended by the scenario that the trace is a part of.
    pub(crate) fn on_stopped(&mut self, pid: u32) {
        if self.end(pid).is_none() {
            self.add(ProcessEnd::new(pid, Ending::Stopped, 0));
        }
    }

    /// Takes note of an event of the trace, before the kernel does.
    pub fn on_event(&mut self, event: &Event) {
        match event {
            Event::File(_) => {}
            Event::Switch { pid, .. } => {
                self.name_first(*pid);
                self.current = Some(self.process(*pid));
            }
            Event::Signal { pid, signal, fatal, line } => self.on_signal(*pid, *signal, *fatal, *line),
            Event::Syscall { pid, call, outcome, line } => {
                self.name_first(*pid);
                self.current.get_or_insert(*pid);
                self.on_syscall(*pid, call, *outcome == SyscallOutcome::Success, *line);
            }
        }
    }

    fn on_signal(&mut self, pid: u32, signal: i32, fatal: bool, line: u32) {
        self.name_first(pid);
        let process = self.process(pid);
        match self.end(process) {
            Some(end) if fatal => end.confirmed |= end.went_on_at_line.is_none(),
            Some(end) => end.note_running(line),
            None if fatal => self.add(ProcessEnd {
                confirmed: true,
                ..ProcessEnd::new(process, Ending::Signalled(signal), line)
            }),
            None => {}
        }
    }

    fn on_syscall(&mut self, pid: u32, call: &Syscall, succeeded: bool, line: u32) {
        let process = self.process(pid);
        if let Some(end) = self.end(process) {
            end.note_running(line);
        }
        if !succeeded {
            return;
        }
        match *call {
            Syscall::Clone { child, kind: CloneKind::Thread } => {
                self.process_of.insert(child, process);
            }
            // The number belongs to a new process.
            Syscall::Clone { child, .. } => {
                self.process_of.remove(&child);
                self.ended.remove(&child);
                self.exits.remove(&child);
            }
            Syscall::Exit { .. } | Syscall::ExitGroup { .. } => {
                self.exits.insert(process, line);
            }
            Syscall::Unmodelled { name } => *self.unmodelled.entry(name).or_default() += 1,
            _ => {}
        }
    }

    /// The model killed a process at `access`.
    pub(crate) fn on_kill(&mut self, death: Death, access: &Access) {
        let process = self.process(death.pid);
        if self.current.is_none() {
            self.unnamed = Some(process);
        }
        self.add(ProcessEnd::new(process, Ending::Killed(death), access.line));
    }

    /// The model has killed processes at `line`: in a call, or along with the one that made an access.
    pub(crate) fn on_deaths(&mut self, deaths: &[Death], line: u32) {
        for &death in deaths {
            let process = self.process(death.pid);
            if self.end(process).is_none() {
                self.add(ProcessEnd { accesses: 0, ..ProcessEnd::new(process, Ending::Killed(death), line) });
            }
        }
    }

    /// Accesses of the trace for which no process runs.
    pub(crate) fn on_skipped(&mut self, accesses: &[Access]) {
        let (Some(first), Some(process)) = (accesses.first(), self.current.or(self.unnamed)) else { return };
        if self.end(process).is_none() {
            let line = self.exits.get(&process).copied().unwrap_or(0);
            self.add(ProcessEnd::new(process, Ending::Exited, line));
        }
        if let Some(end) = self.end(process) {
            end.accesses += accesses.len() as u64;
            // What follows a confirmed death is no more than the rest of a line that came late, but it is lost.
            end.went_on_at_line.get_or_insert(first.line);
        }
    }

    fn process(&self, pid: u32) -> u32 {
        self.process_of.get(&pid).copied().unwrap_or(pid)
    }

    fn end(&mut self, process: u32) -> Option<&mut ProcessEnd> {
        self.ended.get(&process).map(|&at| &mut self.ends[at])
    }

    fn add(&mut self, end: ProcessEnd) {
        self.ended.insert(end.pid, self.ends.len());
        self.ends.push(end);
    }

    /// The first event that names a process names the one that ran from the beginning.
    fn name_first(&mut self, pid: u32) {
        if let Some(unnamed) = self.unnamed.take()
            && let Some(at) = self.ended.remove(&unnamed)
        {
            self.ends[at].pid = pid;
            self.ended.insert(pid, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::{AccessKind, VirtAddr};
    use pagewalk_kernel::{Bound, SegvCode, Signal};

    fn at(line: u32) -> Access {
        Access { line, ..Access::user(0x1000, AccessKind::Load) }
    }

    fn death(pid: u32, bound: Option<Bound>) -> Death {
        let signal = Signal::Segv { code: SegvCode::MapErr, address: VirtAddr(0x1000) };
        Death { pid, signal, bound }
    }

    fn call(pid: u32, call: Syscall, line: u32) -> Event {
        Event::Syscall { pid, call, outcome: SyscallOutcome::Success, line }
    }

    fn signal(pid: u32, fatal: bool, line: u32) -> Event {
        Event::Signal { pid, signal: 11, fatal, line }
    }

    /// Process 7, killed in line 5 for `bound`.
    fn killed(bound: Option<Bound>) -> Losses {
        let mut losses = Losses::default();
        losses.on_event(&Event::Switch { pid: 7, line: 1 });
        losses.on_kill(death(7, bound), &at(5));
        losses
    }

    #[test]
    fn who_was_stopped_from_outside_contradicts_nothing() {
        let mut losses = Losses::default();
        losses.on_event(&Event::Switch { pid: 5, line: 1 });
        losses.on_stopped(5);
        losses.on_skipped(&[Access { line: 7, ..Access::user(0, AccessKind::Load) }]);
        assert_eq!((losses.lost(), losses.ends()[0].accesses), (0, 1));
        let mut all = Losses::default();
        all.append(losses.clone(), |pid| pid != 5);
        assert_eq!(all.ends().len(), 0);
        all.append(losses, |pid| pid == 5);
        assert_eq!(all.ends()[0].ending, Ending::Stopped);
    }

    #[test]
    fn a_kill_in_a_call_is_the_machines_and_what_follows_is_its_result() {
        let mut losses = Losses::default();
        losses.on_event(&Event::Switch { pid: 7, line: 1 });
        losses.on_deaths(&[death(7, Some(Bound::Memory))], 3);
        losses.on_skipped(&[at(4), at(5)]);
        let end = losses.ends()[0];
        assert_eq!((end.verdict(), end.accesses, end.line, losses.lost()), (Verdict::Limit, 2, 3, 0));
    }

    #[test]
    fn a_kill_that_nothing_follows_is_agreed() {
        let mut losses = killed(None);
        assert_eq!(losses.ends()[0].verdict(), Verdict::Agreed);
        losses.on_event(&signal(7, true, 6));
        assert_eq!((losses.lost(), losses.ends().len()), (0, 1));
    }

    #[test]
    fn whatever_follows_contradicts_a_kill() {
        let follow: [fn(&mut Losses); 4] = [
            |losses| losses.on_skipped(&[at(6), at(7)]),
            |losses| losses.on_event(&call(7, Syscall::Brk { end: VirtAddr(0) }, 6)),
            |losses| losses.on_event(&call(7, Syscall::ExitGroup { status: 0 }, 6)),
            |losses| losses.on_event(&signal(7, false, 6)),
        ];
        for (follow, lost) in follow.into_iter().zip([3, 1, 1, 1]) {
            let mut losses = killed(None);
            follow(&mut losses);
            let end = losses.ends()[0];
            assert_eq!((end.line, end.went_on_at_line, losses.lost()), (5, Some(6), lost));
            assert_eq!(end.verdict(), Verdict::Contradicted);
        }
    }

    #[test]
    fn a_limit_of_the_machine_is_a_result() {
        for (bound, verdict) in [
            (Bound::Memory, Verdict::Limit),
            (Bound::StackBytes, Verdict::Limit),
            (Bound::MmapMinAddr, Verdict::Contradicted),
        ] {
            let mut losses = killed(Some(bound));
            losses.on_skipped(&[at(6)]);
            assert_eq!(losses.ends()[0].verdict(), verdict);
            assert_eq!(losses.lost() > 0, verdict == Verdict::Contradicted);
        }
    }

    #[test]
    fn accesses_after_an_exit_are_lost() {
        let mut losses = Losses::default();
        losses.on_event(&Event::Switch { pid: 7, line: 1 });
        losses.on_event(&call(7, Syscall::Exit { status: 0 }, 4));
        losses.on_skipped(&[at(5)]);
        let end = losses.ends()[0];
        assert_eq!((end.ending, end.line, end.went_on_at_line), (Ending::Exited, 4, Some(5)));
        assert_eq!(losses.lost(), 1);
    }

    #[test]
    fn a_number_that_is_used_again_is_a_new_process() {
        let mut losses = killed(None);
        losses.on_event(&call(6, Syscall::Clone { child: 7, kind: CloneKind::Process }, 8));
        losses.on_event(&call(7, Syscall::Brk { end: VirtAddr(0) }, 9));
        assert_eq!(losses.lost(), 0);
    }

    #[test]
    fn threads_are_accounted_to_their_process() {
        let mut losses = Losses::default();
        losses.on_event(&Event::Switch { pid: 7, line: 1 });
        losses.on_event(&call(7, Syscall::Clone { child: 8, kind: CloneKind::Thread }, 2));
        losses.on_event(&Event::Switch { pid: 8, line: 3 });
        losses.on_kill(death(8, None), &at(5));
        losses.on_event(&Event::Switch { pid: 7, line: 6 });
        losses.on_skipped(&[at(7)]);
        assert_eq!(losses.ends().len(), 1);
        assert_eq!((losses.ends()[0].pid, losses.lost()), (7, 2));
    }

    #[test]
    fn the_first_process_has_its_number_from_the_trace() {
        let mut losses = Losses::default();
        losses.on_kill(death(1, None), &at(1));
        losses.on_event(&Event::Switch { pid: 7, line: 2 });
        losses.on_event(&call(7, Syscall::Brk { end: VirtAddr(0) }, 3));
        assert_eq!((losses.ends()[0].pid, losses.lost()), (7, 1));
    }

    #[test]
    fn calls_that_no_model_carries_out_are_counted_by_name() {
        let mut losses = Losses::default();
        for name in ["userfaultfd", "process_vm_readv", "process_vm_readv"] {
            losses.on_event(&call(7, Syscall::Unmodelled { name }, 1));
        }
        let failed = SyscallOutcome::Failure(1);
        let call = Syscall::Unmodelled { name: "userfaultfd" };
        losses.on_event(&Event::Syscall { pid: 7, call, outcome: failed, line: 2 });
        let counted: Vec<_> = losses.unmodelled().iter().map(|(&name, &count)| (name, count)).collect();
        assert_eq!(counted, [("process_vm_readv", 2), ("userfaultfd", 1)]);
    }

    #[test]
    fn a_death_that_only_the_trace_knows_is_noted() {
        let mut losses = Losses::default();
        losses.on_event(&Event::Switch { pid: 7, line: 1 });
        losses.on_event(&signal(7, false, 2));
        assert!(losses.ends().is_empty());
        losses.on_event(&signal(7, true, 9));
        assert_eq!((losses.ends()[0].ending, losses.lost()), (Ending::Signalled(11), 0));
    }
}
