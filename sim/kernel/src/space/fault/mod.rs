//! The page fault: Linux's `handle_mm_fault`. The order of the questions is Linux's too.
//!
//! 1. Which area holds the page? None: does a stack grow to it, was it there before recording began? Else SEGV_MAPERR.
//! 2. Does the area permit the access? Else SEGV_ACCERR; of an inferred area, the rights grow.
//! 3. No entry yet: demand paging. A write to a write-protected private page: copy on write. Otherwise rights or A
//!    and D bits are behind what the area permits; or there is nothing to do, and the fault is spurious.

mod anon;
mod cow;
mod file;
mod swap;

use super::AddressSpace;
use crate::reclaim::Gfp;
use crate::space::vma::{permits, widened};
use crate::system::System;
use crate::table::Found;
use crate::{AdMode, Backing, Death, OutOfMemory, PageRange, Pfn, Pte, SegvCode, Signal, VmFlags, Vma, Vpn};
use file::{is_beyond_end, tell_of_write};
use pagewalk_arch::{Access, AccessKind, FRAME_SHIFT, Platform, Privilege, VirtAddr};
use pagewalk_trace::Protection;

/// Pages that must stay free between a stack and the mapping below it: Linux's `stack_guard_gap`.
const STACK_GUARD_PAGES: u64 = 256;

/// The most frames that a fault cannot do without: a table on each level but the top, the page, and its copy.
const FAULT_FRAMES_MAX: u64 = 6;

/// Why an access is not to be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultStop {
    /// The process is to be killed.
    Signal(Signal),
    /// The tables grant what the MMU refused twice.
    Refused,
    /// The process was killed, so that others have memory.
    Killed(Death),
    /// The machine is dead.
    Panic,
}

/// A page that is touched, or faulted in as if it were.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch {
    /// The area that holds it, as it is now.
    pub(super) area: Vma,
    pub(super) page: Vpn,
    /// What for. The area permits it.
    pub(super) kind: AccessKind,
    /// A device had to be waited for, or would have: `VM_FAULT_MAJOR`.
    pub(super) waited: bool,
    /// It let go of the address space, to send for pages or to wait for one, and came back: `VM_FAULT_RETRY`.
    pub(super) retried: bool,
    /// A call wants the page, and no access will follow.
    pub(super) by_call: bool,
}

impl Touch {
    pub(super) fn new(area: Vma, page: Vpn, kind: AccessKind) -> Self {
        Self { area, page, kind, waited: false, retried: false, by_call: false }
    }

    /// As [`Self::new`], for a call.
    pub(super) fn by_call(area: Vma, page: Vpn, kind: AccessKind) -> Self {
        Self { by_call: true, ..Self::new(area, page, kind) }
    }

    /// `frame` is mapped now: it is locked where its area is.
    fn lock(&self, system: &mut System, frame: Pfn) {
        if self.area.has(VmFlags::LOCKED) {
            system.mlock(frame);
        }
    }

    /// The fault is over: `mm_account_fault`. A call that had to wait begins anew, and what it began with is forgotten: it
    /// finds the page there.
    pub(super) fn count(&self, system: &mut System) {
        let counts_retry = system.rules.counts_retries && self.retried;
        system.events.pgfault += u64::from(counts_retry);
        let is_major = !self.by_call && (self.waited || counts_retry);
        let stats = &mut system.stats;
        *(if is_major { &mut stats.page_faults_major } else { &mut stats.page_faults_minor }) += 1;
    }
}

impl From<OutOfMemory> for FaultStop {
    fn from(_: OutOfMemory) -> Self {
        FaultStop::Signal(Signal::OutOfMemory)
    }
}

impl AddressSpace {
    /// Resolves a page fault of `access`, after which it is worth retrying.
    pub(crate) fn fault(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        access: &Access,
    ) -> Result<(), FaultStop> {
        let page = Vpn::of(access.va);
        let segv = |code| FaultStop::Signal(Signal::Segv { code, address: access.va });
        let area = self.area_for(system, access.va, access.kind).map_err(segv)?;
        if self.guards.contains(page) {
            return Err(segv(SegvCode::MapErr));
        }
        let mut touch = Touch::new(area, page, access.kind);
        let found_nothing = !self.resolve(system, platform, &mut touch)?;
        let this = (self.id, access.va, access.kind);
        let last = &mut system.cpus[system.this_cpu.0].last_spurious;
        let before = std::mem::replace(last, found_nothing.then_some(this));
        if found_nothing && before == Some(this) {
            return Err(match access.privilege {
                // SMAP, SMEP or SUM: supervisor code that reaches for user pages where it must not.
                Privilege::Supervisor => segv(SegvCode::AccErr),
                Privilege::User => FaultStop::Refused,
            });
        }
        system.stats.spurious += u64::from(found_nothing);
        touch.count(system);
        Ok(())
    }

