//! The JSON of `run` and `cosim`: names that are never changed, only added to.

use super::losses::{KilledReport, LostReport};
use super::session::{Outcome, Session};
use super::settings::Settings;
use pagewalk_kernel::KernelStats;
use pagewalk_machine::RunEnd;
use serde::Serialize;
use std::collections::BTreeMap;

/// One run.
#[derive(Debug, Serialize)]
pub struct RunReport {
    /// Page-table format.
    pub format: &'static str,
    /// golden, bare, verilator or rust-hdl.
    pub engine: &'static str,
    /// All settings.
    pub config: Settings,
    /// The trace's name.
    pub trace: String,
    /// Accesses that were translated.
    pub accesses: u64,
    /// Fetches among them.
    pub instructions: u64,
    /// Loads among them.
    pub loads: u64,
    /// Stores among them.
    pub stores: u64,
    /// Accesses that killed their process, and those of processes that had ended.
    pub skipped: u64,
    /// Accesses that the recorded program made and that were not carried out.
    pub lost: LostReport,
    /// Processes that were killed, where the trace does not contradict it.
    pub killed: Vec<KilledReport>,
    /// Calls that no model carries out, by name.
    pub unmodelled: BTreeMap<&'static str, u64>,
    /// Between engines 0 or 1, as the first ends a run; and one for each process that the trace goes on with after
    /// the model ended it.
    pub differences: u64,
    /// What the difference between the engines is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<DifferenceReport>,
    /// Faults by what the kernel did.
    pub page_faults: PageFaults,
    /// Look-ups and walks.
    pub tlb: TlbReport,
    /// Reads of page-table entries.
    pub pte_reads: u64,
    /// Entries changed by the walker.
    pub pte_writes: u64,
    /// The hardware's clock; the golden model's where there is no hardware.
    pub cycles: u64,
    /// The golden model's prediction.
    pub golden_cycles: u64,
    /// Bytes of page tables before the last exit.
    pub page_table_bytes: u64,
    /// Resident bytes of all processes before the last exit.
    pub rss_bytes: u64,
    /// Mapped bytes of all processes before the last exit.
    pub vsz_bytes: u64,
    /// Seconds in which the trace was carried out.
    pub elapsed_s: f64,
    /// Accesses per second; null where there was none.
    pub accesses_per_s: Option<f64>,
    /// Clock cycles of simulated hardware per second; 0 where there is none.
    pub rtl_cycles_per_s: f64,
    /// Most memory that this process had, in bytes.
    pub peak_rss_bytes: u64,
    /// complete, difference, interrupted or error.
    pub end: &'static str,
    /// The first process that was killed, and by what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub death: Option<String>,
    /// Why the trace could not be run to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Everything that the kernel counts.
    pub kernel: KernelStats,
}

/// A difference.
#[derive(Debug, Serialize)]
pub struct DifferenceReport {
    /// Number of the access.
    pub access: u64,
    /// What differs.
    pub what: String,
    /// The command that shows it again.
    pub replay: String,
}

/// Page faults.
#[derive(Debug, Serialize)]
pub struct PageFaults {
    /// Resolved without a device; copy-on-write and A/D faults are among them.
    pub minor: u64,
    /// Waited for a device.
    pub major: u64,
    /// Copied a frame.
    pub cow: u64,
    /// Killed the process.
    pub segv: u64,
    /// Only set an A or D bit.
    pub ad: u64,
}

/// The TLBs.
#[derive(Debug, Serialize)]
pub struct TlbReport {
    /// Instruction look-ups that hit.
    pub l1i_hits: u64,
    /// Instruction look-ups that missed.
    pub l1i_misses: u64,
    /// Data look-ups that hit.
    pub l1d_hits: u64,
    /// Data look-ups that missed.
    pub l1d_misses: u64,
    /// Second-level hits; this MMU has no second level.
    pub l2_hits: u64,
    /// Second-level misses; this MMU has no second level.
    pub l2_misses: u64,
    /// Walks that began at a page-walk cache; this MMU has none.
    pub pwc_hits: u64,
    /// Walks.
    pub walks: u64,
    /// Fences.
    pub flushes: u64,
    /// Look-ups repeated because an older access faulted in the same cycle.
    pub squashed: u64,
}

impl RunReport {
    /// The report of `session`, which ended as `outcome`; `replay` shows a difference again.
    pub fn new(session: &Session, outcome: &Outcome, replay: impl Fn(u64) -> String) -> Self {
        let outcome = &outcome.run;
        let (counts, mmu, kernel) = (&outcome.counts, &outcome.mmu, &outcome.kernel);
        let elapsed_s = outcome.elapsed.as_secs_f64();
        let per_second = |count: u64| if elapsed_s > 0.0 { count as f64 / elapsed_s } else { 0.0 };
        let difference = outcome.difference.as_ref().map(|found| DifferenceReport {
            access: found.number.max(1),
            what: found.what.clone(),
            replay: replay(found.number.max(1)),
        });
        Self {
            format: session.settings.mmu.format.name(),
            engine: session.engine.name(),
            config: session.settings.clone(),
            trace: session.trace.name().to_owned(),
            accesses: counts.accesses,
            instructions: counts.instructions,
            loads: counts.loads,
            stores: counts.stores,
            skipped: counts.skipped,
            lost: LostReport::new(&counts.losses),
            killed: KilledReport::all(&counts.losses),
            unmodelled: counts.losses.unmodelled().clone(),
            differences: u64::from(difference.is_some()) + counts.losses.contradictions().count() as u64,
            difference,
            page_faults: PageFaults {
                minor: kernel.page_faults_minor,
                major: kernel.page_faults_major,
                cow: kernel.cow,
                segv: kernel.segv,
                ad: kernel.ad,
            },
            tlb: TlbReport {
                l1i_hits: mmu.l1i_hits,
                l1i_misses: mmu.l1i_misses,
                l1d_hits: mmu.l1d_hits,
                l1d_misses: mmu.l1d_misses,
                l2_hits: 0,
                l2_misses: 0,
                pwc_hits: 0,
                walks: mmu.walks,
                flushes: mmu.flushes,
                squashed: mmu.squashed,
            },
            pte_reads: mmu.pte_reads,
            pte_writes: mmu.pte_writes,
            cycles: mmu.cycles,
            golden_cycles: outcome.golden_cycles,
            page_table_bytes: kernel.page_table_bytes,
            rss_bytes: kernel.rss_bytes,
            vsz_bytes: kernel.vsz_bytes,
            elapsed_s,
            accesses_per_s: (counts.accesses > 0).then(|| per_second(counts.accesses)),
            rtl_cycles_per_s: if session.engine.has_hardware() { per_second(mmu.cycles) } else { 0.0 },
            peak_rss_bytes: peak_rss_bytes(),
            end: match (outcome.end, &outcome.error) {
                (RunEnd::Difference, _) => "difference",
                (_, Some(_)) => "error",
                (RunEnd::Interrupted, _) => "interrupted",
                (RunEnd::Complete, _) => "complete",
            },
            death: counts.death().map(|death| death.to_string()),
            error: outcome.error.as_ref().map(ToString::to_string),
            kernel: *kernel,
        }
    }
}

/// The most memory that this process had at once, as Linux counts it; 0 where the system does not say.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}
