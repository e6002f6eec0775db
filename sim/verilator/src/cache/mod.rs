//! A directory of finished build products, shared safely by any number of processes.
//!
//! Owns where the cache lies, when an entry counts as intact, who may build one, and what is thrown away. Does
//! not know what it stores: an entry is a directory that a caller's closure fills.
//!
//! Protocol. Every entry has two lock files beside it.
//! * A builder holds `KEY.build.lock`, fills a directory of its own (`KEY.RANDOM.partial`), writes a manifest of
//!   sizes and SHA-256 checksums, and renames the directory into place. The rename is the only way for an
//!   entry to appear, so that a builder which dies half-way leaves nothing that could be mistaken for one.
//! * A reader shares `KEY.use.lock` for as long as it uses the entry (the [`Entry`] is that lease). Builders do
//!   not wait for readers: they only ever replace an entry that is damaged.
//! * Pruning needs both locks, and leaves alone what it cannot lock at once.
//! * Leftovers (`*.partial`) are removed by the next holder of the key's build lock: the kernel releases the
//!   locks of a dead process, hence a leftover whose lock can be had belongs to no running build.

mod error;
mod lock;
mod manifest;
mod prune;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

pub use error::CacheError;
use lock::{Lock, Purpose, Sharing};
use manifest::Manifest;

/// Times an entry is built before the disk is held to be at fault.
const BUILD_ATTEMPT_COUNT_MAX: u32 = 3;

/// The kinds of things the cache holds, each in a directory of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Shared libraries of verilated designs.
    Models,
    /// Object files of Verilator's own runtime.
    Runtime,
    /// Headers as the compiler has read them.
    Headers,
    /// Tools that were installed because the machine had none.
    Tools,
}

impl Shelf {
    fn directory_name(self) -> &'static str {
        match self {
            Shelf::Models => "models",
            Shelf::Runtime => "runtime",
            Shelf::Headers => "headers",
            Shelf::Tools => "tools",
        }
    }

    /// Entries kept when a new one arrives; the least recently used go first.
    fn entry_count_max(self) -> Option<usize> {
        match self {
            Shelf::Models => Some(64),
            Shelf::Runtime => Some(8),
            // Sixty megabytes each.
            Shelf::Headers => Some(2),
            Shelf::Tools => None,
        }
    }

    /// Whether contents are checksummed on every use. Installed tools are trees of hundreds of files that fail
    /// loudly when damaged: sizes must do, as for headers, which would take longer to check than to use. A damaged
    /// library would crash the process that loads it.
    fn checksums(self) -> bool {
        matches!(self, Shelf::Models | Shelf::Runtime)
    }
}

/// Names an entry: everything its contents depend on, hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The name of the entry's directory, 64 hexadecimal digits or the name given to `Key::named`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A key that is a plain name, for things with a version of their own.
    pub(crate) fn named(name: String) -> Key {
        Key(name)
    }
}

/// Hashes what an entry depends on, field by field.
pub struct KeyHasher(Sha256);

impl KeyHasher {
    /// Starts a key for the kind of thing `domain` names.
    pub fn new(domain: &str) -> KeyHasher {
        let mut hasher = KeyHasher(Sha256::new());
        hasher.field(domain);
        hasher
    }

    /// Adds one field. Its length goes first: two different sequences of fields never hash the same bytes.
    pub fn field(&mut self, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        self.0.update((value.len() as u64).to_le_bytes());
        self.0.update(value);
    }

    /// Ends the key.
    pub fn finish(self) -> Key {
        Key(hexadecimal(&self.0.finalize()))
    }
}

/// Lower-case hexadecimal digits of `bytes`.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The cache's root directory, known to be writable.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// An intact entry, kept from being pruned or rebuilt for as long as this value lives.
#[derive(Debug)]
pub struct Entry {
    directory: PathBuf,
    _lease: Lock,
}

impl Entry {
    /// Where the entry's files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Cache {
    /// Opens the cache at `root`, making the directory if need be.
    ///
    /// # Errors
    /// [`CacheError::Unusable`] if the directory cannot be made or entered.
    pub fn open(root: impl Into<PathBuf>) -> Result<Cache, CacheError> {
        let root = root.into();
        let cache = Cache { root };
        for directory in [cache.root.clone(), cache.log_directory()] {
            fs::create_dir_all(&directory).map_err(cache.unusable("create", &directory))?;
        }
        Ok(cache)
    }

