//! What watches a run: the progress bar, Ctrl-C, files that cannot be written on, screens that are due.

use super::CliError;
use super::console::{Console, Progress};
use super::interrupt;
use super::screens::ScreenArgs;
use pagewalk_kernel::Clock;
use pagewalk_machine::workload::WorkloadProgress;
use pagewalk_machine::{Observer, RunCounts, Spectator, View};
use pagewalk_trace::TraceSource;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time between two looks of the progress bar at the trace.
const REFRESH: Duration = Duration::from_millis(100);

/// Where screens go, and which.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// Which.
    pub screens: &'a ScreenArgs,
    /// To standard error: the results are one JSON object.
    pub beside_json: bool,
    /// What they are written to.
    pub console: &'a Console,
}

/// The observer of a run.
pub struct Watch<'a> {
    progress: Progress<'a>,
    drawn: Instant,
    failed: Arc<AtomicBool>,
    shown: Shown<'a>,
    due: pagewalk_kernel::Watch,
    last: Clock,
    error: Option<CliError>,
}

impl<'a> Watch<'a> {
    /// Shows progress and screens, and ends the run once `failed` is set.
    pub fn new(progress: Progress<'a>, failed: Arc<AtomicBool>, shown: Shown<'a>) -> Self {
        let due = shown.screens.watch();
        Self { progress, drawn: Instant::now(), failed, shown, due, last: Clock::default(), error: None }
    }

    /// What could not be shown or written.
    pub fn into_error(self) -> Option<CliError> {
        self.error
    }

    fn goes_on(&self) -> bool {
        !interrupt::requested() && !self.failed.load(Ordering::Relaxed) && self.error.is_none()
    }

    fn write(&mut self, text: &str) {
        match self.shown.beside_json {
            _ if text.is_empty() => {}
            true => self.shown.console.on_stderr(text),
            false => self.error = self.shown.console.print(text).err().or(self.error.take()),
        }
    }
}

impl Spectator for Watch<'_> {
    fn look(&mut self, view: &View<'_>) -> bool {
        let now = view.clock();
        if self.due.is_due(now) {
            let text = self.due.show(view.kernel, view.platform, now);
            self.last = now;
            self.write(&text);
        }
        self.goes_on()
    }

    /// The last interval is shown even where it is not a whole one; then what is shown at the end.
    fn look_at_end(&mut self, view: &View<'_>) {
        let now = view.clock();
        if !self.shown.screens.stat.is_empty() && now != self.last {
            let text = self.due.show(view.kernel, view.platform, now);
            self.write(&text);
        }
        match self.shown.screens.end(view.kernel, view.platform, now) {
            Ok(text) => self.write(&text),
            Err(error) => self.error = self.error.take().or(Some(CliError::Screens(error))),
        }
    }
}

impl WorkloadProgress for Watch<'_> {
    fn keep_running(&mut self, done: u64, of: u64, _counts: &RunCounts) -> bool {
        self.progress.at(Some((done, of)));
        self.goes_on()
    }
}

impl Observer for Watch<'_> {
    fn keep_running(&mut self, _counts: &RunCounts, source: &dyn TraceSource) -> bool {
        if self.drawn.elapsed() >= REFRESH {
            self.drawn = Instant::now();
            self.progress.at(source.position());
        }
        self.goes_on()
    }
}
