//! The fully associative first-level TLB: every entry holds a page of any size.
//!
//! Owns the choice among entries, their frames in LUT RAM, and the replacement state. Does not own the tag side
//! ([`TlbEntry`]), the address in S1 (the port), nor any refusal: a look-up only ever grants.

use crate::prelude::*;
use crate::tlb::entry::TlbEntry;
use crate::tlb::geometry::{MEMORY_TYPE_BITS, PAGE_BITS, RIGHTS_BITS, ReplacementTables};
use pagewalk_arch::{L1Config, MmuConfig, Structure};

/// See the module. The ports are those of [`TlbEntry`] and of [`crate::tlb::set::SetTlb`].
#[derive(LogicBlock)]
pub struct FullTlb {
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
    /// R W X U D.
    pub refill_rights: Wire<In>,
    /// G.
    pub refill_global: Signal<In, Bit>,
    /// Levels below the leaf's.
    pub refill_ignored: Wire<In>,
    /// One cycle after `refill`: frame of the 4 KiB piece.
    pub refill_frame: Wire<In>,
    /// One cycle after `refill`: size of the leaf.
    pub refill_page: Wire<In>,
    /// One cycle after `refill`: memory type.
    pub refill_memory_type: Wire<In>,

    /// A fence is carried out.
    pub fence: Signal<In, Bit>,
    /// It has an address.
    pub fence_has_va: Signal<In, Bit>,
    /// Its page number.
    pub fence_vpn: Wire<In>,
    /// It has an identifier.
    pub fence_has_asid: Signal<In, Bit>,
    /// Its identifier; empty where there is none.
    pub fence_asid: Vec<Wire<In>>,
    /// It spares global entries.
    pub fence_keep_global: Signal<In, Bit>,

    entry: Vec<TlbEntry>,
    frame_ram: LutRam,
    state_register: Register,
    frame_due: BitRegister,
    frame_entry: Register,

    lookup_vpn: Wire<Local>,
    lookup_asid: Wire<Local>,
    matching: Wire<Local>,
    several: Signal<Local, Bit>,
    grants: Signal<Local, Bit>,
    hits: Signal<Local, Bit>,
    index: Wire<Local>,
    ignored: Wire<Local>,
    ignored_bits: Wire<Local>,
    row: Wire<Local>,
    row_frame: Wire<Local>,
    row_page: Wire<Local>,
    row_type: Wire<Local>,
    new_frame: Wire<Local>,
    new_page: Wire<Local>,
    new_type: Wire<Local>,
    in_place: Signal<Local, Bit>,
    state: Wire<Local>,
    next_state: Wire<Local>,
    victims: Wire<Local>,
    refilled: Wire<Local>,
    refilled_index: Wire<Local>,
    touched: Wire<Local>,

    number: Vec<Const>,
    level_mask: Vec<Const>,
    page_shift: Const,
    type_shift: Const,
    looks: Vec<Const>,
    points: Vec<Const>,
    keeps: Vec<Const>,
    sets: Vec<Const>,

    _entries: usize,
    _levels: usize,
    _has_asid: usize,
    _touched_by_hits: usize,
    _touched_by_victims: usize,
    _frame_width: usize,
}

