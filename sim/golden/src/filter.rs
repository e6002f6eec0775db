//! A direct-mapped table in front of the TLBs that answers most hits without looking at them.
//!
//! Row r holds the page that was touched last in its set, with the kinds of access that its entry does not grant.
//! Touching the same way again changes no replacement state (see `tlb::replacement`), so an access that finds its page
//! here may be counted as a hit and nothing else be done. In a fully associative TLB other pages' touches come in
//! between; there the row carries the touch, which is still to be applied. A row may be dropped at any time, and must
//! be when entries or rights change. Owns no truth: everything in it is a copy.

use crate::rights::COMBINATIONS;
use crate::tlb::{Payload, Tlb, Touch};
use pagewalk_arch::{PageSize, Port};

/// Rows per port: as many as the largest TLB has sets.
const ROWS: usize = 256;
/// Rows used for a fully associative TLB.
const ROWS_FULLY_ASSOCIATIVE: u64 = 64;
const PAGE_BITS: u32 = 52;
const PAGE_MASK: u64 = (1 << PAGE_BITS) - 1;
/// A row that answers nobody: every combination is denied.
const EMPTY: u64 = ((1 << COMBINATIONS) - 1) << PAGE_BITS;

/// What the accesses that a row covers are answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// 4 KiB frame of the page.
    pub frame: u64,
    /// What a hit does to a fully associative TLB.
    pub touch: Touch,
    pub page: PageSize,
    pub memory_type: u8,
}

/// The rows of both ports.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// Page number, and from bit 52 up one bit per combination that is denied.
    words: Box<[u64; 2 * ROWS]>,
    answers: Box<[Answer; 2 * ROWS]>,
    row_masks: [u64; 2],
}

impl Filter {
    pub(crate) fn new(tlbs: &[Tlb; 2]) -> Self {
        let nothing = Answer { frame: 0, touch: Touch::NONE, page: PageSize::Level0, memory_type: 0 };
        let rows = |tlb: &Tlb| {
            if tlb.is_fully_associative() { ROWS_FULLY_ASSOCIATIVE } else { tlb.sets() as u64 }
        };
        Self {
            words: Box::new([EMPTY; 2 * ROWS]),
            answers: Box::new([nothing; 2 * ROWS]),
            row_masks: [rows(&tlbs[0]) - 1, rows(&tlbs[1]) - 1],
        }
    }

    #[inline]
    fn row(&self, port: usize, page: u64) -> usize {
        ((port * ROWS) | (page & self.row_masks[port]) as usize) & (2 * ROWS - 1)
    }

    /// The row that answers an access of `combination` to `page`, if one does. The whole page number is compared, so
    /// addresses that are not canonical, which no row holds, find nothing.
    #[inline]
    pub(crate) fn find(&self, port: usize, page: u64, combination: u32) -> Option<usize> {
        let row = self.row(port, page);
        let decisive = PAGE_MASK | 1 << (PAGE_BITS + combination);
        ((self.words[row] ^ page) & decisive == 0).then_some(row)
    }
    #[inline]
    pub(crate) fn answer(&self, row: usize) -> &Answer {
        &self.answers[row & (2 * ROWS - 1)]
    }
    /// `page` was touched last in its set, and its entry grants `grants`.
    #[inline]
    pub(crate) fn remember(&mut self, port: Port, page: u64, grants: u8, payload: &Payload, touch: Touch) {
        let row = self.row(port as usize, page);
        self.words[row] = page | u64::from(!grants) << PAGE_BITS & EMPTY;
        self.answers[row] = Answer {
            frame: payload.frame_of(page),
            touch,
            page: payload.page,
            memory_type: payload.memory_type,
        };
    }
    /// Something changed in the set of `page`.
    pub(crate) fn forget(&mut self, port: Port, page: u64) {
        let row = self.row(port as usize, page);
        self.words[row] = EMPTY;
    }
    /// Something changed anywhere in a TLB.
    pub(crate) fn forget_port(&mut self, port: Port) {
        let first = port as usize * ROWS;
        self.words[first..=first + self.row_masks[port as usize] as usize].fill(EMPTY);
    }
    /// The meaning of everything changed.
    pub(crate) fn forget_all(&mut self) {
        self.forget_port(Port::Data);
        self.forget_port(Port::Instruction);
    }
}
