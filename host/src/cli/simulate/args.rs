//! Arguments of `cosim` and `run`.

use crate::cli::args::{EngineChoice, MachineArgs, SourceArgs};
use crate::cli::screens::ScreenArgs;
use clap::Args;
use std::path::PathBuf;

/// What is written.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct ResultArgs {
    /// Write the golden model's translations to FILE: CSV where it ends in .csv, else one JSON object per line
    #[arg(long, value_name = "FILE")]
    pub translations: Option<PathBuf>,
    /// Print one JSON object on standard output, everything for people on standard error
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `cosim`.
#[derive(Debug, Args)]
pub struct CosimArgs {
    /// The trace.
    #[command(flatten)]
    pub source: SourceArgs,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// The results.
    #[command(flatten)]
    pub results: ResultArgs,
    /// The machine's memory.
    #[command(flatten)]
    pub screens: ScreenArgs,
    /// What runs under the kernel
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE", help_heading = "Hardware")]
    pub engine: EngineChoice,
    /// Download nothing, not even Verilator
    #[arg(long, help_heading = "Hardware")]
    pub offline: bool,
    /// Compile this Verilog instead of generating it: what `emit` wrote, edited by hand or by a tool
    #[arg(long, value_name = "FILE", help_heading = "Hardware")]
    pub verilog: Option<PathBuf>,
    /// Write the hardware's own translations to FILE, as --translations does the golden model's
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub translations_hardware: Option<PathBuf>,
    /// Write the waveform of the whole run; after a difference, that of its last cycles is written anyway
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub waves: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The trace.
    #[command(flatten)]
    pub source: SourceArgs,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// The results.
    #[command(flatten)]
    pub results: ResultArgs,
    /// The machine's memory.
    #[command(flatten)]
    pub screens: ScreenArgs,
    /// The architecture alone: no TLB, no clock, every access walks
    #[arg(long)]
    pub bare: bool,
}
