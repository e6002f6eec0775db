//! Swap: where anonymous pages and shared memory go when frames run out.
//!
//! Owns the areas: which slot is free, how many entries name it, which frame holds the same page (the swap cache). Does not
//! own which pages go ([`crate::reclaim`]), nor entries of page tables. [`io`] moves pages.

mod area;
mod io;
mod on_off;
mod readahead;

pub(crate) use area::Area;
pub(crate) use io::SwapIn;
pub(crate) use readahead::Readahead;

use crate::reclaim::Shadow;
use crate::{MmId, Pfn, PhysicalMemory};
use std::fmt;

/// A page of a swap area.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SwapSlot(u32);

impl SwapSlot {
    /// Bits of the number of a slot in its area.
    pub const OFFSET_BITS: u32 = 28;
    /// Areas that can be in use at once.
    pub const AREAS_MAX: usize = 1 << (u32::BITS - Self::OFFSET_BITS);

    /// Slot `offset` of area `area`.
    ///
    /// # Panics
    /// For numbers that do not fit.
    pub const fn new(area: u8, offset: u32) -> Self {
        assert!((area as usize) < Self::AREAS_MAX && offset < 1 << Self::OFFSET_BITS);
        Self((area as u32) << Self::OFFSET_BITS | offset)
    }
    /// Number of the area.
    pub const fn area(self) -> u8 {
        (self.0 >> Self::OFFSET_BITS) as u8
    }
    /// Number of the slot in it.
    pub const fn offset(self) -> u32 {
        self.0 & ((1 << Self::OFFSET_BITS) - 1)
    }
    /// Both in one number.
    pub(crate) const fn number(self) -> u32 {
        self.0
    }
    /// The slot of this [`Self::number`].
    pub(crate) const fn of_number(number: u32) -> Self {
        Self(number)
    }
}

impl fmt::Debug for SwapSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SwapSlot({}:{:#x})", self.area(), self.offset())
    }
}

/// Why a swap area cannot be used: swapon(2)'s errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwapError {
    /// Entries of the format cannot name so many slots, or there is no room for one.
    #[error("a swap area of {pages} pages: page-table entries of this format name 2 to {most}")]
    Size {
        /// Pages asked for.
        pages: u64,
        /// The most.
        most: u32,
    },
    /// No more areas.
    #[error("all {} swap areas are in use", SwapSlot::AREAS_MAX)]
    TooMany,
    /// No frames for what the kernel must know of each slot.
    #[error("no memory to keep account of a swap area")]
    NoMemory,
}

/// All areas.
#[derive(Clone, Debug, Default)]
pub(crate) struct Swap {
    areas: Vec<Area>,
    pub(crate) readahead: Readahead,
    /// Pages whose writing was begun and is done before the next look at them.
    pub(crate) writing: Vec<Pfn>,
    /// Pages of the request that is being collected.
    collected: u64,
    /// Address spaces that ever had a page in swap: Linux's `mmlist`, its head last.
    spaces: Vec<MmId>,
}

impl Swap {
    /// Adds an area of `pages` pages, the first of which is its header.
    pub(crate) fn add(&mut self, pages: u64, priority: i16, most: u32) -> Result<u8, SwapError> {
        let Some(slots) = u32::try_from(pages).ok().filter(|slots| (2..=most).contains(slots)) else {
            return Err(SwapError::Size { pages, most });
        };
        let area = Area::new(slots, priority);
        if let Some(number) = self.areas.iter().position(|area| !area.is_on()) {
            self.areas[number] = area;
            return Ok(number as u8);
        }
        if self.areas.len() == SwapSlot::AREAS_MAX {
            return Err(SwapError::TooMany);
        }
        self.areas.push(area);
        Ok(self.areas.len() as u8 - 1)
    }

    /// Every area in use, by number, is to know its slots from `map` on.
    pub(crate) fn set_map(&mut self, number: u8, map: Vec<Pfn>) {
        self.areas[usize::from(number)].map = map;
    }
    /// Returns the frames in which area `number` is kept account of.
    pub(crate) fn free_map(&mut self, number: u8, memory: &mut PhysicalMemory) {
        for frame in std::mem::take(&mut self.areas[usize::from(number)].map) {
            memory.put(frame);
        }
    }
    /// As [`Self::free_map`], of all areas: the machine is switched off.
    pub(crate) fn free_maps(&mut self, memory: &mut PhysicalMemory) {
        (0..self.areas.len() as u8).for_each(|number| self.free_map(number, memory));
    }

