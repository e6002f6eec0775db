//! Real programs, recorded and run: nothing of what they do may be lost, and the life of their processes must be what
//! strace counts of the same program.
//!
//! Every program runs in a directory of its own, twice: under strace, and under `pagewalk record`. The recording then
//! runs through kernel and MMU. A program that this machine does not have is on the list of skipped checks.

use pagewalk::record::{RecordOptions, record};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program of the corpus.
struct Program {
    name: &'static str,
    /// What must be installed.
    needs: &'static [&'static str],
    /// Prepares the directory; not recorded. `$SOURCES` has the C programs.
    prepare: &'static str,
    /// What is recorded, in the prepared directory.
    command: &'static [&'static str],
}

/// Each program is a test.
macro_rules! corpus {
    ($($test:ident: $program:expr;)*) => {
        $(#[test]
        fn $test() {
            run(&$program);
        })*
    };
}

corpus! {
    gcc_on_a_small_file: Program {
        name: "gcc on a small file",
        needs: &["gcc"],
        prepare: "echo 'int answer(void) { return 42; }' > a.i",
        command: &["gcc", "-w", "-c", "-o", "a.o", "a.i"],
    };
    make_j2: Program {
        name: "make -j2 of a small project",
        needs: &["make", "sh", "cat"],
        prepare: "printf '%s\\n' 'all: whole' 'whole: one two' '\tcat one two > $@' 'one two: source' \
                  '\t@sed s/x/$@/ source > $@ || exit 1' > Makefile; echo x > source",
        command: &["make", "-s", "-j2"],
    };
    git_init_add_commit: Program {
        name: "git init, add and commit",
        needs: &["git"],
        prepare: "printf '%s\\n' 'export HOME=$PWD GIT_CONFIG_NOSYSTEM=1' 'git init -q repository' 'cd repository' 'echo x > x' \
                  'git add x' 'git -c user.name=n -c user.email=e -c gc.auto=0 -c maintenance.auto=false commit -q -m m' > run.sh",
        command: &["sh", "-e", "run.sh"],
    };
    python_behind_a_launcher: Program {
        name: "a Python program behind a launcher",
        needs: &["python3"],
        prepare: "python=$(python3 -c 'import sys; print(sys.executable)'); \
                  printf '#!/bin/sh\\nset -e\\nexec \"%s\" -I -S \"$@\"\\n' \"$python\" > launcher; chmod +x launcher; \
                  printf '%s\\n' 'import os' 'print(sum(i * i for i in range(1000)))' 'pid = os.fork()' \
                  'if pid == 0:' '    os._exit(len(\"abc\"))' 'assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3' > p.py",
        command: &["./launcher", "p.py"],
    };
    perl: Program {
        name: "perl",
        needs: &["perl"],
        prepare: "",
        command: &[
            "perl",
            "-e",
            "my %h; $h{$_ % 7}++ for 1..2000; print `echo @{[sort values %h]}`; exit system('true')",
        ],
    };
    a_shell_loop: Program {
        name: "a shell loop",
        needs: &["sh", "ls"],
        prepare: "",
        command: &["sh", "-c", "for i in 1 2 3; do ls; done"],
    };
    tar_into_gzip: Program {
        name: "tar into gzip",
        needs: &["sh", "tar", "gzip"],
        prepare: "mkdir d; seq 1 2000 > d/numbers; seq 1 100 > d/more",
        command: &["sh", "-c", "tar -cf - d | gzip -1 > d.tar.gz"],
    };
    a_server_with_forked_workers: Program {
        name: "a server with forked workers",
        needs: &["cc"],
        prepare: "cc -O1 -o server \"$SOURCES/server.c\"",
        command: &["./server"],
    };
    threads_and_exec_from_one: Program {
        name: "threads, and exec from one",
        needs: &["cc"],
        prepare: "cc -O1 -pthread -o threads \"$SOURCES/threads.c\"",
        command: &["./threads"],
    };
    a_program_that_handles_sigsegv: Program {
        name: "a program that handles SIGSEGV",
        needs: &["cc"],
        prepare: "cc -O1 -o barrier \"$SOURCES/barrier.c\"",
        command: &["./barrier"],
    };
}

/// The life of processes in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lives {
    forks: u64,
    execs: u64,
    /// Processes that ended by themselves.
    exits: u64,
    /// Processes that a signal ended.
    killed: u64,
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Nothing of `program` is lost, and nobody dies who lived.
fn run(program: &Program) {
    let needed = ["valgrind", "strace"].iter().chain(program.needs);
    if let Some(missing) = needed.into_iter().find(|name| !is_there(name)) {
        pagewalk_skipped::check(&format!("corpus: {}", program.name), &format!("install {missing}"));
        return;
    }
    match check(program) {
        Ok(lives) => println!("{}: {lives:?}", program.name),
        Err(failure) => panic!("{}: {failure}", program.name),
    }
}

