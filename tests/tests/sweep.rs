//! Random configurations, each in lockstep with the golden model.
//!
//! `PAGEWALK_SEED` is the seed of the first configuration, the others follow; `PAGEWALK_CONFIGURATIONS` is their
//! count, `PAGEWALK_ACCESSES` the accesses of each. One configuration in eight runs in rust-hdl's simulation as well.

use pagewalk_arch::{MmuConfig, OnFault, PagingFormat, Structure};
use pagewalk_tests::configurations::{AccessedDirty, Sample, number, options, shrink};
use pagewalk_tests::trial::{Effort, Failure, WORLDS, attempt};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// Of how many samples one is simulated by rust-hdl too.
const RUST_HDL_SHARE: u64 = 8;

/// Accesses that rust-hdl does.
const RUST_HDL_ACCESSES: u64 = 400;

/// Failures after which no more are looked for.
const FAILURES_MAX: usize = 4;

/// Samples between two lines of progress.
const PROGRESS_SAMPLES: u64 = 50;

fn effort(seed: u64) -> Effort {
    let rust_hdl_accesses = if seed.is_multiple_of(RUST_HDL_SHARE) { RUST_HDL_ACCESSES } else { 0 };
    Effort { accesses: number("PAGEWALK_ACCESSES", 3_000).div_ceil(WORLDS), rust_hdl_accesses }
}

/// Tries samples on all processors; the failures that were found.
fn sweep(first: u64, count: u64) -> Vec<(u64, Box<Failure>)> {
    let next = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    let begun = Instant::now();
    let enough = || failures.lock().map_or(true, |found| found.len() >= FAILURES_MAX);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count || enough() {
                        return;
                    }
                    let seed = first + at;
                    if let Err(failure) = attempt(&Sample::draw(seed), seed, effort(seed)) {
                        eprintln!("seed {seed} fails: {}", options(&failure.sample.config));
                        failures
                            .lock()
                            .expect("no thread panics while it stores a result")
                            .push((seed, failure));
                    }
                    if (at + 1).is_multiple_of(PROGRESS_SAMPLES) {
                        let seconds = begun.elapsed().as_secs();
                        eprintln!("{} of {count} configurations from seed {first}: {seconds} s", at + 1);
                    }
                }
            });
        }
    });
    failures.into_inner().expect("no thread panics while it stores a result")
}

/// All there is to know about a failure, its configuration made as plain as it can be.
fn tell(seed: u64, failure: &Failure) -> String {
    let Failure { sample, seed: world_seed, report } = failure;
    let fails = |config: &MmuConfig| {
        attempt(&Sample { config: *config, ..*sample }, *world_seed, effort(seed)).is_err()
    };
    let plain = shrink(sample.config, fails);
    format!(
        "{:?}, A and D by {:?}, stimulus {world_seed}, configuration\n  {}\nwhich also fails as\n  {}\n{report}\n\
         again: PAGEWALK_SEED={seed} PAGEWALK_CONFIGURATIONS=1 cargo test -p pagewalk-tests --test sweep random\n",
        sample.on_fault,
        sample.accessed_dirty,
        options(&sample.config),
        options(&plain),
    )
}

#[test]
fn random_configurations_agree() {
    let (first, count) = (number("PAGEWALK_SEED", 1), number("PAGEWALK_CONFIGURATIONS", 100));
    println!("PAGEWALK_SEED={first} PAGEWALK_CONFIGURATIONS={count}");
    let begun = Instant::now();
    let failures = sweep(first, count);
    println!("{count} configurations from seed {first}: {} s", begun.elapsed().as_secs());
    let told: Vec<String> = failures.iter().map(|(seed, failure)| tell(*seed, failure)).collect();
    assert!(told.is_empty(), "{} of the configurations fail\n{}", told.len(), told.join("\n"));
}

/// Where nothing but one way can be the victim, that choice is a constant.
#[test]
fn one_way_beside_superpage_rows_agrees_in_every_format() {
    for format in PagingFormat::ALL {
        let mut config = MmuConfig::of(format);
        config.l1i.structure = Structure::SetAssociative { sets: 16, ways: 1, superpage_sets: 16 };
        config.l1d.structure = Structure::SetAssociative { sets: 4, ways: 1, superpage_sets: 1 };
        let sample = Sample { config, on_fault: OnFault::Continue, accessed_dirty: AccessedDirty::Changing };
        if let Err(failure) = attempt(&sample, 1, effort(1)) {
            panic!("{}\n{}", options(&failure.sample.config), failure.report);
        }
    }
}
