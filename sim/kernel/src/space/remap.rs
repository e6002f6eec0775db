//! mremap(2): an area grows, shrinks or moves, and its frames move with it. Linux's mm/mremap.c.

use super::lock::LOCKED_MASK;
use super::populate::OnRefusal;
use super::{AddressSpace, Gather};
use crate::errno::{CallStop, Errno};
use crate::reclaim::Gfp;
use crate::system::System;
use crate::table::Found;
use crate::{Backing, PageRange, Place, VmFlags, Vma, Vpn};
use pagewalk_arch::Platform;
use pagewalk_trace::RemapFlags;

/// A move of pages.
#[derive(Clone, Copy, Debug)]
struct Move {
    /// Old pages, all in one area.
    from: PageRange,
    /// First new page.
    to: Vpn,
    /// Length of the new area, at least as long as `from`.
    pages: u64,
    /// MREMAP_DONTUNMAP.
    keeps_source: bool,
}

impl AddressSpace {
    /// What was `from` is now `to`, as a call with `flags` did it. The two are the same start, or do not overlap.
    pub(crate) fn remap(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        from: PageRange,
        to: PageRange,
        flags: RemapFlags,
    ) -> Result<(), CallStop> {
        if from.is_empty() {
            return self.duplicate(system, platform, from.start(), to);
        }
        if self.vmas.find(from.start()).is_none() {
            return Err(Errno::Fault.into());
        }
        if to.pages() < from.pages() {
            self.unmap(system, platform, PageRange::new(from.start().up(to.pages()), from.end()));
        }
        let source = PageRange::new(from.start(), from.start().up(from.pages().min(to.pages())));
        if from.start() == to.start() {
            return if to.pages() > from.pages() {
                self.extend(system, platform, source, to.end())
            } else {
                Ok(())
            };
        }
        let keeps_source = flags.dont_unmap;
        let areas: Vec<Vma> = self.vmas.overlapping(source).map(|vma| vma.part(&source)).collect();
        let moves_several = flags.fixed && system.rules.remap_moves_several && from.pages() == to.pages();
        if !moves_several {
            if areas.len() != 1 || areas[0].pages != source {
                return Err(Errno::Fault.into());
            }
            return self.relocate(
                system,
                platform,
                Move { from: source, to: to.start(), pages: to.pages(), keeps_source },
            );
        }
        // Several areas keep their distances; only what they occupy is unmapped where they come to lie.
        for area in areas {
            let start = to.start().up(area.pages.start().pages_above(source.start()));
            let step = Move { from: area.pages, to: start, pages: area.pages.pages(), keeps_source };
            self.relocate(system, platform, step)?;
        }
        Ok(())
    }

    /// What a call changes that failed: the target may have been unmapped, and what a shorter length leaves, before the
    /// source was looked at. A length of 0 can have its source within the target.
    pub(crate) fn remap_failed(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        from: PageRange,
        to: PageRange,
        flags: RemapFlags,
    ) {
        let Some(source) = self.vmas.find(from.start()).copied() else { return };
        let is_refused_at_once = from.overlaps(&to) || (flags.dont_unmap && from.pages() != to.pages());
        if !flags.fixed || to.is_empty() || is_refused_at_once {
            return;
        }
        let moved = PageRange::new(from.start(), from.start().up(from.pages().min(to.pages())));
        let has_no_copy = from.is_empty() && source.is_private();
        let loses_source = from.is_empty() && from.start() == to.start() && !has_no_copy;
        let is_late = loses_source || has_no_copy || !source.pages.covers(&moved);
        if loses_source || (system.rules.remap_unmaps_first && is_late) {
            self.unmap(system, platform, to);
            self.unmap(system, platform, PageRange::new(moved.end(), from.end()));
        }
    }

