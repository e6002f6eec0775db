//! The two stages of a side: S0, in which an access enters and is looked up, and S1, in which it is answered.
//!
//! Owns the access in S1, what the modes allow it, the canonical check, and the response. Does not own refusals: an
//! access that its TLB does not grant waits until the walker answers. RISC-V Privileged Architecture, "Virtual
//! Address Translation Process", step 6; Intel SDM vol. 3A, 4.6.

use crate::bundle::{LookUp, Miss, ModeIn, RequestIn, Response};
use crate::geometry::Geometry;
use crate::prelude::*;
use pagewalk_arch::{FRAME_SHIFT, Side};

block! {
    /// See the module.
    pub struct Pipeline(g: &Geometry, side: Side) has clock, reset;
    let data = usize::from(side == Side::Data);
    let sign_extended = usize::from(g.va > g.spec.va_bits as usize);
    let upper_bits = g.va + 1 - g.spec.va_bits as usize;
    {
        /// A fence is pending: take no request.
        pub blocked: Signal<In, Bit>,
        /// The mode bits that accesses of this side heed.
        pub mode: ModeIn = ModeIn::of_side(g.spec, side),
        /// Requests.
        pub req: RequestIn = RequestIn::new(g, side),
        /// Responses.
        pub resp: Response = Response::new(g),
        /// The question to the TLB.
        pub look_up: LookUp = LookUp::new(g),
        /// The access in S1, if the TLB does not grant it.
        pub miss: Miss = Miss::new(g),
        /// S1 holds an access.
        pub occupied: Signal<Out, Bit>,

        valid: BitRegister,
        va: RegisterEn = RegisterEn::new(g.va),
        user: BitRegisterEn,
        store: Ports<BitRegisterEn> = Ports::of(data, |_| Default::default()),
        tag: Ports<RegisterEn> = Ports::of(g.has_tag, |_| RegisterEn::new(g.tag)),
        upper_all_zero: Ports<BitRegisterEn> = Ports::of(sign_extended, |_| Default::default()),
        upper_all_one: Ports<BitRegisterEn> = Ports::of(sign_extended, |_| Default::default()),

        is_store: Signal<Local, Bit>,
        is_load: Signal<Local, Bit>,
        accept: Signal<Local, Bit>,
        canonical: Signal<Local, Bit>,
        checked: Signal<Local, Bit>,
        answered: Signal<Local, Bit>,
        takes: Signal<Local, Bit>,
        ready: Signal<Local, Bit>,
        read_grants: Signal<Local, Bit>,
        execute_grants: Signal<Local, Bit>,
        user_pages: Signal<Local, Bit>,
        walked_frame: Wire<Local> = Wire::new(g.frame),
        wide_frame: Wire<Local> = Wire::new(g.pa),
        wide_offset: Wire<Local> = Wire::new(g.pa),
        offset: Wire<Local> = Wire::new(FRAME_SHIFT as usize),
        s1_vpn: Wire<Local> = Wire::new(g.vpn),
        upper: Ports<Wire<Local>> = Ports::of(sign_extended, |_| Wire::new(upper_bits)),

        upper_shift: Const = Const::new(7, u128::from(g.spec.va_bits - 1)),

        _instruction: usize = 1 - data,
        _g: Geometry = *g,
    }
}

