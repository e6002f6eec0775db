//! `--workload`: scenarios good and bad, their JSON, memory shown on the way, at the end and as files.

use crate::{json, transcript};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

const SMALL: &str = "machine mem=256M swap=16M\nproc A\nA mmap r 8M\nA touch r w\nsnapshot touched\nA fork B\n\
                     B touch r w count=100\ncompare A.r B.r\nB exit 3\n";

/// The scenarios of the repository.
fn scenario(name: &str) -> String {
    format!("{}/../tests/linux/scenarios/{name}.txt", env!("CARGO_MANIFEST_DIR"))
}

/// Beside the tables, on standard input.
fn run(more: &[&str], text: &str, code: i32) -> (String, String) {
    let arguments: Vec<&str> = ["run", "--workload", "-"].iter().chain(more).copied().collect();
    transcript(&arguments, text, code)
}

#[test]
fn steps_are_shown_with_what_they_came_to() {
    let (out, err) = run(&[], SMALL, 0);
    let has = |line: &str| assert!(out.lines().any(|found| found == line), "{line}\n{out}");
    has("    4 A touch r w                                          2048     2,048       0");
    has("        same 1,948, different 100, only the first 0, only the second 0, neither 0");
    has("        B (pid 80) exited with 3 after 156 minor and 0 major faults");
    has("la48: golden model alone");
    assert!(out.lines().all(|line| !line.ends_with(' ')), "{out}");
    assert_eq!(err, "");
}

#[test]
fn mistakes_name_file_line_and_column() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bad.txt");
    let name = file.to_str().unwrap();
    for (text, expected) in [
        ("proc A\nA mmap r 8Q\n", "line 2, column 10: `8Q` is no "),
        ("proc A\nA jump r\n", "line 2, column 3: `jump` is nothing that a worker does: choose one of "),
        ("\n\n  B touch r w\n", "line 3, column 3: `B` is neither a command nor a worker"),
        ("machine mem=1K\n", "line 1, column 13: `1K` is no mem: a number from "),
        ("machine mem=256M smp=4000\n", "line 1, column 22: `4000` is no smp"),
        ("machine speed=9\n", "line 1, column 9: `speed=9` says nothing of a machine"),
        (
            "proc A\nA mmap r 1M\nA touch r w &\n",
            "line 3, column 13: what is left at work here goes on in a later",
        ),
        ("proc A trace=bundled\nA mmap r 1M\n", "line 2, column 3: `A` does what its trace says"),
        ("proc A\nA cpu 3\n", "line 2, column 1: there is no CPU 3: the machine has 1"),
    ] {
        std::fs::write(&file, text).unwrap();
        for command in ["run", "cosim"] {
            let (out, err) = transcript(&[command, "--workload", name], "", 2);
            assert_eq!(out, "");
            assert!(err.starts_with(&format!("pagewalk: error: {name}: {expected}")), "{text}: {err}");
            assert_eq!(err.lines().count(), 1, "{err}");
        }
    }
    std::fs::write(&file, "machine image=no-such.toml\n").unwrap();
    let (_, err) = transcript(&["run", "--workload", name], "", 2);
    assert!(err.contains("no-such.toml: cannot be read"), "{err}");
    let (_, err) = transcript(&["run", "--workload", "no-such.txt"], "", 2);
    assert!(err.starts_with("pagewalk: error: no-such.txt: cannot be read"), "{err}");
    let (_, err) = transcript(&["run", "t.lackey", "--workload", "s.txt"], "", 2);
    assert!(err.contains("cannot be used with"), "{err}");
}

#[test]
fn the_json_has_what_a_real_linux_answers() {
    let report = json(&["run", "--workload", "-", "--json"], SMALL, 0);
    for name in
        ["scenario", "machine", "steps", "snapshots", "oom", "errors", "notes", "page_faults", "config"]
    {
        assert!(!report[name].is_null(), "{name}");
    }
    assert_eq!(report["format"], "la48");
    assert_eq!(report["machine"]["mem"], "256M");
    let touched = report["steps"].as_array().unwrap().iter().find(|step| step["n"] == 4).unwrap();
    assert_eq!(touched["line"], "A touch r w");
    assert_eq!((&touched["replies"][0]["ret"], &touched["replies"][0]["min"]), (&2048.into(), &2048.into()));
    let snapshot = &report["snapshots"]["touched"];
    for name in ["meminfo_kb", "vmstat", "buddy", "zones", "slab", "procs", "step"] {
        assert!(!snapshot[name].is_null(), "{name}");
    }
    assert_eq!(snapshot["meminfo_kb"]["SwapTotal"], 16 << 10);
    let both = json(&["cosim", "--workload", "-", "--json"], SMALL, 0);
    assert_eq!(both["differences"], 0);
    assert_eq!((&both["steps"], &both["snapshots"]), (&report["steps"], &report["snapshots"]));
}

