//! The page-table walker: one walk at a time, for whichever port waits.
//!
//! Owns the walk: its states, the memory port, and the result. Does not own the rules for an entry
//! ([`PteCheck`]) nor TLBs: it hands a refill to the port that waited. When each step happens is the timing part of
//! hdl/CONTRACT.md.

use crate::bundle::mode::{ModePorts, bits, level_bits};
use crate::prelude::*;
use crate::tlb::geometry::{MEMORY_TYPE_BITS, PAGE_BITS, RIGHTS_BITS};
use crate::walk::check::PteCheck;
use crate::walk::masks::PteMasks;
use pagewalk_arch::{FRAME_SHIFT, MmuConfig};

/// See the module. States are one-hot: `idle look request waiting check done`.
#[derive(LogicBlock)]
pub struct Ptw {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,

    /// An access waits. Taken in a cycle in which `is_idle` is high.
    pub start: Signal<In, Bit>,
    /// Its page number.
    pub start_vpn: Wire<In>,
    /// Its address is not canonical.
    pub start_noncanonical: Signal<In, Bit>,
    /// It is made in user mode.
    pub start_user: Signal<In, Bit>,
    /// It is a store.
    pub start_store: Signal<In, Bit>,
    /// It is a fetch; also the port that gets the answer.
    pub start_fetch: Signal<In, Bit>,

    /// Frame of the root table; empty in PAE.
    pub root: Vec<Wire<In>>,
    /// PAE: the four PDPTEs; otherwise empty.
    pub pdpte: Vec<Wire<In>>,
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

    /// No walk is under way.
    pub is_idle: Signal<Out, Bit>,
    /// The verdict is a refill of the port that waits; its frame follows with the result.
    pub refill: Signal<Out, Bit>,
    /// The leaf is above level 0.
    pub refill_superpage: Signal<Out, Bit>,
    /// R W X U D.
    pub refill_rights: Wire<Out>,
    /// G.
    pub refill_global: Signal<Out, Bit>,
    /// Size of the leaf.
    pub refill_page: Wire<Out>,
    /// Levels below the leaf's, lowest first.
    pub refill_ignored: Wire<Out>,
    /// The verdict is a page fault.
    pub page_fault: Signal<Out, Bit>,
    /// The result is out, until it is taken.
    pub is_done: Signal<Out, Bit>,
    /// The port that waits is taking it.
    pub taken: Signal<In, Bit>,
    /// The walk is for the instruction port.
    pub fetch: Signal<Out, Bit>,
    /// Result: frame of the 4 KiB piece; 0 on a fault.
    pub frame: Wire<Out>,
    /// Result: size of the leaf; 0 on a fault.
    pub page: Wire<Out>,
    /// Result: memory type; 0 on a fault.
    pub memory_type: Wire<Out>,
    /// Result: kind of fault, 0 without one.
    pub fault: Wire<Out>,
    /// Result: cause or error code.
    pub code: Wire<Out>,

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
    /// Memory response.
    pub mem_resp_valid: Signal<In, Bit>,
    /// The PTE in memory.
    pub mem_resp_data: Wire<In>,
    /// Bus error.
    pub mem_resp_error: Signal<In, Bit>,

    idle: BitRegister,
    look: BitRegister,
    request: BitRegister,
    waiting: BitRegister,
    check: BitRegister,
    done: BitRegister,
    swap: BitRegister,

    walk_vpn: RegisterEn,
    noncanonical: BitRegisterEn,
    user: BitRegisterEn,
    store: BitRegisterEn,
    for_fetch: BitRegisterEn,
    level: RegisterEn,
    table_frame: RegisterEn,
    index: RegisterEn,
    entry: RegisterEn,
    bus_error: BitRegisterEn,
    without_reads: BitRegisterEn,
    all_writable: BitRegisterEn,
    all_user: BitRegisterEn,
    all_executable: BitRegisterEn,
    any_global: BitRegisterEn,
    result_frame: RegisterEn,
    result_page: RegisterEn,
    result_type: RegisterEn,
    result_fault: RegisterEn,
    result_code: RegisterEn,

