//! `compare`: files of golden model and hardware, of two formats, of other tools.

use crate::{has_verilator, json, pagewalk, transcript};
use std::path::{Path, PathBuf};

const FILE: &str = "number,kind,va,pa,page_bytes,served,cycles\n\
    1,fetch,0x1000,0x81000,4096,walk,41\n\
    2,load,0x2008,0x82008,4096,walk,41\n\
    3,store,0x2010,0x82010,4096,l1,1\n";

/// A file of the test's own.
fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_difference_is_explained_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let a = write(directory.path(), "a.csv", FILE);
    let b = write(directory.path(), "b.csv", &FILE.replace("0x82010,4096,l1,1", "0x83010,4096,l1,2"));
    let (out, err) = transcript(&["compare", &a, &b, "--format", "sv39"], "", 1);
    let page = format!(
        "{a} against {b}\n  \
           accesses      3 and 3, 3 of them in both\n  \
           compared      kind, pa, fault, page_bytes; not stated by both: memory_type\n  \
           information   served differs in 0, cycles differ in 1 (83 and 84 in all)\n  \
           result        1 difference: pa 1\n"
    );
    assert_eq!(out, page);
    let explained = format!(
        "DIFFERENCE between {a} and {b} at access 3: pa 0x82010 against 0x83010\n  \
           access 3 ({a} line 4, {b} line 4): store 0x2010\n  \
           sv39 indices, top first: 0x0 0x0 0x2, offset 0x10\n  \
           {a}: 0x82010 4 KiB, by l1, 1 cycles\n  \
           {b}: 0x83010 4 KiB, by l1, 2 cycles\n  \
           before it, in {a}:\n    \
             1 fetch 0x1000: 0x81000 4 KiB, by walk, 41 cycles\n    \
             2 load 0x2008: 0x82008 4 KiB, by walk, 41 cycles\n"
    );
    assert_eq!(err, explained);
    let report = json(&["compare", &a, &b, "--fields", "all", "--json"], "", 1);
    assert_eq!((&report["differences"], &report["classes"]["cycles"]), (&1.into(), &1.into()));
    assert_eq!((&report["first"]["a"]["pa"], &report["first"]["b"]["line"]), (&"0x82010".into(), &4.into()));
    transcript(&["compare", &a, &b, "--fields", "kind,served"], "", 0);
    let (out, _) = transcript(&["compare", &a, "-"], FILE, 0);
    assert!(out.ends_with("  result        0 differences\n"), "{out}");
}

#[test]
fn files_of_other_tools_are_read_by_their_columns() {
    let directory = tempfile::tempdir().unwrap();
    let a = write(directory.path(), "a.csv", FILE);
    let other = "R 1000 -> 81000\nW 2008 -> 82008\nW 2010 -> 82010\n";
    let arguments = ["compare", &a, "-", "--columns-b", "va=2:hex,pa=4:hex"];
    transcript(&arguments, other, 0);
    let (_, err) = transcript(&["compare", &a, "-", "--columns-b", "va=2:hex,pa=4:hex,kind=1"], other, 1);
    assert!(err.contains("at access 1: kind fetch against load\n"), "{err}");
    let lines = "{\"vaddr\": 4096, \"paddr\": \"0x81000\"}\n{\"vaddr\": 8200, \"paddr\": \"0x82008\"}\n";
    let (_, err) = transcript(&["compare", "-", &a, "--columns-a", "va=vaddr,pa=paddr"], lines, 1);
    assert!(err.contains("at access 3: only the second file has the access\n"), "{err}");
    assert!(err.contains(": no such access here\n"), "{err}");
}

