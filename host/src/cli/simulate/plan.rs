//! One run per format, shown as a page, as rows or as JSON.

use super::args::ResultArgs;
use super::losses;
use super::notes::Notes;
use super::replay;
use super::report::{self, Run};
use crate::cli::args::{MachineArgs, SourceArgs};
use crate::cli::console::Console;
use crate::cli::engine::Engine;
use crate::cli::interrupt::{self, OnSecond};
use crate::cli::screens::ScreenArgs;
use crate::cli::session::Session;
use crate::cli::settings::Layers;
use crate::cli::source::TraceName;
use crate::cli::workload;
use crate::cli::{CliError, Verdict};
use pagewalk_arch::PagingFormat;
use pagewalk_machine::MachineError;
use pagewalk_machine::workload::Workload;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Threads of a lockstep: one per engine.
const LOCKSTEP_THREADS: usize = 2;

/// What both commands are to do.
pub struct Plan<'a> {
    /// Settings.
    pub layers: Layers,
    source: &'a SourceArgs,
    workload: Option<Arc<Workload>>,
    results: &'a ResultArgs,
    screens: &'a ScreenArgs,
    /// File of the waveform.
    pub waves: Option<PathBuf>,
    /// Verilog in place of the generator's.
    pub verilog: Option<PathBuf>,
    /// File of the hardware's translations.
    pub translations_hardware: Option<PathBuf>,
}

/// The JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Report<'a> {
    One(&'a Run),
    Several {
        /// One per format.
        runs: &'a [Run],
        /// All differences.
        differences: u64,
    },
}

impl<'a> Plan<'a> {
    /// What the arguments ask for.
    ///
    /// # Errors
    /// Settings, trace or options that cannot be used.
    pub fn new(
        machine: &MachineArgs,
        source: &'a SourceArgs,
        results: &'a ResultArgs,
        screens: &'a ScreenArgs,
    ) -> Result<Self, CliError> {
        let workload = source.workload.as_deref().map(workload::open).transpose()?.map(Arc::new);
        let layers = match &workload {
            None => Layers::read(machine)?,
            // The numbers of a real Linux hold in the format that it was asked in.
            Some(workload) => Layers::read_over(machine, PagingFormat::La48, workload.kernel_defaults())?,
        };
        let trace = TraceName::of(source);
        for &format in layers.formats() {
            layers.settings(format)?;
        }
        let has_trace = workload.is_none();
        let plan = Self {
            layers,
            source,
            workload,
            results,
            screens,
            waves: None,
            verilog: None,
            translations_hardware: None,
        };
        plan.single("--translations", results.translations.is_some())?;
        plan.one_cpu("--translations", results.translations.is_some())?;
        if let Some(option) = screens.given().filter(|_| plan.layers.formats().len() > 1) {
            return Err(CliError::Usage(format!("{option} shows one machine: give it one --format")));
        }
        screens.check().map_err(CliError::Screens)?;
        let same_file =
            |path: &PathBuf| std::fs::canonicalize(path).ok().is_some_and(|path| trace.is_file(&path));
        if let Some(path) = results.translations.iter().find(|path| same_file(path)) {
            let problem =
                format!("--translations {} would overwrite the trace: name another file", path.display());
            return Err(CliError::Usage(problem));
        }
        if has_trace && plan.layers.formats().len() > 1 && !trace.is_repeatable() {
            let problem = "--format all reads the trace once per format, which a pipe does not allow: write it to a file \
                           first";
            return Err(CliError::Usage(problem.into()));
        }
        if has_trace && trace.is_repeatable() {
            // Before any tool is looked for: nothing helps a trace that cannot be read.
            trace.open(None, None)?;
        }
        Ok(plan)
    }

    /// Refuses an option that makes sense for one format only.
    ///
    /// # Errors
    /// [`CliError::Usage`].
    pub fn single(&self, option: &str, given: bool) -> Result<(), CliError> {
        if given && self.layers.formats().len() > 1 {
            return Err(CliError::Usage(format!("{option} names one file: give it one --format")));
        }
        Ok(())
    }

