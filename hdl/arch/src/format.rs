//! The eight page-table formats as one data table. Geometry only: which bit means what and how wide things are.
//! What a walk does with the bits is not here.
//!
//! Sources: RISC-V Privileged Architecture 20240411, chapter "Supervisor-Level ISA"; Intel SDM vol. 3A chapter 4.

use crate::VirtAddr;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The architecture whose rules a format follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isa {
    /// RISC-V: rights in the leaf alone, faults by cause.
    RiscV,
    /// x86: rights accumulate over all levels, faults by error code.
    X86,
}

/// The size of a leaf page: the level of the leaf PTE, or a Svnapot range. The discriminant is the encoding of
/// the port `resp_page`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum PageSize {
    /// Leaf in the lowest table: 4 KiB.
    #[default]
    Level0 = 0,
    /// One level up: 2 MiB or 4 MiB.
    Level1 = 1,
    /// Two levels up: 1 GiB.
    Level2 = 2,
    /// Three levels up: 512 GiB.
    Level3 = 3,
    /// Four levels up: 256 TiB.
    Level4 = 4,
    /// Svnapot: a naturally aligned 64 KiB range of sixteen level-0 entries.
    Napot64K = 5,
}

impl PageSize {
    /// The size whose encoding is `code`; `None` for codes that mean nothing.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Level0,
            1 => Self::Level1,
            2 => Self::Level2,
            3 => Self::Level3,
            4 => Self::Level4,
            5 => Self::Napot64K,
            _ => return None,
        })
    }
    /// The level of the leaf PTE, 0 = lowest.
    pub const fn level(self) -> usize {
        match self {
            Self::Napot64K => 0,
            other => other as usize,
        }
    }
}

/// A page-table format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PagingFormat {
    /// RISC-V Sv32.
    #[serde(rename = "sv32")]
    Sv32,
    /// RISC-V Sv39.
    #[default]
    #[serde(rename = "sv39")]
    Sv39,
    /// RISC-V Sv48.
    #[serde(rename = "sv48")]
    Sv48,
    /// RISC-V Sv57.
    #[serde(rename = "sv57")]
    Sv57,
    /// x86 32-bit paging (CR4.PAE = 0).
    #[serde(rename = "x86-32")]
    X86Legacy,
    /// x86 PAE paging.
    #[serde(rename = "x86-pae")]
    X86Pae,
    /// x86-64, 4-level paging.
    #[serde(rename = "la48")]
    La48,
    /// x86-64, 5-level paging.
    #[serde(rename = "la57")]
    La57,
}

/// One row of the table of formats.
#[derive(Debug, PartialEq, Eq)]
pub struct FormatSpec {
    /// The name on the command line and in files.
    pub name: &'static str,
    /// Whose rules hold.
    pub isa: Isa,
    /// Significant bits of a virtual address.
    pub va_bits: u32,
    /// Bits of a virtual address as the core holds it (XLEN): 32 or 64. Where it is larger than `va_bits`, the
    /// bits from `va_bits - 1` up must all be equal.
    pub va_register_bits: u32,
    /// Bits of table index per level, lowest level first; its length is the number of levels.
    pub index_bits: &'static [u32],
    /// Bytes in a PTE: 4 or 8.
    pub pte_bytes: u32,
    /// Bit of a PTE at which the page number begins.
    pub ppn_shift: u32,
    /// Physical-address bits that a 4 KiB PTE can express.
    pub pa_bits: u32,
    /// Physical-address bits that the format can express at most; more than `pa_bits` only with PSE-36, where
    /// bits 39:32 of a 4 MiB page lie in bits 20:13 of the PDE.
    pub pa_bits_max: u32,
    /// Highest level at which a leaf may stand.
    pub leaf_level_max: usize,
    /// Architectural bits of the ASID (x86: PCID); 0 = none.
    pub asid_bits: u32,
    /// Bit of the PTE that forbids execution (x86 XD), if the format has one.
    pub execute_disable_bit: Option<u32>,
    /// Entries of the top table that are loaded with the root and not read by walks: 4 PDPTEs in PAE, else 0.
    pub resident_root_entries: usize,
    /// Whether PTE bits 62:61 (PBMT) and 63 (N) exist: the 64-bit RISC-V formats.
    pub has_pbmt_and_napot: bool,
}

const fn riscv64(name: &'static str, va_bits: u32, index_bits: &'static [u32]) -> FormatSpec {
    FormatSpec {
        name,
        isa: Isa::RiscV,
        va_bits,
        va_register_bits: 64,
        index_bits,
        pte_bytes: 8,
        ppn_shift: 10,
        pa_bits: 56,
        pa_bits_max: 56,
        leaf_level_max: index_bits.len() - 1,
        asid_bits: 16,
        execute_disable_bit: None,
        resident_root_entries: 0,
        has_pbmt_and_napot: true,
    }
}

const fn x86_64(name: &'static str, va_bits: u32, index_bits: &'static [u32]) -> FormatSpec {
    FormatSpec {
        name,
        isa: Isa::X86,
        va_bits,
        va_register_bits: 64,
        index_bits,
        pte_bytes: 8,
        ppn_shift: 12,
        pa_bits: 52,
        pa_bits_max: 52,
        leaf_level_max: 2,
        asid_bits: 12,
        execute_disable_bit: Some(63),
        resident_root_entries: 0,
        has_pbmt_and_napot: false,
    }
}

