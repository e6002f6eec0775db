//! Out of memory: how bad a process is, and the report in the kernel's log.
//!
//! Owns the arithmetic (mm/oom_kill.c of 6.1) and the layout of dmesg. Owns who is killed. Does not own when that is due.

mod badness;
mod kill;
mod report;

pub use badness::{Badness, OomSize, ROOT_DISCOUNT_PER_MILLE};
pub(crate) use kill::OomEnd;
pub use report::{NodeReport, OomKill, OomReport, OomTask, ZoneReport};
