//! The fully associative first-level TLB: every entry holds a page of any size.
//!
//! Owns the choice among entries and their pages in LUT RAM. Does not own the tag side ([`TlbEntry`]), the choice of
//! the victim ([`Victim`]), the address in S1 (the pipeline), nor any refusal: a look-up only ever grants.

use super::entry::TlbEntry;
use super::replacement::Victim;
use super::rows::level_masks;
use crate::bundle::{DropIn, LookUpIn, RefillIn};
use crate::geometry::{Geometry, MEMORY_TYPE_BITS, PAGE_BITS};
use crate::prelude::*;
use pagewalk_arch::{L1Config, MmuConfig, Structure};

block! {
    /// See the module.
    pub struct FullTlb(config: &MmuConfig, l1: &L1Config, entries: usize) has clock;
    let g = &Geometry::of(config);
    let row_bits = g.frame + PAGE_BITS + MEMORY_TYPE_BITS;
    let index_bits = entries.ilog2() as usize;
    let victim = Victim::new(l1.replacement, entries);
    {
        /// Current ASID.
        pub asid: Ports<Wire<In>> = Ports::of(g.has_asid, |_| Wire::new(g.asid)),
        /// The access.
        pub look_up: LookUpIn = LookUpIn::new(g),
        /// The walk for the access in S1 succeeded.
        pub refill: RefillIn = RefillIn::new(g),
        /// Drop the entries that fall under a fence.
        pub drop: DropIn = DropIn::new(g),

        entry: Vec<TlbEntry> = (0..entries).map(|_| TlbEntry::new(g)).collect(),
        page_ram: LutRam = LutRam::new(index_bits, row_bits),
        state: Register = Register::new(victim.state_bits()),
        page_due: BitRegister,
        page_entry: Register = Register::new(index_bits),

        lookup_vpn: Wire<Local> = Wire::new(g.vpn),
        lookup_asid: Wire<Local> = Wire::new(g.asid),
        matching: Wire<Local> = Wire::new(entries),
        several: Signal<Local, Bit>,
        grants: Signal<Local, Bit>,
        hits: Signal<Local, Bit>,
        index: Wire<Local> = Wire::new(index_bits),
        ignored: Wire<Local> = Wire::new(g.leaf_levels),
        ignored_bits: Wire<Local> = Wire::new(g.frame),
        row: Wire<Local> = Wire::new(row_bits),
        row_frame: Wire<Local> = Wire::new(g.frame),
        refilled: Wire<Local> = Wire::new(entries),
        refilled_index: Wire<Local> = Wire::new(index_bits),

        number: Vec<Const> = (0..entries).map(|n| Const::new(index_bits, n as u128)).collect(),
        level_mask: Vec<Const> = level_masks(g.spec, g.frame),
        size_shift: Const = Const::new(7, g.frame as u128),
        type_shift: Const = Const::new(7, (g.frame + PAGE_BITS) as u128),
        victim: Victim = victim,

        _g: Geometry = *g,
        _row_bits: usize = row_bits,
    }
}

impl FullTlb {
    /// The TLB of that structure; none where it is not fully associative.
    pub fn of(config: &MmuConfig, l1: &L1Config) -> Ports<Self> {
        match l1.structure {
            Structure::FullyAssociative { entries } => {
                Ports::of(1, |_| Self::new(config, l1, entries as usize))
            }
            Structure::SetAssociative { .. } => Ports::of(0, |_| unreachable!("none is made")),
        }
    }
}

