//! An engine whose answers are handed on as it gives them, before anything compares them.
//!
//! Owns what an answer is: one per access, the last that the engine gave. A fault is one only if the access is not
//! presented again. Does not own what becomes of the answers.

use pagewalk_arch::{
    Access, Batch, Context, Mmu, MmuConfig, MmuStats, Outcome, Progress, PteWrite, TableMemory, TlbFlush,
};

/// Takes the answers of one engine.
pub trait Tap {
    /// The next accesses with their answers, in the order of the trace. The first was presented again `retries` times
    /// after a fault; the others were answered at once.
    fn answered(&mut self, accesses: &[Access], outcomes: &[Outcome], retries: u32);
}

impl<T: Tap + ?Sized> Tap for &mut T {
    fn answered(&mut self, accesses: &[Access], outcomes: &[Outcome], retries: u32) {
        (**self).answered(accesses, outcomes, retries);
    }
}

/// An engine with a tap, or without: then it costs nothing.
#[derive(Clone)]
pub struct Tapped<M, T> {
    inner: M,
    tap: Option<T>,
    outcomes: Vec<Outcome>,
    /// The access that faulted last. It is answered once another comes in its place.
    faulted: Option<(Access, Outcome)>,
    /// How often the next access has been presented again.
    retries: u32,
}

impl<M: Mmu, T: Tap> Tapped<M, T> {
    /// Hands the answers of `inner` to `tap`.
    pub fn new(inner: M, tap: Option<T>) -> Self {
        Self { inner, tap, outcomes: Vec::new(), faulted: None, retries: 0 }
    }

    /// The engine and its tap, which has everything then.
    pub fn into_parts(mut self) -> (M, Option<T>) {
        self.settle(None);
        (self.inner, self.tap)
    }

    /// Answers the access that faulted, unless `next` is that access again.
    fn settle(&mut self, next: Option<&Access>) {
        let (Some((access, outcome)), Some(tap)) = (self.faulted.take(), &mut self.tap) else { return };
        if next == Some(&access) {
            self.retries += 1;
        } else {
            tap.answered(&[access], &[outcome], std::mem::take(&mut self.retries));
        }
    }
}

impl<M: Mmu, T: Tap> Mmu for Tapped<M, T> {
    fn config(&self) -> &MmuConfig {
        self.inner.config()
    }
    fn memories(&self) -> usize {
        self.inner.memories()
    }
    fn set_context(&mut self, memory: &[TableMemory], context: &Context) {
        self.inner.set_context(memory, context);
    }
    fn fence(&mut self, memory: &mut [TableMemory], flush: &TlbFlush) {
        self.inner.fence(memory, flush);
    }

    fn run(
        &mut self,
        memory: &mut [TableMemory],
        batch: &Batch<'_>,
        outcomes: Option<&mut Vec<Outcome>>,
    ) -> Progress {
        if self.tap.is_none() {
            return self.inner.run(memory, batch, outcomes);
        }
        self.settle(batch.accesses.first());
        self.outcomes.clear();
        let progress = self.inner.run(memory, batch, Some(&mut self.outcomes));
        let answered = progress.consumed - usize::from(progress.fault.is_some());
        self.faulted = progress.fault.map(|fault| (batch.accesses[answered], fault));
        if let Some(tap) = &mut self.tap
            && answered > 0
        {
            let retries = std::mem::take(&mut self.retries);
            tap.answered(&batch.accesses[..answered], &self.outcomes[..answered], retries);
        }
        if let Some(outcomes) = outcomes {
            outcomes.extend_from_slice(&self.outcomes);
        }
        progress
    }

    fn take_pte_writes(&mut self, log: &mut Vec<PteWrite>) {
        self.inner.take_pte_writes(log);
    }
    fn stats(&self) -> MmuStats {
        self.inner.stats()
    }
    fn difference(&self) -> Option<&str> {
        self.inner.difference()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::{AccessKind, OnFault, PhysAddr, Uniprocessor};
    use pagewalk_golden::Golden;

    #[derive(Default)]
    struct Seen(Vec<(u32, bool, u32)>);

    impl Tap for Seen {
        fn answered(&mut self, accesses: &[Access], outcomes: &[Outcome], retries: u32) {
            for (at, (access, outcome)) in accesses.iter().zip(outcomes).enumerate() {
                self.0.push((access.line, outcome.is_ok(), if at == 0 { retries } else { 0 }));
            }
        }
    }

    #[test]
    fn a_fault_counts_once_the_next_access_comes() {
        let golden = Golden::bare(&MmuConfig::default()).unwrap();
        let mut machine = Uniprocessor::new(Tapped::new(golden, Some(Seen::default())), 1 << 40);
        machine.set_context(&Context { root: PhysAddr(0x8000_1000), ..Context::default() });
        let access = |line| Access { line, ..Access::user(0x1000, AccessKind::Load) };
        let present = |machine: &mut Uniprocessor<Tapped<Golden, Seen>>, line| {
            let batch = Batch { accesses: &[access(line)], end: true, on_fault: OnFault::Stop };
            machine.run(&batch, None).fault.is_some()
        };
        // Nothing is mapped; after the second refusal the kernel maps a gigabyte page, A and D set.
        assert!(present(&mut machine, 1) && present(&mut machine, 1));
        machine.write_pte(PhysAddr(0x8000_1000), 0xdf);
        assert!(!present(&mut machine, 1));
        // The kernel that handles this fault does not retry it; the last is never presented again.
        machine.write_pte(PhysAddr(0x8000_1000), 0);
        assert!(present(&mut machine, 2) && present(&mut machine, 3));
        let (_, seen) = machine.mmu.into_parts();
        assert_eq!(seen.unwrap().0, [(1, true, 2), (2, false, 0), (3, false, 0)]);
    }
}
