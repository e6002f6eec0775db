//! What an address space may have more of: RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK, `vm.max_map_count`, and the machine's
//! promises. Linux's `may_expand_vm`, `mlock_future_check`, `security_vm_enough_memory_mm`.
//!
//! Owns the questions. Nothing is asked on behalf of a trace: it says what came out.

use super::AddressSpace;
use super::vma::is_data;
use crate::commit::Asker;
use crate::credentials::Limits;
use crate::system::System;
use crate::{Errno, PageRange, VmFlags, Vma, Vpn};

/// How many pages of what kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    pub(crate) pages: u64,
    /// RLIMIT_DATA counts them.
    pub(crate) is_data: bool,
}

impl Growth {
    /// That of an area like `vma`, by `pages`.
    pub(crate) fn like(vma: &Vma, pages: u64) -> Self {
        Self { pages, is_data: is_data(vma) }
    }
}

impl AddressSpace {
    /// The most areas that there may be before one is split.
    pub(super) fn areas_max(&self) -> usize {
        self.limits.map_or(usize::MAX, |limits| limits.areas_max)
    }

    /// `may_expand_vm`.
    pub(crate) fn may_grow(&self, growth: Growth) -> bool {
        let Some(limits) = self.limits else { return true };
        let counts = self.vmas.counts();
        let fits = |has: u64, limit: u64| has.checked_add(growth.pages).is_some_and(|sum| sum <= limit);
        fits(counts.total, limits.total_pages) && (!growth.is_data || fits(counts.data, limits.data_pages))
    }

    /// `mlock_future_check`: whether `pages` more may be locked.
    pub(crate) fn may_lock_more(&self, pages: u64) -> bool {
        let fits = |limits: Limits| self.vmas.counts().locked.saturating_add(pages) <= limits.locked_pages;
        self.limits.is_none_or(fits)
    }

    /// `vm.max_map_count`, for calls that ask it themselves.
    pub(crate) fn areas_max_of_call(&self) -> usize {
        self.areas_max()
    }

    /// Whether mlockall(MCL_FUTURE) locks what is to come.
    pub(crate) fn locks_future(&self) -> bool {
        self.future_flags.contains(VmFlags::LOCKED)
    }

    /// Whether the heap may grow by `pages`, locked if all is to be.
    pub(crate) fn may_lock_heap(&self, pages: u64) -> bool {
        !self.locks_future() || self.may_lock_more(pages)
    }

    /// Whether one more area is not too many.
    pub(crate) fn has_room_for_area(&self) -> bool {
        self.vmas.len() <= self.areas_max()
    }

    /// Whether an area, or what must stay free below one, lies in `pages`.
    pub(crate) fn has_area_near(&self, pages: PageRange) -> bool {
        let above = self.vmas.above(pages.start());
        self.vmas.find(pages.start()).is_some()
            || above.is_some_and(|vma| super::layout::start_gap(vma) < pages.end())
    }

    /// Whether taking `pages` out would leave more areas than there may be.
    pub(crate) fn may_unmap(&self, pages: PageRange) -> Result<(), Errno> {
        let splits_in_two = |vma: &Vma| vma.pages.start() < pages.start() && pages.end() < vma.pages.end();
        let splits = !pages.is_empty() && self.vmas.find(pages.start()).is_some_and(splits_in_two);
        if splits && self.vmas.len() >= self.areas_max() { Err(Errno::NoMem) } else { Ok(()) }
    }

    /// Promises `pages` more.
    pub(crate) fn charge(&self, system: &mut System, pages: u64) -> Result<(), Errno> {
        let Some(Limits { is_admin, .. }) = self.limits else { return Ok(()) };
        system.charge(pages, &Asker { is_admin, total_pages: self.vmas.counts().total })
    }

    /// Whether the stack that begins at `from` may grow down to `page`: `acct_stack_growth`. What it grows by is
    /// promised.
    pub(crate) fn may_grow_stack(&self, system: &mut System, stack: &Vma, page: Vpn) -> bool {
        let Some(limits) = self.limits else { return true };
        let pages = stack.pages.start().pages_above(page);
        let may = self.may_grow(Growth { pages, is_data: false })
            && stack.pages.end().pages_above(page) <= limits.stack_pages
            && (!stack.has(VmFlags::LOCKED) || self.may_lock_more(pages));
        may && self.charge(system, pages).is_ok()
    }
}
