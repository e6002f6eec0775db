//! Every mistake ends with exit code 2 and one line that says what is wrong and what to do.

use crate::transcript;

#[test]
fn mistakes_are_one_line_with_a_remedy() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["cosim", "missing.lackey"],
            "pagewalk: error: missing.lackey: cannot be opened (No such file or directory (os error 2)); check the name, \
             or use - for standard input\n",
        ),
        (
            &["run", "/"],
            "pagewalk: error: /: is a directory; name a trace file, or use - for standard input\n",
        ),
        (
            &["run", "--preset", "huge"],
            "pagewalk: error: unknown preset `huge`: choose one of balanced, small, wide, rotating, associative\n",
        ),
        (
            &["run", "--set", "l1d.structure.ways=3"],
            "pagewalk: error: configuration: l1d.structure.ways = 3: must be a power of two from 1 to 8\n",
        ),
        (
            &["run", "--set", "ways"],
            "pagewalk: error: --set ways: write it as KEY=VALUE, such as --set l1d.structure.ways=4\n",
        ),
        (
            &["run", "--memory", "4KiB"],
            "pagewalk: error: kernel.memory_bytes: 4096 bytes of usable memory are too few; give it at least 65536\n",
        ),
        (
            &["run", "--format", "la48", "--set", "kernel.ad_mode=software"],
            "pagewalk: error: kernel.ad_mode = \"software\": la48 has no faults for A and D bits; use \"hardware\"\n",
        ),
        (
            &["run", "--config", "missing.toml"],
            "pagewalk: error: missing.toml: cannot be read (No such file or directory (os error 2)); `pagewalk config` \
             prints one to start from\n",
        ),
        (
            &["run", "--translations", "/missing/t.csv"],
            "pagewalk: error: /missing/t.csv: cannot be written (No such file or directory (os error 2)); choose another \
             place or free space\n",
        ),
        (
            &["run", "--format", "all", "--translations", "t.csv"],
            "pagewalk: error: --translations names one file: give it one --format\n",
        ),
        (
            &["cosim", "--format", "all", "-"],
            "pagewalk: error: --format all reads the trace once per format, which a pipe does not allow: write it to a \
             file first\n",
        ),
        (
            &["cosim", "--engine", "rust-hdl", "--waves", "w.fst"],
            "pagewalk: error: --waves needs the hardware under Verilator: use --engine verilator\n",
        ),
        (
            &["emit", "--format", "all"],
            "pagewalk: error: --format all writes into a directory: add -o DIRECTORY/\n",
        ),
        (&["walk"], "pagewalk: error: give a job file, or --root, --image and --va, or --trace with --at\n"),
        (&["walk", "--at", "0"], "pagewalk: error: --at counts accesses from 1\n"),
        (
            &["walk", "--root", "0x1000", "--va", "0", "--image", "tables.bin"],
            "pagewalk: error: --image tables.bin: write it as FILE@ADDRESS\n",
        ),
        (
            &["translate", "missing.json"],
            "pagewalk: error: missing.json: cannot be read (No such file or directory (os error 2)); check the name and \
             its permissions\n",
        ),
    ];
    for (arguments, expected) in cases {
        let (out, err) = transcript(arguments, "", 2);
        assert_eq!((out.as_str(), err.as_str()), ("", *expected), "pagewalk {}", arguments.join(" "));
    }
}

#[test]
fn usage_errors_end_with_two_as_well() {
    for arguments in [
        &["cosim", "--format", "sv40"][..],
        &["run", "--limit", "many"],
        &["run", "--memory", "4 kB"],
        &["cosim", "--engine", "board"],
        &["nothing"],
        &[],
    ] {
        let (out, err) = transcript(arguments, "", 2);
        assert!(out.is_empty() && !err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn traces_that_are_none() {
    for (input, expected) in [
        ("", "standard input: is empty; expected lackey"),
        ("hello\n", "standard input: line 1: text of no known trace format (`hello`); expected lackey"),
        ("\u{1}\u{2}\u{3}", "standard input: byte 0: binary data of no known trace format"),
    ] {
        let (_, err) = transcript(&["run", "-"], input, 2);
        assert!(err.starts_with(&format!("pagewalk: error: {expected}")), "{err}");
    }
}

#[test]
fn settings_of_a_file_are_named_with_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mmu.toml");
    let name = file.to_str().unwrap();
    for (text, expected) in [
        ("tag_bits = \n", ": line 1: "),
        ("wais = 3\n", ": unknown field `wais`"),
        ("[kernel]\nzero_page = 3\n", ": invalid type: integer `3`, expected a boolean"),
        ("format = \"sv40\"\n", ": unknown page-table format `sv40`"),
    ] {
        std::fs::write(&file, text).unwrap();
        let (_, err) = transcript(&["run", "--config", name], "", 2);
        assert!(err.starts_with(&format!("pagewalk: error: {name}{expected}")), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
}

#[test]
fn a_trace_that_is_cut_off_is_run_as_far_as_it_goes() {
    let (out, err) = transcript(&["run", "-"], "I  00400000,4\n L 00500000,8\nI  0040", 2);
    assert!(out.contains("accesses      2: 1 fetches, 1 loads, 0 stores"), "{out}");
    assert!(err.starts_with("pagewalk: error: standard input: line 3"), "{err}");
}

#[test]
fn verilog_of_other_hardware_is_refused_with_the_command_that_fits() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.v");
    let file = path.to_str().unwrap();
    transcript(&["emit", "--format", "sv39", "--preset", "small", "-o", file], "", 0);
    let given =
        ["cosim", "--verilog", file, "--limit", "100", "--format", "la48", "--set", "kernel.zero_page=false"];
    let (_, err) = transcript(&given, "", 2);
    let expected = format!(
        "pagewalk: error: {file}: emitted with --format sv39 --preset small, which is not this run's --format la48: \
         pagewalk cosim --verilog {file} --limit 100 --format sv39 --preset small --set kernel.zero_page=false\n"
    );
    assert_eq!(err, expected);
    let settings = directory.path().join("mmu.toml");
    std::fs::write(&settings, "tag_bits = 3\n").unwrap();
    let (_, err) = transcript(&["cosim", "--verilog", file, "--config", settings.to_str().unwrap()], "", 2);
    assert!(err.contains("which is not this run's --format sv39 --set tag_bits=3: let "), "{err}");
    assert!(
        err.ends_with("mmu.toml say so, or leave it out and add --format sv39 --preset small\n"),
        "{err}"
    );
    // What fits goes on to the next check: here the compiler is missing.
    let mut fits = crate::pagewalk(&["cosim", "--verilog", file, "--limit", "10", "--preset", "small"]);
    let output = fits.env("PATH", "/nowhere").env("CXX", "").output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("no C++ compiler found"), "{err}");
}
