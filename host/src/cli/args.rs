//! The definitions that parsing, help, shell completions and the man page are all made from.

use super::console::Console;
use super::quantity::{self, ByteSize};
use super::{CliError, Verdict};
use crate::compare::Columns;
use clap::builder::TypedValueParser;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use pagewalk_arch::PagingFormat;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

/// An MMU as hardware and as software, joined: a real program's memory trace through generated Verilog and a golden
/// model, in lockstep.
#[derive(Debug, Parser)]
#[command(name = "pagewalk", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a trace through kernel, golden model and hardware in lockstep; stop at the first difference
    Cosim(CosimArgs),
    /// The same without hardware: the golden model with exact timing, at full speed
    Run(RunArgs),
    /// Record a real program's accesses and system calls with Valgrind's lackey
    Record(RecordArgs),
    /// Write the Verilog, a JSON manifest of ports and parameters, and a FuseSoC core file
    Emit(EmitArgs),
    /// Translate queries through page tables given as a memory image, without a kernel
    Translate(TranslateArgs),
    /// Explain one translation step by step
    Walk(WalkArgs),
    /// Look into a trace
    Trace(TraceArgs),
    /// Compare two files of translations, access by access
    Compare(CompareArgs),
    /// Run files of conformance cases on every engine
    Case(super::case::CaseArgs),
    /// Measure speed beside the least that could do the work
    Bench(BenchArgs),
    /// Print the settings that --config takes, with comments
    Config(ConfigArgs),
    /// Print a shell's completion script
    Completions(CompletionArgs),
    /// Print the man page, of the program or of one command
    Man(ManArgs),
}

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
    /// End after this many accesses
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Leave addresses that the format cannot hold where they are: they fault
    #[arg(long)]
    pub no_rebase: bool,
}

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
    #[arg(long, value_name = "FILE", help_heading = "Hardware")]
    pub translations_hardware: Option<PathBuf>,
    /// Write the waveform of the whole run; after a difference, that of its last cycles is written anyway
    #[arg(long, value_name = "FILE", help_heading = "Hardware")]
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
    /// The architecture alone: no TLB, no clock, every access walks
    #[arg(long)]
    pub bare: bool,
}

/// Arguments of `record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The file to write, compressed as its suffix says: .zst .gz .xz .bz2; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: String,
    /// Record the first process only, not those that it starts nor the programs that it executes
    #[arg(long)]
    pub no_children: bool,
    /// Follow the processes that the program starts: it is so anyway
    #[arg(long, hide = true, conflicts_with = "no_children")]
    pub trace_children: bool,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, last = true)]
    pub command: Vec<OsString>,
}

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Accesses of the lockstep's stream
    #[arg(long, value_name = "N", default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(2..=1 << 28).map(|n| n as usize))]
    pub accesses: usize,
    /// Interleaved rounds, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rounds: usize,
    /// Download nothing, not even Verilator
    #[arg(long)]
    pub offline: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `emit`.
#[derive(Debug, Args)]
pub struct EmitArgs {
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Write to FILE; or all three files to a directory, named by a final slash or because it exists
    /// [default: the Verilog to standard output]
    #[arg(short, long, value_name = "FILE|DIR")]
    pub output: Option<String>,
    /// The manifest of ports and parameters instead of the Verilog
    #[arg(long)]
    pub manifest: bool,
}

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

/// Arguments of `walk`.
#[derive(Debug, Args)]
pub struct WalkArgs {
    /// A job of `translate`; - is standard input
    #[arg(value_name = "JOB")]
    pub job: Option<String>,
    /// Only this query of the job, counted from 0
    #[arg(long, value_name = "N", requires = "job")]
    pub query: Option<usize>,
    /// Explain access N of a trace, counted from 1, after the kernel has run up to it
    #[arg(long, value_name = "N", conflicts_with_all = ["root", "va", "image"])]
    pub at: Option<u64>,
    /// The trace [default: the bundled one]
    #[arg(long, value_name = "TRACE", requires = "at")]
    pub trace: Option<String>,
    /// First byte of the root table
    #[arg(long, value_name = "ADDRESS", requires = "va", conflicts_with = "job")]
    pub root: Option<String>,
    /// Memory: the bytes of FILE lie at ADDRESS; may be repeated
    #[arg(long, value_name = "FILE@ADDRESS", requires = "root")]
    pub image: Vec<String>,
    /// The address to translate
    #[arg(long, value_name = "ADDRESS", requires = "root")]
    pub va: Option<String>,
    /// read, write, exec or amo
    #[arg(long, value_name = "KIND", default_value = "read", requires = "root")]
    pub access: String,
    /// u or s
    #[arg(long = "priv", value_name = "WHO", default_value = "u", requires = "root")]
    pub privilege: String,
    /// A mode bit of `translate`, such as sum=1 or nx=0
    #[arg(long, value_name = "NAME=0|1", requires = "root")]
    pub flag: Vec<String>,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// What to look at.
    #[command(subcommand)]
    pub command: TraceCommand,
}

