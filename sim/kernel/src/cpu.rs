//! The CPUs: which thread each runs, and whose page tables each has loaded.
//!
//! Owns the two answers and how one changes without the other: a CPU whose thread has gone to another CPU is idle, and
//! keeps the tables loaded (Linux's lazy TLB), because the thread may come back. It leaves them when the address space
//! ends or when a fence reaches it. Does not own who runs where and when: switches come from the trace or the machine.
//! Does not own what is cached under which ASID: [`crate::tlb`] does.

use crate::Pfn;
use crate::mm_id::MmId;
use pagewalk_arch::{AccessKind, VirtAddr};

/// Who runs on a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    /// The process, by the number of its thread group.
    pub(crate) pid: u32,
    /// The thread, by the number that it was switched to under.
    pub(crate) thread: u32,
}

/// One CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cpu {
    /// Who runs; `None` while it is idle.
    pub(crate) task: Option<Task>,
    /// The address space whose tables are loaded: of an idle CPU, the one that it ran in last and has not left.
    /// `None` while it is on the empty tables.
    pub(crate) loaded: Option<MmId>,
    /// The last fault, where it found nothing to do: twice in a row means that retrying is of no use.
    pub(crate) last_spurious: Option<(MmId, VirtAddr, AccessKind)>,
    /// Pages that are to be freed lazily and still stand where they stood.
    pub(crate) lazily_freed: Vec<Pfn>,
}
