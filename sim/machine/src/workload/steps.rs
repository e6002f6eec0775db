//! A scenario's steps, one after the other.

use super::calls::{ENOSYS, Return};
use super::command::segfault_line;
use super::layout::Layout;
use super::result::{Compared, Died, Reply, StepReport, WorkloadReport};
use super::worker::Worker;
use super::{Stop, Workload, World};
use crate::run::{MachineError, RunCounts, RunEnd};
use pagewalk_arch::{CpuId, FRAME_BYTES, Platform, VirtAddr};
use pagewalk_kernel::workload::{Action, Bound, Command, FileSpan, HugePages, RegionOf};
use pagewalk_kernel::{
    Errno, Kernel, KernelConfig, OOM_SCORE_ADJ_MIN, PcMachine, Signal, SysctlEffect, VmaPolicy, Vpn,
};
use pagewalk_trace::Event;
use std::collections::BTreeMap;

/// The first process of every machine, which the workers' agent is.
const AGENT_PID: u32 = 1;
const SIGKILL: i32 = 9;
const ENOENT: i64 = 2;
const ECHILD: i64 = 10;
const EIO: i64 = 5;
const EBUSY: i64 = 16;
const NS_PER_MS: u64 = 1_000_000;
/// Between two looks at a counter.
const POLL_MS: u64 = 100;
/// The agent's buffer for files.
const COPY_MAX: u64 = (1 << 20) - 1;
const EINVAL: i64 = 22;

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

/// Who watches a scenario.
pub trait WorkloadProgress {
    /// After each step: how many of how many are done, and what was carried out so far. `false` ends the run.
    fn keep_running(&mut self, _done: u64, _of: u64, _counts: &RunCounts) -> bool {
        true
    }
}

impl WorkloadProgress for () {}

impl Workload {
    /// The kernel's settings where nobody says otherwise.
    pub fn kernel_defaults(&self) -> KernelConfig {
        KernelConfig { linux: self.image.machine.linux, ..KernelConfig::default() }
    }

    /// The kernel's settings for this scenario, `settings` being the others.
    pub fn kernel_config(&self, settings: KernelConfig) -> KernelConfig {
        let memory_bytes = self.scenario.machine.memory_bytes;
        let machine = &self.scenario.machine;
        let pc = PcMachine {
            memory_bytes,
            nodes: machine.nodes as u8,
            cpus: machine.cpus as u16,
            more_disks: u16::from(machine.swap_bytes > 0),
            has_huge_pages: machine.huge_pages != HugePages::Never,
            ..PcMachine::default()
        };
        KernelConfig {
            memory_bytes,
            pc: Some(pc),
            vma_policy: VmaPolicy::Strict,
            files_are_warm: false,
            ..settings
        }
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
            counts: RunCounts::default(),
            report,
            step: StepReport::default(),
            last_vmstat: None,
            swap: None,
            log_read: 0,
            limit,
        };
        let end = world.steps(progress);
        (world.report, world.counts, end)
    }
}

