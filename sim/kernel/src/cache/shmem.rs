//! Shared memory and swap: a page of tmpfs, of a segment or of shared anonymous memory goes to swap by itself, whoever maps
//! it, and its place in the cache says where it is. Linux's mm/shmem.c.
//!
//! Owns the way there and back. Slots are [`crate::swap`]'s; one is held by the place in the cache until the page is back.

use super::tree::Left;
use super::{Cache, MappingId, Store};
use crate::reclaim::{Gfp, Shadow};
use crate::swap::{SwapIn, SwapSlot};
use crate::system::System;
use crate::{FolioFlags, OutOfMemory, Pfn};
use pagewalk_arch::Platform;
use pagewalk_trace::FileId;

/// Tells a slot from a shadow.
const SWAPPED: u64 = 1 << 63;

impl Left {
    pub(super) fn shadow(shadow: Shadow) -> Self {
        Self(shadow.to_bits() & !SWAPPED)
    }
    fn swapped(slot: SwapSlot) -> Self {
        Self(SWAPPED | u64::from(slot.number()))
    }
    pub(super) fn as_shadow(self) -> Option<Shadow> {
        (self.0 & SWAPPED == 0).then(|| Shadow::from_bits(self.0))
    }
    pub(super) fn as_slot(self) -> Option<SwapSlot> {
        (self.0 & SWAPPED != 0).then(|| SwapSlot::of_number(self.0 as u32))
    }
}

impl Cache {
    /// How many of the pages `shown` of `file` are in swap.
    pub(crate) fn swapped_of(&self, file: FileId, shown: std::ops::Range<u64>) -> u64 {
        let Some(mapping) = self.find(file).filter(|mapping| mapping.swapped > 0) else { return 0 };
        let left =
            mapping.tree.all_left().filter(|(index, left)| shown.contains(index) && left.as_slot().is_some());
        left.count() as u64
    }

    /// Every place whose page is in swap: mapping, index, slot.
    pub(crate) fn swapped(&self) -> impl Iterator<Item = (MappingId, u64, SwapSlot)> {
        self.all().filter(|(_, mapping)| mapping.store == Store::Swap).flat_map(|(id, mapping)| {
            mapping.tree.all_left().filter_map(move |(index, left)| Some((id, index, left.as_slot()?)))
        })
    }
}

impl System {
    /// The page of shared memory in `frame`, which nobody maps and which is dirty, goes from the page cache to the swap
    /// cache: `shmem_writepage`. Says whether there was a slot for it.
    pub(crate) fn shared_to_swap(&mut self, frame: Pfn) -> bool {
        let Some(slot) = self.swap.allocate() else { return false };
        let (owner, index) = self.memory.owner(frame);
        self.swap.duplicate(slot);
        let mapping = self.cache.mapping_mut(MappingId(owner));
        let taken = mapping.tree.remove(index.into(), Some(Left::swapped(slot)));
        mapping.swapped += 1;
        debug_assert_eq!(taken, Some(frame));
        self.cache.counts.pages -= 1;
        self.cache.counts.shmem -= 1;
        self.enter_swap_cache(slot, frame);
        self.memory.put(frame);
        true
    }

    /// Where the page `index` is in swap, brings it back, with those around it: `shmem_swapin_folio`. Says whether that had
    /// to wait.
    pub(super) fn shared_from_swap(
        &mut self,
        id: MappingId,
        index: u64,
    ) -> Result<Option<(Pfn, bool)>, OutOfMemory> {
        let left = self.cache.mapping(id).tree.left(index);
        let Some(slot) = left.and_then(Left::as_slot) else { return Ok(None) };
        let SwapIn { frame, waited } = self.swap_in(slot)?;
        if self.memory.has(frame, FolioFlags::WRITEBACK) {
            self.complete_swap_writes(0);
        }
        // From now on its reference is the page cache's.
        self.leave_swap_cache(frame, slot, None);
        self.memory.become_file(frame);
        let mapping = self.cache.mapping_mut(id);
        mapping.tree.insert(index, frame);
        mapping.swapped -= 1;
        self.cache.counts.pages += 1;
        self.cache.counts.shmem += 1;
        self.memory.set_owner(frame, id.0, index as u32);
        self.memory.set(frame, FolioFlags::DIRTY);
        self.swap.free(slot);
        self.forget_slot(slot);
        Ok(Some((frame, waited)))
    }

    /// Gives up the slots of places that are gone.
    pub(crate) fn release_shared_slots(&mut self) {
        for slot in std::mem::take(&mut self.cache.freed_slots) {
            self.release_slot(slot);
        }
    }

    /// Brings back every page of shared memory that is in swap area `area`.
    pub(crate) fn unuse_shared(&mut self, platform: &mut dyn Platform, area: u8) -> Result<(), OutOfMemory> {
        let there: Vec<_> = self.cache.swapped().filter(|(_, _, slot)| slot.area() == area).collect();
        for (id, index, _) in there {
            self.make_room(platform, 2 + self.swap_cluster(), Gfp::User)?;
            self.shared_from_swap(id, index)?;
        }
        Ok(())
    }
}
