//! The translation context: root register and mode bits, quasi-static inputs of the MMU.

use crate::{Asid, PhysAddr};
use serde::{Deserialize, Serialize};

/// Root of the page tables, ASID and mode, as satp/sstatus/menvcfg or CR3/CR0/CR4/EFER/EFLAGS hold them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Base of the root table. x86-PAE: base of the four PDPTEs (32-byte aligned), which are loaded when the
    /// context is set and not read again by walks. Every other format: frame aligned.
    pub root: PhysAddr,
    /// ASID (x86: PCID) of the address space; 0 where the format or the configuration has none.
    pub asid: Asid,
    /// Mode bits.
    pub mode: Mode,
}

/// Mode bits. Those of the other architecture are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mode {
    /// RISC-V sstatus.SUM: supervisor loads and stores may use user pages.
    pub sum: bool,
    /// RISC-V sstatus.MXR: loads may use pages that are only executable.
    pub mxr: bool,
    /// RISC-V menvcfg.ADUE: hardware updates A and D (Svadu); otherwise they fault (Svade).
    pub adue: bool,
    /// RISC-V Svnapot: 64 KiB pages are legal (64-bit formats).
    pub svnapot: bool,
    /// RISC-V menvcfg.PBMTE: Svpbmt memory types are legal (64-bit formats).
    pub pbmte: bool,
    /// x86 CR0.WP: supervisor writes respect read-only pages.
    pub wp: bool,
    /// x86 EFER.NXE: the XD bit is defined (PAE and 64-bit).
    pub nxe: bool,
    /// x86 CR4.PSE: 4 MiB pages in the 32-bit format.
    pub pse: bool,
    /// x86 CR4.PGE: the G bit is defined.
    pub pge: bool,
    /// x86 CR4.SMEP: no supervisor fetch from user pages.
    pub smep: bool,
    /// x86 CR4.SMAP: no supervisor data access to user pages while EFLAGS.AC = 0.
    pub smap: bool,
    /// x86 EFLAGS.AC: suspends SMAP.
    pub ac: bool,
}
