//! Plays the core and the memory around the MMU, cycle by cycle: hdl/CONTRACT.md, D-1 to D-16. Numbers like these are
//! rules of that page.
//!
//! Owns the issue of accesses, the answers of page-table memory, and the reading of responses into [`Outcome`]s. It
//! predicts nothing: what comes out is what the hardware did.
//!
//! Between two calls the driver stands in the low half of a cycle whose responses it has read, and in which the next
//! access, fence or change of context may still be presented.

use super::pin_map::{SharedPins, SidePins};
use super::pins::{Pins, PinsError};
use pagewalk_arch::{
    Access, AccessKind, Batch, ConfigError, Context, FaultKind, IssueOrder, LatencyStream, Mmu, MmuConfig,
    MmuStats, OnFault, Outcome, PageSize, PhysAddr, Privilege, Progress, PteMemory, PteWrite, Served, Side,
    StallPattern, TableMemory, TlbFlush, VirtAddr,
};

/// Cycles without an answer after which the hardware counts as stuck; far above any configurable latency.
const STUCK_CYCLES: u64 = 1_000_000;

/// An access between acceptance and response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct InFlight {
    index: usize,
    tag: u64,
    accepted: u64,
    /// First cycle in which the response was valid.
    answered: Option<u64>,
}

/// Where the memory's one transaction stands (P-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    None,
    /// Seen; taken in cycle `ready`, answered `latency` later (T-10).
    Requested {
        ready: u64,
        latency: u64,
    },
    /// Taken; answered in cycle `at`.
    Taken {
        at: u64,
        data: u64,
        error: bool,
    },
}

/// An engine of the hardware: some simulation's [`Pins`] with core and memory around them. A clone goes on from where
/// the original stands, where the simulation can be cloned.
#[derive(Clone)]
pub struct Driver<P> {
    pins: P,
    config: MmuConfig,
    side_pins: [SidePins; 2],
    shared: SharedPins,
    latencies: LatencyStream,
    request_stalls: [StallPattern; 2],
    response_stalls: [StallPattern; 2],
    responses_stall: bool,
    cycle: u64,
    in_flight: [Option<InFlight>; 2],
    transaction: Transaction,
    transactions: [Counts; 2],
    outcomes: Vec<Outcome>,
    writes: Vec<PteWrite>,
    stats: MmuStats,
    trouble: Option<String>,
    tag_mask: u64,
    issued: u64,
}

/// Memory operations of the walk for one side.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    reads: u8,
    writes: u8,
}

impl<P: Pins> Driver<P> {
    /// Resets the hardware behind `pins`.
    ///
    /// # Errors
    /// A [`ConfigError`] where `config` is none that can be built. A simulation that lacks a port of the
    /// contract panics: it was made from another configuration.
    pub fn new(config: &MmuConfig, pins: P) -> Result<Self, ConfigError> {
        config.validate()?;
        let timing = &config.timing;
        let stalls = |of: fn(&pagewalk_arch::TimingConfig, Side) -> StallPattern| {
            [of(timing, Side::Data), of(timing, Side::Instruction)]
        };
        let response_stalls = stalls(pagewalk_arch::TimingConfig::response_stalls);
        let mut driver = Self {
            side_pins: [SidePins::find(&pins, 'd'), SidePins::find(&pins, 'i')],
            shared: SharedPins::find(&pins),
            pins,
            config: *config,
            latencies: LatencyStream::new(timing.memory),
            request_stalls: stalls(pagewalk_arch::TimingConfig::request_stalls),
            responses_stall: response_stalls.iter().any(|pattern| !pattern.is_never()),
            response_stalls,
            cycle: 0,
            in_flight: [None; 2],
            transaction: Transaction::None,
            transactions: [Counts::default(); 2],
            outcomes: Vec::new(),
            writes: Vec::new(),
            stats: MmuStats::default(),
            trouble: None,
            tag_mask: (1 << config.tag_bits) - 1,
            issued: 0,
        };
        if let Err(error) = driver.reset() {
            driver.trouble = Some(error.to_string());
        }
        Ok(driver)
    }

