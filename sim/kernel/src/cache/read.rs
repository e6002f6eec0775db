//! How a page of a file comes into the cache: from the disk, with what is read ahead, and the wait for it; or new, where
//! the disk has none. Linux's `filemap_fault`, `filemap_get_pages` and `page_cache_ra_unbounded`.
//!
//! Owns the order in which pages are asked for and what is in transfer. How much is read ahead is
//! [`super::readahead`]'s to say.

use super::readahead::{AccessPattern, Limits, Window};
use super::{Left, MappingId, Mark, Store};
use crate::device::Direction;
use crate::frame::Holder;
use crate::system::System;
use crate::{FolioFlags, FrameUse, OutOfMemory, Pfn};
use pagewalk_arch::FRAME_BYTES;
use std::ops::Range;

/// Pages on their way between disk and memory.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    pub(super) done_ns: u64,
    pub(super) mapping: MappingId,
    pub(super) pages: Range<u64>,
    pub(super) direction: Direction,
}

/// A page that a fault needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) frame: Pfn,
    /// The fault had to let go of the address space, to send for more pages or to wait, and came back: Linux's
    /// `VM_FAULT_RETRY`.
    pub(crate) retried: bool,
    /// The page was not in the cache: `VM_FAULT_MAJOR`.
    pub(crate) missed: bool,
}

impl System {
    fn readahead_limits(&self) -> Limits {
        Limits { window: self.disk.read_ahead_pages(), request: self.disk.request_pages() }
    }

