//! Compares what Linux and the model say of a sequence, step by step, and shows where they part. Owns the list of what
//! is compared; a difference is a difference, nothing is weighed.

use super::model::ModelError;
use super::text::rights_name;
use super::{Answer, Area, AreaKind, Frame, Sequence, Signalled, SpaceState, Step};
use std::collections::HashMap;
use std::fmt;
use std::fmt::Write as _;

/// What is compared at every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// The model carries the step out at all.
    Possible,
    /// Faults taken.
    Faults,
    /// The signal, its code, the page at which it came.
    Signal,
    /// Pages that have an entry.
    Present,
    /// Areas: bounds, rights, what is mapped; so also what merged with what.
    Areas,
    /// Which processes live.
    Processes,
    /// Which pages share a frame, within and between processes: what was copied and what was not.
    Frames,
}

impl Question {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Question::Possible => "possible",
            Question::Faults => "faults",
            Question::Signal => "signal",
            Question::Present => "present",
            Question::Areas => "areas",
            Question::Processes => "processes",
            Question::Frames => "frames",
        }
    }
}

/// What the two sides answered to a sequence.
#[derive(Debug)]
pub struct Verdict {
    /// The first step on which they differ; `None` where they agree throughout.
    pub difference: Option<Difference>,
    /// The sequence with both sides' answers up to the end or the difference, for people.
    pub report: String,
}

/// Where two sides part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Index of the step.
    pub step: usize,
    /// What kind of step it is.
    pub kind: String,
    /// What differs, the first of it.
    pub question: Question,
}

impl Difference {
    /// Differences that are probably of one cause.
    pub fn class(&self) -> (String, Question) {
        (self.kind.clone(), self.question)
    }
}

/// One question answered in two ways.
struct Disagreement {
    question: Question,
    linux: String,
    model: String,
}

/// Compares the answers to `sequence`.
pub fn compare(sequence: &Sequence, linux: &[Answer], model: &[Result<Answer, ModelError>]) -> Verdict {
    let mut report = String::new();
    for (at, ((step, linux), model)) in sequence.steps.iter().zip(linux).zip(model).enumerate() {
        let found = match model {
            Ok(model) => disagreements(linux, model),
            Err(error) => {
                vec![Disagreement {
                    question: Question::Possible,
                    linux: "carried out".into(),
                    model: error.to_string(),
                }]
            }
        };
        let faults = model.as_ref().map_or_else(|_| "-".into(), |model| model.faults.to_string());
        let result = if linux.result < 0 { format!(" errno {}", -linux.result) } else { String::new() };
        let signal = linux.signal.map(|signal| format!(" ({})", Shown(&signal))).unwrap_or_default();
        let arrow = if found.is_empty() { "" } else { "   <--" };
        let step_text = step.to_string();
        let _ = writeln!(
            report,
            "  {step_text:<44} Linux {:>3}  model {faults:>3}{result}{signal}{arrow}",
            linux.faults
        );
        for Disagreement { question, linux, model } in &found {
            let _ = writeln!(report, "      {}: Linux {linux}, model {model}", question.name());
        }
        if let Some(first) = found.first() {
            let difference = Difference { step: at, kind: step.action.kind(), question: first.question };
            return Verdict { difference: Some(difference), report };
        }
    }
    assert_eq!(sequence.steps.len(), model.len(), "a step was answered by one side alone");
    Verdict { difference: None, report }
}

fn disagreements(linux: &Answer, model: &Answer) -> Vec<Disagreement> {
    let mut found = Vec::new();
    let mut differs = |question, linux: String, model: String| {
        found.push(Disagreement { question, linux, model });
    };
    let signal = |answer: &Answer| answer.signal.map_or("none".into(), |signal| Shown(&signal).to_string());
    if linux.signal != model.signal {
        differs(Question::Signal, signal(linux), signal(model));
    }
    if model.faults != linux.faults {
        differs(Question::Faults, linux.faults.to_string(), model.faults.to_string());
    }
    let numbers = |answer: &Answer| answer.spaces.iter().map(|&(number, _)| number).collect::<Vec<_>>();
    if numbers(linux) != numbers(model) {
        differs(Question::Processes, format!("{:?}", numbers(linux)), format!("{:?}", numbers(model)));
        return found;
    }
    for ((number, linux), (_, model)) in linux.spaces.iter().zip(&model.spaces) {
        let of = |text: String| format!("P{number} {text}");
        if pages(linux) != pages(model) {
            differs(Question::Present, of(present(linux)), present(model));
        }
        if linux.areas != model.areas {
            differs(Question::Areas, of(areas(linux)), areas(model));
        }
    }
    if found.is_empty() {
        let (linux, model) = (sharing(linux), sharing(model));
        if let Some((linux, model)) = linux.iter().zip(&model).find(|(linux, model)| linux != model) {
            found.push(Disagreement {
                question: Question::Frames,
                linux: linux.to_string(),
                model: model.to_string(),
            });
        }
    }
    found
}

