//! The page-fault-frequency policy (Chu and Opderbeck): a process that faults too often lacks frames.
//!
//! Owns what too often is: more major faults in a million accesses than `kernel.pff_upper`, while pages are being taken.
//! Then somebody is suspended. Where all that are active fault less often than `kernel.pff_lower` and there is room for
//! what he had, the longest suspended comes back.

use crate::kernel::Kernel;
use pagewalk_arch::Platform;

impl Kernel {
    /// A window of `pid` is over: how often it has faulted, and what follows.
    pub(super) fn judge_fault_frequency(&mut self, platform: &mut dyn Platform, pid: u32) {
        let (stolen, major) = (self.stolen(), self.processes[&pid].faults.major);
        let load = self.load_of(pid);
        let faults = major - load.major_before;
        let frequency = faults.saturating_mul(1_000_000) / load.accesses.max(1);
        let is_short = stolen > load.stolen_before;
        (load.accesses, load.frequency) = (0, Some(frequency));
        (load.major_before, load.stolen_before) = (major, stolen);
        let config = self.system.config;
        if frequency > config.pff_upper && is_short {
            let why = format!("process {pid} faults {frequency} times in a million accesses");
            self.suspend_last(platform, &why);
            return;
        }
        let is_low = |frequency: Option<u64>| frequency.is_some_and(|frequency| frequency < config.pff_lower);
        let resident: u64 =
            self.active().map(|(pid, _)| self.system.mms.get(self.processes[&pid].mm).resident()).sum();
        let fits = |pages: u64| resident + pages <= self.room();
        if self.load.suspended.first().is_some_and(|first| fits(first.pages))
            && self.active().all(|(_, load)| is_low(load.frequency))
        {
            self.resume();
        }
    }
}