impl Logic for Pipeline {
    #[hdl_gen]
    fn update(&mut self) {
        // What S1 answers, and so whether a new access may enter.
        self.canonical.next = true;
        for s in 0..self.upper.len() {
            self.canonical.next = self.upper_all_zero[s].q.val() || self.upper_all_one[s].q.val();
        }
        self.checked.next = self.valid.q.val() && self.canonical.val();
        self.answered.next = (self.checked.val() && self.look_up.hit.val()) || self.miss.done.val();
        self.takes.next = self.answered.val() && self.resp.ready.val();
        self.ready.next = !self.blocked.val() && (!self.valid.q.val() || self.takes.val());
        self.accept.next = self.req.valid.val() && self.ready.val();
        self.valid.d.next = self.accept.val() || (self.valid.q.val() && !self.takes.val());
        if self.reset.val() {
            self.valid.d.next = false;
        }
        self.req.ready.next = self.ready.val();
        self.occupied.next = self.valid.q.val();

        // S0: what the modes allow this access. The TLB judges its entries by these lines.
        self.is_store.next = false;
        self.is_load.next = false;
        self.read_grants.next = false;
        self.execute_grants.next = true;
        self.user_pages.next = self.req.user.val();
        for d in 0..self.store.len() {
            self.is_store.next = self.req.store[d].val();
            self.is_load.next = !self.req.store[d].val();
            self.read_grants.next = self.is_load.val();
            self.execute_grants.next = false;
            for m in 0..self._g.riscv {
                self.execute_grants.next = self.is_load.val() && self.mode.mxr[m].val();
                self.user_pages.next = self.req.user.val() || self.mode.sum[m].val();
            }
            for m in 0..self._g.x86 {
                // Every x86 page is readable, so R stands for a supervisor's write that CR0.WP does not restrain.
                self.read_grants.next =
                    self.is_load.val() || (!self.req.user.val() && !self.mode.wp[m].val());
                self.user_pages.next =
                    self.req.user.val() || !self.mode.smap[m].val() || self.mode.ac[m].val();
            }
        }
        for _i in 0..self._instruction {
            for m in 0..self._g.x86 {
                self.user_pages.next = self.req.user.val() || !self.mode.smep[m].val();
            }
        }
        self.look_up.load.next = self.accept.val();
        self.look_up.vpn.next = self.req.va.val() >> 12;
        self.look_up.needs.read.next = self.read_grants.val();
        self.look_up.needs.write.next = self.is_store.val();
        self.look_up.needs.execute.next = self.execute_grants.val();
        self.look_up.needs.dirty.next = self.is_store.val();
        self.look_up.needs.user_pages.next = self.user_pages.val();
        self.look_up.needs.supervisor_pages.next = !self.req.user.val();

        // S1: the access, and the flip-flops of its canonical check.
        self.va.en.next = self.accept.val();
        self.va.d.next = self.req.va.val();
        self.user.en.next = self.accept.val();
        self.user.d.next = self.req.user.val();
        self.miss.access.store.next = false;
        self.miss.access.fetch.next = true;
        for d in 0..self.store.len() {
            self.store[d].en.next = self.accept.val();
            self.store[d].d.next = self.req.store[d].val();
            self.miss.access.store.next = self.store[d].q.val();
            self.miss.access.fetch.next = false;
        }
        for t in 0..self.tag.len() {
            self.tag[t].en.next = self.accept.val();
            self.tag[t].d.next = self.req.tag[t].val();
            self.resp.tag[t].next = self.tag[t].q.val();
        }
        for s in 0..self.upper.len() {
            self.upper[s].next = self.req.va.val() >> self.upper_shift.val();
            self.upper_all_zero[s].en.next = self.accept.val();
            self.upper_all_zero[s].d.next = !self.upper[s].val().any();
            self.upper_all_one[s].en.next = self.accept.val();
            self.upper_all_one[s].d.next = self.upper[s].val().all();
        }
        self.s1_vpn.next = self.va.q.val() >> 12;
        self.look_up.held.next = self.checked.val();
        self.look_up.held_vpn.next = self.s1_vpn.val();
        self.look_up.walker_answers.next = self.miss.done.val();
        self.miss.valid.next = self.valid.q.val() && !(self.canonical.val() && self.look_up.hit.val());
        self.miss.access.vpn.next = self.s1_vpn.val();
        self.miss.access.noncanonical.next = !self.canonical.val();
        self.miss.access.user.next = self.user.q.val();
        self.miss.taken.next = self.takes.val();

        // Response: the TLB grants, or the walker answers; the other of the two gives zeros.
        self.resp.valid.next = self.answered.val();
        self.resp.va.next = self.va.q.val();
        self.walked_frame.next = 0.into();
        self.resp.fault.next = 0.into();
        self.resp.code.next = 0.into();
        self.resp.served.next = 0.into();
        self.resp.page.next = self.look_up.page.size.val();
        self.resp.memory_type.next = self.look_up.page.memory_type.val();
        self.offset.next = self.va.q.val();
        if self.miss.done.val() {
            self.walked_frame.next = self.miss.refill.page.frame.val();
            self.resp.page.next = self.miss.refill.page.size.val();
            self.resp.memory_type.next = self.miss.refill.page.memory_type.val();
            self.resp.fault.next = self.miss.fault.kind.val();
            self.resp.code.next = self.miss.fault.code.val();
            self.resp.served.next = 3.into();
            if self.miss.fault.kind.val().any() {
                self.offset.next = 0.into();
            }
        }
        self.wide_frame.next = self.look_up.page.frame.val() | self.walked_frame.val();
        self.wide_offset.next = self.offset.val();
        self.resp.pa.next = (self.wide_frame.val() << 12) | self.wide_offset.val();
    }
}
