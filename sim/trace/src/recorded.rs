//! A trace in memory, for runs that must not wait for a decoder and for several models over one trace. Owns
//! the storage, 16 bytes per access, and the replay.

use super::{BLOCK_ACCESSES, Trace};
use crate::{Boundary, Event, TraceError, TraceSource};
use pagewalk_arch::Access;
use std::sync::Arc;

/// A whole trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    accesses: Vec<Access>,
    /// Each with the number of accesses that come before it; in order.
    events: Vec<(usize, Event)>,
}

/// Reads all of `source` into memory.
///
/// # Errors
/// The source's own, and when memory does not suffice.
pub fn load(source: &mut (impl TraceSource + ?Sized)) -> Result<Recorded, TraceError> {
    let mut recorded = Recorded::default();
    let mut block = Vec::with_capacity(BLOCK_ACCESSES);
    loop {
        let boundary = source.next_block(&mut block)?;
        recorded.accesses.try_reserve(block.len()).map_err(|_| {
            TraceError(format!(
                "no memory for more than {} accesses; read the trace as a stream, or fewer with --limit",
                recorded.accesses.len()
            ))
        })?;
        recorded.accesses.extend_from_slice(&block);
        match boundary {
            Boundary::Full => {}
            Boundary::Event(event) => recorded.events.push((recorded.accesses.len(), event)),
            Boundary::End => return Ok(recorded),
        }
    }
}

impl Recorded {
    /// A trace made of `accesses` and `events`, each event with the number of accesses that come before it.
    pub fn new(accesses: Vec<Access>, mut events: Vec<(usize, Event)>) -> Self {
        events.sort_by_key(|(before, _)| *before);
        for (before, _) in &mut events {
            *before = (*before).min(accesses.len());
        }
        Self { accesses, events }
    }
    /// The accesses in order.
    pub fn accesses(&self) -> &[Access] {
        &self.accesses
    }
    /// The events, each with the number of accesses that come before it.
    pub fn events(&self) -> &[(usize, Event)] {
        &self.events
    }
    /// A stream over this trace, which stays usable: clone the `Arc` for several.
    pub fn replay(self: &Arc<Self>) -> Replay {
        Replay { trace: Arc::clone(self), access: 0, event: 0 }
    }
    /// A stream over this trace.
    pub fn into_replay(self) -> Replay {
        Arc::new(self).replay()
    }
}

/// A stream over a [`Recorded`] trace.
#[derive(Clone, Debug)]
pub struct Replay {
    trace: Arc<Recorded>,
    access: usize,
    event: usize,
}

impl Replay {
    /// Starts over.
    pub fn rewind(&mut self) {
        (self.access, self.event) = (0, 0);
    }
}

impl TraceSource for Replay {
    fn next_block(&mut self, block: &mut Vec<Access>) -> Result<Boundary, TraceError> {
        block.clear();
        if block.capacity() == 0 {
            block.reserve(BLOCK_ACCESSES);
        }
        let next_event = self.trace.events.get(self.event);
        let segment_end = next_event.map_or(self.trace.accesses.len(), |(before, _)| *before);
        let count = block.capacity().min(segment_end - self.access);
        block.extend_from_slice(&self.trace.accesses[self.access..self.access + count]);
        self.access += count;
        if self.access < segment_end {
            return Ok(Boundary::Full);
        }
        Ok(match next_event {
            Some((_, event)) => {
                self.event += 1;
                Boundary::Event(event.clone())
            }
            None => Boundary::End,
        })
    }
    /// In bytes of memory, which stand for those of a file.
    fn position(&self) -> Option<(u64, u64)> {
        let bytes = |accesses: usize| (accesses * size_of::<Access>()) as u64;
        Some((bytes(self.access), bytes(self.trace.accesses.len())))
    }
}

impl Trace for Replay {}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::AccessKind;

    #[test]
    fn replay_gives_back_what_was_loaded() {
        let accesses: Vec<_> = (0..10_000).map(|n| Access::user(n * 64, AccessKind::Fetch)).collect();
        let switch = |pid| Event::Switch { pid, line: pid };
        let events = vec![(0, switch(1)), (0, switch(2)), (4096, switch(3)), (10_000, switch(4))];
        let recorded = Recorded::new(accesses, events);
        let mut replay = recorded.clone().into_replay();
        assert_eq!(load(&mut replay).expect("in memory"), recorded);
        assert!(matches!(replay.next_block(&mut Vec::new()), Ok(Boundary::End)));
        replay.rewind();
        assert_eq!(load(&mut replay).expect("in memory"), recorded);
    }
}
