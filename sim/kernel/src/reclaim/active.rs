//! Between the active and the inactive lists of the LRU: which pages count as used, and which lists are too long.
//!
//! Does not own the lists themselves ([`crate::frame`]), nor when they are looked at.

use crate::Pfn;
use crate::frame::{FolioFlags, LruList};
use crate::system::System;

impl System {
    /// `pfn` was used through a call, such as read(2): Linux's `folio_mark_accessed`. The first use marks an inactive page,
    /// the second makes it active.
    pub(crate) fn mark_accessed(&mut self, pfn: Pfn) {
        let flags = self.memory.flags(pfn);
        if !flags.contains(FolioFlags::REFERENCED) {
            self.memory.set(pfn, FolioFlags::REFERENCED);
        } else if !flags.intersects(FolioFlags::UNEVICTABLE | FolioFlags::ACTIVE) {
            self.memory.set(pfn, FolioFlags::ACTIVE);
            self.memory.unset(pfn, FolioFlags::REFERENCED);
            self.reclaim.nonresident_age += 1;
            self.events.pgactivate += 1;
        }
    }

    /// Whether active pages of a kind are too many for the inactive ones: `inactive_is_low`. The larger the memory, the
    /// fewer need be inactive.
    pub(super) fn inactive_is_low(&self, anon: bool) -> bool {
        let (inactive, active) = if anon {
            (LruList::InactiveAnon, LruList::ActiveAnon)
        } else {
            (LruList::InactiveFile, LruList::ActiveFile)
        };
        let (inactive, active) = (self.memory.lru_len(inactive), self.memory.lru_len(active));
        let gib = (inactive + active) >> (30 - pagewalk_arch::FRAME_SHIFT);
        let ratio = if gib > 0 { (10 * gib).isqrt() } else { 1 };
        inactive * ratio < active
    }
}
