//! `fuzz`: random scenarios, alone and in lockstep with hardware, for as long as one likes.
//!
//! Owns the loop and what is kept of a failure. What is likely in a scenario is [`pagewalk_machine::workload::random`]'s.

use super::args::{EngineChoice, MachineArgs};
use super::console::Console;
use super::engine::Engine;
use super::execute::Execute;
use super::interrupt::{self, OnSecond};
use super::quantity::counted;
use super::settings::{Layers, Settings};
use super::{CliError, Verdict};
use clap::Args;
use pagewalk_arch::PagingFormat;
use pagewalk_kernel::workload::Scenario;
use pagewalk_machine::workload::Workload;
use pagewalk_machine::workload::random::{self, Shape};
use pagewalk_machine::{Session, Taps, WorkloadOutcome};
use pagewalk_verilator::{Hardware, Verilated};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// Scenarios between two notes of how far it is.
const NOTE_EVERY: u64 = 100;

/// Arguments of `fuzz`.
#[derive(Debug, Args)]
pub struct FuzzArgs {
    /// Random scenarios of processes, files, pressure, forks and kills [the default, and the only kind]
    #[arg(long)]
    pub workload: bool,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// What runs under the kernel beside the golden model
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE", help_heading = "Hardware")]
    pub engine: EngineChoice,
    /// Download nothing, not even Verilator
    #[arg(long, help_heading = "Hardware")]
    pub offline: bool,
    /// The first scenario's seed; the others count up from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub from: u64,
    /// End after so many scenarios [default: at Ctrl-C]
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// Lines of each scenario
    #[arg(long, value_name = "N", default_value_t = Shape::default().steps)]
    pub steps: u32,
    /// Where a scenario that fails is written, shrunk to what matters
    #[arg(long, value_name = "FILE", default_value = "pagewalk-fuzz.txt")]
    pub output: PathBuf,
}

impl Execute for FuzzArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        interrupt::watch(OnSecond::EndProcess);
        let kernel = Workload { checks: true, ..workload("")? }.kernel_defaults();
        let layers = Layers::read_over(&self.machine, PagingFormat::La48, kernel)?;
        let settings = layers.settings(layers.one_format()?)?;
        let engine = Engine::choose(self.engine, self.offline, console)?;
        let hardware = match &engine {
            Engine::Verilator(tools) => {
                let notice = |text: &str| console.note(text);
                Some(Hardware::build(&settings.mmu, false, &tools.toolchain, &tools.cache, &notice)?)
            }
            _ => None,
        };
        let trial = Trial { settings, engine, hardware };
        let shape = Shape { steps: self.steps, ..Shape::default() };
        let mut tried = 0;
        for seed in self.from.. {
            if interrupt::requested() || self.count.is_some_and(|count| tried >= count) {
                break;
            }
            let text = random::scenario(seed, &shape);
            if let Some(what) = trial.trouble(&text) {
                return self.tell(&trial, seed, &what, &text, console);
            }
            tried += 1;
            if tried % NOTE_EVERY == 0 {
                console.note(&format!("{} so far, the last of seed {seed}", scenarios(tried)));
            }
        }
        console.print(&format!("{}, seeds from {}: nothing found", scenarios(tried), self.from))?;
        Ok(Verdict::Done)
    }
}

impl FuzzArgs {
    /// Keeps the least of `text` that still fails.
    fn tell(
        &self,
        trial: &Trial,
        seed: u64,
        what: &str,
        text: &str,
        console: &Console,
    ) -> Result<Verdict, CliError> {
        console.print(&format!("seed {seed}: {what}"))?;
        let small = random::shrink(text, |text| !interrupt::requested() && trial.trouble(text).is_some());
        let path = &self.output;
        std::fs::write(path, small).map_err(|reason| CliError::Write { path: path.clone(), reason })?;
        let format = trial.settings.mmu.format;
        console.print(&format!(
            "  what is left of it shows it too: pagewalk cosim --format {format} --workload {}",
            path.display()
        ))?;
        Ok(Verdict::Failed)
    }
}

fn scenarios(count: u64) -> String {
    counted(count, "scenario", "scenarios")
}

fn workload(text: &str) -> Result<Workload, CliError> {
    let scenario = Scenario::parse(text)
        .map_err(|error| CliError::Workload { file: "random".into(), problem: error.to_string() })?;
    Ok(Workload { name: "random".into(), scenario, ..Workload::default() })
}

/// How a scenario is tried.
struct Trial {
    settings: Settings,
    engine: Engine,
    hardware: Option<Hardware>,
}

impl Trial {
    /// What is wrong with a scenario, if anything is: a panic, an invariant that does not hold, a difference.
    fn trouble(&self, text: &str) -> Option<String> {
        match catch_unwind(AssertUnwindSafe(|| self.attempt(text))) {
            Ok(result) => result.err(),
            Err(panic) => {
                let said = panic.downcast_ref::<String>().map(String::as_str);
                let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
                Some(format!("panicked: {}", said.unwrap_or_default()))
            }
        }
    }

    fn attempt(&self, text: &str) -> Result<(), String> {
        let workload = workload(text).map_err(|error| error.to_string())?;
        let checked = Workload { checks: true, ..workload.clone() };
        let alone = self.run(&checked, pagewalk_machine::Engine::Golden)?;
        let mut verilated: Vec<Verilated>;
        let engine = match (&self.engine, &self.hardware) {
            (Engine::RustHdl, _) => pagewalk_machine::Engine::RustHdl,
            (_, Some(hardware)) => {
                let cpus = workload.scenario.machine.cpus;
                let started = (0..cpus).map(|_| hardware.start()).collect::<Result<_, _>>();
                verilated = started.map_err(|error| error.to_string())?;
                pagewalk_machine::Engine::Verilator(&mut verilated)
            }
            _ => return Ok(()),
        };
        let both = self.run(&workload, engine)?;
        if let Some(difference) = &both.run.difference {
            return Err(difference.to_string());
        }
        let same = alone.report == both.report && alone.run.counts == both.run.counts;
        if same { Ok(()) } else { Err("with hardware, what came out is something else".into()) }
    }

    fn run(
        &self,
        workload: &Workload,
        engine: pagewalk_machine::Engine<'_>,
    ) -> Result<WorkloadOutcome, String> {
        let session = Session { mmu: self.settings.mmu, kernel: self.settings.kernel, ..Session::default() };
        let outcome = session.run_workload(engine, Taps::default(), workload, &mut ());
        let outcome = outcome.map_err(|error| error.to_string())?;
        match &outcome.run.error {
            None => Ok(outcome),
            Some(error) => Err(error.to_string()),
        }
    }
}
