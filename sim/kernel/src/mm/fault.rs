//! The page fault: Linux's `handle_mm_fault`. The order of the questions is Linux's too.
//!
//! 1. Which area holds the page? None: does a stack grow to it, was it there before recording began? Else SEGV_MAPERR.
//! 2. Does the area permit the access? Else SEGV_ACCERR; of an inferred area, the rights grow.
//! 3. No entry yet: demand paging. A write to a write-protected private page: copy on write. Otherwise rights or A
//!    and D bits are behind what the area permits; or there is nothing to do, and the fault is spurious.

use super::{AddressSpace, Gather};
use crate::system::System;
use crate::vma::{permits, widened};
use crate::{
    AdMode, Backing, FrameUse, Mapped, OutOfMemory, PageRange, Pfn, Pte, SegvCode, Signal, Vma, Vpn,
};
use pagewalk_arch::{Access, AccessKind, FRAME_SHIFT, Mmu, Privilege, Protection, VirtAddr};

/// Pages that must stay free between a stack and the mapping below it: Linux's `stack_guard_gap`.
const STACK_GUARD_PAGES: u64 = 256;

/// Why an access is not to be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultStop {
    /// The process is to be killed.
    Signal(Signal),
    /// The tables grant what the MMU refused twice.
    Refused,
}

impl From<OutOfMemory> for FaultStop {
    fn from(_: OutOfMemory) -> Self {
        FaultStop::Signal(Signal::OutOfMemory)
    }
}

/// The area of an access, and whether its rights had to grow for it.
struct Permitted {
    vma: Vma,
    widened: bool,
}

impl AddressSpace {
    /// Resolves a page fault of `access`, after which it is worth retrying.
    pub(crate) fn fault(
        &mut self,
        system: &mut System,
        mmu: &mut dyn Mmu,
        access: &Access,
    ) -> Result<(), FaultStop> {
        let page = Vpn::of(access.va);
        let segv = |code| FaultStop::Signal(Signal::Segv { code, address: access.va });
        let permitted = self.area_for(system, access.va, access.kind).map_err(segv)?;
        let found_nothing = match self.table.lookup(mmu, page) {
            None => {
                self.fault_in(system, mmu, &permitted.vma, page, access.kind)?;
                false
            }
            Some(mapped) => !self.fault_on(system, mmu, &permitted, mapped, access.kind)?,
        };
        let this = (self.id, access.va, access.kind);
        let before = std::mem::replace(&mut system.last_spurious, found_nothing.then_some(this));
        if found_nothing && before == Some(this) {
            return Err(match access.privilege {
                // SMAP, SMEP or SUM: supervisor code that reaches for user pages where it must not.
                Privilege::Supervisor => segv(SegvCode::AccErr),
                Privilege::User => FaultStop::Refused,
            });
        }
        system.stats.spurious += u64::from(found_nothing);
        system.stats.page_faults_minor += 1;
        Ok(())
    }

    /// Questions 1 and 2.
    fn area_for(
        &mut self,
        system: &mut System,
        va: VirtAddr,
        kind: AccessKind,
    ) -> Result<Permitted, SegvCode> {
        let page = Vpn::of(va);
        if !system.is_user(va) {
            return Err(SegvCode::MapErr);
        }
        let found = self.vmas.find(page).copied().or_else(|| self.grow_stack(system, page));
        let protection = match found {
            Some(vma) if permits(system.spec, vma.attributes.protection, kind) => {
                return Ok(Permitted { vma, widened: false });
            }
            Some(vma) if vma.attributes.inferred => widened(vma.attributes.protection, kind),
            Some(_) => return Err(SegvCode::AccErr),
            None if self.may_infer(system, va) => {
                let mut vma = Vma::anonymous(PageRange::single(page), widened(Protection::default(), kind));
                vma.attributes.inferred = true;
                self.vmas.insert(vma);
                vma.attributes.protection
            }
            None => return Err(SegvCode::MapErr),
        };
        self.vmas.update(PageRange::single(page), |attributes| attributes.protection = protection);
        system.stats.inferred += 1;
        let vma = *self.vmas.find(page).expect("it was just made or found");
        Ok(Permitted { vma, widened: true })
    }

    /// Whether an access to `va`, which no area holds, shows that the page was mapped before recording began.
    fn may_infer(&self, system: &System, va: VirtAddr) -> bool {
        self.infers(system) && va >= system.config.mmap_min_addr && !self.unmapped.contains(Vpn::of(va))
    }

