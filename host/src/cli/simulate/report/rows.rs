//! The numbers of a run: one table of rows. Each is a field of the JSON (names that are never changed, only added to),
//! and where people are to see it also a row of the page of one run or a column of the list of several.

use super::losses;
use super::{Figure, Row, Run, field, told};
use crate::cli::quantity::{ByteSize, grouped, rate};

/// A counter: `count!("name", |run| value)`.
macro_rules! count {
    ($name:literal, |$run:ident| $value:expr) => {
        field($name, |$run| Some(Figure::Count($value)))
    };
}

/// The rows, in the order of the JSON, of the page and of the columns.
pub(super) const ROWS: &[Row] = &[
    field("format", |run| Some(Figure::Text(run.format()))).column("format", 8, |run| run.format().into()),
    // golden, bare, verilator or rust-hdl.
    field("engine", |run| Some(Figure::Text(run.session.engine.name()))),
    field("config", |run| Some(Figure::Settings(&run.session.settings))),
    // Of a scenario, its name.
    field("trace", |run| Some(Figure::Text(run.session.source_name())))
        .page("trace", |run| Some(run.session.source_name().to_owned())),
    // Accesses that were translated.
    count!("accesses", |run| run.outcome.counts.accesses)
        .page("accesses", |run| {
            let counts = &run.outcome.counts;
            let [all, fetches, loads, stores] =
                [counts.accesses, counts.instructions, counts.loads, counts.stores].map(grouped);
            Some(format!("{all}: {fetches} fetches, {loads} loads, {stores} stores"))
        })
        .column("accesses", 13, |run| grouped(run.outcome.counts.accesses)),
    count!("instructions", |run| run.outcome.counts.instructions),
    count!("loads", |run| run.outcome.counts.loads),
    count!("stores", |run| run.outcome.counts.stores),
    // Accesses that killed their process, and those of processes that had ended.
    count!("skipped", |run| run.outcome.counts.skipped),
    field("killed", |run| Some(Figure::Killed(&run.killed))).page("killed", |run| {
        // The steps of a scenario tell it.
        if run.report.is_some() { None } else { losses::killed(run) }
    }),
    field("lost", |run| Some(Figure::Lost(&run.lost))).page("lost", losses::lost),
    // Calls that no model carries out, by name.
    field("unmodelled", |run| Some(Figure::Calls(run.outcome.counts.losses.unmodelled())))
        .page("not modelled", losses::unmodelled),
    // Resolved without a device; copy-on-write and A/D faults are among them.
    count!("page_faults.minor", |run| run.outcome.kernel.page_faults_minor)
        .page("page faults", |run| {
            let kernel = &run.outcome.kernel;
            let [minor, cow, ad, major] =
                [kernel.page_faults_minor, kernel.cow, kernel.ad, kernel.page_faults_major].map(grouped);
            let segv = kernel.segv;
            Some(format!("{minor} minor ({cow} copy-on-write, {ad} for A/D), {major} major, {segv} SIGSEGV"))
        })
        .column("minor", 9, |run| grouped(run.outcome.kernel.page_faults_minor)),
    // Waited for a device.
    count!("page_faults.major", |run| run.outcome.kernel.page_faults_major),
    // Copied a frame.
    count!("page_faults.cow", |run| run.outcome.kernel.cow),
    // Killed the process.
    count!("page_faults.segv", |run| run.outcome.kernel.segv)
        .column("segv", 6, |run| run.outcome.kernel.segv.to_string()),
    // Only set an A or D bit.
    count!("page_faults.ad", |run| run.outcome.kernel.ad),
    count!("tlb.l1i_hits", |run| run.outcome.mmu.l1i_hits)
        .page("TLB fetch", |run| Some(fetches(run).describe()))
        .column("TLB fetch", 11, |run| fetches(run).rate()),
    count!("tlb.l1i_misses", |run| run.outcome.mmu.l1i_misses),
    count!("tlb.l1d_hits", |run| run.outcome.mmu.l1d_hits)
        .page("TLB data", |run| Some(data(run).describe()))
        .column("TLB data", 11, |run| data(run).rate()),
    count!("tlb.l1d_misses", |run| run.outcome.mmu.l1d_misses),
    // This MMU has neither a second level nor a page-walk cache.
    count!("tlb.l2_hits", |_run| 0),
    count!("tlb.l2_misses", |_run| 0),
    count!("tlb.pwc_hits", |_run| 0),
    count!("tlb.walks", |run| run.outcome.mmu.walks)
        .page("walks", |run| {
            let mmu = &run.outcome.mmu;
            let [walks, reads, writes, flushes] =
                [mmu.walks, mmu.pte_reads, mmu.pte_writes, mmu.flushes].map(grouped);
            Some(format!("{walks}: {reads} PTE reads, {writes} PTE writes; {flushes} flushes"))
        })
        .column("walks", 10, |run| grouped(run.outcome.mmu.walks)),
    // Fences.
    count!("tlb.flushes", |run| run.outcome.mmu.flushes),
    // Look-ups repeated because an older access faulted in the same cycle.
    count!("tlb.squashed", |run| run.outcome.mmu.squashed),
    // In the JSON with all that the kernel counts.
    told("switches", |run| {
        let kernel = &run.outcome.kernel;
        let shootdowns = match run.session.cpus() {
            1 => String::new(),
            cpus => format!("; {} shootdowns among {cpus} CPUs", grouped(kernel.shootdowns)),
        };
        let is_told = run.report.is_some();
        is_told.then(|| format!("{} to another address space{shootdowns}", grouped(kernel.context_switches)))
    }),
    count!("pte_reads", |run| run.outcome.mmu.pte_reads)
        .column("PTE reads", 10, |run| grouped(run.outcome.mmu.pte_reads)),
    // Entries changed by the walker.
    count!("pte_writes", |run| run.outcome.mmu.pte_writes),
    // The hardware's clock; the golden model's where there is no hardware.
    count!("cycles", |run| run.outcome.mmu.cycles)
        .page("cycles", cycles)
        .column("cycles", 14, |run| grouped(run.outcome.mmu.cycles)),
    // The golden model's prediction.
    count!("golden_cycles", |run| run.outcome.golden_cycles)
        .column("golden", 14, |run| grouped(run.outcome.golden_cycles)),
    // The three of all processes before the last exit.
    count!("page_table_bytes", |run| run.outcome.kernel.page_table_bytes),
    count!("rss_bytes", |run| run.outcome.kernel.rss_bytes),
    count!("vsz_bytes", |run| run.outcome.kernel.vsz_bytes),
    told("memory", |run| {
        let kernel = &run.outcome.kernel;
        let [rss, vsz, tables] = [kernel.rss_bytes, kernel.vsz_bytes, kernel.page_table_bytes]
            .map(|bytes| ByteSize(bytes).rounded());
        Some(format!("{rss} resident of {vsz} mapped, {tables} of page tables"))
    }),
    // Null where there was no access.
    field("accesses_per_s", |run| Some(run.accesses_per_s().map_or(Figure::Null(()), Figure::Real)))
        .page("speed", speed)
        .column("M acc/s", 9, |run| {
            run.accesses_per_s().map_or_else(|| "-".into(), |rate| format!("{:.2}", rate / 1e6))
        }),
    // Clock cycles of simulated hardware per second; 0 where there is none.
    field("rtl_cycles_per_s", |run| Some(Figure::Real(run.rtl_cycles_per_s()))),
    // Seconds in which the trace was carried out.
    field("elapsed_s", |run| Some(Figure::Real(run.elapsed_s())))
        .column("s", 8, |run| format!("{:.2}", run.elapsed_s())),
    // Most memory that this process had.
    count!("peak_rss_bytes", |_run| peak_rss_bytes()),
    // Between engines 0 or 1, as the first ends a run; and one for each process that the trace goes on with after the
    // model ended it.
    count!("differences", |run| run.differences()).column("  differences", 0, |run| {
        let end = match run.end() {
            "complete" | "difference" => String::new(),
            other => format!(" ({other})"),
        };
        format!("  {}{end}", run.differences())
    }),
    field("difference", |run| run.difference.as_ref().map(Figure::Difference)),
    // complete, difference, interrupted or error.
    field("end", |run| Some(Figure::Text(run.end()))).page("result", result),
    // The first process that was killed, and by what.
    field("death", |run| run.outcome.counts.death().map(|death| Figure::Words(death.to_string()))),
    // Why the trace could not be run to its end.
    field("error", |run| run.outcome.error.as_ref().map(|error| Figure::Words(error.to_string()))),
    // Everything that the kernel counts.
    field("kernel", |run| Some(Figure::Kernel(&run.outcome.kernel))),
    // The rest is of scenarios: what each step came to, snapshots by label, the kernel's log of memory that ran out.
    field("scenario", |run| run.report.as_ref().map(|told| Figure::Text(&told.scenario))),
    field("machine", |run| run.report.as_ref().map(|told| Figure::Machine(&told.machine))),
    field("steps", |run| run.report.as_ref().map(|told| Figure::Steps(&told.steps))),
    field("snapshots", |run| run.report.as_ref().map(|told| Figure::Snapshots(&told.snapshots))).page(
        "snapshots",
        |run| {
            let labels: Vec<_> = run.report.as_ref()?.snapshots.keys().map(String::as_str).collect();
            (!labels.is_empty()).then(|| labels.join(", "))
        },
    ),
    field("oom", |run| run.report.as_ref().map(|told| Figure::Lines(&told.oom))),
    // Why the kernel stopped, where it did.
    field("panic", |run| Some(Figure::Text(run.report.as_ref()?.panic.as_deref()?))),
    // What the scenario asks for and the model does not do; standard error has it too.
    field("notes", |run| run.report.as_ref().map(|told| Figure::Lines(&told.notes))),
    // Steps that could not be carried out.
    field("errors", |run| run.report.as_ref().map(|told| Figure::Lines(&told.errors))).page(
        "not done",
        |run| {
            let errors = &run.report.as_ref()?.errors;
            (!errors.is_empty()).then(|| errors.join("\n"))
        },
    ),
];