    /// Moves one area, or a part of one, with its leaves: `move_vma`.
    fn relocate(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        step: Move,
    ) -> Result<(), CallStop> {
        let Move { from: source, to, pages, keeps_source } = step;
        let target = PageRange::new(to, to.up(pages));
        self.discard(system, platform, target);
        let old = self.vmas.find(source.start()).expect("an area holds the source").part(&source);
        let mut new = Vma { pages: target, ..old };
        if old.attributes.backing == Backing::Anonymous && old.anon.is_none() {
            // Never used, so nothing ties it to where it was: it may merge where it comes to lie.
            new.page_offset = to.0;
        }
        // Once entries begin to move, nothing may fail: a page that has left its place has another. What makes room may
        // change entries, so they are read again.
        let moved = |leaf: &Found| to.up(leaf.page().pages_above(source.start()));
        let pages = self.table.used(platform, source);
        let missing = self.table.tables_missing(platform, pages.iter().map(moved));
        let _ = system.make_room(platform, missing, Gfp::Kernel);
        let leaves = self.table.used(platform, source);
        let mut reserve = system.memory.reserve(missing)?;
        system.cache.retain(&new);
        if keeps_source {
            if system.rules.dont_unmap_splits_locked && old.has(VmFlags::LOCKED) {
                self.vmas.isolate(source);
            }
            self.vmas.insert_moved(new, Some(source.start()));
            // Of the whole area, however little of it moves, and even where the new one has become one with it. Its
            // pages are not asked: those that stay are locked for good.
            self.vmas.clear_flags(source.start(), LOCKED_MASK);
            self.vmas.forget_anon(source);
        } else {
            self.vmas.remove(source);
            self.unmapped.insert(source);
            self.vmas.insert_moved(new, None);
            system.release_area(&old);
        }
        self.unmapped.remove(target);
        for guarded in self.guards.within(source) {
            self.guards.remove(guarded);
            let start = to.up(guarded.start().pages_above(source.start()));
            self.guards.insert(PageRange::new(start, start.up(guarded.pages())));
        }
        let mut gather = Gather::default();
        for leaf in &leaves {
            let old_slot = match leaf {
                Found::Mapped(mapped) => mapped.slot,
                Found::Swapped { slot, .. } => *slot,
            };
            self.table.clear(platform, &mut system.memory, old_slot);
            let slot = self.table.slot_reserved(platform, &mut system.memory, moved(leaf), &mut reserve);
            self.reload(system, platform, slot.resident_changed);
            let leaf = match leaf {
                Found::Mapped(mapped) => mapped,
                Found::Swapped { swapped, .. } => {
                    self.table.set_swapped(platform, &mut system.memory, slot.addr, *swapped);
                    continue;
                }
            };
            gather.add(leaf);
            self.table.set(platform, &mut system.memory, slot.addr, leaf.pte);
            if !system.is_zero_page(leaf.pte.frame) {
                system.memory.unmap(leaf.pte.frame, Place::of(leaf.slot));
                system.memory.map(leaf.pte.frame, Place::of(slot.addr));
            }
        }
        system.memory.cancel(reserve);
        if !keeps_source {
            self.release_tables(system, platform, source, &mut gather);
        }
        self.flush(system, platform, gather);
        self.populate_tail(system, platform, &new, PageRange::new(to.up(source.pages()), target.end()))
    }

    /// Continues the area that ends with `source` up to `end`: `vma_merge_extend`.
    fn extend(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        source: PageRange,
        end: Vpn,
    ) -> Result<(), CallStop> {
        let last = *self.vmas.find(source.start()).expect("an area holds the source");
        if last.pages.end() != source.end() {
            return Err(Errno::Fault.into());
        }
        let grown = PageRange::new(source.end(), end);
        let tail = Vma { pages: grown, page_offset: last.offset_of(source.end()), ..last };
        self.make_room(system, platform, &tail);
        self.vmas.insert_grown(tail);
        self.populate_tail(system, platform, &tail, grown)
    }

    fn populate_tail(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        area: &Vma,
        tail: PageRange,
    ) -> Result<(), CallStop> {
        if !area.has(VmFlags::LOCKED) || tail.is_empty() {
            return Ok(());
        }
        self.populate(system, platform, tail, OnRefusal::NextArea)
    }

    /// An old length of 0: a shared mapping is mapped a second time.
    fn duplicate(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        from: Vpn,
        to: PageRange,
    ) -> Result<(), CallStop> {
        let Some(vma) = self.vmas.find(from).copied() else { return Err(Errno::Fault.into()) };
        if vma.is_private() || to.is_empty() {
            return Err(Errno::Inval.into());
        }
        let area = Vma { pages: to, page_offset: vma.offset_of(from), ..vma };
        self.map_area(system, platform, area);
        self.populate_tail(system, platform, &area, to)
    }
}
