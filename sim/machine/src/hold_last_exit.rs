//! Holds back the exit that ends a trace, so that a run can say how large the program was while it lived.

use pagewalk_arch::Access;
use pagewalk_trace::{Boundary, Event, Syscall, SyscallOutcome, TraceError, TraceSource};

/// A trace without its last event, if that is an exit and nothing follows.
pub struct HoldLastExit<T> {
    inner: T,
    /// What was read to see whether anything follows an exit.
    ahead: Option<(Vec<Access>, Result<Boundary, TraceError>)>,
    held: Option<Event>,
}

impl<T: TraceSource> HoldLastExit<T> {
    /// Holds back the last exit of `inner`.
    pub fn new(inner: T) -> Self {
        Self { inner, ahead: None, held: None }
    }
    /// The exit, once the trace has ended with one.
    pub fn held(&self) -> Option<&Event> {
        self.held.as_ref()
    }
}

impl<T: TraceSource> TraceSource for HoldLastExit<T> {
    fn next_block(&mut self, block: &mut Vec<Access>) -> Result<Boundary, TraceError> {
        if let Some((accesses, boundary)) = self.ahead.take() {
            *block = accesses;
            return boundary;
        }
        let boundary = self.inner.next_block(block)?;
        let Boundary::Event(event) = boundary else { return Ok(boundary) };
        let Event::Syscall {
            call: Syscall::Exit { .. } | Syscall::ExitGroup { .. },
            outcome: SyscallOutcome::Success,
            ..
        } = &event
        else {
            return Ok(Boundary::Event(event));
        };
        let mut accesses = Vec::with_capacity(block.capacity());
        let next = self.inner.next_block(&mut accesses);
        if accesses.is_empty() && matches!(next, Ok(Boundary::End)) {
            self.held = Some(event);
            return Ok(Boundary::End);
        }
        self.ahead = Some((accesses, next));
        Ok(Boundary::Event(event))
    }

    fn position(&self) -> Option<(u64, u64)> {
        self.inner.position()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::AccessKind;
    use pagewalk_trace::{Recorded, load};

    fn exit(pid: u32) -> Event {
        let call = Syscall::Exit { status: 0 };
        Event::Syscall { pid, call, outcome: SyscallOutcome::Success, line: pid }
    }

    #[test]
    fn only_the_last_exit_is_held_back() {
        let accesses: Vec<_> = (0..10).map(|n| Access::user(n * 64, AccessKind::Load)).collect();
        let events = vec![(3, exit(1)), (3, exit(2)), (10, exit(3))];
        let mut source = HoldLastExit::new(Recorded::new(accesses.clone(), events).into_replay());
        let seen = load(&mut source).expect("in memory");
        assert_eq!(seen.accesses(), accesses);
        assert_eq!(seen.events(), [(3, exit(1)), (3, exit(2))]);
        assert_eq!(source.held(), Some(&exit(3)));
    }

    #[test]
    fn a_trace_that_goes_on_keeps_every_exit() {
        let accesses = vec![Access::user(0, AccessKind::Load); 2];
        let mut source = HoldLastExit::new(Recorded::new(accesses, vec![(1, exit(1))]).into_replay());
        assert_eq!(load(&mut source).expect("in memory").events(), [(1, exit(1))]);
        assert_eq!(source.held(), None);
    }
}
