//! When things happen: the driver's rules, the two-sided pipeline, the walker and the fences, in cycles.
//!
//! Owns every cycle number and nothing else: what is translated and what a TLB holds is decided elsewhere. The rules
//! are T-1 to T-18, F-1 to F-4 and F-14 to F-16, D-1 to D-16 of hdl/CONTRACT.md; the letters c, x, y, t and e are its
//! own.

use pagewalk_arch::{
    AccessKind, IssueOrder, LatencyStream, MmuConfig, Side, StallPattern, TlbFlush, VirtAddr,
};

/// The fence that follows an x86 page fault and was not carried out yet.
#[derive(Clone, Debug)]
pub(crate) struct PendingFence {
    /// y, the CHECK of the first fault: both `req_ready` are low from the next cycle on.
    since: u64,
    pub flush: TlbFlush,
}

/// Where the engine stands in time.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    order: IssueOrder,
    request_stalls: [StallPattern; 2],
    response_stalls: [StallPattern; 2],
    latencies: LatencyStream,
    /// Cycles of a fence of everything.
    sweep_rows: u64,
    /// Cycle in which the last access was accepted, or in which the engine came to rest after it.
    accepted: u64,
    /// Exactly one access was accepted in that cycle: another may join it (D-4).
    pair_open: bool,
    /// First cycle after the last fence.
    fences_done: u64,
    /// Per side the cycle in which its last response was taken.
    taken: [u64; 2],
    /// Latest cycle in which a response became valid.
    answered: u64,
    /// T-15, t + 1: first cycle in which the walker is idle.
    walker_idle: u64,
    fence: Option<PendingFence>,
}

impl Schedule {
    /// F-14: reset acts as a fence of everything carried out in cycles 0 to N − 1.
    pub(crate) fn new(config: &MmuConfig) -> Self {
        let timing = &config.timing;
        let sweep_rows = u64::from(config.l1i.sweep_rows().max(config.l1d.sweep_rows()));
        Self {
            order: timing.issue,
            request_stalls: [Side::Data, Side::Instruction].map(|side| timing.request_stalls(side)),
            response_stalls: [Side::Data, Side::Instruction].map(|side| timing.response_stalls(side)),
            latencies: LatencyStream::new(timing.memory),
            sweep_rows,
            accepted: sweep_rows,
            pair_open: false,
            fences_done: sweep_rows,
            taken: [0; 2],
            answered: 0,
            walker_idle: 0,
            fence: None,
        }
    }

    pub(crate) fn is_blocking(&self) -> bool {
        self.order == IssueOrder::Blocking
    }
    /// Whether streams of hits run at one access per cycle and side, whatever the cycle.
    pub(crate) fn is_uniform(&self) -> bool {
        self.is_blocking()
            && self.request_stalls.iter().chain(&self.response_stalls).all(StallPattern::is_never)
    }

    /// D-2 to D-5: the cycle c in which the next access can be accepted, given whether an older access waits for the
    /// walker. Its own side waits for none. `None` where that cycle is decided by a walk or fence still to come.
    pub(crate) fn acceptance(&self, kind: AccessKind, older_waits: bool) -> Option<u64> {
        let side = kind.side() as usize;
        let stalls = &self.request_stalls[side];
        let mut c = stalls.next_free(self.accepted.max(self.taken[side]).max(self.fences_done));
        let joins = c == self.accepted && kind != AccessKind::Store;
        if self.is_blocking() && !joins {
            if older_waits {
                return None;
            }
            c = stalls.next_free(c.max(self.answered));
        }
        let closed = self.fence.as_ref().is_some_and(|fence| c > fence.since);
        (!closed).then_some(c)
    }
    /// Whether an access accepted in cycle c is the second of that cycle.
    pub(crate) fn completes_pair(&self, c: u64) -> bool {
        self.pair_open && c == self.accepted
    }
    /// An access is accepted in cycle c.
    pub(crate) fn accept(&mut self, c: u64) {
        self.pair_open = !self.completes_pair(c);
        self.accepted = c;
    }
    /// D-7: a response becomes valid; it is taken in the first cycle that is not stalled.
    pub(crate) fn respond(&mut self, side: Side, valid: u64) {
        self.taken[side as usize] = self.response_stalls[side as usize].next_free(valid);
        self.answered = self.answered.max(valid);
    }

