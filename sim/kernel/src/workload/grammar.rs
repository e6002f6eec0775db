//! How a line's words are held against a row of the table of commands.
//!
//! Owns what kinds of words there are and what is said of one that fits nowhere. Which commands there are is said by
//! [`super::commands`].

use super::quantity::parse_size;
use super::words::Word;
use super::{Action, Command, Place, ScenarioError};
use pagewalk_trace::Protection;

/// What a word may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name of up to [`NAME_MAX`] letters, digits and underscores.
    Name,
    /// A number, with a unit or without.
    Size,
    /// The same, that is not 0.
    Positive,
    /// The same, or [`ALL`].
    Count,
    /// A number with a sign before it.
    Signed,
    /// A number that may have a point in it.
    Decimal,
    /// A region's name or an address.
    Place,
    /// A worker's region: `A.r`.
    RegionOf,
    /// A file: `data/NAME`, `tmp/NAME`.
    File,
    /// `none r w rw rx rwx`.
    Protection,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Anything.
    Text,
}

/// The longest name of a worker or a region.
pub(super) const NAME_MAX: usize = 15;
/// The word for a number without end.
pub(super) const ALL: &str = "all";
/// Rights with their words.
pub(super) const PROTECTIONS: [(&str, Protection); 6] = [
    ("none", rights(false, false, false)),
    ("r", rights(true, false, false)),
    ("w", rights(false, true, false)),
    ("rw", rights(true, true, false)),
    ("rx", rights(true, false, true)),
    ("rwx", rights(true, true, true)),
];

const fn rights(read: bool, write: bool, execute: bool) -> Protection {
    Protection { read, write, execute }
}

/// A word that has its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Positional {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

/// A word that must be there.
pub(super) const fn must(name: &'static str, kind: Kind) -> Positional {
    Positional { name, kind, required: true }
}
/// A word that may be left out.
pub(super) const fn may(name: &'static str, kind: Kind) -> Positional {
    Positional { name, kind, required: false }
}

/// A row of the table.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// How it is written, for people.
    pub(super) usage: &'static str,
    pub(super) positionals: &'static [Positional],
    /// Words of the form `key=value`, in any place.
    pub(super) options: &'static [(&'static str, Kind)],
    /// Words that stand for themselves, behind those that have a place.
    pub(super) flags: &'static [&'static str],
    /// Makes the step of the words.
    pub(super) build: Build,
}

