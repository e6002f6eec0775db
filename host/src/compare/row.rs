//! One line of a file of translations.

use super::field::{FIELD_COUNT, Field, NO_FAULT, SOME_FAULT};

/// A line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Where it stands, from 1.
    pub line: u64,
    values: [u64; FIELD_COUNT],
    /// One bit per field that it states.
    present: u16,
}

impl Row {
    /// A line that states nothing yet.
    pub fn at(line: u64) -> Self {
        Self { line, ..Self::default() }
    }

    /// States a field.
    pub fn set(&mut self, field: Field, value: u64) {
        self.values[field as usize] = value;
        self.present |= 1 << field as usize;
    }

    /// What it states.
    pub fn get(&self, field: Field) -> Option<u64> {
        (self.present >> field as usize & 1 != 0).then(|| self.values[field as usize])
    }

    /// The virtual address, which every line has.
    pub fn va(&self) -> u64 {
        self.values[Field::Va as usize]
    }

    /// How the access ended: a line without a physical address faulted.
    pub fn fault(&self) -> u64 {
        match (self.get(Field::Fault), self.get(Field::Pa)) {
            (Some(NO_FAULT) | None, None) => SOME_FAULT,
            (Some(fault), _) => fault,
            (None, Some(_)) => NO_FAULT,
        }
    }

    /// What is stated of the answer, in words.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        match self.fault() {
            NO_FAULT => {
                parts.extend(self.get(Field::Pa).map(|pa| Field::Pa.show(pa)));
                let size = self.get(Field::PageBytes).map(size);
                let memory_type = self.get(Field::MemoryType).map(|number| format!("type {number}"));
                parts.extend([size, memory_type].into_iter().flatten());
            }
            fault => {
                let code = self.get(Field::Code).map_or_else(String::new, |code| format!(", code {code}"));
                parts.push(match fault {
                    SOME_FAULT => format!("fault{code}"),
                    fault => format!("{} fault{code}", Field::Fault.show(fault)),
                });
            }
        }
        let mut text = parts.join(" ");
        for part in [
            self.get(Field::Served).map(|word| format!(", by {}", Field::Served.show(word))),
            self.get(Field::Cycles).map(|cycles| format!(", {cycles} cycles")),
        ]
        .into_iter()
        .flatten()
        {
            text.push_str(&part);
        }
        text
    }
}

fn size(bytes: u64) -> String {
    let unit = (bytes.checked_ilog2().unwrap_or(0).min(bytes.trailing_zeros()) / 10).min(4);
    format!("{} {}", bytes >> (10 * unit), ["B", "KiB", "MiB", "GiB", "TiB"][unit as usize])
}
