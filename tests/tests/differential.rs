//! The kernel model against the Linux that this runs on: the cases of `tests/differential` and random sequences.
//!
//! * `PAGEWALK_SEQUENCES`: how many random sequences (2,000), `PAGEWALK_SEED`: from which seed; both are printed.
//! * `PAGEWALK_DIFF_KEEP_GOING=1`: goes on after a difference and shows one shrunk sequence for each class of them.
//! * `PAGEWALK_CASE=path`: carries out that file alone and shows both sides, step by step.

use pagewalk_kernel::{KernelConfig, LinuxVersion};
use pagewalk_tests::differential::generate::{self, Scope};
use pagewalk_tests::differential::judge::narrate;
use pagewalk_tests::differential::shrink::shrink;
use pagewalk_tests::differential::{Linux, Model, Question, Sequence, Verdict, compare};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SEED: u64 = 0x11;
const SEQUENCES: u64 = 2000;

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => otherwise,
    }
}

/// Linux, or a reported reason why it cannot be asked here.
fn linux() -> Option<Linux> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("differential");
    match Linux::start(&directory) {
        Ok(linux) => Some(linux),
        Err(error) => {
            eprintln!("NOT RUN: the comparison of the kernel model with the running Linux: {error}");
            None
        }
    }
}

fn judge(linux: &mut Linux, sequence: &Sequence) -> Verdict {
    let told = linux.run(sequence).unwrap_or_else(|error| panic!("{error}\n{sequence}"));
    let (major, minor) = linux.version().unwrap_or_default();
    let config = KernelConfig { linux: LinuxVersion::nearest(major, minor), ..KernelConfig::default() };
    let model = Model::new(config).run(sequence, &told);
    compare(sequence, &told, &model)
}

fn case_files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("differential");
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == "txt")).collect();
    files.sort();
    files
}

fn read_case(path: &Path) -> Sequence {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    text.parse().unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

#[test]
fn hand_written_cases_agree_with_the_running_linux() {
    let Some(mut linux) = linux() else { return };
    if let Ok(path) = std::env::var("PAGEWALK_CASE") {
        let sequence = read_case(Path::new(&path));
        let told = linux.run(&sequence).unwrap_or_else(|error| panic!("{error}"));
        eprintln!("{path}\nLinux:\n{}", narrate(&sequence, &told));
        let verdict = judge(&mut linux, &sequence);
        eprintln!("{}", verdict.report);
        assert!(verdict.difference.is_none(), "{path}: a difference");
        return;
    }
    let mut failures = Vec::new();
    let files = case_files();
    for path in &files {
        let verdict = judge(&mut linux, &read_case(path));
        if verdict.difference.is_some() {
            failures.push(format!("{}\n{}", path.display(), verdict.report));
        }
    }
    let (count, total) = (failures.len(), files.len());
    assert!(failures.is_empty(), "{count} of {total} cases differ\n{}", failures.join("\n"));
}

struct Class {
    count: u64,
    shortest: Sequence,
}

#[test]
fn random_sequences_agree_with_the_running_linux() {
    if std::env::var_os("PAGEWALK_CASE").is_some() {
        return;
    }
    let Some(mut linux) = linux() else { return };
    let (seed, sequences) = (number("PAGEWALK_SEED", SEED), number("PAGEWALK_SEQUENCES", SEQUENCES));
    let keep_going = std::env::var_os("PAGEWALK_DIFF_KEEP_GOING").is_some();
    let scope = Scope::of_this_machine();
    eprintln!("PAGEWALK_SEED={seed} PAGEWALK_SEQUENCES={sequences}, Linux {}", linux.release());
    let mut classes: BTreeMap<(String, Question), Class> = BTreeMap::new();
    let mut agreeing = 0;
    for index in 0..sequences {
        let sequence = generate::sequence(seed, index, scope);
        let verdict = judge(&mut linux, &sequence);
        let Some(difference) = verdict.difference else {
            agreeing += 1;
            continue;
        };
        let class =
            classes.entry(difference.class()).or_insert(Class { count: 0, shortest: sequence.clone() });
        class.count += 1;
        let prefix = Sequence { steps: sequence.steps[..=difference.step].to_vec() };
        if prefix.steps.len() < class.shortest.steps.len() {
            class.shortest = prefix;
        }
        if !keep_going {
            break;
        }
    }
    eprintln!("{agreeing} of {sequences} sequences agree in every step");
    let mut ordered: Vec<_> = classes.into_iter().collect();
    ordered.sort_by_key(|(_, class)| std::cmp::Reverse(class.count));
    let mut report = String::new();
    for ((kind, question), Class { count, shortest }) in ordered {
        let same = |candidate: &Sequence| {
            judge(&mut linux, candidate)
                .difference
                .is_some_and(|found| found.class() == (kind.clone(), question))
        };
        let small = shrink(&shortest, same);
        let shown = judge(&mut linux, &small).report;
        report += &format!("{count} × {kind}: {}\n{shown}\n", question.name());
    }
    assert!(report.is_empty(), "{agreeing} of {sequences} sequences agree; seed {seed}\n{report}");
}
