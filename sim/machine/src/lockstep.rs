//! Two engines as one: everything is done by both and compared, and the first difference ends it.
//!
//! Owns the comparison: outcomes with their cycles, walker writes in order, progress, counters. Knows nothing of what
//! the engines are.

use crate::difference::{Difference, Finding, RECENT_COUNT, differing_fields, of_each};
use pagewalk_arch::{
    Access, Batch, Context, Mmu, MmuConfig, MmuStats, Outcome, Progress, PteWrite, TableMemory, TlbFlush,
};
use std::collections::VecDeque;

/// Accesses below which two threads are not worth their hand-over.
const PARALLEL_MIN: usize = 512;

/// Runs `A` and `B` on the same work. Its outcomes and counters are `A`'s, which equal `B`'s as long as there is no
/// difference. A clone is both engines as they stand, with what was compared so far.
#[derive(Clone)]
pub struct Lockstep<A, B> {
    a: A,
    b: B,
    names: [&'static str; 2],
    context: Context,
    /// Accesses carried out and not to be repeated.
    completed: u64,
    /// The access that faulted last: complete, unless it is the next again.
    faulted: Option<Access>,
    outcomes: [Vec<Outcome>; 2],
    writes: [Vec<PteWrite>; 2],
    /// Walker writes that were compared and not yet taken.
    agreed_writes: Vec<PteWrite>,
    recent: VecDeque<(u64, Access, Outcome)>,
    difference: Option<Box<Difference>>,
    headline: Option<String>,
}

impl<A: Mmu + Send, B: Mmu + Send> Lockstep<A, B> {
    /// A lockstep of two engines in the same state, under the names that a report calls them by.
    pub fn new(a: A, b: B, names: [&'static str; 2]) -> Self {
        Self {
            a,
            b,
            names,
            context: Context::default(),
            completed: 0,
            faulted: None,
            outcomes: [Vec::new(), Vec::new()],
            writes: [Vec::new(), Vec::new()],
            agreed_writes: Vec::new(),
            recent: VecDeque::new(),
            difference: None,
            headline: None,
        }
    }

    /// The difference, whole.
    pub fn report(&self) -> Option<&Difference> {
        self.difference.as_deref()
    }

    /// The engines.
    pub fn engines(&self) -> (&A, &B) {
        (&self.a, &self.b)
    }

    /// The engines, to be given back.
    pub fn into_engines(self) -> (A, B) {
        (self.a, self.b)
    }

    fn differ(&mut self, memory: &[TableMemory], finding: Finding) {
        if self.difference.is_some() {
            return;
        }
        let memories = [&memory[0], &memory[self.a.memories()]];
        let difference = Difference::new(finding, self.names, self.context, self.a.config(), memories);
        self.headline = Some(difference.what.clone());
        self.difference = Some(Box::new(difference));
    }

    fn differ_beside_accesses(&mut self, memory: &[TableMemory], what: String) {
        let recent = self.recent.iter().copied().collect();
        let number = self.completed;
        self.differ(
            memory,
            Finding {
                what,
                number,
                access: None,
                outcomes: [None, None],
                recent,
                now: self.b.stats().cycles,
            },
        );
    }

    /// Whether an engine is in trouble of its own, from its reset on.
    fn check_troubles(&mut self, memory: &[TableMemory]) {
        let troubles = [self.a.difference(), self.b.difference()].map(|t| t.map(str::to_owned));
        for (name, trouble) in self.names.into_iter().zip(troubles) {
            if let Some(trouble) = trouble {
                self.differ_beside_accesses(memory, format!("{name}: {trouble}"));
            }
        }
    }

    /// What must hold between any two calls: no engine in trouble, walker writes and counters equal.
    fn check_engines(&mut self, memory: &[TableMemory]) {
        self.check_troubles(memory);
        self.a.take_pte_writes(&mut self.writes[0]);
        self.b.take_pte_writes(&mut self.writes[1]);
        if self.writes[0] != self.writes[1] {
            let [a, b] = &self.writes;
            let at = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
            let show = |write: Option<&PteWrite>| match write {
                Some(w) => format!("{} from {:#x} to {:#x}", w.addr, w.before, w.after),
                None => "none".to_owned(),
            };
            let what = of_each("walker writes", self.names, show(a.get(at)), show(b.get(at)));
            self.differ_beside_accesses(memory, what);
        }
        self.agreed_writes.append(&mut self.writes[0]);
        self.writes[1].clear();
        let (a, b) = (self.a.stats(), self.b.stats());
        if a != b {
            self.differ_beside_accesses(memory, differing_counters(self.names, &a, &b));
        }
    }

    fn compare(&mut self, memory: &[TableMemory], batch: &Batch<'_>, progress: [Progress; 2]) {
        let [a, b] = &self.outcomes;
        let at =
            a.iter().zip(b).position(|(a, b)| a != b).or((a.len() != b.len()).then(|| a.len().min(b.len())));
        if let Some(at) = at {
            let outcomes = [a.get(at).copied(), b.get(at).copied()];
            let what = match outcomes {
                [Some(a), Some(b)] => differing_fields(self.names, &a, &b),
                _ => of_each("accesses carried out", self.names, a.len(), b.len()),
            };
            let mut recent = self.recent.clone();
            let numbered = batch.accesses.iter().zip(a).take(at).enumerate();
            recent.extend(
                numbered.map(|(i, (access, outcome))| (self.completed + 1 + i as u64, *access, *outcome)),
            );
            let skip = recent.len().saturating_sub(RECENT_COUNT);
            let finding = Finding {
                what,
                number: self.completed + 1 + at as u64,
                access: batch.accesses.get(at).copied(),
                outcomes,
                recent: recent.into_iter().skip(skip).collect(),
                now: self.b.stats().cycles,
            };
            self.differ(memory, finding);
        } else if progress[0] != progress[1] {
            let [a, b] = progress.map(|progress| format!("{progress:?}"));
            self.differ_beside_accesses(memory, of_each("progress", self.names, a, b));
        }
    }

    fn remember(&mut self, batch: &Batch<'_>, progress: &Progress) {
        let outcomes = &self.outcomes[0];
        let from = outcomes.len().saturating_sub(RECENT_COUNT);
        let pairs = batch.accesses.iter().zip(outcomes).enumerate().skip(from);
        for (at, (access, outcome)) in pairs {
            if self.recent.len() == RECENT_COUNT {
                self.recent.pop_front();
            }
            self.recent.push_back((self.completed + 1 + at as u64, *access, *outcome));
        }
        let answered = progress.consumed - usize::from(progress.fault.is_some());
        self.completed += answered as u64;
        self.faulted = progress.fault.map(|_| batch.accesses[answered]);
    }
}

fn differing_counters(engines: [&str; 2], a: &MmuStats, b: &MmuStats) -> String {
    let counters = |s: &MmuStats| {
        [
            ("l1i_hits", s.l1i_hits),
            ("l1i_misses", s.l1i_misses),
            ("l1d_hits", s.l1d_hits),
            ("l1d_misses", s.l1d_misses),
            ("squashed", s.squashed),
            ("walks", s.walks),
            ("pte_reads", s.pte_reads),
            ("pte_writes", s.pte_writes),
            ("page_faults", s.page_faults),
            ("access_faults", s.access_faults),
            ("gp_faults", s.gp_faults),
            ("flushes", s.flushes),
            ("cycles", s.cycles),
        ]
    };
    let pairs = counters(a).into_iter().zip(counters(b)).filter(|(a, b)| a != b);
    pairs.map(|((name, a), (_, b))| of_each(name, engines, a, b)).collect::<Vec<_>>().join("; ")
}

impl<A: Mmu + Send, B: Mmu + Send> Mmu for Lockstep<A, B> {
    fn config(&self) -> &MmuConfig {
        self.a.config()
    }

