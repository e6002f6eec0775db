//! What a fresh machine and a fresh worker are: data, and replaceable.
//!
//! Owns the form of an image and what is said of one that cannot be read. Does not own what becomes of it: a program is
//! mapped and started by [`super::program`].

use pagewalk_kernel::LinuxVersion;
use pagewalk_kernel::workload::parse_size;
use pagewalk_trace::Protection;
use serde::Deserialize;

/// The image that is used unless a scenario names another.
pub const DEFAULT_IMAGE: &str = include_str!("debian-6.1.toml");

/// An image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The machine, booted.
    pub machine: FreshMachine,
    /// The program that `proc` starts.
    pub worker: Program,
    /// Other programs, for `run`.
    #[serde(default)]
    pub programs: Vec<Program>,
}

/// A machine that has booted and done nothing else.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreshMachine {
    /// The version of Linux whose rules the kernel follows, unless its settings name another.
    pub linux: LinuxVersion,
    /// The first worker's pid.
    pub first_pid: u32,
    /// What the agent maps beside a worker's image before it locks all that it has.
    pub agent: Size,
    /// Bytes of other files on the root file system, all of them cached.
    pub root_files: Size,
    /// Bytes of its disk that the mounted file system has cached for itself.
    #[serde(default)]
    pub buffers: Size,
    /// Those of them that it holds on to.
    #[serde(default)]
    pub pinned_buffers: Size,
}

/// A program, and what it does of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Its file, from the root.
    pub path: String,
    /// Its file as `/proc/PID/maps` shows it.
    pub name: String,
    /// Its name as the kernel's log shows it.
    pub command: String,
    /// What its file lies on.
    pub file_system: String,
    /// Bytes of its file.
    pub bytes: Size,
    /// Its code: where, and how long.
    pub code: (Spot, Size),
    /// The break at its beginning.
    #[serde(rename = "break")]
    pub brk: Spot,
    /// Its stack pointer while it waits for a command.
    pub stack_pointer: Spot,
    /// Its areas as execve(2) maps them.
    pub areas: Vec<Area>,
    /// What it does first.
    pub start: Vec<Doing>,
    /// What it does after that, and again on both sides of a fork.
    pub prefault: Vec<Doing>,
    /// What it does to answer a command.
    #[serde(default)]
    pub answer: Vec<Doing>,
    /// Where the kernel looks, and then writes on which CPU it is, whenever it comes back to one: rseq(2).
    pub rseq: Option<Spot>,
}

/// One area.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// First byte.
    pub at: Spot,
    /// Length.
    pub length: Size,
    /// Rights.
    pub rights: Rights,
    /// Where in the file; of areas of the file alone.
    pub offset: Option<Size>,
    /// What it shows.
    #[serde(default)]
    pub kind: AreaKind,
}

/// What an area shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AreaKind {
    /// The program's file.
    #[default]
    File,
    /// Zeroes that the heap continues.
    Bss,
    /// The stack.
    Stack,
    /// The kernel's data for programs: never touched by a worker.
    Vvar,
    /// The kernel's code for programs.
    Vdso,
}

/// A number with its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(pub u64);

impl TryFrom<String> for Size {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        parse_size(&text)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no size: write it as 4096, 64K or 10p"))
    }
}

/// Rights as the language writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Rights(pub Protection);

impl TryFrom<String> for Rights {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let known = text == "none" || (!text.is_empty() && text.chars().all(|c| "rwx".contains(c)));
        let has = |letter| text != "none" && text.contains(letter);
        match known {
            true => Ok(Self(Protection { read: has('r'), write: has('w'), execute: has('x') })),
            false => Err(format!("`{text}` are no rights: write them as r, rw, rx or none")),
        }
    }
}

/// An address that need not be the same in every page-table format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Spot {
    /// This one.
    At(u64),
    /// So much below the top of the stack.
    BelowTop(u64),
    /// So much below where mappings begin.
    BelowBase(u64),
}

impl TryFrom<String> for Spot {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        spot(&text)
    }
}

fn spot(text: &str) -> Result<Spot, String> {
    let below = |prefix: &str| text.strip_prefix(prefix).map(parse_size);
    let found = match (below("top-"), below("base-")) {
        (Some(distance), _) => distance.map(Spot::BelowTop),
        (_, Some(distance)) => distance.map(Spot::BelowBase),
        (None, None) => parse_size(text).map(Spot::At),
    };
    found.ok_or_else(|| format!("`{text}` is no address: write it as 0x401000, top-1p or base-6p"))
}

