//! Steps as text, one a line, as case files and reports have them:
//!
//! ```text
//! # Comments and empty lines are left out.
//! P0: mmap 0,16 RW anon POPULATE       anon, sanon, pfile0@2, sfile1; POPULATE LOCKED NORESERVE GROWSDOWN
//! P0: write 8,4                        page 8 and the three after it; 3+100 means byte 100 of page 3
//! P0: mremap 8,8 -> 72,8 [DONTUNMAP]
//! P0: mremap 0,4 in place to 8
//! P0: madvise 1,1 GUARD_INSTALL
//! P0: fork P1
//! P1: exit
//! ```

use super::step::{Action, Advice, MapFlags, Object, Sequence, Span, Step, Target};
use pagewalk_arch::FRAME_BYTES;
use pagewalk_trace::Protection;
use std::fmt;
use std::str::FromStr;

/// A line that is not a step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text:?} is not a step: {why}")]
pub struct SyntaxError {
    /// Which, counted from 1.
    pub line: usize,
    /// It.
    pub text: String,
    /// What is wrong and what to write.
    pub why: String,
}

/// Rights and their names.
const RIGHTS: [&str; 8] = ["NONE", "R", "W", "RW", "X", "RX", "WX", "RWX"];

fn rights_of(text: &str) -> Result<Protection, String> {
    let bits = RIGHTS.iter().position(|&name| name == text);
    let bits = bits.ok_or_else(|| format!("{text:?}: rights are one of {}", RIGHTS.join(" ")))?;
    Ok(Protection { read: bits & 1 != 0, write: bits & 2 != 0, execute: bits & 4 != 0 })
}

/// The name of `protection` in the language.
pub fn rights_name(protection: Protection) -> &'static str {
    let Protection { read, write, execute } = protection;
    RIGHTS[usize::from(read) | usize::from(write) << 1 | usize::from(execute) << 2]
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}

fn bytes_of(text: &str) -> Result<u64, String> {
    let (pages, bytes) = text.split_once('+').unwrap_or((text, "0"));
    let pages: u64 = number(pages)?;
    let bytes: u64 = number(bytes)?;
    pages
        .checked_mul(FRAME_BYTES)
        .and_then(|whole| whole.checked_add(bytes))
        .ok_or_else(|| format!("{text}: too many pages"))
}

fn span_of(text: &str) -> Result<Span, String> {
    let (at, bytes) = text.split_once(',').ok_or_else(|| format!("{text:?} is not PAGE,PAGES"))?;
    Ok(Span { at: bytes_of(at)?, bytes: bytes_of(bytes)? })
}

fn object_of(text: &str) -> Result<Object, String> {
    let (shared, file) = match text {
        "anon" => return Ok(Object::Anonymous),
        "sanon" => return Ok(Object::SharedAnonymous),
        _ if text.starts_with("pfile") => (false, &text[5..]),
        _ if text.starts_with("sfile") => (true, &text[5..]),
        _ => return Err(format!("{text:?}: what is mapped is anon, sanon, pfile0@2 or sfile0@2")),
    };
    let (file, page_offset) = file.split_once('@').unwrap_or((file, "0"));
    let file = if file.is_empty() { "0" } else { file };
    Ok(Object::File { file: number(file)?, shared, page_offset: number(page_offset)? })
}

fn flags_of(words: &[&str]) -> Result<MapFlags, String> {
    let mut flags = MapFlags::default();
    for &word in words {
        *match word {
            "POPULATE" => &mut flags.populate,
            "LOCKED" => &mut flags.locked,
            "NORESERVE" => &mut flags.noreserve,
            "GROWSDOWN" => &mut flags.grows_down,
            _ => return Err(format!("{word:?}: flags are POPULATE LOCKED NORESERVE GROWSDOWN")),
        } = true;
    }
    Ok(flags)
}

fn process_of(text: &str) -> Result<usize, String> {
    number(text.strip_prefix('P').ok_or_else(|| format!("{text:?} is not a process like P0"))?)
}

fn action_of(words: &[&str]) -> Result<Action, String> {
    Ok(match *words {
        ["nothing"] => Action::Nothing,
        ["read", span] => Action::Read(span_of(span)?),
        ["write", span] => Action::Write(span_of(span)?),
        ["mmap", span, rights, object, ref flags @ ..] => Action::Map {
            span: span_of(span)?,
            protection: rights_of(rights)?,
            object: object_of(object)?,
            flags: flags_of(flags)?,
        },
        ["munmap", span] => Action::Unmap(span_of(span)?),
        ["mprotect", span, rights] => Action::Protect(span_of(span)?, rights_of(rights)?),
        ["madvise", span, advice] => {
            let named = Advice::named(advice).ok_or_else(|| format!("no advice is called {advice}"))?;
            Action::Advise(span_of(span)?, named)
        }
        ["mremap", from, "->", to, ref rest @ ..] if matches!(rest, [] | ["DONTUNMAP"]) => {
            let to = span_of(to)?;
            let target = Target::Fixed { at: to.at, dont_unmap: !rest.is_empty() };
            Action::Remap { from: span_of(from)?, target, bytes: to.bytes }
        }
        ["mremap", from, "in", "place", "to", bytes] => {
            Action::Remap { from: span_of(from)?, target: Target::InPlace, bytes: bytes_of(bytes)? }
        }
        ["mlock", span] => Action::Lock { span: span_of(span)?, on_fault: false },
        ["mlock2", span, "ONFAULT"] => Action::Lock { span: span_of(span)?, on_fault: true },
        ["munlock", span] => Action::Unlock(span_of(span)?),
        ["mlockall", ref flags @ ..]
            if flags.iter().all(|f| ["CURRENT", "FUTURE", "ONFAULT"].contains(f)) =>
        {
            let has = |flag| flags.contains(&flag);
            Action::LockAll { current: has("CURRENT"), future: has("FUTURE"), on_fault: has("ONFAULT") }
        }
        ["munlockall"] => Action::UnlockAll,
        ["ftruncate", file, pages] => Action::Truncate { file: number(file)?, pages: number(pages)? },
        ["remap_file_pages", span, offset] => {
            Action::RemapFilePages { span: span_of(span)?, page_offset: number(offset)? }
        }
        ["fork", child] => Action::Fork(process_of(child)?),
        ["exec"] => Action::Exec,
        ["exit"] => Action::Exit,
        _ => return Err("see the list of steps in tests/differential/README.md".into()),
    })
}

