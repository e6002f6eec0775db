//! A fault on an entry that is there: copy on write, or rights, A and D that are behind what the area permits. Linux's
//! `do_wp_page` and the end of `handle_pte_fault`.

use super::{AddressSpace, Touch, tell_of_write, with_ad};
use crate::frame::Holder;
use crate::system::System;
use crate::tlb::Gather;
use crate::{FolioFlags, FrameUse, Mapped, OutOfMemory, Pfn, Pte};
use pagewalk_arch::{AccessKind, Platform};

impl AddressSpace {
    /// Question 3 for an entry that is there. Says whether anything had to change.
    pub(super) fn fault_on(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        touch: &mut Touch,
        before: Mapped,
    ) -> Result<bool, OutOfMemory> {
        let mut after = before.pte;
        let mut gather = Gather::default();
        if touch.kind == AccessKind::Store && !before.pte.rights.write && touch.area.is_private() {
            after = self.write_private(system, touch, &before, &mut gather)?;
        }
        if touch.kind == AccessKind::Store
            && !before.pte.rights.write
            && system.wants_write_faults(&touch.area)
        {
            tell_of_write(system, after.frame);
            after.dirty = true;
            system.events.pgreuse += 1;
        }
        let rights = self.rights_now(system, &touch.area, after.frame, after.dirty);
        after.rights = self.table.layout().granted(rights);
        after = with_ad(system, after, touch);
        if after == before.pte {
            return Ok(false);
        }
        let only_ad = after.frame == before.pte.frame && after.rights == before.pte.rights;
        system.stats.ad += u64::from(only_ad);
        self.table.set(platform, &mut system.memory, before.slot, after);
        gather.add(&before);
        self.flush(system, platform, gather);
        Ok(true)
    }

    /// What the entry `before` of a private page becomes so that it may be written: the frame is the process's own
    /// already, or becomes so because nothing else holds it, or is copied.
    fn write_private(
        &mut self,
        system: &mut System,
        touch: &mut Touch,
        before: &Mapped,
        gather: &mut Gather,
    ) -> Result<Pte, OutOfMemory> {
        let &Mapped { pte, slot, .. } = before;
        let frame = pte.frame;
        if may_reuse(system, frame) {
            system.events.pgreuse += 1;
            if !system.memory.has(frame, FolioFlags::EXCLUSIVE) {
                system.memory.set(frame, FolioFlags::EXCLUSIVE);
                system.stats.cow_reuse += 1;
            }
            return Ok(pte);
        }
        let own = self.own_frame(system, touch)?;
        match system.memory.usage(frame) {
            Some(FrameUse::ZeroPage) => system.stats.zero_fill += 1,
            Some(FrameUse::File) => system.stats.file_copies += 1,
            _ => system.stats.cow += 1,
        }
        system.memory.copy_page(Holder::Frame(frame), Holder::Frame(own));
        system.munlock(&touch.area, frame);
        self.drop_frame(system, slot, frame, gather);
        self.count_frame(system, slot, own);
        touch.lock(system, own);
        Ok(Pte { frame: own, accessed: false, dirty: false, ..pte })
    }
}

/// Whether the process may write the frame itself: its own beyond question, or held by nothing else any more. Linux's
/// `wp_can_reuse_anon_folio`.
fn may_reuse(system: &System, frame: Pfn) -> bool {
    let memory = &system.memory;
    memory.is_anonymous(frame) && (memory.has(frame, FolioFlags::EXCLUSIVE) || memory.references(frame) == 1)
}
