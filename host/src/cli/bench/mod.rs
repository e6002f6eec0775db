//! `bench`: how fast each part runs beside the least that could do its work, measured in interleaved rounds of one
//! run. Only such ratios mean anything on a machine that others use too.

mod golden;
mod lockstep;
mod measured;
mod parsing;

use super::console::Console;
use super::execute::Execute;
use super::settings::Layers;
use super::{CliError, Verdict};
use clap::Args;
use clap::builder::TypedValueParser;
use measured::Measured;
use pagewalk_arch::{MmuConfig, PagingFormat};
use serde::Serialize;

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Accesses of the lockstep's stream
    #[arg(long, value_name = "N", default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(2..=1 << 28).map(|n| n as usize))]
    pub accesses: usize,
    /// Interleaved rounds, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rounds: usize,
    /// Download nothing, not even Verilator
    #[arg(long)]
    pub offline: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What a measurement needs to know.
struct Bench<'a> {
    config: MmuConfig,
    accesses: usize,
    rounds: usize,
    offline: bool,
    console: &'a Console,
}

/// How a measurement is made; `None` where it cannot be made here, which it says itself.
type Measure = fn(&Bench<'_>) -> Result<Option<Measured>, CliError>;

/// Every measurement by its name. The golden model runs with the bare loop's own geometry, and with the default.
const MEASUREMENTS: &[(&str, Measure)] = &[
    ("lockstep: accesses beside the bare model", lockstep::measure),
    ("run: accesses beside a look-up loop, 16 x 4", |bench| golden::measure(bench, "wide")),
    ("run: accesses beside a look-up loop, 16 x 2", |bench| golden::measure(bench, "balanced")),
    ("lackey text: bytes beside counting lines", parsing::measure),
];

/// A measurement that was made.
#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    #[serde(flatten)]
    measured: Measured,
}

impl Execute for BenchArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        let config = Layers::read(&Default::default())?.settings(PagingFormat::Sv39)?.mmu;
        let (accesses, rounds, offline) = (self.accesses, self.rounds.max(1), self.offline);
        let bench = Bench { config, accesses, rounds, offline, console };
        let mut lines = Vec::new();
        for &(name, measure) in MEASUREMENTS {
            lines.extend(measure(&bench)?.map(|measured| Line { name, measured }));
        }
        if self.json {
            console.print_json(&lines)?;
            return Ok(Verdict::Done);
        }
        let heading = ["million per second", "measured", "floor", "ratio", "hits"];
        let [name, measured, floor, ratio, hits] = heading;
        console.print(&format!("{name:<44}{measured:>10}{floor:>10}{ratio:>8}{hits:>9}"))?;
        for Line { name, measured: Measured { million_per_s, floor_million_per_s, ratio, hit_percent } } in
            &lines
        {
            let hits = hit_percent.map_or_else(String::new, |percent| format!("{percent:.2} %"));
            console.print(&format!(
                "{name:<44}{million_per_s:>10.1}{floor_million_per_s:>10.1}{ratio:>8.2}{hits:>9}"
            ))?;
        }
        Ok(Verdict::Done)
    }
}