fn step_of(line: &str) -> Result<Step, String> {
    let (process, action) = line.split_once(':').ok_or("it begins with its process, P0:")?;
    let words: Vec<&str> = action.split_whitespace().collect();
    Ok(Step { process: process_of(process.trim())?, action: action_of(&words)? })
}

impl FromStr for Sequence {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let mut steps = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                let wrong = |why| SyntaxError { line: at + 1, text: line.into(), why };
                steps.push(step_of(line).map_err(wrong)?);
            }
        }
        Ok(Self { steps })
    }
}

struct Pages(u64);

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % FRAME_BYTES {
            0 => write!(f, "{}", self.0 / FRAME_BYTES),
            odd => write!(f, "{}+{odd}", self.0 / FRAME_BYTES),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", Pages(self.at), Pages(self.bytes))
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Object::Anonymous => write!(f, "anon"),
            Object::SharedAnonymous => write!(f, "sanon"),
            Object::File { file, shared, page_offset } => {
                write!(f, "{}file{file}", if *shared { 's' } else { 'p' })?;
                if *page_offset > 0 { write!(f, "@{page_offset}") } else { Ok(()) }
            }
        }
    }
}

impl fmt::Display for MapFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { populate, locked, noreserve, grows_down } = *self;
        let named =
            [(populate, "POPULATE"), (locked, "LOCKED"), (noreserve, "NORESERVE"), (grows_down, "GROWSDOWN")];
        named.iter().filter(|(set, _)| *set).try_for_each(|(_, name)| write!(f, " {name}"))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Nothing => write!(f, "nothing"),
            Action::Read(span) => write!(f, "read {span}"),
            Action::Write(span) => write!(f, "write {span}"),
            Action::Map { span, protection, object, flags } => {
                write!(f, "mmap {span} {} {object}{flags}", rights_name(*protection))
            }
            Action::Unmap(span) => write!(f, "munmap {span}"),
            Action::Protect(span, protection) => write!(f, "mprotect {span} {}", rights_name(*protection)),
            Action::Advise(span, advice) => write!(f, "madvise {span} {}", advice.name),
            Action::Remap { from, target: Target::InPlace, bytes } => {
                write!(f, "mremap {from} in place to {}", Pages(*bytes))
            }
            Action::Remap { from, target: Target::Fixed { at, dont_unmap }, bytes } => {
                let flag = if *dont_unmap { " DONTUNMAP" } else { "" };
                write!(f, "mremap {from} -> {},{}{flag}", Pages(*at), Pages(*bytes))
            }
            Action::Lock { span, on_fault: false } => write!(f, "mlock {span}"),
            Action::Lock { span, on_fault: true } => write!(f, "mlock2 {span} ONFAULT"),
            Action::Unlock(span) => write!(f, "munlock {span}"),
            Action::LockAll { current, future, on_fault } => {
                let flags = [(*current, "CURRENT"), (*future, "FUTURE"), (*on_fault, "ONFAULT")];
                write!(f, "mlockall")?;
                flags.iter().filter(|(set, _)| *set).try_for_each(|(_, name)| write!(f, " {name}"))
            }
            Action::UnlockAll => write!(f, "munlockall"),
            Action::Truncate { file, pages } => write!(f, "ftruncate {file} {pages}"),
            Action::RemapFilePages { span, page_offset } => {
                write!(f, "remap_file_pages {span} {page_offset}")
            }
            Action::Fork(child) => write!(f, "fork P{child}"),
            Action::Exec => write!(f, "exec"),
            Action::Exit => write!(f, "exit"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{}: {}", self.process, self.action)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differential::generate::{self, Scope};

    #[test]
    fn what_is_printed_is_read_back() {
        for index in 0..300 {
            let sequence = generate::sequence(1, index, Scope::default());
            assert_eq!(sequence.to_string().parse::<Sequence>().unwrap(), sequence);
        }
    }

    #[test]
    fn what_is_no_step_says_why() {
        for (text, why) in [
            ("P0 read 0,1", "it begins with its process"),
            ("Q0: exit", "not a process like P0"),
            ("P0: read 0", "not PAGE,PAGES"),
            ("P0: read x,1", "not a number"),
            ("P0: mmap 0,1 RW anno", "anon, sanon"),
            ("P0: mmap 0,1 WR anon", "rights are one of"),
            ("P0: mmap 0,1 RW anon FAST", "flags are"),
            ("P0: madvise 0,1 PLEASE", "no advice is called"),
            ("P0: read 99999999999999999,1", "too many pages"),
            ("P0: dance", "see the list of steps"),
        ] {
            let error = text.parse::<Sequence>().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
