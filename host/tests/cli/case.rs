//! `case`: files of conformance cases from the command line.

use crate::{json, transcript};

/// Three cases: one in two formats of RISC-V, one of x86.
fn right() -> String {
    let tables = |format: &str, bits: &str| {
        format!(
            "format {format}\ncase T-1 a page\nmap 0x4000_5678 = leaf 0x8000_0000 {bits}\nload u 0x4000_5678 -> ok 0x8000_0678\n"
        )
    };
    tables("sv39 sv48", "RWXUAD") + &tables("la48", "RW US A D")
}

#[test]
fn right_cases_pass_on_every_engine_without_tools() {
    for engine in ["golden", "rust-hdl"] {
        let (out, _) = transcript(&["case", "-", "--engine", engine], &right(), 0);
        assert!(out.ends_with(": 0 failures\n") && out.starts_with("3 cases on "), "{out}");
    }
}

#[test]
fn a_wrong_answer_is_told_with_its_line_and_ends_with_1() {
    let wrong = right().replacen("ok 0x8000_0678", "ok 0x8000_0679", 1);
    let (out, _) = transcript(&["case", "-", "--engine", "rust-hdl"], &wrong, 1);
    assert!(out.contains("-: T-1 (a page), sv48, rust-hdl: line 4: "), "{out}");
    let result = json(&["case", "-", "--engine", "golden", "--json"], &wrong, 1);
    assert_eq!(result["cases"], 3);
    // Two formats, with TLBs and without.
    assert_eq!(result["failures"].as_array().map(Vec::len), Some(4));
    assert_eq!(result["failures"][0]["rule"], "T-1");
}

#[test]
fn what_is_no_case_ends_with_2_and_one_line() {
    for (arguments, input, said) in [
        (&["case", "-"][..], right().replace("map", "mop"), "standard input:3: "),
        (&["case", "missing.case"], String::new(), "missing.case: cannot be read"),
        (&["case", "-", "--case", "RV-99"], right(), "no case whose rule or title contains `RV-99`"),
        (&["case", "-"], String::new(), "-: no case"),
    ] {
        let (_, err) = transcript(&[arguments, &["--engine", "golden"]].concat(), &input, 2);
        assert!(err.contains(said) && err.lines().count() == 1, "{err}");
    }
}
