//! One lane of a set-associative TLB: an array of one entry per row in LUT RAM, tag side and frame side.
//!
//! Owns the rows, the comparison in the first stage (S0) and the read of the frame in the second (S1). Does not own
//! the choice of the row to replace. A way of the 4 KiB array and the superpage array differ in their [`Lane`] only.

use crate::prelude::*;
use crate::tlb::geometry::{Lane, MEMORY_TYPE_BITS, PAGE_BITS, RIGHTS_BITS};
use pagewalk_arch::MmuConfig;

/// See the module.
#[derive(LogicBlock)]
pub struct TlbLane {
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

    /// S1: page number of the access there.
    pub held_vpn: Wire<In>,
    /// S1: an entry matches.
    pub matched: Signal<Out, Bit>,
    /// S1: its rights suffice.
    pub granted: Signal<Out, Bit>,
    /// S1: give the entry out, otherwise zeros.
    pub select: Signal<In, Bit>,
    /// S1: frame of the 4 KiB piece.
    pub frame: Wire<Out>,
    /// S1: size of the leaf.
    pub page: Wire<Out>,
    /// S1: memory type.
    pub memory_type: Wire<Out>,

    /// Write the row of the access in S1.
    pub write: Signal<In, Bit>,
    /// The row becomes valid; its frame follows in the next cycle.
    pub write_valid: Signal<In, Bit>,
    /// R W X U D.
    pub write_rights: Wire<In>,
    /// G.
    pub write_global: Signal<In, Bit>,
    /// One cycle after `write`: frame of the 4 KiB piece.
    pub write_frame: Wire<In>,
    /// One cycle after `write`: size of the leaf.
    pub write_page: Wire<In>,
    /// One cycle after `write`: memory type.
    pub write_memory_type: Wire<In>,

    /// Invalidate row `drop_row`.
    pub drop: Signal<In, Bit>,
    /// Which.
    pub drop_row: Wire<In>,

    tag_ram: LutRam,
    frame_ram: LutRam,
    equal: Vec<BitRegisterEn>,
    space: Vec<BitRegisterEn>,
    rights_suffice: BitRegisterEn,
    frame_due: BitRegister,

    row: Wire<Local>,
    key: Wire<Local>,
    row_asid: Wire<Local>,
    row_global: Wire<Local>,
    rights: Wire<Local>,
    all_equal: Signal<Local, Bit>,
    read_row: Wire<Local>,
    read_frame: Wire<Local>,
    whole_frame: Wire<Local>,
    read_page: Wire<Local>,
    read_type: Wire<Local>,
    new_tag: Wire<Local>,
    new_asid: Wire<Local>,
    new_global: Wire<Local>,
    new_rights: Wire<Local>,
    new_frame: Wire<Local>,
    new_page: Wire<Local>,
    new_type: Wire<Local>,

    index_shift: Const,
    tag_shift: Const,
    asid_shift: Const,
    global_shift: Const,
    rights_shift: Const,
    frame_shift: Const,
    page_shift: Const,
    type_shift: Const,
    low_frame: Const,
    group: Vec<Const>,

    _groups: usize,
    _has_asid: usize,
    _index_width: usize,
    _frame_width: usize,
}

