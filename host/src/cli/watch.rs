//! Whoever watches a run: the progress bar, Ctrl-C, the file of translations.

use super::console::Progress;
use super::interrupt;
use super::translations::TranslationWriter;
use pagewalk_arch::{Access, Outcome, TraceSource};
use pagewalk_cosim::{Observer, RunCounts};
use std::time::{Duration, Instant};

/// Time between two looks of the progress bar at the trace.
const REFRESH: Duration = Duration::from_millis(100);

/// The observer of a run.
pub struct Watch<'a> {
    progress: Progress<'a>,
    drawn: Instant,
    translations: Option<TranslationWriter>,
}

impl<'a> Watch<'a> {
    /// Watches for `progress` and `translations`.
    pub fn new(progress: Progress<'a>, translations: Option<TranslationWriter>) -> Self {
        Self { progress, drawn: Instant::now(), translations }
    }
    /// The file of translations, to be finished.
    pub fn into_translations(self) -> Option<TranslationWriter> {
        self.translations
    }
}

impl Observer for Watch<'_> {
    fn translated(&mut self, accesses: &[Access], outcomes: &[Outcome]) {
        if let Some(translations) = &mut self.translations {
            translations.append(accesses, outcomes);
        }
    }

    fn wants_outcomes(&self) -> bool {
        self.translations.is_some()
    }

    fn goes_on(&mut self, _counts: &RunCounts, source: &dyn TraceSource) -> bool {
        if self.drawn.elapsed() >= REFRESH {
            self.drawn = Instant::now();
            self.progress.at(source.position());
        }
        !interrupt::requested() && !self.translations.as_ref().is_some_and(TranslationWriter::has_failed)
    }
}