impl World<'_> {
    fn steps(&mut self, progress: &mut dyn WorkloadProgress) -> Result<RunEnd, MachineError> {
        let boot = Event::Switch { pid: AGENT_PID, line: 0 };
        self.kernel.on_event(self.platform, CpuId::BOOT, &boot).expect("a switch names no address");
        let steps = &self.workload.scenario.steps;
        let program = &self.workload.image.worker;
        self.programs.insert(program.path.clone(), program);
        self.programs.extend(self.workload.image.programs.iter().map(|p| (p.path.clone(), p)));
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
            if !progress.keep_running(done, steps.len() as u64, &self.counts) {
                return Ok(RunEnd::Interrupted);
            }
        }
        Ok(RunEnd::Complete)
    }

    fn action(&mut self, action: &Action) -> Result<(), Stop> {
        let unmodelled = match action {
            Action::Sysctl { name, value } => return self.sysctl(name, value),
            Action::SwapOn => return self.swap_on(),
            Action::SwapOff => return self.swap_off(),
            Action::Snapshot(label) => {
                let snapshot = self.snapshot();
                self.report.snapshots.insert(label.clone(), snapshot);
                return Ok(());
            }
            Action::Proc { who, trace: None } => return self.spawn(who),
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
        self.report.notes.push(format!("step {}: not modelled: {}", self.step.n, self.step.line));
        debug_assert!(!matches!(unmodelled, Action::Worker { .. }));
        self.step.replies.push(Reply { ret: Some(-ENOSYS), ..Reply::default() });
        Ok(())
    }

    /// What concerns the machine returned `result`.
    fn returned(&mut self, result: Return) -> Result<(), Stop> {
        if let Err(errno) = result {
            self.step.replies.push(Reply { ret: Some(-errno), ..Reply::default() });
        }
        Ok(())
    }

    fn sysctl(&mut self, name: &str, value: &str) -> Result<(), Stop> {
        let result = match self.kernel.sysctl(name, value) {
            Ok(effect) => {
                match effect {
                    SysctlEffect::DropCaches(mask) => self.kernel.drop_caches(mask.into()),
                    SysctlEffect::Compact => self.kernel.compact(self.platform),
                    _ => {}
                }
                if effect == SysctlEffect::NotModelled {
                    self.report.notes.push(format!("step {}: not modelled: {}", self.step.n, self.step.line));
                }
                Ok(0)
            }
            Err(error) => Err(Errno::from(error).number().into()),
        };
        self.returned(result)
    }

    /// swapon(2) of the machine's device.
    fn swap_on(&mut self) -> Result<(), Stop> {
        let bytes = self.workload.scenario.machine.swap_bytes;
        let result = match (bytes, self.swap) {
            (0, _) => Err(ENOENT),
            (_, Some(_)) => Err(EBUSY),
            (bytes, None) => match self.kernel.swap_on(bytes / FRAME_BYTES + 1, None) {
                Ok(area) => {
                    self.swap = Some(area);
                    Ok(0)
                }
                Err(error) => {
                    self.report.notes.push(format!("swap: {error}"));
                    Err(EINVAL)
                }
            },
        };
        self.returned(result)
    }

    /// swapoff(2).
    fn swap_off(&mut self) -> Result<(), Stop> {
        let result = match self.swap {
            None if self.workload.scenario.machine.swap_bytes == 0 => Err(ENOENT),
            None => Err(EINVAL),
            Some(area) => match self.kernel.swap_off(self.platform, area) {
                Ok(()) => {
                    self.swap = None;
                    Ok(0)
                }
                Err(errno) => Err(errno.number().into()),
            },
        };
        self.returned(result)
    }

    /// Notices who has died.
    fn collect(&mut self) {
        let log = self.kernel.log();
        self.report.oom.extend(log[self.log_read..].iter().filter(|line| is_kept(line)).cloned());
        self.log_read = log.len();
        if let Some(panic) = self.kernel.panicked() {
            self.report.panic = Some(panic.trim_start_matches("Kernel panic - not syncing: ").to_owned());
        }
        for death in self.kernel.take_deaths() {
            let signal = death.signal.number().unwrap_or(SIGKILL);
            if let Signal::Segv { address, .. } = death.signal {
                let command = &self.workload.image.worker.command;
                self.report.oom.push(segfault_line(command, death.pid, VirtAddr(address.0)));
            }
            self.died(death.pid, signal, 0);
        }
    }

    fn died(&mut self, pid: u32, signal: i32, code: i32) {
        let Some(worker) = self.workers.iter_mut().find(|worker| worker.pid == Some(pid) && worker.is_alive)
        else {
            return;
        };
        worker.is_alive = false;
        self.step.died.push(Died {
            who: worker.name.clone(),
            pid,
            signal,
            code,
            min: worker.faults.minor,
            maj: worker.faults.major,
            maxrss_kb: worker.resident_max_kb,
            step: self.step.n,
        });
    }

    /// Lets `pid` run where workers act.
    pub(super) fn run(&mut self, pid: u32) {
        let cpu = self.cpu;
        self.caller(pid).run_on(cpu);
    }

    /// Which worker `who` is.
    fn index_of(&self, who: &str) -> usize {
        self.workers.iter().position(|worker| worker.name == who).expect("the reader knows every worker")
    }

    /// Takes note of how worker `at` stands. One that has just died stands where it stood last, with what it did since.
    pub(super) fn look_at(&mut self, at: usize) {
        let worker = &mut self.workers[at];
        let Some(pid) = worker.pid else { return };
        if let Some(faults) = self.kernel.faults(pid) {
            worker.faults = faults;
        }
        if let Some(counters) = self.kernel.counters(pid) {
            worker.resident_max_kb = worker.resident_max_kb.max(counters.resident() << 2);
        }
        if let Some(space) = self.kernel.address_space(pid) {
            worker.mapped_max_kb = worker.mapped_max_kb.max(space.vsz_bytes() >> 10);
        }
    }

    /// Lets worker `at` do `work`, and counts the faults that it takes.
    fn acting<T>(
        &mut self,
        at: usize,
        work: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> (Result<T, Stop>, pagewalk_kernel::Faults) {
        self.look_at(at);
        let before = self.workers[at].faults;
        let all_before = self.kernel.stats();
        if let Some(pid) = self.workers[at].pid {
            self.run(pid);
        }
        let result = work(self);
        if self.workers[at].pid.is_some_and(|pid| self.kernel.faults(pid).is_none()) {
            // It is gone: what was counted in all meanwhile was its own.
            let all = self.kernel.stats();
            let faults = &mut self.workers[at].faults;
            faults.minor = before.minor + all.page_faults_minor - all_before.page_faults_minor;
            faults.major = before.major + all.page_faults_major - all_before.page_faults_major;
        }
        self.look_at(at);
        (result, self.workers[at].faults.since(before))
    }

    /// `proc`: a worker, freshly executed.
    fn spawn(&mut self, who: &str) -> Result<(), Stop> {
        let at = self.index_of(who);
        if self.workers[at].is_alive {
            self.report.errors.push(format!("step {}: {who} runs already", self.step.n));
            return Ok(());
        }
        let pid = self.next_pid;
        self.next_pid += 1;
        let worker = &mut self.workers[at];
        *worker = Worker {
            pid: Some(pid),
            is_alive: true,
            regions: std::mem::take(&mut worker.regions),
            ..Worker::new(who)
        };
        let (result, _) = self.acting(at, |world| world.begin(at));
        self.reply_of_program(at, result)
    }

    /// A worker's program from execve(2) to its first command. Gives the faults until it took over.
    fn begin(&mut self, at: usize) -> Result<u64, Stop> {
        let pid = self.workers[at].pid.expect("it has just been made");
        let workload = self.workload;
        let program = &workload.image.worker;
        let before = self.kernel.faults(pid).unwrap_or_default();
        self.start_program(pid, &program.path, program)?;
        let entry = self.kernel.faults(pid).unwrap_or_default().since(before);
        self.workers[at].brk = self.layout.address(program.brk) + program.grown();
        self.do_own(pid, program, &program.prefault)?;
        Ok(entry.minor)
    }

    fn reply_of_program(&mut self, at: usize, result: Result<u64, Stop>) -> Result<(), Stop> {
        let worker = &self.workers[at];
        let who = Some(worker.name.clone());
        match result {
            Ok(entry) => {
                self.step.replies.push(Reply {
                    who,
                    ret: Some(0),
                    min: Some(worker.faults.minor),
                    maj: Some(worker.faults.major),
                    pid: worker.pid,
                    entry_min: Some(entry),
                    ..Reply::default()
                });
                Ok(())
            }
            Err(stop) => {
                self.step.replies.push(Reply { who, dead: Some(""), ..Reply::default() });
                Err(stop)
            }
        }
    }

    fn worker_step(&mut self, who: &str, command: &Command) -> Result<(), Stop> {
        let at = self.index_of(who);
        let name = || Some(who.to_owned());
        if !self.workers[at].is_alive {
            self.step.replies.push(Reply { who: name(), dead: Some(""), ..Reply::default() });
            return Ok(());
        }
        match command {
            Command::Fork(child) => self.fork(at, child),
            Command::Exec => self.exec(at),
            Command::Exit(status) => {
                let pid = self.workers[at].pid.expect("who lives has a process");
                self.look_at(at);
                let _ = self.kernel.sys_exit(self.platform, pid);
                self.died(pid, 0, *status & 0xff);
                Ok(())
            }
            _ => {
                let mut reply = Reply { who: name(), ..Reply::default() };
                let (result, faults) = self.acting(at, |world| world.command(at, command, &mut reply));
                let pid = self.workers[at].pid.expect("who lives has a process");
                match (result, self.check_alive(pid)) {
                    (Ok(ret), Ok(())) => {
                        let ret = ret.map_or_else(|errno| -errno, |value| value as i64);
                        reply.ret = Some(ret);
                        (reply.min, reply.maj) = (Some(faults.minor), Some(faults.major));
                        self.step.replies.push(reply);
                        Ok(())
                    }
                    (result, _) => {
                        self.step.replies.push(Reply { who: name(), dead: Some(""), ..Reply::default() });
                        result.map(|_| ())
                    }
                }
            }
        }
    }

    fn fork(&mut self, at: usize, child: &str) -> Result<(), Stop> {
        let child_at = self.index_of(child);
        if self.workers[child_at].is_alive {
            self.report.errors.push(format!("step {}: {child} runs already", self.step.n));
            return Ok(());
        }
        let pid = self.workers[at].pid.expect("who lives has a process");
        let child_pid = self.next_pid;
        self.next_pid += 1;
        let workload = self.workload;
        let program = &workload.image.worker;
        let (result, faults) = self.acting(at, |world| {
            let forked = world.caller(pid).fork(child_pid);
            world.do_own(pid, program, &program.prefault)?;
            Ok(forked)
        });
        let who = Some(self.workers[at].name.clone());
        let began = self.kernel.faults(child_pid).is_some();
        if let Err(stop) = result {
            self.step.replies.push(Reply { who, dead: Some(""), ..Reply::default() });
            return Err(stop);
        }
        let errno = match result {
            Ok(Err(errno)) => errno,
            _ if !began => 12,
            _ => 0,
        };
        let returned = if errno == 0 { i64::from(child_pid) } else { -1 };
        self.step.replies.push(Reply {
            who,
            ret: Some(-errno),
            min: Some(faults.minor),
            maj: Some(faults.major),
            child: Some(returned),
            ..Reply::default()
        });
        if errno != 0 {
            return Ok(());
        }
        let maker = self.workers[at].clone();
        self.workers[child_at] = Worker {
            name: child.to_owned(),
            pid: Some(child_pid),
            faults: pagewalk_kernel::Faults::default(),
            resident_max_kb: 0,
            mapped_max_kb: 0,
            ..maker
        };
        let (result, _) = self.acting(child_at, |world| world.do_own(child_pid, program, &program.prefault));
        let worker = &self.workers[child_at];
        let who = Some(child.to_owned());
        self.step.replies.push(match result {
            Ok(()) => Reply {
                who,
                ret: Some(0),
                min: Some(worker.faults.minor),
                maj: Some(worker.faults.major),
                pid: Some(child_pid),
                ..Reply::default()
            },
            Err(_) => Reply { who, dead: Some(""), ..Reply::default() },
        });
        result
    }

    fn exec(&mut self, at: usize) -> Result<(), Stop> {
        let pid = self.workers[at].pid.expect("who lives has a process");
        let (result, _) = self.acting(at, |world| {
            let _ = world.kernel.sys_exec(world.platform, pid);
            world.check_alive(pid)?;
            world.run(pid);
            let worker = &mut world.workers[at];
            (worker.signal_address, worker.mapped_max_kb) = (0, 0);
            worker.regions.clear();
            world.begin(at)
        });
        let entry = match &result {
            Ok(entry) => *entry,
            Err(_) => 0,
        };
        self.reply_of_program(at, result)?;
        if let Some(reply) = self.step.replies.last_mut() {
            (reply.min, reply.maj) = (Some(entry), Some(0));
        }
        Ok(())
    }

    fn kill(&mut self, who: &str) -> Result<(), Stop> {
        let Some(at) = self.workers.iter().position(|worker| worker.name == who && worker.is_alive) else {
            self.report.errors.push(format!("step {}: there is no {who} to kill", self.step.n));
            return Ok(());
        };
        self.look_at(at);
        let pid = self.workers[at].pid.expect("who lives has a process");
        let _ = self.kernel.sys_kill(self.platform, pid);
        self.died(pid, SIGKILL, 0);
        Ok(())
    }

    /// `run`: a program of its own, from start to end.
    fn run_program(&mut self, path: &str) -> Result<(), Stop> {
        let name = path.trim_start_matches('/');
        let reply = |ret| Reply { who: Some(path.to_owned()), ret: Some(ret), ..Reply::default() };
        let Some(&program) = self.programs.get(name) else {
            self.step.replies.push(Reply { min: Some(0), maj: Some(0), ..reply(127) });
            return Ok(());
        };
        let pid = self.next_pid;
        self.next_pid += 1;
        self.run(pid);
        let result = self.start_program(pid, name, program);
        let faults = self.kernel.faults(pid).unwrap_or_default();
        let resident = self.kernel.counters(pid).unwrap_or_default().resident();
        let _ = self.kernel.sys_exit(self.platform, pid);
        self.step.replies.push(Reply {
            min: Some(faults.minor),
            maj: Some(faults.major),
            maxrss_kb: Some(resident << 2),
            ..reply(if result.is_ok() { 0 } else { -ECHILD })
        });
        result
    }

    /// The text of a file of `/proc`; `None` where there is none.
    fn text_of(&self, path: &str) -> Option<String> {
        match path.strip_prefix("/proc/sys/") {
            Some(knob) => {
                let value = self.kernel.sysctls().read(&knob.replace('/', ".")).ok()?;
                Some(format!("{value}\n"))
            }
            None => self.kernel.proc_file(self.platform, path.strip_prefix("/proc/")?),
        }
    }

    /// Waits until a counter of a file has come so far.
    fn until(&mut self, limit_ms: u64, path: &str, key: &str, bound: Bound, value: i64) {
        let (mut found, mut time_ms) = (-1, 0);
        while time_ms <= limit_ms {
            let text = self.text_of(path).unwrap_or_default();
            let mut values = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix([' ', ':']));
            let number = values.next().and_then(|rest| rest.split_whitespace().next()?.parse().ok());
            found = number.unwrap_or(found);
            let reached = match bound {
                Bound::AtLeast => found >= value,
                Bound::AtMost => found <= value,
            };
            if reached {
                break;
            }
            self.kernel.sleep(self.platform, POLL_MS * NS_PER_MS);
            time_ms += POLL_MS;
        }
        let told = [(key.to_owned(), found), ("after_ms".to_owned(), time_ms as i64)];
        self.step.value = Some(told.into());
    }

    /// A small file, copied by the agent.
    fn copy(&mut self, from: &str, to: &str) -> Return {
        let (from, to) = (from.trim_start_matches('/'), to.trim_start_matches('/'));
        let file = self.kernel.file_existing(from).map_err(|_| EIO)?;
        let bytes = self.kernel.file_bytes(file).unwrap_or(0).min(COPY_MAX);
        let span = |name: &str| FileSpan { file: name.to_owned(), bytes, offset: 0, chunk: bytes.max(1) };
        self.caller(AGENT_PID).file_read(&span(from), false)?;
        self.caller(AGENT_PID).truncate(to, 0)?;
        self.caller(AGENT_PID).file_write(&span(to))?;
        if let Some(&program) = self.programs.get(from) {
            self.programs.insert(to.to_owned(), program);
        }
        Ok(0)
    }

    fn compare(&mut self, first: &RegionOf, second: &RegionOf) -> Result<(), Stop> {
        let found = |of: &RegionOf| {
            let worker = self.workers.iter().find(|worker| worker.name == of.who)?;
            Some((worker.pid?, worker.region(&of.region)?.clone()))
        };
        let (Some((pid_a, a)), Some((pid_b, b))) = (found(first), found(second)) else { return Ok(()) };
        let frame = |pid: u32, at: u64, page: u64| {
            let space = self.kernel.address_space(pid)?;
            let page = Vpn::of(VirtAddr(at)).up(page);
            let mapped = space.page_table().lookup(self.platform, page)?;
            Some(mapped.pte.frame)
        };
        let mut compared = Compared::default();
        for page in 0..a.bytes / FRAME_BYTES {
            let count = match (frame(pid_a, a.at, page), frame(pid_b, b.at, page)) {
                (Some(a), Some(b)) if a == b => &mut compared.same,
                (Some(_), Some(_)) => &mut compared.differ,
                (Some(_), None) => &mut compared.only_first,
                (None, Some(_)) => &mut compared.only_second,
                (None, None) => &mut compared.neither,
            };
            *count += 1;
        }
        self.step.compare = Some(compared);
        Ok(())
    }
}
