//! `run` and `cosim`: results, JSON, files, differences.

use crate::{has_verilator, json, pagewalk, transcript};
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

const FORMATS: [&str; 8] = ["sv32", "sv39", "sv48", "sv57", "x86-32", "x86-pae", "la48", "la57"];

fn count(report: &Value, path: &str) -> u64 {
    report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} in {report}"))
}

/// Accesses of every kind, on pages that lie apart.
fn small_trace() -> String {
    (0..200u64).fold(String::new(), |text, n| {
        text + &format!(
            "I  {:08x},4\n L {:08x},8\n S {:08x},8\n",
            0x40_0000 + n * 4,
            0x60_0000 + n % 7 * 4096,
            0x7fe_0000 + n % 40 * 4096
        )
    })
}

#[test]
fn every_format_agrees_with_the_hardware() {
    let arguments =
        ["cosim", "-", "--limit", "600", "--format"].map(str::to_owned).into_iter().collect::<Vec<_>>();
    for format in FORMATS {
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.extend([format, "--engine", "rust-hdl", "--json"]);
        let report = json(&arguments, &small_trace(), 0);
        assert_eq!(count(&report, "/differences"), 0);
        assert_eq!(count(&report, "/accesses"), 600);
        assert_eq!(count(&report, "/page_faults/minor"), 48, "{format}: 1 + 7 + 40 pages");
        assert_eq!(count(&report, "/cycles"), count(&report, "/golden_cycles"));
        assert!(count(&report, "/tlb/walks") >= 48 && count(&report, "/pte_reads") >= 96);
    }
}

#[test]
fn all_formats_of_the_bundled_trace_in_one_object() {
    let arguments =
        ["cosim", "--format", "all", "--limit", "400", "--engine", "rust-hdl", "--seed", "7", "--json"];
    let report = json(&arguments, "", 0);
    let runs = report["runs"].as_array().expect("a list");
    assert_eq!(runs.iter().map(|run| run["format"].as_str().unwrap()).collect::<Vec<_>>(), FORMATS);
    for run in runs {
        assert_eq!(count(run, "/differences"), 0);
        assert_eq!(count(run, "/page_faults/minor"), count(&runs[0], "/page_faults/minor"));
    }
}

#[test]
fn the_json_has_the_names_of_the_contract() {
    let report = json(&["run", "--limit", "20000", "--json"], "", 0);
    let names = [
        "format",
        "engine",
        "config",
        "trace",
        "accesses",
        "instructions",
        "loads",
        "stores",
        "differences",
        "page_faults",
        "tlb",
        "pte_reads",
        "pte_writes",
        "cycles",
        "golden_cycles",
        "page_table_bytes",
        "rss_bytes",
        "vsz_bytes",
        "elapsed_s",
        "accesses_per_s",
        "rtl_cycles_per_s",
        "peak_rss_bytes",
    ];
    for name in names {
        assert!(!report[name].is_null(), "{name}");
    }
    for name in ["minor", "major", "cow", "segv", "ad"] {
        assert!(report["page_faults"][name].is_u64(), "{name}");
    }
    for name in [
        "l1i_hits",
        "l1i_misses",
        "l1d_hits",
        "l1d_misses",
        "l2_hits",
        "l2_misses",
        "pwc_hits",
        "walks",
        "flushes",
    ] {
        assert!(report["tlb"][name].is_u64(), "{name}");
    }
    assert_eq!(count(&report, "/accesses"), 20_000);
    let kinds = ["/instructions", "/loads", "/stores"].map(|kind| count(&report, kind));
    assert_eq!(kinds.iter().sum::<u64>(), 20_000);
    assert!(count(&report, "/rss_bytes") > 0 && count(&report, "/peak_rss_bytes") > 0);
}

#[test]
fn a_program_that_exits_is_measured_before() {
    let trace = "==7== Lackey\nI  00400000,4\n S 00500000,8\nSYSCALL[7,1](231) sys_exit_group( 0 )\n";
    let report = json(&["run", "-", "--json"], trace, 0);
    assert_eq!(count(&report, "/rss_bytes"), 4096, "the code page is the page of zeroes");
    assert_eq!(count(&report, "/kernel/processes"), 1);
}

#[test]
fn bare_and_exact_translate_alike() {
    let directory = tempfile::tempdir().unwrap();
    let files = ["exact.csv", "bare.csv", "exact.jsonl"].map(|name| directory.path().join(name));
    for (file, bare) in files.iter().zip([false, true, false]) {
        let mut arguments = vec!["run", "--limit", "5000", "--translations", file.to_str().unwrap()];
        arguments.extend(bare.then_some("--bare"));
        transcript(&arguments, "", 0);
    }
    let rows = |at: usize| -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(&files[at]).unwrap();
        text.lines().skip(1).map(|line| line.split(',').take(5).map(str::to_owned).collect()).collect()
    };
    assert_eq!(rows(0).len(), 5000);
    assert_eq!(rows(0), rows(1), "number, kind, addresses and page size need no TLB");
    let text = std::fs::read_to_string(&files[2]).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((first["number"].as_u64(), first["kind"].as_str()), (Some(1), Some("fetch")));
    assert_eq!(first["va"].as_str(), Some(rows(0)[0][2].as_str()));
}

