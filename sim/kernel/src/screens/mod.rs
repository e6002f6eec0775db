//! Views in the layout of Linux's `/proc` and of the tools that read it, so that habits and scripts work unchanged. One
//! file each.
//!
//! Owns layouts. Each is the formatting of a struct of numbers; who fills it has counted (`gather` does, of a
//! [`crate::Kernel`]). Does not own when anything is shown.

mod buddyinfo;
mod gather;
mod identities;
mod lines;
mod maps;
mod meminfo;
mod named;
mod pagetypeinfo;
mod process;
mod slabinfo;
mod tools;
mod tree;
mod vmstat;
mod watch;
mod zoneinfo;

pub use buddyinfo::BuddyInfo;
pub use identities::{Identity, Usage};
use lines::meminfo_lines;
pub use maps::Maps;
pub use meminfo::MemInfo;
pub use named::{Screen, UnknownScreen, Window};
pub use pagetypeinfo::{PageTypeInfo, ZonePageTypes};
pub use process::{SmapsArea, SmapsRollup, SmapsSizes, Stat, Statm, Status, TaskState};
pub use slabinfo::{SlabCache, SlabInfo, SwapArea, Swaps};
pub use tools::{Free, Paging, Ps, SarMemory, VMSTAT_HEADER, VmstatRow};
pub use tree::{Node as ProcNode, ProcTree};
pub use vmstat::VmStat;
pub use watch::{Clock, Every, NoInterval, Watch};
pub use zoneinfo::{ZoneInfo, ZoneInfos};
