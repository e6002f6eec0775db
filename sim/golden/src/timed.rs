//! The model of the hardware: TLBs, walker and pipeline together, one event after the other in time.
//!
//! Owns the order of events. Two kinds exist: an access is accepted, and a walk is carried out. A walk that starts in
//! cycle x may only be carried out once every access accepted before x is known, because a data access among them goes
//! first; so [`TimedModel::advance`] always takes the earlier of the two. Walks are then whole events: the walker does one
//! at a time, and only walks touch page-table memory and draw latencies. A TLB sees the events of its own side in the
//! order of the trace, since a side holds one access. Rules of time are asked of `timing`. Numbers like T-6 in this
//! crate are rules of hdl/CONTRACT.md.

use crate::architecture::Architecture;
use crate::delivery::Delivery;
use crate::hit_cache::HitCache;
use crate::rights::{GrantTable, combination};
use crate::timing::Schedule;
use crate::tlb::{LeavesInPieces, Matches, Refilled, Tlb, Touch};
use pagewalk_arch::{
    Access, Batch, FaultKind, Isa, MmuConfig, OnFault, Outcome, PageSize, PhysAddr, Progress, Served, Side,
    TableMemory, TlbFlush,
};

/// An access that missed and waits for the walker (T-5).
#[derive(Clone, Copy)]
struct Waiting {
    index: usize,
    access: Access,
    accepted: u64,
    matches: Matches,
}

impl Waiting {
    /// s, the first cycle in which the walker could take it.
    fn since(&self) -> u64 {
        self.accepted + 1
    }
}

/// A batch under way.
pub(crate) struct Running<'a> {
    pub accesses: &'a [Access],
    end: bool,
    /// The access to be accepted next.
    pub next: usize,
    pub delivery: Delivery<'a>,
    /// Page-table memory: walks alone touch it.
    pub memory: &'a mut TableMemory,
}

impl Running<'_> {
    /// Accesses that may be accepted as the first of their cycle (D-9): the last one's partner is unknown unless the
    /// batch ends with it.
    pub(crate) fn leaders(&self) -> usize {
        self.accesses.len() - usize::from(!self.end && !self.accesses.is_empty())
    }
}

/// How far [`TimedModel::advance`] goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Nothing can be done any more.
    Done,
    /// No access waits for the walker, nor does a fence wait for the pipeline to empty.
    Quiet,
}

/// Both TLBs and the clock.
#[derive(Clone)]
pub(crate) struct TimedModel {
    pub tlbs: [Tlb; 2],
    grants: GrantTable,
    pub schedule: Schedule,
    pub hit_cache: HitCache,
    streaming: bool,
    pieces: LeavesInPieces,
    waiting: [Option<Waiting>; 2],
}

impl TimedModel {
    /// As after reset. Without `streaming`, every access goes through [`TimedModel::advance`].
    pub(crate) fn new(arch: &Architecture, streaming: bool) -> Self {
        let config: &MmuConfig = &arch.config;
        let spec = config.spec();
        let tlbs = [Side::Data, Side::Instruction].map(|side| Tlb::new(spec, config.l1(side)));
        let schedule = Schedule::new(config);
        Self {
            hit_cache: HitCache::new(&tlbs),
            tlbs,
            grants: GrantTable::new(spec.isa, &arch.context.mode),
            streaming: streaming && schedule.is_uniform(),
            schedule,
            pieces: LeavesInPieces::default(),
            waiting: [None; 2],
        }
    }

    pub(crate) fn context_changed(&mut self, arch: &Architecture) {
        self.grants = GrantTable::new(arch.config.spec().isa, &arch.context.mode);
        self.hit_cache.forget_all();
    }
    pub(crate) fn fence(&mut self, flush: &TlbFlush) {
        let flush = self.pieces.carried_out_as(flush, &self.tlbs);
        self.drop_entries(&flush);
        self.schedule.fence(flush.va);
    }
    fn drop_entries(&mut self, flush: &TlbFlush) {
        self.tlbs.iter_mut().for_each(|tlb| tlb.flush(flush));
        self.hit_cache.forget_all();
    }

