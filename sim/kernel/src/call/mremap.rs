//! mremap(2): `SYSCALL_DEFINE5(mremap)`, `mremap_to`, `vma_to_resize` and the checks of `move_vma`, mm/mremap.c of 6.1.

use super::{is_aligned, pages_of, range};
use crate::errno::{CallStop, Errno};
use crate::kernel::Kernel;
use crate::space::{AddressSpace, Growth, Placement};
use crate::system::System;
use crate::{PageRange, VmFlags, Vma, Vpn};
use pagewalk_arch::{Platform, VirtAddr};
use pagewalk_trace::{FileKind, RemapFlags};

/// The arguments of mremap(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MremapArgs {
    /// Old start.
    pub from: VirtAddr,
    /// Old length; 0 maps shared memory a second time.
    pub from_bytes: u64,
    /// New length.
    pub to_bytes: u64,
    /// MREMAP_FIXED, at this address.
    pub to: Option<VirtAddr>,
    /// MREMAP_MAYMOVE.
    pub may_move: bool,
    /// MREMAP_DONTUNMAP.
    pub dont_unmap: bool,
}

/// What is to be done once all is checked.
struct Plan {
    from: PageRange,
    to: PageRange,
    flags: RemapFlags,
}

impl Kernel {
    /// mremap(2) of `pid`: where the area lies now.
    ///
    /// # Errors
    /// Linux's.
    pub fn sys_mremap(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        args: &MremapArgs,
    ) -> Result<VirtAddr, Errno> {
        let mm = self.caller(pid)?;
        let (space, system) = self.space_and_system(mm);
        let plan = match space.plan_remap(system, platform, args) {
            Ok(plan) => plan,
            Err(CallStop::Errno(errno)) => return Err(errno),
            Err(_) => return Err(Errno::NoMem),
        };
        let Plan { from, to, flags } = plan;
        self.live_call(platform, pid, mm, |space, system, platform| {
            space.remap(system, platform, from, to, flags)
        })?;
        Ok(to.start().addr())
    }
}

impl AddressSpace {
    fn plan_remap(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        args: &MremapArgs,
    ) -> Result<Plan, CallStop> {
        let flags =
            RemapFlags { may_move: args.may_move, fixed: args.to.is_some(), dont_unmap: args.dont_unmap };
        let moves_by_flag = flags.fixed || flags.dont_unmap;
        let sizes = pages_of(args.from_bytes).zip(pages_of(args.to_bytes)).filter(|&(_, new)| new > 0);
        let is_odd = (moves_by_flag && !flags.may_move)
            || (flags.dont_unmap && args.from_bytes != args.to_bytes)
            || !is_aligned(args.from);
        let (old, new) = sizes.filter(|_| !is_odd).ok_or(Errno::Inval)?;
        let first = Vpn::of(args.from);
        let area = *self.vmas().find(first).ok_or(Errno::Fault)?;
        if moves_by_flag {
            return self.plan_move_to(system, platform, args, flags);
        }
        let from = range(args.from, old).ok_or(Errno::Fault)?;
        if old >= new {
            self.may_unmap(PageRange::new(first.up(new), from.end()))?;
            return Ok(Plan { from, to: PageRange::new(first, first.up(new)), flags });
        }
        let grown = self.resize(&area, from, new)?;
        if from.end() == area.pages.end() && !from.is_empty() {
            let tail = PageRange::new(from.end(), first.up(new));
            if tail.end() <= self.layout.end() && self.vmas().pages_within(tail) == 0 {
                self.charge_for(system, &area, grown)?;
                return Ok(Plan { from, to: PageRange::new(first, first.up(new)), flags });
            }
        }
        if !flags.may_move {
            return Err(Errno::NoMem.into());
        }
        let to = self.place_moved(system, &area, first, new)?;
        self.may_move(system, &area, grown)?;
        Ok(Plan { from, to, flags })
    }

    /// `mremap_to`: MREMAP_FIXED, MREMAP_DONTUNMAP.
    fn plan_move_to(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        args: &MremapArgs,
        flags: RemapFlags,
    ) -> Result<Plan, CallStop> {
        let (Some(mut old), Some(new)) = (pages_of(args.from_bytes), pages_of(args.to_bytes)) else {
            return Err(Errno::Inval.into());
        };
        let first = Vpn::of(args.from);
        let target = args.to.unwrap_or_default();
        let to = self.can_have(target, new).map_err(|_| Errno::Inval)?;
        let from = range(args.from, old).ok_or(Errno::Inval)?;
        if from.overlaps(&to) && flags.fixed {
            return Err(Errno::Inval.into());
        }
        if self.vmas().len().saturating_add(2) >= self.areas_max_of_call().saturating_sub(3) {
            return Err(Errno::NoMem.into());
        }
        if flags.fixed {
            self.may_unmap(to)?;
            self.unmap(system, platform, to);
        }
        if old > new {
            let cut = PageRange::new(first.up(new), from.end());
            self.may_unmap(cut)?;
            self.unmap(system, platform, cut);
            old = new;
        }
        let area = *self.vmas().find(first).ok_or(Errno::Fault)?;
        let from = PageRange::new(first, first.up(old));
        let grown = self.resize(&area, from, new)?;
        if flags.dont_unmap && !self.may_grow(Growth::like(&area, old)) {
            return Err(Errno::NoMem.into());
        }
        let to = if flags.fixed { to } else { self.place_moved(system, &area, first, new)? };
        self.may_move(system, &area, if flags.dont_unmap { new } else { grown })?;
        Ok(Plan { from, to, flags })
    }

    /// `vma_to_resize`: by how many pages the part `from` of `area` grows to be `new` long, if it may.
    fn resize(&self, area: &Vma, from: PageRange, new: u64) -> Result<u64, Errno> {
        if from.is_empty() && area.is_private() {
            return Err(Errno::Inval);
        }
        if from.end() > area.pages.end() {
            return Err(Errno::Fault);
        }
        let grown = new - from.pages().min(new);
        if grown == 0 {
            return Ok(0);
        }
        let offset = area.offset_of(from.start());
        if offset.checked_add(new).is_none() {
            return Err(Errno::Inval);
        }
        if area.has(VmFlags::LOCKED) && !self.may_lock_more(grown) {
            return Err(Errno::Again);
        }
        if !self.may_grow(Growth::like(area, grown)) {
            return Err(Errno::NoMem);
        }
        Ok(grown)
    }

    /// What `move_vma` asks first.
    fn may_move(&self, system: &mut System, area: &Vma, charged: u64) -> Result<(), Errno> {
        if self.vmas().len() >= self.areas_max_of_call().saturating_sub(3) {
            return Err(Errno::NoMem);
        }
        self.charge_for(system, area, charged)
    }

    fn charge_for(&self, system: &mut System, area: &Vma, pages: u64) -> Result<(), Errno> {
        if area.has(VmFlags::ACCOUNT) && pages > 0 { self.charge(system, pages) } else { Ok(()) }
    }

    fn place_moved(&self, system: &System, area: &Vma, first: Vpn, pages: u64) -> Result<PageRange, Errno> {
        let is_on_disk = |&file: &_| system.cache.kind(file) == FileKind::Regular;
        let disk_offset = area.attributes.backing.file().filter(is_on_disk).map(|_| area.offset_of(first));
        self.place(Placement { pages, disk_offset })
    }
}
