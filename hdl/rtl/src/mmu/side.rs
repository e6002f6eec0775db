//! One request port: the two-stage pipeline with its first-level TLB.
//!
//! Owns the access in S1, what the modes allow it, the canonical check, and the response. Does not own refusals: an
//! access that its TLB does not grant waits until the walker answers. RISC-V Privileged Architecture, "Virtual
//! Address Translation Process", step 6; Intel SDM vol. 3A, 4.6.

use crate::bundle::mode::{ModePorts, bits};
use crate::prelude::*;
use crate::tlb::full::FullTlb;
use crate::tlb::geometry::{MEMORY_TYPE_BITS, PAGE_BITS, RIGHTS_BITS};
use crate::tlb::set::SetTlb;
use pagewalk_arch::{FRAME_SHIFT, MmuConfig, Port};

/// See the module. The ports `req_*` and `resp_*` are those of the MMU.
#[derive(LogicBlock)]
pub struct AccessPort {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// A fence is pending: take no request.
    pub blocked: Signal<In, Bit>,

    /// A request is offered.
    pub req_valid: Signal<In, Bit>,
    /// It is taken.
    pub req_ready: Signal<Out, Bit>,
    /// Its address.
    pub req_va: Wire<In>,
    /// It is made in user mode.
    pub req_user: Signal<In, Bit>,
    /// It is a store; empty on the instruction port.
    pub req_store: Vec<Signal<In, Bit>>,
    /// Its tag; empty where tags have no bits.
    pub req_tag: Vec<Wire<In>>,
    /// A response is offered.
    pub resp_valid: Signal<Out, Bit>,
    /// It is taken.
    pub resp_ready: Signal<In, Bit>,
    /// Address of the request.
    pub resp_va: Wire<Out>,
    /// Physical address, 0 on a fault.
    pub resp_pa: Wire<Out>,
    /// Kind of fault.
    pub resp_fault: Wire<Out>,
    /// Cause or error code.
    pub resp_code: Wire<Out>,
    /// Size of the leaf.
    pub resp_page: Wire<Out>,
    /// Memory type.
    pub resp_memory_type: Wire<Out>,
    /// What answered.
    pub resp_served: Wire<Out>,
    /// Tag of the request.
    pub resp_tag: Vec<Wire<Out>>,

    /// Current identifier; empty where there is none.
    pub asid: Vec<Wire<In>>,
    /// RISC-V sstatus.SUM, on the data port.
    pub mode_sum: Vec<Signal<In, Bit>>,
    /// RISC-V sstatus.MXR, on the data port.
    pub mode_mxr: Vec<Signal<In, Bit>>,
    /// x86 CR0.WP, on the data port.
    pub mode_wp: Vec<Signal<In, Bit>>,
    /// x86 CR4.SMEP, on the instruction port.
    pub mode_smep: Vec<Signal<In, Bit>>,
    /// x86 CR4.SMAP, on the data port.
    pub mode_smap: Vec<Signal<In, Bit>>,
    /// x86 EFLAGS.AC, on the data port.
    pub mode_ac: Vec<Signal<In, Bit>>,

    /// S1 holds an access.
    pub occupied: Signal<Out, Bit>,
    /// The access in S1 needs the walker.
    pub waits: Signal<Out, Bit>,
    /// Page number of the access in S1.
    pub held_vpn: Wire<Out>,
    /// Its address is not canonical.
    pub held_noncanonical: Signal<Out, Bit>,
    /// It is made in user mode.
    pub held_user: Signal<Out, Bit>,
    /// It is a store.
    pub held_store: Signal<Out, Bit>,

    /// The walker has the answer for this port.
    pub walk_done: Signal<In, Bit>,
    /// The response in S1 is being taken.
    pub taken: Signal<Out, Bit>,
    /// The walker's result: frame.
    pub walk_frame: Wire<In>,
    /// The walker's result: size of the leaf.
    pub walk_page: Wire<In>,
    /// The walker's result: memory type.
    pub walk_memory_type: Wire<In>,
    /// The walker's result: kind of fault.
    pub walk_fault: Wire<In>,
    /// The walker's result: cause or error code.
    pub walk_code: Wire<In>,
    /// The walk succeeded: write the tag.
    pub refill: Signal<In, Bit>,
    /// The leaf is above level 0.
    pub refill_superpage: Signal<In, Bit>,
    /// R W X U D.
    pub refill_rights: Wire<In>,
    /// G.
    pub refill_global: Signal<In, Bit>,
    /// Levels below the leaf's.
    pub refill_ignored: Wire<In>,

