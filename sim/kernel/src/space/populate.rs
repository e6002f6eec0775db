//! Faulting pages in before they are touched: MAP_POPULATE, mlock(2), MADV_POPULATE_READ and _WRITE. Linux's
//! `__mm_populate` and `faultin_page_range` (mm/gup.c). Each page that had to be faulted in counts as a fault of the
//! caller, as in Linux.

use super::fault::Touch;
use super::{AddressSpace, FaultStop};
use crate::errno::{CallStop, Errno};
use crate::system::System;
use crate::{PageRange, Pfn, Pte, Signal, VmFlags, Vma};
use pagewalk_arch::{AccessKind, Platform};

/// Pages between two looks at whether the user wants the run to end.
const INTERRUPT_PAGES: u64 = 4096;

/// What to do about an area whose pages cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnRefusal {
    /// Go on with the next area.
    NextArea,
    /// Stop with the error.
    Stop,
}

impl AddressSpace {
    /// Linux's `__mm_populate`: writes where a private page may be written, so that no write faults later. Holes are
    /// passed over.
    pub(super) fn populate(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        pages: PageRange,
        on_refusal: OnRefusal,
    ) -> Result<(), CallStop> {
        let mut from = pages.start();
        while let Some(area) = self.vmas.next_in(PageRange::new(from, pages.end())) {
            from = area.pages.end();
            if area.has(VmFlags::LOCKONFAULT) {
                continue;
            }
            let writes = area.attributes.protection.write && area.is_private();
            let kind = if writes { AccessKind::Store } else { AccessKind::Load };
            let faulted = if area.is_accessible() {
                self.fault_area_in(system, platform, area.pages, kind)
            } else {
                Err(Errno::Fault.into())
            };
            if faulted == Err(CallStop::OutOfMemory)
                && let Some(left) = self.left_to_populate.as_mut()
            {
                *left = PageRange::new(left.start(), pages.end());
            }
            match (faulted, on_refusal) {
                (Err(CallStop::Errno(_)), OnRefusal::NextArea) | (Ok(()), _) => {}
                (Err(stop), _) => return Err(stop),
            }
        }
        Ok(())
    }

    /// Goes on where the last populating ran out of memory, after others have made room. `None` where there is nothing to go on
    /// with.
    pub(crate) fn populate_on(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
    ) -> Option<Result<(), CallStop>> {
        let left = self.left_to_populate.take()?;
        Some(self.populate(system, platform, left, OnRefusal::NextArea))
    }

    /// Faults every page of `pages`, which lie in one area, in for an access of `kind`.
    pub(super) fn fault_area_in(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        pages: PageRange,
        kind: AccessKind,
    ) -> Result<(), CallStop> {
        let area = *self.vmas.find(pages.start()).expect("an area holds the pages");
        let mut touch = Touch::by_call(area, pages.start(), kind);
        for page in pages.iter() {
            touch = Touch::by_call(touch.area, page, kind);
            if page.0.is_multiple_of(INTERRUPT_PAGES) && system.is_interrupted() {
                return Err(CallStop::Interrupted);
            }
            let faulted = self.fault_page_in(system, platform, &mut touch);
            if faulted == Err(CallStop::OutOfMemory) {
                self.left_to_populate = Some(PageRange::new(page, pages.end()));
            }
            faulted?;
        }
        Ok(())
    }

    /// Whether a page of `pages` is guarded or lies beyond the end of what it shows.
    pub(super) fn has_untouchable(&self, system: &System, pages: PageRange) -> bool {
        let is_beyond = |vma: &Vma| {
            let last = vma.part(&pages).pages.end();
            let file = vma.attributes.backing.file();
            file.is_some_and(|file| system.cache.is_beyond_end(file, vma.offset_of(last).wrapping_sub(1)))
        };
        self.vmas.overlapping(pages).any(is_beyond) || !self.guards.within(pages).is_empty()
    }

    fn fault_page_in(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        touch: &mut Touch,
    ) -> Result<(), CallStop> {
        if self.guards.contains(touch.page) {
            return Err(Errno::Fault.into());
        }
        let granted = |rights: pagewalk_trace::Protection| touch.kind != AccessKind::Store || rights.write;
        if let Some(mapped) = self.table.lookup(platform, touch.page)
            && granted(mapped.pte.rights)
        {
            system.touched_by_call(mapped.pte.frame);
            return Ok(());
        }
        match self.resolve(system, platform, touch) {
            Ok(_) => {
                touch.count(system);
                if let Some(mapped) = self.table.lookup(platform, touch.page) {
                    // No access follows that would set them, and a fresh entry counts as used.
                    let dirty = mapped.pte.dirty || touch.kind == AccessKind::Store;
                    let young = Pte { accessed: true, dirty, ..mapped.pte };
                    if young != mapped.pte {
                        self.table.set(platform, &mut system.memory, mapped.slot, young);
                    }
                    system.touched_by_call(mapped.pte.frame);
                }
                Ok(())
            }
            Err(FaultStop::Signal(Signal::OutOfMemory)) => Err(CallStop::OutOfMemory),
            Err(_) => Err(Errno::Fault.into()),
        }
    }
}

impl System {
    /// A page that a call looks up counts as used: FOLL_TOUCH.
    fn touched_by_call(&mut self, frame: Pfn) {
        if !self.is_zero_page(frame) {
            self.mark_accessed(frame);
        }
    }
}
