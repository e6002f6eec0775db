//! Calls about a range of addresses that is mapped: mprotect(2), madvise(2), mlock(2), mlock2(2), munlock(2),
//! mlockall(2), munlockall(2), msync(2).

use super::{is_aligned, pages_of, range};
use crate::errno::Errno;
use crate::kernel::Kernel;
use crate::space::{is_advice, lock_flags};
use crate::{Backing, PageRange, VmFlags, Vpn};
use pagewalk_arch::{FRAME_SHIFT, Platform, VirtAddr};
use pagewalk_trace::{FileId, Protection};
use std::ops::Range;

/// What an msync(2) comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msync {
    /// Pages of files that MS_SYNC writes back, in order.
    pub files: Vec<(FileId, Range<u64>)>,
    /// What the call returns once that is done.
    pub result: Result<(), Errno>,
}

impl Kernel {
    /// mprotect(2) of `pid`.
    ///
    /// # Errors
    /// Linux's. What lies before the obstacle has changed.
    pub fn sys_mprotect(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        at: VirtAddr,
        bytes: u64,
        protection: Protection,
    ) -> Result<(), Errno> {
        let mm = self.caller(pid)?;
        if !is_aligned(at) {
            return Err(Errno::Inval);
        }
        if bytes == 0 {
            return Ok(());
        }
        let pages = pages_of(bytes).filter(|&pages| pages > 0).and_then(|pages| range(at, pages));
        let pages = pages.ok_or(Errno::NoMem)?;
        if self.spaces[&mm].vmas().find(pages.start()).is_none() {
            return Err(Errno::NoMem);
        }
        self.live_call(platform, pid, mm, |space, system, platform| {
            space.protect(system, platform, pages, protection)
        })
    }

    /// madvise(2) of `pid`, by the advice's number.
    ///
    /// # Errors
    /// Linux's. What is mapped has been advised, up to an area that cannot take the advice.
    pub fn sys_madvise(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        at: VirtAddr,
        bytes: u64,
        advice: i32,
    ) -> Result<(), Errno> {
        let mm = self.caller(pid)?;
        if !is_advice(advice) || !is_aligned(at) {
            return Err(Errno::Inval);
        }
        let pages = pages_of(bytes).and_then(|pages| range(at, pages)).ok_or(Errno::Inval)?;
        if pages.is_empty() {
            return Ok(());
        }
        let mut punches = Vec::new();
        let result = self.live_call(platform, pid, mm, |space, system, platform| {
            space.advise(system, platform, pages, advice, &mut punches)
        });
        for punch in punches {
            self.punch(platform, &punch, false);
        }
        result
    }

    /// mlock(2) of `pid`, or mlock2(2) with MLOCK_ONFAULT.
    ///
    /// # Errors
    /// Linux's. What lies before a hole is locked.
    pub fn sys_mlock(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        at: VirtAddr,
        bytes: u64,
        on_fault: bool,
    ) -> Result<(), Errno> {
        let mm = self.caller(pid)?;
        let space = &self.spaces[&mm];
        let limits = space.limits.expect("the caller has limits");
        if !limits.may_lock() {
            return Err(Errno::Perm);
        }
        let pages = covered(at, bytes)?;
        let locked = |within| {
            let locked = space.vmas().overlapping(within).filter(|vma| vma.has(VmFlags::LOCKED));
            locked.map(|vma| vma.part(&within).pages.pages()).sum::<u64>()
        };
        // What is locked already is not locked anew.
        if !space.may_lock_more(pages.pages() - locked(pages)) {
            return Err(Errno::NoMem);
        }
        if pages.is_empty() {
            return Ok(());
        }
        self.live_call(platform, pid, mm, |space, system, platform| {
            space.lock(system, platform, pages, lock_flags(on_fault))
        })
    }

    /// munlock(2) of `pid`.
    ///
    /// # Errors
    /// Linux's.
    pub fn sys_munlock(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        at: VirtAddr,
        bytes: u64,
    ) -> Result<(), Errno> {
        let mm = self.caller(pid)?;
        let pages = covered(at, bytes)?;
        if pages.is_empty() {
            return Ok(());
        }
        let (space, system) = self.space_and_system(mm);
        match space.unlock(system, platform, pages) {
            Ok(()) => Ok(()),
            Err(crate::errno::CallStop::Errno(errno)) => Err(errno),
            Err(_) => Err(Errno::NoMem),
        }
    }

    /// mlockall(2) of `pid`.
    ///
    /// # Errors
    /// Linux's.
    pub fn sys_mlockall(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        current: bool,
        future: bool,
        on_fault: bool,
    ) -> Result<(), Errno> {
        let mm = self.caller(pid)?;
        let space = &self.spaces[&mm];
        let limits = space.limits.expect("the caller has limits");
        if !current && !future {
            return Err(Errno::Inval);
        }
        if !limits.may_lock() {
            return Err(Errno::Perm);
        }
        if current && space.vmas().pages() > limits.locked_pages {
            return Err(Errno::NoMem);
        }
        let flags = lock_flags(on_fault);
        self.live_call(platform, pid, mm, |space, system, platform| {
            space.lock_all(system, platform, current, future.then_some(flags), flags)
        })
    }

    /// munlockall(2) of `pid`.
    ///
    /// # Errors
    /// [`Errno::Srch`] where there is no such process.
    pub fn sys_munlockall(&mut self, platform: &mut dyn Platform, pid: u32) -> Result<(), Errno> {
        let mm = self.caller(pid)?;
        let (space, system) = self.space_and_system(mm);
        space.unlock_all(system, platform);
        Ok(())
    }

    /// msync(2) of `pid` with MS_SYNC, and MS_INVALIDATE if `invalidate`. Holes are passed over and make it fail at the
    /// end.
    ///
    /// # Errors
    /// Linux's, of arguments that name nothing to write back.
    pub fn sys_msync(
        &mut self,
        pid: u32,
        at: VirtAddr,
        bytes: u64,
        invalidate: bool,
    ) -> Result<Msync, Errno> {
        let mm = self.caller(pid)?;
        if !is_aligned(at) {
            return Err(Errno::Inval);
        }
        let pages = pages_of(bytes).and_then(|pages| range(at, pages)).ok_or(Errno::NoMem)?;
        let (space, _) = self.space_and_system(mm);
        let had_hole = space.has_hole(pages);
        let result = if had_hole { Err(Errno::NoMem) } else { Ok(()) };
        let mut sync = Msync { files: Vec::new(), result };
        for vma in space.vmas().overlapping(pages) {
            if invalidate && vma.has(VmFlags::LOCKED) {
                sync.result = Err(Errno::Busy);
                break;
            }
            let Backing::Shared(file) = vma.attributes.backing else { continue };
            if !vma.has(VmFlags::NEVER_WRITABLE) {
                let part = vma.part(&pages);
                sync.files.push((file, part.page_offset..part.page_offset + part.pages.pages()));
            }
        }
        Ok(sync)
    }
}

/// The pages that `bytes` from `at` on touch.
fn covered(at: VirtAddr, bytes: u64) -> Result<PageRange, Errno> {
    let first = Vpn::of(at);
    let offset = at.0 - first.addr().0;
    let pages = bytes.checked_add(offset).and_then(pages_of).ok_or(Errno::Inval)?;
    range(VirtAddr(first.0 << FRAME_SHIFT), pages).ok_or(Errno::Inval)
}