    /// A fence is carried out.
    pub fence: Signal<In, Bit>,
    /// Row of its sweep.
    pub fence_row: Wire<In>,
    /// It has an address.
    pub fence_has_va: Signal<In, Bit>,
    /// Page number of its address.
    pub fence_vpn: Wire<In>,
    /// It has an identifier.
    pub fence_has_asid: Signal<In, Bit>,
    /// Its identifier; empty where there is none.
    pub fence_asid: Vec<Wire<In>>,
    /// It spares global entries.
    pub fence_keep_global: Signal<In, Bit>,

    set_tlb: Vec<SetTlb>,
    full_tlb: Vec<FullTlb>,

    valid: BitRegister,
    va: RegisterEn,
    user: BitRegisterEn,
    store: Vec<BitRegisterEn>,
    tag: Vec<RegisterEn>,
    upper_all_zero: Vec<BitRegisterEn>,
    upper_all_one: Vec<BitRegisterEn>,

    is_store: Signal<Local, Bit>,
    is_load: Signal<Local, Bit>,
    accept: Signal<Local, Bit>,
    canonical: Signal<Local, Bit>,
    checked: Signal<Local, Bit>,
    tlb_hit: Signal<Local, Bit>,
    tlb_frame: Wire<Local>,
    tlb_page: Wire<Local>,
    tlb_type: Wire<Local>,
    answered: Signal<Local, Bit>,
    takes: Signal<Local, Bit>,
    ready: Signal<Local, Bit>,
    read_grants: Signal<Local, Bit>,
    execute_grants: Signal<Local, Bit>,
    user_pages: Signal<Local, Bit>,
    walked_frame: Wire<Local>,
    wide_frame: Wire<Local>,
    wide_offset: Wire<Local>,
    offset: Wire<Local>,
    req_vpn: Wire<Local>,
    s1_vpn: Wire<Local>,
    upper: Vec<Wire<Local>>,

    upper_shift: Const,

    _full: usize,
    _sets: usize,
    _data: usize,
    _instruction: usize,
    _has_asid: usize,
    _has_tag: usize,
    _sign_extended: usize,
    _riscv: usize,
    _x86: usize,
}

