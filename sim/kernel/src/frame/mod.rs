//! Physical memory: zones of buddy-managed frames, and the metadata of frames in use (Linux's `struct page`).
//!
//! Owns who holds a frame and how often. Does not own what a frame means to its holder: page tables and address
//! spaces do.

mod buddy;
mod compact;
mod contents;
mod folio;
mod gauges;
mod kind;
mod layout;
mod lru;
mod migrate;
mod node;
mod pcp;
mod reserve;
mod rmap;
mod watermark;
mod zone;

pub use buddy::{Buddy, ORDER_COUNT, ORDER_MAX, PAGEBLOCK_ORDER, Steal, StealPolicy};
pub use compact::Fragmentation;
pub use contents::PageData;
pub(crate) use contents::{Contents, Holder};
pub(crate) use folio::Folio;
pub use folio::{FolioFlags, FrameUse, Place};
pub use gauges::ZoneGauges;
pub use kind::{ZONE_KINDS, ZoneKind};
pub use layout::{BootMarks, MemoryLayout, PcBoot, PcMachine};
pub use lru::LruList;
pub use migrate::{MIGRATE_TYPES, MigrateType};
pub use node::FrameRequest;
pub use pcp::{COSTLY_ORDER, PerCpuPages};
pub use reserve::AfterFailure;
pub(crate) use reserve::Reserve;
pub use watermark::{Mark, MarkRequest, Urgency, WatermarkSettings, Watermarks, ZoneSize};
pub use zone::{Zone, ZoneLayout, ZoneRequest};

use crate::{MmId, Vpn};
use folio::FolioTable;
use lru::Lru;
use node::Zones;
use pagewalk_arch::PhysAddr;
use rmap::{Chains, Places};
use std::fmt;
use std::ops::Range;

/// Number of a 4 KiB page frame: the physical address shifted right by 12.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Pfn(pub u64);

impl Pfn {
    /// The frame that holds `addr`.
    pub const fn of(addr: PhysAddr) -> Self {
        Self(addr.frame())
    }
    /// First byte of the frame.
    pub const fn addr(self) -> PhysAddr {
        PhysAddr::of_frame(self.0)
    }
}

impl fmt::Debug for Pfn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pfn({:#x})", self.0)
    }
}

/// No frame is free that the request could take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("out of memory: no free frame is left; configure more memory")]
pub struct OutOfMemory;

/// All frames of the machine.
#[derive(Clone, Debug)]
pub struct PhysicalMemory {
    zones: Zones,
    folios: FolioTable,
    chains: Chains,
    lru: Lru,
    /// What pages hold; `None`: nobody asks.
    contents: Option<Box<Contents>>,
    /// Anonymous pages that some entry maps, and pages of files.
    anon_mapped: u64,
    file_mapped: u64,
    frames_in_use_max: u64,
    /// Free frames that are promised to a [`Reserve`].
    reserved: u64,
    failure: Option<(u64, AfterFailure)>,
    /// What the kernel has taken for itself while it started.
    kernels_own: Vec<(Pfn, usize)>,
}

impl PhysicalMemory {
    /// Memory of the frames `frames`, all free: [`MemoryLayout::plain`].
    pub fn new(frames: Range<u64>, split_at_4g: bool) -> Self {
        Self::of(MemoryLayout::plain(frames, split_at_4g))
    }

    /// Memory laid out as `layout` says, all that is managed free.
    pub fn of(layout: MemoryLayout) -> Self {
        let first = layout.zones.iter().map(|zone| zone.managed.start).min().unwrap_or(1);
        let end = layout.zones.iter().map(|zone| zone.managed.end).max().unwrap_or(first);
        Self {
            zones: Zones::new(layout),
            folios: FolioTable::new(&(first..end)),
            chains: Chains::new(),
            contents: None,
            lru: Lru::new(),
            anon_mapped: 0,
            file_mapped: 0,
            frames_in_use_max: 0,
            reserved: 0,
            failure: None,
            kernels_own: Vec::new(),
        }
    }

