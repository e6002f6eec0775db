//! The set-associative first-level TLB: the ways of the 4 KiB array and the superpage array, side by side.
//!
//! Owns the choice among lanes: which one answers, which one a refill goes to, and the replacement state. Does not
//! own the rows themselves ([`TlbLane`]), the address in S1 (the port), nor any refusal: a look-up only ever grants.

use crate::prelude::*;
use crate::tlb::geometry::{self, MEMORY_TYPE_BITS, PAGE_BITS, RIGHTS_BITS, ReplacementTables};
use crate::tlb::lane::TlbLane;
use pagewalk_arch::{L1Config, MmuConfig, Structure};

/// See the module. The ports are those of [`TlbLane`] and of [`crate::tlb::full::FullTlb`].
#[derive(LogicBlock)]
pub struct SetTlb {
    /// Clock.
    pub clock: Signal<In, Clock>,

    /// S0: an access enters.
    pub load: Signal<In, Bit>,
    /// S0: its page number.
    pub vpn: Wire<In>,
    /// Current identifier; empty where there is none.
    pub asid: Vec<Wire<In>>,
    /// S0: R grants.
    pub read_grants: Signal<In, Bit>,
    /// S0: W grants.
    pub write_grants: Signal<In, Bit>,
    /// S0: X grants.
    pub execute_grants: Signal<In, Bit>,
    /// S0: D is needed.
    pub needs_dirty: Signal<In, Bit>,
    /// S0: user pages are allowed.
    pub user_pages: Signal<In, Bit>,
    /// S0: supervisor pages are allowed.
    pub supervisor_pages: Signal<In, Bit>,

    /// S1: an access is there.
    pub held: Signal<In, Bit>,
    /// S1: its page number.
    pub held_vpn: Wire<In>,
    /// S1: the walker answers it; give zeros.
    pub walker_answers: Signal<In, Bit>,
    /// S1: exactly one entry matching, and it grants.
    pub hit: Signal<Out, Bit>,
    /// S1: frame of the 4 KiB piece.
    pub frame: Wire<Out>,
    /// S1: size of the leaf.
    pub page: Wire<Out>,
    /// S1: memory type.
    pub memory_type: Wire<Out>,

    /// The walk for the access in S1 succeeded: write its tag.
    pub refill: Signal<In, Bit>,
    /// The leaf is a superpage.
    pub refill_superpage: Signal<In, Bit>,
    /// R W X U D.
    pub refill_rights: Wire<In>,
    /// G.
    pub refill_global: Signal<In, Bit>,
    /// One cycle after `refill`: frame of the 4 KiB piece.
    pub refill_frame: Wire<In>,
    /// One cycle after `refill`: size of the leaf.
    pub refill_page: Wire<In>,
    /// One cycle after `refill`: memory type.
    pub refill_memory_type: Wire<In>,

    /// Drop one row of every lane.
    pub drop: Signal<In, Bit>,
    /// The row of `drop_vpn` rather than row `drop_row`.
    pub drop_by_address: Signal<In, Bit>,
    /// Row of a sweep.
    pub drop_row: Wire<In>,
    /// Page number whose rows are dropped.
    pub drop_vpn: Wire<In>,

    lane: Vec<TlbLane>,
    state_ram: LutRam,

    matching: Wire<Local>,
    several: Signal<Local, Bit>,
    grants: Signal<Local, Bit>,
    frame_sum: Wire<Local>,
    page_sum: Wire<Local>,
    type_sum: Wire<Local>,

    hits: Signal<Local, Bit>,
    small_page_refill: Signal<Local, Bit>,
    in_place: Signal<Local, Bit>,
    state: Wire<Local>,
    next_state: Wire<Local>,
    victims: Wire<Local>,
    refilled: Wire<Local>,
    touched: Wire<Local>,

    small_ways: Const,
    superpage_shift: Const,
    looks: Vec<Const>,
    points: Vec<Const>,
    keeps: Vec<Const>,
    sets: Vec<Const>,

    _lanes: usize,
    _ways: usize,
    _superpage_lane: usize,
    _has_asid: usize,
    _has_superpages: usize,
    _touched_by_hits: usize,
    _touched_by_victims: usize,
    _index_width: usize,
    _superpage_index_width: usize,
}