    /// Takes note of what the disk has done by now.
    pub(crate) fn settle(&mut self) {
        while let Some(transfer) = self.cache.transfers.front()
            && transfer.done_ns <= self.clock.now_ns()
        {
            let transfer = self.cache.transfers.pop_front().expect("it was there just now");
            for index in transfer.pages {
                let tree = &mut self.cache.mapping_mut(transfer.mapping).tree;
                let Some(frame) = tree.get(index) else { continue };
                match transfer.direction {
                    Direction::In if tree.unmark(index, Mark::Reading) => {
                        self.memory.set(frame, FolioFlags::UPTODATE);
                    }
                    Direction::Out if tree.unmark(index, Mark::Writeback) => {
                        self.memory.unset(frame, FolioFlags::WRITEBACK);
                        self.cache.counts.writeback -= 1;
                        self.events.nr_written += 1;
                        self.rotate_reclaimed(frame);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Waits until page `index` is in no transfer.
    pub(super) fn wait_for(&mut self, id: MappingId, index: u64) {
        let is_of_it = |transfer: &&Transfer| transfer.mapping == id && transfer.pages.contains(&index);
        if let Some(last) = self.cache.transfers.iter().rev().find(is_of_it) {
            self.clock.wait_until(last.done_ns);
        }
        self.settle();
    }

    /// A new page of zeroes in place `index`, where none is.
    pub(super) fn add_page(&mut self, id: MappingId, index: u64) -> Result<Pfn, OutOfMemory> {
        let (frame, _) = self.add(id, index, false)?;
        Ok(frame)
    }

    /// A new page in place `index`, where none is. Says whether it has to be read, and is marked so; only where it is `to_be_read`
    /// and the disk has it.
    fn add(&mut self, id: MappingId, index: u64, to_be_read: bool) -> Result<(Pfn, bool), OutOfMemory> {
        let number = u32::try_from(index).map_err(|_| OutOfMemory)?;
        let frame = self.memory.allocate(FrameUse::File)?;
        let mapping = self.cache.mapping_mut(id);
        let left = mapping.tree.insert(index, frame);
        let is_read = to_be_read && mapping.is_on_disk(index);
        let store = mapping.store;
        if is_read {
            mapping.tree.mark(index, Mark::Reading);
            self.memory.copy_page(Holder::Disk(id.0, number), Holder::Frame(frame));
        }
        let mut flags = FolioFlags::empty();
        flags.set(FolioFlags::UPTODATE, !is_read);
        flags.set(FolioFlags::SWAPBACKED, store == Store::Swap);
        flags.set(FolioFlags::UNEVICTABLE, store == Store::Memory);
        self.memory.set(frame, flags);
        self.memory.set_owner(frame, id.0, number);
        self.memory.lru_add(frame);
        self.cache.counts.pages += 1;
        self.cache.counts.shmem += u64::from(store == Store::Swap);
        if let Some(shadow) = left.and_then(Left::as_shadow) {
            self.refault(frame, shadow);
        }
        Ok((frame, is_read))
    }

    /// Sends for the page `index`, where none is, alone.
    fn add_reading(&mut self, id: MappingId, index: u64) -> Result<Pfn, OutOfMemory> {
        let (frame, is_read) = self.add(id, index, true)?;
        if is_read {
            self.transfer(id, index..index + 1, Direction::In);
        }
        Ok(frame)
    }

    /// Queues a transfer of `pages`, which are marked for it.
    pub(super) fn transfer(&mut self, id: MappingId, pages: Range<u64>, direction: Direction) {
        if pages.is_empty() {
            return;
        }
        let kb = (pages.end - pages.start) * FRAME_BYTES / 1024;
        match direction {
            Direction::In => self.events.pgpgin += kb,
            Direction::Out => self.events.pgpgout += kb,
        }
        let done_ns = self.disk.submit(self.clock.now_ns(), pages.end - pages.start);
        self.cache.transfers.push_back(Transfer { done_ns, mapping: id, pages, direction });
    }

    /// Sends for what is missing of `window`, as far as the file goes and there is memory for it: what nobody asked for
    /// yet is not worth taking anything for.
    fn read_window(&mut self, id: MappingId, window: Window) {
        let end = self.cache.mapping(id).pages().unwrap_or(u64::MAX);
        let pages = window.pages.min(end.saturating_sub(window.start));
        let marked = pages.checked_sub(window.ahead).filter(|_| window.ahead > 0).map(|at| window.start + at);
        let mut run = window.start..window.start;
        for index in window.start..window.start + pages {
            let is_missing = self.cache.mapping(id).tree.get(index).is_none();
            let added = if is_missing { self.add(id, index, true) } else { Ok((Pfn(0), false)) };
            let Ok((_, is_read)) = added else { break };
            if is_missing && marked == Some(index) {
                self.cache.mapping_mut(id).tree.mark(index, Mark::Readahead);
            }
            if is_read {
                run.end = index + 1;
            } else {
                self.transfer(id, run, Direction::In);
                run = index + 1..index + 1;
            }
        }
        self.transfer(id, run, Direction::In);
    }

    /// Page `index` for a fault in an area that is used like `pattern`. The page has no new reference.
    pub(crate) fn page_for_fault(
        &mut self,
        id: MappingId,
        index: u64,
        pattern: AccessPattern,
    ) -> Result<Found, OutOfMemory> {
        self.settle();
        let limits = self.readahead_limits();
        let mapping = self.cache.mapping_mut(id);
        let mut found = Found { frame: Pfn(0), retried: false, missed: false };
        if let Some(frame) = mapping.tree.get(index) {
            found.frame = frame;
            if pattern != AccessPattern::Random {
                mapping.readahead.fault_hit();
                if mapping.tree.unmark(index, Mark::Readahead) {
                    found.retried = true;
                    let window = mapping.readahead.hit_mark(&mapping.tree, index, limits.window, limits);
                    window.into_iter().for_each(|window| self.read_window(id, window));
                }
            }
        } else if mapping.store != Store::Disk || mapping.is_warm {
            if let Some((frame, waited)) = self.shared_from_swap(id, index)? {
                self.events.pgmajfault += u64::from(waited);
                return Ok(Found { frame, retried: false, missed: waited });
            }
            found.frame = self.add_page(id, index)?;
            return Ok(found);
        } else {
            (found.retried, found.missed) = (true, true);
            let window = mapping.readahead.fault_missed(&mapping.tree, index, pattern, limits);
            window.into_iter().for_each(|window| self.read_window(id, window));
            self.events.pgmajfault += 1;
            found.frame = match self.cache.mapping(id).tree.get(index) {
                Some(frame) => frame,
                None => self.add_reading(id, index)?,
            };
            self.cache.mapping_mut(id).tree.unmark(index, Mark::Readahead);
        }
        if self.cache.mapping(id).tree.is_marked(index, Mark::Reading) {
            found.retried = true;
            self.wait_for(id, index);
        }
        Ok(found)
    }

    /// Page `index` for a call that reads it and the pages after it up to `end`. `None`: the file has a hole there, and
    /// keeps it.
    pub(super) fn page_for_read(
        &mut self,
        open: &mut super::OpenFile,
        index: u64,
        end: u64,
    ) -> Result<Option<Pfn>, OutOfMemory> {
        self.settle();
        let limits = self.readahead_limits();
        let id = self.cache.mapping_of(open.file);
        let mapping = self.cache.mapping_mut(id);
        let (store, asked) = (mapping.store, end - index);
        if mapping.tree.get(index).is_none() {
            if store != Store::Disk {
                return Ok(self.shared_from_swap(id, index)?.map(|(frame, _)| frame));
            }
            let window = open.readahead.missed(&mapping.tree, index, asked, limits);
            self.read_window(id, window);
            if self.cache.mapping(id).tree.get(index).is_none() {
                self.add_reading(id, index)?;
            }
        }
        let mapping = self.cache.mapping_mut(id);
        if mapping.tree.unmark(index, Mark::Readahead) {
            let window = open.readahead.hit_mark(&mapping.tree, index, asked, limits);
            window.into_iter().for_each(|window| self.read_window(id, window));
        }
        if self.cache.mapping(id).tree.is_marked(index, Mark::Reading) {
            self.wait_for(id, index);
        }
        Ok(self.cache.mapping(id).tree.get(index))
    }

    /// Page `index` for a call that writes all of it, or (`is_partial`) keeps some of what it has.
    pub(super) fn page_for_write(
        &mut self,
        id: MappingId,
        index: u64,
        is_partial: bool,
    ) -> Result<Pfn, OutOfMemory> {
        self.settle();
        let is_shared = self.cache.mapping(id).store == Store::Swap;
        let there = match self.cache.mapping(id).tree.get(index) {
            Some(frame) => Some(frame),
            None => self.shared_from_swap(id, index)?.map(|(frame, _)| frame),
        };
        let frame = match there {
            Some(frame) => frame,
            None if is_partial => self.add_reading(id, index)?,
            None => self.add_page(id, index)?,
        };
        // Of files that go to swap, a write is a use, the first one too: `shmem_get_folio_gfp`.
        match there {
            Some(frame) if is_shared => self.mark_accessed(frame),
            None if is_shared => self.memory.set(frame, FolioFlags::REFERENCED),
            _ => {}
        }
        if self.cache.mapping(id).tree.is_marked(index, Mark::Reading) {
            self.wait_for(id, index);
        }
        Ok(frame)
    }

    /// Pages of `indices` that can be mapped around a fault: in the cache, up to date, without a mark. Of a file that was
    /// in the cache before recording began, those are all, as far as there is memory to spare.
    pub(crate) fn pages_around(&mut self, id: MappingId, indices: Range<u64>) -> Vec<(u64, Pfn)> {
        /// Frames that are left free by what is mapped without being asked for.
        const SPARED: u64 = 256;
        self.settle();
        let mapping = self.cache.mapping(id);
        let end = mapping.pages().map_or(indices.end, |pages| pages.min(indices.end));
        let mut found = Vec::new();
        for index in indices.start..end.max(indices.start) {
            let mapping = self.cache.mapping(id);
            if mapping.tree.get(index).is_none()
                && mapping.store == Store::Disk
                && mapping.is_warm
                && self.memory.frames_free() > SPARED
            {
                let _ = self.add_page(id, index);
            }
            let mapping = self.cache.mapping(id);
            if mapping.is_up_to_date(index)
                && !mapping.tree.is_marked(index, Mark::Readahead)
                && let Some(frame) = mapping.tree.get(index)
            {
                found.push((index, frame));
            }
        }
        found
    }

    /// Sends for `indices` of a file without waiting, as MADV_WILLNEED, POSIX_FADV_WILLNEED and readahead(2) do: in pieces
    /// of 2 MiB, of each of which the device's largest request is read.
    pub(crate) fn will_need(&mut self, id: MappingId, indices: Range<u64>) {
        const PIECE: u64 = 512;
        let limits = self.readahead_limits();
        let end = self.cache.mapping(id).pages().unwrap_or(indices.end).min(indices.end);
        let asked = end.saturating_sub(indices.start).min(limits.request.max(limits.window));
        if self.cache.mapping(id).store != Store::Disk || self.cache.mapping(id).is_warm {
            return;
        }
        for start in (indices.start..indices.start + asked).step_by(PIECE as usize) {
            self.read_window(id, Window { start, pages: PIECE.min(indices.start + asked - start), ahead: 0 });
        }
    }
}