impl FullTlb {
    /// The TLB of that structure; `None` where it is not fully associative.
    pub fn new(config: &MmuConfig, l1: &L1Config) -> Option<Self> {
        let Structure::FullyAssociative { entries } = l1.structure else { return None };
        let entries = entries as usize;
        let tables = ReplacementTables::new(l1.replacement, entries);
        let spec = config.spec();
        let vpn_bits = spec.vpn_bits() as usize;
        let frame_bits = config.frame_bits() as usize;
        let row_bits = frame_bits + PAGE_BITS + MEMORY_TYPE_BITS;
        let index_bits = entries.ilog2() as usize;
        let levels = spec.leaf_level_max;
        let has_asid = usize::from(config.asid_bits > 0);
        let asid_bits = config.asid_bits as usize;
        let table =
            |of: &[u128]| of.iter().map(|&bits| Const::new(tables.state_bits, bits)).collect::<Vec<_>>();
        let level_mask = |level: usize| {
            let mask = ((1u128 << spec.index_bits[level]) - 1)
                << (spec.level_shift(level) - pagewalk_arch::FRAME_SHIFT);
            Const::new(frame_bits, mask & ((1 << frame_bits) - 1))
        };
        Some(Self {
            clock: Default::default(),
            load: Default::default(),
            vpn: Wire::new(vpn_bits),
            asid: (0..has_asid).map(|_| Wire::new(asid_bits)).collect(),
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
            refill_rights: Wire::new(RIGHTS_BITS),
            refill_global: Default::default(),
            refill_ignored: Wire::new(levels),
            refill_frame: Wire::new(frame_bits),
            refill_page: Wire::new(PAGE_BITS),
            refill_memory_type: Wire::new(MEMORY_TYPE_BITS),
            fence: Default::default(),
            fence_has_va: Default::default(),
            fence_vpn: Wire::new(vpn_bits),
            fence_has_asid: Default::default(),
            fence_asid: (0..has_asid).map(|_| Wire::new(asid_bits)).collect(),
            fence_keep_global: Default::default(),
            entry: (0..entries).map(|_| TlbEntry::new(config)).collect(),
            frame_ram: LutRam::new(index_bits, row_bits),
            state_register: Register::new(tables.state_bits),
            frame_due: BitRegister::new(),
            frame_entry: Register::new(index_bits),
            lookup_vpn: Wire::new(vpn_bits),
            lookup_asid: Wire::new(asid_bits.max(1)),
            matching: Wire::new(entries),
            several: Default::default(),
            grants: Default::default(),
            hits: Default::default(),
            index: Wire::new(index_bits),
            ignored: Wire::new(levels),
            ignored_bits: Wire::new(frame_bits),
            row: Wire::new(row_bits),
            row_frame: Wire::new(frame_bits),
            row_page: Wire::new(PAGE_BITS),
            row_type: Wire::new(MEMORY_TYPE_BITS),
            new_frame: Wire::new(row_bits),
            new_page: Wire::new(row_bits),
            new_type: Wire::new(row_bits),
            in_place: Default::default(),
            state: Wire::new(tables.state_bits),
            next_state: Wire::new(tables.state_bits),
            victims: Wire::new(entries),
            refilled: Wire::new(entries),
            refilled_index: Wire::new(index_bits),
            touched: Wire::new(entries),
            number: (0..entries).map(|n| Const::new(index_bits, n as u128)).collect(),
            level_mask: (0..levels).map(level_mask).collect(),
            page_shift: Const::new(7, frame_bits as u128),
            type_shift: Const::new(7, (frame_bits + PAGE_BITS) as u128),
            looks: table(&tables.looks),
            points: table(&tables.points),
            keeps: table(&tables.keeps),
            sets: table(&tables.sets),
            _entries: entries,
            _levels: levels,
            _has_asid: has_asid,
            _touched_by_hits: usize::from(tables.touched_by_hits),
            _touched_by_victims: usize::from(!tables.touched_by_hits),
            _frame_width: frame_bits,
        })
    }
}

