//! The bits of a page-table entry as data: what each is called, where it lies, which entries have it and where the
//! manual says so. Hardware, model, kernel, reports and test cases take names and positions from here.
//!
//! Owns no meaning: what a bit allows, and in which order bits are looked at, is written by each engine for itself, so
//! that hardware and model do not share a mistake.
//!
//! Sources: RISC-V Privileged Architecture 20240411, figures "Sv32 page table entry" and "Sv39 page table entry";
//! Intel SDM volume 3A, tables 4-4 to 4-6 (32-bit), 4-8 to 4-11 (PAE), 4-15 to 4-20 (4-level and 5-level).

use crate::{FormatSpec, Isa};

/// A set of page-table formats, as the tables of bits need them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FormatSet {
    /// Every RISC-V format.
    RiscV,
    /// The 64-bit RISC-V formats.
    RiscV64,
    /// Every x86 format.
    X86,
    /// x86 with 8-byte entries: PAE, 4-level and 5-level paging.
    X86Wide,
    /// x86 32-bit paging.
    X86Legacy,
}

impl FormatSet {
    /// Whether `spec` is one of them.
    pub const fn contains(self, spec: &FormatSpec) -> bool {
        let wide = spec.pte_bytes == 8;
        match (self, spec.isa) {
            (Self::RiscV, Isa::RiscV) | (Self::X86, Isa::X86) => true,
            (Self::RiscV64, Isa::RiscV) | (Self::X86Wide, Isa::X86) => wide,
            (Self::X86Legacy, Isa::X86) => !wide,
            _ => false,
        }
    }
}

/// Which entries of a format a bit stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// All of them.
    Any,
    /// Those of the lowest table, which map 4 KiB pages.
    Lowest,
    /// Those of the tables above.
    Upper,
    /// Those of the tables above that map a large page.
    UpperLeaf,
}

impl EntryKind {
    /// Whether entries at `level` can be of this kind.
    pub const fn stands_at(self, level: usize) -> bool {
        match self {
            Self::Any => true,
            Self::Lowest => level == 0,
            Self::Upper | Self::UpperLeaf => level > 0,
        }
    }
}

/// A bit of a page-table entry, or a field of a few bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PteBit {
    /// The manual's name.
    pub name: &'static str,
    /// Its lowest bit.
    pub position: u32,
    /// How many bits it has.
    pub width: u32,
    /// The formats that have it.
    pub formats: FormatSet,
    /// The entries it stands in.
    pub entries: EntryKind,
    /// What it says, and where the manual says it.
    pub source: &'static str,
}

impl PteBit {
    /// The entry with this bit alone set, or every bit of the field.
    pub const fn mask(&self) -> u64 {
        (u64::MAX >> (64 - self.width)) << self.position
    }
}

macro_rules! pte_bits {
    ($formats:ident: $($name:ident = $text:literal at $position:literal $(..= $last:literal)?
        in $entries:ident $(of $only:ident)?: $source:literal;)*) => {
        $(
            #[doc = concat!("`", $text, "`: ", $source, ".")]
            pub const $name: PteBit = PteBit {
                name: $text,
                position: $position,
                width: 1 $(+ $last - $position)?,
                formats: pte_bits!(@set $formats $($only)?),
                entries: EntryKind::$entries,
                source: $source,
            };
        )*
        /// All of them, lowest first.
        pub const ALL: &[PteBit] = &[$($name),*];
    };
    (@set $formats:ident) => { FormatSet::$formats };
    (@set $formats:ident $only:ident) => { FormatSet::$only };
}

/// RISC-V. Section "Addressing and Memory Protection" of "Sv32" and "Sv39", and the chapters of the extensions.
pub mod riscv {
    use super::{EntryKind, FormatSet, PteBit};

    pte_bits! {
        RiscV:
        V = "V" at 0 in Any: "valid";
        R = "R" at 1 in Any: "readable";
        W = "W" at 2 in Any: "writable";
        X = "X" at 3 in Any: "executable";
        U = "U" at 4 in Any: "accessible to user mode";
        G = "G" at 5 in Any: "global mapping";
        A = "A" at 6 in Any: "accessed";
        D = "D" at 7 in Any: "dirty";
        RSW = "RSW" at 8..=9 in Any: "for software";
        RESERVED = "reserved" at 54..=60 in Any of RiscV64: "reserved for future standard use";
        PBMT = "PBMT" at 61..=62 in Any of RiscV64: "page-based memory type, Svpbmt";
        N = "N" at 63 in Any of RiscV64: "one of a naturally aligned power-of-two range, Svnapot";
    }
}