    /// Refuses an option that shows one CPU, where the machine has several.
    ///
    /// # Errors
    /// [`CliError::Usage`].
    pub fn one_cpu(&self, option: &str, given: bool) -> Result<(), CliError> {
        let cpus = self.workload.as_ref().map_or(1, |workload| workload.scenario.machine.cpus);
        if given && cpus > 1 {
            return Err(CliError::Usage(format!(
                "{option} shows one CPU: the scenario's machine has {cpus}"
            )));
        }
        Ok(())
    }

    fn session(&self, format: PagingFormat, engine: &Engine) -> Result<Session, CliError> {
        let mut settings = self.layers.settings(format)?;
        if let Some(workload) = &self.workload {
            settings.kernel = workload.kernel_config(settings.kernel);
            settings.kernel.frames(&settings.mmu)?;
        }
        Ok(Session {
            settings,
            workload: self.workload.clone(),
            engine: engine.clone(),
            trace: TraceName::of(self.source),
            screens: self.screens.clone(),
            beside_json: self.results.json,
            no_rebase: self.source.no_rebase,
            limit: self.source.limit,
            translations: self.results.translations.clone(),
            translations_hardware: self.translations_hardware.clone(),
            waves: self.waves.clone().map(|path| (path, 0)),
            verilog: self.verilog.clone(),
        })
    }

    /// Runs, and shows what came out.
    ///
    /// # Errors
    /// What prevents a run altogether, or ends one without a difference.
    pub fn carry_out(&self, engine: &Engine, console: &Console) -> Result<Verdict, CliError> {
        interrupt::watch(OnSecond::EndProcess);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(LOCKSTEP_THREADS).build()?;
        let several = self.layers.formats().len() > 1;
        let mut runs = Vec::new();
        let mut verdict = Verdict::Done;
        let mut notes = Notes::default();
        if several && !self.results.json {
            console.print(&format!("{}, {}", engine.describe(), TraceName::of(self.source).name()))?;
            console.print(&report::heading())?;
        }
        for &format in self.layers.formats() {
            let session = self.session(format, engine)?;
            let mut outcome = pool.install(|| session.run(console))?;
            outcome.notes.iter().for_each(|note| notes.add(note, format));
            if !several {
                notes.say(console);
            }
            let waves = outcome.waves.take();
            let cpus = session.cpus();
            let replay = |number| replay::command(number, format, cpus);
            let run = Run::new(session, outcome.run, outcome.report, replay);
            if !self.results.json {
                if let Some(report) = &run.report {
                    console.print(&report::workload::table(report))?;
                }
                console.print(&if several { run.line() } else { run.page() })?;
            }
            explain(&run, waves.as_deref(), console);
            if several && let Some(calls) = report::losses::unmodelled(&run) {
                notes.add(&format!("not modelled: {calls}"), format);
            }
            for complaint in losses::complaints(&run.outcome.counts) {
                match several {
                    true => notes.add(&format!("{format}: {complaint}"), format),
                    false => console.on_stderr(&complaint),
                }
            }
            if several && let Some(error) = &run.outcome.error {
                notes.add(&format!("{format}: {error}"), format);
            }
            if run.differences() > 0 {
                verdict = Verdict::Failed;
            }
            runs.push(run);
            if interrupt::requested() {
                break;
            }
        }
        notes.say(console);
        if self.results.json {
            console.print_json(&match &runs[..] {
                [run] if !several => Report::One(run),
                runs => Report::Several { runs, differences: runs.iter().map(Run::differences).sum() },
            })?;
        }
        match runs.into_iter().find_map(|run| run.outcome.error) {
            // A difference goes before what came of it, but hides nothing.
            Some(error) if verdict == Verdict::Failed => {
                if !several {
                    console.error(&error);
                }
                Ok(verdict)
            }
            Some(error @ MachineError::Refused { .. }) => {
                console.error(&error);
                Ok(Verdict::Failed)
            }
            Some(error) => Err(error.into()),
            None => Ok(verdict),
        }
    }
}

/// Tells about a difference between the engines, and how to see it again.
fn explain(run: &Run, waves: Option<&Path>, console: &Console) {
    let (Some(found), Some(difference)) = (&run.outcome.difference, &run.difference) else { return };
    console.on_stderr(&found.to_string());
    console.on_stderr(&format!("  replay it alone: {}", difference.replay));
    replay::write_waveform(&run.session, found, waves, console);
}
