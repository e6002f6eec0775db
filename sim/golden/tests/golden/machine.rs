//! The contract acted out cycle by cycle: registers that change at the end of a cycle, a walker with states, a driver
//! that looks at `ready` and `valid`. Slow and literal, to compare the model of events with. The meaning of tables is
//! taken from `walk`, which other tests check; everything about time and TLBs is written anew.
//!
//! Between two calls the machine stands within a cycle: the responses of this cycle are taken, its request is not yet
//! presented. So a batch may begin in the cycle in which the last one ended.

use crate::plain_tlb::{Entry, Place, PlainTlb, grants};
use pagewalk_arch::{
    Access, AccessKind, Asid, Context, FaultKind, Isa, IssueOrder, LatencyStream, MmuConfig, Outcome,
    PhysAddr, PteWrite, Served, Side, StallPattern, TableMemory, TlbFlush,
};
use pagewalk_golden::walk::{Fault, Leaf, Meaning, PageTables, Step, Transaction};
use std::collections::VecDeque;

/// An access in S1.
struct Stage {
    index: usize,
    access: Access,
    accepted: u64,
    matched: Vec<(Place, Entry)>,
    /// From this cycle on the response is valid, or the walker may take the access.
    from: u64,
    outcome: Option<Outcome>,
}

impl Stage {
    fn valid(&self, cycle: u64) -> bool {
        self.outcome.is_some() && self.from <= cycle
    }
}

#[derive(Clone, Copy)]
enum Walker {
    Idle,
    Form,
    Request { stalled: u32, latency: u32 },
    Memory { wait: u32 },
    Check,
    Done,
}

struct Fence {
    from: u64,
    flush: TlbFlush,
    by_fault: bool,
}

pub struct Machine {
    pub config: MmuConfig,
    pub memory: TableMemory,
    pub writes: Vec<PteWrite>,
    pub cycle: u64,
    pub squashed: u64,
    tables: PageTables,
    context: Context,
    tlbs: [PlainTlb; 2],
    stages: [Option<Stage>; 2],
    /// A leaf was kept in pieces since the last fence that left nothing.
    split: bool,
    empty_at_start: bool,
    idle_at_start: bool,
    walker: Walker,
    walking: Side,
    script: VecDeque<Step>,
    answer: Option<Meaning>,
    verdict: Option<Result<Leaf, Fault>>,
    reads: u8,
    swaps_done: u8,
    latencies: LatencyStream,
    fence: Option<Fence>,
    blocked_until: u64,
    request_stalls: [StallPattern; 2],
    response_stalls: [StallPattern; 2],
    taken: Vec<(usize, Outcome)>,
}

impl Machine {
    pub fn new(config: &MmuConfig, memory_limit: u64) -> Self {
        let memory = TableMemory::new(config.spec(), memory_limit);
        let context = Context::default();
        let sides = [Side::Data, Side::Instruction];
        let rows = u64::from(config.l1i.sweep_rows().max(config.l1d.sweep_rows()));
        Self {
            config: *config,
            tables: PageTables::new(config, &context, &memory),
            memory,
            writes: Vec::new(),
            cycle: rows,
            squashed: 0,
            context,
            tlbs: sides.map(|side| PlainTlb::new(config.spec(), config.l1(side))),
            stages: [None, None],
            split: false,
            empty_at_start: true,
            idle_at_start: true,
            walker: Walker::Idle,
            walking: Side::Data,
            script: VecDeque::new(),
            answer: None,
            verdict: None,
            reads: 0,
            swaps_done: 0,
            latencies: LatencyStream::new(config.timing.memory),
            fence: None,
            blocked_until: rows,
            request_stalls: sides.map(|side| config.timing.request_stalls(side)),
            response_stalls: sides.map(|side| config.timing.response_stalls(side)),
            taken: Vec::new(),
        }
    }

    fn implemented(&self, asid: Asid) -> Asid {
        Asid(asid.0 & ((1u32 << self.config.asid_bits) - 1) as u16)
    }
    fn fence_under_way(&self) -> bool {
        self.fence.is_some() || self.cycle < self.blocked_until
    }
    fn finish_fence(&mut self) {
        while self.fence_under_way() {
            self.step(&[], &mut 0, false);
        }
    }
    /// P-9: the context may change only with no fence under way.
    pub fn set_context(&mut self, context: &Context) {
        self.finish_fence();
        self.context = Context { asid: self.implemented(context.asid), ..*context };
        self.tables = PageTables::new(&self.config, context, &self.memory);
    }
    pub fn fence(&mut self, flush: &TlbFlush) {
        self.finish_fence();
        let asid = flush.asid.filter(|_| self.config.asid_bits > 0).map(|asid| self.implemented(asid));
        let flush = TlbFlush { asid, ..*flush };
        self.fence = Some(Fence { from: self.cycle + 1, flush, by_fault: false });
        self.finish_fence();
    }

