//! Recording real programs, and the bundled trace's facts. The recordings need Valgrind; where there is none they
//! are on the list of skipped checks.

use pagewalk::input::open_trace;
use pagewalk::record::{RecordError, RecordOptions, record};
use pagewalk_trace::{self as trace, TraceOptions};
use pagewalk_trace::{Event, Syscall};
use std::path::Path;
use std::process::{Command, Stdio};

fn valgrind_is_there() -> bool {
    let there = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !there {
        pagewalk_skipped::check(
            "recording of programs",
            "install Valgrind, such as apt-get install valgrind",
        );
    }
    there
}

fn info(path: &str) -> trace::TraceInfo {
    trace::info(&mut open_trace(path, TraceOptions::default()).expect("a trace")).expect("a whole trace")
}

#[test]
fn a_program_is_recorded_in_every_compression_the_same() {
    if !valgrind_is_there() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mut infos = Vec::new();
    for name in ["t", "t.zst", "t.gz", "t.xz", "t.bz2"] {
        let path = directory.path().join(name).display().to_string();
        let summary = record(&RecordOptions::new(["true"], &path)).expect("recorded");
        assert_eq!((summary.exit_code(), summary.processes), (0, 1));
        let info = info(&path);
        assert!(info.accesses >= summary.accesses && summary.accesses > 10_000, "{info}");
        assert_eq!(info.syscalls.values().sum::<u64>(), summary.syscalls);
        assert!(info.syscalls["mmap"] > 3 && info.syscalls["exit_group"] == 1, "{info}");
        infos.push(info.pages_fetched);
    }
    assert!(infos.iter().all(|pages| *pages == infos[0]), "{infos:?}");
    let files = std::fs::read_dir(directory.path()).expect("a directory").count();
    assert_eq!(files, 5, "nothing unfinished is left");
}

#[test]
fn the_exit_code_is_the_programs() {
    if !valgrind_is_there() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t").display().to_string();
    let code = |script: &str| {
        record(&RecordOptions::new(["sh", "-c", script], &path)).expect("recorded").exit_code()
    };
    assert_eq!(code("exit 7"), 7);
    assert_eq!(code("kill -TERM $$"), 128 + 15);
}

#[test]
fn the_signal_that_ended_a_process_is_the_one_that_came() {
    if !valgrind_is_there() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t").display().to_string();
    for (signal, name) in [(15, "SIGTERM"), (6, "SIGABRT"), (13, "SIGPIPE"), (9, "SIGKILL")] {
        let script = format!("sh -c 'kill -{signal} $$'; kill -{signal} $$");
        let summary = record(&RecordOptions::new(["sh", "-c", &script], &path)).expect("recorded");
        assert_eq!(summary.ending(), format!("ended by signal {signal} ({name})"));
        let trace =
            trace::load(&mut open_trace(&path, TraceOptions::default()).expect("a trace")).expect("whole");
        let fatal = trace.events().iter().filter_map(|(_, event)| match event {
            Event::Signal { signal, fatal: true, .. } => Some(*signal),
            _ => None,
        });
        assert_eq!(fatal.collect::<Vec<_>>(), [signal, signal]);
    }
}

#[test]
fn children_are_followed_or_warned_of() {
    if !valgrind_is_there() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t.zst").display().to_string();
    let mut options = RecordOptions::new(["sh", "-c", "true | cat; (exit 3)"], &path);
    let all = record(&options).expect("recorded");
    assert_eq!((all.processes, all.programs, all.exit_code()), (4, 2, 3));
    assert_eq!((all.forks, all.execs, all.killed, all.losses.len()), (3, 1, 0, 0));
    let info_all = info(&path);
    assert_eq!(info_all.processes.len(), 4);
    // cat replaces the shell's copy.
    assert_eq!(
        (info_all.syscalls["fork"], info_all.syscalls["execve"], info_all.syscalls["exit_group"]),
        (3, 1, 4)
    );
    options.children = false;
    let alone = record(&options).expect("recorded");
    assert_eq!((alone.processes, alone.programs), (1, 1));
    assert_eq!(info(&path).processes.len(), 1);
    assert!(all.accesses > alone.accesses);
    assert!(
        alone.losses[0].starts_with("3 processes that the program started are not recorded"),
        "{:?}",
        alone.losses
    );
}

