//! Processes: who runs in which address space. Switch, fork, exit and kill.
//!
//! A thread is a process that shares another's address space, as in Linux. An address space goes when the last of
//! them exits.

use crate::kernel::Kernel;
use crate::mm::{AddressSpace, MmId};
use crate::{Death, OutOfMemory, Signal};
use pagewalk_arch::Mmu;

/// A process or thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub(crate) mm: MmId,
    /// It has exited while threads of its address space still live. A trace that names threads by their process
    /// goes on naming it.
    pub(crate) exited: bool,
}

impl Process {
    /// The address space that it runs in.
    pub fn mm(&self) -> MmId {
        self.mm
    }
}

impl Kernel {
    /// Makes `pid` run. A pid that was never heard of is a process that existed before recording began; one that is
    /// dead stays dead, and nothing runs.
    pub(crate) fn switch(&mut self, mmu: &mut dyn Mmu, pid: u32) -> Result<(), OutOfMemory> {
        if self.is_unnamed && !self.has_faulted {
            self.name_first_process(pid);
        }
        self.is_unnamed = false;
        if self.dead.contains(&pid) {
            self.run_nobody(mmu);
            return Ok(());
        }
        let mm = self.process_or_new(pid)?;
        self.running = Some(pid);
        if self.system.current == Some(mm) {
            return Ok(());
        }
        let space = self.spaces.get_mut(&mm).expect("a process has an address space");
        let switch = self.system.asids.switch_to(&mut space.asid);
        self.system.current = Some(mm);
        self.system.stats.context_switches += 1;
        self.system.load(mmu, space.page_table().root(), switch);
        Ok(())
    }

    /// Leaves the MMU with empty tables while no process runs, so that it never walks freed ones.
    pub(crate) fn run_nobody(&mut self, mmu: &mut dyn Mmu) {
        self.running = None;
        if self.system.current.take().is_some() {
            let switch = self.system.asids.switch_to_idle();
            self.system.load(mmu, self.idle_root(), switch);
        }
    }

    /// The first event of a trace that names a process names the one that ran from the beginning.
    pub(crate) fn name_first_process(&mut self, pid: u32) {
        self.is_unnamed = false;
        let Some(first) = self.running else { return };
        if let Some(process) = self.processes.remove(&first) {
            self.processes.insert(pid, process);
            self.running = Some(pid);
        }
    }

    /// The address space of `pid`, made where it was never heard of.
    pub(crate) fn process_or_new(&mut self, pid: u32) -> Result<MmId, OutOfMemory> {
        if let Some(process) = self.processes.get(&pid) {
            return Ok(process.mm);
        }
        let id = self.next_mm();
        let space = AddressSpace::new(id, &mut self.system)?;
        self.add_process(pid, space);
        Ok(id)
    }

    pub(crate) fn add_process(&mut self, pid: u32, space: AddressSpace) {
        self.processes.insert(pid, Process { mm: space.id(), exited: false });
        self.dead.remove(&pid);
        self.spaces.insert(space.id(), space);
    }

    /// `parent` made `child`. A child that ran before its parent's call returned was taken for a process of its own
    /// and stays one.
    pub(crate) fn fork(
        &mut self,
        mmu: &mut dyn Mmu,
        parent: u32,
        child: u32,
        shares_memory: bool,
    ) -> Result<(), OutOfMemory> {
        // The parent first: it may be new, and a broken trace may name it as its own child.
        let mm = self.process_or_new(parent)?;
        if self.processes.contains_key(&child) {
            return Ok(());
        }
        if shares_memory {
            self.processes.insert(child, Process { mm, exited: false });
            self.dead.remove(&child);
            return Ok(());
        }
        let id = self.next_mm();
        let space = self.spaces.get_mut(&mm).expect("a process has an address space");
        let copy = space.fork(id, &mut self.system, mmu)?;
        self.system.stats.forks += 1;
        self.add_process(child, copy);
        Ok(())
    }

    /// `pid` exits. Where it did so before, one of the threads that share its memory does: traces name these by
    /// their process.
    pub(crate) fn exit(&mut self, mmu: &mut dyn Mmu, pid: u32) {
        let Some(process) = self.processes.get(&pid).copied() else { return };
        let threads = self.processes.iter().filter(|(_, p)| p.mm == process.mm && !p.exited);
        let threads: Vec<u32> = threads.map(|(&thread, _)| thread).collect();
        let Some(&leaver) = threads.iter().find(|&&thread| thread == pid).or(threads.first()) else { return };
        self.system.stats.exits += 1;
        if threads.len() > 1 {
            self.processes.entry(leaver).and_modify(|p| p.exited = true);
        } else {
            self.free_address_space(mmu, process.mm);
        }
    }

    /// Kills the running process and everything that shares its memory.
    pub(crate) fn kill(&mut self, mmu: &mut dyn Mmu, pid: u32, mm: MmId, signal: Signal) -> Death {
        match signal {
            Signal::Segv { .. } => self.system.stats.segv += 1,
            Signal::Bus { .. } => self.system.stats.sigbus += 1,
            Signal::OutOfMemory => self.system.stats.out_of_memory += 1,
        }
        let bound = self.spaces.get(&mm).and_then(|space| space.bound_behind(&self.system, signal));
        let killed = self.processes.values().filter(|p| p.mm == mm && !p.exited).count();
        self.system.stats.exits += killed as u64;
        self.free_address_space(mmu, mm);
        Death { pid, signal, bound }
    }

    /// Returns all that `mm` holds. Its processes are dead from now on.
    pub(crate) fn free_address_space(&mut self, mmu: &mut dyn Mmu, mm: MmId) {
        if self.system.current == Some(mm) {
            self.run_nobody(mmu);
        }
        let (dead, alive) = std::mem::take(&mut self.processes).into_iter().partition(|(_, p)| p.mm == mm);
        self.processes = alive;
        let dead: std::collections::BTreeMap<u32, Process> = dead;
        self.dead.extend(dead.into_keys());
        if let Some(space) = self.spaces.remove(&mm) {
            space.destroy(&mut self.system, mmu);
        }
    }
}
