//! Pages on their way to swap and back: Linux's mm/swap_state.c and mm/page_io.c.
//!
//! A page in the swap cache is in a slot and in a frame at once. Going out it is put there first, then taken from all who
//! map it, then written; coming back it stays there until its slot is wanted or the page is written. So a page that did not
//! change in between goes a second time without being written.

use super::SwapSlot;
use crate::frame::Holder;
use crate::system::System;
use crate::{FolioFlags, FrameUse, LruList, OutOfMemory, Pfn};
use pagewalk_arch::FRAME_BYTES;

/// KiB of a page, as `pgpgin` and `pgpgout` count.
const PAGE_KIB: u64 = FRAME_BYTES >> 10;

/// Pages of a request to the swap device: the segments that a virtual disk of QEMU takes at once. A pass of reclaim collects
/// what it writes, and sends it when a request is full, and at its end.
const REQUEST_PAGES: u64 = 254;

/// A page that came from swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SwapIn {
    /// Where it is; the swap cache holds it.
    pub(crate) frame: Pfn,
    /// It had to be read: who wants it waited.
    pub(crate) waited: bool,
}

impl System {
    /// The most pages that are read from swap at once: 2^`vm.page-cluster`.
    pub(crate) fn swap_cluster(&self) -> u64 {
        // Linux takes up to 31, with which nothing would ever be read.
        1 << self.sysctl.page_cluster.min(10)
    }

    /// The slot of a page in the swap cache.
    pub(crate) fn slot_of(&self, frame: Pfn) -> Option<SwapSlot> {
        let is_cached = self.memory.has(frame, FolioFlags::SWAPCACHE);
        is_cached.then(|| SwapSlot::of_number(self.memory.owner(frame).1))
    }

    /// Gives `frame` a slot: `add_to_swap`. It is to be written before it can go.
    pub(crate) fn add_to_swap(&mut self, frame: Pfn) -> bool {
        let Some(slot) = self.swap.allocate() else { return false };
        self.enter_swap_cache(slot, frame);
        self.memory.set(frame, FolioFlags::DIRTY);
        true
    }

    pub(crate) fn enter_swap_cache(&mut self, slot: SwapSlot, frame: Pfn) {
        let shadow = self.swap.cache(slot, frame);
        self.memory.get(frame);
        self.memory.set_owner(frame, 0, slot.number());
        self.memory.set(frame, FolioFlags::SWAPCACHE);
        if let Some(shadow) = shadow {
            self.refault(frame, shadow);
        }
    }

    /// Begins to write `frame`, which is in the swap cache. It is done before anyone looks at the page again.
    pub(crate) fn write_to_swap(&mut self, frame: Pfn) {
        let slot = self.slot_of(frame).expect("a page that is written has a slot");
        self.memory.copy_page(Holder::Frame(frame), Holder::Swap(slot.number()));
        self.memory.unset(frame, FolioFlags::DIRTY);
        self.memory.set(frame, FolioFlags::WRITEBACK | FolioFlags::RECLAIM);
        self.swap.writing.push(frame);
        self.swap.collected += 1;
        self.events.pswpout += 1;
        self.events.nr_written += 1;
        self.events.pgpgout += PAGE_KIB;
    }

    /// Pages whose writing is not done yet when reclaim comes to look at more of `list`: the request that is still being
    /// collected, unless the list is so short that reclaim would meet them again.
    pub(crate) fn swap_writes_under_way(&self, list: LruList) -> u64 {
        self.swap.collected.min(self.memory.lru_len(list) / 16)
    }

    /// Sends the request that is being collected, if it is full. The last `isolated` pages of it are on no list yet, and
    /// the device is done before they are: they stay where they are then put, and do not come next.
    pub(crate) fn send_full_request(&mut self, isolated: u64) {
        if self.swap.collected < REQUEST_PAGES {
            return;
        }
        self.swap.collected = 0;
        let listed = self.swap.writing.len().saturating_sub(isolated as usize);
        for frame in self.swap.writing.split_off(listed) {
            self.memory.unset(frame, FolioFlags::WRITEBACK | FolioFlags::RECLAIM);
        }
    }

    /// The pass of reclaim is over: what it has collected is sent.
    pub(crate) fn send_swap_writes(&mut self) {
        self.swap.collected = 0;
    }

    /// What was being written is written, but for the last `left`: pages that were to go come next, at the tail of their
    /// list.
    pub(crate) fn complete_swap_writes(&mut self, left: u64) {
        let done = self.swap.writing.len().saturating_sub(left as usize);
        let written: Vec<Pfn> = self.swap.writing.drain(..done).collect();
        for frame in written {
            self.memory.unset(frame, FolioFlags::WRITEBACK);
            self.rotate_reclaimed(frame);
        }
    }

