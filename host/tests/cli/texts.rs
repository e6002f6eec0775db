//! Commands that print texts: Verilog, manifest, settings, man page, completions, traces.

use crate::{json, pagewalk, transcript};
use std::process::Stdio;

#[test]
fn verilog_manifest_and_core_file_belong_together() {
    let directory = tempfile::tempdir().unwrap();
    let place = format!("{}/out/", directory.path().display());
    transcript(&["emit", "-o", &place, "--format", "x86-pae", "--preset", "small"], "", 0);
    let read = |name: &str| std::fs::read_to_string(directory.path().join("out").join(name)).unwrap();
    let (verilog, core) = (read("pagewalk_mmu.v"), read("pagewalk_mmu.core"));
    assert!(verilog.contains("module pagewalk_mmu"));
    assert!(core.starts_with("CAPI=2:\n") && core.contains("files: [pagewalk_mmu.v]"));
    let manifest: serde_json::Value = serde_json::from_str(&read("pagewalk_mmu.json")).unwrap();
    assert_eq!(manifest["format"], "x86-pae");
    let ports = manifest["ports"].as_array().unwrap();
    assert!(ports.len() > 40);
    let top = verilog.split("module pagewalk_mmu (").nth(1).unwrap().split(");").next().unwrap().to_owned();
    for port in ports {
        assert!(top.contains(port["name"].as_str().unwrap()), "{port}");
    }
    let (printed, _) = transcript(&["emit", "--format", "x86-pae", "--preset", "small"], "", 0);
    assert_eq!(printed, verilog);
    let (printed, _) = transcript(&["emit", "--format", "x86-pae", "--preset", "small", "--manifest"], "", 0);
    assert_eq!(printed, read("pagewalk_mmu.json"));
}

#[test]
fn printed_settings_are_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mmu.toml");
    let (settings, _) = transcript(&["config", "--preset", "associative", "--seed", "9"], "", 0);
    std::fs::write(&file, &settings).unwrap();
    let name = file.to_str().unwrap();
    let (again, _) = transcript(&["config", "--config", name], "", 0);
    assert_eq!(settings, again);
    let trace = "I  00400000,4\n L 00500000,8\n";
    let given = json(&["run", "-", "--config", name, "--json"], trace, 0);
    let named = json(&["run", "-", "--preset", "associative", "--seed", "9", "--json"], trace, 0);
    assert_eq!(given["config"], named["config"]);
    assert_eq!(given["cycles"], named["cycles"]);
}

#[test]
fn man_page_and_completions_know_every_command() {
    let (man, _) = transcript(&["man"], "", 0);
    let (cosim, _) = transcript(&["man", "cosim"], "", 0);
    assert!(cosim.contains("no\\-rebase"), "{cosim}");
    transcript(&["man", "nothing"], "", 2);
    let (bash, _) = transcript(&["completions", "bash"], "", 0);
    for command in
        ["cosim", "run", "record", "emit", "translate", "walk", "trace", "compare", "case", "config", "bench"]
    {
        assert!(man.contains(command), "{command}");
        assert!(bash.contains(&format!("pagewalk__{command}")) || bash.contains(command), "{command}");
    }
}

#[test]
fn traces_are_counted_and_shown() {
    let trace = "I  00400000,4\n L 00500ffc,8\nSYSCALL[7,1](12) sys_brk ( 0x501000 ) --> [pre-success] Success(0x501000)\n S 00500000,8\n";
    let info = json(&["trace", "info", "-", "--json"], trace, 0);
    assert_eq!((info["accesses"].as_u64(), info["pages"].as_u64()), (Some(4), Some(3)), "{info}");
    let (head, _) = transcript(&["trace", "head", "-", "-n", "3"], trace, 0);
    assert_eq!(head.lines().count(), 3, "{head}");
    assert!(head.contains("fetch 0x400000 4"), "{head}");
}

#[test]
fn a_walk_in_the_middle_of_a_program() {
    let (walk, _) = transcript(&["walk", "--at", "1", "--format", "la57"], "", 0);
    assert!(walk.starts_with("la57 fetch of 0x"), "{walk}");
    assert!(walk.contains("-> #PF, error code 0x14: the entry is not present"), "{walk}");
    assert!(walk.contains("the kernel handles the fault: inferred the area"), "{walk}");
    assert!(walk.contains("answered by walk after "), "{walk}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for arguments in [&["trace", "head", "-n", "1000000"][..], &["emit"], &["man"], &["run", "--limit", "10"]]
    {
        let mut child = std::process::Command::new(pagewalk(&[]).get_program())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
