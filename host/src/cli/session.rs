//! One run: a kernel on an engine, fed by a trace to its end.
//!
//! Owns the way from settings to what came out ([`Outcome`]), the same for every engine. Does not own how it is shown
//! ([`super::summary`], [`super::report`]), nor what follows a difference ([`super::replay`]).

use super::CliError;
use super::console::Console;
use super::engine::{Engine, Tools};
use super::final_exit::FinalExit;
use super::interrupt;
use super::settings::Settings;
use super::source::TraceName;
use super::too_wide::{NarrowCore, RefusedCalls};
use super::translations::TranslationWriter;
use super::watch::Watch;
use pagewalk_arch::{CpuId, FRAME_SHIFT, Mmu, MmuStats, Platform, Uniprocessor};
use pagewalk_driver::RustHdl;
use pagewalk_golden::Golden;
use pagewalk_kernel::{Kernel, KernelStats};
use pagewalk_machine::{Lockstep, Machine, MachineError, RunCounts, RunEnd, Tapped};
use pagewalk_trace::Trace;
use pagewalk_verilator::build::TraceFormat;
use pagewalk_verilator::{Hardware, Verilated};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Session {
    /// MMU and kernel.
    pub settings: Settings,
    /// What the kernel runs on.
    pub engine: Engine,
    /// The trace.
    pub trace: TraceName,
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

/// The first difference, for people and for a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The whole report.
    pub report: String,
    /// In one line.
    pub what: String,
    /// Number of the access at or after which it showed.
    pub number: u64,
    /// Cycle near which it happened.
    pub cycle: u64,
}

/// What came out of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What was carried out.
    pub counts: RunCounts,
    /// How it ended.
    pub end: RunEnd,
    /// Why it ended before its trace, where something is wrong.
    pub error: Option<MachineError>,
    /// The kernel, as it was before the exit that ends the trace.
    pub kernel: KernelStats,
    /// The hardware's counters; the golden model's where there is no hardware.
    pub mmu: MmuStats,
    /// The golden model's cycles.
    pub golden_cycles: u64,
    /// The first difference.
    pub difference: Option<Found>,
    /// Time in which the trace was carried out.
    pub elapsed: Duration,
    /// The waveform that was written: not every Verilator writes the format that a name asks for.
    pub waves: Option<PathBuf>,
    /// What the trace has to tell besides its contents.
    pub notes: Vec<String>,
    /// It ended because its addresses found no room, which a reading beforehand would have given them.
    pub wants_plan: bool,
}

impl Session {
    /// First address at which no memory answers.
    fn memory_limit(&self) -> Result<u64, CliError> {
        Ok(self.settings.kernel.frames(&self.settings.mmu)?.end << FRAME_SHIFT)
    }

    /// Runs.
    ///
    /// # Errors
    /// What prevents a run altogether. What ends one early is part of the [`Outcome`].
    pub fn run(&self, console: &Console) -> Result<Outcome, CliError> {
        // A trace that cannot be read is known before hardware is compiled for it.
        let fit = (!self.no_rebase).then_some(self.settings.mmu.format);
        let outcome = self.run_trace(self.trace.open(fit, None)?, console)?;
        if !outcome.wants_plan || !self.trace.is_repeatable() {
            return Ok(outcome);
        }
        // In one pass its regions have grown together; a reading of the whole trace tells how they fit.
        match self.trace.open_planned(self.settings.mmu.format)? {
            Some(planned) => self.run_trace(planned, console),
            None => Ok(outcome),
        }
    }

    fn run_trace(&self, trace: Box<dyn Trace>, console: &Console) -> Result<Outcome, CliError> {
        let config = &self.settings.mmu;
        match &self.engine {
            Engine::Golden => self.run_golden(Golden::new(config)?, trace, console),
            Engine::Bare => self.run_golden(Golden::bare(config)?, trace, console),
            Engine::RustHdl => {
                let hardware = RustHdl::simulation(config)?;
                let golden = Golden::new(config)?;
                let (outcome, _) = self.run_lockstep(golden, (hardware, "rust-hdl"), trace, console)?;
                Ok(outcome)
            }
            Engine::Verilator(tools) => {
                let (hardware, waves) = self.start_verilated(tools, console)?;
                let golden = Golden::new(config)?;
                let (mut outcome, mut hardware) =
                    self.run_lockstep(golden, (hardware, "verilator"), trace, console)?;
                hardware.pins_mut().finish_waves()?;
                outcome.waves = waves;
                Ok(outcome)
            }
        }
    }

    /// The hardware, and the file that it writes its waveform to.
    fn start_verilated(
        &self,
        tools: &Tools,
        console: &Console,
    ) -> Result<(Verilated, Option<PathBuf>), CliError> {
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
        let mut engine = hardware.start()?;
        let Some((path, skipped_cycles)) = &self.waves else { return Ok((engine, None)) };
        let path = waveform_path(path, hardware.trace_format(), console);
        engine.pins_mut().write_waves(&path, *skipped_cycles)?;
        Ok((engine, Some(path)))
    }

