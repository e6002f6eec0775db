//! Reserve, then commit: frames that are set aside before a verb changes anything, so that it does not run out of
//! memory half-way.
//!
//! A reserve is a promise and no frames: which frames it comes to is decided when they are taken, so that reserving
//! changes no frame number. Only what must not fail is reserved for. Where Linux itself goes part of the way (faulting
//! pages in, copying entries for a child), running out is a result.

use super::PhysicalMemory;
use crate::{FrameUse, OutOfMemory, Pfn};

/// So many frames are there for the verb that holds this. To be given back by [`PhysicalMemory::cancel`].
#[derive(Debug)]
#[must_use = "what is reserved is kept from all others until it is given back"]
pub(crate) struct Reserve {
    frames: u64,
}

impl PhysicalMemory {
    /// Sets `frames` frames aside.
    pub(crate) fn reserve(&mut self, frames: u64) -> Result<Reserve, OutOfMemory> {
        let fails = frames > 0 && self.fails(frames);
        if fails || self.frames_free() - self.reserved < frames {
            return Err(OutOfMemory);
        }
        self.reserved += frames;
        Ok(Reserve { frames })
    }

    /// Takes a frame of `reserve` for `usage`, with one reference.
    ///
    /// # Panics
    /// Where more is taken than was reserved.
    pub(crate) fn take(&mut self, reserve: &mut Reserve, usage: FrameUse) -> Pfn {
        reserve.frames = reserve.frames.checked_sub(1).expect("as much was reserved as is needed");
        self.reserved -= 1;
        self.allocate_in_zones(u64::MAX, usage).expect("what is reserved is there")
    }

    /// Gives back what is left of `reserve`.
    pub(crate) fn cancel(&mut self, reserve: Reserve) {
        self.reserved -= reserve.frames;
    }

    /// Fault injection, as Linux's `fail_page_alloc`: of the frames asked for from now on, `succeed` can be had, the
    /// next cannot, and `then` says whether that was all.
    pub(crate) fn fail_after(&mut self, succeed: u64, then: AfterFailure) {
        self.failure = Some((succeed, then));
    }

    /// Whether asking for `frames` frames is to fail.
    pub(super) fn fails(&mut self, frames: u64) -> bool {
        let Some((succeed, then)) = self.failure else { return false };
        let fails = succeed < frames;
        self.failure = match (fails, then) {
            (false, _) => Some((succeed - frames, then)),
            (true, AfterFailure::Recovers) => None,
            (true, AfterFailure::Persists) => Some((0, then)),
        };
        fails
    }
}

/// What follows an injected failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Memory can be had again.
    Recovers,
    /// No memory can be had any more.
    Persists,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_there_and_for_nobody_else() {
        let mut memory = PhysicalMemory::new(1..5, false);
        let mut reserve = memory.reserve(3).unwrap();
        assert!(memory.allocate(FrameUse::Anonymous).is_ok(), "the fourth");
        assert_eq!(memory.allocate(FrameUse::Anonymous), Err(OutOfMemory));
        assert_eq!(memory.reserve(1).map(drop), Err(OutOfMemory));
        memory.take(&mut reserve, FrameUse::Anonymous);
        memory.take(&mut reserve, FrameUse::Anonymous);
        memory.cancel(reserve);
        assert!(memory.allocate(FrameUse::Anonymous).is_ok(), "what was not needed");
        assert_eq!(memory.frames_free(), 0);
    }

    #[test]
    #[should_panic(expected = "as much was reserved as is needed")]
    fn taking_more_than_was_reserved_is_caught() {
        let mut memory = PhysicalMemory::new(1..5, false);
        let mut reserve = memory.reserve(1).unwrap();
        memory.take(&mut reserve, FrameUse::Anonymous);
        memory.take(&mut reserve, FrameUse::Anonymous);
    }

    #[test]
    fn failures_come_when_they_were_asked_for() {
        let run = |then| {
            let mut memory = PhysicalMemory::new(1..20, false);
            memory.fail_after(2, then);
            (0..5).map(|_| memory.allocate(FrameUse::Anonymous).is_ok()).collect::<Vec<_>>()
        };
        assert_eq!(run(AfterFailure::Recovers), [true, true, false, true, true]);
        assert_eq!(run(AfterFailure::Persists), [true, true, false, false, false]);
    }
}
