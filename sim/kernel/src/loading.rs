//! Loading page tables on CPUs and leaving them: Linux's `switch_mm`, and the lazy TLB of a CPU that idles.
//!
//! Owns which tables a CPU gets and when it leaves them. Does not own who runs where ([`crate::cpu`]), nor under which ASID
//! ([`crate::tlb`]).

use crate::mm_id::MmId;
use crate::system::System;
use pagewalk_arch::{Context, CpuId, PhysAddr, Platform};

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
