//! Recorded traces, carried out beside workers: accesses and events of each go the way that those of a trace alone go.

use super::job::Tally;
use super::recording::{BUNDLED_TRACE, Numbers, Recording};
use super::{Stop, World};
use crate::cpu::Cpu;
use crate::run::{MachineError, RunEnd};
use pagewalk_arch::PagingFormat;
use pagewalk_kernel::Faults;
use pagewalk_trace::{
    self as trace, Boundary, Event, Syscall, SyscallOutcome, Trace, TraceError, TraceOptions,
};

/// How a process ended that an event may end: signal and status.
fn ending(event: &Event) -> Option<(i32, i32)> {
    match event {
        Event::Signal { signal, fatal: true, .. } => Some((*signal, 0)),
        Event::Syscall { call, outcome: SyscallOutcome::Success, .. } => match call {
            Syscall::Exit { status } | Syscall::ExitGroup { status } => Some((0, *status & 0xff)),
            Syscall::Wait { .. } => Some((0, 0)),
            _ => None,
        },
        _ => None,
    }
}

impl World<'_> {
    fn open(&self, name: &str) -> Result<Box<dyn Trace>, TraceError> {
        let is_ours = |format: &PagingFormat| format.spec().name == self.kernel.spec().name;
        let format = PagingFormat::ALL.into_iter().find(is_ours).expect("a format has its name");
        match &self.workload.traces {
            _ if name == BUNDLED_TRACE => trace::bundled(TraceOptions { fit: Some(format), limit: None }),
            Some(traces) => traces.open(name, format),
            None => Err(TraceError(format!("{name}: no files are at hand here"))),
        }
    }

    /// `proc A trace=FILE`: an empty process, which the trace fills.
    pub(super) fn spawn_recording(&mut self, who: &str, name: &str, cpu: Option<u32>) -> Result<(), Stop> {
        let Some(at) = self.new_worker(who, cpu) else { return Ok(()) };
        let pid = self.workers[at].pid.expect("it has just been made");
        let source = self.open(name).map_err(|error| Stop::Error(error.into()))?;
        self.recordings.insert(at, Recording::new(source, pid));
        let (result, _) = self.acting(at, |world| {
            world.kernel.set_name(pid, who);
            world.check_alive(pid).map(|()| 0)
        });
        self.reply_of_program(at, result)
    }

    /// Whether a process of the trace of actor `at` lives.
    pub(super) fn recording_lives(&self, at: usize) -> bool {
        self.recordings.get(&at).is_some_and(|recording| self.lives(recording))
    }

    /// Whether the trace of actor `at` has more to say, of someone who lives.
    pub(super) fn recording_goes_on(&self, at: usize) -> bool {
        self.recordings.get(&at).is_some_and(|recording| !recording.feed.ended && self.lives(recording))
    }

    fn lives(&self, recording: &Recording) -> bool {
        recording.pids().any(|pid| self.kernel.faults(pid).is_some())
    }

    /// Carries on with the trace of actor `at` for `most` accesses, or to its end.
    pub(super) fn turn_of_recording(&mut self, at: usize, most: u64, done: &mut Tally) -> Result<(), Stop> {
        self.cpu = self.workers[at].cpu;
        let mut recording = self.recordings.remove(&at).expect("who runs a trace has one");
        let result = self.turn(at, &mut recording, most, done);
        self.recordings.insert(at, recording);
        result
    }

    fn turn(
        &mut self,
        at: usize,
        recording: &mut Recording,
        most: u64,
        done: &mut Tally,
    ) -> Result<(), Stop> {
        let mut left = most;
        while !recording.feed.ended && self.lives(recording) {
            recording.feed.fill(&mut recording.source);
            if recording.feed.left() > 0 {
                if left == 0 {
                    return Ok(());
                }
                let room = self.limit.saturating_sub(self.counts.accesses);
                let part =
                    recording.feed.peek(usize::try_from(left.min(room)).unwrap_or(usize::MAX)).to_vec();
                if part.is_empty() {
                    return Err(Stop::Ended(RunEnd::Complete));
                }
                recording.has_run = true;
                self.watched(at, recording, done, |cpu, world| {
                    cpu.run_block(world.kernel, world.platform, &part, true)
                })?;
                recording.feed.take(part.len());
                left -= part.len() as u64;
                if self.kernel.panicked().is_some() {
                    return Err(Stop::Ended(RunEnd::Complete));
                }
            } else if left == 0 && !recording.feed.is_last() {
                return Ok(());
            } else {
                let boundary = recording.feed.boundary().transpose();
                match boundary.map_err(|error| Stop::Error(error.into()))? {
                    Some(Boundary::End) => {
                        recording.feed.ended = true;
                        let who = &self.workers[at].name;
                        let notes = recording.source.notes();
                        self.report.notes.extend(notes.into_iter().map(|note| format!("{who}: {note}")));
                    }
                    Some(Boundary::Event(event)) => self.event(at, recording, event, done)?,
                    Some(Boundary::Full) | None => {}
                }
            }
            if !self.look() {
                return Err(Stop::Ended(RunEnd::Interrupted));
            }
        }
        Ok(())
    }

    /// Carries out what a trace says between two accesses.
    fn event(
        &mut self,
        at: usize,
        recording: &mut Recording,
        event: Event,
        done: &mut Tally,
    ) -> Result<(), Stop> {
        let kernel = &*self.kernel;
        let mut numbers = Numbers {
            next_pid: &mut self.next_pid,
            files: &mut self.recorded_files,
            lives: &|pid| kernel.faults(pid).is_some(),
        };
        let event = recording.translate(event, &mut numbers);
        let deaths = self.deaths.len();
        let carried_out = self
            .watched(at, recording, done, |cpu, world| cpu.on_event(world.kernel, world.platform, &event));
        carried_out.map_err(|stop| match stop {
            Stop::Error(MachineError::Event(error)) => {
                Stop::Error(TraceError(format!("{}: trace {error}", self.workers[at].name)).into())
            }
            stop => stop,
        })?;
        let pid = self.workers[at].pid.expect("who runs a trace has a process");
        let is_killed = self.deaths[deaths..].iter().any(|death| death.pid == pid);
        if let Some((signal, status)) = ending(&event)
            && !is_killed
            && self.kernel.faults(pid).is_none()
        {
            self.died(pid, signal, status);
        }
        Ok(())
    }

    /// Lets the trace of actor `at` do `work` on its CPU, and counts what comes of it.
    fn watched(
        &mut self,
        at: usize,
        recording: &mut Recording,
        done: &mut Tally,
        work: impl FnOnce(&mut Cpu, &mut Self) -> Result<(), MachineError>,
    ) -> Result<(), Stop> {
        let pid = self.workers[at].pid;
        self.look_at(at);
        self.resume_thread(recording.current);
        let before = (self.kernel.stats(), self.counts.accesses);
        let mut counts = std::mem::take(&mut self.counts);
        std::mem::swap(&mut counts.losses, &mut recording.losses);
        let mut cpu = Cpu::resume(self.cpu, counts);
        let result = work(&mut cpu, self);
        self.deaths.append(&mut cpu.deaths);
        self.counts = cpu.counts;
        std::mem::swap(&mut self.counts.losses, &mut recording.losses);
        let now = self.kernel.stats();
        let taken = Faults {
            minor: now.page_faults_minor - before.0.page_faults_minor,
            major: now.page_faults_major - before.0.page_faults_major,
        };
        done.add(self.counts.accesses - before.1, taken);
        if pid.is_some_and(|pid| self.kernel.faults(pid).is_none()) && pid == Some(recording.current) {
            // It is gone: what was counted in all meanwhile was its own.
            let faults = &mut self.workers[at].faults;
            *faults = Faults { minor: faults.minor + taken.minor, major: faults.major + taken.major };
        }
        self.look_at(at);
        match result {
            Ok(()) if self.platform.difference().is_some() => Err(Stop::Ended(RunEnd::Difference)),
            Err(MachineError::Panic(_)) => Err(Stop::Ended(RunEnd::Complete)),
            result => result.map_err(Stop::Error),
        }
    }

    /// Lets `thread` of a trace run where the actor acts; one that has ended leaves the CPU to nobody.
    fn resume_thread(&mut self, thread: u32) {
        if self.kernel.running_thread(self.cpu) != Some(thread) {
            let event = Event::Switch { pid: thread, line: 0 };
            self.kernel.on_event(self.platform, self.cpu, &event).expect("a switch names no address");
        }
    }

    /// The name `at` belongs to somebody else from now on.
    pub(super) fn forget_recording(&mut self, at: usize) {
        if let Some(recording) = self.recordings.remove(&at) {
            self.counts.losses.append(recording.losses.clone(), |pid| recording.owns(pid));
        }
    }

    /// What model and traces disagree about becomes part of what is told of the run.
    pub(super) fn gather_losses(&mut self) {
        for recording in self.recordings.values() {
            self.counts.losses.append(recording.losses.clone(), |pid| recording.owns(pid));
        }
    }

    /// Process `pid` was ended by what is no part of its trace, if it has one.
    pub(super) fn stopped(&mut self, pid: u32) {
        if let Some(recording) = self.recordings.values_mut().find(|recording| recording.owns(pid)) {
            recording.losses.on_stopped(pid);
        }
    }
}
