//! The bits of a page-table entry as constants: positions from the table of PTE bits, and masks worked out from the
//! format's row of the table and the implemented physical-address bits. Owns numbers that walker and verdict compare
//! with; no logic.

use crate::prelude::*;
use pagewalk_arch::pte_bit::{riscv, x86};
use pagewalk_arch::{FRAME_SHIFT, FormatSpec, Isa, MmuConfig, PageSize, PteBit};

/// Declares constants that hold positions of the table of PTE bits, by the manual's names.
macro_rules! positions {
    ($(#[$meta:meta])* $name:ident = $table:ident: $($field:ident $bit:ident),*) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $(#[doc = concat!("Position of `", stringify!($bit), "`.")] pub $field: Const,)*
        }
        impl Default for $name {
            fn default() -> Self {
                Self { $($field: Const::new(7, u128::from($table::$bit.position)),)* }
            }
        }
        impl Block for $name {
            fn connect_all(&mut self) {}
            fn update_all(&mut self) {}
            fn has_changed(&self) -> bool {
                false
            }
            fn accept(&self, name: &str, probe: &mut dyn Probe) {
                probe.visit_start_namespace(name, self);
                $(self.$field.accept(stringify!($field), probe);)*
                probe.visit_end_namespace(name, self);
            }
        }
        impl Logic for $name {
            fn update(&mut self) {}
        }
        impl Clocked for $name {}
    };
}
positions! {
    /// Positions of RISC-V PTE bits.
    RiscvBits = riscv: v V, r R, w W, x X, u U, g G, a A, d D, pbmt PBMT, n N
}
positions! {
    /// Positions of x86 PTE bits.
    X86Bits = x86: p P, rw RW, us US, pwt PWT, a A, d D, pat PAT, ps PS, g G, pat_large PAT_LARGE, pse36 PSE36, xd XD
}

/// The bits of some rows of the table.
fn bits_of(bits: &[PteBit]) -> u128 {
    bits.iter().map(|bit| u128::from(bit.mask())).sum()
}

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
        let riscv_reserved = if spec.has_pbmt_and_napot { bits_of(&[riscv::RESERVED]) } else { 0 };
        let extensions = if spec.has_pbmt_and_napot { bits_of(&[riscv::PBMT, riscv::N]) } else { 0 };
        let pointer_bits = bits_of(&[riscv::V, riscv::R, riscv::W, riscv::X, riscv::U, riscv::A, riscv::D]);
        Self {
            pointer_mask: pointer_bits | riscv_reserved | extensions | riscv_beyond,
            pointer_value: bits_of(&[riscv::V]),
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
            beyond | if no_leaf_here { bits_of(&[x86::PS]) } else { 0 }
        };
        let leaf = |level: usize| match (level, legacy) {
            (0, _) => beyond,
            // SDM table 4-4: bits 20:13 hold the implemented ones of address bits 39:32, the rest up to 21 is reserved.
            (_, true) => field(x86::PSE36.position + config.physical_bits.saturating_sub(32), 22),
            (_, false) => beyond | field(x86::PAT_LARGE.position + 1, spec.level_shift(level)),
        };
        let plain_page_size = if legacy { 0 } else { bits_of(&[x86::PS]) };
        let present_accessed = bits_of(&[x86::P, x86::A]);
        Self {
            pointer_mask: present_accessed | plain_page_size | beyond,
            pointer_value: present_accessed,
            riscv_reserved: 0,
            riscv_beyond: 0,
            riscv_misaligned: vec![0; spec.levels()],
            x86_pointer_reserved: (0..spec.levels()).map(pointer).collect(),
            x86_leaf_reserved: (0..spec.levels()).map(leaf).collect(),
            pdpte_reserved: field(1, 3) | field(5, 9) | field(config.physical_bits, 64),
        }
    }
}

/// Page-number bits that a leaf of each size leaves to the address, by the code of [`PageSize`].
pub fn offset_masks(config: &MmuConfig) -> Vec<u128> {
    let spec = config.spec();
    (0..=PageSize::Napot64K as u8)
        .map(|code| {
            let size = PageSize::from_code(code).expect("the codes up to Napot64K are dense");
            if size.level() > spec.leaf_level_max {
                return 0;
            }
            u128::from(spec.page_bytes(size) >> FRAME_SHIFT) - 1
        })
        .collect()
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
