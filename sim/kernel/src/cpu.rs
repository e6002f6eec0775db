//! The CPUs: which thread each runs, and whose page tables each has loaded.
//!
//! Owns the two answers and how one changes without the other: a CPU whose thread has gone to another CPU is idle, and
//! keeps the tables loaded (Linux's lazy TLB), because the thread may come back. It leaves them when the address space
//! ends or when a fence reaches it. Does not own who runs where and when: switches come from the trace or the machine.
//! Does not own what is cached under which ASID: [`crate::tlb`] does.

use crate::space::MmId;
use crate::system::System;
use pagewalk_arch::{AccessKind, Context, CpuId, PhysAddr, Platform, VirtAddr};

/// Who runs on a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    /// The process, by the number of its thread group.
    pub(crate) pid: u32,
    /// The thread, by the number that it was switched to under.
    pub(crate) thread: u32,
}

/// One CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cpu {
    /// Who runs; `None` while it is idle.
    pub(crate) task: Option<Task>,
    /// The address space whose tables are loaded: of an idle CPU, the one that it ran in last and has not left.
    /// `None` while it is on the empty tables.
    pub(crate) loaded: Option<MmId>,
    /// The last fault, where it found nothing to do: twice in a row means that retrying is of no use.
    pub(crate) last_spurious: Option<(MmId, VirtAddr, AccessKind)>,
}

impl System {
    /// The CPUs, by number.
    pub(crate) fn cpu_ids(&self) -> impl Iterator<Item = CpuId> + use<> {
        (0..self.cpus.len()).map(CpuId)
    }

    /// The CPUs that have `space` loaded.
    pub(crate) fn cpus_on(&self, space: MmId) -> Vec<CpuId> {
        self.cpu_ids().filter(|&cpu| self.cpus[cpu.0].loaded == Some(space)).collect()
    }

    /// The CPUs that run process `pid`.
    pub(crate) fn cpus_running(&self, pid: u32) -> Vec<CpuId> {
        let runs = |cpu: &CpuId| self.cpus[cpu.0].task.is_some_and(|task| task.pid == pid);
        self.cpu_ids().filter(runs).collect()
    }

    /// Whether `cpu` is idle with the tables of `space` loaded.
    pub(crate) fn is_lazy(&self, cpu: CpuId, space: MmId) -> bool {
        self.cpus[cpu.0].task.is_none() && self.cpus[cpu.0].loaded == Some(space)
    }

    /// Loads the tables of `space`, whose root is at `root`, on `cpu`.
    pub(crate) fn enter(&mut self, platform: &mut dyn Platform, cpu: CpuId, space: MmId, root: PhysAddr) {
        let elsewhere: Vec<MmId> = self
            .cpu_ids()
            .filter(|&other| other != cpu)
            .filter_map(|other| self.cpus[other.0].loaded)
            .collect();
        let switch = self.asids.switch_to(cpu, space, &elsewhere);
        self.cpus[cpu.0].loaded = Some(space);
        self.load(platform, cpu, root, switch);
    }

    /// Loads the empty tables on `cpu`, so that it never walks freed ones, unless it is on them already.
    pub(crate) fn leave(&mut self, platform: &mut dyn Platform, cpu: CpuId) {
        if self.cpus[cpu.0].loaded.take().is_some() {
            let switch = self.asids.switch_to_idle(cpu);
            self.load(platform, cpu, self.idle_root, switch);
        }
    }

    /// Sets the context of every CPU on `space` again: an entry that MMUs hold resident has changed.
    pub(crate) fn reload(&self, platform: &mut dyn Platform, space: MmId, root: PhysAddr) {
        for cpu in self.cpus_on(space) {
            let asid = self.asids.of(cpu, space);
            platform.set_context(cpu, &Context { root, asid, mode: self.mode() });
        }
    }
}
