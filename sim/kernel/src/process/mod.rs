//! Processes: who runs in which address space. Switch, clone, exec, exit, wait and kill.
//!
//! A process is a thread group, as in Linux: its threads share everything that this model knows of them, so they are
//! counted and not kept apart. A borrower is a process that runs in another's address space (vfork, CLONE_VM) until it
//! executes a program or ends. An address space goes with the last process that uses it.

pub(crate) mod signal;
pub(crate) mod stacks;
pub(crate) mod state;

use crate::cpu::Task;
use crate::errno::CallStop;
use crate::kernel::Kernel;
use crate::mm_id::MmId;
use crate::oom::OomEnd;
use crate::reclaim::Gfp;
use crate::space::{AddressSpace, Layout};
use crate::{Bound, Credentials, Death, Faults, OutOfMemory, Signal};
use pagewalk_arch::{CpuId, Platform};
use pagewalk_trace::{CloneKind, Syscall, SyscallOutcome};
use state::{Ended, Process, signal_bit};

impl Kernel {
    /// Makes `thread` run on `cpu`, wherever it ran before. A pid that was never heard of is a process that existed
    /// before recording began; one that is dead stays dead, and nothing runs.
    pub(crate) fn switch(&mut self, platform: &mut dyn Platform, cpu: CpuId, thread: u32) {
        if self.is_unnamed && !self.has_faulted {
            self.name_first_process(thread);
        }
        self.is_unnamed = false;
        let pid = self.group_of(thread);
        let Some(mm) = self.process_or_new(pid) else {
            self.run_nobody(platform, cpu);
            return;
        };
        for other in self.system.cpus.iter_mut() {
            // Its tables stay loaded there: it may come back.
            other.task = other.task.filter(|task| task.thread != thread);
        }
        self.system.cpus[cpu.0].task = Some(Task { pid, thread });
        if self.system.cpus[cpu.0].loaded != Some(mm) {
            let root = self.spaces[&mm].page_table().root();
            self.system.stats.context_switches += 1;
            self.system.enter(platform, cpu, mm, root);
        }
    }

    /// Leaves `cpu` with empty tables: what ran there has ended.
    pub(crate) fn run_nobody(&mut self, platform: &mut dyn Platform, cpu: CpuId) {
        self.system.cpus[cpu.0].task = None;
        self.system.leave(platform, cpu);
    }

    /// The first event of a trace that names a process names the one that ran from the beginning.
    pub(crate) fn name_first_process(&mut self, pid: u32) {
        self.is_unnamed = false;
        let Some(first) = self.running(CpuId::BOOT) else { return };
        if let Some(process) = self.processes.remove(&first) {
            self.processes.insert(pid, process);
            if let Some(stacks) = &mut self.system.stacks {
                stacks.rename(first, pid);
            }
            self.system.cpus[CpuId::BOOT.0].task = Some(Task { pid, thread: pid });
        }
    }

    /// The process that `pid` is, or is a thread of.
    pub(crate) fn group_of(&self, pid: u32) -> u32 {
        self.thread_of.get(&pid).copied().unwrap_or(pid)
    }

    /// The address space of `pid`, made where it was never heard of. `None` where it is dead, or dies now because
    /// there is no frame for its first table.
    pub(crate) fn process_or_new(&mut self, pid: u32) -> Option<MmId> {
        if let Some(process) = self.processes.get(&pid) {
            return Some(process.mm);
        }
        if self.ended.contains_key(&pid) {
            return None;
        }
        let id = self.next_mm();
        match AddressSpace::new(id, &mut self.system) {
            Ok(space) => {
                self.add_process(pid, Process::new(id));
                self.spaces.insert(id, space);
                Some(id)
            }
            Err(OutOfMemory) => {
                self.never_began(pid);
                None
            }
        }
    }

    fn add_process(&mut self, pid: u32, process: Process) {
        self.processes.insert(pid, process);
        self.names.remove(&pid);
        self.ended.remove(&pid);
        self.thread_of.remove(&pid);
        self.sync_stacks_of(pid);
    }

    /// There was no memory for `pid` to begin with.
    fn never_began(&mut self, pid: u32) {
        self.system.stats.out_of_memory += 1;
        self.system.stats.killed += 1;
        self.ended.insert(pid, Ended::Killed(Signal::OutOfMemory));
        self.deaths.push(Death { pid, signal: Signal::OutOfMemory, bound: Some(Bound::Memory) });
    }

