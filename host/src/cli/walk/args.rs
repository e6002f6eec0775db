//! Arguments of `walk`.

use crate::cli::args::MachineArgs;
use clap::Args;

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
