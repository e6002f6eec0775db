//! Scenarios, carried out: workers that map, touch, fork and die, step by step, on any machine.
//!
//! Owns the actors and what they do of their own (`program`, `worker`) or because a trace recorded it (`recording`,
//! `replay`), the accesses that a step makes (`access`,
//! `reach`), steps that are carried out together (`job`, `together`), and what is told of it (`result`, `snapshot`). Does not own the language (the kernel crate's `workload`), nor what the
//! kernel decides; every access goes through the MMU, and what a program reads and writes goes by the physical address
//! that the MMU answered.

mod access;
mod calls;
mod command;
mod image;
mod job;
mod layout;
mod life;
mod pattern;
mod program;
mod progress;
pub mod random;
mod reach;
mod recording;
mod replay;
mod result;
mod snapshot;
mod steps;
mod system;
mod together;
mod unmodelled;
mod worker;

pub use image::{DEFAULT_IMAGE, Image, ImageError};
pub use progress::WorkloadProgress;
pub use recording::{BUNDLED_TRACE, Traces};
pub use result::{
    BuddyReport, Compared, Died, LivingReport, ProcReport, Reply, SnapshotReport, StepReport, Told, Values,
    WorkloadReport,
};

use crate::run::{MachineError, RunCounts, RunEnd, View};
use image::Program;
use job::AtWork;
use layout::Layout;
use pagewalk_arch::{CpuId, Platform};
use pagewalk_kernel::workload::Scenario;
use pagewalk_kernel::{Death, Kernel};
use recording::{RecordedFiles, Recording};
use std::collections::BTreeMap;
use std::sync::Arc;
use worker::Worker;

/// The first process of every machine, which the workers' agent is.
const AGENT_PID: u32 = 1;
const NS_PER_MS: u64 = 1_000_000;
const EINVAL: i64 = 22;

/// A scenario and what it runs with.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// What happens.
    pub scenario: Scenario,
    /// What a fresh machine and a fresh worker are.
    pub image: Image,
    /// Where the traces of its actors come from; `None`: there are no files.
    pub traces: Option<Arc<dyn Traces>>,
    /// Every invariant of the kernel is checked after every step: slow.
    pub checks: bool,
}

/// Why a step goes no further.
#[derive(Debug)]
enum Stop {
    /// Who acted lives no more.
    Died,
    /// Two engines differ, or the caller wants the run to end: nothing goes on.
    Ended(RunEnd),
    /// Something is wrong.
    Error(MachineError),
}

impl From<MachineError> for Stop {
    fn from(error: MachineError) -> Self {
        Stop::Error(error)
    }
}

/// A machine with its workers, while a scenario is carried out.
struct World<'a> {
    kernel: &'a mut Kernel,
    platform: &'a mut dyn Platform,
    workload: &'a Workload,
    /// Where programs lie in this format.
    layout: Layout,
    /// Programs by their files; a copy of a file is the same program.
    programs: BTreeMap<String, &'a Program>,
    workers: Vec<Worker>,
    /// What acts, acts here.
    cpu: CpuId,
    next_pid: u32,
    /// Workers that have been given a CPU by turns.
    next_cpu: usize,
    /// Steps that were left at work.
    at_work: AtWork,
    /// Traces of workers that do what one recorded, by the worker's place.
    recordings: BTreeMap<usize, Recording>,
    recorded_files: RecordedFiles,
    /// Who has been killed and not yet been told of.
    deaths: Vec<Death>,
    counts: RunCounts,
    /// What has been told so far.
    report: WorkloadReport,
    /// The step that is being carried out.
    step: StepReport,
    /// `/proc/vmstat` at the last snapshot.
    last_vmstat: Option<Values>,
    /// The swap area that is in use.
    swap: Option<u8>,
    /// Lines of the kernel's log that have been read.
    log_read: usize,
    /// The kernel writes for a worker that comes back to its CPU.
    is_resuming: bool,
    /// Accesses at most.
    limit: u64,
    /// Who watches.
    progress: &'a mut dyn WorkloadProgress,
}

impl World<'_> {
    /// Lets who watches look at the machine. Says whether it goes on.
    fn look(&mut self) -> bool {
        let Self { kernel, platform, counts, progress, .. } = self;
        progress.look(&View { kernel, platform: &**platform, accesses: counts.accesses })
    }
}
