//! Which way makes room, and what a touch does to the state: tree-PLRU and round-robin as one circuit. The one choice
//! of a victim in the TLBs.
//!
//! Does not own where the state is kept: a set-associative TLB has it per set in LUT RAM, a fully associative one in a
//! register. hdl/CONTRACT.md, "The TLBs".

use crate::prelude::*;
use pagewalk_arch::Replacement;

/// Replacement as tables, so that tree-PLRU and round-robin are one circuit: a way is the victim when the state
/// agrees with `points[way]` under `looks[way]`; a touch makes it `(state & keeps[way]) | touch_sets[way]`.
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
    pub touch_sets: Vec<u128>,
    /// Whether a hit, or a refill in place, touches; a refill of the victim always does.
    pub touched_by_hits: bool,
}

impl ReplacementTables {
    /// The tables for `ways` ways (a power of two).
    pub fn new(replacement: Replacement, ways: usize) -> Self {
        match replacement {
            Replacement::TreePlru => Self::tree_plru(ways),
            Replacement::RoundRobin => Self::round_robin(ways),
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
            tables.touch_sets.push(looks & !points);
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
            tables.touch_sets.push(((way + 1) % ways) as u128);
        }
        tables
    }

    fn empty(state_bits: usize, touched_by_hits: bool) -> Self {
        let none = Vec::new;
        Self { state_bits, looks: none(), points: none(), keeps: none(), touch_sets: none(), touched_by_hits }
    }
}

block! {
    /// See the module. Ways are the bits of its ports, lowest first.
    pub struct Victim(replacement: Replacement, ways: usize);
    let tables = ReplacementTables::new(replacement, ways);
    let width = tables.state_bits;
    let table = |of: &[u128]| of.iter().map(|&bits| Const::new(width, bits)).collect::<Vec<_>>();
    {
        /// State of the set.
        pub state: Wire<In> = Wire::new(width),
        /// Ways that match the access in S1.
        pub matching: Wire<In> = Wire::new(ways),
        /// It is a hit.
        pub hit: Signal<In, Bit>,
        /// A refill goes to these ways.
        pub refill: Signal<In, Bit>,
        /// Where a refill would go: the lowest-numbered way that matches, otherwise the victim.
        pub refilled: Wire<Out> = Wire::new(ways),
        /// The state is touched.
        pub touches: Signal<Out, Bit>,
        /// The state after that.
        pub next_state: Wire<Out> = Wire::new(width),

        in_place: Signal<Local, Bit>,
        victims: Wire<Local> = Wire::new(ways),
        chosen: Wire<Local> = Wire::new(ways),
        touched: Wire<Local> = Wire::new(ways),
        new_state: Wire<Local> = Wire::new(width),
        looks: Vec<Const> = table(&tables.looks),
        points: Vec<Const> = table(&tables.points),
        keeps: Vec<Const> = table(&tables.keeps),
        touch_sets: Vec<Const> = table(&tables.touch_sets),
        _touched_by_hits: usize = usize::from(tables.touched_by_hits),
        _touched_by_victims: usize = usize::from(!tables.touched_by_hits),
    }
}

impl Victim {
    /// Bits of the state.
    pub fn state_bits(&self) -> usize {
        self.state.width()
    }
}

impl Logic for Victim {
    #[hdl_gen]
    fn update(&mut self) {
        self.in_place.next = self.matching.val().any();
        self.victims.next = 0.into();
        self.chosen.next = 0.into();
        for w in 0..self.looks.len() {
            if ((self.state.val() ^ self.points[w].val()) & self.looks[w].val()) == 0 {
                self.victims.next = self.victims.val().replace_bit(w, true);
            }
            if self.matching.val().get_bit(w) && !self.chosen.val().any() {
                self.chosen.next = self.chosen.val().replace_bit(w, true);
            }
        }
        if !self.in_place.val() {
            self.chosen.next = self.victims.val();
        }
        self.refilled.next = self.chosen.val();

        // Hits and refills touch (tree), or refills of the victim advance (round-robin).
        self.touched.next = 0.into();
        for _g in 0..self._touched_by_hits {
            if self.hit.val() {
                self.touched.next = self.matching.val();
            }
            if self.refill.val() {
                self.touched.next = self.chosen.val();
            }
        }
        for _g in 0..self._touched_by_victims {
            if self.refill.val() && !self.in_place.val() {
                self.touched.next = self.chosen.val();
            }
        }
        self.new_state.next = self.state.val();
        for w in 0..self.looks.len() {
            if self.touched.val().get_bit(w) {
                self.new_state.next = (self.state.val() & self.keeps[w].val()) | self.touch_sets[w].val();
            }
        }
        self.touches.next = self.touched.val().any();
        self.next_state.next = self.new_state.val();
    }
}
