//! Where text goes: results to standard output, everything else to standard error. Owns the rule that neither a
//! closed pipe nor a missing terminal ever makes a command panic.

use super::CliError;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::Mutex;

/// Standard output and standard error of the process.
#[derive(Debug, Default)]
pub struct Console {
    /// Drawn below whatever is said on standard error.
    bar: Mutex<Option<ProgressBar>>,
}

impl Console {
    /// The console of the process.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a result, a line break after it where it has none.
    ///
    /// # Errors
    /// [`CliError::OutputClosed`] when its reader has gone, [`CliError::Output`] when it cannot be written.
    pub fn print(&self, text: &str) -> Result<(), CliError> {
        let write = || {
            let mut out = io::stdout().lock();
            let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
            out.write_all(text.as_bytes())?;
            out.write_all(end)?;
            out.flush()
        };
        let written = match self.bar.lock().ok().as_deref() {
            Some(Some(bar)) => bar.suspend(write),
            _ => write(),
        };
        written.map_err(output_error)
    }

    /// Writes a result as one JSON object.
    ///
    /// # Errors
    /// As [`Console::print`].
    pub fn print_json(&self, value: &impl Serialize) -> Result<(), CliError> {
        let json = serde_json::to_string_pretty(value).map_err(|error| CliError::Output(error.into()))?;
        self.print(&json)
    }

    /// Says something that is no result.
    pub fn note(&self, text: &str) {
        self.on_stderr(&format!("pagewalk: {text}"));
    }

    /// Says why the command ends.
    pub fn error(&self, error: &dyn Display) {
        self.on_stderr(&format!("pagewalk: error: {error}"));
    }

    /// Writes text for people to standard error as it is.
    pub fn on_stderr(&self, text: &str) {
        let write = || {
            // Without standard error there is nobody to tell.
            let _ = writeln!(io::stderr(), "{}", text.trim_end_matches('\n'));
        };
        match self.bar.lock().ok().as_deref() {
            Some(Some(bar)) => bar.suspend(write),
            _ => write(),
        }
    }

    /// Shows progress through `total` bytes where standard error is a terminal, until the guard is dropped.
    pub fn progress(&self, name: &str, total: Option<u64>) -> Progress<'_> {
        if !io::stderr().is_terminal() {
            return Progress { console: self, bar: None };
        }
        let template = match total {
            Some(_) => "{msg} {bar:30} {percent:>3} %  {decimal_bytes_per_sec} of trace, {eta} left",
            None => "{msg} {spinner} {elapsed}",
        };
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(name.to_owned());
        if let Ok(mut shown) = self.bar.lock() {
            *shown = Some(bar.clone());
        }
        Progress { console: self, bar: Some(bar) }
    }
}

/// A progress bar on standard error, or nothing where that is no terminal.
#[derive(Debug)]
pub struct Progress<'a> {
    console: &'a Console,
    bar: Option<ProgressBar>,
}

impl Progress<'_> {
    /// How far the source has been read.
    pub fn at(&self, position: Option<(u64, u64)>) {
        if let Some(bar) = &self.bar {
            match position {
                Some((done, _)) => bar.set_position(done),
                None => bar.tick(),
            }
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            if let Ok(mut shown) = self.console.bar.lock() {
                *shown = None;
            }
        }
    }
}

/// What a failed write to standard output means.
pub fn output_error(error: io::Error) -> CliError {
    match error.kind() {
        ErrorKind::BrokenPipe => CliError::OutputClosed,
        _ => CliError::Output(error),
    }
}
