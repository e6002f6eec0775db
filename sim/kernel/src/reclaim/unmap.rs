//! Entries of a page, found from its frame: which of them were used since they were last looked at, and taking the page from
//! all of them. Linux's mm/rmap.c.

use crate::frame::{FolioFlags, Place};
use crate::system::System;
use crate::table::{Entry, EntryLayout, Swapped, read_entry, write_entry};
use crate::{MmId, Pfn, Pte, Vpn};
use pagewalk_arch::Platform;
use smallvec::SmallVec;

/// How a page was used since it was last looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct References {
    /// Entries whose A bit the hardware had set.
    pub(super) entries: u32,
    /// One of the entries that map it may be executed.
    pub(super) executable: bool,
}

/// Fences that are due: translations that a CPU may still have.
#[derive(Debug, Default)]
#[must_use = "entries that were valid are to be fenced"]
pub(crate) struct Fences(Vec<(MmId, Vpn)>);

impl Fences {
    pub(crate) fn add(&mut self, mm: MmId, page: Vpn) {
        self.0.push((mm, page));
    }
}

impl System {
    fn layout(&self) -> EntryLayout {
        EntryLayout::new(self.spec)
    }

    /// Whose page an entry maps, and which.
    pub(crate) fn page_at(&self, place: Place) -> (MmId, Vpn) {
        let (mm, first) = self.memory.serves(place.table);
        let entry = u64::from(place.offset) * 4 / u64::from(self.spec.pte_bytes);
        (mm, first.up(entry))
    }

    /// Every mapping of `frame`.
    fn mappings_of(&self, platform: &dyn Platform, frame: Pfn) -> SmallVec<[(Place, Pte); 2]> {
        let layout = self.layout();
        let mapping = |place: Place| {
            let entry = read_entry(&layout, platform, place.slot(), 0);
            let pte = entry.mapping().filter(|pte| pte.frame == frame);
            (place, pte.unwrap_or_else(|| panic!("{frame:?} is not mapped from {place:?}: {entry:?}")))
        };
        self.memory.places(frame).into_iter().map(mapping).collect()
    }

    /// Asks every entry of `frame` whether it was used, and takes note that this was asked: A is cleared. As on x86 and
    /// RISC-V Linux, no fence follows unless `kernel.flush_young` says so: an MMU that still has the page does not set A again,
    /// so the page looks unused for as long as that lasts.
    pub(super) fn take_references(&mut self, platform: &mut dyn Platform, frame: Pfn) -> References {
        let mut found = References::default();
        let mut fences = Fences::default();
        for (place, pte) in self.mappings_of(platform, frame) {
            found.executable |= pte.rights.execute;
            if pte.accessed {
                let (mm, page) = self.page_at(place);
                self.note_touched(mm, page);
                found.entries += 1;
                let layout = self.layout();
                let young = Entry::of(Pte { accessed: false, ..pte });
                write_entry(platform, &mut self.memory, &layout, place.slot(), young);
                if self.config.flush_young {
                    fences.add(mm, page);
                }
            }
        }
        self.fence(platform, fences);
        if self.memory.has(frame, FolioFlags::YOUNG) {
            self.memory.unset(frame, FolioFlags::YOUNG);
            found.entries += 1;
        }
        found
    }

    /// Takes `frame` from all who map it: an anonymous page that is in the swap cache leaves behind where it is, any other
    /// nothing. What the entries held is put. Says whether nobody maps it any more: a lazily freed page that was written
    /// since stays.
    pub(super) fn unmap_everywhere(
        &mut self,
        platform: &mut dyn Platform,
        frame: Pfn,
        fences: &mut Fences,
    ) -> bool {
        let layout = self.layout();
        let is_anonymous = self.memory.is_anonymous(frame);
        let slot = self.slot_of(frame);
        let is_lazily_freed = is_anonymous && !self.memory.has(frame, FolioFlags::SWAPBACKED);
        for (place, pte) in self.mappings_of(platform, frame) {
            if is_lazily_freed && (pte.dirty || self.memory.has(frame, FolioFlags::DIRTY)) {
                self.memory.set(frame, FolioFlags::SWAPBACKED);
                return false;
            }
            let (mm, page) = self.page_at(place);
            let exclusive = self.memory.has(frame, FolioFlags::EXCLUSIVE);
            let entry = match slot.filter(|_| is_anonymous) {
                Some(slot) => {
                    self.swap.duplicate(slot);
                    Entry::Swapped(Swapped { slot, exclusive })
                }
                None => Entry::Absent,
            };
            self.mms.note_resident(mm);
            *self.mms.get_mut(mm).of(&self.memory, frame) -= 1;
            if entry != Entry::Absent {
                let counters = self.mms.get_mut(mm);
                if counters.swap == 0 {
                    self.swap.add_space(mm);
                }
                counters.swap += 1;
            }
            write_entry(platform, &mut self.memory, &layout, place.slot(), entry);
            if pte.is_valid() {
                fences.add(mm, page);
            }
            if pte.accessed {
                self.note_touched(mm, page);
            }
            if pte.dirty {
                self.memory.set(frame, FolioFlags::DIRTY);
            }
            self.memory.unmap(frame, place);
            self.memory.put(frame);
        }
        self.memory.unset(frame, FolioFlags::EXCLUSIVE);
        true
    }

    /// Carries out what is due: page by page where it is little of an address space, else all of it.
    pub(crate) fn fence(&mut self, platform: &mut dyn Platform, fences: Fences) {
        let mut due = fences.0;
        due.sort_unstable();
        due.dedup();
        for of_one in due.chunk_by(|a, b| a.0 == b.0) {
            if of_one.len() as u64 <= self.config.flush_ceiling_pages {
                self.flush_pages(platform, of_one[0].0, of_one.iter().map(|&(_, page)| page));
            } else {
                self.flush_address_space(platform, of_one[0].0);
            }
        }
    }
}
