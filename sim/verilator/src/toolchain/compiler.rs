//! Finds the C++ compiler.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use super::command::invoke;
use super::environment::Environment;
use super::error::ToolchainError;

/// Looked for in this order when `CXX` does not name one.
const PROGRAMS: [&str; 3] = ["g++", "clang++", "c++"];

/// A C++ compiler that is known to run.
#[derive(Clone, Debug)]
pub struct Compiler {
    program: PathBuf,
    /// Arguments that `CXX` puts before all others, as in `ccache g++`.
    leading_arguments: Vec<String>,
    version: String,
    path: OsString,
}

impl Compiler {
    /// Takes `CXX`, else the first of g++, clang++ and c++ on `PATH`.
    pub(super) fn discover(environment: &Environment) -> Result<Compiler, ToolchainError> {
        let (program, leading_arguments) = match &environment.cxx {
            Some(cxx) => {
                let mut words = cxx.split_whitespace();
                let program = words.next().and_then(|word| environment.find_program(word));
                (program, words.map(str::to_owned).collect())
            }
            None => (PROGRAMS.iter().find_map(|name| environment.find_program(name)), Vec::new()),
        };
        let program = program.ok_or_else(|| ToolchainError::NoCompiler {
            looked_for: match &environment.cxx {
                Some(cxx) => format!("CXX is `{cxx}`"),
                None => format!("{} on PATH", PROGRAMS.join(", ")),
            },
        })?;
        let version = String::new();
        let mut compiler = Compiler { program, leading_arguments, version, path: environment.path.clone() };
        compiler.version = compiler.ask_version()?;
        Ok(compiler)
    }

    /// The first line of `--version`: which compiler, which version, which build.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The program and the arguments from `CXX`, as they go into a cache key.
    pub(crate) fn identity(&self) -> String {
        format!("{} {:?} {}", self.program.display(), self.leading_arguments, self.version)
    }

    /// Whether this is GCC, which has options that Clang refuses.
    pub(crate) fn is_gcc(&self) -> bool {
        !self.version.contains("clang")
    }

    /// A command that runs the compiler.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // The compiler starts an assembler and a linker, which it looks for on PATH.
        command.args(&self.leading_arguments).env("PATH", &self.path);
        command
    }

    /// Whether `#include <header>` works.
    pub(crate) fn has_header(&self, header: &str) -> bool {
        let mut command = self.command();
        command.args(["-E", "-x", "c++", "-include", header, "/dev/null", "-o", "/dev/null"]);
        invoke(&mut command).is_ok_and(|output| output.status.success())
    }

    fn ask_version(&self) -> Result<String, ToolchainError> {
        let broken = |reason| ToolchainError::BrokenCompiler { program: self.program.clone(), reason };
        let output = invoke(self.command().arg("--version")).map_err(|error| broken(error.to_string()))?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        match stdout.lines().next() {
            Some(line) if output.status.success() => Ok(line.trim().to_owned()),
            _ => Err(broken(format!("`--version` printed nothing and ended with {}", output.status))),
        }
    }
}
