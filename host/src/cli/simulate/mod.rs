//! `cosim` and `run`: which engine, and which options go together; the runs themselves are [`plan`]'s.

mod args;
mod losses;
mod notes;
mod plan;
mod replay;
mod report;

pub use args::{CosimArgs, RunArgs};

use super::args::{EngineChoice, MachineArgs};
use super::console::Console;
use super::engine::Engine;
use super::execute::Execute;
use super::{CliError, Verdict};
use pagewalk_arch::MmuConfig;
use plan::Plan;
use replay::Given;
use std::path::Path;

impl Execute for CosimArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        cosim(self, console)
    }
}

impl Execute for RunArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        run(self, console)
    }
}

fn cosim(args: &CosimArgs, console: &Console) -> Result<Verdict, CliError> {
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
    let mut plan = Plan::new(&args.machine, &args.source, &args.results, &args.screens)?;
    plan.single("--waves", args.waves.is_some())?;
    plan.single("--verilog", args.verilog.is_some())?;
    plan.waves.clone_from(&args.waves);
    plan.verilog.clone_from(&args.verilog);
    plan.single("--translations-hardware", args.translations_hardware.is_some())?;
    plan.one_cpu("--translations-hardware", args.translations_hardware.is_some())?;
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
            let command = Given::of_process().without(&["format", "preset", "set"]);
            let kernel = machine.set.iter().filter(|setting| !is_of_hardware(setting));
            let kernel = kernel.map(|setting| format!(" --set {setting}")).collect::<String>();
            format!("{command} {stated}{kernel}")
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

fn run(args: &RunArgs, console: &Console) -> Result<Verdict, CliError> {
    let engine = if args.bare { Engine::Bare } else { Engine::Golden };
    Plan::new(&args.machine, &args.source, &args.results, &args.screens)?.carry_out(&engine, console)
}