impl SetTlb {
    /// The TLB of that structure; `None` where it is not set-associative. `sweep_bits` is the width of `drop_row`.
    pub fn new(config: &MmuConfig, l1: &L1Config, sweep_bits: usize) -> Option<Self> {
        let Structure::SetAssociative { ways, superpage_sets, .. } = l1.structure else { return None };
        let ways = ways as usize;
        let lanes = geometry::lanes(config, l1);
        let tables = ReplacementTables::new(l1.replacement, ways);
        let count = lanes.len();
        let vpn_bits = config.spec().vpn_bits() as usize;
        let frame_bits = config.frame_bits() as usize;
        let has_asid = usize::from(config.asid_bits > 0);
        let state_width = tables.state_bits;
        let table = |of: &[u128]| of.iter().map(|&bits| Const::new(state_width, bits)).collect::<Vec<_>>();
        Some(Self {
            clock: Default::default(),
            load: Default::default(),
            vpn: Wire::new(vpn_bits),
            asid: (0..has_asid).map(|_| Wire::new(config.asid_bits as usize)).collect(),
            read_grants: Default::default(),
            write_grants: Default::default(),
            execute_grants: Default::default(),
            needs_dirty: Default::default(),
            user_pages: Default::default(),
            supervisor_pages: Default::default(),
            held: Default::default(),
            held_vpn: Wire::new(vpn_bits),
            walker_answers: Default::default(),
            hit: Default::default(),
            frame: Wire::new(frame_bits),
            page: Wire::new(PAGE_BITS),
            memory_type: Wire::new(MEMORY_TYPE_BITS),
            refill: Default::default(),
            refill_superpage: Default::default(),
            refill_rights: Wire::new(RIGHTS_BITS),
            refill_global: Default::default(),
            refill_frame: Wire::new(frame_bits),
            refill_page: Wire::new(PAGE_BITS),
            refill_memory_type: Wire::new(MEMORY_TYPE_BITS),
            drop: Default::default(),
            drop_by_address: Default::default(),
            drop_row: Wire::new(sweep_bits),
            drop_vpn: Wire::new(vpn_bits),
            state_ram: LutRam::new(lanes[0].index_bits, state_width),
            matching: Wire::new(count),
            several: Default::default(),
            grants: Default::default(),
            frame_sum: Wire::new(frame_bits),
            page_sum: Wire::new(PAGE_BITS),
            type_sum: Wire::new(MEMORY_TYPE_BITS),
            hits: Default::default(),
            small_page_refill: Default::default(),
            in_place: Default::default(),
            state: Wire::new(state_width),
            next_state: Wire::new(state_width),
            victims: Wire::new(count),
            refilled: Wire::new(count),
            touched: Wire::new(count),
            small_ways: Const::new(count, (1 << ways) - 1),
            superpage_shift: Const::new(7, lanes[count - 1].frame_shift as u128),
            looks: table(&tables.looks),
            points: table(&tables.points),
            keeps: table(&tables.keeps),
            sets: table(&tables.sets),
            _lanes: count,
            _ways: ways,
            _superpage_lane: ways,
            _has_asid: has_asid,
            _has_superpages: usize::from(superpage_sets > 0),
            _touched_by_hits: usize::from(tables.touched_by_hits),
            _touched_by_victims: usize::from(!tables.touched_by_hits),
            _index_width: lanes[0].index_bits.max(1),
            _superpage_index_width: lanes[count - 1].index_bits.max(1),
            lane: lanes.iter().map(|lane| TlbLane::new(config, lane)).collect(),
        })
    }
}

