//! Random configurations of the MMU and of the world around it, and how to tell and simplify one.
//!
//! Owns what is drawn. Everything else goes by the names that settings have in files: a configuration is told as the
//! options that `pagewalk` takes, and simplified setting by setting, so that no parameter is forgotten here.

use pagewalk_arch::{
    Isa, IssueOrder, L1Config, MemoryTiming, MmuConfig, OnFault, PagingFormat, Replacement, SplitMix64,
    Structure,
};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Longest latency and ready delay that a configuration may have, in cycles.
const MEMORY_CYCLES_MAX: u32 = 10_000;

/// Highest percentage of stalled cycles that a configuration may have.
const STALL_PERCENT_MAX: u32 = 90;

/// Who sets A and D bits: an argument of the work, as software chooses it at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessedDirty {
    /// The walker, always.
    Hardware,
    /// Software, after a fault (RISC-V; x86 has no such mode).
    Software,
    /// Now this, now that.
    Changing,
}

/// A configuration and the way it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Hardware and timing.
    pub config: MmuConfig,
    /// What faults do.
    pub on_fault: OnFault,
    /// Who sets A and D bits.
    pub accessed_dirty: AccessedDirty,
}

impl Sample {
    /// The sample of `seed`: every parameter over all values that `MmuConfig::validate` allows, both TLBs apart.
    pub fn draw(seed: u64) -> Self {
        let rng = &mut SplitMix64(seed);
        let format = one_of(rng, &PagingFormat::ALL);
        let spec = format.spec();
        let mut config = MmuConfig::of(format);
        let physical_bits_min = if spec.isa == Isa::X86 { 32 } else { 24 };
        let any = physical_bits_min + rng.below(spec.pa_bits_max - physical_bits_min + 1);
        config.physical_bits = one_of(rng, &[any, any, physical_bits_min, spec.pa_bits_max]);
        let any = if spec.isa == Isa::X86 { spec.asid_bits } else { rng.below(spec.asid_bits + 1) };
        config.asid_bits = one_of(rng, &[any, any, 0, spec.asid_bits]);
        config.tag_bits = rng.below(17);
        config.l1i = draw_l1(rng);
        config.l1d = draw_l1(rng);
        let on_fault = draw_world(rng, &mut config);
        let modes = [AccessedDirty::Hardware, AccessedDirty::Software, AccessedDirty::Changing];
        Self { config, on_fault, accessed_dirty: one_of(rng, &modes) }
    }

    /// The same hardware in another world.
    pub fn in_world(mut self, seed: u64) -> Self {
        self.on_fault = draw_world(&mut SplitMix64(seed), &mut self.config);
        self
    }

    /// The same with memory that answers soon, for simulations in which cycles are dear.
    pub fn with_fast_memory(mut self) -> Self {
        const LATENCY_MAX: u32 = 12;
        const READY_DELAY_MAX: u32 = 4;
        let memory = &mut self.config.timing.memory;
        match memory {
            MemoryTiming::Fixed { latency } => *latency = (*latency).min(LATENCY_MAX),
            MemoryTiming::Random { latency_max, ready_delay_max, .. } => {
                *latency_max = (*latency_max).min(LATENCY_MAX);
                *ready_delay_max = (*ready_delay_max).min(READY_DELAY_MAX);
            }
        }
        self
    }

    /// Accesses that cost about as much time as `count` with fast memory.
    pub fn affordable(&self, count: u64) -> u64 {
        let cycles = match self.config.timing.memory {
            MemoryTiming::Fixed { latency } => latency,
            MemoryTiming::Random { latency_max, ready_delay_max, .. } => latency_max + ready_delay_max,
        };
        let stalls = &self.config.timing;
        let stalled = 1 + (stalls.request_stall_percent.max(stalls.response_stall_percent) / 40);
        (count / u64::from(stalled) / (1 + u64::from(cycles / 50))).max(count.min(60))
    }
}

/// The number in an environment variable that replays or lengthens a suite.
pub fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text}: write a number")),
        Err(_) => default,
    }
}

