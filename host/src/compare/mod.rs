//! Two files of translations, access by access: where they first differ, and in what ways how often.
//!
//! Owns reading ([`Reader`]), aligning, numberings of frames ([`FrameMap`]) and the count of differences
//! ([`Comparison`]). Knows nothing of what made the files, and prints nothing. Memory does not grow with the files, but
//! for the map of frames.

mod align;
mod columns;
mod field;
mod frames;
mod json_line;
mod reader;
mod row;

pub use columns::Columns;
pub use field::Field;
pub use frames::FrameMap;
pub use reader::{CompareError, FileOptions, Reader};
pub use row::Row;

use align::{Aligned, Aligner};
use field::{FIELD_COUNT, NO_FAULT, SOME_FAULT};
use pagewalk_arch::FRAME_BYTES;
use std::collections::VecDeque;

/// Accesses shown before the one that differs.
const RECENT_COUNT: usize = 16;

/// Which fields must be equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FieldChoice {
    /// Those of [`Field::TRANSLATION`] that both files state.
    #[default]
    Translation,
    /// All that both files state.
    All,
    /// These, and both files must state them.
    Named(Vec<Field>),
}

/// What is compared, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompareOptions {
    /// The fields that must be equal.
    pub fields: FieldChoice,
    /// Frames may be numbered otherwise, one-to-one.
    pub frames: bool,
    /// End after this many accesses.
    pub limit: Option<u64>,
}

/// The first difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstDifference {
    /// What differs, in one line.
    pub what: String,
    /// Number of the access: as the files have it, else counted from 1.
    pub number: u64,
    /// The row of either file, where it has one.
    pub rows: [Option<Row>; 2],
    /// The rows of the first file before it, oldest first.
    pub recent: Vec<(u64, Row)>,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Rows of either file.
    pub rows: [u64; 2],
    /// Accesses that both files have.
    pub aligned: u64,
    /// Rows that only one file has.
    pub only: [u64; 2],
    /// Rows of either file that could not be aligned at all.
    pub unaligned: [u64; 2],
    /// Accesses of both files that differ in a compared field.
    pub differing: u64,
    /// The compared fields, with the accesses that differ in each.
    pub compared: Vec<(Field, u64)>,
    /// Fields that both files state and that are not compared, with the accesses that differ in each.
    pub informative: Vec<(Field, u64)>,
    /// Fields that were to be compared and that one file or both do not state.
    pub absent: Vec<Field>,
    /// All cycles of either file, where both state them.
    pub cycles: Option<[u64; 2]>,
    /// Pairs of frames, and frames that were used again, where the numbering may be another.
    pub frames: Option<(u64, u64)>,
    /// The first difference.
    pub first: Option<FirstDifference>,
}

impl Comparison {
    /// All differences: accesses that differ, and those that one file lacks.
    pub fn differences(&self) -> u64 {
        self.differing + self.only[0] + self.only[1] + self.unaligned[0].max(self.unaligned[1])
    }
}

/// Compares two files to their ends, as long as `keep_running` says so.
///
/// # Errors
/// A field that is to be compared and that a file lacks; a line that cannot be read.
pub fn compare(
    readers: [Reader; 2],
    options: &CompareOptions,
    keep_running: &(dyn Fn() -> bool + Sync),
) -> Result<Comparison, CompareError> {
    let mut tally = Tally::new(&readers, options)?;
    std::thread::scope(|scope| {
        let mut aligner = Aligner::start(scope, readers, keep_running);
        while keep_running() && tally.presented < options.limit.unwrap_or(u64::MAX) {
            match aligner.next()? {
                Some(aligned) => tally.add(aligned),
                None => break,
            }
        }
        Ok(tally.finish())
    })
}

/// The count so far.
struct Tally {
    result: Comparison,
    compared: Vec<Field>,
    informative: Vec<Field>,
    counts: [u64; FIELD_COUNT],
    frames: Option<FrameMap>,
    cycles: [u64; 2],
    presented: u64,
    recent: VecDeque<(u64, Row)>,
}

impl Tally {
    fn new(readers: &[Reader; 2], options: &CompareOptions) -> Result<Self, CompareError> {
        let both = |field: Field| readers.iter().all(|reader| reader.has(field));
        // Whether an access faulted is stated by its physical address as well.
        let is_stated = |field: Field| both(field) || (field == Field::Fault && both(Field::Pa));
        let wanted: Vec<Field> = match &options.fields {
            FieldChoice::Translation => Field::TRANSLATION.to_vec(),
            FieldChoice::All => Field::ALL.into_iter().filter(|field| field.is_answer()).collect(),
            FieldChoice::Named(fields) => fields.clone(),
        };
        let (compared, absent): (Vec<Field>, Vec<Field>) =
            wanted.into_iter().partition(|&field| is_stated(field));
        if let (FieldChoice::Named(_), Some(field)) = (&options.fields, absent.first())
            && let Some(reader) = readers.iter().find(|reader| !reader.has(*field))
        {
            let name = field.name();
            let problem = format!(
                "states no {name}: name its column with --columns {name}=…, or leave {name} out of --fields"
            );
            return Err(CompareError::File { file: reader.name().to_owned(), problem });
        }
        if let Some(reader) = readers.iter().find(|_| compared.is_empty()) {
            let problem =
                "nothing but addresses is stated by both files: name columns, such as --columns pa=3"
                    .to_owned();
            return Err(CompareError::File { file: reader.name().to_owned(), problem });
        }
        let informative = Field::ALL.into_iter();
        let informative =
            informative.filter(|f| f.is_answer() && both(*f) && !compared.contains(f)).collect();
        Ok(Self {
            result: Comparison { absent, ..Comparison::default() },
            compared,
            informative,
            counts: [0; FIELD_COUNT],
            frames: options.frames.then(FrameMap::default),
            cycles: [0; 2],
            presented: 0,
            recent: VecDeque::new(),
        })
    }