#[test]
fn a_program_that_becomes_another_is_followed_or_warned_of() {
    if !valgrind_is_there() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t").display().to_string();
    let mut options = RecordOptions::new(["sh", "-c", "exec /bin/true"], &path);
    let both = record(&options).expect("recorded");
    assert_eq!((both.processes, both.programs, both.execs, both.losses.len()), (1, 2, 1, 0));
    let text = std::fs::read_to_string(&path).expect("text");
    // What the first program did stands before the second's beginning, to its last call.
    let exec = text.find("sys_execve ( ").expect("the call");
    let preamble = text.find("Lackey, an example Valgrind tool").expect("the second program");
    assert!(exec < preamble && text[exec..preamble].lines().count() <= 2, "{}", &text[exec..preamble]);
    options.children = false;
    let first = record(&options).expect("recorded");
    assert_eq!((first.programs, first.execs), (1, 0));
    assert!(first.losses[0].starts_with("the program became another one, /bin/true"), "{:?}", first.losses);
}

#[test]
fn a_childs_lines_lie_between_its_making_and_its_parents_wait() {
    if !valgrind_is_there() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t").display().to_string();
    let script = "for i in 1 2 3 4 5; do (:); done; sh -c 'kill -KILL $$'";
    let summary = record(&RecordOptions::new(["sh", "-c", script], &path)).expect("recorded");
    assert_eq!((summary.forks, summary.killed), (6, 1));
    let trace =
        trace::load(&mut open_trace(&path, TraceOptions::default()).expect("a trace")).expect("whole");
    let mut running = std::collections::HashSet::new();
    let mut waited = 0;
    for (_, event) in trace.events() {
        match event {
            Event::Syscall { call: Syscall::Clone { child, .. }, .. } => assert!(running.insert(*child)),
            Event::Syscall { call: Syscall::Wait { child }, .. } => {
                waited += 1;
                assert!(!running.contains(child), "process {child} ends before the wait for it returns");
            }
            Event::Switch { pid, .. } => assert!(running.contains(pid) || running.is_empty() || waited < 6),
            Event::Syscall { pid, call: Syscall::ExitGroup { .. }, .. }
            | Event::Signal { pid, fatal: true, .. } => {
                running.remove(pid);
            }
            _ => {}
        }
    }
    assert_eq!((waited, running.len()), (6, 0));
}

#[test]
fn what_cannot_be_recorded_is_said_and_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t").display().to_string();
    let fails = |options: &RecordOptions| record(options).expect_err("an error").to_string();
    assert_eq!(
        fails(&RecordOptions::new([""; 0], &path)),
        "no program to record; put it after --, for example: pagewalk record -o ls.lackey.zst -- ls -l"
    );
    let mut missing = RecordOptions::new(["true"], &path);
    missing.valgrind = "/nonexistent/valgrind".into();
    assert_eq!(
        fails(&missing),
        "`/nonexistent/valgrind` was not found; install Valgrind (apt install valgrind, dnf install valgrind, or \
         https://valgrind.org)"
    );
    let error = record(&RecordOptions::new(["true"], "/nonexistent/t")).expect_err("an error");
    assert!(matches!(error, RecordError::Output(..)), "{error}");
    if valgrind_is_there() {
        assert_eq!(
            fails(&RecordOptions::new(["/nonexistent/program"], &path)),
            "`/nonexistent/program` ended with code 127 before its first instruction was recorded; Valgrind needs a \
             program that exists, is not set-user-ID, and is built for this machine"
        );
    }
    assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 0);
}

