//! Lockstep of golden model and hardware over a stream of hits, beside the compiled model alone.

use super::Bench;
use super::measured::{Measured, Times, seconds};
use crate::cli::CliError;
use crate::cli::engine::{Tools, tools};
use pagewalk_arch::{
    Access, AccessKind, Batch, Context, FRAME_SHIFT, Mmu, OnFault, PhysAddr, SplitMix64, Uniprocessor,
};
use pagewalk_driver::{Pins, PinsError};
use pagewalk_golden::Golden;
use pagewalk_machine::{BATCH_ACCESSES, Lockstep};
use pagewalk_verilator::{Hardware, Verilated};
use std::hint::black_box;

/// Root of the tables of the hit stream.
const ROOT: u64 = 0x8000_0000;
/// Pages that the hit stream maps.
const PAGES: u64 = 512;
/// Hot pages of code and of data: they fit into the TLBs.
const HOT_PAGES: u32 = 12;
/// One data access in so many goes to any page.
const STRAY_ONE_IN: u32 = 60;
/// First page of data.
const DATA_PAGE: u64 = 16;

/// Nothing without tools to compile hardware with, which is said.
pub fn measure(bench: &Bench<'_>) -> Result<Option<Measured>, CliError> {
    match tools(bench.offline, bench.console) {
        Ok(tools) => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
            pool.install(|| run_rounds(bench, &tools)).map(Some)
        }
        Err(missing) => {
            bench.console.note(&format!("no lockstep without hardware: {missing}"));
            Ok(None)
        }
    }
}

/// Lockstep beside the compiled model alone, clocked through as many cycles of hits without looking at its answers.
fn run_rounds(bench: &Bench<'_>, tools: &Tools) -> Result<Measured, CliError> {
    let (config, count, rounds) = (&bench.config, bench.accesses, bench.rounds);
    let notice = |text: &str| bench.console.note(text);
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
    let mut times = Times::default();
    for _ in 0..rounds {
        let start = both.mmu.stats().cycles;
        times.work_s.push(seconds(|| run(&mut both, &stream))?);
        let cycles = both.mmu.stats().cycles - start;
        times.floor_s.push(seconds(|| clock(&mut alone.mmu, &hits, cycles))?);
    }
    let after = both.mmu.stats();
    let hit = (after.l1i_hits + after.l1d_hits) - (before.l1i_hits + before.l1d_hits);
    let percent = 100.0 * hit as f64 / (count * rounds) as f64;
    // As many cycles on both sides; accesses are what a user waits for.
    Ok(times.of(count, Some(percent)))
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
        let progress = machine.run(&Batch { accesses, end, on_fault: OnFault::Continue }, None);
        if let Some(difference) = machine.mmu.difference() {
            return Err(CliError::Usage(format!("the engines differ, which `cosim` explains: {difference}")));
        }
        rest = &rest[progress.consumed.max(1)..];
    }
    Ok(())
}

/// Clocks the model through `cycles`, presenting a fetch and a load in each.
fn clock(hardware: &mut Verilated, hits: &[Access], cycles: u64) -> Result<(), CliError> {
    let pins = hardware.pins_mut();
    let pin = |name: &str| {
        pins.input(name).ok_or_else(|| CliError::Usage(format!("the hardware lacks the port {name}")))
    };
    let (i_valid, i_va, i_user) = (pin("ireq_valid")?, pin("ireq_va")?, pin("ireq_user")?);
    let (d_valid, d_va, d_user) = (pin("dreq_valid")?, pin("dreq_va")?, pin("dreq_user")?);
    let stopped = |error: PinsError| CliError::Usage(error.to_string());
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
