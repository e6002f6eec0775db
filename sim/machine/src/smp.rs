//! A kernel on several CPUs, each fed by a trace of its own.
//!
//! Owns whose turn it is: whole accesses of the CPUs are interleaved by a seeded scheduler, so that a run can be had again.
//! Each CPU has its own MMU and its own clock; no contention for memory is timed. Does not own how accesses are carried
//! out ([`crate::cpu`]), nor what processes run where: each trace begins with the switch to its own, and processes of two
//! traces are the same process where their pids are.

use crate::cpu::Cpu;
use crate::feed::Feed;
use crate::run::{MachineError, RunCounts, RunEnd};
use pagewalk_arch::{CpuId, Platform, SplitMix64};
use pagewalk_kernel::Kernel;
use pagewalk_trace::{Boundary, Event, TraceSource};

/// How CPUs take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interleaving {
    /// Seed of the scheduler.
    pub seed: u64,
    /// Accesses that a CPU carries out in one turn at most; each turn draws its own length. At least 1.
    pub turn_accesses_max: u32,
}

/// The machine of several CPUs.
pub struct SmpMachine<'a> {
    kernel: &'a mut Kernel,
    platform: &'a mut dyn Platform,
    cpus: Vec<Cpu>,
}

impl<'a> SmpMachine<'a> {
    /// Boots `kernel` on all CPUs of `platform`.
    pub fn new(kernel: &'a mut Kernel, platform: &'a mut dyn Platform) -> Self {
        kernel.boot(platform);
        Self::resume(kernel, platform)
    }

    /// Goes on with a `kernel` that runs on `platform` already.
    pub fn resume(kernel: &'a mut Kernel, platform: &'a mut dyn Platform) -> Self {
        let cpus = (0..platform.cpus()).map(|number| Cpu::new(CpuId(number))).collect();
        Self { kernel, platform, cpus }
    }

    /// What `cpu` carried out so far.
    pub fn counts(&self, cpu: CpuId) -> &RunCounts {
        &self.cpus[cpu.0].counts
    }
    /// The kernel and what it runs on.
    pub fn parts(&mut self) -> (&mut Kernel, &mut dyn Platform) {
        (self.kernel, self.platform)
    }

    /// Carries out an event on `cpu`, before or between runs.
    ///
    /// # Errors
    /// [`MachineError::Event`].
    pub fn on_event(&mut self, cpu: CpuId, event: &Event) -> Result<(), MachineError> {
        self.cpus[cpu.0].on_event(self.kernel, self.platform, event)
    }

    /// Runs one trace on each of the first CPUs, all to their ends or to the first difference.
    ///
    /// # Errors
    /// [`MachineError`] of whichever CPU met it first.
    ///
    /// # Panics
    /// With more traces than CPUs.
    pub fn run(
        &mut self,
        sources: &mut [&mut dyn TraceSource],
        interleaving: Interleaving,
    ) -> Result<RunEnd, MachineError> {
        assert!(sources.len() <= self.cpus.len(), "{} traces for {} CPUs", sources.len(), self.cpus.len());
        let mut random = SplitMix64(interleaving.seed);
        let mut feeds: Vec<Feed> = sources.iter().map(|_| Feed::new()).collect();
        let mut running: Vec<usize> = (0..feeds.len()).collect();
        while !running.is_empty() {
            let turn = random.below(running.len() as u32) as usize;
            let number = running[turn];
            let accesses = 1 + random.below(interleaving.turn_accesses_max.max(1)) as usize;
            feeds[number].fill(&mut *sources[number]);
            self.take_turn(number, &mut feeds[number], accesses)?;
            if self.platform.difference().is_some() {
                return Ok(RunEnd::Difference);
            }
            if feeds[number].ended {
                running.swap_remove(turn);
            }
        }
        Ok(RunEnd::Complete)
    }

    /// Carries out up to `accesses` accesses of a CPU, and the event behind them where its block ends.
    fn take_turn(&mut self, number: usize, feed: &mut Feed, accesses: usize) -> Result<(), MachineError> {
        let cpu = &mut self.cpus[number];
        let (kernel, platform) = (&mut *self.kernel, &mut *self.platform);
        let part = feed.peek(accesses);
        let taken = part.len();
        let is_last = feed.left() == taken;
        // A turn that ends within a block leaves the pipeline as it is: the CPU does not know that others had their turn.
        let end = is_last && !feed.goes_on();
        cpu.run_block(kernel, platform, part, end)?;
        feed.take(taken);
        if is_last && platform.difference().is_none() {
            match feed.boundary().transpose()? {
                Some(Boundary::Event(event)) => cpu.on_event(kernel, platform, &event)?,
                Some(Boundary::End) => feed.ended = true,
                Some(Boundary::Full) | None => {}
            }
        }
        Ok(())
    }
}
