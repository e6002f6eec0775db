//! What leaves the cache by request: `/proc/sys/vm/drop_caches`, posix_fadvise(POSIX_FADV_DONTNEED). Only what is clean,
//! mapped by nobody and in no transfer goes.

use super::{MappingId, Mark, Store};
use crate::kernel::Kernel;
use crate::system::System;
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
            let is_free = tree.get(index).is_some_and(|frame| self.memory.references(frame) == 1);
            if !is_busy && is_free {
                self.cache.take_out(&mut self.memory, id, index, None);
            }
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