impl AccessPort {
    /// The port `port` of the MMU of `config`. `sweep_bits` is the width of `fence_row`.
    pub fn new(config: &MmuConfig, port: Port, sweep_bits: usize) -> Self {
        let spec = config.spec();
        let ModePorts { riscv, x86, .. } = ModePorts::of(spec);
        let l1 = config.l1(port);
        let vpn_bits = spec.vpn_bits() as usize;
        let va_bits = spec.va_register_bits as usize;
        let frame_bits = config.frame_bits() as usize;
        let pa_bits = config.physical_bits as usize;
        let has_asid = usize::from(config.asid_bits > 0);
        let has_tag = usize::from(config.tag_bits > 0);
        let data = usize::from(port == Port::Data);
        let sign_extended = usize::from(spec.va_register_bits > spec.va_bits);
        let upper_bits = (spec.va_register_bits - spec.va_bits + 1) as usize;
        let asids = || (0..has_asid).map(|_| Wire::new(config.asid_bits as usize)).collect();
        let set_tlb = Vec::from_iter(SetTlb::new(config, l1, sweep_bits));
        let full_tlb = Vec::from_iter(FullTlb::new(config, l1));
        Self {
            clock: Default::default(),
            reset: Default::default(),
            blocked: Default::default(),
            req_valid: Default::default(),
            req_ready: Default::default(),
            req_va: Wire::new(va_bits),
            req_user: Default::default(),
            req_store: bits(data),
            req_tag: (0..has_tag).map(|_| Wire::new(config.tag_bits as usize)).collect(),
            resp_valid: Default::default(),
            resp_ready: Default::default(),
            resp_va: Wire::new(va_bits),
            resp_pa: Wire::new(pa_bits),
            resp_fault: Wire::new(2),
            resp_code: Wire::new(5),
            resp_page: Wire::new(PAGE_BITS),
            resp_memory_type: Wire::new(MEMORY_TYPE_BITS),
            resp_served: Wire::new(2),
            resp_tag: (0..has_tag).map(|_| Wire::new(config.tag_bits as usize)).collect(),
            asid: asids(),
            mode_sum: bits(riscv * data),
            mode_mxr: bits(riscv * data),
            mode_wp: bits(x86 * data),
            mode_smep: bits(x86 * (1 - data)),
            mode_smap: bits(x86 * data),
            mode_ac: bits(x86 * data),
            occupied: Default::default(),
            waits: Default::default(),
            held_vpn: Wire::new(vpn_bits),
            held_noncanonical: Default::default(),
            held_user: Default::default(),
            held_store: Default::default(),
            walk_done: Default::default(),
            taken: Default::default(),
            walk_frame: Wire::new(frame_bits),
            walk_page: Wire::new(PAGE_BITS),
            walk_memory_type: Wire::new(MEMORY_TYPE_BITS),
            walk_fault: Wire::new(2),
            walk_code: Wire::new(5),
            refill: Default::default(),
            refill_superpage: Default::default(),
            refill_rights: Wire::new(RIGHTS_BITS),
            refill_global: Default::default(),
            refill_ignored: Wire::new(spec.leaf_level_max),
            fence: Default::default(),
            fence_row: Wire::new(sweep_bits),
            fence_has_va: Default::default(),
            fence_vpn: Wire::new(vpn_bits),
            fence_has_asid: Default::default(),
            fence_asid: asids(),
            fence_keep_global: Default::default(),
            _sets: set_tlb.len(),
            _full: full_tlb.len(),
            set_tlb,
            full_tlb,
            valid: BitRegister::new(),
            va: RegisterEn::new(va_bits),
            user: BitRegisterEn::new(),
            store: (0..data).map(|_| BitRegisterEn::new()).collect(),
            tag: (0..has_tag).map(|_| RegisterEn::new(config.tag_bits as usize)).collect(),
            upper_all_zero: (0..sign_extended).map(|_| BitRegisterEn::new()).collect(),
            upper_all_one: (0..sign_extended).map(|_| BitRegisterEn::new()).collect(),
            is_store: Default::default(),
            is_load: Default::default(),
            accept: Default::default(),
            canonical: Default::default(),
            checked: Default::default(),
            tlb_hit: Default::default(),
            tlb_frame: Wire::new(frame_bits),
            tlb_page: Wire::new(PAGE_BITS),
            tlb_type: Wire::new(MEMORY_TYPE_BITS),
            answered: Default::default(),
            takes: Default::default(),
            ready: Default::default(),
            read_grants: Default::default(),
            execute_grants: Default::default(),
            user_pages: Default::default(),
            walked_frame: Wire::new(frame_bits),
            wide_frame: Wire::new(pa_bits),
            wide_offset: Wire::new(pa_bits),
            offset: Wire::new(FRAME_SHIFT as usize),
            req_vpn: Wire::new(vpn_bits),
            s1_vpn: Wire::new(vpn_bits),
            upper: (0..sign_extended).map(|_| Wire::new(upper_bits)).collect(),
            upper_shift: Const::new(7, u128::from(spec.va_bits - 1)),
            _data: data,
            _instruction: 1 - data,
            _has_asid: has_asid,
            _has_tag: has_tag,
            _sign_extended: sign_extended,
            _riscv: riscv,
            _x86: x86,
        }
    }
}