    /// D-7, D-8, D-11 and D-12: presents accesses until the last response is taken. Returns outcomes in the trace's
    /// order, up to the fault that stopped it.
    pub fn run(&mut self, accesses: &[Access], stop: bool) -> Vec<Outcome> {
        let mut next = 0;
        loop {
            let stopped = stop && self.fault_seen();
            if (stopped || next == accesses.len()) && self.stages.iter().all(Option::is_none) {
                break;
            }
            self.step(accesses, &mut next, stopped);
        }
        let mut all = std::mem::take(&mut self.taken);
        all.sort_by_key(|&(index, _)| index);
        let mut all: Vec<_> = all.into_iter().map(|(_, outcome)| outcome).collect();
        if stop && let Some(first) = all.iter().position(|outcome| !outcome.is_ok()) {
            self.squashed += (all.len() - first - 1) as u64;
            all.truncate(first + 1);
        }
        all
    }

    fn fault_seen(&self) -> bool {
        let seen = |stage: &Stage| stage.valid(self.cycle) && stage.outcome.is_some_and(|o| !o.is_ok());
        self.taken.iter().any(|(_, outcome)| !outcome.is_ok()) || self.stages.iter().flatten().any(seen)
    }

    /// From the requests of this cycle to the responses of the next.
    fn step(&mut self, accesses: &[Access], next: &mut usize, stopped: bool) {
        while !stopped && *next < accesses.len() && self.accepts(&accesses[*next]) {
            self.accept(*next, accesses[*next]);
            *next += 1;
        }
        self.step_fence();
        self.step_walker();
        self.cycle += 1;
        self.empty_at_start = self.stages.iter().all(Option::is_none);
        self.idle_at_start = matches!(self.walker, Walker::Idle);
        for side in [Side::Data, Side::Instruction] {
            let stage = &mut self.stages[side as usize];
            let valid = stage.as_ref().is_some_and(|stage| stage.valid(self.cycle));
            if valid && !self.response_stalls[side as usize].stalled(self.cycle) {
                let Stage { index, outcome, .. } = stage.take().unwrap();
                self.taken.push((index, outcome.unwrap()));
                if matches!(self.walker, Walker::Done) && self.walking == side {
                    self.walker = Walker::Idle;
                }
            }
        }
    }

    /// T-3, and the driver's D-2 to D-5.
    fn accepts(&self, access: &Access) -> bool {
        let side = access.kind.side() as usize;
        let ready = self.stages[side].is_none() && !self.fence_under_way();
        let in_order = self.config.timing.issue == IssueOrder::Overlapped
            || self.stages.iter().flatten().all(|older| {
                older.valid(self.cycle) || (older.accepted == self.cycle && access.kind != AccessKind::Store)
            });
        ready && in_order && !self.request_stalls[side].stalled(self.cycle)
    }

    /// L-1 to L-3, T-2, T-4.
    fn accept(&mut self, index: usize, access: Access) {
        let side = access.kind.side() as usize;
        let (spec, va) = (self.config.spec(), access.va);
        let matched = self.tlbs[side].matches(va, self.context.asid.0);
        let mut outcome = None;
        if let [(place, entry)] = &matched[..]
            && spec.is_canonical(va)
            && grants(spec.isa, &self.context.mode, &entry.leaf, &access)
        {
            self.tlbs[side].touch(va, *place);
            outcome = Some(Outcome {
                va,
                pa: PhysAddr(entry.translate(va)),
                cycle: self.cycle + 1,
                latency: 1,
                page_size: entry.leaf.page,
                memory_type: entry.leaf.memory_type,
                ..Outcome::default()
            });
        }
        let (accepted, from) = (self.cycle, self.cycle + 1);
        self.stages[side] = Some(Stage { index, access, accepted, matched, from, outcome });
    }

    /// F-2, F-3, F-4; F-11, F-12 and F-13.
    fn step_fence(&mut self) {
        let due = |fence: &Fence| fence.from <= self.cycle && self.empty_at_start && self.idle_at_start;
        if self.fence.as_ref().is_some_and(due) {
            let Fence { mut flush, .. } = self.fence.take().unwrap();
            // F-12: while the flag is set, an address does not lead to all of them.
            if self.split {
                flush.va = None;
            }
            let exact = self.tlbs.iter().any(PlainTlb::fully_associative);
            let narrow = (flush.asid.is_some() && self.config.asid_bits > 0) || flush.keep_global;
            if flush.va.is_none() && !(exact && narrow) {
                self.split = false;
            }
            self.tlbs.iter_mut().for_each(|tlb| tlb.flush(&flush));
            let rows = self.config.l1i.sweep_rows().max(self.config.l1d.sweep_rows());
            self.blocked_until = self.cycle + if flush.va.is_some() { 1 } else { u64::from(rows) };
        }
    }

