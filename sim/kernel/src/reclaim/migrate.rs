//! Moving pages to other frames, with all that map them: Linux's mm/migrate.c, and compaction by it.

use super::unmap::Fences;
use crate::frame::{FolioFlags, Holder, Place};
use crate::system::System;
use crate::table::{Entry, EntryLayout, read_entry, write_entry};
use crate::{Kernel, Pfn, Pte};
use pagewalk_arch::Platform;

impl System {
    /// Moves the page in `from` to `to`, which is in use for nothing yet: entries, contents, flags, its place on the LRU. A
    /// CPU that still has the old translation is fenced before the old frame is free.
    fn migrate(&mut self, platform: &mut dyn Platform, from: Pfn, to: Pfn) {
        let layout = EntryLayout::new(self.spec);
        let mut places: Vec<Place> = self.memory.places(from);
        // The latest was met first, and is to be so again.
        places.reverse();
        self.memory.lru_remove(from);
        let flags = self.memory.flags(from) - FolioFlags::CHAINED;
        self.memory.set(to, flags);
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
        self.memory.copy_page(Holder::Frame(from), Holder::Frame(to));
        self.memory.lru_add(to);
        while !self.memory.put(from) {}
        self.memory.put(to);
    }

    /// Compacts zone number `zone` until the scanners meet, or a block of `order` is free. Says whether one is.
    fn compact_zone(&mut self, platform: &mut dyn Platform, zone: usize, order: Option<usize>) -> bool {
        let mut compaction = self.memory.compaction(zone);
        let is_done = |system: &Self| order.is_some_and(|order| system.memory.has_block(order));
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
