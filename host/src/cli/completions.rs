//! `completions`: the completion script of a shell.

use super::Cli;
use super::console::Console;
use super::execute::Execute;
use super::{CliError, Verdict};
use clap::{Args, CommandFactory};

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

impl Execute for CompletionArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "pagewalk", &mut script);
        console.print(&String::from_utf8_lossy(&script))?;
        Ok(Verdict::Done)
    }
}
