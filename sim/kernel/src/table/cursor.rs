//! A place in page tables that moves upwards: the one way in which the kernel walks them.
//!
//! Owns the path from the root to where it stands, so that a step costs one read and not a walk. What is not there is
//! passed over at the level where it is missing: going through a range costs what tables there are in it, not how many
//! pages it spans. Borrows nothing between steps, so the entry that it has just given may be changed or cleared; the
//! tables themselves must stay.

use super::{Entry, EntryLayout, Mapped, Swapped};
use crate::{PageRange, Pfn, Vpn};
use pagewalk_arch::{PhysAddr, Platform};

/// Levels of the deepest format.
pub(super) const LEVELS_MAX: usize = 5;

/// An entry in use that is no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A mapping.
    Mapped(Mapped),
    /// A page in swap.
    Swapped {
        /// Which.
        page: Vpn,
        /// Where its entry lies.
        slot: PhysAddr,
        /// Where the page is.
        swapped: Swapped,
    },
}

impl Found {
    /// The page, the first where there are several.
    pub fn page(&self) -> Vpn {
        match self {
            Found::Mapped(mapped) => mapped.page,
            Found::Swapped { page, .. } => *page,
        }
    }
}

/// Where a walk upwards stands.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    layout: EntryLayout,
    /// The next page to look at.
    page: Vpn,
    end: Vpn,
    /// Level of the table that the next entry to read lies in.
    level: usize,
    /// The tables on the way to `page`, by level, from the root down to `level`.
    path: [Pfn; LEVELS_MAX],
}

impl Cursor {
    pub(super) fn new(layout: EntryLayout, root: Pfn, pages: PageRange) -> Self {
        let level = layout.spec().levels() - 1;
        Self { layout, page: pages.start(), end: pages.end(), level, path: [root; LEVELS_MAX] }
    }

    /// In `table` of the lowest level, which holds the entry of the page at which it stands, the only one of its range.
    pub(super) fn down_to(mut self, table: Pfn) -> Self {
        debug_assert!(self.end.0 == self.page.0 + 1, "it cannot go up again");
        self.level = 0;
        self.path[0] = table;
        self
    }

    /// The next mapping that has a page in the range. It may begin below the range or end above it.
    pub fn next(&mut self, platform: &dyn Platform) -> Option<Mapped> {
        loop {
            if let Found::Mapped(mapped) = self.next_used(platform)? {
                return Some(mapped);
            }
        }
    }

    /// As [`Self::next`], pages in swap included.
    pub fn next_used(&mut self, platform: &dyn Platform) -> Option<Found> {
        while self.page < self.end {
            let (slot, entry) = self.descend(platform);
            let page = self.page;
            self.pass();
            match entry {
                Entry::Leaf(pte) | Entry::NoAccess(pte) => {
                    return Some(Found::Mapped(Mapped {
                        page: Vpn(page.0 >> pte.order << pte.order),
                        slot,
                        pte,
                    }));
                }
                Entry::Swapped(swapped) => return Some(Found::Swapped { page, slot, swapped }),
                Entry::Absent | Entry::Table(_) => {}
            }
        }
        None
    }

    /// Follows tables down the way to the page at which it stands, to the entry that is none: where that lies, and what
    /// it is.
    pub(super) fn descend(&mut self, platform: &dyn Platform) -> (PhysAddr, Entry) {
        loop {
            let slot = self.layout.slot(self.path[self.level], self.page, self.level);
            match read(&self.layout, platform, slot, self.level) {
                Entry::Table(below) => {
                    self.level -= 1;
                    self.path[self.level] = below;
                }
                entry => return (slot, entry),
            }
        }
    }

    /// The first page of the range whose entry lies in a table that is there, whether or not the entry is in use.
    pub(crate) fn first_table(mut self, platform: &dyn Platform) -> Option<Vpn> {
        while self.page < self.end {
            self.descend(platform);
            if self.level == 0 {
                return Some(self.page);
            }
            self.pass();
        }
        None
    }

    /// The table that it has come down to, and its level.
    pub(super) fn table(&self) -> (Pfn, usize) {
        (self.path[self.level], self.level)
    }

    /// Goes past the entry that was read last, up to where its table ends.
    fn pass(&mut self) {
        let order = self.layout.order(self.level);
        self.page = Vpn(((self.page.0 >> order) + 1) << order);
        let top = self.layout.spec().levels() - 1;
        while self.level < top && self.page.0.is_multiple_of(1 << self.layout.order(self.level + 1)) {
            self.level += 1;
        }
    }
}

/// The entry at `slot`, of a table of `level`.
///
/// # Panics
/// Where it holds what this kernel never writes: page-table memory is damaged.
pub(crate) fn read(layout: &EntryLayout, platform: &dyn Platform, slot: PhysAddr, level: usize) -> Entry {
    let value = platform.read_pte(slot);
    layout.decode(value, level).unwrap_or_else(|| panic!("{value:#x} at {slot}, level {level}, is no entry"))
}
