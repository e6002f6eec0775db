//! The page cache: what files, tmpfs files, System V segments and shared anonymous memory have in memory.
//!
//! Owns the frame of every page of a file that is cached, with one reference; the files' sizes and names; which pages are
//! dirty or in transfer. A page stays until its file is truncated or deleted, or something takes it: what is mapped is a
//! part of the cache and not the other way round. Shared memory that nothing names goes with its last mapping.
//! Does not own the entries that map a page, nor the disk.
//!
//! | file | |
//! |---|---|
//! | `mapping` `tree` | one file, and its pages by index |
//! | `readahead` `read` | what is read, and the wait for it |
//! | `write` `writeback` | dirty pages, and their way to the disk |
//! | `metadata` | pages of file systems' own |
//! | `drop` `names` | what goes by request; names, and the dentries and inodes that remember them |
//! | `calls` | the calls of a program on files |

mod calls;
mod drop;
mod mapping;
mod metadata;
mod names;
mod read;
mod readahead;
mod shmem;
mod tree;
mod write;
mod writeback;

pub use calls::{FileRange, OpenFile};
pub(crate) use mapping::MappingId;
use mapping::Store;
pub use names::NameCounts;
pub(crate) use read::Found;
pub use readahead::AccessPattern;
use tree::{Left, Mark};

use crate::frame::Holder;
use crate::reclaim::Shadow;
use crate::swap::SwapSlot;
use crate::{FolioFlags, Pfn, PhysicalMemory, Vma};
use mapping::Mapping;
use metadata::Metadata;
use names::Names;
use pagewalk_arch::FRAME_BYTES;
use pagewalk_trace::{FileFact, FileId, FileKind};
use read::Transfer;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use writeback::Flusher;

/// Objects from this number on are shared anonymous memory; a trace's own numbers lie below.
const ANONYMOUS_FIRST: u64 = 1 << 63;
/// Files from this number on are such that a path named.
const NAMED_FIRST: u64 = 1 << 62;

/// Pages in the cache, as gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CacheCounts {
    /// All: `nr_file_pages`.
    pub pages: u64,
    /// Those of tmpfs and shared memory among them: `nr_shmem`.
    pub shmem: u64,
    /// Those that a disk does not have as they are: `nr_dirty`.
    pub dirty: u64,
    /// Those on their way to a disk: `nr_writeback`.
    pub writeback: u64,
    /// Pages mapped around one that was read, without a fault of their own, since the start.
    pub mapped_around: u64,
}

/// All files of which something is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cache {
    /// By [`MappingId`]; `None`: free for the next.
    mappings: Vec<Option<Mapping>>,
    free: Vec<MappingId>,
    /// Only looked up in, never gone through: its order is nobody's.
    by_file: HashMap<FileId, MappingId>,
    anonymous_created: u64,
    /// A trace's files were in the cache before recording began.
    files_are_warm: bool,
    names: Names,
    /// In the order in which the disk will have done them.
    transfers: VecDeque<Transfer>,
    /// Slots of swap whose places are gone; to be given up.
    freed_slots: Vec<SwapSlot>,
    flusher: Flusher,
    metadata: Metadata,
    pub(crate) counts: CacheCounts,
}

impl Cache {
    /// Nothing cached; of the files of a trace, everything can be if `files_are_warm`.
    pub(crate) fn new(files_are_warm: bool) -> Self {
        Self { files_are_warm, ..Self::default() }
    }

