//! Expectations: a place in a result, and what must stand there.

use super::text;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How a value is held against what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The number itself: policy.
    Exact,
    /// The number itself, which other versions of Linux decide otherwise.
    Version,
    /// Within a tolerance: what depends on the time of background threads.
    Near,
    /// At least this.
    Least,
    /// At most this.
    Most,
}

impl Kind {
    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Exact => "exact",
            Kind::Version => "version",
            Kind::Near => "near",
            Kind::Least => "at least",
            Kind::Most => "at most",
        }
    }
}

/// An expectation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// How it is held.
    pub kind: Kind,
    /// What is expected.
    pub value: Value,
    /// What was measured when the expectation was written.
    #[serde(rename = "measured")]
    pub _measured: Value,
    /// Share of the value that may be missing or too much; of 0, the number itself.
    #[serde(default)]
    pub tolerance: f64,
    /// Why it is so.
    #[serde(default)]
    pub why: String,
    /// What 6.12 gave, where it is something else.
    #[serde(default, deserialize_with = "given")]
    pub on_6_12: Option<Value>,
    /// The step whose reply is meant.
    pub step: Option<u32>,
    /// Its words.
    #[serde(default)]
    pub line: String,
    /// Who replied.
    #[serde(default)]
    pub who: String,
    /// What of the reply.
    pub key: Option<String>,
    /// The snapshot that is meant.
    pub snapshot: Option<String>,
    /// The snapshot whose value is taken away.
    pub since: Option<String>,
    /// The place in the snapshot.
    pub path: Option<String>,
    /// What of the whole result is meant.
    pub result: Option<String>,
}

/// A field that is there, even if it is null.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The expectations of one scenario.
#[derive(Clone, Debug, Deserialize)]
pub struct Expectations {
    /// What the scenario is about.
    pub about: String,
    /// The versions of Linux that were asked, where that was not both.
    #[serde(default)]
    pub versions: Vec<String>,
    /// What is expected.
    pub entries: Vec<Expectation>,
}

/// All expectations, by scenario.
///
/// # Errors
/// The file cannot be read.
pub fn expectations() -> Result<BTreeMap<String, Expectations>, String> {
    serde_json::from_str(&text("expect.json")?).map_err(|error| format!("expect.json: {error}"))
}

impl Expectations {
    /// Whether `version` of Linux was asked.
    pub fn are_of(&self, version: &str) -> bool {
        self.versions.is_empty() || self.versions.iter().any(|asked| asked == version)
    }
}

impl Expectation {
    /// Its place, in words that no other expectation of the scenario has.
    pub fn place(&self) -> String {
        let mut place = match (self.step, &self.snapshot) {
            (Some(step), _) => format!("step {step} {}", self.key.as_deref().unwrap_or_default()),
            (None, Some(snapshot)) => format!("{snapshot} {}", self.path.as_deref().unwrap_or_default()),
            (None, None) => format!("{} {}", self.result.as_deref().unwrap_or_default(), self.kind.name()),
        };
        if let Some(since) = &self.since {
            let _ = write!(place, " since {since}");
        }
        if matches!(self.kind, Kind::Least | Kind::Most) {
            let _ = write!(place, " {}", self.kind.name());
        }
        place
    }

    /// Whether every version of Linux that was asked answers so.
    pub fn is_shared(&self) -> bool {
        self.on_6_12.is_none()
    }
}
