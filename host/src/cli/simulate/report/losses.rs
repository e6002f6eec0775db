//! The rows of the page about processes that ended early and calls that no model carries out.

use super::Run;
use crate::cli::quantity::{counted, grouped};
use crate::cli::simulate::losses::{KilledReport, LostReport, NAMED_MAX};

/// Rows of the page: processes that were killed.
pub fn killed(run: &Run) -> Option<String> {
    let mut lines: Vec<String> = run.killed.iter().take(NAMED_MAX).map(KilledReport::describe).collect();
    let more = run.killed.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        lines.push(format!("and {} more processes", grouped(more as u64)));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Row of the page: whose accesses were lost.
pub fn lost(run: &Run) -> Option<String> {
    let LostReport { accesses, processes } = &run.lost;
    let pids: Vec<_> = processes.iter().take(NAMED_MAX).map(|p| p.pid.to_string()).collect();
    let more = match processes.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let plural = if processes.len() > 1 { "processes" } else { "process" };
    let accesses = counted(*accesses, "access", "accesses");
    (!pids.is_empty()).then(|| format!("{accesses} of {plural} {}{more}", pids.join(", ")))
}

/// The calls that were not carried out: `2 process_vm_readv, 1 userfaultfd`.
pub fn unmodelled(run: &Run) -> Option<String> {
    let calls = run.outcome.counts.losses.unmodelled();
    let calls: Vec<_> = calls.iter().map(|(name, count)| format!("{} {name}", grouped(*count))).collect();
    (!calls.is_empty()).then(|| calls.join(", "))
}
