//! Widths and flags that a configuration gives every block. Owns numbers only; what is particular to the arrays of a
//! TLB is [`crate::tlb::rows`].

use crate::prelude::Clocked;
use pagewalk_arch::{FRAME_SHIFT, FormatSpec, Isa, MmuConfig};

/// Bits of rights in a TLB, lowest first: R W X U D.
pub const RIGHTS_BITS: usize = 5;
/// Bits of a page size on a port.
pub const PAGE_BITS: usize = 3;
/// Bits of a memory type on a port.
pub const MEMORY_TYPE_BITS: usize = 3;
/// Bits of a fault's kind on a port.
pub const FAULT_BITS: usize = 2;
/// Bits of a cause or error code on a port.
pub const CODE_BITS: usize = 5;
/// Bits of what answered on a port.
pub const SERVED_BITS: usize = 2;

/// Widths in bits, and 0 or 1 for what a configuration may lack.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// The format's row of the table.
    pub spec: &'static FormatSpec,
    /// Virtual address as the core holds it.
    pub va: usize,
    /// Virtual page number.
    pub vpn: usize,
    /// Physical address.
    pub pa: usize,
    /// Frame number.
    pub frame: usize,
    /// Frame number of a page table.
    pub table: usize,
    /// Page-table entry.
    pub pte: usize,
    /// ASID, at least 1 so that wires for it can exist.
    pub asid: usize,
    /// Whether there is one.
    pub has_asid: usize,
    /// Tag of a request.
    pub tag: usize,
    /// Whether there is one.
    pub has_tag: usize,
    /// Number of a level.
    pub level: usize,
    /// Row of a sweep over both TLBs.
    pub row: usize,
    /// Levels.
    pub levels: usize,
    /// Levels whose index a leaf may leave to the address.
    pub leaf_levels: usize,
    /// RISC-V.
    pub riscv: usize,
    /// Svnapot and Svpbmt.
    pub extensions: usize,
    /// x86.
    pub x86: usize,
    /// x86 with XD.
    pub has_xd: usize,
    /// x86-32.
    pub legacy: usize,
    /// Root entries that are loaded with the root: PAE.
    pub resident_entries: usize,
    /// Whether there are any.
    pub resident: usize,
}

impl Clocked for Geometry {}

impl Geometry {
    /// That of `config`.
    pub fn of(config: &MmuConfig) -> Self {
        let spec = config.spec();
        let x86 = spec.isa == Isa::X86;
        let sweep_rows = config.l1i.sweep_rows().max(config.l1d.sweep_rows());
        Self {
            spec,
            va: spec.va_register_bits as usize,
            vpn: spec.vpn_bits() as usize,
            pa: config.physical_bits as usize,
            frame: config.frame_bits() as usize,
            table: (config.table_address_bits() - FRAME_SHIFT) as usize,
            pte: 8 * spec.pte_bytes as usize,
            asid: config.asid_bits.max(1) as usize,
            has_asid: usize::from(config.asid_bits > 0),
            tag: config.tag_bits as usize,
            has_tag: usize::from(config.tag_bits > 0),
            level: spec.levels().next_power_of_two().ilog2() as usize,
            row: (sweep_rows.ilog2() as usize).max(1),
            levels: spec.levels(),
            leaf_levels: spec.leaf_level_max,
            riscv: usize::from(!x86),
            extensions: usize::from(spec.has_pbmt_and_napot),
            x86: usize::from(x86),
            has_xd: usize::from(spec.execute_disable_bit.is_some()),
            legacy: usize::from(x86 && spec.pte_bytes == 4),
            resident_entries: spec.resident_root_entries,
            resident: usize::from(spec.resident_root_entries > 0),
        }
    }

    /// Level of the first table that a walk reads.
    pub fn first_level(&self) -> usize {
        self.levels - 1 - self.resident
    }
}