impl Logic for FullTlb {
    #[hdl_gen]
    fn update(&mut self) {
        // A fence borrows the comparators: no access enters while it is carried out.
        self.lookup_vpn.next = self.look_up.vpn.val();
        if self.drop.valid.val() {
            self.lookup_vpn.next = self.drop.vpn.val();
        }
        self.lookup_asid.next = 0.into();
        for a in 0..self._g.has_asid {
            self.lookup_asid.next = self.asid[a].val();
            if self.drop.valid.val() {
                self.lookup_asid.next = self.drop.asid[a].val();
            }
        }

        self.matching.next = 0.into();
        self.several.next = false;
        self.grants.next = false;
        self.index.next = 0.into();
        self.ignored.next = 0.into();
        for e in 0..self.entry.len() {
            Bundle::join(&mut self.look_up.load, &mut self.entry[e].load);
            self.entry[e].vpn.next = self.lookup_vpn.val();
            for a in 0..self._g.has_asid {
                self.entry[e].asid[a].next = self.lookup_asid.val();
            }
            Bundle::join(&mut self.look_up.needs, &mut self.entry[e].needs);
            Bundle::join(&mut self.look_up.held_vpn, &mut self.entry[e].write_vpn);
            Bundle::join(&mut self.refill.tag, &mut self.entry[e].write_tag);
            Bundle::join(&mut self.refill.ignored, &mut self.entry[e].write_ignored);
            Bundle::join(&mut self.drop.valid, &mut self.entry[e].fence);
            Bundle::join(&mut self.drop.by_address, &mut self.entry[e].fence_by_address);
            Bundle::join(&mut self.drop.has_asid, &mut self.entry[e].fence_has_asid);
            Bundle::join(&mut self.drop.keep_global, &mut self.entry[e].fence_keep_global);
            if self.entry[e].matched.val() {
                self.several.next = self.several.val() || self.matching.val().any();
                self.matching.next = self.matching.val().replace_bit(e, true);
                self.index.next = self.index.val() | self.number[e].val();
                self.ignored.next = self.ignored.val() | self.entry[e].ignored.val();
            }
            self.grants.next =
                self.grants.val() || (self.entry[e].matched.val() && self.entry[e].granted.val());
        }

        // S1: a hit is exactly one match that grants; its page is read by its number.
        self.hits.next = self.grants.val() && !self.several.val();
        self.look_up.hit.next = self.hits.val();
        self.ignored_bits.next = 0.into();
        for k in 0..self._g.leaf_levels {
            if self.ignored.val().get_bit(k) {
                self.ignored_bits.next = self.ignored_bits.val() | self.level_mask[k].val();
            }
        }
        self.page_ram.read_address.next = self.index.val();
        self.row.next = self.page_ram.read_data.val();
        self.row_frame.next = self.row.val();
        self.look_up.page.frame.next = 0.into();
        self.look_up.page.size.next = 0.into();
        self.look_up.page.memory_type.next = 0.into();
        if !self.look_up.walker_answers.val() {
            self.look_up.page.frame.next = (self.row_frame.val() & (!self.ignored_bits.val()))
                | (bits_w(self.look_up.held_vpn.val(), self._g.frame) & self.ignored_bits.val());
            self.look_up.page.size.next = self.row.val() >> self.size_shift.val();
            self.look_up.page.memory_type.next = self.row.val() >> self.type_shift.val();
        }

        // A refill goes to the entry that is rewritten or makes room; every other that matched is dropped.
        self.refilled.next = self.victim.refilled.val();
        self.refilled_index.next = 0.into();
        for e in 0..self.entry.len() {
            self.entry[e].write.next =
                self.refill.valid.val() && (self.refilled.val().get_bit(e) || self.matching.val().get_bit(e));
            self.entry[e].write_valid.next = self.refilled.val().get_bit(e);
            if self.refilled.val().get_bit(e) {
                self.refilled_index.next = self.refilled_index.val() | self.number[e].val();
            }
        }
        self.page_due.d.next = self.refill.valid.val();
        self.page_entry.d.next = self.refilled_index.val();
        self.page_ram.write_enable.next = self.page_due.q.val();
        self.page_ram.write_address.next = self.page_entry.q.val();
        self.page_ram.write_data.next = bits_w(self.refill.page.frame.val(), self._row_bits)
            | (bits_w(self.refill.page.size.val(), self._row_bits) << self.size_shift.val())
            | (bits_w(self.refill.page.memory_type.val(), self._row_bits) << self.type_shift.val());

        // Replacement state: once for all entries; only a fence of everything resets it.
        self.victim.state.next = self.state.q.val();
        self.victim.matching.next = self.matching.val();
        self.victim.hit.next = self.look_up.held.val() && self.hits.val();
        self.victim.refill.next = self.refill.valid.val();
        self.state.d.next = self.victim.next_state.val();
        if self.drop.valid.val()
            && !self.drop.by_address.val()
            && !self.drop.has_asid.val()
            && !self.drop.keep_global.val()
        {
            self.state.d.next = 0.into();
        }
    }
}
