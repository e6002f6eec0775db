//! `/proc/buddyinfo`.

use crate::PhysicalMemory;
use std::fmt;

/// `/proc/buddyinfo`: free blocks of each order, a line per zone.
#[derive(Clone, Copy, Debug)]
pub struct BuddyInfo<'a> {
    memory: &'a PhysicalMemory,
}

impl<'a> BuddyInfo<'a> {
    pub(crate) fn new(memory: &'a PhysicalMemory) -> Self {
        Self { memory }
    }
}

impl fmt::Display for BuddyInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for zone in self.memory.zones() {
            write!(f, "Node {}, zone {:>8} ", zone.node(), zone.kind().name())?;
            for count in zone.buddy().blocks_free() {
                write!(f, "{count:6} ")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
