//! Traces of real programs: reading them, fitting them into a page-table format, counting what is in them.
//!
//! Owns the way from bytes to the stream of [`Access`]es and
//! [`Event`]s that everything else consumes: decompression ([`input`]), recognition of
//! the format and one reader per format ([`FORMATS`]), re-basing ([`Rebase`]), the in-memory form
//! ([`Recorded`]), the statistics ([`TraceInfo`]) and the trace that comes with the program ([`bundled`]).
//! Owns no meaning: what a system call does to an address space is the kernel model's business, and nothing
//! here prints.
//!
//! Every reader works in constant memory and in one pass, so a recording can be piped straight into a run.

mod bundled;
mod error;
mod event;
mod format;
mod info;
pub mod input;
pub mod lackey;
mod limit;
mod rebase;
mod recognise;
mod recorded;
mod relocation;
mod window;

pub use bundled::{BUNDLED_NAME, bundled, bundled_input};
pub use error::unusable;
pub use event::{
    Boundary, CloneKind, Event, FileFact, FileId, FileKind, FileSource, MapRequest, Protection, RemapFlags,
    Syscall, SyscallOutcome, TraceError, TraceSource,
};
pub use format::{Format, HEAD_BYTES};
pub use info::{Region, TraceInfo, info};
pub use limit::Limit;
pub use rebase::{Rebase, plan};
pub use recognise::FORMATS;
pub use recorded::{Recorded, Replay, load};
pub use relocation::{Exhausted, Relocation};

use input::Input;
use pagewalk_arch::{Access, PagingFormat};

/// Accesses that a block should have room for: the size at which batches through the models are fastest lies
/// far below, the cost of a call far above.
pub const BLOCK_ACCESSES: usize = 4096;

/// A trace that may have something to tell its user besides its contents.
pub trait Trace: TraceSource + Send {
    /// What happened on the way that the user should know: one line each, complete only after the end was
    /// read.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
    /// Whether it ended because its addresses found no room, which a reading beforehand would have given them.
    fn wants_plan(&self) -> bool {
        false
    }
}

/// How to open a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceOptions {
    /// Move addresses that this page-table format cannot hold into its user half, see [`Rebase`]. `None`
    /// hands over the addresses as they were recorded.
    pub fit: Option<PagingFormat>,
    /// End after this many accesses.
    pub limit: Option<u64>,
}

/// Reads a trace from `input`, whatever its compression and format.
///
/// # Errors
/// When it cannot be read, is empty, or is none of the formats in [`FORMATS`]. One line that names it and the remedy.
pub fn read(input: Input, options: TraceOptions) -> Result<Box<dyn Trace>, TraceError> {
    let mut trace = recognise::recognise(input)?;
    if let Some(format) = options.fit {
        trace = Box::new(Rebase::new(trace, format));
    }
    if let Some(accesses) = options.limit {
        trace = Box::new(Limit::new(trace, accesses));
    }
    Ok(trace)
}

impl TraceSource for Box<dyn Trace> {
    fn next_block(&mut self, block: &mut Vec<Access>) -> Result<Boundary, TraceError> {
        (**self).next_block(block)
    }
    fn position(&self) -> Option<(u64, u64)> {
        (**self).position()
    }
}

impl Trace for Box<dyn Trace> {
    fn notes(&self) -> Vec<String> {
        (**self).notes()
    }
    fn wants_plan(&self) -> bool {
        (**self).wants_plan()
    }
}
