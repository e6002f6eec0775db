//! Settings that cannot be used: each error names the file or the option, and what would be right.

use pagewalk_arch::Preset;
use std::path::PathBuf;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{}: cannot be read ({reason}); `pagewalk config` prints one to start from", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        reason: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{}: line {line}: {problem}; `pagewalk config` prints a file to start from", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// The parser's words.
        problem: String,
    },
    /// A setting that does not exist or has another type.
    #[error("{origin}: {problem}; `pagewalk config` lists all settings")]
    Unknown {
        /// Which file or option.
        origin: String,
        /// What is wrong.
        problem: String,
    },
    /// `--set` without a name and a value.
    #[error("--set {0}: write it as KEY=VALUE, such as --set l1d.structure.ways=4")]
    Assignment(String),
    /// No such preset.
    #[error("unknown preset `{name}`: choose one of {known}", known = preset_names())]
    Preset {
        /// What was asked for.
        name: String,
    },
    /// No such format.
    #[error("{origin}: {problem}")]
    Format {
        /// Which file or option.
        origin: String,
        /// What is wrong.
        problem: String,
    },
    /// One format is needed.
    #[error(
        "--format all makes no sense here: choose one of sv32, sv39, sv48, sv57, x86-32, x86-pae, la48, la57"
    )]
    OneFormat,
    /// An MMU that cannot be built.
    #[error(transparent)]
    Mmu(#[from] pagewalk_arch::ConfigError),
    /// A kernel that cannot run.
    #[error(transparent)]
    Kernel(#[from] pagewalk_kernel::ConfigError),
}

fn preset_names() -> String {
    Preset::ALL.map(|preset| preset.name).join(", ")
}
