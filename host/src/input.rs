//! The bytes behind a name that a user gives: a file, a pipe, or `-` for standard input. Owns the names; what is read is
//! `pagewalk-trace`'s.

use pagewalk_trace::input::Input;
use pagewalk_trace::{Trace, TraceError, TraceOptions, unusable};
use std::fs::File;
use std::io;

/// Opens a file or pipe, or standard input for `-`.
///
/// # Errors
/// When the file cannot be opened or its first bytes cannot be read.
pub fn open(path: &str) -> Result<Input, TraceError> {
    if path == "-" {
        return Input::new("standard input", io::stdin(), None);
    }
    let cannot = |e: io::Error| {
        unusable(path, &format!("cannot be opened ({e})"), "check the name, or use - for standard input")
    };
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.is_dir() {
        return Err(unusable(path, "is a directory", "name a trace file, or use - for standard input"));
    }
    Input::new(path, file, metadata.is_file().then_some(metadata.len()))
}

/// Opens the trace at `path`, `-` being standard input, whatever its compression and format.
///
/// # Errors
/// As [`open`] and [`pagewalk_trace::read`].
pub fn open_trace(path: &str, options: TraceOptions) -> Result<Box<dyn Trace>, TraceError> {
    pagewalk_trace::read(open(path)?, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(path: &str) -> String {
        open_trace(path, TraceOptions::default()).err().expect("an error").to_string()
    }

    #[test]
    fn no_file() {
        assert_eq!(
            error_of("/nonexistent/t"),
            "/nonexistent/t: cannot be opened (No such file or directory (os error 2)); check the name, or use - for \
             standard input"
        );
    }

    #[test]
    fn a_directory() {
        assert_eq!(error_of("/"), "/: is a directory; name a trace file, or use - for standard input");
    }
}
