//! What is known of each frame in use: Linux's `struct page`, later its folio.
//!
//! Owns the metadata and where it lies: densely, a chunk for each block of the highest order, made when its first frame
//! is used. So the cost follows the frames in use, not the installed memory, and finding a frame costs two loads.
//! Does not own which frames are free ([`super::Buddy`]).

use super::buddy::ORDER_MAX;
use crate::{MmId, Pfn, Vpn};
use bitflags::bitflags;
use pagewalk_arch::{FRAME_BYTES, PhysAddr};
use std::ops::Range;

/// What a frame in use is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameUse {
    /// A page table with this many entries that are not zero.
    PageTable {
        /// Entries that are not zero.
        entries: u32,
    },
    /// A page private to the processes that map it.
    Anonymous,
    /// A page of a file, a segment or shared anonymous memory, held by the page cache and by every entry.
    File,
    /// The page of zeroes that untouched anonymous memory reads from.
    ZeroPage,
    /// Objects of the kernel, of a size that the slab allocator hands out.
    Slab,
    /// Any other memory of the kernel's own.
    Kernel,
}

impl FrameUse {
    /// Whether what a frame holds can be moved to another.
    pub const fn is_movable(self) -> bool {
        matches!(self, Self::Anonymous | Self::File)
    }
}

bitflags! {
    /// Linux's page flags, of those that are modelled.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct FolioFlags: u16 {
        /// PG_referenced: used once since it was last looked at.
        const REFERENCED = 1 << 0;
        /// PG_active: on the active list, or to be put there.
        const ACTIVE = 1 << 1;
        /// PG_lru: on a list of the LRU.
        const LRU = 1 << 2;
        /// PG_unevictable: no list that is scanned has it.
        const UNEVICTABLE = 1 << 3;
        /// PG_mlocked: an area that is locked maps it, or did.
        const MLOCKED = 1 << 4;
        /// PG_dirty: differs from what the device holds.
        const DIRTY = 1 << 5;
        /// PG_writeback: on its way to the device.
        const WRITEBACK = 1 << 6;
        /// PG_reclaim: to be taken as soon as it has been written; of a clean page, PG_readahead: read ahead, and the
        /// next window is to be read when it is used.
        const RECLAIM = 1 << 7;
        /// PG_workingset: was active when it was last taken, or refaulted soon.
        const WORKINGSET = 1 << 8;
        /// PG_swapbacked: goes to swap and not to a file: anonymous pages until they are lazily freed, tmpfs, shared
        /// memory.
        const SWAPBACKED = 1 << 9;
        /// PG_swapcache: a slot of swap holds it too; `index` says which.
        const SWAPCACHE = 1 << 10;
        /// PageAnonExclusive: the one process that maps it may write it without asking who else does. Fork takes this
        /// away; a write that finds no other holder gives it back.
        const EXCLUSIVE = 1 << 11;
        /// PG_uptodate: what it holds is valid; of a page that is being read, not yet.
        const UPTODATE = 1 << 12;
        /// Its count of mappings has more than one: the reverse mappings are a chain.
        const CHAINED = 1 << 13;
        /// It waits in a CPU's batch to be lazily freed.
        const LAZY_PENDING = 1 << 14;
        /// PG_young: an A bit was cleared by somebody other than reclaim, which is to find the page used.
        const YOUNG = 1 << 15;
    }
}

/// Where a leaf entry lies: a page table, and a place in it in units of 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The table.
    pub table: Pfn,
    /// First byte of the entry in it, divided by 4: below 1024.
    pub offset: u16,
}

impl Place {
    /// That of the entry at `slot`.
    pub const fn of(slot: PhysAddr) -> Self {
        Self { table: Pfn::of(slot), offset: (slot.0 % FRAME_BYTES / 4) as u16 }
    }
    /// First byte of the entry.
    pub const fn slot(self) -> PhysAddr {
        PhysAddr(self.table.addr().0 + self.offset as u64 * 4)
    }
}

/// The metadata of a frame in use: 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folio {
    /// Holders of any kind: entries, the page cache, the swap cache, gathers. 0: the frame is free.
    pub(crate) references: u32,
    /// Leaf entries among them; of a page table, its entries that are not zero.
    pub(crate) mappings: u32,
    /// The neighbours on a list of the LRU, as frames from the first of memory on; of a page table, the page that its
    /// first entry serves; of an unevictable page, `next` counts the locked areas that map it.
    pub(super) next: u32,
    pub(super) prev: u32,
    /// Of a page of a file, the number of its mapping; of a page table, of its address space.
    pub(crate) owner: u32,
    /// Of a page of a file, its number in the file; of an anonymous page in the swap cache, its slot.
    pub(crate) index: u32,
    /// Table of the one entry that maps it, from the first frame of memory on; the head of the chain where it has several.
    pub(super) rmap: u32,
    /// Bits 9:0: the entry's place in that table. Bits 12:10: what the frame is.
    packed: u16,
    pub(crate) flags: FolioFlags,
}

const _: () = assert!(size_of::<Folio>() == 32);

const OFFSET_BITS: u32 = 10;
const OFFSET_MASK: u16 = (1 << OFFSET_BITS) - 1;
const KINDS: [FrameUse; 6] = [
    FrameUse::Anonymous,
    FrameUse::File,
    FrameUse::ZeroPage,
    FrameUse::PageTable { entries: 0 },
    FrameUse::Slab,
    FrameUse::Kernel,
];

