//! What a mounted file system keeps of its own: blocks of its disk, cached as pages of the disk itself. `Buffers` counts
//! them.
//!
//! Owns which pages those are, and which of them the file system holds on to for as long as it is mounted: these cannot be
//! taken, only moved between the lists of the LRU.

use super::mapping::{Mapping, MappingId, Store};
use super::{ANONYMOUS_FIRST, Cache};
use crate::kernel::Kernel;
use crate::{FolioFlags, Pfn, PhysicalMemory};
use pagewalk_arch::FRAME_BYTES;
use pagewalk_trace::{FileId, FileKind};

/// The disk as a file. No path names it.
const DISK: FileId = FileId(ANONYMOUS_FIRST - 1);

/// The pages of mounted file systems' own.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    mapping: Option<MappingId>,
    /// With a reference each.
    pinned: Vec<Pfn>,
}

impl Cache {
    /// Pages of file systems' own: Buffers.
    pub(crate) fn buffers(&self) -> u64 {
        self.metadata.mapping.map_or(0, |id| self.mapping(id).tree.len())
    }
    /// Those of them that a file system holds on to.
    pub(crate) fn pinned(&self) -> &[Pfn] {
        &self.metadata.pinned
    }
    /// Whether nodes of the tree and the like are counted with what the kernel has when it is up.
    pub(super) fn is_metadata(&self, id: MappingId) -> bool {
        self.metadata.mapping == Some(id)
    }
    /// Everything is unmounted.
    pub(super) fn unpin(&mut self, memory: &mut PhysicalMemory) {
        for frame in std::mem::take(&mut self.metadata).pinned {
            memory.put(frame);
        }
    }
}

impl Kernel {
    /// A file system is mounted: `pages` pages of its disk are in use, and it holds on to the last `pinned` of them. As far
    /// as there is memory.
    pub fn mount(&mut self, pages: u64, pinned: u64) {
        let system = &mut self.system;
        if system.cache.metadata.mapping.is_some() {
            return;
        }
        let mut mapping = Mapping::new(DISK, FileKind::Regular, Store::Disk);
        mapping.bytes = Some(pages * FRAME_BYTES);
        let id = system.cache.add(mapping);
        system.cache.metadata.mapping = Some(id);
        for index in 0..pages {
            let Ok(frame) = system.add_page(id, index) else { return };
            system.memory.set(frame, FolioFlags::ACTIVE);
            if index + pinned >= pages {
                system.memory.get(frame);
                system.cache.metadata.pinned.push(frame);
            }
        }
    }
}