    /// A process that ended as `how` goes on in the trace. Whom it makes then cannot begin either.
    pub(crate) fn bereave(&mut self, how: Ended, call: &Syscall, outcome: SyscallOutcome) {
        let &Syscall::Clone { child, kind: CloneKind::Process | CloneKind::Borrower } = call else { return };
        let Ended::Killed(signal) = how else { return };
        if outcome == SyscallOutcome::Success && !self.processes.contains_key(&child) {
            let bound = (signal == Signal::OutOfMemory).then_some(Bound::Memory);
            self.ended.insert(child, how);
            self.deaths.push(Death { pid: child, signal, bound });
        }
    }

    /// `parent` made `child`. A child that ran before its parent's call returned was taken for a process of its own
    /// and stays one.
    pub(crate) fn clone_process(
        &mut self,
        platform: &mut dyn Platform,
        parent: u32,
        child: u32,
        kind: CloneKind,
    ) {
        // The parent first: it may be new, and a broken trace may name it as its own child.
        if self.process_or_new(parent).is_none() || self.processes.contains_key(&child) {
            return;
        }
        if kind != CloneKind::Process {
            self.make_room_for_a_stack(platform);
        }
        let maker = self.processes[&parent];
        match kind {
            CloneKind::Thread => {
                self.system.stats.threads_created += 1;
                self.processes.entry(parent).and_modify(|process| process.threads += 1);
                self.thread_of.insert(child, parent);
                self.sync_stacks_of(parent);
            }
            CloneKind::Borrower => {
                self.system.stats.forks += 1;
                self.add_process(child, Process { threads: 1, faults: Faults::default(), ..maker });
            }
            CloneKind::Process => {
                if self.fork_process(platform, parent, child).is_err() {
                    self.never_began(child);
                }
            }
        }
    }

    /// `child` begins with a copy of the address space of `parent`, which lives.
    pub(crate) fn fork_process(
        &mut self,
        platform: &mut dyn Platform,
        parent: u32,
        child: u32,
    ) -> Result<(), CallStop> {
        self.make_room_for_a_stack(platform);
        let maker = self.processes[&parent];
        self.system.stats.forks += 1;
        let id = self.next_mm();
        let space = self.spaces.get_mut(&maker.mm).expect("a process has an address space");
        let mut copied = space.fork(id, &mut self.system, platform);
        while matches!(copied, Err(CallStop::OutOfMemory)) {
            // As for any page of a table, others make room; the child begins anew.
            let is_over = self.out_of_memory(platform, parent) == OomEnd::Panic;
            let Some(space) = self.spaces.get_mut(&maker.mm).filter(|_| !is_over) else { break };
            copied = space.fork(id, &mut self.system, platform);
        }
        let copy = copied?;
        self.add_process(child, Process { mm: id, threads: 1, faults: Faults::default(), ..maker });
        self.spaces.insert(id, copy);
        if let Some(name) = self.names.get(&parent).cloned() {
            self.names.insert(child, name);
        }
        Ok(())
    }

    /// `pid` executes a program: an empty address space, one thread, no handlers, the same pid.
    pub(crate) fn exec(&mut self, platform: &mut dyn Platform, pid: u32) {
        let Some(old) = self.process_or_new(pid) else { return };
        self.system.stats.execs += 1;
        let id = self.next_mm();
        let Ok(mut space) = AddressSpace::new(id, &mut self.system) else {
            self.kill(platform, pid, Signal::OutOfMemory);
            return;
        };
        let credentials = Credentials { is_dumpable: true, ..self.processes[&pid].credentials };
        let is_legacy = self.system.sysctl.legacy_va_layout;
        space.layout = Layout::new(self.system.spec, credentials.limits.stack.soft, is_legacy);
        // The calling thread goes on, and its CPU with it; the others are gone.
        let running = self.system.cpus_running(pid);
        let stays =
            running.iter().copied().find(|&cpu| cpu == self.system.this_cpu).or(running.first().copied());
        for cpu in running.into_iter().filter(|&cpu| Some(cpu) != stays) {
            self.run_nobody(platform, cpu);
        }
        self.thread_of.retain(|_, group| *group != pid);
        let faults = self.processes.get(&pid).map_or_else(Faults::default, |process| process.faults);
        self.processes.insert(pid, Process { faults, credentials, ..Process::new(id) });
        self.sync_stacks_of(pid);
        self.spaces.insert(id, space);
        self.free_if_unused(platform, old);
        if let Some(cpu) = stays {
            self.switch(platform, cpu, pid);
        }
    }

    /// A thread of `pid` ends, and with the last one the process.
    pub(crate) fn exit_thread(&mut self, platform: &mut dyn Platform, thread: u32, pid: u32) {
        self.thread_of.remove(&thread);
        let Some(process) = self.processes.get_mut(&pid) else { return };
        process.threads -= 1;
        if process.threads == 0 {
            self.exit(platform, pid);
        } else {
            self.sync_stacks_of(pid);
        }
    }

