//! Accesses per second of the golden model, beside a bare loop that does nothing but look up a TLB of 64 entries in
//! 4 ways on the same trace in memory. Run with `cargo bench --package pagewalk-golden`. On a machine that others use,
//! only ratios of interleaved rounds say anything: those are `pagewalk bench`'s.

use divan::Bencher;
use divan::counter::ItemsCount;
use pagewalk_arch::{
    Access, AccessKind, Batch, ConfigError, Context, Mmu, MmuConfig, OnFault, Outcome, PagingFormat,
    PhysAddr, Preset, SplitMix64, Uniprocessor,
};
use pagewalk_golden::Golden;
use std::fmt;
use std::hint::black_box;

/// How a model is made.
type Make = fn(&MmuConfig) -> Result<Golden, ConfigError>;

const ACCESSES: usize = 1 << 22;
const ROUNDS: u32 = 7;
/// Accesses handed over at a time, as the simulation does it.
const BATCH: usize = 512;
const ROOT: u64 = 0x10_0000;
const PAGES: u64 = 4096;

/// A trace, and the TLBs that it meets.
struct Case {
    name: &'static str,
    hot_pages: u64,
    /// One access in so many goes anywhere.
    strays: u32,
    preset: &'static str,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.name, self.preset)
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let traces = [("code and data, hot", 24, 2000), ("code and data, warm", 48, 300), ("scattered", 4096, 2)];
    traces.into_iter().flat_map(|(name, hot_pages, strays)| {
        ["wide", "balanced", "associative"].map(|preset| Case { name, hot_pages, strays, preset })
    })
}

fn main() {
    divan::main();
}

/// The floor: nothing but looking up a TLB.
#[divan::bench(args = cases(), sample_count = ROUNDS, sample_size = 1)]
fn a_bare_loop(bencher: Bencher<'_, '_>, case: &Case) {
    let trace = trace(case.hot_pages, case.strays);
    bencher.counter(ItemsCount::new(ACCESSES)).bench_local(|| bare_loop(black_box(&trace)));
}

#[divan::bench(args = cases(), sample_count = ROUNDS, sample_size = 1)]
fn b_golden(bencher: Bencher<'_, '_>, case: &Case) {
    measure(bencher, case, Golden::new, None);
}

/// With an outcome for every access.
#[divan::bench(args = cases(), sample_count = ROUNDS, sample_size = 1)]
fn c_golden_with_outcomes(bencher: Bencher<'_, '_>, case: &Case) {
    measure(bencher, case, Golden::new, Some(Vec::with_capacity(BATCH)));
}

/// Without what answers repeated hits.
#[divan::bench(args = cases(), sample_count = ROUNDS, sample_size = 1)]
fn d_plain(bencher: Bencher<'_, '_>, case: &Case) {
    measure(bencher, case, Golden::without_filter, None);
}

fn measure(bencher: Bencher<'_, '_>, case: &Case, make: Make, mut outcomes: Option<Vec<Outcome>>) {
    let trace = trace(case.hot_pages, case.strays);
    let config = Preset::named(case.preset).expect("a preset's name").config(PagingFormat::Sv39);
    let mut golden = mapped(&config, make);
    bencher.counter(ItemsCount::new(ACCESSES)).bench_local(|| run(&mut golden, &trace, outcomes.as_mut()));
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
fn mapped(config: &MmuConfig, make: Make) -> Uniprocessor<Golden> {
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
        let page = access.va.page_number();
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
