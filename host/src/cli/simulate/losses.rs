//! What is said of processes that ended early and of what the models do not carry out: the JSON of it, the rows, and
//! the line for each process that model and trace disagree about.

use crate::cli::quantity::{counted, grouped};
use pagewalk_machine::{Ending, Losses, ProcessEnd, RunCounts, Verdict};
use serde::Serialize;

/// Processes that are named one by one; the others are counted.
pub(super) const NAMED_MAX: usize = 8;

/// Accesses that were not carried out though the recorded program made them.
#[derive(Debug, Serialize)]
pub struct LostReport {
    /// How many.
    pub accesses: u64,
    /// Of whom.
    pub processes: Vec<LostProcess>,
}

/// A process that the trace goes on with after the model ended it.
#[derive(Debug, Serialize)]
pub struct LostProcess {
    /// Who.
    pub pid: u32,
    /// Its accesses that were not carried out.
    pub accesses: u64,
    /// Where it was killed; of one that exited, where it did.
    pub killed_at_line: u32,
    /// Where the trace first goes on with it.
    pub went_on_at_line: u32,
    /// What ended it.
    pub why: String,
}

/// A process that was killed.
#[derive(Debug, Serialize)]
pub struct KilledReport {
    /// Who.
    pub pid: u32,
    /// By what.
    pub by: String,
    /// Where in the trace.
    pub line: u32,
    /// `agreed`: the trace tells of its death too. `last`: the trace has no more of it, nor of its death. `trace`: only the trace ends it; the access is not in it, or the signal was
    /// sent. `limit`: the modelled machine was too small for it.
    pub verdict: &'static str,
    /// The setting that it died of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<&'static str>,
    /// Its accesses that were not carried out.
    pub skipped: u64,
}

impl LostReport {
    /// What was lost.
    pub fn new(losses: &Losses) -> Self {
        let processes = losses.contradictions().map(|end| LostProcess {
            pid: end.pid,
            accesses: end.accesses,
            killed_at_line: end.line,
            went_on_at_line: end.went_on_at_line.unwrap_or(end.line),
            why: reason(end),
        });
        Self { accesses: losses.lost(), processes: processes.collect() }
    }
}

impl KilledReport {
    /// Every kill that the trace does not contradict.
    pub fn all(losses: &Losses) -> Vec<Self> {
        // What the steps of a scenario ended is told of with them.
        let ends = losses.ends().iter().filter(|end| end.ending != Ending::Stopped);
        let killed = ends.filter_map(|end| {
            let verdict = match end.verdict() {
                Verdict::Agreed if matches!(end.ending, Ending::Signalled(_)) => "trace",
                Verdict::Agreed if end.is_confirmed() => "agreed",
                Verdict::Agreed => "last",
                Verdict::Limit => "limit",
                Verdict::Contradicted => return None,
            };
            Some(Self {
                pid: end.pid,
                by: by(end),
                line: end.line,
                verdict,
                setting: setting(end),
                skipped: end.accesses,
            })
        });
        killed.collect()
    }

    pub(super) fn describe(&self) -> String {
        let skipped = match (self.verdict, self.setting) {
            ("limit", Some(setting)) => {
                let accesses = counted(self.skipped, "access", "accesses");
                format!(": {setting} allows no more; {accesses} not carried out")
            }
            ("trace", _) => ", as the trace says".into(),
            ("agreed", _) => ", where the trace ends it too".into(),
            _ => "; the trace has no more of it".into(),
        };
        format!("process {} by {} in line {}{skipped}", self.pid, self.by, self.line)
    }
}

/// What ended a process, without its name.
fn by(end: &ProcessEnd) -> String {
    match end.ending {
        Ending::Killed(death) => death.signal.to_string(),
        Ending::Signalled(11) => "SIGSEGV".into(),
        Ending::Signalled(7) => "SIGBUS".into(),
        Ending::Signalled(number) => format!("signal {number}"),
        Ending::Exited => "its exit".into(),
        Ending::Stopped => "the scenario".into(),
    }
}

fn setting(end: &ProcessEnd) -> Option<&'static str> {
    match end.ending {
        Ending::Killed(death) => death.bound.map(|bound| bound.setting()),
        Ending::Signalled(_) | Ending::Exited | Ending::Stopped => None,
    }
}

/// What ended a process, as a clause.
fn reason(end: &ProcessEnd) -> String {
    match end.ending {
        Ending::Killed(death) => format!("killed by {}", death.signal),
        Ending::Signalled(_) => format!("killed in the trace by {}", by(end)),
        Ending::Exited if end.line == 0 => "not alive".into(),
        Ending::Exited => "gone since its exit".into(),
        Ending::Stopped => "ended by the scenario".into(),
    }
}

/// The line for each process that model and trace disagree about.
pub fn complaints(counts: &RunCounts) -> Vec<String> {
    let losses = &counts.losses;
    let mut lines: Vec<String> = losses.contradictions().take(NAMED_MAX).map(complaint).collect();
    let more = losses.contradictions().count().saturating_sub(NAMED_MAX);
    if more > 0 {
        lines.push(format!("DIFFERENCE between model and trace: {} more processes", grouped(more as u64)));
    }
    if !lines.is_empty() {
        let (lost, all) = (grouped(losses.lost()), grouped(counts.presented()));
        lines.push(format!("  {lost} of {all} accesses were not carried out"));
    }
    lines
}

fn complaint(end: &ProcessEnd) -> String {
    let went_on = end.went_on_at_line.unwrap_or(end.line);
    let place = if end.line > 0 { format!(" in line {}", end.line) } else { String::new() };
    let remedy = match end.ending {
        Ending::Killed(death) => death.bound.map_or_else(String::new, |bound| {
            format!("; {0} forbids that address: --set {0}=0 allows it", bound.setting())
        }),
        _ => String::new(),
    };
    format!(
        "DIFFERENCE between model and trace: process {} was {}{place}, but the trace goes on with it in line {went_on}: {} \
         not carried out{remedy}",
        end.pid,
        reason(end),
        counted(end.accesses, "access", "accesses"),
    )
}
