//! What a run came to, as JSON, as a page, and as a line among several. Owns the three forms; what stands in them is the
//! table of [`rows`].

pub(super) mod losses;
mod rows;
pub(super) mod workload;

use super::losses::{KilledReport, LostReport};
use crate::cli::session::Session;
use crate::cli::settings::Settings;
use pagewalk_kernel::KernelStats;
use pagewalk_machine::RunEnd;
use pagewalk_machine::RunOutcome;
use pagewalk_machine::workload::{SnapshotReport, StepReport, WorkloadReport};
use rows::ROWS;
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A run that is over.
#[derive(Debug)]
pub struct Run {
    /// What it was made of.
    pub session: Session,
    /// What came out.
    pub outcome: RunOutcome,
    /// What a scenario came to.
    pub report: Option<WorkloadReport>,
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
    Machine(&'a BTreeMap<String, String>),
    Steps(&'a [StepReport]),
    Snapshots(&'a BTreeMap<String, SnapshotReport>),
    Lines(&'a [String]),
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

impl Run {
    /// What `session` came to; `replay` makes the command that shows a difference again.
    pub fn new(
        session: Session,
        outcome: RunOutcome,
        report: Option<WorkloadReport>,
        replay: impl Fn(u64) -> String,
    ) -> Self {
        let difference = outcome.difference.as_ref().map(|found| DifferenceReport {
            access: found.number.max(1),
            what: found.what.clone(),
            replay: replay(found.number.max(1)),
        });
        let losses = &outcome.counts.losses;
        let (lost, killed) = (LostReport::new(losses), KilledReport::all(losses));
        Self { session, outcome, report, difference, lost, killed }
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
