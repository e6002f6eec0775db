//! Constant index expressions: `[i * 2 + 1]` under the values of the loop variables.

use super::error::{Checked, Defect};

/// The loop variables in scope, innermost last.
pub(super) type LoopVariables = Vec<(String, usize)>;

/// The raw name of an operand as `hdl_gen` spells it: `.lane[i*2].hit.next` becomes `lane$4$hit`.
pub(super) fn resolve(spelling: &str, loops: &LoopVariables) -> Checked<String> {
    let mut name = spelling.to_string();
    while let Some(open) = name.find('[') {
        let length = name[open..].find(']').ok_or_else(|| Defect::BadIndex(spelling.to_string()))?;
        let index = evaluate(&name[open + 1..open + length], loops)?;
        name = format!("{}${index}{}", &name[..open], &name[open + length + 1..]);
    }
    let name = name.replace('.', "$");
    let mut name = name.trim_start_matches('$');
    while let Some(stem) = name.strip_suffix("$next") {
        name = stem;
    }
    Ok(name.to_string())
}

/// The value of an index expression.
pub(super) fn evaluate(expression: &str, loops: &LoopVariables) -> Checked<usize> {
    let mut parser = Parser { rest: expression, loops };
    let value = parser.sum();
    parser.skip_spaces();
    match value {
        Some(value) if parser.rest.is_empty() => usize::try_from(value).ok(),
        _ => None,
    }
    .ok_or_else(|| Defect::BadIndex(expression.trim().to_string()))
}

struct Parser<'a> {
    rest: &'a str,
    loops: &'a LoopVariables,
}

impl Parser<'_> {
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, operators: &str) -> Option<char> {
        self.skip_spaces();
        let first = self.rest.chars().next().filter(|c| operators.contains(*c))?;
        self.rest = &self.rest[first.len_utf8()..];
        Some(first)
    }

    fn sum(&mut self) -> Option<i64> {
        let mut value = self.product()?;
        while let Some(operator) = self.take("+-") {
            let other = self.product()?;
            value = if operator == '+' { value.checked_add(other)? } else { value.checked_sub(other)? };
        }
        Some(value)
    }

    fn product(&mut self) -> Option<i64> {
        let mut value = self.factor()?;
        while let Some(operator) = self.take("*/%") {
            let other = self.factor()?;
            value = match operator {
                '*' => value.checked_mul(other)?,
                '/' => value.checked_div(other)?,
                _ => value.checked_rem(other)?,
            };
        }
        Some(value)
    }

    fn factor(&mut self) -> Option<i64> {
        if self.take("(").is_some() {
            let value = self.sum()?;
            self.take(")")?;
            return Some(value);
        }
        self.skip_spaces();
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if let Some((_, value)) = self.loops.iter().rev().find(|(name, _)| name == word) {
            return i64::try_from(*value).ok();
        }
        parse_integer(word).and_then(|value| i64::try_from(value).ok())
    }
}

/// A Rust integer literal: with separators, radix and type suffix.
fn parse_integer(word: &str) -> Option<u128> {
    let mut digits = word.replace('_', "");
    for suffix in ["usize", "u128", "u64", "u32", "u16", "u8", "i64", "i32"] {
        if let Some(stem) = digits.strip_suffix(suffix) {
            digits = stem.to_string();
            break;
        }
    }
    for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] {
        if let Some(stem) = digits.strip_prefix(prefix) {
            return u128::from_str_radix(stem, radix).ok();
        }
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_follow_the_loop_variables() {
        let loops = vec![("i".to_string(), 3), ("j".to_string(), 1), ("i".to_string(), 5)];
        assert_eq!(resolve("lane[i*2+j].hit.next", &loops).unwrap(), "lane$11$hit");
        assert_eq!(resolve("x[(i-1)/2][j]", &loops).unwrap(), "x$2$1");
        assert_eq!(resolve("plain$next", &loops).unwrap(), "plain");
    }

    #[test]
    fn bad_indices_are_errors() {
        let loops = vec![("i".to_string(), 0)];
        for bad in ["i-1", "k", "i/0", "1+", "(1", "2 3", ""] {
            assert!(evaluate(bad, &loops).is_err(), "{bad}");
        }
        assert_eq!(evaluate("0x1_0usize % 7", &loops), Ok(2));
    }
}
