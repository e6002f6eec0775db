//! Which mode ports a format has. Owns counts and widths that several blocks share; no logic.

use crate::prelude::*;
use pagewalk_arch::{FormatSpec, Isa};

/// How many of each kind of mode port a format has, 0 or 1.
pub struct ModePorts {
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
}

impl ModePorts {
    /// Those of `spec`.
    pub fn of(spec: &FormatSpec) -> Self {
        let x86 = spec.isa == Isa::X86;
        Self {
            riscv: usize::from(!x86),
            extensions: usize::from(spec.has_pbmt_and_napot),
            x86: usize::from(x86),
            has_xd: usize::from(spec.execute_disable_bit.is_some()),
            legacy: usize::from(x86 && spec.pte_bytes == 4),
        }
    }
}

/// `count` one-bit ports.
pub fn bits(count: usize) -> Vec<Signal<In, Bit>> {
    (0..count).map(|_| Default::default()).collect()
}

/// Bits that hold a level's number.
pub fn level_bits(spec: &FormatSpec) -> usize {
    (spec.levels() as u32).next_power_of_two().ilog2() as usize
}
