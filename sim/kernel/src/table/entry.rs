//! One page-table entry: its bits in each format, as the kernel writes and reads them.
//!
//! Sources: RISC-V Privileged Architecture 20240411, figures "Sv32/Sv39 page table entry"; Intel SDM vol. 3A,
//! tables 4-5, 4-6 (32-bit), 4-8, 4-10, 4-11 (PAE), 4-15 to 4-20 (64-bit). What a walk makes of the bits is not
//! here.

use crate::{Pfn, SwapSlot, Vpn};
use pagewalk_arch::pte_bit::{riscv, x86};
use pagewalk_arch::{FRAME_SHIFT, FormatSpec, Isa, PhysAddr};
use pagewalk_trace::Protection;

/// RISC-V: V. x86: P.
const VALID: u64 = riscv::V.mask();
const _: () = assert!(VALID == x86::P.mask(), "one position in every format");
/// Linux's `_PAGE_PROT_NONE`: bit G of an entry whose V is clear.
const RISCV_NO_ACCESS: u64 = riscv::G.mask();
/// Linux's `_PAGE_PROTNONE`: bit G of an entry whose P is clear.
const X86_NO_ACCESS: u64 = x86::G.mask();

/// An entry of a page that is in swap: a bit that means something of valid entries alone, in every format.
const SWAPPED: u64 = 1 << 1;
/// Of such an entry: the page is its process's own, Linux's `_PAGE_SWP_EXCLUSIVE`.
const SWAPPED_EXCLUSIVE: u64 = 1 << 2;
/// Of such an entry, from the lowest on, where the number of the area lies: clear of the marks of PROT_NONE.
const SWAP_AREA_BITS: [u32; 4] = [3, 4, 6, 7];
const _: () = assert!(X86_NO_ACCESS | RISCV_NO_ACCESS == 0x120, "no bit means two things");

/// A mapping, whatever its format. User pages alone: the kernel maps nothing for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pte {
    /// The first frame that it maps.
    pub frame: Pfn,
    /// log2 of the pages that it maps: 0, or what an entry of a higher level spans.
    pub order: u32,
    /// Rights that the hardware grants; none of an entry that is [`Entry::NoAccess`].
    pub rights: Protection,
    /// Bit A.
    pub accessed: bool,
    /// Bit D.
    pub dirty: bool,
}

impl Pte {
    /// Of one page, not used yet.
    pub const fn new(frame: Pfn, rights: Protection) -> Self {
        Self { frame, order: 0, rights, accessed: false, dirty: false }
    }
    /// Whether the hardware grants any access.
    pub const fn is_valid(&self) -> bool {
        self.rights.read || self.rights.write || self.rights.execute
    }
}

/// What an entry of a page table is, as the kernel tells them apart. That an entry is not zero says nothing of whether
/// the hardware would use it: what software keeps in invalid entries are cases of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nothing: demand paging decides. Written as zero.
    Absent,
    /// The table one level down that lies in this frame.
    Table(Pfn),
    /// A mapping that the hardware grants something of.
    Leaf(Pte),
    /// A mapping that keeps its frame while its area permits nothing (PROT_NONE): every access faults.
    NoAccess(Pte),
    /// The page is in swap: every access faults.
    Swapped(Swapped),
}

/// Where a page is that was swapped out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swapped {
    /// The slot that holds it.
    pub slot: SwapSlot,
    /// It was its process's own beyond question ([`crate::FolioFlags::EXCLUSIVE`]), and is again when it comes back.
    pub exclusive: bool,
}

impl Entry {
    /// The entry of a mapping: its rights say which it is.
    pub const fn of(pte: Pte) -> Self {
        if pte.is_valid() { Entry::Leaf(pte) } else { Entry::NoAccess(pte) }
    }
    /// The mapping, whether or not the hardware grants any of it.
    pub const fn mapping(self) -> Option<Pte> {
        match self {
            Entry::Leaf(pte) | Entry::NoAccess(pte) => Some(pte),
            Entry::Absent | Entry::Table(_) | Entry::Swapped(_) => None,
        }
    }
}

/// How a format lays out its entries.
#[derive(Clone, Copy, Debug)]
pub struct EntryLayout {
    spec: &'static FormatSpec,
}

