//! One first-level TLB: look-up and refill as hdl/CONTRACT.md states them: L-2, L-3, E-1 to E-12.
//!
//! Owns entries and replacement state; what a fence drops is in `fence`, which way makes room in `replacement`, how keys
//! match in `array`. Does not own rights (asked of `rights`), the walk, or any cycle. A
//! set-associative TLB keeps 4 KiB pieces in one array and, where it has one, level-1 pieces in another; a fully
//! associative TLB is one set whose entries hold leaves of any size.

mod array;
mod fence;
mod replacement;

pub(crate) use array::Payload;
pub(crate) use fence::LeavesInPieces;
pub(crate) use replacement::Touch;

use crate::walk::{Leaf, low_bits};
use array::{Array, Key};
use pagewalk_arch::{Asid, FRAME_SHIFT, FormatSpec, L1Config, PageSize, Structure};
use replacement::Replacer;

/// L-2: the entries that a look-up matched: valid, page number equal, ASID equal or global. Rights do not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Matches {
    /// Ways of the set, as bits.
    main: u64,
    superpage: bool,
}

/// The one entry that matched.
pub(crate) struct Found<'a> {
    pub payload: &'a Payload,
    /// Its way in the array that has replacement state; `None` for a superpage row.
    pub way: Option<usize>,
}

/// The pages whose look-up a refill may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refilled {
    /// Pages of any set: a superpage row was written or dropped, or the TLB is fully associative.
    Anything,
    /// The page itself and, where its entry took another's place, the page of that: 4 KiB pieces of the same set.
    Entry {
        /// The bits of the page number that keys hold.
        replaced: Option<u64>,
    },
}

/// E-2, the row of the superpage array: the low bits of the level-1 page number.
#[inline]
fn superpage_row(spec: &FormatSpec, rows: &Array, page: u64) -> usize {
    (page >> spec.index_bits[0]) as usize & (rows.sets() - 1)
}

/// A first-level TLB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tlb {
    spec: &'static FormatSpec,
    main: Array,
    replacer: Replacer,
    superpages: Option<Array>,
    fully_associative: bool,
}

impl Tlb {
    pub(crate) fn new(spec: &'static FormatSpec, config: &L1Config) -> Self {
        let (sets, ways, superpage_sets) = match config.structure {
            Structure::SetAssociative { sets, ways, superpage_sets } => (sets, ways, superpage_sets),
            Structure::FullyAssociative { entries } => (1, entries, 0),
        };
        let (sets, ways, superpage_sets) = (sets as usize, ways as usize, superpage_sets as usize);
        Self {
            spec,
            main: Array::new(sets, ways),
            replacer: Replacer::new(config.replacement, sets, ways),
            superpages: (superpage_sets > 0).then(|| Array::new(superpage_sets, 1)),
            fully_associative: matches!(config.structure, Structure::FullyAssociative { .. }),
        }
    }

    pub(crate) fn is_fully_associative(&self) -> bool {
        self.fully_associative
    }
    pub(crate) fn sets(&self) -> usize {
        self.main.sets()
    }
    /// Entries of the array that has replacement state.
    pub(crate) fn entries(&self) -> usize {
        self.main.sets() * self.main.ways()
    }
    /// E-1, the set of the 4 KiB array: the low bits of the page number.
    #[inline]
    pub(crate) fn set_of(&self, page: u64) -> usize {
        page as usize & (self.main.sets() - 1)
    }

    #[inline]
    pub(crate) fn look_up(&self, page: u64, asid: Asid) -> Matches {
        let key = Key::new(page, asid.0);
        let superpage = match &self.superpages {
            Some(rows) => rows.matches(superpage_row(self.spec, rows, page), key) != 0,
            None => false,
        };
        Matches { main: self.main.matches(self.set_of(page), key), superpage }
    }

    /// L-3: the entry that matched, if it is exactly one.
    #[inline]
    pub(crate) fn only(&self, page: u64, matches: Matches) -> Option<Found<'_>> {
        if matches.superpage {
            let rows = self.superpages.as_ref()?;
            let row = superpage_row(self.spec, rows, page);
            return (matches.main == 0).then(|| Found { payload: rows.payload(row, 0), way: None });
        }
        if !matches.main.is_power_of_two() {
            return None;
        }
        let way = matches.main.trailing_zeros() as usize;
        Some(Found { payload: self.main.payload(self.set_of(page), way), way: Some(way) })
    }

    /// A hit of `way` in the set of `page`.
    #[inline]
    pub(crate) fn touch(&mut self, page: u64, way: usize) {
        self.replacer.touch(self.set_of(page), way);
    }

    /// Takes in the translation of `page`, whose look-up had found `matches`: E-9 to E-12.
    pub(crate) fn refill(&mut self, page: u64, asid: Asid, leaf: &Leaf, matches: Matches) -> Refilled {
        let key = Key::new(page, asid.0);
        let piece_level = self.piece_level(leaf.page);
        let page_bits_from_va = low_bits(self.spec.level_shift(piece_level) - FRAME_SHIFT);
        let payload = Payload {
            frame: leaf.frame & !page_bits_from_va,
            page_bits_from_va,
            rights: leaf.rights,
            dirty: leaf.dirty,
            global: leaf.global,
            memory_type: leaf.memory_type,
            page: leaf.page,
        };
        let set = self.set_of(page);
        if piece_level > 0
            && let Some(rows) = &mut self.superpages
        {
            rows.write(superpage_row(self.spec, rows, page), 0, key, payload);
            self.drop_ways(set, matches.main);
            return Refilled::Anything;
        }
        let way = if matches.main != 0 {
            matches.main.trailing_zeros() as usize
        } else {
            let victim = self.replacer.victim(set);
            self.replacer.victim_taken(set);
            victim
        };
        self.drop_ways(set, matches.main & !(1 << way));
        let replaced = self.main.entry(set, way).map(|entry| entry.page());
        self.main.write(set, way, key, payload);
        self.replacer.touch(set, way);
        if matches.superpage
            && let Some(rows) = &mut self.superpages
        {
            rows.invalidate(superpage_row(self.spec, rows, page), 0);
        }
        if matches.superpage || self.fully_associative {
            Refilled::Anything
        } else {
            Refilled::Entry { replaced }
        }
    }

    /// E-3, E-4: the level of the piece in which a leaf of `page` is kept.
    fn piece_level(&self, page: PageSize) -> usize {
        if self.fully_associative {
            page.level()
        } else if self.superpages.is_some() {
            page.level().min(1)
        } else {
            0
        }
    }

    fn drop_ways(&mut self, set: usize, mut ways: u64) {
        while ways != 0 {
            self.main.invalidate(set, ways.trailing_zeros() as usize);
            ways &= ways - 1;
        }
    }

    /// What a hit of `way` does to the replacement state.
    pub(crate) fn touch_of(&self, way: usize) -> Touch {
        self.replacer.touch_of(way)
    }
    /// A hit of the way that `touch` is of, in the set of `page`.
    #[inline]
    pub(crate) fn apply(&mut self, page: u64, touch: Touch) {
        self.replacer.apply(self.set_of(page), touch);
    }
}