    /// Takes what a running kernel holds for itself besides slabs: what `boot` says, as far as there is.
    pub fn boot(&mut self, boot: &PcBoot) {
        let own = FrameRequest::of(FrameUse::Kernel);
        let pool = FrameRequest { order: boot.dma_order, highest: ZoneKind::Dma, ..own };
        for request in std::iter::once(pool).chain((0..boot.running).map(|_| own)) {
            let taken = self.allocate_block(&request, FrameUse::Kernel);
            self.kernels_own.extend(taken.map(|first| (first, request.order)));
        }
    }

    /// What it has taken so: the first frame of each block, and its order.
    pub(crate) fn kernels_own_mut(&mut self) -> &mut Vec<(Pfn, usize)> {
        &mut self.kernels_own
    }

    /// Returns that: the machine is switched off.
    pub fn shut_down(&mut self) {
        for (first, order) in std::mem::take(&mut self.kernels_own) {
            self.free_block(first, order);
        }
    }

    /// Takes a frame for `usage`, with one reference.
    pub fn allocate(&mut self, usage: FrameUse) -> Result<Pfn, OutOfMemory> {
        self.allocate_below(u64::MAX, usage)
    }

    /// Takes a frame for `usage` from a zone that lies entirely below frame number `end`.
    pub fn allocate_below(&mut self, end: u64, usage: FrameUse) -> Result<Pfn, OutOfMemory> {
        if self.fails(1) || (self.reserved > 0 && self.frames_free() <= self.reserved) {
            return Err(OutOfMemory);
        }
        self.allocate_in_zones(end, usage)
    }

    fn allocate_in_zones(&mut self, end: u64, usage: FrameUse) -> Result<Pfn, OutOfMemory> {
        let request = FrameRequest { below: end, ..FrameRequest::of(usage) };
        self.allocate_block_in_zones(&request, usage)
    }

    /// Takes 2^order frames for `usage`, each with one reference, as `request` says; the first of them.
    ///
    /// # Errors
    /// No zone has such a block above its mark.
    pub fn allocate_block(&mut self, request: &FrameRequest, usage: FrameUse) -> Result<Pfn, OutOfMemory> {
        let frames = 1 << request.order;
        if self.fails(frames) || (self.reserved > 0 && self.frames_free() < self.reserved + frames) {
            return Err(OutOfMemory);
        }
        self.allocate_block_in_zones(request, usage)
    }

    fn allocate_block_in_zones(
        &mut self,
        request: &FrameRequest,
        usage: FrameUse,
    ) -> Result<Pfn, OutOfMemory> {
        let folios = &self.folios;
        let movable = |frames: Range<u64>| {
            let movable =
                |&frame: &u64| folios.get(Pfn(frame)).is_some_and(|folio| folio.usage().is_movable());
            frames.filter(movable).count() as u64
        };
        let request = FrameRequest { movable: Some(&movable), ..*request };
        let block = self.zones.allocate_gently(&request).ok_or(OutOfMemory)?;
        for frame in block..block + (1 << request.order) {
            self.folios.insert(Pfn(frame), Folio::new(usage));
        }
        self.frames_in_use_max = self.frames_in_use_max.max(self.folios.len());
        Ok(Pfn(block))
    }

    /// Returns 2^`order` frames at once, each of which has no other holder.
    ///
    /// # Panics
    /// Where one of them is not in use, or is held elsewhere as well.
    pub fn free_block(&mut self, first: Pfn, order: usize) {
        for frame in (first.0..first.0 + (1 << order)).map(Pfn) {
            assert!(self.frame_mut(frame).references == 1, "{frame:?} is held elsewhere");
            self.release(frame);
        }
        self.zones.free(first.0, order);
    }

    /// One more holder.
    ///
    /// # Panics
    /// Where the frame is not in use.
    pub fn get(&mut self, pfn: Pfn) {
        self.frame_mut(pfn).references += 1;
    }

    /// One holder less. The last one returns the frame to its zone; says whether this was the last.
    ///
    /// # Panics
    /// Where the frame is not in use, or is a page table that still has entries.
    pub fn put(&mut self, pfn: Pfn) -> bool {
        let frame = self.frame_mut(pfn);
        if frame.references > 1 {
            frame.references -= 1;
            return false;
        }
        let empty = !matches!(frame.usage(), FrameUse::PageTable { entries: 1.. });
        assert!(empty, "{pfn:?} is freed as a page table with entries");
        self.release(pfn);
        self.zones.free(pfn.0, 0);
        true
    }

