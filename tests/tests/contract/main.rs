//! hdl/CONTRACT.md as a document: its diagrams are drawn from their sources (`diagram`) and show what the hardware does
//! (`hardware`); its rules have a number each, every number that is cited exists, and every rule is cited by a test or
//! accounted for (`rules`).
//!
//! Owns no rule: whether engines follow them is the business of the tests that cite them. `PAGEWALK_BLESS=1` redraws the
//! diagrams' texts.

mod diagram;
mod hardware;
mod rules;

use std::path::{Path, PathBuf};

const CONTRACT: &str = "hdl/CONTRACT.md";
/// Longest line, in characters.
const COLUMNS_MAX: usize = 120;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn no_line_is_too_long() {
    let page = text(CONTRACT);
    let long = |line: &&str| line.chars().count() > COLUMNS_MAX;
    assert_eq!(page.lines().filter(long).collect::<Vec<_>>(), Vec::<&str>::new());
}
