//! A kernel on MMUs, fed by a trace, and two engines in lockstep.
//!
//! Owns the loop that runs a kernel on a platform ([`Machine`]), the comparison of two engines ([`Lockstep`],
//! [`Difference`]), whole runs as library calls ([`Session`]), scenarios ([`workload`]), several CPUs
//! ([`SmpMachine`]), and what a run has to say of accesses that were not carried out ([`Losses`]). Does not own the
//! engines, the kernel, nor reading traces; prints nothing.

mod cpu;
mod difference;
mod feed;
mod hold_last_exit;
mod lockstep;
mod loss;
mod machine;
mod narrow;
mod run;
mod session;
mod smp;
mod snapshot;
mod tapped;
pub mod workload;

pub use difference::{Difference, RECENT_COUNT, TableEntry};
pub use lockstep::Lockstep;
pub use loss::{Ending, Losses, ProcessEnd, Verdict};
pub use machine::Machine;
pub use run::{BATCH_ACCESSES, MachineError, Observer, RunCounts, RunEnd, Spectator, View};
pub use session::{Engine, RunOutcome, Session, SessionError, Taps, WorkloadOutcome};
pub use smp::{Interleaving, SmpMachine};
pub use snapshot::Snapshot;
pub use tapped::{Tap, Tapped};