    fn memories(&self) -> usize {
        self.a.memories() + self.b.memories()
    }

    fn set_context(&mut self, memory: &[TableMemory], context: &Context) {
        self.context = *context;
        let (of_a, of_b) = memory.split_at(self.a.memories());
        self.a.set_context(of_a, context);
        self.b.set_context(of_b, context);
        self.check_troubles(memory);
    }

    fn fence(&mut self, memory: &mut [TableMemory], flush: &TlbFlush) {
        if self.difference.is_none() {
            let (of_a, of_b) = memory.split_at_mut(self.a.memories());
            self.a.fence(of_a, flush);
            self.b.fence(of_b, flush);
            self.check_engines(memory);
        }
    }

    fn run(
        &mut self,
        memory: &mut [TableMemory],
        batch: &Batch<'_>,
        outcomes: Option<&mut Vec<Outcome>>,
    ) -> Progress {
        if self.difference.is_some() {
            return Progress::default();
        }
        if self
            .faulted
            .take_if(|_| !batch.accesses.is_empty())
            .is_some_and(|access| access != batch.accesses[0])
        {
            self.completed += 1;
        }
        let [out_a, out_b] = &mut self.outcomes;
        out_a.clear();
        out_b.clear();
        let (a, b) = (&mut self.a, &mut self.b);
        let (of_a, of_b) = memory.split_at_mut(a.memories());
        let progress = if batch.accesses.len() < PARALLEL_MIN {
            (a.run(of_a, batch, Some(out_a)), b.run(of_b, batch, Some(out_b)))
        } else {
            rayon::join(|| a.run(of_a, batch, Some(out_a)), || b.run(of_b, batch, Some(out_b)))
        };
        self.compare(memory, batch, progress.into());
        self.check_engines(memory);
        if self.difference.is_some() {
            return Progress::default();
        }
        self.remember(batch, &progress.0);
        if let Some(outcomes) = outcomes {
            outcomes.extend_from_slice(&self.outcomes[0]);
        }
        progress.0
    }

