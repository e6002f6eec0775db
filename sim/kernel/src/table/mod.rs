//! The page tables of one address space, built in page-table memory.
//!
//! Owns the frames of the tables and every entry that software writes: allocation from the root down, look-up,
//! enumeration, release. One loop over the levels of the format serves all eight. Does not own what leaf entries
//! point to, nor the fences that a change needs: the address space does.
//!
//! Invariant: a frame that is no page table reads as zeroes in page-table memory. Tables are emptied entry by entry
//! before their frames are returned, so a new table needs no clearing, in no engine.

mod cursor;
mod entry;

pub(crate) use cursor::read as read_entry;
pub use cursor::{Cursor, Found};
pub use entry::{Entry, EntryLayout, Pte, Swapped};

use crate::frame::Reserve;
use crate::{FrameUse, MmId, OutOfMemory, PageRange, Pfn, PhysicalMemory, Vpn};
use cursor::LEVELS_MAX;
use pagewalk_arch::{FRAME_BYTES, FRAME_SHIFT, FormatSpec, PhysAddr, Platform};

/// A mapping and its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// The first page that it maps.
    pub page: Vpn,
    /// Where the entry lies.
    pub slot: PhysAddr,
    /// What it maps, with the A and D bits that the hardware has set so far.
    pub pte: Pte,
}

/// Where a leaf entry lies, and what had to change to make room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) addr: PhysAddr,
    /// An entry that the MMU holds resident (a PAE PDPTE) was written: the context must be set again.
    pub(crate) resident_changed: bool,
}

/// What a release of unused tables did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "the tables' frames are the caller's to return, once the fence has been carried out"]
pub(crate) struct Released {
    /// Tables that nothing points to any more, with the one reference that each has.
    pub(crate) tables: Vec<Pfn>,
    by_level: [u64; LEVELS_MAX],
    pub(crate) resident_changed: bool,
}

/// Writes `entry` into the leaf at `slot`, whoever's table it is in.
pub(crate) fn write_entry(
    platform: &mut dyn Platform,
    memory: &mut PhysicalMemory,
    layout: &EntryLayout,
    slot: PhysAddr,
    entry: Entry,
) {
    store(platform, memory, slot, layout.encode(entry, 0));
}

/// Writes an entry, and counts those that are not zero.
fn store(platform: &mut dyn Platform, memory: &mut PhysicalMemory, slot: PhysAddr, value: u64) {
    let (was_used, used) = (platform.read_pte(slot) != 0, value != 0);
    if was_used != used {
        memory.count_table_entry(Pfn::of(slot), used);
    }
    platform.write_pte(slot, value);
}

/// First frame that CR3 cannot name in PAE paging.
const PAE_ROOT_END: u64 = 1 << (32 - FRAME_SHIFT);

/// The page tables of one address space.
#[derive(Clone, Debug)]
pub struct PageTable {
    layout: EntryLayout,
    root: Pfn,
    mm: MmId,
    /// By level.
    tables: [u64; LEVELS_MAX],
    /// The lowest table that [`Self::slot`] came to last: the next page that is looked for is mostly in it too.
    last: Option<LowestTable>,
}

/// A table of leaf entries, and what it serves.
#[derive(Clone, Copy, Debug)]
struct LowestTable {
    table: Pfn,
    /// The number of its first page, over that of the pages that such a table serves.
    part: u64,
}

impl PageTable {
    /// An empty root table of the address space `mm`.
    pub fn new(
        spec: &'static FormatSpec,
        memory: &mut PhysicalMemory,
        mm: MmId,
    ) -> Result<Self, OutOfMemory> {
        let end = if spec.resident_root_entries > 0 { PAE_ROOT_END } else { u64::MAX };
        let root = memory.allocate_below(end, FrameUse::PageTable { entries: 0 })?;
        memory.set_serves(root, mm, Vpn(0));
        let mut tables = [0; LEVELS_MAX];
        tables[spec.levels() - 1] = 1;
        Ok(Self { layout: EntryLayout::new(spec), root, mm, tables, last: None })
    }

    /// First byte of the root table, as satp or CR3 takes it.
    pub fn root(&self) -> PhysAddr {
        self.root.addr()
    }
    /// Frames that hold tables, the root included.
    pub fn tables(&self) -> u64 {
        self.tables.iter().sum()
    }
    /// Frames that hold tables, by level from the lowest on; the root is at the highest level of the format.
    pub fn tables_by_level(&self) -> &[u64] {
        &self.tables[..self.spec().levels()]
    }
    /// The tables above the two lowest levels, the root first; the root alone where it is the second.
    pub(crate) fn upper_tables(&self, platform: &dyn Platform) -> Vec<Pfn> {
        let mut level = self.spec().levels() - 1;
        let mut upper = vec![self.root];
        let mut above = upper.clone();
        while level > 2 {
            let entries = above.iter().flat_map(|table| {
                let slots = (0..1u64 << self.spec().index_bits[level])
                    .map(|index| Vpn(index << self.layout.order(level)))
                    .map(|page| self.layout.slot(*table, page, level));
                slots.filter_map(|slot| self.layout.decode(platform.read_pte(slot), level))
            });
            let below = |entry| if let Entry::Table(table) = entry { Some(table) } else { None };
            above = entries.filter_map(below).collect();
            upper.extend(&above);
            level -= 1;
        }
        upper
    }
    /// How entries are laid out.
    pub fn layout(&self) -> EntryLayout {
        self.layout
    }

