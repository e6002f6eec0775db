//! Outcomes in the order of the trace, whatever the order in which they become known. Owns what a caller sees of a
//! batch: how many accesses were consumed, their outcomes, the fault that stopped it.

use pagewalk_arch::{FaultKind, MmuStats, Outcome, Progress};
use std::collections::VecDeque;

/// The outcomes of one batch.
pub(crate) struct Delivery<'a> {
    outcomes: Option<&'a mut Vec<Outcome>>,
    stop_at_fault: bool,
    /// Accepted and not delivered, oldest first.
    window: VecDeque<Option<Outcome>>,
    progress: Progress,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(outcomes: Option<&'a mut Vec<Outcome>>, stop_at_fault: bool) -> Self {
        Self { outcomes, stop_at_fault, window: VecDeque::new(), progress: Progress::default() }
    }
    /// Whether a fault ended the batch: nothing more may be accepted.
    pub(crate) fn stopped(&self) -> bool {
        self.progress.fault.is_some()
    }
    /// How far the batch went.
    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }
    /// The list that outcomes go to, for a stream of hits with nothing older in flight.
    pub(crate) fn list(&mut self) -> Option<&mut Vec<Outcome>> {
        debug_assert!(self.window.is_empty(), "an older access has no outcome yet");
        self.outcomes.as_deref_mut()
    }
    /// `count` hits were delivered outside of the window.
    pub(crate) fn delivered_hits(&mut self, count: usize) {
        self.progress.consumed += count;
    }

    /// The next access of the trace was accepted.
    pub(crate) fn expect(&mut self) {
        self.window.push_back(None);
    }
    /// The outcome of the access at `index` of the batch is known.
    pub(crate) fn answer(&mut self, index: usize, outcome: Outcome, stats: &mut MmuStats) {
        if !self.stopped() {
            self.window[index - self.progress.consumed] = Some(outcome);
            while let Some(&Some(outcome)) = self.window.front() {
                self.window.pop_front();
                self.deliver(outcome, stats);
                if self.stopped() {
                    // D-12: what was accepted after it is squashed, answered already or not.
                    stats.squashed += self.window.len() as u64;
                    self.window.clear();
                }
            }
        }
    }

    fn deliver(&mut self, outcome: Outcome, stats: &mut MmuStats) {
        self.progress.consumed += 1;
        match outcome.fault {
            FaultKind::None => {}
            FaultKind::Page => stats.page_faults += 1,
            FaultKind::Access => stats.access_faults += 1,
            FaultKind::GeneralProtection => stats.gp_faults += 1,
        }
        if self.stop_at_fault && !outcome.is_ok() {
            self.progress.fault = Some(outcome);
        }
        if let Some(outcomes) = &mut self.outcomes {
            outcomes.push(outcome);
        }
    }
}
