//! What is known of one file: Linux's `inode` and its `address_space`. Owns its pages by index, its size, what the disk
//! has of it, who maps it, and when it began to be dirty.

use super::readahead::Readahead;
use super::tree::{Mark, PageTree};
use pagewalk_arch::FRAME_BYTES;
use pagewalk_trace::{FileId, FileKind};
use std::sync::Arc;

/// Number of a [`Mapping`]: with a page's index, the owner of a frame of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MappingId(pub(crate) u32);

/// Where the pages of a file come from and go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// A file system on a disk: missing pages are read, dirty ones written back.
    Disk,
    /// Memory that can be swapped: tmpfs, memfds, segments, shared anonymous memory.
    Swap,
    /// Nowhere: ramfs, whose pages stay.
    Memory,
}

impl Store {
    /// That of an object of a trace.
    pub(crate) fn of(kind: FileKind) -> Self {
        match kind {
            FileKind::Regular => Store::Disk,
            FileKind::Memory | FileKind::Segment => Store::Swap,
        }
    }
    /// Whether the file system wants to be told of the first write to a page that is clean: `page_mkwrite`.
    pub(crate) fn wants_write_faults(self) -> bool {
        self == Store::Disk
    }
}

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) file: FileId,
    pub(crate) kind: FileKind,
    pub(crate) store: Store,
    /// `/proc/PID/maps` shows it so.
    pub(crate) name: Option<Arc<str>>,
    /// A page wholly beyond it is SIGBUS; `None` where the size is not known.
    pub(crate) bytes: Option<u64>,
    /// Pages of areas that map it, in all address spaces together.
    pub(crate) mapped_pages: u64,
    pub(crate) tree: PageTree,
    /// Pages that are in swap.
    pub(crate) swapped: u64,
    /// It keeps its pages without any mapping.
    pub(crate) persists: bool,
    /// What is missing was in the cache before recording began: it costs no reading.
    pub(crate) is_warm: bool,
    /// It existed before anything was heard of it: the disk has all of it.
    pub(crate) is_old: bool,
    /// Pages that the disk has; what is not among them reads as zeroes.
    pub(crate) on_disk: Blocks,
    /// When its oldest dirty page became dirty, in nanoseconds: `dirtied_when`.
    pub(crate) dirty_since_ns: Option<u64>,
    /// Of its mappings. Linux has one for each open file.
    pub(crate) readahead: Readahead,
}

impl Mapping {
    pub(crate) fn new(file: FileId, kind: FileKind, store: Store) -> Self {
        Self {
            file,
            kind,
            store,
            name: None,
            bytes: None,
            mapped_pages: 0,
            tree: PageTree::default(),
            swapped: 0,
            persists: store != Store::Swap,
            is_warm: false,
            is_old: false,
            on_disk: Blocks::default(),
            dirty_since_ns: None,
            readahead: Readahead::default(),
        }
    }

    /// Pages that it has; `None` where that is not known.
    pub(crate) fn pages(&self) -> Option<u64> {
        self.bytes.map(|bytes| bytes.div_ceil(FRAME_BYTES))
    }

    /// Whether the disk has something to read for page `index`.
    pub(crate) fn is_on_disk(&self, index: u64) -> bool {
        self.store == Store::Disk && (self.is_old || self.on_disk.contains(index))
    }

    /// Whether page `index` is beyond its end.
    pub(crate) fn is_beyond_end(&self, index: u64) -> bool {
        self.pages().is_some_and(|pages| index >= pages)
    }

    /// Whether page `index` is in swap.
    pub(crate) fn is_swapped(&self, index: u64) -> bool {
        self.swapped > 0 && self.tree.left(index).is_some_and(|left| left.as_slot().is_some())
    }

    /// Whether page `index` is there and its contents too.
    pub(crate) fn is_up_to_date(&self, index: u64) -> bool {
        self.tree.get(index).is_some() && !self.tree.is_marked(index, Mark::Reading)
    }
}

/// A set of page indices, of which most come in runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    words: std::collections::BTreeMap<u64, u64>,
}

impl Blocks {
    pub(crate) fn insert(&mut self, index: u64) {
        *self.words.entry(index / 64).or_default() |= 1 << (index % 64);
    }
    pub(crate) fn contains(&self, index: u64) -> bool {
        self.words.get(&(index / 64)).is_some_and(|word| word >> (index % 64) & 1 != 0)
    }
    /// Those of `indices` that are in the set, upwards.
    pub(crate) fn within(&self, indices: std::ops::Range<u64>) -> Vec<u64> {
        let words = self.words.range(indices.start / 64..indices.end.div_ceil(64).max(indices.start / 64));
        let all = words.flat_map(|(&number, &word)| {
            (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| number * 64 + bit)
        });
        all.filter(|index| indices.contains(index)).collect()
    }
    /// Takes `indices` out.
    pub(crate) fn remove(&mut self, indices: std::ops::Range<u64>) {
        if indices.is_empty() {
            return;
        }
        let last = indices.end - 1;
        self.words.retain(|&number, word| {
            let at = number * 64;
            if at <= last && indices.start <= at + 63 {
                let from = indices.start.saturating_sub(at);
                let kept_above = if last - at < 63 { u64::MAX << (last - at + 1) } else { 0 };
                *word &= ((1 << from) - 1) | kept_above;
            }
            *word != 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_cut_anywhere() {
        for from in [0, 1, 63, 64, 65, 127, 128, 200] {
            for to in [from, from + 1, 64, 100, 128, 150, u64::MAX] {
                let mut blocks = Blocks::default();
                (0..150).for_each(|index| blocks.insert(index));
                blocks.remove(from..to);
                let is_there = |index: u64| index < 150 && !(from..to).contains(&index);
                assert!((0..200).all(|index| blocks.contains(index) == is_there(index)), "{from}..{to}");
                assert_eq!(
                    blocks.within(3..140),
                    (3..140).filter(|&index| is_there(index)).collect::<Vec<_>>()
                );
            }
        }
    }
}