    pub(crate) fn run(
        &mut self,
        arch: &mut Architecture,
        memory: &mut TableMemory,
        batch: &Batch<'_>,
        outcomes: Option<&mut Vec<Outcome>>,
    ) -> Progress {
        let stop = batch.on_fault == OnFault::Stop;
        assert!(!stop || self.schedule.is_blocking(), "D-13: a core that stops at faults issues in order");
        let delivery = Delivery::new(outcomes, stop);
        let mut running = Running { accesses: batch.accesses, end: batch.end, next: 0, delivery, memory };
        while self.streaming && running.next < running.leaders() && !running.delivery.stopped() {
            self.stream_hits(arch, &mut running);
            if running.next < running.leaders() {
                self.advance(arch, &mut running, Until::Quiet);
            }
        }
        self.advance(arch, &mut running, Until::Done);
        self.schedule.rest();
        running.delivery.progress()
    }

    /// Carries out events in the order of time.
    fn advance(&mut self, arch: &mut Architecture, running: &mut Running<'_>, until: Until) {
        loop {
            let walk = self.next_walk();
            match (walk, self.next_acceptance(running)) {
                (Some((side, x)), Some(c)) if c >= x => self.walk(arch, running, side, x),
                (_, Some(c)) => self.accept(arch, running, c),
                (Some((side, x)), None) => self.walk(arch, running, side, x),
                (None, None) => {
                    let Some(pending) = self.schedule.take_fault_fence() else { return };
                    let flush = self.pieces.carried_out_as(&pending.flush, &self.tlbs);
                    self.schedule.carry_out_fault_fence(&pending, flush.va);
                    self.drop_entries(&flush);
                }
            }
            if until == Until::Quiet
                && self.waiting.iter().all(Option::is_none)
                && !self.schedule.has_fault_fence()
            {
                return;
            }
        }
    }

    /// T-6: the walk that would be next if nothing more were accepted. The walker takes a waiting access in the first
    /// cycle x in which it is idle, the data side's if both wait in that cycle.
    fn next_walk(&self) -> Option<(Side, u64)> {
        let [data, instruction] = &self.waiting;
        let earliest = data.iter().chain(instruction).map(Waiting::since).min()?;
        let x = self.schedule.walk_start(earliest);
        let data_waits = data.as_ref().is_some_and(|waiting| waiting.since() <= x);
        Some((if data_waits { Side::Data } else { Side::Instruction }, x))
    }

    /// D-1: the cycle c of the next acceptance, if it does not depend on a walk or fence still to come.
    fn next_acceptance(&self, running: &Running<'_>) -> Option<u64> {
        let access = running.accesses.get(running.next)?;
        if running.delivery.stopped() {
            return None;
        }
        let side = access.kind.side() as usize;
        if self.waiting[side].is_some() {
            return None;
        }
        let c = self.schedule.acceptance(access.kind, self.waiting[1 - side].is_some())?;
        let may_lead = running.next < running.leaders();
        (may_lead || self.schedule.completes_pair(c)).then_some(c)
    }

    fn accept(&mut self, arch: &mut Architecture, running: &mut Running<'_>, c: u64) {
        let index = running.next;
        let access = running.accesses[index];
        let side = access.kind.side();
        running.next += 1;
        running.delivery.expect();
        self.schedule.accept(c);
        match self.look_up(arch, &access) {
            Ok(outcome) => {
                // T-2.
                let valid = c + 1;
                self.schedule.respond(side, valid);
                let outcome = Outcome { cycle: valid, latency: 1, ..outcome };
                running.delivery.answer(index, outcome, &mut arch.stats);
                *hits(arch, side) += 1;
            }
            Err(matches) => {
                self.waiting[side as usize] = Some(Waiting { index, access, accepted: c, matches });
                *misses(arch, side) += 1;
            }
        }
    }

