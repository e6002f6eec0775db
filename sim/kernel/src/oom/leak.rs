//! Leaks: a process whose anonymous memory only grows is named, with how fast, before memory runs out.
//!
//! Owns the judgement alone; Linux has none. Of each address space it is remembered what it had (in memory and in swap) at
//! up to seventeen moments since it last fell. When there are more, every second one is forgotten and the distance between
//! them doubles, so that growth over a millisecond is seen as well as growth over an hour. A process is named when it has
//! grown in each of these windows, by a quarter of the average at least, and by more in all than is left: at this rate
//! memory lasts no longer than the growth has. Time in which everybody waits for a device does not count. Who fills memory once and then works in it stands still in the later
//! windows, and who gives back begins anew.

use crate::frame::LruList;
use crate::kernel::Kernel;
use crate::{MmCounters, MmId};
use pagewalk_arch::FRAME_SHIFT;
use std::collections::BTreeMap;

/// The first distance between two looks.
const INTERVAL_NS: u64 = 1_000;
/// Windows that prove something.
const WINDOWS_MIN: usize = 8;
const WINDOWS_MAX: usize = 2 * WINDOWS_MIN;

/// What an address space had at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    /// Waiting for devices left out.
    at_ns: u64,
    /// By the clock.
    clock_ns: u64,
    pages: u64,
}

/// How an address space has grown since it last fell.
#[derive(Clone, Debug)]
struct Growth {
    interval_ns: u64,
    due_ns: u64,
    samples: Vec<Sample>,
    is_named: bool,
}

impl Growth {
    fn new(sample: Sample) -> Self {
        let (interval_ns, samples) = (INTERVAL_NS, vec![sample]);
        Self { interval_ns, due_ns: sample.at_ns.saturating_add(interval_ns), samples, is_named: false }
    }

    fn first_and_last(&self) -> (Sample, Sample) {
        let last = self.samples.last().copied().unwrap_or(Sample { at_ns: 0, clock_ns: 0, pages: 0 });
        (self.samples.first().copied().unwrap_or(last), last)
    }

    /// Takes a look. Nobody looked in the meantime where nothing happened: then there was what there had been before.
    fn look(&mut self, now: Sample) {
        let (_, before) = self.first_and_last();
        while self.due_ns.saturating_add(self.interval_ns) <= now.at_ns {
            self.push(Sample { at_ns: self.due_ns, ..before });
            self.due_ns = self.due_ns.saturating_add(self.interval_ns);
        }
        self.push(now);
        self.due_ns = now.at_ns.saturating_add(self.interval_ns);
    }

    fn push(&mut self, sample: Sample) {
        let (_, before) = self.first_and_last();
        if sample.pages < before.pages {
            self.samples.clear();
            self.is_named = false;
        }
        self.samples.push(sample);
        if self.samples.len() > WINDOWS_MAX {
            let mut is_kept = false;
            self.samples.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.interval_ns = self.interval_ns.saturating_mul(2);
        }
    }

    /// Whether it has grown all the time, and by more than is `left`.
    fn is_leak(&self, left: u64) -> bool {
        let windows = self.samples.len() as u64 - 1;
        let (first, last) = self.first_and_last();
        let growth = last.pages - first.pages;
        let is_steady = |pair: &[Sample]| (pair[1].pages - pair[0].pages) * windows * 4 >= growth;
        windows >= WINDOWS_MIN as u64 && growth > left && self.samples.windows(2).all(is_steady)
    }
}

/// A process whose anonymous memory only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Which process.
    pub pid: u32,
    /// By how many pages it has grown since it last fell.
    pub pages: u64,
    /// In how many nanoseconds.
    pub ns: u64,
}

impl Leak {
    /// How fast it grows.
    pub fn kib_per_second(&self) -> u64 {
        let kib = u128::from(self.pages) << (FRAME_SHIFT - 10);
        u64::try_from(kib * 1_000_000_000 / u128::from(self.ns.max(1))).unwrap_or(u64::MAX)
    }
}

/// What is known of the growth of all address spaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeakWatch {
    spaces: BTreeMap<MmId, Growth>,
    due_ns: u64,
}

