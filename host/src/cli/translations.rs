//! The files of translations: one record per access, as JSON lines or CSV, each written by one engine's own answers.

use super::CliError;
use pagewalk_arch::{Access, AccessKind, FaultKind, FormatSpec, Outcome, Served};
use pagewalk_machine::Tap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The columns.
const HEADER: &str = "number,kind,va,pa,page_bytes,served,cycles,memory_type,fault,code,retries";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    JsonLines,
    Csv,
}

/// A file that translations are written to.
#[derive(Debug)]
pub struct TranslationWriter {
    path: PathBuf,
    out: BufWriter<File>,
    layout: Layout,
    spec: &'static FormatSpec,
    number: u64,
    failure: Option<io::Error>,
    /// Set with `failure`, for the caller, which can end the run.
    failed: Arc<AtomicBool>,
}

impl TranslationWriter {
    /// Creates the file; its suffix decides the layout. `failed` is set when it cannot be written on.
    ///
    /// # Errors
    /// [`CliError::Write`].
    pub fn create(
        path: &Path,
        spec: &'static FormatSpec,
        failed: &Arc<AtomicBool>,
    ) -> Result<Self, CliError> {
        let flag = Arc::clone(failed);
        let is_csv = path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("csv"));
        let layout = if is_csv { Layout::Csv } else { Layout::JsonLines };
        let failed = |reason| CliError::Write { path: path.to_owned(), reason };
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path).map_err(failed)?);
        if layout == Layout::Csv {
            writeln!(out, "{HEADER}").map_err(failed)?;
        }
        Ok(Self { path: path.to_owned(), out, layout, spec, number: 0, failure: None, failed: flag })
    }

    fn record(&mut self, access: &Access, outcome: &Outcome, retries: u32) -> io::Result<()> {
        let kind = kind_name(access.kind);
        let served = served_name(outcome.served);
        let (va, pa, page) = (access.va, outcome.pa, self.spec.page_bytes(outcome.page_size));
        let (number, cycles, memory_type) = (self.number, outcome.latency, outcome.memory_type);
        let (fault, code) = (fault_name(outcome.fault), outcome.code);
        match self.layout {
            Layout::Csv => writeln!(
                self.out,
                "{number},{kind},{va},{pa},{page},{served},{cycles},{memory_type},{fault},{code},{retries}"
            ),
            Layout::JsonLines => writeln!(
                self.out,
                "{{\"number\":{number},\"kind\":\"{kind}\",\"va\":\"{va}\",\"pa\":\"{pa}\",\"page_bytes\":{page},\
                 \"served\":\"{served}\",\"cycles\":{cycles},\"memory_type\":{memory_type},\"fault\":\"{fault}\",\
                 \"code\":{code},\"retries\":{retries}}}"
            ),
        }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// [`CliError::Write`] with the first failure.
    pub fn finish(mut self) -> Result<(), CliError> {
        let result = match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.out.flush(),
        };
        result.map_err(|reason| CliError::Write { path: self.path, reason })
    }
}

impl Tap for TranslationWriter {
    /// Appends accesses. A failure is kept for [`TranslationWriter::finish`].
    fn answered(&mut self, accesses: &[Access], outcomes: &[Outcome], retries: u32) {
        for (at, (access, outcome)) in accesses.iter().zip(outcomes).enumerate() {
            let retries = if at == 0 { retries } else { 0 };
            self.number += 1;
            if self.failure.is_none()
                && let Err(error) = self.record(access, outcome, retries)
            {
                self.failure = Some(error);
                self.failed.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// The name of a kind of access in files.
pub fn kind_name(kind: AccessKind) -> &'static str {
    match kind {
        AccessKind::Fetch => "fetch",
        AccessKind::Load => "load",
        AccessKind::Store => "store",
    }
}

/// The name in files of what answered.
pub fn served_name(served: Served) -> &'static str {
    match served {
        Served::L1 => "l1",
        Served::L2 => "l2",
        Served::Pwc => "pwc",
        Served::Walk => "walk",
    }
}

/// The name of a fault in files.
fn fault_name(fault: FaultKind) -> &'static str {
    match fault {
        FaultKind::None => "none",
        FaultKind::Page => "page",
        FaultKind::Access => "access",
        FaultKind::GeneralProtection => "general_protection",
    }
}
