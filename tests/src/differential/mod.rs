//! The kernel model against the Linux that the test runs on, step by step.
//!
//! A [`Sequence`] is a few processes' system calls and touches in one [arena](ARENA). It is carried out twice: by a
//! small C program on the running Linux ([`linux`]) and by the kernel model under an MMU without TLBs ([`model`]).
//! After every step both say what it came to and what the address spaces look like now; [`judge`] compares. Sequences
//! are written by hand (`tests/differential/*.txt`) or drawn from a seed ([`generate`]), and one that differs shrinks
//! to the steps that matter ([`shrink`]), in the same language. What other versions of Linux answered to the written
//! ones is kept ([`recording`]).
//!
//! Files are memfds, which have no page_mkwrite: a shared page that was read is written without another fault.

pub mod generate;
pub mod judge;
pub mod linux;
pub mod model;
pub mod recording;
pub mod shrink;
mod side_by_side;
pub mod step;
mod text;

pub use judge::{Difference, Question, Verdict, compare, narrate};
pub use linux::{Linux, LinuxError};
pub use model::Model;
pub use recording::Recording;
pub use side_by_side::{Case, SideBySide};
pub use step::{Action, Advice, Object, Sequence, Span, Step};
pub use text::SyntaxError;

use pagewalk_arch::FRAME_BYTES;
use pagewalk_trace::Protection;

/// First byte of the arena that all steps lie in: within what every 39-bit and wider format holds, far from where
/// Linux puts anything, and across borders of tables on several levels.
pub const ARENA: u64 = 0x10_0000_0000 - ARENA_BYTES / 2;
/// Pages of the arena.
pub const ARENA_PAGES: u64 = 512;
const ARENA_BYTES: u64 = ARENA_PAGES * FRAME_BYTES;
/// Sizes in pages of the files that every sequence finds, full of zeroes.
pub const FILE_PAGES: [u64; 2] = [64, 24];
/// Most processes of a sequence, dead ones included.
pub const PROCESSES_MAX: usize = 8;

/// What is mapped in an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AreaKind {
    /// Private anonymous memory.
    Anonymous,
    /// Shared anonymous memory.
    SharedAnonymous,
    /// File number n of [`FILE_PAGES`].
    File(usize),
}

/// One area of an address space, as `/proc/PID/maps` has it. In pages of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// First page.
    pub start: u64,
    /// The page after the last.
    pub end: u64,
    /// Rights as asked for.
    pub protection: Protection,
    /// MAP_SHARED.
    pub shared: bool,
    /// What is mapped.
    pub kind: AreaKind,
    /// Offset in it in pages; 0 of private anonymous memory, whose offset Linux does not show.
    pub page_offset: u64,
}

/// What an address space looks like between two steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpaceState {
    /// Its areas, upwards.
    pub areas: Vec<Area>,
    /// Its pages that have an entry, those of the page of zeroes included, upwards, each with its frame.
    pub present: Vec<(u64, Frame)>,
}

/// The number of a frame, as the side that answers numbers them; the two sides' have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame(pub u64);

impl Frame {
    /// What Linux says instead of a number to processes without CAP_SYS_ADMIN.
    pub const HIDDEN: Frame = Frame(0);
}

/// How a touch ended in a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signalled {
    /// Its number.
    pub signal: i32,
    /// `si_code`.
    pub code: i32,
    /// At which page of the step, counted from 0.
    pub page: u64,
}

/// What one side says of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What the call returned, or -errno. The model does not decide it: it is told what Linux returned.
    pub result: i64,
    /// Faults that the process took during the step: `ru_minflt + ru_majflt`.
    pub faults: u64,
    /// The signal that ended the step.
    pub signal: Option<Signalled>,
    /// Every process that lives, by number, after the step.
    pub spaces: Vec<(usize, SpaceState)>,
}
