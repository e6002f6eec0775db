//! From lines to a scenario.

use super::actors::{AT_WORK, Actors, left_at_work};
use super::commands::{ROWS, WORKER_ROWS};
use super::grammar::{Arguments, Build, Kind, Row, is_name, pick};
use super::machine::HugePages;
use super::quantity::parse_size;
use super::words::{Word, words};
use super::{Action, Command, MachineLine, Scenario, ScenarioError, Step};

/// The most workers that a scenario has.
const WORKERS_MAX: usize = 24;
/// The least memory that a machine has.
const MEMORY_MIN: u64 = 16 << 20;
/// The most CPUs and nodes.
const CPUS_MAX: u64 = 64;
const NODES_MAX: u64 = 64;

pub(super) fn scenario(text: &str) -> Result<Scenario, ScenarioError> {
    let lines: Vec<Vec<Word<'_>>> =
        (1..).zip(text.lines()).map(|(number, line)| words(number, line)).filter(|w| !w.is_empty()).collect();
    let mut scenario = Scenario { workers: workers(&lines)?, ..Scenario::default() };
    let mut memory = None;
    let mut actors = Actors::default();
    for (number, words) in (1..).zip(&lines) {
        let (first, rest) = (words[0], &words[1..]);
        let text = words.iter().map(|word| word.text).collect::<Vec<_>>().join(" ");
        match first.text {
            "about" => scenario.about = text["about".len()..].trim_start().to_owned(),
            "expect" => {}
            "machine" => {
                machine(&mut scenario.machine, rest)?;
                memory = rest.iter().find_map(|word| word.value_of("mem")).or(memory);
            }
            _ => {
                let action = match rest.split_last() {
                    Some((&mark, rest)) if mark.text == AT_WORK => {
                        left_at_work(action(&scenario.workers, first, rest)?, mark)?
                    }
                    _ => action(&scenario.workers, first, rest)?,
                };
                actors.follow(&action, words)?;
                scenario.steps.push(Step { number, line: first.line, text, action });
            }
        }
    }
    actors.end()?;
    for step in &scenario.steps {
        let cpu = match step.action {
            Action::Worker { command: Command::Cpu(cpu), .. } | Action::Proc { cpu: Some(cpu), .. } => cpu,
            _ => continue,
        };
        if cpu >= scenario.machine.cpus {
            let problem = format!("there is no CPU {cpu}: the machine has {}", scenario.machine.cpus);
            return Err(ScenarioError { line: step.line, column: 1, problem });
        }
    }
    let pc = scenario.machine.pc();
    match memory.filter(|_| !pc.is_large_enough()) {
        Some(word) => Err(word.error(format!(
            "`{}` is less than the kernel of such a machine needs: give it at least {}M",
            word.text,
            pc.least_bytes() >> 20
        ))),
        None => Ok(scenario),
    }
}

/// The names that some line gives to a worker.
fn workers(lines: &[Vec<Word<'_>>]) -> Result<Vec<String>, ScenarioError> {
    let mut names: Vec<String> = Vec::new();
    for words in lines {
        let name = match &words[..] {
            [first, name, ..] if first.text == "proc" => name,
            [first, verb, name, ..]
                if verb.text == "fork" && ROWS.iter().all(|row| row.name != first.text) =>
            {
                name
            }
            _ => continue,
        };
        if ROWS.iter().any(|row| row.name == name.text) {
            return Err(name.error(format!("`{}` is a command's name: call the worker otherwise", name.text)));
        }
        if is_name(name.text) && !names.iter().any(|known| known == name.text) {
            if names.len() == WORKERS_MAX {
                return Err(name.error(format!(
                    "`{}` is one worker too many: up to {WORKERS_MAX} may have a name",
                    name.text
                )));
            }
            names.push(name.text.to_owned());
        }
    }
    Ok(names)
}

fn action(workers: &[String], first: Word<'_>, rest: &[Word<'_>]) -> Result<Action, ScenarioError> {
    if let Some(row) = ROWS.iter().find(|row| row.name == first.text) {
        return built(row, first, rest, None);
    }
    let who = workers.iter().find(|name| *name == first.text);
    let Some(who) = who else {
        let known = names(ROWS);
        let problem = format!(
            "`{}` is neither a command nor a worker: a line begins with one of {known}, or with a name that `proc` or \
             `fork` gives",
            first.text
        );
        return Err(first.error(problem));
    };
    let Some((&verb, rest)) = rest.split_first() else {
        return Err(first.error(format!("`{who}` is told nothing: one of {} follows", names(WORKER_ROWS))));
    };
    match WORKER_ROWS.iter().find(|row| row.name == verb.text) {
        Some(row) => built(row, verb, rest, Some(who)),
        None => {
            let problem = format!(
                "`{}` is nothing that a worker does: choose one of {}",
                verb.text,
                names(WORKER_ROWS)
            );
            Err(verb.error(problem))
        }
    }
}

fn names(rows: &[Row]) -> String {
    rows.iter().map(|row| row.name).collect::<Vec<_>>().join(", ")
}

fn built(
    row: &'static Row,
    command: Word<'_>,
    rest: &[Word<'_>],
    who: Option<&String>,
) -> Result<Action, ScenarioError> {
    let arguments = Arguments::read(row, command, rest)?;
    match (&row.build, who) {
        (Build::Action(build), _) => build(&arguments),
        (Build::Command(build), Some(who)) => {
            build(&arguments).map(|command| Action::Worker { who: who.clone(), command })
        }
        (Build::Command(_) | Build::Reader, _) => unreachable!("{} is read elsewhere", row.name),
    }
}

/// Keys of a `machine` line.
const KEYS: [&str; 8] = ["mem", "smp", "swap", "numa", "thp", "append", "image", "quantum"];

fn machine(machine: &mut MachineLine, words: &[Word<'_>]) -> Result<(), ScenarioError> {
    for &word in words {
        let Some((key, value)) = KEYS.iter().find_map(|key| Some((*key, word.value_of(key)?))) else {
            let problem = format!(
                "`{}` says nothing of a machine: write one of {}= and a value",
                word.text,
                KEYS.join("=, ")
            );
            return Err(word.error(problem));
        };
        let between = |least: u64, most: u64| {
            let size = parse_size(value.text).filter(|size| (least..=most).contains(size));
            size.ok_or_else(|| {
                let problem =
                    format!("`{}` is no {key}: a number from {least} to {most} may stand here", value.text);
                value.error(problem)
            })
        };
        match key {
            "mem" => machine.memory_bytes = between(MEMORY_MIN, 1 << 50)?,
            "smp" => machine.cpus = between(1, CPUS_MAX)? as u32,
            "swap" => machine.swap_bytes = between(0, 1 << 50)?,
            "numa" => machine.nodes = between(1, NODES_MAX)? as u32,
            "quantum" => machine.quantum_accesses = between(1, u64::MAX)?,
            "thp" => {
                let choices: Vec<_> = HugePages::ALL.iter().map(|&(word, _)| word).collect();
                machine.huge_pages = pick(&HugePages::ALL, value.text).ok_or_else(|| {
                    value.error(format!(
                        "`{}` is no thp: one of {} may stand here",
                        value.text,
                        choices.join(", ")
                    ))
                })?;
            }
            "append" => machine.append.extend(value.text.split(',').map(str::to_owned)),
            _ => {
                Kind::Text.check(key, value)?;
                machine.image = Some(value.text.to_owned());
            }
        }
        machine.given.retain(|(given, _)| given != key);
        machine.given.push((key.to_owned(), value.text.to_owned()));
    }
    Ok(())
}
