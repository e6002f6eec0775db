//! Arguments of `translate`.

use crate::cli::args::MachineArgs;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What translates a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TranslateEngine {
    /// Lockstep where Verilator and a C++ compiler can be had, else the golden model alone
    #[default]
    Auto,
    /// The golden model alone
    Golden,
    /// The generated Verilog alone, compiled by Verilator
    Verilator,
    /// The same source in rust-hdl's own simulation, alone
    RustHdl,
    /// Golden model and hardware, compared
    Lockstep,
}

/// Arguments of `translate`.
#[derive(Debug, Args)]
pub struct TranslateArgs {
    /// The job as JSON; - is standard input
    #[arg(value_name = "JOB")]
    pub job: String,
    /// What translates
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE")]
    pub engine: TranslateEngine,
    /// Download nothing, not even Verilator
    #[arg(long)]
    pub offline: bool,
    /// Settings of the MMU as a TOML file; `pagewalk config` prints the defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// TLBs by name: balanced, small, wide, rotating, associative
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Set one setting, named as in the file
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl TranslateArgs {
    /// The machine; its format is the job's.
    pub fn machine(&self) -> MachineArgs {
        MachineArgs {
            config: self.config.clone(),
            preset: self.preset.clone(),
            set: self.set.clone(),
            ..MachineArgs::default()
        }
    }
}