    /// T-10, T-17.
    fn request(&mut self) -> Walker {
        let draw = self.latencies.draw();
        Walker::Request { stalled: draw.ready_delay, latency: draw.latency }
    }

    /// P-5; T-6 to T-15, T-18.
    fn step_walker(&mut self) {
        self.walker = match self.walker {
            Walker::Idle => {
                let waits = |stage: &Option<Stage>| {
                    stage.as_ref().is_some_and(|s| s.outcome.is_none() && s.from <= self.cycle)
                };
                let waiting =
                    [Side::Data, Side::Instruction].into_iter().find(|&p| waits(&self.stages[p as usize]));
                match waiting {
                    Some(side) if self.idle_at_start => {
                        self.load(side);
                        Walker::Form
                    }
                    _ => Walker::Idle,
                }
            }
            Walker::Form => {
                while let Some(Step { transaction: Transaction::Resident, .. }) = self.script.front() {
                    self.script.pop_front();
                }
                if self.script.is_empty() { Walker::Check } else { self.request() }
            }
            Walker::Request { stalled: 0, latency } => Walker::Memory { wait: latency },
            Walker::Request { stalled, latency } => Walker::Request { stalled: stalled - 1, latency },
            Walker::Memory { wait: 1 } => {
                let step = self.script.pop_front().expect("a request has an answer");
                self.answer = Some(step.meaning);
                match step.meaning {
                    Meaning::Pointer { .. } => self.request(),
                    _ => Walker::Check,
                }
            }
            Walker::Memory { wait } => Walker::Memory { wait: wait - 1 },
            Walker::Check => match self.answer.take() {
                Some(Meaning::Update { .. }) => self.request(),
                _ => {
                    self.decide();
                    Walker::Done
                }
            },
            Walker::Done => Walker::Done,
        };
    }

    /// The whole walk as memory sees it; no other agent touches memory until it is over.
    fn load(&mut self, side: Side) {
        let access = self.stages[side as usize].as_ref().expect("it waits").access;
        (self.walking, self.answer, self.reads, self.swaps_done) = (side, None, 0, 0);
        let mut steps = VecDeque::new();
        self.verdict = Some(self.tables.walk(&access, &mut self.memory, |step| steps.push_back(*step)));
        for step in &steps {
            match step.transaction {
                Transaction::Resident => {}
                Transaction::Read => self.reads += 1,
                Transaction::Swap { expected, new } => {
                    self.swaps_done += 1;
                    self.writes.push(PteWrite { addr: step.address, before: expected, after: new });
                }
            }
        }
        self.script = steps;
    }

    /// T-12, T-14; E-8, F-11, F-15.
    fn decide(&mut self) {
        let side = self.walking as usize;
        let mut stage = self.stages[side].take().expect("the walk is for it");
        stage.from = self.cycle + 1;
        let va = stage.access.va;
        let mut outcome = Outcome {
            va,
            cycle: stage.from,
            latency: (stage.from - stage.accepted) as u32,
            served: Served::Walk,
            pte_reads: self.reads,
            pte_writes: self.swaps_done,
            ..Outcome::default()
        };
        match self.verdict.take().expect("a walk has a verdict") {
            Ok(leaf) => {
                // A leaf larger than the implemented memory is not kept.
                if self.config.spec().page_bytes(leaf.page) <= 1 << self.config.physical_bits {
                    self.split |= self.tlbs[side].keeps_in_pieces(leaf.page);
                    self.tlbs[side].refill(va, self.context.asid.0, leaf, &stage.matched);
                }
                outcome.pa = leaf.translate(va);
                (outcome.page_size, outcome.memory_type) = (leaf.page, leaf.memory_type);
            }
            Err(fault) => {
                (outcome.fault, outcome.code) = (fault.kind, fault.code);
                if fault.kind == FaultKind::Page && self.config.spec().isa == Isa::X86 {
                    self.fence_after_fault(TlbFlush::invlpg(va, self.context.asid));
                }
            }
        }
        stage.outcome = Some(outcome);
        self.stages[side] = Some(stage);
    }

    /// W-4, F-15, F-16.
    fn fence_after_fault(&mut self, flush: TlbFlush) {
        match &mut self.fence {
            Some(fence) if fence.by_fault => fence.flush = TlbFlush::ALL,
            Some(_) => panic!("a fence was taken with an access in flight"),
            None => self.fence = Some(Fence { from: self.cycle + 1, flush, by_fault: true }),
        }
    }
}
