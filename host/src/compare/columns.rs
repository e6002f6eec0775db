//! Which column of a file is which field: by the names of a header, or as the user says.

use super::field::{FIELD_COUNT, Field};
use super::row::Row;
use std::str::FromStr;

/// Characters of a cell that a message quotes.
const EXCERPT_CHARS: usize = 24;

/// One assignment of `--columns`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Assignment {
    field: Field,
    /// A header's name or a key; or the place in the line, from 1.
    column: String,
    radix: Option<u32>,
}

/// What the user says about the columns: `va=2,pa=frame:hex`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns(Vec<Assignment>);

impl FromStr for Columns {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let one = |part: &str| {
            let usage = || format!("`{part}`: write it as FIELD=COLUMN, such as va=2 or pa=paddr:hex");
            let (field, column) = part.split_once('=').ok_or_else(usage)?;
            let field = Field::named(field).ok_or_else(|| {
                format!("`{field}` is no field: choose one of {}", Field::ALL.map(Field::name).join(", "))
            })?;
            let (column, radix) = match column.rsplit_once(':') {
                Some((column, "hex")) => (column, Some(16)),
                Some((column, "dec")) => (column, Some(10)),
                _ => (column, None),
            };
            if column.is_empty() || column == "0" {
                return Err(usage());
            }
            Ok(Assignment { field, column: column.to_owned(), radix })
        };
        text.split(',').map(one).collect::<Result<_, _>>().map(Self)
    }
}

/// A column of a file that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// What it means.
    pub field: Field,
    /// The base of numbers without a prefix.
    pub radix: u32,
}

impl Column {
    /// Puts a cell into the row. An empty one states nothing, but the virtual address must be there.
    ///
    /// # Errors
    /// What is wrong with the cell.
    pub fn state(self, row: &mut Row, cell: &[u8]) -> Result<(), String> {
        let Column { field, radix } = self;
        let states_nothing = matches!(cell, b"" | b"-") && !matches!(field, Field::Va | Field::Fault);
        if states_nothing {
            return Ok(());
        }
        match field.read(cell, radix) {
            Some(value) => {
                row.set(field, value);
                Ok(())
            }
            None => Err(self.misread(cell)),
        }
    }

    #[cold]
    fn misread(self, cell: &[u8]) -> String {
        let Column { field, radix } = self;
        let found: String = String::from_utf8_lossy(cell).chars().take(EXCERPT_CHARS).collect();
        let (name, expected) = (field.name(), field.expected());
        let is_hex = radix == 10 && field.read(cell, 16).is_some();
        let remedy = if is_hex {
            format!("; if numbers are hexadecimal, say {name}=COLUMN:hex")
        } else {
            String::new()
        };
        format!("{name} is `{}`, expected {expected}{remedy}", found.escape_default())
    }
}

/// The columns of a file, by place in the line or by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    by_place: Vec<Option<Column>>,
    by_key: Vec<(String, Column)>,
}

