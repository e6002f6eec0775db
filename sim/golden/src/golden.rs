//! [`Golden`], the engine that the rest of Pagewalk sees. Owns the choice between the timed model and the bare walk.

use crate::architecture::Architecture;
use crate::delivery::Delivery;
use crate::timed::TimedModel;
use crate::walk::{Explanation, PageTables};
use pagewalk_arch::{
    Access, Batch, ConfigError, Context, Mmu, MmuConfig, MmuStats, OnFault, Outcome, Progress, PteWrite,
    TableMemory, TlbFlush,
};

/// The software model of an MMU.
///
/// Timed, it predicts outcome, counters, writes and cycles of the generated hardware. Bare, it is the architecture
/// alone: every access walks, and no cycle passes. Timed, it panics at a batch of [`OnFault::Stop`] while it issues
/// [`pagewalk_arch::IssueOrder::Overlapped`] (D-13). A clone is the whole state.
#[derive(Clone)]
pub struct Golden {
    arch: Architecture,
    timed: Option<Box<TimedModel>>,
}

impl Golden {
    /// The timed model after reset.
    ///
    /// # Errors
    /// The first field of `config` that no MMU can be built with.
    pub fn new(config: &MmuConfig) -> Result<Self, ConfigError> {
        Self::timed(config, true)
    }

    /// The timed model without its hit cache: every look-up goes to the TLBs. Several times slower with the same results;
    /// an oracle for tests.
    ///
    /// # Errors
    /// As [`Golden::new`].
    pub fn without_filter(config: &MmuConfig) -> Result<Self, ConfigError> {
        Self::timed(config, false)
    }

    fn timed(config: &MmuConfig, streaming: bool) -> Result<Self, ConfigError> {
        let mut arch = Architecture::new(config)?;
        let timed = TimedModel::new(&arch, streaming);
        arch.stats.cycles = timed.schedule.now();
        Ok(Self { arch, timed: Some(Box::new(timed)) })
    }

    /// The architecture without TLBs and without time: every access walks; cycle and latency are 0.
    ///
    /// # Errors
    /// As [`Golden::new`].
    pub fn bare(config: &MmuConfig) -> Result<Self, ConfigError> {
        Ok(Self { arch: Architecture::new(config)?, timed: None })
    }

    /// Walks for `access` as things stand, with a record of every step, and changes nothing: no A or D bit, no
    /// counter, no TLB, no cycle.
    pub fn explain(&self, memory: &TableMemory, access: &Access) -> Explanation {
        self.arch.tables.explain(access, memory)
    }
    /// The page tables of the current context.
    pub fn page_tables(&self) -> &PageTables {
        &self.arch.tables
    }
    /// The current context, its ASID cut to the implemented bits.
    pub fn context(&self) -> &Context {
        &self.arch.context
    }
}

/// Walks for every access, up to the first fault if that stops the batch.
fn run_bare(
    arch: &mut Architecture,
    memory: &mut TableMemory,
    batch: &Batch<'_>,
    outcomes: Option<&mut Vec<Outcome>>,
) -> Progress {
    let mut delivery = Delivery::new(outcomes, batch.on_fault == OnFault::Stop);
    for (index, access) in batch.accesses.iter().enumerate() {
        let walked = arch.walk(memory, access, || 0);
        delivery.expect();
        delivery.answer(index, walked.outcome(access), &mut arch.stats);
        if delivery.stopped() {
            break;
        }
    }
    delivery.progress()
}

impl Mmu for Golden {
    fn config(&self) -> &MmuConfig {
        &self.arch.config
    }

    fn set_context(&mut self, memory: &[TableMemory], context: &Context) {
        let changed = self.arch.set_context(&memory[0], context);
        if let Some(timed) = &mut self.timed
            && changed
        {
            timed.context_changed(&self.arch);
        }
    }

    fn fence(&mut self, _memory: &mut [TableMemory], flush: &TlbFlush) {
        self.arch.stats.flushes += 1;
        if let Some(timed) = &mut self.timed {
            timed.fence(&self.arch.implemented_flush(flush));
            self.arch.stats.cycles = timed.schedule.now();
        }
    }

    /// Consumes the whole batch unless a fault stops it; but where `end` is false, the timed model leaves the last
    /// access unconsumed if that would be the first of its cycle.
    fn run(
        &mut self,
        memory: &mut [TableMemory],
        batch: &Batch<'_>,
        outcomes: Option<&mut Vec<Outcome>>,
    ) -> Progress {
        let memory = &mut memory[0];
        match &mut self.timed {
            None => run_bare(&mut self.arch, memory, batch, outcomes),
            Some(timed) => {
                let progress = timed.run(&mut self.arch, memory, batch, outcomes);
                self.arch.stats.cycles = timed.schedule.now();
                progress
            }
        }
    }

    fn take_pte_writes(&mut self, log: &mut Vec<PteWrite>) {
        log.append(&mut self.arch.writes);
    }

    fn stats(&self) -> MmuStats {
        self.arch.stats
    }
}
