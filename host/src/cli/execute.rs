//! What a command can do. Owns the trait that every command's arguments have.

use super::console::Console;
use super::{CliError, Verdict};

/// The arguments of a command, which say all that it needs to know.
pub trait Execute {
    /// Does what they say.
    ///
    /// # Errors
    /// Bad usage or input; what is no such error is the verdict's.
    fn execute(&self, console: &Console) -> Result<Verdict, CliError>;
}