/// x86. SDM volume 3A, tables 4-5 to 4-20.
pub mod x86 {
    use super::{EntryKind, FormatSet, PteBit};

    pte_bits! {
        X86:
        P = "P" at 0 in Any: "present, SDM 4.7";
        RW = "RW" at 1 in Any: "writable, SDM 4.6";
        US = "US" at 2 in Any: "accessible to user mode, SDM 4.6";
        PWT = "PWT" at 3 in Any: "page-level write-through, SDM 4.9";
        PCD = "PCD" at 4 in Any: "page-level cache disable, SDM 4.9";
        A = "A" at 5 in Any: "accessed, SDM 4.8";
        D = "D" at 6 in Any: "dirty, SDM 4.8";
        PAT = "PAT" at 7 in Lowest: "page-attribute table, SDM 4.9.2";
        PS = "PS" at 7 in Upper: "page size: the entry maps a large page, SDM 4.3 to 4.5";
        G = "G" at 8 in Any: "global, SDM 4.10.2.4";
        PAT_LARGE = "PAT" at 12 in UpperLeaf: "page-attribute table of a large page, SDM 4.9.2";
        PSE36 = "PSE36" at 13..=20 in UpperLeaf of X86Legacy: "address bits 39:32 of a 4 MiB page, SDM table 4-4";
        XD = "XD" at 63 in Any of X86Wide: "execute disable, SDM 4.6";
    }
}

impl FormatSpec {
    /// The bits that an entry of this format can have at `level`, lowest first. Large pages' own bits are among
    /// those of the upper levels.
    pub fn pte_bits(&self, level: usize) -> impl Iterator<Item = &'static PteBit> {
        let of_isa = match self.isa {
            Isa::RiscV => riscv::ALL,
            Isa::X86 => x86::ALL,
        };
        of_isa.iter().filter(move |bit| bit.formats.contains(self) && bit.entries.stands_at(level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PagingFormat;

    #[test]
    fn no_two_bits_of_an_entry_overlap_and_all_fit() {
        for format in PagingFormat::ALL {
            let spec = format.spec();
            for level in 0..spec.levels() {
                let mut taken = 0;
                for bit in spec.pte_bits(level) {
                    assert_eq!(taken & bit.mask(), 0, "{format} level {level}: {}", bit.name);
                    taken |= bit.mask();
                }
                assert!(spec.pte_bytes == 8 || taken >> 32 == 0, "{format}: {taken:#x}");
            }
        }
    }

    #[test]
    fn the_table_of_formats_agrees() {
        for format in PagingFormat::ALL {
            let spec = format.spec();
            let position = |name: &str| spec.pte_bits(0).find(|bit| bit.name == name).map(|bit| bit.position);
            assert_eq!(position("XD"), spec.execute_disable_bit, "{format}");
            assert_eq!(position("N").is_some(), spec.has_pbmt_and_napot, "{format}");
            assert_eq!(position("PBMT").is_some(), spec.has_pbmt_and_napot, "{format}");
        }
    }

    /// Written out from the figures of the manuals, beside the table.
    #[test]
    fn positions_of_the_manuals() {
        let names = |format: PagingFormat, level| -> String {
            let bits = format.spec().pte_bits(level);
            bits.map(|bit| format!("{}@{} ", bit.name, bit.position)).collect()
        };
        let sv32 = "V@0 R@1 W@2 X@3 U@4 G@5 A@6 D@7 RSW@8 ";
        assert_eq!(names(PagingFormat::Sv32, 1), sv32);
        assert_eq!(names(PagingFormat::Sv57, 4), format!("{sv32}reserved@54 PBMT@61 N@63 "));
        let x86 = "P@0 RW@1 US@2 PWT@3 PCD@4 A@5 D@6 ";
        assert_eq!(names(PagingFormat::X86Legacy, 0), format!("{x86}PAT@7 G@8 "));
        assert_eq!(names(PagingFormat::X86Legacy, 1), format!("{x86}PS@7 G@8 PAT@12 PSE36@13 "));
        assert_eq!(names(PagingFormat::La48, 2), format!("{x86}PS@7 G@8 PAT@12 XD@63 "));
        assert_eq!(riscv::PBMT.mask(), 0x6000_0000_0000_0000);
        assert_eq!(riscv::RESERVED.mask(), 0x1fc0_0000_0000_0000);
        assert_eq!(x86::PSE36.mask(), 0x001f_e000);
        assert_eq!(x86::XD.mask(), 1 << 63);
    }
}
