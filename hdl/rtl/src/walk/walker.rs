//! The page-table walker: one walk at a time, for whichever side waits.
//!
//! Owns the walk: its states, the bus to memory, and the result. Does not own the rules for an entry
//! ([`PteCheck`]) nor TLBs: it answers a miss, and says what to keep. When each step happens is the timing part of
//! hdl/CONTRACT.md.

use super::check::PteCheck;
use super::masks::{PteMasks, RiscvBits, X86Bits};
use crate::bundle::{Access, Fault, MissIn, ModeIn, Page, PteRequest, PteResponseIn, Upper, WalkReport};
use crate::geometry::Geometry;
use crate::prelude::*;
use pagewalk_arch::{FRAME_SHIFT, MmuConfig};

block! {
    /// See the module. States are one-hot: `idle look request waiting check done`.
    pub struct Walker(config: &MmuConfig) has clock, reset;
    let g = &Geometry::of(config);
    let masks = PteMasks::new(config);
    let index_bits = g.spec.index_bits[0] as usize;
    let shift = |by: u32| Const::new(7, u128::from(by));
    let index_shift = |level| shift(g.spec.level_shift(level) - FRAME_SHIFT);
    {
        /// The access that waits; taken while no walk is under way.
        pub miss: MissIn = MissIn::new(g),
        /// Frame of the root table; none in PAE.
        pub root: Ports<Wire<In>> = Ports::of(1 - g.resident, |_| Wire::new(g.table)),
        /// PAE: the four PDPTEs.
        pub pdpte: Ports<Wire<In>> = Ports::of(g.resident_entries, |_| Wire::new(64)),
        /// What the mode allows.
        pub mode: ModeIn = ModeIn::of(g.spec),
        /// What the fence unit must know.
        pub report: WalkReport = WalkReport::new(g),
        /// Requests to memory.
        pub mem_req: PteRequest = PteRequest::new(g),
        /// Its responses.
        pub mem_resp: PteResponseIn = PteResponseIn::new(g),

        idle: BitRegister,
        look: BitRegister,
        request: BitRegister,
        waiting: BitRegister,
        check: BitRegister,
        done: BitRegister,
        swap: BitRegister,
        access: RegisterEn<Access> = RegisterEn::of(Access::new(g)),
        level: RegisterEn = RegisterEn::new(g.level),
        table_frame: RegisterEn = RegisterEn::new(g.table),
        index: RegisterEn = RegisterEn::new(index_bits),
        entry: RegisterEn = RegisterEn::new(g.pte),
        bus_error: BitRegisterEn,
        without_reads: BitRegisterEn,
        upper: RegisterEn<Upper> = RegisterEn::of(Upper::new()),
        page: RegisterEn<Page> = RegisterEn::of(Page::new(g)),
        fault: RegisterEn<Fault> = RegisterEn::of(Fault::new()),

        verdict: PteCheck = PteCheck::new(config),

        verdict_at_look: Signal<Local, Bit>,
        pdpte_used: Wire<Local> = Wire::new(64),
        pdpte_index: Wire<Local> = Wire::new(2),
        first_table: Wire<Local> = Wire::new(g.table),
        first_index: Wire<Local> = Wire::new(index_bits),
        next_table: Wire<Local> = Wire::new(g.table),
        next_index: Wire<Local> = Wire::new(index_bits),
        answer: Wire<Local> = Wire::new(g.pte),
        answered: Signal<Local, Bit>,
        descend: Signal<Local, Bit>,
        step: Signal<Local, Bit>,
        at_level: Wire<Local> = Wire::new(g.level),
        updates: Signal<Local, Bit>,
        refills: Signal<Local, Bit>,
        wide_table: Wire<Local> = Wire::new(g.pa),
        wide_index: Wire<Local> = Wire::new(g.pa),

        riscv: RiscvBits,
        x86: X86Bits,
        pointer_mask: Const = Const::new(g.pte, masks.pointer_mask),
        pointer_value: Const = Const::new(g.pte, masks.pointer_value),
        pdpte_reserved: Const = Const::new(64, masks.pdpte_reserved),
        index_shift: Vec<Const> = (0..g.levels).map(index_shift).collect(),
        first_index_shift: Const = index_shift(g.first_level()),
        pdpte_shift: Const = index_shift(g.levels - 1),
        first_level: Const = Const::new(g.level, g.first_level() as u128),
        ppn_shift: Const = shift(g.spec.ppn_shift),
        entry_shift: Const = shift(g.spec.pte_bytes.ilog2()),

        _g: Geometry = *g,
    }
}

