//! One run: a kernel on an engine, fed by a trace to its end.
//!
//! Owns what the machine's session needs from the user: hardware, trace, files. Does not own how it is shown
//! ([`super::summary`], [`super::report`]), nor what follows a difference ([`super::replay`]).

use super::CliError;
use super::console::Console;
use super::engine::{Engine, Tools};
use super::interrupt;
use super::screens::ScreenArgs;
use super::settings::Settings;
use super::source::TraceName;
use super::translations::TranslationWriter;
use super::watch::{Shown, Watch};
use pagewalk_machine::workload::{Workload, WorkloadReport};
use pagewalk_machine::{RunOutcome, Tap, Taps, WorkloadOutcome};
use pagewalk_trace::Trace;
use pagewalk_trace::TraceSource;
use pagewalk_verilator::build::TraceFormat;
use pagewalk_verilator::{Hardware, Verilated};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Session {
    /// MMU and kernel.
    pub settings: Settings,
    /// What the kernel runs on.
    pub engine: Engine,
    /// The trace.
    pub trace: TraceName,
    /// The scenario that is carried out in its place.
    pub workload: Option<Arc<Workload>>,
    /// What is shown of memory.
    pub screens: ScreenArgs,
    /// The results are one JSON object on standard output.
    pub beside_json: bool,
    /// Addresses stay where they are.
    pub no_rebase: bool,
    /// Accesses at most.
    pub limit: Option<u64>,
    /// File of the golden model's translations.
    pub translations: Option<PathBuf>,
    /// File of the hardware's translations.
    pub translations_hardware: Option<PathBuf>,
    /// Waveform: file, and cycles before its first.
    pub waves: Option<(PathBuf, u64)>,
    /// Verilog to be compiled in place of the generator's.
    pub verilog: Option<PathBuf>,
}

/// What came out of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What the machine has to say.
    pub run: RunOutcome,
    /// What a scenario came to.
    pub report: Option<WorkloadReport>,
    /// The waveform that was written: not every Verilator writes the format that a name asks for.
    pub waves: Option<PathBuf>,
    /// What the trace has to tell besides its contents.
    pub notes: Vec<String>,
    /// It ended because its addresses found no room, which a reading beforehand would have given them.
    wants_plan: bool,
}

/// What is carried out.
enum Work<'a> {
    Trace(Box<dyn Trace>),
    Workload(&'a Workload),
}

impl Work<'_> {
    /// Bytes, or steps, of a progress bar.
    fn total(&self) -> Option<u64> {
        match self {
            Work::Trace(trace) => trace.position().map(|(_, total)| total),
            Work::Workload(workload) => Some(workload.scenario.steps.len() as u64),
        }
    }
}

impl Session {
    /// What people call the trace, or the scenario.
    pub fn source_name(&self) -> &str {
        self.workload.as_ref().map_or(self.trace.name(), |workload| &workload.name)
    }

    /// CPUs of the machine.
    pub fn cpus(&self) -> u32 {
        self.workload.as_ref().map_or(1, |workload| workload.scenario.machine.cpus)
    }

    /// Runs.
    ///
    /// # Errors
    /// What prevents a run altogether. What ends one early is part of the [`Outcome`].
    pub fn run(&self, console: &Console) -> Result<Outcome, CliError> {
        if let Some(workload) = &self.workload {
            return self.run_on(Work::Workload(workload), console);
        }
        // A trace that cannot be read is known before hardware is compiled for it.
        let fit = (!self.no_rebase).then_some(self.settings.mmu.format);
        let outcome = self.run_on(Work::Trace(self.trace.open(fit, None)?), console)?;
        if !outcome.wants_plan || !self.trace.is_repeatable() {
            return Ok(outcome);
        }
        // In one pass its regions have grown together; a reading of the whole trace tells how they fit.
        match self.trace.open_planned(self.settings.mmu.format)? {
            Some(planned) => self.run_on(Work::Trace(planned), console),
            None => Ok(outcome),
        }
    }

