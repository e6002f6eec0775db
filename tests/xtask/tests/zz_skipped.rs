//! The last program that `cargo test` starts (packages and their tests run in alphabetical order): one list of the
//! checks that could not run here, each with what to install. With `PAGEWALK_REQUIRE_ALL_CHECKS=1` any is a failure.
//!
//! Without the test harness, which would keep the list to itself.

use pagewalk_skipped as skipped;
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--list") {
        // Nothing has run.
        return ExitCode::SUCCESS;
    }
    let skipped = match skipped::take() {
        Ok(skipped) => skipped,
        Err(error) => {
            eprintln!("the record of skipped checks cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let required = std::env::var_os("PAGEWALK_REQUIRE_ALL_CHECKS").is_some_and(|value| value == "1");
    let (text, allowed) = skipped::list(&skipped, required);
    println!("\n{text}\n");
    if allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
