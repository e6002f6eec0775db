//! The calls of a program on files: read, write, fsync, ftruncate, unlink, posix_fadvise, readahead, msync.
//!
//! Owns what each call returns. Files are named by [`FileId`]; what open(2) returns is an [`OpenFile`], which the caller
//! keeps, since how a file is read ahead depends on what was read through it before.

use super::readahead::{AccessPattern, Readahead};
use super::{CacheCounts, MappingId, NameCounts, Store};
use crate::errno::Errno;
use crate::kernel::Kernel;
use crate::oom::OomEnd;
use crate::reclaim::Gfp;
use crate::space::Punch;
use crate::system::System;
use crate::{OutOfMemory, VmFlags};
use pagewalk_arch::{FRAME_BYTES, FRAME_SHIFT, PhysAddr, Platform, VirtAddr};
use pagewalk_trace::FileId;
use std::ops::Range;

/// Frames that there are to be before a page is asked for: it, and what is read ahead with it.
const ROOM: u64 = 34;

/// A part of a file in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRange {
    /// First byte.
    pub offset: u64,
    /// Length.
    pub bytes: u64,
}

impl FileRange {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }
    fn pages(&self) -> Range<u64> {
        let first = self.offset >> FRAME_SHIFT;
        first..self.end().div_ceil(FRAME_BYTES).max(first)
    }
}

/// What open(2) returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFile {
    pub(super) file: FileId,
    pub(super) readahead: Readahead,
}

impl OpenFile {
    /// A new opening of `file`.
    pub fn new(file: FileId) -> Self {
        Self { file, readahead: Readahead::default() }
    }
    /// posix_fadvise(POSIX_FADV_RANDOM, _SEQUENTIAL, _NORMAL).
    pub fn advise(&mut self, pattern: AccessPattern) {
        self.readahead.pattern = pattern;
    }
    /// Which file it is.
    pub fn file(&self) -> FileId {
        self.file
    }
}

impl Kernel {
    /// The file that `path` names, made where there is none: `data/NAME` lies on the disk, `tmp/NAME` in tmpfs, all else
    /// in the root file system, which is a ramfs.
    pub fn file_named(&mut self, path: &str) -> FileId {
        self.system.cache.lookup_or_create(path)
    }

    /// The file that `path` names.
    ///
    /// # Errors
    /// `ENOENT`.
    pub fn file_existing(&mut self, path: &str) -> Result<FileId, Errno> {
        self.system.cache.lookup(path).ok_or(Errno::NoEnt)
    }

    /// Bytes of `file`; `None` where that is not known.
    pub fn file_bytes(&self, file: FileId) -> Option<u64> {
        self.system.cache.find(file).and_then(|mapping| mapping.bytes)
    }

    /// read(2) by process `pid`. Gives how many bytes were read.
    ///
    /// # Errors
    /// `ENOMEM` where there was no frame for a page; the process is killed then.
    pub fn file_read(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        open: &mut OpenFile,
        range: FileRange,
    ) -> Result<u64, Errno> {
        self.run_flusher(platform);
        let id = self.system.cache.mapping_of(open.file);
        let bytes = self.system.cache.mapping(id).bytes.unwrap_or(u64::MAX);
        let range = FileRange { bytes: range.end().min(bytes).saturating_sub(range.offset), ..range };
        let pages = range.pages();
        for index in pages.clone() {
            let read = |system: &mut System| system.page_for_read(open, index, pages.end);
            let Some(frame) = self.with_memory(platform, pid, read)? else { continue };
            // A page that the last read ended in counts as used once.
            if index > pages.start || !open.readahead.continues_in(index) {
                self.system.mark_accessed(frame);
            }
        }
        if range.bytes > 0 {
            open.readahead.has_read((range.end() - 1) >> FRAME_SHIFT);
        }
        self.system.sync_file_objects();
        Ok(range.bytes)
    }