    fn spec(&self) -> &'static FormatSpec {
        self.layout.spec()
    }

    /// A cursor on the mappings of `pages`.
    pub fn cursor(&self, pages: PageRange) -> Cursor {
        Cursor::new(self.layout, self.root, pages)
    }

    /// A cursor on `page` alone, as far down as is known without a read.
    fn cursor_on(&self, page: Vpn) -> Cursor {
        let cursor = self.cursor(PageRange::single(page));
        match self.last {
            Some(last) if last.part == self.part(page) => cursor.down_to(last.table),
            _ => cursor,
        }
    }

    fn part(&self, page: Vpn) -> u64 {
        page.0 >> self.layout.order(1)
    }

    /// Whether the table that is remembered is the one that a walk comes to.
    pub(crate) fn remembers_rightly(&self, platform: &dyn Platform) -> bool {
        self.last.is_none_or(|last| {
            let page = Vpn(last.part << self.layout.order(1));
            let mut cursor = self.cursor(PageRange::single(page));
            cursor.descend(platform);
            cursor.table() == (last.table, 0)
        })
    }

    /// The mapping that holds `page`; `None` where there is none.
    pub fn lookup(&self, platform: &dyn Platform, page: Vpn) -> Option<Mapped> {
        self.cursor_on(page).next(platform)
    }

    /// What the entry of `page` says; `None` where there is none.
    pub fn find(&self, platform: &dyn Platform, page: Vpn) -> Option<Found> {
        self.cursor_on(page).next_used(platform)
    }

    /// Every mapping of `pages`, upwards.
    pub fn mapped(&self, platform: &dyn Platform, pages: PageRange) -> Vec<Mapped> {
        let mut cursor = self.cursor(pages);
        std::iter::from_fn(|| cursor.next(platform)).collect()
    }

    /// Every entry in use of `pages`, upwards.
    pub fn used(&self, platform: &dyn Platform, pages: PageRange) -> Vec<Found> {
        let mut cursor = self.cursor(pages);
        std::iter::from_fn(|| cursor.next_used(platform)).collect()
    }

    /// The place of the leaf entry of `page`, with the tables on the way to it made where they are missing: all or
    /// none.
    ///
    /// # Panics
    /// Where a larger leaf maps the page.
    pub(crate) fn slot(
        &mut self,
        platform: &mut dyn Platform,
        memory: &mut PhysicalMemory,
        page: Vpn,
    ) -> Result<Slot, OutOfMemory> {
        let deepest = self.deepest(platform, page);
        let mut reserve = memory.reserve(deepest.1 as u64)?;
        let slot = self.extend(platform, memory, page, deepest, &mut reserve);
        memory.cancel(reserve);
        Ok(slot)
    }

    /// As [`Self::slot`], with tables for which memory is reserved: [`Self::tables_missing`].
    pub(crate) fn slot_reserved(
        &mut self,
        platform: &mut dyn Platform,
        memory: &mut PhysicalMemory,
        page: Vpn,
        reserve: &mut Reserve,
    ) -> Slot {
        let deepest = self.deepest(platform, page);
        self.extend(platform, memory, page, deepest, reserve)
    }

    /// How many tables would have to be made for leaf entries of `pages`, which come upwards.
    pub(crate) fn tables_missing(&self, platform: &dyn Platform, pages: impl Iterator<Item = Vpn>) -> u64 {
        let mut missing = 0;
        let mut before: Option<Vpn> = None;
        for page in pages {
            let (_, level) = self.deepest(platform, page);
            // A table that the page before needs as well is counted already.
            let is_new = |level: &usize| {
                let table_of = |page: Vpn| page.0 >> self.layout.order(*level);
                before.is_none_or(|before| table_of(before) != table_of(page))
            };
            missing += (1..=level).filter(is_new).count() as u64;
            before = Some(page);
        }
        missing
    }

    /// The lowest table on the way to `page` that is there, and its level.
    fn deepest(&self, platform: &dyn Platform, page: Vpn) -> (Pfn, usize) {
        let mut cursor = self.cursor_on(page);
        if let (table, 0) = cursor.table() {
            return (table, 0);
        }
        let (_, entry) = cursor.descend(platform);
        let (table, level) = cursor.table();
        assert!(
            level == 0 || entry == Entry::Absent,
            "{entry:?} maps {page:?}, which is to have its own entry"
        );
        (table, level)
    }

    /// Makes the tables that are missing on the way to `page` below `table`, which is of `level`.
    fn extend(
        &mut self,
        platform: &mut dyn Platform,
        memory: &mut PhysicalMemory,
        page: Vpn,
        (mut table, level): (Pfn, usize),
        reserve: &mut Reserve,
    ) -> Slot {
        for level in (1..=level).rev() {
            let below = memory.take(reserve, FrameUse::PageTable { entries: 0 });
            self.tables[level - 1] += 1;
            let served = self.layout.order(level);
            memory.set_serves(below, self.mm, Vpn(page.0 >> served << served));
            let value = self.layout.encode(Entry::Table(below), level);
            self.write(platform, memory, self.layout.slot(table, page, level), value);
            table = below;
        }
        self.last = Some(LowestTable { table, part: self.part(page) });
        let resident_changed = (1..=level).any(|level| self.layout.is_resident(level));
        Slot { addr: self.layout.slot(table, page, 0), resident_changed }
    }

    /// Writes the leaf entry at `slot`.
    pub(crate) fn set(
        &self,
        platform: &mut dyn Platform,
        memory: &mut PhysicalMemory,
        slot: PhysAddr,
        pte: Pte,
    ) {
        self.write(platform, memory, slot, self.layout.encode(Entry::of(pte), 0));
    }

    /// Says at `slot` that the page is in swap.
    pub(crate) fn set_swapped(
        &self,
        platform: &mut dyn Platform,
        memory: &mut PhysicalMemory,
        slot: PhysAddr,
        swapped: Swapped,
    ) {
        self.write(platform, memory, slot, self.layout.encode(Entry::Swapped(swapped), 0));
    }

    /// Clears the leaf entry at `slot`.
    pub(crate) fn clear(&self, platform: &mut dyn Platform, memory: &mut PhysicalMemory, slot: PhysAddr) {
        self.write(platform, memory, slot, 0);
    }

    fn write(&self, platform: &mut dyn Platform, memory: &mut PhysicalMemory, slot: PhysAddr, value: u64) {
        store(platform, memory, slot, value);
    }

    /// `pages` cut at the borders of the entries of `level`.
    fn entries(&self, level: usize, pages: PageRange) -> impl Iterator<Item = PageRange> + use<> {
        let bits = self.layout.order(level);
        let (first, last) = (pages.start().0 >> bits, (pages.end().0 - 1) >> bits);
        (first..=last).map(move |entry| {
            PageRange::new(Vpn(entry << bits), Vpn((entry + 1) << bits)).intersection(&pages)
        })
    }

    /// Takes out all tables but the root that serve only pages of `hole`, none of which may be mapped.
    /// Linux's `free_pgtables`.
    pub(crate) fn release(
        &mut self,
        platform: &mut dyn Platform,
        memory: &mut PhysicalMemory,
        hole: PageRange,
    ) -> Released {
        let mut released = Released::default();
        if !hole.is_empty() {
            self.release_under(platform, memory, self.spec().levels() - 1, self.root, hole, &mut released);
        }
        if released.by_level[0] > 0 {
            self.last = None;
        }
        for (level, gone) in released.by_level.into_iter().enumerate() {
            self.tables[level] -= gone;
        }
        released
    }

    fn release_under(
        &self,
        platform: &mut dyn Platform,
        memory: &mut PhysicalMemory,
        level: usize,
        table: Pfn,
        hole: PageRange,
        released: &mut Released,
    ) {
        if level == 0 {
            return;
        }
        for part in self.entries(level, hole) {
            let slot = self.layout.slot(table, part.start(), level);
            let Entry::Table(below) = cursor::read(&self.layout, platform, slot, level) else { continue };
            self.release_under(platform, memory, level - 1, below, part, released);
            if part.pages() == 1 << self.layout.order(level) {
                self.write(platform, memory, slot, 0);
                released.tables.push(below);
                released.by_level[level - 1] += 1;
                released.resident_changed |= self.layout.is_resident(level);
            }
        }
    }

    /// Returns the frames of all tables. No page may be mapped any more, and no CPU may walk or have cached them.
    pub(crate) fn destroy(mut self, platform: &mut dyn Platform, memory: &mut PhysicalMemory) {
        let all = PageRange::new(Vpn(0), Vpn(self.spec().user_end() / FRAME_BYTES));
        for table in self.release(platform, memory, all).tables {
            memory.put(table);
        }
        memory.put(self.root);
    }
}
