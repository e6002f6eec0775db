//! Geometry of one TLB, worked out from its configuration: which arrays it has, where the fields of a row lie, and
//! the tables of its replacement. Owns no logic; the blocks take their constants from here.

use pagewalk_arch::{L1Config, MmuConfig, PageSize, Structure};

/// Bits of rights in a row, lowest first: R W X U D.
pub const RIGHTS_BITS: usize = 5;
/// Bits that one comparator takes: two levels of 4-input LUTs.
pub const COMPARE_BITS: usize = 8;
/// Bits of a page size on a port.
pub const PAGE_BITS: usize = 3;
/// Bits of a memory type on a port.
pub const MEMORY_TYPE_BITS: usize = 3;

/// One lane: an array with one entry per row, read beside the others. The ways of the 4 KiB array and the
/// superpage array are lanes that differ in these numbers only.
///
/// A tag row is, lowest bit first: valid, tag, identifier, global, R, W, X, U, D. A data row: frame without
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
    /// Bits of identifier, 0 where there is none.
    pub asid_bits: usize,
    /// Bits of frame number kept in a data row.
    pub frame_bits: usize,
}

impl Lane {
    /// Bit at which the identifier begins.
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
    /// Width of a data row.
    pub fn data_row_bits(&self) -> usize {
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

/// Replacement as tables, so that tree-PLRU and round-robin are one circuit: a way is the victim when the state
/// agrees with `points[way]` under `looks[way]`; a touch makes it `(state & keeps[way]) | sets[way]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacementTables {
    /// Bits of state, at least 1.
    pub state_bits: usize,
    /// Bits of the state that decide about a way.
    pub looks: Vec<u128>,
    /// What those bits are when they point at the way.
    pub points: Vec<u128>,
    /// Bits that a touch leaves alone.
    pub keeps: Vec<u128>,
    /// Bits that a touch sets.
    pub sets: Vec<u128>,
    /// Whether a hit, or a refill in place, touches; a refill of the victim always does.
    pub touched_by_hits: bool,
}

impl ReplacementTables {
    /// The tables for `ways` ways (a power of two).
    pub fn new(replacement: pagewalk_arch::Replacement, ways: usize) -> Self {
        match replacement {
            pagewalk_arch::Replacement::TreePlru => Self::tree_plru(ways),
            pagewalk_arch::Replacement::RoundRobin => Self::round_robin(ways),
        }
    }

    fn tree_plru(ways: usize) -> Self {
        let depth = ways.ilog2();
        let state_bits = (ways - 1).max(1);
        let all = (1u128 << state_bits) - 1;
        let mut tables = Self::empty(state_bits, true);
        for way in 0..ways {
            let (mut node, mut looks, mut points) = (0usize, 0u128, 0u128);
            for level in (0..depth).rev() {
                let upper = (way >> level) & 1;
                looks |= 1 << node;
                points |= (upper as u128) << node;
                node = 2 * node + 1 + upper;
            }
            tables.looks.push(looks);
            tables.points.push(points);
            tables.keeps.push(all & !looks);
            tables.sets.push(looks & !points);
        }
        tables
    }

    fn round_robin(ways: usize) -> Self {
        let state_bits = (ways.ilog2() as usize).max(1);
        let all = (1u128 << state_bits) - 1;
        let mut tables = Self::empty(state_bits, false);
        for way in 0..ways {
            tables.looks.push(all);
            tables.points.push(way as u128);
            tables.keeps.push(0);
            tables.sets.push(((way + 1) % ways) as u128);
        }
        tables
    }

    fn empty(state_bits: usize, touched_by_hits: bool) -> Self {
        let none = Vec::new;
        Self { state_bits, looks: none(), points: none(), keeps: none(), sets: none(), touched_by_hits }
    }
}

/// Page-number bits that a leaf of each size leaves to the address, by the code of [`PageSize`].
pub fn offset_masks(config: &MmuConfig) -> Vec<u128> {
    let spec = config.spec();
    (0..=PageSize::Napot64K as u8)
        .map(|code| {
            let size = PageSize::from_code(code).expect("the codes up to Napot64K are dense");
            if size.level() > spec.leaf_level_max {
                return 0;
            }
            u128::from(spec.page_bytes(size) >> pagewalk_arch::FRAME_SHIFT) - 1
        })
        .collect()
}
