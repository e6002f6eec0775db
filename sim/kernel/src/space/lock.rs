//! mlock(2), mlock2(2), munlock(2), mlockall(2), munlockall(2). A lock faults pages in and keeps them from being taken, keeps
//! neighbours apart, and makes madvise(2) refuse.

use super::AddressSpace;
use super::populate::OnRefusal;
use crate::errno::{CallStop, Errno};
use crate::system::System;
use crate::{PageRange, Pfn, VmFlags, Vma};
use pagewalk_arch::Platform;

/// Linux's `VM_LOCKED_MASK`.
pub(super) const LOCKED_MASK: VmFlags = VmFlags::LOCKED.union(VmFlags::LOCKONFAULT);

/// The flags of a lock.
pub(crate) fn lock_flags(on_fault: bool) -> VmFlags {
    if on_fault { LOCKED_MASK } else { VmFlags::LOCKED }
}

impl AddressSpace {
    /// Locks `pages`. Areas are locked up to the first hole; only a call without one faults pages in.
    pub(crate) fn lock(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        pages: PageRange,
        flags: VmFlags,
    ) -> Result<(), CallStop> {
        self.set_locked(system, platform, pages, flags)?;
        // `__mlock_posix_error_return`: a page that cannot be had is ENOMEM here.
        self.populate(system, platform, pages, OnRefusal::Stop).map_err(|stop| match stop {
            CallStop::Errno(Errno::Fault) => Errno::NoMem.into(),
            other => other,
        })
    }

    /// Unlocks `pages`, up to the first hole.
    pub(crate) fn unlock(
        &mut self,
        system: &mut System,
        platform: &dyn Platform,
        pages: PageRange,
    ) -> Result<(), CallStop> {
        self.set_locked(system, platform, pages, VmFlags::default())
    }

    /// Locks all that is mapped, or all that will be.
    pub(crate) fn lock_all(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        current: bool,
        future: Option<VmFlags>,
        flags: VmFlags,
    ) -> Result<(), CallStop> {
        self.future_flags = future.unwrap_or_default();
        if !current {
            return Ok(());
        }
        let everything = self.everything(system);
        self.change_locks(system, platform, everything, flags)?;
        self.populate(system, platform, everything, OnRefusal::NextArea)
    }

    /// Unlocks all, and all to come.
    pub(crate) fn unlock_all(&mut self, system: &mut System, platform: &dyn Platform) {
        self.future_flags = VmFlags::default();
        let everything = self.everything(system);
        // Areas become alike, so there cannot be too many.
        let _ = self.change_locks(system, platform, everything, VmFlags::default());
    }

    /// Whether populating `pages` for a lock finds a page that cannot be had.
    pub(crate) fn cannot_be_locked(&self, system: &System, pages: PageRange) -> bool {
        self.vmas.overlapping(pages).any(|vma| !vma.is_accessible()) || self.has_untouchable(system, pages)
    }

    fn set_locked(
        &mut self,
        system: &mut System,
        platform: &dyn Platform,
        pages: PageRange,
        flags: VmFlags,
    ) -> Result<(), CallStop> {
        let contiguous = self.vmas.contiguous(pages);
        self.change_locks(system, platform, contiguous, flags)?;
        if contiguous == pages { Ok(()) } else { Err(Errno::NoMem.into()) }
    }

    /// Areas of `pages` get the lock `flags`, and what they map already is locked or unlocked: `mlock_vma_pages_range`.
    fn change_locks(
        &mut self,
        system: &mut System,
        platform: &dyn Platform,
        pages: PageRange,
        flags: VmFlags,
    ) -> Result<(), CallStop> {
        let is_locking = flags.contains(VmFlags::LOCKED);
        let changes = |vma: &&Vma| vma.has(VmFlags::LOCKED) != is_locking;
        let changing: Vec<Vma> =
            self.vmas.overlapping(pages).filter(changes).map(|vma| vma.part(&pages)).collect();
        let changed = self.vmas.update_within(pages, self.areas_max(), |attributes| {
            attributes.flags = attributes.flags.difference(LOCKED_MASK).union(flags);
        });
        // Where there would be too many areas, those before are changed.
        let is_changed = |vma: &&Vma| {
            self.vmas.find(vma.pages.start()).is_some_and(|now| now.has(VmFlags::LOCKED) == is_locking)
        };
        for vma in changing.iter().filter(is_changed) {
            system.drain_lazily_freed();
            let mut leaves = self.table.cursor(vma.pages);
            while let Some(mapped) = leaves.next(platform) {
                if is_locking {
                    system.mlock(mapped.pte.frame);
                } else {
                    system.munlock(vma, mapped.pte.frame);
                }
            }
        }
        changed.map_err(|_| Errno::NoMem.into())
    }
}

impl System {
    /// A locked area maps `frame` from now on.
    pub(in crate::space) fn mlock(&mut self, frame: Pfn) {
        if !self.is_zero_page(frame) {
            self.events.unevictable_pgs_mlocked += u64::from(self.memory.mlock(frame));
        }
    }

    /// `area` does not map `frame` any more, or is not locked any more.
    pub(in crate::space) fn munlock(&mut self, area: &Vma, frame: Pfn) {
        if area.has(VmFlags::LOCKED) && !self.is_zero_page(frame) {
            self.events.unevictable_pgs_munlocked += u64::from(self.memory.munlock(frame));
            self.keep_unevictable(frame);
        }
    }
}
