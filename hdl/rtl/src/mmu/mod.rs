//! The MMU: two ports, one walker, the fences.
//!
//! Owns the arbitration between the ports, the fence logic and the top-level ports; hdl/CONTRACT.md describes all three.

pub mod side;

use crate::bundle::mode::{ModePorts, bits};
use crate::mmu::side::AccessPort;
use crate::prelude::*;
use crate::tlb::geometry::{MEMORY_TYPE_BITS, PAGE_BITS};
use crate::walk::walker::Ptw;
use pagewalk_arch::{ConfigError, FRAME_SHIFT, L1Config, MmuConfig, PageSize, Port, Structure};

/// See the module. Ports that a configuration does not have are empty vectors.
#[derive(LogicBlock)]
pub struct Mmu {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,

    /// Frame of the root table; empty in PAE.
    pub root: Vec<Wire<In>>,
    /// PAE: the four PDPTEs; otherwise empty.
    pub pdpte: Vec<Wire<In>>,
    /// Current identifier.
    pub asid: Vec<Wire<In>>,
    /// RISC-V sstatus.SUM.
    pub mode_sum: Vec<Signal<In, Bit>>,
    /// RISC-V sstatus.MXR.
    pub mode_mxr: Vec<Signal<In, Bit>>,
    /// RISC-V menvcfg.ADUE.
    pub mode_adue: Vec<Signal<In, Bit>>,
    /// RISC-V Svnapot (64-bit formats).
    pub mode_svnapot: Vec<Signal<In, Bit>>,
    /// RISC-V menvcfg.PBMTE (64-bit formats).
    pub mode_pbmte: Vec<Signal<In, Bit>>,
    /// x86 CR0.WP.
    pub mode_wp: Vec<Signal<In, Bit>>,
    /// x86 EFER.NXE (formats with XD).
    pub mode_nxe: Vec<Signal<In, Bit>>,
    /// x86 CR4.PSE (x86-32).
    pub mode_pse: Vec<Signal<In, Bit>>,
    /// x86 CR4.PGE.
    pub mode_pge: Vec<Signal<In, Bit>>,
    /// x86 CR4.SMEP.
    pub mode_smep: Vec<Signal<In, Bit>>,
    /// x86 CR4.SMAP.
    pub mode_smap: Vec<Signal<In, Bit>>,
    /// x86 EFLAGS.AC.
    pub mode_ac: Vec<Signal<In, Bit>>,

    /// A fence is offered.
    pub fence_valid: Signal<In, Bit>,
    /// It is taken.
    pub fence_ready: Signal<Out, Bit>,
    /// It has an address.
    pub fence_has_va: Signal<In, Bit>,
    /// Its address.
    pub fence_va: Wire<In>,
    /// It has an identifier.
    pub fence_has_asid: Vec<Signal<In, Bit>>,
    /// Its identifier.
    pub fence_asid: Vec<Wire<In>>,
    /// It spares global entries.
    pub fence_keep_global: Signal<In, Bit>,
    /// Anything is under way.
    pub busy: Signal<Out, Bit>,

    /// An instruction request is offered.
    pub ireq_valid: Signal<In, Bit>,
    /// It is taken.
    pub ireq_ready: Signal<Out, Bit>,
    /// Its address.
    pub ireq_va: Wire<In>,
    /// It is made in user mode.
    pub ireq_user: Signal<In, Bit>,
    /// Its tag.
    pub ireq_tag: Vec<Wire<In>>,
    /// A response is offered.
    pub iresp_valid: Signal<Out, Bit>,
    /// It is taken.
    pub iresp_ready: Signal<In, Bit>,
    /// Address of the request.
    pub iresp_va: Wire<Out>,
    /// Physical address.
    pub iresp_pa: Wire<Out>,
    /// Kind of fault.
    pub iresp_fault: Wire<Out>,
    /// Cause or error code.
    pub iresp_code: Wire<Out>,
    /// Size of the leaf.
    pub iresp_page: Wire<Out>,
    /// Memory type.
    pub iresp_memory_type: Wire<Out>,
    /// What answered.
    pub iresp_served: Wire<Out>,
    /// Tag of the request.
    pub iresp_tag: Vec<Wire<Out>>,

