//! Views in the layout of Linux's `/proc`, so that habits and scripts that read it work unchanged. One file each.

mod buddyinfo;
mod maps;

pub use buddyinfo::BuddyInfo;
pub use maps::Maps;
