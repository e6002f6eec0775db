//! What an entry's files must look like: names, sizes and SHA-256 checksums, as a small text file.
//!
//! ```text
//! pagewalk cache entry 1
//! <SHA-256 or -> <bytes> <path relative to the entry>
//! ```

use std::fs::{self, File};
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::hexadecimal;

/// The manifest's own name within an entry.
pub(super) const FILE_NAME: &str = "MANIFEST";

const HEADER: &str = "pagewalk cache entry 1";

/// The files of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    files: Vec<Item>,
}

#[derive(Debug, PartialEq, Eq)]
struct Item {
    checksum: Option<String>,
    size_bytes: u64,
    path: String,
}

impl Manifest {
    /// Describes every file below `directory`; hashes the contents if `checksums`.
    pub(super) fn of(directory: &Path, checksums: bool) -> io::Result<Manifest> {
        let mut files = Vec::new();
        collect(directory, "", checksums, &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Manifest { files })
    }

    /// Writes the manifest into `directory` and waits until it is on disk.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        let mut text = format!("{HEADER}\n");
        for Item { checksum, size_bytes, path } in &self.files {
            let checksum = checksum.as_deref().unwrap_or("-");
            text += &format!("{checksum} {size_bytes} {path}\n");
        }
        let path = directory.join(FILE_NAME);
        fs::write(&path, text)?;
        File::open(path)?.sync_all()
    }

    /// Reads the manifest in `directory`; `None` if there is none or it is not one of ours.
    pub(super) fn read(directory: &Path) -> Option<Manifest> {
        let text = fs::read_to_string(directory.join(FILE_NAME)).ok()?;
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) || !text.ends_with('\n') {
            return None;
        }
        let files = lines
            .map(|line| {
                let mut fields = line.splitn(3, ' ');
                let checksum = fields.next().filter(|field| *field != "-").map(str::to_owned);
                let size_bytes = fields.next()?.parse().ok()?;
                Some(Item { checksum, size_bytes, path: fields.next()?.to_owned() })
            })
            .collect::<Option<Vec<Item>>>()?;
        (!files.is_empty()).then_some(Manifest { files })
    }

    /// Whether every file is there with its size and, if `checksums`, its contents.
    pub(super) fn matches(&self, directory: &Path, checksums: bool) -> bool {
        self.files.iter().all(|item| {
            let path = directory.join(&item.path);
            let size_matches = fs::metadata(&path).is_ok_and(|metadata| metadata.len() == item.size_bytes);
            size_matches && (!checksums || checksum(&path).is_ok_and(|found| Some(found) == item.checksum))
        })
    }
}

fn collect(directory: &Path, prefix: &str, checksums: bool, files: &mut Vec<Item>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| {
            io::Error::new(io::ErrorKind::InvalidData, format!("file name {name:?} is not Unicode"))
        })?;
        let path = format!("{prefix}{name}");
        let metadata = fs::metadata(entry.path())?;
        if metadata.is_dir() {
            collect(&entry.path(), &format!("{path}/"), checksums, files)?;
        } else if path != FILE_NAME {
            let checksum = checksums.then(|| checksum(&entry.path())).transpose()?;
            files.push(Item { checksum, size_bytes: metadata.len(), path });
        }
    }
    Ok(())
}

fn checksum(path: &Path) -> io::Result<String> {
    Ok(hexadecimal(&Sha256::digest(fs::read(path)?)))
}
