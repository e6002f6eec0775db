//! What leaves the cache by request: `/proc/sys/vm/drop_caches`, posix_fadvise(POSIX_FADV_DONTNEED). Only what is clean,
//! mapped by nobody and in no transfer goes.

use super::{MappingId, Mark, Store};
use crate::kernel::Kernel;
use crate::system::System;
use crate::{FolioFlags, Pfn};
use std::ops::Range;

/// What `drop_caches` is to drop: bit 0 of what is written to it.
const PAGES: u32 = 1;
/// Bit 1.
const NAMES: u32 = 2;

impl System {
    /// `invalidate_mapping_pages`.
    pub(super) fn invalidate(&mut self, id: MappingId, indices: Range<u64>) {
        self.settle();
        let mapping = self.cache.mapping_mut(id);
        if mapping.store != Store::Disk {
            return;
        }
        // From now on, what is missing is read.
        mapping.is_warm = false;
        mapping.tree.forget(indices.clone());
        for index in mapping.tree.pages_in(indices) {
            let tree = &self.cache.mapping(id).tree;
            let is_busy =
                [Mark::Dirty, Mark::Writeback, Mark::Reading].iter().any(|&mark| tree.is_marked(index, mark));
            let is_read = tree.is_marked(index, Mark::Reading);
            let Some(frame) = tree.get(index) else { continue };
            if !is_busy && self.memory.references(frame) == 1 {
                self.cache.take_out(&mut self.memory, id, index, None);
            } else if !is_read {
                self.deactivate_file(frame);
            }
        }
    }

    /// What could not be dropped is not wanted any more: it comes next once it can be taken. `deactivate_file_folio`.
    fn deactivate_file(&mut self, frame: Pfn) {
        let flags = self.memory.flags(frame);
        let is_listed = flags.contains(FolioFlags::LRU) && !flags.contains(FolioFlags::UNEVICTABLE);
        if !is_listed || self.memory.mappings(frame) > 0 {
            return;
        }
        self.events.pgdeactivate += u64::from(flags.contains(FolioFlags::ACTIVE));
        self.memory.lru_remove(frame);
        self.memory.unset(frame, FolioFlags::ACTIVE | FolioFlags::REFERENCED);
        if flags.intersects(FolioFlags::DIRTY | FolioFlags::WRITEBACK) {
            self.memory.set(frame, FolioFlags::RECLAIM);
            self.memory.lru_add(frame);
        } else {
            self.memory.lru_add_tail(frame);
            self.events.pgrotated += 1;
        }
    }
}

impl Kernel {
    /// What writing `what` to `/proc/sys/vm/drop_caches` does: 1 drops pages of files, 2 dentries and inodes, 3 both.
    pub fn drop_caches(&mut self, what: u32) {
        if what & PAGES != 0 {
            for id in self.system.cache.ids() {
                self.system.invalidate(id, 0..u64::MAX);
            }
        }
        if what & NAMES != 0 {
            self.system.cache.forget_names();
        }
        self.system.sync_file_objects();
    }
}
