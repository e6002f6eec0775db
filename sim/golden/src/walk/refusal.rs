//! Why a walk ends without a translation, and the fault that the access reports. Owns the mapping from the one to the
//! other: RISC-V causes (privileged manual, table of `scause` values), x86 #PF error codes (SDM volume 3A, 4.7).

use super::PageTables;
use crate::rights::Denial;
use pagewalk_arch::pte_bit::x86::XD;
use pagewalk_arch::{
    Access, AccessKind, FaultKind, Isa, PF_FETCH, PF_PRESENT, PF_RESERVED, PF_USER, PF_WRITE, Privilege,
};

/// Why there is no translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The upper bits of the address are not all equal.
    #[error("the address is not canonical")]
    NotCanonical,
    /// The memory access was answered by a bus error: W-10, W-30.
    #[error("no memory answers at the entry's address")]
    NoAnswer,
    /// RISC-V V = 0, x86 P = 0.
    #[error("the entry is not present")]
    NotPresent,
    /// RISC-V R = 0 and W = 1.
    #[error("W without R is a reserved encoding")]
    WriteWithoutRead,
    /// Bits that must be zero are not.
    #[error("reserved bits {0:#x} are set")]
    Reserved(u64),
    /// RISC-V: a pointer with A, D, U, PBMT or N.
    #[error("bits {0:#x} are reserved in a pointer")]
    PointerBits(u64),
    /// RISC-V: a pointer in the lowest table.
    #[error("a pointer in the lowest table")]
    PointerAtLevel0,
    /// RISC-V: the low page-number bits of a superpage are not zero.
    #[error("the superpage is misaligned")]
    Misaligned,
    /// RISC-V: N at a level above 0, or with another pattern than 64 KiB.
    #[error("N with a size that is not 64 KiB")]
    Napot,
    /// A right is missing.
    #[error("{0}")]
    Denied(Denial),
    /// RISC-V without hardware updates: A is clear, or D for a store.
    #[error("A or D is clear and software sets them")]
    NeedsUpdate,
    /// RISC-V: the entry's page number does not fit the implemented physical address.
    #[error("the page number exceeds the implemented physical address")]
    BeyondPhysical,
}

/// The fault that an access reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Page fault, access fault or general protection.
    pub kind: FaultKind,
    /// RISC-V: the exception cause. x86: the #PF error code, 0 for other faults.
    pub code: u8,
    /// What the walk saw.
    pub reason: Refusal,
}

impl PageTables {
    /// The fault that `access` takes for `reason`.
    pub(super) fn fault(&self, access: &Access, reason: Refusal) -> Fault {
        let kind = match (reason, self.spec.isa) {
            (Refusal::NotCanonical, Isa::X86) => FaultKind::GeneralProtection,
            (Refusal::NoAnswer | Refusal::BeyondPhysical, _) => FaultKind::Access,
            _ => FaultKind::Page,
        };
        let code = match (self.spec.isa, kind) {
            (Isa::RiscV, _) => kind.riscv_cause(access.kind),
            (Isa::X86, FaultKind::Page) => self.error_code(access, reason),
            (Isa::X86, _) => 0,
        };
        Fault { kind, code, reason }
    }

    /// W-51. SDM volume 3A, 4.7. I/D tells fetches apart only where fetches can be refused: with SMEP or with XD.
    fn error_code(&self, access: &Access, reason: Refusal) -> u8 {
        let fetches_can_be_refused = self.mode.smep || (self.mode.nxe && XD.formats.contains(self.spec));
        let bit = |bit: u8, set: bool| if set { bit } else { 0 };
        bit(PF_PRESENT, reason != Refusal::NotPresent)
            | bit(PF_WRITE, access.kind == AccessKind::Store)
            | bit(PF_USER, access.privilege == Privilege::User)
            | bit(PF_RESERVED, matches!(reason, Refusal::Reserved(_)))
            | bit(PF_FETCH, access.kind == AccessKind::Fetch && fetches_can_be_refused)
    }
}