fn check(program: &Program) -> Result<Lives, String> {
    let counted = under_strace(program)?;
    let directory = prepared(program)?;
    let trace = directory.path().join("t.zst").display().to_string();
    // The library's recorder takes its working directory from the process, which the tests share.
    let mut command = vec!["sh".to_owned(), "-c".into(), "cd \"$0\" && exec \"$@\"".into()];
    command.push(directory.path().join("w").display().to_string());
    command.extend(program.command.iter().map(|&argument| argument.to_owned()));
    let summary = record(&RecordOptions::new(command, &trace)).map_err(|error| error.to_string())?;
    if !summary.losses.is_empty() {
        return Err(format!("lost while recording: {:?}", summary.losses));
    }
    let run = Command::new(env!("CARGO_BIN_EXE_pagewalk")).args(["run", "--json", &trace]).output();
    let run = run.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&run.stdout);
    let json: Value = serde_json::from_str(&text)
        .map_err(|error| format!("{error}: {text}\n{}", String::from_utf8_lossy(&run.stderr)))?;
    let number = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
    let kernel = &json["kernel"];
    let lives = Lives {
        forks: number(&kernel["forks"]),
        // The first is the shell's that changes the directory.
        execs: number(&kernel["execs"]).wrapping_sub(1),
        exits: number(&kernel["exits"]),
        killed: number(&kernel["killed"]),
    };
    let loss = (number(&json["skipped"]), number(&json["differences"]), run.status.code());
    if loss != (0, 0, Some(0)) {
        let why = String::from_utf8_lossy(&run.stderr).into_owned();
        return Err(format!("(skipped, differences, exit code) = {loss:?}: {why}"));
    }
    let recorded = (summary.forks, summary.execs.wrapping_sub(1), summary.killed);
    if recorded != (counted.forks, counted.execs, counted.killed) {
        return Err(format!("recorded (forks, execs, killed) {recorded:?}, strace counts {counted:?}"));
    }
    if lives != counted {
        return Err(format!("the model has {lives:?}, strace counts {counted:?}"));
    }
    Ok(lives)
}

/// A new directory with the program's files in `w`.
fn prepared(program: &Program) -> Result<tempfile::TempDir, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let work = directory.path().join("w");
    std::fs::create_dir(&work).map_err(|error| error.to_string())?;
    let sources: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let status = Command::new("sh")
        .args(["-e", "-c", program.prepare])
        .current_dir(&work)
        .env("SOURCES", sources)
        .status()
        .map_err(|error| error.to_string())?;
    if status.success() { Ok(directory) } else { Err(format!("cannot be prepared: {status}")) }
}

fn under_strace(program: &Program) -> Result<Lives, String> {
    let directory = prepared(program)?;
    let log = directory.path().join("strace");
    let status = Command::new("strace")
        .args(["-f", "-q", "-e", "trace=process", "-o"])
        .arg(&log)
        .args(program.command)
        .current_dir(directory.path().join("w"))
        .stdout(Stdio::null())
        .status()
        .map_err(|error| error.to_string())?;
    if status.code().is_none() {
        return Err(format!("under strace: {status}"));
    }
    Ok(count(&std::fs::read_to_string(&log).map_err(|error| error.to_string())?))
}

/// Counts what `strace -f -o` wrote. Threads are no processes; of a thread that executes a program, strace goes on
/// under the process's number.
fn count(log: &str) -> Lives {
    let mut lives = Lives::default();
    let mut unfinished: HashMap<&str, String> = HashMap::new();
    let mut threads: HashSet<String> = HashSet::new();
    for line in log.lines() {
        let Some((pid, text)) = line.split_once(' ') else { continue };
        let text = text.trim_start();
        if text.starts_with("+++ exited") || text.starts_with("+++ killed") {
            if !threads.contains(pid) {
                lives.exits += u64::from(text.starts_with("+++ exited"));
                lives.killed += u64::from(text.starts_with("+++ killed"));
            }
            continue;
        }
        if let Some((_, by)) = text.split_once("superseded by execve in pid ") {
            let by = by.trim_end_matches([' ', '+']);
            if let Some(call) = unfinished.remove(by) {
                unfinished.insert(pid, call);
            }
            continue;
        }
        let text = if let Some(begun) = text.strip_suffix(" <unfinished ...>") {
            unfinished.insert(pid, begun.to_owned());
            continue;
        } else if text.starts_with("<... ") {
            let end = text.split_once(" resumed>").map_or("", |(_, end)| end);
            format!("{}{end}", unfinished.remove(pid).unwrap_or_default())
        } else {
            text.to_owned()
        };
        let Some((call, result)) = text.rsplit_once(" = ") else { continue };
        let succeeded = result.starts_with(|c: char| c.is_ascii_digit());
        let name = call.split('(').next().unwrap_or("");
        match name {
            "fork" | "vfork" | "clone" | "clone3" if succeeded => {
                if call.contains("CLONE_THREAD") {
                    threads.insert(result.trim().to_owned());
                } else {
                    lives.forks += 1;
                }
            }
            "execve" | "execveat" if succeeded => lives.execs += 1,
            _ => {}
        }
    }
    // strace itself executes the program.
    lives.execs = lives.execs.saturating_sub(1);
    lives
}

#[test]
fn lives_are_counted() {
    let log = "10 execve(\"/bin/sh\", [\"sh\"], 0x7ffe /* 1 var */) = 0\n\
               10 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD <unfinished ...>\n\
               11 execve(\"/none\", [\"x\"], 0x7ffe) = -1 ENOENT (No such file or directory)\n\
               10 <... clone resumed>, child_tidptr=0x7f) = 11\n\
               11 execve(\"/bin/ls\", [\"ls\"], 0x7ffe) = 0\n\
               11 clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x7f} => {parent_tid=[12]}, 88) = 12\n\
               12 execve(\"/bin/cat\", [\"cat\"], 0x7ffe <unfinished ...>\n11 +++ superseded by execve in pid 12 +++\n\
               11 <... execve resumed>) = 0\n\
               11 clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x7f} => {parent_tid=[13]}, 88) = 13\n\
               13 exit(0) = ?\n13 +++ exited with 0 +++\n11 +++ killed by SIGTERM +++\n10 exit_group(0) = ?\n10 +++ exited with 0 +++\n";
    assert_eq!(count(log), Lives { forks: 1, execs: 2, exits: 1, killed: 1 });
}
