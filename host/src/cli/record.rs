//! `record`: a real program's accesses and system calls, into a file or straight into `cosim -`.

use super::args::RecordArgs;
use super::console::Console;
use super::quantity::grouped;
use super::{CliError, Verdict};
use crate::record::{RecordError, RecordOptions, record as record_program};
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// `record`.
pub fn record(args: &RecordArgs, console: &Console) -> Result<Verdict, CliError> {
    if args.output == "-" && io::stdout().is_terminal() {
        let usage = "standard output is a terminal: add -o FILE, or pipe into `pagewalk cosim -`";
        return Err(CliError::Usage(usage.into()));
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    // Without a handler Ctrl-C ends the recording without its end, and nothing is left behind either.
    let _ = ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed));
    let mut options = RecordOptions::new(&args.command, &args.output);
    options.children = !args.no_children;
    options.interrupted = interrupted;
    let summary = match record_program(&options) {
        // As in every pipe: whoever stops reading has enough.
        Err(RecordError::ReaderGone) => return Err(CliError::OutputClosed),
        result => result?,
    };
    let place = if args.output == "-" { "standard output" } else { &args.output };
    let program = args.command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let counted = |count: u64, one: &str, many: &str| {
        format!("{} {}", grouped(count), if count == 1 { one } else { many })
    };
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
