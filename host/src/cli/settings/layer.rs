//! One layer of settings: a file, or one `--set`. Owns how each is read and how one goes on top of another.

use super::SettingsError;
use crate::cli::quantity;
use std::path::Path;
use toml::{Table, Value};

/// One layer of settings and where it comes from.
pub struct Layer {
    /// The file, or the option.
    pub origin: String,
    /// What it sets.
    pub table: Table,
}

impl Layer {
    /// The file at `path`.
    ///
    /// # Errors
    /// A file that cannot be read or is no TOML.
    pub fn of_file(path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| SettingsError::Unreadable { path: path.to_owned(), reason })?;
        let table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().map_or(0, |span| span.start.min(text.len()));
            SettingsError::Syntax {
                path: path.to_owned(),
                line: 1 + text.as_bytes()[..before].iter().filter(|&&byte| byte == b'\n').count(),
                problem: one_line(error.message()),
            }
        })?;
        Ok(Self { origin: path.display().to_string(), table })
    }

    /// What `--set assignment` sets.
    ///
    /// # Errors
    /// [`SettingsError::Assignment`].
    pub fn of_assignment(assignment: &str) -> Result<Self, SettingsError> {
        Ok(Self { origin: format!("--set {assignment}"), table: assigned(assignment)? })
    }
}

/// The table that `a.b.c=value` stands for. What is no TOML value is a string.
fn assigned(assignment: &str) -> Result<Table, SettingsError> {
    let error = || SettingsError::Assignment(assignment.to_owned());
    let (key, text) = assignment.split_once('=').ok_or_else(error)?;
    let is_name = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    let parts: Vec<&str> = key.trim().split('.').collect();
    if !parts.iter().all(|part| is_name(part)) {
        return Err(error());
    }
    let parsed = format!("value = {text}").parse::<Table>().ok().filter(|table| table.len() == 1);
    let value = parsed
        .and_then(|mut table| table.remove("value"))
        .or_else(|| Some(Value::Integer(i64::try_from(quantity::address(text).ok()?).ok()?)))
        .unwrap_or_else(|| Value::String(text.trim().to_owned()));
    let nested = parts
        .into_iter()
        .rev()
        .fold(value, |inner, part| Value::Table(Table::from_iter([(part.to_owned(), inner)])));
    match nested {
        Value::Table(table) => Ok(table),
        _ => Err(error()),
    }
}

/// Puts `over` on top of `base`. A table of another `kind` replaces the one below: its fields are others.
pub fn overlay(base: &mut Table, over: Table) {
    let other_kind = over.get("kind").is_some_and(|kind| base.get("kind").is_some_and(|below| below != kind));
    if other_kind {
        base.clear();
    }
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => overlay(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// A message of several lines as one.
pub fn one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