    verdict: PteCheck,

    verdict_at_look: Signal<Local, Bit>,
    pdpte_used: Wire<Local>,
    pdpte_index: Wire<Local>,
    first_table: Wire<Local>,
    first_index: Wire<Local>,
    next_table: Wire<Local>,
    next_index: Wire<Local>,
    answer: Wire<Local>,
    answered: Signal<Local, Bit>,
    descend: Signal<Local, Bit>,
    step: Signal<Local, Bit>,
    at_level: Wire<Local>,
    updates: Signal<Local, Bit>,
    wide_table: Wire<Local>,
    wide_index: Wire<Local>,

    pointer_mask: Const,
    pointer_value: Const,
    pdpte_reserved: Const,
    index_shift: Vec<Const>,
    first_index_shift: Const,
    pdpte_shift: Const,
    first_level: Const,
    ppn_shift: Const,
    entry_shift: Const,

    _levels: usize,
    _riscv: usize,
    _extensions: usize,
    _x86: usize,
    _has_xd: usize,
    _legacy: usize,
    _rooted: usize,
    _resident: usize,
    _resident_entries: usize,
}

impl Ptw {
    /// The walker for that configuration.
    pub fn new(config: &MmuConfig) -> Self {
        let spec = config.spec();
        let ModePorts { riscv, extensions, x86, has_xd, legacy } = ModePorts::of(spec);
        let masks = PteMasks::new(config);
        let levels = spec.levels();
        let resident = usize::from(spec.resident_root_entries > 0);
        let first_level = levels - 1 - resident;
        let vpn_bits = spec.vpn_bits() as usize;
        let frame_bits = config.frame_bits() as usize;
        let table_bits = (config.table_address_bits() - FRAME_SHIFT) as usize;
        let pte_bits = 8 * spec.pte_bytes as usize;
        let index_bits = spec.index_bits[0] as usize;
        let address_bits = config.physical_bits as usize;
        let shift = |by: u32| Const::new(7, u128::from(by));
        let index_shift = |level| shift(spec.level_shift(level) - FRAME_SHIFT);
        Self {
            clock: Default::default(),
            reset: Default::default(),
            start: Default::default(),
            start_vpn: Wire::new(vpn_bits),
            start_noncanonical: Default::default(),
            start_user: Default::default(),
            start_store: Default::default(),
            start_fetch: Default::default(),
            root: (resident..1).map(|_| Wire::new(table_bits)).collect(),
            pdpte: (0..spec.resident_root_entries).map(|_| Wire::new(64)).collect(),
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
            is_idle: Default::default(),
            refill: Default::default(),
            refill_superpage: Default::default(),
            refill_rights: Wire::new(RIGHTS_BITS),
            refill_global: Default::default(),
            refill_page: Wire::new(PAGE_BITS),
            refill_ignored: Wire::new(spec.leaf_level_max),
            page_fault: Default::default(),
            is_done: Default::default(),
            taken: Default::default(),
            fetch: Default::default(),
            frame: Wire::new(frame_bits),
            page: Wire::new(PAGE_BITS),
            memory_type: Wire::new(MEMORY_TYPE_BITS),
            fault: Wire::new(2),
            code: Wire::new(5),
            mem_req_valid: Default::default(),
            mem_req_ready: Default::default(),
            mem_req_address: Wire::new(address_bits),
            mem_req_swap: Default::default(),
            mem_req_expected: Wire::new(pte_bits),
            mem_req_new: Wire::new(pte_bits),
            mem_resp_valid: Default::default(),
            mem_resp_data: Wire::new(pte_bits),
            mem_resp_error: Default::default(),
            idle: BitRegister::new(),
            look: BitRegister::new(),
            request: BitRegister::new(),
            waiting: BitRegister::new(),
            check: BitRegister::new(),
            done: BitRegister::new(),
            swap: BitRegister::new(),
            walk_vpn: RegisterEn::new(vpn_bits),
            noncanonical: BitRegisterEn::new(),
            user: BitRegisterEn::new(),
            store: BitRegisterEn::new(),
            for_fetch: BitRegisterEn::new(),
            level: RegisterEn::new(level_bits(spec)),
            table_frame: RegisterEn::new(table_bits),
            index: RegisterEn::new(index_bits),
            entry: RegisterEn::new(pte_bits),
            bus_error: BitRegisterEn::new(),
            without_reads: BitRegisterEn::new(),
            all_writable: BitRegisterEn::new(),
            all_user: BitRegisterEn::new(),
            all_executable: BitRegisterEn::new(),
            any_global: BitRegisterEn::new(),
            result_frame: RegisterEn::new(frame_bits),
            result_page: RegisterEn::new(PAGE_BITS),
            result_type: RegisterEn::new(MEMORY_TYPE_BITS),
            result_fault: RegisterEn::new(2),
            result_code: RegisterEn::new(5),
            verdict: PteCheck::new(config),
            verdict_at_look: Default::default(),
            pdpte_used: Wire::new(64),
            pdpte_index: Wire::new(2),
            first_table: Wire::new(table_bits),
            first_index: Wire::new(index_bits),
            next_table: Wire::new(table_bits),
            next_index: Wire::new(index_bits),
            answer: Wire::new(pte_bits),
            answered: Default::default(),
            descend: Default::default(),
            step: Default::default(),
            at_level: Wire::new(level_bits(spec)),
            updates: Default::default(),
            wide_table: Wire::new(address_bits),
            wide_index: Wire::new(address_bits),
            pointer_mask: Const::new(pte_bits, masks.pointer_mask),
            pointer_value: Const::new(pte_bits, masks.pointer_value),
            pdpte_reserved: Const::new(64, masks.pdpte_reserved),
            index_shift: (0..levels).map(index_shift).collect(),
            first_index_shift: index_shift(first_level),
            pdpte_shift: index_shift(levels - 1),
            first_level: Const::new(level_bits(spec), first_level as u128),
            ppn_shift: shift(spec.ppn_shift),
            entry_shift: shift(spec.pte_bytes.ilog2()),
            _levels: levels,
            _riscv: riscv,
            _extensions: extensions,
            _x86: x86,
            _has_xd: has_xd,
            _legacy: legacy,
            _rooted: 1 - resident,
            _resident: resident,
            _resident_entries: spec.resident_root_entries,
        }
    }
}

