//! `trace`: statistics of a trace, and its first accesses and events.

use super::args::RawSourceArgs;
use super::console::{Console, output_error};
use super::execute::Execute;
use super::source::TraceName;
use super::translations::kind_name;
use super::{CliError, Verdict};
use clap::{Args, Subcommand};
use pagewalk_trace::{BLOCK_ACCESSES, info};
use pagewalk_trace::{Boundary, CloneKind, Event, Syscall, SyscallOutcome, TraceSource};
use std::io::{self, BufWriter, Write};

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// What to look at.
    #[command(subcommand)]
    pub command: TraceCommand,
}

/// Ways to look into a trace.
#[derive(Debug, Subcommand)]
pub enum TraceCommand {
    /// Count accesses, pages, regions, system calls and processes
    Info(TraceInfoArgs),
    /// Print the first accesses and events
    Head(TraceHeadArgs),
}

/// Arguments of `trace info`.
#[derive(Debug, Args)]
pub struct TraceInfoArgs {
    /// The trace.
    #[command(flatten)]
    pub source: RawSourceArgs,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `trace head`.
#[derive(Debug, Args)]
pub struct TraceHeadArgs {
    /// The trace.
    #[command(flatten)]
    pub source: RawSourceArgs,
    /// Accesses and events to print
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub lines: u64,
}

impl Execute for TraceArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        match &self.command {
            TraceCommand::Info(args) => print_info(args, console),
            TraceCommand::Head(args) => print_head(args),
        }
    }
}

fn print_info(args: &TraceInfoArgs, console: &Console) -> Result<Verdict, CliError> {
    let mut source = TraceName::of_raw(&args.source).open(args.source.format, args.source.limit)?;
    let info = info(&mut source)?;
    for note in source.notes() {
        console.note(&note);
    }
    match args.json {
        true => console.print_json(&info)?,
        false => console.print(&info.to_string())?,
    }
    Ok(Verdict::Done)
}

fn print_head(args: &TraceHeadArgs) -> Result<Verdict, CliError> {
    let mut source = TraceName::of_raw(&args.source).open(args.source.format, args.source.limit)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut block = Vec::with_capacity(BLOCK_ACCESSES);
    let mut left = args.lines;
    let mut number = 0u64;
    while left > 0 {
        // What was read before an error comes first.
        let boundary = source.next_block(&mut block);
        for access in block.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            number += 1;
            left -= 1;
            writeln!(out, "{number:>10}  {:<5} {} {}", kind_name(access.kind), access.va, access.bytes)
                .map_err(output_error)?;
        }
        match boundary {
            Ok(Boundary::Full) => {}
            Ok(Boundary::Event(event)) if left > 0 => {
                left -= 1;
                writeln!(out, "{:>10}  {}", "", describe(&event)).map_err(output_error)?;
            }
            Ok(Boundary::Event(_)) => {}
            Ok(Boundary::End) => break,
            Err(error) => {
                out.flush().map_err(output_error)?;
                return Err(error.into());
            }
        }
    }
    out.flush().map_err(output_error)?;
    Ok(Verdict::Done)
}

fn describe(event: &Event) -> String {
    let (pid, call, outcome) = match event {
        Event::Syscall { pid, call, outcome, .. } => (pid, call, outcome),
        Event::Switch { pid, .. } => return format!("switch to process {pid}"),
        Event::File(fact) => {
            let size = fact.bytes.map_or("unknown size".into(), |bytes| format!("{bytes:#x} bytes"));
            return format!("file {}: {}, {size}", fact.file.0, fact.name);
        }
        Event::Signal { pid, signal, fatal: true, .. } => {
            return format!("process {pid}: killed by signal {signal}");
        }
        Event::Signal { pid, signal, .. } => return format!("process {pid}: handles signal {signal}"),
    };
    let call = match call {
        Syscall::Map(map) => {
            let flag = |set: bool, letter: char| if set { letter } else { '-' };
            format!(
                "mmap {} {:#x} bytes {}{}{} {} {}",
                map.at,
                map.bytes,
                flag(map.protection.read, 'r'),
                flag(map.protection.write, 'w'),
                flag(map.protection.execute, 'x'),
                if map.shared { "shared" } else { "private" },
                map.source.map_or("anonymous".into(), |source| format!(
                    "file {} at {:#x}",
                    source.file.0, source.offset
                )),
            )
        }
        Syscall::Unmap { at, bytes } => format!("munmap {at} {bytes:#x} bytes"),
        Syscall::Protect { at, bytes, protection } => {
            let flag = |set: bool, letter: char| if set { letter } else { '-' };
            format!(
                "mprotect {at} {bytes:#x} bytes {}{}{}",
                flag(protection.read, 'r'),
                flag(protection.write, 'w'),
                flag(protection.execute, 'x')
            )
        }
        Syscall::Brk { end } => format!("brk {end}"),
        Syscall::Remap { from, from_bytes, to, to_bytes, .. } => {
            format!("mremap {from} {from_bytes:#x} bytes to {to} {to_bytes:#x} bytes")
        }
        Syscall::Advise { at, bytes, advice } => format!("madvise {at} {bytes:#x} bytes advice {advice}"),
        Syscall::Detach { at } => format!("shmdt {at}"),
        Syscall::RemoveSegment { file } => format!("shmctl removes file {}", file.0),
        Syscall::RemapFilePages { at, bytes, page_offset } => {
            format!("remap_file_pages {at} {bytes:#x} bytes to page {page_offset}")
        }
        Syscall::Lock { at, bytes, .. } => format!("mlock {at} {bytes:#x} bytes"),
        Syscall::Unlock { at, bytes } => format!("munlock {at} {bytes:#x} bytes"),
        Syscall::NameArea { at, bytes, .. } => format!("prctl names {at} {bytes:#x} bytes"),
        Syscall::Clone { child, kind: CloneKind::Thread } => format!("clone: thread {child}"),
        Syscall::Clone { child, .. } => format!("{}: process {child}", call.name()),
        Syscall::Exec { path } => format!("execve {path}"),
        Syscall::Exit { status } | Syscall::ExitGroup { status } => format!("{} {status}", call.name()),
        Syscall::Wait { child } => format!("wait4: process {child}"),
        Syscall::HandleSignal { signal } => format!("rt_sigaction: handles signal {signal}"),
        Syscall::LockAll { .. } | Syscall::UnlockAll => call.name().into(),
        Syscall::Unmodelled { name } => format!("{name} (not modelled)"),
        Syscall::Other { number } => format!("system call {number}"),
    };
    match outcome {
        SyscallOutcome::Success => format!("process {pid}: {call}"),
        SyscallOutcome::Failure(errno) => format!("process {pid}: {call} failed with errno {errno}"),
    }
}
