//! Addresses that a format cannot hold, where the user wants them left alone (`--no-rebase`).
//!
//! Formats whose core has 32-bit registers have no wires for more: such an access is refused before it reaches the
//! MMU, as the architecture refuses an address that is not canonical. And a kernel of the format would never have
//! granted a mapping beyond its user space: the recorded call counts as failed, so that what it mapped faults.

use pagewalk_arch::{
    Access, Batch, Context, FaultKind, FormatSpec, Isa, Mmu, MmuConfig, MmuStats, OnFault, Outcome, Progress,
    PteWrite, Served, TableMemory, TlbFlush,
};
use pagewalk_trace::{Boundary, Event, Syscall, SyscallOutcome, TraceError, TraceSource};

/// ENOMEM: no room in the address space.
const ENOMEM: i32 = 12;

/// An MMU behind a core whose registers are as wide as the format says.
pub struct NarrowCore<M>(pub M);

fn fits(spec: &FormatSpec, access: &Access) -> bool {
    spec.va_register_bits >= 64 || access.va.0 >> spec.va_register_bits == 0
}

fn refused(spec: &FormatSpec, access: &Access) -> Outcome {
    let (fault, code) = match spec.isa {
        Isa::RiscV => (FaultKind::Page, FaultKind::Page.riscv_cause(access.kind)),
        Isa::X86 => (FaultKind::GeneralProtection, 0),
    };
    Outcome { va: access.va, fault, code, served: Served::Walk, ..Outcome::default() }
}

impl<M: Mmu> Mmu for NarrowCore<M> {
    fn config(&self) -> &MmuConfig {
        self.0.config()
    }
    fn memories(&self) -> usize {
        self.0.memories()
    }
    fn set_context(&mut self, memory: &[TableMemory], context: &Context) {
        self.0.set_context(memory, context);
    }
    fn fence(&mut self, memory: &mut [TableMemory], flush: &TlbFlush) {
        self.0.fence(memory, flush);
    }

    fn run(
        &mut self,
        memory: &mut [TableMemory],
        batch: &Batch<'_>,
        outcomes: Option<&mut Vec<Outcome>>,
    ) -> Progress {
        let spec = self.0.config().spec();
        match batch.accesses.iter().position(|access| !fits(spec, access)) {
            None => self.0.run(memory, batch, outcomes),
            Some(0) => {
                let outcome = refused(spec, &batch.accesses[0]);
                if let Some(outcomes) = outcomes {
                    outcomes.push(outcome);
                }
                Progress { consumed: 1, fault: (batch.on_fault == OnFault::Stop).then_some(outcome) }
            }
            // The core stops to take its fault: nothing follows in the same cycle.
            Some(at) => {
                let before = Batch { accesses: &batch.accesses[..at], end: true, on_fault: batch.on_fault };
                self.0.run(memory, &before, outcomes)
            }
        }
    }

    fn take_pte_writes(&mut self, log: &mut Vec<PteWrite>) {
        self.0.take_pte_writes(log);
    }
    fn stats(&self) -> MmuStats {
        self.0.stats()
    }
    fn difference(&self) -> Option<&str> {
        self.0.difference()
    }
}

/// A trace in which calls fail that name addresses beyond `user_end`.
pub struct RefusedCalls<T> {
    inner: T,
    user_end: Option<u64>,
}

impl<T: TraceSource> RefusedCalls<T> {
    /// Refuses what reaches beyond `user_end`; `None` refuses nothing.
    pub fn new(inner: T, user_end: Option<u64>) -> Self {
        Self { inner, user_end }
    }
}

/// Whether `call` names addresses at or beyond `end`.
fn reaches_beyond(call: &mut Syscall, end: u64) -> bool {
    let within = |at: u64, bytes: u64| at.checked_add(bytes).is_some_and(|last| last <= end);
    let visited =
        call.visit_ranges(
            |at, bytes| {
                if within(at.0, bytes.map_or(0, |bytes| *bytes)) { Ok(()) } else { Err(()) }
            },
        );
    visited.is_err()
}

impl<T: TraceSource> TraceSource for RefusedCalls<T> {
    fn next_block(&mut self, block: &mut Vec<Access>) -> Result<Boundary, TraceError> {
        let mut boundary = self.inner.next_block(block)?;
        if let (Boundary::Event(Event::Syscall { call, outcome, .. }), Some(end)) =
            (&mut boundary, self.user_end)
            && *outcome == SyscallOutcome::Success
            && reaches_beyond(call, end)
        {
            *outcome = SyscallOutcome::Failure(ENOMEM);
        }
        Ok(boundary)
    }
    fn position(&self) -> Option<(u64, u64)> {
        self.inner.position()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::{AccessKind, PagingFormat, Uniprocessor};
    use pagewalk_golden::Golden;

    #[test]
    fn wide_addresses_are_refused_one_by_one() {
        for (format, fault) in
            [(PagingFormat::Sv32, FaultKind::Page), (PagingFormat::X86Pae, FaultKind::GeneralProtection)]
        {
            let golden = Golden::new(&MmuConfig::of(format)).unwrap();
            let mut core = Uniprocessor::new(NarrowCore(golden), 1 << 30);
            let accesses = [0x1000, 1 << 32, 0x2000].map(|va| Access::user(va, AccessKind::Load));
            let mut outcomes = Vec::new();
            let mut rest = &accesses[..];
            while !rest.is_empty() {
                let batch = Batch { accesses: rest, end: true, on_fault: OnFault::Continue };
                rest = &rest[core.run(&batch, Some(&mut outcomes)).consumed..];
            }
            assert_eq!(outcomes.len(), 3);
            assert_eq!((outcomes[1].fault, outcomes[1].cycle), (fault, 0));
            assert_eq!((outcomes[0].fault, outcomes[2].fault), (FaultKind::Page, FaultKind::Page));
        }
    }
}