    /// Every area in use, by number.
    pub(crate) fn areas(&self) -> impl Iterator<Item = (u8, &Area)> {
        (0..).zip(&self.areas).filter(|(_, area)| area.is_on())
    }
    /// No slot of area `number` is handed out any more.
    pub(crate) fn retire(&mut self, number: u8) -> bool {
        let area = self.areas.get_mut(usize::from(number)).filter(|area| area.is_on());
        area.map(Area::retire).is_some()
    }
    /// Area `number`, which is empty, is gone.
    pub(crate) fn remove(&mut self, number: u8) {
        self.areas[usize::from(number)].turn_off();
    }
    /// Takes back that area `number` was to go.
    pub(crate) fn reinstate(&mut self, number: u8) {
        self.areas[usize::from(number)].reinstate();
    }

    /// A free slot of the area of the highest priority that has one; areas of the same priority take turns.
    pub(crate) fn allocate(&mut self) -> Option<SwapSlot> {
        let usable = |area: &&Area| area.is_writable() && area.slots_free() > 0;
        let best = self.areas.iter().filter(usable).map(Area::priority).max()?;
        let same = (0..self.areas.len())
            .filter(|&number| usable(&&self.areas[number]) && self.areas[number].priority() == best);
        let number = same.min_by_key(|&number| (self.areas[number].turns(), number))?;
        let offset = self.areas[number].allocate()?;
        Some(SwapSlot::new(number as u8, offset))
    }

    fn area(&self, slot: SwapSlot) -> &Area {
        &self.areas[usize::from(slot.area())]
    }
    fn area_mut(&mut self, slot: SwapSlot) -> &mut Area {
        &mut self.areas[usize::from(slot.area())]
    }

    /// One more entry names `slot`.
    pub(crate) fn duplicate(&mut self, slot: SwapSlot) {
        self.area_mut(slot).slot_mut(slot.offset()).entries += 1;
    }
    /// One entry less names `slot`. It is free with the last of them, unless the swap cache holds it.
    ///
    /// # Panics
    /// Where none did.
    pub(crate) fn free(&mut self, slot: SwapSlot) {
        let place = self.area_mut(slot).slot_mut(slot.offset());
        place.entries = place.entries.checked_sub(1).expect("an entry named the slot");
        self.area_mut(slot).settle(slot.offset());
    }
    /// Entries that name `slot`.
    pub(crate) fn entries(&self, slot: SwapSlot) -> u32 {
        self.area(slot).slot(slot.offset()).entries
    }
    /// Whether anything holds `slot`.
    pub(crate) fn is_used(&self, slot: SwapSlot) -> bool {
        self.areas.get(usize::from(slot.area())).is_some_and(|area| area.slot(slot.offset()).is_used())
    }

    /// The frame that holds the page of `slot` too.
    pub(crate) fn cached(&self, slot: SwapSlot) -> Option<Pfn> {
        self.area(slot).slot(slot.offset()).cached
    }
    /// `frame` holds the page of `slot` from now on. Gives what was left when the page last went.
    pub(crate) fn cache(&mut self, slot: SwapSlot, frame: Pfn) -> Option<Shadow> {
        let place = self.area_mut(slot).slot_mut(slot.offset());
        debug_assert!(place.cached.is_none(), "{slot:?} is cached twice");
        place.cached = Some(frame);
        place.shadow.take()
    }
    /// The page of `slot` has moved to `frame`.
    pub(crate) fn replace_cached(&mut self, slot: SwapSlot, frame: Pfn) {
        self.area_mut(slot).slot_mut(slot.offset()).cached = Some(frame);
    }
    /// No frame holds the page of `slot` any more; `shadow` is left of it.
    pub(crate) fn uncache(&mut self, slot: SwapSlot, shadow: Option<Shadow>) {
        let place = self.area_mut(slot).slot_mut(slot.offset());
        place.cached = None;
        place.shadow = shadow;
        self.area_mut(slot).settle(slot.offset());
    }

    /// Address spaces that may have pages in swap, in the order in which swapoff goes through them: the latest first, and
    /// those that came by fork after their parents.
    pub(crate) fn spaces(&self) -> impl Iterator<Item = MmId> {
        self.spaces.iter().rev().copied()
    }
    /// `mm` comes to have its first page in swap.
    pub(crate) fn add_space(&mut self, mm: MmId) {
        if !self.spaces.contains(&mm) {
            self.spaces.push(mm);
        }
    }
    /// `child` gets a copy of entries of `parent` that are in swap.
    pub(crate) fn fork_space(&mut self, parent: MmId, child: MmId) {
        if !self.spaces.contains(&child) {
            let at = self.spaces.iter().position(|&mm| mm == parent);
            self.spaces.insert(at.unwrap_or(self.spaces.len()), child);
        }
    }
    /// `mm` is gone.
    pub(crate) fn remove_space(&mut self, mm: MmId) {
        self.spaces.retain(|&other| other != mm);
    }

