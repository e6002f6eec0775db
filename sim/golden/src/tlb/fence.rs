//! Which fences drop what: F-5 to F-13 of hdl/CONTRACT.md.
//!
//! Owns what a fence takes out of a TLB and of its replacement state, and the flag that makes a fence of one address one
//! of every address. Does not own when a fence is carried out and what it costs (`timing`), which fence follows a page
//! fault (W-4, `timed`), nor the cut of an ASID to its implemented bits (F-17, `architecture`).

use super::{Tlb, superpage_row};
use crate::walk::low_bits;
use pagewalk_arch::{PageSize, TlbFlush};

/// F-11: whether a TLB may hold pieces of a leaf in entries that a fence of one address would not reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeavesInPieces(bool);

impl LeavesInPieces {
    /// `tlb` takes in a leaf of `page`.
    pub(crate) fn refilled(&mut self, tlb: &Tlb, page: PageSize) {
        self.0 |= tlb.keeps_in_pieces(page);
    }
    /// The fence that `flush` is carried out as, on both of `tlbs`: F-12, while the flag is set, one without an address.
    /// F-13: a fence without an address clears the flag if it leaves nothing.
    pub(crate) fn carried_out_as(&mut self, flush: &TlbFlush, tlbs: &[Tlb; 2]) -> TlbFlush {
        let flush = TlbFlush { va: flush.va.filter(|_| !self.0), ..*flush };
        let leaves_nothing = flush == TlbFlush::ALL || !tlbs.iter().any(Tlb::is_fully_associative);
        if flush.va.is_none() && leaves_nothing {
            self.0 = false;
        }
        flush
    }
}

impl Tlb {
    /// Carries out a fence: by whole rows (F-5, F-6, F-9), or in a fully associative TLB exactly as named (F-8, F-10).
    pub(crate) fn flush(&mut self, flush: &TlbFlush) {
        match (self.fully_associative, flush.va) {
            (true, _) => self.drop_what_is_named(flush),
            (false, Some(va)) => self.drop_rows_of(va.page_number()),
            (false, None) => self.drop_everything(),
        }
    }

    /// F-5: the set and the superpage row of the page. F-6: other ASIDs and globals go as well.
    fn drop_rows_of(&mut self, page: u64) {
        self.drop_set(self.set_of(page));
        if let Some(rows) = &mut self.superpages {
            rows.invalidate(superpage_row(self.spec, rows, page), 0);
        }
    }

    /// F-5, without an address.
    fn drop_everything(&mut self) {
        (0..self.main.sets()).for_each(|set| self.drop_set(set));
        if let Some(rows) = &mut self.superpages {
            (0..rows.sets()).for_each(|row| rows.invalidate(row, 0));
        }
    }

    /// F-9: the replacement state of a set that was dropped becomes 0.
    fn drop_set(&mut self, set: usize) {
        self.main.invalidate_set(set);
        self.replacer.reset(set);
    }

    /// F-8: the rule of [`TlbFlush`]. F-10: the replacement state stays, except after a fence of everything.
    fn drop_what_is_named(&mut self, flush: &TlbFlush) {
        let compared = low_bits(self.spec.vpn_bits());
        for way in 0..self.main.ways() {
            let dropped = self.main.entry(0, way).is_some_and(|entry| {
                let global = entry.payload.global;
                flush.va.is_none_or(|va| entry.holds(va.page_number(), compared))
                    && flush.asid.is_none_or(|asid| global || asid.0 == entry.asid())
                    && !(flush.keep_global && global)
            });
            if dropped {
                self.main.invalidate(0, way);
            }
        }
        if *flush == TlbFlush::ALL {
            self.replacer.reset(0);
        }
    }

    /// F-11: whether a leaf of `page` is kept in pieces.
    fn keeps_in_pieces(&self, page: PageSize) -> bool {
        page == PageSize::Napot64K || page.level() > self.piece_level(page)
    }
}