impl EntryLayout {
    /// That of the format of `spec`.
    pub const fn new(spec: &'static FormatSpec) -> Self {
        Self { spec }
    }
    /// The format.
    pub const fn spec(&self) -> &'static FormatSpec {
        self.spec
    }

    fn frame_bits(&self) -> u32 {
        self.spec.pa_bits - FRAME_SHIFT
    }
    fn frame_field(&self, frame: Pfn) -> u64 {
        assert!(frame.0 >> self.frame_bits() == 0, "{frame:?} does not fit an entry of {}", self.spec.name);
        frame.0 << self.spec.ppn_shift
    }
    fn frame_of(&self, value: u64) -> Pfn {
        Pfn((value >> self.spec.ppn_shift) & ((1 << self.frame_bits()) - 1))
    }
    fn execute_disable(&self) -> u64 {
        self.spec.execute_disable_bit.map_or(0, |bit| 1 << bit)
    }

    /// log2 of the pages under one entry of `level`.
    pub fn order(&self, level: usize) -> u32 {
        self.spec.level_shift(level) - FRAME_SHIFT
    }
    /// Whether entries of `level` are held by the MMU itself: the PDPTEs of PAE, which have reserved bits where others
    /// have rights.
    pub fn is_resident(&self, level: usize) -> bool {
        self.spec.resident_root_entries > 0 && level + 1 == self.spec.levels()
    }
    /// The page after the last that the lowest table of `page` serves.
    pub fn end_of_table(&self, page: Vpn) -> Vpn {
        let order = if self.spec.levels() > 1 { self.order(1) } else { u64::BITS - 1 - FRAME_SHIFT };
        Vpn(((page.0 >> order) + 1) << order)
    }
    /// Where the entry for `page` lies in `table`, which is of `level`.
    pub fn slot(&self, table: Pfn, page: Vpn, level: usize) -> PhysAddr {
        let index = self.spec.index(page.addr(), level);
        PhysAddr(table.addr().0 + index * u64::from(self.spec.pte_bytes))
    }

    /// The value of `entry` at `level`.
    ///
    /// # Panics
    /// Where the format has no such entry at that level: a table below the lowest, a leaf of another order or of a
    /// frame that is not aligned to it.
    pub fn encode(&self, entry: Entry, level: usize) -> u64 {
        match entry {
            Entry::Absent => 0,
            Entry::Table(frame) => self.pointer(frame, level),
            Entry::Leaf(pte) | Entry::NoAccess(pte) => self.leaf(pte, level),
            Entry::Swapped(swapped) => self.swapped(swapped, level),
        }
    }

    /// Slots that an area of swap can have and entries still name.
    pub fn swap_slots_max(&self) -> u32 {
        1 << self.frame_bits().min(SwapSlot::OFFSET_BITS)
    }

    fn swapped(&self, swapped: Swapped, level: usize) -> u64 {
        let Swapped { slot, exclusive } = swapped;
        assert!(level == 0 && slot.offset() < self.swap_slots_max(), "{slot:?} in an entry of level {level}");
        let area = (0..).zip(SWAP_AREA_BITS);
        let area: u64 = area.map(|(bit, position)| u64::from(slot.area() >> bit & 1) << position).sum();
        let offset = u64::from(slot.offset()) << self.spec.ppn_shift;
        offset | area | SWAPPED | if exclusive { SWAPPED_EXCLUSIVE } else { 0 }
    }

    fn swapped_of(&self, value: u64) -> Option<Swapped> {
        let area = (0..).zip(SWAP_AREA_BITS);
        let area = area.map(|(bit, position)| (value >> position & 1) << bit).sum::<u64>();
        let offset =
            u32::try_from(value >> self.spec.ppn_shift).ok().filter(|&at| at < self.swap_slots_max())?;
        let slot = SwapSlot::new(area as u8, offset);
        Some(Swapped { slot, exclusive: value & SWAPPED_EXCLUSIVE != 0 })
    }

    /// Rights are left to the leaf: on x86 every entry on the way grants all.
    fn pointer(&self, frame: Pfn, level: usize) -> u64 {
        assert!(level > 0, "an entry of the lowest table points to none");
        let rights = match self.spec.isa {
            Isa::RiscV => 0,
            Isa::X86 if self.is_resident(level) => 0,
            Isa::X86 => x86::RW.mask() | x86::US.mask(),
        };
        self.frame_field(frame) | rights | VALID
    }

    /// A writable page is readable too: RISC-V reserves W without R, x86 cannot say it.
    fn leaf(&self, pte: Pte, level: usize) -> u64 {
        assert!(
            level <= self.spec.leaf_level_max && pte.order == self.order(level),
            "{pte:?} at level {level}"
        );
        assert!(pte.frame.0.is_multiple_of(1 << pte.order), "{pte:?} is not aligned");
        let bit = |set: bool, mask: u64| if set { mask } else { 0 };
        let rights = match self.spec.isa {
            Isa::RiscV if !pte.is_valid() => RISCV_NO_ACCESS | riscv::U.mask(),
            Isa::X86 if !pte.is_valid() => X86_NO_ACCESS | x86::US.mask() | bit(level > 0, x86::PS.mask()),
            Isa::RiscV => {
                VALID
                    | riscv::U.mask()
                    | bit(pte.rights.read || pte.rights.write, riscv::R.mask())
                    | bit(pte.rights.write, riscv::W.mask())
                    | bit(pte.rights.execute, riscv::X.mask())
            }
            Isa::X86 => {
                VALID
                    | x86::US.mask()
                    | bit(level > 0, x86::PS.mask())
                    | bit(pte.rights.write, x86::RW.mask())
                    | bit(!pte.rights.execute, self.execute_disable())
            }
        };
        let (accessed, dirty) = self.ad_bits();
        self.frame_field(pte.frame) | rights | bit(pte.accessed, accessed) | bit(pte.dirty, dirty)
    }

    /// The entry that `value` is at `level`; `None` where this kernel writes no such value there. Rights come back as
    /// the hardware grants them: x86 reads whatever is valid, and fetches it too where there is no XD.
    pub fn decode(&self, value: u64, level: usize) -> Option<Entry> {
        let has = |mask: u64| value & mask != 0;
        let is_leaf = match self.spec.isa {
            Isa::RiscV => has(riscv::R.mask() | riscv::W.mask() | riscv::X.mask()),
            Isa::X86 => level == 0 || has(x86::PS.mask()),
        };
        let no_access = match self.spec.isa {
            Isa::RiscV => RISCV_NO_ACCESS,
            Isa::X86 => X86_NO_ACCESS,
        };
        let rights = match (self.spec.isa, has(VALID)) {
            _ if value == 0 => return Some(Entry::Absent),
            (_, true) if !is_leaf && level > 0 => return Some(Entry::Table(self.frame_of(value))),
            (_, false) if has(no_access) => Protection::default(),
            (_, false) if has(SWAPPED) && level == 0 => return self.swapped_of(value).map(Entry::Swapped),
            (_, false) => return None,
            (Isa::RiscV, true) => Protection {
                read: has(riscv::R.mask()),
                write: has(riscv::W.mask()),
                execute: has(riscv::X.mask()),
            },
            (Isa::X86, true) => {
                Protection { read: true, write: has(x86::RW.mask()), execute: !has(self.execute_disable()) }
            }
        };
        let (accessed, dirty) = self.ad_bits();
        let (frame, order) = (self.frame_of(value), self.order(level));
        let pte = Pte { frame, order, rights, accessed: has(accessed), dirty: has(dirty) };
        let exists = level <= self.spec.leaf_level_max
            && frame.0.is_multiple_of(1 << order)
            && (pte.is_valid() || !has(VALID));
        exists.then_some(Entry::of(pte))
    }

    /// `rights` as [`Self::decode`] gives them back after [`Self::encode`].
    pub fn granted(&self, rights: Protection) -> Protection {
        let Protection { read, write, execute } = rights;
        match self.spec.isa {
            _ if !(read || write || execute) => rights,
            Isa::RiscV => Protection { read: read || write, write, execute },
            Isa::X86 => {
                Protection { read: true, write, execute: execute || self.spec.execute_disable_bit.is_none() }
            }
        }
    }

    const fn ad_bits(&self) -> (u64, u64) {
        match self.spec.isa {
            Isa::RiscV => (riscv::A.mask(), riscv::D.mask()),
            Isa::X86 => (x86::A.mask(), x86::D.mask()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::PagingFormat;

    const RW: Protection = Protection { read: true, write: true, execute: false };
    const RX: Protection = Protection { read: true, write: false, execute: true };
    const NONE: Protection = Protection { read: false, write: false, execute: false };

    fn leaf(format: PagingFormat, rights: Protection, accessed: bool, dirty: bool) -> u64 {
        let pte = Pte { accessed, dirty, ..Pte::new(Pfn(0x8_1234), rights) };
        EntryLayout::new(format.spec()).encode(Entry::of(pte), 0)
    }

    /// Worked out by hand from the figures of the manuals. Frame 0x81234: RISC-V has it from bit 10 on
    /// (0x81234 << 10 = 0x2048_d000), x86 from bit 12 on (0x8123_4000).
    #[test]
    fn leaves_of_every_format() {
        for format in [PagingFormat::Sv32, PagingFormat::Sv39, PagingFormat::Sv48, PagingFormat::Sv57] {
            // D A G U X W R V
            assert_eq!(leaf(format, RW, false, false), 0x2048_d000 | 0b0001_0111, "{format}");
            assert_eq!(leaf(format, RX, true, false), 0x2048_d000 | 0b0101_1011, "{format}");
            assert_eq!(leaf(format, RW, true, true), 0x2048_d000 | 0b1101_0111, "{format}");
            assert_eq!(leaf(format, NONE, false, false), 0x2048_d000 | 0b0011_0000, "{format}: V clear");
        }
        // G PAT D A PCD PWT U/S R/W P
        assert_eq!(leaf(PagingFormat::X86Legacy, RW, true, true), 0x8123_4067);
        assert_eq!(leaf(PagingFormat::X86Legacy, RX, false, false), 0x8123_4005);
        for format in [PagingFormat::X86Pae, PagingFormat::La48, PagingFormat::La57] {
            assert_eq!(leaf(format, RW, false, false), 0x8000_0000_8123_4007, "{format}: XD");
            assert_eq!(leaf(format, RX, true, false), 0x0000_0000_8123_4025, "{format}");
            assert_eq!(leaf(format, NONE, false, false), 0x8123_4104, "{format}: P clear");
        }
    }

    #[test]
    fn pointers_of_every_format() {
        let pointer =
            |f: PagingFormat, level| EntryLayout::new(f.spec()).encode(Entry::Table(Pfn(0x8_1234)), level);
        assert_eq!(pointer(PagingFormat::Sv32, 1), 0x2048_d001);
        assert_eq!(pointer(PagingFormat::Sv39, 2), 0x2048_d001);
        assert_eq!(pointer(PagingFormat::Sv57, 4), 0x2048_d001);
        assert_eq!(pointer(PagingFormat::X86Legacy, 1), 0x8123_4007);
        assert_eq!(pointer(PagingFormat::X86Pae, 1), 0x8123_4007);
        assert_eq!(pointer(PagingFormat::X86Pae, 2), 0x8123_4001, "a PDPTE has P alone");
        assert_eq!(pointer(PagingFormat::La48, 3), 0x8123_4007);
        assert_eq!(pointer(PagingFormat::La57, 4), 0x8123_4007);
    }

    fn every_rights() -> impl Iterator<Item = Protection> {
        (0..8u8).map(|b| Protection { read: b & 1 != 0, write: b & 2 != 0, execute: b & 4 != 0 })
    }

    #[test]
    fn the_highest_frame_of_every_format_and_level_fits_and_comes_back() {
        for format in PagingFormat::ALL {
            let layout = EntryLayout::new(format.spec());
            for level in 0..format.spec().levels() {
                let order = layout.order(level);
                let frame = Pfn((1 << (format.spec().pa_bits - 12)) - (1 << order.min(10)));
                let frame = Pfn(frame.0 >> order << order);
                for rights in every_rights().filter(|_| level <= format.spec().leaf_level_max) {
                    let pte = Pte { order, accessed: true, ..Pte::new(frame, rights) };
                    let value = layout.encode(Entry::of(pte), level);
                    assert_eq!(value >> (8 * format.spec().pte_bytes - 1) >> 1, 0, "{format}: too wide");
                    let back = Entry::of(Pte { rights: layout.granted(rights), ..pte });
                    assert_eq!(layout.decode(value, level), Some(back), "{format} {level} {rights:?}");
                    assert_eq!(pte.is_valid(), value & 1 != 0);
                }
                if level > 0 {
                    let table = Entry::Table(frame);
                    assert_eq!(layout.decode(layout.encode(table, level), level), Some(table), "{format}");
                }
            }
        }
    }

    #[test]
    fn what_this_kernel_never_writes_is_no_entry() {
        for format in PagingFormat::ALL {
            let layout = EntryLayout::new(format.spec());
            assert_eq!(layout.decode(0, 0), Some(Entry::Absent), "{format}");
            let leaf = layout.encode(Entry::Leaf(Pte::new(Pfn(0x400), RW)), 0);
            assert_eq!(layout.decode(leaf & !3, 0), None, "{format}: not valid, and no mark of anything");
        }
        let riscv = EntryLayout::new(PagingFormat::Sv39.spec());
        assert_eq!(riscv.decode(0x2048_d001, 0), None, "a pointer in the lowest table");
        assert_eq!(riscv.decode(0x2048_d0df, 1), None, "2 MiB that are not aligned");
        let pae = EntryLayout::new(PagingFormat::X86Pae.spec());
        assert_eq!(pae.decode(0x4000_0081, 2), None, "a PDPTE maps nothing");
    }

    #[test]
    #[should_panic(expected = "does not fit an entry of x86-32")]
    fn a_frame_beyond_the_format_is_caught() {
        EntryLayout::new(PagingFormat::X86Legacy.spec()).encode(Entry::Table(Pfn(1 << 20)), 1);
    }
}
