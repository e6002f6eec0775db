//! `cargo xtask`: what contributors do, by name.
//!
//! Owns the names and the house rules that a text can be held against ([`tidy`]). What is done otherwise stands in `.ci`
//! and in the tests, and is only started from here.

mod tidy;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What contributors do.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Take the Verilog that is generated now as the expected one: review what that changes
    Bless,
    /// Run what a change must pass, or one stage of it
    Ci {
        /// The stage
        #[arg(default_value = "run")]
        stage: Stage,
    },
    /// Run the conformance cases whose name contains FILTER, each a test of its own
    Cases {
        /// Part of a name, such as RV-09 or riscv-fences
        filter: Option<String>,
        /// Only list their names
        #[arg(long)]
        list: bool,
    },
    /// Run random configurations in lockstep
    Sweep(Sweep),
    /// Hold every file against the house rules
    Tidy,
}

/// A script of `.ci`; each says at its top what it does.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Stage {
    /// All of it but the nightly
    Run,
    /// The README's two commands with nothing but what the README asks for
    Bare,
    /// Install what the other stages want
    Tools,
    /// Format, lints, documentation, dependencies, house rules
    Lint,
    /// Every suite that the bare stage could not run in full
    Test,
    /// The README's first command and the suites in lockstep
    Cosim,
    /// Thousands of random configurations
    Nightly,
}

#[derive(Args, Debug)]
struct Sweep {
    /// Seed of the first; the others follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many
    #[arg(long, default_value_t = 100)]
    configurations: u64,
    /// Accesses of each
    #[arg(long, default_value_t = 3000)]
    accesses: u64,
}

fn main() -> ExitCode {
    let root = root();
    match Cli::parse().task {
        Task::Bless => {
            run(cargo_test(&root, "verilog", &["texts_equal_what_is_expected"]).env("PAGEWALK_BLESS", "1"))
        }
        Task::Ci { stage } => {
            let name = stage.to_possible_value().map(|value| value.get_name().to_owned());
            run(&mut Command::new(root.join(".ci").join(name.unwrap_or_default())))
        }
        Task::Cases { filter, list } => {
            let list = list.then_some("--list");
            let arguments: Vec<&str> = filter.as_deref().into_iter().chain(list).collect();
            run(&mut cargo_test(&root, "conformance", &arguments))
        }
        Task::Sweep(sweep) => run(cargo_test(&root, "sweep", &["random", "--nocapture"])
            .env("PAGEWALK_SEED", sweep.seed.to_string())
            .env("PAGEWALK_CONFIGURATIONS", sweep.configurations.to_string())
            .env("PAGEWALK_ACCESSES", sweep.accesses.to_string())),
        Task::Tidy => tidy_tree(&root),
    }
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// One suite of `tests`.
fn cargo_test(root: &Path, suite: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "-p", "pagewalk-tests", "--test", suite, "--"]).args(arguments).current_dir(root);
    command
}

fn run(command: &mut Command) -> ExitCode {
    match command.status() {
        // A signal has no code.
        Ok(status) => {
            status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(error) => {
            eprintln!("cannot run {}: {error}", command.get_program().to_string_lossy());
            ExitCode::FAILURE
        }
    }
}

fn tidy_tree(root: &Path) -> ExitCode {
    match tidy::tracked_files(root) {
        Ok(files) => {
            let complaints = tidy::complaints(root, &files);
            complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
            let count = complaints.len();
            println!("{} files, {count} complaints", files.len());
            if count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
