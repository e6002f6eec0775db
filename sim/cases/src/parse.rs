//! The text of conformance cases, as `tests/cases/README.md` describes it. Owns sections, loops and line-numbered errors;
//! what the lines of one case mean is said by `builder`.

use super::builder::Builder;
use super::words::{modes, number, small};
use super::{Case, CaseError, Step};
use pagewalk_arch::{MmuConfig, Mode, PagingFormat, Preset};
use std::str::SplitWhitespace;

/// The cases of one text.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Case>, CaseError> {
    let error = |(line, problem)| CaseError { file: file.to_owned(), line, problem };
    let mut configs: Vec<MmuConfig> = Vec::new();
    let mut mode = Mode::default();
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for (at, raw) in text.lines().enumerate() {
        let line = at + 1;
        let content = without_comment(raw).trim();
        let mut words = content.split_whitespace();
        let wrong = |problem| error((line, problem));
        match words.next() {
            None => {}
            Some("format") => {
                configs = section(words).map_err(wrong)?;
                mode = Mode::default();
                blocks.push(Block { configs: configs.clone(), mode, lines: Vec::new() });
            }
            Some(_) if configs.is_empty() => {
                return Err(wrong("a file begins with `format NAME`".to_owned()));
            }
            Some("case") => {
                blocks.push(Block { configs: configs.clone(), mode, lines: vec![(line, content)] });
            }
            Some("mode") if blocks.last().is_some_and(|block| block.lines.is_empty()) => {
                mode = modes(words).map_err(wrong)?;
            }
            Some(_) => match blocks.last_mut() {
                Some(block) if !block.lines.is_empty() => block.lines.push((line, content)),
                _ => {
                    return Err(wrong(
                        "before the first `case` only `format` and `mode` may stand".to_owned(),
                    ));
                }
            },
        }
    }
    let mut cases = Vec::new();
    for block in blocks.iter().filter(|block| !block.lines.is_empty()) {
        block.expand(&mut cases).map_err(error)?;
    }
    Ok(cases)
}

/// A comment begins with `#` and a blank, so that it is told apart from `#PF` and `#GP`.
fn without_comment(line: &str) -> &str {
    let is_comment = |&(at, _): &(usize, &str)| line[at + 1..].chars().next().is_none_or(char::is_whitespace);
    line.match_indices('#').find(is_comment).map_or(line, |(at, _)| &line[..at])
}

/// `format sv39 sv48 preset wide physical-bits 36 asid-bits 7`.
fn section(mut words: SplitWhitespace<'_>) -> Result<Vec<MmuConfig>, String> {
    let mut formats: Vec<PagingFormat> = Vec::new();
    let (mut preset, mut physical_bits, mut asid_bits) = (Preset::ALL[0], None, None);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value"));
        match word {
            "preset" => {
                let name = value()?;
                preset = Preset::named(name).ok_or_else(|| format!("no preset is called `{name}`"))?;
            }
            "physical-bits" => physical_bits = Some(small(value()?)?),
            "asid-bits" => asid_bits = Some(small(value()?)?),
            name => {
                formats.push(name.parse().map_err(|error: pagewalk_arch::UnknownFormat| error.to_string())?);
            }
        }
    }
    let config = |format| {
        let mut config = preset.config(format);
        config.physical_bits = physical_bits.unwrap_or(config.physical_bits);
        config.asid_bits = asid_bits.unwrap_or(config.asid_bits);
        config.validate().map_err(|error| error.to_string())?;
        Ok(config)
    };
    if formats.is_empty() {
        return Err("name at least one page-table format".to_owned());
    }
    formats.into_iter().map(config).collect()
}

/// One case as text, with what its section says.
struct Block<'a> {
    configs: Vec<MmuConfig>,
    mode: Mode,
    lines: Vec<(usize, &'a str)>,
}

type LineError = (usize, String);

impl Block<'_> {
    /// All its variants: one for each format and each combination of the values of its `for` lines.
    fn expand(&self, cases: &mut Vec<Case>) -> Result<(), LineError> {
        let mut variants: Vec<Vec<(&str, String)>> = vec![Vec::new()];
        for &(line, content) in &self.lines {
            let Some(rest) = content.strip_prefix("for ") else { continue };
            let (name, values) = loop_values(rest).map_err(|problem| (line, problem))?;
            variants = variants
                .iter()
                .flat_map(|variant| {
                    values.iter().map(move |value| [&variant[..], &[(name, value.clone())]].concat())
                })
                .collect();
        }
        for config in &self.configs {
            for variant in &variants {
                cases.push(self.variant(config, variant)?);
            }
        }
        Ok(())
    }

    fn variant(&self, config: &MmuConfig, variant: &[(&str, String)]) -> Result<Case, LineError> {
        let mut builder = Builder::new(config, self.mode);
        let mut heading = (String::new(), String::new());
        for &(line, content) in &self.lines {
            let mut content = content.to_owned();
            for (name, value) in variant {
                content = content.replace(&format!("{{{name}}}"), value);
            }
            let wrong = |problem| (line, problem);
            if let Some(rest) = content.strip_prefix("case") {
                let (rule, title) = rest
                    .trim()
                    .split_once(' ')
                    .ok_or_else(|| wrong("write `case RULE what it shows`".to_owned()))?;
                heading = (rule.to_owned(), title.trim().to_owned());
            } else if !content.starts_with("for ") {
                if content.contains(['{', '}']) {
                    return Err(wrong("a name in braces that no `for` of this case gives".to_owned()));
                }
                builder.line(line, &content).map_err(wrong)?;
            }
        }
        let (rule, title) = heading;
        if !builder.steps.iter().any(|(_, step)| matches!(step, Step::Access(..) | Step::Holds(..))) {
            return Err((self.lines[0].0, "the case checks nothing".to_owned()));
        }
        Ok(Case { rule, title, needs_tlb: builder.needs_tlb, config: *config, steps: builder.steps })
    }
}

/// `NAME in VALUE VALUE FROM..TO`; a range of decimal numbers includes both ends.
fn loop_values(text: &str) -> Result<(&str, Vec<String>), String> {
    let (name, list) = text.split_once(" in ").ok_or("write `for NAME in VALUES`")?;
    let mut values = Vec::new();
    for word in list.split_whitespace() {
        match word.split_once("..") {
            Some((from, to)) => {
                let (from, to) = (number(from)?, number(to)?);
                if from > to || to - from > 64 {
                    return Err(format!("{word} is no range of at most 65 numbers"));
                }
                values.extend((from..=to).map(|value| value.to_string()));
            }
            None => values.push(word.to_owned()),
        }
    }
    Ok((name.trim(), values))
}