    /// Extends the stack above `page` down to it, where there is one and its limits allow it.
    fn grow_stack(&mut self, system: &mut System, page: Vpn) -> Option<Vma> {
        let stack = *self.vmas.above(page).filter(|vma| vma.attributes.grows_down)?;
        let pages = PageRange::new(page, stack.pages.end());
        let guarded = self.vmas.below(page).is_some_and(|below| {
            let Protection { read, write, execute } = below.attributes.protection;
            let accessible = read || write || execute;
            accessible
                && !below.attributes.grows_down
                && page.pages_above(below.pages.end()) < STACK_GUARD_PAGES
        });
        let too_low = page.addr() < system.config.mmap_min_addr;
        if pages.pages() > system.config.stack_bytes_max >> FRAME_SHIFT || guarded || too_low {
            return None;
        }
        self.vmas.remove(stack.pages);
        let grown = Vma { pages, page_offset: stack.offset_of(page), ..stack };
        self.vmas.insert(grown);
        self.unmapped.remove(pages);
        system.stats.stack_growth += 1;
        self.vmas.find(page).copied()
    }

    /// Demand paging: an entry for `page` of `vma`, which has none.
    pub(super) fn fault_in(
        &mut self,
        system: &mut System,
        mmu: &mut dyn Mmu,
        vma: &Vma,
        page: Vpn,
        kind: AccessKind,
    ) -> Result<(), OutOfMemory> {
        let slot = self.slot(system, mmu, page)?;
        let frame = match (vma.attributes.backing, system.zero_frame) {
            (Backing::Shared { object, .. }, _) => {
                let frame = system.shared.frame(&mut system.memory, object, vma.offset_of(page))?;
                system.memory.get(frame);
                frame
            }
            (Backing::Anonymous, Some(zero)) if kind != AccessKind::Store && system.config.zero_page => {
                system.stats.zero_page += 1;
                zero
            }
            // What a file holds is not modelled: each page of a private mapping is a frame of its own at once.
            (Backing::PrivateFile { .. }, _) => system.memory.allocate(FrameUse::Anonymous)?,
            (Backing::Anonymous, _) => {
                let frame = system.memory.allocate(FrameUse::Anonymous)?;
                system.stats.zero_fill += 1;
                frame
            }
        };
        let rights = self.rights_now(system, vma, frame);
        let pte = with_ad(system, Pte { frame, rights, accessed: false, dirty: false }, kind);
        self.install(system, mmu, slot, pte);
        Ok(())
    }

    /// Question 3 for an entry that is there. Says whether anything had to change.
    fn fault_on(
        &mut self,
        system: &mut System,
        mmu: &mut dyn Mmu,
        permitted: &Permitted,
        before: Mapped,
        kind: AccessKind,
    ) -> Result<bool, OutOfMemory> {
        let vma = &permitted.vma;
        let writes_protected =
            kind == AccessKind::Store && !before.pte.rights.write && vma.attributes.backing.is_private();
        let mut after = before.pte;
        if writes_protected && let Some(frame) = self.frame_for_write(system, before.pte.frame)? {
            *self.count_of(system, frame) += 1;
            self.drop_frame(system, before.pte.frame);
            after = Pte { frame, accessed: false, dirty: false, ..after };
        } else if writes_protected && !permitted.widened {
            system.stats.cow_reuse += 1;
        }
        after.rights = self.table.layout().granted(self.rights_now(system, vma, after.frame));
        after = with_ad(system, after, kind);
        if after == before.pte {
            return Ok(false);
        }
        let only_ad = after.frame == before.pte.frame && after.rights == before.pte.rights;
        system.stats.ad += u64::from(only_ad);
        self.table.set(mmu, &mut system.memory, before.slot, after);
        let mut gather = Gather::default();
        gather.add(&before);
        self.flush(system, mmu, gather);
        Ok(true)
    }

    /// A frame of its own for a page that is written and now in `frame`; `None` where it has it to itself.
    fn frame_for_write(&self, system: &mut System, frame: Pfn) -> Result<Option<Pfn>, OutOfMemory> {
        if system.is_zero_page(frame) {
            let own = system.memory.allocate(FrameUse::Anonymous)?;
            system.stats.zero_fill += 1;
            return Ok(Some(own));
        }
        if system.memory.references(frame) == 1 {
            return Ok(None);
        }
        let copy = system.memory.allocate(FrameUse::Anonymous)?;
        system.stats.cow += 1;
        Ok(Some(copy))
    }
}

/// `pte` as an access of `kind` leaves it where software sets A and D.
fn with_ad(system: &System, pte: Pte, kind: AccessKind) -> Pte {
    if system.config.ad_mode == AdMode::Hardware {
        return pte;
    }
    Pte { accessed: true, dirty: pte.dirty || kind == AccessKind::Store, ..pte }
}
