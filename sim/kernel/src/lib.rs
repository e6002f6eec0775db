//! The software half of an MMU, on Linux's model: who owns which frame, which pages a process may use, and what
//! happens at a page fault.
//!
//! Owns physical memory (zones, buddy allocator, frame metadata), address spaces (VMAs, page tables, ASIDs),
//! processes, and the fault handler. Learns from the hardware what Linux learns: faults, and the A and D bits in
//! page tables. Acts on it as Linux does: by stores into page tables and fences. Never looks into a TLB, walks for
//! nobody but itself, and does no input or output.
//!
//! The way in is [`Kernel`]: [`Kernel::on_event`] for what the traced program asked of its kernel,
//! [`Kernel::on_fault`] for what the MMU refused. `README.md` beside this crate tells the whole path in prose.
//!
//! Everything is deterministic: the same configuration and the same trace give the same frame numbers, page tables
//! and fences, whatever engine is below.

mod cache;
mod call;
mod check;
mod commit;
mod config;
mod cpu;
mod credentials;
mod device;
mod errno;
mod event;
mod frame;
mod kernel;
mod linux;
mod load;
mod loading;
mod mm_id;
mod oom;
mod page;
mod process;
mod reclaim;
mod screens;
mod slab;
mod space;
mod stats;
mod swap;
mod sysctl;
mod system;
mod table;
mod tlb;
mod vmstat;
pub mod workload;

pub use cache::{AccessPattern, CacheCounts, FileRange, NameCounts, OpenFile};
pub use call::{MmapArgs, MremapArgs, Msync};
pub use check::Violation;
pub use config::{AdMode, ConfigError, KernelConfig, LoadControl, VmaPolicy};
pub use credentials::{
    Credentials, OOM_SCORE_ADJ_MAX, OOM_SCORE_ADJ_MIN, RLIM_INFINITY, Resource, Rlimit, Rlimits,
};
pub use device::DiskConfig;
pub use errno::Errno;
pub use event::EventError;
pub use frame::{
    AfterFailure, BootMarks, Buddy, COSTLY_ORDER, FolioFlags, Fragmentation, FrameRequest, FrameUse, LruList,
    MIGRATE_TYPES, Mark, MarkRequest, MemoryLayout, MigrateType, ORDER_COUNT, ORDER_MAX, OutOfMemory,
    PAGEBLOCK_ORDER, PageData, PcBoot, PcMachine, PerCpuPages, Pfn, PhysicalMemory, Place, Steal,
    StealPolicy, Urgency, WatermarkSettings, Watermarks, ZONE_KINDS, Zone, ZoneGauges, ZoneKind, ZoneLayout,
    ZoneRequest, ZoneSize,
};
pub use kernel::Kernel;
pub use linux::LinuxVersion;
pub use mm_id::MmId;
pub use oom::{
    Badness, Leak, NodeReport, OomKill, OomReport, OomSize, OomTask, ROOT_DISCOUNT_PER_MILLE, ZoneReport,
};
pub use page::{PageRange, Vpn};
pub use process::signal::{Bound, Death, FaultResolution, SegvCode, Signal};
pub use process::state::{Ended, Faults, Process};
pub use reclaim::Gfp;
pub use screens::{
    BuddyInfo, Clock, Every, Free, Identity, Maps, MemInfo, NoInterval, PageTypeInfo, Paging, ProcNode,
    ProcTree, Ps, SarMemory, Screen, SlabCache, SlabInfo, SmapsArea, SmapsRollup, SmapsSizes, Stat, Statm,
    Status, SwapArea, Swaps, TaskState, UnknownScreen, Usage, VMSTAT_HEADER, VmStat, VmstatRow, Watch,
    Window, ZoneInfo, ZoneInfos, ZonePageTypes,
};
pub use slab::{
    BaselineError, CacheId, CacheInfo, CacheSpec, Geometry, HeldObjects, ObjectKind, Slab, SlabFrames,
    SlabObject, parse_baseline,
};
pub use space::vma::{
    AnonVma, AreaCounts, Backing, BesideSource, MergeRules, TooManyAreas, VmFlags, Vma, VmaAttributes, VmaMap,
};
pub use space::{AddressSpace, MmCounters};
pub use stats::KernelStats;
pub use swap::{SwapError, SwapSlot};
pub use sysctl::{Overcommit, SysctlEffect, VmSysctl, VmSysctlError};
pub use table::{Cursor, Entry, EntryLayout, Found, Mapped, PageTable, Pte, Swapped};
pub use vmstat::VmEvents;