    fn take_pte_writes(&mut self, log: &mut Vec<PteWrite>) {
        log.append(&mut self.agreed_writes);
    }

    fn stats(&self) -> MmuStats {
        self.a.stats()
    }

    fn difference(&self) -> Option<&str> {
        self.headline.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::{AccessKind, Asid, Mode, OnFault, PhysAddr, Uniprocessor};
    use pagewalk_golden::Golden;

    type Machine = Uniprocessor<Lockstep<Golden, Golden>>;

    /// Sv39 with the gigabyte page 0 mapped to itself; `other` beside the model.
    fn beside(other: Golden) -> Machine {
        let golden = Golden::new(&MmuConfig::default()).unwrap();
        let mut machine = Uniprocessor::new(Lockstep::new(golden, other, ["golden", "other"]), 1 << 40);
        machine.write_pte(PhysAddr(0x8000_1000), 0xdf);
        let mode = Mode { sum: true, ..Mode::default() };
        machine.set_context(&Context { root: PhysAddr(0x8000_1000), asid: Asid(3), mode });
        machine
    }

    fn run(machine: &mut Machine, vas: &[u64]) -> Vec<Outcome> {
        let accesses: Vec<_> = vas.iter().map(|&va| Access::user(va, AccessKind::Load)).collect();
        let mut outcomes = Vec::new();
        machine
            .run(&Batch { accesses: &accesses, end: true, on_fault: OnFault::Continue }, Some(&mut outcomes));
        outcomes
    }

    #[test]
    fn an_engine_that_is_in_trouble_from_the_beginning_says_so_itself() {
        let model = || Golden::new(&MmuConfig::default()).unwrap();
        let unlike = Golden::bare(&MmuConfig::default()).unwrap();
        let mut troubled = Uniprocessor::new(Lockstep::new(model(), unlike, ["one", "two"]), 1 << 40);
        troubled.fence(&TlbFlush::ALL);
        let trouble = troubled.mmu.difference().expect("only one has a clock").to_owned();
        let mut machine =
            Uniprocessor::new(Lockstep::new(model(), troubled.mmu, ["golden", "hardware"]), 1 << 40);
        machine.set_context(&Context::default());
        assert_eq!(machine.mmu.difference(), Some(format!("hardware: {trouble}").as_str()));
    }

    #[test]
    fn a_difference_names_the_engine_of_each_value() {
        let mut machine = beside(Golden::bare(&MmuConfig::default()).unwrap());
        assert!(run(&mut machine, &[0x1234]).is_empty());
        // One read of a gigabyte page: 17 + 3 + 9.
        assert_eq!(machine.mmu.difference(), Some("latency: golden 13, other 0; cycle: golden 29, other 0"));
        let report = machine.mmu.report().unwrap().to_string();
        for line in [
            "DIFFERENCE between golden and other at access 1: latency: golden 13, other 0;",
            "  root 0x80001000 ASID 3 mode sum=1 mxr=0 adue=0 svnapot=0 pbmte=0\n",
            "  level 2 entry 0x0 at 0x80001000: 0x00000000000000df\n  golden: ",
        ] {
            assert!(report.contains(line), "{line}\nis not in\n{report}");
        }
    }

    #[test]
    fn a_clone_goes_on_from_where_the_original_stands() {
        let mut machine = beside(Golden::new(&MmuConfig::default()).unwrap());
        run(&mut machine, &[0, 0x20_0000]);
        let mut clone = machine.clone();
        let after = run(&mut machine, &[0x20_0000, 0x40_0000, 0]);
        assert_ne!(clone.mmu.stats(), machine.mmu.stats(), "the clone stands where it stood");
        assert_eq!(run(&mut clone, &[0x20_0000, 0x40_0000, 0]), after);
        assert_eq!((clone.mmu.stats(), clone.mmu.difference()), (machine.mmu.stats(), None));
    }
}