impl Kernel {
    /// Looks who grows, where a look is due. To be called wherever the kernel is entered.
    pub(crate) fn watch_leaks(&mut self) {
        let clock_ns = self.system.clock.now_ns();
        let at_ns = clock_ns - self.system.clock.waited_ns();
        if at_ns < self.leaks.due_ns {
            return;
        }
        let watch = &mut self.leaks;
        watch.spaces.retain(|mm, _| self.spaces.contains_key(mm));
        let left = self.system.left_for_growth();
        let mut due_ns = u64::MAX;
        let mut found = Vec::new();
        for &mm in self.spaces.keys() {
            let MmCounters { anon, swap, .. } = self.system.mms.get(mm);
            let now = Sample { at_ns, clock_ns, pages: anon + swap };
            let growth = watch.spaces.entry(mm).or_insert_with(|| Growth::new(now));
            if growth.due_ns <= at_ns {
                growth.look(now);
                if !growth.is_named && growth.is_leak(left) {
                    growth.is_named = true;
                    found.push(mm);
                }
            }
            due_ns = due_ns.min(growth.due_ns);
        }
        watch.due_ns = due_ns;
        let leaks: Vec<_> = self.leaks().filter(|(mm, _)| found.contains(mm)).collect();
        for (_, leak) in leaks {
            let Leak { pid, pages, ns } = leak;
            self.log.push(format!(
                "leak: process {pid} ({}) grows by {}kB/s: {}kB of anonymous memory in {} us without falling, and {}kB are left",
                self.name_of(pid),
                leak.kib_per_second(),
                pages << (FRAME_SHIFT - 10),
                ns / 1000,
                left << (FRAME_SHIFT - 10)
            ));
        }
    }

    fn leaks(&self) -> impl Iterator<Item = (MmId, Leak)> {
        let named = self.leaks.spaces.iter().filter(|(_, growth)| growth.is_named);
        named.filter_map(|(&mm, growth)| {
            let (&pid, _) = self.processes.iter().find(|(_, process)| process.mm == mm)?;
            let (first, last) = growth.first_and_last();
            Some((mm, Leak { pid, pages: last.pages - first.pages, ns: last.clock_ns - first.clock_ns }))
        })
    }

    /// Processes that were found to leak and have not given anything back since, as of the last look.
    pub fn leaking(&self) -> Vec<Leak> {
        self.leaks().map(|(_, leak)| leak).collect()
    }

    /// Whether a line of [`Kernel::log`] is a finding of this model, where Linux says nothing: thrashing, a leak, a process
    /// that was suspended.
    pub fn is_finding(line: &str) -> bool {
        ["thrashing", "leak:", "load control:"].iter().any(|start| line.starts_with(start))
    }
}

impl crate::system::System {
    /// Pages that anonymous memory can still grow by: what is free, in memory and in swap, and what files can give back.
    fn left_for_growth(&self) -> u64 {
        let files = [LruList::InactiveFile, LruList::ActiveFile].map(|list| self.memory.lru_len(list));
        self.memory.frames_free() + self.swap.slots_free() + files.iter().sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at_ns: u64, pages: u64) -> Sample {
        Sample { at_ns, clock_ns: at_ns, pages }
    }

    /// What `pages` says of a process at each microsecond, up to the first at which it leaks with `left` pages left.
    fn named_at(pages: impl Fn(u64) -> u64, left: u64, until: u64) -> Option<u64> {
        let mut growth = Growth::new(at(0, pages(0)));
        (1..until).find(|&at_us| {
            let at_ns = at_us * 1000;
            if growth.due_ns <= at_ns {
                growth.look(at(at_ns, pages(at_us)));
            }
            growth.is_leak(left)
        })
    }

    #[test]
    fn steady_growth_is_named_when_more_has_gone_than_is_left() {
        let named = named_at(|at| at * 10, 5000, 10_000).unwrap();
        assert!((501..=564).contains(&named), "within a window of 501: {named}");
        assert_eq!(named_at(|at| at * 10, 100, 100), Some(11), "beyond the first windows at once");
        assert!(named_at(|at| at, u64::MAX, 10_000).is_none(), "there is plenty left");
    }

    #[test]
    fn filling_memory_once_is_no_leak() {
        let fills = named_at(|at| at.min(50) * 100, 4000, 100).unwrap();
        assert!((41..=44).contains(&fills), "as long as it fills, who knows: {fills}");
        assert_eq!(named_at(|at| 5000 + at.min(4) * 100, 200, 100_000), None);
        assert_eq!(named_at(|_| 5000, 0, 10_000), None);
    }

    #[test]
    fn who_gives_back_begins_anew() {
        let sawtooth = |at: u64| 1000 + at % 100 * 10;
        assert_eq!(named_at(sawtooth, 2000, 100_000), None);
        let leaks_later = |at: u64| if at < 1000 { sawtooth(at) } else { 1000 + (at - 1000) * 10 };
        let named = named_at(leaks_later, 2000, 100_000).unwrap();
        assert!((1200..1340).contains(&named), "{named}");
    }

    #[test]
    fn silence_is_standing_still() {
        let mut growth = Growth::new(at(0, 0));
        (1..=10).for_each(|us| growth.look(at(us * 1000, us)));
        assert!(growth.is_leak(9));
        growth.look(at(u64::MAX / 2, 11));
        assert!(!growth.is_leak(0), "{growth:?}");
        assert!(growth.samples.len() <= WINDOWS_MAX);
    }

    #[test]
    fn the_rate_is_kib_by_seconds() {
        assert_eq!(Leak { pid: 1, pages: 256, ns: 500_000_000 }.kib_per_second(), 2048);
        assert_eq!(Leak { pid: 1, pages: u64::MAX >> 2, ns: 0 }.kib_per_second(), u64::MAX);
    }
}
