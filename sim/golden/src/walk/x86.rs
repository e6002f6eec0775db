//! What an x86 page-table entry means: Intel SDM volume 3A, 4.3 (32-bit paging), 4.4 (PAE), 4.5 (4-level and
//! 5-level), 4.6 (access rights), 4.8 (accessed and dirty flags), 4.9 (memory type); hdl/CONTRACT.md, W-31 to W-53.

use super::{Inherited, Leaf, Meaning, PageTables, Refusal, low_bits, mask_of, page_size};
use crate::rights::{Rights, check};
use pagewalk_arch::pte_bit::x86::{A, D, G, P, PAT, PAT_LARGE, PCD, PS, PSE36, PWT, RW, US, XD};
use pagewalk_arch::{Access, AccessKind, FRAME_SHIFT, PhysAddr, PteBit};

/// The address field of 8-byte entries ends here; 62:52 lie above.
const ADDRESS_END: u32 = 52;
const ABOVE_ADDRESS: u64 = low_bits(XD.position) & !low_bits(ADDRESS_END);
/// W-37: what a PDPTE of PAE may not have below its address: bits 2:1 and 8:5.
const NOT_IN_A_PDPTE: u64 = mask_of(&[RW, US, A, D, PS, G]);

pub(super) fn judge(
    tables: &PageTables,
    access: &Access,
    level: usize,
    entry: u64,
    inherited: &mut Inherited,
) -> Meaning {
    let has = |bit: PteBit| entry & bit.mask() != 0;
    // W-31. SDM 4.7: with P = 0 no other bit of the entry means anything.
    if !has(P) {
        return Meaning::Refused(Refusal::NotPresent);
    }
    let leaf = level == 0 || (has(PS) && large_pages(tables, level));
    let reserved = entry & reserved_bits(tables, level, leaf);
    if reserved != 0 {
        return Meaning::Refused(Refusal::Reserved(reserved));
    }

    // W-45 to W-47. SDM 4.6.1: a right holds if every level grants it. A set XD is past the reserved-bit check, so NXE
    // is on.
    let execute_disable = XD.formats.contains(tables.spec) && has(XD);
    let rights = inherited.rights.and(
        Rights::READ
            | Rights::WRITE.when(has(RW))
            | Rights::USER.when(has(US))
            | Rights::EXECUTE.when(!execute_disable),
    );

    if !leaf {
        // W-41. SDM 4.8: A of every entry that the translation uses, level by level as the walk uses it.
        if !has(A) {
            return Meaning::Update { new: entry | A.mask() };
        }
        inherited.rights = rights;
        return Meaning::Pointer { table: PhysAddr::of_frame(frame(tables, level, leaf, entry)) };
    }

    // W-42, then W-43 and W-44.
    if let Err(denial) = check(tables.spec.isa, &tables.mode, rights, access.kind, access.privilege) {
        return Meaning::Refused(Refusal::Denied(denial));
    }
    let needed = if access.kind == AccessKind::Store { mask_of(&[A, D]) } else { A.mask() };
    if entry & needed != needed {
        return Meaning::Update { new: entry | needed };
    }
    let page_bits_from_va = tables.page_bits_below(level);
    // W-52, W-53.
    let pat = has(if level == 0 { PAT } else { PAT_LARGE });
    Meaning::Leaf(Leaf {
        page: page_size(level),
        frame: frame(tables, level, leaf, entry) | (access.va.page_number() & page_bits_from_va),
        rights,
        dirty: has(D),
        global: tables.mode.pge && has(G),
        memory_type: u8::from(pat) << 2 | u8::from(has(PCD)) << 1 | u8::from(has(PWT)),
    })
}

/// W-37, W-38: a PDPTE of PAE, loaded with CR3. SDM 4.4.1, table 4-8. It has neither rights nor A.
pub(super) fn judge_resident(tables: &PageTables, entry: u64) -> Meaning {
    if entry & P.mask() == 0 {
        return Meaning::Refused(Refusal::NotPresent);
    }
    let reserved = entry & (NOT_IN_A_PDPTE | !low_bits(tables.physical_bits));
    if reserved != 0 {
        return Meaning::Refused(Refusal::Reserved(reserved));
    }
    Meaning::Pointer { table: PhysAddr(entry & !low_bits(FRAME_SHIFT)) }
}

/// W-40: whether PS makes a leaf at `level`: in the 32-bit format only with CR4.PSE.
fn large_pages(tables: &PageTables, level: usize) -> bool {
    level <= tables.spec.leaf_level_max && (tables.spec.pte_bytes == 8 || tables.mode.pse)
}

/// W-32 to W-39: the bits that must be zero in a present entry.
fn reserved_bits(tables: &PageTables, level: usize, leaf: bool) -> u64 {
    let large = leaf && level > 0;
    if tables.spec.pte_bytes == 4 {
        // W-33: those of bits 20:13 are an address that are implemented; the rest of 21:13, up to the frame of a 4 MiB
        // page, must be zero.
        let implemented_end = PSE36.position + tables.physical_bits.saturating_sub(32).min(PSE36.width);
        return if large { low_bits(tables.spec.level_shift(level)) & !low_bits(implemented_end) } else { 0 };
    }
    let mut reserved = low_bits(ADDRESS_END) & !low_bits(tables.physical_bits);
    if tables.spec.resident_root_entries > 0 {
        // W-39: PAE alone reserves what 4-level and 5-level paging ignore.
        reserved |= ABOVE_ADDRESS;
    }
    if XD.formats.contains(tables.spec) && !tables.mode.nxe {
        reserved |= XD.mask();
    }
    if level > tables.spec.leaf_level_max {
        reserved |= PS.mask();
    }
    if large {
        // W-35: between PAT and the frame of a large page.
        reserved |= low_bits(tables.spec.level_shift(level)) & !low_bits(PAT_LARGE.position + 1);
    }
    reserved
}

/// The frame that an entry names, low bits of a large page zero.
fn frame(tables: &PageTables, level: usize, leaf: bool, entry: u64) -> u64 {
    let below = if leaf { tables.page_bits_below(level) } else { 0 };
    let mut frame = (entry & low_bits(ADDRESS_END)) >> FRAME_SHIFT & !below;
    if tables.spec.pte_bytes == 4 && leaf && level > 0 {
        let upper = (entry & PSE36.mask()) >> PSE36.position;
        frame |= upper << (32 - FRAME_SHIFT);
    }
    frame & tables.frame_mask()
}
