//! After a difference: the command that shows it again, and a waveform of the cycles before it.
//!
//! Which arguments a command line has is asked of the definitions that parsed it: there is no second list of options.

use crate::cli::Cli;
use crate::cli::console::Console;
use crate::cli::engine::Engine;
use crate::cli::screens::ScreenArgs;
use crate::cli::session::Session;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory};
use pagewalk_arch::PagingFormat;
use pagewalk_machine::Difference;
use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Cycles of the waveform before the difference.
const WAVE_CYCLES: u64 = 200;

/// The heading of the options that say what is written: a replay writes nothing.
const WRITES: &str = "Output";

/// The command line of this process, made to run only as far as access `number` of `format`. Of a machine of several CPUs
/// the number is that of one CPU, and ends nothing.
pub fn command(number: u64, format: PagingFormat, cpus: u32) -> String {
    let mut given = Given::of_process();
    given.arguments.retain(|argument| !argument.writes);
    match cpus {
        1 => format!("{} --format {format} --limit {number}", given.without(&["format", "limit"])),
        _ => format!("{} --format {format}", given.without(&["format"])),
    }
}

/// A command line as clap understood it.
pub struct Given {
    command: String,
    arguments: Vec<Argument>,
}

/// One argument as it was given.
struct Argument {
    /// Its place on the command line.
    index: usize,
    id: String,
    writes: bool,
    /// As a shell takes it.
    text: String,
}

impl Given {
    /// That of this process, which has been understood once already.
    pub fn of_process() -> Self {
        Self::of(std::env::args_os())
    }

    fn of(line: impl Iterator<Item = OsString>) -> Self {
        let mut program = Cli::command();
        program.build();
        let matches = program.clone().try_get_matches_from(line).unwrap_or_default();
        let Some((command, given)) = matches.subcommand() else {
            return Self { command: String::new(), arguments: Vec::new() };
        };
        let defined = program.find_subcommand(command).into_iter().flat_map(clap::Command::get_arguments);
        let mut arguments: Vec<_> = defined.flat_map(|arg| arguments_of(arg, given)).collect();
        arguments.sort_by_key(|argument| argument.index);
        Self { command: command.to_owned(), arguments }
    }

    /// The command line, as a shell takes it, without the options called `dropped`.
    pub fn without(&self, dropped: &[&str]) -> String {
        let mut line = format!("pagewalk {}", self.command);
        let kept = self.arguments.iter().filter(|argument| !dropped.contains(&argument.id.as_str()));
        kept.for_each(|argument| line.extend([" ", argument.text.as_str()]));
        line
    }
}

/// `arg` for each time that it was given.
fn arguments_of<'a>(arg: &'a clap::Arg, given: &'a ArgMatches) -> impl Iterator<Item = Argument> + 'a {
    let id = arg.get_id().as_str();
    let is_given = given.value_source(id) == Some(ValueSource::CommandLine);
    let indices = given.indices_of(id).into_iter().flatten().filter(move |_| is_given);
    let values = given.get_raw(id).into_iter().flatten();
    indices.zip(values).map(move |(index, value)| {
        let value = quoted(&value.to_string_lossy());
        let text = match arg.get_long() {
            None => value,
            Some(long) if !arg.get_action().takes_values() => format!("--{long}"),
            // What looks like an option is none behind an equals sign.
            Some(long) if value.starts_with('-') && value != "-" => format!("--{long}={value}"),
            Some(long) => format!("--{long} {value}"),
        };
        Argument { index, id: id.to_owned(), writes: arg.get_help_heading() == Some(WRITES), text }
    })
}

/// An argument as a POSIX shell takes it. An equals sign needs no quotes behind the command's name, and no argument of a
/// process holds the one character that cannot be quoted.
fn quoted(argument: &str) -> String {
    let quote = |part| shlex::try_quote(part).unwrap_or(Cow::Borrowed(part));
    argument.split('=').map(quote).collect::<Vec<_>>().join("=")
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
    if session.cpus() > 1 {
        return console.note("no waveform: the machine has several CPUs, and --waves shows the first");
    }
    if !session.trace.is_repeatable() {
        return console.note("no waveform: a pipe cannot be read again; record to a file and run that");
    }
    let path = PathBuf::from(format!("pagewalk-difference-{}.fst", session.settings.mmu.format));
    let traced = Session {
        waves: Some((path, found.cycle.saturating_sub(WAVE_CYCLES))),
        translations: None,
        translations_hardware: None,
        screens: ScreenArgs::default(),
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
    use clap::builder::PossibleValue;

    fn given(line: &[&str]) -> Given {
        Given::of(std::iter::once("pagewalk").chain(line.iter().copied()).map(OsString::from))
    }

    fn replay(line: &[&str]) -> String {
        let mut given = given(line);
        given.arguments.retain(|argument| !argument.writes);
        given.without(&["format", "limit"])
    }

    #[test]
    fn the_replay_keeps_what_matters_as_it_was_given() {
        let line = [
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
            "--set=kernel.linux=it's",
            "--no-rebase",
        ];
        let expected = "pagewalk cosim 'my trace.lackey' --set l1d.structure.ways=4 --set kernel.linux=\"it's\" --no-rebase";
        assert_eq!(replay(&line), expected);
        assert_eq!(given(&line[..4]).without(&[]), "pagewalk cosim 'my trace.lackey' --limit 99");
        assert_eq!(replay(&["run", "-", "--preset=-x"]), "pagewalk run - --preset=-x");
    }

    /// Whatever option is added: it is in a replay, unless it writes something or is said anew.
    #[test]
    fn no_option_is_lost_by_a_replay() {
        for command in ["cosim", "run"] {
            let mut program = Cli::command();
            program.build();
            let arguments = program.find_subcommand(command).unwrap().get_arguments();
            for arg in arguments.filter(|arg| !["help", "version"].contains(&arg.get_id().as_str())) {
                let Some(long) = arg.get_long() else { continue };
                let mut line = vec![command.to_owned(), format!("--{long}")];
                if arg.get_action().takes_values() {
                    let possible = arg.get_possible_values();
                    let fallback = match long {
                        "format" => "sv48",
                        "stat" | "screen" => "free",
                        _ => "7",
                    };
                    line.push(possible.first().map_or(fallback, PossibleValue::get_name).to_owned());
                }
                if long == "every" {
                    // Of what is shown again and again.
                    line.extend(["--stat".to_owned(), "free".to_owned()]);
                }
                let line: Vec<&str> = line.iter().map(String::as_str).collect();
                let is_dropped =
                    ["format", "limit"].contains(&long) || arg.get_help_heading() == Some(WRITES);
                let expected = if is_dropped { String::new() } else { format!(" {}", line[1..].join(" ")) };
                assert_eq!(replay(&line), format!("pagewalk {command}{expected}"), "--{long}");
            }
        }
    }
}
