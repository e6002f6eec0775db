//! Faults on files, segments and shared anonymous memory: every process that maps a page gets the same frame. Linux's
//! `do_fault`.
//!
//! Owns which entries a fault makes: the page's own; on a read also those of the cached pages around it, so that a file
//! read in order faults once in 64 KiB; none that may be written before the file system knows. Where the page comes
//! from, and the wait for it, is the cache's.

use super::{AddressSpace, Touch, with_ad};
use crate::cache::{AccessPattern, Found, MappingId};
use crate::frame::Holder;
use crate::system::System;
use crate::{OutOfMemory, PageRange, Pfn, Pte, Vpn};
use pagewalk_arch::{AccessKind, FRAME_BYTES, PhysAddr, Platform};
use pagewalk_trace::FileId;

/// Frames that a fault on a file takes besides those of any other: what is read ahead, what is mapped around.
pub(super) const ROOM: u64 = 48;

/// Whether the page lies beyond the end of what its area shows.
pub(super) fn is_beyond_end(system: &System, touch: &Touch) -> bool {
    let file = touch.area.attributes.backing.file();
    file.is_some_and(|file| system.cache.is_beyond_end(file, touch.area.offset_of(touch.page)))
}

/// The page of `file` in the cache for `touch`, without a reference of its own.
fn page(system: &mut System, file: FileId, touch: &mut Touch) -> Result<Pfn, OutOfMemory> {
    let id = system.cache.mapping_of(file);
    let pattern = AccessPattern::of_area(touch.area.attributes.flags);
    let Found { frame, retried, missed } =
        system.page_for_fault(id, touch.area.offset_of(touch.page), pattern)?;
    touch.retried |= retried;
    touch.waited |= missed;
    Ok(frame)
}

impl AddressSpace {
    /// The frame of `file` for a page that is to be mapped as it is, with a reference for its entry; `None` where it got
    /// its entry on the way: `do_read_fault`, `do_shared_fault`. A write tells the file system first.
    pub(super) fn file_frame(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        file: FileId,
        touch: &mut Touch,
    ) -> Result<Option<Pfn>, OutOfMemory> {
        let frame = page(system, file, touch)?;
        if touch.kind == AccessKind::Store {
            tell_of_write(system, frame);
        } else if touch.retried && self.map_around(system, platform, touch, file)? {
            // It let go of the address space, and everything began anew.
            return Ok(None);
        }
        system.memory.get(frame);
        Ok(Some(frame))
    }

    /// The process's own copy of a page of a file that it writes before it ever read it: `do_cow_fault`.
    pub(super) fn copy_of_file(
        &mut self,
        system: &mut System,
        file: FileId,
        touch: &mut Touch,
    ) -> Result<Pfn, OutOfMemory> {
        let original = page(system, file, touch)?;
        let frame = self.own_frame(system, touch)?;
        system.memory.copy_page(Holder::Frame(original), Holder::Frame(frame));
        system.stats.file_copies += 1;
        Ok(frame)
    }

    /// Maps what the cache has of the pages around the one that is read, within 64 KiB, one page table and the area:
    /// `do_fault_around`. Says whether the page itself is among them.
    pub(super) fn map_around(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        touch: &Touch,
        file: FileId,
    ) -> Result<bool, OutOfMemory> {
        let &Touch { area, page, .. } = touch;
        let pages = system.config.fault_around_bytes / FRAME_BYTES;
        if pages <= 1 {
            return Ok(false);
        }
        let pages = 1 << pages.ilog2();
        let table_pages = 1 << system.spec.index_bits[0];
        let start = Vpn(page.0 / pages * pages).max(area.pages.start());
        let table_end = Vpn((page.0 / table_pages + 1) * table_pages);
        let end = start.up(pages).min(table_end).min(area.pages.end());
        let around = PageRange::new(start, end);
        let id = system.cache.mapping_of(file);
        let found = system.pages_around(id, area.offset_of(start)..area.offset_of(end));
        if found.is_empty() {
            return Ok(false);
        }
        let slot_of_page = self.slot(system, platform, page)?;
        let pte_bytes = u64::from(system.spec.pte_bytes);
        let mut has_page = false;
        for (index, frame) in found {
            let near = start.up(index - area.offset_of(start));
            debug_assert!(around.contains(near));
            let slot = PhysAddr(slot_of_page.0 + near.0 * pte_bytes - page.0 * pte_bytes);
            if platform.read_pte(slot) != 0 || self.guards.contains(near) {
                continue;
            }
            let rights = self.rights_now(system, &area, frame, false);
            // Linux makes entries that count as used.
            let around = Pte { accessed: true, ..Pte::new(frame, rights) };
            let own = with_ad(system, Pte::new(frame, rights), touch);
            system.memory.get(frame);
            self.install(system, platform, slot, if near == page { own } else { around });
            touch.lock(system, frame);
            has_page |= near == page;
            system.cache.counts.mapped_around += u64::from(near != page);
        }
        Ok(has_page)
    }
}

/// The page of a file in `frame` is going to be written through an entry: `page_mkwrite` and `fault_dirty_shared_page`.
pub(super) fn tell_of_write(system: &mut System, frame: Pfn) {
    let (owner, index) = system.memory.owner(frame);
    system.mark_dirty(MappingId(owner), u64::from(index));
}

impl Touch {
    /// The file that it is about, where a page of one is to be read as it is.
    pub(super) fn read_of_file(&self) -> Option<FileId> {
        self.area.attributes.backing.file().filter(|_| self.kind != AccessKind::Store)
    }
}
