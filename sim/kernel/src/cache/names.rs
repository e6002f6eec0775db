//! Names of files, and what remembers them: dentries and inodes, which are slab memory that can be reclaimed.
//!
//! Owns which names exist and which of them are remembered. A name that is forgotten still exists; it is remembered
//! again when it is next used. Files that are made by the thousand, and are all empty, are counted and not kept one by
//! one.

use super::mapping::Mapping;
use super::{Cache, Mark, NAMED_FIRST, Store};
use crate::PhysicalMemory;
use crate::slab::ObjectKind;
use crate::system::System;
use pagewalk_trace::{FileId, FileKind};
use std::collections::{BTreeMap, BTreeSet};

/// Files `PREFIX0`, `PREFIX1` and so on, all empty.
#[derive(Clone, Copy, Debug, Default)]
struct Many {
    exist: u64,
    remembered: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    by_path: BTreeMap<String, FileId>,
    /// Those that a dentry and an inode stand for.
    remembered: BTreeSet<FileId>,
    created: u64,
    many: BTreeMap<String, Many>,
    /// Objects that were to be looked at and are not yet, because they are looked at many at once.
    deferred: u64,
}

/// Objects that remember names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct NameCounts {
    /// `dentry`.
    pub dentries: u64,
    /// `ext4_inode_cache`: inodes of the file system on the disk.
    pub disk_inodes: u64,
    /// `shmem_inode_cache`: inodes of tmpfs, which stay.
    pub tmpfs_inodes: u64,
    /// `inode_cache`: inodes of the root file system, which stay.
    pub root_inodes: u64,
}

/// Whether a path named `file`, now or once.
pub(super) fn is_named(file: FileId) -> bool {
    (NAMED_FIRST..super::ANONYMOUS_FIRST).contains(&file.0)
}

/// Where a path lies: `data/` is a file system on the disk, `tmp/` is tmpfs, and the root is a ramfs.
fn store_of(path: &str) -> Store {
    match path.trim_start_matches('/').split_once('/') {
        Some(("data", _)) => Store::Disk,
        Some(("tmp", _)) => Store::Swap,
        _ => Store::Memory,
    }
}

impl Cache {
    /// The file that `path` names; `None` where there is none.
    pub(super) fn lookup(&mut self, path: &str) -> Option<FileId> {
        let file = *self.names.by_path.get(path)?;
        self.names.remembered.insert(file);
        Some(file)
    }

    /// The file that `path` names, made where there is none.
    pub(super) fn lookup_or_create(&mut self, path: &str) -> FileId {
        if let Some(file) = self.lookup(path) {
            return file;
        }
        let file = FileId(NAMED_FIRST + self.names.created);
        self.names.created += 1;
        let store = store_of(path);
        let kind = if store == Store::Swap { FileKind::Memory } else { FileKind::Regular };
        let mut mapping = Mapping::new(file, kind, store);
        mapping.bytes = Some(0);
        mapping.persists = true;
        let shown = path.trim_start_matches('/');
        // What the kernel itself maps has a name and no path.
        let root = if shown.starts_with('[') { "" } else { "/" };
        mapping.name = Some(format!("{root}{shown}").into());
        self.add(mapping);
        self.names.by_path.insert(path.to_owned(), file);
        self.names.remembered.insert(file);
        file
    }

    /// Takes the name away. The file goes with its last mapping; says whether there was one.
    pub(super) fn unlink(&mut self, memory: &mut PhysicalMemory, path: &str) -> bool {
        let Some(file) = self.names.by_path.remove(path) else { return false };
        self.names.remembered.remove(&file);
        let id = self.mapping_of(file);
        let mapping = self.mapping_mut(id);
        mapping.persists = false;
        mapping.name = mapping.name.as_ref().map(|name| format!("{name} (deleted)").into());
        self.free_if_unused(memory, id);
        true
    }

    /// `count` empty files that begin with `prefix` exist from now on and are remembered.
    pub(super) fn create_many(&mut self, prefix: &str, count: u64) {
        let many = self.names.many.entry(prefix.to_owned()).or_default();
        many.exist = many.exist.max(count);
        many.remembered = many.remembered.max(count);
    }

    /// The first `count` of them are deleted; says whether so many existed.
    pub(super) fn remove_many(&mut self, prefix: &str, count: u64) -> bool {
        let Some(many) = self.names.many.get_mut(prefix).filter(|many| many.exist >= count) else {
            return false;
        };
        many.exist -= count;
        many.remembered = many.remembered.min(many.exist);
        true
    }

    /// Whether nothing but its name keeps the file's inode: it is on the disk, and has no pages and no mapping.
    fn is_forgettable(&self, file: FileId) -> bool {
        self.find(file).is_some_and(|mapping| {
            mapping.store == Store::Disk && mapping.mapped_pages == 0 && mapping.tree.len() == 0
        })
    }

    /// Forgets every name that may be forgotten. Gives how many that were.
    pub(crate) fn forget_names(&mut self) -> u64 {
        self.shrink_names(u64::MAX)
    }

