//! Everything at one moment, as the agent's dump of `/proc` and of page flags shows it.
//!
//! Owns which numbers a snapshot has. Zeroes are left out everywhere.

mod gauges;
mod process;
mod region;

use super::World;
use super::result::{BuddyReport, ProcReport, SnapshotReport, Values};

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
        let mut snapshot = SnapshotReport { step: self.step.n, ..SnapshotReport::default() };
        for worker in &self.workers {
            let Some(pid) = worker.pid else { continue };
            let living = worker.is_alive.then(|| self.living(worker, pid));
            snapshot
                .procs
                .insert(worker.name.clone(), ProcReport { pid, alive: u32::from(worker.is_alive), living });
        }
        let vmstat = gauges::vmstat(self.kernel);
        snapshot.delta = self.last_vmstat.as_ref().map(|last| difference(&vmstat, last));
        snapshot.meminfo_kb = gauges::meminfo_kb(self.kernel);
        snapshot.vmstat.clone_from(&vmstat);
        self.last_vmstat = Some(vmstat);
        for zone in self.kernel.memory().zones() {
            let free = zone.buddy().blocks_free().to_vec();
            snapshot.buddy.push(BuddyReport { node: 0, zone: zone.kind().name().into(), free });
        }
        snapshot
    }
}

/// What changed from `before` to `now`.
fn difference(now: &Values, before: &Values) -> Values {
    let names = now.keys().chain(before.keys());
    let change = |name: &String| now.get(name).copied().unwrap_or(0) - before.get(name).copied().unwrap_or(0);
    names.map(|name| (name.clone(), change(name))).filter(|&(_, change)| change != 0).collect()
}