    /// write(2) by process `pid`. Gives how many bytes were written. `byte_at` tells what the first byte of each page that
    /// is written becomes, by its offset in the file; it is asked only where contents are kept.
    ///
    /// # Errors
    /// `ENOSPC` where tmpfs is full, `ENOMEM` as for [`Self::file_read`].
    pub fn file_write(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        open: &mut OpenFile,
        range: FileRange,
        byte_at: &dyn Fn(u64) -> u8,
    ) -> Result<u64, Errno> {
        self.run_flusher(platform);
        let id = self.system.cache.mapping_of(open.file);
        let size = self.system.cache.mapping(id).bytes.unwrap_or(u64::MAX);
        let mut done = 0;
        for index in range.pages() {
            let page = index << FRAME_SHIFT;
            let (from, to) = (range.offset.max(page), range.end().min(page + FRAME_BYTES));
            // What lies beyond the end of the file needs no reading.
            let is_partial = from > page || to < size.min(page + FRAME_BYTES);
            if self.is_tmpfs_full(id, index) {
                return if done > 0 { Ok(done) } else { Err(Errno::NoSpc) };
            }
            let write = |system: &mut System| system.page_for_write(id, index, is_partial && page < size);
            let frame = self.with_memory(platform, pid, write)?;
            if let Some(contents) = self.system.memory.contents_mut() {
                contents.store(PhysAddr(frame.addr().0 + (from - page)), byte_at(from));
            }
            self.system.mark_dirty(id, index);
            self.system.cache.extend(id, to);
            done += to - from;
            self.balance_dirty(platform);
        }
        self.system.sync_file_objects();
        Ok(done)
    }

    /// Whether page `index` would be one more than tmpfs may have: half of the memory.
    fn is_tmpfs_full(&self, id: MappingId, index: u64) -> bool {
        let mapping = self.system.cache.mapping(id);
        mapping.store == Store::Swap
            && mapping.tree.get(index).is_none()
            && !mapping.is_swapped(index)
            && self.system.cache.tmpfs_pages() >= self.system.memory.frames_total() / 2
    }

    /// Does `work` for process `pid`. Where memory runs out, the killer makes room and it is done again, unless there is
    /// nobody left to do it for.
    fn with_memory<T>(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        mut work: impl FnMut(&mut System) -> Result<T, OutOfMemory>,
    ) -> Result<T, Errno> {
        loop {
            let _ = self.system.make_room(platform, ROOM, Gfp::User);
            match work(&mut self.system) {
                Ok(done) => return Ok(done),
                Err(OutOfMemory) if self.out_of_memory(platform, pid) == OomEnd::Panic => {
                    return Err(Errno::NoMem);
                }
                Err(OutOfMemory) if !self.processes.contains_key(&pid) => return Err(Errno::NoMem),
                Err(OutOfMemory) => {}
            }
        }
    }

    /// fsync(2).
    pub fn fsync(&mut self, platform: &mut dyn Platform, file: FileId) {
        let id = self.system.cache.mapping_of(file);
        self.sync_pages(platform, id, 0..u64::MAX);
    }

    /// ftruncate(2): pages beyond the new end are lost, wherever they are mapped, and so are private copies of them.
    pub fn ftruncate(&mut self, platform: &mut dyn Platform, file: FileId, bytes: u64) {
        self.run_flusher(platform);
        let id = self.system.cache.mapping_of(file);
        let before = self.system.cache.mapping(id).pages().unwrap_or(u64::MAX);
        let now = bytes.div_ceil(FRAME_BYTES);
        if now < before {
            self.zap_everywhere(platform, &Punch { file, offsets: now..u64::MAX }, true);
        }
        self.system.cache.cut(&mut self.system.memory, id, bytes);
        self.system.release_shared_slots();
    }

