//! What the timed and the bare model have in common: context, counters and the log of writes. Owns
//! the bookkeeping around a walk; knows neither TLB nor clock.

use crate::walk::{Fault, Leaf, PageTables, Transaction};
use pagewalk_arch::{
    Access, Asid, ConfigError, Context, MmuConfig, MmuStats, Outcome, PteWrite, Served, TableMemory, TlbFlush,
};

/// Context and counters.
#[derive(Clone)]
pub(crate) struct Architecture {
    pub config: MmuConfig,
    pub context: Context,
    pub tables: PageTables,
    pub stats: MmuStats,
    pub writes: Vec<PteWrite>,
}

/// A walk and what it did to memory.
pub(crate) struct Walked {
    pub verdict: Result<Leaf, Fault>,
    /// Sum of what its transactions cost.
    pub cost: u64,
    /// Compare-and-swaps, those that failed included (W-2: they cost time and are no writes).
    pub swaps: u64,
    reads: u8,
    writes: u8,
}

impl Architecture {
    pub(crate) fn new(config: &MmuConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let context = Context::default();
        // Nothing can be resident before a context is set.
        let tables = PageTables::new(config, &context, &TableMemory::new(config.spec(), 0));
        let (stats, writes) = (MmuStats::default(), Vec::new());
        Ok(Self { config: *config, context, tables, stats, writes })
    }

    /// F-17: the part of an ASID that is implemented.
    fn implemented_asid(&self, asid: Asid) -> Asid {
        Asid((u32::from(asid.0) & ((1 << self.config.asid_bits) - 1)) as u16)
    }
    /// Sets the context, cut to what is implemented. Returns whether the translation of anything may have changed.
    pub(crate) fn set_context(&mut self, memory: &TableMemory, context: &Context) -> bool {
        let context = Context { asid: self.implemented_asid(context.asid), ..*context };
        let changed = context != self.context;
        self.context = context;
        // PAE: loaded anew even from the same root.
        self.tables = PageTables::new(&self.config, &context, memory);
        changed
    }
    /// A fence as the ports can express it (F-17): without ASIDs there is none to narrow it by.
    pub(crate) fn implemented_flush(&self, flush: &TlbFlush) -> TlbFlush {
        let asid = if self.config.asid_bits == 0 { None } else { flush.asid };
        TlbFlush { asid: asid.map(|asid| self.implemented_asid(asid)), ..*flush }
    }

    /// Walks for `access`, counting and logging; `cost` is asked once per memory transaction, in their order.
    pub(crate) fn walk(
        &mut self,
        memory: &mut TableMemory,
        access: &Access,
        mut cost: impl FnMut() -> u64,
    ) -> Walked {
        let (mut total, mut swaps, mut reads, mut writes) = (0, 0, 0u64, 0u64);
        let log = &mut self.writes;
        let verdict = self.tables.walk(access, memory, |step| match step.transaction {
            Transaction::Resident => {}
            Transaction::Read => {
                reads += 1;
                total += cost();
            }
            Transaction::Swap { expected, new } => {
                swaps += 1;
                total += cost();
                if step.answer == Ok(new) {
                    writes += 1;
                    log.push(PteWrite { addr: step.address, before: expected, after: new });
                }
            }
        });
        self.stats.walks += 1;
        self.stats.pte_reads += reads;
        self.stats.pte_writes += writes;
        let at_most_255 = |count: u64| count.min(u64::from(u8::MAX)) as u8;
        Walked { verdict, cost: total, swaps, reads: at_most_255(reads), writes: at_most_255(writes) }
    }
}

impl Walked {
    /// The outcome, without its place in time. P-7: what a fault does not have is 0.
    pub(crate) fn outcome(&self, access: &Access) -> Outcome {
        let common = Outcome {
            va: access.va,
            served: Served::Walk,
            pte_reads: self.reads,
            pte_writes: self.writes,
            ..Outcome::default()
        };
        match &self.verdict {
            Ok(leaf) => Outcome {
                pa: leaf.translate(access.va),
                page_size: leaf.page,
                memory_type: leaf.memory_type,
                ..common
            },
            Err(fault) => Outcome { fault: fault.kind, code: fault.code, ..common },
        }
    }
}
