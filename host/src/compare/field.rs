//! What a line of a file of translations can say: the fields, their names, and how a cell is read.
//!
//! A file of another tool calls its columns as it likes; what they mean is one of these. Every value is kept as a
//! number, so that a row is plain data: words are places in [`KINDS`] and [`FAULTS`], or up to eight letters.

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Field {
    /// Number of the access.
    Number,
    /// Virtual address: by it, accesses are aligned.
    Va,
    /// Fetch, load or store.
    Kind,
    /// Physical address.
    Pa,
    /// Whether the access faulted, and how.
    Fault,
    /// Bytes of the page that it lies in.
    PageBytes,
    /// Memory type, as the page table encodes it.
    MemoryType,
    /// The fault's cause or error code.
    Code,
    /// What answered.
    Served,
    /// Clock cycles from request to answer.
    Cycles,
    /// How often the access was presented again after a fault that the kernel resolved.
    Retries,
}

/// Number of fields.
pub const FIELD_COUNT: usize = 11;

/// How the cell of a field is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Number,
    Size,
    Word,
    Place(&'static [(&'static str, u64)]),
}

/// Names of kinds of accesses.
const KINDS: &[(&str, u64)] = &[
    ("fetch", 0),
    ("load", 1),
    ("store", 2),
    ("read", 1),
    ("write", 2),
    ("exec", 0),
    ("execute", 0),
    ("instruction", 0),
    ("ifetch", 0),
    ("amo", 2),
    ("i", 0),
    ("r", 1),
    ("l", 1),
    ("w", 2),
    ("s", 2),
    ("x", 0),
];

/// No fault.
pub const NO_FAULT: u64 = 0;
/// A fault of which the file does not say which: there is no physical address.
pub const SOME_FAULT: u64 = 4;

/// Names of faults; numbers are RISC-V's causes.
const FAULTS: &[(&str, u64)] = &[
    ("none", NO_FAULT),
    ("page", 1),
    ("access", 2),
    ("general_protection", 3),
    ("fault", SOME_FAULT),
    ("ok", NO_FAULT),
    ("", NO_FAULT),
    ("-", NO_FAULT),
    ("0", NO_FAULT),
    ("false", NO_FAULT),
    ("page_fault", 1),
    ("pf", 1),
    ("#pf", 1),
    ("12", 1),
    ("13", 1),
    ("15", 1),
    ("access_fault", 2),
    ("1", 2),
    ("5", 2),
    ("7", 2),
    ("gp", 3),
    ("#gp", 3),
    ("gp_fault", 3),
    ("true", SOME_FAULT),
];

impl Field {
    /// Every field, in the order of the discriminants.
    pub const ALL: [Self; FIELD_COUNT] = [
        Self::Number,
        Self::Va,
        Self::Kind,
        Self::Pa,
        Self::Fault,
        Self::PageBytes,
        Self::MemoryType,
        Self::Code,
        Self::Served,
        Self::Cycles,
        Self::Retries,
    ];
    /// What two designs of one architecture must agree on: the translation.
    pub const TRANSLATION: [Self; 5] = [Self::Kind, Self::Pa, Self::Fault, Self::PageBytes, Self::MemoryType];

