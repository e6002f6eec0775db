//! The accesses of a step: batches up to the next fault, the fault to the kernel, the access again.
//!
//! Every address that is answered is handed on, so that what a program reads and writes is what lies in the frame that the
//! MMU names.

use super::worker::Worker;
use super::{Stop, World};
use crate::run::{BATCH_ACCESSES, MachineError, RunEnd};
use pagewalk_arch::{Access, AccessKind, Batch, OnFault, PhysAddr};
use pagewalk_kernel::{FaultResolution, Signal};

/// Accesses of the batch that follows a fault: where one faults, the next may too.
const AFTER_FAULT: usize = 8;

/// How an access ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Translated.
    At(PhysAddr),
    /// In a signal that the worker handles.
    Signal(Signal),
}

impl World<'_> {
    /// Makes `accesses` on the worker's CPU, and tells `on` what came of each.
    pub(super) fn access_all(
        &mut self,
        accesses: &mut dyn Iterator<Item = Access>,
        on: &mut dyn FnMut(&mut Self, &Access, Answer),
    ) -> Result<(), Stop> {
        let mut block = Vec::with_capacity(BATCH_ACCESSES);
        let mut outcomes = Vec::with_capacity(BATCH_ACCESSES);
        let mut window = BATCH_ACCESSES;
        // Back to its CPU after a fault of the access that comes next.
        let mut has_resumed = false;
        loop {
            block.clear();
            block.extend(accesses.take(BATCH_ACCESSES));
            if block.is_empty() {
                return Ok(());
            }
            let mut rest = &block[..];
            while !rest.is_empty() {
                if self.counts.accesses >= self.limit {
                    return Err(Stop::Ended(RunEnd::Complete));
                }
                let left = usize::try_from(self.limit - self.counts.accesses).unwrap_or(usize::MAX);
                let part = &rest[..rest.len().min(window).min(left)];
                let batch = Batch { accesses: part, end: true, on_fault: OnFault::Stop };
                outcomes.clear();
                let progress = self.platform.run(self.cpu, &batch, Some(&mut outcomes));
                if self.platform.difference().is_some() {
                    return Err(Stop::Ended(RunEnd::Difference));
                }
                let translated = progress.consumed - usize::from(progress.fault.is_some());
                self.counts.add(&part[..translated]);
                self.kernel.tick(translated as u64);
                for (access, outcome) in part.iter().zip(&outcomes).take(translated) {
                    on(self, access, Answer::At(outcome.pa));
                }
                if !self.look() {
                    return Err(Stop::Ended(RunEnd::Interrupted));
                }
                rest = &rest[translated..];
                match progress.fault {
                    Some(fault) => {
                        window = AFTER_FAULT;
                        let may_resume = translated > 0 || !has_resumed;
                        has_resumed = true;
                        if let Some(signal) = self.resolve(&rest[0], &fault, may_resume)? {
                            on(self, &rest[0], Answer::Signal(signal));
                            (rest, has_resumed) = (&rest[1..], false);
                        }
                    }
                    None => {
                        assert!(translated > 0, "an engine that makes no progress says why");
                        window = (2 * window).min(BATCH_ACCESSES);
                    }
                }
            }
        }
    }

    /// Lets the kernel handle a fault. Gives the signal that the access ended in, if it is not to be made again. Whoever was
    /// taken off its CPU comes back to it where it `may_resume`: once for an access, so that where memory is very short two
    /// pages cannot take each other's frames for ever.
    fn resolve(
        &mut self,
        access: &Access,
        fault: &pagewalk_arch::Outcome,
        may_resume: bool,
    ) -> Result<Option<Signal>, Stop> {
        let before = self.times_off_cpu();
        match self.kernel.on_fault(self.platform, self.cpu, access, fault) {
            FaultResolution::Retry if may_resume && self.times_off_cpu() != before => {
                self.resume()?;
                Ok(None)
            }
            FaultResolution::Retry => Ok(None),
            FaultResolution::Delivered(signal) => {
                self.counts.signals += 1;
                Ok(Some(signal))
            }
            FaultResolution::Killed(death) => {
                self.counts.losses.on_kill(death, access);
                self.counts.skipped += 1;
                Err(Stop::Died)
            }
            FaultResolution::NoProcess => {
                self.counts.skipped += 1;
                Err(Stop::Died)
            }
            FaultResolution::Panic => Err(Stop::Ended(RunEnd::Complete)),
            FaultResolution::Refused => Err(Stop::Error(MachineError::Refused {
                number: self.counts.accesses + self.counts.signals + 1,
                access: *access,
            })),
        }
    }

    /// What grows where a fault takes the worker off its CPU: it waits, or kswapd goes first.
    fn times_off_cpu(&self) -> (u64, u64) {
        let running = self.kernel.running(self.cpu).and_then(|pid| self.kernel.faults(pid));
        (running.map_or(0, |faults| faults.major), self.kernel.events().pageoutrun)
    }

    /// A worker comes back to the CPU: the kernel looks whether it was in a restartable sequence, and writes where it is now.
    pub(super) fn resume(&mut self) -> Result<(), Stop> {
        let running = self.kernel.running(self.cpu);
        let is_set_up = |worker: &&Worker| worker.pid.is_some() && worker.pid == running && worker.brk > 0;
        let rseq = self.workload.image.worker.rseq.filter(|_| self.workers.iter().any(|it| is_set_up(&it)));
        let Some(rseq) = rseq.filter(|_| !self.is_resuming) else { return Ok(()) };
        let at = self.layout.address(rseq);
        self.is_resuming = true;
        let looked = self.access(at, AccessKind::Load).and_then(|_| self.access(at, AccessKind::Store));
        self.is_resuming = false;
        looked.map(|_| ())
    }

    /// One access.
    pub(super) fn access(&mut self, at: u64, kind: AccessKind) -> Result<Answer, Stop> {
        let mut answer = None;
        let access = Access::user(at, kind);
        self.access_all(&mut std::iter::once(access), &mut |_, _, answered| answer = Some(answered))?;
        Ok(answer.expect("an access is answered or stops"))
    }

    /// Writes `value` at `at`, unless a signal prevents it.
    pub(super) fn write(&mut self, at: u64, value: u8) -> Result<Answer, Stop> {
        let answer = self.access(at, AccessKind::Store)?;
        if let Answer::At(pa) = answer {
            self.kernel.store(pa, value);
        }
        Ok(answer)
    }
}
