//! The diagrams: WaveJSON in, text out. Owns the drawing; what the hardware does is not asked here.

use crate::{CONTRACT, root, text};
use std::fmt::Write as _;

/// What a lane shows in one cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Nothing,
    Low,
    High,
    /// The first cycle of a labelled span.
    Begins(String),
    Goes,
}

pub struct Lane {
    pub name: String,
    pub cycles: Vec<State>,
}

/// A diagram's source: its name, its first cycle and what is drawn.
pub struct Diagram {
    pub name: String,
    pub first_cycle: u64,
    pub lanes: Vec<Lane>,
}

impl Diagram {
    /// Reads WaveJSON with one period per cycle, lanes of `0`, `1`, `x`, `=` and `.`.
    fn read(source: &str) -> Result<Self, String> {
        let json: serde_json::Value = serde_json::from_str(source).map_err(|error| error.to_string())?;
        let word = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let name = word(&json["head"]["text"]).ok_or("no head.text")?;
        let first_cycle = json["head"]["tick"].as_u64().ok_or(format!("{name}: no head.tick"))?;
        let mut lanes = Vec::new();
        for signal in json["signal"].as_array().ok_or(format!("{name}: no signal"))? {
            let lane = word(&signal["name"]).ok_or(format!("{name}: a lane without a name"))?;
            let wave = word(&signal["wave"]).ok_or(format!("{name}: {lane} has no wave"))?;
            let mut labels = signal["data"].as_array().into_iter().flatten().map(word);
            let mut cycles: Vec<State> = Vec::new();
            for sign in wave.chars() {
                let state = match (sign, cycles.last()) {
                    ('0', _) => State::Low,
                    ('1', _) => State::High,
                    ('x', _) => State::Nothing,
                    ('=', _) => State::Begins(labels.next().flatten().ok_or("a span without a label")?),
                    ('.', Some(State::Begins(_))) => State::Goes,
                    ('.', Some(last)) => last.clone(),
                    _ => return Err(format!("{name}: {lane} has `{sign}` in its wave")),
                };
                cycles.push(state);
            }
            lanes.push(Lane { name: lane, cycles });
        }
        let cycle_count = lanes.first().map_or(0, |lane| lane.cycles.len());
        match lanes.iter().find(|lane| lane.cycles.len() != cycle_count) {
            Some(odd) => Err(format!("{name}: {} has another number of cycles", odd.name)),
            None => Ok(Self { name, first_cycle, lanes }),
        }
    }

    /// Characters per cycle: the narrowest that every label and cycle number fits.
    fn cell(&self) -> usize {
        let mut cell = (self.first_cycle + 100).to_string().len().max(3);
        for lane in &self.lanes {
            for (at, state) in lane.cycles.iter().enumerate() {
                let State::Begins(label) = state else { continue };
                let goes = lane.cycles[at + 1..].iter().take_while(|&state| *state == State::Goes).count();
                cell = cell.max((label.chars().count() + 2).div_ceil(goes + 1));
            }
        }
        cell
    }

    /// The text form.
    fn draw(&self) -> String {
        let cell = self.cell();
        let margin = self.lanes.iter().map(|lane| lane.name.chars().count()).max().unwrap_or(0).max(5) + 2;
        let mut lines = format!("{:margin$}", "cycle");
        let cycle_count = self.lanes.first().map_or(0, |lane| lane.cycles.len());
        for cycle in self.first_cycle..self.first_cycle + cycle_count as u64 {
            write!(lines, "{cycle:<cell$}").expect("a string takes everything");
        }
        for lane in &self.lanes {
            lines.truncate(lines.trim_end().len());
            write!(lines, "\n{:margin$}", lane.name).expect("a string takes everything");
            let mut label: Vec<char> = Vec::new();
            for state in &lane.cycles {
                match state {
                    State::Nothing => lines.push_str(&"·".repeat(cell)),
                    State::Low => lines.push_str(&"▁".repeat(cell)),
                    State::High => lines.push_str(&"▔".repeat(cell)),
                    State::Begins(text) => {
                        label = format!("│{text}").chars().rev().collect();
                        lines.extend((0..cell).map(|_| label.pop().unwrap_or(' ')));
                    }
                    State::Goes => lines.extend((0..cell).map(|_| label.pop().unwrap_or(' '))),
                }
            }
        }
        lines.truncate(lines.trim_end().len());
        lines + "\n"
    }
}

/// The fenced blocks of a page: language and contents.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some((_, contents)), None) => {
                contents.push_str(line);
                contents.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// The diagrams of a page, each with the text that stands before its source.
pub fn diagrams(page: &str) -> Vec<(String, Diagram)> {
    let blocks = blocks(page);
    let sources = blocks.iter().enumerate().filter(|(_, (language, _))| language == "json");
    let pairs = sources.map(|(at, (_, source))| {
        assert!(at > 0 && blocks[at - 1].0 == "text", "a source without the text before it:\n{source}");
        let diagram = Diagram::read(source).unwrap_or_else(|error| panic!("{error}\n{source}"));
        (blocks[at - 1].1.clone(), diagram)
    });
    pairs.collect()
}

#[test]
fn texts_of_diagrams_are_drawn_from_their_sources() {
    let mut page = text(CONTRACT);
    let bless = std::env::var_os("PAGEWALK_BLESS").is_some();
    let found = diagrams(&page);
    assert!(found.len() >= 7, "a diagram per section: {} found", found.len());
    for (drawn, diagram) in found {
        if bless {
            page =
                page.replacen(&format!("```text\n{drawn}```"), &format!("```text\n{}```", diagram.draw()), 1);
        } else {
            assert_eq!(
                drawn,
                diagram.draw(),
                "{} is not its source; PAGEWALK_BLESS=1 redraws it",
                diagram.name
            );
        }
    }
    if bless {
        std::fs::write(root().join(CONTRACT), page).expect("the contract can be written");
    }
}

#[test]
fn a_text_that_is_not_its_source_is_found() {
    let source = r#"{"signal": [{"name": "a", "wave": "01."}, {"name": "b", "wave": "x=.", "data": ["walk"]}],
                     "head": {"text": "example", "tick": 9}}"#;
    let text = Diagram::read(source).unwrap().draw();
    assert_eq!(text, "cycle  9  10 11\na      ▁▁▁▔▔▔▔▔▔\nb      ···│walk\n");
    assert_ne!(text, Diagram::read(&source.replace("01.", "0.1")).unwrap().draw());
    assert!(Diagram::read(&source.replace("01.", "01")).is_err(), "lanes of different lengths");
    assert!(Diagram::read(&source.replace("01.", "0?.")).is_err());
    assert!(Diagram::read(&source.replace("walk\"", "")).is_err());
}
