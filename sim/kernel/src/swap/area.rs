//! One swap area: a device or a file, as a row of slots.

use crate::Pfn;
use crate::reclaim::Shadow;
use std::collections::BTreeSet;

/// What is known of a slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    /// Page-table entries, and pages of shared memory, that are there.
    pub(super) entries: u32,
    /// The frame that holds the page too.
    pub(super) cached: Option<Pfn>,
    /// What was left when the page last went.
    pub(super) shadow: Option<Shadow>,
    /// Handed out.
    taken: bool,
}

impl Slot {
    pub(super) fn is_used(&self) -> bool {
        self.taken
    }
}

/// A swap area. Costs what of it was ever used.
#[derive(Clone, Debug)]
pub(crate) struct Area {
    /// Slot 0, the header, included.
    size: u32,
    priority: i16,
    slots: Vec<Slot>,
    /// Slots that were handed out once and are free again.
    freed: BTreeSet<u32>,
    used: u32,
    /// Where the search for a free slot begins: after the one that was handed out last.
    next: u32,
    /// Slots handed out so far.
    turns: u64,
    is_on: bool,
    is_writable: bool,
    /// Where the kernel keeps account of it.
    pub(super) map: Vec<Pfn>,
}

impl Area {
    pub(super) fn new(size: u32, priority: i16) -> Self {
        Self {
            size,
            priority,
            slots: Vec::new(),
            freed: BTreeSet::new(),
            used: 0,
            next: 1,
            turns: 0,
            is_on: true,
            is_writable: true,
            map: Vec::new(),
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }
    pub(super) fn is_writable(&self) -> bool {
        self.is_on && self.is_writable
    }
    pub(super) fn retire(&mut self) {
        self.is_writable = false;
    }
    pub(super) fn reinstate(&mut self) {
        self.is_writable = true;
    }
    pub(super) fn turn_off(&mut self) {
        assert_eq!(self.used, 0, "a swap area goes while it is in use");
        *self = Self { is_on: false, ..Self::new(self.size, self.priority) };
    }
    /// Areas of a higher priority are filled first.
    pub(crate) fn priority(&self) -> i16 {
        self.priority
    }
    pub(super) fn turns(&self) -> u64 {
        self.turns
    }

    /// The next free slot, upwards, around the end.
    pub(super) fn allocate(&mut self) -> Option<u32> {
        if self.slots_free() == 0 {
            return None;
        }
        let fresh = (self.slots.len() as u32).max(1);
        let found = match self.freed.range(self.next..).next() {
            Some(&offset) => offset,
            None if fresh < self.size => fresh,
            None => *self.freed.first()?,
        };
        self.freed.remove(&found);
        self.next = if found + 1 < self.size { found + 1 } else { 1 };
        self.turns += 1;
        self.used += 1;
        self.slot_mut(found).taken = true;
        Some(found)
    }

    pub(super) fn slot(&self, offset: u32) -> Slot {
        self.slots.get(offset as usize).copied().unwrap_or_default()
    }
    pub(super) fn slot_mut(&mut self, offset: u32) -> &mut Slot {
        assert!(offset > 0 && offset < self.size, "slot {offset} of {}", self.size);
        let at = offset as usize;
        if self.slots.len() <= at {
            self.slots.resize(at + 1, Slot::default());
        }
        &mut self.slots[at]
    }
    /// Frees a slot that nothing holds any more.
    pub(super) fn settle(&mut self, offset: u32) {
        let slot = self.slot_mut(offset);
        if slot.taken && slot.entries == 0 && slot.cached.is_none() {
            *slot = Slot::default();
            self.freed.insert(offset);
            self.used -= 1;
        }
    }

    /// Every slot that is in use.
    pub(crate) fn used(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.slots).filter(|(_, slot)| slot.taken).map(|(offset, _)| offset)
    }
    /// Slots, the header not counted.
    pub(crate) fn slots_total(&self) -> u64 {
        u64::from(self.size) - 1
    }
    /// Slots that nothing holds; none where nothing is handed out any more.
    pub(crate) fn slots_free(&self) -> u64 {
        if self.is_writable { self.slots_total() - u64::from(self.used) } else { 0 }
    }
    /// Slots in use.
    pub(crate) fn slots_used(&self) -> u64 {
        u64::from(self.used)
    }
    pub(super) fn cached_total(&self) -> u64 {
        self.slots.iter().filter(|slot| slot.cached.is_some()).count() as u64
    }
}
