//! `translate` and `walk`: answers worked out by hand from the manuals' figures, on every engine.

use crate::{has_verilator, json, transcript};
use serde_json::{Value, json};

/// A job and, per query, the fields that its answer must have.
struct Case {
    job: Value,
    answers: Vec<Value>,
}

/// RISC-V leaf 0x81234000 with D A U X W R V, and pointers.
fn cases() -> Vec<Case> {
    vec![
        Case {
            job: json!({"format": "sv32", "root": "0x80001000", "image": [
                {"paddr": "0x80001004", "u32": ["0x20000801"]},
                {"paddr": "0x8000200c", "u32": ["0x2048d0df"]},
                {"paddr": "0x80001008", "u32": ["0x200004df"]}],
                "queries": [{"va": "0x00403abc"}, {"va": "0x00803abc", "access": "write"}, {"va": "0xfffff000", "access": "exec"}]}),
            answers: vec![
                json!({"status": "ok", "paddr": "0x81234abc", "page_bytes": 4096, "pte_reads": 2, "pte_writes": []}),
                json!({"status": "page_fault", "cause": 15, "fault_va": "0x803abc", "pte_reads": 1}),
                json!({"status": "page_fault", "cause": 12, "pte_reads": 1}),
            ],
        },
        Case {
            job: json!({"format": "sv39", "root": "0x80001000", "memory_bytes": "4GiB", "image": [
                {"paddr": "0x80001000", "hex": "0108002000000000"},
                {"paddr": "0x80002008", "u64": ["0x2000005f", "0x40000000001"]}],
                "queries": [
                    {"va": "0x2abcde", "access": "amo"},
                    {"va": "0x2abcde", "svadu": 0, "access": "write"},
                    {"va": "0x400000", "priv": "s"},
                    {"va": "0x4000000000"},
                    {"va": "0x200000", "priv": "s"},
                    {"va": "0x200000", "priv": "s", "sum": 1}]}),
            answers: vec![
                json!({"status": "ok", "paddr": "0x800abcde", "page_bytes": 2097152, "pte_reads": 2, "served": "walk",
                    "pte_writes": [{"paddr": "0x80002008", "before": "0x2000005f", "after": "0x200000df"}]}),
                json!({"status": "page_fault", "cause": 15, "pte_writes": []}),
                json!({"status": "access_fault", "cause": 5, "pte_reads": 3}),
                json!({"status": "page_fault", "cause": 13, "pte_reads": 0}),
                json!({"status": "page_fault", "cause": 13}),
                json!({"status": "ok", "paddr": "0x80000000"}),
            ],
        },
        Case {
            job: json!({"format": "sv48", "root": "0x80001000", "image": [
                {"paddr": "0x80001000", "u64": ["0x20000801"]},
                {"paddr": "0x80002000", "u64": ["0x20000c01"]},
                {"paddr": "0x80003000", "u64": ["0x20001001"]},
                {"paddr": "0x80004008", "u64": ["0x2048d0df", "0x80000000204ca05f", "0x600000002048d0df"]}],
                "queries": [{"va": "0x1abc"}, {"va": "0x2abc"}, {"va": "0x2abc", "svnapot": 1}, {"va": "0x3abc", "svpbmt": 1}]}),
            answers: vec![
                json!({"status": "ok", "paddr": "0x81234abc", "pte_reads": 4}),
                json!({"status": "page_fault", "cause": 13}),
                json!({"status": "ok", "paddr": "0x81322abc", "page_bytes": 65536}),
                json!({"status": "page_fault", "cause": 13}),
            ],
        },
        Case {
            job: json!({"format": "sv57", "root": "0x1000", "image": [{"paddr": "0x1008", "u64": ["0xdf"]}],
                "queries": [{"va": "0x1123456789abc"}]}),
            answers: vec![
                json!({"status": "ok", "paddr": "0x123456789abc", "page_bytes": 281474976710656u64, "pte_reads": 1}),
            ],
        },
        Case {
            job: json!({"format": "x86-32", "root": "0x1000", "image": [
                {"paddr": "0x1004", "u32": ["0x2007", "0x014000e7"]},
                {"paddr": "0x200c", "u32": ["0x01234005"]}],
                "queries": [
                    {"va": "0x00403abc"},
                    {"va": "0x00403abc", "access": "write"},
                    {"va": "0x00403abc", "access": "write", "priv": "s", "wp": 0},
                    {"va": "0x00812345"},
                    {"va": "0x00c00000", "access": "write"}]}),
            answers: vec![
                json!({"status": "ok", "paddr": "0x1234abc", "page_bytes": 4096, "pte_reads": 2, "pte_writes": [
                    {"paddr": "0x1004", "before": "0x2007", "after": "0x2027"},
                    {"paddr": "0x200c", "before": "0x1234005", "after": "0x1234025"}]}),
                json!({"status": "page_fault", "error_code": 7}),
                json!({"status": "ok", "paddr": "0x1234abc"}),
                json!({"status": "ok", "paddr": "0x1412345", "page_bytes": 4194304, "pte_reads": 1, "pte_writes": []}),
                json!({"status": "page_fault", "error_code": 6, "fault_va": "0xc00000"}),
            ],
        },
        Case {
            job: json!({"format": "x86-pae", "root": "0x1020", "image": [
                {"paddr": "0x1020", "u64": ["0x2001"]},
                {"paddr": "0x2008", "u64": ["0x3067"]},
                {"paddr": "0x3018", "u64": ["0x8000000001234067"]}],
                "queries": [
                    {"va": "0x00203abc"},
                    {"va": "0x00203abc", "access": "exec"},
                    {"va": "0x00203abc", "nx": 0},
                    {"va": "0x40000000"}]}),
            answers: vec![
                json!({"status": "ok", "paddr": "0x1234abc", "pte_reads": 2, "pte_writes": []}),
                json!({"status": "page_fault", "error_code": 21}),
                json!({"status": "page_fault", "error_code": 13}),
                json!({"status": "page_fault", "error_code": 4, "pte_reads": 0}),
            ],
        },
        Case {
            job: json!({"format": "la48", "root": "0x1000", "defaults": {"priv": "s"}, "image": [
                {"paddr": "0x1000", "u64": ["0x2067"]}, {"paddr": "0x2000", "u64": ["0x3067"]},
                {"paddr": "0x3000", "u64": ["0x4067"]}, {"paddr": "0x4008", "u64": ["0x01234067", "0x01235063"]}],
                "queries": [
                    {"va": "0x1abc", "access": "write"},
                    {"va": "0x1abc", "smap": 1},
                    {"va": "0x1abc", "smap": 1, "ac": 1},
                    {"va": "0x1abc", "smep": 1, "access": "exec"},
                    {"va": "0x2abc", "priv": "u"},
                    {"va": "0x800000000000"}]}),
            answers: vec![
                json!({"status": "ok", "paddr": "0x1234abc", "pte_reads": 4, "pte_writes": []}),
                json!({"status": "page_fault", "error_code": 1}),
                json!({"status": "ok"}),
                json!({"status": "page_fault", "error_code": 17}),
                json!({"status": "page_fault", "error_code": 5}),
                json!({"status": "gp_fault", "error_code": 0, "fault_va": "0x800000000000", "pte_reads": 0}),
            ],
        },
        Case {
            job: json!({"format": "la57", "root": "0x1000", "physical_bits": 36, "image": [
                {"paddr": "0x1000", "u64": ["0x2067"]}, {"paddr": "0x2000", "u64": ["0x3067"]},
                {"paddr": "0x3000", "u64": ["0x5067", "0x400000e7", "0x10000000e7", "0x4067"]}],
                "queries": [{"va": "0x40012345"}, {"va": "0x80000000"}, {"va": "0xc0000000"}]}),
            answers: vec![
                json!({"status": "ok", "paddr": "0x40012345", "page_bytes": 1073741824, "pte_reads": 3}),
                json!({"status": "page_fault", "error_code": 13}),
                json!({"status": "page_fault", "error_code": 4, "pte_reads": 4}),
            ],
        },
    ]
}

