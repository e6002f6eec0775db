//! The set-associative first-level TLB: the ways of the 4 KiB array and the superpage array, side by side.
//!
//! Owns the choice among lanes: which one answers, and which one a refill goes to. Does not own the rows themselves
//! ([`TlbLane`]), the choice of the victim ([`Victim`]), the address in S1 (the pipeline), nor any refusal: a look-up
//! only ever grants.

use super::lane::TlbLane;
use super::replacement::Victim;
use super::rows::lanes;
use crate::bundle::{DropIn, LookUpIn, RefillIn};
use crate::geometry::{Geometry, MEMORY_TYPE_BITS, PAGE_BITS};
use crate::prelude::*;
use pagewalk_arch::{L1Config, MmuConfig, Structure};

block! {
    /// See the module.
    pub struct SetTlb(config: &MmuConfig, l1: &L1Config) has clock;
    let g = &Geometry::of(config);
    let lanes = lanes(config, l1);
    let (first, last, count) = (lanes[0], lanes[lanes.len() - 1], lanes.len());
    let ways = lanes.iter().filter(|lane| lane.frame_shift == 0).count();
    let victim = Victim::new(l1.replacement, ways);
    {
        /// Current ASID.
        pub asid: Ports<Wire<In>> = Ports::of(g.has_asid, |_| Wire::new(g.asid)),
        /// The access.
        pub look_up: LookUpIn = LookUpIn::new(g),
        /// The walk for the access in S1 succeeded.
        pub refill: RefillIn = RefillIn::new(g),
        /// Drop one row of every lane.
        pub drop: DropIn = DropIn::new(g),

        lane: Vec<TlbLane> = lanes.iter().map(|lane| TlbLane::new(g, lane)).collect(),
        state_ram: LutRam = LutRam::new(first.index_bits, victim.state_bits()),

        matching: Wire<Local> = Wire::new(count),
        several: Signal<Local, Bit>,
        grants: Signal<Local, Bit>,
        frame_sum: Wire<Local> = Wire::new(g.frame),
        size_sum: Wire<Local> = Wire::new(PAGE_BITS),
        type_sum: Wire<Local> = Wire::new(MEMORY_TYPE_BITS),
        hits: Signal<Local, Bit>,
        small_page_refill: Signal<Local, Bit>,
        refilled: Wire<Local> = Wire::new(count),
        dropped_row: Wire<Local> = Wire::new(first.index_bits.max(1)),

        small_ways: Const = Const::new(count, (1 << ways) - 1),
        superpage_shift: Const = Const::new(7, last.frame_shift as u128),
        victim: Victim = victim,

        _ways: usize = ways,
        _has_superpages: usize = count - ways,
        _row_bits: usize = first.index_bits.max(1),
        _superpage_row_bits: usize = last.index_bits.max(1),
    }
}

impl SetTlb {
    /// The TLB of that structure; none where it is not set-associative.
    pub fn of(config: &MmuConfig, l1: &L1Config) -> Ports<Self> {
        let is_it = matches!(l1.structure, Structure::SetAssociative { .. });
        Ports::of(usize::from(is_it), |_| Self::new(config, l1))
    }
}

impl Logic for SetTlb {
    #[hdl_gen]
    fn update(&mut self) {
        for l in 0..self.lane.len() {
            Bundle::join(&mut self.look_up.load, &mut self.lane[l].load);
            Bundle::join(&mut self.look_up.vpn, &mut self.lane[l].vpn);
            Bundle::join(&mut self.look_up.needs, &mut self.lane[l].needs);
            Bundle::join(&mut self.look_up.held_vpn, &mut self.lane[l].held_vpn);
            Bundle::join(&mut self.asid, &mut self.lane[l].asid);
            Bundle::join(&mut self.refill.tag, &mut self.lane[l].write_tag);
            Bundle::join(&mut self.refill.page, &mut self.lane[l].write_page);
            Bundle::join(&mut self.drop.valid, &mut self.lane[l].drop);
        }

        // S1: a hit is exactly one match that grants. The pages are ORed whatever the verdict, so that the
        // address does not wait for it.
        self.matching.next = 0.into();
        self.several.next = false;
        self.grants.next = false;
        self.frame_sum.next = 0.into();
        self.size_sum.next = 0.into();
        self.type_sum.next = 0.into();
        for l in 0..self.lane.len() {
            if self.lane[l].matched.val() {
                self.several.next = self.several.val() || self.matching.val().any();
                self.matching.next = self.matching.val().replace_bit(l, true);
            }
            self.grants.next =
                self.grants.val() || (self.lane[l].matched.val() && self.lane[l].granted.val());
            self.lane[l].select.next = self.lane[l].matched.val() && !self.look_up.walker_answers.val();
            self.frame_sum.next = self.frame_sum.val() | self.lane[l].page.frame.val();
            self.size_sum.next = self.size_sum.val() | self.lane[l].page.size.val();
            self.type_sum.next = self.type_sum.val() | self.lane[l].page.memory_type.val();
        }
        self.hits.next = self.grants.val() && !self.several.val();
        self.look_up.hit.next = self.hits.val();
        self.look_up.page.frame.next = self.frame_sum.val();
        self.look_up.page.size.next = self.size_sum.val();
        self.look_up.page.memory_type.next = self.type_sum.val();

        // A refill goes to the way that is rewritten or makes room, or to the only row of the superpage array; every
        // other lane that matched loses its entry.
        self.small_page_refill.next = true;
        self.refilled.next = self.victim.refilled.val();
        for _g in 0..self._has_superpages {
            self.small_page_refill.next = !self.refill.superpage.val();
            if self.refill.superpage.val() {
                self.refilled.next = !self.small_ways.val();
            }
        }
        for l in 0..self.lane.len() {
            self.lane[l].write.next =
                self.refill.valid.val() && (self.refilled.val().get_bit(l) || self.matching.val().get_bit(l));
            self.lane[l].write_valid.next = self.refilled.val().get_bit(l);
        }
        self.dropped_row.next = self.drop.row.val();
        if self.drop.by_address.val() {
            self.dropped_row.next = self.drop.vpn.val();
        }
        for w in 0..self._ways {
            self.lane[w].drop_row.next = self.dropped_row.val();
        }
        for l in self._ways..self.lane.len() {
            self.lane[l].drop_row.next = bits_w(self.drop.row.val(), self._superpage_row_bits);
            if self.drop.by_address.val() {
                self.lane[l].drop_row.next =
                    bits_w(self.drop.vpn.val() >> self.superpage_shift.val(), self._superpage_row_bits);
            }
        }

        // Replacement state of the set; the superpage array has none.
        self.state_ram.read_address.next = bits_w(self.look_up.held_vpn.val(), self._row_bits);
        self.victim.state.next = self.state_ram.read_data.val();
        self.victim.matching.next = self.matching.val();
        self.victim.hit.next = self.look_up.held.val() && self.hits.val();
        self.victim.refill.next = self.refill.valid.val() && self.small_page_refill.val();
        self.state_ram.write_enable.next = self.victim.touches.val() || self.drop.valid.val();
        self.state_ram.write_data.next = self.victim.next_state.val();
        self.state_ram.write_address.next = bits_w(self.look_up.held_vpn.val(), self._row_bits);
        if self.drop.valid.val() {
            self.state_ram.write_data.next = 0.into();
            self.state_ram.write_address.next = self.dropped_row.val();
        }
    }
}
