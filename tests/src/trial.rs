//! One sample of the sweep: compiled for a short run, and in lockstep with the golden model in several worlds.
//!
//! Owns how long is looked and in what order. The models, and those with deliberate faults, have a cache of their own,
//! which keeps only the latest: a sweep of thousands must neither fill a disk nor drive out what people wait for.

use crate::configurations::Sample;
use crate::engines::{MEMORY_LIMIT, golden, models, rust_hdl, tools};
use crate::recording::{Recorder, Recording};
use crate::stimulus::Stimulus;
use pagewalk_arch::{Mmu, SplitMix64, Uniprocessor};
use pagewalk_driver::Driver;
use pagewalk_machine::Lockstep;
use pagewalk_verilator::Hardware;

/// Worlds that each sample is used in; one compilation serves all.
pub const WORLDS: u64 = 3;

/// How a sample is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Accesses per world with fast memory; slow memory gets fewer.
    pub accesses: u64,
    /// Accesses that rust-hdl's simulation does as well; none where 0.
    pub rust_hdl_accesses: u64,
}

/// Hardware that did something else than the golden model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The sample, in the world in which it happened.
    pub sample: Sample,
    /// What is needed to see it again: the seed of stimulus and initial values.
    pub seed: u64,
    /// The report of the difference, or why there is no hardware.
    pub report: String,
}

/// The hardware of the sample with another text, compiled for a short run. The error says why there is none.
pub fn hardware_of(sample: &Sample, change: impl FnOnce(&str) -> String) -> Result<Hardware, String> {
    let (toolchain, _) = tools().as_ref().unwrap_or_else(|why| panic!("no Verilator: {why}"));
    let design = pagewalk_rtl::generate(&sample.config).map_err(|error| error.to_string())?;
    let verilog = change(&design.verilog);
    Hardware::trial(&sample.config, &design, &verilog, toolchain, models()).map_err(|error| error.to_string())
}

/// Tries the sample in [`WORLDS`] worlds drawn from `seed`, the first being its own.
///
/// # Errors
/// The first [`Failure`].
pub fn attempt(sample: &Sample, seed: u64, effort: Effort) -> Result<(), Box<Failure>> {
    attempt_changed(sample, seed, effort, str::to_owned)
}

/// [`attempt`] with a changed text, in which a fault must be found.
///
/// # Errors
/// The first [`Failure`].
pub fn attempt_changed(
    sample: &Sample,
    seed: u64,
    effort: Effort,
    change: impl FnOnce(&str) -> String,
) -> Result<(), Box<Failure>> {
    let failure = |sample: &Sample, seed, report| Box::new(Failure { sample: *sample, seed, report });
    let hardware = hardware_of(sample, change).map_err(|why| failure(sample, seed, why))?;
    let mut worlds = SplitMix64(seed);
    let mut sample = *sample;
    for world in 0..WORLDS {
        let world_seed = if world == 0 { seed } else { worlds.next_u64() >> 32 };
        if world > 0 {
            sample = sample.in_world(world_seed);
        }
        let accesses = sample.affordable(effort.accesses);
        run(&sample, world_seed, accesses, &hardware)
            .map_err(|report| failure(&sample, world_seed, report))?;
        if world == 0 && effort.rust_hdl_accesses > 0 {
            let sample = sample.with_fast_memory();
            let accesses = sample.affordable(effort.rust_hdl_accesses);
            let engines = (golden(&sample.config), rust_hdl(&sample.config));
            let mut mmu = Lockstep::new(engines.0, engines.1, ["golden", "rust-hdl"]);
            compare(&sample, world_seed, accesses, &mut mmu)
                .map_err(|report| failure(&sample, world_seed, report))?;
        }
    }
    Ok(())
}

/// Runs compiled hardware in one world, its undefined values drawn from the seed. The error is the report.
pub fn run(sample: &Sample, seed: u64, accesses: u64, hardware: &Hardware) -> Result<(), String> {
    let pins = hardware.pins(initial_values(seed)).map_err(|error| error.to_string())?;
    let hardware = Driver::new(&sample.config, pins).map_err(|error| error.to_string())?;
    let mut mmu = Lockstep::new(golden(&sample.config), hardware, ["golden", "verilator"]);
    compare(sample, seed, accesses, &mut mmu)
}

/// [`run`] with everything that goes over the pins written down.
///
/// # Errors
/// The report of a difference.
pub fn record(sample: &Sample, seed: u64, accesses: u64, hardware: &Hardware) -> Result<Recording, String> {
    let pins = Recorder::new(hardware.pins(initial_values(seed)).map_err(|error| error.to_string())?);
    let hardware = Driver::new(&sample.config, pins).map_err(|error| error.to_string())?;
    let mut mmu = Lockstep::new(golden(&sample.config), hardware, ["golden", "verilator"]);
    compare(sample, seed, accesses, &mut mmu)?;
    Ok(mmu.into_engines().1.pins_mut().take())
}

/// A seed of initial values that is none of those that mean zero.
fn initial_values(seed: u64) -> u32 {
    (seed as u32 & 0x7fff_ffff).max(1)
}

fn compare<A: Mmu + Send, B: Mmu + Send>(
    sample: &Sample,
    seed: u64,
    accesses: u64,
    mmu: &mut Lockstep<A, B>,
) -> Result<(), String> {
    let stimulus = Stimulus::new(&sample.config, seed, sample.on_fault);
    // A difference that is seen only after the last access is still one.
    let mut machine = Uniprocessor::new(mmu, MEMORY_LIMIT);
    let item = stimulus.with_accessed_dirty(sample.accessed_dirty).run(&mut machine, accesses);
    match (machine.mmu.report(), item) {
        (None, Ok(())) => Ok(()),
        (Some(report), Ok(())) => Err(report.to_string()),
        (Some(report), Err((item, work))) => Err(format!("work item {item}: {work:?}\n{report}")),
        (None, Err((item, work))) => Err(format!("work item {item}: {work:?}: an engine is in trouble")),
    }
}
