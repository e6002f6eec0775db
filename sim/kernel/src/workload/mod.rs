//! The scenario language: one step a line, from text to typed steps.
//!
//! Owns the words, their defaults, and what is said of a line that cannot be read. Does not own what a step does (the
//! machine carries it out), nor any file: a scenario comes as text. The language is that of the agent which asks a real
//! Linux the same questions, with patterns of access and recorded traces besides.
//!
//! A line is read in three stages: its words with their columns (`words`), the words by a row of the table of commands
//! (`grammar`, `commands`), and the row's own way to make a step of them (`action`).

mod action;
mod actors;
mod commands;
mod error;
mod grammar;
mod machine;
mod quantity;
mod read;
#[cfg(test)]
mod tests;
mod words;

pub use action::{
    Action, Advice, Bound, Command, FileSpan, MapCommand, MemoryPolicy, Pattern, Place, RangeVerb, RegionOf,
    RemapCommand, Resource, Stride,
};
pub use error::ScenarioError;
pub use machine::{HugePages, MachineLine};
pub use quantity::parse_size;

/// A scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    /// What it is about, for people.
    pub about: String,
    /// The machine that it runs on.
    pub machine: MachineLine,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// Names of all workers, in the order in which lines name them first.
    pub workers: Vec<String>,
}

/// One line that does something.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its number: lines that are neither empty nor comments are counted from 1, `about` and `machine` included.
    pub number: u32,
    /// Its line in the text, from 1.
    pub line: u32,
    /// Its words, one blank apart, without a comment.
    pub text: String,
    /// What it does.
    pub action: Action,
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// The first line that cannot be read.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        read::scenario(text)
    }
}

/// A line of help for every command, in the order of the table: how it is written.
pub fn usages() -> impl Iterator<Item = &'static str> {
    commands::ROWS.iter().chain(commands::WORKER_ROWS).map(|row| row.usage)
}
