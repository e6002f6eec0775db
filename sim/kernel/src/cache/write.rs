//! How pages of files become dirty: by write(2), and by the first store to a page that is mapped and clean
//! (`page_mkwrite`).
//!
//! Owns the count of what is dirty. What happens to dirty pages then is [`super::writeback`]'s.

use super::{Cache, MappingId, Mark, Store};
use crate::frame::Holder;
use crate::system::System;
use crate::{FolioFlags, FrameUse, Pfn, PhysicalMemory, Pte, Vma};
use pagewalk_arch::FRAME_BYTES;

impl System {
    /// Page `index`, which is there, differs from what the disk has: `folio_mark_dirty`. Of files that no disk has, only
    /// that is noted. Says whether that is news.
    pub(crate) fn mark_dirty(&mut self, id: MappingId, index: u64) -> bool {
        let now_ns = self.clock.now_ns();
        let mapping = self.cache.mapping_mut(id);
        let Some(frame) = mapping.tree.get(index) else { return false };
        self.memory.set(frame, FolioFlags::DIRTY);
        if mapping.store != Store::Disk || !mapping.tree.mark(index, Mark::Dirty) {
            return false;
        }
        mapping.tree.mark(index, Mark::Buffer);
        mapping.dirty_since_ns.get_or_insert(now_ns);
        self.cache.counts.dirty += 1;
        self.events.nr_dirtied += 1;
        let interval_ns = self.flush_interval_ns();
        self.cache.flusher.note_dirtied(now_ns, interval_ns);
        true
    }

    /// A page that no disk and no swap could take back is not scanned, whether or not it is locked.
    pub(crate) fn keep_unevictable(&mut self, frame: Pfn) {
        if self.memory.usage(frame) == Some(FrameUse::File)
            && !self.memory.has(frame, FolioFlags::SWAPCACHE)
            && self.cache.mapping(MappingId(self.memory.owner(frame).0)).store == Store::Memory
        {
            self.memory.set(frame, FolioFlags::UNEVICTABLE);
        }
    }

    /// An area is gone, and with the last one perhaps what it showed.
    pub(crate) fn release_area(&mut self, area: &Vma) {
        self.cache.release(&mut self.memory, area);
        self.release_shared_slots();
    }

    /// What an entry that is gone says of the page of a file that it mapped: `zap_pte_range`.
    pub(crate) fn unmapped_page(&mut self, pte: &Pte) {
        if self.memory.usage(pte.frame) != Some(FrameUse::File) {
            return;
        }
        if pte.dirty {
            let (owner, index) = self.memory.owner(pte.frame);
            self.mark_dirty(MappingId(owner), u64::from(index));
        }
        if pte.accessed {
            self.mark_accessed(pte.frame);
        }
    }
}

impl Cache {
    /// The file has at least `bytes` bytes from now on.
    pub(super) fn extend(&mut self, id: MappingId, bytes: u64) {
        let mapping = self.mapping_mut(id);
        mapping.bytes = Some(mapping.bytes.unwrap_or(0).max(bytes));
    }

    /// The file has `bytes` bytes from now on. Pages beyond that are lost; the caller has unmapped them.
    pub(super) fn cut(&mut self, memory: &mut PhysicalMemory, id: MappingId, bytes: u64) {
        let mapping = self.mapping_mut(id);
        mapping.bytes = Some(bytes);
        let (file, last, kept) = (mapping.file, bytes / FRAME_BYTES, (bytes % FRAME_BYTES) as u16);
        // What is left of the last page is zeroes from its end on.
        let frame = mapping.tree.get(last).map(Holder::Frame);
        if kept > 0
            && let Some(contents) = memory.contents_mut()
        {
            for holder in frame.into_iter().chain([Holder::Disk(id.0, last as u32)]) {
                contents.get_mut(holder).clear_from(kept);
            }
        }
        self.punch(memory, file, bytes.div_ceil(FRAME_BYTES)..u64::MAX);
    }
}
