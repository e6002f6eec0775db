//! Fields of a JSON object with the path to each, so that every error names its place.

use crate::cli::quantity;
use serde_json::{Map, Value};

/// A job that cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// No JSON.
    #[error("line {line}, column {column}: {problem}; the job must be one JSON object")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The parser's words.
        problem: String,
    },
    /// A field that is wrong.
    #[error("{path}: {problem}")]
    Field {
        /// Where, as `queries[3].va`.
        path: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// The error of the field at `path`.
pub fn invalid(path: &str, problem: &str) -> JobError {
    let path = if path.is_empty() { "the job" } else { path };
    JobError::Field { path: path.to_owned(), problem: problem.to_owned() }
}

/// An object and where it stands.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: String,
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl<'a> Fields<'a> {
    /// The object `value`, which stands at `path`.
    pub fn of(value: &'a Value, path: &str) -> Result<Self, JobError> {
        match value {
            Value::Object(object) => Ok(Self { object, path: path.to_owned() }),
            other => Err(invalid(path, &format!("must be an object, is {}", kind(other)))),
        }
    }
    /// Where the object stands.
    pub fn path(&self) -> &str {
        &self.path
    }
    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
    /// The error of the field `name`.
    pub fn wrong(&self, name: &str, problem: &str) -> JobError {
        invalid(&self.path_of(name), problem)
    }
    /// The error of a field that must be there.
    pub fn missing(&self, name: &str) -> JobError {
        self.wrong(name, "is missing")
    }

    /// Refuses fields that are not `known`: a misspelt one would silently count for nothing. Names, comments and what
    /// begins with an underscore are for people.
    pub fn only(&self, known: &[&str]) -> Result<(), JobError> {
        let for_people = |name: &str| name.starts_with('_') || ["name", "id", "comment"].contains(&name);
        match self.object.keys().find(|name| !known.contains(&name.as_str()) && !for_people(name)) {
            Some(name) => Err(self.wrong(name, &format!("is no field here; known are {}", known.join(", ")))),
            None => Ok(()),
        }
    }

    /// The field `name`; null counts as absent.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// The string `name`.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, JobError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, &format!("must be a string, is {}", kind(other)))),
        }
    }

    /// The number `name`.
    pub fn number(&self, name: &str) -> Result<Option<u64>, JobError> {
        self.get(name).map(|value| number(value, &self.path_of(name))).transpose()
    }

    /// The mode bit `name`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, JobError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(on)) => Ok(Some(*on)),
            Some(value) => match value.as_u64() {
                Some(bit @ (0 | 1)) => Ok(Some(bit == 1)),
                _ => Err(self.wrong(name, "must be 0 or 1")),
            },
        }
    }

    /// The elements of the list `name`, each with its path; none where the list is absent.
    pub fn list(&self, name: &str) -> Result<Vec<(String, &'a Value)>, JobError> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                let path = self.path_of(name);
                Ok(items.iter().enumerate().map(|(at, item)| (format!("{path}[{at}]"), item)).collect())
            }
            Some(other) => Err(self.wrong(name, &format!("must be a list, is {}", kind(other)))),
        }
    }
}

/// The number `value`, which stands at `path`: an integer, or a string such as `0x1000`.
pub fn number(value: &Value, path: &str) -> Result<u64, JobError> {
    match value {
        Value::String(text) => quantity::address(text).map_err(|error| invalid(path, &error.to_string())),
        other => other.as_u64().ok_or_else(|| {
            invalid(path, "must be a whole number of at most 64 bits, or a string such as \"0x1000\"")
        }),
    }
}

/// The bytes that pairs of hexadecimal digits stand for; white space and `0x` at the front mean nothing.
pub fn hex_bytes(text: &str) -> Result<Vec<u8>, &'static str> {
    let text = text.trim();
    let digits: Vec<u8> = text
        .strip_prefix("0x")
        .unwrap_or(text)
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| char::from(byte).to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()
        .ok_or("must be hexadecimal digits")?;
    if !digits.len().is_multiple_of(2) {
        return Err("must be pairs of hexadecimal digits, the number of digits is odd");
    }
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