/// One thing that a program does of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Doing {
    /// Reads a byte.
    Read(Spot),
    /// Writes a byte.
    Write(Spot),
    /// Executes there.
    Execute(Spot),
    /// The kernel writes there on its behalf, as execve(2) does arguments.
    Give(Spot),
    /// mlock(2).
    Lock(Spot, u64),
    /// munlock(2).
    Unlock(Spot, u64),
    /// mprotect(2).
    Protect(Spot, u64, Protection),
    /// The break goes up by so many bytes.
    Break(u64),
    /// Writes to pages of the stack, downwards: so many bytes.
    Stack(u64),
    /// Says how many faults it has taken.
    Tell(String),
}

impl TryFrom<String> for Doing {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let size = |word: &str| Size::try_from(word.to_owned()).map(|Size(bytes)| bytes);
        match words[..] {
            ["r", at] => Ok(Self::Read(spot(at)?)),
            ["w", at] => Ok(Self::Write(spot(at)?)),
            ["x", at] => Ok(Self::Execute(spot(at)?)),
            ["give", at] => Ok(Self::Give(spot(at)?)),
            ["lock", at, bytes] => Ok(Self::Lock(spot(at)?, size(bytes)?)),
            ["unlock", at, bytes] => Ok(Self::Unlock(spot(at)?, size(bytes)?)),
            ["protect", at, bytes, rights] => {
                Ok(Self::Protect(spot(at)?, size(bytes)?, Rights::try_from(rights.to_owned())?.0))
            }
            ["brk", bytes] => Ok(Self::Break(size(bytes)?)),
            ["stack", bytes] => Ok(Self::Stack(size(bytes)?)),
            ["tell", label] => Ok(Self::Tell(label.to_owned())),
            _ => Err(format!(
                "`{text}` is nothing that a program does: write it as r, w, x or give ADDRESS, lock or unlock ADDRESS LENGTH, \
                 protect ADDRESS LENGTH RIGHTS, brk LENGTH, stack LENGTH, or tell LABEL"
            )),
        }
    }
}

/// An image that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ImageError(String);

impl Image {
    /// Reads an image.
    ///
    /// # Errors
    /// One line that names the place.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            ImageError(format!("line {line}: {}", error.message().trim()))
        })
    }

    /// The program whose file is `path`.
    pub fn program(&self, path: &str) -> Option<&Program> {
        std::iter::once(&self.worker).chain(&self.programs).find(|program| program.path == path)
    }
}

impl Program {
    /// Bytes by which its own beginning raises the break.
    pub(super) fn grown(&self) -> u64 {
        let last = self.start.iter().rev().find_map(|doing| match doing {
            Doing::Break(bytes) => Some(*bytes),
            _ => None,
        });
        last.unwrap_or(0)
    }
}

impl Default for Image {
    fn default() -> Self {
        Self::parse(DEFAULT_IMAGE).expect("the image that comes with the program can be read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_is_as_linux_shows_it() {
        let image = Image::default();
        let pages: u64 = image.worker.areas.iter().map(|area| area.length.0 >> 12).sum();
        let grown = 34;
        assert_eq!(4 * (pages + grown), 1240, "VmSize in KiB");
        assert!(image.program("tiny").is_some() && image.program("none").is_none());
    }

    #[test]
    fn an_image_that_cannot_be_read_says_where() {
        let error = |from: &str, to: &str| {
            Image::parse(&DEFAULT_IMAGE.replacen(from, to, 1)).expect_err(to).to_string()
        };
        for (from, to, problem) in [
            ("\"x 0x426000\"", "\"y 0x426000\"", "`y 0x426000` is nothing that a program does"),
            ("top-33p", "top+33p", "`top+33p` is no address"),
            ("rights = \"rx\"", "rights = \"rq\"", "`rq` are no rights"),
            ("bytes = \"935296\"", "bytes = \"many\"", "`many` is no size"),
            ("first_pid = 79", "second_pid = 79", "unknown field `second_pid`"),
        ] {
            let said = error(from, to);
            assert!(said.starts_with("line ") && said.contains(problem), "{said}");
        }
    }
}
