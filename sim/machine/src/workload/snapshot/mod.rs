//! Everything at one moment, as the agent's dump of `/proc` and of page flags shows it.
//!
//! Owns which numbers a snapshot has. Zeroes are left out everywhere.

mod gauges;
mod process;
mod region;

use super::World;
use super::result::{ProcReport, SnapshotReport, Values};

/// `values` without those that are 0.
fn nonzero<'a>(values: impl IntoIterator<Item = (&'a str, u64)>) -> Values {
    let present = values.into_iter().filter(|&(_, value)| value != 0);
    present.map(|(name, value)| (name.to_owned(), value as i64)).collect()
}

impl World<'_> {
    pub(super) fn snapshot(&mut self) -> SnapshotReport {
        for at in 0..self.workers.len() {
            self.look_at(at);
        }
        self.kernel.sync_objects();
        let mut snapshot = SnapshotReport { step: self.step.n, ..SnapshotReport::default() };
        for worker in &self.workers {
            let Some(pid) = worker.pid else { continue };
            let living = worker.is_alive.then(|| self.living(worker, pid));
            snapshot
                .procs
                .insert(worker.name.clone(), ProcReport { pid, alive: u32::from(worker.is_alive), living });
        }
        gauges::fill(self.kernel, &mut snapshot);
        snapshot.delta = self.last_vmstat.as_ref().map(|last| difference(&snapshot.vmstat, last));
        self.last_vmstat = Some(snapshot.vmstat.clone());
        snapshot
    }
}

/// What changed from `before` to `now`.
fn difference(now: &Values, before: &Values) -> Values {
    let names = now.keys().chain(before.keys());
    let change = |name: &String| now.get(name).copied().unwrap_or(0) - before.get(name).copied().unwrap_or(0);
    names.map(|name| (name.clone(), change(name))).filter(|&(_, change)| change != 0).collect()
}
