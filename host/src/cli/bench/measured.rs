//! What one measurement gives, beside its floor: the least that could do the work.

use crate::cli::CliError;
use serde::Serialize;
use std::time::Instant;

/// Rates of the work and of its floor.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Million units per second: accesses, or bytes where the name says so.
    pub million_per_s: f64,
    /// The same of the least that could do the work.
    pub floor_million_per_s: f64,
    /// The first over the second.
    pub ratio: f64,
    /// Hits among the look-ups, in percent, where there are any.
    pub hit_percent: Option<f64>,
}

/// Seconds of work and floor, round by round.
#[derive(Debug, Default)]
pub struct Times {
    /// Of the work.
    pub work_s: Vec<f64>,
    /// Of its floor.
    pub floor_s: Vec<f64>,
}

impl Times {
    /// The medians, for `units` of work per round.
    pub fn of(self, units: usize, hit_percent: Option<f64>) -> Measured {
        let [million_per_s, floor_million_per_s] =
            [self.work_s, self.floor_s].map(|times| units as f64 / median(times) / 1e6);
        Measured {
            million_per_s,
            floor_million_per_s,
            ratio: million_per_s / floor_million_per_s,
            hit_percent,
        }
    }
}

/// Seconds that `work` takes.
///
/// # Errors
/// Those of `work`.
pub fn seconds(work: impl FnOnce() -> Result<(), CliError>) -> Result<f64, CliError> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
