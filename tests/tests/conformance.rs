//! Every hand-written case, a test of its own, on every engine: golden model with and without TLBs, rust-hdl's
//! simulation, the Verilog under Verilator. Each is compared with what the case says, not with the others.
//!
//! A test is called `FILE::RULE::FORMAT::title`; `cargo test -p pagewalk-tests --test conformance -- RV-09` runs those
//! whose name contains the text, `--list` lists them. `pagewalk case FILE` runs a file that is not among them.

use libtest_mimic::{Arguments, Failed, Trial};
use pagewalk_cases::{Case, CaseFailure, Engine, Runner, parse};
use pagewalk_tests::engines::{models, tools};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// The files of cases, by name without suffix.
fn files() -> Result<BTreeMap<String, Vec<Case>>, String> {
    let entries = std::fs::read_dir(directory()).map_err(|error| error.to_string())?;
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|suffix| suffix == "case") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text =
                std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let file = format!("{name}.case");
            files.insert(name, parse(&file, &text).map_err(|error| error.to_string())?);
        }
    }
    Ok(files)
}

/// One for all tests, so that each configuration is compiled once. Panics without tools: nothing is proved without them.
fn runner() -> &'static Runner<'static> {
    static RUNNER: OnceLock<Runner<'static>> = OnceLock::new();
    RUNNER.get_or_init(|| {
        let (toolchain, _) = tools().as_ref().unwrap_or_else(|why| panic!("no Verilator: {why}"));
        Runner::new(Some((toolchain, models())))
    })
}

/// What the engines that do not do what the case says do instead.
fn conforms(case: &Case) -> Result<(), Failed> {
    let failure = |engine: Engine| {
        let failure = runner().check(case, engine).err()?;
        Some(format!("{engine}: {failure}"))
    };
    let failures: Vec<String> = Engine::ALL.into_iter().filter_map(failure).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// Rules that the table of `README.md` lists: `| RV-03 | rule | files |`, each with the files that it names.
fn rules() -> Result<BTreeSet<(String, String)>, String> {
    let text = std::fs::read_to_string(directory().join("README.md")).map_err(|error| error.to_string())?;
    let rows = text.lines().filter(|line| line.starts_with("| RV-") || line.starts_with("| X-"));
    let rules = rows.flat_map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let pair = |file: &str| (cells[1].to_owned(), file.to_owned());
        cells[3].split_whitespace().map(pair).collect::<Vec<_>>()
    });
    Ok(rules.collect())
}

/// The rules that have cases but no row of the table, and the reverse.
fn every_rule_has_a_case_in_the_file_that_the_table_names(
    found: &BTreeSet<(String, String)>,
) -> Result<(), Failed> {
    let table = rules()?;
    assert!(table.len() > 40, "the table has {} rows", table.len());
    let (no_case, no_row) = (&table - found, found - &table);
    if no_case.is_empty() && no_row.is_empty() {
        return Ok(());
    }
    Err(format!("in the table of README.md without a case: {no_case:?}; cases without a row: {no_row:?}")
        .into())
}

/// A rule more in the table, or a case more in the files, is found.
fn a_rule_without_a_case_is_found() -> Result<(), Failed> {
    let table = rules()?;
    let fewer: BTreeSet<_> = table.iter().skip(1).cloned().collect();
    let mut more = table.clone();
    more.insert(("RV-99".to_owned(), "riscv-walk".to_owned()));
    for wrong in [&fewer, &more] {
        assert!(every_rule_has_a_case_in_the_file_that_the_table_names(wrong).is_err());
    }
    every_rule_has_a_case_in_the_file_that_the_table_names(&table)
}

/// Verilator's answer is judged as well: [`Runner`] is tested on the other engines where it is defined.
fn a_wrong_case_fails_under_verilator() -> Result<(), Failed> {
    let text = "format sv39\ncase T-1 a fault where there is none\nmap 0x40005678 = leaf 0x80000000 RWXUAD\n\
                load u 0x40005678 -> page-fault 13\n";
    let cases = parse("text", text).map_err(|error| error.to_string())?;
    match runner().check(&cases[0], Engine::Verilator) {
        Err(CaseFailure::Differs(_)) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let files = match files() {
        Ok(files) => files,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut tests = Vec::new();
    let mut rules = BTreeSet::new();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for (file, cases) in files {
        for case in cases {
            rules.insert((case.rule.clone(), file.clone()));
            let mut name = format!("{file}::{}::{}::{}", case.rule, case.config.format, case.title);
            let count = names.entry(name.clone()).or_default();
            *count += 1;
            if *count > 1 {
                name = format!("{name} ({count})");
            }
            tests.push(Trial::test(name, move || conforms(&case)));
        }
    }
    tests.push(Trial::test("every_rule_has_a_case_in_the_file_that_the_table_names", move || {
        every_rule_has_a_case_in_the_file_that_the_table_names(&rules)
    }));
    tests.push(Trial::test("a_rule_without_a_case_is_found", a_rule_without_a_case_is_found));
    tests.push(Trial::test("a_wrong_case_fails_under_verilator", a_wrong_case_fails_under_verilator));
    libtest_mimic::run(&arguments, tests).exit_code()
}
