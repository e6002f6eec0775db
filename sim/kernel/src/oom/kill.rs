//! The killer: who is to go when nothing more can be taken. Linux's `out_of_memory`.
//!
//! Its victim is gone at once, with its memory: what the reaper does in Linux while the victim still lives. Whoever asked for
//! memory asks again then.

use super::{NodeReport, OomKill, OomReport, OomTask};
use crate::kernel::Kernel;
use crate::{Death, LruList, OOM_SCORE_ADJ_MIN, Signal};
use pagewalk_arch::{FRAME_SHIFT, Platform};

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
        let report = self.oom_report(invoker, message, victim);
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

    /// Whose badness is the highest; of equals, who began last.
    fn worst_process(&self) -> Option<u32> {
        let points = |&pid: &u32| self.badness(pid).and_then(|badness| badness.points);
        let candidates = self.processes.keys().filter_map(|pid| Some((points(pid)?, *pid)));
        candidates.max().map(|(_, pid)| pid)
    }

    fn oom_report(&self, invoker: u32, message: &'static str, victim: Option<u32>) -> OomReport {
        let memory = &self.system.memory;
        let list = |list| memory.lru_len(list);
        let lru = [
            list(LruList::ActiveAnon),
            list(LruList::InactiveAnon),
            list(LruList::ActiveFile),
            list(LruList::InactiveFile),
            list(LruList::Unevictable),
        ];
        let tables: u64 = self.spaces.values().map(|space| space.page_table().tables()).sum();
        let node = NodeReport {
            lru,
            mapped: memory.file_mapped(),
            pagetables: tables,
            free: memory.frames_free(),
            ..NodeReport::default()
        };
        let swap = &self.system.swap;
        let tasks = self.processes.keys().map(|&pid| self.oom_task(pid)).collect();
        OomReport {
            name: self.name_of(invoker),
            pid: invoker,
            cpu: self.system.this_cpu.0 as u32,
            gfp: "0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO)".into(),
            oom_score_adj: self.credentials(invoker).map_or(0, |it| it.oom_score_adj),
            total: node.clone(),
            nodes: vec![node],
            swapcache: swap.cached_total(),
            swap: [swap.slots_free(), swap.slots_total()],
            ram: [memory.frames_total(), 0, 0],
            tasks,
            kill: victim.map(|pid| OomKill { message, task: self.oom_task(pid) }),
            ..OomReport::default()
        }
    }

    fn oom_task(&self, pid: u32) -> OomTask {
        let Some(process) = self.processes.get(&pid) else { return OomTask::default() };
        let counters = self.system.mms.shown(process.mm);
        let space = &self.spaces[&process.mm];
        OomTask {
            pid,
            uid: process.credentials.uid,
            tgid: pid,
            total_vm: space.vmas().pages(),
            rss: [counters.anon, counters.file, counters.shmem],
            pgtables_bytes: space.page_table().tables().saturating_sub(1) << FRAME_SHIFT,
            swapents: counters.swap,
            oom_score_adj: process.credentials.oom_score_adj,
            name: self.name_of(pid),
        }
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
