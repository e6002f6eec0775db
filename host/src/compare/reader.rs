//! From a file to rows: JSON lines, or CSV with any delimiter, compressed or not, in constant memory.

use super::columns::{Columns, Layout};
use super::field::Field;
use super::json_line;
use super::row::Row;
use pagewalk_trace::TraceError;
use pagewalk_trace::input::{Input, InputProgress};
use std::io::{self, BufRead, BufReader, Read};

/// Longest line: what is longer is no text.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Bytes read from the input at once.
const BUFFER_BYTES: usize = 1 << 20;

/// A file that cannot be compared: one line with file, place and remedy.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] TraceError),
    /// It is not what it must be.
    #[error("{file}: {problem}")]
    File {
        /// Which.
        file: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A line is not what it must be.
    #[error("{file}: line {line}: {problem}")]
    Line {
        /// Which file.
        file: String,
        /// Where, from 1.
        line: u64,
        /// What is wrong, and what to do.
        problem: String,
    },
}

/// How a file is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOptions {
    /// What its columns mean.
    pub columns: Columns,
    /// What stands between cells; `None`: found out from the first line.
    pub delimiter: Option<char>,
}

/// How the cells of a line lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    JsonLines,
    Delimited(u8),
    /// Any number of blanks between cells.
    Blanks,
}

/// The rows of a file.
pub struct Reader {
    name: String,
    input: BufReader<Input>,
    progress: InputProgress,
    line: Vec<u8>,
    number: u64,
    shape: Shape,
    layout: Layout,
    /// The first line is a row, and is in `line`.
    is_first_pending: bool,
}

impl Reader {
    /// Opens `path`, `-` being standard input.
    ///
    /// # Errors
    /// A file that cannot be read, has no line, or no column for the virtual address.
    pub fn open(path: &str, options: &FileOptions) -> Result<Self, CompareError> {
        Self::new(crate::input::open(path)?, options)
    }

    /// Reads `input`.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn new(input: Input, options: &FileOptions) -> Result<Self, CompareError> {
        let mut reader = Self {
            name: input.name().to_owned(),
            progress: input.progress(),
            input: BufReader::with_capacity(BUFFER_BYTES, input),
            line: Vec::new(),
            number: 0,
            shape: Shape::JsonLines,
            layout: Layout::default(),
            is_first_pending: false,
        };
        if !reader.next_line()? {
            let problem = "is empty; expected a header such as number,kind,va,pa, or JSON lines".to_owned();
            return Err(CompareError::File { file: reader.name, problem });
        }
        let in_file = |problem| CompareError::File { file: reader.name.clone(), problem };
        reader.shape = shape(&reader.line, options.delimiter).map_err(in_file)?;
        if reader.shape == Shape::JsonLines {
            let keys = json_line::keys(&reader.line).map_err(|problem| reader.wrong(problem))?;
            reader.layout = options.columns.of_keys(&keys).map_err(in_file)?;
            reader.is_first_pending = true;
            return Ok(reader);
        }
        let cells = cells(reader.shape, &reader.line).map(|cell| String::from_utf8_lossy(cell).into_owned());
        let cells: Vec<String> = cells.collect();
        if options.columns.are_places() {
            let places = options.columns.of_header(&[]).map_err(in_file)?;
            let is_row = cells.iter().enumerate().any(|(place, cell)| {
                let va = places.at(place).filter(|column| column.field == Field::Va);
                va.is_some_and(|column| Field::Va.read(cell.as_bytes(), column.radix).is_some())
            });
            if is_row {
                reader.layout = places;
                reader.is_first_pending = true;
                return Ok(reader);
            }
        }
        reader.layout = options.columns.of_header(&cells).map_err(in_file)?;
        Ok(reader)
    }

    /// The file's name in messages.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Whether its lines state `field`.
    pub fn has(&self, field: Field) -> bool {
        self.layout.has(field)
    }
    /// How far it has been read.
    pub fn progress(&self) -> InputProgress {
        self.progress.clone()
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// A line that is none, with its number.
    pub fn next_row(&mut self) -> Result<Option<Row>, CompareError> {
        if !std::mem::take(&mut self.is_first_pending) && !self.next_line()? {
            return Ok(None);
        }
        let row = match self.shape {
            Shape::JsonLines => json_line::read(&self.line, self.number, &self.layout),
            shape => self.cell_row(shape),
        };
        row.map(Some).map_err(|problem| self.wrong(problem))
    }

    fn wrong(&self, problem: String) -> CompareError {
        CompareError::Line { file: self.name.clone(), line: self.number, problem }
    }

    /// Steps to the next line with anything in it, comments left out.
    fn next_line(&mut self) -> Result<bool, CompareError> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut limited = (&mut self.input).take(LINE_BYTES_MAX);
            let read = loop {
                match limited.read_until(b'\n', &mut self.line) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            match read {
                Ok(0) => return Ok(false),
                Ok(bytes) if bytes as u64 == LINE_BYTES_MAX => {
                    return Err(self.wrong("is longer than 64 KiB; this is no file of translations".into()));
                }
                Ok(_) => {}
                Err(error) => {
                    return Err(self.wrong(format!("reading failed ({error}); copy or write the file again")));
                }
            }
            while self.line.last().is_some_and(u8::is_ascii_whitespace) {
                self.line.pop();
            }
            if !self.line.is_empty() && self.line[0] != b'#' {
                return Ok(true);
            }
        }
    }

    fn cell_row(&self, shape: Shape) -> Result<Row, String> {
        let mut row = Row::at(self.number);
        let wanted = self.layout.places();
        let mut place = 0;
        for cell in cells(shape, &self.line) {
            if let Some(column) = self.layout.at(place) {
                column.state(&mut row, cell)?;
            }
            place += 1;
            if place == wanted {
                return Ok(row);
            }
        }
        Err(format!("has {place} cells, expected {wanted}; the file may be cut off"))
    }
}

