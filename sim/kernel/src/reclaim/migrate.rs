//! Moving pages to other frames, with all that map them: Linux's mm/migrate.c, and compaction by it.

use super::unmap::Fences;
use crate::frame::{FolioFlags, FrameUse, Holder, Mark};
use crate::system::System;
use crate::table::{Entry, EntryLayout, read_entry, write_entry};
use crate::{Fragmentation, Kernel, Pfn, Pte};
use pagewalk_arch::Platform;

impl System {
    /// Moves the page in `from` to `to`, which is in use for nothing yet: entries, its place in the page cache or the swap
    /// cache, contents, flags, its place on the LRU. A CPU that still has the old translation is fenced before the old frame is free.
    fn migrate(&mut self, platform: &mut dyn Platform, from: Pfn, to: Pfn) {
        let layout = EntryLayout::new(self.spec);
        let mut places = self.memory.places(from);
        // The latest was met first, and is to be so again.
        places.reverse();
        self.memory.lru_remove(from);
        let flags = self.memory.flags(from) - (FolioFlags::CHAINED | FolioFlags::LAZY_PENDING);
        self.memory.set(to, flags);
        self.memory.take_identity(from, to);
        let mut fences = Fences::default();
        for place in places {
            let entry = read_entry(&layout, platform, place.slot(), 0);
            let pte = entry.mapping().filter(|pte| pte.frame == from);
            let pte = pte.unwrap_or_else(|| panic!("{from:?} is not mapped from {place:?}: {entry:?}"));
            let moved = Entry::of(Pte { frame: to, ..pte });
            write_entry(platform, &mut self.memory, &layout, place.slot(), moved);
            if pte.is_valid() {
                let (mm, page) = self.page_at(place);
                fences.add(mm, page);
            }
            self.memory.unmap(from, place);
            self.memory.map(to, place);
            self.memory.get(to);
        }
        self.fence(platform, fences);
        if let Some(slot) = self.slot_of(from) {
            self.swap.replace_cached(slot, to);
            self.memory.get(to);
        } else if self.memory.usage(from) == Some(FrameUse::File) {
            self.cache.replace(&self.memory, from, to);
            self.memory.get(to);
        }
        self.memory.copy_page(Holder::Frame(from), Holder::Frame(to));
        self.memory.lru_add(to);
        while !self.memory.put(from) {}
        self.memory.put(to);
    }

    /// Compacts zone number `zone` until the scanners meet, or a block of `order` is free. Says whether one is.
    fn compact_zone(&mut self, platform: &mut dyn Platform, zone: usize, order: Option<usize>) -> bool {
        self.drain_lazily_freed();
        let mut compaction = self.memory.compaction(zone, self.sysctl.compact_unevictable_allowed);
        let is_done = |system: &Self| order.is_some_and(|order| system.memory.has_block_in(zone, order));
        'all: while !is_done(self)
            && let Some(pages) = self.memory.pages_to_move(&mut compaction)
        {
            for page in pages {
                let Some(usage) = self.memory.usage(page) else { continue };
                let Some(target) = self.memory.target(&mut compaction, usage) else { break 'all };
                self.migrate(platform, page, target);
                self.events.pgmigrate_success += 1;
            }
            if order.is_some() {
                // What was moved away waits on a CPU's list, where nothing merges.
                self.memory.drain();
            }
        }
        self.events.compact_migrate_scanned += compaction.scanned[0];
        self.events.compact_free_scanned += compaction.scanned[1];
        self.events.compact_isolated += compaction.isolated;
        self.memory.end_compaction(compaction);
        is_done(self)
    }

    /// kswapd has freed memory because types were mixed: kcompactd makes a block of `order` of it, in each zone that has none,
    /// has room to move pages to, and is broken up rather than full.
    pub(super) fn wake_kcompactd(&mut self, platform: &mut dyn Platform, order: usize) {
        let is_suitable = |system: &Self, number: usize| {
            let zone = &system.memory.zones()[number];
            let mark = zone.mark(Mark::Low) + (2 << order);
            let has_room = zone.frames_free() > mark + zone.reserve(zone.kind());
            let index = Fragmentation::of(zone.blocks_free()).extfrag_index(order);
            let is_broken_up = index.is_some_and(|index| index > system.sysctl.extfrag_threshold as i64);
            !system.memory.has_block_in(number, order) && has_room && is_broken_up
        };
        let zones: Vec<_> = (0..self.memory.zones().len()).filter(|&zone| is_suitable(self, zone)).collect();
        self.events.compact_daemon_wake += u64::from(!zones.is_empty());
        for zone in zones {
            let before = (self.events.compact_migrate_scanned, self.events.compact_free_scanned);
            self.compact_zone(platform, zone, Some(order));
            let events = &mut self.events;
            events.compact_daemon_migrate_scanned += events.compact_migrate_scanned - before.0;
            events.compact_daemon_free_scanned += events.compact_free_scanned - before.1;
        }
    }

    /// Whoever wants a block of `order` and finds none compacts, if there is enough free at all. Says whether there is one
    /// now.
    fn compact_for(&mut self, platform: &mut dyn Platform, order: usize) -> bool {
        self.events.compact_stall += 1;
        let zones = self.memory.zones().len();
        let has_room = |system: &Self, zone: usize| {
            let zone = &system.memory.zones()[zone];
            zone.frames_free() > zone.marks().low + (2 << order)
        };
        let found = (0..zones)
            .rev()
            .any(|zone| has_room(self, zone) && self.compact_zone(platform, zone, Some(order)));
        *(if found { &mut self.events.compact_success } else { &mut self.events.compact_fail }) += 1;
        found
    }
}

impl Kernel {
    /// Compacts, as whoever wants a block of 2^`order` frames and finds none would, until there is one. Says whether there
    /// is.
    pub fn compact_for(&mut self, platform: &mut dyn Platform, order: usize) -> bool {
        self.system.compact_for(platform, order)
    }

    /// Compacts all of memory: a write to `vm.compact_memory`.
    pub fn compact(&mut self, platform: &mut dyn Platform) {
        for zone in 0..self.system.memory.zones().len() {
            self.system.compact_zone(platform, zone, None);
        }
    }
}
