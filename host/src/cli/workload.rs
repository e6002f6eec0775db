//! A scenario as the user names it: its file, and the image and the traces that it names.

use super::CliError;
use crate::input::open_trace;
use pagewalk_arch::PagingFormat;
use pagewalk_kernel::workload::{Action, Scenario};
use pagewalk_machine::workload::{Image, Traces, Workload};
use pagewalk_trace::{self as trace, Rebase, Trace, TraceError, TraceOptions};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Programs of 64-bit machines lie below this. Where all of it is there, no trace needs to be read twice to be fitted in.
const RECORDED_END: u64 = 1 << 47;

/// Reads the scenario in the file called `name`; `-` is standard input.
///
/// # Errors
/// A file that cannot be read, and the first line that is no line of a scenario.
pub fn open(name: &str) -> Result<Workload, CliError> {
    let path = Path::new(name);
    let text = read(path)?;
    let scenario = Scenario::parse(&text).map_err(|error| wrong(name, &error))?;
    let image = match &scenario.machine.image {
        None => Image::default(),
        Some(image) => {
            let path = beside(path, image);
            Image::parse(&read(&path)?).map_err(|error| wrong(&path.display().to_string(), &error))?
        }
    };
    let traces = BesideScenario { scenario: path.to_owned() };
    traces
        .check(&scenario, &text)
        .map_err(|problem| CliError::Workload { file: name.to_owned(), problem })?;
    let stem = path.file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned());
    let name = if name == "-" { "standard input".to_owned() } else { stem };
    Ok(Workload { name, scenario, image, traces: Some(Arc::new(traces)), checks: false })
}

/// Traces as the scenario in a file names them: from the file's folder.
#[derive(Debug)]
struct BesideScenario {
    scenario: PathBuf,
}

impl BesideScenario {
    /// The file that `name` means. `-` is one like any other: standard input may be the scenario itself.
    fn path(&self, name: &str) -> String {
        match beside(&self.scenario, name).to_string_lossy().into_owned() {
            path if path == "-" => "./-".into(),
            path => path,
        }
    }

    /// Whether a second reading gives the same.
    fn is_file(&self, name: &str) -> bool {
        std::fs::metadata(self.path(name)).is_ok_and(|file| file.is_file())
    }

    /// Says which trace of `scenario`, whose text is `text`, cannot be read, before anything runs.
    fn check(&self, scenario: &Scenario, text: &str) -> Result<(), String> {
        for step in &scenario.steps {
            let Action::Proc { trace: Some(name), .. } = &step.action else { continue };
            if name == pagewalk_machine::workload::BUNDLED_TRACE {
                continue;
            }
            // What a pipe holds is gone once it is read.
            let is_pipe = std::fs::metadata(self.path(name)).is_ok_and(|it| !it.is_file() && !it.is_dir());
            let opened = if is_pipe { Ok(()) } else { self.raw(name, None).map(|_| ()) };
            if let Err(error) = opened {
                let line = text.lines().nth(step.line as usize - 1).unwrap_or_default();
                let before = line.find("trace=").map_or(line, |at| &line[..at + "trace=".len()]);
                let column = 1 + before.chars().count();
                return Err(format!("line {}, column {column}: {error}", step.line));
            }
        }
        Ok(())
    }

    fn raw(&self, name: &str, fit: Option<PagingFormat>) -> Result<Box<dyn Trace>, TraceError> {
        open_trace(&self.path(name), TraceOptions { fit, limit: None })
    }
}

impl Traces for BesideScenario {
    fn open(&self, name: &str, format: PagingFormat) -> Result<Box<dyn Trace>, TraceError> {
        if format.spec().user_end() < RECORDED_END
            && self.is_file(name)
            && let Some(plan) = trace::plan(&mut *self.raw(name, None)?, format)?
        {
            return Ok(Box::new(Rebase::planned(self.raw(name, None)?, format, plan)));
        }
        self.raw(name, Some(format))
    }
}

fn wrong(file: &str, error: &dyn std::fmt::Display) -> CliError {
    CliError::Workload { file: file.to_owned(), problem: error.to_string() }
}

/// `image` as seen from the folder of the scenario.
fn beside(scenario: &Path, image: &str) -> PathBuf {
    scenario.parent().map_or_else(|| PathBuf::from(image), |folder| folder.join(image))
}

fn read(path: &Path) -> Result<String, CliError> {
    let read = match path.to_str() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        }
        _ => std::fs::read_to_string(path),
    };
    read.map_err(|reason| CliError::Read { path: path.to_owned(), reason })
}