    /// T-6: the cycle x in which the walker takes an access that waits since cycle s.
    pub(crate) fn walk_start(&self, s: u64) -> u64 {
        s.max(self.walker_idle)
    }
    /// T-10, T-17: cycles of one memory transaction, d + L and the one in which its answer is registered.
    pub(crate) fn transaction(&mut self) -> u64 {
        let draw = self.latencies.draw();
        1 + u64::from(draw.ready_delay) + u64::from(draw.latency)
    }
    /// A walk that started in cycle x took `transactions` cycles for all its transactions, `swaps` of which were
    /// compare-and-swaps. Returns the cycle of the valid response (T-16).
    pub(crate) fn walked(&mut self, side: Side, x: u64, transactions: u64, swaps: u64) -> u64 {
        // T-9, T-12, T-14: at x, x + 1 and y, and a CHECK more for each swap.
        let valid = x + 3 + transactions + swaps;
        self.respond(side, valid);
        self.walker_idle = self.taken[side as usize] + 1;
        valid
    }

    /// F-15, F-16: the page fault whose response becomes valid in cycle y + 1 asks for a fence of `flush`; a second one
    /// before it was carried out makes it a fence of everything.
    pub(crate) fn fault_fence(&mut self, valid: u64, flush: TlbFlush) {
        match &mut self.fence {
            Some(pending) => pending.flush = TlbFlush::ALL,
            None => self.fence = Some(PendingFence { since: valid - 1, flush }),
        }
    }
    /// With nothing in flight, the fence that page faults asked for, if one did.
    pub(crate) fn take_fault_fence(&mut self) -> Option<PendingFence> {
        self.fence.take()
    }
    /// Carries it out, with `va` if it still has an address.
    pub(crate) fn carry_out_fault_fence(&mut self, pending: &PendingFence, va: Option<VirtAddr>) {
        let e = self.taken[0].max(self.taken[1]).max(pending.since) + 1;
        self.fences_done = e + self.fence_cycles(va);
    }
    /// Whether page faults asked for a fence that was not carried out yet.
    pub(crate) fn has_fault_fence(&self) -> bool {
        self.fence.is_some()
    }
    /// F-3, F-4: at rest, takes a fence and carries it out.
    pub(crate) fn fence(&mut self, va: Option<VirtAddr>) {
        let f = self.accepted.max(self.fences_done);
        self.fences_done = f + 1 + self.fence_cycles(va);
        self.accepted = self.fences_done;
        self.pair_open = false;
    }
    fn fence_cycles(&self, va: Option<VirtAddr>) -> u64 {
        if va.is_some() { 1 } else { self.sweep_rows }
    }

    /// D-8: nothing is in flight and the batch is over: time goes on to the cycle in which the last response is taken.
    pub(crate) fn rest(&mut self) {
        self.accepted = self.accepted.max(self.taken[0]).max(self.taken[1]);
        self.pair_open = false;
    }
    /// D-16: at rest, the cycle in which the engine stands.
    pub(crate) fn now(&self) -> u64 {
        self.accepted
    }

    /// With nothing in flight, the clock of a stream of hits from here on.
    pub(crate) fn hit_clock(&self) -> HitClock {
        let first = [self.accepted, self.fences_done, self.answered, self.taken[0], self.taken[1]];
        let first = first.into_iter().max().unwrap_or(0);
        // Reset takes at least one cycle, so there is a cycle before the first acceptance.
        HitClock { cycle: first - 1, step: CLOSED }
    }
    /// Takes over where a stream of at least one hit has come to.
    pub(crate) fn after_hits(&mut self, clock: HitClock) {
        self.accepted = clock.cycle;
        self.pair_open = clock.open() != CLOSED;
        self.answered = clock.cycle + 1;
        self.taken = match clock.open() {
            CLOSED => [clock.cycle + 1; 2],
            TO_FETCH => [clock.cycle + 1, clock.cycle],
            _ => [clock.cycle, clock.cycle + 1],
        };
    }
}

