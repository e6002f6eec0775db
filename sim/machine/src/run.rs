//! What a run counts, how it ends, and who watches it. Owns the words alone.

use crate::loss::{Ending, Losses};
use pagewalk_arch::{Access, AccessKind, Platform};
use pagewalk_kernel::{Clock, Death, EventError, Kernel};
use pagewalk_trace::{TraceError, TraceSource};

/// Accesses per batch: enough to make the hand-over between two threads cheap, few enough to stay in a cache.
pub const BATCH_ACCESSES: usize = 4096;

/// Why a run ended before its trace.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// The trace cannot be read on.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The trace asks of the kernel what it cannot do.
    #[error("trace {0}")]
    Event(EventError),
    /// The modelled machine is dead.
    #[error("{0}")]
    Panic(String),
    /// An invariant of the kernel does not hold.
    #[error("{0}")]
    Broken(String),
    /// The MMU refuses what the page tables grant.
    #[error(
        "access {number} ({kind:?} {va:#x}): the MMU refuses again what the kernel's page tables grant",
        kind = access.kind, va = access.va.0
    )]
    Refused {
        /// Number of the access in the trace, from 1.
        number: u64,
        /// The access.
        access: Access,
    },
}

// Its text is part of this one's, so that it is not named as the source as well.
impl From<EventError> for MachineError {
    fn from(error: EventError) -> Self {
        MachineError::Event(error)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunEnd {
    /// The trace is over, or the limit is reached.
    #[default]
    Complete,
    /// Two engines differ.
    Difference,
    /// The caller asked it to stop.
    Interrupted,
}

/// What was carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Accesses of the trace that were translated.
    pub accesses: u64,
    /// Fetches among them.
    pub instructions: u64,
    /// Loads among them.
    pub loads: u64,
    /// Stores among them.
    pub stores: u64,
    /// Accesses that killed their process, and those of processes that had ended.
    pub skipped: u64,
    /// Accesses that ended in a signal for which the program has a handler.
    pub signals: u64,
    /// Processes that ended early, and what the trace says to it.
    pub losses: Losses,
}

impl RunCounts {
    /// Counts accesses that were translated.
    pub(crate) fn add(&mut self, accesses: &[Access]) {
        // Both counts in one word, so that an access costs one addition: more would show in the speed of `run`.
        const STORE_SHIFT: u32 = 32;
        const SHARES: [u64; 3] = {
            let mut shares = [0; 3];
            shares[AccessKind::Fetch as usize] = 1;
            shares[AccessKind::Store as usize] = 1 << STORE_SHIFT;
            shares
        };
        let (mut fetches, mut stores) = (0, 0);
        for chunk in accesses.chunks(BATCH_ACCESSES) {
            let both: u64 = chunk.iter().map(|access| SHARES[access.kind as usize]).sum();
            fetches += both & ((1 << STORE_SHIFT) - 1);
            stores += both >> STORE_SHIFT;
        }
        let total = accesses.len() as u64;
        self.accesses += total;
        self.instructions += fetches;
        self.stores += stores;
        self.loads += total - fetches - stores;
    }
    /// Accesses of the trace that were come to: translated, ended in a signal, or left out.
    pub fn presented(&self) -> u64 {
        self.accesses + self.signals + self.skipped
    }
    /// The first process that was killed, if any was.
    pub fn death(&self) -> Option<Death> {
        self.losses.ends().iter().find_map(|end| match end.ending {
            Ending::Killed(death) => Some(death),
            Ending::Signalled(_) | Ending::Exited | Ending::Stopped => None,
        })
    }
}

/// A machine while it runs, for who looks at it.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Its kernel.
    pub kernel: &'a Kernel,
    /// What the kernel runs on.
    pub platform: &'a dyn Platform,
    /// Accesses carried out.
    pub accesses: u64,
}

impl View<'_> {
    /// How far the machine has come.
    pub fn clock(&self) -> Clock {
        Clock { accesses: self.accesses, seconds: self.kernel.now_ns() as f64 / 1e9 }
    }
}

/// Who looks at the machine while it runs, and changes nothing.
pub trait Spectator {
    /// After each batch of accesses and each call on files. `false` ends the run: a scenario at once, a trace after its
    /// block.
    fn look(&mut self, _view: &View<'_>) -> bool {
        true
    }
    /// At the end, while those who live still do.
    fn look_at_end(&mut self, _view: &View<'_>) {}
}

impl Spectator for () {}

/// What watches a run.
pub trait Observer: Spectator {
    /// After each block of the trace: progress so far. `false` ends the run.
    fn keep_running(&mut self, _counts: &RunCounts, _source: &dyn TraceSource) -> bool {
        true
    }
}

/// Watches nothing.
impl Observer for () {}
