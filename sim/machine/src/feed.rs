//! What has been read of a trace and not yet been carried out.
//!
//! Owns the block, how far it has come, and what follows it. Does not own the trace, nor who carries it out.

use crate::run::BATCH_ACCESSES;
use pagewalk_arch::Access;
use pagewalk_trace::{Boundary, TraceError, TraceSource};

/// A block of a trace, carried out piece by piece.
pub(crate) struct Feed {
    block: Vec<Access>,
    taken: usize,
    /// What follows the block; `None` before the first.
    boundary: Option<Result<Boundary, TraceError>>,
    /// The end of the trace has been come to.
    pub(crate) ended: bool,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self { block: Vec::with_capacity(BATCH_ACCESSES), taken: 0, boundary: None, ended: false }
    }

    /// Reads on if everything read has been carried out.
    pub(crate) fn fill(&mut self, source: &mut dyn TraceSource) {
        if self.boundary.is_none() {
            self.taken = 0;
            self.boundary = Some(source.next_block(&mut self.block));
        }
    }

    /// The next accesses of the block, at most `most`.
    pub(crate) fn peek(&self, most: usize) -> &[Access] {
        &self.block[self.taken..self.block.len().min(self.taken.saturating_add(most))]
    }

    /// The next `accesses` have been carried out.
    pub(crate) fn take(&mut self, accesses: usize) {
        self.taken += accesses;
        assert!(self.taken <= self.block.len(), "no more is taken than was read");
    }

    /// Accesses of the block that have not been carried out.
    pub(crate) fn left(&self) -> usize {
        self.block.len() - self.taken
    }

    /// Whether accesses follow those of the block without anything between them.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(self.boundary, Some(Ok(Boundary::Full)))
    }

    /// Whether nothing follows the block.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self.boundary, Some(Ok(Boundary::End)))
    }

    /// What follows the block, whose accesses have all been carried out.
    pub(crate) fn boundary(&mut self) -> Option<Result<Boundary, TraceError>> {
        self.boundary.take()
    }
}