/// Bits of one step of [`HitClock`]: where the next step is found, and above it 1 if a new cycle began.
const STEP_BITS: u64 = 7;
const OPEN_MASK: u64 = (1 << (STEP_BITS - 1)) - 1;
/// No access may join the cycle: it has its pair.
const CLOSED: u64 = 0;
/// A fetch may join the cycle, which has a load or store.
const TO_FETCH: u64 = STEP_BITS;
/// A load may join the cycle, which has a fetch.
const TO_LOAD: u64 = 2 * STEP_BITS;
/// Per kind of access, from bit o up, the step that it takes where the cycle is open to o.
const STEPS: [u64; 3] = {
    let mut steps = [0; 3];
    steps[AccessKind::Fetch as usize] = steps_of(TO_LOAD, TO_FETCH);
    steps[AccessKind::Load as usize] = steps_of(TO_FETCH, TO_LOAD);
    steps[AccessKind::Store as usize] = steps_of(TO_FETCH, CLOSED);
    steps
};

/// The steps of a kind that leaves a new cycle open to `leaves`, and joins one that is open to `joins`.
const fn steps_of(leaves: u64, joins: u64) -> u64 {
    let begin = leaves | 1 << (STEP_BITS - 1);
    let all = begin << CLOSED | begin << TO_FETCH | begin << TO_LOAD;
    // A cycle that is joined has its pair: the whole step is 0.
    if joins == CLOSED { all } else { all & !(((1 << STEP_BITS) - 1) << joins) }
}

/// D-2 and D-4 for accesses that all hit, without stalls, in blocking order: an access joins the one before it,
/// if that came alone, went to the other side, and it is no store itself; otherwise it comes a cycle later.
///
/// Each access waits for the state that the one before it left, so the length of that chain bounds the speed of a
/// stream. The state is the place of the next step in a word that only depends on the kind: the chain is one shift.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HitClock {
    /// Cycle in which the last access was accepted.
    pub cycle: u64,
    /// The last step; its low bits say to whom the cycle is open.
    step: u64,
}

impl HitClock {
    /// Accepts the next access.
    #[inline(always)]
    pub(crate) fn accept(&mut self, kind: AccessKind) {
        self.step = STEPS[kind as usize] >> self.open();
        self.cycle += self.step >> (STEP_BITS - 1) & 1;
    }
    #[inline(always)]
    fn open(&self) -> u64 {
        self.step & OPEN_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AccessKind::{Fetch, Load, Store};

    #[test]
    fn hits_pair_across_ports_unless_the_second_is_a_store() {
        let mut clock = HitClock { cycle: 9, step: CLOSED };
        let kinds = [Fetch, Load, Load, Fetch, Fetch, Store, Fetch, Load, Store, Store];
        let cycles = kinds.map(|kind| {
            clock.accept(kind);
            clock.cycle
        });
        assert_eq!(cycles, [10, 10, 11, 11, 12, 13, 13, 14, 15, 16]);
    }

    #[test]
    fn a_stream_of_hits_follows_the_rules_of_single_acceptances() {
        for seed in 0..50 {
            let mut random = pagewalk_arch::SplitMix64(seed);
            let mut schedule = Schedule::new(&MmuConfig::default());
            let mut clock = schedule.hit_clock();
            for _ in 0..1000 {
                let kind = [Fetch, Load, Store][random.below(3) as usize];
                let c = schedule.acceptance(kind, false).unwrap();
                schedule.accept(c);
                schedule.respond(kind.side(), c + 1);
                clock.accept(kind);
                assert_eq!(clock.cycle, c, "seed {seed}");
            }
            let mut taken_over = schedule.clone();
            taken_over.after_hits(clock);
            assert_eq!(taken_over.pair_open, schedule.pair_open, "seed {seed}");
            for kind in [Fetch, Load, Store] {
                assert_eq!(
                    taken_over.acceptance(kind, false),
                    schedule.acceptance(kind, false),
                    "seed {seed}"
                );
            }
        }
    }
}