    /// Looks an access up (L-1 to L-3) and touches what it hits (E-17). The outcome is without its place in time.
    pub(crate) fn look_up(&mut self, arch: &Architecture, access: &Access) -> Result<Outcome, Matches> {
        if !arch.config.spec().is_canonical(access.va) {
            return Err(Matches::default());
        }
        let side = access.kind.side();
        let tlb = &mut self.tlbs[side as usize];
        let page = access.va.page_number();
        let matches = tlb.look_up(page, arch.context.asid);
        let found = tlb.only(page, matches).ok_or(matches)?;
        let payload = *found.payload;
        let way = found.way;
        let grants = self.grants.of(payload.rights, payload.dirty);
        if grants >> combination(access) & 1 == 0 {
            return Err(matches);
        }
        let mut touch = Touch::NONE;
        if let Some(way) = way {
            tlb.touch(page, way);
            touch = tlb.touch_of(way);
        }
        self.hit_cache.remember(side, page, grants, &payload, touch);
        Ok(hit(access, payload.frame_of(page), payload.page, payload.memory_type))
    }

    fn walk(&mut self, arch: &mut Architecture, running: &mut Running<'_>, side: Side, x: u64) {
        let waiting = self.waiting[side as usize].take().expect("the walk that is next has an access");
        let access = &waiting.access;
        let walked = arch.walk(running.memory, access, || self.schedule.transaction());
        let valid = self.schedule.walked(side, x, walked.cost, walked.swaps);
        match &walked.verdict {
            // E-8: a leaf larger than the implemented memory is not kept: other addresses in it must fault.
            Ok(leaf) if arch.config.spec().page_bytes(leaf.page) > 1 << arch.config.physical_bits => {}
            Ok(leaf) => {
                let page = access.va.page_number();
                let tlb = &mut self.tlbs[side as usize];
                self.pieces.refilled(tlb, leaf.page);
                match tlb.refill(page, arch.context.asid, leaf, waiting.matches) {
                    Refilled::Anything => self.hit_cache.forget_side(side),
                    Refilled::Entry { replaced } => {
                        self.hit_cache.forget(side, page);
                        if let Some(replaced) = replaced {
                            self.hit_cache.forget(side, replaced);
                        }
                    }
                }
            }
            Err(fault) if fault.kind == FaultKind::Page && arch.config.spec().isa == Isa::X86 => {
                // W-4. SDM volume 3A, 4.10.4.1: a page fault invalidates what is cached for its address.
                let flush = arch.implemented_flush(&TlbFlush::invlpg(access.va, arch.context.asid));
                self.schedule.fault_fence(valid, flush);
            }
            Err(_) => {}
        }
        let latency = u32::try_from(valid - waiting.accepted).unwrap_or(u32::MAX);
        let outcome = Outcome { cycle: valid, latency, ..walked.outcome(access) };
        running.delivery.answer(waiting.index, outcome, &mut arch.stats);
    }
}

/// The outcome of a hit, without its place in time.
#[inline(always)]
pub(crate) fn hit(access: &Access, frame: u64, page: PageSize, memory_type: u8) -> Outcome {
    Outcome {
        va: access.va,
        pa: PhysAddr(PhysAddr::of_frame(frame).0 | access.va.page_offset()),
        page_size: page,
        memory_type,
        served: Served::L1,
        ..Outcome::default()
    }
}

pub(crate) fn hits(arch: &mut Architecture, side: Side) -> &mut u64 {
    match side {
        Side::Data => &mut arch.stats.l1d_hits,
        Side::Instruction => &mut arch.stats.l1i_hits,
    }
}

fn misses(arch: &mut Architecture, side: Side) -> &mut u64 {
    match side {
        Side::Data => &mut arch.stats.l1d_misses,
        Side::Instruction => &mut arch.stats.l1i_misses,
    }
}