#[test]
fn addresses_that_do_not_fit_fault_if_they_are_left_alone() {
    let trace = "I  00400000,4\n L 1ffeffe7e0,8\nI  00400004,4\n";
    for format in ["sv32", "x86-32", "x86-pae"] {
        let (out, err) = transcript(&["run", "-", "--format", format], trace, 0);
        assert!(err.contains("re-based below 0x100000000"), "{err}");
        assert!(out.contains("accesses      3:"), "{out}");
        let arguments = ["cosim", "-", "--format", format, "--no-rebase", "--engine", "rust-hdl", "--json"];
        let report = json(&arguments, trace, 1);
        assert_eq!((count(&report, "/accesses"), count(&report, "/page_faults/segv")), (1, 1));
        assert!(report["difference"].is_null(), "the engines agree: {report}");
        assert_eq!((count(&report, "/differences"), count(&report, "/lost/accesses")), (1, 2));
        assert!(report["death"].as_str().unwrap().contains("SIGSEGV"), "{report}");
    }
}

#[test]
fn verilator_agrees_and_a_changed_verilog_does_not() {
    if !has_verilator() {
        return;
    }
    let report = json(&["cosim", "--limit", "100000", "--engine", "verilator", "--json"], "", 0);
    assert_eq!((count(&report, "/differences"), count(&report, "/accesses")), (0, 100_000));
    assert!(report["rtl_cycles_per_s"].as_f64().unwrap() > 0.0);

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("changed.v");
    let (verilog, _) = transcript(&["emit"], "", 0);
    // The walker takes every store for a load: no D bit, no cause 15.
    let broken = verilog.replace(
        "assign to_access_store = data_valid ? data_access_store : instruction_access_store;",
        "assign to_access_store = 1'b0;",
    );
    assert_ne!(verilog.len(), broken.len(), "the line that is changed is there");
    std::fs::write(&file, broken).unwrap();
    let mut command = pagewalk(&["cosim", "--limit", "5000", "--verilog", file.to_str().unwrap()]);
    let output = command.current_dir(directory.path()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("DIFFERENCE between golden and verilator at access"), "{err}");
    assert!(err.contains("replay it alone: pagewalk cosim --verilog"), "{err}");
    // Not every Verilator can write FST here; whatever is written is what is named.
    let (_, line) = err.split_once("waveform of its last 200 cycles: ").expect(&err);
    let (waves, _) = line.split_once(" (opens in GTKWave").expect(&err);
    assert!(waves.starts_with("pagewalk-difference-sv39."), "{err}");
    assert!(std::fs::metadata(directory.path().join(waves)).expect(&err).len() > 100);
    let named =
        |note: &str| note.split_once("waveforms are written as vcd here: ").map(|(_, name)| name.to_owned());
    assert!(err.lines().filter_map(named).all(|name| name == waves), "{err}");
    let files = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(files, 2, "the Verilog and one waveform");

    // With a waveform from the beginning there is no second run, and that waveform is named.
    let arguments = ["cosim", "--limit", "5000", "--verilog", file.to_str().unwrap(), "--waves", "whole.fst"];
    let output = pagewalk(&arguments).current_dir(directory.path()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    let (line, _) = err.split_once(" shows it at time ").expect(&err);
    let waves = line.rsplit(' ').next().unwrap();
    assert!(waves.starts_with("whole."), "{err}");
    assert!(directory.path().join(waves).is_file(), "{err}");
}

#[test]
fn a_run_without_tools_says_so_and_goes_on() {
    let mut command = pagewalk(&["cosim", "-", "--limit", "300"]);
    let output = command.env("PATH", "/nowhere").env("CXX", "").write_stdin(small_trace()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("using rust-hdl's own simulation, which is slow: no C++ compiler found"), "{err}");
    let mut command = pagewalk(&["cosim", "-", "--engine", "verilator"]);
    let output = command.env("PATH", "/nowhere").env("CXX", "").write_stdin(small_trace()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_interrupt_ends_with_the_statistics_so_far() {
    let mut child = std::process::Command::new(pagewalk(&[]).get_program())
        .args(["run", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines = "I  00400000,4\n".repeat(10_000);
    // Ends when the program closes the pipe.
    let writer = std::thread::spawn(move || while input.write_all(lines.as_bytes()).is_ok() {});
    std::thread::sleep(Duration::from_millis(500));
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["end"], "interrupted");
    assert!(count(&report, "/accesses") > 0);
}
