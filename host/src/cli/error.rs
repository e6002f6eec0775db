//! What ends a command: one line each, with file, place and remedy. The texts are those of the crates that found the
//! problem; here stands only what concerns the user's files and the process.

use pagewalk_machine::MachineError;
use pagewalk_trace::TraceError;
use pagewalk_verilator::HardwareError;
use std::path::PathBuf;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The reader of standard output is gone.
    #[error("standard output was closed")]
    OutputClosed,
    /// Standard output cannot be written.
    #[error("standard output cannot be written ({0}); free space or redirect it elsewhere")]
    Output(std::io::Error),
    /// A file cannot be read.
    #[error("{}: cannot be read ({reason}); check the name and its permissions", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        reason: std::io::Error,
    },
    /// A file cannot be written.
    #[error("{}: cannot be written ({reason}); choose another place or free space", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        reason: std::io::Error,
    },
    /// Options that do not go together, or a value that none has.
    #[error("{0}")]
    Usage(String),
    /// A configuration that cannot be used.
    #[error(transparent)]
    Settings(#[from] super::settings::SettingsError),
    /// A trace that cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A job of `translate` that cannot be carried out.
    #[error("{file}: {error}")]
    Job {
        /// Which.
        file: String,
        /// What is wrong, and where.
        error: super::translate::JobError,
    },
    /// A scenario, or the image that it names, that cannot be read.
    #[error("{file}: {problem}")]
    Workload {
        /// Which file.
        file: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// What is to be shown of memory cannot be.
    #[error("{0:#}")]
    Screens(anyhow::Error),
    /// Files that cannot be compared.
    #[error(transparent)]
    Compare(#[from] crate::compare::CompareError),
    /// A program that cannot be recorded.
    #[error(transparent)]
    Record(#[from] crate::record::RecordError),
    /// No engine.
    #[error(transparent)]
    Engine(#[from] HardwareError),
    /// No Verilog.
    #[error(transparent)]
    Generate(#[from] pagewalk_rtl::GenerateError),
    /// The run cannot go on.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The system gives no threads.
    #[error("no threads can be started ({0}); raise the limit of processes")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

impl From<pagewalk_arch::ConfigError> for CliError {
    fn from(error: pagewalk_arch::ConfigError) -> Self {
        Self::Settings(error.into())
    }
}

impl From<pagewalk_machine::SessionError> for CliError {
    fn from(error: pagewalk_machine::SessionError) -> Self {
        match error {
            pagewalk_machine::SessionError::Mmu(error) => error.into(),
            pagewalk_machine::SessionError::Kernel(error) => error.into(),
        }
    }
}

impl From<pagewalk_kernel::ConfigError> for CliError {
    fn from(error: pagewalk_kernel::ConfigError) -> Self {
        Self::Settings(error.into())
    }
}

impl From<pagewalk_verilator::toolchain::ToolchainError> for CliError {
    fn from(error: pagewalk_verilator::toolchain::ToolchainError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<pagewalk_verilator::cache::CacheError> for CliError {
    fn from(error: pagewalk_verilator::cache::CacheError) -> Self {
        Self::Engine(error.into())
    }
}
