//! What a run came to: one table of rows. Each row is a field of the JSON (names that are never changed, only added
//! to), and where people are to see it also a row of the page of one run or a column of the list of several.

use super::losses::{self, KilledReport, LostReport};
use crate::cli::quantity::{ByteSize, grouped, rate};
use crate::cli::session::{Outcome, Session};
use crate::cli::settings::Settings;
use pagewalk_kernel::KernelStats;
use pagewalk_machine::RunEnd;
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A run that is over.
#[derive(Debug)]
pub struct Run {
    /// What it was made of.
    pub session: Session,
    /// What came out.
    pub outcome: Outcome,
    /// What the difference between the engines is.
    pub difference: Option<DifferenceReport>,
    /// Accesses that the recorded program made and that were not carried out.
    pub lost: LostReport,
    /// Processes that were killed, where the trace does not contradict it.
    pub killed: Vec<KilledReport>,
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

/// What a field of the JSON holds.
#[derive(Serialize)]
#[serde(untagged)]
enum Figure<'a> {
    Count(u64),
    Real(f64),
    Null(()),
    Text(&'a str),
    Words(String),
    Settings(&'a Settings),
    Lost(&'a LostReport),
    Killed(&'a [KilledReport]),
    Calls(&'a BTreeMap<&'static str, u64>),
    Difference(&'a DifferenceReport),
    Kernel(&'a KernelStats),
}

/// Gives a field of the JSON; `None`: it is left out.
type FigureOf = fn(&Run) -> Option<Figure<'_>>;
/// Gives the text of a row of the page, several lines for several rows; `None`: there is none.
type TextOf = fn(&Run) -> Option<String>;

/// One row of the table.
struct Row {
    /// Path in the JSON, and what stands there.
    json: Option<(&'static str, FigureOf)>,
    /// Name on the page, and what it says.
    page: Option<(&'static str, TextOf)>,
    /// Where several runs are listed.
    column: Option<Column>,
}

/// A column of the list of several runs.
struct Column {
    heading: &'static str,
    /// Characters; the first and the last column stand at the left of theirs.
    width: usize,
    text: fn(&Run) -> String,
}

/// A field of the JSON.
const fn field(name: &'static str, value: FigureOf) -> Row {
    Row { json: Some((name, value)), page: None, column: None }
}

/// A row that is not in the JSON: what it says is put together from fields that are.
const fn told(name: &'static str, text: TextOf) -> Row {
    Row { json: None, page: Some((name, text)), column: None }
}

impl Row {
    const fn page(self, name: &'static str, text: TextOf) -> Self {
        Row { page: Some((name, text)), ..self }
    }
    const fn column(self, heading: &'static str, width: usize, text: fn(&Run) -> String) -> Self {
        Row { column: Some(Column { heading, width, text }), ..self }
    }
}

/// A counter: `count!("name", |run| value)`.
macro_rules! count {
    ($name:literal, |$run:ident| $value:expr) => {
        field($name, |$run| Some(Figure::Count($value)))
    };
}

/// The rows, in the order of the JSON, of the page and of the columns.
const ROWS: &[Row] = &[
    field("format", |run| Some(Figure::Text(run.format()))).column("format", 8, |run| run.format().into()),
    // golden, bare, verilator or rust-hdl.
    field("engine", |run| Some(Figure::Text(run.session.engine.name()))),
    field("config", |run| Some(Figure::Settings(&run.session.settings))),
    field("trace", |run| Some(Figure::Text(run.session.trace.name())))
        .page("trace", |run| Some(run.session.trace.name().to_owned())),
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
    field("killed", |run| Some(Figure::Killed(&run.killed))).page("killed", losses::killed),
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
        .page("TLB fetch", |run| Some(run.fetches().describe()))
        .column("TLB fetch", 11, |run| run.fetches().rate()),
    count!("tlb.l1i_misses", |run| run.outcome.mmu.l1i_misses),
    count!("tlb.l1d_hits", |run| run.outcome.mmu.l1d_hits)
        .page("TLB data", |run| Some(run.data().describe()))
        .column("TLB data", 11, |run| run.data().rate()),
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
];

impl Run {
    /// What `session` came to; `replay` makes the command that shows a difference again.
    pub fn new(session: Session, outcome: Outcome, replay: impl Fn(u64) -> String) -> Self {
        let difference = outcome.difference.as_ref().map(|found| DifferenceReport {
            access: found.number,
            what: found.what.clone(),
            replay: replay(found.number),
        });
        let losses = &outcome.counts.losses;
        let (lost, killed) = (LostReport::new(losses), KilledReport::all(losses));
        Self { session, outcome, difference, lost, killed }
    }

    /// All differences, between engines and between model and trace.
    pub fn differences(&self) -> u64 {
        u64::from(self.difference.is_some()) + self.lost.processes.len() as u64
    }

    /// On a page of its own.
    pub fn page(&self) -> String {
        let mut out = format!("{}: {}\n", self.format(), self.session.engine.describe());
        for (name, text) in ROWS.iter().filter_map(|row| row.page) {
            for line in text(self).iter().flat_map(|text| text.lines()) {
                let _ = writeln!(out, "  {name:<13} {line}");
            }
        }
        out
    }

    /// In the list of several.
    pub fn line(&self) -> String {
        columns(|column| (column.text)(self))
    }

    fn format(&self) -> &'static str {
        self.session.settings.mmu.format.name()
    }
    fn fetches(&self) -> LookUps {
        LookUps { hits: self.outcome.mmu.l1i_hits, misses: self.outcome.mmu.l1i_misses }
    }
    fn data(&self) -> LookUps {
        LookUps { hits: self.outcome.mmu.l1d_hits, misses: self.outcome.mmu.l1d_misses }
    }
    fn elapsed_s(&self) -> f64 {
        self.outcome.elapsed.as_secs_f64()
    }
    fn per_second(&self, count: u64) -> f64 {
        if self.elapsed_s() > 0.0 { count as f64 / self.elapsed_s() } else { 0.0 }
    }
    fn accesses_per_s(&self) -> Option<f64> {
        let accesses = self.outcome.counts.accesses;
        (accesses > 0).then(|| self.per_second(accesses))
    }
    fn rtl_cycles_per_s(&self) -> f64 {
        if self.session.engine.has_hardware() { self.per_second(self.outcome.mmu.cycles) } else { 0.0 }
    }
    fn end(&self) -> &'static str {
        match (self.outcome.end, &self.outcome.error) {
            (RunEnd::Difference, _) => "difference",
            (_, Some(_)) => "error",
            (RunEnd::Interrupted, _) => "interrupted",
            (RunEnd::Complete, _) => "complete",
        }
    }
}

/// The headings of the list of several runs.
pub fn heading() -> String {
    columns(|column| column.heading.to_owned())
}

fn columns(text: impl Fn(&Column) -> String) -> String {
    let columns = ROWS.iter().filter_map(|row| row.column.as_ref()).enumerate();
    columns.fold(String::new(), |mut out, (at, column)| {
        let (text, width) = (text(column), column.width);
        let _ = if at == 0 { write!(out, "{text:<width$}") } else { write!(out, "{text:>width$}") };
        out
    })
}

impl Serialize for Run {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = ROWS.iter().filter_map(|row| row.json);
        let fields: Vec<_> = fields.filter_map(|(path, value)| Some((path, value(self)?))).collect();
        let mut map = serializer.serialize_map(None)?;
        for group in fields.chunk_by(|(a, _), (b, _)| a.contains('.') && group_of(a) == group_of(b)) {
            match &group[0] {
                (path, _) if path.contains('.') => map.serialize_entry(group_of(path), &Group(group))?,
                (name, value) => map.serialize_entry(name, value)?,
            }
        }
        map.end()
    }
}

/// The object that a field stands in.
fn group_of(path: &str) -> &str {
    path.split('.').next().unwrap_or_default()
}

/// The fields of one object.
struct Group<'a>(&'a [(&'static str, Figure<'a>)]);

impl Serialize for Group<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = |path: &'static str| path.split_once('.').map_or(path, |(_, name)| name);
        serializer.collect_map(self.0.iter().map(|(path, value)| (name(path), value)))
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_field_has_a_name_of_its_own_and_a_group_stands_together() {
        let paths: Vec<&str> = ROWS.iter().filter_map(|row| row.json).map(|(path, _)| path).collect();
        assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), paths.len(), "{paths:?}");
        let entries: Vec<&str> =
            paths.chunk_by(|a, b| group_of(a) == group_of(b)).map(|chunk| group_of(chunk[0])).collect();
        assert_eq!(
            entries.iter().collect::<BTreeSet<_>>().len(),
            entries.len(),
            "a group in two pieces: {entries:?}"
        );
    }
}