fn fetches(run: &Run) -> LookUps {
    LookUps { hits: run.outcome.mmu.l1i_hits, misses: run.outcome.mmu.l1i_misses }
}
fn data(run: &Run) -> LookUps {
    LookUps { hits: run.outcome.mmu.l1d_hits, misses: run.outcome.mmu.l1d_misses }
}

/// Look-ups of one TLB.
struct LookUps {
    hits: u64,
    misses: u64,
}

impl LookUps {
    /// Hits among them, as a percentage.
    fn rate(&self) -> String {
        match self.hits + self.misses {
            0 => "-".into(),
            all => format!("{:.3} %", 100.0 * self.hits as f64 / all as f64),
        }
    }
    fn describe(&self) -> String {
        format!("{} of {} hit", self.rate(), grouped(self.hits + self.misses))
    }
}

fn cycles(run: &Run) -> Option<String> {
    let (cycles, golden) = (run.outcome.mmu.cycles, run.outcome.golden_cycles);
    let per_access = match run.outcome.counts.accesses {
        0 => String::new(),
        accesses => format!(" ({:.3} per access)", cycles as f64 / accesses as f64),
    };
    let predicted = if !run.session.engine.has_hardware() {
        String::new()
    } else if cycles == golden {
        "; the golden model predicted as many".into()
    } else {
        format!("; the golden model predicted {}", grouped(golden))
    };
    Some(format!("{}{per_access}{predicted}", grouped(cycles)))
}

