//! The killer: who is to go when nothing more can be taken. Linux's `out_of_memory`.
//!
//! Its victim is gone at once, with its memory: what the reaper does in Linux while the victim still lives. Whoever asked for
//! memory asks again then.

use crate::kernel::Kernel;
use crate::{Death, OOM_SCORE_ADJ_MIN, Signal};
use pagewalk_arch::Platform;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OomEnd {
    /// Somebody was killed.
    Killed(Death),
    /// The machine is dead: nobody may be killed, or `vm.panic_on_oom` says so.
    Panic,
}

impl Kernel {
    /// Ends somebody, for `invoker` asked for memory in vain. Writes to the kernel's log who, and what the machine was like.
    pub(crate) fn out_of_memory(&mut self, platform: &mut dyn Platform, invoker: u32) -> OomEnd {
        let sysctl = self.system.sysctl;
        let is_exempt = |kernel: &Self, pid: u32| {
            kernel.credentials(pid).is_none_or(|it| it.oom_score_adj == OOM_SCORE_ADJ_MIN)
        };
        let (message, victim) = if sysctl.panic_on_oom > 0 {
            ("", None)
        } else if sysctl.oom_kill_allocating_task != 0 && !is_exempt(self, invoker) {
            ("Out of memory (oom_kill_allocating_task)", Some(invoker))
        } else {
            ("Out of memory", self.worst_process())
        };
        let report = self.oom_report(platform, invoker, message, victim);
        self.log.extend(report.to_string().lines().map(str::to_owned));
        let Some(victim) = victim else {
            if sysctl.panic_on_oom > 0 {
                self.log.truncate(self.log.len().saturating_sub(2));
                self.log.push(
                    "Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled".into(),
                );
            }
            self.panicked = self.log.last().cloned();
            return OomEnd::Panic;
        };
        self.system.events.oom_kill += 1;
        OomEnd::Killed(self.kill(platform, victim, Signal::OutOfMemory))
    }

    /// Who has called for it; else whose badness is the highest, and of equals who began last.
    fn worst_process(&self) -> Option<u32> {
        if let Some(origin) = self.oom_origin.filter(|origin| self.processes.contains_key(origin)) {
            return Some(origin);
        }
        let points = |&pid: &u32| self.badness(pid).and_then(|badness| badness.points);
        let candidates = self.processes.keys().filter_map(|pid| Some((points(pid)?, *pid)));
        candidates.max().map(|(_, pid)| pid)
    }

    /// What `/proc/PID/comm` says.
    pub(crate) fn name_of(&self, pid: u32) -> String {
        self.names.get(&pid).cloned().unwrap_or_else(|| format!("process-{pid}"))
    }
    /// Names `pid`, as execve(2) and prctl(PR_SET_NAME) do: its first 15 bytes count.
    pub fn set_name(&mut self, pid: u32, name: &str) {
        let end = (0..=name.len().min(15)).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
        self.names.insert(pid, name[..end].to_owned());
    }
    /// The kernel's log, as dmesg shows it without its times.
    pub fn log(&self) -> &[String] {
        &self.log
    }
    /// The last line of the log of a machine that is dead.
    pub fn panicked(&self) -> Option<&str> {
        self.panicked.as_deref()
    }
}
