//! One page-table entry: its bits in each format, as the kernel writes and reads them.
//!
//! Sources: RISC-V Privileged Architecture 20240411, figures "Sv32/Sv39 page table entry"; Intel SDM vol. 3A,
//! tables 4-5, 4-6 (32-bit), 4-8, 4-10, 4-11 (PAE), 4-15 to 4-20 (64-bit). What a walk makes of the bits is not
//! here.

use crate::Pfn;
use pagewalk_arch::{FRAME_SHIFT, FormatSpec, Isa, Protection};

/// RISC-V: valid. x86: present.
const VALID: u64 = 1 << 0;
const RISCV_READ: u64 = 1 << 1;
const RISCV_WRITE: u64 = 1 << 2;
const RISCV_EXECUTE: u64 = 1 << 3;
const RISCV_USER: u64 = 1 << 4;
const RISCV_ACCESSED: u64 = 1 << 6;
const RISCV_DIRTY: u64 = 1 << 7;
/// Linux's `_PAGE_PROT_NONE`: bit G of an entry whose V is clear.
const RISCV_NO_ACCESS: u64 = 1 << 5;
const X86_WRITE: u64 = 1 << 1;
const X86_USER: u64 = 1 << 2;
const X86_ACCESSED: u64 = 1 << 5;
const X86_DIRTY: u64 = 1 << 6;
/// Linux's `_PAGE_PROTNONE`: bit G of an entry whose P is clear.
const X86_NO_ACCESS: u64 = 1 << 8;

/// A leaf entry that is in use, whatever its format. User pages alone: the kernel maps nothing for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pte {
    /// The frame that it maps.
    pub frame: Pfn,
    /// Rights that the hardware grants. Without any, the entry keeps its frame but is not valid (PROT_NONE), so
    /// that every access faults.
    pub rights: Protection,
    /// Bit A.
    pub accessed: bool,
    /// Bit D.
    pub dirty: bool,
}

impl Pte {
    /// Whether the hardware grants any access.
    pub const fn is_valid(&self) -> bool {
        self.rights.read || self.rights.write || self.rights.execute
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

    /// The entry at `level` that points to the table in `frame`. Rights are left to the leaf: on x86 every entry
    /// on the way grants all; a PAE PDPTE has no rights at all, and reserved bits where others have them.
    pub fn pointer(&self, frame: Pfn, level: usize) -> u64 {
        let resident = self.spec.resident_root_entries > 0 && level + 1 == self.spec.levels();
        let rights = match self.spec.isa {
            Isa::RiscV => 0,
            Isa::X86 if resident => 0,
            Isa::X86 => X86_WRITE | X86_USER,
        };
        self.frame_field(frame) | rights | VALID
    }

    /// The table that a non-leaf entry points to; `None` where there is none. This kernel makes no large pages, so
    /// every valid entry above level 0 is a pointer.
    pub fn table_frame(&self, value: u64) -> Option<Pfn> {
        (value & VALID != 0).then(|| self.frame_of(value))
    }

    /// The value of a leaf entry. A writable page is readable too: RISC-V reserves W without R, x86 cannot say it.
    pub fn encode(&self, pte: Pte) -> u64 {
        let bit = |set: bool, mask: u64| if set { mask } else { 0 };
        let rights = match self.spec.isa {
            Isa::RiscV if !pte.is_valid() => RISCV_NO_ACCESS | RISCV_USER,
            Isa::X86 if !pte.is_valid() => X86_NO_ACCESS | X86_USER,
            Isa::RiscV => {
                VALID
                    | RISCV_USER
                    | bit(pte.rights.read || pte.rights.write, RISCV_READ)
                    | bit(pte.rights.write, RISCV_WRITE)
                    | bit(pte.rights.execute, RISCV_EXECUTE)
            }
            Isa::X86 => {
                VALID
                    | X86_USER
                    | bit(pte.rights.write, X86_WRITE)
                    | bit(!pte.rights.execute, self.execute_disable())
            }
        };
        let (accessed, dirty) = self.ad_bits();
        self.frame_field(pte.frame) | rights | bit(pte.accessed, accessed) | bit(pte.dirty, dirty)
    }

    /// The leaf entry of a value; `None` where it is zero. Rights come back as the hardware grants them: x86 reads
    /// whatever is valid, and fetches it too where there is no XD.
    pub fn decode(&self, value: u64) -> Option<Pte> {
        if value == 0 {
            return None;
        }
        let has = |mask: u64| value & mask != 0;
        let rights = match self.spec.isa {
            _ if !has(VALID) => Protection::default(),
            Isa::RiscV => {
                Protection { read: has(RISCV_READ), write: has(RISCV_WRITE), execute: has(RISCV_EXECUTE) }
            }
            Isa::X86 => {
                Protection { read: true, write: has(X86_WRITE), execute: !has(self.execute_disable()) }
            }
        };
        let (accessed, dirty) = self.ad_bits();
        Some(Pte { frame: self.frame_of(value), rights, accessed: has(accessed), dirty: has(dirty) })
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
            Isa::RiscV => (RISCV_ACCESSED, RISCV_DIRTY),
            Isa::X86 => (X86_ACCESSED, X86_DIRTY),
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
        let pte = Pte { frame: Pfn(0x8_1234), rights, accessed, dirty };
        EntryLayout::new(format.spec()).encode(pte)
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
        let pointer = |f: PagingFormat, level| EntryLayout::new(f.spec()).pointer(Pfn(0x8_1234), level);
        assert_eq!(pointer(PagingFormat::Sv32, 1), 0x2048_d001);
        assert_eq!(pointer(PagingFormat::Sv39, 2), 0x2048_d001);
        assert_eq!(pointer(PagingFormat::Sv57, 4), 0x2048_d001);
        assert_eq!(pointer(PagingFormat::X86Legacy, 1), 0x8123_4007);
        assert_eq!(pointer(PagingFormat::X86Pae, 1), 0x8123_4007);
        assert_eq!(pointer(PagingFormat::X86Pae, 2), 0x8123_4001, "a PDPTE has P alone");
        assert_eq!(pointer(PagingFormat::La48, 3), 0x8123_4007);
        assert_eq!(pointer(PagingFormat::La57, 4), 0x8123_4007);
    }

    #[test]
    fn the_highest_frame_of_every_format_fits_and_comes_back() {
        for format in PagingFormat::ALL {
            let layout = EntryLayout::new(format.spec());
            let frame = Pfn((1 << (format.spec().pa_bits - 12)) - 1);
            for rights in
                (0..8u8).map(|b| Protection { read: b & 1 != 0, write: b & 2 != 0, execute: b & 4 != 0 })
            {
                let pte = Pte { frame, rights, accessed: true, dirty: false };
                let value = layout.encode(pte);
                assert_eq!(value >> (8 * format.spec().pte_bytes - 1) >> 1, 0, "{format}: too wide");
                let back = layout.decode(value).unwrap();
                assert_eq!(back, Pte { rights: layout.granted(rights), ..pte }, "{format} {rights:?}");
                assert_eq!(back.is_valid(), value & 1 != 0);
            }
        }
    }

    #[test]
    #[should_panic(expected = "does not fit an entry of x86-32")]
    fn a_frame_beyond_the_format_is_caught() {
        EntryLayout::new(PagingFormat::X86Legacy.spec()).pointer(Pfn(1 << 20), 1);
    }
}
