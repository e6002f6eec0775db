//! Thrashing: a machine that is busy bringing back what it has just taken. Linux shows it as refaults and as stall time
//! (workingset, PSI); here it is detected from the two together and named in the kernel's log.
//!
//! Owns the judgement alone. A second in which more than half of the time went by waiting for devices, and in which at least
//! half of the pages that came had been taken while a trace of them was left, is a second of thrashing.

use crate::kernel::Kernel;
use crate::system::System;

/// Over what is judged.
const WINDOW_NS: u64 = 1_000_000_000;
/// Pages that must have come back in it: fewer prove nothing.
const REFAULTS_MIN: u64 = 100;

/// What was counted when the window began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    now_ns: u64,
    waited_ns: u64,
    refaults: u64,
    read_pages: u64,
}

/// What is known of thrashing so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Thrash {
    begun: Mark,
    is_thrashing: bool,
    seconds: u64,
}

impl System {
    fn thrash_mark(&self) -> Mark {
        let events = &self.events;
        Mark {
            now_ns: self.clock.now_ns(),
            waited_ns: self.clock.waited_ns(),
            refaults: events.workingset_refault_anon + events.workingset_refault_file,
            read_pages: events.pgpgin / 4,
        }
    }

    /// Judges the last window once it is over. Gives what is to be written to the log where thrashing begins or ends.
    fn judge_thrashing(&mut self) -> Option<String> {
        let elapsed_ns = self.clock.now_ns().saturating_sub(self.thrash.begun.now_ns);
        if elapsed_ns < WINDOW_NS {
            return None;
        }
        let (before, now) = (self.thrash.begun, self.thrash_mark());
        self.thrash.begun = now;
        let waited_percent = (now.waited_ns - before.waited_ns) * 100 / elapsed_ns;
        let refaults = now.refaults - before.refaults;
        let is_thrashing = waited_percent > 50
            && refaults >= REFAULTS_MIN
            && refaults * 2 >= now.read_pages.saturating_sub(before.read_pages);
        let was_thrashing = std::mem::replace(&mut self.thrash.is_thrashing, is_thrashing);
        self.thrash.seconds += if is_thrashing { elapsed_ns / WINDOW_NS } else { 0 };
        match (was_thrashing, is_thrashing) {
            (false, true) => Some(format!(
                "thrashing: {waited_percent}% of the time goes by waiting for pages, {refaults} of which had been taken"
            )),
            (true, false) => Some(format!("thrashing is over after {} s", self.thrash.seconds)),
            _ => None,
        }
    }
}

impl Kernel {
    /// Judges whether the machine is thrashing, where a second is over. To be called wherever the kernel is entered.
    pub(crate) fn watch_thrashing(&mut self) {
        let said = self.system.judge_thrashing();
        self.log.extend(said);
    }
    /// Seconds of modelled time in which the machine was thrashing.
    pub fn thrashing_seconds(&self) -> u64 {
        self.system.thrash.seconds
    }
}
