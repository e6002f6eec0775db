//! The one interface of every engine: golden model, Verilated hardware, rust-hdl simulation, lockstep of two.

use crate::{Access, Context, MmuConfig, Outcome, PhysAddr, TableMemory, TlbFlush};
use serde::Serialize;

/// What a batch does when an access faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFault {
    /// As a core does: stop at the oldest access that faulted. Whatever was accepted after it is squashed: its
    /// effects on TLBs and A bits stay, its outcome is dropped, and it is presented again.
    Stop,
    /// Every access is carried out and reported.
    Continue,
}

/// A run of accesses between two synchronisation points.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// In trace order.
    pub accesses: &'a [Access],
    /// No further access follows before a fence, a change of context or the end. When false, the last access is
    /// consumed only if it is accepted in the same cycle as its predecessor; otherwise it is left, because whether
    /// it pairs with its successor cannot be known yet. That makes cycle counts independent of how a trace is cut
    /// into batches ([`crate::IssueOrder::Blocking`]).
    pub end: bool,
    /// What to do at a fault.
    pub on_fault: OnFault,
}

/// How far a batch went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Accesses carried out, from the start of the batch. With [`OnFault::Stop`] the last of them may have faulted.
    pub consumed: usize,
    /// The outcome of access `consumed - 1` where that faulted and stopped the batch.
    pub fault: Option<Outcome>,
}

/// A write of the walker to page-table memory (A and D bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PteWrite {
    /// Where.
    pub addr: PhysAddr,
    /// The value replaced.
    pub before: u64,
    /// The value now there.
    pub after: u64,
}

/// Plain counters since construction. The names are stable: JSON and tables are views of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MmuStats {
    /// Instruction-side look-ups that hit.
    pub l1i_hits: u64,
    /// Instruction-side look-ups that went to the walker.
    pub l1i_misses: u64,
    /// Data-side look-ups that hit.
    pub l1d_hits: u64,
    /// Data-side look-ups that went to the walker.
    pub l1d_misses: u64,
    /// Accesses whose outcome was dropped because an older one faulted; each was looked up once more later.
    pub squashed: u64,
    /// Walks, those that read nothing included.
    pub walks: u64,
    /// PTE reads.
    pub pte_reads: u64,
    /// Compare-and-swaps that changed a PTE.
    pub pte_writes: u64,
    /// Page faults reported.
    pub page_faults: u64,
    /// Access faults reported.
    pub access_faults: u64,
    /// General-protection faults reported.
    pub gp_faults: u64,
    /// Fences carried out.
    pub flushes: u64,
    /// The cycle that the engine stands in; 0 from a model without timing.
    pub cycles: u64,
}

/// What several MMUs counted together.
impl std::ops::AddAssign for MmuStats {
    fn add_assign(&mut self, other: Self) {
        let Self {
            l1i_hits,
            l1i_misses,
            l1d_hits,
            l1d_misses,
            squashed,
            walks,
            pte_reads,
            pte_writes,
            page_faults,
            access_faults,
            gp_faults,
            flushes,
            cycles,
        } = other;
        self.l1i_hits += l1i_hits;
        self.l1i_misses += l1i_misses;
        self.l1d_hits += l1d_hits;
        self.l1d_misses += l1d_misses;
        self.squashed += squashed;
        self.walks += walks;
        self.pte_reads += pte_reads;
        self.pte_writes += pte_writes;
        self.page_faults += page_faults;
        self.access_faults += access_faults;
        self.gp_faults += gp_faults;
        self.flushes += flushes;
        self.cycles += cycles;
    }
}

/// An MMU. It keeps no page-table memory: its own is handed to it whenever it may look at it, so that several
/// MMUs can share one.
///
/// Between two calls the engine is at rest: nothing is outstanding. Engines panic only on a broken invariant of
/// their own; a difference between two engines is carried by [`Mmu::difference`].
///
/// `memory` holds [`Mmu::memories`] of them, in the order of the engines.
pub trait Mmu {
    /// The configuration it was built from.
    fn config(&self) -> &MmuConfig;

    /// How many memories it works on: one, or those of both engines of a lockstep.
    fn memories(&self) -> usize {
        1
    }

    /// Sets root, ASID and mode. Drops nothing by itself: fences are the caller's, as on real hardware.
    /// PAE: loads the four PDPTEs from memory now.
    fn set_context(&mut self, memory: &[TableMemory], context: &Context);

    /// Carries out a fence to its end.
    fn fence(&mut self, memory: &mut [TableMemory], flush: &TlbFlush);

    /// Carries out accesses. With `outcomes`, pushes one outcome per consumed access.
    fn run(
        &mut self,
        memory: &mut [TableMemory],
        batch: &Batch<'_>,
        outcomes: Option<&mut Vec<Outcome>>,
    ) -> Progress;

    /// The walker's writes since the last call, in order, appended to `log`.
    fn take_pte_writes(&mut self, log: &mut Vec<PteWrite>);

    /// The counters.
    fn stats(&self) -> MmuStats;

    /// The first difference that a lockstep found; every engine that is alone has none. After a difference the
    /// engine consumes nothing more.
    fn difference(&self) -> Option<&str> {
        None
    }
}

/// What points to an MMU is one.
macro_rules! mmu_behind {
    ($pointer:ty) => {
        impl<M: Mmu + ?Sized> Mmu for $pointer {
            fn config(&self) -> &MmuConfig {
                (**self).config()
            }
            fn memories(&self) -> usize {
                (**self).memories()
            }
            fn set_context(&mut self, memory: &[TableMemory], context: &Context) {
                (**self).set_context(memory, context);
            }
            fn fence(&mut self, memory: &mut [TableMemory], flush: &TlbFlush) {
                (**self).fence(memory, flush);
            }
            fn run(
                &mut self,
                memory: &mut [TableMemory],
                batch: &Batch<'_>,
                outcomes: Option<&mut Vec<Outcome>>,
            ) -> Progress {
                (**self).run(memory, batch, outcomes)
            }
            fn take_pte_writes(&mut self, log: &mut Vec<PteWrite>) {
                (**self).take_pte_writes(log);
            }
            fn stats(&self) -> MmuStats {
                (**self).stats()
            }
            fn difference(&self) -> Option<&str> {
                (**self).difference()
            }
        }
    };
}

mmu_behind!(Box<M>);
mmu_behind!(&mut M);
