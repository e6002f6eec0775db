//! `cosim` and `run`: one run per format, shown as a page, as rows or as JSON.

use super::args::{CosimArgs, EngineChoice, MachineArgs, ResultArgs, RunArgs, SourceArgs};
use super::console::Console;
use super::engine::Engine;
use super::report::RunReport;
use super::session::{Outcome, Session};
use super::settings::Layers;
use super::source::TraceName;
use super::{CliError, Verdict, interrupt, losses, replay, summary};
use pagewalk_arch::{MmuConfig, PagingFormat};
use pagewalk_machine::MachineError;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Threads of a lockstep: one per engine.
const LOCKSTEP_THREADS: usize = 2;

/// `cosim`.
pub fn cosim(args: &CosimArgs, console: &Console) -> Result<Verdict, CliError> {
    let verilator_only = [("--waves", args.waves.is_some()), ("--verilog", args.verilog.is_some())];
    let verilator_only = verilator_only.into_iter().find_map(|(option, given)| given.then_some(option));
    let choice = match (args.engine, verilator_only) {
        (EngineChoice::Auto, Some(_)) => EngineChoice::Verilator,
        (EngineChoice::Golden | EngineChoice::RustHdl, Some(option)) => {
            let problem = format!("{option} needs the hardware under Verilator: use --engine verilator");
            return Err(CliError::Usage(problem));
        }
        (choice, _) => choice,
    };
    // Settings first: what cannot be built needs no tools.
    let mut plan = Plan::new(&args.machine, &args.source, &args.results)?;
    plan.single("--waves", args.waves.is_some())?;
    plan.single("--verilog", args.verilog.is_some())?;
    plan.waves.clone_from(&args.waves);
    plan.verilog.clone_from(&args.verilog);
    plan.single("--translations-hardware", args.translations_hardware.is_some())?;
    if args.translations_hardware.is_some() && choice == EngineChoice::Golden {
        let problem = "--translations-hardware needs hardware: leave --engine golden out";
        return Err(CliError::Usage(problem.into()));
    }
    plan.translations_hardware.clone_from(&args.translations_hardware);
    if let Some(path) = &args.verilog {
        check_header(path, &plan.layers.settings(plan.layers.formats()[0])?.mmu, &args.machine)?;
    }
    let engine = Engine::choose(choice, args.offline, console)?;
    plan.carry_out(&engine, console)
}

/// Refuses a text that says of itself that it was emitted for other hardware.
fn check_header(path: &Path, config: &MmuConfig, machine: &MachineArgs) -> Result<(), CliError> {
    let text =
        std::fs::read_to_string(path).map_err(|reason| CliError::Read { path: path.to_owned(), reason })?;
    let wanted = pagewalk_rtl::emit_options(config);
    let stated = match pagewalk_rtl::stated_options(&text) {
        Some(stated) if stated != wanted => stated,
        _ => return Ok(()),
    };
    let remedy = match &machine.config {
        Some(file) => format!("let {} say so, or leave it out and add {stated}", file.display()),
        None => {
            let command = replay::without(std::env::args().skip(1), &["--format", "--preset", "--set"]);
            let kernel = machine.set.iter().filter(|setting| !is_of_hardware(setting));
            let kernel = kernel.map(|setting| format!(" --set {setting}")).collect::<String>();
            format!("{} {stated}{kernel}", command.join(" "))
        }
    };
    let path = path.display();
    Err(CliError::Usage(format!("{path}: emitted with {stated}, which is not this run's {wanted}: {remedy}")))
}

/// Whether an assignment changes what is emitted.
fn is_of_hardware(assignment: &str) -> bool {
    let sections = ["l1i", "l1d", "physical_bits", "asid_bits", "tag_bits", "format", "preset"];
    let key = assignment.split(['.', '=']).next().unwrap_or_default();
    sections.contains(&key.trim())
}

/// `run`.
pub fn run(args: &RunArgs, console: &Console) -> Result<Verdict, CliError> {
    let engine = if args.bare { Engine::Bare } else { Engine::Golden };
    Plan::new(&args.machine, &args.source, &args.results)?.carry_out(&engine, console)
}

/// What both commands are to do.
struct Plan<'a> {
    layers: Layers,
    source: &'a SourceArgs,
    results: &'a ResultArgs,
    waves: Option<PathBuf>,
    verilog: Option<PathBuf>,
    translations_hardware: Option<PathBuf>,
}

/// The JSON of several runs.
#[derive(Debug, Serialize)]
struct RunReports {
    /// One per format.
    runs: Vec<RunReport>,
    /// All differences.
    differences: u64,
}

impl<'a> Plan<'a> {
    fn new(machine: &MachineArgs, source: &'a SourceArgs, results: &'a ResultArgs) -> Result<Self, CliError> {
        let layers = Layers::read(machine)?;
        let trace = TraceName::of(source);
        for &format in layers.formats() {
            layers.settings(format)?;
        }
        let plan = Self { layers, source, results, waves: None, verilog: None, translations_hardware: None };
        plan.single("--translations", results.translations.is_some())?;
        let same_file =
            |path: &PathBuf| std::fs::canonicalize(path).ok().is_some_and(|path| trace.is_file(&path));
        if let Some(path) = results.translations.iter().find(|path| same_file(path)) {
            let problem =
                format!("--translations {} would overwrite the trace: name another file", path.display());
            return Err(CliError::Usage(problem));
        }
        if plan.layers.formats().len() > 1 && !trace.is_repeatable() {
            let problem = "--format all reads the trace once per format, which a pipe does not allow: write it to a file \
                           first";
            return Err(CliError::Usage(problem.into()));
        }
        if trace.is_repeatable() {
            // Before any tool is looked for: nothing helps a trace that cannot be read.
            trace.open(None, None)?;
        }
        Ok(plan)
    }

