//! A kernel on an MMU, fed by a trace: the loop of `run` and `cosim`.
//!
//! Owns the order of things: batches of accesses up to the next event or fault, the fault to the kernel, the access
//! again. Does not own what any of them does, nor reading the trace.

use crate::loss::{Ending, Losses};
use pagewalk_arch::{
    Access, AccessKind, Batch, Boundary, CpuId, OnFault, Outcome, Platform, TraceError, TraceSource,
};
use pagewalk_kernel::{Death, EventError, FaultResolution, Kernel};

/// Accesses per batch: enough to make the hand-over between two threads cheap, few enough to stay in a cache.
pub const BATCH_ACCESSES: usize = 4096;

/// Why a run ended before its trace.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// The trace cannot be read on.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The trace asks of the kernel what it cannot do.
    #[error("trace {0}")]
    Event(EventError),
    /// The MMU refuses what the page tables grant.
    #[error(
        "access {number} ({kind:?} {va:#x}): the MMU refuses again what the kernel's page tables grant",
        kind = access.kind, va = access.va.0
    )]
    Refused {
        /// Number of the access in the trace, from 1.
        number: u64,
        /// The access.
        access: Access,
    },
}

// Its text is part of this one's, so that it is not named as the source as well.
impl From<EventError> for MachineError {
    fn from(error: EventError) -> Self {
        MachineError::Event(error)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunEnd {
    /// The trace is over, or the limit is reached.
    #[default]
    Complete,
    /// Two engines differ.
    Difference,
    /// Somebody asked it to stop.
    Interrupted,
}

/// What was carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Accesses of the trace that were translated.
    pub accesses: u64,
    /// Fetches among them.
    pub instructions: u64,
    /// Loads among them.
    pub loads: u64,
    /// Stores among them.
    pub stores: u64,
    /// Accesses that killed their process, and those of processes that had ended.
    pub skipped: u64,
    /// Accesses that ended in a signal for which the program has a handler.
    pub signals: u64,
    /// Processes that ended early, and what the trace says to it.
    pub losses: Losses,
}

impl RunCounts {
    /// Accesses of the trace that were come to: translated, ended in a signal, or left out.
    pub fn presented(&self) -> u64 {
        self.accesses + self.signals + self.skipped
    }
    /// The first process that was killed, if any was.
    pub fn death(&self) -> Option<Death> {
        self.losses.ends().iter().find_map(|end| match end.ending {
            Ending::Killed(death) => Some(death),
            Ending::Signalled(_) | Ending::Exited => None,
        })
    }
}

/// Whoever watches a run.
pub trait Observer {
    /// After each block of the trace: progress so far. `false` ends the run.
    fn goes_on(&mut self, _counts: &RunCounts, _source: &dyn TraceSource) -> bool {
        true
    }
}

/// Watches nothing.
impl Observer for () {}

/// The machine.
pub struct Machine<'a> {
    kernel: &'a mut Kernel,
    platform: &'a mut dyn Platform,
    counts: RunCounts,
    /// The last access of a block, left until its successor is known.
    carried: Option<Access>,
}

impl<'a> Machine<'a> {
    /// Boots `kernel` on `platform`.
    pub fn new(kernel: &'a mut Kernel, platform: &'a mut dyn Platform) -> Self {
        kernel.boot(platform);
        Self { kernel, platform, counts: RunCounts::default(), carried: None }
    }

    /// What was carried out so far.
    pub fn counts(&self) -> &RunCounts {
        &self.counts
    }

    /// Runs a trace to its end, to `limit` accesses, or to the first difference.
    ///
    /// # Errors
    /// [`MachineError`]; what was carried out until then stays in [`Machine::counts`].
    pub fn run(
        &mut self,
        source: &mut dyn TraceSource,
        limit: u64,
        observer: &mut dyn Observer,
    ) -> Result<RunEnd, MachineError> {
        let mut block = Vec::with_capacity(BATCH_ACCESSES);
        loop {
            let boundary = source.next_block(&mut block);
            let done = self.counts.accesses + self.counts.signals + u64::from(self.carried.is_some());
            let left = limit.saturating_sub(done);
            let limited = block.len() as u64 >= left;
            if limited {
                block.truncate(left as usize);
            }
            // What was read before an error is carried out first.
            let end = limited || !matches!(boundary, Ok(Boundary::Full));
            self.run_block(&block, end)?;
            if self.platform.difference().is_some() {
                return Ok(RunEnd::Difference);
            }
            if limited {
                return Ok(RunEnd::Complete);
            }
            match boundary? {
                Boundary::Full => {}
                Boundary::End => return Ok(RunEnd::Complete),
                Boundary::Event(event) => {
                    self.counts.losses.on_event(&event);
                    self.kernel.on_event(self.platform, CpuId::BOOT, &event)?;
                    self.counts.losses.on_deaths(&self.kernel.take_deaths(), event.line());
                    if self.platform.difference().is_some() {
                        return Ok(RunEnd::Difference);
                    }
                }
            }
            if !observer.goes_on(&self.counts, source) {
                return Ok(RunEnd::Interrupted);
            }
        }
    }

