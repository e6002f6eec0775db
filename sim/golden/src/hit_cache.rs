//! Direct-mapped tables in front of the TLBs that answer most hits without looking at them. They may be cleared at any
//! time: everything in them is a copy of what the TLBs and the rights say.
//!
//! Row r of `latest` holds the page that was touched last in its set, with the kinds of access that its entry does not
//! grant. Touching the same way again changes no replacement state (see `tlb::replacement`), so an access that finds
//! its page here may be counted as a hit and nothing else be done. In a fully associative TLB other pages' touches come
//! in between; there the row's touch is still to be applied. `recent` holds pages that were touched before the last one
//! of their set: an access that finds its page there applies the touch, and the page is the latest again. A row must be
//! dropped when its entry or its rights change, in `latest` also when anything else is touched in the set.

use crate::rights::{COMBINATIONS, combination};
use crate::tlb::{Payload, Tlb, Touch};
use pagewalk_arch::{Access, AccessKind, PageSize, Side};

/// Rows per side: as many as the largest TLB has sets.
const ROWS: usize = 256;
/// Rows used at least for recent pages, and all that are used for a fully associative TLB.
const FEW_ROWS: usize = 64;
const PAGE_BITS: u32 = 52;
const PAGE_MASK: u64 = (1 << PAGE_BITS) - 1;
/// A row that answers no access: every combination is denied.
const EMPTY: u64 = ((1 << COMBINATIONS) - 1) << PAGE_BITS;

/// Per combination the bits of a word that must agree with a page number.
const DECISIVE: [u64; COMBINATIONS as usize] = {
    let mut all = [PAGE_MASK; COMBINATIONS as usize];
    let mut combination = 0;
    while combination < all.len() {
        all[combination] |= 1 << (PAGE_BITS as usize + combination);
        combination += 1;
    }
    all
};

/// What the accesses that a row covers are answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// 4 KiB frame of the page.
    pub frame: u64,
    /// What a hit does to the replacement state of the page's set.
    pub touch: Touch,
    pub page: PageSize,
    pub memory_type: u8,
}

/// A side's rows: which bits of the page number select one, and the first.
#[derive(Clone, Copy, Debug)]
struct Rows {
    mask: u64,
    first: u64,
}

/// The rows of both sides. May be cleared at any time.
#[derive(Clone, Debug)]
pub(crate) struct HitCache {
    /// By set: page number, and from bit 52 up one bit per combination that is denied.
    latest: Box<[u64; 2 * ROWS]>,
    /// The same by page number. Every page of `latest` is also here, because pages that share a row share a set.
    recent: Box<[u64; 2 * ROWS]>,
    /// Of the pages in `recent`.
    answers: Box<[Answer; 2 * ROWS]>,
    latest_masks: [u64; 2],
    /// Where the rows of `latest` are that an access of a kind looks at: what most accesses do must be short.
    latest_rows: [Rows; 3],
    recent_masks: [u64; 2],
}

impl HitCache {
    pub(crate) fn new(tlbs: &[Tlb; 2]) -> Self {
        let nothing = Answer { frame: 0, touch: Touch::NONE, page: PageSize::Level0, memory_type: 0 };
        let latest_rows = |tlb: &Tlb| if tlb.is_fully_associative() { FEW_ROWS } else { tlb.sets() };
        // Twice the entries, so that few pages that are in the TLB share a row.
        let recent_rows = |tlb: &Tlb| {
            if tlb.is_fully_associative() { FEW_ROWS } else { (2 * tlb.entries()).clamp(FEW_ROWS, ROWS) }
        };
        let masks = |rows: &dyn Fn(&Tlb) -> usize| [0, 1].map(|side: usize| rows(&tlbs[side]) as u64 - 1);
        let latest_masks = masks(&latest_rows);
        let mut latest_rows = [Rows { mask: 0, first: 0 }; 3];
        for kind in [AccessKind::Fetch, AccessKind::Load, AccessKind::Store] {
            let side = kind.side() as usize;
            latest_rows[kind as usize] = Rows { mask: latest_masks[side], first: (side * ROWS) as u64 };
        }
        Self {
            latest: Box::new([EMPTY; 2 * ROWS]),
            recent: Box::new([EMPTY; 2 * ROWS]),
            answers: Box::new([nothing; 2 * ROWS]),
            latest_masks,
            latest_rows,
            recent_masks: masks(&recent_rows),
        }
    }

    #[inline(always)]
    fn row(masks: &[u64; 2], side: usize, page: u64) -> usize {
        ((side * ROWS) | (page & masks[side]) as usize) & (2 * ROWS - 1)
    }
    /// Whether `word` answers an access of `combination` to `page`. The whole page number is compared, so addresses
    /// that are not canonical, which no row holds, find nothing.
    #[inline(always)]
    fn covers(word: u64, page: u64, combination: u32) -> bool {
        (word ^ page) & DECISIVE[combination as usize] == 0
    }

    /// Whether the page of `access` was touched last in its set and grants the access.
    #[inline(always)]
    pub(crate) fn has_latest(&self, access: &Access) -> bool {
        let page = access.va.page_number();
        let rows = &self.latest_rows[access.kind as usize];
        let row = (page & rows.mask | rows.first) as usize & (2 * ROWS - 1);
        Self::covers(self.latest[row], page, combination(access))
    }
    /// What accesses to the latest page of a set are answered.
    #[inline(always)]
    pub(crate) fn answer(&self, side: usize, page: u64) -> &Answer {
        &self.answers[Self::row(&self.recent_masks, side, page)]
    }
    /// If `page` was touched recently and grants an access of `combination`, makes it the latest of its set again. The
    /// touch is the caller's to apply.
    #[inline]
    pub(crate) fn recall(&mut self, side: usize, page: u64, combination: u32) -> Option<Touch> {
        let row = Self::row(&self.recent_masks, side, page);
        let word = self.recent[row];
        if !Self::covers(word, page, combination) {
            return None;
        }
        self.latest[Self::row(&self.latest_masks, side, page)] = word;
        Some(self.answers[row].touch)
    }
    /// `page` was touched last in its set, and its entry grants `grants`.
    #[inline]
    pub(crate) fn remember(&mut self, side: Side, page: u64, grants: u8, payload: &Payload, touch: Touch) {
        let side = side as usize;
        let word = page | u64::from(!grants) << PAGE_BITS & EMPTY;
        self.latest[Self::row(&self.latest_masks, side, page)] = word;
        let row = Self::row(&self.recent_masks, side, page);
        self.recent[row] = word;
        self.answers[row] = Answer {
            frame: payload.frame_of(page),
            touch,
            page: payload.page,
            memory_type: payload.memory_type,
        };
    }
    /// The entry of `page` changed.
    pub(crate) fn forget(&mut self, side: Side, page: u64) {
        self.latest[Self::row(&self.latest_masks, side as usize, page)] = EMPTY;
        self.recent[Self::row(&self.recent_masks, side as usize, page)] = EMPTY;
    }
    /// Something changed anywhere in a TLB.
    pub(crate) fn forget_side(&mut self, side: Side) {
        let side = side as usize;
        let rows = |mask: u64| side * ROWS..=side * ROWS + mask as usize;
        self.latest[rows(self.latest_masks[side])].fill(EMPTY);
        self.recent[rows(self.recent_masks[side])].fill(EMPTY);
    }
    /// The meaning of everything changed.
    pub(crate) fn forget_all(&mut self) {
        self.forget_side(Side::Data);
        self.forget_side(Side::Instruction);
    }
}
