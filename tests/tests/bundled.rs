//! The bundled trace of a real program, whole, in every format: golden model and compiled Verilog in lockstep.

use pagewalk_arch::{MmuConfig, PagingFormat, Uniprocessor};
use pagewalk_golden::Golden;
use pagewalk_kernel::{Kernel, KernelConfig, KernelStats};
use pagewalk_machine::{Lockstep, Machine, RunCounts, RunEnd};
use pagewalk_tests::engines::hardware;
use pagewalk_trace::{TraceOptions, bundled};
use rayon::prelude::*;

/// Accesses of the bundled trace; a line that modifies counts twice, and so does one that crosses a page.
const ACCESSES: u64 = 9_584_869;

fn replay(format: PagingFormat) -> (RunCounts, KernelStats) {
    let config = MmuConfig::of(format);
    let mut kernel =
        Kernel::new(KernelConfig::default(), &config).expect("the default kernel fits every format");
    let limit = KernelConfig::default().frames(&config).expect("as before").end << pagewalk_arch::FRAME_SHIFT;
    let golden = Golden::new(&config).expect("the default configuration is valid");
    let verilated = hardware(&config).start().expect("the model starts");
    let lockstep = Lockstep::new(golden, verilated, ["golden", "verilator"]);
    let mut machine = Uniprocessor::new(lockstep, limit);
    let mut trace = bundled(TraceOptions { fit: Some(format), limit: None }).expect("the trace is built in");
    let mut run = Machine::new(&mut kernel, &mut machine);
    let end = run.run(&mut *trace, u64::MAX, &mut ()).unwrap_or_else(|error| panic!("{format}: {error}"));
    let counts = run.counts().clone();
    if let Some(report) = machine.mmu.report() {
        panic!("{report}");
    }
    assert_eq!(end, RunEnd::Complete, "{format}");
    let stats = kernel.stats();
    kernel.shutdown(&mut machine);
    assert_eq!(kernel.memory().frames_in_use(), 0, "{format}: frames leaked");
    (counts, stats)
}

#[test]
fn every_format_sees_the_same_pages_and_no_difference() {
    let results: Vec<_> = PagingFormat::ALL.into_par_iter().map(|format| (format, replay(format))).collect();
    let (_, (first_counts, first_stats)) = &results[0];
    for (format, (counts, stats)) in &results {
        assert_eq!(counts.accesses, ACCESSES, "{format}");
        assert_eq!(counts.death(), None, "{format}");
        assert_eq!(counts, first_counts, "{format}");
        let faults = |s: &KernelStats| (s.page_faults_minor, s.zero_fill, s.zero_page, s.inferred, s.segv);
        assert_eq!(faults(stats), faults(first_stats), "{format}: page faults");
        let pages = |s: &KernelStats| (s.rss_bytes, s.vsz_bytes, s.leaf_entries);
        assert_eq!(pages(stats), pages(first_stats), "{format}: pages");
    }
}
