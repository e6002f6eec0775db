//! A recording of all processes.

use super::identify::Identifier;
use super::launcher::Launcher;
use super::merge::{Merge, MergeError};
use super::scan::{Counts, Scan};
use super::sink::Sink;
use super::{RecordError, RecordOptions, losses, valgrind};
use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// All processes, each program's log merged into one trace.
pub(super) fn run(
    options: &RecordOptions,
    identifier: Identifier,
    sink: &mut Sink,
) -> Result<(ExitStatus, Counts, Vec<String>), RecordError> {
    let launcher = Launcher::new(options)?;
    let mut command = launcher.command(options);
    command.arg("--").args(&options.command);
    let child = valgrind::spawn(options, command)?;
    let root = child.id();
    let stop = Arc::new(AtomicBool::new(false));
    let waiter = valgrind::waiter(child, options, &stop, ());
    let mut scan = Scan::new(root, identifier);
    let mut merge = Merge::new(launcher.logs(), root);
    let mut waiter = Some(waiter);
    let mut status = None;
    let merged = scan.begin(root, sink).map_err(MergeError::Output).and_then(|()| {
        loop {
            if let Some(ended) = waiter.take_if(|waiter| waiter.is_finished()) {
                let joined = valgrind::join(ended);
                scan.root.1 = joined.as_ref().ok().copied();
                status = Some(joined);
                merge.root_ended();
            }
            let ended = status.is_some();
            if !merge.round(&mut scan, sink)? {
                let interrupted = options.interrupted.load(Ordering::Relaxed);
                if ended && (interrupted || !merge.anyone_lives()) {
                    return merge.rest(&mut scan, sink);
                }
                thread::sleep(valgrind::POLL);
            }
        }
    });
    if merged.is_err() || options.interrupted.load(Ordering::Relaxed) {
        stop.store(true, Ordering::Relaxed);
        merge.kill();
    }
    let status = status.or_else(|| waiter.map(valgrind::join));
    let status = status.unwrap_or_else(|| Err(io::Error::other("nobody waited")));
    merged.map_err(|error| RecordError::of_merge(&options.output, error))?;
    let losses = losses(&scan.counts);
    Ok((status.map_err(RecordError::Log)?, scan.counts, losses))
}
