//! Steps that were left at work, carried out together: each turn on its CPU, and what is told of each that ends.

use super::job::{Job, Tally, Work};
use super::result::Reply;
use super::{Stop, World};
use pagewalk_arch::CpuId;
use pagewalk_kernel::workload::Command;

/// Accesses after which it is seen, at the latest, that the kernel has suspended who makes them.
const CONTROLLED_ACCESSES_MAX: u64 = 64;

impl World<'_> {
    /// The CPU of who begins now, by turns.
    pub(super) fn next_cpu(&mut self) -> CpuId {
        let cpu = self.next_cpu % self.platform.cpus();
        self.next_cpu += 1;
        CpuId(cpu)
    }

    /// `A … &`: leaves it at work.
    pub(super) fn begin_job(&mut self, who: &str, command: &Command) -> Result<(), Stop> {
        let at = self.index_of(who);
        self.finish_jobs_of(at)?;
        let who = &self.workers[at].name;
        let is_there = match command {
            Command::Run { .. } => self.recording_lives(at),
            _ => self.workers[at].is_alive,
        };
        if !is_there {
            self.step.replies.push(Reply::dead(who));
            return Ok(());
        }
        let work = match command {
            Command::Run { accesses } => Work::Trace { left: accesses.unwrap_or(u64::MAX) },
            _ => match self.reach(at, command) {
                Ok(reach) => Work::Reach(reach),
                Err(errno) => {
                    let who = Some(who.clone());
                    self.step.replies.push(Reply { who, ret: Some(-errno), ..Reply::default() });
                    return Ok(());
                }
            },
        };
        self.at_work.begin(Job::new(at, self.workers[at].cpu, self.step.n, work));
        Ok(())
    }

    /// `wait`.
    pub(super) fn wait_for_jobs(&mut self, most: Option<u64>) -> Result<(), Stop> {
        let place = self.step.replies.len();
        let before = self.counts.presented();
        let result = self.wait(most, None);
        let ret = Some((self.counts.presented() - before) as i64);
        self.step.replies.insert(place, Reply { ret, ..Reply::default() });
        result
    }

    /// Lets all at work go on until nothing of worker `at` is left.
    pub(super) fn finish_jobs_of(&mut self, at: usize) -> Result<(), Stop> {
        if self.at_work.has(at) { self.wait(None, Some(at)) } else { Ok(()) }
    }

    /// The name `at` belongs to somebody else from now on: what the one before it was at goes no further.
    pub(super) fn drop_jobs_of(&mut self, at: usize) {
        for job in self.at_work.drop_of(at) {
            let dead = Reply { of_step: Some(job.step), ..Reply::dead(&self.workers[at].name) };
            self.step.replies.push(dead);
        }
    }

    /// Lets all at work go on for `most` accesses, until nothing of worker `of` is left, or to their ends.
    fn wait(&mut self, most: Option<u64>, of: Option<usize>) -> Result<(), Stop> {
        let mut left = most.unwrap_or(u64::MAX);
        while left > 0 && of.is_none_or(|at| self.at_work.has(at)) {
            let Some((mut job, mut accesses)) = self.next_job() else { break };
            if self.kernel.controls_load() {
                accesses = accesses.min(CONTROLLED_ACCESSES_MAX);
            }
            let before = self.counts.presented();
            let result = self.turn_of_job(&mut job, accesses.min(left));
            let made = self.counts.presented() - before;
            left = left.saturating_sub(made);
            match result {
                Ok(false) => self.at_work.give_back(job, made),
                Ok(true) => {
                    self.at_work.ended();
                    self.tell_of(&job);
                }
                Err(Stop::Died) => {
                    self.at_work.ended();
                    let dead = Reply { of_step: Some(job.step), ..Reply::dead(&self.workers[job.at].name) };
                    self.step.replies.push(dead);
                }
                Err(stop) => {
                    self.at_work.give_back(job, made);
                    let cut: Vec<Reply> = self.at_work.jobs().map(|job| self.reply_of(job)).collect();
                    self.step.replies.extend(cut);
                    return Err(stop);
                }
            }
        }
        Ok(())
    }

    /// The job whose turn it is. The kernel may have suspended who is at work; where that are all, it says who goes on.
    fn next_job(&mut self) -> Option<(Job, u64)> {
        loop {
            let (kernel, workers) = (&*self.kernel, &self.workers);
            let may_run = |at: usize| workers[at].pid.is_none_or(|pid| !kernel.is_suspended(pid));
            let next = self.at_work.take(may_run);
            if next.is_some() || self.kernel.next_resumed().is_none() {
                return next;
            }
        }
    }

    /// Says whether the job is done.
    fn turn_of_job(&mut self, job: &mut Job, most: u64) -> Result<bool, Stop> {
        let at = job.at;
        match &mut job.work {
            Work::Trace { left } => {
                let before = self.counts.presented();
                self.turn_of_recording(at, most.min(*left), &mut job.tally)?;
                let made = self.counts.presented() - before;
                *left -= made.min(*left);
                Ok(*left == 0 || made == 0 || !self.recording_goes_on(at))
            }
            Work::Reach(reach) => {
                let pid = self.workers[at].pid.expect("who is at work has a process");
                self.check_alive(pid)?;
                let before = self.counts.accesses;
                let (result, faults) = self.acting(at, |world| world.carry_on(reach, most));
                job.tally.add(self.counts.accesses - before, faults);
                result?;
                self.check_alive(pid)?;
                Ok(reach.left == 0)
            }
        }
    }

    fn reply_of(&self, job: &Job) -> Reply {
        Reply { of_step: Some(job.step), ..job.tally.reply(&self.workers[job.at].name) }
    }

    /// Tells what came of a job that is done.
    fn tell_of(&mut self, job: &Job) {
        let mut reply = self.reply_of(job);
        if let Work::Reach(reach) = &job.work {
            (reply.ret, reply.differ) = (Some(reach.count as i64), reach.differ);
        }
        self.step.replies.push(reply);
    }

    /// `A run COUNT`.
    pub(super) fn run_recording(&mut self, at: usize, accesses: Option<u64>) -> Result<(), Stop> {
        if !self.recording_lives(at) {
            self.step.replies.push(Reply::dead(&self.workers[at].name));
            return Ok(());
        }
        let mut done = Tally::default();
        let result = self.turn_of_recording(at, accesses.unwrap_or(u64::MAX), &mut done);
        self.step.replies.push(done.reply(&self.workers[at].name));
        result
    }
}
