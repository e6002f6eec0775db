//! Waveform files, in either format.

use std::fs;

use pagewalk_verilator::build::TraceFormat;
use pagewalk_verilator::ffi::{Library, ModelError};

use super::Bench;
use super::designs::{COUNTER, counter_ports};

#[test]
fn a_traced_model_writes_waveforms_one_after_the_other() {
    let Some(bench) = Bench::new() else { return };
    let built = bench.build(COUNTER, "counter", &counter_ports(), true).unwrap();
    let format = built.trace_format().unwrap();
    let mut model = Library::load(&built).unwrap().model().unwrap();
    let [enable, step] = ["enable", "step"].map(|name| model.input_index(name).unwrap());
    model.inputs_mut()[enable] = 1;
    model.inputs_mut()[step] = 1;
    let directory = tempfile::tempdir().unwrap();
    let mut sizes = Vec::new();
    let mut time = 0;
    model.trace_dump(time).unwrap();
    for (file, cycle_count) in [("short", 10), ("long", 3000)] {
        let path = directory.path().join(file).with_extension(format.suffix());
        model.trace_open(&path).unwrap();
        for _ in 0..cycle_count {
            model.half_low().unwrap();
            model.trace_dump(time + 1).unwrap();
            model.rise().unwrap();
            model.trace_dump(time + 2).unwrap();
            time += 2;
        }
        model.trace_close().unwrap();
        let contents = fs::read(&path).unwrap();
        match format {
            TraceFormat::Fst => assert_eq!(contents[0], 0, "an FST file starts with the block of its header"),
            TraceFormat::Vcd => {
                let text = String::from_utf8(contents.clone()).unwrap();
                assert!(text.contains("$var") && text.contains("count"), "{text}");
                assert!(text.contains(&format!("\n#{time}\n")), "the last time is missing");
            }
        }
        sizes.push(contents.len());
    }
    assert!(sizes[0] > 100 && sizes[1] > sizes[0], "{sizes:?}");
    assert!(matches!(model.trace_dump(time), Err(ModelError::TraceTime { .. })));
    let impossible = directory.path().join("missing/file.fst");
    assert!(matches!(model.trace_open(&impossible), Err(ModelError::Fatal { .. })));
}

#[test]
fn a_model_without_waveforms_says_so() {
    let Some(bench) = Bench::new() else { return };
    let mut model = bench.model(COUNTER, "counter", &counter_ports());
    assert_eq!(model.trace_format(), None);
    assert!(matches!(model.trace_open("x.vcd".as_ref()), Err(ModelError::NoTrace)));
    assert!(matches!(model.trace_dump(0), Err(ModelError::NoTrace)));
    model.half_low().unwrap();
}