    fn run_on(&self, work: Work<'_>, console: &Console) -> Result<Outcome, CliError> {
        let spec = self.settings.mmu.spec();
        let failed = Arc::default();
        let writer = |path: &Option<PathBuf>| {
            let create = |path: &PathBuf| TranslationWriter::create(path, spec, &failed);
            path.as_ref().map(create).transpose()
        };
        let mut golden = writer(&self.translations)?;
        let mut hardware = writer(&self.translations_hardware)?;
        let taps = Taps {
            golden: golden.as_mut().map(|writer| writer as &mut (dyn Tap + Send)),
            hardware: hardware.as_mut().map(|writer| writer as &mut (dyn Tap + Send)),
        };
        let session = pagewalk_machine::Session {
            mmu: self.settings.mmu,
            kernel: self.settings.kernel,
            limit: self.limit,
            no_rebase: self.no_rebase,
            interrupt: Some(interrupt::flag()),
        };
        let mut verilated = Vec::new();
        let mut written = None;
        let engine = match &self.engine {
            Engine::Golden => pagewalk_machine::Engine::Golden,
            Engine::Bare => pagewalk_machine::Engine::Bare,
            Engine::RustHdl => pagewalk_machine::Engine::RustHdl,
            Engine::Verilator(tools) => {
                (verilated, written) = self.start_verilated(tools, console)?;
                pagewalk_machine::Engine::Verilator(&mut verilated)
            }
        };
        let shown = Shown { screens: &self.screens, beside_json: self.beside_json, console };
        let mut watch = Watch::new(console.progress(spec.name, work.total()), Arc::clone(&failed), shown);
        let mut outcome = match work {
            Work::Trace(mut trace) => Outcome {
                run: session.run(engine, taps, &mut trace, &mut watch)?,
                report: None,
                waves: None,
                notes: trace.notes(),
                wants_plan: trace.wants_plan(),
            },
            Work::Workload(workload) => {
                let WorkloadOutcome { run, report } =
                    session.run_workload(engine, taps, workload, &mut watch)?;
                let notes = report.notes.clone();
                Outcome { run, report: Some(report), waves: None, notes, wants_plan: false }
            }
        };
        if let Some(error) = watch.into_error() {
            return Err(error);
        }
        for writer in [golden, hardware].into_iter().flatten() {
            writer.finish()?;
        }
        if let Some(engine) = verilated.first_mut() {
            engine.pins_mut().finish_waves()?;
            outcome.waves = written;
        }
        Ok(outcome)
    }

    /// The hardware of each CPU, and the file that the first writes its waveform to.
    fn start_verilated(
        &self,
        tools: &Tools,
        console: &Console,
    ) -> Result<(Vec<Verilated>, Option<PathBuf>), CliError> {
        let notice = |text: &str| console.note(text);
        let traced = self.waves.is_some();
        let config = &self.settings.mmu;
        let hardware = match &self.verilog {
            None => Hardware::build(config, traced, &tools.toolchain, &tools.cache, &notice)?,
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|reason| CliError::Read { path: path.clone(), reason })?;
                let design = pagewalk_rtl::generate(config)?;
                Hardware::of_verilog(config, &design, &text, traced, &tools.toolchain, &tools.cache, &notice)?
            }
        };
        let mut engines = (0..self.cpus()).map(|_| hardware.start()).collect::<Result<Vec<_>, _>>()?;
        let (Some((path, skipped_cycles)), Some(first)) = (&self.waves, engines.first_mut()) else {
            return Ok((engines, None));
        };
        let path = waveform_path(path, hardware.trace_format(), console);
        first.pins_mut().write_waves(&path, *skipped_cycles)?;
        Ok((engines, Some(path)))
    }
}

/// The path with the suffix of what can be written.
fn waveform_path(path: &Path, format: Option<TraceFormat>, console: &Console) -> PathBuf {
    let Some(format) = format else { return path.to_owned() };
    let named = path.extension().and_then(|suffix| suffix.to_str());
    let other = match format {
        TraceFormat::Fst => TraceFormat::Vcd,
        TraceFormat::Vcd => TraceFormat::Fst,
    };
    if named == Some(other.suffix()) {
        let path = path.with_extension(format.suffix());
        console.note(&format!("waveforms are written as {} here: {}", format.suffix(), path.display()));
        return path;
    }
    path.to_owned()
}