impl Logic for Ptw {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(
            self,
            clock,
            idle,
            look,
            request,
            waiting,
            check,
            done,
            swap,
            walk_vpn,
            noncanonical,
            user,
            store,
            for_fetch,
            level,
            table_frame,
            index,
            entry,
            bus_error,
            without_reads,
            all_writable,
            all_user,
            all_executable,
            any_global,
            result_frame,
            result_page,
            result_type,
            result_fault,
            result_code
        );

        // The state machine, one-hot.
        self.updates.next = self.verdict.updates.val();
        self.answered.next = self.waiting.q.val() && self.mem_resp_valid.val();
        self.idle.d.next =
            (self.idle.q.val() && !self.start.val()) || (self.done.q.val() && self.taken.val());
        self.look.d.next = self.idle.q.val() && self.start.val();
        self.request.d.next = (self.look.q.val() && !self.verdict_at_look.val())
            || (self.request.q.val() && !self.mem_req_ready.val())
            || (self.answered.val() && self.descend.val())
            || (self.check.q.val() && self.updates.val());
        self.waiting.d.next = (self.request.q.val() && self.mem_req_ready.val())
            || (self.waiting.q.val() && !self.mem_resp_valid.val());
        self.check.d.next =
            (self.look.q.val() && self.verdict_at_look.val()) || (self.answered.val() && !self.descend.val());
        self.done.d.next =
            (self.check.q.val() && !self.updates.val()) || (self.done.q.val() && !self.taken.val());
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
        self.is_idle.next = self.idle.q.val();
        self.is_done.next = self.done.q.val();
        self.fetch.next = self.for_fetch.q.val();

