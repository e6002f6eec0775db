//! How soon a page came back after it was taken: Linux's mm/workingset.c. What is left of a page that goes is the time of its
//! going, in pages that went or became active since. One that comes back before as many pages have gone as are in use
//! belongs to the working set, and becomes active at once.

use crate::Pfn;
use crate::frame::{FolioFlags, LruList};
use crate::system::System;

/// What is left of a page that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// The age of the lists when it went.
    age: u64,
    /// It had been active.
    workingset: bool,
}

impl Shadow {
    /// All of it in 63 bits.
    pub(crate) const fn to_bits(self) -> u64 {
        self.age << 1 | self.workingset as u64
    }
    /// From [`Self::to_bits`].
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self { age: bits >> 1, workingset: bits & 1 != 0 }
    }
}

impl System {
    /// What is left of `frame`, which goes now: `workingset_eviction`.
    pub(crate) fn shadow_of(&mut self, frame: Pfn) -> Shadow {
        let age = self.reclaim.nonresident_age;
        self.reclaim.nonresident_age += 1;
        Shadow { age, workingset: self.memory.has(frame, FolioFlags::WORKINGSET) }
    }

    /// `frame` came back, of which `shadow` was left: `workingset_refault`.
    pub(crate) fn refault(&mut self, frame: Pfn, shadow: Shadow) {
        let is_file = !self.memory.has(frame, FolioFlags::SWAPBACKED);
        let len = |list| self.memory.lru_len(list);
        let mut in_use = len(LruList::ActiveFile);
        if !is_file {
            in_use += len(LruList::InactiveFile);
        }
        if self.swap.slots_free() > 0 {
            in_use += len(LruList::ActiveAnon);
            if is_file {
                in_use += len(LruList::InactiveAnon);
            }
        }
        let events = &mut self.events;
        let (refault, activate, restore) = if is_file {
            (
                &mut events.workingset_refault_file,
                &mut events.workingset_activate_file,
                &mut events.workingset_restore_file,
            )
        } else {
            (
                &mut events.workingset_refault_anon,
                &mut events.workingset_activate_anon,
                &mut events.workingset_restore_anon,
            )
        };
        *refault += 1;
        if self.reclaim.nonresident_age - shadow.age > in_use {
            return;
        }
        *activate += 1;
        self.reclaim.nonresident_age += 1;
        if shadow.workingset {
            *restore += 1;
            self.reclaim.note_cost(&self.memory, is_file, 1);
            self.memory.set(frame, FolioFlags::WORKINGSET);
        }
        self.memory.set(frame, FolioFlags::ACTIVE);
    }
}
