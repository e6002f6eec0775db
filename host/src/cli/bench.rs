//! `bench`: how fast each part runs beside the least that could do its work, measured in interleaved rounds of one
//! run. Only such ratios mean anything on a machine that others use too.

use super::args::BenchArgs;
use super::console::Console;
use super::engine::{Tools, tools};
use super::settings::Layers;
use super::{CliError, Verdict};
use pagewalk_arch::{
    Access, AccessKind, Batch, Boundary, Context, FRAME_SHIFT, Mmu, MmuConfig, OnFault, PagingFormat,
    PhysAddr, Preset, SplitMix64, TraceSource, Uniprocessor,
};
use pagewalk_driver::Pins;
use pagewalk_golden::Golden;
use pagewalk_kernel::{Kernel, KernelConfig};
use pagewalk_machine::{BATCH_ACCESSES, Lockstep, Machine};
use pagewalk_trace::input::Input;
use pagewalk_trace::{self as trace, BLOCK_ACCESSES, TraceOptions};
use pagewalk_verilator::{Hardware, Verilated};
use serde::Serialize;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Root of the tables of the hit stream.
const ROOT: u64 = 0x8000_0000;
/// Pages that the hit stream maps.
const PAGES: u64 = 512;
/// Hot pages of code and of data: they fit into the TLBs.
const HOT_PAGES: u32 = 12;
/// One data access in so many goes to any page.
const STRAY_ONE_IN: u32 = 60;
/// Runs of the golden model: the bare loop's own geometry, and the default.
const GOLDEN_RUNS: [(&str, &str); 2] = [
    ("run: accesses beside a look-up loop, 16 x 4", "wide"),
    ("run: accesses beside a look-up loop, 16 x 2", "balanced"),
];
/// First page of data.
const DATA_PAGE: u64 = 16;

/// One measurement.
#[derive(Debug, Serialize)]
struct Measurement {
    name: &'static str,
    /// Million units per second: accesses, or bytes where the name says so.
    million_per_s: f64,
    /// The same of the least that could do the work.
    floor_million_per_s: f64,
    /// The first over the second.
    ratio: f64,
    /// Hits among the look-ups, in percent, where there are any.
    hit_percent: Option<f64>,
}

/// `bench`.
pub fn bench(args: &BenchArgs, console: &Console) -> Result<Verdict, CliError> {
    let rounds = args.rounds.max(1);
    let config = Layers::read(&Default::default())?.settings(PagingFormat::Sv39)?.mmu;
    let mut all = Vec::new();
    match tools(args.offline, console) {
        Ok(tools) => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
            all.push(pool.install(|| lockstep(&config, &tools, args.accesses, rounds, console))?);
        }
        Err(missing) => console.note(&format!("no lockstep without hardware: {missing}")),
    }
    for (name, preset) in GOLDEN_RUNS {
        let Some(preset) = Preset::named(preset) else { continue };
        all.push(golden(name, &preset.config(PagingFormat::Sv39), rounds)?);
    }
    all.push(parsing(rounds)?);
    if args.json {
        let json = serde_json::to_string_pretty(&all).map_err(|error| CliError::Output(error.into()))?;
        console.print(&json)?;
    } else {
        console.print(&format!(
            "{:<44}{:>10}{:>10}{:>8}{:>9}",
            "million per second", "measured", "floor", "ratio", "hits"
        ))?;
        for one in &all {
            let hits = one.hit_percent.map_or_else(String::new, |percent| format!("{percent:.2} %"));
            console.print(&format!(
                "{:<44}{:>10.1}{:>10.1}{:>8.2}{hits:>9}",
                one.name, one.million_per_s, one.floor_million_per_s, one.ratio
            ))?;
        }
    }
    Ok(Verdict::Done)
}

fn seconds(work: impl FnOnce() -> Result<(), CliError>) -> Result<f64, CliError> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn measurement(name: &'static str, units: [f64; 2], times: [Vec<f64>; 2], hits: Option<f64>) -> Measurement {
    let [measured, floor] = times.map(median);
    let (million_per_s, floor_million_per_s) = (units[0] / measured / 1e6, units[1] / floor / 1e6);
    Measurement {
        name,
        million_per_s,
        floor_million_per_s,
        ratio: million_per_s / floor_million_per_s,
        hit_percent: hits,
    }
}