    /// A data request is offered.
    pub dreq_valid: Signal<In, Bit>,
    /// It is taken.
    pub dreq_ready: Signal<Out, Bit>,
    /// Its address.
    pub dreq_va: Wire<In>,
    /// It is made in user mode.
    pub dreq_user: Signal<In, Bit>,
    /// It is a store.
    pub dreq_store: Signal<In, Bit>,
    /// Its tag.
    pub dreq_tag: Vec<Wire<In>>,
    /// A response is offered.
    pub dresp_valid: Signal<Out, Bit>,
    /// It is taken.
    pub dresp_ready: Signal<In, Bit>,
    /// Address of the request.
    pub dresp_va: Wire<Out>,
    /// Physical address.
    pub dresp_pa: Wire<Out>,
    /// Kind of fault.
    pub dresp_fault: Wire<Out>,
    /// Cause or error code.
    pub dresp_code: Wire<Out>,
    /// Size of the leaf.
    pub dresp_page: Wire<Out>,
    /// Memory type.
    pub dresp_memory_type: Wire<Out>,
    /// What answered.
    pub dresp_served: Wire<Out>,
    /// Tag of the request.
    pub dresp_tag: Vec<Wire<Out>>,

    /// Memory request.
    pub mem_req_valid: Signal<Out, Bit>,
    /// It is taken.
    pub mem_req_ready: Signal<In, Bit>,
    /// Its address.
    pub mem_req_address: Wire<Out>,
    /// It is a compare-and-swap.
    pub mem_req_swap: Signal<Out, Bit>,
    /// Expected PTE.
    pub mem_req_expected: Wire<Out>,
    /// PTE to store.
    pub mem_req_new: Wire<Out>,
    /// It is for a walk of the instruction port.
    pub mem_req_port: Signal<Out, Bit>,
    /// Memory response.
    pub mem_resp_valid: Signal<In, Bit>,
    /// The PTE in memory.
    pub mem_resp_data: Wire<In>,
    /// Bus error.
    pub mem_resp_error: Signal<In, Bit>,

    instruction: AccessPort,
    data: AccessPort,
    walker: Ptw,

    pending: BitRegister,
    has_va: BitRegisterEn,
    flush_vpn: RegisterEn,
    has_asid: Vec<BitRegisterEn>,
    flush_asid: Vec<RegisterEn>,
    keep_global: BitRegisterEn,
    split: BitRegister,
    row: Register,

    data_waits: Signal<Local, Bit>,
    fetch_waits: Signal<Local, Bit>,
    fence_taken: Signal<Local, Bit>,
    faulted: Signal<Local, Bit>,
    widened: Signal<Local, Bit>,
    loads: Signal<Local, Bit>,
    carried_out: Signal<Local, Bit>,
    finishes: Signal<Local, Bit>,
    by_address: Signal<Local, Bit>,
    unqualified: Signal<Local, Bit>,
    splits: Signal<Local, Bit>,
    walk_vpn: Wire<Local>,

    last_row: Const,
    data_whole: Const,
    fetch_whole: Const,

    _keeps_some: usize,
    _riscv: usize,
    _extensions: usize,
    _x86: usize,
    _has_xd: usize,
    _legacy: usize,
    _rooted: usize,
    _resident: usize,
    _has_asid: usize,
    _has_tag: usize,
}