impl Columns {
    /// Whether every assignment names a place, so that a file needs no header.
    pub fn are_places(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|a| a.column.parse::<usize>().is_ok())
    }

    /// The layout of a file with this header; without one, the places that are assigned.
    ///
    /// # Errors
    /// A column that the file does not have.
    pub fn of_header(&self, header: &[String]) -> Result<Layout, String> {
        let mut by_place = vec![None; header.len()];
        for (place, name) in header.iter().enumerate() {
            let field = Field::named(name).filter(|field| self.0.iter().all(|a| a.field != *field));
            if field.is_some_and(|field| by_place.iter().flatten().any(|other: &Column| other.field == field))
            {
                return Err(format!("has two columns `{name}`: say which is meant with --columns"));
            }
            by_place[place] = field.map(|field| Column { field, radix: 10 });
        }
        for Assignment { field, column, radix } in &self.0 {
            let named = header.iter().position(|name| name.trim() == column);
            let place = named
                .or_else(|| column.parse::<usize>().ok()?.checked_sub(1))
                .ok_or_else(|| format!("has no column `{column}`: its columns are {}", header.join(", ")))?;
            if by_place.len() <= place {
                by_place.resize(place + 1, None);
            }
            by_place[place] = Some(Column { field: *field, radix: radix.unwrap_or(10) });
        }
        Layout { by_place, by_key: Vec::new() }.checked(header)
    }

    /// The layout of JSON lines, of which `keys` are those of the first.
    ///
    /// # Errors
    /// A key that the first line does not have.
    pub fn of_keys(&self, keys: &[String]) -> Result<Layout, String> {
        let mut by_key = Vec::with_capacity(FIELD_COUNT);
        for Assignment { field, column, radix } in &self.0 {
            if !keys.contains(column) {
                return Err(format!("has no key `{column}`: its keys are {}", keys.join(", ")));
            }
            by_key.push((column.clone(), Column { field: *field, radix: radix.unwrap_or(10) }));
        }
        for field in Field::ALL {
            if self.0.iter().all(|a| a.field != field) && keys.iter().any(|key| key == field.name()) {
                by_key.push((field.name().to_owned(), Column { field, radix: 10 }));
            }
        }
        Layout { by_place: Vec::new(), by_key }.checked(keys)
    }
}

impl Layout {
    fn checked(self, names: &[String]) -> Result<Self, String> {
        if self.has(Field::Va) {
            return Ok(self);
        }
        let there = match names.join(", ") {
            names if names.is_empty() => "it has no header".to_owned(),
            names => format!("its columns are {names}"),
        };
        Err(format!("no column is called va ({there}): name the columns, such as --columns va=2,pa=3"))
    }

    /// Whether the file states `field`.
    pub fn has(&self, field: Field) -> bool {
        let places = self.by_place.iter().flatten();
        places.chain(self.by_key.iter().map(|(_, column)| column)).any(|column| column.field == field)
    }
    /// The column at a place of the line, from 0.
    pub fn at(&self, place: usize) -> Option<Column> {
        self.by_place.get(place).copied().flatten()
    }
    /// Places up to the last that means something.
    pub fn places(&self) -> usize {
        self.by_place.iter().rposition(Option::is_some).map_or(0, |last| last + 1)
    }
    /// The column of a key.
    pub fn key(&self, key: &str) -> Option<Column> {
        self.by_key.iter().find(|(name, _)| name == key).map(|&(_, column)| column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header: &str) -> Vec<String> {
        header.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn columns_are_found_by_name_place_and_key() {
        let header = names("time,va,paddr,kind");
        let columns: Columns = "pa=paddr:hex,cycles=1".parse().unwrap();
        assert!(!columns.are_places());
        let layout = columns.of_header(&header).unwrap();
        let fields: Vec<_> = (0..5).map(|place| layout.at(place).map(|column| column.field)).collect();
        assert_eq!(fields, [Some(Field::Cycles), Some(Field::Va), Some(Field::Pa), Some(Field::Kind), None]);
        assert_eq!(layout.at(2).map(|column| column.radix), Some(16));
        let places: Columns = "va=2,pa=3".parse().unwrap();
        assert!(places.are_places() && places.of_header(&[]).unwrap().has(Field::Pa));
        let keyed = "va=paddr".parse::<Columns>().unwrap().of_keys(&header).unwrap();
        assert_eq!(keyed.key("paddr").map(|column| column.field), Some(Field::Va));
        assert_eq!(keyed.key("va"), None, "what is assigned counts");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("va", "`va`: write it as FIELD=COLUMN"),
            ("va=0", "`va=0`: write it as"),
            ("vaddr=1", "`vaddr` is no field: choose one of number, va"),
        ] {
            let error = text.parse::<Columns>().unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let missing = "pa=paddr".parse::<Columns>().unwrap().of_header(&names("va,pa")).unwrap_err();
        assert_eq!(missing, "has no column `paddr`: its columns are va, pa");
        let error = Columns::default().of_header(&names("vaddr,paddr")).unwrap_err();
        assert!(
            error.contains("(its columns are vaddr, paddr): name the columns, such as --columns"),
            "{error}"
        );
    }
}
