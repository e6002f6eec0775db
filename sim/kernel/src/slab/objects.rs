//! The kernel's own objects of a running machine: what address spaces and processes cost beside their pages.
//!
//! Owns who holds what. Counts are taken from the state of the model when they are asked for or at the end of a call, so
//! that nothing has to be told apart where areas split and merge.

use super::{CacheSpec, HeldObjects, ObjectKind, Slab};
use crate::space::AddressSpace;
use crate::{Kernel, MmId, OutOfMemory, PhysicalMemory};
use std::collections::{BTreeMap, BTreeSet};

/// Slabs, and what the model holds of them.
#[derive(Clone, Debug)]
pub(crate) struct KernelObjects {
    pub(crate) slab: Slab,
    spaces: BTreeMap<MmId, HeldObjects>,
    /// Of processes together, and of files.
    shared: HeldObjects,
    /// A node's CPUs are not told apart: what a call takes or returns is taken or returned here.
    pub(crate) cpu: usize,
}

/// What an address space holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpaceObjects {
    pub(crate) areas: u64,
    pub(crate) anon_vmas: u64,
    pub(crate) anon_vma_chains: u64,
}

impl SpaceObjects {
    /// What `space` holds. An area that came by fork and was used since is in its parent's chain as well.
    fn of(space: &AddressSpace) -> Self {
        let histories = || space.vmas().iter().filter_map(|vma| vma.anon);
        let inherited = histories().filter(|anon| anon.inherited).count();
        Self {
            areas: space.vmas().iter().count() as u64,
            anon_vmas: histories().map(|anon| anon.id).collect::<BTreeSet<_>>().len() as u64,
            anon_vma_chains: (histories().count() + inherited) as u64,
        }
    }
}

impl Kernel {
    /// Brings what slabs hold of address spaces and processes up to date: before it is looked at.
    pub fn sync_objects(&mut self) {
        self.system.sync_file_objects();
        let Some(objects) = &mut self.system.slab else { return };
        let memory = &mut self.system.memory;
        let gone: Vec<_> =
            objects.spaces.keys().copied().filter(|mm| !self.spaces.contains_key(mm)).collect();
        gone.into_iter().for_each(|mm| objects.release_space(memory, mm));
        for (&mm, space) in &self.spaces {
            objects.sync_space(memory, mm, SpaceObjects::of(space));
        }
        let processes = self.processes.len() as u64;
        let threads = self.processes.values().map(|process| u64::from(process.threads)).sum();
        for (kind, count) in [
            (ObjectKind::Task, threads),
            (ObjectKind::Pid, threads),
            (ObjectKind::Files, processes),
            (ObjectKind::Signals, processes),
            (ObjectKind::SignalHandlers, processes),
        ] {
            objects.sync(memory, kind, count);
        }
    }

    /// As [`Self::sync_objects`], of the space of `pid` alone: at the end of a call.
    pub(crate) fn sync_objects_of(&mut self, pid: u32) {
        let Some(mm) = self.processes.get(&pid).map(|process| process.mm) else { return };
        if let (Some(objects), Some(space)) = (&mut self.system.slab, self.spaces.get(&mm)) {
            objects.sync_space(&mut self.system.memory, mm, SpaceObjects::of(space));
        }
    }

    /// The slab allocator; `None` where the kernel's own objects cost nothing.
    pub fn slab(&self) -> Option<&Slab> {
        self.system.slab.as_ref().map(|objects| &objects.slab)
    }
}

impl KernelObjects {
    /// Those of a kernel that has just started.
    pub(crate) fn boot(cpus: usize, memory: &mut PhysicalMemory) -> Result<Self, OutOfMemory> {
        let mut slab = Slab::new(cpus, memory)?;
        slab.boot(&CacheSpec::linux_6_1(), memory)?;
        Ok(Self { slab, spaces: BTreeMap::new(), shared: HeldObjects::default(), cpu: 0 })
    }

    /// Brings what the space `mm` holds to `objects`. Where there are no frames, less is held.
    pub(crate) fn sync_space(&mut self, memory: &mut PhysicalMemory, mm: MmId, objects: SpaceObjects) {
        let held = self.spaces.entry(mm).or_default();
        let counts = [
            (ObjectKind::Mm, 1),
            (ObjectKind::VmArea, objects.areas),
            (ObjectKind::AnonVma, objects.anon_vmas),
            (ObjectKind::AnonVmaChain, objects.anon_vma_chains),
            // A leaf holds sixteen areas at most, and about ten when they came one after another.
            (ObjectKind::MapleNode, if objects.areas > 1 { objects.areas.div_ceil(10) + 1 } else { 0 }),
        ];
        for (kind, count) in counts {
            let _ = held.reconcile(&mut self.slab, memory, self.cpu, kind, count);
        }
    }

    /// The space `mm` is gone.
    pub(crate) fn release_space(&mut self, memory: &mut PhysicalMemory, mm: MmId) {
        if let Some(mut held) = self.spaces.remove(&mm) {
            held.release(&mut self.slab, memory, self.cpu);
            memory.freed_high_orders();
        }
    }

    /// Brings what is held of a kind by no address space (tasks, dentries, inodes) to `count`.
    pub(crate) fn sync(&mut self, memory: &mut PhysicalMemory, kind: ObjectKind, count: u64) {
        let _ = self.shared.reconcile(&mut self.slab, memory, self.cpu, kind, count);
    }

    /// Returns everything: the machine is switched off.
    pub(crate) fn shut_down(&mut self, memory: &mut PhysicalMemory) {
        self.spaces.clear();
        self.shared = HeldObjects::default();
        self.slab.free_all(memory);
    }
}
