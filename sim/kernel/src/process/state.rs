//! What is known of a process, and of one that has ended.

use crate::mm_id::MmId;
use crate::{Credentials, Signal};

/// A process that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub(crate) mm: MmId,
    /// Threads, the first included.
    pub(crate) threads: u32,
    /// Signals for which it has set a handler, bit n − 1 for signal n.
    pub(crate) handled: u64,
    /// Who it is, and what it may have.
    pub(crate) credentials: Credentials,
    pub(crate) faults: Faults,
}

/// Faults that a process has taken: `ru_minflt` and `ru_majflt`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Resolved without waiting for a device.
    pub minor: u64,
    /// For which a device was waited for.
    pub major: u64,
}

impl Faults {
    /// How many more these are than those `before`.
    pub const fn since(self, before: Self) -> Self {
        Self { minor: self.minor - before.minor, major: self.major - before.major }
    }
    pub(crate) fn add(&mut self, more: Self) {
        self.minor += more.minor;
        self.major += more.major;
    }
}

impl Process {
    pub(super) fn new(mm: MmId) -> Self {
        Self { mm, threads: 1, handled: 0, credentials: Credentials::default(), faults: Faults::default() }
    }
    /// The address space that it runs in.
    pub fn mm(&self) -> MmId {
        self.mm
    }
    /// Threads that live, the first included.
    pub fn threads(&self) -> u32 {
        self.threads
    }
    /// Whether it has a handler for signal number `signal`.
    pub fn handles(&self, signal: i32) -> bool {
        signal_bit(signal) & self.handled != 0
    }
}

pub(super) fn signal_bit(signal: i32) -> u64 {
    u32::try_from(signal - 1).ok().and_then(|shift| 1u64.checked_shl(shift)).unwrap_or(0)
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The trace says that it did.
    Exited,
    /// The model killed it.
    Killed(Signal),
}
