//! Which TLB entries a fence drops: one rule for SFENCE.VMA, MOV CR3, INVLPG and INVPCID.

use crate::{Asid, VirtAddr};
use serde::{Deserialize, Serialize};

/// A fence. An entry **must** be dropped when all of these hold: `va` is absent or lies in the entry's page;
/// `asid` is absent, equals the entry's, or the entry is global; and not (`keep_global` and the entry is global).
/// Dropping more is always legal; which further entries a structure drops is part of the timing contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlbFlush {
    /// Only entries that translate this address.
    pub va: Option<VirtAddr>,
    /// Only entries of this address space.
    pub asid: Option<Asid>,
    /// Global entries may stay.
    pub keep_global: bool,
}

impl TlbFlush {
    /// SFENCE.VMA x0, x0; INVPCID type 2; a change of CR4.PGE: everything, global entries too.
    pub const ALL: Self = Self { va: None, asid: None, keep_global: false };
    /// INVPCID type 3, MOV CR3 without PCIDs: everything that is not global.
    pub const ALL_BUT_GLOBAL: Self = Self { va: None, asid: None, keep_global: true };

    /// SFENCE.VMA with rs1 and rs2 as given; `None` stands for x0. Table "SFENCE.VMA" of the privileged manual.
    pub const fn sfence_vma(va: Option<VirtAddr>, asid: Option<Asid>) -> Self {
        Self { va, asid, keep_global: asid.is_some() }
    }
    /// MOV CR3 (bit 63 clear) with PCIDs, INVPCID type 1: what belongs to `asid` and is not global. SDM 4.10.4.1.
    pub const fn address_space(asid: Asid) -> Self {
        Self { va: None, asid: Some(asid), keep_global: true }
    }
    /// INVLPG: the page of `va` in the current address space, global entries too. SDM 4.10.4.1.
    pub const fn invlpg(va: VirtAddr, current: Asid) -> Self {
        Self { va: Some(va), asid: Some(current), keep_global: false }
    }
    /// INVPCID type 0: the page of `va` in `asid`, global entries excepted. SDM 4.10.4.1.
    pub const fn invpcid_address(va: VirtAddr, asid: Asid) -> Self {
        Self { va: Some(va), asid: Some(asid), keep_global: true }
    }
}
