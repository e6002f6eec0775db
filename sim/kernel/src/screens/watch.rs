//! Screens again and again: every so many accesses, or every so much time.
//!
//! Owns when a screen is due, and what the one before it saw, since rates are of the time between the two. Prints
//! nothing.

use super::{Screen, VmStat, Window};
use crate::kernel::Kernel;
use pagewalk_arch::Platform;
use std::str::FromStr;

/// The time between two screens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Every {
    /// So many accesses, on all CPUs together.
    Accesses(u64),
    /// So many seconds of the machine's time.
    Seconds(f64),
}

/// Text that is no time between screens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no interval: write accesses as 5000, 100K or 1M, or time as 10ms or 2s")]
pub struct NoInterval(pub String);

impl FromStr for Every {
    type Err = NoInterval;
    fn from_str(text: &str) -> Result<Self, NoInterval> {
        let units = [
            ("ms", None, 1e-3),
            ("s", None, 1.0),
            ("K", Some(10), 0.0),
            ("M", Some(20), 0.0),
            ("G", Some(30), 0.0),
        ];
        let found =
            units.into_iter().find_map(|(unit, shift, scale)| Some((text.strip_suffix(unit)?, shift, scale)));
        let every = match found {
            Some((number, None, scale)) => number.parse().ok().map(|n: f64| Every::Seconds(n * scale)),
            // As counts of accesses are written: K is a thousand.
            Some((number, Some(shift), _)) => {
                let thousands = 1000u64.pow(shift / 10);
                number.parse().ok().and_then(|n: u64| n.checked_mul(thousands)).map(Every::Accesses)
            }
            None => text.parse().ok().map(Every::Accesses),
        };
        let is_some_time = |every: &Every| match *every {
            Every::Accesses(accesses) => accesses > 0,
            Every::Seconds(seconds) => seconds > 0.0 && seconds.is_finite(),
        };
        every.filter(is_some_time).ok_or_else(|| NoInterval(text.into()))
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clock {
    /// Accesses carried out.
    pub accesses: u64,
    /// Seconds of the machine's time.
    pub seconds: f64,
}

/// Screens that are shown at intervals.
#[derive(Clone, Debug)]
pub struct Watch {
    screens: Vec<Screen>,
    every: Every,
    /// When the last were shown, and what `/proc/vmstat` said then.
    last: Clock,
    earlier: VmStat,
    shown: u64,
}

/// Rows after which titles are repeated, as vmstat(8) does on a terminal.
const TITLES_EVERY: u64 = 20;

impl Watch {
    /// Of these screens.
    pub fn new(screens: Vec<Screen>, every: Every) -> Self {
        Self { screens, every, last: Clock::default(), earlier: VmStat::default(), shown: 0 }
    }

    /// Whether the next are due. Cheap: it may be asked after every batch.
    pub fn is_due(&self, now: Clock) -> bool {
        !self.screens.is_empty()
            && match self.every {
                Every::Accesses(accesses) => now.accesses.saturating_sub(self.last.accesses) >= accesses,
                Every::Seconds(seconds) => now.seconds - self.last.seconds >= seconds,
            }
    }

    /// The screens as they are now, about the time since they were last shown.
    pub fn show(&mut self, kernel: &Kernel, platform: &dyn Platform, now: Clock) -> String {
        let window = Window {
            earlier: std::mem::replace(&mut self.earlier, kernel.vm_stat()),
            seconds: now.seconds - self.last.seconds,
            time: time_of_day(now.seconds),
            with_titles: self.shown.is_multiple_of(TITLES_EVERY),
        };
        self.last = now;
        self.shown += 1;
        self.screens.iter().filter_map(|screen| kernel.show(platform, screen, &window)).collect()
    }
}

/// `00:00:12`, as sar begins its lines; the machine starts at midnight.
fn time_of_day(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    format!("{:02}:{:02}:{:02}", whole / 3600 % 24, whole / 60 % 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read() {
        for (text, every) in [
            ("5000", Every::Accesses(5000)),
            ("1M", Every::Accesses(1_000_000)),
            ("100K", Every::Accesses(100_000)),
            ("10ms", Every::Seconds(0.01)),
            ("2s", Every::Seconds(2.0)),
        ] {
            assert_eq!(text.parse(), Ok(every), "{text}");
        }
        for wrong in ["", "0", "0s", "x", "-1s", "1T", "infs", "99999999999999999999", "99999999999999999M"] {
            assert!(wrong.parse::<Every>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_screen_is_due_when_its_time_has_passed() {
        let at = |accesses, seconds| Clock { accesses, seconds };
        let watch = Watch::new(vec![Screen::Free], Every::Accesses(100));
        assert_eq!([99, 100, 101].map(|n| watch.is_due(at(n, 0.0))), [false, true, true]);
        let watch = Watch::new(vec![Screen::Free], Every::Seconds(0.5));
        assert_eq!([0.4, 0.5].map(|s| watch.is_due(at(0, s))), [false, true]);
        assert!(!Watch::new(Vec::new(), Every::Accesses(1)).is_due(at(5, 5.0)));
        assert_eq!(time_of_day(3723.9), "01:02:03");
    }
}