    /// `frame` has been written. If it was to go, it comes next: `folio_rotate_reclaimable`.
    pub(crate) fn rotate_reclaimed(&mut self, frame: Pfn) {
        let flags = self.memory.flags(frame);
        if !flags.contains(FolioFlags::RECLAIM) {
            return;
        }
        self.memory.unset(frame, FolioFlags::RECLAIM);
        let is_listed = flags.contains(FolioFlags::LRU);
        if is_listed && !flags.intersects(FolioFlags::ACTIVE | FolioFlags::UNEVICTABLE) {
            self.memory.lru_remove(frame);
            self.memory.lru_add_tail(frame);
            self.events.pgrotated += 1;
        }
    }

    /// Takes `frame` out of the swap cache if no entry names its slot, so that the slot is free: `folio_free_swap`. Says
    /// whether it did.
    pub(crate) fn free_swap(&mut self, frame: Pfn) -> bool {
        let Some(slot) = self.slot_of(frame) else { return false };
        if self.memory.has(frame, FolioFlags::WRITEBACK) || self.swap.entries(slot) > 0 {
            return false;
        }
        self.leave_swap_cache(frame, slot, None);
        self.memory.set(frame, FolioFlags::DIRTY);
        self.memory.put(frame);
        true
    }

    /// Takes `frame` out of the swap cache. The reference of the cache is the caller's.
    pub(crate) fn leave_swap_cache(
        &mut self,
        frame: Pfn,
        slot: SwapSlot,
        shadow: Option<crate::reclaim::Shadow>,
    ) {
        self.swap.uncache(slot, shadow);
        self.memory.unset(frame, FolioFlags::SWAPCACHE);
        self.memory.set_owner(frame, 0, 0);
        self.forget_slot(slot);
    }

    /// An entry that named `slot` is gone: `free_swap_and_cache`. What the swap cache holds of it goes with the last one.
    pub(crate) fn release_slot(&mut self, slot: SwapSlot) {
        let cached = self.swap.cached(slot);
        self.swap.free(slot);
        if let Some(frame) = cached.filter(|&frame| self.memory.mappings(frame) == 0) {
            self.free_swap(frame);
        }
        self.forget_slot(slot);
    }

    /// A free slot holds nothing.
    pub(crate) fn forget_slot(&mut self, slot: SwapSlot) {
        if !self.swap.is_used(slot)
            && let Some(contents) = self.memory.contents_mut()
        {
            contents.forget(Holder::Swap(slot.number()));
        }
    }

    /// The page of `slot`, read if it must be, with those around it: `swapin_readahead`. Frames for it must be there;
    /// those around it are read as far as memory goes.
    pub(crate) fn swap_in(&mut self, slot: SwapSlot) -> Result<SwapIn, OutOfMemory> {
        if let Some(frame) = self.swap.cached(slot) {
            if self.memory.has(frame, FolioFlags::RECLAIM) && !self.memory.has(frame, FolioFlags::WRITEBACK) {
                self.memory.unset(frame, FolioFlags::RECLAIM);
                self.events.swap_ra_hit += 1;
                self.swap.readahead.hit();
            }
            return Ok(SwapIn { frame, waited: false });
        }
        let most = self.swap_cluster() as u32;
        let read_before = self.events.pswpin;
        for offset in self.swap.readahead.around(slot.offset(), most) {
            let near = SwapSlot::new(slot.area(), offset);
            if near == slot || !self.swap.is_used(near) || self.swap.cached(near).is_some() {
                if near == slot {
                    self.read_from_swap(slot)?;
                }
                continue;
            }
            let Ok(ahead) = self.read_from_swap(near) else { continue };
            self.memory.set(ahead, FolioFlags::RECLAIM);
            self.events.swap_ra += 1;
        }
        let frame = self.swap.cached(slot).expect("it was just read");
        let done_ns = self.swap_disk.submit(self.clock.now_ns(), self.events.pswpin - read_before);
        self.clock.wait_until(done_ns);
        Ok(SwapIn { frame, waited: true })
    }

    fn read_from_swap(&mut self, slot: SwapSlot) -> Result<Pfn, OutOfMemory> {
        let frame = self.memory.allocate(FrameUse::Anonymous)?;
        self.memory.set(frame, FolioFlags::SWAPBACKED | FolioFlags::UPTODATE);
        self.memory.copy_page(Holder::Swap(slot.number()), Holder::Frame(frame));
        self.enter_swap_cache(slot, frame);
        // The cache's is the only reference for now.
        self.memory.put(frame);
        self.memory.lru_add(frame);
        self.events.pswpin += 1;
        self.events.pgpgin += PAGE_KIB;
        Ok(frame)
    }
}
