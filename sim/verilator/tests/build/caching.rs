//! The cache under real builds: hits, damage, several processes, death half-way.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use pagewalk_verilator::build::{Build, BuildError, Purpose};
use pagewalk_verilator::cache::{Cache, CacheError};
use pagewalk_verilator::ffi::Library;
use pagewalk_verilator::toolchain::{Environment, Toolchain};

use super::designs::{COUNTER, counter_ports};
use super::{Bench, shared_cache, toolchain};

/// Names the cache directory in which a child process of this test shall build.
const CHILD_CACHE: &str = "PAGEWALK_TEST_CHILD_CACHE";

/// Builds the counter in a process of its own: this test binary, told to run [`child`] alone.
fn spawn_builder(cache: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "caching::child", "--nocapture"])
        .env(CHILD_CACHE, cache)
        .spawn()
        .unwrap()
}

/// Not a test by itself: what the processes started by [`spawn_builder`] do.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(CHILD_CACHE) else { return };
    let cache = Cache::open(directory).unwrap();
    let toolchain = toolchain().unwrap();
    let ports = counter_ports();
    let build = Build { verilog: COUNTER, top: "counter", ports: &ports, trace: false };
    let built = build.run(&toolchain, &cache, &|_| ()).unwrap();
    Library::load(&built).unwrap().model().unwrap().cycle().unwrap();
}

fn partial_count(cache: &Cache) -> usize {
    ["models", "runtime"]
        .iter()
        .flat_map(|shelf| fs::read_dir(cache.root().join(shelf)).into_iter().flatten().flatten())
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".partial"))
        .count()
}

#[test]
fn the_second_build_is_a_hit_and_takes_no_time() {
    let Some(bench) = Bench::new() else { return };
    bench.build(COUNTER, "counter", &counter_ports(), false).unwrap();
    let ports = counter_ports();
    let build = Build { verilog: COUNTER, top: "counter", ports: &ports, trace: false };
    // The best of some: other processes may be using the processors.
    let hit = (0..5).map(|_| {
        let start = Instant::now();
        let toolchain = Toolchain::discover(&Environment::of_process(), &shared_cache(), &|_| ()).unwrap();
        let built = build.run(&toolchain, &bench.cache, &|notice| panic!("{notice}")).unwrap();
        Library::load(&built).unwrap();
        start.elapsed()
    });
    let best = hit.min().unwrap();
    eprintln!("finding the tools and the library, and loading it: {best:?}");
    assert!(best < Duration::from_millis(50), "{best:?}");
}

#[test]
fn short_compilations_share_one_reading_of_the_headers_and_long_ones_need_none() {
    let Some(bench) = Bench::new() else { return };
    let ports = counter_ports();
    let headers = || -> Vec<_> {
        let shelf = fs::read_dir(bench.cache.root().join("headers")).into_iter().flatten().flatten();
        let files = shelf.filter_map(|entry| fs::metadata(entry.path().join("pagewalk_headers.h.gch")).ok());
        files.map(|file| file.modified().unwrap()).collect()
    };
    bench.build(COUNTER, "counter", &ports, false).unwrap();
    assert_eq!(headers(), []);
    let mut readings = BTreeSet::new();
    for change in ["// one\n", "// two\n"] {
        let verilog = format!("{change}{COUNTER}");
        let build = Build { verilog: &verilog, top: "counter", ports: &ports, trace: false };
        let built = build.run_for(Purpose::Trial, &bench.toolchain, &bench.cache, &|_| ()).unwrap();
        Library::load(&built).unwrap().model().unwrap().cycle().unwrap();
        readings.extend(headers());
    }
    // Clang has no such files.
    let is_gcc = !bench.toolchain.compiler.version().contains("clang");
    assert_eq!(readings.len(), usize::from(is_gcc));
}

#[test]
fn any_change_of_the_design_is_another_library() {
    let Some(bench) = Bench::new() else { return };
    let library = |verilog: &str, trace| {
        bench.build(verilog, "counter", &counter_ports(), trace).unwrap().library().to_owned()
    };
    let plain = library(COUNTER, false);
    assert_ne!(plain, library(&format!("{COUNTER}// another comment\n"), false));
    assert_ne!(plain, library(COUNTER, true));
    assert_eq!(plain, library(COUNTER, false));
}

/// Puts `contents` at `path` as a file of its own: whoever has the old one mapped keeps it.
fn replace(path: &Path, contents: &[u8]) {
    let beside = path.with_extension("new");
    fs::write(&beside, contents).unwrap();
    fs::rename(beside, path).unwrap();
}

/// A library may stay mapped when nobody uses it any more (the runtime of Verilator 5.049 has such), and the loader
/// knows it by its name: the new one needs another.
#[test]
fn a_damaged_library_is_built_again() {
    let Some(bench) = Bench::new() else { return };
    let built = bench.build(COUNTER, "counter", &counter_ports(), false).unwrap();
    let first = built.library().to_owned();
    let intact = fs::read(&first).unwrap();
    let mut running = Library::load(&built).unwrap().model().unwrap();
    drop(built);
    let mut flipped = intact.clone();
    flipped[intact.len() / 2] ^= 1;
    let (mut names, mut library) = (BTreeSet::from([first.clone()]), first);
    for damaged in [&intact[..intact.len() / 2], &flipped[..], b""] {
        replace(&library, damaged);
        let built = bench.build(COUNTER, "counter", &counter_ports(), false).unwrap();
        assert_ne!(fs::read(built.library()).unwrap(), damaged);
        Library::load(&built).unwrap().model().unwrap().cycle().unwrap();
        running.cycle().unwrap();
        library = built.library().to_owned();
        assert!(names.insert(library.clone()), "{} was written twice", library.display());
    }
}

#[test]
fn processes_that_build_the_same_design_share_one_build() {
    let Some(bench) = Bench::cold() else { return };
    let children: Vec<Child> = (0..4).map(|_| spawn_builder(bench.cache.root())).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(partial_count(&bench.cache), 0);
    let entries = fs::read_dir(bench.cache.root().join("models")).unwrap().flatten();
    assert_eq!(entries.filter(|entry| entry.path().is_dir()).count(), 1);
}

#[test]
fn a_builder_killed_half_way_does_no_harm() {
    let Some(bench) = Bench::cold() else { return };
    let mut leftover_seen = false;
    for delay_ms in [50, 400, 1500] {
        let mut child = spawn_builder(bench.cache.root());
        std::thread::sleep(Duration::from_millis(delay_ms));
        if child.try_wait().unwrap().is_none() {
            // A builder holds its locks and has partial directories now.
            child.kill().unwrap();
        }
        child.wait().unwrap();
        leftover_seen |= partial_count(&bench.cache) > 0;
    }
    assert!(leftover_seen, "no builder was killed while it built");
    let built = bench.build(COUNTER, "counter", &counter_ports(), false).unwrap();
    Library::load(&built).unwrap().model().unwrap().cycle().unwrap();
    assert_eq!(partial_count(&bench.cache), 0, "leftovers must be cleaned up");
}

#[test]
fn a_cache_that_becomes_unwritable_is_named_with_the_remedy() {
    let Some(bench) = Bench::new() else { return };
    // A regular file where a directory should be stops even root.
    fs::write(bench.cache.root().join("models"), "").unwrap();
    let error = bench.build(COUNTER, "counter", &counter_ports(), false).unwrap_err();
    assert!(matches!(error, BuildError::Cache(CacheError::Unusable { .. })), "{error}");
    let text = error.to_string();
    assert!(text.contains("PAGEWALK_CACHE") && text.contains(bench.cache.root().to_str().unwrap()), "{text}");
}
