//! What runs have to tell besides their numbers, each thing once.

use crate::cli::console::Console;
use pagewalk_arch::PagingFormat;

/// What the runs have to tell, each once: what is true of several formats is said of them together.
#[derive(Debug, Default)]
pub struct Notes(Vec<(String, Vec<&'static str>)>);

impl Notes {
    /// Stands for a format's name.
    const BLANK: &'static str = "\0";

    /// Takes up what is true of `format`.
    pub fn add(&mut self, note: &str, format: PagingFormat) {
        let text = note.replace(format.name(), Self::BLANK);
        match self.0.iter_mut().find(|(other, _)| *other == text) {
            Some((_, formats)) => formats.push(format.name()),
            None => self.0.push((text, vec![format.name()])),
        }
    }

    /// Says it.
    pub fn say(&mut self, console: &Console) {
        for (text, formats) in self.0.drain(..) {
            console.note(&text.replace(Self::BLANK, &formats.join(", ")));
        }
    }
}