#[test]
fn mistakes_are_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let a = write(directory.path(), "a.csv", FILE);
    for (arguments, expected) in [
        (&["compare", &a, "missing.csv"][..], "missing.csv: cannot be opened"),
        (&["compare", "-", "-"], "standard input can be one of the files only"),
        (&["compare", &a, &a, "--fields", "va"], "--fields: `va` cannot be compared: choose of kind, pa"),
        (&["compare", &a, &a, "--fields", "code"], &format!("{a}: states no code: name its column")),
        (&["compare", &a, "-"], "standard input: line 2: pa is `zz`, expected a number"),
        (&["compare", &a, &a, "--format", "sv39,sv48,la48"], "--format: there are two files"),
    ] {
        let (out, err) = transcript(arguments, "va,pa\n1,zz\n", 2);
        assert!(out.is_empty() && err.starts_with(&format!("pagewalk: error: {expected}")), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    let (_, err) = transcript(&["compare", &a, &a, "--columns", "va"], "", 2);
    assert!(err.contains("`va`: write it as FIELD=COLUMN"), "{err}");
}

/// Both sides' files of one run.
fn both_sides(directory: &Path, more: &[&str], code: i32) -> [PathBuf; 2] {
    let files = ["golden.csv", "hardware.csv"].map(|name| directory.join(name));
    let [golden, hardware] = files.each_ref().map(|file| file.to_str().unwrap());
    let mut arguments = vec!["cosim", "--translations", golden, "--translations-hardware", hardware];
    arguments.extend(more);
    let mut command = pagewalk(&arguments);
    let output = command.current_dir(directory).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    files
}

#[test]
fn hardware_and_golden_model_write_files_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let files = both_sides(directory.path(), &["--limit", "3000", "--engine", "rust-hdl"], 0);
    let texts = files.each_ref().map(|file| std::fs::read_to_string(file).unwrap());
    assert_eq!(texts[0].lines().count(), 3001);
    assert!(texts[0] == texts[1], "all fields of all accesses, cycles too");
    let [golden, hardware] = files.each_ref().map(|file| file.to_str().unwrap());
    transcript(&["compare", golden, hardware, "--fields", "all"], "", 0);
    let (_, err) = transcript(&["cosim", "--engine", "golden", "--translations-hardware", "x.csv"], "", 2);
    assert!(err.contains("--translations-hardware needs hardware"), "{err}");
}

#[test]
fn the_files_of_a_difference_differ_where_the_lockstep_did() {
    if !has_verilator() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("changed.v");
    let (verilog, _) = transcript(&["emit"], "", 0);
    let broken = verilog.replace(
        "assign to_access_store = data_valid ? data_access_store : instruction_access_store;",
        "assign to_access_store = 1'b0;",
    );
    std::fs::write(&file, broken).unwrap();
    let more = ["--limit", "5000", "--json", "--verilog", file.to_str().unwrap()];
    let files = both_sides(directory.path(), &more, 1);
    let [golden, hardware] = files.each_ref().map(|file| file.to_str().unwrap());
    let report = json(&["compare", golden, hardware, "--fields", "all", "--json"], "", 1);
    // The lockstep says it again, from its own comparison.
    let again = pagewalk(&["cosim", "--limit", "5000", "--json", "--verilog", file.to_str().unwrap()])
        .current_dir(directory.path())
        .output()
        .unwrap();
    let run: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(report["first"]["access"], run["difference"]["access"], "{report}");
}

#[test]
fn two_formats_agree_but_for_the_numbers_of_frames() {
    let directory = tempfile::tempdir().unwrap();
    let files = ["sv39", "la48"].map(|format| {
        let file = directory.path().join(format!("{format}.csv"));
        let path = file.to_str().unwrap().to_owned();
        transcript(&["run", "--limit", "200000", "--format", format, "--translations", &path], "", 0);
        path
    });
    let (out, _) = transcript(&["compare", &files[0], &files[1], "--frames"], "", 0);
    assert!(out.contains(" pairs, one-to-one"), "{out}");
    let (_, err) = transcript(&["compare", &files[0], &files[1], "--format", "sv39,la48"], "", 1);
    assert!(err.contains("sv39 indices") && err.contains("la48 indices"), "{err}");
    // One frame for another: no numbering explains that.
    let text = std::fs::read_to_string(&files[1]).unwrap();
    let frame = |line: &str| line.split(',').nth(3).map(|pa| pa[..pa.len() - 3].to_owned()).unwrap();
    let frames: Vec<String> = text.lines().skip(1).map(frame).collect();
    let other = frames.iter().rev().find(|other| **other != frames[0]).unwrap();
    let (left, right) = (format!(",{}", frames[0]), format!(",{other}"));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let last = lines.iter().rposition(|line| line.contains(&right)).unwrap();
    lines[last] = lines[last].replacen(&right, &left, 1);
    std::fs::write(&files[1], lines.join("\n")).unwrap();
    transcript(&["compare", &files[0], &files[1], "--frames"], "", 1);
}
