//! Scenarios on hardware: every one, and random ones, give the same under the golden model alone and in lockstep with the
//! compiled Verilog, in four page-table formats; and random ones break no invariant of the kernel.
//!
//! Each scenario runs in one of the formats, by turns; with `PAGEWALK_FORMATS=all`, as at night, in each of them.
//!
//! `PAGEWALK_WORKLOAD_SEEDS=N` tries N random scenarios instead of a few. One that fails is shrunk and printed.

use libtest_mimic::{Arguments, Failed, Trial};
use pagewalk_arch::{MmuConfig, PagingFormat};
use pagewalk_kernel::workload::Scenario;
use pagewalk_kernel::{KernelConfig, LoadControl};
use pagewalk_machine::workload::random::{Shape, scenario, shrink};
use pagewalk_machine::workload::{Traces, Workload};
use pagewalk_machine::{Engine, Session, Taps, WorkloadOutcome};
use pagewalk_tests::engines::hardware;
use pagewalk_tests::linux;
use pagewalk_trace::input::Input;
use pagewalk_trace::{Trace, TraceError, TraceOptions};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

/// Formats in which workloads run on hardware.
const FORMATS: [PagingFormat; 4] =
    [PagingFormat::Sv39, PagingFormat::Sv32, PagingFormat::La48, PagingFormat::X86Pae];
/// Random scenarios that are tried unless the environment says otherwise.
const SEEDS: u64 = 24;
/// Of these, the share that is tried on hardware too: one in so many.
const ON_HARDWARE: u64 = 6;

/// A test.
type Check = fn() -> Result<(), Failed>;

fn workload(name: &str, text: &str, checks: bool) -> Result<Workload, String> {
    let scenario = Scenario::parse(text).map_err(|error| error.to_string())?;
    Ok(Workload { name: name.to_owned(), scenario, checks, ..Workload::default() })
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
    let hardware = hardware(&MmuConfig::of(format));
    let cpus = workload.scenario.machine.cpus;
    let engines = (0..cpus).map(|_| hardware.start()).collect::<Result<Vec<_>, _>>();
    let mut engines = engines.map_err(|error| error.to_string())?;
    let both = run(format, workload, Engine::Verilator(&mut engines))?;
    if let Some(difference) = both.run.difference {
        return Err(difference.to_string().into());
    }
    let same = alone.report == both.report
        && alone.run.counts == both.run.counts
        && alone.run.kernel == both.run.kernel
        && alone.run.mmu == both.run.mmu;
    if same { Ok(()) } else { Err("with hardware, what came out is something else".into()) }
}

