//! What a real Linux answered to scenarios, and what of it a model must answer too.
//!
//! Owns where the answers lie, how an expectation is read and held against a result, and the list of those that do not
//! hold yet. Does not own how a result comes about: any that has the form of Linux's own can be held.

mod expectation;
mod measured;

pub use expectation::{Expectation, Expectations, Kind, expectations};
pub use measured::{Broken, check, is_held};

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The folder of scenarios, answers and expectations.
pub fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("linux")
}

/// The text of a file of that folder.
///
/// # Errors
/// One line that names the file.
pub fn text(name: &str) -> Result<String, String> {
    let path = directory().join(name);
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Names of all scenarios.
///
/// # Errors
/// The folder cannot be read.
pub fn scenarios() -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(directory().join("scenarios")).map_err(|error| error.to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        names.push(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// What Linux `version` answered to `scenario`.
///
/// # Errors
/// There is no such answer.
pub fn answer(version: &str, scenario: &str) -> Result<Value, String> {
    let name = format!("results-{version}/{scenario}.json");
    serde_json::from_str(&text(&name)?).map_err(|error| format!("{name}: {error}"))
}

/// The file of expectations that do not hold yet.
pub const NOT_YET: &str = "not-yet.txt";

/// Expectations that do not hold yet, as [`Expectation::place`] names them, by scenario.
///
/// # Errors
/// The list cannot be read.
pub fn not_yet(scenario: &str) -> Result<BTreeSet<String>, String> {
    let text = text(NOT_YET)?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let of_scenario = lines.filter_map(|line| line.split_once(' ').filter(|(name, _)| *name == scenario));
    Ok(of_scenario.map(|(_, place)| place.to_owned()).collect())
}