/// Of what a suite goes through, every so manieth: `PAGEWALK_SHARE=5` is a fifth. All by default.
///
/// # Panics
/// For 0.
pub fn share<T>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let share = usize::try_from(number("PAGEWALK_SHARE", 1)).unwrap_or(usize::MAX);
    assert!(share > 0, "PAGEWALK_SHARE=0: write 1 for all, 5 for a fifth");
    all.into_iter().step_by(share).collect()
}

fn one_of<T: Copy>(rng: &mut SplitMix64, of: &[T]) -> T {
    of[rng.below(of.len() as u32) as usize]
}

/// A number up to `max`, as often small as large.
fn of_any_size(rng: &mut SplitMix64, max: u32) -> u32 {
    let bits = rng.below(max.ilog2() + 2);
    rng.below((1u32 << bits).min(max + 1))
}

fn draw_l1(rng: &mut SplitMix64) -> L1Config {
    let structure = if rng.below(4) == 0 {
        Structure::FullyAssociative { entries: 2 << rng.below(6) }
    } else {
        Structure::SetAssociative {
            sets: 1 << rng.below(9),
            ways: 1 << rng.below(4),
            superpage_sets: one_of(rng, &[0, 1, 1, 1]) << rng.below(9),
        }
    };
    L1Config { structure, replacement: one_of(rng, &[Replacement::TreePlru, Replacement::RoundRobin]) }
}

/// Everything about time: latencies, stalls, issue order, and what faults do.
fn draw_world(rng: &mut SplitMix64, config: &mut MmuConfig) -> OnFault {
    let latency = 1 + of_any_size(rng, MEMORY_CYCLES_MAX - 1);
    let timing = &mut config.timing;
    timing.memory = match rng.below(3) {
        0 => MemoryTiming::Fixed { latency },
        _ => MemoryTiming::Random {
            seed: rng.next_u64() >> 32,
            latency_max: latency,
            ready_delay_max: of_any_size(rng, MEMORY_CYCLES_MAX),
        },
    };
    timing.stall_seed = rng.next_u64() >> 32;
    for percent in [&mut timing.request_stall_percent, &mut timing.response_stall_percent] {
        *percent = one_of(rng, &[0, 1, 1]) * rng.below(STALL_PERCENT_MAX + 1);
    }
    let (issue, on_fault) = one_of(
        rng,
        &[
            (IssueOrder::Blocking, OnFault::Stop),
            (IssueOrder::Blocking, OnFault::Continue),
            (IssueOrder::Overlapped, OnFault::Continue),
        ],
    );
    timing.issue = issue;
    on_fault
}

/// The configuration as options of `pagewalk`: what differs from the format's default.
pub fn options(config: &MmuConfig) -> String {
    let mut text = format!("--format {}", config.format);
    let default = flat(&MmuConfig::of(config.format));
    let mut changed: Vec<(String, Value)> = flat(config).into_iter().collect();
    changed.retain(|(key, value)| default.get(key) != Some(value));
    // Another kind comes first: it takes away the settings of the kind before.
    changed.sort_by_key(|(key, _)| !key.ends_with(".kind"));
    for (key, value) in changed {
        let value = value.to_string();
        text.push_str(&format!(" --set {key}={}", value.trim_matches('"')));
    }
    text
}

/// Each way to set one setting back to the format's default, as far as something can be built.
fn simpler(config: &MmuConfig) -> Vec<MmuConfig> {
    let default = MmuConfig::of(config.format);
    let (now, then) = (table(config), table(&default));
    let mut paths: Vec<Vec<String>> = vec![];
    for section in ["l1i", "l1d"] {
        paths.push(vec![section.to_owned()]);
        paths.push(vec![section.to_owned(), "structure".to_owned()]);
    }
    paths.extend([vec!["timing".to_owned()], vec!["timing".to_owned(), "memory".to_owned()]]);
    paths.extend(flat(config).into_keys().map(|key| key.split('.').map(str::to_owned).collect()));
    let set_back = |path: &Vec<String>| {
        let value = path.iter().try_fold(&Value::Table(then.clone()), |at, name| at.get(name)).cloned()?;
        let mut changed = Value::Table(now.clone());
        *path.iter().try_fold(&mut changed, |at, name| at.get_mut(name))? = value;
        let changed: MmuConfig = changed.try_into().ok()?;
        (changed != *config && changed.validate().is_ok()).then_some(changed)
    };
    paths.iter().filter_map(set_back).collect()
}

