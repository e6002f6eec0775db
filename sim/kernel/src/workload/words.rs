//! The words of a line, each with the column at which it begins.

use super::ScenarioError;

/// One word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// Line of the text, from 1.
    pub(super) line: u32,
    /// First character within the line, from 1.
    pub(super) column: u32,
    pub(super) text: &'a str,
}

impl<'a> Word<'a> {
    /// What is wrong with it.
    pub(super) fn error(&self, problem: impl Into<String>) -> ScenarioError {
        ScenarioError { line: self.line, column: self.column, problem: problem.into() }
    }

    /// What follows the equals sign, where the word begins with `key` and one.
    pub(super) fn value_of(&self, key: &str) -> Option<Word<'a>> {
        let value = self.text.strip_prefix(key)?.strip_prefix('=')?;
        let before = (self.text.len() - value.len()) as u32;
        Some(Word { text: value, column: self.column + before, ..*self })
    }
}

/// The words of line number `line`, up to a comment.
pub(super) fn words(line: u32, text: &str) -> Vec<Word<'_>> {
    let text = text.split('#').next().unwrap_or_default();
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(|c: char| !c.is_whitespace()) {
        let word = &rest[begin..];
        let length = word.find(char::is_whitespace).unwrap_or(word.len());
        let before = text.len() - word.len();
        let column = 1 + text[..before].chars().count() as u32;
        words.push(Word { line, column, text: &word[..length] });
        rest = &word[length..];
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_comments_end_a_line() {
        let seen: Vec<_> = words(1, "  ä\ttouch r=1 # w").iter().map(|w| (w.column, w.text)).collect();
        assert_eq!(seen, [(3, "ä"), (5, "touch"), (11, "r=1")]);
        assert!(words(1, " # only this").is_empty());
        let word = words(1, " off=4K")[0];
        assert_eq!(word.value_of("off").map(|w| (w.column, w.text)), Some((6, "4K")));
        assert_eq!(word.value_of("of"), None);
    }
}