    /// Slots of all areas that are filled, headers not counted: SwapTotal.
    pub(crate) fn slots_total(&self) -> u64 {
        self.areas().filter(|(_, area)| area.is_writable()).map(|(_, area)| area.slots_total()).sum()
    }
    /// Slots that nothing holds: SwapFree.
    pub(crate) fn slots_free(&self) -> u64 {
        self.areas().map(|(_, area)| area.slots_free()).sum()
    }
    /// More than half is in use: slots are given back as soon as their page is in memory.
    pub(crate) fn is_full(&self) -> bool {
        self.slots_free() * 2 < self.slots_total()
    }
    /// Frames that hold a page of a slot: SwapCached.
    pub(crate) fn cached_total(&self) -> u64 {
        self.areas.iter().map(Area::cached_total).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_highest_priority_fills_first_and_equals_take_turns() {
        let mut swap = Swap::default();
        for (pages, priority) in [(3, -2), (3, 5), (3, 5)] {
            swap.add(pages, priority, 100).unwrap();
        }
        let taken: Vec<_> =
            std::iter::from_fn(|| swap.allocate()).map(|slot| (slot.area(), slot.offset())).collect();
        assert_eq!(taken, [(1, 1), (2, 1), (1, 2), (2, 2), (0, 1), (0, 2)], "slot 0 is the header");
        assert_eq!((swap.slots_total(), swap.slots_free()), (6, 0));
    }

    #[test]
    fn what_no_entry_can_name_is_refused() {
        let mut swap = Swap::default();
        assert_eq!(swap.add(101, 0, 100), Err(SwapError::Size { pages: 101, most: 100 }));
        assert_eq!(swap.add(1, 0, 100), Err(SwapError::Size { pages: 1, most: 100 }));
        for number in 0..SwapSlot::AREAS_MAX {
            assert_eq!(swap.add(10, 0, 100), Ok(number as u8));
        }
        assert_eq!(swap.add(10, 0, 100), Err(SwapError::TooMany));
        assert!(swap.retire(3));
        swap.remove(3);
        assert_eq!(swap.add(10, 0, 100), Ok(3));
    }

    proptest! {
        #[test]
        fn slots_are_in_use_for_as_long_as_anything_holds_them(steps in proptest::collection::vec((0..5u8, 0..40usize), 1..300)) {
            let mut swap = Swap::default();
            swap.add(20, 0, 100).unwrap();
            swap.add(9, 1, 100).unwrap();
            // Entries, and whether it is cached.
            let mut held: BTreeMap<SwapSlot, (u32, bool)> = BTreeMap::new();
            for (what, which) in steps {
                let slot = held.keys().nth(which % held.len().max(1)).copied();
                match (what, slot) {
                    (0, _) => if let Some(slot) = swap.allocate() {
                        swap.duplicate(slot);
                        prop_assert_eq!(held.insert(slot, (1, false)), None);
                    } else {
                        prop_assert_eq!(held.len(), 27);
                    },
                    (1, Some(slot)) => {
                        swap.duplicate(slot);
                        held.entry(slot).and_modify(|it| it.0 += 1);
                    }
                    (2, Some(slot)) if held[&slot].0 > 0 => {
                        swap.free(slot);
                        held.entry(slot).and_modify(|it| it.0 -= 1);
                    }
                    (3, Some(slot)) if !held[&slot].1 => {
                        swap.cache(slot, Pfn(1));
                        held.entry(slot).and_modify(|it| it.1 = true);
                    }
                    (4, Some(slot)) if held[&slot].1 => {
                        swap.uncache(slot, None);
                        held.entry(slot).and_modify(|it| it.1 = false);
                    }
                    _ => {}
                }
                held.retain(|_, it| *it != (0, false));
                prop_assert_eq!(swap.slots_free(), 27 - held.len() as u64);
                prop_assert_eq!(swap.cached_total(), held.values().filter(|it| it.1).count() as u64);
                for (&slot, &(entries, cached)) in &held {
                    prop_assert_eq!((swap.entries(slot), swap.cached(slot).is_some()), (entries, cached));
                }
            }
        }
    }
}
