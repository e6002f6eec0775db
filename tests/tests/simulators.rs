//! Two simulators on the same text: Verilator, which orders everything itself and knows two states, and Icarus Verilog,
//! which is driven by events and knows four.
//!
//! Verilator's undefined values are drawn from three seeds, and every run is compared with the golden model. Icarus
//! repeats what was recorded. Both also read the text without its initial values, as synthesis does for silicon: all
//! that has a meaning must be defined by reset alone.

use pagewalk_arch::{
    IssueOrder, L1Config, MemoryTiming, OnFault, PagingFormat, Preset, Replacement, Structure,
};
use pagewalk_rtl::generate;
use pagewalk_tests::configurations::{AccessedDirty, Sample, options};
use pagewalk_tests::event_driven::{Compared, Icarus, play, without_initial_values};
use pagewalk_tests::trial::{hardware_of, record, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Seeds of undefined values, and of the work.
const SEEDS: [u64; 3] = [1, 2, 3];

/// Accesses that are repeated by Icarus.
const RECORDED_ACCESSES: u64 = 250;

/// Accesses that only Verilator does, with values of each seed.
const ACCESSES: u64 = 1_000;

/// TLBs that differ in everything that shapes the text.
fn structures() -> [[L1Config; 2]; 3] {
    let set = |sets, ways, superpage_sets, replacement| L1Config {
        structure: Structure::SetAssociative { sets, ways, superpage_sets },
        replacement,
    };
    let full =
        |entries, replacement| L1Config { structure: Structure::FullyAssociative { entries }, replacement };
    [
        [set(4, 1, 4, Replacement::TreePlru), set(1, 2, 0, Replacement::RoundRobin)],
        [full(4, Replacement::RoundRobin), set(2, 4, 1, Replacement::TreePlru)],
        [set(1, 1, 1, Replacement::RoundRobin), full(8, Replacement::TreePlru)],
    ]
}

/// In every format the default, and one of [`structures`] with few bits of everything.
fn samples() -> Vec<Sample> {
    let mut samples = vec![];
    for format in PagingFormat::ALL {
        let mut config = Preset::ALL[0].config(format);
        config.timing.memory = MemoryTiming::Fixed { latency: 2 };
        samples.push(Sample { config, on_fault: OnFault::Stop, accessed_dirty: AccessedDirty::Changing });
        let [l1i, l1d] = structures()[format as usize % structures().len()];
        (config.l1i, config.l1d) = (l1i, l1d);
        (config.physical_bits, config.asid_bits, config.tag_bits) = (32, 0, 0);
        config.timing.memory = MemoryTiming::Random { seed: 7, latency_max: 4, ready_delay_max: 2 };
        config.timing.issue = IssueOrder::Overlapped;
        config.timing.response_stall_percent = 30;
        samples.push(Sample { config, on_fault: OnFault::Continue, accessed_dirty: AccessedDirty::Changing });
    }
    samples
}

/// Icarus Verilog, if it is installed: `PAGEWALK_IVERILOG`, or on PATH.
fn icarus() -> Option<Icarus> {
    let compiler =
        std::env::var_os("PAGEWALK_IVERILOG").map_or_else(|| PathBuf::from("iverilog"), PathBuf::from);
    if Command::new(&compiler).arg("-V").output().is_err() {
        println!("skipped: no {}", compiler.display());
        return None;
    }
    let beside = compiler.with_file_name("vvp");
    let simulator = if beside.is_file() { beside } else { PathBuf::from("vvp") };
    Some(Icarus { compiler, simulator })
}

fn scratch(test: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulators").join(test);
    fs::create_dir_all(&directory).expect("the target directory is writable");
    directory
}

/// What differs between golden model, Verilator and Icarus, each sample as `pagewalk` takes it.
fn differences(
    samples: &[Sample],
    change: impl Fn(&str) -> String,
    compared: Compared,
    test: &str,
) -> Vec<String> {
    let icarus = icarus();
    let mut found = vec![];
    for sample in samples {
        let result = || {
            let design = generate(&sample.config).map_err(|error| error.to_string())?;
            let hardware = hardware_of(sample, &change)?;
            for seed in SEEDS {
                run(sample, seed, sample.affordable(ACCESSES), &hardware)?;
            }
            let recording = record(sample, SEEDS[0], sample.affordable(RECORDED_ACCESSES), &hardware)?;
            match &icarus {
                Some(icarus) => {
                    play(icarus, &design, &change(&design.verilog), &recording, compared, &scratch(test))
                }
                None => Ok(()),
            }
        };
        found.extend(result().err().map(|why| format!("{}\n{why}", options(&sample.config))));
    }
    found
}

fn assert_agree(found: &[String]) {
    assert!(found.is_empty(), "{} differ\n{}", found.len(), found.join("\n"));
}

#[test]
fn simulators_agree_on_every_output() {
    assert_agree(&differences(&samples(), str::to_owned, Compared::Everything, "every-output"));
}

#[test]
fn reset_alone_defines_what_has_a_meaning() {
    assert_agree(&differences(&samples(), without_initial_values, Compared::Meaningful, "reset-alone"));
}
