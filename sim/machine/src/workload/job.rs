//! Steps that take many accesses, in hand: what is left of each, and whose turn it is.
//!
//! Owns the order of turns. The CPUs take turns at random from a seed, a few accesses each; on one CPU those at work take turns
//! of a quantum each, round robin. How a wait is cut changes nothing. Does not own how a turn is carried out.

use super::result::Reply;
use pagewalk_arch::{Access, CpuId, SplitMix64};
use pagewalk_kernel::Faults;
use std::collections::{BTreeSet, VecDeque};

/// Accesses of a CPU at most before another has its turn.
const TURN_ACCESSES_MAX: u32 = 64;
/// Of the turns of CPUs.
const SEED: u64 = 1;

/// Accesses to a region.
pub(super) struct Reach {
    /// Where the region begins.
    pub(super) start: u64,
    /// Those that are left, or more.
    pub(super) accesses: Box<dyn Iterator<Item = Access>>,
    pub(super) left: u64,
    /// How many there are in all.
    pub(super) count: u64,
    /// What was not as it was written, where that is asked for.
    pub(super) differ: Option<u64>,
}

/// What is carried out.
pub(super) enum Work {
    Reach(Reach),
    /// So many accesses of a trace, at most.
    Trace {
        left: u64,
    },
}

/// What has been carried out of a step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) accesses: u64,
    pub(super) faults: Faults,
}

impl Tally {
    pub(super) fn add(&mut self, accesses: u64, faults: Faults) {
        self.accesses += accesses;
        self.faults.minor += faults.minor;
        self.faults.major += faults.major;
    }

    /// As a reply.
    pub(super) fn reply(&self, who: &str) -> Reply {
        Reply {
            who: Some(who.to_owned()),
            ret: Some(self.accesses as i64),
            min: Some(self.faults.minor),
            maj: Some(self.faults.major),
            ..Reply::default()
        }
    }
}

/// A step that was left at work.
pub(super) struct Job {
    /// The place of who is at work.
    pub(super) at: usize,
    /// Where.
    pub(super) cpu: CpuId,
    /// The step that began it.
    pub(super) step: u32,
    pub(super) work: Work,
    pub(super) tally: Tally,
    /// Accesses that are left of its turn on the CPU.
    quantum_left: u64,
}

impl Job {
    pub(super) fn new(at: usize, cpu: CpuId, step: u32, work: Work) -> Self {
        Self { at, cpu, step, work, tally: Tally::default(), quantum_left: 0 }
    }
}

/// All steps that were left at work; of those on one CPU, the first runs.
pub(super) struct AtWork {
    quantum: u64,
    jobs: VecDeque<Job>,
    random: SplitMix64,
    /// Which CPU has its turn, and what is left of it.
    turn: Option<(CpuId, u64)>,
}

impl AtWork {
    pub(super) fn new(quantum: u64) -> Self {
        Self { quantum, jobs: VecDeque::new(), random: SplitMix64(SEED), turn: None }
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter()
    }
    pub(super) fn has(&self, at: usize) -> bool {
        self.jobs.iter().any(|job| job.at == at)
    }

    pub(super) fn begin(&mut self, job: Job) {
        self.jobs.push_back(Job { quantum_left: self.quantum, ..job });
        self.turn = None;
    }

    /// Takes those of `at` off.
    pub(super) fn drop_of(&mut self, at: usize) -> Vec<Job> {
        self.turn = None;
        let (gone, left) = std::mem::take(&mut self.jobs).into_iter().partition(|job| job.at == at);
        self.jobs = left;
        Vec::from(gone)
    }