    /// Refuses an option that makes sense for one format only.
    fn single(&self, option: &str, given: bool) -> Result<(), CliError> {
        if given && self.layers.formats().len() > 1 {
            return Err(CliError::Usage(format!("{option} names one file: give it one --format")));
        }
        Ok(())
    }

    fn session(&self, format: PagingFormat, engine: &Engine) -> Result<Session, CliError> {
        Ok(Session {
            settings: self.layers.settings(format)?,
            engine: engine.clone(),
            trace: TraceName::of(self.source),
            no_rebase: self.source.no_rebase,
            limit: self.source.limit,
            translations: self.results.translations.clone(),
            translations_hardware: self.translations_hardware.clone(),
            waves: self.waves.clone().map(|path| (path, 0)),
            verilog: self.verilog.clone(),
        })
    }

    fn carry_out(&self, engine: &Engine, console: &Console) -> Result<Verdict, CliError> {
        interrupt::watch();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(LOCKSTEP_THREADS).build()?;
        let formats = self.layers.formats();
        let several = formats.len() > 1;
        let mut reports = Vec::new();
        let mut verdict = Verdict::Done;
        let mut error = None;
        let mut notes = Notes::default();
        if several && !self.results.json {
            console.print(&format!("{}, {}", engine.describe(), TraceName::of(self.source).name()))?;
            console.print(&summary::heading())?;
        }
        for &format in formats {
            let session = self.session(format, engine)?;
            let outcome = pool.install(|| session.run(console))?;
            outcome.notes.iter().for_each(|note| notes.add(note, format));
            if !several {
                notes.say(console);
            }
            let report = RunReport::new(&session, &outcome, |number| replay::command(number, format));
            if !self.results.json {
                let compared = engine.has_hardware();
                let text = if several {
                    summary::line(&report)
                } else {
                    summary::page(&report, &engine.describe(), compared)
                };
                console.print(&text)?;
            }
            if explain(&session, &outcome, &report, console) == Verdict::Failed {
                verdict = Verdict::Failed;
            }
            if several && !report.unmodelled.is_empty() {
                notes.add(&format!("not modelled: {}", losses::unmodelled(&report)), format);
            }
            for complaint in losses::complaints(&outcome.run.counts) {
                match several {
                    true => notes.add(&format!("{format}: {complaint}"), format),
                    false => console.on_stderr(&complaint),
                }
                verdict = Verdict::Failed;
            }
            reports.push(report);
            if let Some(error) = outcome.run.error.as_ref().filter(|_| several) {
                notes.add(&format!("{format}: {error}"), format);
            }
            error = error.or(outcome.run.error);
            if interrupt::requested() {
                break;
            }
        }
        notes.say(console);
        if self.results.json {
            self.print_json(reports, several, console)?;
        }
        match error {
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

    fn print_json(
        &self,
        mut reports: Vec<RunReport>,
        several: bool,
        console: &Console,
    ) -> Result<(), CliError> {
        let differences = reports.iter().map(|report| report.differences).sum();
        let json = match reports.pop() {
            Some(report) if !several => serde_json::to_string_pretty(&report),
            last => {
                reports.extend(last);
                serde_json::to_string_pretty(&RunReports { runs: reports, differences })
            }
        };
        let json = json.map_err(|error| CliError::Output(error.into()))?;
        console.print(&json)
    }
}

/// What the runs have to tell, each once: what is true of several formats is said of them together.
#[derive(Debug, Default)]
struct Notes(Vec<(String, Vec<&'static str>)>);

impl Notes {
    /// Stands for a format's name.
    const BLANK: &'static str = "\0";

    fn add(&mut self, note: &str, format: PagingFormat) {
        let text = note.replace(format.name(), Self::BLANK);
        match self.0.iter_mut().find(|(other, _)| *other == text) {
            Some((_, formats)) => formats.push(format.name()),
            None => self.0.push((text, vec![format.name()])),
        }
    }

    fn say(&mut self, console: &Console) {
        for (text, formats) in self.0.drain(..) {
            console.note(&text.replace(Self::BLANK, &formats.join(", ")));
        }
    }
}

/// Tells about a difference, and how to see it again.
fn explain(session: &Session, outcome: &Outcome, report: &RunReport, console: &Console) -> Verdict {
    let Some(found) = &outcome.run.difference else { return Verdict::Done };
    console.on_stderr(&found.to_string());
    if let Some(difference) = &report.difference {
        console.on_stderr(&format!("  replay it alone: {}", difference.replay));
    }
    replay::write_waveform(session, found, outcome.waves.as_deref(), console);
    Verdict::Failed
}