    /// The name, in files of `--translations` and in options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Va => "va",
            Self::Kind => "kind",
            Self::Pa => "pa",
            Self::Fault => "fault",
            Self::PageBytes => "page_bytes",
            Self::MemoryType => "memory_type",
            Self::Code => "code",
            Self::Served => "served",
            Self::Cycles => "cycles",
            Self::Retries => "retries",
        }
    }

    /// The field called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name().eq_ignore_ascii_case(name.trim()))
    }

    /// Whether two rows can differ in it: the others say which access a row is about.
    pub const fn is_answer(self) -> bool {
        !matches!(self, Self::Number | Self::Va)
    }

    const fn cell(self) -> Cell {
        match self {
            Self::Kind => Cell::Place(KINDS),
            Self::Fault => Cell::Place(FAULTS),
            Self::PageBytes => Cell::Size,
            Self::Served => Cell::Word,
            _ => Cell::Number,
        }
    }

    /// Reads a cell; numbers without a prefix are of `radix`.
    pub fn read(self, cell: &[u8], radix: u32) -> Option<u64> {
        match self.cell() {
            Cell::Number => number(cell, radix),
            Cell::Size => size(cell, radix),
            Cell::Word => word(cell),
            Cell::Place(names) => {
                let found = names.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(cell));
                found.map(|&(_, code)| code)
            }
        }
    }

    /// What a cell must be.
    pub fn expected(self) -> String {
        match self.cell() {
            Cell::Number => "a number".to_owned(),
            Cell::Size => "a size such as 4096 or 4KiB".to_owned(),
            Cell::Word => "a word of up to 8 letters".to_owned(),
            Cell::Place(names) => {
                let known = names.iter().map(|&(name, _)| name).filter(|name| !name.is_empty());
                format!("one of {}", known.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// A value as people read it.
    pub fn show(self, value: u64) -> String {
        match self.cell() {
            Cell::Place(names) => {
                names.iter().find(|&&(_, code)| code == value).map_or("?", |&(name, _)| name).to_owned()
            }
            Cell::Word => {
                let bytes = value.to_be_bytes();
                String::from_utf8_lossy(&bytes).trim_start_matches('\0').to_owned()
            }
            Cell::Size | Cell::Number if matches!(self, Self::Va | Self::Pa) => format!("{value:#x}"),
            Cell::Size | Cell::Number => value.to_string(),
        }
    }
}

/// The value of a digit in either case; `NO_DIGIT` for every other byte.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        digits[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};
const NO_DIGIT: u8 = u8::MAX;
/// Digits of any base here that always fit 64 bits.
const SAFE_DIGITS: usize = 16;

/// A number as `0x…` or in `radix`, which is 10 or 16.
fn number(cell: &[u8], radix: u32) -> Option<u64> {
    let (digits, radix) = match cell {
        [b'0', b'x' | b'X', digits @ ..] => (digits, 16),
        digits => (digits, radix),
    };
    if digits.is_empty() {
        return None;
    }
    if digits.len() > SAFE_DIGITS {
        let sound = digits.iter().all(u8::is_ascii_alphanumeric);
        return u64::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| sound)?, radix).ok();
    }
    let mut value = 0u64;
    for &byte in digits {
        let digit = u32::from(DIGITS[byte as usize]);
        if digit >= radix {
            return None;
        }
        value = value * u64::from(radix) + u64::from(digit);
    }
    Some(value)
}

/// A number of bytes, with or without a unit.
fn size(cell: &[u8], radix: u32) -> Option<u64> {
    if let Some(bytes) = number(cell, radix) {
        return Some(bytes);
    }
    let text = std::str::from_utf8(cell).ok()?.trim_end_matches(['B', 'b']).trim_end_matches('i');
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let shift = 10 * (1 + "KMGT".find(unit.to_ascii_uppercase().as_str())? as u32);
    number(digits.trim_end().as_bytes(), 10)?.checked_mul(1 << shift)
}

/// A short word, in lower case.
fn word(cell: &[u8]) -> Option<u64> {
    if cell.len() > 8 || !cell.is_ascii() {
        return None;
    }
    Some(cell.iter().fold(0, |word, byte| word << 8 | u64::from(byte.to_ascii_lowercase())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_in_every_usual_form() {
        let read = |field: Field, cell: &str| field.read(cell.as_bytes(), 10);
        for (cell, value) in
            [("0x1F", Some(31)), ("31", Some(31)), ("1f", None), ("", None), ("0x", None), ("-1", None)]
        {
            assert_eq!(read(Field::Pa, cell), value, "{cell}");
        }
        assert_eq!(Field::Pa.read(b"1f", 16), Some(31));
        for (cell, value) in [
            ("0x10000000000000000", None),
            ("0x00000ffffffffffffffff", Some(u64::MAX)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(read(Field::Pa, cell), value, "{cell}");
        }
        for (cell, value) in [("4096", 1 << 12), ("4KiB", 1 << 12), ("2M", 2 << 20), ("1 GB", 1 << 30)] {
            assert_eq!(read(Field::PageBytes, cell), Some(value), "{cell}");
        }
        assert_eq!(read(Field::PageBytes, "K"), None);
        assert_eq!((read(Field::Kind, "R"), read(Field::Kind, "Load")), (Some(1), Some(1)));
        assert_eq!(read(Field::Kind, "jump"), None);
        assert!(Field::Kind.expected().starts_with("one of fetch, load"));
        assert_eq!((read(Field::Fault, "-"), read(Field::Fault, "15")), (Some(0), Some(1)));
        assert_eq!(read(Field::Served, "walk").map(|word| Field::Served.show(word)).as_deref(), Some("walk"));
        assert_eq!(read(Field::Served, "unreasonable"), None);
    }

    #[test]
    fn fields_stand_where_their_numbers_say() {
        for (at, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!((field as usize, Field::named(field.name())), (at, Some(field)));
        }
    }
}