#[test]
fn what_is_not_modelled_is_said_once() {
    let text = "machine mem=64M thp=always quantum=7\nsysfs /sys/kernel/mm/ksm/run 1\nsysfs /sys/kernel/mm/ksm/run 0\n\
                cat /proc/pressure/memory\n";
    let report = json(&["run", "--workload", "-", "--json"], text, 0);
    let notes: Vec<_> =
        report["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    assert_eq!(
        notes,
        [
            "not modelled: machine thp=always: transparent huge pages: every page is one of 4 KiB",
            "step 2 (sysfs /sys/kernel/mm/ksm/run 1): not modelled: KSM",
            "step 4 (cat /proc/pressure/memory): not modelled: PSI: the files of /proc/pressure",
        ]
    );
    let (_, err) = run(&[], text, 0);
    let said: Vec<String> = notes.iter().map(|note| format!("pagewalk: {note}")).collect();
    assert_eq!(err.lines().collect::<Vec<_>>(), said);
}

/// A process that forks; its child writes to the page that both have; it exits with 3.
const FORKS: &str = "==10== Lackey\nI  00109000,4\n S 1ffeffe000,8\n\
                     SYSCALL[10,1](58) sys_fork ( )   fork: process 10 created child 11\n --> [pre-success] Success(0xb) \n\
                     ==11==\nI  00109004,4\n S 1ffeffe000,8\n==10==\nI  00109008,4\n\
                     SYSCALL[10,1](231) exit_group( 3 ) --> [pre-success] Success(0x0) \n";

#[test]
fn a_trace_from_beside_the_scenario_acts_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let scenario = directory.path().join("s.txt");
    std::fs::write(directory.path().join("forks.lackey"), FORKS).unwrap();
    let text = "proc A trace=forks.lackey\nA run 4\nsnapshot forked\nA run all\nA run 1\nsnapshot end\n";
    std::fs::write(&scenario, text).unwrap();
    let report = json(&["run", "--workload", scenario.to_str().unwrap(), "--json"], "", 0);
    let reply = |step: usize, key: &str| report["steps"][step]["replies"][0][key].clone();
    assert_eq!((reply(0, "pid"), reply(0, "min")), (79.into(), 0.into()));
    // A fetch and a store of the parent, the same of the child: its store copies, its fetch finds the parent's table empty.
    assert_eq!((reply(1, "ret"), reply(1, "min")), (4.into(), 4.into()));
    assert_eq!(report["snapshots"]["forked"]["procs"]["A"]["min_flt"], 2);
    assert_eq!(
        (reply(3, "ret"), reply(4, "ret")),
        (1.into(), 0.into()),
        "the child lives, and has no more to do"
    );
    let died = &report["steps"][3]["died"][0];
    assert_eq!((&died["who"], &died["signal"], &died["code"]), (&"A".into(), &0.into(), &3.into()));
    assert_eq!(report["snapshots"]["end"]["procs"]["A"]["alive"], 0);
    // Who was killed by a step is no difference to the trace, which goes on with it.
    std::fs::write(&scenario, "proc A trace=forks.lackey\nA run 2\nkill A\nA run all\n").unwrap();
    let report = json(&["run", "--workload", scenario.to_str().unwrap(), "--json"], "", 0);
    assert_eq!(report["steps"][3]["replies"][0]["dead"], "", "nobody is left who could fork");
    std::fs::write(&scenario, "proc A trace=forks.lackey\nA run 4\nkill A\nA run all\n").unwrap();
    let report = json(&["run", "--workload", scenario.to_str().unwrap(), "--json"], "", 0);
    assert_eq!((&report["differences"], &report["skipped"]), (&0.into(), &1.into()), "{report}");
    std::fs::write(&scenario, "proc A\n  proc B trace=gone.lackey\n").unwrap();
    let (_, err) = transcript(&["run", "--workload", scenario.to_str().unwrap()], "", 2);
    assert!(
        err.contains("s.txt: line 2, column 16: ") && err.contains("gone.lackey: cannot be opened"),
        "{err}"
    );
}