/// Traces by their names.
#[derive(Debug)]
struct InMemory(&'static [(&'static str, &'static str)]);

impl Traces for InMemory {
    fn open(&self, name: &str, format: PagingFormat) -> Result<Box<dyn Trace>, TraceError> {
        let (_, text) = self.0.iter().find(|(known, _)| *known == name).expect("the trace of that name");
        let input = Input::from_bytes(name, text.as_bytes().to_vec())?;
        pagewalk_trace::read(input, TraceOptions { fit: Some(format), limit: None })
    }
}

/// A process that maps, forks and exits with 3; its child writes to the page that both have.
const FORKS: &str = "==10== Lackey\nI  00109000,4\n S 1ffeffe000,8\n\
    SYSCALL[10,1](9) sys_mmap ( 0x0, 8192, 3, 34, -1, 0 ) --> [pre-success] Success(0x4036000) \n S 04036000,8\n\
    SYSCALL[10,1](58) sys_fork ( )   fork: process 10 created child 11\n --> [pre-success] Success(0xb) \n\
    ==11==\nI  00109004,4\n S 04036000,8\n L 04037000,8\n==10==\nI  00109008,4\n L 04036000,8\n\
    SYSCALL[10,1](231) exit_group( 3 ) --> [pre-success] Success(0x0) \n";

/// Recorded programs beside a worker; one of them is killed.
const RECORDED: &str = "machine mem=128M\nsysctl vm.overcommit_memory=1\nproc A trace=forks\nproc S trace=bundled\n\
    A run 4\nproc B\nB mmap r 8M\nB touch r w\nS run 20000\nA run all\nsnapshot middle\nS oom_score_adj 1000\n\
    B mmap all 200M\nB touch all w\nS run 5\nsnapshot end\n";

/// Workers and a recorded program that have one CPU by turns of a quantum, while memory is short.
const TOGETHER: &str = "machine mem=64M swap=32M quantum=100\nproc A\nproc B\nproc T trace=bundled\nA mmap r 12M\n\
    A touch r w &\nB mmap r 12M\nB touch r w &\nT run 20000 &\nwait 3000\nsnapshot begun\nB pattern r zipf 0.9 n=2000 seed=2 w &\n\
    A verify r &\nwait\nB verify r &\nA fork C\nC pattern r random n=1000 w &\nA verify r &\nwait 100\nkill B\nwait\n\
    compare A.r C.r\nsnapshot end\n";

/// The same on three CPUs: what reclaim and fork take from a process is fenced where it runs.
const CPUS: &str = "machine mem=64M swap=32M smp=3 quantum=100\nproc A\nproc B\nproc T trace=bundled cpu=0\nA mmap r 12M\n\
    A touch r w &\nB mmap r 12M\nB touch r w &\nT run 20000 &\nwait 3000\nsnapshot begun\nB pattern r zipf 0.9 n=2000 seed=2 w &\n\
    A verify r &\nwait\nB verify r &\nA fork C\nC pattern r random n=1000 w &\nA verify r &\nwait 100\nA cpu 2\nkill B\nwait\n\
    compare A.r C.r\nsnapshot end\n";

fn actors(text: &str) -> Result<Workload, String> {
    let traces = Arc::new(InMemory(&[("forks", FORKS)]));
    Ok(Workload { traces: Some(traces), ..workload("actors", text, true)? })
}

fn recorded_programs_act_die_and_are_killed() -> Result<(), Failed> {
    let report = run(PagingFormat::La48, &actors(RECORDED)?, Engine::Golden)?.report;
    let died: Vec<_> = report.steps.iter().flat_map(|step| &step.died).collect();
    let ends: Vec<_> = died.iter().map(|died| (died.who.as_str(), died.signal, died.code)).collect();
    assert_eq!(ends, [("A", 0, 3), ("S", 9, 0), ("B", 9, 0)]);
    assert!(
        report.oom.iter().any(|line| line.contains("(S)") && line.contains("Killed process")),
        "{:?}",
        report.oom
    );
    let of = |n: usize| &report.steps[n].replies[0];
    // A's store to a page that its child has copied finds it its own again.
    assert_eq!((of(3).ret, of(3).min), (Some(4), Some(4)));
    assert_eq!((of(8).ret, of(13).dead), (Some(4), Some("")));
    Ok(())
}

/// Two workers go through what they have, by turns of `quantum` accesses: switches between the two that it takes.
fn switches(machine: &str, wait: &str) -> Result<(u64, WorkloadOutcome), Failed> {
    let begin = format!(
        "machine mem=128M {machine}\nproc A\nproc B\nA mmap r 1M\nA touch r w\nB mmap r 1M\nB touch r w\n"
    );
    let left = "A pattern r random n=10000 seed=1 &\nB pattern r random n=10000 seed=2 &\n";
    let of = |text: String| run(PagingFormat::La48, &workload("turns", &text, true)?, Engine::Golden);
    let before = of(begin.clone())?.run.kernel.context_switches;
    let outcome = of(begin + left + wait)?;
    Ok((outcome.run.kernel.context_switches - before, outcome))
}

fn turns_are_as_long_as_the_quantum() -> Result<(), Failed> {
    for (machine, expected) in
        [("quantum=1000", 20), ("quantum=2500", 8), ("quantum=100K", 2), ("smp=2 quantum=100", 0)]
    {
        let (found, outcome) = switches(machine, "wait\n")?;
        assert_eq!(found, expected, "{machine}");
        let replies: Vec<_> = outcome.report.steps.last().expect("a step").replies.iter().collect();
        let told: Vec<_> = replies.iter().map(|r| (r.who.as_deref(), r.of_step, r.ret)).collect();
        assert!(
            told.contains(&(None, None, Some(20_000))) && told.contains(&(Some("A"), Some(8), Some(10_000))),
            "{told:?}"
        );
        // How it is waited for changes nothing.
        let pieces = "wait 300\n".repeat(40) + "wait\n";
        let (in_pieces, cut) = switches(machine, &pieces)?;
        assert_eq!((in_pieces, cut.run.mmu), (found, outcome.run.mmu), "{machine}");
    }
    Ok(())
}

/// Two workers whose working sets do not fit together: the same accesses with and without load control.
fn who_does_not_fit_waits_under_load_control() -> Result<(), Failed> {
    let text = "machine mem=68M swap=64M quantum=2000\nproc A\nproc B\nA mmap r 4M\nA touch r w\nB mmap r 4M\nB touch r w\n\
                A pattern r sequential n=40K w &\nB pattern r sequential n=40K w &\nwait\nA verify r\nB verify r\n";
    let with = |load_control| {
        let workload = workload("load", text, true)?;
        let mut session = session(PagingFormat::La48, &workload);
        session.kernel = KernelConfig { load_control, load_window: 4000, ..session.kernel };
        let outcome = session.run_workload(Engine::Golden, Taps::default(), &workload, &mut ());
        outcome.map_err(|error| error.to_string())
    };
    let none = with(LoadControl::None)?;
    let (by_sets, by_faults) = (with(LoadControl::WorkingSet)?, with(LoadControl::Pff)?);
    let major = [&none, &by_sets, &by_faults].map(|outcome| outcome.run.kernel.page_faults_major);
    assert!(major[0] > 4 * major[1] && major[0] > 4 * major[2], "{major:?} major faults");
    for outcome in [none, by_sets, by_faults] {
        let last: Vec<_> =
            outcome.report.steps.iter().rev().take(2).map(|step| step.replies[0].differ).collect();
        assert_eq!(last, [Some(0); 2], "both come to their ends with what they wrote");
    }
    Ok(())
}

fn what_is_taken_is_fenced_on_every_cpu() -> Result<(), Failed> {
    let outcome = run(PagingFormat::La48, &actors(CPUS)?, Engine::Golden)?;
    assert!(outcome.run.kernel.shootdowns > 100, "{} shootdowns", outcome.run.kernel.shootdowns);
    let one = run(PagingFormat::La48, &actors(TOGETHER)?, Engine::Golden)?;
    assert_eq!(one.run.kernel.shootdowns, 0);
    for (name, outcome) in [("CPUs", &outcome), ("one", &one)] {
        let replies = outcome.report.steps.iter().flat_map(|step| &step.replies);
        let differ: Vec<_> = replies.filter_map(|reply| reply.differ).collect();
        assert!(differ.len() >= 2 && differ.iter().all(|&differ| differ == 0), "{name}: {differ:?}");
        assert!(outcome.report.snapshots["end"].vmstat["pswpin"] > 0, "{name}: nothing came back from swap");
    }
    Ok(())
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
    let (mut signals, mut differ, mut together, mut shootdowns) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let workload = workload("random", &scenario(seed, &Shape::default()), false)?;
        let outcome = run(PagingFormat::La48, &workload, Engine::Golden)?;
        if let Some(end) = outcome.report.snapshots.get("end") {
            seen.iter_mut().for_each(|(name, sum)| *sum += end.vmstat.get(*name).copied().unwrap_or(0));
        }
        shootdowns += outcome.run.kernel.shootdowns;
        let replies = outcome.report.steps.iter().flat_map(|step| &step.replies);
        for reply in replies {
            together += u64::from(reply.of_step.is_some() && reply.ret.is_some_and(|ret| ret > 0));
            signals += u64::from(reply.signal.is_some_and(|signal| signal != 0));
            differ += u64::from(reply.differ == Some(0) && reply.ret.is_some_and(|ret| ret > 0));
        }
    }
    let missed: Vec<_> = seen.iter().filter(|(_, sum)| **sum == 0).map(|(name, _)| *name).collect();
    match missed.is_empty() && [signals, differ, together, shootdowns].iter().all(|&count| count > 0) {
        true => Ok(()),
        false => Err(format!(
            "never: {missed:?}; {signals} signals, {differ} verified, {together} left at work, {shootdowns} shootdowns"
        )
        .into()),
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
    let known: [(&str, Check); 5] = [
        ("random_scenarios_come_to_everything", random_scenarios_come_to_everything),
        ("actors::recorded_programs_act_die_and_are_killed", recorded_programs_act_die_and_are_killed),
        ("actors::who_does_not_fit_waits_under_load_control", who_does_not_fit_waits_under_load_control),
        ("actors::turns_are_as_long_as_the_quantum", turns_are_as_long_as_the_quantum),
        ("actors::what_is_taken_is_fenced_on_every_cpu", what_is_taken_is_fenced_on_every_cpu),
    ];
    let mut tests: Vec<Trial> = known.into_iter().map(|(name, test)| Trial::test(name, test)).collect();
    for (name, text) in [("recorded", RECORDED), ("together", TOGETHER), ("cpus", CPUS)] {
        for format in [PagingFormat::La48, PagingFormat::Sv32] {
            tests.push(Trial::test(format!("actors::{format}::{name}"), move || {
                agrees(format, &actors(text)?)
            }));
        }
    }
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
