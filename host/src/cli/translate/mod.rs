//! `translate`: queries through page tables given as a memory image, with no kernel.
//!
//! Owns the order of things on any engine; the schema is [`schema`]'s, its checks [`job`]'s, the results in [`answer`].

mod answer;
mod args;
pub mod job;
mod schema;

pub use args::TranslateArgs;
pub use schema::JobError;

use super::args::{FormatChoice, MachineArgs};
use super::console::Console;
use super::engine::{Tools, tools};
use super::execute::Execute;
use super::settings::Layers;
use super::{CliError, Verdict};
use answer::{Answer, Answers};
use args::TranslateEngine;
use job::{Job, Query};
use pagewalk_arch::{Batch, Mmu, MmuConfig, OnFault, PhysAddr, Uniprocessor};
use pagewalk_driver::RustHdl;
use pagewalk_golden::Golden;
use pagewalk_machine::Lockstep;
use pagewalk_verilator::{Hardware, HardwareError};
use std::io::Read;
use std::path::Path;

impl Execute for TranslateArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        translate(self, console)
    }
}

fn translate(args: &TranslateArgs, console: &Console) -> Result<Verdict, CliError> {
    let job = read(&args.job)?;
    let bench = Bench { config: config(&job, &args.machine())?, job: &job };
    let answers = match args.engine {
        TranslateEngine::Golden => bench.golden()?,
        TranslateEngine::RustHdl => bench.rust_hdl()?,
        TranslateEngine::Verilator => bench.verilator(&tools(args.offline, console)?, console)?,
        TranslateEngine::Lockstep => match tools(args.offline, console) {
            Ok(tools) => bench.lockstep(&tools, console)?,
            Err(missing) => {
                console.note(&format!("comparing with rust-hdl's own simulation: {missing}"));
                bench.lockstep_rust_hdl(console)?
            }
        },
        TranslateEngine::Auto => match tools(args.offline, console) {
            Ok(tools) => bench.lockstep(&tools, console)?,
            Err(missing) => {
                console.note(&format!("the golden model answers alone: {missing}"));
                bench.golden()?
            }
        },
    };
    console.print_json(&answers)?;
    Ok(if answers.differences == 0 { Verdict::Done } else { Verdict::Failed })
}

/// Reads the job at `path`, `-` being standard input.
///
/// # Errors
/// Names the file, and the place in it.
pub fn read(path: &str) -> Result<Job, CliError> {
    let mut text = Vec::new();
    let result = match path {
        "-" => std::io::stdin().read_to_end(&mut text),
        path => std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut text)),
    };
    result.map_err(|reason| CliError::Read { path: Path::new(path).to_owned(), reason })?;
    let wrong = |error| CliError::Job { file: path.to_owned(), error };
    let text = String::from_utf8(text).map_err(|_| wrong(schema::invalid("the job", "is no UTF-8 text")))?;
    Job::parse(&text).map_err(wrong)
}

/// The MMU of a job: the format's ASIDs in full, so that every query can be asked.
///
/// # Errors
/// Settings that no MMU can be built with.
pub fn config(job: &Job, machine: &MachineArgs) -> Result<MmuConfig, CliError> {
    let machine = MachineArgs { format: Some(FormatChoice::One(job.format)), ..machine.clone() };
    let mut config = Layers::read(&machine)?.settings(job.format)?.mmu;
    config.asid_bits = job.format.spec().asid_bits;
    if let Some(bits) = job.physical_bits {
        config.physical_bits = bits;
    }
    config.validate()?;
    Ok(config)
}

/// Puts the image of `job` into the memory of `machine`.
pub fn load_image<M: Mmu>(machine: &mut Uniprocessor<M>, job: &Job) {
    let narrow = machine.mmu.config().spec().pte_bytes == 4;
    for (&address, &word) in &job.image {
        if narrow {
            machine.write_pte(PhysAddr(address), word & 0xffff_ffff);
            machine.write_pte(PhysAddr(address + 4), word >> 32);
        } else {
            machine.write_pte(PhysAddr(address), word);
        }
    }
}

