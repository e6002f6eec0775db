//! Why the cache cannot be used, and what to do about it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why the cache cannot be used.
#[derive(Debug, Error)]
pub enum CacheError {
    /// Neither an explicit cache directory nor a home directory is known.
    #[error(
        "no place for the cache: none of PAGEWALK_CACHE, XDG_CACHE_HOME and HOME is set; set PAGEWALK_CACHE to a directory"
    )]
    NoPlace,

    /// The file system refused an operation: no permission, no space, not a directory.
    #[error("cannot {action} {}: {reason}; free space or permit writing in the cache directory {}, or set PAGEWALK_CACHE to another directory", path.display(), root.display())]
    Unusable {
        /// What was attempted, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The cache directory.
        root: PathBuf,
        /// The operating system's answer.
        reason: io::Error,
    },

    /// An entry was damaged immediately after it had been written, several times.
    #[error("{} does not read back as it was written; the disk or another program changes it; set PAGEWALK_CACHE to a directory on another disk", entry.display())]
    NeverIntact {
        /// The directory of the entry.
        entry: PathBuf,
    },
}
