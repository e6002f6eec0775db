//! madvise(2): what each advice does to areas and pages. Advice that only speaks of future speed changes flags, which
//! keep neighbours apart, or nothing.
//!
//! Linux walks the areas upwards (mm/madvise.c, `madvise_walk_vmas`): a hole makes the call fail at its end, with all
//! that is mapped advised; an area that cannot take the advice ends the call there.

use super::{AddressSpace, Gather};
use crate::errno::{CallStop, Errno};
use crate::system::System;
use crate::table::Found;
use crate::{Backing, FolioFlags, Mapped, PageRange, Pte, VmFlags, Vma};
use pagewalk_arch::{AccessKind, Platform};
use pagewalk_trace::FileId;
use std::ops::Range;

/// What an advice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// Flags are set and cleared.
    Flags { set: VmFlags, clear: VmFlags },
    /// As `Flags`, of private anonymous memory only.
    WipeOnFork(bool),
    /// VM_MERGEABLE is set or cleared; shared memory takes no notice.
    Merge(bool),
    /// Nothing that is modelled.
    Nothing,
    /// What is missing of a file is sent for.
    WillNeed,
    /// The pages go. `locked`: those of locked areas too.
    Zap { locked: bool },
    /// Anonymous pages may be taken until they are written again.
    Free,
    /// The object's pages go, everywhere.
    Punch,
    /// Pages are no longer young.
    Cool,
    /// What can be had without writing to a device is taken.
    PageOut,
    /// Pages are faulted in, as by this access.
    Populate(AccessKind),
    /// Pages become untouchable.
    Guard,
    /// They become touchable again.
    Unguard,
}

/// Every advice of Linux's `asm-generic/mman-common.h`.
fn action(advice: i32) -> Option<Action> {
    let flags = |set, clear| Action::Flags { set, clear };
    const NONE: VmFlags = VmFlags::empty();
    const READ: VmFlags = VmFlags::RAND_READ.union(VmFlags::SEQ_READ);
    Some(match advice {
        0 => flags(NONE, READ),
        1 => flags(VmFlags::RAND_READ, READ),
        2 => flags(VmFlags::SEQ_READ, READ),
        3 => Action::WillNeed,
        4 => Action::Zap { locked: false },
        8 => Action::Free,
        9 => Action::Punch,
        10 => flags(VmFlags::DONTCOPY, NONE),
        11 => flags(NONE, VmFlags::DONTCOPY),
        12 => Action::Merge(true),
        13 => Action::Merge(false),
        14 => flags(VmFlags::HUGEPAGE, VmFlags::NOHUGEPAGE),
        15 => flags(VmFlags::NOHUGEPAGE, VmFlags::HUGEPAGE),
        16 => flags(VmFlags::DONTDUMP, NONE),
        17 => flags(NONE, VmFlags::DONTDUMP),
        18 => Action::WipeOnFork(true),
        19 => Action::WipeOnFork(false),
        20 => Action::Cool,
        21 => Action::PageOut,
        22 => Action::Populate(AccessKind::Load),
        23 => Action::Populate(AccessKind::Store),
        24 => Action::Zap { locked: true },
        25 => Action::Nothing,
        102 => Action::Guard,
        103 => Action::Unguard,
        _ => return None,
    })
}

/// Whether Linux knows this advice.
pub(crate) fn is_advice(advice: i32) -> bool {
    action(advice).is_some()
}

/// Whether advice leaves something behind that accesses will notice, so that what it succeeded on is to be an area.
pub(crate) fn advice_changes_areas(advice: i32) -> bool {
    matches!(action(advice), Some(Action::Populate(_) | Action::Guard | Action::WipeOnFork(_)))
}

/// Pages of an object that are to go from it, and from every address space that maps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Punch {
    pub(crate) file: FileId,
    pub(crate) offsets: Range<u64>,
}

/// Whether the very right is there that MADV_POPULATE_READ or _WRITE wants: unlike an access, reading is not implied by
/// writing.
fn may_populate(area: &Vma, kind: AccessKind) -> bool {
    let protection = area.attributes.protection;
    if kind == AccessKind::Store { protection.write } else { protection.read }
}

