//! mlock(2), mlock2(2), munlock(2), mlockall(2), munlockall(2). With no reclaim, what a lock does is to fault pages
//! in, to keep neighbours apart, and to make madvise(2) refuse.

use super::AddressSpace;
use super::populate::OnRefusal;
use crate::errno::{CallStop, Errno};
use crate::system::System;
use crate::{PageRange, VmFlags};
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
        self.set_locked(pages, flags)?;
        // `__mlock_posix_error_return`: a page that cannot be had is ENOMEM here.
        self.populate(system, platform, pages, OnRefusal::Stop).map_err(|stop| match stop {
            CallStop::Errno(Errno::Fault) => Errno::NoMem.into(),
            other => other,
        })
    }

    /// Unlocks `pages`, up to the first hole.
    pub(crate) fn unlock(&mut self, pages: PageRange) -> Result<(), CallStop> {
        self.set_locked(pages, VmFlags::default())
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
        self.vmas.update(everything, |attributes| {
            attributes.flags = attributes.flags.difference(LOCKED_MASK).union(flags);
        });
        self.populate(system, platform, everything, OnRefusal::NextArea)
    }

    /// Unlocks all, and all to come.
    pub(crate) fn unlock_all(&mut self, system: &System) {
        self.future_flags = VmFlags::default();
        let everything = self.everything(system);
        self.vmas.update(everything, |attributes| attributes.flags.remove(LOCKED_MASK));
    }

    /// Whether populating `pages` for a lock finds a page that cannot be had.
    pub(crate) fn cannot_be_locked(&self, system: &System, pages: PageRange) -> bool {
        self.vmas.overlapping(pages).any(|vma| !vma.is_accessible()) || self.has_untouchable(system, pages)
    }

    fn set_locked(&mut self, pages: PageRange, flags: VmFlags) -> Result<(), CallStop> {
        let contiguous = self.vmas.contiguous(pages);
        let locked = self.vmas.update_within(contiguous, self.areas_max(), |attributes| {
            attributes.flags = attributes.flags.difference(LOCKED_MASK).union(flags);
        });
        locked.map_err(|_| Errno::NoMem)?;
        if contiguous == pages { Ok(()) } else { Err(Errno::NoMem.into()) }
    }
}
