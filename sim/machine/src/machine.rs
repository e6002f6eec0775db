//! A kernel on one CPU, fed by a trace: the loop of `run` and `cosim`.
//!
//! Owns the order of blocks and events, and where a run ends. Does not own how a block is carried out ([`crate::cpu`]),
//! nor reading the trace.

use crate::cpu::Cpu;
use crate::run::{BATCH_ACCESSES, MachineError, Observer, RunCounts, RunEnd, View};
use pagewalk_arch::{CpuId, Platform};
use pagewalk_kernel::Kernel;
use pagewalk_trace::{Boundary, TraceSource};

/// The machine.
pub struct Machine<'a> {
    kernel: &'a mut Kernel,
    platform: &'a mut dyn Platform,
    cpu: Cpu,
}

impl<'a> Machine<'a> {
    /// Boots `kernel` on `platform`.
    pub fn new(kernel: &'a mut Kernel, platform: &'a mut dyn Platform) -> Self {
        kernel.boot(platform);
        Self::resume(kernel, platform)
    }

    /// Goes on with a `kernel` that runs on `platform` already.
    pub fn resume(kernel: &'a mut Kernel, platform: &'a mut dyn Platform) -> Self {
        Self { kernel, platform, cpu: Cpu::new(CpuId::BOOT) }
    }

    /// What was carried out so far.
    pub fn counts(&self) -> &RunCounts {
        &self.cpu.counts
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
            let left = limit.saturating_sub(self.cpu.begun());
            let limited = block.len() as u64 >= left;
            if limited {
                block.truncate(left as usize);
            }
            // What was read before an error is carried out first.
            let end = limited || !matches!(boundary, Ok(Boundary::Full));
            self.cpu.run_block(self.kernel, self.platform, &block, end)?;
            if self.platform.difference().is_some() {
                return Ok(RunEnd::Difference);
            }
            let accesses = self.cpu.counts.accesses;
            let goes_on = observer.look(&View { kernel: &*self.kernel, platform: &*self.platform, accesses });
            if limited {
                return Ok(RunEnd::Complete);
            }
            match boundary? {
                Boundary::Full => {}
                Boundary::End => return Ok(RunEnd::Complete),
                Boundary::Event(event) => {
                    self.cpu.on_event(self.kernel, self.platform, &event)?;
                    if self.platform.difference().is_some() {
                        return Ok(RunEnd::Difference);
                    }
                }
            }
            if !goes_on || !observer.keep_running(&self.cpu.counts, source) {
                return Ok(RunEnd::Interrupted);
            }
        }
    }
}