fn check(engine: &str) {
    for Case { job, answers } in cases() {
        let result = json(&["translate", "-", "--engine", engine], &job.to_string(), 0);
        assert_eq!(result["differences"], 0);
        let results = result["results"].as_array().expect("a list");
        assert_eq!(results.len(), answers.len());
        for (number, (found, expected)) in results.iter().zip(&answers).enumerate() {
            for (name, value) in expected.as_object().expect("an object") {
                let (format, query) = (&job["format"], &job["queries"][number]);
                assert_eq!(&found[name], value, "{engine} {format} {query}: {name} of {found}");
            }
        }
    }
}

#[test]
fn the_golden_model_gives_the_manuals_answers() {
    check("golden");
}

#[test]
fn the_hardware_source_gives_the_manuals_answers() {
    check("rust-hdl");
}

#[test]
fn compiled_hardware_and_golden_model_agree_on_the_answers() {
    if has_verilator() {
        check("lockstep");
        check("verilator");
    }
}

#[test]
fn a_cumulative_job_keeps_bits_and_tlb() {
    let job = |mode: &str| {
        json!({"format": "sv39", "root": "0x80001000", "mode": mode, "image": [
            {"paddr": "0x80001000", "u64": ["0x20000801"]}, {"paddr": "0x80002008", "u64": ["0x2000001f"]}],
            "queries": [{"va": "0x200000"}, {"va": "0x200008"}, {"va": "0x200010", "access": "write"}, {"va": "0x200018", "access": "write"}]})
        .to_string()
    };
    let served = |mode: &str| -> Vec<(String, usize)> {
        let result = json(&["translate", "-", "--engine", "golden"], &job(mode), 0);
        let results = result["results"].as_array().unwrap();
        let row =
            |r: &Value| (r["served"].as_str().unwrap().to_owned(), r["pte_writes"].as_array().unwrap().len());
        results.iter().map(row).collect()
    };
    let rows = |rows: [(&str, usize); 4]| rows.map(|(served, writes)| (served.to_owned(), writes)).to_vec();
    assert_eq!(served("fresh"), rows([("walk", 1); 4]));
    assert_eq!(served("cumulative"), rows([("walk", 1), ("l1", 0), ("walk", 1), ("l1", 0)]));
}

