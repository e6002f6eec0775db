//! `/proc/PID`: one file each.

mod smaps;
mod stat;
mod status;

pub use smaps::{SmapsArea, SmapsRollup, SmapsSizes};
pub use stat::{Stat, Statm};
pub use status::Status;

/// What a process is doing, as `/proc` says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskState {
    /// It runs or could.
    Running,
    /// It waits for something to happen.
    #[default]
    Sleeping,
    /// It waits for a device.
    DiskSleep,
    /// It has ended, and nobody has asked how.
    Zombie,
}

impl TaskState {
    /// Its letter.
    pub const fn letter(self) -> char {
        match self {
            TaskState::Running => 'R',
            TaskState::Sleeping => 'S',
            TaskState::DiskSleep => 'D',
            TaskState::Zombie => 'Z',
        }
    }
    const fn word(self) -> &'static str {
        match self {
            TaskState::Running => "R (running)",
            TaskState::Sleeping => "S (sleeping)",
            TaskState::DiskSleep => "D (disk sleep)",
            TaskState::Zombie => "Z (zombie)",
        }
    }
}