/// Fetches and data accesses in turn: mostly in hot pages, now and then anywhere.
fn hit_stream(count: usize, stray_one_in: u32) -> Vec<Access> {
    let mut random = SplitMix64(11);
    let mut code = 0u64;
    (0..count)
        .map(|n| {
            if n % 2 == 0 {
                code = if random.below(16) == 0 {
                    u64::from(random.below(HOT_PAGES)) << FRAME_SHIFT
                } else {
                    code + 4
                };
                code %= u64::from(HOT_PAGES) << FRAME_SHIFT;
                return Access::user(code, AccessKind::Fetch);
            }
            let stray = stray_one_in > 0 && random.below(stray_one_in) == 0;
            let page = if stray { random.below((PAGES - DATA_PAGE) as u32) } else { random.below(HOT_PAGES) };
            let va = ((DATA_PAGE + u64::from(page)) << FRAME_SHIFT) + u64::from(random.below(512)) * 8;
            Access::user(va, AccessKind::Load)
        })
        .collect()
}

/// Maps the pages of the hit stream one to one into higher frames, everything permitted, A and D set.
fn map<M: Mmu>(machine: &mut Uniprocessor<M>) {
    let pointer = |table: u64| table >> 2 | 1;
    let (middle, leaves) = (ROOT + 0x1000, ROOT + 0x2000);
    machine.write_pte(PhysAddr(ROOT), pointer(middle));
    machine.write_pte(PhysAddr(middle), pointer(leaves));
    for page in 0..PAGES {
        machine.write_pte(PhysAddr(leaves + 8 * page), (0x9_0000 + page) << 10 | 0xdf);
    }
    machine.set_context(&Context { root: PhysAddr(ROOT), ..Context::default() });
}

fn run<M: Mmu>(machine: &mut Uniprocessor<M>, trace: &[Access]) -> Result<(), CliError> {
    let mut rest = trace;
    while !rest.is_empty() {
        let accesses = &rest[..BATCH_ACCESSES.min(rest.len())];
        let end = accesses.len() == rest.len();
        let progress = machine.run(&Batch { accesses, end, on_fault: OnFault::Stop }, None);
        if let Some(difference) = machine.mmu.difference() {
            return Err(CliError::Usage(format!("the engines differ, which `cosim` explains: {difference}")));
        }
        rest = &rest[progress.consumed.max(1)..];
    }
    Ok(())
}

/// Lockstep beside the compiled model alone, clocked through as many cycles of hits without looking at its answers.
fn lockstep(
    config: &MmuConfig,
    tools: &Tools,
    count: usize,
    rounds: usize,
    console: &Console,
) -> Result<Measurement, CliError> {
    let notice = |text: &str| console.note(text);
    let hardware = Hardware::build(config, false, &tools.toolchain, &tools.cache, &notice)?;
    let memory_limit = 1 << 32;
    let both = Lockstep::new(Golden::new(config)?, hardware.start()?, ["golden", "verilator"]);
    let mut both = Uniprocessor::new(both, memory_limit);
    let mut alone = Uniprocessor::new(hardware.start()?, memory_limit);
    map(&mut both);
    map(&mut alone);
    let (stream, hits) = (hit_stream(count, STRAY_ONE_IN), hit_stream(count, 0));
    run(&mut both, &stream)?;
    run(&mut alone, &hits)?;
    let before = both.mmu.stats();
    let mut times = [Vec::new(), Vec::new()];
    let mut cycles = 0;
    for _ in 0..rounds {
        let start = both.mmu.stats().cycles;
        times[0].push(seconds(|| run(&mut both, &stream))?);
        cycles = both.mmu.stats().cycles - start;
        times[1].push(seconds(|| clock(&mut alone.mmu, &hits, cycles))?);
    }
    let after = both.mmu.stats();
    let hit = (after.l1i_hits + after.l1d_hits) - (before.l1i_hits + before.l1d_hits);
    let percent = 100.0 * hit as f64 / (count * rounds) as f64;
    // Cycles on both sides make the ratio; accesses are what a user waits for.
    let mut result = measurement("", [cycles as f64; 2], times.clone(), Some(percent));
    let per_access = count as f64 / cycles as f64;
    result.name = "lockstep: accesses beside the bare model";
    result.million_per_s *= per_access;
    result.floor_million_per_s *= per_access;
    Ok(result)
}

