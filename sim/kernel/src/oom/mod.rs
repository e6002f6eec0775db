//! Out of memory: how bad a process is, and the report in the kernel's log.
//!
//! Owns the arithmetic (mm/oom_kill.c of 6.1) and the layout of dmesg. Owns who is killed. Names leaks before it comes to that. Does not own when it is due.

mod badness;
mod gather;
mod kill;
mod leak;
mod report;

pub use badness::{Badness, OomSize, ROOT_DISCOUNT_PER_MILLE};
pub(crate) use kill::OomEnd;
pub use leak::Leak;
pub(crate) use leak::LeakWatch;
pub use report::{NodeReport, OomKill, OomReport, OomTask, ZoneReport};
