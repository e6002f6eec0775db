//! `record` as a command: how it ends.

use crate::pagewalk;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn a_second_interrupt_leaves_nothing_half_done() {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        let remedy = "install Valgrind, such as apt-get install valgrind";
        return pagewalk_skipped::check("the end of a recording that is interrupted twice", remedy);
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("t.zst");
    let child = Command::new(pagewalk(&[]).get_program())
        .args(["record", "-o", file.to_str().unwrap(), "--", "sleep", "60"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The program itself hears of neither: it is ended when its time of grace is over.
    for pause_ms in [2000, 500] {
        std::thread::sleep(Duration::from_millis(pause_ms));
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("pagewalk: recorded ") && err.contains("sleep ended by signal 9"), "{err}");
    let files: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(files, ["t.zst"], "the recording under its name, and nothing unfinished");
}