fn speed(run: &Run) -> Option<String> {
    let clock = match run.rtl_cycles_per_s() {
        0.0 => String::new(),
        cycles => format!(", {} hardware cycles/s", rate(cycles)),
    };
    let speed = run.accesses_per_s().map_or_else(|| "-".into(), rate);
    Some(format!("{speed} accesses/s{clock}, {:.2} s", run.elapsed_s()))
}

/// Whether all agreed; without a comparison, only what is out of order.
fn result(run: &Run) -> Option<String> {
    let compared = run.session.engine.has_hardware();
    let verdict = match run.end() {
        "interrupted" => "interrupted",
        "error" => "ended by an error",
        _ => "",
    };
    let mut differences = match &run.difference {
        Some(found) => format!("1 difference, at access {}", grouped(found.access)),
        None => "0 differences".into(),
    };
    let contradicted = run.lost.processes.len();
    if contradicted > 0 {
        let plural = if contradicted > 1 { "differences" } else { "difference" };
        let beside = if compared { format!("; between engines {differences}") } else { String::new() };
        differences = format!("{contradicted} {plural} between model and trace{beside}");
    }
    match (compared || contradicted > 0, verdict) {
        (true, "") => Some(differences),
        (true, verdict) => Some(format!("{verdict}; so far {differences}")),
        (false, "") => None,
        (false, verdict) => Some(verdict.to_owned()),
    }
}

/// The most memory that this process had at once, as Linux counts it; 0 where the system does not say.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}