impl Logic for SetTlb {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, state_ram);
        for l in 0..self._lanes {
            clock!(self, clock, lane[l]);
            self.lane[l].load.next = self.load.val();
            self.lane[l].vpn.next = self.vpn.val();
            for s in 0..self._has_asid {
                self.lane[l].asid[s].next = self.asid[s].val();
            }
            self.lane[l].read_grants.next = self.read_grants.val();
            self.lane[l].write_grants.next = self.write_grants.val();
            self.lane[l].execute_grants.next = self.execute_grants.val();
            self.lane[l].needs_dirty.next = self.needs_dirty.val();
            self.lane[l].user_pages.next = self.user_pages.val();
            self.lane[l].supervisor_pages.next = self.supervisor_pages.val();
            self.lane[l].held_vpn.next = self.held_vpn.val();
            self.lane[l].write_rights.next = self.refill_rights.val();
            self.lane[l].write_global.next = self.refill_global.val();
            self.lane[l].write_frame.next = self.refill_frame.val();
            self.lane[l].write_page.next = self.refill_page.val();
            self.lane[l].write_memory_type.next = self.refill_memory_type.val();
            self.lane[l].drop.next = self.drop.val();
        }

        // S1: a hit is exactly one match that grants. The frames are ORed whatever the verdict, so that the
        // address does not wait for it.
        self.matching.next = 0.into();
        self.several.next = false;
        self.grants.next = false;
        self.frame_sum.next = 0.into();
        self.page_sum.next = 0.into();
        self.type_sum.next = 0.into();
        for l in 0..self._lanes {
            if self.lane[l].matched.val() {
                self.several.next = self.several.val() || self.matching.val().any();
                self.matching.next = self.matching.val().replace_bit(l, true);
            }
            self.grants.next =
                self.grants.val() || (self.lane[l].matched.val() && self.lane[l].granted.val());
            self.lane[l].select.next = self.lane[l].matched.val() && !self.walker_answers.val();
            self.frame_sum.next = self.frame_sum.val() | self.lane[l].frame.val();
            self.page_sum.next = self.page_sum.val() | self.lane[l].page.val();
            self.type_sum.next = self.type_sum.val() | self.lane[l].memory_type.val();
        }
        self.hits.next = self.grants.val() && !self.several.val();
        self.hit.next = self.hits.val();
        self.frame.next = self.frame_sum.val();
        self.page.next = self.page_sum.val();
        self.memory_type.next = self.type_sum.val();

        // Which lane a refill goes to: the lowest that matching in its array, otherwise the victim of the set.
        self.state_ram.read_address.next = bits_w(self.held_vpn.val(), self._index_width);
        self.state.next = self.state_ram.read_data.val();
        self.small_page_refill.next = true;
        for _g in 0..self._has_superpages {
            self.small_page_refill.next = !self.refill_superpage.val();
        }
        self.in_place.next = (self.matching.val() & self.small_ways.val()).any();
        self.victims.next = 0.into();
        self.refilled.next = 0.into();
        for w in 0..self._ways {
            if ((self.state.val() ^ self.points[w].val()) & self.looks[w].val()) == 0 {
                self.victims.next = self.victims.val().replace_bit(w, true);
            }
            if self.in_place.val() && self.matching.val().get_bit(w) && !self.refilled.val().any() {
                self.refilled.next = self.refilled.val().replace_bit(w, true);
            }
        }
        if !self.in_place.val() {
            self.refilled.next = self.victims.val();
        }
        for _g in 0..self._has_superpages {
            if self.refill_superpage.val() {
                self.refilled.next = !self.small_ways.val();
            }
        }

        // A refill writes its lane, and every other lane that matched loses its entry.
        for l in 0..self._lanes {
            self.lane[l].write.next =
                self.refill.val() && (self.refilled.val().get_bit(l) || self.matching.val().get_bit(l));
            self.lane[l].write_valid.next = self.refilled.val().get_bit(l);
        }
        for w in 0..self._ways {
            self.lane[w].drop_row.next = bits_w(self.drop_row.val(), self._index_width);
            if self.drop_by_address.val() {
                self.lane[w].drop_row.next = bits_w(self.drop_vpn.val(), self._index_width);
            }
        }
        for l in self._superpage_lane..self._lanes {
            self.lane[l].drop_row.next = bits_w(self.drop_row.val(), self._superpage_index_width);
            if self.drop_by_address.val() {
                self.lane[l].drop_row.next =
                    bits_w(self.drop_vpn.val() >> self.superpage_shift.val(), self._superpage_index_width);
            }
        }

        // Replacement state of the set: hits and refills touch (tree), or refills of the victim advance (round-robin).
        self.touched.next = 0.into();
        for _g in 0..self._touched_by_hits {
            if self.held.val() && self.hits.val() {
                self.touched.next = self.matching.val() & self.small_ways.val();
            }
            if self.refill.val() && self.small_page_refill.val() {
                self.touched.next = self.refilled.val();
            }
        }
        for _g in 0..self._touched_by_victims {
            if self.refill.val() && self.small_page_refill.val() && !self.in_place.val() {
                self.touched.next = self.refilled.val();
            }
        }
        self.next_state.next = 0.into();
        for w in 0..self._ways {
            if self.touched.val().get_bit(w) && !self.drop.val() {
                self.next_state.next = (self.state.val() & self.keeps[w].val()) | self.sets[w].val();
            }
        }
        self.state_ram.write_enable.next = self.touched.val().any() || self.drop.val();
        self.state_ram.write_data.next = self.next_state.val();
        self.state_ram.write_address.next = bits_w(self.held_vpn.val(), self._index_width);
        if self.drop.val() {
            self.state_ram.write_address.next = bits_w(self.drop_row.val(), self._index_width);
            if self.drop_by_address.val() {
                self.state_ram.write_address.next = bits_w(self.drop_vpn.val(), self._index_width);
            }
        }
    }
}