/// Which shape a file has whose first line is this.
fn shape(line: &[u8], delimiter: Option<char>) -> Result<Shape, String> {
    match delimiter {
        Some(' ') => return Ok(Shape::Blanks),
        Some(c) => {
            let byte = u8::try_from(c).ok().filter(u8::is_ascii);
            return byte
                .map(Shape::Delimited)
                .ok_or_else(|| format!("`{c}` cannot stand between cells: use an ASCII character"));
        }
        None => {}
    }
    if line[0] == b'{' {
        return Ok(Shape::JsonLines);
    }
    if line.iter().any(|&byte| byte < b' ' && byte != b'\t') {
        return Err("is no text; expected CSV or JSON lines, plain or compressed".into());
    }
    let found = [b',', b';', b'\t', b'|'].into_iter().find(|delimiter| line.contains(delimiter));
    Ok(found.map_or(Shape::Blanks, Shape::Delimited))
}

/// The cells of a line, without blanks and quotes around them. Quoted cells hold no delimiters: translations have none.
fn cells(shape: Shape, line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (delimiter, skips_blanks) = match shape {
        Shape::Delimited(delimiter) => (delimiter, false),
        _ => (b' ', true),
    };
    let ends = memchr::memchr2_iter(delimiter, if skips_blanks { b'\t' } else { delimiter }, line);
    let mut start = 0;
    ends.chain(std::iter::once(line.len())).filter_map(move |end| {
        let cell = &line[start..end];
        start = end + 1;
        if skips_blanks && cell.is_empty() { None } else { Some(bare(cell)) }
    })
}

/// A cell without what may stand around it.
fn bare(cell: &[u8]) -> &[u8] {
    match cell {
        [first, .., last] if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() => cell,
        _ => {
            let cell = cell.trim_ascii();
            cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, columns: &str) -> Result<Vec<Row>, String> {
        let columns = if columns.is_empty() { Columns::default() } else { columns.parse().unwrap() };
        let options = FileOptions { columns, delimiter: None };
        let input = Input::from_bytes("t", text.as_bytes().to_vec()).unwrap();
        let mut reader = Reader::new(input, &options).map_err(|error| error.to_string())?;
        let mut rows = Vec::new();
        while let Some(row) = reader.next_row().map_err(|error| error.to_string())? {
            rows.push(row);
        }
        Ok(rows)
    }

    #[test]
    fn every_shape_gives_the_same_rows() {
        let texts = [
            ("number,kind,va,pa\n1,load,0x1000,0x2000\n2,store,0x3000,\n", ""),
            ("# by hand\n\nva;number;pa;kind\n0x1000;1;0x2000;R\n 0x3000 ; 2 ;-;W\n", ""),
            ("vaddr\tn\tp\tk\n1000\t1\t2000\tl\n3000\t2\t\ts\n", "va=vaddr:hex,number=n,pa=p:hex,kind=k"),
            ("n=1 0x1000 load 8192\nn=2  0x3000 store -\n", "va=2,pa=4,kind=3"),
            (
                "{\"number\":1,\"va\":\"0x1000\",\"pa\":8192,\"kind\":\"load\",\"more\":[1]}\n{\"va\":12288,\"kind\":\"store\",\"pa\":null}\n",
                "",
            ),
        ];
        for (text, columns) in texts {
            let rows = read(text, columns).unwrap();
            let seen: Vec<_> = rows.iter().map(|r| (r.va(), r.get(Field::Pa), r.get(Field::Kind))).collect();
            assert_eq!(seen, [(0x1000, Some(0x2000), Some(1)), (0x3000, None, Some(2))], "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_file_and_line() {
        for (text, columns, expected) in [
            ("", "", "t: is empty; expected a header"),
            ("1,2,3\n", "", "t: no column is called va (its columns are 1, 2, 3): name the columns"),
            ("\u{1}\u{2}\n", "", "t: is no text"),
            ("va,pa\n0x1,0x2\n0x1\n", "", "t: line 3: has 1 cells, expected 2"),
            ("va,pa\n0x1,0xg\n", "", "t: line 2: pa is `0xg`, expected a number"),
            (
                "va,pa\n1,ff\n",
                "",
                "t: line 2: pa is `ff`, expected a number; if numbers are hexadecimal, say pa=COLUMN:hex",
            ),
            ("va,kind\n1,jump\n", "", "t: line 2: kind is `jump`, expected one of fetch, load, store"),
            ("{\"va\":1}\n{\"va\":-1}\n", "", "t: line 2: invalid type: integer `-1`"),
            ("{\"va\":1}\n{\"pa\":1}\n", "", "t: line 2: states no va"),
            ("{\"va\":1}\n{\"va\":1\n", "", "t: line 2: EOF while parsing"),
            ("{\"pa\":1}\n", "", "t: no column is called va"),
            ("va,pa\n1,2\n", "pa=paddr", "t: has no column `paddr`: its columns are va, pa"),
        ] {
            let error = read(text, columns).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let long = format!("va\n{}", "1".repeat(LINE_BYTES_MAX as usize));
        assert!(read(&long, "").unwrap_err().starts_with("t: line 2: is longer than 64 KiB"));
    }
}
