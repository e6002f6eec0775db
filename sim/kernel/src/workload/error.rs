//! What is said of a line that cannot be read.

/// A scenario that cannot be read: where, what is wrong, and what may stand there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct ScenarioError {
    /// Line, from 1.
    pub line: u32,
    /// Character within the line, from 1.
    pub column: u32,
    /// The sentence.
    pub problem: String,
}