    /// Every thread of `pid` ends.
    pub(crate) fn exit(&mut self, platform: &mut dyn Platform, pid: u32) {
        if self.end(platform, pid, Ended::Exited) {
            self.system.stats.exits += 1;
        }
    }

    /// `pid` is gone: its memory too, unless others use it. Says whether it lived.
    fn end(&mut self, platform: &mut dyn Platform, pid: u32, how: Ended) -> bool {
        let Some(process) = self.processes.remove(&pid) else { return false };
        self.thread_of.retain(|_, group| *group != pid);
        self.ended.insert(pid, how);
        for cpu in self.system.cpus_running(pid) {
            self.run_nobody(platform, cpu);
        }
        self.free_if_unused(platform, process.mm);
        self.sync_stacks_of(pid);
        true
    }

    /// The recorded process was ended by a signal.
    pub(crate) fn ended_by_signal(&mut self, platform: &mut dyn Platform, pid: u32) {
        if self.end(platform, pid, Ended::Exited) {
            self.system.stats.killed += 1;
        }
    }

    /// Takes note that `pid` has a handler for signal number `signal`.
    pub(crate) fn set_handler(&mut self, pid: u32, signal: i32) {
        self.processes.entry(pid).and_modify(|process| process.handled |= signal_bit(signal));
    }

    /// Whether `pid` handles signal number `signal` from now on.
    pub fn handle_signal(&mut self, pid: u32, signal: i32, handled: bool) {
        self.processes.entry(pid).and_modify(|process| match handled {
            true => process.handled |= signal_bit(signal),
            false => process.handled &= !signal_bit(signal),
        });
    }

    /// Kills `pid`; where memory ran out, everything that shares its memory too.
    pub(crate) fn kill(&mut self, platform: &mut dyn Platform, pid: u32, signal: Signal) -> Death {
        self.count_signal(signal);
        let mm = self.processes.get(&pid).map(|process| process.mm);
        let space = mm.and_then(|mm| self.spaces.get(&mm));
        let bound = space.and_then(|space| space.bound_behind(&self.system, signal));
        let shares = |process: &Process| signal == Signal::OutOfMemory && Some(process.mm) == mm;
        let victims: Vec<u32> = self
            .processes
            .iter()
            .filter(|&(&other, process)| other == pid || shares(process))
            .map(|(&other, _)| other)
            .collect();
        for victim in victims {
            self.system.stats.killed += 1;
            self.end(platform, victim, Ended::Killed(signal));
            self.deaths.push(Death { pid: victim, signal, bound });
        }
        Death { pid, signal, bound }
    }

    pub(crate) fn count_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Segv { .. } => self.system.stats.segv += 1,
            Signal::Bus { .. } => self.system.stats.sigbus += 1,
            Signal::OutOfMemory => self.system.stats.out_of_memory += 1,
        }
    }

    /// A thread is about to begin. Where no frames can be had for its stack it goes without.
    fn make_room_for_a_stack(&mut self, platform: &mut dyn Platform) {
        let cpu = self.system.this_cpu.0;
        let frames = self.system.stacks.as_ref().map_or(0, |stacks| stacks.frames_needed(cpu));
        if frames > 0 {
            let _ = self.system.make_room(platform, frames, Gfp::Kernel);
        }
    }

    /// The threads of `pid` are others than before: each has a stack.
    pub(crate) fn sync_stacks_of(&mut self, pid: u32) {
        let threads = self.processes.get(&pid).map_or(0, |process| process.threads as usize);
        let cpu = self.system.this_cpu.0;
        if let Some(stacks) = &mut self.system.stacks {
            stacks.set(&mut self.system.memory, cpu, pid, threads);
        }
    }

    fn free_if_unused(&mut self, platform: &mut dyn Platform, mm: MmId) {
        if self.processes.values().all(|process| process.mm != mm) {
            self.free_address_space(platform, mm);
        }
    }

    /// Returns all that `mm` holds.
    pub(crate) fn free_address_space(&mut self, platform: &mut dyn Platform, mm: MmId) {
        for cpu in self.system.cpus_on(mm) {
            self.run_nobody(platform, cpu);
        }
        if let Some(space) = self.spaces.remove(&mm) {
            space.destroy(&mut self.system, platform);
        }
        self.system.swap.remove_space(mm);
        if let Some(objects) = &mut self.system.slab {
            objects.release_space(&mut self.system.memory, mm);
        }
    }
}