    /// Forgets what is known of a frame whose last holder is gone.
    fn release(&mut self, pfn: Pfn) {
        if self.has(pfn, FolioFlags::LRU) {
            self.lru.remove(&mut self.folios, pfn);
        }
        self.folios.remove(pfn);
        if let Some(contents) = &mut self.contents {
            contents.forget(Holder::Frame(pfn));
        }
    }

    /// The leaf entry at `place` maps a frame; the reference that goes with it is the caller's.
    ///
    /// # Panics
    /// Where the frame is not in use.
    pub(crate) fn map(&mut self, pfn: Pfn, place: Place) {
        self.chains.add(&mut self.folios, pfn, place);
        if self.mappings(pfn) == 1 {
            *self.mapped_of(pfn) += 1;
        }
    }

    /// The leaf entry at `place` is gone; the reference that went with it is the caller's.
    ///
    /// # Panics
    /// Where it did not map the frame.
    pub(crate) fn unmap(&mut self, pfn: Pfn, place: Place) {
        self.chains.remove(&mut self.folios, pfn, place);
        if self.mappings(pfn) == 0 {
            *self.mapped_of(pfn) -= 1;
        }
    }

    fn mapped_of(&mut self, pfn: Pfn) -> &mut u64 {
        if self.is_anonymous(pfn) { &mut self.anon_mapped } else { &mut self.file_mapped }
    }

    /// Leaf entries that map a frame, in all address spaces: never more than [`Self::references`].
    pub fn mappings(&self, pfn: Pfn) -> u32 {
        self.folios.get(pfn).map_or(0, |folio| if folio.is_table() { 0 } else { folio.mappings })
    }

    /// The leaf entries that map a frame, the latest first.
    pub(crate) fn places(&self, pfn: Pfn) -> Places {
        self.chains.places(&self.folios, pfn)
    }

    /// The page flags of a frame; none where it is free.
    pub fn flags(&self, pfn: Pfn) -> FolioFlags {
        self.folios.get(pfn).map_or(FolioFlags::empty(), |folio| folio.flags)
    }
    /// Every frame in use, upwards, with what it is used for.
    pub fn frames(&self) -> impl Iterator<Item = (Pfn, FrameUse)> {
        self.folios.iter().map(|(pfn, folio)| (pfn, folio.usage()))
    }
    /// Whether a frame has all of `flags`.
    pub fn has(&self, pfn: Pfn, flags: FolioFlags) -> bool {
        self.flags(pfn).contains(flags)
    }
    /// Sets `flags`, and puts the page on the list of the LRU where it then belongs, if it is on one: at its head.
    ///
    /// # Panics
    /// Where the frame is not in use.
    pub(crate) fn set(&mut self, pfn: Pfn, flags: FolioFlags) {
        self.change_flags(pfn, |all| all.insert(flags));
    }
    /// As [`Self::set`], of flags that are taken away.
    pub(crate) fn unset(&mut self, pfn: Pfn, flags: FolioFlags) {
        self.change_flags(pfn, |all| all.remove(flags));
    }

    fn change_flags(&mut self, pfn: Pfn, change: impl Fn(&mut FolioFlags)) {
        let folio = self.frame_mut(pfn);
        let before = folio.flags;
        let mut after = before;
        change(&mut after);
        if before.contains(FolioFlags::LRU) && LruList::of(before) != LruList::of(after) {
            self.lru.remove(&mut self.folios, pfn);
            change(&mut self.frame_mut(pfn).flags);
            self.lru.add(&mut self.folios, pfn, false);
        } else {
            folio.flags = after;
        }
    }

