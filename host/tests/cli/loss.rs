//! What a run says when accesses of its trace are not carried out, and how it ends.

use crate::{json, transcript};
use std::fmt::Write;

/// A trace of process 7.
fn trace(lines: &str) -> String {
    format!("==7== Lackey, an example Valgrind tool\n{lines}")
}

const UNMAPS: &str = "I  00400000,4\n\
    SYSCALL[7,1](11) sys_munmap ( 0x400000, 4096 ) --> [pre-success] Success(0x0)\n\
    I  00400000,4\n";
const BRK: &str = "SYSCALL[7,1](12) sys_brk ( 0x0 ) --> [pre-success] Success(0x501000)\n";

/// Stores to more pages than 128 KiB of memory hold.
fn many_pages() -> String {
    trace(&(0..60u64).fold(String::new(), |mut text, page| {
        let _ = writeln!(text, " S {:08x},8", 0x50_0000 + page * 4096);
        text
    }))
}

#[test]
fn a_trace_that_goes_on_after_a_kill_is_a_difference() {
    for (follows, lost) in [("I  00400000,4\nI  00400004,4\n", 3), (BRK, 1)] {
        let text = trace(&format!("{UNMAPS}{follows}"));
        for command in [&["run", "-"][..], &["cosim", "-", "--engine", "rust-hdl"]] {
            let (out, err) = transcript(command, &text, 1);
            let noun = if lost == 1 { "access" } else { "accesses" };
            let line = format!(
                "DIFFERENCE between model and trace: process 7 was killed by SIGSEGV (SEGV_MAPERR) at 0x400000 in line 4, \
                 but the trace goes on with it in line 5: {lost} {noun} not carried out\n  {lost} of {} accesses were \
                 not carried out\n",
                lost + 1
            );
            assert_eq!(err, line);
            assert!(out.contains(&format!("lost          {lost} {noun} of process 7\n")), "{out}");
            assert!(out.contains("result        1 difference between model and trace"), "{out}");
            let report = json(&[command, &["--json"]].concat(), &text, 1);
            assert_eq!(
                (report["lost"]["accesses"].as_u64(), report["differences"].as_u64()),
                (Some(lost), Some(1))
            );
            let process = &report["lost"]["processes"][0];
            let place =
                ["pid", "accesses", "killed_at_line", "went_on_at_line"].map(|name| process[name].as_u64());
            assert_eq!(place, [Some(7), Some(lost), Some(4), Some(5)]);
            assert_eq!(process["why"], "killed by SIGSEGV (SEGV_MAPERR) at 0x400000");
        }
    }
}

#[test]
fn a_kill_that_nothing_follows_is_a_result() {
    let text = trace(UNMAPS);
    let (out, err) = transcript(&["run", "-"], &text, 0);
    let row = "killed        process 7 by SIGSEGV (SEGV_MAPERR) at 0x400000 in line 4; the trace has no more of it\n";
    assert!(out.contains(row) && err.is_empty(), "{out}{err}");
    let confirmed = format!("{text}==7== Process terminating with default action of signal 11 (SIGSEGV)\n");
    let (out, _) = transcript(&["run", "-"], &confirmed, 0);
    assert!(out.contains(" in line 4, where the trace ends it too\n"), "{out}");
    let report = json(&["run", "-", "--json"], &text, 0);
    assert_eq!((report["lost"]["accesses"].as_u64(), report["differences"].as_u64()), (Some(0), Some(0)));
    assert_eq!(report["killed"][0]["verdict"], "last");
}

#[test]
fn a_machine_that_is_too_small_is_a_result() {
    let arguments = ["run", "-", "--memory", "128KiB"];
    let (out, err) = transcript(&arguments, &many_pages(), 0);
    let row = "killed        process 7 by SIGKILL (out of memory) in line ";
    assert!(out.contains(row) && err.is_empty(), "{out}{err}");
    assert!(out.contains(": kernel.memory_bytes allows no more; "), "{out}");
    let report = json(&[&arguments[..], &["--json"]].concat(), &many_pages(), 0);
    let killed = &report["killed"][0];
    assert_eq!(
        (killed["verdict"].as_str(), killed["setting"].as_str()),
        (Some("limit"), Some("kernel.memory_bytes"))
    );
    let carried_out = report["accesses"].as_u64().unwrap() + killed["skipped"].as_u64().unwrap();
    assert_eq!((carried_out, report["differences"].as_u64()), (60, Some(0)));
    transcript(&["run", "-"], &many_pages(), 0);
}