#[test]
fn what_is_left_at_work_is_told_of_where_it_is_done() {
    let text = "machine mem=128M smp=2 quantum=50\nproc A\nproc B\nA mmap r 1M\nB mmap r 1M\nA touch r w &\nB touch r w &\nwait 100\n\
                A touch r r\nwait\n";
    let report = json(&["run", "--workload", "-", "--json"], text, 0);
    let replies: Vec<_> =
        (6..9).flat_map(|step| report["steps"][step]["replies"].as_array().unwrap()).collect();
    let told: Vec<_> =
        replies.iter().map(|r| (r["who"].as_str(), r["of_step"].as_u64(), r["ret"].as_u64())).collect();
    for expected in [
        (None, None, Some(100)),
        (Some("A"), Some(6), Some(256)),
        (Some("B"), Some(7), Some(256)),
        (Some("A"), None, Some(256)),
    ] {
        assert!(told.contains(&expected), "{expected:?} of {told:?}");
    }
    assert!(
        report["kernel"]["context_switches"].as_u64().is_some() && report["kernel"]["shootdowns"].is_u64()
    );
    let (out, err) = run(&[], text, 0);
    assert!(out.contains("A of step 6 ") && out.contains(" shootdowns among 2 CPUs"), "{out}");
    assert_eq!(err, "");
    let (_, err) = run(&["--translations", "t"], text, 2);
    assert!(err.contains("--translations shows one CPU: the scenario's machine has 2"), "{err}");
}

/// What the guide shows can be tried as it stands there.
#[test]
fn the_scenarios_of_the_guide_run() {
    let guide = include_str!("../../../sim/machine/workloads.md");
    let scenarios: Vec<&str> = guide.split("```\n").filter(|block| block.starts_with("about ")).collect();
    assert_eq!(scenarios.len(), 3);
    for text in scenarios {
        let report = json(&["run", "--workload", "-", "--json"], text, 0);
        assert_eq!(report["errors"].as_array().unwrap().len(), 0, "{text}: {}", report["errors"]);
        assert!(!report["notes"].to_string().contains("not modelled"), "{text}: {}", report["notes"]);
        let differ = |reply: &Value| reply["differ"].as_u64().unwrap_or(0);
        let replies =
            report["steps"].as_array().unwrap().iter().filter_map(|step| step["replies"].as_array());
        assert_eq!(replies.flatten().map(differ).sum::<u64>(), 0, "{text}");
    }
}

#[test]
fn how_a_trace_is_cut_changes_nothing() {
    let machine = "machine mem=64M\nproc A trace=bundled\n";
    let snapshot = |text: String| {
        let mut report = json(&["run", "--workload", "-", "--json"], &text, 0);
        let mut taken = report["snapshots"]["end"].take();
        taken["step"] = 0.into();
        taken
    };
    let whole = snapshot(format!("{machine}A run 30000\nsnapshot end\n"));
    let pieces: String = std::iter::repeat_n("A run 1000\n", 30).collect();
    assert_eq!(snapshot(format!("{machine}{pieces}snapshot end\n")), whole);
    assert!(whole["procs"]["A"]["min_flt"].as_u64().unwrap() > 20, "{whole}");
}

