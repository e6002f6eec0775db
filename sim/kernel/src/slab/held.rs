//! The objects that one owner holds, by kind: reconciled with how many it has.

use super::{CacheId, Slab, SlabFrames, SlabObject};
use crate::OutOfMemory;
use std::collections::{BTreeMap, VecDeque};

/// What the model keeps itself and accounts for here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// An area of an address space.
    VmArea,
    /// An address space.
    Mm,
    /// A task.
    Task,
    /// A task's number.
    Pid,
    /// Reverse mapping of anonymous pages.
    AnonVma,
    /// An area's part in it.
    AnonVmaChain,
    /// A name of a file.
    Dentry,
    /// A file of ext4.
    Ext4Inode,
    /// A block of a page.
    BufferHead,
    /// A node of the tree of a mapping's pages.
    RadixTreeNode,
    /// An open file.
    File,
    /// A file of tmpfs.
    ShmemInode,
    /// A node of the tree of an address space's areas.
    MapleNode,
    /// A task's open files.
    Files,
    /// A process's signals.
    Signals,
    /// A process's signal handlers.
    SignalHandlers,
    /// What the security modules know of a file.
    LsmInode,
}

impl ObjectKind {
    /// All.
    pub const ALL: [Self; 17] = [
        Self::VmArea,
        Self::Mm,
        Self::Task,
        Self::Pid,
        Self::AnonVma,
        Self::AnonVmaChain,
        Self::Dentry,
        Self::Ext4Inode,
        Self::BufferHead,
        Self::RadixTreeNode,
        Self::File,
        Self::ShmemInode,
        Self::MapleNode,
        Self::Files,
        Self::Signals,
        Self::SignalHandlers,
        Self::LsmInode,
    ];

    /// Its cache.
    pub const fn cache_name(self) -> &'static str {
        match self {
            Self::VmArea => "vm_area_struct",
            Self::Mm => "mm_struct",
            Self::Task => "task_struct",
            Self::Pid => "pid",
            Self::AnonVma => "anon_vma",
            Self::AnonVmaChain => "anon_vma_chain",
            Self::Dentry => "dentry",
            Self::Ext4Inode => "ext4_inode_cache",
            Self::BufferHead => "buffer_head",
            Self::RadixTreeNode => "radix_tree_node",
            Self::File => "filp",
            Self::ShmemInode => "shmem_inode_cache",
            Self::MapleNode => "maple_node",
            Self::Files => "files_cache",
            Self::Signals => "signal_cache",
            Self::SignalHandlers => "sighand_cache",
            Self::LsmInode => "lsm_inode_cache",
        }
    }
}

/// What one owner (an address space, a process, the page cache) holds.
#[derive(Clone, Debug, Default)]
pub struct HeldObjects {
    /// The oldest first.
    held: BTreeMap<ObjectKind, VecDeque<SlabObject>>,
}

impl HeldObjects {
    /// Takes or returns objects until `count` of `kind` are held. What goes is what has been held longest, as when an
    /// address space is taken down from its beginning.
    ///
    /// # Errors
    /// There are no frames for what is missing; what could be had is held.
    pub fn reconcile(
        &mut self,
        slab: &mut Slab,
        frames: &mut dyn SlabFrames,
        cpu: usize,
        kind: ObjectKind,
        count: u64,
    ) -> Result<(), OutOfMemory> {
        let Some(cache) = slab.cache(kind.cache_name()) else { return Ok(()) };
        let held = self.held.entry(kind).or_default();
        while held.len() as u64 > count {
            let Some(oldest) = held.pop_front() else { break };
            slab.free(cpu, oldest, frames);
        }
        let missing = count - held.len() as u64;
        take(held, slab, frames, cpu, cache, missing)
    }

    /// Objects of `kind` that are held.
    pub fn count(&self, kind: ObjectKind) -> u64 {
        self.held.get(&kind).map_or(0, |held| held.len() as u64)
    }

    /// Returns all.
    pub fn release(&mut self, slab: &mut Slab, frames: &mut dyn SlabFrames, cpu: usize) {
        for object in std::mem::take(&mut self.held).into_values().flatten() {
            slab.free(cpu, object, frames);
        }
    }
}

fn take(
    held: &mut VecDeque<SlabObject>,
    slab: &mut Slab,
    frames: &mut dyn SlabFrames,
    cpu: usize,
    cache: CacheId,
    count: u64,
) -> Result<(), OutOfMemory> {
    for _ in 0..count {
        held.push_back(slab.alloc(cpu, cache, frames)?);
    }
    Ok(())
}