/// Ways to look into a trace.
#[derive(Debug, Subcommand)]
pub enum TraceCommand {
    /// Count accesses, pages, regions, system calls and processes
    Info(TraceInfoArgs),
    /// Print the first accesses and events
    Head(TraceHeadArgs),
}

/// Arguments of `trace info`.
#[derive(Debug, Args)]
pub struct TraceInfoArgs {
    /// The trace.
    #[command(flatten)]
    pub source: RawSourceArgs,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `trace head`.
#[derive(Debug, Args)]
pub struct TraceHeadArgs {
    /// The trace.
    #[command(flatten)]
    pub source: RawSourceArgs,
    /// Accesses and events to print
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub lines: u64,
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

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// A file of --translations, or CSV or JSON lines of another tool, plain or compressed; - is standard input
    #[arg(value_name = "A")]
    pub a: String,
    /// The file to compare it with
    #[arg(value_name = "B")]
    pub b: String,
    /// Which column is which field, by name or place: va=2,pa=paddr:hex; fields are number, va, kind, pa, fault,
    /// page_bytes, memory_type, code, served, cycles, retries
    #[arg(long, value_name = "FIELD=COLUMN,…")]
    pub columns: Option<Columns>,
    /// The same for A alone
    #[arg(long, value_name = "FIELD=COLUMN,…")]
    pub columns_a: Option<Columns>,
    /// The same for B alone
    #[arg(long, value_name = "FIELD=COLUMN,…")]
    pub columns_b: Option<Columns>,
    /// What stands between cells, a blank for any number of them [default: found out from the first line]
    #[arg(long, value_name = "CHARACTER")]
    pub delimiter: Option<char>,
    /// The fields that must be equal, or all [default: kind, pa, fault, page_bytes, memory_type, where both files
    /// state them]
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',')]
    pub fields: Vec<String>,
    /// Accept another numbering of frames, if it is one-to-one
    #[arg(long)]
    pub frames: bool,
    /// Show the indices of addresses in this page-table format; two, as in sv39,la48, are A's and B's
    #[arg(long, value_name = "FORMAT", value_delimiter = ',')]
    pub format: Vec<PagingFormat>,
    /// End after this many accesses
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Print one JSON object on standard output, everything for people on standard error
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The machine whose settings are printed.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Prints the completion script of a shell.
pub fn completions(args: &CompletionArgs, console: &Console) -> Result<Verdict, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pagewalk", &mut script);
    console.print(&String::from_utf8_lossy(&script))?;
    Ok(Verdict::Done)
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command; without, the program
    pub command: Option<String>,
}

/// Prints the man page.
pub fn man(args: &ManArgs, console: &Console) -> Result<Verdict, CliError> {
    let mut program = Cli::command();
    program.build();
    let command = match &args.command {
        None => program,
        Some(name) => program
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| CliError::Usage(format!("there is no command `{name}`: see pagewalk --help")))?,
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(CliError::Output)?;
    console.print(&String::from_utf8_lossy(&page))?;
    Ok(Verdict::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn formats_are_named_as_everywhere() {
        assert_eq!("all".parse(), Ok(FormatChoice::All));
        assert_eq!("All".parse(), Ok(FormatChoice::All));
        assert_eq!("Sv39".parse(), Ok(FormatChoice::One(PagingFormat::Sv39)));
        assert_eq!("la57".parse(), Ok(FormatChoice::One(PagingFormat::La57)));
        assert!("sv40".parse::<FormatChoice>().unwrap_err().contains("choose one of"));
    }
}