        // Idle: load the access that waits.
        self.walk_vpn.en.next = self.idle.q.val();
        self.walk_vpn.d.next = self.start_vpn.val();
        self.noncanonical.en.next = self.idle.q.val();
        self.noncanonical.d.next = self.start_noncanonical.val();
        self.user.en.next = self.idle.q.val();
        self.user.d.next = self.start_user.val();
        self.store.en.next = self.idle.q.val();
        self.store.d.next = self.start_store.val();
        self.for_fetch.en.next = self.idle.q.val();
        self.for_fetch.d.next = self.start_fetch.val();

        // Look: the first table, or a verdict without a read.
        self.verdict_at_look.next = self.noncanonical.q.val();
        self.first_table.next = 0.into();
        self.pdpte_used.next = 0.into();
        self.pdpte_index.next = self.walk_vpn.q.val() >> self.pdpte_shift.val();
        for r in 0..self._rooted {
            self.first_table.next = self.root[r].val();
        }
        for _g in 0..self._resident {
            for p in 0..self._resident_entries {
                if self.pdpte_index.val() == p {
                    self.pdpte_used.next = self.pdpte[p].val();
                }
            }
            self.first_table.next = self.pdpte_used.val() >> 12;
            if (self.pdpte_used.val() & (self.pdpte_reserved.val() | 1)) != 1 {
                self.verdict_at_look.next = true;
            }
        }
        self.first_index.next = self.walk_vpn.q.val() >> self.first_index_shift.val();