#[test]
fn an_interrupt_ends_a_recording_and_keeps_it() {
    if !valgrind_is_there() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t.zst").display().to_string();
    let options = RecordOptions::new(["sleep", "60"], &path);
    let interrupted = options.interrupted.clone();
    let waiting = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(2));
        interrupted.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let summary = record(&options).expect("recorded");
    waiting.join().expect("no panic");
    assert_eq!(summary.exit_code(), 128 + 9, "sleep had to be killed");
    assert!(info(&path).accesses > 10_000);
}

/// Compiles `source` into `directory`; `None` where there is no compiler.
fn compiled(directory: &Path, source: &str) -> Option<String> {
    let (code, program) = (directory.join("program.c"), directory.join("program"));
    std::fs::write(&code, source).expect("written");
    let Ok(status) = Command::new("cc").args(["-w", "-pthread", "-o"]).arg(&program).arg(&code).status()
    else {
        pagewalk_skipped::check(
            "recording of compiled programs",
            "install a C compiler, such as apt-get install gcc",
        );
        return None;
    };
    assert!(status.success());
    Some(program.display().to_string())
}

#[test]
fn threads_outlive_their_leader() {
    if !valgrind_is_there() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let source = "#include <pthread.h>\n#include <unistd.h>\nstatic volatile char b[65536];\n\
        static void *f(void *a) { usleep(700000); for (int i = 0; i < 100000; i++) b[i & 65535] = 1; return 0; }\n\
        int main() { pthread_t t; if (fork()) { wait(0); return 0; } pthread_create(&t, 0, f, 0); pthread_exit(0); }\n";
    let Some(program) = compiled(directory.path(), source) else { return };
    let path = directory.path().join("t").display().to_string();
    let summary = record(&RecordOptions::new([program], &path)).expect("recorded");
    assert_eq!((summary.exit_code(), summary.processes, summary.killed), (0, 2, 0));
    let text = std::fs::read_to_string(&path).expect("text");
    assert!(text.lines().filter(|line| line.starts_with(" S ")).count() > 100_000);
    assert!(!text.contains("killed by"));
}

#[test]
fn numbers_of_another_pid_namespace_are_nobody_elses() {
    let unshare = ["unshare", "-pf", "/bin/true"];
    let can = Command::new(unshare[0]).args(&unshare[1..]).stderr(Stdio::null()).status();
    if !valgrind_is_there() {
        return;
    }
    if !can.is_ok_and(|status| status.success()) {
        pagewalk_skipped::check("recording in a pid namespace", "run as root, with unshare of util-linux");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t").display().to_string();
    let summary = record(&RecordOptions::new(unshare, &path)).expect("recorded");
    assert_eq!((summary.exit_code(), summary.execs), (0, 1));
    let text = std::fs::read_to_string(&path).expect("text");
    assert!(text.contains("\n==1==\n") && !text.contains("killed by"));
}

#[test]
fn a_program_that_could_not_be_followed_is_named() {
    if !valgrind_is_there() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let source = "#include <unistd.h>\n#include <sys/wait.h>\n\
        int main() { int s; if (!fork()) { if (chroot(\"/usr\")) _exit(77); chdir(\"/\"); \
        execl(\"/bin/true\", \"true\", (char *)0); } wait(&s); return WIFEXITED(s) ? WEXITSTATUS(s) : 0; }\n";
    let Some(program) = compiled(directory.path(), source) else { return };
    let path = directory.path().join("t").display().to_string();
    let summary = record(&RecordOptions::new([program], &path)).expect("recorded");
    if summary.exit_code() == 77 {
        pagewalk_skipped::check("recording of a program that changes its root", "run as root");
        return;
    }
    let text = std::fs::read_to_string(&path).expect("text");
    assert!(!text.contains("killed by") && summary.killed == 0);
    assert_eq!(summary.losses.len(), 1, "{:?}", summary.losses);
    assert!(
        summary.losses[0].contains(" executed /bin/true, of which nothing is recorded"),
        "{:?}",
        summary.losses
    );
}
