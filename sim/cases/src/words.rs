//! Words of a case file that mean the same wherever they stand: numbers and mode bits.

use pagewalk_arch::{Mode, ModeBit};
use std::str::SplitWhitespace;

/// A number in hexadecimal (`0x`) or decimal, `_` between digits allowed.
pub(super) fn number(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let parsed = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is no number: write 0x1f or 31"))
}

pub(super) fn small<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    T::try_from(number(text)?).map_err(|_| format!("{text} is too large"))
}

/// The mode in which exactly the named bits are set.
pub(super) fn modes(words: SplitWhitespace<'_>) -> Result<Mode, String> {
    let mut mode = Mode::default();
    for word in words {
        match ModeBit::named(word) {
            Some(bit) => bit.set(&mut mode, true),
            None if word == "none" => {}
            None => return Err(format!("`{word}` is no mode bit")),
        }
    }
    Ok(mode)
}
