//! What the MMU answers: the points on which hardware and golden model must agree, in 40 bytes.

use crate::{AccessKind, Isa, PageSize, PhysAddr, VirtAddr};
use serde::{Deserialize, Serialize};

/// The kind of a fault. The discriminant is the encoding of the port `resp_fault`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// No fault: translated.
    #[default]
    None = 0,
    /// RISC-V causes 12/13/15, x86 #PF.
    Page = 1,
    /// RISC-V causes 1/5/7; on x86 a bus error during the walk.
    Access = 2,
    /// x86 non-canonical address, #GP(0).
    GeneralProtection = 3,
}

/// What answered an access. The discriminant is the encoding of the port `resp_served`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum Served {
    /// A first-level TLB.
    #[default]
    L1 = 0,
    /// The second-level TLB.
    L2 = 1,
    /// A walk that began at a page-walk cache.
    Pwc = 2,
    /// A walk from the root (also the walker's verdict on an address that needs no memory read).
    Walk = 3,
}

/// x86 #PF error code, bit P: the fault is by protection, not by absence. SDM vol. 3A, 4.7.
pub const PF_PRESENT: u8 = 1 << 0;
/// x86 #PF error code, bit W/R: a write.
pub const PF_WRITE: u8 = 1 << 1;
/// x86 #PF error code, bit U/S: a user-mode access.
pub const PF_USER: u8 = 1 << 2;
/// x86 #PF error code, bit RSVD: a reserved bit was set.
pub const PF_RESERVED: u8 = 1 << 3;
/// x86 #PF error code, bit I/D: an instruction fetch.
pub const PF_FETCH: u8 = 1 << 4;

/// The answer to one access. Fields that a fault leaves meaningless are 0, so that equal means `==`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Outcome {
    /// The virtual address that was translated, or the faulting address.
    pub va: VirtAddr,
    /// The physical address; 0 on a fault.
    pub pa: PhysAddr,
    /// First cycle in which the response is valid, counted from the first cycle after reset; 0 from a model without
    /// timing.
    pub cycle: u64,
    /// Cycles from acceptance to `cycle`; 0 from a model without timing.
    pub latency: u32,
    /// Whether it faulted and how.
    pub fault: FaultKind,
    /// RISC-V: the exception cause. x86: the #PF error code. 0 without a fault and for #GP and x86 bus errors.
    pub code: u8,
    /// Size of the leaf page in the page tables, whatever piece of it a TLB holds; `Level0` on a fault.
    pub page_size: PageSize,
    /// RISC-V: PBMT. x86: PAT·4 + PCD·2 + PWT of the leaf. 0 on a fault.
    pub memory_type: u8,
    /// What answered.
    pub served: Served,
    /// Page-table entries read, compare-and-swaps not counted.
    pub pte_reads: u8,
    /// Page-table entries written by the walker.
    pub pte_writes: u8,
    /// Always 0.
    pub reserved: u8,
}

impl Outcome {
    /// Whether the access was translated.
    pub fn is_ok(&self) -> bool {
        self.fault == FaultKind::None
    }
}

impl FaultKind {
    /// The RISC-V exception cause of this fault for an access of `kind`: privileged manual, table of `scause`
    /// values. 0 for [`FaultKind::None`] and [`FaultKind::GeneralProtection`].
    pub const fn riscv_cause(self, kind: AccessKind) -> u8 {
        match (self, kind) {
            (FaultKind::Page, AccessKind::Fetch) => 12,
            (FaultKind::Page, AccessKind::Load) => 13,
            (FaultKind::Page, AccessKind::Store) => 15,
            (FaultKind::Access, AccessKind::Fetch) => 1,
            (FaultKind::Access, AccessKind::Load) => 5,
            (FaultKind::Access, AccessKind::Store) => 7,
            (FaultKind::None | FaultKind::GeneralProtection, _) => 0,
        }
    }
    /// One line for people: `page fault (cause 13)`, `#PF error 0x6`.
    pub fn describe(self, isa: Isa, code: u8) -> String {
        match (self, isa) {
            (FaultKind::None, _) => "ok".into(),
            (FaultKind::Page, Isa::RiscV) => format!("page fault, cause {code}"),
            (FaultKind::Access, Isa::RiscV) => format!("access fault, cause {code}"),
            (FaultKind::Page, Isa::X86) => format!("#PF, error code {code:#x}"),
            (FaultKind::Access, Isa::X86) => "bus error in the walk".into(),
            (FaultKind::GeneralProtection, _) => "#GP(0), non-canonical address".into(),
        }
    }
}