    /// Questions 1 and 2.
    fn area_for(&mut self, system: &mut System, va: VirtAddr, kind: AccessKind) -> Result<Vma, SegvCode> {
        let page = Vpn::of(va);
        if !system.is_user(va) {
            return Err(SegvCode::MapErr);
        }
        let found = self.vmas.find(page).copied().or_else(|| self.grow_stack(system, page));
        let protection = match found {
            Some(vma) if permits(system.spec, vma.attributes.protection, kind) => {
                return Ok(vma);
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
        Ok(*self.vmas.find(page).expect("it was just made or found"))
    }

    /// Whether an access to `va`, which no area holds, shows that the page was mapped before recording began.
    fn may_infer(&self, system: &System, va: VirtAddr) -> bool {
        self.infers(system) && va >= system.config.mmap_min_addr && !self.unmapped.contains(Vpn::of(va))
    }

    /// Extends the stack above `page` down to it, where there is one and its limits allow it.
    fn grow_stack(&mut self, system: &mut System, page: Vpn) -> Option<Vma> {
        let stack = *self.vmas.above(page).filter(|vma| vma.has(VmFlags::GROWSDOWN))?;
        let pages = PageRange::new(page, stack.pages.end());
        let guarded = self.vmas.below(page).is_some_and(|below| {
            below.is_accessible()
                && !below.has(VmFlags::GROWSDOWN)
                && page.pages_above(below.pages.end()) < STACK_GUARD_PAGES
        });
        let too_low = page.addr() < system.config.mmap_min_addr;
        let too_far = match self.limits {
            Some(_) => !self.may_grow_stack(system, &stack, page),
            None => pages.pages() > system.config.stack_bytes_max >> FRAME_SHIFT,
        };
        if guarded || too_low || too_far {
            return None;
        }
        // `expand_downwards`: it counts as used from now on, and does not merge with what it meets.
        let count = &mut system.anon_vmas_created;
        let stack = self.vmas.prepare_anon(stack.pages.start(), || super::fresh_anon(count));
        self.vmas.remove(stack.pages);
        self.vmas.insert_copy(Vma { pages, page_offset: stack.offset_of(page), ..stack });
        self.unmapped.remove(pages);
        system.stats.stack_growth += 1;
        self.vmas.find(page).copied()
    }

    /// Question 3, for a page whose area permits the access. Says whether anything had to change.
    pub(super) fn resolve(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        touch: &mut Touch,
    ) -> Result<bool, FaultStop> {
        system.events.pgfault += 1;
        system.mms.fault_begins(self.id);
        let resolved = self.resolve_counted(system, platform, touch);
        system.mms.fault_ends(touch.retried);
        resolved
    }

    fn resolve_counted(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        touch: &mut Touch,
    ) -> Result<bool, FaultStop> {
        // Before anything is looked at that reclaim could change.
        let of_file = touch.area.attributes.backing.file().map_or(0, |_| file::ROOM);
        system.make_room(platform, FAULT_FRAMES_MAX + of_file, Gfp::User)?;
        let mut found = self.table.find(platform, touch.page);
        if let Some(Found::Swapped { .. }) = found {
            // Those that come with it take frames too, and a copy may be due.
            system.make_room(platform, FAULT_FRAMES_MAX + system.swap_cluster(), Gfp::User)?;
            found = self.table.find(platform, touch.page);
        }
        match found {
            None => self.fault_in(system, platform, touch).map(|()| true),
            Some(Found::Mapped(mapped)) => Ok(self.fault_on(system, platform, touch, mapped)?),
            Some(Found::Swapped { slot, swapped, .. }) => {
                self.fault_swapped(system, platform, touch, slot, swapped).map(|()| true)
            }
        }
    }

    /// Demand paging: an entry for a page that has none.
    fn fault_in(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        touch: &mut Touch,
    ) -> Result<(), FaultStop> {
        if touch.kind == AccessKind::Store && touch.area.is_private() {
            // `vmf_anon_prepare` comes before anything that can fail.
            self.prepare_anon(system, touch);
        }
        if let Some(file) = touch.read_of_file()
            && self.map_around(system, platform, touch, file)?
        {
            return Ok(());
        }
        if is_beyond_end(system, touch) {
            return Err(FaultStop::Signal(Signal::Bus { address: touch.page.addr() }));
        }
        let slot = self.slot(system, platform, touch.page)?;
        let frame = match (touch.area.attributes.backing, touch.kind) {
            (Backing::Anonymous, _) => self.anonymous_frame(system, touch)?,
            (Backing::PrivateFile(file), AccessKind::Store) => self.copy_of_file(system, file, touch)?,
            (Backing::Shared(file), _) | (Backing::PrivateFile(file), _) => {
                match self.file_frame(system, platform, file, touch)? {
                    Some(frame) => frame,
                    None => return Ok(()),
                }
            }
        };
        let writes = touch.kind == AccessKind::Store;
        let rights = self.rights_now(system, &touch.area, frame, writes);
        let is_told = writes && system.wants_write_faults(&touch.area);
        let pte = with_ad(system, Pte { dirty: is_told, ..Pte::new(frame, rights) }, touch);
        self.install(system, platform, slot, pte);
        touch.lock(system, frame);
        Ok(())
    }
}

/// `pte` as `touch` leaves it. Linux's new entries count as used; here the access that comes next says so, where hardware
/// sets A and D and there is one.
fn with_ad(system: &System, pte: Pte, touch: &Touch) -> Pte {
    if system.config.ad_mode == AdMode::Hardware && !touch.by_call {
        return pte;
    }
    Pte { accessed: true, dirty: pte.dirty || touch.kind == AccessKind::Store, ..pte }
}
