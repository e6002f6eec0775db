//! The kernel model against the Linux that this runs on: the cases of `tests/differential` and random sequences.
//!
//! * `PAGEWALK_SEQUENCES`: how many random sequences (2,000), `PAGEWALK_SEED`: from which seed; both are printed.
//! * `PAGEWALK_DIFF_KEEP_GOING=1`: goes on after a difference and shows one shrunk sequence for each kind of them.
//! * `PAGEWALK_CASE=path`: carries out that file alone and shows both sides, step by step.
//! * `PAGEWALK_LINUX=command`: asks another Linux, which the command reaches (`tests/differential/boot.sh`).
//! * `PAGEWALK_RECORD=path`: writes down what Linux answers to the cases.

use pagewalk_kernel::LinuxVersion;
use pagewalk_tests::differential::generate::{self, Scope};
use pagewalk_tests::differential::{
    Answer, Case, Frame, Linux, Question, Recording, Sequence, SideBySide, Signalled, SpaceState, Step,
    narrate,
};

use pagewalk_tests::skipped;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const SEED: u64 = 0x11;
const SEQUENCES: u64 = 2000;
const CHECK: &str = "the kernel model against the running Linux";

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => otherwise,
    }
}

/// Not by `eprintln!`, which the test harness keeps to itself when a test passes.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("differential")
}

/// Both sides, or a recorded reason why Linux cannot be asked here. Each test has an agent of its own.
fn both(test: &str) -> Option<SideBySide> {
    match SideBySide::start(&directory().join(test)) {
        Ok(both) => Some(both),
        // Who names another Linux wants that one asked.
        Err(error) if Linux::is_elsewhere() => panic!("PAGEWALK_LINUX: {error}"),
        Err(error) => {
            skipped::check(CHECK, &error.to_string());
            None
        }
    }
}

/// Fails for `differences`, but on a Linux that is in no row of the kernel's table: there they are listed as what is
/// not proven.
fn conclude(both: &SideBySide, agreement: &str, differences: &str) {
    let (release, version) = (both.release(), both.version().number());
    if both.is_in_table() {
        assert!(differences.is_empty(), "Linux {release}: {agreement}\n{differences}");
        return;
    }
    say(&format!("Linux {release} is not in the kernel's table; compared with {version:?}: {agreement}"));
    if !differences.is_empty() {
        say(differences);
        skipped::check(
            &format!(
                "{CHECK}: {release} is unproven, {agreement} as the nearest version of the table has it"
            ),
            "add the version to LinuxVersion, or run on Linux 6.1, 6.12 or 6.18",
        );
    }
}

fn cases(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Case::all(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn both_of<'a>(sequence: &'a Sequence, told: &'a [Answer]) -> impl Iterator<Item = (&'a Step, &'a Answer)> {
    sequence.steps.iter().zip(told)
}

fn case_files() -> Vec<PathBuf> {
    text_files("differential")
}

fn text_files(name: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let entries = std::fs::read_dir(&directory).expect("the cases lie beside this package");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == "txt")).collect();
    files.sort();
    files
}

#[test]
fn hand_written_cases_agree_with_the_running_linux() {
    let Some(mut both) = both("cases") else { return };
    let alone = std::env::var("PAGEWALK_CASE").ok().map(PathBuf::from);
    let files = alone.clone().map_or_else(case_files, |path| vec![path]);
    let scope = Scope::of_the_asked();
    let mut recording = Recording::new(both.release());
    let (mut total, mut failures) = (0, Vec::new());
    for path in &files {
        for case in cases(path) {
            let Case { name, sequence } = &case;
            assert!(sequence.is_possible(), "{}: {name}: a process acts that does not live", path.display());
            if sequence.steps.iter().any(|step| scope.excludes(&step.action)) {
                say(&format!("{}: {name}: left out on this machine", path.display()));
                continue;
            }
            total += 1;
            let told = both.ask_linux(sequence);
            recording.add(&case, &told);
            let verdict = both.judge_as_told(sequence, &told);
            if alone.is_some() {
                eprintln!("== {name}\nLinux:\n{}\n{}", narrate(both_of(sequence, &told)), verdict.report);
            }
            if verdict.difference.is_some() {
                failures.push(format!("{}: {name}\n{}", path.display(), verdict.report));
            }
        }
    }
    if let Some(path) = std::env::var_os("PAGEWALK_RECORD") {
        std::fs::write(path, recording.to_string())
            .expect("PAGEWALK_RECORD names a file that can be written");
    }
    report_what_is_left_out(&both, scope);
    conclude(&both, &format!("{} of {total} cases agree", total - failures.len()), &failures.join("\n"));
}

