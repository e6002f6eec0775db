//! A scenario's steps, one after the other.

use super::calls::ENOSYS;
use super::command::segfault_line;
use super::job::AtWork;
use super::layout::Layout;
use super::life::SIGKILL;
use super::progress::WorkloadProgress;
use super::recording::RecordedFiles;
use super::result::{Reply, StepReport, WorkloadReport};
use super::unmodelled;
use super::worker::Worker;
use super::{AGENT_PID, NS_PER_MS, Stop, Workload, World};
use crate::run::{MachineError, RunCounts, RunEnd};
use pagewalk_arch::{CpuId, Platform, VirtAddr};
use pagewalk_kernel::workload::Action;
use pagewalk_kernel::{Kernel, KernelConfig, OOM_SCORE_ADJ_MIN, Signal};
use pagewalk_trace::Event;
use std::collections::BTreeMap;

/// Words of the kernel's log that tell of memory that ran out.
const KEPT: [&str; 9] = [
    "oom",
    "Out of memory",
    "Killed process",
    "segfault",
    "invoked",
    "page allocation",
    "total pagecache",
    "in swap cache",
    "[  pid  ]",
];

/// Whether a line of the kernel's log is kept: what tells of memory that ran out.
fn is_kept(line: &str) -> bool {
    let is_zone = line.starts_with("Node ") && line.contains(" free:");
    let is_task = line.strip_prefix('[').is_some_and(|rest| {
        rest.trim_start().split_once(']').is_some_and(|(pid, _)| pid.parse::<u32>().is_ok())
    });
    is_zone || is_task || KEPT.iter().any(|word| line.contains(word))
}

impl Workload {
    /// The kernel's settings where nobody says otherwise.
    pub fn kernel_defaults(&self) -> KernelConfig {
        KernelConfig { linux: self.image.machine.linux, ..KernelConfig::default() }
    }

    /// The kernel's settings for this scenario, `settings` being the others.
    pub fn kernel_config(&self, settings: KernelConfig) -> KernelConfig {
        let memory_bytes = self.scenario.machine.memory_bytes;
        let pc = Some(self.scenario.machine.pc());
        KernelConfig { memory_bytes, pc, files_are_warm: false, ..settings }
    }

    /// Boots `kernel` on `platform` and carries the scenario out.
    pub(crate) fn run(
        &self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        limit: u64,
        progress: &mut dyn WorkloadProgress,
    ) -> (WorkloadReport, RunCounts, Result<RunEnd, MachineError>) {
        kernel.boot(platform);
        kernel.keep_contents();
        let layout = Layout::of(kernel);
        let workers = self.scenario.workers.iter().map(|name| Worker::new(name)).collect();
        let mut report = WorkloadReport { scenario: self.name.clone(), ..WorkloadReport::default() };
        report.machine.extend(self.scenario.machine.given.iter().cloned());
        let mut world = World {
            kernel,
            platform,
            workload: self,
            layout,
            programs: BTreeMap::new(),
            workers,
            cpu: CpuId::BOOT,
            next_pid: self.image.machine.first_pid,
            next_cpu: 0,
            at_work: AtWork::new(self.scenario.machine.quantum_accesses),
            recordings: BTreeMap::new(),
            recorded_files: RecordedFiles::default(),
            deaths: Vec::new(),
            counts: RunCounts::default(),
            report,
            step: StepReport::default(),
            last_vmstat: None,
            swap: None,
            log_read: 0,
            is_resuming: false,
            limit,
            progress,
        };
        let end = world.steps();
        world.gather_losses();
        (world.report, world.counts, end)
    }
}

