//! The first so many accesses of a trace. Owns the counting only.

use super::Trace;
use crate::{Boundary, TraceError, TraceSource};
use pagewalk_arch::Access;

/// A trace that ends after a number of accesses. The event that follows the last of them is not delivered.
pub struct Limit<T> {
    inner: T,
    left: u64,
}

impl<T: TraceSource> Limit<T> {
    /// Ends `inner` after `accesses`.
    pub fn new(inner: T, accesses: u64) -> Self {
        Self { inner, left: accesses }
    }
}

impl<T: TraceSource> TraceSource for Limit<T> {
    fn next_block(&mut self, block: &mut Vec<Access>) -> Result<Boundary, TraceError> {
        block.clear();
        if self.left == 0 {
            return Ok(Boundary::End);
        }
        let boundary = self.inner.next_block(block);
        if block.len() as u64 >= self.left {
            block.truncate(self.left as usize);
            self.left = 0;
            return Ok(Boundary::End);
        }
        self.left -= block.len() as u64;
        boundary
    }
    fn position(&self) -> Option<(u64, u64)> {
        self.inner.position()
    }
}

impl<T: Trace> Trace for Limit<T> {
    fn notes(&self) -> Vec<String> {
        self.inner.notes()
    }
    fn wants_plan(&self) -> bool {
        self.inner.wants_plan()
    }
}
