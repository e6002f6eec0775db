//! After a difference: the command that shows it again, and a waveform of the cycles before it.

use super::console::Console;
use super::engine::Engine;
use super::session::Session;
use pagewalk_arch::PagingFormat;
use pagewalk_machine::Difference;
use std::path::{Path, PathBuf};

/// Cycles of the waveform before the difference.
const WAVE_CYCLES: u64 = 200;

/// The command line of this process, made to run only as far as access `number` of `format`.
pub fn command(number: u64, format: PagingFormat) -> String {
    of_arguments(std::env::args().skip(1), number, format)
}

fn of_arguments(arguments: impl Iterator<Item = String>, number: u64, format: PagingFormat) -> String {
    /// Options that are said anew or that have no use in a replay.
    const DROPPED: [&str; 5] =
        ["--limit", "--format", "--translations", "--translations-hardware", "--waves"];
    let mut command = without(arguments, &DROPPED);
    command.extend([format!("--format {format}"), format!("--limit {number}")]);
    command.join(" ")
}

/// A command line without some options and their values.
pub fn without(arguments: impl Iterator<Item = String>, dropped: &[&str]) -> Vec<String> {
    let mut command = vec!["pagewalk".to_owned()];
    let mut skip_value = false;
    for argument in arguments {
        if std::mem::take(&mut skip_value) || argument == "--json" {
            continue;
        }
        if dropped.contains(&argument.as_str()) {
            skip_value = true;
            continue;
        }
        let name = argument.split_once('=').map_or(argument.as_str(), |(name, _)| name);
        if !dropped.contains(&name) {
            command.push(quoted(&argument));
        }
    }
    command
}

/// An argument as a POSIX shell takes it.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', "'\\''"))
}

/// Runs up to the difference once more, writing the waveform of its last cycles, unless one was `written` already. Says
/// where it lies, or why there is none.
pub fn write_waveform(session: &Session, found: &Difference, written: Option<&Path>, console: &Console) {
    let Engine::Verilator(_) = session.engine else {
        return console.note("no waveform: only the engine verilator writes them");
    };
    if let Some(path) = written {
        return console.note(&format!("{} shows it at time {}", path.display(), 2 * found.cycle));
    }
    if !session.trace.is_repeatable() {
        return console.note("no waveform: a pipe cannot be read again; record to a file and run that");
    }
    let path = PathBuf::from(format!("pagewalk-difference-{}.fst", session.settings.mmu.format));
    let traced = Session {
        waves: Some((path, found.cycle.saturating_sub(WAVE_CYCLES))),
        translations: None,
        translations_hardware: None,
        ..session.clone()
    };
    match traced.run(console) {
        Ok(outcome) => console.note(&format!(
            "waveform of its last {WAVE_CYCLES} cycles: {} (opens in GTKWave and Surfer; one cycle is two units of time)",
            outcome.waves.unwrap_or_default().display()
        )),
        Err(error) => console.note(&format!("no waveform: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_replay_keeps_what_matters() {
        let given = [
            "cosim",
            "my trace.lackey",
            "--limit",
            "99",
            "--format=all",
            "--json",
            "--set",
            "l1d.structure.ways=4",
            "--waves",
            "x.fst",
        ];
        assert_eq!(
            of_arguments(given.into_iter().map(str::to_owned), 7, PagingFormat::Sv48),
            "pagewalk cosim 'my trace.lackey' --set l1d.structure.ways=4 --format sv48 --limit 7"
        );
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