    /// Runs the carried access and `block`; the last access may be carried on unless `end`.
    fn run_block(&mut self, block: &[Access], end: bool) -> Result<(), MachineError> {
        let mut rest = block;
        if let Some(carried) = self.carried.take() {
            // Until the carried access is through, it stands before a little of the block.
            let mut head = vec![carried];
            head.extend_from_slice(&block[..block.len().min(2)]);
            let head_ends = end && head.len() == block.len() + 1;
            let left = self.run_accesses(&head, head_ends)?;
            if self.platform.difference().is_some() {
                return Ok(());
            }
            rest = &block[head.len() - 1 - left.min(head.len() - 1)..];
            if left == head.len() {
                self.carried = Some(carried);
                return Ok(());
            }
        }
        let left = self.run_accesses(rest, end)?;
        if left > 0 && self.platform.difference().is_none() {
            self.carried = rest.last().copied();
        }
        Ok(())
    }

    /// Runs accesses through all their faults. Gives how many are left: 0, or 1 if not `end`.
    fn run_accesses(&mut self, accesses: &[Access], end: bool) -> Result<usize, MachineError> {
        let mut rest = accesses;
        while !rest.is_empty() && (end || rest.len() > 1) {
            if self.kernel.running(CpuId::BOOT).is_none() {
                self.counts.skipped += rest.len() as u64;
                self.counts.losses.on_skipped(rest);
                return Ok(0);
            }
            let batch = Batch { accesses: rest, end, on_fault: OnFault::Stop };
            let progress = self.platform.run(CpuId::BOOT, &batch, None);
            if self.platform.difference().is_some() {
                return Ok(0);
            }
            let translated = progress.consumed - usize::from(progress.fault.is_some());
            self.count(&rest[..translated]);
            self.kernel.tick(translated as u64);
            rest = &rest[translated..];
            match progress.fault {
                Some(fault) => {
                    if !self.handle_fault(&rest[0], &fault)? {
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
    fn handle_fault(&mut self, access: &Access, fault: &Outcome) -> Result<bool, MachineError> {
        match self.kernel.on_fault(self.platform, CpuId::BOOT, access, fault) {
            FaultResolution::Retry => Ok(true),
            FaultResolution::Delivered(_) => {
                self.counts.signals += 1;
                Ok(false)
            }
            FaultResolution::Killed(death) => {
                self.counts.losses.on_kill(death, access);
                self.counts.losses.on_deaths(&self.kernel.take_deaths(), access.line);
                self.counts.skipped += 1;
                Ok(false)
            }
            FaultResolution::NoProcess => {
                self.counts.losses.on_skipped(&[*access]);
                self.counts.skipped += 1;
                Ok(false)
            }
            FaultResolution::Refused => Err(MachineError::Refused {
                number: self.counts.accesses + self.counts.signals + 1,
                access: *access,
            }),
        }
    }

    fn count(&mut self, accesses: &[Access]) {
        // Both counts in one word, so that an access costs one addition: more would show in the speed of `run`.
        const STORE_SHIFT: u32 = 32;
        const SHARES: [u64; 3] = {
            let mut shares = [0; 3];
            shares[AccessKind::Fetch as usize] = 1;
            shares[AccessKind::Store as usize] = 1 << STORE_SHIFT;
            shares
        };
        let (mut fetches, mut stores) = (0, 0);
        for chunk in accesses.chunks(BATCH_ACCESSES) {
            let both: u64 = chunk.iter().map(|access| SHARES[access.kind as usize]).sum();
            fetches += both & ((1 << STORE_SHIFT) - 1);
            stores += both >> STORE_SHIFT;
        }
        let total = accesses.len() as u64;
        self.counts.accesses += total;
        self.counts.instructions += fetches;
        self.counts.stores += stores;
        self.counts.loads += total - fetches - stores;
    }
}