impl World<'_> {
    fn steps(&mut self) -> Result<RunEnd, MachineError> {
        let boot = Event::Switch { pid: AGENT_PID, line: 0 };
        self.kernel.on_event(self.platform, CpuId::BOOT, &boot).expect("a switch names no address");
        let steps = &self.workload.scenario.steps;
        let program = &self.workload.image.worker;
        self.programs.insert(program.path.clone(), program);
        self.programs.extend(self.workload.image.programs.iter().map(|p| (p.path.clone(), p)));
        self.note_machine();
        match self.begin_machine(AGENT_PID) {
            Ok(()) => {}
            Err(Stop::Ended(end)) => return Ok(end),
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Died) => {
                self.report.errors.push("the machine is too small for its first process".into())
            }
        }
        let _ = self.kernel.take_deaths();
        self.kernel.set_oom_score_adj(AGENT_PID, OOM_SCORE_ADJ_MIN.into()).unwrap_or_default();
        if self.workload.scenario.machine.swap_bytes > 0 {
            // What cannot be had is told of where a step wants it.
            let _ = self.swap_on();
            self.step.replies.clear();
        }
        for (done, step) in (1..).zip(steps) {
            self.step = StepReport { n: step.number, line: step.text.clone(), ..StepReport::default() };
            let result = self.action(&step.action);
            self.collect();
            self.report.steps.push(std::mem::take(&mut self.step));
            match result {
                // Whoever died has been noticed.
                Ok(()) | Err(Stop::Died) => {}
                Err(Stop::Ended(end)) if self.report.panic.is_none() => return Ok(end),
                Err(Stop::Ended(_)) => {}
                Err(Stop::Error(error)) => return Err(error),
            }
            if self.platform.difference().is_some() {
                return Ok(RunEnd::Difference);
            }
            if self.report.panic.is_some() {
                break;
            }
            if self.workload.checks
                && let Err(violation) = self.kernel.check(self.platform)
            {
                return Err(MachineError::Broken(format!(
                    "step {} ({}): {violation}",
                    step.number, step.text
                )));
            }
            if !self.look() || !self.progress.keep_running(done, steps.len() as u64, &self.counts) {
                return Ok(RunEnd::Interrupted);
            }
        }
        Ok(RunEnd::Complete)
    }

    fn action(&mut self, action: &Action) -> Result<(), Stop> {
        if let Some(subject) = unmodelled::of_step(&self.workload.scenario.machine, action) {
            self.note_unmodelled(subject);
        }
        let left = match action {
            Action::Sysctl { name, value } => return self.sysctl(name, value),
            Action::SwapOn => return self.swap_on(),
            Action::SwapOff => return self.swap_off(),
            Action::Snapshot(label) => {
                let snapshot = self.snapshot();
                self.report.snapshots.insert(label.clone(), snapshot);
                return Ok(());
            }
            Action::Proc { who, trace: None, cpu } => return self.spawn(who, *cpu),
            Action::Proc { who, trace: Some(trace), cpu } => return self.spawn_recording(who, trace, *cpu),
            Action::Begin { who, command } => return self.begin_job(who, command),
            Action::Wait { accesses } => return self.wait_for_jobs(*accesses),
            Action::Worker { who, command } => return self.worker_step(who, command),
            Action::Kill(who) => return self.kill(who),
            Action::Compare(first, second) => return self.compare(first, second),
            Action::Run(path) => return self.run_program(path),
            Action::Sync => {
                self.kernel.sync(self.platform);
                return Ok(());
            }
            Action::Sleep(milliseconds) => {
                self.kernel.sleep(self.platform, milliseconds.saturating_mul(NS_PER_MS));
                return Ok(());
            }
            Action::DropCaches(mask) => {
                self.kernel.sync(self.platform);
                self.kernel.drop_caches(*mask);
                return Ok(());
            }
            Action::Compact => {
                self.kernel.compact(self.platform);
                return Ok(());
            }
            Action::Cat(path) => {
                if let Some(text) = self.text_of(path) {
                    self.step.files.insert(path.clone(), text.trim().to_owned());
                }
                return Ok(());
            }
            Action::Copy { from, to } => {
                let result = self.copy(from, to);
                return self.returned(result);
            }
            Action::Until { limit_ms, path, key, bound, value } => {
                self.until(*limit_ms, path, key, *bound, *value);
                return Ok(());
            }
            other => other,
        };
        debug_assert!(matches!(left, Action::Sysfs { .. }), "it has been noted");
        self.step.replies.push(Reply { ret: Some(-ENOSYS), ..Reply::default() });
        Ok(())
    }

    /// Notices who has died.
    fn collect(&mut self) {
        let log = self.kernel.log();
        self.report.oom.extend(log[self.log_read..].iter().filter(|line| is_kept(line)).cloned());
        let named = log[self.log_read..].iter().filter(|line| Kernel::is_finding(line));
        let n = self.step.n;
        self.report.notes.extend(named.map(|line| format!("step {n}: {line}")));
        self.log_read = log.len();
        if let Some(panic) = self.kernel.panicked() {
            self.report.panic = Some(panic.trim_start_matches("Kernel panic - not syncing: ").to_owned());
        }
        self.deaths.extend(self.kernel.take_deaths());
        for death in std::mem::take(&mut self.deaths) {
            let signal = death.signal.number().unwrap_or(SIGKILL);
            if let Signal::Segv { address, .. } = death.signal {
                let recorded = |at: &usize| self.workers[*at].pid == Some(death.pid);
                let command = match self.recordings.keys().copied().find(recorded) {
                    Some(at) => &self.workers[at].name,
                    None => &self.workload.image.worker.command,
                };
                self.report.oom.push(segfault_line(command, death.pid, VirtAddr(address.0)));
            }
            self.stopped(death.pid);
            self.died(death.pid, signal, 0);
        }
    }
}