impl Logic for FullTlb {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, frame_ram, state_register, frame_due, frame_entry);

        // A fence borrows the comparators: no access enters while it is carried out.
        self.lookup_vpn.next = self.vpn.val();
        if self.fence.val() {
            self.lookup_vpn.next = self.fence_vpn.val();
        }
        self.lookup_asid.next = 0.into();
        for s in 0..self._has_asid {
            self.lookup_asid.next = self.asid[s].val();
            if self.fence.val() {
                self.lookup_asid.next = self.fence_asid[s].val();
            }
        }

        self.matching.next = 0.into();
        self.several.next = false;
        self.grants.next = false;
        self.index.next = 0.into();
        self.ignored.next = 0.into();
        for e in 0..self._entries {
            clock!(self, clock, entry[e]);
            self.entry[e].load.next = self.load.val();
            self.entry[e].vpn.next = self.lookup_vpn.val();
            for s in 0..self._has_asid {
                self.entry[e].asid[s].next = self.lookup_asid.val();
            }
            self.entry[e].read_grants.next = self.read_grants.val();
            self.entry[e].write_grants.next = self.write_grants.val();
            self.entry[e].execute_grants.next = self.execute_grants.val();
            self.entry[e].needs_dirty.next = self.needs_dirty.val();
            self.entry[e].user_pages.next = self.user_pages.val();
            self.entry[e].supervisor_pages.next = self.supervisor_pages.val();
            self.entry[e].write_vpn.next = self.held_vpn.val();
            self.entry[e].write_rights.next = self.refill_rights.val();
            self.entry[e].write_global.next = self.refill_global.val();
            self.entry[e].write_ignored.next = self.refill_ignored.val();
            self.entry[e].fence.next = self.fence.val();
            self.entry[e].fence_has_va.next = self.fence_has_va.val();
            self.entry[e].fence_has_asid.next = self.fence_has_asid.val();
            self.entry[e].fence_keep_global.next = self.fence_keep_global.val();
            if self.entry[e].matched.val() {
                self.several.next = self.several.val() || self.matching.val().any();
                self.matching.next = self.matching.val().replace_bit(e, true);
                self.index.next = self.index.val() | self.number[e].val();
                self.ignored.next = self.ignored.val() | self.entry[e].ignored.val();
            }
            self.grants.next =
                self.grants.val() || (self.entry[e].matched.val() && self.entry[e].granted.val());
        }

        // S1: a hit is exactly one match that grants; its frame is read by its number.
        self.hits.next = self.grants.val() && !self.several.val();
        self.hit.next = self.hits.val();
        self.ignored_bits.next = 0.into();
        for k in 0..self._levels {
            if self.ignored.val().get_bit(k) {
                self.ignored_bits.next = self.ignored_bits.val() | self.level_mask[k].val();
            }
        }
        self.frame_ram.read_address.next = self.index.val();
        self.row.next = self.frame_ram.read_data.val();
        self.row_frame.next = self.row.val();
        self.row_page.next = self.row.val() >> self.page_shift.val();
        self.row_type.next = self.row.val() >> self.type_shift.val();
        self.frame.next = 0.into();
        self.page.next = 0.into();
        self.memory_type.next = 0.into();
        if !self.walker_answers.val() {
            self.frame.next = (self.row_frame.val() & (!self.ignored_bits.val()))
                | (bits_w(self.held_vpn.val(), self._frame_width) & self.ignored_bits.val());
            self.page.next = self.row_page.val();
            self.memory_type.next = self.row_type.val();
        }

        // A refill goes to the lowest entry that matching, otherwise to the victim; other matching are dropped.
        self.state.next = self.state_register.q.val();
        self.in_place.next = self.matching.val().any();
        self.victims.next = 0.into();
        self.refilled.next = 0.into();
        for e in 0..self._entries {
            if ((self.state.val() ^ self.points[e].val()) & self.looks[e].val()) == 0 {
                self.victims.next = self.victims.val().replace_bit(e, true);
            }
            if self.matching.val().get_bit(e) && !self.refilled.val().any() {
                self.refilled.next = self.refilled.val().replace_bit(e, true);
            }
        }
        if !self.in_place.val() {
            self.refilled.next = self.victims.val();
        }
        self.refilled_index.next = 0.into();
        for e in 0..self._entries {
            self.entry[e].write.next =
                self.refill.val() && (self.refilled.val().get_bit(e) || self.matching.val().get_bit(e));
            self.entry[e].write_valid.next = self.refilled.val().get_bit(e);
            if self.refilled.val().get_bit(e) {
                self.refilled_index.next = self.refilled_index.val() | self.number[e].val();
            }
        }
        self.frame_due.d.next = self.refill.val();
        self.frame_entry.d.next = self.refilled_index.val();
        self.frame_ram.write_enable.next = self.frame_due.q.val();
        self.frame_ram.write_address.next = self.frame_entry.q.val();
        self.new_frame.next = self.refill_frame.val();
        self.new_page.next = self.refill_page.val();
        self.new_type.next = self.refill_memory_type.val();
        self.frame_ram.write_data.next = self.new_frame.val()
            | (self.new_page.val() << self.page_shift.val())
            | (self.new_type.val() << self.type_shift.val());

        // Replacement state: hits and refills touch (tree), or refills of the victim advance (round-robin).
        self.touched.next = 0.into();
        for _g in 0..self._touched_by_hits {
            if self.held.val() && self.hits.val() {
                self.touched.next = self.matching.val();
            }
            if self.refill.val() {
                self.touched.next = self.refilled.val();
            }
        }
        for _g in 0..self._touched_by_victims {
            if self.refill.val() && !self.in_place.val() {
                self.touched.next = self.refilled.val();
            }
        }
        self.next_state.next = self.state.val();
        for e in 0..self._entries {
            if self.touched.val().get_bit(e) {
                self.next_state.next = (self.state.val() & self.keeps[e].val()) | self.sets[e].val();
            }
        }
        if self.fence.val()
            && !self.fence_has_va.val()
            && !self.fence_has_asid.val()
            && !self.fence_keep_global.val()
        {
            self.next_state.next = 0.into();
        }
        self.state_register.d.next = self.next_state.val();
    }
}
