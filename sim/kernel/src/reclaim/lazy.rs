//! Lazily freed pages: what MADV_FREE makes of an anonymous page. It counts as one of a file from then on, not used lately,
//! and goes without being written unless it was written since.
//!
//! Owns the batch in which a CPU collects such pages before they change lists: Linux's `lru_lazyfree` of mm/swap.c, which
//! takes [`BATCH_PAGES`] at a time. Until then they stand, and are counted, where they stood.

use crate::Pfn;
use crate::frame::FolioFlags;
use crate::system::System;

/// `PAGEVEC_SIZE`.
const BATCH_PAGES: usize = 15;

impl System {
    /// The anonymous page in `frame` may be taken until it is written again: `folio_mark_lazyfree`.
    pub(crate) fn free_lazily(&mut self, frame: Pfn) {
        if !self.may_be_lazily_freed(frame) {
            return;
        }
        self.memory.set(frame, FolioFlags::LAZY_PENDING);
        let batch = &mut self.cpus[self.this_cpu.0].lazily_freed;
        batch.push(frame);
        if batch.len() >= BATCH_PAGES {
            self.drain_lazily_freed();
        }
    }

    /// What this CPU has collected changes lists: the part of `lru_add_drain` that can be told from outside.
    pub(crate) fn drain_lazily_freed(&mut self) {
        let batch = &mut self.cpus[self.this_cpu.0].lazily_freed;
        if batch.is_empty() {
            return;
        }
        for frame in std::mem::take(batch) {
            // One that was freed in the meantime has lost the mark, whatever it is now.
            if self.memory.usage(frame).is_none() || !self.memory.has(frame, FolioFlags::LAZY_PENDING) {
                continue;
            }
            self.memory.unset(frame, FolioFlags::LAZY_PENDING);
            if self.may_be_lazily_freed(frame) {
                self.memory
                    .unset(frame, FolioFlags::SWAPBACKED | FolioFlags::ACTIVE | FolioFlags::REFERENCED);
                self.events.pglazyfree += 1;
            }
        }
    }

    fn may_be_lazily_freed(&self, frame: Pfn) -> bool {
        let flags = self.memory.flags(frame);
        flags.contains(FolioFlags::LRU | FolioFlags::SWAPBACKED)
            && !flags.intersects(FolioFlags::SWAPCACHE | FolioFlags::UNEVICTABLE)
    }
}