    /// The simulation, for waveforms.
    pub fn pins_mut(&mut self) -> &mut P {
        &mut self.pins
    }

    fn reset(&mut self) -> Result<(), PinsError> {
        let reset = self.shared.reset;
        self.pins.inputs()[reset] = 1;
        self.pins.low()?;
        self.pins.cycle()?;
        self.pins.cycle()?;
        self.pins.inputs()[reset] = 0;
        self.drive_response_ready();
        self.pins.low()?;
        // F-14: reset is a fence of everything. Nothing answers yet.
        self.await_fence_ready(&mut TableMemory::new(self.config.spec(), 0))
    }

    /// D-7.
    fn drive_response_ready(&mut self) {
        for side in 0..2 {
            let ready = !self.response_stalls[side].stalled(self.cycle);
            self.pins.inputs()[self.side_pins[side].resp_ready] = u64::from(ready);
        }
    }

    /// Finishes the cycle that the driver stands in and enters the next.
    #[inline]
    fn clock(&mut self, memory: &mut TableMemory) -> Result<(), PinsError> {
        self.serve_memory(memory);
        if self.responses_stall {
            self.pins.rise()?;
            self.cycle += 1;
            self.scramble_idle_inputs();
            self.drive_response_ready();
            self.pins.low()
        } else {
            self.cycle += 1;
            self.pins.cycle()
        }
    }

    /// Takes requests off the pins and leaves their opposite there: what is not valid may not matter, here as in P-8.
    fn scramble_idle_inputs(&mut self) {
        let mem_resp_data = self.shared.mem_resp_data;
        for at in self.side_pins {
            let inputs = self.pins.inputs();
            inputs[at.req_valid] = 0;
            for pin in [Some(at.req_va), Some(at.req_user), at.req_store, at.req_tag].into_iter().flatten() {
                inputs[pin] = !inputs[pin];
            }
        }
        let inputs = self.pins.inputs();
        inputs[mem_resp_data] = !inputs[mem_resp_data];
    }

    /// Presents what memory shows in this cycle: P-3 to P-6.
    #[inline]
    fn serve_memory(&mut self, memory: &mut TableMemory) {
        let requested = self.pins.outputs()[self.shared.mem_req_valid] != 0;
        if self.transaction == Transaction::None && !requested {
            return;
        }
        self.advance_transaction(memory, requested);
    }

    fn advance_transaction(&mut self, memory: &mut TableMemory, requested: bool) {
        let at = &self.shared;
        let (ready_pin, valid_pin) = (at.mem_req_ready, at.mem_resp_valid);
        self.pins.inputs()[ready_pin] = 0;
        self.pins.inputs()[valid_pin] = 0;
        if let Transaction::Taken { at: when, data, error } = self.transaction {
            if when == self.cycle {
                let (data_pin, error_pin) = (self.shared.mem_resp_data, self.shared.mem_resp_error);
                let inputs = self.pins.inputs();
                inputs[valid_pin] = 1;
                inputs[data_pin] = data;
                inputs[error_pin] = u64::from(error);
            } else if when < self.cycle {
                self.transaction = Transaction::None;
            }
        }
        if self.transaction == Transaction::None && requested {
            // T-17.
            let draw = self.latencies.draw();
            let ready = self.cycle + u64::from(draw.ready_delay);
            self.transaction = Transaction::Requested { ready, latency: u64::from(draw.latency) };
        }
        if let Transaction::Requested { ready, latency } = self.transaction
            && ready == self.cycle
            && requested
        {
            self.pins.inputs()[ready_pin] = 1;
            let (data, error) = self.perform(memory);
            self.transaction = Transaction::Taken { at: self.cycle + latency, data, error };
        }
    }