    /// Whose turn it is of those that `may_run` lets by their places, and for how many accesses. It is to be given back, or
    /// has ended.
    pub(super) fn take(&mut self, may_run: impl Fn(usize) -> bool) -> Option<(Job, u64)> {
        let is_next = |job: &Job, cpu: CpuId| job.cpu == cpu && may_run(job.at);
        let is_busy = |cpu: CpuId| self.jobs.iter().any(|job| is_next(job, cpu));
        let (cpu, accesses) = match self.turn.filter(|&(cpu, left)| left > 0 && is_busy(cpu)) {
            Some(turn) => turn,
            None => {
                let able = self.jobs.iter().filter(|job| may_run(job.at));
                let busy: BTreeSet<usize> = able.map(|job| job.cpu.0).collect();
                let chosen = if busy.len() > 1 { self.random.below(busy.len() as u32) } else { 0 };
                let cpu = CpuId(*busy.iter().nth(chosen as usize)?);
                let alone = busy.len() == 1;
                (cpu, if alone { u64::MAX } else { 1 + u64::from(self.random.below(TURN_ACCESSES_MAX)) })
            }
        };
        self.turn = Some((cpu, accesses));
        let place = self.jobs.iter().position(|job| is_next(job, cpu))?;
        let job = self.jobs.remove(place)?;
        let most = accesses.min(job.quantum_left);
        Some((job, most))
    }

    /// `job` has carried out `accesses` of its turn and is not done.
    pub(super) fn give_back(&mut self, mut job: Job, accesses: u64) {
        if let Some((_, left)) = &mut self.turn {
            *left = left.saturating_sub(accesses);
        }
        job.quantum_left = job.quantum_left.saturating_sub(accesses);
        if job.quantum_left > 0 {
            self.jobs.push_front(job);
        } else {
            job.quantum_left = self.quantum;
            self.jobs.push_back(job);
        }
    }

    /// The job whose turn it was is done: the CPUs that are at work may be others now.
    pub(super) fn ended(&mut self) {
        self.turn = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who carries out which access, for `jobs` of so many accesses each on so many CPUs.
    fn order(jobs: &[(usize, u64)], quantum: u64, mut cut: impl FnMut() -> u64) -> Vec<usize> {
        let mut at_work = AtWork::new(quantum);
        for (at, &(cpu, left)) in jobs.iter().enumerate() {
            at_work.begin(Job::new(at, CpuId(cpu), 0, Work::Trace { left }));
        }
        let mut order = Vec::new();
        while let Some((mut job, most)) = at_work.take(|_| true) {
            let Work::Trace { left } = &mut job.work else { unreachable!() };
            let now = most.min(*left).min(cut());
            *left -= now;
            order.extend(std::iter::repeat_n(job.at, now as usize));
            match *left {
                0 => at_work.ended(),
                _ => at_work.give_back(job, now),
            }
        }
        order
    }

    #[test]
    fn those_on_one_cpu_take_turns_of_a_quantum() {
        let seen = order(&[(0, 5), (0, 3), (0, 2)], 2, || u64::MAX);
        assert_eq!(seen, [0, 0, 1, 1, 2, 2, 0, 0, 1, 0]);
    }

    #[test]
    fn how_turns_are_cut_changes_nothing() {
        let jobs = [(0, 900), (1, 700), (0, 400), (2, 1000)];
        let whole = order(&jobs, 100, || u64::MAX);
        let mut random = SplitMix64(7);
        assert_eq!(order(&jobs, 100, || 1 + u64::from(random.below(9))), whole);
        assert_eq!(whole.len(), 3000);
    }

    #[test]
    fn several_cpus_work_at_the_same_time_and_each_by_its_quantum() {
        let seen = order(&[(0, 2000), (1, 2000), (1, 2000)], 500, || u64::MAX);
        let first = &seen[..1000];
        let of = |at: usize| first.iter().filter(|&&job| job == at).count();
        assert!((300..700).contains(&of(0)), "{} of the first CPU", of(0));
        let second: Vec<_> = seen.iter().filter(|&&at| at > 0).copied().collect();
        assert!(second[..500].iter().all(|&at| at == 1) && second[500..1000].iter().all(|&at| at == 2));
    }
}