impl TlbLane {
    /// The lane of that geometry.
    pub fn new(config: &MmuConfig, lane: &Lane) -> Self {
        let bit = Default::default;
        let vpn_bits = config.spec().vpn_bits() as usize;
        let frame_bits = config.frame_bits() as usize;
        let (tag_row, data_row) = (lane.tag_row_bits(), lane.data_row_bits());
        let masks = lane.group_masks();
        let shift = |by: usize| Const::new(7, by as u128);
        let has_asid = usize::from(lane.asid_bits > 0);
        Self {
            clock: Default::default(),
            load: Default::default(),
            vpn: Wire::new(vpn_bits),
            asid: (0..has_asid).map(|_| Wire::new(lane.asid_bits)).collect(),
            read_grants: Default::default(),
            write_grants: Default::default(),
            execute_grants: Default::default(),
            needs_dirty: Default::default(),
            user_pages: Default::default(),
            supervisor_pages: Default::default(),
            held_vpn: Wire::new(vpn_bits),
            matched: Default::default(),
            granted: Default::default(),
            select: Default::default(),
            frame: Wire::new(frame_bits),
            page: Wire::new(PAGE_BITS),
            memory_type: Wire::new(MEMORY_TYPE_BITS),
            write: Default::default(),
            write_valid: Default::default(),
            write_rights: Wire::new(RIGHTS_BITS),
            write_global: Default::default(),
            write_frame: Wire::new(frame_bits),
            write_page: Wire::new(PAGE_BITS),
            write_memory_type: Wire::new(MEMORY_TYPE_BITS),
            drop: Default::default(),
            drop_row: Wire::new(lane.index_bits.max(1)),
            tag_ram: LutRam::new(lane.index_bits, tag_row),
            frame_ram: LutRam::new(lane.index_bits, data_row),
            equal: masks.iter().map(|_| BitRegisterEn::new()).collect(),
            space: (0..has_asid).map(|_| BitRegisterEn::new()).collect(),
            rights_suffice: BitRegisterEn::new(),
            frame_due: BitRegister::new(),
            row: Wire::new(tag_row),
            key: Wire::new(tag_row),
            row_asid: Wire::new(lane.asid_bits.max(1)),
            row_global: Wire::new(1),
            rights: Wire::new(RIGHTS_BITS),
            all_equal: bit(),
            read_row: Wire::new(data_row),
            read_frame: Wire::new(lane.frame_bits),
            whole_frame: Wire::new(frame_bits),
            read_page: Wire::new(PAGE_BITS),
            read_type: Wire::new(MEMORY_TYPE_BITS),
            new_tag: Wire::new(tag_row),
            new_asid: Wire::new(tag_row),
            new_global: Wire::new(tag_row),
            new_rights: Wire::new(tag_row),
            new_frame: Wire::new(data_row),
            new_page: Wire::new(data_row),
            new_type: Wire::new(data_row),
            index_shift: shift(lane.frame_shift),
            tag_shift: shift(lane.frame_shift + lane.index_bits),
            asid_shift: shift(lane.asid_at()),
            global_shift: shift(lane.global_at()),
            rights_shift: shift(lane.rights_at()),
            frame_shift: shift(lane.frame_shift),
            page_shift: shift(lane.frame_bits),
            type_shift: shift(lane.frame_bits + PAGE_BITS),
            low_frame: Const::new(frame_bits, (1u128 << lane.frame_shift) - 1),
            group: masks.iter().map(|&m| Const::new(tag_row, m)).collect(),
            _groups: masks.len(),
            _has_asid: has_asid,
            _index_width: lane.index_bits.max(1),
            _frame_width: frame_bits,
        }
    }
}