#[test]
fn mistakes_in_a_job_are_named_with_file_and_field() {
    for (job, expected) in [
        ("{", "-: line 1, column 1: EOF while parsing an object; the job must be one JSON object"),
        (r#"{"root": "0x80000800"}"#, "-: root: is 0x80000800: the root of sv39 is aligned to 4096 bytes"),
        (r#"{"root": 0, "queries": [{"va": 0}, {"va": "zero"}]}"#, "-: queries[1].va: `zero` is no address"),
        (r#"{"root": 0, "physical_bits": 60}"#, "configuration: physical_bits = 60"),
    ] {
        let (out, err) = transcript(&["translate", "-", "--engine", "golden"], job, 2);
        assert!(out.is_empty() && err.starts_with(&format!("pagewalk: error: {expected}")), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
}

#[test]
fn walks_of_a_job_and_of_a_memory_image_are_told_alike() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("tables.bin");
    let mut bytes = vec![0; 0x2000];
    bytes[..8].copy_from_slice(&0x2000_0801u64.to_le_bytes());
    bytes[0x1008..0x1010].copy_from_slice(&0x2000_005fu64.to_le_bytes());
    std::fs::write(&image, bytes).unwrap();
    let place = format!("{}@0x80001000", image.display());
    let arguments =
        ["walk", "--root", "0x80001000", "--image", &place, "--va", "0x2abcde", "--access", "write"];
    let (from_image, _) = transcript(&arguments, "", 0);
    let job = json!({"root": "0x80001000", "image": [
        {"paddr": "0x80001000", "u64": ["0x20000801"]}, {"paddr": "0x80002008", "u64": ["0x2000005f"]}],
        "queries": [{"va": 0}, {"va": "0x2abcde", "access": "write"}]});
    let (from_job, _) = transcript(&["walk", "-", "--query", "1"], &job.to_string(), 0);
    assert_eq!(from_image, from_job);
    assert!(from_job.contains("swap in 0x200000df"), "{from_job}");
    assert!(from_job.contains("-> 0x800abcde in a page of 2 MiB"), "{from_job}");
}

/// A store and then a load of one page whose entry has neither A nor D.
fn twice(mode: &str) -> String {
    json!({"format": "sv39", "root": "0x80001000", "mode": mode, "image": [
        {"paddr": "0x80001000", "u64": ["0x20000801"]},
        {"paddr": "0x80002000", "u64": ["0x20000c01"]},
        {"paddr": "0x80003008", "u64": ["0x2048d01f"]}],
        "queries": [{"va": "0x1000", "access": "write"}, {"va": "0x1008"}]})
    .to_string()
}

#[test]
fn a_walk_honours_the_mode_of_its_job() {
    let (fresh, _) = transcript(&["walk", "-"], &twice("fresh"), 0);
    let swaps = |text: &str| text.matches("A or D is clear: swap in").count();
    assert_eq!(swaps(&fresh), 2, "both see the image as it is given: {fresh}");
    assert!(!fresh.contains("answered by"), "{fresh}");
    let (cumulative, _) = transcript(&["walk", "-"], &twice("cumulative"), 0);
    assert_eq!(swaps(&cumulative), 1, "the second sees A and D: {cumulative}");
    assert!(cumulative.contains("answered by walk") && cumulative.contains("answered by l1"), "{cumulative}");
    let (second, _) = transcript(&["walk", "-", "--query", "1"], &twice("cumulative"), 0);
    assert!(cumulative.ends_with(&second) && swaps(&second) == 0, "{second}");
}
