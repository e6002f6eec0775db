//! The wording of what is wrong with a trace. Owns the one-line shape: file, place, what was expected, what
//! stands there, what to do.

use crate::TraceError;

/// Characters of the offending text that a message quotes.
const EXCERPT_CHARS_MAX: usize = 48;

/// A place in a text: line counted from 1, byte offset (after decompression) of the line's first byte from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Line number.
    pub line: u64,
    /// Byte offset.
    pub offset: u64,
}

/// A line that is not what the format allows.
pub(super) fn malformed(name: &str, at: Place, expected: &str, found: &[u8], remedy: &str) -> TraceError {
    TraceError(format!(
        "{name}: line {}, byte {}: expected {expected}, found `{}`; {remedy}",
        at.line,
        at.offset,
        excerpt(found)
    ))
}

/// A trace as a whole that cannot be used: its name, what is wrong, what to do.
pub fn unusable(name: &str, what: &str, remedy: &str) -> TraceError {
    TraceError(format!("{name}: {what}; {remedy}"))
}

/// The beginning of `text` in printable characters on one line.
pub(super) fn excerpt(text: &[u8]) -> String {
    let mut out: String = text
        .iter()
        .take(EXCERPT_CHARS_MAX)
        .flat_map(|&byte| match byte {
            b'\'' | b'"' | b'\\' => vec![char::from(byte)],
            _ => std::ascii::escape_default(byte).map(char::from).collect(),
        })
        .collect();
    if text.len() > EXCERPT_CHARS_MAX {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_short_and_printable() {
        assert_eq!(excerpt(b" L 10'0,\x07"), " L 10'0,\\x07");
        assert_eq!(excerpt(&[b'a'; 100]).chars().count(), EXCERPT_CHARS_MAX + 1);
    }
}
