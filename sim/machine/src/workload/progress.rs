//! Who watches a scenario, and may end it. Owns the word alone.

use crate::run::{RunCounts, Spectator};

/// Who watches a scenario.
pub trait WorkloadProgress: Spectator {
    /// After each step: how many of how many are done, and what was carried out so far. `false` ends the run.
    fn keep_running(&mut self, _done: u64, _of: u64, _counts: &RunCounts) -> bool {
        true
    }
}

impl WorkloadProgress for () {}
