//! Two engines as one: everything is done by both and compared, and the first difference ends it.
//!
//! Owns the comparison: outcomes with their cycles, walker writes in order, progress, counters. Knows nothing of what
//! the engines are.

use crate::difference::{Difference, Finding, RECENT_COUNT, differing_fields};
use pagewalk_arch::{
    Access, Batch, Context, Mmu, MmuConfig, MmuStats, Outcome, Progress, PteWrite, TableMemory, TlbFlush,
};
use std::collections::VecDeque;

/// Accesses below which two threads are not worth their hand-over.
const PARALLEL_MIN: usize = 512;

/// Runs `A` and `B` on the same work. Its outcomes and counters are `A`'s, which equal `B`'s as long as there is no
/// difference.
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
        let memories = [&memory[0], &memory[self.a.sides()]];
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

    /// What must hold between any two calls: no engine in trouble, walker writes and counters equal.
    fn check_engines(&mut self, memory: &[TableMemory]) {
        let troubles = [self.a.difference(), self.b.difference()].map(|t| t.map(str::to_owned));
        for (name, trouble) in self.names.into_iter().zip(troubles) {
            if let Some(trouble) = trouble {
                self.differ_beside_accesses(memory, format!("{name}: {trouble}"));
            }
        }
        self.a.take_pte_writes(&mut self.writes[0]);
        self.b.take_pte_writes(&mut self.writes[1]);
        if self.writes[0] != self.writes[1] {
            let [a, b] = &self.writes;
            let at = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
            let show = |write: Option<&PteWrite>| match write {
                Some(w) => format!("{} from {:#x} to {:#x}", w.addr, w.before, w.after),
                None => "none".to_owned(),
            };
            let what = format!("walker writes: {} against {}", show(a.get(at)), show(b.get(at)));
            self.differ_beside_accesses(memory, what);
        }
        self.agreed_writes.append(&mut self.writes[0]);
        self.writes[1].clear();
        let (a, b) = (self.a.stats(), self.b.stats());
        if a != b {
            self.differ_beside_accesses(memory, format!("counters: {}", differing_counters(&a, &b)));
        }
    }

    fn compare(&mut self, memory: &[TableMemory], batch: &Batch<'_>, progress: [Progress; 2]) {
        let [a, b] = &self.outcomes;
        let at =
            a.iter().zip(b).position(|(a, b)| a != b).or((a.len() != b.len()).then(|| a.len().min(b.len())));
        if let Some(at) = at {
            let outcomes = [a.get(at).copied(), b.get(at).copied()];
            let what = match outcomes {
                [Some(a), Some(b)] => differing_fields(&a, &b).join(", "),
                _ => format!("{} accesses carried out against {}", a.len(), b.len()),
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
            self.differ_beside_accesses(
                memory,
                format!("progress: {:?} against {:?}", progress[0], progress[1]),
            );
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

fn differing_counters(a: &MmuStats, b: &MmuStats) -> String {
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
    pairs.map(|((name, a), (_, b))| format!("{name} {a} against {b}")).collect::<Vec<_>>().join(", ")
}

impl<A: Mmu + Send, B: Mmu + Send> Mmu for Lockstep<A, B> {
    fn config(&self) -> &MmuConfig {
        self.a.config()
    }

    fn sides(&self) -> usize {
        self.a.sides() + self.b.sides()
    }

    fn set_context(&mut self, memory: &[TableMemory], context: &Context) {
        self.context = *context;
        let (of_a, of_b) = memory.split_at(self.a.sides());
        self.a.set_context(of_a, context);
        self.b.set_context(of_b, context);
    }

    fn fence(&mut self, memory: &mut [TableMemory], flush: &TlbFlush) {
        if self.difference.is_none() {
            let (of_a, of_b) = memory.split_at_mut(self.a.sides());
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
        let (of_a, of_b) = memory.split_at_mut(a.sides());
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
