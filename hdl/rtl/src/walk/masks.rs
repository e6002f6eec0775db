//! The bits of a page-table entry as masks, worked out from the format's row of the table and the implemented
//! physical-address bits. Owns the numbers that [`crate::walk::walker::Ptw`] compares with; no logic.

use pagewalk_arch::{FRAME_SHIFT, FormatSpec, Isa, MmuConfig};

/// x86: P and A.
const X86_PRESENT_ACCESSED: u128 = 0x21;
/// x86: PS.
pub const X86_PAGE_SIZE: u128 = 1 << 7;
/// RISC-V: V, and V R W X U A D.
const RISCV_VALID: u128 = 0x01;
const RISCV_POINTER_BITS: u128 = 0xdf;

/// Bits `from..to`.
fn field(from: u32, to: u32) -> u128 {
    if to <= from { 0 } else { ((1u128 << (to - from)) - 1) << from }
}

/// Masks over one PTE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PteMasks {
    /// Bits that must agree with `pointer_value` in an entry that is a pointer and needs nothing more.
    pub pointer_mask: u128,
    /// See `pointer_mask`.
    pub pointer_value: u128,
    /// RISC-V: bits reserved whatever the mode.
    pub riscv_reserved: u128,
    /// RISC-V: page-number bits beyond the implemented ones.
    pub riscv_beyond: u128,
    /// RISC-V, per level: page-number bits that a leaf there must have clear.
    pub riscv_misaligned: Vec<u128>,
    /// x86, per level: reserved bits of a pointer. XD is not among them: it depends on the mode.
    pub x86_pointer_reserved: Vec<u128>,
    /// x86, per level: reserved bits of a leaf.
    pub x86_leaf_reserved: Vec<u128>,
    /// PAE: reserved bits of a PDPTE.
    pub pdpte_reserved: u128,
}

impl PteMasks {
    /// The masks of that configuration.
    pub fn new(config: &MmuConfig) -> Self {
        let spec = config.spec();
        match spec.isa {
            Isa::RiscV => Self::riscv(config, spec),
            Isa::X86 => Self::x86(config, spec),
        }
    }

    fn riscv(config: &MmuConfig, spec: &FormatSpec) -> Self {
        let ppn_end = spec.ppn_shift + spec.pa_bits - FRAME_SHIFT;
        let riscv_beyond = field(spec.ppn_shift + config.frame_bits(), ppn_end);
        let riscv_reserved = if spec.has_pbmt_and_napot { field(54, 61) } else { 0 };
        let extensions = if spec.has_pbmt_and_napot { field(61, 64) } else { 0 };
        Self {
            pointer_mask: RISCV_POINTER_BITS | riscv_reserved | extensions | riscv_beyond,
            pointer_value: RISCV_VALID,
            riscv_reserved,
            riscv_beyond,
            riscv_misaligned: (0..spec.levels())
                .map(|level| field(spec.ppn_shift, spec.ppn_shift + spec.level_shift(level) - FRAME_SHIFT))
                .collect(),
            x86_pointer_reserved: vec![0; spec.levels()],
            x86_leaf_reserved: vec![0; spec.levels()],
            pdpte_reserved: 0,
        }
    }

    fn x86(config: &MmuConfig, spec: &FormatSpec) -> Self {
        let legacy = spec.pte_bytes == 4;
        let pae = spec.resident_root_entries > 0;
        // SDM tables 4-5 ff.: address bits from MAXPHYADDR up to 51; PAE entries have 62:52 reserved as well.
        let beyond = match (legacy, pae) {
            (true, _) => 0,
            (false, true) => field(config.physical_bits, 63),
            (false, false) => field(config.physical_bits, 52),
        };
        let pointer = |level: usize| {
            let no_leaf_here = level > spec.leaf_level_max;
            beyond | if no_leaf_here { X86_PAGE_SIZE } else { 0 }
        };
        let leaf = |level: usize| match (level, legacy) {
            (0, _) => beyond,
            // SDM table 4-4: bits 20:13 hold address bits 39:32 as far as implemented, the rest up to 21 is reserved.
            (_, true) => field(13 + config.physical_bits.saturating_sub(32), 22),
            (_, false) => beyond | field(13, spec.level_shift(level)),
        };
        let plain_page_size = if legacy { 0 } else { X86_PAGE_SIZE };
        Self {
            pointer_mask: X86_PRESENT_ACCESSED | plain_page_size | beyond,
            pointer_value: X86_PRESENT_ACCESSED,
            riscv_reserved: 0,
            riscv_beyond: 0,
            riscv_misaligned: vec![0; spec.levels()],
            x86_pointer_reserved: (0..spec.levels()).map(pointer).collect(),
            x86_leaf_reserved: (0..spec.levels()).map(leaf).collect(),
            pdpte_reserved: field(1, 3) | field(5, 9) | field(config.physical_bits, 64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::PagingFormat;

    fn of(format: PagingFormat, physical_bits: u32) -> PteMasks {
        PteMasks::new(&MmuConfig { physical_bits, ..MmuConfig::of(format) })
    }

    #[test]
    fn values_of_the_manuals() {
        let sv39 = of(PagingFormat::Sv39, 40);
        assert_eq!(sv39.riscv_reserved, 0x1fc0_0000_0000_0000);
        assert_eq!(sv39.riscv_beyond, 0x003f_ffc0_0000_0000);
        assert_eq!(sv39.riscv_misaligned, [0, 0x7_fc00, 0xfff_fc00]);
        let legacy = of(PagingFormat::X86Legacy, 36);
        assert_eq!(legacy.x86_leaf_reserved, [0, 0x003e_0000]);
        let pae = of(PagingFormat::X86Pae, 52);
        assert_eq!(pae.x86_leaf_reserved[1], 0x7ff0_0000_001f_e000);
        assert_eq!(pae.pdpte_reserved, 0xfff0_0000_0000_01e6);
        let la57 = of(PagingFormat::La57, 52);
        assert_eq!(la57.x86_pointer_reserved, [0, 0, 0, 0x80, 0x80]);
        assert_eq!(la57.x86_leaf_reserved[2], 0x3fff_e000);
    }
}
