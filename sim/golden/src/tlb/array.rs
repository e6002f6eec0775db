//! Sets of ways with a key to match on: the storage of every TLB here. Owns matching; which set, which way and what a
//! match means is the TLB's.

use crate::rights::Rights;
use pagewalk_arch::PageSize;

/// Bits of a page number in a key: enough for 57-bit addresses.
const PAGE_BITS: u32 = 45;
const PAGE_MASK: u64 = (1 << PAGE_BITS) - 1;
const ASID_SHIFT: u32 = PAGE_BITS;
const ASID_MASK: u64 = 0xffff << ASID_SHIFT;
const VALID: u64 = 1 << 61;

/// Page number, ASID and the valid bit in one word. Two keys match where they agree in the bits that the stored
/// one cares for; an invalid entry's key is 0 and cares for the valid bit, so it matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    #[inline]
    pub(crate) fn new(page: u64, asid: u16) -> Self {
        Self(page & PAGE_MASK | u64::from(asid) << ASID_SHIFT | VALID)
    }
}

/// What an entry gives to the accesses that match it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    /// First 4 KiB frame of the piece.
    pub frame: u64,
    /// Page-number bits that the piece takes from the address, and that a match ignores (E-5).
    pub page_bits_from_va: u64,
    pub rights: Rights,
    pub dirty: bool,
    pub global: bool,
    pub memory_type: u8,
    /// Size in the page tables, whatever the piece is (E-6).
    pub page: PageSize,
}

impl Payload {
    const EMPTY: Self = Self {
        frame: 0,
        page_bits_from_va: 0,
        rights: Rights::ALL.when(false),
        dirty: false,
        global: false,
        memory_type: 0,
        page: PageSize::Level0,
    };

    /// The 4 KiB frame of the page numbered `page`.
    #[inline]
    pub(crate) fn frame_of(&self, page: u64) -> u64 {
        self.frame | page & self.page_bits_from_va
    }
}

/// The entries of one array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Array {
    /// A power of two.
    sets: usize,
    ways: usize,
    keys: Vec<u64>,
    cares: Vec<u64>,
    payloads: Vec<Payload>,
}

impl Array {
    pub(crate) fn new(sets: usize, ways: usize) -> Self {
        let entries = sets * ways;
        Self {
            sets,
            ways,
            keys: vec![0; entries],
            cares: vec![VALID; entries],
            payloads: vec![Payload::EMPTY; entries],
        }
    }
    pub(crate) fn sets(&self) -> usize {
        self.sets
    }
    pub(crate) fn ways(&self) -> usize {
        self.ways
    }
    /// The ways of `set` that match, as a set of bits.
    #[inline]
    pub(crate) fn matches(&self, set: usize, key: Key) -> u64 {
        let row = set * self.ways..(set + 1) * self.ways;
        let entries = self.keys[row.clone()].iter().zip(&self.cares[row]);
        entries
            .enumerate()
            .fold(0, |found, (way, (&stored, &care))| found | u64::from((stored ^ key.0) & care == 0) << way)
    }
    #[inline]
    pub(crate) fn payload(&self, set: usize, way: usize) -> &Payload {
        &self.payloads[set * self.ways + way]
    }
    pub(crate) fn write(&mut self, set: usize, way: usize, key: Key, payload: Payload) {
        let at = set * self.ways + way;
        let any_asid = if payload.global { ASID_MASK } else { 0 };
        self.keys[at] = key.0;
        self.cares[at] = !(payload.page_bits_from_va | any_asid);
        self.payloads[at] = payload;
    }
    pub(crate) fn invalidate(&mut self, set: usize, way: usize) {
        let at = set * self.ways + way;
        self.keys[at] = 0;
        self.cares[at] = VALID;
    }
    pub(crate) fn invalidate_set(&mut self, set: usize) {
        (0..self.ways).for_each(|way| self.invalidate(set, way));
    }
    /// The entries of `set`, ways in order; `None` where nothing valid stands.
    pub(crate) fn entry(&self, set: usize, way: usize) -> Option<Stored<'_>> {
        let at = set * self.ways + way;
        (self.keys[at] & VALID != 0).then(|| Stored { key: self.keys[at], payload: &self.payloads[at] })
    }
}

/// A valid entry.
pub(crate) struct Stored<'a> {
    key: u64,
    pub payload: &'a Payload,
}

impl Stored<'_> {
    /// Whether the entry's piece holds the page, by the bits of `compared`.
    pub(crate) fn holds(&self, page: u64, compared: u64) -> bool {
        (self.key ^ page) & PAGE_MASK & compared & !self.payload.page_bits_from_va == 0
    }
    /// First page number of the piece.
    pub(crate) fn page(&self) -> u64 {
        self.key & PAGE_MASK & !self.payload.page_bits_from_va
    }
    pub(crate) fn asid(&self) -> u16 {
        ((self.key & ASID_MASK) >> ASID_SHIFT) as u16
    }
}
