//! What a RISC-V page-table entry means: steps 3 to 8 of "Virtual Address Translation Process", RISC-V Privileged
//! Architecture 20240411, with Svnapot, Svpbmt, Svade and Svadu. The comments carry the manual's step numbers and
//! the rules of hdl/CONTRACT.md, W-11 to W-23.

use super::{Inherited, Leaf, Meaning, PageTables, Refusal, low_bits, mask_of, page_size};
use crate::rights::{Rights, check};
use pagewalk_arch::pte_bit::riscv::{A, D, G, N, PBMT, R, RESERVED, U, V, W, X};
use pagewalk_arch::{Access, AccessKind, FRAME_SHIFT, PageSize, PhysAddr, PteBit};

/// W-14: what a pointer may not have.
const NOT_IN_A_POINTER: u64 = mask_of(&[A, D, U, PBMT, N]);
/// ppn\[3:0\] of a 64 KiB Svnapot leaf.
const NAPOT_64K: u64 = 0b1000;
const NAPOT_PAGE_BITS: u64 = 0xf;

pub(super) fn judge(
    tables: &PageTables,
    access: &Access,
    level: usize,
    pte: u64,
    inherited: &mut Inherited,
) -> Meaning {
    let mode = &tables.mode;
    let has = |bit: PteBit| pte & bit.mask() != 0;
    // Step 3: not valid (W-11), or an encoding that is reserved (W-12, W-13).
    if !has(V) {
        return Meaning::Refused(Refusal::NotPresent);
    }
    if has(W) && !has(R) {
        return Meaning::Refused(Refusal::WriteWithoutRead);
    }
    let reserved = pte & reserved_bits(tables, pte);
    if reserved != 0 {
        return Meaning::Refused(Refusal::Reserved(reserved));
    }
    let ppn = (pte >> tables.spec.ppn_shift) & low_bits(tables.spec.pa_bits - FRAME_SHIFT);
    let beyond_physical = ppn & !tables.frame_mask() != 0;

    // Step 4: neither R nor X makes a pointer to the next table (W-14 to W-16, W-23); i ← i − 1.
    if !has(R) && !has(X) {
        let misplaced = pte & NOT_IN_A_POINTER;
        if misplaced != 0 {
            return Meaning::Refused(Refusal::PointerBits(misplaced));
        }
        if level == 0 {
            return Meaning::Refused(Refusal::PointerAtLevel0);
        }
        if beyond_physical {
            return Meaning::Refused(Refusal::BeyondPhysical);
        }
        inherited.global |= has(G);
        return Meaning::Pointer { table: PhysAddr::of_frame(ppn) };
    }

    // Step 5: a leaf (W-17). A superpage is aligned to its size; N stands for 64 KiB and at level 0 only.
    let mut page_bits_from_va = tables.page_bits_below(level);
    if ppn & page_bits_from_va != 0 {
        return Meaning::Refused(Refusal::Misaligned);
    }
    let napot = has(N);
    if napot {
        if level > 0 || ppn & NAPOT_PAGE_BITS != NAPOT_64K {
            return Meaning::Refused(Refusal::Napot);
        }
        page_bits_from_va = NAPOT_PAGE_BITS;
    }

    // Step 6 (W-18): the rights that R, W, X and U give, given the privilege, SUM and MXR.
    let rights = Rights::READ.when(has(R))
        | Rights::WRITE.when(has(W))
        | Rights::EXECUTE.when(has(X))
        | Rights::USER.when(has(U));
    if let Err(denial) = check(tables.spec.isa, mode, rights, access.kind, access.privilege) {
        return Meaning::Refused(Refusal::Denied(denial));
    }

    // Step 7: A, and D for a store. Svade (W-19) leaves them to software, Svadu (W-21) sets them here; no update is
    // made for an access that would fail afterwards.
    let needed = if access.kind == AccessKind::Store { mask_of(&[A, D]) } else { A.mask() };
    let complete = pte & needed == needed;
    if !complete && !mode.adue {
        return Meaning::Refused(Refusal::NeedsUpdate);
    }
    // Step 8 (W-20, W-22): pa.ppn takes the bits below the leaf's level from the address. A page larger than the
    // implemented memory begins inside it and reaches beyond.
    let frame = (ppn & !page_bits_from_va) | (access.va.page_number() & page_bits_from_va);
    if beyond_physical || frame & !tables.frame_mask() != 0 {
        return Meaning::Refused(Refusal::BeyondPhysical);
    }
    if !complete {
        return Meaning::Update { new: pte | needed };
    }

    Meaning::Leaf(Leaf {
        page: if napot { PageSize::Napot64K } else { page_size(level) },
        frame,
        rights,
        dirty: has(D),
        global: inherited.global || has(G),
        memory_type: ((pte & PBMT.mask()) >> PBMT.position) as u8,
    })
}

/// W-13: the bits that make `pte` reserved if set, given the extensions that are on.
fn reserved_bits(tables: &PageTables, pte: u64) -> u64 {
    // Entries of Sv32 have none of these bits.
    let pbmt = if !tables.mode.pbmte || pte & PBMT.mask() == PBMT.mask() { PBMT.mask() } else { 0 };
    let napot = if tables.mode.svnapot { 0 } else { N.mask() };
    RESERVED.mask() | pbmt | napot
}