impl Logic for Walker {
    #[hdl_gen]
    fn update(&mut self) {
        // The state machine, one-hot.
        self.updates.next = self.verdict.updates.val();
        self.answered.next = self.waiting.q.val() && self.mem_resp.valid.val();
        self.idle.d.next =
            (self.idle.q.val() && !self.miss.valid.val()) || (self.done.q.val() && self.miss.taken.val());
        self.look.d.next = self.idle.q.val() && self.miss.valid.val();
        self.request.d.next = (self.look.q.val() && !self.verdict_at_look.val())
            || (self.request.q.val() && !self.mem_req.ready.val())
            || (self.answered.val() && self.descend.val())
            || (self.check.q.val() && self.updates.val());
        self.waiting.d.next = (self.request.q.val() && self.mem_req.ready.val())
            || (self.waiting.q.val() && !self.mem_resp.valid.val());
        self.check.d.next =
            (self.look.q.val() && self.verdict_at_look.val()) || (self.answered.val() && !self.descend.val());
        self.done.d.next =
            (self.check.q.val() && !self.updates.val()) || (self.done.q.val() && !self.miss.taken.val());
        // A swap is what check asks for; every other request reads.
        self.swap.d.next =
            (self.check.q.val() && self.updates.val()) || (self.swap.q.val() && !self.answered.val());
        if self.reset.val() {
            self.idle.d.next = true;
            self.look.d.next = false;
            self.request.d.next = false;
            self.waiting.d.next = false;
            self.check.d.next = false;
            self.done.d.next = false;
            self.swap.d.next = false;
        }
        self.miss.done.next = self.done.q.val();
        self.miss.for_fetch.next = self.access.q.fetch.val();

        // Idle: load the access that waits.
        self.access.en.next = self.idle.q.val();
        Bundle::join(&mut self.miss.access, &mut self.access.d);

        // Look: the first table, or a verdict without a read.
        self.verdict_at_look.next = self.access.q.noncanonical.val();
        self.first_table.next = 0.into();
        self.pdpte_used.next = 0.into();
        self.pdpte_index.next = self.access.q.vpn.val() >> self.pdpte_shift.val();
        for r in 0..self.root.len() {
            self.first_table.next = self.root[r].val();
        }
        for _g in 0..self._g.resident {
            for p in 0..self.pdpte.len() {
                if self.pdpte_index.val() == p {
                    self.pdpte_used.next = self.pdpte[p].val();
                }
            }
            self.first_table.next = self.pdpte_used.val() >> 12;
            if (self.pdpte_used.val() & (self.pdpte_reserved.val() | 1)) != 1 {
                self.verdict_at_look.next = true;
            }
        }
        self.first_index.next = self.access.q.vpn.val() >> self.first_index_shift.val();

        // Waiting: follow an answer that is a pointer and needs nothing more; anything else is for check.
        self.answer.next = self.mem_resp.data.val();
        self.at_level.next = self.level.q.val();
        self.descend.next = ((self.answer.val() & self.pointer_mask.val()) == self.pointer_value.val())
            && (self.at_level.val() != 0)
            && !self.mem_resp.error.val();
        for x in 0..self._g.has_xd {
            if self.answer.val().get_bit(self.x86.xd.val().index()) && !self.mode.nxe[x].val() {
                self.descend.next = false;
            }
        }
        for l in 0..self._g.legacy {
            if self.answer.val().get_bit(self.x86.ps.val().index()) && self.mode.pse[l].val() {
                self.descend.next = false;
            }
        }
        self.next_table.next = self.answer.val() >> self.ppn_shift.val();
        self.next_index.next = 0.into();
        for k in 1..self._g.levels {
            if self.at_level.val() == k {
                self.next_index.next = self.access.q.vpn.val() >> self.index_shift[k - 1].val();
            }
        }
        self.step.next = self.look.q.val() || (self.answered.val() && self.descend.val());
        self.level.en.next = self.step.val();
        self.table_frame.en.next = self.step.val();
        self.index.en.next = self.step.val();
        self.level.d.next = self.at_level.val() - 1;
        self.table_frame.d.next = self.next_table.val();
        self.index.d.next = self.next_index.val();
        if self.look.q.val() {
            self.level.d.next = self.first_level.val();
            self.table_frame.d.next = self.first_table.val();
            self.index.d.next = self.first_index.val();
        }
        self.entry.en.next = self.look.q.val() || self.answered.val();
        self.entry.d.next = self.answer.val();
        self.bus_error.en.next = self.look.q.val() || self.answered.val();
        self.bus_error.d.next = self.answered.val() && self.mem_resp.error.val();
        if self.look.q.val() {
            self.entry.d.next = self.pdpte_used.val();
        }
        self.without_reads.en.next = self.look.q.val();
        self.without_reads.d.next = self.verdict_at_look.val();

        // Rights of the levels above (x86), and G of any level above (RISC-V).
        self.upper.en.next = self.step.val();
        self.upper.d.writable.next = self.look.q.val();
        self.upper.d.user.next = self.look.q.val();
        self.upper.d.executable.next = self.look.q.val();
        self.upper.d.global.next = false;
        if !self.look.q.val() {
            for _g in 0..self._g.x86 {
                self.upper.d.writable.next =
                    self.upper.q.writable.val() && self.answer.val().get_bit(self.x86.rw.val().index());
                self.upper.d.user.next =
                    self.upper.q.user.val() && self.answer.val().get_bit(self.x86.us.val().index());
                self.upper.d.executable.next = self.upper.q.executable.val();
            }
            for _g in 0..self._g.has_xd {
                self.upper.d.executable.next =
                    self.upper.q.executable.val() && !self.answer.val().get_bit(self.x86.xd.val().index());
            }
            for _g in 0..self._g.riscv {
                self.upper.d.global.next =
                    self.upper.q.global.val() || self.answer.val().get_bit(self.riscv.g.val().index());
            }
        }

        // Request: read or swap the entry that `table` and `index` name.
        self.wide_table.next = self.table_frame.q.val();
        self.wide_index.next = self.index.q.val();
        self.mem_req.valid.next = self.request.q.val();
        self.mem_req.address.next =
            (self.wide_table.val() << 12) | (self.wide_index.val() << self.entry_shift.val());
        self.mem_req.swap.next = self.swap.q.val();
        self.mem_req.expected.next = self.entry.q.val();
        self.mem_req.new.next = self.verdict.updated.val();
        self.mem_req.port.next = self.access.q.fetch.val();

        // Check: the verdict on the entry.
        self.verdict.entry.next = self.entry.q.val();
        self.verdict.level.next = self.level.q.val();
        self.verdict.bus_error.next = self.bus_error.q.val();
        self.verdict.without_reads.next = self.without_reads.q.val();
        Bundle::join(&mut self.access.q, &mut self.verdict.access);
        Bundle::join(&mut self.upper.q, &mut self.verdict.upper);
        Bundle::join(&mut self.mode, &mut self.verdict.mode);
        self.refills.next = self.check.q.val() && self.verdict.succeeds.val() && self.verdict.cacheable.val();
        self.miss.refill.valid.next = self.refills.val();
        self.miss.refill.superpage.next = self.verdict.superpage.val();
        self.miss.refill.ignored.next = self.verdict.ignored.val();
        Bundle::join(&mut self.miss.refill.tag, &mut self.verdict.tag);
        self.report.idle.next = self.idle.q.val();
        self.report.fetch.next = self.access.q.fetch.val();
        self.report.vpn.next = self.access.q.vpn.val();
        self.report.page_fault.next = self.check.q.val() && (self.verdict.fault.kind.val() == 1);
        self.report.refill.next = self.refills.val();
        self.report.page_size.next = self.verdict.page.size.val();

        // Done: the result stands until it is taken.
        self.page.en.next = self.check.q.val();
        self.fault.en.next = self.check.q.val();
        Bundle::join(&mut self.verdict.page, &mut self.page.d);
        Bundle::join(&mut self.verdict.fault, &mut self.fault.d);
        Bundle::join(&mut self.miss.refill.page, &mut self.page.q);
        Bundle::join(&mut self.miss.fault, &mut self.fault.q);
    }
}
