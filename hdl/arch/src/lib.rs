//! The vocabulary of Pagewalk: what hardware, golden model, kernel and host all speak.
//!
//! Owns names, units and geometry: addresses, accesses, outcomes, the eight page-table formats as one data
//! table, the configuration of an MMU, the events of a trace, and the traits [`Mmu`] and [`PteMemory`]. Owns no
//! behaviour of a translation: how a table is walked is written twice, independently, in `pagewalk-golden` and
//! `pagewalk-rtl`, and only the difference between the two proves anything.

mod access;
mod address;
mod config;
mod context;
mod flush;
mod format;
mod memory;
mod mmu;
mod mode_bit;
mod outcome;
mod platform;
pub mod pte_bit;
mod timing;

pub use access::{Access, AccessKind, Privilege, Side};
pub use address::{Asid, FRAME_BYTES, FRAME_SHIFT, PhysAddr, VirtAddr};
pub use config::{ConfigError, L1Config, MmuConfig, Preset, Replacement, Structure};
pub use context::{Context, Mode};
pub use flush::TlbFlush;
pub use format::{FormatSpec, Isa, PageSize, PagingFormat, UnknownFormat};
pub use memory::{BusError, PteMemory, TableMemory};
pub use mmu::{Batch, Mmu, MmuStats, OnFault, Progress, PteWrite};
pub use mode_bit::ModeBit;
pub use outcome::{FaultKind, Outcome, PF_FETCH, PF_PRESENT, PF_RESERVED, PF_USER, PF_WRITE, Served};
pub use platform::{CpuId, MachineMemory, Multiprocessor, Platform, Uniprocessor};
pub use pte_bit::{EntryKind, FormatSet, PteBit};
pub use timing::{
    IssueOrder, LatencyDraw, LatencyStream, MemoryTiming, STALL_PERIOD, SplitMix64, StallPattern,
    TimingConfig,
};