    /// The directory given to [`Cache::open`].
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where full logs of failed commands are kept.
    pub fn log_directory(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Returns the entry `key`, calling `build` with an empty directory to fill if there is none or if it is
    /// damaged. Waits while another process builds the same key; `notice` is told when that happens.
    ///
    /// # Errors
    /// What `build` returns, or a [`CacheError`] if the cache cannot be used.
    pub fn entry<E: From<CacheError>>(
        &self,
        shelf: Shelf,
        key: &Key,
        notice: &dyn Fn(&str),
        mut build: impl FnMut(&Path) -> Result<(), E>,
    ) -> Result<Entry, E> {
        let shelf_directory = self.root.join(shelf.directory_name());
        fs::create_dir_all(&shelf_directory).map_err(self.unusable("create", &shelf_directory))?;
        for _ in 0..BUILD_ATTEMPT_COUNT_MAX {
            if let Some(entry) = self.find(shelf, key, notice)? {
                return Ok(entry);
            }
            self.build(shelf, key, notice, &mut build)?;
        }
        Err(CacheError::NeverIntact { entry: shelf_directory.join(key.as_str()) }.into())
    }

    /// The entry if it is there and matches its manifest.
    fn find(&self, shelf: Shelf, key: &Key, notice: &dyn Fn(&str)) -> Result<Option<Entry>, CacheError> {
        let directory = self.entry_directory(shelf, key);
        let lease = self.lock(shelf, key, Purpose::Use, notice)?;
        let Some(manifest) = Manifest::read(&directory) else { return Ok(None) };
        if !manifest.matches(&directory, shelf.checksums()) {
            return Ok(None);
        }
        // Marks the entry as recently used. Failure only makes it an earlier candidate for pruning.
        let _ = fs::File::options()
            .append(true)
            .open(directory.join(manifest::FILE_NAME))
            .and_then(|file| file.set_modified(SystemTime::now()));
        Ok(Some(Entry { directory, _lease: lease }))
    }

    /// Builds the entry unless another process has done so while this one waited for the lock.
    fn build<E: From<CacheError>>(
        &self,
        shelf: Shelf,
        key: &Key,
        notice: &dyn Fn(&str),
        build: &mut impl FnMut(&Path) -> Result<(), E>,
    ) -> Result<(), E> {
        let directory = self.entry_directory(shelf, key);
        let _building = self.lock(shelf, key, Purpose::Build, notice)?;
        if let Some(manifest) = Manifest::read(&directory) {
            if manifest.matches(&directory, shelf.checksums()) {
                return Ok(());
            }
            notice(&format!("{} is damaged; building it again", directory.display()));
        }
        let shelf_directory = self.root.join(shelf.directory_name());
        prune::remove_leftovers(&shelf_directory, key);
        let partial = tempfile::Builder::new()
            .prefix(&format!("{}.", key.as_str()))
            .suffix(prune::PARTIAL_SUFFIX)
            .tempdir_in(&shelf_directory)
            .map_err(self.unusable("create a directory in", &shelf_directory))?;
        build(partial.path())?;
        Manifest::of(partial.path(), shelf.checksums())
            .and_then(|manifest| manifest.write(partial.path()))
            .map_err(self.unusable("write in", partial.path()))?;
        if directory.exists() {
            fs::remove_dir_all(&directory).map_err(self.unusable("remove", &directory))?;
        }
        fs::rename(partial.path(), &directory).map_err(self.unusable("rename into place", &directory))?;
        // The directory no longer has the name its guard would remove.
        let _ = partial.keep();
        prune::prune(self, shelf);
        Ok(())
    }

    fn entry_directory(&self, shelf: Shelf, key: &Key) -> PathBuf {
        self.root.join(shelf.directory_name()).join(key.as_str())
    }

    fn lock(
        &self,
        shelf: Shelf,
        key: &Key,
        purpose: Purpose,
        notice: &dyn Fn(&str),
    ) -> Result<Lock, CacheError> {
        let path = purpose.lock_path(&self.root.join(shelf.directory_name()), key.as_str());
        let sharing = match purpose {
            Purpose::Build => Sharing::Exclusive,
            Purpose::Use => Sharing::Shared,
        };
        let waiting = || match purpose {
            Purpose::Build => notice("waiting for another process that builds the same thing"),
            // Only pruning keeps readers waiting, and not for long.
            Purpose::Use => {}
        };
        Lock::acquire(&path, sharing, waiting).map_err(self.unusable("lock", &path))
    }

    fn unusable(
        &self,
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> CacheError + use<> {
        let (path, root) = (path.to_owned(), self.root.clone());
        move |reason| CacheError::Unusable { action, path, root, reason }
    }
}

#[cfg(test)]
mod tests;
