//! Who is suspended: what load control remembers, who goes and who comes back.
//!
//! Owns the order of both, and when a process is judged. Does not own how.

use crate::kernel::Kernel;
use crate::{LoadControl, LruList, MmId, PageRange, Pfn, Vpn};
use pagewalk_arch::Platform;
use std::collections::BTreeMap;

/// What is known of how a process uses memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// When it was last activated, in activations.
    activated: u64,
    /// Accesses since it was last judged.
    pub(super) accesses: u64,
    /// Its major faults, and the pages that all processes have lost, when it was last judged.
    pub(super) major_before: u64,
    pub(super) stolen_before: u64,
    /// Pages of its working set, as last judged.
    pub(super) working_set: Option<u64>,
    /// Major faults in a million accesses, as last judged.
    pub(super) frequency: Option<u64>,
}

/// A process that is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suspended {
    pid: u32,
    /// Pages that it will want.
    pub(super) pages: u64,
}

/// What load control remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadState {
    of: BTreeMap<u32, Load>,
    /// The longest suspended first.
    pub(super) suspended: Vec<Suspended>,
    activations: u64,
    suspensions: u64,
}

impl Kernel {
    /// Whether processes may be suspended at all: `kernel.load_control`.
    pub fn controls_load(&self) -> bool {
        self.system.config.load_control != LoadControl::None
    }

    /// Whether `pid` is suspended: it is not to be given a CPU.
    pub fn is_suspended(&self, pid: u32) -> bool {
        let pid = self.group_of(pid);
        self.load.suspended.iter().any(|it| it.pid == pid)
    }

    /// Nobody who is not suspended can run: the process that goes on instead. `None` where none is suspended.
    pub fn next_resumed(&mut self) -> Option<u32> {
        self.forget_the_dead();
        self.resume()
    }

    /// How often a process has been suspended so far.
    pub fn suspensions(&self) -> u64 {
        self.load.suspensions
    }

    /// `accesses` were carried out by who runs.
    pub(crate) fn count_load(&mut self, accesses: u64) {
        if !self.controls_load() {
            return;
        }
        let running: Vec<u32> = self.system.cpus.iter().filter_map(|cpu| Some(cpu.task?.pid)).collect();
        for &pid in &running {
            self.load_of(pid).accesses += accesses / running.len() as u64;
        }
    }

    /// `pid` has been in the kernel, and leaves it: it is judged where that is due.
    pub(crate) fn control_load(&mut self, platform: &mut dyn Platform, pid: u32) {
        let policy = self.system.config.load_control;
        if policy == LoadControl::None || !self.processes.contains_key(&pid) {
            return;
        }
        self.forget_the_dead();
        if self.load_of(pid).accesses < self.system.config.load_window {
            return;
        }
        match policy {
            LoadControl::None => {}
            LoadControl::WorkingSet => self.judge_working_sets(platform, pid),
            LoadControl::Pff => self.judge_fault_frequency(platform, pid),
        }
    }

    /// `pid` gets a CPU: whoever gave it one does not ask who is suspended.
    pub(crate) fn runs_after_all(&mut self, pid: u32) {
        if let Some(place) = self.load.suspended.iter().position(|it| it.pid == pid) {
            self.load.suspended.remove(place);
            self.activate(pid);
        }
    }

    pub(super) fn load_of(&mut self, pid: u32) -> &mut Load {
        let activations = &mut self.load.activations;
        self.load.of.entry(pid).or_insert_with(|| {
            *activations += 1;
            Load { activated: *activations, ..Load::default() }
        })
    }

    fn forget_the_dead(&mut self) {
        let lives = |pid: &u32| self.processes.contains_key(pid);
        let known = self.load.of.len();
        self.load.of.retain(|pid, _| lives(pid));
        if let Some(touched) = self.system.touched.as_mut().filter(|_| self.load.of.len() < known) {
            touched.retain(|(mm, _)| self.spaces.contains_key(mm));
        }
        self.load.suspended.retain(|it| lives(&it.pid));
    }

    /// Processes that are not suspended and have run, with what is known of them.
    pub(super) fn active(&self) -> impl Iterator<Item = (u32, Load)> {
        let is_suspended = |pid: u32| self.load.suspended.iter().any(|it| it.pid == pid);
        self.load.of.iter().map(|(&pid, &load)| (pid, load)).filter(move |&(pid, _)| !is_suspended(pid))
    }

    /// Pages that processes and files have, and that are free.
    pub(super) fn room(&self) -> u64 {
        let memory = &self.system.memory;
        let listed: u64 = LruList::ALL.into_iter().map(|list| memory.lru_len(list)).sum();
        (memory.frames_free() + listed).saturating_sub(memory.high_total())
    }

    /// Suspends the process that was activated last, if another is left: its pages go. `why` is for the log.
    pub(super) fn suspend_last(&mut self, platform: &mut dyn Platform, why: &str) -> bool {
        if self.active().count() < 2 {
            return false;
        }
        let Some((pid, load)) = self.active().max_by_key(|(_, load)| load.activated) else { return false };
        let mm = self.processes[&pid].mm;
        let resident = self.system.mms.get(mm).resident();
        let pages = load.working_set.unwrap_or(resident);
        self.load.suspended.push(Suspended { pid, pages });
        self.load.suspensions += 1;
        self.log.push(format!("load control: process {pid} ({}) is suspended: {why}", self.name_of(pid)));
        let frames = self.own_frames(platform, mm);
        self.system.page_out(platform, &frames);
        self.judge_anew();
        true
    }

    /// Resumes the process that has been suspended longest.
    pub(super) fn resume(&mut self) -> Option<u32> {
        if self.load.suspended.is_empty() {
            return None;
        }
        let Suspended { pid, .. } = self.load.suspended.remove(0);
        self.activate(pid);
        Some(pid)
    }

    fn activate(&mut self, pid: u32) {
        self.log.push(format!("load control: process {pid} ({}) is resumed", self.name_of(pid)));
        self.load.of.remove(&pid);
        self.load_of(pid);
        self.judge_anew();
    }

    /// Who has how much is about to change: what was found out holds no more.
    fn judge_anew(&mut self) {
        let stolen = self.stolen();
        for (pid, load) in &mut self.load.of {
            let major_before = self.processes.get(pid).map_or(0, |process| process.faults.major);
            *load = Load { accesses: 0, major_before, stolen_before: stolen, frequency: None, ..*load };
        }
    }

    /// Pages that reclaim has taken so far.
    pub(super) fn stolen(&self) -> u64 {
        self.system.events.pgsteal_kswapd + self.system.events.pgsteal_direct
    }

    /// The frames that the address space `mm` alone maps, upwards.
    fn own_frames(&self, platform: &dyn Platform, mm: MmId) -> Vec<Pfn> {
        let Some(space) = self.spaces.get(&mm) else { return Vec::new() };
        let mut cursor = space.page_table().cursor(PageRange::new(Vpn(0), self.system.user_end()));
        let mapped = std::iter::from_fn(|| cursor.next(platform)).map(|mapped| mapped.pte.frame);
        mapped.filter(|&frame| self.system.memory.mappings(frame) == 1).collect()
    }
}