#[test]
fn memory_is_shown_at_intervals_and_at_the_end() {
    let (out, _) =
        run(&["--stat", "vmstat,sar-B", "--every", "500", "--screen", "free,79/status,9/maps"], SMALL, 0);
    let rows = out.lines().filter(|line| line.starts_with(" 1  0 ")).count();
    assert!((3..=6).contains(&rows), "2,000 pages touched, by 500: {rows} rows\n{out}");
    assert_eq!(out.matches("procs -----------memory").count(), 1, "titles stand above the first row:\n{out}");
    assert_eq!(out.matches("majflt/s").count(), 1, "{out}");
    assert!(out.contains("Mem:") && out.contains("Swap:          16384"), "{out}");
    assert!(out.contains("VmSize:") && out.contains("9/maps: no such process"), "{out}");
    // An interval that never ends is shown at the end.
    let (out, _) = run(&["--stat", "free"], SMALL, 0);
    assert_eq!(out.matches("Mem:").count(), 1, "{out}");
    let (out, _) = run(&["--stat", "vmstat", "--every", "10ms"], "proc A\nsleep 20\nsleep 30\n", 0);
    assert_eq!(
        out.lines().filter(|line| line.starts_with(" 1  0 ")).count(),
        2,
        "one after each sleep:\n{out}"
    );
    // Beside JSON they go to standard error, and a trace is as good as a scenario.
    let arguments =
        ["run", "--limit", "5000", "--stat", "ps", "--every", "1K", "--screen", "meminfo", "--json"];
    let (out, err) = transcript(&arguments, "", 0);
    assert!(serde_json::from_str::<Value>(&out).is_ok(), "{out}");
    assert!(err.contains("MINFL COMMAND") && err.contains("MemTotal:"), "{err}");
}

#[test]
fn proc_is_written_as_files_and_nothing_else_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let proc = directory.path().join("proc");
    run(&["--proc", proc.to_str().unwrap()], SMALL, 0);
    let read =
        |name: &str| std::fs::read_to_string(proc.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(read("meminfo").starts_with("MemTotal:"));
    assert!(read("79/maps").contains("[stack]"));
    assert!(!proc.join("80").exists(), "B has ended");
    std::fs::write(directory.path().join("mine"), "").unwrap();
    let (out, err) = run(&["--proc", directory.path().to_str().unwrap()], SMALL, 2);
    assert!(out.is_empty() && err.contains("is not empty, and was not written by --proc"), "{err}");
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    for (arguments, expected) in [
        (&["--format", "all", "--stat", "free"][..], "--stat shows one machine: give it one --format"),
        (&["--format", "all", "--screen", "free"], "--screen shows one machine: give it one --format"),
        (&["--format", "all", "--proc", "p"], "--proc shows one machine: give it one --format"),
        (&["--every", "5"], "--stat <NAMES>"),
        (&["--stat", "fre"], "no screen is called `fre`: choose free, "),
        (&["--stat", "free", "--every", "often"], "`often` is no interval: write accesses as 5000"),
        (&["--memory", "1GiB"], "cannot be used with"),
    ] {
        let (out, err) = run(arguments, SMALL, 2);
        assert!(out.is_empty() && err.contains(expected), "{arguments:?}: {err}");
    }
}

#[test]
fn what_linux_refuses_or_kills_is_a_result() {
    let bomb = (0..22).fold("machine mem=64M\nproc W0\nW0 mmap r 24M\n".to_owned(), |mut text, n| {
        let _ = writeln!(text, "W{n} fork W{}\nW{} touch r w", n + 1, n + 1);
        text
    });
    let report = json(&["run", "--workload", "-", "--json"], &bomb, 0);
    assert!(report["oom"].as_array().unwrap().len() > 5, "somebody was killed: {}", report["oom"]);
    let report = json(&["run", "--workload", &scenario("37_oom_panic"), "--json"], "", 0);
    assert_eq!(report["panic"], "System is deadlocked on memory", "as Linux says");
}

#[test]
fn a_seed_gives_the_same_fuzzing_again() {
    let once =
        || transcript(&["fuzz", "--workload", "--engine", "golden", "--from", "7", "--count", "3"], "", 0);
    let (out, err) = once();
    assert!(out.contains("3 scenarios, seeds from 7: nothing found"), "{out}");
    assert_eq!((out, err), once());
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_what_there_is() {
    let mut child = std::process::Command::new(crate::pagewalk(&[]).get_program())
        .args(["run", "--workload", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = "proc A\nA mmap r 8M\nA touch r w\nA pattern r random n=100G\nA exit 0\n";
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let pid = child.id().to_string();
    std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["end"], "interrupted");
    let steps = report["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 4, "the one at work is the last");
    assert_eq!(steps[2]["replies"][0]["min"], 2048);
    assert!(steps[3]["replies"][0]["dead"].is_null() && steps[3]["died"].is_null(), "{}", steps[3]);
}