impl Logic for TlbLane {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, tag_ram, frame_ram, rights_suffice, frame_due);

        // S0: read the row, compare it group by group, judge its rights; a flip-flop for each result.
        self.tag_ram.read_address.next = bits_w(self.vpn.val() >> self.index_shift.val(), self._index_width);
        self.row.next = self.tag_ram.read_data.val();
        self.key.next = self.vpn.val() >> self.tag_shift.val();
        self.all_equal.next = true;
        for g in 0..self._groups {
            clock!(self, clock, equal[g]);
            self.equal[g].en.next = self.load.val();
            self.equal[g].d.next =
                ((self.row.val() ^ ((self.key.val() << 1) | 1)) & self.group[g].val()) == 0;
            self.all_equal.next = self.all_equal.val() && self.equal[g].q.val();
        }
        self.row_asid.next = 0.into();
        self.row_global.next = self.row.val() >> self.global_shift.val();
        for s in 0..self._has_asid {
            clock!(self, clock, space[s]);
            self.row_asid.next = self.row.val() >> self.asid_shift.val();
            self.space[s].en.next = self.load.val();
            self.space[s].d.next = (self.row_asid.val() == self.asid[s].val()) || self.row_global.val().any();
            self.all_equal.next = self.all_equal.val() && self.space[s].q.val();
        }
        self.rights.next = self.row.val() >> self.rights_shift.val();
        self.rights_suffice.en.next = self.load.val();
        self.rights_suffice.d.next = ((self.read_grants.val() && self.rights.val().get_bit(0))
            || (self.write_grants.val() && self.rights.val().get_bit(1))
            || (self.execute_grants.val() && self.rights.val().get_bit(2)))
            && ((self.rights.val().get_bit(3) && self.user_pages.val())
                || (!self.rights.val().get_bit(3) && self.supervisor_pages.val()))
            && (self.rights.val().get_bit(4) || !self.needs_dirty.val());

        // S1: read the frame while the results are ANDed.
        self.matched.next = self.all_equal.val();
        self.granted.next = self.rights_suffice.q.val();
        self.frame_ram.read_address.next =
            bits_w(self.held_vpn.val() >> self.index_shift.val(), self._index_width);
        self.read_row.next = self.frame_ram.read_data.val();
        self.read_frame.next = self.read_row.val();
        self.whole_frame.next = self.read_frame.val();
        self.read_page.next = self.read_row.val() >> self.page_shift.val();
        self.read_type.next = self.read_row.val() >> self.type_shift.val();
        self.frame.next = 0.into();
        self.page.next = 0.into();
        self.memory_type.next = 0.into();
        if self.select.val() {
            self.frame.next = (self.whole_frame.val() << self.frame_shift.val())
                | (bits_w(self.held_vpn.val(), self._frame_width) & self.low_frame.val());
            self.page.next = self.read_page.val();
            self.memory_type.next = self.read_type.val();
        }

        // The tag is written with the verdict, the frame one cycle later from the walker's result.
        self.tag_ram.write_enable.next = self.write.val() || self.drop.val();
        self.tag_ram.write_address.next =
            bits_w(self.held_vpn.val() >> self.index_shift.val(), self._index_width);
        if self.drop.val() {
            self.tag_ram.write_address.next = self.drop_row.val();
        }
        self.new_tag.next = self.held_vpn.val() >> self.tag_shift.val();
        self.new_asid.next = 0.into();
        for s in 0..self._has_asid {
            self.new_asid.next = self.asid[s].val();
        }
        self.new_global.next = 0.into();
        if self.write_global.val() {
            self.new_global.next = 1.into();
        }
        self.new_rights.next = self.write_rights.val();
        self.tag_ram.write_data.next = (self.new_tag.val() << 1)
            | (self.new_asid.val() << self.asid_shift.val())
            | (self.new_global.val() << self.global_shift.val())
            | (self.new_rights.val() << self.rights_shift.val());
        if self.write_valid.val() && !self.drop.val() {
            self.tag_ram.write_data.next = (self.new_tag.val() << 1)
                | (self.new_asid.val() << self.asid_shift.val())
                | (self.new_global.val() << self.global_shift.val())
                | (self.new_rights.val() << self.rights_shift.val())
                | 1;
        }
        self.frame_due.d.next = self.write.val() && self.write_valid.val();
        self.frame_ram.write_enable.next = self.frame_due.q.val();
        self.frame_ram.write_address.next =
            bits_w(self.held_vpn.val() >> self.index_shift.val(), self._index_width);
        self.new_frame.next = self.write_frame.val() >> self.frame_shift.val();
        self.new_page.next = self.write_page.val();
        self.new_type.next = self.write_memory_type.val();
        self.frame_ram.write_data.next = self.new_frame.val()
            | (self.new_page.val() << self.page_shift.val())
            | (self.new_type.val() << self.type_shift.val());
    }
}
