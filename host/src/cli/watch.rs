//! What watches a run: the progress bar, Ctrl-C, files that cannot be written on.

use super::console::Progress;
use super::interrupt;
use pagewalk_machine::workload::WorkloadProgress;
use pagewalk_machine::{Observer, RunCounts};
use pagewalk_trace::TraceSource;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time between two looks of the progress bar at the trace.
const REFRESH: Duration = Duration::from_millis(100);

/// The observer of a run.
pub struct Watch<'a> {
    progress: Progress<'a>,
    drawn: Instant,
    failed: Arc<AtomicBool>,
}

impl<'a> Watch<'a> {
    /// Shows progress, and ends the run once `failed` is set.
    pub fn new(progress: Progress<'a>, failed: Arc<AtomicBool>) -> Self {
        Self { progress, drawn: Instant::now(), failed }
    }
}

impl WorkloadProgress for Watch<'_> {
    fn keep_running(&mut self, done: u64, of: u64, _counts: &RunCounts) -> bool {
        self.progress.at(Some((done, of)));
        !interrupt::requested() && !self.failed.load(Ordering::Relaxed)
    }
}

impl Observer for Watch<'_> {
    fn keep_running(&mut self, _counts: &RunCounts, source: &dyn TraceSource) -> bool {
        if self.drawn.elapsed() >= REFRESH {
            self.drawn = Instant::now();
            self.progress.at(source.position());
        }
        !interrupt::requested() && !self.failed.load(Ordering::Relaxed)
    }
}