    fn add(&mut self, mapping: Mapping) -> MappingId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.mappings.push(None);
            MappingId(u32::try_from(self.mappings.len() - 1).expect("fewer than 2^32 files"))
        });
        self.by_file.insert(mapping.file, id);
        self.mappings[id.0 as usize] = Some(mapping);
        id
    }

    /// The mapping of `file`, made where nothing was known of the file.
    pub(crate) fn mapping_of(&mut self, file: FileId) -> MappingId {
        if let Some(&id) = self.by_file.get(&file) {
            return id;
        }
        let mut mapping = Mapping::new(file, FileKind::Regular, Store::Disk);
        (mapping.is_warm, mapping.is_old) = (self.files_are_warm, true);
        self.add(mapping)
    }

    /// The mapping that has this number.
    ///
    /// # Panics
    /// Where it has ended.
    pub(crate) fn mapping(&self, id: MappingId) -> &Mapping {
        self.mappings[id.0 as usize].as_ref().expect("the file is known")
    }
    fn mapping_mut(&mut self, id: MappingId) -> &mut Mapping {
        self.mappings[id.0 as usize].as_mut().expect("the file is known")
    }
    fn find(&self, file: FileId) -> Option<&Mapping> {
        self.by_file.get(&file).map(|&id| self.mapping(id))
    }
    /// Pages of tmpfs and of shared memory, in memory or in swap, of all objects but `these`.
    pub(crate) fn shmem_pages_beside(&self, these: &BTreeMap<FileId, u64>) -> u64 {
        let all = self.mappings.iter().flatten().filter(|mapping| mapping.store == Store::Swap);
        let others = all.filter(|mapping| !these.contains_key(&mapping.file));
        others.map(|mapping| mapping.tree.len() + mapping.swapped).sum()
    }

    /// Every file, by number of its mapping.
    pub(crate) fn all(&self) -> impl Iterator<Item = (MappingId, &Mapping)> {
        let numbered = (0..).map(MappingId).zip(&self.mappings);
        numbered.filter_map(|(id, mapping)| mapping.as_ref().map(|mapping| (id, mapping)))
    }
    fn ids(&self) -> Vec<MappingId> {
        self.all().map(|(id, _)| id).collect()
    }

    /// New shared anonymous memory of `pages` pages.
    pub(crate) fn create_anonymous(&mut self, pages: u64) -> FileId {
        let file = FileId(ANONYMOUS_FIRST + self.anonymous_created);
        self.anonymous_created += 1;
        let mut mapping = Mapping::new(file, FileKind::Memory, Store::Swap);
        mapping.bytes = pages.checked_mul(FRAME_BYTES);
        self.add(mapping);
        file
    }

    /// Takes note of `fact`. Gives the page indices that lie beyond the file's end now and did not before.
    pub(crate) fn learn(&mut self, fact: &FileFact) -> Option<Range<u64>> {
        let is_warm = self.files_are_warm && fact.kind == FileKind::Regular;
        let is_known = self.by_file.contains_key(&fact.file);
        let id = self.mapping_of(fact.file);
        let mapping = self.mapping_mut(id);
        let before = mapping.pages();
        mapping.bytes = fact.bytes;
        mapping.kind = fact.kind;
        if mapping.tree.len() == 0 {
            mapping.store = Store::of(fact.kind);
        }
        mapping.is_warm = is_warm && (mapping.is_warm || !is_known);
        mapping.is_old = mapping.store == Store::Disk;
        mapping.persists |= mapping.store == Store::Disk || fact.kind == FileKind::Segment;
        mapping.name = Some(Arc::clone(&fact.name));
        let (now, before) = (mapping.pages()?, before.unwrap_or(u64::MAX));
        (now < before).then_some(now..before)
    }

    /// A segment goes with its last mapping from now on.
    pub(crate) fn remove_segment(&mut self, memory: &mut PhysicalMemory, file: FileId) {
        if let Some(&id) = self.by_file.get(&file) {
            self.mapping_mut(id).persists = false;
            self.free_if_unused(memory, id);
        }
    }

    /// Counts an area that came to be.
    pub(crate) fn retain(&mut self, vma: &Vma) {
        if let Some(file) = vma.attributes.backing.file() {
            let id = self.mapping_of(file);
            self.mapping_mut(id).mapped_pages += vma.pages.pages();
        }
    }

    /// Counts an area that is gone. What nothing names and nothing maps any more returns its frames.
    pub(crate) fn release(&mut self, memory: &mut PhysicalMemory, vma: &Vma) {
        let Some(file) = vma.attributes.backing.file() else { return };
        let id = self.mapping_of(file);
        self.mapping_mut(id).mapped_pages -= vma.pages.pages();
        self.free_if_unused(memory, id);
    }

    /// A file is mapped: what is read ahead for it begins anew.
    pub(crate) fn opened_for_mapping(&mut self, file: FileId) {
        let id = self.mapping_of(file);
        self.mapping_mut(id).readahead = readahead::Readahead::default();
    }

    fn free_if_unused(&mut self, memory: &mut PhysicalMemory, id: MappingId) {
        let mapping = self.mapping(id);
        if mapping.mapped_pages > 0 || mapping.persists {
            return;
        }
        let (file, is_nameless) = (mapping.file, mapping.file.0 >= NAMED_FIRST || mapping.name.is_none());
        self.punch(memory, file, 0..u64::MAX);
        // What is known of a trace's file stays: it may be mapped again.
        if is_nameless {
            self.by_file.remove(&file);
            self.mappings[id.0 as usize] = None;
            self.transfers.retain(|transfer| transfer.mapping != id);
            self.free.push(id);
        }
    }

    /// Returns the frames of every file; nothing may be mapped any more.
    pub(crate) fn free_all(&mut self, memory: &mut PhysicalMemory) {
        self.unpin(memory);
        for id in self.ids() {
            let file = self.mapping(id).file;
            self.punch(memory, file, 0..u64::MAX);
        }
        *self = Self { freed_slots: std::mem::take(&mut self.freed_slots), ..Self::new(self.files_are_warm) };
    }

    /// Returns the frames of the page indices `indices`, whose contents are lost. The caller has unmapped them.
    pub(crate) fn punch(&mut self, memory: &mut PhysicalMemory, file: FileId, indices: Range<u64>) {
        let Some(&id) = self.by_file.get(&file) else { return };
        for index in self.mapping(id).tree.pages_in(indices.clone()) {
            self.take_out(memory, id, index, None);
        }
        let mapping = self.mapping_mut(id);
        let left = mapping.tree.forget(indices.clone());
        let slots = left.into_iter().filter_map(Left::as_slot);
        let known = self.freed_slots.len();
        self.freed_slots.extend(slots);
        let gone = (self.freed_slots.len() - known) as u64;
        let mapping = self.mapping_mut(id);
        mapping.swapped -= gone;
        if let Some(contents) = memory.contents_mut() {
            for index in mapping.on_disk.within(indices.clone()) {
                contents.forget(Holder::Disk(id.0, index as u32));
            }
        }
        mapping.on_disk.remove(indices);
    }

    /// Takes page `index` out of the cache, whatever state it is in, leaves `left`, and gives up the cache's reference.
    fn take_out(&mut self, memory: &mut PhysicalMemory, id: MappingId, index: u64, left: Option<Left>) {
        let mapping = self.mapping_mut(id);
        let was_dirty = mapping.tree.is_marked(index, Mark::Dirty);
        let was_writeback = mapping.tree.is_marked(index, Mark::Writeback);
        let Some(frame) = mapping.tree.remove(index, left) else { return };
        let store = mapping.store;
        if mapping.tree.marked(Mark::Dirty) == 0 {
            mapping.dirty_since_ns = None;
        }
        let counts = &mut self.counts;
        counts.pages -= 1;
        counts.shmem -= u64::from(store == Store::Swap);
        counts.dirty -= u64::from(was_dirty);
        counts.writeback -= u64::from(was_writeback);
        memory.unset(frame, FolioFlags::DIRTY | FolioFlags::WRITEBACK);
        memory.put(frame);
    }

    /// Takes the page in `frame`, which is clean and mapped by nobody, out of the cache, and leaves `shadow`. For reclaim.
    pub(crate) fn evict(&mut self, memory: &mut PhysicalMemory, frame: Pfn, shadow: Option<Shadow>) {
        let (owner, index) = memory.owner(frame);
        let id = MappingId(owner);
        self.mapping_mut(id).is_warm = false;
        self.take_out(memory, id, u64::from(index), shadow.map(Left::shadow));
    }

    /// The page in `from` has moved to `to`.
    pub(crate) fn replace(&mut self, memory: &PhysicalMemory, from: Pfn, to: Pfn) {
        let (owner, index) = memory.owner(from);
        self.mapping_mut(MappingId(owner)).tree.replace(index.into(), to);
    }

    /// Pages of tmpfs files, those in swap included.
    fn tmpfs_pages(&self) -> u64 {
        let named =
            self.all().filter(|(_, mapping)| mapping.store == Store::Swap && names::is_named(mapping.file));
        named.map(|(_, mapping)| mapping.tree.len() + mapping.swapped).sum()
    }

    /// Whether a page at `index` is beyond the file's end.
    pub(crate) fn is_beyond_end(&self, file: FileId, index: u64) -> bool {
        self.find(file).is_some_and(|mapping| mapping.is_beyond_end(index))
    }

    /// Whether it is there: mapped, or known.
    pub(crate) fn exists(&self, file: FileId) -> bool {
        self.by_file.contains_key(&file)
    }

    /// What kind of object it is.
    pub(crate) fn kind(&self, file: FileId) -> FileKind {
        self.find(file).map_or(FileKind::Regular, |mapping| mapping.kind)
    }

    /// Whether the file system wants to be told of the first write to a page of the file that is clean.
    pub(crate) fn wants_write_faults(&self, file: FileId) -> bool {
        self.store(file).wants_write_faults()
    }

    /// Where its pages come from and go to.
    fn store(&self, file: FileId) -> Store {
        self.find(file).map_or(Store::Disk, |mapping| mapping.store)
    }

    /// Its name, as `/proc/PID/maps` shows it.
    pub(crate) fn name(&self, file: FileId) -> String {
        match self.find(file).and_then(|mapping| mapping.name.as_ref()) {
            Some(name) => name.to_string(),
            None if file.0 >= ANONYMOUS_FIRST => "/dev/zero (deleted)".into(),
            None => format!("file:{}", file.0),
        }
    }

    /// Pages of areas that map each file, as counted.
    pub(crate) fn mapped_pages(&self) -> impl Iterator<Item = (FileId, u64)> {
        self.all().map(|(_, mapping)| (mapping.file, mapping.mapped_pages))
    }
    /// The frames of all files.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Pfn> {
        self.all().flat_map(|(_, mapping)| mapping.tree.iter().map(|(_, frame)| frame))
    }

    /// The counters that a recount gives, for [`crate::Kernel::check`]: pages, of shared memory, dirty, in writeback.
    pub(crate) fn recount(&self) -> [(&'static str, u64, u64); 4] {
        let sum = |of: &dyn Fn(&Mapping) -> u64| self.all().map(|(_, mapping)| of(mapping)).sum::<u64>();
        let shmem = |mapping: &Mapping| {
            if mapping.store == Store::Swap { mapping.tree.iter().count() as u64 } else { 0 }
        };
        let marked = |mapping: &Mapping, mark| mapping.tree.marked_in(0..u64::MAX, mark).len() as u64;
        [
            ("pages", self.counts.pages, sum(&|mapping| mapping.tree.iter().count() as u64)),
            ("pages of shared memory", self.counts.shmem, sum(&shmem)),
            ("dirty pages", self.counts.dirty, sum(&|mapping| marked(mapping, Mark::Dirty))),
            ("pages in writeback", self.counts.writeback, sum(&|mapping| marked(mapping, Mark::Writeback))),
        ]
    }
}
