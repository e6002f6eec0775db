//! Scenarios, held against what a real Linux answered to them: a test for each.
//!
//! What does not hold yet stands in the list `linux/not-yet.txt`, which only shrinks: an expectation of the list that holds
//! fails its test too. `PAGEWALK_WRITE_NOT_YET=1` writes the list anew. That Linux's own answers hold is a test of the
//! expectations themselves.

use libtest_mimic::{Arguments, Failed, Trial};
use pagewalk_arch::{MmuConfig, PagingFormat};
use pagewalk_kernel::workload::Scenario;
use pagewalk_machine::workload::Workload;
use pagewalk_machine::{Engine, Session, Taps};
use pagewalk_tests::linux::{self, Expectation, Expectations, check};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Mutex;

/// Version whose numbers the model is to reproduce.
const VERSION: &str = "6.1";

/// The scenario as the model carries it out.
fn modelled(name: &str) -> Result<Value, String> {
    let text = linux::text(&format!("scenarios/{name}.txt"))?;
    let scenario = Scenario::parse(&text).map_err(|error| error.to_string())?;
    let workload = Workload { name: name.to_owned(), scenario, ..Workload::default() };
    let session = Session {
        mmu: MmuConfig::of(PagingFormat::La48),
        kernel: workload.kernel_defaults(),
        ..Session::default()
    };
    let outcome = session.run_workload(Engine::Golden, Taps::default(), &workload, &mut ());
    let outcome = outcome.map_err(|error| error.to_string())?;
    match outcome.run.error {
        None => serde_json::to_value(&outcome.report).map_err(|error| error.to_string()),
        Some(error) => Err(error.to_string()),
    }
}

/// Places that do not hold, as they were found.
static FOUND: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

fn holds(name: &str, expectations: &Expectations) -> Result<(), Failed> {
    let broken = check(&modelled(name)?, &expectations.entries);
    let places: BTreeSet<String> = broken.iter().map(|broken| broken.place.clone()).collect();
    let listed = linux::not_yet(name)?;
    if let Ok(mut found) = FOUND.lock() {
        found.insert(name.to_owned(), places.clone());
    }
    let mut complaints: Vec<String> = broken
        .into_iter()
        .filter(|broken| !listed.contains(&broken.place))
        .map(|broken| format!("does not hold: {}", broken.text))
        .collect();
    for place in listed.difference(&places) {
        complaints.push(format!("holds now, or is no expectation: take `{name} {place}` off the list"));
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

/// Expectations that Linux itself does not meet are wrong.
fn linux_meets(version: &str, all: &BTreeMap<String, Expectations>) -> Result<(), Failed> {
    let mut complaints = Vec::new();
    for (name, expectations) in all.iter().filter(|(_, of)| of.are_of(version)) {
        let answer = linux::answer(version, name)?;
        let asked: Vec<&Expectation> =
            expectations.entries.iter().filter(|e| version == VERSION || e.is_shared()).collect();
        complaints.extend(check(&answer, asked).into_iter().map(|broken| format!("{name}: {}", broken.text)));
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

/// A number that is another is found, whatever its kind.
fn another_number_is_found(all: &BTreeMap<String, Expectations>) -> Result<(), Failed> {
    for (name, expectations) in all {
        let answer = linux::answer(VERSION, name)?;
        for expectation in &expectations.entries {
            let moved = match expectation.value.as_i64() {
                Some(value) => {
                    let away = 1_000_000_000;
                    let less = matches!(expectation.kind, linux::Kind::Most);
                    Value::from(if less { value - away } else { value + away })
                }
                None => Value::from("another"),
            };
            let wrong = Expectation { value: moved, tolerance: 0.0, ..expectation.clone() };
            if check(&answer, [&wrong]).is_empty() {
                return Err(format!("{name}: {} holds of any value", expectation.place()).into());
            }
        }
    }
    Ok(())
}

/// Each expectation has a place of its own, so that the list says which is meant.
fn places_are_unique(all: &BTreeMap<String, Expectations>) -> Result<(), Failed> {
    for (name, expectations) in all {
        let mut seen = BTreeSet::new();
        for expectation in &expectations.entries {
            if !seen.insert(expectation.place()) {
                return Err(format!("{name}: two expectations are called {}", expectation.place()).into());
            }
        }
    }
    Ok(())
}

/// Writes the list of what does not hold, of the scenarios that were tried.
fn write_list(all: &BTreeMap<String, Expectations>) -> std::io::Result<()> {
    let Ok(found) = FOUND.lock() else { return Ok(()) };
    let path = linux::directory().join(linux::NOT_YET);
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let mut list: String =
        old.lines().take_while(|line| line.starts_with('#')).map(|l| format!("{l}\n")).collect();
    for name in all.keys() {
        let places = match found.get(name) {
            Some(places) => places.clone(),
            None => linux::not_yet(name).unwrap_or_default(),
        };
        list.extend(places.iter().map(|place| format!("{name} {place}\n")));
    }
    std::fs::write(path, list)
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let (all, names) = match (linux::expectations(), linux::scenarios()) {
        (Ok(all), Ok(names)) => (all, names),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut tests = Vec::new();
    for name in names {
        let expectations = all.get(&name).cloned();
        tests.push(Trial::test(format!("scenario::{name}"), move || match expectations {
            Some(expectations) => holds(&name, &expectations),
            None => Err(format!("nothing is expected of {name}").into()),
        }));
    }
    for version in [VERSION, "6.12"] {
        let all = all.clone();
        tests.push(Trial::test(format!("linux_{version}_meets_its_expectations"), move || {
            linux_meets(version, &all)
        }));
    }
    let whole = all.clone();
    tests.push(Trial::test("another_number_is_found", move || another_number_is_found(&whole)));
    let whole = all.clone();
    tests.push(Trial::test("places_are_unique", move || places_are_unique(&whole)));
    let conclusion = libtest_mimic::run(&arguments, tests);
    if std::env::var_os("PAGEWALK_WRITE_NOT_YET").is_some()
        && let Err(error) = write_list(&all)
    {
        eprintln!("{}: {error}", linux::NOT_YET);
    }
    conclusion.exit_code()
}
