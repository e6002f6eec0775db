//! Looking at pages and deciding their fate: Linux's `shrink_active_list`, `shrink_inactive_list` and `shrink_folio_list`.
//!
//! A page at the tail of an inactive list is taken unless it was used: then it gets a second chance, and with a second use
//! becomes active. What "used" means is the A bit that the hardware set, and the mark that calls leave.

use super::CLUSTER_PAGES;
use super::scan::Scan;
use super::unmap::{Fences, References};
use crate::Pfn;
use crate::frame::{FolioFlags, LruList};
use crate::system::System;
use pagewalk_arch::Platform;

/// What becomes of a page that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It stays on its list, at the head.
    Keep,
    /// It becomes active.
    Activate,
    /// Nobody maps it and nothing of it need be kept: it goes once the fences are carried out.
    Take,
    /// As `Take`, but it must be written first.
    Write,
}

/// What speaks for a page that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Regard {
    /// That it was used.
    References,
    /// Nothing: the advice was to take it.
    Nothing,
}

impl System {
    /// Looks at `pages` pages of an active list and makes inactive what was not used. Executable pages of files that were
    /// used stay.
    pub(super) fn shrink_active(&mut self, platform: &mut dyn Platform, list: LruList, pages: u64) {
        self.drain_lazily_freed();
        for frame in self.isolate(list, pages) {
            self.events.pgrefill += 1;
            if self.cull(frame) {
                continue;
            }
            let used = self.take_references(platform, frame);
            if used.entries == 0 || !used.executable || list.is_anon() {
                self.memory.unset(frame, FolioFlags::ACTIVE);
                self.memory.set(frame, FolioFlags::WORKINGSET);
                self.events.pgdeactivate += 1;
            }
            self.put_back(frame);
        }
    }

    /// Looks at `pages` pages of an inactive list and takes what it can.
    pub(super) fn shrink_inactive(
        &mut self,
        platform: &mut dyn Platform,
        list: LruList,
        pages: u64,
        scan: &mut Scan,
    ) {
        self.drain_lazily_freed();
        self.complete_swap_writes(self.swap_writes_under_way(list));
        self.settle();
        let isolated = self.isolate(list, pages);
        let count = isolated.len() as u64;
        scan.scanned += count;
        let events = &mut self.events;
        *(if scan.is_kswapd { &mut events.pgscan_kswapd } else { &mut events.pgscan_direct }) += count;
        *(if list.is_anon() { &mut events.pgscan_anon } else { &mut events.pgscan_file }) += count;
        let (taken, written) = self.shrink(platform, isolated, Regard::References);
        scan.reclaimed += taken;
        let events = &mut self.events;
        *(if scan.is_kswapd { &mut events.pgsteal_kswapd } else { &mut events.pgsteal_direct }) += taken;
        *(if list.is_anon() { &mut events.pgsteal_anon } else { &mut events.pgsteal_file }) += taken;
        self.reclaim.note_cost(&self.memory, !list.is_anon(), written);
    }

    /// Takes what can be taken of `isolated` at once, whoever used it: MADV_PAGEOUT.
    pub(crate) fn page_out(&mut self, platform: &mut dyn Platform, frames: &[Pfn]) -> u64 {
        let mut taken = 0;
        for batch in frames.chunks(CLUSTER_PAGES as usize) {
            let isolated: Vec<Pfn> =
                batch.iter().copied().filter(|&frame| self.isolate_page(frame)).collect();
            for &frame in &isolated {
                self.take_references(platform, frame);
                self.memory.unset(frame, FolioFlags::REFERENCED | FolioFlags::ACTIVE);
            }
            taken += self.shrink(platform, isolated, Regard::Nothing).0;
            self.send_swap_writes();
            self.complete_swap_writes(0);
        }
        taken
    }

    /// Decides the fate of pages that are on no list: how many were taken, and how many written.
    fn shrink(&mut self, platform: &mut dyn Platform, isolated: Vec<Pfn>, regard: Regard) -> (u64, u64) {
        let mut fences = Fences::default();
        let mut fates = Vec::with_capacity(isolated.len());
        for frame in isolated {
            if self.cull(frame) {
                continue;
            }
            fates.push((frame, self.fate(platform, frame, regard, &mut fences)));
        }
        // Nothing is written or freed that a CPU could still write to.
        self.fence(platform, fences);
        let (mut taken, mut written) = (0, 0);
        for (frame, fate) in fates {
            match fate {
                Fate::Keep => {}
                Fate::Activate => {
                    if self.swap.is_full() {
                        self.free_swap(frame);
                    }
                    self.memory.set(frame, FolioFlags::ACTIVE);
                    self.events.pgactivate += 1;
                }
                Fate::Write => {
                    written += 1;
                    self.events.nr_vmscan_write += 1;
                    self.write_to_swap(frame);
                    self.send_full_request(written);
                }
                Fate::Take => {
                    taken += 1;
                    self.take(frame);
                    continue;
                }
            }
            self.put_back(frame);
        }
        if written > 0 {
            // They lie one after the other, and whoever reads from swap next waits for them.
            self.swap_disk.submit(self.clock.now_ns(), written);
        }
        (taken, written)
    }

