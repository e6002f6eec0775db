//! Which trace a command reads, and whether it can be read a second time.

use super::CliError;
use super::args::{RawSourceArgs, SourceArgs};
use pagewalk_arch::PagingFormat;
use pagewalk_trace::{self as trace, BUNDLED_NAME, Rebase, Trace, TraceOptions};
use std::path::Path;

/// A trace by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceName(Option<String>);

impl TraceName {
    /// The trace that `args` name.
    pub fn of(args: &SourceArgs) -> Self {
        Self(args.trace.clone())
    }
    /// The trace that `args` name.
    pub fn of_raw(args: &RawSourceArgs) -> Self {
        Self(args.trace.clone())
    }

    /// The trace called `name`; the bundled one without a name.
    pub fn named(name: Option<String>) -> Self {
        Self(name)
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        match self.0.as_deref() {
            None => BUNDLED_NAME,
            Some("-") => "standard input",
            Some(path) => path,
        }
    }

    /// Whether it is the file at `path`, which is canonical.
    pub fn is_file(&self, path: &Path) -> bool {
        self.0.as_deref().and_then(|name| std::fs::canonicalize(name).ok()).is_some_and(|name| name == path)
    }

    /// Whether [`TraceName::open`] gives the same trace again: pipes are gone once they are read.
    pub fn is_repeatable(&self) -> bool {
        match self.0.as_deref() {
            None => true,
            Some("-") => false,
            Some(path) => std::fs::metadata(path).map_or(true, |file| file.is_file()),
        }
    }

    /// Opens it, re-based for `fit`.
    ///
    /// # Errors
    /// One line that names file, place and remedy.
    pub fn open(&self, fit: Option<PagingFormat>, limit: Option<u64>) -> Result<Box<dyn Trace>, CliError> {
        let options = TraceOptions { fit, limit };
        self.open_with(options)
    }

    /// Opens it, re-based for `format` by a plan: it is read twice. `None` where even so it does not fit.
    ///
    /// # Errors
    /// As [`TraceName::open`].
    pub fn open_planned(&self, format: PagingFormat) -> Result<Option<Box<dyn Trace>>, CliError> {
        let plan = trace::plan(&mut *self.open(None, None)?, format)?;
        let raw = self.open(None, None)?;
        Ok(plan.map(|plan| Box::new(Rebase::planned(raw, format, plan)) as Box<dyn Trace>))
    }

    fn open_with(&self, options: TraceOptions) -> Result<Box<dyn Trace>, CliError> {
        let opened = match &self.0 {
            None => trace::bundled(options),
            Some(path) => crate::input::open_trace(path, options),
        };
        Ok(opened?)
    }
}