/// Why an area cannot take an advice.
fn refusal(area: &Vma, action: Action) -> Option<Errno> {
    let is_locked = area.has(VmFlags::LOCKED);
    let is_anonymous = area.attributes.backing == Backing::Anonymous;
    let inval = |refused: bool| refused.then_some(Errno::Inval);
    match action {
        Action::Nothing
        | Action::WillNeed
        | Action::Flags { .. }
        | Action::Merge(_)
        | Action::Populate(_)
        | Action::Unguard => None,
        Action::Zap { locked: true } => None,
        Action::WipeOnFork(_) => inval(!is_anonymous),
        Action::Free => inval(is_locked || !is_anonymous),
        Action::Zap { .. } | Action::Cool | Action::PageOut | Action::Guard => inval(is_locked),
        Action::Punch if is_locked || is_anonymous => Some(Errno::Inval),
        // Shared mappings that may be written, of objects that can have holes.
        Action::Punch => area.is_private().then_some(Errno::Acces),
    }
}

impl AddressSpace {
    /// Advice `advice` for `pages`. Adds to `punches` what has to go everywhere.
    pub(crate) fn advise(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        pages: PageRange,
        advice: i32,
        punches: &mut Vec<Punch>,
    ) -> Result<(), CallStop> {
        let Some(action) = action(advice) else { return Err(Errno::Inval.into()) };
        let is_guarding = matches!(action, Action::Guard | Action::Unguard);
        if is_guarding && !system.rules.has_guards {
            return Err(Errno::Inval.into());
        }
        let mut had_hole = false;
        let mut from = pages.start();
        while let Some(area) = self.vmas.next_in(PageRange::new(from, pages.end())) {
            had_hole |= area.pages.start() > from;
            if had_hole && system.rules.populate_stops_at_holes && matches!(action, Action::Populate(_)) {
                return Err(Errno::NoMem.into());
            }
            from = area.pages.end();
            self.advise_area(system, platform, &area, action, punches)?;
        }
        if had_hole || from < pages.end() { Err(Errno::NoMem.into()) } else { Ok(()) }
    }

    fn advise_area(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        area: &Vma,
        action: Action,
        punches: &mut Vec<Punch>,
    ) -> Result<(), CallStop> {
        if let Some(errno) = refusal(area, action) {
            return Err(errno.into());
        }
        match action {
            Action::Nothing => {}
            Action::WillNeed => {
                if let Some(file) = area.attributes.backing.file() {
                    let id = system.cache.mapping_of(file);
                    system.will_need(id, area.page_offset..area.page_offset + area.pages.pages());
                }
            }
            Action::Flags { set, clear } => self.set_flags(area, set, clear)?,
            Action::Merge(_) if !area.is_private() => {}
            Action::Merge(true) => self.set_flags(area, VmFlags::MERGEABLE, VmFlags::empty())?,
            Action::Merge(false) => self.set_flags(area, VmFlags::empty(), VmFlags::MERGEABLE)?,
            Action::WipeOnFork(true) => self.set_flags(area, VmFlags::WIPEONFORK, VmFlags::empty())?,
            Action::WipeOnFork(false) => self.set_flags(area, VmFlags::empty(), VmFlags::WIPEONFORK)?,
            Action::Zap { .. } => self.forget(system, platform, area),
            Action::Free => self.offer(system, platform, area.pages),
            Action::Punch => punches.extend(area.attributes.backing.file().map(|file| {
                let first = area.page_offset;
                Punch { file, offsets: first..first + area.pages.pages() }
            })),
            Action::Cool => self.cool(system, platform, area.pages),
            Action::PageOut => self.page_out(system, platform, area),
            Action::Populate(kind) => self.populate_area(system, platform, area, kind)?,
            Action::Guard => self.guard(system, platform, area),
            Action::Unguard => self.guards.remove(area.pages),
        }
        Ok(())
    }

    /// Whether this advice for `pages` would end in an error.
    pub(crate) fn refuses_advice(&self, system: &System, pages: PageRange, advice: i32) -> bool {
        let Some(action) = action(advice) else { return false };
        let refuses = |area: &Vma| {
            let populates = match action {
                Action::Populate(kind) => may_populate(area, kind) && !self.has_untouchable(system, pages),
                _ => true,
            };
            refusal(area, action).is_some() || !populates
        };
        self.has_hole(pages) || self.vmas.overlapping(pages).any(refuses)
    }

    fn set_flags(&mut self, area: &Vma, set: VmFlags, clear: VmFlags) -> Result<(), Errno> {
        let mut attributes = area.attributes;
        attributes.flags = attributes.flags.difference(clear).union(set);
        // "Out of areas" is EAGAIN to madvise(2): ENOMEM says that there is a hole.
        self.vmas.modify(area.pages, attributes, self.areas_max()).map_err(|_| Errno::Again)
    }

