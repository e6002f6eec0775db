//! What lies outside of memory, in modelled time: the clock and the disks. Owns when a transfer is done; does not own
//! what is transferred.

mod disk;

pub(crate) use disk::Disk;
pub use disk::DiskConfig;

/// Which way a transfer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Into memory.
    In,
    /// To the device.
    Out,
}

/// The time since the machine was switched on. It passes by accesses, by waiting for devices and by sleeping, and by
/// nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    now_ns: u64,
    waited_ns: u64,
}

impl Clock {
    /// Nanoseconds since the start.
    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns
    }
    /// Of these, those that went by waiting.
    pub(crate) fn waited_ns(&self) -> u64 {
        self.waited_ns
    }
    /// Lets `ns` nanoseconds pass.
    pub(crate) fn advance(&mut self, ns: u64) {
        self.now_ns = self.now_ns.saturating_add(ns);
    }
    /// Sleeps until `then_ns`, unless that is over: nobody waits.
    pub(crate) fn sleep_until(&mut self, then_ns: u64) {
        self.now_ns = self.now_ns.max(then_ns);
    }
    /// Waits for a device until `then_ns`, unless that is over.
    pub(crate) fn wait_until(&mut self, then_ns: u64) {
        self.waited_ns += then_ns.saturating_sub(self.now_ns);
        self.now_ns = self.now_ns.max(then_ns);
    }
}
