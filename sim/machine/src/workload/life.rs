//! Who lives: workers that begin, fork, execute programs and end, and what is known of each.

use super::result::{Died, Reply};
use super::worker::Worker;
use super::{Stop, World};
use pagewalk_arch::CpuId;
use pagewalk_kernel::Faults;
use pagewalk_kernel::workload::Command;

/// SIGKILL.
pub(super) const SIGKILL: i32 = 9;
const ECHILD: i64 = 10;
const ENOMEM: i64 = 12;

impl World<'_> {
    pub(super) fn died(&mut self, pid: u32, signal: i32, code: i32) {
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
        self.caller(pid).run();
    }

    /// Which worker `who` is.
    pub(super) fn index_of(&self, who: &str) -> usize {
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
    }

    /// Lets worker `at` do `work`, and counts the faults that it takes.
    pub(super) fn acting<T>(
        &mut self,
        at: usize,
        work: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> (Result<T, Stop>, Faults) {
        self.cpu = self.workers[at].cpu;
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
    pub(super) fn spawn(&mut self, who: &str, cpu: Option<u32>) -> Result<(), Stop> {
        let Some(at) = self.new_worker(who, cpu) else { return Ok(()) };
        let (result, _) = self.acting(at, |world| world.begin(at));
        self.reply_of_program(at, result)
    }

    /// The place of the worker `who`, which has a new pid; `None` where it lives already.
    pub(super) fn new_worker(&mut self, who: &str, cpu: Option<u32>) -> Option<usize> {
        let at = self.index_of(who);
        if self.workers[at].is_alive {
            self.report.errors.push(format!("step {}: {who} runs already", self.step.n));
            return None;
        }
        self.drop_jobs_of(at);
        self.forget_recording(at);
        let cpu = cpu.map_or_else(|| self.next_cpu(), |cpu| CpuId(cpu as usize));
        let pid = self.next_pid;
        self.next_pid += 1;
        let worker = &mut self.workers[at];
        *worker = Worker {
            pid: Some(pid),
            is_alive: true,
            cpu,
            regions: std::mem::take(&mut worker.regions),
            ..Worker::new(who)
        };
        Some(at)
    }

    /// A worker's program from execve(2) to its first command. Gives the faults until it took over.
    pub(super) fn begin(&mut self, at: usize) -> Result<u64, Stop> {
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

    pub(super) fn reply_of_program(&mut self, at: usize, result: Result<u64, Stop>) -> Result<(), Stop> {
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

    pub(super) fn worker_step(&mut self, who: &str, command: &Command) -> Result<(), Stop> {
        let at = self.index_of(who);
        let name = || Some(who.to_owned());
        self.finish_jobs_of(at)?;
        if let Command::Run { accesses } = command {
            return self.run_recording(at, *accesses);
        }
        if !self.workers[at].is_alive {
            self.step.replies.push(Reply::dead(who));
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
                let pid = self.workers[at].pid.expect("who lives has a process");
                let workload = self.workload;
                let program = &workload.image.worker;
                // It has waited for the command, and answers it: neither counts in its reply.
                let mut result = self.acting(at, Self::resume).0;
                let (mut returned, mut faults) = (Ok(0), Faults::default());
                if result.is_ok() {
                    let (commanded, taken) = self.acting(at, |world| world.command(at, command, &mut reply));
                    faults = taken;
                    result = commanded.map(|ret| returned = ret).and_then(|()| {
                        self.acting(at, |world| world.do_own(pid, program, &program.answer)).0
                    });
                }
                match (result, self.check_alive(pid)) {
                    (Ok(()), Ok(())) => {
                        let ret = returned.map_or_else(|errno| -errno, |value| value as i64);
                        reply.ret = Some(ret);
                        (reply.min, reply.maj) = (Some(faults.minor), Some(faults.major));
                        self.step.replies.push(reply);
                        Ok(())
                    }
                    // The run ends here; who was at work lives.
                    (Err(Stop::Ended(end)), Ok(())) if self.kernel.panicked().is_none() => {
                        (reply.min, reply.maj) = (Some(faults.minor), Some(faults.major));
                        self.step.replies.push(reply);
                        Err(Stop::Ended(end))
                    }
                    (result, _) => {
                        self.step.replies.push(Reply::dead(who));
                        result.map(|_| ())
                    }
                }
            }
        }
    }

    pub(super) fn fork(&mut self, at: usize, child: &str) -> Result<(), Stop> {
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
            _ if !began => ENOMEM,
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
        self.drop_jobs_of(child_at);
        self.forget_recording(child_at);
        let cpu = self.next_cpu();
        let maker = self.workers[at].clone();
        self.workers[child_at] = Worker {
            name: child.to_owned(),
            pid: Some(child_pid),
            cpu,
            faults: Faults::default(),
            resident_max_kb: 0,
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

    pub(super) fn exec(&mut self, at: usize) -> Result<(), Stop> {
        let pid = self.workers[at].pid.expect("who lives has a process");
        let (result, _) = self.acting(at, |world| {
            let _ = world.kernel.sys_exec(world.platform, pid);
            world.check_alive(pid)?;
            world.run(pid);
            let worker = &mut world.workers[at];
            (worker.signal_address, worker.brk) = (0, 0);
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

    pub(super) fn kill(&mut self, who: &str) -> Result<(), Stop> {
        let Some(at) = self.workers.iter().position(|worker| worker.name == who && worker.is_alive) else {
            self.report.errors.push(format!("step {}: there is no {who} to kill", self.step.n));
            return Ok(());
        };
        self.look_at(at);
        let pid = self.workers[at].pid.expect("who lives has a process");
        let _ = self.kernel.sys_kill(self.platform, pid);
        self.stopped(pid);
        self.died(pid, SIGKILL, 0);
        Ok(())
    }

    /// `run`: a program of its own, from start to end.
    pub(super) fn run_program(&mut self, path: &str) -> Result<(), Stop> {
        let name = path.trim_start_matches('/');
        let reply = |ret| Reply { who: Some(path.to_owned()), ret: Some(ret), ..Reply::default() };
        let Some(&program) = self.programs.get(name) else {
            self.step.replies.push(Reply { min: Some(0), maj: Some(0), ..reply(127) });
            return Ok(());
        };
        let pid = self.next_pid;
        self.next_pid += 1;
        self.cpu = CpuId::BOOT;
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
}
