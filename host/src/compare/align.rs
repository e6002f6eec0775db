//! The rows of two files side by side: by their virtual addresses, with rows that one file lacks found again.
//!
//! Each file is read and parsed by a thread of its own. Where addresses differ, the shortest way to rows that agree
//! again is looked for within a window; without any, the window is given up as a whole.

use super::field::Field;
use super::reader::{CompareError, Reader};
use super::row::Row;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

/// Rows handed over at once.
const BATCH_ROWS: usize = 2048;
/// Batches that a reader may be ahead.
const BATCHES_AHEAD: usize = 4;
/// Rows of one file that the other may lack in one place.
const WINDOW_ROWS: usize = 1024;
/// Rows that must agree before the files count as aligned again, or all that are left.
const CONFIRM_ROWS: usize = 8;

/// The next step through both files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aligned {
    /// An access that both have.
    Both(Row, Row),
    /// An access that only the file of this index has.
    Only(usize, Row),
    /// An access of the file of this index where the files have nothing in common.
    Unaligned(usize, Row),
}

type Batch = Result<Vec<Row>, CompareError>;

/// One file.
struct Side {
    rows: VecDeque<Row>,
    batches: Receiver<Batch>,
    is_over: bool,
}

impl Side {
    /// Has at least `count` rows, unless the file ends before.
    fn fill(&mut self, count: usize) -> Result<(), CompareError> {
        while self.rows.len() < count && !self.is_over {
            match self.batches.recv() {
                Ok(batch) => self.rows.extend(batch?),
                Err(_) => self.is_over = true,
            }
        }
        Ok(())
    }
}

/// Both files.
pub struct Aligner {
    sides: [Side; 2],
    /// Rows at the front of either file that are to be handed out by themselves.
    alone: [usize; 2],
    has_common: bool,
    numbers: Numbers,
}

/// How the numbers of the two files go together, where both state them: files may begin to count elsewhere.
#[derive(Default)]
struct Numbers {
    /// Number in the first file less the number in the second, of the access that both had last.
    distance: Option<i128>,
}

impl Numbers {
    fn between(a: &Row, b: &Row) -> Option<i128> {
        Some(i128::from(a.get(Field::Number)?) - i128::from(b.get(Field::Number)?))
    }

    fn learn(&mut self, a: &Row, b: &Row) {
        self.distance = Self::between(a, b);
    }

    /// The file that is behind the other.
    fn lags(&self, a: &Row, b: &Row) -> Option<usize> {
        let ahead = Self::between(a, b)? - self.distance?;
        (ahead != 0).then_some(usize::from(ahead > 0))
    }

    /// Rows of the file `side` before the one that has the number of the other's front, and its address.
    fn catch_up(&self, side: usize, front: &(Row, Row), rows: &VecDeque<Row>) -> Option<usize> {
        rows.iter().take(WINDOW_ROWS).position(|row| {
            let pair = if side == 0 { (row, &front.1) } else { (&front.0, row) };
            row.va() == front.0.va() && Self::between(pair.0, pair.1) == self.distance
        })
    }
}

impl Aligner {
    /// Starts reading; the readers end when the aligner goes, or when `keep_running` says so.
    pub fn start<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        readers: [Reader; 2],
        keep_running: &'env (dyn Fn() -> bool + Sync),
    ) -> Self {
        let sides = readers.map(|mut reader| {
            let (sender, batches) = sync_channel(BATCHES_AHEAD);
            scope.spawn(move || {
                while keep_running() {
                    let batch = read_batch(&mut reader);
                    let is_last = batch.as_ref().map_or(true, |rows| rows.len() < BATCH_ROWS);
                    if sender.send(batch).is_err() || is_last {
                        return;
                    }
                }
            });
            Side { rows: VecDeque::with_capacity(2 * BATCH_ROWS), batches, is_over: false }
        });
        Self { sides, alone: [0; 2], has_common: true, numbers: Numbers::default() }
    }

    /// The next step; `None` at the end of both files.
    pub fn next(&mut self) -> Result<Option<Aligned>, CompareError> {
        loop {
            for side in 0..2 {
                if self.alone[side] > 0
                    && let Some(row) = self.sides[side].rows.pop_front()
                {
                    self.alone[side] -= 1;
                    return Ok(Some(self.lonely(side, row)));
                }
            }
            let [a, b] = &mut self.sides;
            a.fill(1)?;
            b.fill(1)?;
            match (a.rows.front(), b.rows.front()) {
                (Some(left), Some(right)) if left.va() == right.va() => {
                    let pair = (*left, *right);
                    if let Some(side) = self.numbers.lags(&pair.0, &pair.1) {
                        // Of several accesses to one address, the number tells which one is missing.
                        self.sides[side].fill(WINDOW_ROWS)?;
                        if let Some(count) = self.numbers.catch_up(side, &pair, &self.sides[side].rows) {
                            self.has_common = true;
                            self.alone[side] = count;
                            continue;
                        }
                    }
                    let [a, b] = &mut self.sides;
                    self.numbers.learn(&pair.0, &pair.1);
                    a.rows.pop_front();
                    b.rows.pop_front();
                    return Ok(Some(Aligned::Both(pair.0, pair.1)));
                }
                (None, None) => return Ok(None),
                (Some(_), Some(_)) => {
                    a.fill(WINDOW_ROWS + CONFIRM_ROWS)?;
                    b.fill(WINDOW_ROWS + CONFIRM_ROWS)?;
                    let found = way_back(&a.rows, &b.rows);
                    self.has_common = found.is_some();
                    let window = [a.rows.len().min(WINDOW_ROWS), b.rows.len().min(WINDOW_ROWS)];
                    self.alone = found.unwrap_or(window);
                }
                (left, _) => {
                    let side = usize::from(left.is_none());
                    self.has_common = true;
                    self.alone[side] = self.sides[side].rows.len();
                }
            }
        }
    }

    fn lonely(&self, side: usize, row: Row) -> Aligned {
        if self.has_common { Aligned::Only(side, row) } else { Aligned::Unaligned(side, row) }
    }
}

fn read_batch(reader: &mut Reader) -> Batch {
    let mut rows = Vec::with_capacity(BATCH_ROWS);
    while rows.len() < BATCH_ROWS {
        match reader.next_row() {
            Ok(Some(row)) => rows.push(row),
            Ok(None) => break,
            // What stands before a broken line does not hide it: nothing is compared that was not read whole.
            Err(error) => return Err(error),
        }
    }
    Ok(rows)
}

/// The fewest rows that must be left out of either file until both agree again.
fn way_back(a: &VecDeque<Row>, b: &VecDeque<Row>) -> Option<[usize; 2]> {
    let most = [a.len().min(WINDOW_ROWS), b.len().min(WINDOW_ROWS)];
    (1..=most[0] + most[1]).find_map(|left_out| {
        let fewest = left_out.saturating_sub(most[1]);
        (fewest..=left_out.min(most[0]))
            .map(|from_a| [from_a, left_out - from_a])
            .find(|&[from_a, from_b]| agree(a, b, from_a, from_b))
    })
}

/// Whether the files agree from there on, for a while or to the end of one of them.
fn agree(a: &VecDeque<Row>, b: &VecDeque<Row>, from_a: usize, from_b: usize) -> bool {
    for at in 0..CONFIRM_ROWS {
        match (a.get(from_a + at), b.get(from_b + at)) {
            (Some(left), Some(right)) if left.va() == right.va() => {}
            (Some(_), Some(_)) => return false,
            _ => return at > 0,
        }
    }
    true
}