/// The versions of the table that this does not run on, by what they answered.
fn recordings() -> Vec<Recording> {
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        Recording::parse(&text).unwrap_or_else(|| panic!("{} is no recording", path.display()))
    };
    text_files("differential/recorded").into_iter().map(read).collect()
}

#[test]
fn hand_written_cases_agree_with_what_other_versions_answered() {
    let cases: Vec<Case> = case_files().iter().flat_map(|path| cases(path)).collect();
    let recordings = recordings();
    assert!(!recordings.is_empty(), "no answers of other versions");
    for recording in recordings {
        let version = recording.version().expect("it is in the table");
        let differences: Vec<String> =
            cases.iter().filter_map(|case| recording.difference(case, version)).collect();
        assert!(differences.is_empty(), "Linux {}\n{}", recording.release, differences.join("\n"));
    }
}

#[test]
fn the_recorded_answers_tell_the_versions_apart() {
    let cases: Vec<Case> = case_files().iter().flat_map(|path| cases(path)).collect();
    for recording in recordings() {
        for other in LinuxVersion::ALL {
            let differs = cases.iter().any(|case| recording.difference(case, other).is_some());
            assert_eq!(differs, recording.version() != Some(other), "{} as {other}", recording.release);
        }
    }
}

#[test]
fn a_recording_of_other_cases_is_refused() {
    let of = |text: &str| Case::all(text).unwrap().remove(0);
    let case = of("== one\nP0: mmap 0,4 RW anon\n");
    let text =
        "linux 6.12.1\n\n== one\nP0: mmap 0,4 RW anon: 0 faults, result 0x10\n      P0 [0,4 RW anon] 0 []\n";
    let recording = Recording::parse(text).unwrap();
    assert_eq!(recording.to_string(), text);
    assert_eq!(recording.difference(&case, LinuxVersion::V6_12), None);
    for changed in ["== two\nP0: exit\n", "== one\nP0: exit\n", "== one\nP0: mmap 0,4 RW anon\nP0: exit\n"] {
        let difference = recording.difference(&of(changed), LinuxVersion::V6_12).expect("it is another case");
        assert!(difference.contains("record the answers of 6.12.1 anew"), "{difference}");
    }
    for (right, wrong) in [("0 faults", "1 faults"), ("0,4 RW anon]", "0,5 RW anon]"), ("0 []", "1 [0]")] {
        let recording = Recording::parse(&text.replace(right, wrong)).unwrap();
        let difference = recording.difference(&case, LinuxVersion::V6_12).expect(wrong);
        assert!(difference.contains(wrong) && difference.contains(right), "{difference}");
    }
    assert_eq!(Recording::parse("== one\n"), None);
}

/// One difference of each kind, and how many there were.
struct Kind {
    count: u64,
    shortest: Sequence,
}

#[test]
fn random_sequences_agree_with_the_running_linux() {
    let Some(mut both) = both("random") else { return };
    let (seed, sequences) = (number("PAGEWALK_SEED", SEED), number("PAGEWALK_SEQUENCES", SEQUENCES));
    let keep_going = std::env::var_os("PAGEWALK_DIFF_KEEP_GOING").is_some();
    let mut kinds: BTreeMap<(String, Question), Kind> = BTreeMap::new();
    let (mut run, mut agreeing) = (0, 0);
    while run < sequences && (kinds.is_empty() || keep_going) {
        let sequence = generate::sequence(seed, run, Scope::of_the_asked());
        run += 1;
        let Some(difference) = both.judge(&sequence).difference else {
            agreeing += 1;
            continue;
        };
        let shorter = Sequence { steps: sequence.steps[..=difference.step].to_vec() };
        let kind = kinds.entry(difference.class()).or_insert(Kind { count: 0, shortest: shorter.clone() });
        kind.count += 1;
        if shorter.steps.len() < kind.shortest.steps.len() {
            kind.shortest = shorter;
        }
    }
    let agreement = format!("{agreeing} of {run} sequences agree in every step (PAGEWALK_SEED={seed})");
    say(&format!("Linux {}: {agreement}", both.release()));
    report_what_is_left_out(&both, Scope::of_the_asked());
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, kind)| std::cmp::Reverse(kind.count));
    let mut report = String::new();
    for ((step, question), Kind { count, shortest }) in kinds {
        let smallest = both.smallest(&shortest);
        let name = format!("{step} {}", question.name()).replace(' ', "-");
        let path = directory().join(format!("{name}.txt"));
        std::fs::write(&path, smallest.to_string()).expect("the directory of the agent can be written to");
        let shown = both.judge(&smallest).report;
        report += &format!("{count} × {step}: {} ({})\n{shown}\n", question.name(), path.display());
    }
    conclude(&both, &agreement, &report);
}

