//! Advisory file locks that outlive neither their process nor their file.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Who else may hold the lock at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Other readers.
    Shared,
    /// No other holder.
    Exclusive,
}

/// The two locks of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Held by the one builder.
    Build,
    /// Shared by the readers.
    Use,
}

impl Purpose {
    /// Ends the name of every lock file.
    pub(super) const SUFFIX: &str = ".lock";

    /// The lock's file for the entry `key` on the shelf at `shelf_directory`.
    pub(super) fn lock_path(self, shelf_directory: &Path, key: &str) -> PathBuf {
        let purpose = match self {
            Purpose::Build => "build",
            Purpose::Use => "use",
        };
        shelf_directory.join(format!("{key}.{purpose}{}", Purpose::SUFFIX))
    }
}

/// A held lock, released when dropped or when the process ends in any way.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock at `path`, creating its file; calls `waiting` once if it is held already.
    pub(super) fn acquire(path: &Path, sharing: Sharing, waiting: impl FnOnce()) -> io::Result<Lock> {
        let mut waiting = Some(waiting);
        loop {
            let file = open(path)?;
            match try_lock(&file, sharing) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    match sharing {
                        Sharing::Shared => file.lock_shared()?,
                        Sharing::Exclusive => file.lock()?,
                    }
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if is_current(&file, path) {
                return Ok(Lock { file, path: path.to_owned() });
            }
        }
    }

    /// Takes the lock exclusively if it is free.
    pub(super) fn try_exclusive(path: &Path) -> Option<Lock> {
        let file = open(path).ok()?;
        try_lock(&file, Sharing::Exclusive).ok()?;
        is_current(&file, path).then(|| Lock { file, path: path.to_owned() })
    }

    /// Deletes the lock's file. What waits for it finds out and starts again with a new file.
    pub(super) fn delete(self) {
        // A lock file that stays costs nothing.
        let _ = fs::remove_file(&self.path);
        drop(self.file);
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

fn try_lock(file: &File, sharing: Sharing) -> Result<(), TryLockError> {
    match sharing {
        Sharing::Shared => file.try_lock_shared(),
        Sharing::Exclusive => file.try_lock(),
    }
}

/// Whether `path` still names the locked file: between opening and locking, its last holder may have deleted it,
/// and a lock on a nameless file excludes no other.
fn is_current(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(locked), Ok(named)) => locked.dev() == named.dev() && locked.ino() == named.ino(),
        _ => false,
    }
}
