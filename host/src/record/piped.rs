//! A recording of the first process alone, until it executes another program: its log runs through a pipe.

use super::identify::Identifier;
use super::merge::MergeError;
use super::scan::{Counts, Scan};
use super::sink::Sink;
use super::{CHUNK_BYTES, RecordError, RecordOptions, losses, valgrind};
use pagewalk_trace::lackey::begins_access;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One process, its log through a pipe.
pub(super) fn run(
    options: &RecordOptions,
    identifier: Identifier,
    sink: &mut Sink,
) -> Result<(ExitStatus, Counts, Vec<String>), RecordError> {
    let (mut log, writer) = io::pipe().map_err(RecordError::Log)?;
    // By this name Valgrind opens a writing end of its own: no descriptor has to be inherited, and the
    // program finds those it expects.
    let name = format!("--log-file=/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd());
    let mut command = Command::new(&options.valgrind);
    command.arg(name).args(valgrind::ARGUMENTS);
    command.arg("--child-silent-after-fork=yes").arg("--").args(&options.command);
    let child = valgrind::spawn(options, command)?;
    let root = child.id();
    let stop = Arc::new(AtomicBool::new(false));
    // The last writing end goes with the waiter: the log is over when no other process has one.
    let waiter = valgrind::waiter(child, options, &stop, writer);
    let mut scan = Scan::new(root, identifier);
    let copied = copy(&mut log, root, &mut scan, sink);
    if copied.is_err() {
        stop.store(true, Ordering::Relaxed);
    }
    drop(log);
    let status = valgrind::join(waiter);
    scan.root.1 = status.as_ref().ok().copied();
    let executed = scan.pending_exec(root);
    let copied = copied.and_then(|()| match executed {
        Some(_) => Ok(()),
        None => scan.gone(root, sink).map_err(MergeError::Output),
    });
    copied.map_err(|error| RecordError::of_merge(&options.output, error))?;
    let mut losses = losses(&scan.counts);
    if let Some(program) = executed {
        losses.push(format!(
            "the program became another one, {program}, which is not recorded; record without --no-children to follow it"
        ));
    }
    if scan.counts.forks > 0 {
        losses.push(format!(
            "{} processes that the program started are not recorded; record without --no-children to follow them",
            scan.counts.forks
        ));
    }
    scan.counts.processes = 1;
    Ok((status.map_err(RecordError::Log)?, scan.counts, losses))
}

/// Passes on the log of process `root` as it comes.
fn copy(log: &mut impl Read, root: u32, scan: &mut Scan, sink: &mut Sink) -> Result<(), MergeError> {
    scan.begin(root, sink).map_err(MergeError::Output)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut pending = Vec::new();
    let mut held = None;
    loop {
        let count = match log.read(&mut chunk) {
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(MergeError::Log(e)),
        };
        pending.extend_from_slice(&chunk[..count]);
        loop {
            let (consumed, waits) = scan.pass(root, &pending, &mut held, sink).map_err(MergeError::Output)?;
            pending.drain(..consumed);
            // Its children are silent: there is no child to wait for.
            if waits.is_none() {
                break;
            }
        }
        if count == 0 {
            if !pending.is_empty() && !begins_access(&pending) {
                // The execve that became another program.
                let line = scan.line(&pending);
                scan.finish(line, &pending, sink).map_err(MergeError::Output)?;
            }
            return Ok(());
        }
    }
}
