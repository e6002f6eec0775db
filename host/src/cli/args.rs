//! Arguments that several commands take: the machine, the trace, the engine. What one command alone takes stands with
//! that command.

use super::quantity::{self, ByteSize};
use clap::{Args, ValueEnum};
use pagewalk_arch::PagingFormat;
use std::path::PathBuf;
use std::str::FromStr;

/// Which format, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatChoice {
    /// One.
    One(PagingFormat),
    /// One after the other.
    All,
}

impl FromStr for FormatChoice {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        if name.eq_ignore_ascii_case("all") {
            return Ok(Self::All);
        }
        name.parse().map(Self::One).map_err(|e: pagewalk_arch::UnknownFormat| format!("{e}, or all"))
    }
}

/// Which engine stands under the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EngineChoice {
    /// Verilator, or rust-hdl where Verilator or a C++ compiler cannot be had
    #[default]
    Auto,
    /// The golden model alone: nothing is compared
    Golden,
    /// The generated Verilog, compiled by Verilator
    Verilator,
    /// The same source in rust-hdl's own simulation: needs no tools, is slow
    RustHdl,
}

/// The MMU and the machine around it.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Machine")]
pub struct MachineArgs {
    /// Page-table format: sv32, sv39, sv48, sv57, x86-32, x86-pae, la48, la57, or all where it makes sense
    /// [default: sv39]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<FormatChoice>,
    /// Settings of MMU and kernel as a TOML file; `pagewalk config` prints the defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// TLBs by name: balanced, small, wide, rotating, associative
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Set one setting, named as in the file: --set l1d.structure.ways=4, --set kernel.ad_mode=software
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Installed memory, such as 16GiB
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<ByteSize>,
    /// Draw memory latencies and stalls of every port at random from this seed
    #[arg(long, value_name = "N", value_parser = quantity::address)]
    pub seed: Option<u64>,
}

/// The trace and how much of it.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Trace")]
pub struct SourceArgs {
    /// Trace file, plain or compressed; - is standard input [default: the bundled trace of a real program]
    #[arg(value_name = "TRACE")]
    pub trace: Option<String>,
    /// Carry out a scenario instead of a trace: what workers do step by step, in a file; - is standard input [default
    /// format: la48]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["trace", "no_rebase", "memory"])]
    pub workload: Option<String>,
    /// End after this many accesses
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Leave addresses that the format cannot hold where they are: they fault
    #[arg(long)]
    pub no_rebase: bool,
}

/// A trace as it was recorded.
#[derive(Clone, Debug, Default, Args)]
pub struct RawSourceArgs {
    /// Trace file, plain or compressed; - is standard input [default: the bundled trace]
    #[arg(value_name = "TRACE")]
    pub trace: Option<String>,
    /// Show addresses as they are re-based for this page-table format
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<PagingFormat>,
    /// End after this many accesses
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_named_as_everywhere() {
        assert_eq!("all".parse(), Ok(FormatChoice::All));
        assert_eq!("All".parse(), Ok(FormatChoice::All));
        assert_eq!("Sv39".parse(), Ok(FormatChoice::One(PagingFormat::Sv39)));
        assert_eq!("la57".parse(), Ok(FormatChoice::One(PagingFormat::La57)));
        assert!("sv40".parse::<FormatChoice>().unwrap_err().contains("choose one of"));
    }
}