    /// Number of the mapping that a page of a file belongs to, and of the page in it.
    pub(crate) fn owner(&self, pfn: Pfn) -> (u32, u32) {
        self.folios.get(pfn).map_or((0, 0), |folio| (folio.owner, folio.index))
    }
    /// Says what a page belongs to: of a file's, the number of its mapping and its own; of an anonymous one in the swap
    /// cache, 0 and its slot.
    ///
    /// # Panics
    /// Where the frame is not in use.
    pub(crate) fn set_owner(&mut self, pfn: Pfn, owner: u32, index: u32) {
        let folio = self.frame_mut(pfn);
        debug_assert!(!folio.is_table());
        (folio.owner, folio.index) = (owner, index);
    }

    /// The table in `pfn` belongs to `mm`, and its first entry serves the page `first`.
    pub(crate) fn set_serves(&mut self, pfn: Pfn, mm: MmId, first: Vpn) {
        self.frame_mut(pfn).set_serves(mm, first);
    }
    /// Whose the table in `pfn` is, and the page that its first entry serves.
    ///
    /// # Panics
    /// Where it is no table.
    pub(crate) fn serves(&self, pfn: Pfn) -> (MmId, Vpn) {
        self.folios.get(pfn).expect("a table is in use").serves()
    }

    /// From now on it is known what pages hold.
    pub(crate) fn keep_contents(&mut self) {
        self.contents.get_or_insert_default();
    }
    /// What pages hold; `None` where nobody asks.
    pub(crate) fn contents(&self) -> Option<&Contents> {
        self.contents.as_deref()
    }
    /// As [`Self::contents`], to be changed.
    pub(crate) fn contents_mut(&mut self) -> Option<&mut Contents> {
        self.contents.as_deref_mut()
    }
    /// `to` holds what `from` does from now on.
    pub(crate) fn copy_page(&mut self, from: Holder, to: Holder) {
        if let Some(contents) = &mut self.contents {
            contents.copy(from, to);
        }
    }

    /// Whether a frame is an anonymous page.
    pub fn is_anonymous(&self, pfn: Pfn) -> bool {
        self.usage(pfn) == Some(FrameUse::Anonymous)
    }

    /// The page in `pfn`, which came from swap and which nobody maps, is one of the page cache from now on.
    pub(crate) fn become_file(&mut self, pfn: Pfn) {
        self.frame_mut(pfn).become_file();
    }

    /// Holders of a frame; 0 where it is free or does not exist.
    pub fn references(&self, pfn: Pfn) -> u32 {
        self.folios.get(pfn).map_or(0, |frame| frame.references)
    }

    /// What a frame is used for; `None` where it is free or does not exist.
    pub fn usage(&self, pfn: Pfn) -> Option<FrameUse> {
        self.folios.get(pfn).map(Folio::usage)
    }

    /// Counts an entry of the page table in `table` that became used or unused.
    pub(crate) fn count_table_entry(&mut self, table: Pfn, used: bool) {
        let folio = self.frame_mut(table);
        assert!(folio.is_table(), "{table:?} is written as a page table but is {:?}", folio.usage());
        let entries = folio.mappings;
        folio.mappings = if used { entries + 1 } else { entries.checked_sub(1).expect("an entry was there") };
    }

    /// Forgets a frame without returning it: for tests of what finds that.
    #[cfg(test)]
    pub(crate) fn lose(&mut self, pfn: Pfn) {
        self.folios.remove(pfn);
    }

    /// The free lists of the zone that has `pfn`: for tests of what finds them damaged.
    #[cfg(test)]
    pub(crate) fn buddy_of(&mut self, pfn: Pfn) -> &mut Buddy {
        let mut zones = self.zones.all_mut().iter_mut();
        zones.find(|zone| zone.buddy().span().contains(&pfn.0)).expect("a frame of the machine").buddy_mut()
    }

    /// Turns flags over without moving the page to where they say: for tests of what finds that.
    #[cfg(test)]
    pub(crate) fn relabel(&mut self, pfn: Pfn, flags: FolioFlags) {
        self.frame_mut(pfn).flags.toggle(flags);
    }

    fn frame_mut(&mut self, pfn: Pfn) -> &mut Folio {
        self.folios.get_mut(pfn).unwrap_or_else(|| panic!("{pfn:?} is not in use"))
    }

    /// Frames that are promised to verbs: none between two events.
    pub(crate) fn frames_reserved(&self) -> u64 {
        self.reserved
    }