/// Clocks the model through `cycles`, presenting a fetch and a load in each.
fn clock(hardware: &mut Verilated, hits: &[Access], cycles: u64) -> Result<(), CliError> {
    let pins = hardware.pins_mut();
    let pin = |name: &str| {
        pins.input(name).ok_or_else(|| CliError::Usage(format!("the hardware lacks the port {name}")))
    };
    let (i_valid, i_va, i_user) = (pin("ireq_valid")?, pin("ireq_va")?, pin("ireq_user")?);
    let (d_valid, d_va, d_user) = (pin("dreq_valid")?, pin("dreq_va")?, pin("dreq_user")?);
    let stopped = |error: pagewalk_driver::PinsError| CliError::Usage(error.to_string());
    for pin in [i_valid, i_user, d_valid, d_user] {
        pins.inputs()[pin] = 1;
    }
    for pair in hits.chunks_exact(2).cycle().take(cycles as usize) {
        pins.inputs()[i_va] = pair[0].va.0;
        pins.inputs()[d_va] = pair[1].va.0;
        pins.cycle().map_err(stopped)?;
        black_box(pins.outputs());
    }
    for pin in [i_valid, d_valid] {
        pins.inputs()[pin] = 0;
    }
    pins.low().map_err(stopped)
}

/// Kernel and golden model over the bundled trace in memory, beside a bare look-up loop.
fn golden(name: &'static str, config: &MmuConfig, rounds: usize) -> Result<Measurement, CliError> {
    let options = TraceOptions { fit: Some(config.format), limit: None };
    let recorded = Arc::new(trace::load(&mut trace::bundled(options)?)?);
    let kernel_config = KernelConfig::default();
    let limit = kernel_config.frames(config)?.end << FRAME_SHIFT;
    let mut times = [Vec::new(), Vec::new()];
    let mut hit_percent = 0.0;
    for _ in 0..rounds {
        let mut golden = Uniprocessor::new(Golden::new(config)?, limit);
        let mut kernel = Kernel::new(kernel_config, config)?;
        let mut source = recorded.replay();
        times[0].push(seconds(|| {
            Machine::new(&mut kernel, &mut golden).run(&mut source, u64::MAX, &mut ())?;
            Ok(())
        })?);
        times[1].push(seconds(|| {
            black_box(look_up(black_box(recorded.accesses())));
            Ok(())
        })?);
        let stats = golden.mmu.stats();
        let (hits, misses) = (stats.l1i_hits + stats.l1d_hits, stats.l1i_misses + stats.l1d_misses);
        hit_percent = 100.0 * hits as f64 / (hits + misses) as f64;
    }
    let units = [recorded.accesses().len() as f64; 2];
    Ok(measurement(name, units, times, Some(hit_percent)))
}

/// 16 sets of 4 ways, replaced in turn: about the least that can be called a TLB.
fn look_up(accesses: &[Access]) -> u64 {
    let mut tags = [[u64::MAX; 4]; 16];
    let mut next = [0u8; 16];
    let mut hits = 0;
    for access in accesses {
        let page = access.va.page();
        let set = page as usize % 16;
        if tags[set].contains(&page) {
            hits += 1;
        } else {
            tags[set][usize::from(next[set]) % 4] = page;
            next[set] = next[set].wrapping_add(1);
        }
    }
    hits
}

/// Lackey's text in memory, beside counting its lines.
fn parsing(rounds: usize) -> Result<Measurement, CliError> {
    let recorded = trace::load(&mut trace::bundled(TraceOptions::default())?)?;
    let mut text = Vec::with_capacity(recorded.accesses().len() * 16);
    for access in recorded.accesses() {
        let kind = match access.kind {
            AccessKind::Fetch => "I ",
            AccessKind::Load => " L",
            AccessKind::Store => " S",
        };
        text.extend_from_slice(format!("{kind} {:08x},{}\n", access.va.0, access.bytes).as_bytes());
    }
    let text: Arc<[u8]> = text.into();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let mut source = trace::read(Input::from_bytes("text", Arc::clone(&text))?, TraceOptions::default())?;
        let mut block = Vec::with_capacity(BLOCK_ACCESSES);
        times[0].push(seconds(|| {
            while source.next_block(&mut block)? != Boundary::End {
                black_box(&block);
            }
            Ok(())
        })?);
        times[1].push(seconds(|| {
            black_box(memchr::memchr_iter(b'\n', &text).count());
            Ok(())
        })?);
    }
    Ok(measurement("lackey text: bytes beside counting lines", [text.len() as f64; 2], times, None))
}
