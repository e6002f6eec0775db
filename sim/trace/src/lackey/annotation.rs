//! Lines of a recording that are not Valgrind's: what `pagewalk record` knows beside the log. Owns their form, for
//! the recorder that writes them and the reader.
//!
//! Each begins like a message of Valgrind, so that other readers of lackey text step over it:
//!
//! | line | meaning |
//! |---|---|
//! | `==PID== pagewalk: fd 3 is 8:1:1234 regular 5678 /lib/x.so` | descriptor 3 is open on the file of inode 1234 on device 8:1, of 5678 bytes (`-`: not known, for it may have been changed since); `regular` or `memory` (tmpfs) |
//! | `==PID== pagewalk: cwd is /home/x` | the working directory with which the first program begins |
//! | `==PID== pagewalk: segment 5 is 8192` | the System V segment 5, which nobody in the trace made, has 8192 bytes |
//! | `==PID== pagewalk: cpus are 8` | possible processors of the recorded machine, which io_setup(2) takes into account |
//! | `==PID== pagewalk: killed by signal 9` | the process ended without a last call and without a word of Valgrind |

use crate::FileKind;
use std::fmt;

/// What a file system calls a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Inode {
    /// Major number of the device.
    pub major: u32,
    /// Minor number of the device.
    pub minor: u32,
    /// Number on the device.
    pub inode: u64,
}

/// What stands in such a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Annotation {
    /// What a descriptor is open on.
    Descriptor {
        /// The descriptor.
        fd: i32,
        /// The file.
        inode: Inode,
        /// Its kind.
        kind: FileKind,
        /// Its size, where that bounds a mapping.
        bytes: Option<u64>,
        /// The name that it was opened by.
        path: String,
    },
    /// The working directory.
    Directory {
        /// Its absolute name.
        path: String,
    },
    /// The size of a System V segment that nobody in the trace made.
    Segment {
        /// Its identifier.
        id: u64,
        /// Its size.
        bytes: u64,
    },
    /// Possible processors of the recorded machine.
    Processors {
        /// How many.
        count: u64,
    },
    /// The end of a process that had no last call.
    Killed {
        /// The signal that ended it.
        signal: i32,
    },
}

/// What stands before it, behind the process.
pub(crate) const MARK: &str = " pagewalk: ";

impl Annotation {
    /// Parses what follows `==PID==`.
    pub fn parse(text: &str) -> Option<Self> {
        let (subject, rest) = text.strip_prefix(MARK)?.split_once(' ')?;
        let word = |rest: &mut &str| -> Option<String> {
            let (word, tail) = rest.split_once(' ').unwrap_or((rest, ""));
            *rest = tail;
            (!word.is_empty()).then(|| word.to_owned())
        };
        let mut rest = rest;
        Some(match subject {
            "fd" => {
                let fd = word(&mut rest)?.parse().ok()?;
                rest = rest.strip_prefix("is ")?;
                let inode = word(&mut rest)?;
                let mut numbers = inode.split(':');
                let inode = Inode {
                    major: numbers.next()?.parse().ok()?,
                    minor: numbers.next()?.parse().ok()?,
                    inode: numbers.next()?.parse().ok()?,
                };
                let kind = match &*word(&mut rest)? {
                    "regular" => FileKind::Regular,
                    "memory" => FileKind::Memory,
                    _ => return None,
                };
                let bytes = match &*word(&mut rest)? {
                    "-" => None,
                    digits => Some(digits.parse().ok()?),
                };
                Self::Descriptor { fd, inode, kind, bytes, path: rest.to_owned() }
            }
            "cwd" => Self::Directory { path: rest.strip_prefix("is ")?.to_owned() },
            "segment" => {
                let id = word(&mut rest)?.parse().ok()?;
                Self::Segment { id, bytes: rest.strip_prefix("is ")?.parse().ok()? }
            }
            "cpus" => Self::Processors { count: rest.strip_prefix("are ")?.parse().ok()? },
            "killed" => Self::Killed { signal: rest.strip_prefix("by signal ")?.parse().ok()? },
            _ => return None,
        })
    }
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)?;
        match self {
            Self::Descriptor { fd, inode: Inode { major, minor, inode }, kind, bytes, path } => {
                let kind = if *kind == FileKind::Memory { "memory" } else { "regular" };
                let bytes = bytes.map_or("-".into(), |bytes| bytes.to_string());
                write!(f, "fd {fd} is {major}:{minor}:{inode} {kind} {bytes} {path}")
            }
            Self::Directory { path } => write!(f, "cwd is {path}"),
            Self::Segment { id, bytes } => write!(f, "segment {id} is {bytes}"),
            Self::Processors { count } => write!(f, "cpus are {count}"),
            Self::Killed { signal } => write!(f, "killed by signal {signal}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let inode = Inode { major: 8, minor: 1, inode: 1 << 40 };
        for annotation in [
            Annotation::Descriptor {
                fd: 3,
                inode,
                kind: FileKind::Regular,
                bytes: Some(7),
                path: "/a b".into(),
            },
            Annotation::Descriptor {
                fd: 0,
                inode,
                kind: FileKind::Memory,
                bytes: None,
                path: "/dev/shm/x".into(),
            },
            Annotation::Directory { path: "/home/x y".into() },
            Annotation::Segment { id: 5, bytes: 8192 },
            Annotation::Processors { count: 8 },
            Annotation::Killed { signal: 9 },
        ] {
            assert_eq!(Annotation::parse(&annotation.to_string()), Some(annotation));
        }
        assert_eq!(Annotation::parse(" pagewalk: fd 3 is 8:1 regular 5 /x"), None);
        assert_eq!(Annotation::parse(" pagewalk: "), None);
    }
}