    /// Every frame in use with what is known of it, upwards.
    pub(crate) fn folios(&self) -> impl Iterator<Item = (Pfn, &Folio)> {
        self.folios.iter()
    }

    /// The zones, lowest first.
    pub fn zones(&self) -> &[Zone] {
        self.zones.all()
    }
    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.zones.nodes()
    }
    /// Whether some zone that serves `request` leaves its mark intact.
    pub fn can_serve(&self, request: &FrameRequest) -> bool {
        self.zones.is_above(request)
    }
    /// What watermarks follow from.
    pub fn watermark_settings(&self) -> &WatermarkSettings {
        &self.zones.settings
    }
    /// Sets what watermarks follow from, and these with it.
    pub fn set_watermarks(&mut self, settings: WatermarkSettings) {
        self.zones.set(settings);
    }
    /// `cpu` asks from now on: its lists are used, and the memory of its node goes first.
    pub fn set_cpu(&mut self, cpu: usize) {
        self.zones.cpu = cpu;
    }
    /// Returns what CPUs' lists hold to the buddy lists.
    pub fn drain(&mut self) {
        self.zones.all_mut().iter_mut().for_each(Zone::drain);
    }
    /// Frames are being reclaimed, or no longer: CPUs' lists are kept short as long.
    pub fn set_under_reclaim(&mut self, under_reclaim: bool) {
        self.zones.all_mut().iter_mut().for_each(|zone| zone.set_under_reclaim(under_reclaim));
    }
    /// Blocks of higher orders were freed, as when a task ends: CPUs' lists that were being emptied are emptied.
    pub(crate) fn freed_high_orders(&mut self) {
        self.zones.all_mut().iter_mut().for_each(Zone::freed_high_orders);
    }
    /// By how much the watermarks of each zone are raised.
    pub(crate) fn boosts(&self) -> Vec<u64> {
        self.zones().iter().map(Zone::boost).collect()
    }
    /// kswapd has made up for what watermarks were raised by when it began: `boosts`, by zone.
    pub(crate) fn unboost(&mut self, boosts: &[u64]) {
        self.zones.all_mut().iter_mut().zip(boosts).for_each(|(zone, &frames)| zone.unboost(frames));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_zero_is_never_handed_out() {
        let mut memory = PhysicalMemory::new(0..4, false);
        assert_eq!(memory.frames_total(), 3);
        let mut taken: Vec<_> =
            std::iter::from_fn(|| memory.allocate(FrameUse::Anonymous).ok()).map(|p| p.0).collect();
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 3]);
    }

    #[test]
    fn high_memory_goes_first_and_low_memory_stays_for_those_who_need_it() {
        let mut memory = PhysicalMemory::new(0x10_0000 - 2..0x10_0000 + 1, true);
        assert_eq!(memory.allocate(FrameUse::Anonymous), Ok(Pfn(0x10_0000)));
        assert_eq!(memory.allocate_below(kind::DMA32_END, FrameUse::Anonymous), Ok(Pfn(0x10_0000 - 2)));
        assert_eq!(memory.allocate(FrameUse::Anonymous), Ok(Pfn(0x10_0000 - 1)), "falls back");
        assert_eq!(memory.allocate(FrameUse::Anonymous), Err(OutOfMemory));
    }

    #[test]
    fn the_last_holder_frees() {
        let mut memory = PhysicalMemory::new(1..8, false);
        let pfn = memory.allocate(FrameUse::Anonymous).unwrap();
        memory.get(pfn);
        assert!(!memory.put(pfn));
        assert_eq!((memory.references(pfn), memory.frames_in_use()), (1, 1));
        assert!(memory.put(pfn));
        assert_eq!((memory.references(pfn), memory.frames_in_use(), memory.frames_free()), (0, 0, 7));
    }

    #[test]
    #[should_panic(expected = "is not in use")]
    fn freeing_twice_is_caught() {
        let mut memory = PhysicalMemory::new(1..8, false);
        let pfn = memory.allocate(FrameUse::Anonymous).unwrap();
        memory.put(pfn);
        memory.put(pfn);
    }
}