const fn kind_of(usage: FrameUse) -> u16 {
    match usage {
        FrameUse::Anonymous => 0,
        FrameUse::File => 1,
        FrameUse::ZeroPage => 2,
        FrameUse::PageTable { .. } => 3,
        FrameUse::Slab => 4,
        FrameUse::Kernel => 5,
    }
}

impl Folio {
    const FREE: Self = Self {
        references: 0,
        mappings: 0,
        next: 0,
        prev: 0,
        owner: 0,
        index: 0,
        rmap: 0,
        packed: 0,
        flags: FolioFlags::empty(),
    };

    /// One holder, nothing else.
    pub(crate) const fn new(usage: FrameUse) -> Self {
        let mappings = if let FrameUse::PageTable { entries } = usage { entries } else { 0 };
        Self { references: 1, mappings, packed: kind_of(usage) << OFFSET_BITS, ..Self::FREE }
    }

    /// What the frame is used for.
    pub(crate) fn usage(&self) -> FrameUse {
        match KINDS[usize::from(self.packed >> OFFSET_BITS)] {
            FrameUse::PageTable { .. } => FrameUse::PageTable { entries: self.mappings },
            other => other,
        }
    }
    /// Whether it is a page table.
    pub(crate) fn is_table(&self) -> bool {
        self.packed >> OFFSET_BITS == kind_of(FrameUse::PageTable { entries: 0 })
    }

    /// It is used for a page of a file from now on, and was for another that nobody maps.
    pub(super) fn become_file(&mut self) {
        debug_assert!(self.usage().is_movable() && self.mappings == 0);
        self.packed = kind_of(FrameUse::File) << OFFSET_BITS;
    }

    pub(super) fn offset(&self) -> u16 {
        self.packed & OFFSET_MASK
    }
    pub(super) fn set_offset(&mut self, offset: u16) {
        self.packed = self.packed & !OFFSET_MASK | offset;
    }

    /// Of a page table: whose it is, and the page that its first entry serves.
    pub(crate) fn serves(&self) -> (MmId, Vpn) {
        debug_assert!(self.is_table());
        (MmId(self.owner), Vpn(u64::from(self.prev) << 32 | u64::from(self.next)))
    }
    pub(super) fn set_serves(&mut self, mm: MmId, first: Vpn) {
        self.owner = mm.0;
        self.next = first.0 as u32;
        self.prev = (first.0 >> 32) as u32;
    }
}

const CHUNK_FRAMES: usize = 1 << ORDER_MAX;

/// The metadata of all frames in use.
#[derive(Clone, Debug)]
pub(super) struct FolioTable {
    /// The frame that the first chunk begins with.
    first: u64,
    chunks: Vec<Option<Box<[Folio; CHUNK_FRAMES]>>>,
    in_use: u64,
}

impl FolioTable {
    /// None of `frames` is in use.
    pub(super) fn new(frames: &Range<u64>) -> Self {
        Self { first: frames.start, chunks: Vec::new(), in_use: 0 }
    }

    /// `pfn` counted from the first frame of memory, which fits where an address does not.
    pub(super) fn near(&self, pfn: Pfn) -> u32 {
        (pfn.0 - self.first) as u32
    }
    /// The frame that is the `near`th of memory.
    pub(super) fn far(&self, near: u32) -> Pfn {
        Pfn(self.first + u64::from(near))
    }

    fn place(&self, pfn: Pfn) -> Option<(usize, usize)> {
        let index = usize::try_from(pfn.0.checked_sub(self.first)?).ok()?;
        Some((index / CHUNK_FRAMES, index % CHUNK_FRAMES))
    }

    /// The metadata of `pfn`; `None` where it is free or does not exist.
    pub(super) fn get(&self, pfn: Pfn) -> Option<&Folio> {
        let (chunk, index) = self.place(pfn)?;
        let folio = &self.chunks.get(chunk)?.as_ref()?[index];
        (folio.references > 0).then_some(folio)
    }

    /// As [`Self::get`], to be changed. The last reference goes by [`Self::remove`].
    pub(super) fn get_mut(&mut self, pfn: Pfn) -> Option<&mut Folio> {
        let (chunk, index) = self.place(pfn)?;
        let folio = &mut self.chunks.get_mut(chunk)?.as_mut()?[index];
        (folio.references > 0).then_some(folio)
    }

    /// `pfn`, which was free, is in use from now on.
    ///
    /// # Panics
    /// Where it was not free.
    pub(super) fn insert(&mut self, pfn: Pfn, folio: Folio) {
        let (chunk, index) = self.place(pfn).expect("a frame of the machine");
        if self.chunks.len() <= chunk {
            self.chunks.resize(chunk + 1, None);
        }
        let place =
            &mut self.chunks[chunk].get_or_insert_with(|| Box::new([Folio::FREE; CHUNK_FRAMES]))[index];
        assert!(place.references == 0, "{pfn:?} was free and in use at once");
        *place = folio;
        self.in_use += 1;
    }

    /// `pfn`, which was in use, is free from now on.
    pub(super) fn remove(&mut self, pfn: Pfn) {
        if let Some(folio) = self.get_mut(pfn) {
            *folio = Folio::FREE;
            self.in_use -= 1;
        }
    }

    /// Frames in use.
    pub(super) fn len(&self) -> u64 {
        self.in_use
    }

    /// Every frame in use, upwards.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Pfn, &Folio)> {
        let chunks = (self.first..).step_by(CHUNK_FRAMES).zip(&self.chunks);
        let folios =
            chunks.flat_map(|(first, chunk)| (first..).map(Pfn).zip(chunk.iter().flat_map(|c| c.iter())));
        folios.filter(|(_, folio)| folio.references > 0)
    }
}