    /// Forgets at most `count` names, and gives how many that were: the shrinker of dentries and inodes.
    pub(crate) fn shrink_names(&mut self, count: u64) -> u64 {
        let mut left = count;
        for (_, many) in self.names.many.iter_mut().filter(|(prefix, _)| store_of(prefix) == Store::Disk) {
            let gone = many.remembered.min(left);
            many.remembered -= gone;
            left -= gone;
        }
        let idle: Vec<FileId> =
            self.names.remembered.iter().copied().filter(|&file| self.is_forgettable(file)).collect();
        for file in idle.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            self.names.remembered.remove(&file);
            left -= 1;
        }
        count - left
    }

    /// Names that may be forgotten.
    fn forgettable(&self) -> u64 {
        let on_disk = self.names.many.iter().filter(|(prefix, _)| store_of(prefix) == Store::Disk);
        let many: u64 = on_disk.map(|(_, many)| many.remembered).sum();
        many + self.names.remembered.iter().filter(|&&file| self.is_forgettable(file)).count() as u64
    }

    /// Dentries and inodes that there are.
    pub(crate) fn name_counts(&self) -> NameCounts {
        let mut counts = NameCounts::default();
        let mut add = |store: Store, names: u64| {
            counts.dentries += names;
            *match store {
                Store::Disk => &mut counts.disk_inodes,
                Store::Swap => &mut counts.tmpfs_inodes,
                Store::Memory => &mut counts.root_inodes,
            } += names;
        };
        self.names.remembered.iter().for_each(|&file| add(self.store(file), 1));
        self.names.many.iter().for_each(|(prefix, many)| add(store_of(prefix), many.remembered));
        counts
    }
}

impl System {
    /// Brings what slabs hold of names, files and their pages up to date.
    pub(crate) fn sync_file_objects(&mut self) {
        let Some(slab) = &mut self.slab else { return };
        let names = self.cache.name_counts();
        let files = || self.cache.all().filter(|&(id, _)| !self.cache.is_metadata(id));
        let pages = |of: fn(&Mapping) -> u64| files().map(|(_, mapping)| of(mapping)).sum();
        for (kind, count) in [
            (ObjectKind::Dentry, names.dentries),
            (ObjectKind::Ext4Inode, names.disk_inodes),
            (ObjectKind::ShmemInode, names.tmpfs_inodes),
            (ObjectKind::LsmInode, names.disk_inodes + names.tmpfs_inodes),
            (ObjectKind::RadixTreeNode, pages(|mapping| mapping.tree.nodes())),
            (ObjectKind::BufferHead, pages(|mapping| mapping.tree.marked(Mark::Buffer))),
        ] {
            slab.sync(&mut self.memory, kind, count);
        }
    }

    /// Looks at a part of the dentries and inodes that grows with the pressure, and forgets them: Linux's `do_shrink_slab`
    /// of a file system's shrinker.
    pub(crate) fn shrink_slabs(&mut self, priority: u32) {
        /// Objects that are looked at together.
        const BATCH: u64 = 1024;
        /// A dentry and an inode.
        const OBJECTS: u64 = 2;
        let objects = self.cache.forgettable() * OBJECTS;
        let freeable = objects * self.sysctl.vfs_cache_pressure / 100;
        if freeable == 0 {
            return;
        }
        let deferred = std::mem::take(&mut self.cache.names.deferred);
        // 4 / DEFAULT_SEEKS.
        let delta = (freeable >> priority) * 2;
        let mut left = ((deferred >> priority) + delta).min(2 * freeable);
        let mut scanned = 0;
        while left >= BATCH || left >= freeable {
            let now = left.min(BATCH);
            if self.cache.shrink_names(now / OBJECTS) == 0 {
                break;
            }
            left -= now;
            scanned += now;
        }
        self.events.slabs_scanned += scanned;
        self.sync_file_objects();
        self.cache.names.deferred = (deferred + delta).saturating_sub(scanned).min(2 * freeable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_forgotten_and_come_back() {
        let mut cache = Cache::default();
        cache.create_many("data/f", 5000);
        let file = cache.lookup_or_create("data/g");
        assert_eq!(cache.lookup_or_create("data/g"), file);
        cache.lookup_or_create("tmp/t");
        let counts = cache.name_counts();
        assert_eq!((counts.dentries, counts.disk_inodes, counts.tmpfs_inodes), (5002, 5001, 1));
        assert_eq!(cache.shrink_names(100), 100);
        assert_eq!(cache.name_counts().disk_inodes, 4901);
        assert_eq!(cache.forget_names(), 4901);
        assert_eq!(cache.name_counts(), NameCounts { dentries: 1, tmpfs_inodes: 1, ..NameCounts::default() });
        cache.create_many("data/f", 5000);
        assert_eq!((cache.name_counts().disk_inodes, cache.lookup("data/g")), (5000, Some(file)));
        assert!(cache.remove_many("data/f", 5000) && !cache.remove_many("data/f", 1));
        assert_eq!(cache.name_counts().disk_inodes, 1);
        assert_eq!(cache.lookup("data/nobody"), None);
    }
}
