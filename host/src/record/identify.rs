//! What the log does not tell of files and segments, asked of the system while the program runs. Owns the asking.
//!
//! The log is read a little later than the program runs, so an answer must hold for then as well: a file is
//! identified by its inode, and its size told, only where nothing about it has changed since the recording began.
//! Others are known by their path, which the trace itself tells.

use pagewalk_trace::FileKind;
use pagewalk_trace::lackey::{Annotation, Inode};
use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Time stamps of files may lag behind the clock by a tick; seconds are sure.
const STAMP_SLACK_S: i64 = 1;

/// The asker.
pub(super) struct Identifier {
    /// Seconds since 1970.
    began: i64,
    /// Whether a device holds files in memory.
    devices: HashMap<u64, FileKind>,
    /// Standard output of the program is ours for the trace.
    output_is_taken: bool,
}

impl Identifier {
    /// Asks for a recording that begins now. `output_is_taken`: the program's descriptor 1 is a copy of 2.
    pub fn new(output_is_taken: bool) -> Self {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() as i64);
        Self { began: began - STAMP_SLACK_S, devices: HashMap::new(), output_is_taken }
    }

    /// What the first program inherits.
    pub fn inherited(&mut self) -> Vec<Annotation> {
        let mut out = Vec::new();
        if let Ok(directory) = std::env::current_dir()
            && let Some(path) = one_line(&directory)
        {
            out.push(Annotation::Directory { path });
        }
        let possible = fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
        // "0-7", or "0".
        let last = possible.trim().rsplit(['-', ',']).next().and_then(|last| last.parse::<u64>().ok());
        out.extend(last.map(|last| Annotation::Processors { count: last + 1 }));
        for fd in 0..3 {
            let source = if fd == 1 && self.output_is_taken { 2 } else { fd };
            let link = format!("/proc/self/fd/{source}");
            if let Ok(path) = fs::read_link(&link) {
                out.extend(self.describe(fd, Path::new(&link), &path));
            }
        }
        out
    }

    /// What `path`, just opened as `fd`, is.
    pub fn file(&mut self, fd: i32, path: &str) -> Option<Annotation> {
        let path = Path::new(path);
        if !path.is_absolute() || path.starts_with("/proc") {
            return None;
        }
        self.describe(fd, path, path)
    }

    fn describe(&mut self, fd: i32, place: &Path, name: &Path) -> Option<Annotation> {
        let file = fs::metadata(place).ok().filter(Metadata::is_file)?;
        if file.ctime() >= self.began {
            return None;
        }
        // The name without links, as /proc/PID/maps has it.
        let path = one_line(&fs::canonicalize(name).unwrap_or_else(|_| name.to_owned()))?;
        let inode = Inode { major: major(file.dev()), minor: minor(file.dev()), inode: file.ino() };
        Some(Annotation::Descriptor {
            fd,
            inode,
            kind: self.kind(file.dev()),
            bytes: Some(file.size()),
            path,
        })
    }

    fn kind(&mut self, device: u64) -> FileKind {
        *self.devices.entry(device).or_insert_with(|| {
            let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
            let name = format!("{}:{}", major(device), minor(device));
            let is_memory = mounts.lines().any(|line| {
                line.split(' ').nth(2) == Some(&name)
                    && line.split_once(" - ").is_some_and(|(_, rest)| {
                        matches!(rest.split(' ').next(), Some("tmpfs" | "ramfs" | "devtmpfs"))
                    })
            });
            if is_memory { FileKind::Memory } else { FileKind::Regular }
        })
    }

    /// The size of a System V segment.
    pub fn segment(&self, id: u64) -> Option<Annotation> {
        let table = fs::read_to_string("/proc/sysvipc/shm").ok()?;
        // key shmid perms size …
        table.lines().skip(1).find_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let found: u64 = fields.next()?.parse().ok()?;
            let bytes = fields.nth(1)?.parse().ok()?;
            (found == id).then_some(Annotation::Segment { id, bytes })
        })
    }
}

/// As text, if it does not break the line.
fn one_line(path: &Path) -> Option<String> {
    path.to_str().filter(|path| !path.contains(['\n', '\r'])).map(str::to_owned)
}

// The two parts of a device number as Linux and glibc place them.
fn major(device: u64) -> u32 {
    (((device >> 8) & 0xfff) | ((device >> 32) & !0xfff)) as u32
}
fn minor(device: u64) -> u32 {
    ((device & 0xff) | ((device >> 12) & !0xff)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_did_not_change_is_vouched_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        fs::write(&path, "12345").expect("written");
        let path = path.display().to_string();
        let mut identifier = Identifier::new(false);
        assert_eq!(identifier.file(3, &path), None, "it was changed a moment ago");
        identifier.began += 1000;
        let annotation = identifier.file(3, &path).expect("known");
        let Annotation::Descriptor { fd: 3, inode, bytes: Some(5), .. } = annotation else {
            panic!("{annotation}")
        };
        let file = fs::metadata(&path).expect("there");
        assert_eq!(inode.inode, file.ino());
        assert_eq!(identifier.file(3, "/dev/null"), None);
        assert_eq!(identifier.file(3, "relative"), None);
    }
}