impl Mmu {
    /// The MMU of that configuration.
    pub fn new(config: &MmuConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let spec = config.spec();
        let ModePorts { riscv, extensions, x86, has_xd, legacy } = ModePorts::of(spec);
        let pae = usize::from(spec.resident_root_entries > 0);
        let rows = config.l1i.sweep_rows().max(config.l1d.sweep_rows());
        let sweep_bits = (rows.ilog2() as usize).max(1);
        let vpn_bits = spec.vpn_bits() as usize;
        let va_bits = spec.va_register_bits as usize;
        let pa_bits = config.physical_bits as usize;
        let pte_bits = 8 * spec.pte_bytes as usize;
        let asid_bits = config.asid_bits as usize;
        let has_asid = usize::from(config.asid_bits > 0);
        let has_tag = usize::from(config.tag_bits > 0);
        let tag_bits = config.tag_bits as usize;
        let table_bits = (config.table_address_bits() - FRAME_SHIFT) as usize;
        Ok(Self {
            clock: Default::default(),
            reset: Default::default(),
            root: (pae..1).map(|_| Wire::new(table_bits)).collect(),
            pdpte: (0..spec.resident_root_entries).map(|_| Wire::new(64)).collect(),
            asid: (0..has_asid).map(|_| Wire::new(asid_bits)).collect(),
            mode_sum: bits(riscv),
            mode_mxr: bits(riscv),
            mode_adue: bits(riscv),
            mode_svnapot: bits(extensions),
            mode_pbmte: bits(extensions),
            mode_wp: bits(x86),
            mode_nxe: bits(has_xd),
            mode_pse: bits(legacy),
            mode_pge: bits(x86),
            mode_smep: bits(x86),
            mode_smap: bits(x86),
            mode_ac: bits(x86),
            fence_valid: Default::default(),
            fence_ready: Default::default(),
            fence_has_va: Default::default(),
            fence_va: Wire::new(va_bits),
            fence_has_asid: bits(has_asid),
            fence_asid: (0..has_asid).map(|_| Wire::new(asid_bits)).collect(),
            fence_keep_global: Default::default(),
            busy: Default::default(),
            ireq_valid: Default::default(),
            ireq_ready: Default::default(),
            ireq_va: Wire::new(va_bits),
            ireq_user: Default::default(),
            ireq_tag: (0..has_tag).map(|_| Wire::new(tag_bits)).collect(),
            iresp_valid: Default::default(),
            iresp_ready: Default::default(),
            iresp_va: Wire::new(va_bits),
            iresp_pa: Wire::new(pa_bits),
            iresp_fault: Wire::new(2),
            iresp_code: Wire::new(5),
            iresp_page: Wire::new(PAGE_BITS),
            iresp_memory_type: Wire::new(MEMORY_TYPE_BITS),
            iresp_served: Wire::new(2),
            iresp_tag: (0..has_tag).map(|_| Wire::new(tag_bits)).collect(),
            dreq_valid: Default::default(),
            dreq_ready: Default::default(),
            dreq_va: Wire::new(va_bits),
            dreq_user: Default::default(),
            dreq_store: Default::default(),
            dreq_tag: (0..has_tag).map(|_| Wire::new(tag_bits)).collect(),
            dresp_valid: Default::default(),
            dresp_ready: Default::default(),
            dresp_va: Wire::new(va_bits),
            dresp_pa: Wire::new(pa_bits),
            dresp_fault: Wire::new(2),
            dresp_code: Wire::new(5),
            dresp_page: Wire::new(PAGE_BITS),
            dresp_memory_type: Wire::new(MEMORY_TYPE_BITS),
            dresp_served: Wire::new(2),
            dresp_tag: (0..has_tag).map(|_| Wire::new(tag_bits)).collect(),
            mem_req_valid: Default::default(),
            mem_req_ready: Default::default(),
            mem_req_address: Wire::new(pa_bits),
            mem_req_swap: Default::default(),
            mem_req_expected: Wire::new(pte_bits),
            mem_req_new: Wire::new(pte_bits),
            mem_req_port: Default::default(),
            mem_resp_valid: Default::default(),
            mem_resp_data: Wire::new(pte_bits),
            mem_resp_error: Default::default(),
            instruction: AccessPort::new(config, Port::Instruction, sweep_bits),
            data: AccessPort::new(config, Port::Data, sweep_bits),
            walker: Ptw::new(config),
            pending: BitRegister::new(),
            has_va: BitRegisterEn::new(),
            flush_vpn: RegisterEn::new(vpn_bits),
            has_asid: (0..has_asid).map(|_| BitRegisterEn::new()).collect(),
            flush_asid: (0..has_asid).map(|_| RegisterEn::new(asid_bits)).collect(),
            keep_global: BitRegisterEn::new(),
            split: BitRegister::new(),
            row: Register::new(sweep_bits),
            data_waits: Default::default(),
            fetch_waits: Default::default(),
            fence_taken: Default::default(),
            faulted: Default::default(),
            widened: Default::default(),
            loads: Default::default(),
            carried_out: Default::default(),
            finishes: Default::default(),
            by_address: Default::default(),
            unqualified: Default::default(),
            splits: Default::default(),
            walk_vpn: Wire::new(vpn_bits),
            last_row: Const::new(sweep_bits, u128::from(rows - 1)),
            data_whole: largest_whole(&config.l1d),
            fetch_whole: largest_whole(&config.l1i),
            _keeps_some: usize::from([config.l1i, config.l1d].iter().any(is_fully_associative)),
            _riscv: riscv,
            _extensions: extensions,
            _x86: x86,
            _has_xd: has_xd,
            _legacy: legacy,
            _rooted: 1 - pae,
            _resident: spec.resident_root_entries,
            _has_asid: has_asid,
            _has_tag: has_tag,
        })
    }
}

