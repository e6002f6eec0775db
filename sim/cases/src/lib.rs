//! Conformance cases: page tables, accesses and what the manuals say of them, in files that a person writes and reads.
//!
//! Owns the language ([`parse`]; described in `tests/cases/README.md`), the cases as values, the comparison of
//! one engine with one case ([`Case::check`]) and the engines to run them on ([`Runner`]). Does not own the cases
//! themselves, which are files, nor reading those, nor printing. Expectations are written by hand; nothing here asks an engine what would be
//! right.

mod builder;
mod entry;
mod parse;
mod runner;
mod words;

pub use runner::{CaseFailure, Engine, Runner};

use pagewalk_arch::{
    Access, Batch, Context, FaultKind, Mmu, MmuConfig, OnFault, Outcome, PageSize, PhysAddr, PteWrite,
    Served, TlbFlush, Uniprocessor,
};
use std::fmt;

/// A line of a file of cases that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct CaseError {
    /// Name of the file.
    pub file: String,
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// One case for one configuration; a case that is written for several values or formats gives several of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The rule that it belongs to, as in `tests/cases/README.md`.
    pub rule: String,
    /// What it shows, values of `for` filled in.
    pub title: String,
    /// Whether it is about what a TLB keeps, so that an engine without TLBs must be spared.
    pub needs_tlb: bool,
    /// The MMU.
    pub config: MmuConfig,
    /// What is done, each with the line that says so.
    pub steps: Vec<(usize, Step)>,
}

/// One thing done or checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Software stores an entry.
    Store(PhysAddr, u64),
    /// Memory must hold this entry.
    Holds(PhysAddr, u64),
    /// A frame begins or ceases to answer with bus errors.
    Poison(u64, bool),
    /// Root register, ASID and mode are set.
    Context(Context),
    /// A fence.
    Fence(TlbFlush),
    /// An access and its answer.
    Access(Access, Expectation),
}

/// What one access must be answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Translation or fault.
    pub verdict: Verdict,
    /// PTE reads, where the case says.
    pub reads: Option<u8>,
    /// PTE writes; always compared, a write that no case announces is a fault of the engine.
    pub writes: u8,
    /// TLB or walk, where the case says.
    pub served: Option<Served>,
    /// Cycles from acceptance to answer, where the case says.
    pub latency_cycles: Option<u32>,
}

/// The part of an answer that is the same with and without TLBs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Translated.
    Translated {
        /// Where to.
        pa: PhysAddr,
        /// Size of the page in the tables.
        page: PageSize,
        /// PBMT or PAT·PCD·PWT.
        memory_type: u8,
    },
    /// Refused.
    Fault {
        /// How.
        kind: FaultKind,
        /// Cause or error code.
        code: u8,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Translated { pa, page, memory_type } => write!(f, "ok {pa} {page:?} type {memory_type}"),
            Verdict::Fault { kind, code } => write!(f, "{kind:?} fault, code {code} = {code:#x}"),
        }
    }
}

/// What an engine can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Everything.
    Exact,
    /// The architecture: no TLBs, no cycles.
    ArchitectureOnly,
}

/// The cases of a text, in its order; errors call it `file`.
///
/// # Errors
/// The first line that means nothing.
pub fn parse(file: &str, text: &str) -> Result<Vec<Case>, CaseError> {
    parse::parse(file, text)
}

impl Case {
    /// Runs the case on `machine`, which must be fresh. Gives the first mismatch, with its line.
    ///
    /// # Errors
    /// What differs from the expectation, in words.
    pub fn check<M: Mmu>(&self, machine: &mut Uniprocessor<M>, ability: Ability) -> Result<(), String> {
        if self.needs_tlb && ability == Ability::ArchitectureOnly {
            return Ok(());
        }
        for (line, step) in &self.steps {
            perform(step, machine, ability).map_err(|problem| format!("line {line}: {problem}"))?;
        }
        Ok(())
    }
}

fn perform<M: Mmu>(step: &Step, machine: &mut Uniprocessor<M>, ability: Ability) -> Result<(), String> {
    match step {
        Step::Store(addr, value) => machine.write_pte(*addr, *value),
        Step::Poison(frame, poisoned) => machine.memory.set_poisoned(*frame, *poisoned),
        Step::Context(context) => machine.set_context(context),
        Step::Fence(flush) => machine.fence(flush),
        Step::Holds(addr, expected) => {
            let found = machine.read_pte(*addr);
            if found != *expected {
                return Err(format!("{addr} holds {found:#x}, expected {expected:#x}"));
            }
        }
        Step::Access(access, expectation) => {
            let mut outcomes = Vec::new();
            let batch = Batch { accesses: &[*access], end: true, on_fault: OnFault::Continue };
            machine.run(&batch, Some(&mut outcomes));
            let mut writes = Vec::new();
            machine.mmu.take_pte_writes(&mut writes);
            let [outcome] = outcomes[..] else {
                return Err(format!("{} answers to one access", outcomes.len()));
            };
            return expectation.compare(access, &outcome, &writes, ability);
        }
    }
    Ok(())
}

impl Expectation {
    fn compare(
        &self,
        access: &Access,
        outcome: &Outcome,
        writes: &[PteWrite],
        ability: Ability,
    ) -> Result<(), String> {
        let found = if outcome.is_ok() {
            let Outcome { pa, page_size: page, memory_type, .. } = *outcome;
            Verdict::Translated { pa, page, memory_type }
        } else {
            Verdict::Fault { kind: outcome.fault, code: outcome.code }
        };
        let mut wrong = Vec::new();
        if found != self.verdict {
            wrong.push(format!("answered {found}, expected {}", self.verdict));
        }
        if outcome.va != access.va {
            wrong.push(format!("answered for address {}", outcome.va));
        }
        if outcome.pte_writes != self.writes || writes.len() != usize::from(self.writes) {
            let expected = self.writes;
            wrong.push(format!("{} PTE writes ({writes:?}), expected {expected}", outcome.pte_writes));
        }
        let may_hit = self.served == Some(Served::L1);
        let walks_anyway = ability == Ability::ArchitectureOnly;
        if let Some(reads) = self.reads.filter(|_| !(may_hit && walks_anyway))
            && outcome.pte_reads != reads
        {
            wrong.push(format!("{} PTE reads, expected {reads}", outcome.pte_reads));
        }
        if ability == Ability::Exact {
            if let Some(served) = self.served.filter(|&served| served != outcome.served) {
                wrong.push(format!("served by {:?}, expected {served:?}", outcome.served));
            }
            if let Some(latency) = self.latency_cycles.filter(|&latency| latency != outcome.latency) {
                wrong.push(format!("took {} cycles, expected {latency}", outcome.latency));
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(format!("{:?} {:?} {}: {}", access.kind, access.privilege, access.va, wrong.join("; ")))
    }
}

#[cfg(test)]
mod tests;
