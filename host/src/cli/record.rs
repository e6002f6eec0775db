//! `record`: a real program's accesses and system calls, into a file or straight into `cosim -`.

use super::console::Console;
use super::execute::Execute;
use super::interrupt::{self, OnSecond};
use super::quantity::{counted, grouped};
use super::{CliError, Verdict};
use crate::record::{RecordError, RecordOptions, record as record_program};
use clap::Args;
use std::ffi::OsString;
use std::io::{self, IsTerminal};

/// Arguments of `record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The file to write, compressed as its suffix says: .zst .gz .xz .bz2; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: String,
    /// Record the first process only, not those that it starts nor the programs that it executes
    #[arg(long)]
    pub no_children: bool,
    /// Follow the processes that the program starts: it is so anyway
    #[arg(long, hide = true, conflicts_with = "no_children")]
    pub trace_children: bool,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, last = true)]
    pub command: Vec<OsString>,
}

impl Execute for RecordArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        record(self, console)
    }
}

fn record(args: &RecordArgs, console: &Console) -> Result<Verdict, CliError> {
    if args.output == "-" && io::stdout().is_terminal() {
        let usage = "standard output is a terminal: add -o FILE, or pipe into `pagewalk cosim -`";
        return Err(CliError::Usage(usage.into()));
    }
    // Without a handler Ctrl-C ends the recording without its end, and nothing is left behind either.
    interrupt::watch(OnSecond::Wait);
    let mut options = RecordOptions::new(&args.command, &args.output);
    options.children = !args.no_children;
    options.interrupted = interrupt::flag();
    let summary = match record_program(&options) {
        // As in every pipe: a reader that stops has seen enough.
        Err(RecordError::ReaderGone) => return Err(CliError::OutputClosed),
        result => result?,
    };
    let place = if args.output == "-" { "standard output" } else { &args.output };
    let program = args.command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    console.note(&format!(
        "recorded {} accesses and {} system calls of {} and {} ({}, {}) into {place}; {program} {}",
        grouped(summary.accesses),
        grouped(summary.syscalls),
        counted(summary.processes, "process", "processes"),
        counted(summary.programs, "program", "programs"),
        counted(summary.forks, "fork", "forks"),
        counted(summary.execs, "exec", "execs"),
        summary.ending()
    ));
    for loss in &summary.losses {
        console.note(&format!("warning: {loss}"));
    }
    Ok(Verdict::Done)
}
