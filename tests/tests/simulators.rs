//! Two simulators on the same text: Verilator, which orders everything itself and knows two states, and Icarus Verilog,
//! which is driven by events and knows four.
//!
//! Verilator's undefined values are drawn from three seeds, and every run is compared with the golden model. Icarus
//! repeats what was recorded. Both also read the text without its initial values, as synthesis does for silicon: all
//! that has a meaning must be defined by reset alone.
//!
//! `PAGEWALK_DESIGNS` random configurations, the first from `PAGEWALK_SEED`, are among those compared;
//! `PAGEWALK_SHARE=3` compares a third of the others.

use pagewalk_arch::{
    IssueOrder, L1Config, MemoryTiming, OnFault, PagingFormat, Preset, Replacement, Structure,
};
use pagewalk_rtl::generate;
use pagewalk_tests::configurations::{AccessedDirty, Sample, number, options, share};
use pagewalk_tests::event_driven::{
    Compared, Icarus, initialised_at_declaration, play, without_initial_values,
};
use pagewalk_tests::faults::Edit;
use pagewalk_tests::linters;
use pagewalk_tests::trial::{hardware_of, record, run};
use rayon::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

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

/// Random configurations among [`samples`] by default.
const RANDOM_DESIGNS: u64 = 4;

/// In every format the default, and one of [`structures`] with few bits of everything; then random configurations.
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
    let mut samples = share(samples);
    let first = number("PAGEWALK_SEED", 1);
    let random = first..first + number("PAGEWALK_DESIGNS", RANDOM_DESIGNS);
    samples.extend(random.map(|seed| Sample::draw(seed).with_fast_memory()));
    samples
}

/// Icarus Verilog, if it is installed.
fn icarus() -> Option<Icarus> {
    const CHECK: &str = "Icarus Verilog agrees with Verilator";
    let compiler = linters::icarus("iverilog", CHECK)?;
    Some(Icarus { compiler, simulator: linters::icarus("vvp", CHECK)? })
}

fn scratch(test: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulators").join(test);
    fs::create_dir_all(&directory).expect("the target directory is writable");
    directory
}

/// What differs between golden model, Verilator and Icarus, each sample as `pagewalk` takes it.
fn differences(
    samples: &[Sample],
    change: impl Fn(&str) -> String + Sync,
    compared: Compared,
    test: &str,
) -> Vec<String> {
    let icarus = icarus();
    let difference = |(at, sample): (usize, &Sample)| {
        let result = || {
            let design = generate(&sample.config).map_err(|error| error.to_string())?;
            let hardware = hardware_of(sample, &change)?;
            for seed in SEEDS {
                run(sample, seed, sample.affordable(ACCESSES), &hardware)?;
            }
            let Some(icarus) = &icarus else { return Ok(()) };
            let recording = record(sample, SEEDS[0], sample.affordable(RECORDED_ACCESSES), &hardware)?;
            let directory = scratch(&format!("{test}-{at}"));
            play(icarus, &design, &change(&design.verilog), &recording, compared, &directory)
        };
        result().err().map(|why: String| format!("{}\n{why}", options(&sample.config)))
    };
    samples.par_iter().enumerate().filter_map(difference).collect()
}

fn assert_agree(found: &[String]) {
    assert!(found.is_empty(), "{} differ\n{}", found.len(), found.join("\n"));
}

#[test]
fn simulators_agree_on_every_output() {
    assert_agree(&differences(&samples(), str::to_owned, Compared::Everything, "every-output"));
}

#[test]
fn initial_values_may_come_before_any_block_waits() {
    assert_agree(&differences(&samples(), initialised_at_declaration, Compared::Everything, "declarations"));
}

#[test]
fn reset_alone_defines_what_has_a_meaning() {
    assert_agree(&differences(&samples(), without_initial_values, Compared::Meaningful, "reset-alone"));
}

/// An instruction TLB of one way and superpage rows beside the default.
fn one_way() -> Sample {
    let mut config = Preset::ALL[0].config(PagingFormat::Sv39);
    let (replacement, sets) = (Replacement::TreePlru, 16);
    config.l1i =
        L1Config { structure: Structure::SetAssociative { sets, ways: 1, superpage_sets: 16 }, replacement };
    Sample { config, on_fault: OnFault::Continue, accessed_dirty: AccessedDirty::Changing }
}

/// What is wrong with the design after an edit, as [`differences`] tells it.
fn after(
    edits: &[Edit],
    compared: Compared,
    base: impl Fn(&str) -> String + Sync,
    test: &str,
) -> Vec<String> {
    let edited = |verilog: &str| {
        let apply = |text: String, edit: &Edit| edit.apply(&text).unwrap_or_else(|error| panic!("{error}"));
        edits.iter().fold(base(verilog), apply)
    };
    differences(&[one_way()], edited, compared, test)
}

/// The victim of an array of one way as a block that reads nothing: it never runs.
#[test]
fn a_block_that_reads_nothing_is_found() {
    let edits = [Edit {
        module: "instruction_set_tlb_victim",
        find: "assign chosen = !in_place || matching;",
        replace: "reg victim; always @* begin victim = 1'b1; end \
                  assign chosen = (!in_place && victim) || matching;",
    }];
    let found = after(&edits, Compared::Everything, str::to_owned, "reads-nothing");
    // Verilator 5.006 runs the block once, 5.048 never: that is the fault. Icarus says so with either.
    assert!(found.len() == 1 || icarus().is_none(), "{found:?}");
    if let Some(icarus) = icarus() {
        let sample = one_way();
        let design = generate(&sample.config).expect("a design");
        let sound = hardware_of(&sample, str::to_owned).expect("it can be compiled");
        let recording = record(&sample, 1, RECORDED_ACCESSES, &sound).expect("it is sound");
        let verilog =
            edits.iter().fold(design.verilog.clone(), |text, edit| edit.apply(&text).expect("it fits"));
        let directory = scratch("reads-nothing-icarus");
        let said = play(&icarus, &design, &verilog, &recording, Compared::Everything, &directory);
        assert!(said.clone().is_err_and(|said| said.contains("no sensitivities")), "{said:?}");
    }
}

/// Icarus sees an unknown on a pin where a register begins as nothing and is not reset.
#[test]
fn a_register_without_an_initial_value_is_found() {
    if icarus().is_none() {
        return;
    }
    let edits = [Edit { module: "instruction_pipeline", find: "    va = 64'd0;\n", replace: "" }];
    let found = after(&edits, Compared::Everything, str::to_owned, "no-initial-value");
    assert!(found.len() == 1 && found[0].contains("iresp_va is xxxxxxxx"), "{found:?}");
}

/// Random initial values, and unknown ones, show a register that reset forgets.
#[test]
fn a_register_that_reset_forgets_is_found() {
    let edits = [Edit {
        module: "instruction_pipeline",
        find: "assign valid_next = !reset && (accept || (valid && !takes));",
        replace: "assign valid_next = accept || (valid && !takes);",
    }];
    let found = after(&edits, Compared::Meaningful, without_initial_values, "no-reset");
    assert_eq!(found.len(), 1, "{found:?}");
}
