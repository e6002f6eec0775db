//! The last program that `cargo test` starts (packages and their tests run in alphabetical order): one list of the
//! checks that could not run here, each with what to install. With `PAGEWALK_REQUIRE_ALL_CHECKS=1` any is a failure.
//!
//! Without the test harness, which would keep the list to itself.

use pagewalk_tests::skipped;
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
    if skipped.is_empty() {
        println!("\nskipped checks: none\n");
        return ExitCode::SUCCESS;
    }
    let required = std::env::var_os("PAGEWALK_REQUIRE_ALL_CHECKS").is_some_and(|value| value == "1");
    println!("\nskipped checks: {}, for want of a tool", skipped.len());
    for skipped::Skipped { check, remedy } in &skipped {
        println!("  {check}: {remedy}");
    }
    println!();
    if required {
        eprintln!("PAGEWALK_REQUIRE_ALL_CHECKS is 1: all of these must run");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