    /// Carries out the request on the pins; gives the data and error of its response. W-1: a swap answers with what
    /// memory holds afterwards; W-2: one that failed is no write.
    fn perform(&mut self, memory: &mut TableMemory) -> (u64, bool) {
        let at = &self.shared;
        let out = self.pins.outputs();
        let addr = PhysAddr(out[at.mem_req_address]);
        let swap = out[at.mem_req_swap] != 0;
        let (expected, new) = (out[at.mem_req_expected], out[at.mem_req_new]);
        let counts = &mut self.transactions[out[at.mem_req_port] as usize];
        let bytes = self.config.spec().pte_bytes;
        if !addr.0.is_multiple_of(u64::from(bytes)) {
            self.trouble.get_or_insert_with(|| format!("the hardware asks memory for unaligned {addr}"));
            return (0, true);
        }
        let answer = if swap {
            let before = memory.read(addr, bytes);
            let after = memory.compare_exchange(addr, bytes, expected, new);
            if before == Ok(expected) && after == Ok(new) {
                counts.writes = counts.writes.saturating_add(1);
                self.stats.pte_writes += 1;
                self.writes.push(PteWrite { addr, before: expected, after: new });
            }
            after
        } else {
            counts.reads = counts.reads.saturating_add(1);
            self.stats.pte_reads += 1;
            memory.read(addr, bytes)
        };
        (answer.unwrap_or(0), answer.is_err())
    }

    /// Whether `access` may be presented in this cycle: D-2 to D-5.
    #[inline]
    fn may_accept(&self, access: &Access, side: usize) -> bool {
        if self.pins.outputs()[self.side_pins[side].req_ready] == 0 || self.in_flight[side].is_some() {
            return false;
        }
        if self.request_stalls[side].stalled(self.cycle) {
            return false;
        }
        match (self.config.timing.issue, self.in_flight[1 - side]) {
            (IssueOrder::Overlapped, _) | (_, None) => true,
            (IssueOrder::Blocking, Some(other)) => {
                other.answered.is_some() || (other.accepted == self.cycle && access.kind != AccessKind::Store)
            }
        }
    }

    #[inline]
    fn present(&mut self, access: &Access, index: usize, side: usize) {
        let at = self.side_pins[side];
        let tag = self.issued & self.tag_mask;
        self.issued += 1;
        let inputs = self.pins.inputs();
        inputs[at.req_valid] = 1;
        inputs[at.req_va] = access.va.0;
        inputs[at.req_user] = u64::from(access.privilege == Privilege::User);
        if let Some(store) = at.req_store {
            inputs[store] = u64::from(access.kind == AccessKind::Store);
        }
        if let Some(pin) = at.req_tag {
            inputs[pin] = tag;
        }
        self.in_flight[side] = Some(InFlight { index, tag, accepted: self.cycle, answered: None });
        self.transactions[side] = Counts::default();
    }

    /// Reads the response of `side`, if one is out (D-15). Gives whether a fault was seen (D-11).
    #[inline]
    fn collect(&mut self, side: usize) -> bool {
        let Some(flight) = &mut self.in_flight[side] else { return false };
        let at = &self.side_pins[side];
        let out = self.pins.outputs();
        if out[at.resp_valid] == 0 {
            return false;
        }
        let valid_since = *flight.answered.get_or_insert(self.cycle);
        let faulted = out[at.resp_fault] != 0;
        if self.responses_stall && self.response_stalls[side].stalled(self.cycle) {
            return faulted;
        }
        let flight = *flight;
        self.in_flight[side] = None;
        let served = match out[at.resp_served] {
            0 => Served::L1,
            1 => Served::L2,
            2 => Served::Pwc,
            _ => Served::Walk,
        };
        let fault = match out[at.resp_fault] {
            0 => FaultKind::None,
            1 => FaultKind::Page,
            2 => FaultKind::Access,
            _ => FaultKind::GeneralProtection,
        };
        let counts = self.transactions[side];
        self.outcomes[flight.index] = Outcome {
            va: VirtAddr(out[at.resp_va]),
            pa: PhysAddr(out[at.resp_pa]),
            cycle: valid_since,
            latency: (valid_since - flight.accepted) as u32,
            fault,
            code: out[at.resp_code] as u8,
            page_size: PageSize::from_code(out[at.resp_page] as u8).unwrap_or_default(),
            memory_type: out[at.resp_memory_type] as u8,
            served,
            pte_reads: counts.reads,
            pte_writes: counts.writes,
            reserved: 0,
        };
        let hit = served == Served::L1;
        let counter = match (side, hit) {
            (0, true) => &mut self.stats.l1d_hits,
            (0, false) => &mut self.stats.l1d_misses,
            (_, true) => &mut self.stats.l1i_hits,
            (_, false) => &mut self.stats.l1i_misses,
        };
        *counter += 1;
        self.stats.walks += u64::from(!hit);
        self.check_response(side, &flight);
        faulted
    }