fn pages(state: &SpaceState) -> Vec<u64> {
    state.present.iter().map(|&(page, _)| page).collect()
}

/// A page of a process, and the first that has the same frame.
#[derive(PartialEq, Eq)]
struct Sharing {
    page: (usize, u64),
    with: (usize, u64),
}

/// Which frames are shared, in terms that do not depend on their numbers. Nothing where numbers are hidden.
fn sharing(answer: &Answer) -> Vec<Sharing> {
    let mut first = HashMap::new();
    let pages = answer.spaces.iter().flat_map(|(process, state)| {
        state.present.iter().map(move |&(page, frame)| ((*process, page), frame))
    });
    pages
        .filter(|&(_, frame)| frame != Frame::HIDDEN)
        .map(|(page, frame)| Sharing { page, with: *first.entry(frame).or_insert(page) })
        .collect()
}

impl fmt::Display for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { page: (process, page), with: (owner, original) } = self;
        if self.page == self.with {
            return write!(f, "P{process} page {page} has a frame of its own");
        }
        write!(f, "P{process} page {page} has the frame of P{owner} page {original}")
    }
}

/// Pages with an entry: their number, and in runs.
fn present(state: &SpaceState) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &(page, _) in &state.present {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == page => *last = page,
            _ => runs.push((page, page)),
        }
    }
    let shown = runs.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    format!("{} [{}]", state.present.len(), shown.collect::<Vec<_>>().join(" "))
}

fn areas(state: &SpaceState) -> String {
    let shown: Vec<String> = state.areas.iter().map(|area| area.to_string()).collect();
    format!("[{}]", shown.join(" | "))
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{} {} ", self.start, self.end - self.start, rights_name(self.protection))?;
        match self.kind {
            AreaKind::Anonymous => write!(f, "anon"),
            AreaKind::SharedAnonymous => write!(f, "sanon@{}", self.page_offset),
            AreaKind::File(file) => {
                write!(f, "{}file{file}@{}", if self.shared { 's' } else { 'p' }, self.page_offset)
            }
        }
    }
}

/// What Linux answered to each step, with the state after it.
pub fn narrate<'a>(steps: impl Iterator<Item = (&'a Step, &'a Answer)>) -> String {
    let mut text = String::new();
    for (step, answer) in steps {
        let signal = answer.signal.map(|signal| format!(", {}", Shown(&signal))).unwrap_or_default();
        let header = Narrated { faults: answer.faults, result: answer.result };
        let _ = writeln!(text, "{step}: {header}{signal}");
        for (number, state) in &answer.spaces {
            let _ = writeln!(text, "      P{number} {} {}", areas(state), present(state));
        }
    }
    text
}

/// What [`narrate`] says of a call itself.
pub(super) struct Narrated {
    faults: u64,
    result: i64,
}

impl Narrated {
    /// Reads it from the text of `step`.
    pub(super) fn parse(step: &Step, text: &str) -> Option<Self> {
        let told = text.strip_prefix(&step.to_string())?.strip_prefix(": ")?;
        let (faults, told) = told.split_once(" faults")?;
        let told = told.strip_prefix(", result 0x")?;
        let digits = told.split([',', '\n']).next()?;
        let result = u64::from_str_radix(digits, 16).ok()?.cast_signed();
        Some(Self { faults: faults.parse().ok()?, result })
    }

    pub(super) fn answer(&self) -> Answer {
        let &Self { faults, result } = self;
        Answer { result, faults, ..Answer::default() }
    }
}

impl fmt::Display for Narrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} faults", self.faults)?;
        write!(f, ", result {:#x}", self.result)
    }
}

struct Shown<'a>(&'a Signalled);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Signalled { signal, code, page } = *self.0;
        match signal {
            11 => write!(f, "SIGSEGV code {code} at touch {page}"),
            7 => write!(f, "SIGBUS code {code} at touch {page}"),
            _ => write!(f, "signal {signal} code {code} at touch {page}"),
        }
    }
}
