//! The rows of a set-associative TLB, worked out from its configuration: which arrays it has and where the fields of a
//! row lie. Owns no logic; the blocks take their constants from here.

use crate::geometry::{MEMORY_TYPE_BITS, PAGE_BITS, RIGHTS_BITS};
use crate::prelude::Const;
use pagewalk_arch::{FRAME_SHIFT, FormatSpec, L1Config, MmuConfig, Structure};

/// Bits that one comparator takes: two levels of 4-input LUTs.
pub const COMPARE_BITS: usize = 8;

/// One lane: an array with one entry per row, read beside the others. The ways of the 4 KiB array and the
/// superpage array are lanes that differ in these numbers only.
///
/// A tag row is, lowest bit first: valid, tag, ASID, global, R, W, X, U, D. A page row: frame without
/// `frame_shift` low bits, page size, memory type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Low bits of the page number that stand below the index: 0 for 4 KiB lanes, the level-0 index bits for the
    /// superpage lane. Also the low frame bits that come from the address instead of the row.
    pub frame_shift: usize,
    /// log2 of the rows.
    pub index_bits: usize,
    /// Bits of tag.
    pub tag_bits: usize,
    /// Bits of ASID, 0 where there is none.
    pub asid_bits: usize,
    /// Bits of frame number kept in a page row.
    pub frame_bits: usize,
}

impl Lane {
    /// Bit at which the ASID begins.
    pub fn asid_at(&self) -> usize {
        1 + self.tag_bits
    }
    /// Bit of the global flag.
    pub fn global_at(&self) -> usize {
        self.asid_at() + self.asid_bits
    }
    /// Bit at which the rights begin.
    pub fn rights_at(&self) -> usize {
        self.global_at() + 1
    }
    /// Width of a tag row.
    pub fn tag_row_bits(&self) -> usize {
        self.rights_at() + RIGHTS_BITS
    }
    /// Width of a page row.
    pub fn page_row_bits(&self) -> usize {
        self.frame_bits + PAGE_BITS + MEMORY_TYPE_BITS
    }
    /// Comparators over valid and tag, and the bits of a tag row that each looks at.
    pub fn group_masks(&self) -> Vec<u128> {
        let key_bits = 1 + self.tag_bits;
        (0..key_bits)
            .step_by(COMPARE_BITS)
            .map(|from| {
                let bits = COMPARE_BITS.min(key_bits - from);
                ((1u128 << bits) - 1) << from
            })
            .collect()
    }
}

/// The lanes of a set-associative TLB: the ways of the 4 KiB array, then the superpage array if there is one.
pub fn lanes(config: &MmuConfig, l1: &L1Config) -> Vec<Lane> {
    let Structure::SetAssociative { sets, ways, superpage_sets } = l1.structure else { return Vec::new() };
    let lane = |frame_shift: usize, rows: u32| {
        let index_bits = rows.ilog2() as usize;
        Lane {
            frame_shift,
            index_bits,
            tag_bits: config.spec().vpn_bits() as usize - frame_shift - index_bits,
            asid_bits: config.asid_bits as usize,
            frame_bits: config.frame_bits() as usize - frame_shift,
        }
    };
    let mut lanes = vec![lane(0, sets); ways as usize];
    if superpage_sets > 0 {
        lanes.push(lane(config.spec().index_bits[0] as usize, superpage_sets));
    }
    lanes
}

/// For each level that a leaf may leave to the address, the bits of the page number that index it, of those within
/// `width` bits.
pub fn level_masks(spec: &FormatSpec, width: usize) -> Vec<Const> {
    let mask = |level: usize| {
        let index = (1u128 << spec.index_bits[level]) - 1;
        let bits = index << (spec.level_shift(level) - FRAME_SHIFT);
        Const::new(width, bits & ((1 << width) - 1))
    };
    (0..spec.leaf_level_max).map(mask).collect()
}