    /// Private contents are lost, shared ones lose only their entries. Areas and tables stay.
    pub(super) fn forget(&mut self, system: &mut System, platform: &mut dyn Platform, area: &Vma) {
        let mut gather = Gather::default();
        self.zap(system, platform, area, area.pages, &mut gather);
        self.flush(system, platform, gather);
    }

    /// MADV_FREE: anonymous pages may be taken until they are written again, which D will tell: both bits are cleared.
    /// A page that others map too is left alone where it is itself marked as dirty or has a slot, since it is not only
    /// this entry then that says so; one in swap is gone. Linux's `madvise_free_pte_range`.
    fn offer(&mut self, system: &mut System, platform: &mut dyn Platform, pages: PageRange) {
        let mut gather = Gather::default();
        let mut leaves = self.table.cursor(pages);
        while let Some(found) = leaves.next_used(platform) {
            let mapped = match found {
                Found::Mapped(mapped) => mapped,
                Found::Swapped { slot, swapped, .. } => {
                    self.clear_swapped(system, platform, slot, swapped);
                    continue;
                }
            };
            let frame = mapped.pte.frame;
            if !system.memory.is_anonymous(frame) {
                continue;
            }
            let flags = system.memory.flags(frame);
            if flags.intersects(FolioFlags::SWAPCACHE | FolioFlags::DIRTY) {
                let has_slot = flags.contains(FolioFlags::SWAPCACHE);
                if system.memory.mappings(frame) != 1 || (has_slot && !system.free_swap(frame)) {
                    continue;
                }
                system.memory.unset(frame, FolioFlags::DIRTY);
            }
            let clean = Pte { accessed: false, dirty: false, ..mapped.pte };
            if clean != mapped.pte {
                self.table.set(platform, &mut system.memory, mapped.slot, clean);
                gather.add(&mapped);
            }
            system.free_lazily(frame);
        }
        self.flush(system, platform, gather);
    }

    /// MADV_COLD: the pages were not used lately, and are not active.
    fn cool(&mut self, system: &mut System, platform: &mut dyn Platform, pages: PageRange) {
        system.drain_lazily_freed();
        let mut gather = Gather::default();
        let mut leaves = self.table.cursor(pages);
        while let Some(mapped) = leaves.next(platform) {
            let frame = mapped.pte.frame;
            if mapped.pte.accessed {
                let old = Pte { accessed: false, ..mapped.pte };
                self.table.set(platform, &mut system.memory, mapped.slot, old);
                gather.add(&mapped);
            }
            if system.memory.mappings(frame) == 1 {
                system.events.pgdeactivate += u64::from(system.memory.has(frame, FolioFlags::ACTIVE));
                system.memory.unset(frame, FolioFlags::ACTIVE | FolioFlags::REFERENCED);
            }
        }
        self.flush(system, platform, gather);
    }

    /// MADV_PAGEOUT: what is mapped only here is taken, if it can be: anonymous pages and dirty shared ones go to swap, clean
    /// ones of files for good, and so do anonymous ones that were offered and not written since. What must stay in memory
    /// loses its entry at least, if it is a file's.
    fn page_out(&mut self, system: &mut System, platform: &mut dyn Platform, area: &Vma) {
        system.drain_lazily_freed();
        let mut frames = Vec::new();
        let mut leaves = self.table.cursor(area.pages);
        while let Some(Mapped { pte: Pte { frame, .. }, .. }) = leaves.next(platform) {
            if system.memory.mappings(frame) == 1 && !system.memory.has(frame, FolioFlags::MLOCKED) {
                frames.push(frame);
            }
        }
        system.page_out(platform, &frames);
    }

    /// MADV_POPULATE_READ and _WRITE, which unlike MAP_POPULATE want the rights.
    fn populate_area(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        area: &Vma,
        kind: AccessKind,
    ) -> Result<(), CallStop> {
        if !may_populate(area, kind) {
            return Err(Errno::Inval.into());
        }
        self.fault_area_in(system, platform, area.pages, kind)
    }

    /// MADV_GUARD_INSTALL: what is there goes, and a touch is SIGSEGV. Fork is to copy the markers, so an anonymous
    /// area counts as used, and any other is marked.
    fn guard(&mut self, system: &mut System, platform: &mut dyn Platform, area: &Vma) {
        if area.attributes.backing == Backing::Anonymous {
            let count = &mut system.anon_vmas_created;
            self.vmas.prepare_anon(area.pages.start(), || super::fresh_anon(count));
        }
        self.vmas.note_guards(area.pages.start());
        self.forget(system, platform, area);
        self.guards.insert(area.pages);
    }
}
