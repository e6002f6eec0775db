//! Scenarios on hardware: every one, and random ones, give the same under the golden model alone and in lockstep with the
//! compiled Verilog, in four page-table formats; and random ones break no invariant of the kernel.
//!
//! Each scenario runs in one of the formats, by turns; with `PAGEWALK_FORMATS=all`, as at night, in each of them.
//!
//! `PAGEWALK_WORKLOAD_SEEDS=N` tries N random scenarios instead of a few. One that fails is shrunk and printed.

use libtest_mimic::{Arguments, Failed, Trial};
use pagewalk_arch::{MmuConfig, PagingFormat};
use pagewalk_kernel::workload::Scenario;
use pagewalk_machine::workload::random::{Shape, scenario, shrink};
use pagewalk_machine::workload::{Image, Workload};
use pagewalk_machine::{Engine, Session, Taps, WorkloadOutcome};
use pagewalk_tests::engines::hardware;
use pagewalk_tests::linux;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// Formats in which workloads run on hardware.
const FORMATS: [PagingFormat; 4] =
    [PagingFormat::Sv39, PagingFormat::Sv32, PagingFormat::La48, PagingFormat::X86Pae];
/// Random scenarios that are tried unless the environment says otherwise.
const SEEDS: u64 = 24;
/// Of these, the share that is tried on hardware too: one in so many.
const ON_HARDWARE: u64 = 6;

fn workload(name: &str, text: &str, checks: bool) -> Result<Workload, String> {
    let scenario = Scenario::parse(text).map_err(|error| error.to_string())?;
    Ok(Workload { name: name.to_owned(), scenario, image: Image::default(), checks })
}

fn session(format: PagingFormat, workload: &Workload) -> Session {
    Session { mmu: MmuConfig::of(format), kernel: workload.kernel_defaults(), ..Session::default() }
}

fn run(format: PagingFormat, workload: &Workload, engine: Engine<'_>) -> Result<WorkloadOutcome, String> {
    let outcome = session(format, workload).run_workload(engine, Taps::default(), workload, &mut ());
    let outcome = outcome.map_err(|error| error.to_string())?;
    match outcome.run.error {
        None => Ok(outcome),
        Some(error) => Err(error.to_string()),
    }
}

/// With and without hardware, everything is the same.
fn agrees(format: PagingFormat, workload: &Workload) -> Result<(), Failed> {
    let alone = run(format, workload, Engine::Golden)?;
    let mut engine = hardware(&MmuConfig::of(format)).start().map_err(|error| error.to_string())?;
    let both = run(format, workload, Engine::Verilator(&mut engine))?;
    if let Some(difference) = both.run.difference {
        return Err(difference.to_string().into());
    }
    let same = alone.report == both.report
        && alone.run.counts == both.run.counts
        && alone.run.kernel == both.run.kernel
        && alone.run.mmu == both.run.mmu;
    if same { Ok(()) } else { Err("with hardware, what came out is something else".into()) }
}

/// What is wrong with a scenario: an invariant that does not hold, a panic.
fn trouble(text: &str) -> Option<String> {
    let tried = catch_unwind(AssertUnwindSafe(|| {
        let workload = workload("random", text, true)?;
        run(PagingFormat::La48, &workload, Engine::Golden).map(|_| ())
    }));
    match tried {
        Ok(result) => result.err(),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            Some(said.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
        }
    }
}

fn holds_every_invariant(seed: u64) -> Result<(), Failed> {
    let text = scenario(seed, &Shape::default());
    let Some(what) = trouble(&text) else { return Ok(()) };
    let small = shrink(&text, |text| trouble(text).is_some());
    Err(format!("seed {seed}: {what}\nThe same is wrong with:\n{small}").into())
}

/// Random scenarios are worth something only if they come to what they are to try.
fn random_scenarios_come_to_everything() -> Result<(), Failed> {
    let mut seen: BTreeMap<&str, i64> = REACHED.iter().map(|&name| (name, 0)).collect();
    let (mut signals, mut differ) = (0, 0);
    for seed in 0..SEEDS {
        let workload = workload("random", &scenario(seed, &Shape::default()), false)?;
        let outcome = run(PagingFormat::La48, &workload, Engine::Golden)?;
        if let Some(end) = outcome.report.snapshots.get("end") {
            seen.iter_mut().for_each(|(name, sum)| *sum += end.vmstat.get(*name).copied().unwrap_or(0));
        }
        let replies = outcome.report.steps.iter().flat_map(|step| &step.replies);
        for reply in replies {
            signals += u64::from(reply.signal.is_some_and(|signal| signal != 0));
            differ += u64::from(reply.differ == Some(0) && reply.ret.is_some_and(|ret| ret > 0));
        }
    }
    let missed: Vec<_> = seen.iter().filter(|(_, sum)| **sum == 0).map(|(name, _)| *name).collect();
    match missed.is_empty() && signals > 0 && differ > 0 {
        true => Ok(()),
        false => Err(format!("never: {missed:?}; {signals} signals, {differ} verified").into()),
    }
}

/// Events that random scenarios come to.
const REACHED: [&str; 6] = ["pswpout", "pswpin", "pgsteal_anon", "oom_kill", "pgreuse", "pglazyfree"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let seeds = std::env::var("PAGEWALK_WORKLOAD_SEEDS").ok().and_then(|text| text.parse().ok());
    let names = match linux::scenarios() {
        Ok(names) => names,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut tests = Vec::new();
    tests.push(Trial::test("random_scenarios_come_to_everything", random_scenarios_come_to_everything));
    let in_all = std::env::var("PAGEWALK_FORMATS").is_ok_and(|formats| formats == "all");
    for (turn, format) in FORMATS.into_iter().enumerate() {
        let has_turn = |place: usize| in_all || place % FORMATS.len() == turn;
        for (_, name) in names.iter().enumerate().filter(|&(place, _)| has_turn(place)) {
            let name = name.clone();
            tests.push(Trial::test(format!("scenario::{format}::{name}"), move || {
                let text = linux::text(&format!("scenarios/{name}.txt"))?;
                agrees(format, &workload(&name, &text, false)?)
            }));
        }
    }
    for seed in 0..seeds.unwrap_or(SEEDS) {
        tests.push(Trial::test(format!("random::invariants::{seed}"), move || holds_every_invariant(seed)));
        if seed % ON_HARDWARE == 0 {
            let format = FORMATS[(seed / ON_HARDWARE) as usize % FORMATS.len()];
            tests.push(Trial::test(format!("random::{format}::{seed}"), move || {
                agrees(format, &workload("random", &scenario(seed, &Shape::default()), false)?)
            }));
        }
    }
    libtest_mimic::run(&arguments, tests).exit_code()
}