    /// What must hold of every response and is in no [`Outcome`]: P-11.
    #[inline]
    fn check_response(&mut self, side: usize, flight: &InFlight) {
        let at = &self.side_pins[side];
        let out = self.pins.outputs();
        let page = out[at.resp_page];
        if PageSize::from_code(page as u8).is_none() {
            self.trouble.get_or_insert_with(|| format!("a response has page size {page}, which is none"));
        }
        if let Some(pin) = at.resp_tag
            && out[pin] != flight.tag
        {
            let (sent, received) = (flight.tag, out[pin]);
            self.trouble
                .get_or_insert_with(|| format!("a response carries tag {received}, its request had {sent}"));
        }
    }

    fn run_batch(&mut self, memory: &mut TableMemory, batch: &Batch<'_>) -> Result<Progress, PinsError> {
        let count = batch.accesses.len();
        let stops = batch.on_fault == OnFault::Stop;
        self.outcomes.clear();
        self.outcomes.resize(count, Outcome::default());
        let (mut next, mut stopped, mut answered_at) = (0, false, self.cycle);
        loop {
            let first_of_cycle = next;
            while next < count && !stopped {
                let access = &batch.accesses[next];
                let side = access.kind.side() as usize;
                // D-9: the successor of the last access is unknown: it may only follow its predecessor.
                let successor_known = batch.end || next + 1 < count || next > first_of_cycle;
                if !successor_known || !self.may_accept(access, side) {
                    break;
                }
                self.present(access, next, side);
                next += 1;
            }
            let resting = self.in_flight == [None, None];
            if resting && (stopped || next == count || (!batch.end && next + 1 == count)) {
                break;
            }
            self.clock(memory)?;
            let requests = [self.side_pins[0].req_valid, self.side_pins[1].req_valid];
            for pin in requests {
                self.pins.inputs()[pin] = 0;
            }
            for side in 0..2 {
                let before = self.in_flight[side].is_some();
                stopped |= self.collect(side) && stops;
                if before && self.in_flight[side].is_none() {
                    answered_at = self.cycle;
                }
            }
            if self.cycle - answered_at > STUCK_CYCLES {
                self.trouble.get_or_insert_with(|| format!("no response for {STUCK_CYCLES} cycles"));
            }
            if self.trouble.is_some() {
                return Ok(Progress::default());
            }
        }
        Ok(self.conclude(next, stops))
    }

    /// Counts what was answered; with `stops`, drops what is younger than the oldest fault (D-12).
    fn conclude(&mut self, answered: usize, stops: bool) -> Progress {
        let fault_at = self.outcomes[..answered].iter().position(|outcome| !outcome.is_ok());
        let consumed = match fault_at {
            Some(at) if stops => at + 1,
            _ => answered,
        };
        self.stats.squashed += (answered - consumed) as u64;
        if fault_at.is_some() {
            for outcome in &self.outcomes[..consumed] {
                match outcome.fault {
                    FaultKind::None => {}
                    FaultKind::Page => self.stats.page_faults += 1,
                    FaultKind::Access => self.stats.access_faults += 1,
                    FaultKind::GeneralProtection => self.stats.gp_faults += 1,
                }
            }
        }
        let fault = fault_at.filter(|_| stops).map(|at| self.outcomes[at]);
        Progress { consumed, fault }
    }