    /// An engine that writes its own translations to `path`, if that is given.
    fn tapped<M: Mmu>(
        &self,
        engine: M,
        path: Option<&PathBuf>,
        failed: &Arc<AtomicBool>,
    ) -> Result<Tapped<M, TranslationWriter>, CliError> {
        let spec = self.settings.mmu.spec();
        let writer = path.map(|path| TranslationWriter::create(path, spec, failed)).transpose()?;
        Ok(Tapped::new(engine, writer))
    }

    fn run_golden(
        &self,
        golden: Golden,
        trace: Box<dyn Trace>,
        console: &Console,
    ) -> Result<Outcome, CliError> {
        let failed = Arc::default();
        let mut golden = self.tapped(golden, self.translations.as_ref(), &failed)?;
        let mut outcome = self.drive(&mut golden, trace, failed, console)?;
        outcome.mmu = golden.stats();
        finish(golden)?;
        outcome.golden_cycles = outcome.mmu.cycles;
        Ok(outcome)
    }

    fn run_lockstep<B: Mmu + Send>(
        &self,
        golden: Golden,
        (hardware, name): (B, &'static str),
        trace: Box<dyn Trace>,
        console: &Console,
    ) -> Result<(Outcome, B), CliError> {
        let failed = Arc::default();
        let golden = self.tapped(golden, self.translations.as_ref(), &failed)?;
        let hardware = self.tapped(hardware, self.translations_hardware.as_ref(), &failed)?;
        let mut lockstep = Lockstep::new(golden, hardware, ["golden", name]);
        let mut outcome = self.drive(&mut lockstep, trace, failed, console)?;
        outcome.difference = lockstep.report().map(|difference| Found {
            report: difference.to_string(),
            what: difference.what.clone(),
            number: difference.number.max(1),
            cycle: difference.cycle,
        });
        let (golden, hardware) = lockstep.into_engines();
        outcome.mmu = hardware.stats();
        outcome.golden_cycles = golden.stats().cycles;
        finish(golden)?;
        Ok((outcome, finish(hardware)?))
    }

    /// Runs a kernel on `mmu`; what only the engines know is left at its default.
    fn drive(
        &self,
        mmu: &mut dyn Mmu,
        trace: Box<dyn Trace>,
        failed: Arc<AtomicBool>,
        console: &Console,
    ) -> Result<Outcome, CliError> {
        let config = &self.settings.mmu;
        let mut kernel = Kernel::new(self.settings.kernel, config)?;
        kernel.interrupt_on(interrupt::flag());
        let refused_from = self.no_rebase.then(|| config.spec().user_end());
        let mut source = FinalExit::new(RefusedCalls::new(trace, refused_from));
        let limit = self.memory_limit()?;
        let (mut narrow, mut whole);
        let platform: &mut dyn Platform = if self.no_rebase {
            narrow = Uniprocessor::new(NarrowCore(mmu), limit);
            &mut narrow
        } else {
            whole = Uniprocessor::new(mmu, limit);
            &mut whole
        };
        let total = pagewalk_arch::TraceSource::position(&source).map(|(_, total)| total);
        let mut watch = Watch::new(console.progress(config.format.name(), total), failed);

        let started = Instant::now();
        let mut machine = Machine::new(&mut kernel, platform);
        let result = machine.run(&mut source, self.limit.unwrap_or(u64::MAX), &mut watch);
        let mut counts = machine.counts().clone();
        let elapsed = started.elapsed();

        let notes = source.inner().inner().notes();
        let (mut end, error) = match result {
            Ok(end) => (end, None),
            Err(error) => (RunEnd::Complete, Some(error)),
        };
        let alive = kernel.stats();
        if let Some(exit) = source.held()
            && end == RunEnd::Complete
            && error.is_none()
        {
            counts.losses.on_event(exit);
            // Only processes end here: no address can be wrong.
            let _ = kernel.on_event(platform, CpuId::BOOT, exit);
        }
        if platform.difference().is_some() {
            end = RunEnd::Difference;
        }
        let ended = kernel.stats();
        Ok(Outcome {
            counts,
            end,
            error,
            kernel: KernelStats {
                processes: alive.processes,
                vsz_bytes: alive.vsz_bytes,
                rss_bytes: alive.rss_bytes,
                page_table_bytes: alive.page_table_bytes,
                leaf_entries: alive.leaf_entries,
                frames_in_use: alive.frames_in_use,
                ..ended
            },
            mmu: MmuStats::default(),
            golden_cycles: 0,
            difference: None,
            elapsed,
            waves: None,
            notes,
            wants_plan: source.inner().inner().wants_plan(),
        })
    }
}

/// Writes what an engine's file lacks, and gives the engine back.
fn finish<M: Mmu>(engine: Tapped<M, TranslationWriter>) -> Result<M, CliError> {
    let (engine, writer) = engine.into_parts();
    writer.map_or(Ok(()), TranslationWriter::finish)?;
    Ok(engine)
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
