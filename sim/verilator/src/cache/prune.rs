//! What leaves the cache: leftovers of builders that died, and the least recently used entries.
//!
//! Nothing here fails: what cannot be removed now is tried again after the next build.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::lock::{Lock, Purpose};
use super::{Cache, Key, Shelf, manifest};

/// Ends the name of a directory that a builder is filling.
pub(super) const PARTIAL_SUFFIX: &str = ".partial";

/// Logs of failed commands that are kept.
const LOG_COUNT_MAX: usize = 64;

/// Removes what dead builders of `key` have left. The caller holds the key's build lock.
pub(super) fn remove_leftovers(shelf_directory: &Path, key: &Key) {
    for (name, path) in children(shelf_directory) {
        if leftover_key(&name) == Some(key.as_str()) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Removes leftovers of every key that is not being built, the oldest entries beyond the shelf's limit that are not in
/// use, and the oldest logs.
pub(super) fn prune(cache: &Cache, shelf: Shelf) {
    let shelf_directory = cache.root().join(shelf.directory_name());
    for (name, path) in children(&shelf_directory) {
        let Some(key) = leftover_key(&name) else { continue };
        if let Some(_building) = Lock::try_exclusive(&Purpose::Build.lock_path(&shelf_directory, key)) {
            let _ = fs::remove_dir_all(path);
        }
    }
    if let Some(entry_count_max) = shelf.entry_count_max() {
        for (key, path) in oldest_beyond(entry_count_max, entries(&shelf_directory)) {
            let lock = |purpose: Purpose| Lock::try_exclusive(&purpose.lock_path(&shelf_directory, &key));
            if let (Some(building), Some(using)) = (lock(Purpose::Build), lock(Purpose::Use)) {
                let _ = fs::remove_dir_all(path);
                building.delete();
                using.delete();
            }
        }
    }
    let logs = children(&cache.log_directory())
        .filter_map(|(name, path)| Some((fs::metadata(&path).ok()?.modified().ok()?, name, path)));
    for (_, path) in oldest_beyond(LOG_COUNT_MAX, logs.collect()) {
        let _ = fs::remove_file(path);
    }
}

/// Finished entries with the time of their last use.
fn entries(shelf_directory: &Path) -> Vec<(SystemTime, String, PathBuf)> {
    children(shelf_directory)
        .filter(|(name, _)| !name.ends_with(Purpose::SUFFIX) && !name.ends_with(PARTIAL_SUFFIX))
        .filter(|(_, path)| path.is_dir())
        .map(|(name, path)| {
            let used = fs::metadata(path.join(manifest::FILE_NAME)).and_then(|metadata| metadata.modified());
            (used.unwrap_or(SystemTime::UNIX_EPOCH), name, path)
        })
        .collect()
}

fn oldest_beyond(count_max: usize, mut all: Vec<(SystemTime, String, PathBuf)>) -> Vec<(String, PathBuf)> {
    all.sort_by_key(|(used, ..)| std::cmp::Reverse(*used));
    all.into_iter().skip(count_max).map(|(_, name, path)| (name, path)).collect()
}

/// The key in a leftover's name `KEY.RANDOM.partial`.
fn leftover_key(name: &str) -> Option<&str> {
    let (key, _random) = name.strip_suffix(PARTIAL_SUFFIX)?.rsplit_once('.')?;
    Some(key)
}

fn children(directory: &Path) -> impl Iterator<Item = (String, PathBuf)> + use<> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
}