/// What a row makes.
pub(super) enum Build {
    /// Something that everyone sees.
    Action(fn(&Arguments<'_>) -> Result<Action, ScenarioError>),
    /// What the worker named first does.
    Command(fn(&Arguments<'_>) -> Result<Command, ScenarioError>),
    /// A word for the reader itself: `about`, `machine`.
    Reader,
}

/// The words of one line, each held against what its row says of it.
pub(super) struct Arguments<'a> {
    row: &'static Row,
    /// The command's name.
    pub(super) command: Word<'a>,
    positionals: Vec<Word<'a>>,
    options: Vec<(&'static str, Word<'a>)>,
    flags: Vec<&'static str>,
}

impl<'a> Arguments<'a> {
    /// Holds `words` against `row`.
    pub(super) fn read(
        row: &'static Row,
        command: Word<'a>,
        words: &[Word<'a>],
    ) -> Result<Self, ScenarioError> {
        let mut read = Self { row, command, positionals: vec![], options: vec![], flags: vec![] };
        for &word in words {
            read.place(word)?;
        }
        if let Some(missing) = row.positionals.get(read.positionals.len()).filter(|next| next.required) {
            let what = missing.kind.describe();
            let problem =
                format!("`{}` lacks {}, {what}: write it as `{}`", row.name, missing.name, row.usage);
            return Err(command.error(problem));
        }
        Ok(read)
    }

    fn place(&mut self, word: Word<'a>) -> Result<(), ScenarioError> {
        let row = self.row;
        for &(key, kind) in row.options {
            if let Some(value) = word.value_of(key) {
                kind.check(key, value)?;
                if self.options.iter().any(|&(given, _)| given == key) {
                    return Err(word.error(format!("`{key}=` stands here twice: leave one of them out")));
                }
                self.options.push((key, value));
                return Ok(());
            }
        }
        if let Some(next) = row.positionals.get(self.positionals.len()) {
            // What may be left out makes room for what stands for itself.
            let is_flag = !next.required && row.flags.contains(&word.text);
            if !is_flag {
                next.kind.check(next.name, word)?;
                self.positionals.push(word);
                return Ok(());
            }
        }
        match row.flags.iter().find(|&&flag| flag == word.text) {
            Some(flag) => {
                self.flags.push(flag);
                Ok(())
            }
            None => {
                Err(word.error(format!("`{}` has no place here: write it as `{}`", word.text, row.usage)))
            }
        }
    }

    /// The word in place `at`; it is there if it must be.
    pub(super) fn word(&self, at: usize) -> Word<'a> {
        self.positionals[at]
    }
    /// The word in place `at`, if it is there.
    pub(super) fn optional(&self, at: usize) -> Option<Word<'a>> {
        self.positionals.get(at).copied()
    }
    /// The text in place `at`.
    pub(super) fn text(&self, at: usize) -> String {
        self.word(at).text.to_owned()
    }
    /// The number in place `at`.
    pub(super) fn size(&self, at: usize) -> u64 {
        parse_size(self.word(at).text).expect("its kind was checked")
    }
    /// The number in place `at` as a `T`.
    pub(super) fn number<T: TryFrom<u64>>(&self, at: usize) -> Result<T, ScenarioError> {
        let word = self.word(at);
        T::try_from(self.size(at)).map_err(|_| word.error(format!("{} is too large", word.text)))
    }
    /// The number in place `at`; `None` without end.
    pub(super) fn count(&self, at: usize) -> Option<u64> {
        parse_size(self.word(at).text)
    }
    /// The number with a sign in place `at`.
    pub(super) fn signed(&self, at: usize) -> Result<i32, ScenarioError> {
        let word = self.word(at);
        word.text.parse().map_err(|_| word.error(format!("{} does not fit 32 bits", word.text)))
    }
    /// The text of option `key`.
    pub(super) fn option(&self, key: &str) -> Option<String> {
        self.option_word(key).map(|value| value.text.to_owned())
    }
    /// The number of option `key`.
    pub(super) fn option_size(&self, key: &str) -> Option<u64> {
        self.option_word(key).map(|value| parse_size(value.text).expect("its kind was checked"))
    }
    fn option_word(&self, key: &str) -> Option<Word<'a>> {
        debug_assert!(self.row.options.iter().any(|&(known, _)| known == key), "{key}");
        self.options.iter().find(|&&(given, _)| given == key).map(|&(_, value)| value)
    }
    /// Whether the word `flag` stands in the line.
    pub(super) fn has(&self, flag: &str) -> bool {
        debug_assert!(self.row.flags.contains(&flag), "{flag}");
        self.flags.contains(&flag)
    }
    /// Rights among the words that stand for themselves; the last counts.
    pub(super) fn protection_flag(&self) -> Option<Protection> {
        self.flags.iter().rev().find_map(|flag| pick(&PROTECTIONS, flag))
    }
    /// Rights in place `at`.
    pub(super) fn protection(&self, at: usize) -> Protection {
        pick(&PROTECTIONS, self.word(at).text).expect("its kind was checked")
    }
    /// A region or an address in place `at`.
    pub(super) fn place_at(&self, at: usize) -> Place {
        let text = self.word(at).text;
        match parse_size(text) {
            Some(address) => Place::Address(address),
            None => Place::Region(text.to_owned()),
        }
    }
    /// The meaning of the word in place `at`, which is one of `choices`.
    pub(super) fn choice<T: Copy>(&self, at: usize, choices: &[(&str, T)]) -> T {
        pick(choices, self.word(at).text).expect("its kind was checked")
    }
}

/// What `word` means.
pub(super) fn pick<T: Copy>(choices: &[(&str, T)], word: &str) -> Option<T> {
    choices.iter().find(|&&(name, _)| name == word).map(|&(_, meaning)| meaning)
}

impl Kind {
    /// Whether `word` is of this kind.
    pub(super) fn check(self, name: &str, word: Word<'_>) -> Result<(), ScenarioError> {
        let text = word.text;
        let fits = match self {
            Kind::Name => is_name(text),
            Kind::Size => parse_size(text).is_some(),
            Kind::Positive => is_positive(text),
            Kind::Count => text == ALL || is_positive(text),
            Kind::Signed => text.parse::<i64>().is_ok(),
            Kind::Decimal => text.parse::<f64>().is_ok_and(|number| number.is_finite() && number >= 0.0),
            Kind::Place => is_name(text) || parse_size(text).is_some(),
            Kind::RegionOf => {
                text.split_once('.').is_some_and(|(who, region)| is_name(who) && is_name(region))
            }
            Kind::File => !text.trim_start_matches('/').is_empty() && !text.contains('='),
            Kind::Protection => pick(&PROTECTIONS, text).is_some(),
            Kind::Choice(words) => words.contains(&text),
            Kind::Text => !text.is_empty(),
        };
        match fits {
            true => Ok(()),
            false => Err(word.error(format!("`{text}` is no {name}: {} may stand here", self.describe()))),
        }
    }

    /// What may stand there.
    fn describe(self) -> String {
        match self {
            Kind::Name => format!("a name of up to {NAME_MAX} letters, digits and underscores"),
            Kind::Size => "a number such as 4096, 64K, 2M, 1G, 3T, 0x1000, or 10p for pages".into(),
            Kind::Positive => "a number above 0 such as 4096, 64K, 2M, 1G, 3T, or 10p for pages".into(),
            Kind::Count => format!("a number above 0 such as 5000 or 100K or the word {ALL}"),
            Kind::Signed => "a whole number such as 500 or -1000".into(),
            Kind::Decimal => "a number such as 0.9".into(),
            Kind::Place => "the name of a region or an address such as 0x1000".into(),
            Kind::RegionOf => "a worker and its region, such as A.r,".into(),
            Kind::File => "a file such as data/f or tmp/f".into(),
            Kind::Protection => "one of none, r, w, rw, rx, rwx".into(),
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::Text => "a word".into(),
        }
    }
}

fn is_positive(text: &str) -> bool {
    parse_size(text).is_some_and(|size| size > 0)
}

/// Whether `text` can be the name of a worker or a region.
pub(super) fn is_name(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts_well && text.len() <= NAME_MAX && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
