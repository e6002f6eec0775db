//! `man`: the man page, of the program or of one command.

use super::Cli;
use super::console::Console;
use super::execute::Execute;
use super::{CliError, Verdict};
use clap::{Args, CommandFactory};

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command; without, the program
    pub command: Option<String>,
}

impl Execute for ManArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        let mut program = Cli::command();
        program.build();
        let command = match &self.command {
            None => program,
            Some(name) => program.find_subcommand(name).cloned().ok_or_else(|| {
                CliError::Usage(format!("there is no command `{name}`: see pagewalk --help"))
            })?,
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).map_err(CliError::Output)?;
        console.print(&String::from_utf8_lossy(&page))?;
        Ok(Verdict::Done)
    }
}
