//! One lane of a set-associative TLB: an array of one entry per row in LUT RAM, tag side and page side.
//!
//! Owns the rows, the comparison in the first stage (S0) and the read of the page in the second (S1). Does not own
//! the choice of the row to replace. A way of the 4 KiB array and the superpage array differ in their [`Lane`] only.

use super::rights::Rights;
use super::rows::Lane;
use crate::bundle::{NeedsIn, Page, PageIn, TagIn};
use crate::geometry::{Geometry, PAGE_BITS, RIGHTS_BITS};
use crate::prelude::*;

block! {
    /// See the module.
    pub struct TlbLane(g: &Geometry, lane: &Lane) has clock;
    let (tag_row, page_row) = (lane.tag_row_bits(), lane.page_row_bits());
    let row_bits = lane.index_bits.max(1);
    let masks = lane.group_masks();
    let shift = |by: usize| Const::new(7, by as u128);
    {
        /// S0: an access enters.
        pub load: Signal<In, Bit>,
        /// S0: its page number.
        pub vpn: Wire<In> = Wire::new(g.vpn),
        /// S0: what it needs.
        pub needs: NeedsIn = NeedsIn::new(),
        /// Current ASID.
        pub asid: Ports<Wire<In>> = Ports::of(g.has_asid, |_| Wire::new(g.asid)),

        /// S1: page number of the access there.
        pub held_vpn: Wire<In> = Wire::new(g.vpn),
        /// S1: an entry matches.
        pub matched: Signal<Out, Bit>,
        /// S1: its rights suffice.
        pub granted: Signal<Out, Bit>,
        /// S1: give the entry out, otherwise zeros.
        pub select: Signal<In, Bit>,
        /// S1: what the entry yields.
        pub page: Page = Page::new(g),

        /// Write the row of the access in S1.
        pub write: Signal<In, Bit>,
        /// The row becomes valid; its page follows in the next cycle.
        pub write_valid: Signal<In, Bit>,
        /// What it grants.
        pub write_tag: TagIn = TagIn::new(),
        /// One cycle after `write`: what it yields.
        pub write_page: PageIn = PageIn::new(g),

        /// Invalidate row `drop_row`.
        pub drop: Signal<In, Bit>,
        /// Which.
        pub drop_row: Wire<In> = Wire::new(row_bits),

        tag_ram: LutRam = LutRam::new(lane.index_bits, tag_row),
        page_ram: LutRam = LutRam::new(lane.index_bits, page_row),
        equal: Vec<BitRegisterEn> = masks.iter().map(|_| Default::default()).collect(),
        asid_equal: Ports<BitRegisterEn> = Ports::of(g.has_asid, |_| Default::default()),
        rights_suffice: BitRegisterEn,
        page_due: BitRegister,
        judge: Rights = Rights::new(),

        row: Wire<Local> = Wire::new(tag_row),
        key: Wire<Local> = Wire::new(tag_row),
        row_asid: Wire<Local> = Wire::new(g.asid),
        row_global: Wire<Local> = Wire::new(1),
        rights: Wire<Local> = Wire::new(RIGHTS_BITS),
        all_equal: Signal<Local, Bit>,
        held_row: Wire<Local> = Wire::new(row_bits),
        read_row: Wire<Local> = Wire::new(page_row),
        read_frame: Wire<Local> = Wire::new(lane.frame_bits),
        whole_frame: Wire<Local> = Wire::new(g.frame),
        new_row: Wire<Local> = Wire::new(tag_row),
        new_tag: Wire<Local> = Wire::new(tag_row),
        new_asid: Wire<Local> = Wire::new(tag_row),
        new_global: Wire<Local> = Wire::new(tag_row),

        index_shift: Const = shift(lane.frame_shift),
        tag_shift: Const = shift(lane.frame_shift + lane.index_bits),
        asid_shift: Const = shift(lane.asid_at()),
        global_shift: Const = shift(lane.global_at()),
        rights_shift: Const = shift(lane.rights_at()),
        frame_shift: Const = shift(lane.frame_shift),
        size_shift: Const = shift(lane.frame_bits),
        type_shift: Const = shift(lane.frame_bits + PAGE_BITS),
        low_frame: Const = Const::new(g.frame, (1 << lane.frame_shift) - 1),
        group: Vec<Const> = masks.iter().map(|&mask| Const::new(tag_row, mask)).collect(),

        _g: Geometry = *g,
        _row_bits: usize = row_bits,
        _tag_row: usize = tag_row,
        _page_row: usize = page_row,
    }
}

