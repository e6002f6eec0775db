//! What tools print that read `/proc`: procps 4.0.2 and sysstat 12.6.1, as in Debian 12.

mod free;
mod ps;
mod sar;
mod vmstat;

pub use free::Free;
pub use ps::Ps;
pub use sar::{Paging, SarMemory};
pub use vmstat::{VMSTAT_HEADER, VmstatRow};