    /// unlink(2). What is mapped stays until it is not.
    ///
    /// # Errors
    /// `ENOENT`.
    pub fn funlink(&mut self, path: &str) -> Result<(), Errno> {
        let existed = self.system.cache.unlink(&mut self.system.memory, path);
        self.system.release_shared_slots();
        self.system.sync_file_objects();
        if existed { Ok(()) } else { Err(Errno::NoEnt) }
    }

    /// posix_fadvise(POSIX_FADV_DONTNEED): dirty pages are sent to the disk, and clean ones that nobody maps go.
    pub fn fadvise_dont_need(&mut self, platform: &mut dyn Platform, file: FileId, range: FileRange) {
        let id = self.system.cache.mapping_of(file);
        let pages = if range.bytes == 0 { range.pages().start..u64::MAX } else { range.pages() };
        self.system.write_back(platform, id, pages.clone());
        self.system.invalidate(id, pages);
    }

    /// readahead(2), posix_fadvise(POSIX_FADV_WILLNEED).
    pub fn fadvise_will_need(&mut self, file: FileId, range: FileRange) {
        let id = self.system.cache.mapping_of(file);
        self.system.will_need(id, range.pages());
    }

    /// Makes or opens `count` empty files whose names begin with `prefix`.
    pub fn create_many_files(&mut self, prefix: &str, count: u64) {
        self.system.cache.create_many(prefix, count);
        self.system.sync_file_objects();
    }

    /// Deletes the first `count` of them.
    ///
    /// # Errors
    /// `ENOENT` where there are fewer.
    pub fn remove_many_files(&mut self, prefix: &str, count: u64) -> Result<(), Errno> {
        let existed = self.system.cache.remove_many(prefix, count);
        self.system.sync_file_objects();
        if existed { Ok(()) } else { Err(Errno::NoEnt) }
    }

    /// msync(2) of `pid` with MS_SYNC, and MS_INVALIDATE if `invalidate`: what is mapped shared and dirty is written to its
    /// disk.
    ///
    /// # Errors
    /// As [`Self::sys_msync`], which decides what is written.
    pub fn msync(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        at: VirtAddr,
        bytes: u64,
        invalidate: bool,
    ) -> Result<(), Errno> {
        let sync = self.sys_msync(pid, at, bytes, invalidate)?;
        for (file, pages) in sync.files {
            let id = self.system.cache.mapping_of(file);
            self.sync_pages(platform, id, pages);
        }
        sync.result
    }

    /// Nobody runs for `ns` nanoseconds.
    pub fn sleep(&mut self, platform: &mut dyn Platform, ns: u64) {
        let until_ns = self.system.clock.now_ns().saturating_add(ns);
        while let Some(wake_ns) = self.next_flush_ns().filter(|&wake_ns| wake_ns <= until_ns) {
            self.system.clock.sleep_until(wake_ns);
            self.run_flusher(platform);
        }
        self.system.clock.sleep_until(until_ns);
        self.system.settle();
    }

    /// Nanoseconds since the start.
    pub fn now_ns(&self) -> u64 {
        self.system.clock.now_ns()
    }

    /// Pages in the cache.
    pub fn cache_counts(&self) -> CacheCounts {
        self.system.cache.counts
    }

    /// Nodes of the trees that say where cached pages are: `radix_tree_node` of slabinfo.
    pub fn cache_nodes(&self) -> u64 {
        let cache = &self.system.cache;
        let files = cache.all().filter(|&(id, _)| !cache.is_metadata(id));
        files.map(|(_, mapping)| mapping.tree.nodes()).sum()
    }

    /// What remembers the names of files.
    pub fn name_counts(&self) -> NameCounts {
        self.system.cache.name_counts()
    }
}

impl AccessPattern {
    /// How an area with these flags is going to be used.
    pub(crate) fn of_area(flags: VmFlags) -> Self {
        match flags {
            _ if flags.contains(VmFlags::RAND_READ) => AccessPattern::Random,
            _ if flags.contains(VmFlags::SEQ_READ) => AccessPattern::Sequential,
            _ => AccessPattern::Normal,
        }
    }
}