#[test]
fn low_addresses_are_named_with_their_setting() {
    let text = " L 10,1\n M 20,1\n S 18,1\n";
    let (_, err) = transcript(&["run", "-"], text, 1);
    let remedy = "; kernel.mmap_min_addr forbids that address: --set kernel.mmap_min_addr=0 allows it\n";
    assert!(err.contains(remedy), "{err}");
    let report = json(&["run", "-", "--set", "kernel.mmap_min_addr=0", "--json"], text, 0);
    assert_eq!((report["accesses"].as_u64(), report["lost"]["accesses"].as_u64()), (Some(4), Some(0)));
}

#[test]
fn all_formats_say_it_together() {
    let text = trace(&format!("{UNMAPS}{BRK}"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("goes-on.lackey");
    std::fs::write(&file, text).unwrap();
    let (_, err) = transcript(&["run", file.to_str().unwrap(), "--format", "ALL"], "", 1);
    let formats = "sv32, sv39, sv48, sv57, x86-32, x86-pae, la48, la57";
    assert!(err.starts_with(&format!("pagewalk: {formats}: DIFFERENCE between model and trace")), "{err}");
    assert_eq!(err.lines().count(), 2, "{err}");
    let (_, err) = transcript(&["run", "--format", "all", "--limit", "100"], "", 0);
    assert_eq!(err.matches("re-based").count(), 1, "{err}");
    assert!(err.contains("addresses that sv32, x86-32, x86-pae cannot hold"), "{err}");
}

#[test]
fn no_accesses_give_no_ratio() {
    let (out, _) = transcript(&["run", "-", "--limit", "0"], "I  00400000,4\n", 0);
    assert!(!out.contains("per access") && !out.contains("0.000") && !out.contains("NaN"), "{out}");
    assert!(out.contains("speed         - accesses/s"), "{out}");
    let report = json(&["run", "-", "--limit", "0", "--json"], "I  00400000,4\n", 0);
    assert!(report["accesses_per_s"].is_null(), "{report}");
}

#[test]
fn a_call_that_fills_more_than_there_is_ends_with_out_of_memory() {
    let text = trace(
        "I  00400000,4\n\
         SYSCALL[7,1](9) sys_mmap ( 0x0, 1099511627776, 3, 32802, 4294967295, 0 )[sync] --> Success(0x10000000) \n\
         I  00400004,4\n",
    );
    let (out, err) = transcript(&["run", "-", "--format", "sv48", "--memory", "16MiB"], &text, 0);
    let row = "killed        process 7 by SIGKILL (out of memory) in line 3: kernel.memory_bytes allows no more; 1 access \
               not carried out\n";
    assert!(out.contains(row) && !err.contains("DIFFERENCE"), "{out}{err}");
}

#[test]
fn regions_that_one_pass_finds_no_room_for_are_placed_by_a_second() {
    // Each lower than the one before.
    let text = trace(&[0x31u64, 0x21, 0x11, 0x01].iter().fold(String::new(), |mut text, high| {
        let at = high << 32;
        let _ = write!(
            text,
            "SYSCALL[7,1](9) sys_mmap ( 0x0, 1048576, 3, 34, 4294967295, 0 )[sync] --> Success({at:#x}) \n S {at:x},8\n S \
             {:x},8\n",
            at + (1 << 20) - 8
        );
        text
    }));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("down.lackey");
    std::fs::write(&path, &text).expect("written");
    let report = json(&["run", "--format", "sv32", "--json", &path.display().to_string()], "", 0);
    assert_eq!((report["accesses"].as_u64(), report["lost"]["accesses"].as_u64()), (Some(8), Some(0)));
    assert_eq!(report["page_faults"]["minor"], 8);
    // A pipe is gone once it is read.
    let (_, err) = transcript(&["run", "--format", "sv32", "-"], &text, 2);
    assert!(err.contains("have grown together"), "{err}");
}
