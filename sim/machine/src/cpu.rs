//! One CPU of a machine and what it has in hand.
//!
//! Owns how accesses are carried out: batches up to the next fault, the fault to the kernel, the access again. Does not own
//! where they come from, nor whose turn it is.

use crate::run::{MachineError, RunCounts};
use pagewalk_arch::{Access, Batch, CpuId, OnFault, Outcome, Platform};
use pagewalk_kernel::{Death, FaultResolution, Kernel};
use pagewalk_trace::Event;

/// A CPU.
pub(crate) struct Cpu {
    id: CpuId,
    pub(crate) counts: RunCounts,
    /// The last access of a block, left until its successor is known.
    carried: Option<Access>,
    /// Who was killed here.
    pub(crate) deaths: Vec<Death>,
}

impl Cpu {
    pub(crate) fn new(id: CpuId) -> Self {
        Self::resume(id, RunCounts::default())
    }

    /// A CPU that has carried `counts` out already, all of it to its end.
    pub(crate) fn resume(id: CpuId, counts: RunCounts) -> Self {
        Self { id, counts, carried: None, deaths: Vec::new() }
    }

    /// Accesses taken from the trace that did not kill their process.
    pub(crate) fn begun(&self) -> u64 {
        self.counts.accesses + self.counts.signals + u64::from(self.carried.is_some())
    }

    /// Carries out what the trace says between two accesses.
    pub(crate) fn on_event(
        &mut self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        event: &Event,
    ) -> Result<(), MachineError> {
        self.counts.losses.on_event(event);
        kernel.on_event(platform, self.id, event)?;
        self.note_deaths(kernel, event.line());
        Ok(())
    }

    fn note_deaths(&mut self, kernel: &mut Kernel, line: u32) {
        let deaths = kernel.take_deaths();
        self.counts.losses.on_deaths(&deaths, line);
        self.deaths.extend(deaths);
    }

    /// Runs the carried access and `block`; the last access may be carried on unless `end`.
    pub(crate) fn run_block(
        &mut self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        block: &[Access],
        end: bool,
    ) -> Result<(), MachineError> {
        let mut rest = block;
        if let Some(carried) = self.carried.take() {
            // Until the carried access is through, it stands before a little of the block.
            let mut head = vec![carried];
            head.extend_from_slice(&block[..block.len().min(2)]);
            let head_ends = end && head.len() == block.len() + 1;
            let left = self.run_accesses(kernel, platform, &head, head_ends)?;
            if platform.difference().is_some() {
                return Ok(());
            }
            rest = &block[head.len() - 1 - left.min(head.len() - 1)..];
            if left == head.len() {
                self.carried = Some(carried);
                return Ok(());
            }
        }
        let left = self.run_accesses(kernel, platform, rest, end)?;
        if left > 0 && platform.difference().is_none() {
            self.carried = rest.last().copied();
        }
        Ok(())
    }

    /// Runs accesses through all their faults. Gives how many are left: 0, or 1 if not `end`.
    fn run_accesses(
        &mut self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        accesses: &[Access],
        end: bool,
    ) -> Result<usize, MachineError> {
        let mut rest = accesses;
        while !rest.is_empty() && (end || rest.len() > 1) {
            if kernel.running(self.id).is_none() {
                self.counts.skipped += rest.len() as u64;
                self.counts.losses.on_skipped(rest);
                return Ok(0);
            }
            let batch = Batch { accesses: rest, end, on_fault: OnFault::Stop };
            let progress = platform.run(self.id, &batch, None);
            if platform.difference().is_some() {
                return Ok(0);
            }
            let translated = progress.consumed - usize::from(progress.fault.is_some());
            self.counts.add(&rest[..translated]);
            kernel.tick(translated as u64);
            rest = &rest[translated..];
            match progress.fault {
                Some(fault) => {
                    if !self.handle_fault(kernel, platform, &rest[0], &fault)? {
                        rest = &rest[1..];
                    }
                }
                None if rest.len() == 1 && !end => break,
                None => assert!(progress.consumed > 0, "an engine that makes no progress says why"),
            }
        }
        Ok(rest.len())
    }

    /// Gives whether the access is to be presented again.
    fn handle_fault(
        &mut self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        access: &Access,
        fault: &Outcome,
    ) -> Result<bool, MachineError> {
        match kernel.on_fault(platform, self.id, access, fault) {
            FaultResolution::Retry => Ok(true),
            FaultResolution::Delivered(_) => {
                self.counts.signals += 1;
                Ok(false)
            }
            FaultResolution::Killed(death) => {
                self.counts.losses.on_kill(death, access);
                self.note_deaths(kernel, access.line);
                self.counts.skipped += 1;
                Ok(false)
            }
            FaultResolution::NoProcess => {
                self.counts.losses.on_skipped(&[*access]);
                self.counts.skipped += 1;
                Ok(false)
            }
            FaultResolution::Panic => {
                Err(MachineError::Panic(kernel.panicked().unwrap_or_default().to_owned()))
            }
            FaultResolution::Refused => Err(MachineError::Refused {
                number: self.counts.accesses + self.counts.signals + 1,
                access: *access,
            }),
        }
    }
}