static FORMATS: [FormatSpec; 8] = [
    FormatSpec {
        name: "sv32",
        va_bits: 32,
        va_register_bits: 32,
        pte_bytes: 4,
        pa_bits: 34,
        pa_bits_max: 34,
        asid_bits: 9,
        has_pbmt_and_napot: false,
        ..riscv64("sv32", 32, &[10, 10])
    },
    riscv64("sv39", 39, &[9; 3]),
    riscv64("sv48", 48, &[9; 4]),
    riscv64("sv57", 57, &[9; 5]),
    FormatSpec {
        va_register_bits: 32,
        pte_bytes: 4,
        pa_bits: 32,
        pa_bits_max: 40,
        leaf_level_max: 1,
        asid_bits: 0,
        execute_disable_bit: None,
        ..x86_64("x86-32", 32, &[10, 10])
    },
    FormatSpec {
        va_register_bits: 32,
        leaf_level_max: 1,
        asid_bits: 0,
        resident_root_entries: 4,
        ..x86_64("x86-pae", 32, &[9, 9, 2])
    },
    x86_64("la48", 48, &[9; 4]),
    x86_64("la57", 57, &[9; 5]),
];

impl PagingFormat {
    /// Every format, in the table's order.
    pub const ALL: [Self; 8] = [
        Self::Sv32,
        Self::Sv39,
        Self::Sv48,
        Self::Sv57,
        Self::X86Legacy,
        Self::X86Pae,
        Self::La48,
        Self::La57,
    ];

    /// This format's row of the table.
    pub fn spec(self) -> &'static FormatSpec {
        &FORMATS[self as usize]
    }
    /// The name on the command line and in files, where its case does not matter.
    pub fn name(self) -> &'static str {
        self.spec().name
    }
}

impl FormatSpec {
    /// Number of levels, the resident one of PAE included.
    pub fn levels(&self) -> usize {
        self.index_bits.len()
    }
    /// Bits of the virtual page number (4 KiB pages).
    pub fn vpn_bits(&self) -> u32 {
        self.va_bits - crate::FRAME_SHIFT
    }
    /// Bit of a virtual address at which the index of `level` begins; also log2 of the page size of a leaf there.
    pub fn level_shift(&self, level: usize) -> u32 {
        crate::FRAME_SHIFT + self.index_bits[..level].iter().sum::<u32>()
    }
    /// The index that `va` has in the table of `level`.
    pub fn index(&self, va: VirtAddr, level: usize) -> u64 {
        (va.0 >> self.level_shift(level)) & ((1 << self.index_bits[level]) - 1)
    }
    /// Bytes in a page of `size`.
    pub fn page_bytes(&self, size: PageSize) -> u64 {
        match size {
            PageSize::Napot64K => 64 << 10,
            other => 1 << self.level_shift(other.level()),
        }
    }
    /// Whether the format can hold `va` at all: bits from `va_bits - 1` up are all equal (sign-extended
    /// formats), or nothing stands above bit 31.
    pub fn is_canonical(&self, va: VirtAddr) -> bool {
        let above = 64 - self.va_bits;
        if self.va_register_bits > self.va_bits {
            ((va.0 << above) as i64 >> above) as u64 == va.0
        } else {
            va.0 >> self.va_bits == 0
        }
    }
    /// First address of the lower half that is no longer canonical, or 2³² where the address space is flat: user
    /// programs live below it.
    pub fn user_end(&self) -> u64 {
        if self.va_register_bits > self.va_bits { 1 << (self.va_bits - 1) } else { 1 << self.va_bits }
    }
}

impl fmt::Display for PagingFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is none of the eight formats'.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown page-table format `{0}`: choose one of sv32, sv39, sv48, sv57, x86-32, x86-pae, la48, la57")]
pub struct UnknownFormat(pub String);

impl FromStr for PagingFormat {
    type Err = UnknownFormat;
    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let is_meant = |f: &Self| f.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(is_meant).ok_or_else(|| UnknownFormat(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_adds_up() {
        for format in PagingFormat::ALL {
            let spec = format.spec();
            assert_eq!(spec.level_shift(spec.levels()), spec.va_bits, "{format}");
            assert_eq!(format.name().parse::<PagingFormat>(), Ok(format));
            assert_eq!(format.name().to_uppercase().parse::<PagingFormat>(), Ok(format));
            let table_bits = spec.index_bits[0] + spec.pte_bytes.ilog2();
            assert_eq!(table_bits, crate::FRAME_SHIFT, "{format}: a table is a frame");
            assert!(spec.leaf_level_max < spec.levels());
        }
    }

    #[test]
    fn page_sizes_of_the_manuals() {
        let sizes = |f: PagingFormat| -> Vec<u64> {
            let s = f.spec();
            (0..=s.leaf_level_max).map(|l| 1u64 << s.level_shift(l)).collect()
        };
        let (k, m, g, t) = (1u64 << 10, 1u64 << 20, 1u64 << 30, 1u64 << 40);
        assert_eq!(sizes(PagingFormat::Sv32), [4 * k, 4 * m]);
        assert_eq!(sizes(PagingFormat::Sv57), [4 * k, 2 * m, g, 512 * g, 256 * t]);
        assert_eq!(sizes(PagingFormat::X86Legacy), [4 * k, 4 * m]);
        assert_eq!(sizes(PagingFormat::X86Pae), [4 * k, 2 * m]);
        assert_eq!(sizes(PagingFormat::La57), [4 * k, 2 * m, g]);
    }

    #[test]
    fn canonical_addresses() {
        let sv39 = PagingFormat::Sv39.spec();
        assert!(sv39.is_canonical(VirtAddr(0x3f_ffff_ffff)));
        assert!(!sv39.is_canonical(VirtAddr(0x40_0000_0000)));
        assert!(sv39.is_canonical(VirtAddr(0xffff_ffc0_0000_0000)));
        assert!(!PagingFormat::Sv32.spec().is_canonical(VirtAddr(1 << 32)));
    }
}