    /// F-1: hands a fence over and waits until the next could be.
    fn fence_to_end(&mut self, memory: &mut TableMemory, flush: &TlbFlush) -> Result<(), PinsError> {
        self.await_fence_ready(memory)?;
        let at = self.shared.clone();
        let inputs = self.pins.inputs();
        inputs[at.fence_valid] = 1;
        inputs[at.fence_has_va] = u64::from(flush.va.is_some());
        inputs[at.fence_va] = flush.va.unwrap_or_default().0;
        inputs[at.fence_keep_global] = u64::from(flush.keep_global);
        if let (Some(has_asid), Some(asid)) = (at.fence_has_asid, at.fence_asid) {
            inputs[has_asid] = u64::from(flush.asid.is_some());
            inputs[asid] = u64::from(flush.asid.unwrap_or_default().0);
        }
        self.clock(memory)?;
        self.pins.inputs()[at.fence_valid] = 0;
        self.stats.flushes += 1;
        self.await_fence_ready(memory)
    }

    fn await_fence_ready(&mut self, memory: &mut TableMemory) -> Result<(), PinsError> {
        let since = self.cycle;
        while self.pins.outputs()[self.shared.fence_ready] == 0 {
            if self.cycle - since > STUCK_CYCLES {
                self.trouble.get_or_insert_with(|| format!("a fence is not done in {STUCK_CYCLES} cycles"));
                break;
            }
            self.clock(memory)?;
        }
        Ok(())
    }

    fn note<T: Default>(&mut self, result: Result<T, PinsError>) -> T {
        result.unwrap_or_else(|error| {
            self.trouble.get_or_insert_with(|| error.to_string());
            T::default()
        })
    }
}

impl<P: Pins> Mmu for Driver<P> {
    fn config(&self) -> &MmuConfig {
        &self.config
    }

    /// P-9: at rest, where nothing of the old context is under way.
    fn set_context(&mut self, memory: &[TableMemory], context: &Context) {
        let at = self.shared.clone();
        for (entry, &pin) in at.pdpte.iter().enumerate() {
            let addr = PhysAddr(context.root.0 + 8 * entry as u64);
            self.pins.inputs()[pin] = memory[0].read(addr, 8).unwrap_or(0);
        }
        let inputs = self.pins.inputs();
        if let Some(pin) = at.root {
            inputs[pin] = context.root.frame();
        }
        if let Some(pin) = at.asid {
            inputs[pin] = u64::from(context.asid.0);
        }
        for (pin, bit) in at.modes {
            inputs[pin] = u64::from(bit.get(&context.mode));
        }
    }

    fn fence(&mut self, memory: &mut [TableMemory], flush: &TlbFlush) {
        if self.trouble.is_none() {
            let result = self.fence_to_end(&mut memory[0], flush);
            self.note(result);
        }
    }

    fn run(
        &mut self,
        memory: &mut [TableMemory],
        batch: &Batch<'_>,
        outcomes: Option<&mut Vec<Outcome>>,
    ) -> Progress {
        assert!(
            batch.on_fault == OnFault::Continue || self.config.timing.issue == IssueOrder::Blocking,
            "D-13: a core that stops at faults issues in order"
        );
        if self.trouble.is_some() {
            return Progress::default();
        }
        let result = self.run_batch(&mut memory[0], batch);
        let progress = self.note(result);
        if let Some(outcomes) = outcomes {
            outcomes.extend_from_slice(&self.outcomes[..progress.consumed]);
        }
        progress
    }

    fn take_pte_writes(&mut self, log: &mut Vec<PteWrite>) {
        log.append(&mut self.writes);
    }

    fn stats(&self) -> MmuStats {
        MmuStats { cycles: self.cycle, ..self.stats }
    }

    fn difference(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}
