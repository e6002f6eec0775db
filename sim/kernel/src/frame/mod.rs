//! Physical memory: zones of buddy-managed frames, and the metadata of frames in use (Linux's `struct page`).
//!
//! Owns who holds a frame and how often. Does not own what a frame means to its holder: page tables and address
//! spaces do.

mod buddy;
mod folio;
mod migrate;
mod reserve;
mod zone;

pub use buddy::{Buddy, ORDER_COUNT, ORDER_MAX, PAGEBLOCK_ORDER, Steal, StealPolicy};
pub(crate) use folio::Folio;
pub use folio::{AnonState, FrameUse};
pub use migrate::{MIGRATE_TYPES, MigrateType};
pub use reserve::AfterFailure;
pub(crate) use reserve::Reserve;
pub use zone::{Zone, ZoneKind};

use folio::FolioTable;
use pagewalk_arch::PhysAddr;
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
    /// Lowest first; allocation prefers the highest, as Linux's zonelists do, and keeps scarce low memory.
    zones: Vec<Zone>,
    folios: FolioTable,
    frames_in_use_max: u64,
    /// Free frames that are promised to a [`Reserve`].
    reserved: u64,
    failure: Option<(u64, AfterFailure)>,
}

impl PhysicalMemory {
    /// Memory of the frames `frames`, all free. Frame 0 is kept back where it is among them, so that a page number
    /// of 0 always means "none". With `split_at_4g`, what lies below 4 GiB is a zone of its own.
    pub fn new(frames: Range<u64>, split_at_4g: bool) -> Self {
        let first = frames.start.max(1);
        let end = frames.end.max(first);
        let boundary = if split_at_4g { zone::DMA32_END.clamp(first, end) } else { first };
        let zones = [(ZoneKind::Dma32, first..boundary), (ZoneKind::Normal, boundary..end)];
        let zones = zones.into_iter().filter(|(_, span)| !span.is_empty());
        Self {
            zones: zones.map(|(kind, span)| Zone { kind, buddy: Buddy::new(span) }).collect(),
            folios: FolioTable::new(&(first..end)),
            frames_in_use_max: 0,
            reserved: 0,
            failure: None,
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
        let reachable = self.zones.iter_mut().rev().filter(|zone| zone.buddy.span().end <= end);
        let pfn = reachable.filter_map(|zone| zone.buddy.allocate(0)).map(Pfn).next().ok_or(OutOfMemory)?;
        self.folios.insert(pfn, Folio::new(usage));
        self.frames_in_use_max = self.frames_in_use_max.max(self.folios.len());
        Ok(pfn)
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
        let empty = !matches!(frame.usage, FrameUse::PageTable { entries: 1.. });
        assert!(empty, "{pfn:?} is freed as a page table with entries");
        self.folios.remove(pfn);
        let zone = self.zones.iter_mut().find(|zone| zone.buddy.span().contains(&pfn.0));
        zone.expect("a frame in use belongs to a zone").buddy.free(pfn.0, 0);
        true
    }

    /// A leaf entry maps a frame; the reference that goes with it is the caller's.
    ///
    /// # Panics
    /// Where the frame is not in use.
    pub(crate) fn map(&mut self, pfn: Pfn) {
        self.frame_mut(pfn).mappings += 1;
    }

    /// A leaf entry is gone; the reference that went with it is the caller's.
    ///
    /// # Panics
    /// Where no entry maps the frame.
    pub(crate) fn unmap(&mut self, pfn: Pfn) {
        let frame = self.frame_mut(pfn);
        frame.mappings = frame.mappings.checked_sub(1).expect("an entry mapped it");
    }

    /// Leaf entries that map a frame, in all address spaces: never more than [`Self::references`].
    pub fn mappings(&self, pfn: Pfn) -> u32 {
        self.folios.get(pfn).map_or(0, |frame| frame.mappings)
    }

    /// The state of an anonymous page; the default for every other frame.
    pub fn anon(&self, pfn: Pfn) -> AnonState {
        self.folios.get(pfn).map_or(AnonState::default(), |frame| frame.anon)
    }

    /// Sets the state of an anonymous page.
    ///
    /// # Panics
    /// Where the frame is not in use.
    pub(crate) fn set_anon(&mut self, pfn: Pfn, state: AnonState) {
        self.frame_mut(pfn).anon = state;
    }

    /// The page stays locked though the area that showed it is not any more: `PG_mlocked`.
    ///
    /// # Panics
    /// Where the frame is not in use.
    pub(crate) fn set_mlocked(&mut self, pfn: Pfn) {
        self.frame_mut(pfn).mlocked = true;
    }

    /// Whether the page is locked though no area says so.
    pub(crate) fn is_mlocked(&self, pfn: Pfn) -> bool {
        self.folios.get(pfn).is_some_and(|frame| frame.mlocked)
    }

    /// Whether a frame is an anonymous page.
    pub fn is_anonymous(&self, pfn: Pfn) -> bool {
        self.usage(pfn) == Some(FrameUse::Anonymous)
    }

    /// Holders of a frame; 0 where it is free or does not exist.
    pub fn references(&self, pfn: Pfn) -> u32 {
        self.folios.get(pfn).map_or(0, |frame| frame.references)
    }

    /// What a frame is used for; `None` where it is free or does not exist.
    pub fn usage(&self, pfn: Pfn) -> Option<FrameUse> {
        self.folios.get(pfn).map(|frame| frame.usage)
    }

    /// Counts an entry of the page table in `table` that became used or unused.
    pub(crate) fn count_table_entry(&mut self, table: Pfn, used: bool) {
        let frame = self.frame_mut(table);
        let FrameUse::PageTable { entries } = &mut frame.usage else {
            panic!("{table:?} is written as a page table but is {:?}", frame.usage);
        };
        *entries = if used { *entries + 1 } else { entries.checked_sub(1).expect("an entry was there") };
    }

    /// Forgets a frame without returning it: for tests of what finds that.
    #[cfg(test)]
    pub(crate) fn lose(&mut self, pfn: Pfn) {
        self.folios.remove(pfn);
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
        &self.zones
    }
    /// Frames in the machine.
    pub fn frames_total(&self) -> u64 {
        self.zones.iter().map(|zone| zone.buddy.span().end - zone.buddy.span().start).sum()
    }
    /// Frames in use now.
    pub fn frames_in_use(&self) -> u64 {
        self.folios.len()
    }
    /// The most frames that were ever in use at once.
    pub fn frames_in_use_max(&self) -> u64 {
        self.frames_in_use_max
    }
    /// Frames that are free now. With [`Self::frames_in_use`] they make up [`Self::frames_total`] at every instant.
    pub fn frames_free(&self) -> u64 {
        self.zones.iter().map(|zone| zone.buddy.frames_free()).sum()
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
        assert_eq!(memory.allocate_below(zone::DMA32_END, FrameUse::Anonymous), Ok(Pfn(0x10_0000 - 2)));
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
