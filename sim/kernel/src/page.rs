//! Virtual page numbers and ranges of them. Everything in the kernel that speaks of pages speaks in these; bytes
//! appear only where a system call or a fault comes in.

use pagewalk_arch::{FRAME_BYTES, FRAME_SHIFT, VirtAddr};
use std::fmt;

/// Number of a 4 KiB virtual page: the address shifted right by 12.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Vpn(pub u64);

impl Vpn {
    /// The page that holds `va`.
    pub const fn of(va: VirtAddr) -> Self {
        Self(va.page_number())
    }
    /// First byte of the page.
    pub const fn addr(self) -> VirtAddr {
        VirtAddr(self.0 << FRAME_SHIFT)
    }
    /// The page `pages` further up.
    pub const fn up(self, pages: u64) -> Self {
        Self(self.0 + pages)
    }
    /// Pages from `from` up to this page; 0 where `from` lies above.
    pub const fn pages_above(self, from: Vpn) -> u64 {
        self.0.saturating_sub(from.0)
    }
}

impl fmt::Debug for Vpn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vpn({:#x})", self.0)
    }
}

/// Pages from `start` up to but not including `end`. Never negative; may be empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageRange {
    start: Vpn,
    end: Vpn,
}

impl PageRange {
    /// The pages `start..end`.
    ///
    /// # Panics
    /// Where `end` lies below `start`: the caller has lost track of its own bounds.
    pub const fn new(start: Vpn, end: Vpn) -> Self {
        assert!(start.0 <= end.0, "a range of pages ends before it starts");
        Self { start, end }
    }
    /// One page.
    pub const fn single(page: Vpn) -> Self {
        Self { start: page, end: page.up(1) }
    }
    /// Every page that `bytes` bytes from `at` on touch when `at` is rounded down to a page, as the system calls
    /// take them. `None` where the end does not fit in 64 bits.
    pub const fn covering(at: VirtAddr, bytes: u64) -> Option<Self> {
        let Some(end) = at.0.checked_add(bytes) else { return None };
        let Some(end) = end.checked_add(FRAME_BYTES - 1) else { return None };
        let start = Vpn::of(at);
        let end = if bytes == 0 { start } else { Vpn(end >> FRAME_SHIFT) };
        Some(Self { start, end })
    }
    /// First page.
    pub const fn start(&self) -> Vpn {
        self.start
    }
    /// The page after the last.
    pub const fn end(&self) -> Vpn {
        self.end
    }
    /// Number of pages.
    pub const fn pages(&self) -> u64 {
        self.end.0 - self.start.0
    }
    /// Bytes in all pages.
    pub const fn bytes(&self) -> u64 {
        self.pages() << FRAME_SHIFT
    }
    /// Whether there is no page in it.
    pub const fn is_empty(&self) -> bool {
        self.start.0 == self.end.0
    }
    /// Whether `page` is one of them.
    pub const fn contains(&self, page: Vpn) -> bool {
        self.start.0 <= page.0 && page.0 < self.end.0
    }
    /// Whether every page of `other` is one of them.
    pub const fn covers(&self, other: &PageRange) -> bool {
        self.start.0 <= other.start.0 && other.end.0 <= self.end.0
    }
    /// Whether the two have a page in common.
    pub const fn overlaps(&self, other: &PageRange) -> bool {
        self.start.0 < other.end.0 && other.start.0 < self.end.0
    }
    /// The pages in both; empty where there is none.
    pub fn intersection(&self, other: &PageRange) -> PageRange {
        let start = self.start.max(other.start);
        Self { start, end: self.end.min(other.end).max(start) }
    }
    /// Every page, upwards.
    pub fn iter(&self) -> impl Iterator<Item = Vpn> + use<> {
        (self.start.0..self.end.0).map(Vpn)
    }
}

impl fmt::Debug for PageRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pages {:#x}..{:#x}", self.start.0, self.end.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_outwards_to_pages() {
        let range = |at, bytes| PageRange::covering(VirtAddr(at), bytes).map(|r| (r.start().0, r.end().0));
        assert_eq!(range(0x1000, 0x1000), Some((1, 2)));
        assert_eq!(range(0x1000, 1), Some((1, 2)));
        assert_eq!(range(0x1fff, 2), Some((1, 3)), "two bytes across a boundary are two pages");
        assert_eq!(range(0x1800, 0), Some((1, 1)), "no bytes, no page");
        assert_eq!(range(u64::MAX, 2), None);
        assert_eq!(range(u64::MAX - 1, 1), None, "rounding up must not wrap");
    }

    #[test]
    fn intersections_of_disjoint_ranges_are_empty() {
        let (a, b) = (PageRange::new(Vpn(1), Vpn(4)), PageRange::new(Vpn(6), Vpn(9)));
        assert!(a.intersection(&b).is_empty());
        assert!(b.intersection(&a).is_empty());
        assert!(!a.overlaps(&b));
    }
}