        // Waiting: follow an answer that is a pointer and needs nothing more; anything else is for check.
        self.answer.next = self.mem_resp_data.val();
        self.at_level.next = self.level.q.val();
        self.descend.next = ((self.answer.val() & self.pointer_mask.val()) == self.pointer_value.val())
            && (self.at_level.val() != 0)
            && !self.mem_resp_error.val();
        for x in 0..self._has_xd {
            if self.answer.val().get_bit(63) && !self.mode_nxe[x].val() {
                self.descend.next = false;
            }
        }
        for l in 0..self._legacy {
            if self.answer.val().get_bit(7) && self.mode_pse[l].val() {
                self.descend.next = false;
            }
        }
        self.next_table.next = self.answer.val() >> self.ppn_shift.val();
        self.next_index.next = 0.into();
        for k in 1..self._levels {
            if self.at_level.val() == k {
                self.next_index.next = self.walk_vpn.q.val() >> self.index_shift[k - 1].val();
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
        self.bus_error.d.next = self.answered.val() && self.mem_resp_error.val();
        if self.look.q.val() {
            self.entry.d.next = self.pdpte_used.val();
        }
        self.without_reads.en.next = self.look.q.val();
        self.without_reads.d.next = self.verdict_at_look.val();

        // Rights of the levels above (x86), and G of any level above (RISC-V).
        self.all_writable.en.next = self.step.val();
        self.all_user.en.next = self.step.val();
        self.all_executable.en.next = self.step.val();
        self.any_global.en.next = self.step.val();
        self.all_writable.d.next = self.look.q.val();
        self.all_user.d.next = self.look.q.val();
        self.all_executable.d.next = self.look.q.val();
        self.any_global.d.next = false;
        if !self.look.q.val() {
            for _g in 0..self._x86 {
                self.all_writable.d.next = self.all_writable.q.val() && self.answer.val().get_bit(1);
                self.all_user.d.next = self.all_user.q.val() && self.answer.val().get_bit(2);
                self.all_executable.d.next = self.all_executable.q.val();
            }
            for _g in 0..self._has_xd {
                self.all_executable.d.next = self.all_executable.q.val() && !self.answer.val().get_bit(63);
            }
            for _g in 0..self._riscv {
                self.any_global.d.next = self.any_global.q.val() || self.answer.val().get_bit(5);
            }
        }

        // Request: read or swap the entry that `table` and `index` name.
        self.wide_table.next = self.table_frame.q.val();
        self.wide_index.next = self.index.q.val();
        self.mem_req_valid.next = self.request.q.val();
        self.mem_req_address.next =
            (self.wide_table.val() << 12) | (self.wide_index.val() << self.entry_shift.val());
        self.mem_req_swap.next = self.swap.q.val();
        self.mem_req_expected.next = self.entry.q.val();
        self.mem_req_new.next = self.verdict.updated.val();

        // Check: the verdict on the entry.
        self.verdict.entry.next = self.entry.q.val();
        self.verdict.level.next = self.level.q.val();
        self.verdict.bus_error.next = self.bus_error.q.val();
        self.verdict.without_reads.next = self.without_reads.q.val();
        self.verdict.noncanonical.next = self.noncanonical.q.val();
        self.verdict.vpn.next = self.walk_vpn.q.val();
        self.verdict.user.next = self.user.q.val();
        self.verdict.store.next = self.store.q.val();
        self.verdict.fetch.next = self.for_fetch.q.val();
        self.verdict.all_writable.next = self.all_writable.q.val();
        self.verdict.all_user.next = self.all_user.q.val();
        self.verdict.all_executable.next = self.all_executable.q.val();
        self.verdict.any_global.next = self.any_global.q.val();
        for m in 0..self._riscv {
            self.verdict.mode_sum[m].next = self.mode_sum[m].val();
            self.verdict.mode_mxr[m].next = self.mode_mxr[m].val();
            self.verdict.mode_adue[m].next = self.mode_adue[m].val();
        }
        for m in 0..self._extensions {
            self.verdict.mode_svnapot[m].next = self.mode_svnapot[m].val();
            self.verdict.mode_pbmte[m].next = self.mode_pbmte[m].val();
        }
        for m in 0..self._x86 {
            self.verdict.mode_wp[m].next = self.mode_wp[m].val();
            self.verdict.mode_pge[m].next = self.mode_pge[m].val();
            self.verdict.mode_smep[m].next = self.mode_smep[m].val();
            self.verdict.mode_smap[m].next = self.mode_smap[m].val();
            self.verdict.mode_ac[m].next = self.mode_ac[m].val();
        }
        for m in 0..self._has_xd {
            self.verdict.mode_nxe[m].next = self.mode_nxe[m].val();
        }
        for m in 0..self._legacy {
            self.verdict.mode_pse[m].next = self.mode_pse[m].val();
        }
        self.refill.next = self.check.q.val() && self.verdict.succeeds.val() && self.verdict.cacheable.val();
        self.refill_superpage.next = self.verdict.superpage.val();
        self.refill_page.next = self.verdict.page.val();
        self.refill_rights.next = self.verdict.rights.val();
        self.refill_global.next = self.verdict.is_global.val();
        self.refill_ignored.next = self.verdict.ignored.val();
        self.page_fault.next = self.check.q.val() && (self.verdict.fault.val() == 1);
        self.result_frame.en.next = self.check.q.val();
        self.result_frame.d.next = self.verdict.frame.val();
        self.result_page.en.next = self.check.q.val();
        self.result_page.d.next = self.verdict.page.val();
        self.result_type.en.next = self.check.q.val();
        self.result_type.d.next = self.verdict.memory_type.val();
        self.result_fault.en.next = self.check.q.val();
        self.result_fault.d.next = self.verdict.fault.val();
        self.result_code.en.next = self.check.q.val();
        self.result_code.d.next = self.verdict.code.val();
        self.frame.next = self.result_frame.q.val();
        self.page.next = self.result_page.q.val();
        self.memory_type.next = self.result_type.q.val();
        self.fault.next = self.result_fault.q.val();
        self.code.next = self.result_code.q.val();
    }
}
