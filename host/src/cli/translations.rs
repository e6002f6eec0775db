//! The file of translations: one record per access, as JSON lines or CSV.

use super::CliError;
use pagewalk_arch::{Access, AccessKind, FormatSpec, Outcome, Served};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The columns.
const HEADER: &str = "number,kind,va,pa,page_bytes,served,cycles";

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
}

impl TranslationWriter {
    /// Creates the file; its suffix decides the layout.
    ///
    /// # Errors
    /// [`CliError::Write`].
    pub fn create(path: &Path, spec: &'static FormatSpec) -> Result<Self, CliError> {
        let is_csv = path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("csv"));
        let layout = if is_csv { Layout::Csv } else { Layout::JsonLines };
        let failed = |reason| CliError::Write { path: path.to_owned(), reason };
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path).map_err(failed)?);
        if layout == Layout::Csv {
            writeln!(out, "{HEADER}").map_err(failed)?;
        }
        Ok(Self { path: path.to_owned(), out, layout, spec, number: 0, failure: None })
    }

    /// Appends translated accesses. A failure is kept for [`TranslationWriter::finish`].
    pub fn append(&mut self, accesses: &[Access], outcomes: &[Outcome]) {
        for (access, outcome) in accesses.iter().zip(outcomes) {
            self.number += 1;
            if self.failure.is_none()
                && let Err(error) = self.record(access, outcome)
            {
                self.failure = Some(error);
            }
        }
    }

    /// Whether writing has failed: there is no use in going on.
    pub fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    fn record(&mut self, access: &Access, outcome: &Outcome) -> io::Result<()> {
        let kind = kind_name(access.kind);
        let served = served_name(outcome.served);
        let (va, pa, page) = (access.va, outcome.pa, self.spec.page_bytes(outcome.page));
        let (number, cycles) = (self.number, outcome.latency);
        match self.layout {
            Layout::Csv => writeln!(self.out, "{number},{kind},{va},{pa},{page},{served},{cycles}"),
            Layout::JsonLines => writeln!(
                self.out,
                "{{\"number\":{number},\"kind\":\"{kind}\",\"va\":\"{va}\",\"pa\":\"{pa}\",\"page_bytes\":{page},\
                 \"served\":\"{served}\",\"cycles\":{cycles}}}"
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
