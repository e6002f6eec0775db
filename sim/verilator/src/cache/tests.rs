//! What must hold of the cache whatever dies, breaks or is thrown away.

use std::cell::Cell;
use std::fs;
use std::time::Duration;

use super::*;

fn quiet(_: &str) {}

fn key(name: &str) -> Key {
    let mut hasher = KeyHasher::new("test");
    hasher.field(name);
    hasher.finish()
}

/// A cache in a directory that disappears with the guard.
fn cache() -> (tempfile::TempDir, Cache) {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::open(directory.path().join("cache")).unwrap();
    (directory, cache)
}

/// Gets the entry, which holds one file; returns it and how often it was built.
fn get(cache: &Cache, shelf: Shelf, name: &str, contents: &str) -> (Entry, u32) {
    let count = Cell::new(0);
    let entry = cache
        .entry::<CacheError>(shelf, &key(name), &quiet, |directory| {
            count.set(count.get() + 1);
            fs::write(directory.join("file"), contents).map_err(cache.unusable("write", directory))
        })
        .unwrap();
    (entry, count.get())
}

fn names(directory: &Path, suffix: &str) -> Vec<String> {
    let names =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(suffix)).collect()
}

#[test]
fn an_entry_is_built_once() {
    let (_guard, cache) = cache();
    let (entry, built) = get(&cache, Shelf::Models, "a", "contents");
    assert_eq!(built, 1);
    assert_eq!(fs::read_to_string(entry.directory().join("file")).unwrap(), "contents");
    assert_eq!(get(&cache, Shelf::Models, "a", "never").1, 0);
    assert_eq!(get(&cache, Shelf::Models, "b", "other").1, 1);
    assert_eq!(get(&cache, Shelf::Runtime, "a", "other").1, 1);
}

#[test]
fn keys_tell_fields_apart() {
    let joined = |fields: &[&str]| {
        let mut hasher = KeyHasher::new("test");
        fields.iter().for_each(|field| hasher.field(field));
        hasher.finish()
    };
    assert_ne!(joined(&["ab", "c"]), joined(&["a", "bc"]));
    assert_ne!(joined(&["abc"]), joined(&["abc", ""]));
    assert_eq!(joined(&["ab", "c"]), joined(&["ab", "c"]));
}

#[test]
fn damage_of_any_kind_is_repaired_while_the_entry_is_in_use() {
    let (_guard, cache) = cache();
    let damages: [fn(&Path); 6] = [
        |entry| fs::write(entry.join("file"), "CONTENTS").unwrap(),
        |entry| fs::write(entry.join("file"), "cont").unwrap(),
        |entry| fs::remove_file(entry.join("file")).unwrap(),
        |entry| fs::remove_file(entry.join("MANIFEST")).unwrap(),
        |entry| fs::write(entry.join("MANIFEST"), "").unwrap(),
        |entry| fs::remove_dir_all(entry).unwrap(),
    ];
    let (entry, _) = get(&cache, Shelf::Models, "a", "contents");
    for (number, damage) in damages.iter().enumerate() {
        damage(entry.directory());
        let (repaired, built) = get(&cache, Shelf::Models, "a", "contents");
        assert_eq!(built, 1, "damage {number}");
        assert_eq!(fs::read_to_string(repaired.directory().join("file")).unwrap(), "contents");
    }
}

#[test]
fn a_failed_build_leaves_nothing() {
    let (_guard, cache) = cache();
    let result = cache.entry(Shelf::Models, &key("a"), &quiet, |directory| {
        fs::write(directory.join("file"), "half").map_err(cache.unusable("write", directory))?;
        Err(CacheError::NoPlace)
    });
    assert!(matches!(result, Err(CacheError::NoPlace)));
    assert_eq!(names(&cache.root().join("models"), ".partial"), [""; 0]);
    assert_eq!(get(&cache, Shelf::Models, "a", "whole").1, 1);
}

#[test]
fn leftovers_of_the_dead_go_and_those_of_the_living_stay() {
    let (_guard, cache) = cache();
    let shelf = cache.root().join("models");
    let leftover = |name: &str| shelf.join(format!("{}.abc.partial", key(name).as_str()));
    for name in ["dead", "alive"] {
        fs::create_dir_all(leftover(name)).unwrap();
        fs::write(leftover(name).join("file"), "half").unwrap();
    }
    let alive = Purpose::Build.lock_path(&shelf, key("alive").as_str());
    let _building = Lock::acquire(&alive, Sharing::Exclusive, || ()).unwrap();
    get(&cache, Shelf::Models, "another", "contents");
    assert!(!leftover("dead").exists());
    assert!(leftover("alive").exists());
}

#[test]
fn the_least_recently_used_entries_are_pruned_unless_in_use() {
    let (_guard, cache) = cache();
    let limit = Shelf::Runtime.entry_count_max().unwrap();
    let directory = |name: &str| cache.entry_directory(Shelf::Runtime, &key(name));
    let in_use = get(&cache, Shelf::Runtime, "in use", "x").0;
    for number in 0..limit {
        // Times of last use must differ for the order to be certain.
        std::thread::sleep(Duration::from_millis(5));
        get(&cache, Shelf::Runtime, &number.to_string(), "x");
    }
    assert!(in_use.directory().exists(), "an entry in use must stay");
    assert!(directory("0").exists(), "only the oldest may go");
    drop(in_use);
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(get(&cache, Shelf::Runtime, "0", "x").1, 0, "this use makes it recent");
    get(&cache, Shelf::Runtime, "last", "x");
    assert!(!directory("in use").exists() && !directory("1").exists());
    assert!(directory("0").exists() && directory("2").exists() && directory("last").exists());
    let lock_count = names(&cache.root().join("runtime"), ".lock").len();
    assert_eq!(lock_count, 2 * limit, "lock files go with their entries");
}

#[test]
fn threads_that_want_the_same_entry_build_it_once() {
    let (_guard, cache) = cache();
    let built = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let entry = cache.entry::<CacheError>(Shelf::Models, &key("a"), &quiet, |directory| {
                    built.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(50));
                    fs::write(directory.join("file"), "x").map_err(cache.unusable("write", directory))
                });
                assert!(entry.unwrap().directory().join("file").exists());
            });
        }
    });
    assert_eq!(built.into_inner(), 1);
}

#[test]
fn a_lock_whose_file_was_deleted_excludes_nobody_and_is_not_returned() {
    let (_guard, cache) = cache();
    let path = cache.root().join("some.lock");
    let first = Lock::try_exclusive(&path).unwrap();
    std::thread::scope(|scope| {
        let waiting = std::sync::mpsc::channel();
        let sender = waiting.0;
        let waiter = scope.spawn(|| {
            let lock = Lock::acquire(&path, Sharing::Exclusive, move || sender.send(()).unwrap()).unwrap();
            assert!(Lock::try_exclusive(&path).is_none(), "the lock must be on the file that has the name");
            drop(lock);
        });
        waiting.1.recv().unwrap();
        first.delete();
        waiter.join().unwrap();
    });
}

#[test]
fn a_directory_that_cannot_be_written_is_named_with_the_remedy() {
    let file = tempfile::NamedTempFile::new().unwrap();
    // Below a regular file nobody can create anything, not even root.
    let error = Cache::open(file.path().join("cache")).unwrap_err().to_string();
    assert!(error.contains(file.path().to_str().unwrap()), "{error}");
    assert!(error.contains("PAGEWALK_CACHE"), "{error}");
}