/// Code of the largest page that a TLB keeps in one entry; larger ones, and Svnapot ranges, are kept in pieces.
fn largest_whole(l1: &L1Config) -> Const {
    let size = match l1.structure {
        Structure::SetAssociative { superpage_sets: 0, .. } => PageSize::Level0,
        Structure::SetAssociative { .. } => PageSize::Level1,
        Structure::FullyAssociative { .. } => PageSize::Level4,
    };
    Const::new(PAGE_BITS, size as u128)
}

fn is_fully_associative(l1: &L1Config) -> bool {
    matches!(l1.structure, Structure::FullyAssociative { .. })
}

impl Logic for Mmu {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, instruction, data, walker, pending, has_va, flush_vpn, keep_global, split, row);
        self.instruction.reset.next = self.reset.val();
        self.data.reset.next = self.reset.val();
        self.walker.reset.next = self.reset.val();

        // The walker takes whoever waits; data goes first.
        self.data_waits.next = self.data.waits.val();
        self.fetch_waits.next = self.instruction.waits.val();
        self.walker.start.next = self.data_waits.val() || self.fetch_waits.val();
        self.walker.start_fetch.next = !self.data_waits.val();
        self.walker.start_vpn.next = self.instruction.held_vpn.val();
        self.walker.start_noncanonical.next = self.instruction.held_noncanonical.val();
        self.walker.start_user.next = self.instruction.held_user.val();
        self.walker.start_store.next = false;
        if self.data_waits.val() {
            self.walker.start_vpn.next = self.data.held_vpn.val();
            self.walker.start_noncanonical.next = self.data.held_noncanonical.val();
            self.walker.start_user.next = self.data.held_user.val();
            self.walker.start_store.next = self.data.held_store.val();
        }
        self.walker.taken.next = self.data.taken.val();
        if self.walker.fetch.val() {
            self.walker.taken.next = self.instruction.taken.val();
        }
        for r in 0..self._rooted {
            self.walker.root[r].next = self.root[r].val();
        }
        for p in 0..self._resident {
            self.walker.pdpte[p].next = self.pdpte[p].val();
        }
        for m in 0..self._riscv {
            self.walker.mode_sum[m].next = self.mode_sum[m].val();
            self.walker.mode_mxr[m].next = self.mode_mxr[m].val();
            self.walker.mode_adue[m].next = self.mode_adue[m].val();
        }
        for m in 0..self._extensions {
            self.walker.mode_svnapot[m].next = self.mode_svnapot[m].val();
            self.walker.mode_pbmte[m].next = self.mode_pbmte[m].val();
        }
        for m in 0..self._x86 {
            self.walker.mode_wp[m].next = self.mode_wp[m].val();
            self.walker.mode_pge[m].next = self.mode_pge[m].val();
            self.walker.mode_smep[m].next = self.mode_smep[m].val();
            self.walker.mode_smap[m].next = self.mode_smap[m].val();
            self.walker.mode_ac[m].next = self.mode_ac[m].val();
        }
        for m in 0..self._has_xd {
            self.walker.mode_nxe[m].next = self.mode_nxe[m].val();
        }
        for m in 0..self._legacy {
            self.walker.mode_pse[m].next = self.mode_pse[m].val();
        }
        for m in 0..self._riscv {
            self.data.mode_sum[m].next = self.mode_sum[m].val();
            self.data.mode_mxr[m].next = self.mode_mxr[m].val();
        }
        for m in 0..self._x86 {
            self.instruction.mode_smep[m].next = self.mode_smep[m].val();
            self.data.mode_wp[m].next = self.mode_wp[m].val();
            self.data.mode_smap[m].next = self.mode_smap[m].val();
            self.data.mode_ac[m].next = self.mode_ac[m].val();
        }

        // A fence waits until nothing is under way, and keeps requests out meanwhile. A page fault on x86 drops what
        // the TLBs know of its address (SDM vol. 3A, 4.10.4.1); a second one before that widens the fence.
        self.fence_ready.next = !self.pending.q.val();
        self.fence_taken.next = self.fence_valid.val() && !self.pending.q.val();
        self.faulted.next = false;
        for _g in 0..self._x86 {
            self.faulted.next = self.walker.page_fault.val();
        }
        self.widened.next =
            self.reset.val() || (self.faulted.val() && (self.pending.q.val() || self.fence_taken.val()));
        self.loads.next = self.fence_taken.val() || self.faulted.val() || self.reset.val();
        self.carried_out.next = self.pending.q.val()
            && !self.instruction.occupied.val()
            && !self.data.occupied.val()
            && self.walker.is_idle.val();
        // While a TLB may hold pieces of a leaf, an address does not lead to all of them: drop everything instead.
        self.by_address.next = self.has_va.q.val() && !self.split.q.val();
        self.finishes.next =
            self.carried_out.val() && (self.by_address.val() || (self.row.q.val() == self.last_row.val()));
        self.unqualified.next = true;
        for _g in 0..self._keeps_some {
            self.unqualified.next = !self.keep_global.q.val();
            for a in 0..self._has_asid {
                self.unqualified.next = !self.keep_global.q.val() && !self.has_asid[a].q.val();
            }
        }
        self.splits.next = self.data_whole.val() < self.walker.refill_page.val();
        if self.walker.fetch.val() {
            self.splits.next = self.fetch_whole.val() < self.walker.refill_page.val();
        }
        self.split.d.next = (self.walker.refill.val() && self.splits.val())
            || (self.split.q.val()
                && !(self.finishes.val() && !self.by_address.val() && self.unqualified.val()));
        self.pending.d.next = self.loads.val() || (self.pending.q.val() && !self.finishes.val());
        self.row.d.next = self.row.q.val();
        if self.carried_out.val() {
            self.row.d.next = self.row.q.val() + 1;
        }
        if self.finishes.val() || self.reset.val() {
            self.row.d.next = 0.into();
        }
        self.walk_vpn.next = self.data.held_vpn.val();
        if self.walker.fetch.val() {
            self.walk_vpn.next = self.instruction.held_vpn.val();
        }
        self.has_va.en.next = self.loads.val();
        self.has_va.d.next = (self.faulted.val() || self.fence_has_va.val()) && !self.widened.val();
        self.flush_vpn.en.next = self.loads.val();
        self.flush_vpn.d.next = self.fence_va.val() >> 12;
        self.keep_global.en.next = self.loads.val();
        self.keep_global.d.next = self.fence_keep_global.val() && !self.faulted.val() && !self.widened.val();
        if self.faulted.val() {
            self.flush_vpn.d.next = self.walk_vpn.val();
        }
        for a in 0..self._has_asid {
            clock!(self, clock, has_asid[a], flush_asid[a]);
            self.has_asid[a].en.next = self.loads.val();
            self.has_asid[a].d.next =
                (self.faulted.val() || self.fence_has_asid[a].val()) && !self.widened.val();
            self.flush_asid[a].en.next = self.loads.val();
            self.flush_asid[a].d.next = self.fence_asid[a].val();
            if self.faulted.val() {
                self.flush_asid[a].d.next = self.asid[a].val();
            }
        }
        self.busy.next = self.pending.q.val()
            || self.instruction.occupied.val()
            || self.data.occupied.val()
            || !self.walker.is_idle.val();

        self.instruction.blocked.next = self.pending.q.val();
        self.instruction.req_valid.next = self.ireq_valid.val();
        self.ireq_ready.next = self.instruction.req_ready.val();
        self.instruction.req_va.next = self.ireq_va.val();
        self.instruction.req_user.next = self.ireq_user.val();
        self.iresp_valid.next = self.instruction.resp_valid.val();
        self.instruction.resp_ready.next = self.iresp_ready.val();
        self.iresp_va.next = self.instruction.resp_va.val();
        self.iresp_pa.next = self.instruction.resp_pa.val();
        self.iresp_fault.next = self.instruction.resp_fault.val();
        self.iresp_code.next = self.instruction.resp_code.val();
        self.iresp_page.next = self.instruction.resp_page.val();
        self.iresp_memory_type.next = self.instruction.resp_memory_type.val();
        self.iresp_served.next = self.instruction.resp_served.val();
        for t in 0..self._has_tag {
            self.instruction.req_tag[t].next = self.ireq_tag[t].val();
            self.iresp_tag[t].next = self.instruction.resp_tag[t].val();
        }
        self.instruction.walk_done.next = self.walker.is_done.val() && self.walker.fetch.val();
        self.instruction.walk_frame.next = self.walker.frame.val();
        self.instruction.walk_page.next = self.walker.page.val();
        self.instruction.walk_memory_type.next = self.walker.memory_type.val();
        self.instruction.walk_fault.next = self.walker.fault.val();
        self.instruction.walk_code.next = self.walker.code.val();
        self.instruction.refill.next = self.walker.refill.val() && self.walker.fetch.val();
        self.instruction.refill_superpage.next = self.walker.refill_superpage.val();
        self.instruction.refill_rights.next = self.walker.refill_rights.val();
        self.instruction.refill_global.next = self.walker.refill_global.val();
        self.instruction.refill_ignored.next = self.walker.refill_ignored.val();
        self.instruction.fence.next = self.carried_out.val();
        self.instruction.fence_row.next = self.row.q.val();
        self.instruction.fence_has_va.next = self.by_address.val();
        self.instruction.fence_vpn.next = self.flush_vpn.q.val();
        self.instruction.fence_keep_global.next = self.keep_global.q.val();
        self.instruction.fence_has_asid.next = false;
        for a in 0..self._has_asid {
            self.instruction.asid[a].next = self.asid[a].val();
            self.instruction.fence_has_asid.next = self.has_asid[a].q.val();
            self.instruction.fence_asid[a].next = self.flush_asid[a].q.val();
        }

        self.data.blocked.next = self.pending.q.val();
        self.data.req_valid.next = self.dreq_valid.val();
        self.dreq_ready.next = self.data.req_ready.val();
        self.data.req_va.next = self.dreq_va.val();
        self.data.req_user.next = self.dreq_user.val();
        self.data.req_store[0].next = self.dreq_store.val();
        self.dresp_valid.next = self.data.resp_valid.val();
        self.data.resp_ready.next = self.dresp_ready.val();
        self.dresp_va.next = self.data.resp_va.val();
        self.dresp_pa.next = self.data.resp_pa.val();
        self.dresp_fault.next = self.data.resp_fault.val();
        self.dresp_code.next = self.data.resp_code.val();
        self.dresp_page.next = self.data.resp_page.val();
        self.dresp_memory_type.next = self.data.resp_memory_type.val();
        self.dresp_served.next = self.data.resp_served.val();
        for t in 0..self._has_tag {
            self.data.req_tag[t].next = self.dreq_tag[t].val();
            self.dresp_tag[t].next = self.data.resp_tag[t].val();
        }
        self.data.walk_done.next = self.walker.is_done.val() && !self.walker.fetch.val();
        self.data.walk_frame.next = self.walker.frame.val();
        self.data.walk_page.next = self.walker.page.val();
        self.data.walk_memory_type.next = self.walker.memory_type.val();
        self.data.walk_fault.next = self.walker.fault.val();
        self.data.walk_code.next = self.walker.code.val();
        self.data.refill.next = self.walker.refill.val() && !self.walker.fetch.val();
        self.data.refill_superpage.next = self.walker.refill_superpage.val();
        self.data.refill_rights.next = self.walker.refill_rights.val();
        self.data.refill_global.next = self.walker.refill_global.val();
        self.data.refill_ignored.next = self.walker.refill_ignored.val();
        self.data.fence.next = self.carried_out.val();
        self.data.fence_row.next = self.row.q.val();
        self.data.fence_has_va.next = self.by_address.val();
        self.data.fence_vpn.next = self.flush_vpn.q.val();
        self.data.fence_keep_global.next = self.keep_global.q.val();
        self.data.fence_has_asid.next = false;
        for a in 0..self._has_asid {
            self.data.asid[a].next = self.asid[a].val();
            self.data.fence_has_asid.next = self.has_asid[a].q.val();
            self.data.fence_asid[a].next = self.flush_asid[a].q.val();
        }

        self.mem_req_valid.next = self.walker.mem_req_valid.val();
        self.walker.mem_req_ready.next = self.mem_req_ready.val();
        self.mem_req_address.next = self.walker.mem_req_address.val();
        self.mem_req_swap.next = self.walker.mem_req_swap.val();
        self.mem_req_expected.next = self.walker.mem_req_expected.val();
        self.mem_req_new.next = self.walker.mem_req_new.val();
        self.mem_req_port.next = self.walker.fetch.val();
        self.walker.mem_resp_valid.next = self.mem_resp_valid.val();
        self.walker.mem_resp_data.next = self.mem_resp_data.val();
        self.walker.mem_resp_error.next = self.mem_resp_error.val();
    }
}
