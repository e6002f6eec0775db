//! Transcripts of the command line: what every command prints, how it ends, and what it says about bad input.

mod case;
mod compare;
mod errors;
mod loss;
mod record;
mod simulate;
mod texts;
mod translate;
mod workload;

use assert_cmd::Command;
use serde_json::Value;

/// The program, with its usual cache: a Verilator that was installed there once will do for the tests.
fn pagewalk(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("pagewalk").expect("the binary is built with the tests");
    command.args(arguments);
    command
}

/// Standard output and standard error of a command that ends with `code`.
fn transcript(arguments: &[&str], input: &str, code: i32) -> (String, String) {
    let output = pagewalk(arguments).write_stdin(input).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "pagewalk {}\n{out}\n{err}", arguments.join(" "));
    (out, err)
}

/// The one JSON object on standard output.
fn json(arguments: &[&str], input: &str, code: i32) -> Value {
    let (out, err) = transcript(arguments, input, code);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"))
}

/// Whether hardware can be compiled here. Without, what needs it is on the list of skipped checks.
fn has_verilator() -> bool {
    let (_, err) = transcript(&["cosim", "--limit", "10"], "", 0);
    let has = !err.contains("rust-hdl's own simulation");
    if !has {
        pagewalk_skipped::check(
            "the command line with compiled hardware",
            "install Verilator and a C++ compiler",
        );
    }
    has
}