/// The configuration with as many settings at their defaults as leave `fails` true.
pub fn shrink(mut config: MmuConfig, fails: impl Fn(&MmuConfig) -> bool) -> MmuConfig {
    while let Some(smaller) = simpler(&config).into_iter().find(|candidate| fails(candidate)) {
        config = smaller;
    }
    config
}

fn table(config: &MmuConfig) -> Table {
    Table::try_from(config).expect("a configuration is a table: so it is read from files")
}

/// Every setting by its path.
fn flat(config: &MmuConfig) -> BTreeMap<String, Value> {
    fn add(path: &str, value: Value, to: &mut BTreeMap<String, Value>) {
        match value {
            Value::Table(table) => {
                for (name, value) in table {
                    let dot = if path.is_empty() { "" } else { "." };
                    add(&format!("{path}{dot}{name}"), value, to);
                }
            }
            value => {
                to.insert(path.to_owned(), value);
            }
        }
    }
    let mut settings = BTreeMap::new();
    add("", Value::Table(table(config)), &mut settings);
    settings.remove("format");
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn samples_can_be_built_and_reach_every_value() {
        let samples: Vec<MmuConfig> = (0..3000).map(|seed| Sample::draw(seed).config).collect();
        let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for config in &samples {
            config.validate().unwrap_or_else(|error| panic!("{error}: {config:?}"));
            seen.entry("format".into()).or_default().insert(config.format.to_string());
            for (key, value) in flat(config) {
                seen.entry(key).or_default().insert(value.to_string());
            }
        }
        // Values of: eight formats; 24 to 56 bits; 0 to 16 bits; powers of two.
        let counts = [("format", 8), ("physical_bits", 33), ("asid_bits", 17), ("tag_bits", 17)];
        let tlb = [("sets", 9), ("ways", 4), ("superpage_sets", 10), ("entries", 6), ("kind", 2)];
        let tlb = ["l1i", "l1d"]
            .iter()
            .flat_map(|l1| tlb.map(|(name, count)| (format!("{l1}.structure.{name}"), count)));
        for (key, count) in counts.map(|(key, count)| (key.to_owned(), count)).into_iter().chain(tlb) {
            assert_eq!(seen[&key].len(), count, "{key}: {:?}", seen[&key]);
        }
        assert!(samples.iter().any(|config| config.l1i != config.l1d));
    }

    #[test]
    fn options_name_what_is_not_the_default() {
        let mut config = MmuConfig::of(PagingFormat::La48);
        config.l1i.structure = Structure::FullyAssociative { entries: 4 };
        config.l1d.replacement = Replacement::RoundRobin;
        assert_eq!(
            options(&config),
            "--format la48 --set l1i.structure.kind=fully-associative --set l1d.replacement=round-robin \
             --set l1i.structure.entries=4"
        );
    }

    #[test]
    fn a_failure_shrinks_to_what_it_needs() {
        let one_way = |l1: &L1Config| matches!(l1.structure, Structure::SetAssociative { ways: 1, .. });
        let fails = |config: &MmuConfig| one_way(&config.l1d) && config.timing.response_stall_percent > 0;
        let found = (0..1000).map(|seed| Sample::draw(seed).config).filter(fails);
        for config in found.take(5) {
            let shrunk = shrink(config, fails);
            let stall = shrunk.timing.response_stall_percent;
            assert_eq!(
                options(&shrunk),
                format!(
                    "--format {} --set l1d.structure.ways=1 --set timing.response_stall_percent={stall}",
                    shrunk.format
                )
            );
        }
    }
}
