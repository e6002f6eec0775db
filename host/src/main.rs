//! Entry point of the `pagewalk` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    pagewalk::cli::main()
}
