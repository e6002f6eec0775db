//! Arguments of `compare`.

use super::Columns;
use clap::Args;
use pagewalk_arch::PagingFormat;

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