fn report_what_is_left_out(both: &SideBySide, scope: Scope) {
    for (steps, remedy) in scope.left_out() {
        skipped::check(&format!("{CHECK}: {steps}"), remedy);
    }
    if !both.shows_frames() {
        skipped::check(
            &format!("{CHECK}: which pages share a frame"),
            "run as root: Linux shows it to nobody else",
        );
    }
}

/// The agent must not be seen in what it measures.
#[test]
fn the_agent_takes_no_faults_of_its_own() {
    let Some(mut both) = both("agent") else { return };
    let text = "P0: nothing\nP0: mmap 0,4 RW anon\nP0: write 0,4\nP0: nothing\nP0: fork P1\nP0: nothing\nP1: nothing\n\
                P1: read 9,1\nP1: nothing\nP0: mlockall CURRENT FUTURE\nP0: fork P2\nP2: nothing\nP0: nothing\n\
                P2: exec\nP2: nothing\nP2: mlockall CURRENT\nP2: fork P3\nP3: fork P4\nP3: nothing\nP4: nothing\n\
                P1: exit\nP4: nothing\n";
    let sequence: Sequence = text.parse().unwrap();
    let told = both.ask_linux(&sequence);
    for (step, answer) in sequence.steps.iter().zip(&told) {
        let expected = match step.to_string().as_str() {
            "P0: write 0,4" => 4,
            // The arena's four pages, which P0 shares with its child since the fork, are written to.
            "P0: mlockall CURRENT FUTURE" => 4,
            _ => 0,
        };
        assert_eq!(answer.faults, expected, "{step}\n{}", narrate(both_of(&sequence, &told)));
    }
}

/// A change to what Linux said.
type Corruption = fn(&mut Answer);

fn first_space(answer: &mut Answer) -> &mut SpaceState {
    &mut answer.spaces[0].1
}

/// One wrong answer to each question, which must not pass.
const CORRUPTIONS: [(Question, Corruption); 9] = [
    (Question::Faults, |answer| answer.faults += 1),
    (Question::Faults, |answer| answer.faults -= 1),
    (Question::Signal, |answer| answer.signal = Some(Signalled { signal: 11, code: 1, page: 3 })),
    (Question::Present, |answer| first_space(answer).present.truncate(3)),
    (Question::Areas, |answer| first_space(answer).areas[0].end += 1),
    (Question::Areas, |answer| first_space(answer).areas[0].protection.execute = true),
    (Question::Areas, |answer| first_space(answer).areas[0].shared = true),
    (Question::Processes, |answer| answer.spaces.truncate(1)),
    (Question::Frames, |answer| {
        let present = &mut first_space(answer).present;
        let (_, first) = present[0];
        present[1].1 = if first == Frame::HIDDEN { Frame(1) } else { first };
        present[0].1 = present[1].1;
    }),
];

#[test]
fn a_wrong_answer_to_any_question_is_a_difference() {
    let Some(mut both) = both("corruptions") else { return };
    let sequence: Sequence =
        "P0: mmap 0,4 RW anon\nP0: fork P1\nP0: write 0,4\nP0: nothing\n".parse().unwrap();
    let told = both.ask_linux(&sequence);
    assert!(both.judge_as_told(&sequence, &told).difference.is_none(), "uncorrupted, they agree");
    for (question, corrupt) in CORRUPTIONS {
        let mut wrong = told.clone();
        corrupt(&mut wrong[2]);
        let verdict = both.judge_as_told(&sequence, &wrong);
        let found = verdict.difference.unwrap_or_else(|| panic!("{question:?} passes"));
        assert_eq!((found.step, found.question), (2, question), "{}", verdict.report);
        assert!(verdict.report.contains("write 0,4") && verdict.report.contains("<--"), "{}", verdict.report);
        assert!(verdict.report.contains(&format!("{}: Linux ", question.name())), "{}", verdict.report);
        assert!(!verdict.report.contains("nothing"), "it ends where they part: {}", verdict.report);
    }
}

/// A model of another version is another kernel: what no version does is not agreed to.
#[test]
fn a_call_that_linux_refused_is_not_taken_for_done() {
    let Some(mut both) = both("refused") else { return };
    let sequence: Sequence = "P0: mmap 0,4 RW anon\nP0: munmap 0,4\nP0: write 0,1\n".parse().unwrap();
    let mut told = both.ask_linux(&sequence);
    told[1].result = -22;
    let found = both.judge_as_told(&sequence, &told).difference.expect("the model has unmapped nothing");
    assert_eq!((found.step, found.question), (1, Question::Areas));
}