    fn add(&mut self, aligned: Aligned) {
        self.presented += 1;
        match aligned {
            Aligned::Both(a, b) => self.add_pair(&a, &b),
            Aligned::Only(side, row) => {
                self.result.only[side] += 1;
                let file = ["first", "second"][side];
                self.note_first(|_| format!("only the {file} file has the access"), one_of(side, row));
            }
            Aligned::Unaligned(side, row) => {
                self.result.unaligned[side] += 1;
                self.note_first(|_| "the files go separate ways from here".into(), one_of(side, row));
            }
        }
        self.count_rows(&aligned);
    }

    fn count_rows(&mut self, aligned: &Aligned) {
        match *aligned {
            Aligned::Both(..) => {
                self.result.rows[0] += 1;
                self.result.rows[1] += 1;
            }
            Aligned::Only(side, _) | Aligned::Unaligned(side, _) => self.result.rows[side] += 1,
        }
    }

    fn add_pair(&mut self, a: &Row, b: &Row) {
        self.result.aligned += 1;
        let differs = self.differs(a, b);
        for at in 0..self.informative.len() {
            let field = self.informative[at];
            self.counts[field as usize] += u64::from(a.get(field) != b.get(field));
        }
        for (sum, row) in self.cycles.iter_mut().zip([a, b]) {
            *sum = sum.saturating_add(row.get(Field::Cycles).unwrap_or(0));
        }
        if differs != 0 {
            self.result.differing += 1;
            let fields: Vec<Field> =
                Field::ALL.into_iter().filter(|&field| differs >> field as usize & 1 != 0).collect();
            for &field in &fields {
                self.counts[field as usize] += 1;
            }
            let numbered = self.frames.is_some();
            self.note_first(|_| what(&fields, a, b, numbered), [Some(*a), Some(*b)]);
        }
        if self.result.first.is_none() {
            if self.recent.len() == RECENT_COUNT {
                self.recent.pop_front();
            }
            self.recent.push_back((self.number_of(a), *a));
        }
    }

    /// The compared fields in which two answers differ, as bits. Behind a fault, nothing else means anything.
    fn differs(&mut self, a: &Row, b: &Row) -> u16 {
        let faults = [a.fault(), b.fault()];
        let faulted = faults != [NO_FAULT; 2];
        let mut differing = 0;
        for at in 0..self.compared.len() {
            let field = self.compared[at];
            let equal = match field {
                Field::Fault => {
                    faults[0] == faults[1] || (!faults.contains(&NO_FAULT) && faults.contains(&SOME_FAULT))
                }
                Field::Pa | Field::PageBytes | Field::MemoryType if faulted => true,
                Field::Pa => self.same_place(a, b),
                _ => a.get(field) == b.get(field),
            };
            differing |= u16::from(!equal) << field as usize;
        }
        differing
    }

    fn same_place(&mut self, a: &Row, b: &Row) -> bool {
        let (Some(pa), Some(pb)) = (a.get(Field::Pa), b.get(Field::Pa)) else { return false };
        let Some(frames) = &mut self.frames else { return pa == pb };
        if [a, b].iter().any(|row| row.get(Field::Retries).is_some_and(|retries| retries > 0)) {
            frames.forget(a.va());
        }
        let sizes = [a, b].map(|row| row.get(Field::PageBytes).filter(|bytes| bytes.is_power_of_two()));
        let page_bytes = sizes.into_iter().flatten().min().filter(|_| !sizes.contains(&None));
        frames.agrees(a.va(), pa, pb, page_bytes.unwrap_or(FRAME_BYTES))
    }

    fn number_of(&self, row: &Row) -> u64 {
        row.get(Field::Number).unwrap_or(self.presented)
    }

    fn note_first(&mut self, what: impl FnOnce(&Self) -> String, rows: [Option<Row>; 2]) {
        if self.result.first.is_none() {
            let number = rows.iter().flatten().next().map_or(self.presented, |row| self.number_of(row));
            let what = what(self);
            let recent = std::mem::take(&mut self.recent).into();
            self.result.first = Some(FirstDifference { what, number, rows, recent });
        }
    }

    fn finish(self) -> Comparison {
        let counted = |fields: &[Field]| fields.iter().map(|&f| (f, self.counts[f as usize])).collect();
        let has_cycles = self.compared.iter().chain(&self.informative).any(|&field| field == Field::Cycles);
        Comparison {
            compared: counted(&self.compared),
            informative: counted(&self.informative),
            cycles: has_cycles.then_some(self.cycles),
            frames: self.frames.as_ref().map(|frames| (frames.pairs(), frames.renumbered())),
            ..self.result
        }
    }
}

fn one_of(side: usize, row: Row) -> [Option<Row>; 2] {
    let mut rows = [None; 2];
    rows[side] = Some(row);
    rows
}

/// The fields that differ, with both values.
fn what(fields: &[Field], a: &Row, b: &Row, numbered: bool) -> String {
    let shown = fields.iter().map(|&field| {
        let show = |row: &Row| match field {
            Field::Fault if row.fault() == NO_FAULT => "none".to_owned(),
            Field::Fault => field.show(row.fault()),
            _ => row.get(field).map_or_else(|| "nothing".into(), |value| field.show(value)),
        };
        let how = if field == Field::Pa && numbered { " (no one-to-one numbering)" } else { "" };
        format!("{} {} against {}{how}", field.name(), show(a), show(b))
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
