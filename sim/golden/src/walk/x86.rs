//! What an x86 page-table entry means: Intel SDM volume 3A, 4.3 (32-bit paging), 4.4 (PAE), 4.5 (4-level and
//! 5-level), 4.6 (access rights), 4.8 (accessed and dirty flags), 4.9 (memory type); hdl/CONTRACT.md, W-31 to W-53.

use super::riscv::page_size;
use super::{Inherited, Leaf, Meaning, PageTables, Refusal, low_bits};
use crate::rights::{Rights, check};
use pagewalk_arch::{Access, AccessKind, FRAME_SHIFT, PhysAddr};

const P: u64 = 1 << 0;
const RW: u64 = 1 << 1;
const US: u64 = 1 << 2;
const MEMORY_TYPE_SHIFT: u32 = 3;
const A: u64 = 1 << 5;
const D: u64 = 1 << 6;
/// Page size above level 0; PAT in a 4 KiB entry.
const PS: u64 = 1 << 7;
const PAT_4K: u64 = PS;
const PAT_LARGE: u64 = 1 << 12;
const G: u64 = 1 << 8;
/// The address field of 8-byte entries ends here; 62:52 lie above.
const ADDRESS_END: u32 = 52;
const ABOVE_ADDRESS: u64 = low_bits(63) & !low_bits(ADDRESS_END);
/// PSE-36: bits 20:13 of a 4 MiB PDE hold address bits 39:32, bit 21 is reserved. SDM 4.3, table 4-4.
const PSE36_SHIFT: u32 = 13;
const PSE36_BITS: u32 = 8;
const PSE36_END: u32 = 22;

pub(super) fn judge(
    tables: &PageTables,
    access: &Access,
    level: usize,
    entry: u64,
    inherited: &mut Inherited,
) -> Meaning {
    // W-31. SDM 4.7: with P = 0 no other bit of the entry means anything.
    if entry & P == 0 {
        return Meaning::Refused(Refusal::NotPresent);
    }
    let leaf = level == 0 || (entry & PS != 0 && large_pages(tables, level));
    let reserved = entry & reserved_bits(tables, level, leaf);
    if reserved != 0 {
        return Meaning::Refused(Refusal::Reserved(reserved));
    }

    // W-45 to W-47. SDM 4.6.1: a right holds if every level grants it. A set XD is past the reserved-bit check, so NXE
    // is on.
    let execute_disable = tables.spec.execute_disable_bit.is_some_and(|bit| entry >> bit & 1 != 0);
    let rights = inherited.rights.and(
        Rights::READ
            | Rights::WRITE.when(entry & RW != 0)
            | Rights::USER.when(entry & US != 0)
            | Rights::EXECUTE.when(!execute_disable),
    );

    if !leaf {
        // W-41. SDM 4.8: A of every entry that the translation uses, level by level as the walk uses it.
        if entry & A == 0 {
            return Meaning::Update { new: entry | A };
        }
        inherited.rights = rights;
        return Meaning::Pointer { table: PhysAddr::of_frame(frame(tables, level, leaf, entry)) };
    }

    // W-42, then W-43 and W-44.
    if let Err(denial) = check(tables.spec.isa, &tables.mode, rights, access.kind, access.privilege) {
        return Meaning::Refused(Refusal::Denied(denial));
    }
    let needed = if access.kind == AccessKind::Store { A | D } else { A };
    if entry & needed != needed {
        return Meaning::Update { new: entry | needed };
    }
    let page_bits_from_va = tables.page_bits_below(level);
    let pat = entry & if level == 0 { PAT_4K } else { PAT_LARGE } != 0;
    Meaning::Leaf(Leaf {
        page: page_size(level),
        frame: frame(tables, level, leaf, entry) | (access.va.page() & page_bits_from_va),
        rights,
        dirty: entry & D != 0,
        global: tables.mode.pge && entry & G != 0,
        memory_type: u8::from(pat) << 2 | (entry >> MEMORY_TYPE_SHIFT & 3) as u8,
    })
}

/// W-37, W-38: a PDPTE of PAE, loaded with CR3. SDM 4.4.1, table 4-8. It has neither rights nor A.
pub(super) fn judge_resident(tables: &PageTables, entry: u64) -> Meaning {
    const RESERVED_LOW: u64 = 0b1_1110_0110;
    if entry & P == 0 {
        return Meaning::Refused(Refusal::NotPresent);
    }
    let reserved = entry & (RESERVED_LOW | !low_bits(tables.physical_bits));
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
        // W-33: those of bits 20:13 are an address that are implemented; the rest of 21:13 must be zero.
        let address_bits = tables.physical_bits.saturating_sub(32).min(PSE36_BITS);
        return if large { low_bits(PSE36_END) & !low_bits(PSE36_SHIFT + address_bits) } else { 0 };
    }
    let mut reserved = low_bits(ADDRESS_END) & !low_bits(tables.physical_bits);
    if tables.spec.resident_root_entries > 0 {
        // W-39: PAE alone reserves what 4-level and 5-level paging ignore.
        reserved |= ABOVE_ADDRESS;
    }
    if let Some(bit) = tables.spec.execute_disable_bit
        && !tables.mode.nxe
    {
        reserved |= 1 << bit;
    }
    if level > tables.spec.leaf_level_max {
        reserved |= PS;
    }
    if large {
        // W-35: between PAT and the frame of a large page.
        reserved |= low_bits(tables.spec.level_shift(level)) & !low_bits(FRAME_SHIFT + 1);
    }
    reserved
}

/// The frame that an entry names, low bits of a large page zero.
fn frame(tables: &PageTables, level: usize, leaf: bool, entry: u64) -> u64 {
    let below = if leaf { tables.page_bits_below(level) } else { 0 };
    let mut frame = (entry & low_bits(ADDRESS_END)) >> FRAME_SHIFT & !below;
    if tables.spec.pte_bytes == 4 && leaf && level > 0 {
        let upper = entry >> PSE36_SHIFT & low_bits(PSE36_BITS);
        frame |= upper << (32 - FRAME_SHIFT);
    }
    frame & tables.frame_mask()
}
