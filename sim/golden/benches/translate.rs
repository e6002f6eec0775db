//! Accesses per second of the golden model, beside a bare loop that does nothing but look up a TLB of 64 entries in
//! 4 ways on the same trace in memory. Run with `cargo bench --package pagewalk-golden`; rounds are interleaved and
//! medians taken, because only a ratio within one run says anything on a shared machine.

use pagewalk_arch::{
    Access, AccessKind, Batch, Context, Mmu, MmuConfig, OnFault, Outcome, PagingFormat, PhysAddr, Preset,
    SplitMix64, Uniprocessor,
};
use pagewalk_golden::Golden;
use std::hint::black_box;
use std::time::Instant;

const ACCESSES: usize = 1 << 22;
const ROUNDS: usize = 7;
/// Accesses handed over at a time, as the simulation does it.
const BATCH: usize = 512;
const ROOT: u64 = 0x10_0000;
const PAGES: u64 = 4096;

fn main() {
    println!("{ACCESSES} accesses, median of {ROUNDS} interleaved rounds, million accesses per second");
    println!(
        "{:28}{:>10}{:>10}{:>10}{:>10}{:>12}{:>8}",
        "trace, TLB", "hits", "bare loop", "golden", "ratio", "+ outcomes", "plain"
    );
    for (name, hot_pages, strays) in
        [("code and data, hot", 24, 2000), ("code and data, warm", 48, 300), ("scattered", 4096, 2)]
    {
        let trace = trace(hot_pages, strays);
        for preset in ["wide", "balanced", "associative"] {
            measure(name, preset, &trace);
        }
    }
}

/// Fetches that run through loops, loads and stores in `hot_pages` pages, one access in `strays` anywhere.
fn trace(hot_pages: u64, strays: u32) -> Vec<Access> {
    let mut random = SplitMix64(7);
    let (mut code, mut data) = (0, 64 << 12);
    (0..ACCESSES)
        .map(|_| {
            if random.below(3) != 0 {
                code = if random.below(20) == 0 { u64::from(random.below(8)) << 12 } else { code + 4 };
                return Access::user(code & 0x7fff, AccessKind::Fetch);
            }
            if random.below(4) == 0 {
                let pages = if random.below(strays) == 0 { PAGES - 64 } else { hot_pages };
                data = (64 + u64::from(random.below(pages.min(PAGES - 64) as u32))) << 12;
            }
            let kind = if random.below(3) == 0 { AccessKind::Store } else { AccessKind::Load };
            Access::user(data + u64::from(random.below(512)) * 8, kind)
        })
        .collect()
}

/// A model with the pages mapped, writable and executable, A and D set.
fn mapped(
    config: &MmuConfig,
    make: fn(&MmuConfig) -> Result<Golden, pagewalk_arch::ConfigError>,
) -> Uniprocessor<Golden> {
    let mut golden = Uniprocessor::new(make(config).expect("presets are buildable"), 1 << 32);
    golden.set_context(&Context { root: PhysAddr(ROOT), ..Context::default() });
    let pointer = |table: u64| table >> 2 | 1;
    let (middle, leaves) = (ROOT + 0x1000, ROOT + 0x2000);
    golden.write_pte(PhysAddr(ROOT), pointer(middle));
    for page in 0..PAGES {
        let table = leaves + (page / 512) * 0x1000;
        golden.write_pte(PhysAddr(middle + page / 512 * 8), pointer(table));
        golden.write_pte(PhysAddr(table + page % 512 * 8), (0x4_0000 + page) << 10 | 0xdf);
    }
    golden
}

fn measure(name: &str, preset: &str, trace: &[Access]) {
    let config = Preset::named(preset).expect("a preset's name").config(PagingFormat::Sv39);
    let mut golden = mapped(&config, Golden::new);
    let mut plain = mapped(&config, Golden::without_filter);
    let mut outcomes = Vec::with_capacity(BATCH);
    let mut seconds: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let rounds: [&mut dyn FnMut(); 3] = [
            &mut || {
                black_box(bare_loop(black_box(trace)));
            },
            &mut || run(&mut golden, trace, None),
            &mut || run(&mut plain, trace, None),
        ];
        for (round, seconds) in rounds.into_iter().zip(&mut seconds) {
            let start = Instant::now();
            round();
            seconds.push(start.elapsed().as_secs_f64());
        }
        let start = Instant::now();
        run(&mut golden, trace, Some(&mut outcomes));
        seconds[3].push(start.elapsed().as_secs_f64());
    }
    let [bare, fast, slow, recorded] = seconds.map(|mut all| {
        all.sort_by(f64::total_cmp);
        ACCESSES as f64 / all[ROUNDS / 2] / 1e6
    });
    let stats = golden.mmu.stats();
    let hits = stats.l1i_hits + stats.l1d_hits;
    let share = 100.0 * hits as f64 / (hits + stats.walks) as f64;
    println!(
        "{:28}{share:>9.2}%{bare:>10.0}{fast:>10.0}{:>10.2}{recorded:>12.0}{slow:>8.0}",
        format!("{name}, {preset}"),
        fast / bare
    );
}

fn run(golden: &mut Uniprocessor<Golden>, trace: &[Access], mut outcomes: Option<&mut Vec<Outcome>>) {
    let mut rest = trace;
    while !rest.is_empty() {
        let accesses = &rest[..BATCH.min(rest.len())];
        let batch = Batch { accesses, end: accesses.len() == rest.len(), on_fault: OnFault::Stop };
        if let Some(outcomes) = outcomes.as_deref_mut() {
            outcomes.clear();
        }
        let progress = golden.run(&batch, outcomes.as_deref_mut());
        assert!(progress.fault.is_none(), "everything is mapped");
        rest = &rest[progress.consumed..];
    }
    black_box(golden.mmu.stats());
}

/// 16 sets of 4 ways, last in first out per set: about the least that can be called a TLB.
fn bare_loop(trace: &[Access]) -> u64 {
    let mut tags = [[u64::MAX; 4]; 16];
    let mut next = [0u8; 16];
    let mut hits = 0;
    for access in trace {
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
