//! The numbers: which rules there are, where they are cited, and which no test cites.

use crate::{CONTRACT, root, text};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The section whose table accounts for the rules that no test cites.
const UNCITED: &str = "## Rules without a citing test";
/// The letters of the sections.
const SECTIONS: &str = "PLWETFD";

/// The rule numbers in `line`: a section's letter, a dash, one or two digits, nothing else around them.
fn numbers(line: &str) -> Vec<String> {
    let joins = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let words = line.split(|c: char| !joins(c));
    let is_number = |word: &&str| {
        let Some((letter, digits)) = word.split_once('-') else { return false };
        let known = letter.len() == 1 && SECTIONS.contains(letter);
        known && (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    words.filter(is_number).map(str::to_owned).collect()
}

/// The rules that a page defines: numbers in bold.
fn rules(page: &str) -> Vec<String> {
    let bold = page.split("**").skip(1).step_by(2);
    bold.filter(|word| numbers(word).len() == 1 && numbers(word)[0] == *word).map(str::to_owned).collect()
}

/// The rows of the table that accounts for rules without a citing test.
fn accounts(page: &str) -> BTreeMap<String, String> {
    let table = page.split_once(UNCITED).map_or("", |(_, table)| table);
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let rows = rows.flat_map(|(cell, row)| numbers(cell).into_iter().map(move |n| (n, row.to_owned())));
    rows.collect()
}

/// What may cite: comments of Rust and of cases, and pages.
fn citing(path: &Path, contents: &str) -> BTreeSet<String> {
    let mark = match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("rs") => "//",
        Some("case") => "#",
        Some("md") => "",
        _ => return BTreeSet::new(),
    };
    let prose = contents.lines().filter_map(|line| line.find(mark).map(|at| &line[at..]));
    prose.flat_map(numbers).collect()
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Every file below the rooms but the contract itself, by its path from the root, with what it cites.
fn citations() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for room in ["hdl", "sim", "host", "tests", "constraints"] {
        files(&root().join(room), &mut found);
    }
    let mut all = BTreeMap::new();
    for path in found {
        let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
        if let Ok(contents) = std::fs::read_to_string(&path)
            && name != CONTRACT
        {
            all.insert(name, citing(&path, &contents));
        }
    }
    all
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/")
}

/// What is wrong with the numbers of a page, given who cites what.
fn faults(page: &str, citations: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let (defined, accounts) = (rules(page), accounts(page));
    let known: BTreeSet<_> = defined.iter().collect();
    let mut faults = Vec::new();
    for rule in &known {
        if defined.iter().filter(|other| other == rule).count() > 1 {
            faults.push(format!("{rule} is defined twice"));
        }
        let tests: Vec<_> =
            citations.iter().filter(|(path, cited)| is_test(path) && cited.contains(*rule)).collect();
        match (tests.first(), accounts.get(*rule)) {
            (None, None) => faults.push(format!("{rule} is cited by no test and not accounted for")),
            (Some((path, _)), Some(_)) => {
                faults.push(format!("{rule} is accounted for, but {path} cites it"))
            }
            _ => {}
        }
    }
    let own = numbers(page).into_iter().map(|number| (CONTRACT, number));
    let theirs = citations.iter().flat_map(|(path, cited)| cited.iter().map(move |n| (&**path, n.clone())));
    for (path, number) in own.chain(theirs) {
        if !known.contains(&number) {
            faults.push(format!("{path} cites {number}, which is no rule"));
        }
    }
    faults
}

#[test]
fn every_rule_is_cited_or_accounted_for_and_every_citation_is_a_rule() {
    assert_eq!(faults(&text(CONTRACT), &citations()), Vec::<String>::new());
}

#[test]
fn wrong_citations_are_found() {
    let page = format!("* **T-1** one\n* **T-2** two\n* **T-3** three: see T-1\n{UNCITED}\n| T-2 | why |\n");
    let cited = |numbers: &[&str]| numbers.iter().map(|&number| number.to_owned()).collect();
    let sound = BTreeMap::from([("tests/a.rs".to_owned(), cited(&["T-1", "T-3"]))]);
    assert_eq!(faults(&page, &sound), Vec::<String>::new());
    let only_code = BTreeMap::from([("sim/b.rs".to_owned(), cited(&["T-1", "T-3", "T-9"]))]);
    assert_eq!(faults(&page, &only_code).len(), 3, "two without a test, one that does not exist");
    let stale = BTreeMap::from([("tests/a.rs".to_owned(), cited(&["T-1", "T-2", "T-3"]))]);
    assert_eq!(faults(&page, &stale).len(), 1);
    assert_eq!(faults(&page.replace("two", "two, **T-1** again"), &sound).len(), 1);
    assert_eq!(numbers("T-1, XT-1 T-1x RV-01 T-123 (D-16)."), ["T-1", "D-16"]);
    assert_eq!(citing(Path::new("a.rs"), "let x = T-1;\nlet y = 1; // T-2\n"), cited(&["T-2"]));
}

#[test]
fn tests_that_accounts_name_exist() {
    for (rule, account) in accounts(&text(CONTRACT)) {
        let spans: Vec<_> = account.split('`').skip(1).step_by(2).collect();
        let (paths, names): (Vec<&str>, Vec<&str>) =
            spans.into_iter().partition(|span| span.ends_with(".rs"));
        let whole: String = paths.iter().map(|path| text(path)).collect();
        for name in names {
            assert!(paths.is_empty() || whole.contains(&format!("fn {name}(")), "{rule}: {name} is no test");
        }
    }
}
