//! `trace`: statistics of a trace, and its first accesses and events.

use super::args::{TraceArgs, TraceCommand, TraceHeadArgs, TraceInfoArgs};
use super::console::{Console, output_error};
use super::source::TraceName;
use super::translations::kind_name;
use super::{CliError, Verdict};
use crate::trace::{BLOCK_ACCESSES, info};
use pagewalk_arch::{Boundary, Event, Syscall, SyscallOutcome, TraceSource};
use std::io::{self, BufWriter, Write};

/// `trace`.
pub fn trace(args: &TraceArgs, console: &Console) -> Result<Verdict, CliError> {
    match &args.command {
        TraceCommand::Info(args) => print_info(args, console),
        TraceCommand::Head(args) => print_head(args),
    }
}

fn print_info(args: &TraceInfoArgs, console: &Console) -> Result<Verdict, CliError> {
    let mut source = TraceName::of_raw(&args.source).open(args.source.format, args.source.limit)?;
    let info = info(&mut source)?;
    for note in source.notes() {
        console.note(&note);
    }
    let text = if args.json {
        serde_json::to_string_pretty(&info).map_err(|error| CliError::Output(error.into()))?
    } else {
        info.to_string()
    };
    console.print(&text)?;
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
    let Event::Syscall { pid, call, outcome, .. } = event else {
        let Event::Switch { pid, .. } = event else { return String::new() };
        return format!("switch to process {pid}");
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
                if map.anonymous { "anonymous" } else { "file" },
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
        Syscall::Remap { from, from_bytes, to, to_bytes } => {
            format!("mremap {from} {from_bytes:#x} bytes to {to} {to_bytes:#x} bytes")
        }
        Syscall::Advise { at, bytes, advice } => format!("madvise {at} {bytes:#x} bytes advice {advice}"),
        Syscall::Fork { child, shares_memory: true } => format!("clone: thread {child}"),
        Syscall::Fork { child, shares_memory: false } => format!("fork: process {child}"),
        Syscall::Exit { status } => format!("exit {status}"),
        Syscall::Other { number } => format!("system call {number}"),
    };
    match outcome {
        SyscallOutcome::Success => format!("process {pid}: {call}"),
        SyscallOutcome::Failure(errno) => format!("process {pid}: {call} failed with errno {errno}"),
    }
}