/// First address at which no memory answers.
pub fn memory_limit(job: &Job, config: &MmuConfig) -> u64 {
    job.memory_bytes.unwrap_or(1 << config.physical_bits)
}

/// A job and the MMU that it is asked of.
struct Bench<'a> {
    job: &'a Job,
    config: MmuConfig,
}

/// The report of a difference, where an engine has one.
type Report<M> = fn(&M) -> Option<String>;

impl Bench<'_> {
    fn memory_limit(&self) -> u64 {
        memory_limit(self.job, &self.config)
    }

    fn start_golden(&self) -> Result<Golden, CliError> {
        Ok(Golden::new(&self.config)?)
    }

    fn golden(&self) -> Result<Answers, CliError> {
        self.ask("golden", || self.start_golden(), |_| None, None)
    }

    fn rust_hdl(&self) -> Result<Answers, CliError> {
        let start = || Ok(RustHdl::simulation(&self.config)?);
        self.ask("rust-hdl", start, |_| None, None)
    }

    fn hardware(&self, tools: &Tools, console: &Console) -> Result<Hardware, HardwareError> {
        Hardware::build(&self.config, false, &tools.toolchain, &tools.cache, &|notice| console.note(notice))
    }

    fn verilator(&self, tools: &Tools, console: &Console) -> Result<Answers, CliError> {
        let hardware = self.hardware(tools, console)?;
        self.ask("verilator", || Ok(hardware.start()?), |_| None, None)
    }

    fn lockstep(&self, tools: &Tools, console: &Console) -> Result<Answers, CliError> {
        let hardware = self.hardware(tools, console)?;
        let start = || {
            let compiled = hardware.start()?;
            Ok(Lockstep::new(self.start_golden()?, compiled, ["golden", "verilator"]))
        };
        self.ask("lockstep", start, |lockstep| lockstep.report().map(ToString::to_string), Some(console))
    }

    fn lockstep_rust_hdl(&self, console: &Console) -> Result<Answers, CliError> {
        let start = || {
            let simulated = RustHdl::simulation(&self.config)?;
            Ok(Lockstep::new(self.start_golden()?, simulated, ["golden", "rust-hdl"]))
        };
        self.ask("lockstep", start, |lockstep| lockstep.report().map(ToString::to_string), Some(console))
    }

    /// Asks every query, of a fresh engine each or of one engine in turn. A cumulative job ends at a difference.
    fn ask<M: Mmu>(
        &self,
        engine: &'static str,
        start: impl Fn() -> Result<M, CliError>,
        report: Report<M>,
        console: Option<&Console>,
    ) -> Result<Answers, CliError> {
        let mut answers = Answers { results: Vec::new(), differences: 0, engine };
        let mut running: Option<Uniprocessor<M>> = None;
        for query in &self.job.queries {
            let mut machine = match running.take() {
                Some(machine) if self.job.cumulative => machine,
                _ => {
                    let mut machine = Uniprocessor::new(start()?, self.memory_limit());
                    load_image(&mut machine, self.job);
                    machine
                }
            };
            let answer = ask_one(&mut machine, query);
            let differs = machine.mmu.difference().is_some();
            if differs {
                answers.differences += 1;
                if let (Some(console), Some(report)) = (console, report(&machine.mmu)) {
                    console.on_stderr(&report);
                }
            }
            answers.results.push(answer);
            if differs && self.job.cumulative {
                break;
            }
            running = Some(machine);
        }
        Ok(answers)
    }
}

fn ask_one<M: Mmu>(machine: &mut Uniprocessor<M>, query: &Query) -> Answer {
    let (mut outcomes, mut writes) = (Vec::new(), Vec::new());
    machine.set_context(&query.context);
    let batch = Batch { accesses: &[query.access], end: true, on_fault: OnFault::Continue };
    machine.run(&batch, Some(&mut outcomes));
    let mmu = &mut machine.mmu;
    mmu.take_pte_writes(&mut writes);
    match (mmu.difference(), outcomes.first()) {
        (None, Some(outcome)) => Answer::new(mmu.config().spec(), outcome, &writes),
        (what, _) => Answer::difference(query, what.unwrap_or("no answer")),
    }
}

#[cfg(test)]
mod tests;