impl Logic for AccessPort {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, valid, va, user);

        // What S1 answers, and so whether a new access may enter.
        self.tlb_hit.next = false;
        self.tlb_frame.next = 0.into();
        self.tlb_page.next = 0.into();
        self.tlb_type.next = 0.into();
        for s in 0..self._sets {
            self.tlb_hit.next = self.set_tlb[s].hit.val();
            self.tlb_frame.next = self.set_tlb[s].frame.val();
            self.tlb_page.next = self.set_tlb[s].page.val();
            self.tlb_type.next = self.set_tlb[s].memory_type.val();
        }
        for f in 0..self._full {
            self.tlb_hit.next = self.full_tlb[f].hit.val();
            self.tlb_frame.next = self.full_tlb[f].frame.val();
            self.tlb_page.next = self.full_tlb[f].page.val();
            self.tlb_type.next = self.full_tlb[f].memory_type.val();
        }
        self.canonical.next = true;
        for s in 0..self._sign_extended {
            self.canonical.next = self.upper_all_zero[s].q.val() || self.upper_all_one[s].q.val();
        }
        self.checked.next = self.valid.q.val() && self.canonical.val();
        self.answered.next = (self.checked.val() && self.tlb_hit.val()) || self.walk_done.val();
        self.takes.next = self.answered.val() && self.resp_ready.val();
        self.ready.next = !self.blocked.val() && (!self.valid.q.val() || self.takes.val());
        self.accept.next = self.req_valid.val() && self.ready.val();
        self.valid.d.next = self.accept.val() || (self.valid.q.val() && !self.takes.val());
        if self.reset.val() {
            self.valid.d.next = false;
        }
        self.req_ready.next = self.ready.val();
        self.taken.next = self.takes.val();
        self.waits.next = self.valid.q.val() && !(self.canonical.val() && self.tlb_hit.val());
        self.occupied.next = self.valid.q.val();
        self.held_noncanonical.next = !self.canonical.val();

        // S0: what the modes allow this access. The lanes judge their entries by these lines.
        self.req_vpn.next = self.req_va.val() >> 12;
        self.is_store.next = false;
        self.is_load.next = false;
        self.read_grants.next = false;
        self.execute_grants.next = true;
        self.user_pages.next = self.req_user.val();
        for d in 0..self._data {
            self.is_store.next = self.req_store[d].val();
            self.is_load.next = !self.req_store[d].val();
            self.read_grants.next = self.is_load.val();
            self.execute_grants.next = false;
            for m in 0..self._riscv {
                self.execute_grants.next = self.is_load.val() && self.mode_mxr[m].val();
                self.user_pages.next = self.req_user.val() || self.mode_sum[m].val();
            }
            for m in 0..self._x86 {
                // Every x86 page is readable, so R stands for a supervisor's write that CR0.WP does not restrain.
                self.read_grants.next =
                    self.is_load.val() || (!self.req_user.val() && !self.mode_wp[m].val());
                self.user_pages.next =
                    self.req_user.val() || !self.mode_smap[m].val() || self.mode_ac[m].val();
            }
        }
        for _i in 0..self._instruction {
            for m in 0..self._x86 {
                self.user_pages.next = self.req_user.val() || !self.mode_smep[m].val();
            }
        }

        // S1: the access, and the flip-flops of its canonical check.
        self.va.en.next = self.accept.val();
        self.va.d.next = self.req_va.val();
        self.user.en.next = self.accept.val();
        self.user.d.next = self.req_user.val();
        self.held_store.next = false;
        for d in 0..self._data {
            clock!(self, clock, store[d]);
            self.store[d].en.next = self.accept.val();
            self.store[d].d.next = self.req_store[d].val();
            self.held_store.next = self.store[d].q.val();
        }
        for t in 0..self._has_tag {
            clock!(self, clock, tag[t]);
            self.tag[t].en.next = self.accept.val();
            self.tag[t].d.next = self.req_tag[t].val();
            self.resp_tag[t].next = self.tag[t].q.val();
        }
        for s in 0..self._sign_extended {
            clock!(self, clock, upper_all_zero[s], upper_all_one[s]);
            self.upper[s].next = self.req_va.val() >> self.upper_shift.val();
            self.upper_all_zero[s].en.next = self.accept.val();
            self.upper_all_zero[s].d.next = !self.upper[s].val().any();
            self.upper_all_one[s].en.next = self.accept.val();
            self.upper_all_one[s].d.next = self.upper[s].val().all();
        }
        self.s1_vpn.next = self.va.q.val() >> 12;
        self.held_vpn.next = self.s1_vpn.val();
        self.held_user.next = self.user.q.val();

        for s in 0..self._sets {
            clock!(self, clock, set_tlb[s]);
            self.set_tlb[s].load.next = self.accept.val();
            self.set_tlb[s].vpn.next = self.req_vpn.val();
            self.set_tlb[s].read_grants.next = self.read_grants.val();
            self.set_tlb[s].write_grants.next = self.is_store.val();
            self.set_tlb[s].execute_grants.next = self.execute_grants.val();
            self.set_tlb[s].needs_dirty.next = self.is_store.val();
            self.set_tlb[s].user_pages.next = self.user_pages.val();
            self.set_tlb[s].held.next = self.checked.val();
            self.set_tlb[s].held_vpn.next = self.s1_vpn.val();
            self.set_tlb[s].walker_answers.next = self.walk_done.val();
            self.set_tlb[s].refill.next = self.refill.val();
            self.set_tlb[s].refill_rights.next = self.refill_rights.val();
            self.set_tlb[s].refill_global.next = self.refill_global.val();
            self.set_tlb[s].refill_frame.next = self.walk_frame.val();
            self.set_tlb[s].refill_page.next = self.walk_page.val();
            self.set_tlb[s].refill_memory_type.next = self.walk_memory_type.val();
            self.set_tlb[s].refill_superpage.next = self.refill_superpage.val();
            self.set_tlb[s].drop.next = self.fence.val();
            self.set_tlb[s].drop_by_address.next = self.fence_has_va.val();
            self.set_tlb[s].drop_row.next = self.fence_row.val();
            self.set_tlb[s].drop_vpn.next = self.fence_vpn.val();
            self.set_tlb[s].supervisor_pages.next = !self.req_user.val();
            for a in 0..self._has_asid {
                self.set_tlb[s].asid[a].next = self.asid[a].val();
            }
        }
        for f in 0..self._full {
            clock!(self, clock, full_tlb[f]);
            self.full_tlb[f].load.next = self.accept.val();
            self.full_tlb[f].vpn.next = self.req_vpn.val();
            self.full_tlb[f].read_grants.next = self.read_grants.val();
            self.full_tlb[f].write_grants.next = self.is_store.val();
            self.full_tlb[f].execute_grants.next = self.execute_grants.val();
            self.full_tlb[f].needs_dirty.next = self.is_store.val();
            self.full_tlb[f].user_pages.next = self.user_pages.val();
            self.full_tlb[f].held.next = self.checked.val();
            self.full_tlb[f].held_vpn.next = self.s1_vpn.val();
            self.full_tlb[f].walker_answers.next = self.walk_done.val();
            self.full_tlb[f].refill.next = self.refill.val();
            self.full_tlb[f].refill_rights.next = self.refill_rights.val();
            self.full_tlb[f].refill_global.next = self.refill_global.val();
            self.full_tlb[f].refill_frame.next = self.walk_frame.val();
            self.full_tlb[f].refill_page.next = self.walk_page.val();
            self.full_tlb[f].refill_memory_type.next = self.walk_memory_type.val();
            self.full_tlb[f].refill_ignored.next = self.refill_ignored.val();
            self.full_tlb[f].fence.next = self.fence.val();
            self.full_tlb[f].fence_has_va.next = self.fence_has_va.val();
            self.full_tlb[f].fence_vpn.next = self.fence_vpn.val();
            self.full_tlb[f].fence_has_asid.next = self.fence_has_asid.val();
            self.full_tlb[f].fence_keep_global.next = self.fence_keep_global.val();
            self.full_tlb[f].supervisor_pages.next = !self.req_user.val();
            for a in 0..self._has_asid {
                self.full_tlb[f].asid[a].next = self.asid[a].val();
                self.full_tlb[f].fence_asid[a].next = self.fence_asid[a].val();
            }
        }

        // Response: the TLB grants, or the walker answers; the other of the two gives zeros.
        self.resp_valid.next = self.answered.val();
        self.resp_va.next = self.va.q.val();
        self.walked_frame.next = 0.into();
        self.resp_fault.next = 0.into();
        self.resp_code.next = 0.into();
        self.resp_served.next = 0.into();
        self.resp_page.next = self.tlb_page.val();
        self.resp_memory_type.next = self.tlb_type.val();
        self.offset.next = self.va.q.val();
        if self.walk_done.val() {
            self.walked_frame.next = self.walk_frame.val();
            self.resp_page.next = self.walk_page.val();
            self.resp_memory_type.next = self.walk_memory_type.val();
            self.resp_fault.next = self.walk_fault.val();
            self.resp_code.next = self.walk_code.val();
            self.resp_served.next = 3.into();
            if self.walk_fault.val().any() {
                self.offset.next = 0.into();
            }
        }
        self.wide_frame.next = self.tlb_frame.val() | self.walked_frame.val();
        self.wide_offset.next = self.offset.val();
        self.resp_pa.next = (self.wide_frame.val() << 12) | self.wide_offset.val();
    }
}