impl Logic for TlbLane {
    #[hdl_gen]
    fn update(&mut self) {
        // S0: read the row, compare it group by group, judge its rights; a flip-flop for each result.
        self.tag_ram.read_address.next = bits_w(self.vpn.val() >> self.index_shift.val(), self._row_bits);
        self.row.next = self.tag_ram.read_data.val();
        self.key.next = self.vpn.val() >> self.tag_shift.val();
        self.all_equal.next = true;
        for g in 0..self.group.len() {
            self.equal[g].en.next = self.load.val();
            self.equal[g].d.next =
                ((self.row.val() ^ ((self.key.val() << 1) | 1)) & self.group[g].val()) == 0;
            self.all_equal.next = self.all_equal.val() && self.equal[g].q.val();
        }
        self.row_asid.next = 0.into();
        self.row_global.next = self.row.val() >> self.global_shift.val();
        for a in 0..self._g.has_asid {
            self.row_asid.next = self.row.val() >> self.asid_shift.val();
            self.asid_equal[a].en.next = self.load.val();
            self.asid_equal[a].d.next =
                (self.row_asid.val() == self.asid[a].val()) || self.row_global.val().any();
            self.all_equal.next = self.all_equal.val() && self.asid_equal[a].q.val();
        }
        self.rights.next = self.row.val() >> self.rights_shift.val();
        Bundle::join(&mut self.needs, &mut self.judge.needs);
        self.judge.rights.next = self.rights.val();
        self.rights_suffice.en.next = self.load.val();
        self.rights_suffice.d.next = self.judge.suffice.val();

        // S1: read the page while the results are ANDed.
        self.matched.next = self.all_equal.val();
        self.granted.next = self.rights_suffice.q.val();
        self.held_row.next = self.held_vpn.val() >> self.index_shift.val();
        self.page_ram.read_address.next = self.held_row.val();
        self.read_row.next = self.page_ram.read_data.val();
        self.read_frame.next = self.read_row.val();
        self.whole_frame.next = self.read_frame.val();
        self.page.frame.next = 0.into();
        self.page.size.next = 0.into();
        self.page.memory_type.next = 0.into();
        if self.select.val() {
            self.page.frame.next = (self.whole_frame.val() << self.frame_shift.val())
                | (bits_w(self.held_vpn.val(), self._g.frame) & self.low_frame.val());
            self.page.size.next = self.read_row.val() >> self.size_shift.val();
            self.page.memory_type.next = self.read_row.val() >> self.type_shift.val();
        }

        // The tag is written with the verdict, the page one cycle later from the walker's result.
        self.tag_ram.write_enable.next = self.write.val() || self.drop.val();
        self.tag_ram.write_address.next = self.held_row.val();
        if self.drop.val() {
            self.tag_ram.write_address.next = self.drop_row.val();
        }
        self.new_tag.next = self.held_vpn.val() >> self.tag_shift.val();
        self.new_asid.next = 0.into();
        for a in 0..self._g.has_asid {
            self.new_asid.next = self.asid[a].val();
        }
        self.new_global.next = 0.into();
        if self.write_tag.global.val() {
            self.new_global.next = 1.into();
        }
        self.new_row.next = (self.new_tag.val() << 1)
            | (self.new_asid.val() << self.asid_shift.val())
            | (self.new_global.val() << self.global_shift.val())
            | (bits_w(self.write_tag.rights.val(), self._tag_row) << self.rights_shift.val());
        self.tag_ram.write_data.next = self.new_row.val();
        if self.write_valid.val() && !self.drop.val() {
            self.tag_ram.write_data.next = self.new_row.val() | 1;
        }
        self.page_due.d.next = self.write.val() && self.write_valid.val();
        self.page_ram.write_enable.next = self.page_due.q.val();
        self.page_ram.write_address.next = self.held_row.val();
        self.page_ram.write_data.next =
            bits_w(self.write_page.frame.val() >> self.frame_shift.val(), self._page_row)
                | (bits_w(self.write_page.size.val(), self._page_row) << self.size_shift.val())
                | (bits_w(self.write_page.memory_type.val(), self._page_row) << self.type_shift.val());
    }
}
