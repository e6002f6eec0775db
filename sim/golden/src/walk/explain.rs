//! A walk told step by step, for people and for reports of differences. Owns the record and a memory that takes the
//! walk's writes without changing the real one.

use super::{Fault, Leaf, Meaning, PageTables, Step, Transaction};
use pagewalk_arch::{Access, BusError, PhysAddr, PteMemory, VirtAddr};
use std::fmt;

/// One translation and how it came about. Its `Display` is a table with one line per step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The address that was translated.
    pub va: VirtAddr,
    /// Every entry looked at, in order.
    pub steps: Vec<Step>,
    /// The end of it.
    pub verdict: Result<Leaf, Fault>,
}

impl PageTables {
    /// Walks for `access` as [`PageTables::walk`] would, but leaves `memory` as it is: A and D bits that the walk sets
    /// are seen by itself only.
    pub fn explain<M: PteMemory + ?Sized>(&self, access: &Access, memory: &M) -> Explanation {
        let mut overlay = Overlay { memory, written: Vec::new() };
        let mut steps = Vec::new();
        let verdict = self.walk(access, &mut overlay, |step| steps.push(*step));
        Explanation { va: access.va, steps, verdict }
    }
}

/// Memory with a few entries changed. A walk writes at most one entry per level.
struct Overlay<'a, M: ?Sized> {
    memory: &'a M,
    written: Vec<(PhysAddr, u64)>,
}

impl<M: PteMemory + ?Sized> PteMemory for Overlay<'_, M> {
    fn read(&self, addr: PhysAddr, bytes: u32) -> Result<u64, BusError> {
        match self.written.iter().rev().find(|&&(at, _)| at == addr) {
            Some(&(_, value)) => Ok(value),
            None => self.memory.read(addr, bytes),
        }
    }

    fn compare_exchange(
        &mut self,
        addr: PhysAddr,
        bytes: u32,
        expected: u64,
        new: u64,
    ) -> Result<u64, BusError> {
        let current = self.read(addr, bytes)?;
        if current != expected {
            return Ok(current);
        }
        self.write(addr, bytes, new)?;
        Ok(new)
    }

    fn write(&mut self, addr: PhysAddr, bytes: u32, value: u64) -> Result<(), BusError> {
        self.memory.read(addr, bytes)?;
        self.written.push((addr, value));
        Ok(())
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Meaning::Pointer { table } => write!(f, "pointer to the table at {table}"),
            Meaning::Update { new } => write!(f, "A or D is clear: swap in {new:#x}"),
            Meaning::Leaf(leaf) => write!(
                f,
                "leaf, frame {:#x}, {}{}{}, memory type {}",
                leaf.frame,
                leaf.rights,
                if leaf.dirty { " dirty" } else { "" },
                if leaf.global { " global" } else { "" },
                leaf.memory_type
            ),
            Meaning::Refused(refusal) => write!(f, "{refusal}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.transaction {
            Transaction::Resident => "loaded with the root",
            Transaction::Read => "read",
            Transaction::Swap { .. } => "swap",
        };
        write!(f, "level {}: {how} {} ", self.level, self.address)?;
        match self.answer {
            Ok(value) => write!(f, "= {value:#018x}: {}", self.meaning),
            Err(_) => write!(f, "= bus error: {}", self.meaning),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.va)?;
        for step in &self.steps {
            writeln!(f, "  {step}")?;
        }
        match &self.verdict {
            Ok(leaf) => write!(f, "  → {}", leaf.translate(self.va)),
            Err(fault) => write!(f, "  → {:?} fault, code {:#x}: {}", fault.kind, fault.code, fault.reason),
        }
    }
}