    fn fate(&mut self, platform: &mut dyn Platform, frame: Pfn, regard: Regard, fences: &mut Fences) -> Fate {
        let flags = self.memory.flags(frame);
        if flags.contains(FolioFlags::WRITEBACK) {
            self.memory.set(frame, FolioFlags::RECLAIM);
            self.events.nr_vmscan_immediate_reclaim += u64::from(flags.contains(FolioFlags::RECLAIM));
            return Fate::Activate;
        }
        let is_anonymous = self.memory.is_anonymous(frame);
        if !is_anonymous && !flags.contains(FolioFlags::UPTODATE) {
            // It is being read.
            return Fate::Keep;
        }
        let is_file = !flags.contains(FolioFlags::SWAPBACKED);
        let used = match regard {
            Regard::References => self.take_references(platform, frame),
            Regard::Nothing => References::default(),
        };
        let was_marked = flags.contains(FolioFlags::REFERENCED);
        self.memory.unset(frame, FolioFlags::REFERENCED);
        if used.entries > 0 {
            self.memory.set(frame, FolioFlags::REFERENCED);
            let again = was_marked || used.entries > 1 || (used.executable && is_file);
            return if again { Fate::Activate } else { Fate::Keep };
        }
        let only_if_clean = was_marked && is_file;
        let has_slot = flags.contains(FolioFlags::SWAPCACHE);
        if !is_file && is_anonymous && !has_slot && !self.add_to_swap(frame) {
            return Fate::Activate;
        }
        if self.memory.mappings(frame) > 0 && !self.unmap_everywhere(platform, frame, fences) {
            return Fate::Activate;
        }
        let is_lazily_freed = is_anonymous && is_file;
        if self.memory.has(frame, FolioFlags::DIRTY) && !is_lazily_freed {
            if is_file {
                // The flusher writes files; what is dirty here is marked to go once it has been written.
                self.memory.set(frame, FolioFlags::RECLAIM);
                self.wants_flusher = true;
                return Fate::Activate;
            }
            if !is_anonymous && !has_slot && !self.shared_to_swap(frame) {
                return Fate::Activate;
            }
            return if only_if_clean { Fate::Keep } else { Fate::Write };
        }
        // The cache and who looks at it have it. Whoever else does holds on to it.
        if !is_anonymous && !has_slot && self.memory.references(frame) > 2 {
            return Fate::Activate;
        }
        Fate::Take
    }

    /// `pages` pages from the tail of `list`, with a reference each, on no list.
    fn isolate(&mut self, list: LruList, pages: u64) -> Vec<Pfn> {
        let mut isolated = Vec::with_capacity(pages as usize);
        while (isolated.len() as u64) < pages
            && let Some(frame) = self.memory.lru_tail(list)
        {
            self.memory.lru_remove(frame);
            self.memory.get(frame);
            isolated.push(frame);
        }
        isolated
    }

    /// As [`Self::isolate`], of one page. Says whether it was on a list that is scanned.
    fn isolate_page(&mut self, frame: Pfn) -> bool {
        let flags = self.memory.flags(frame);
        let is_listed = flags.contains(FolioFlags::LRU) && !flags.contains(FolioFlags::UNEVICTABLE);
        if is_listed {
            self.memory.lru_remove(frame);
            self.memory.get(frame);
        }
        is_listed
    }

    /// Puts an isolated page on the list where it belongs now.
    fn put_back(&mut self, frame: Pfn) {
        self.memory.lru_add(frame);
        self.memory.put(frame);
    }

    /// Puts a page that cannot be taken out of the way. Says whether it was one.
    fn cull(&mut self, frame: Pfn) -> bool {
        let is_locked = self.memory.has(frame, FolioFlags::MLOCKED);
        if is_locked {
            self.put_back(frame);
        }
        is_locked
    }

    /// The last that held an isolated page lets it go.
    fn take(&mut self, frame: Pfn) {
        if let Some(slot) = self.slot_of(frame) {
            let shadow = self.shadow_of(frame);
            self.leave_swap_cache(frame, slot, Some(shadow));
            self.memory.put(frame);
        } else if self.memory.is_anonymous(frame) {
            self.events.pglazyfreed += 1;
        } else {
            let shadow = self.shadow_of(frame);
            self.cache.evict(&mut self.memory, frame, Some(shadow));
        }
        let freed = self.memory.put(frame);
        debug_assert!(freed, "{frame:?} was taken and is held still");
    }
}
