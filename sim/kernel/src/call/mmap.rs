//! mmap(2), munmap(2), brk(2): `do_mmap` and `mmap_region`, `do_munmap`, `SYSCALL_DEFINE1(brk)` of mm/mmap.c.

use super::{is_aligned, pages_of};
use crate::errno::Errno;
use crate::kernel::Kernel;
use crate::space::{Growth, Placement};
use crate::{Overcommit, PageRange, VmFlags, Vpn};
use pagewalk_arch::{FRAME_BYTES, FRAME_SHIFT, Platform, VirtAddr};
use pagewalk_trace::{FileKind, FileSource, MapRequest, Protection};

/// The arguments of mmap(2). A file is opened for what the mapping needs: for writing where a shared one may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MmapArgs {
    /// MAP_FIXED, at this address; `None`: wherever the kernel likes.
    pub at: Option<VirtAddr>,
    /// Length.
    pub bytes: u64,
    /// Rights.
    pub protection: Protection,
    /// MAP_SHARED rather than MAP_PRIVATE.
    pub shared: bool,
    /// What is mapped; `None`: MAP_ANONYMOUS.
    pub file: Option<FileSource>,
    /// MAP_POPULATE.
    pub populate: bool,
    /// MAP_LOCKED.
    pub locked: bool,
    /// MAP_NORESERVE.
    pub noreserve: bool,
    /// MAP_GROWSDOWN.
    pub grows_down: bool,
    /// MAP_HUGETLB, of which there is an empty pool.
    pub hugetlb: bool,
}

impl Kernel {
    /// mmap(2) of `pid`: where the area came to lie.
    ///
    /// # Errors
    /// Linux's.
    pub fn sys_mmap(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        args: &MmapArgs,
    ) -> Result<VirtAddr, Errno> {
        let mm = self.caller(pid)?;
        let offset = args.file.map_or(0, |source| source.offset);
        if !offset.is_multiple_of(FRAME_BYTES) || args.bytes == 0 {
            return Err(Errno::Inval);
        }
        let pages = pages_of(args.bytes).ok_or(Errno::NoMem)?;
        let pgoff = offset >> FRAME_SHIFT;
        if pgoff.checked_add(pages).is_none_or(|end| end > u64::MAX >> FRAME_SHIFT) {
            return Err(Errno::Overflow);
        }
        let is_capable = self.processes[&pid].credentials.is_capable();
        let min_addr = self.system.sysctl.mmap_min_addr;
        let (space, system) = self.space_and_system(mm);
        let limits = space.limits.expect("the caller has limits");
        if space.vmas().len() > limits.areas_max || args.hugetlb {
            return Err(Errno::NoMem);
        }
        let area = match args.at {
            Some(at) => space.can_have(at, pages)?,
            None => {
                let is_on_disk = |source: &FileSource| system.cache.kind(source.file) == FileKind::Regular;
                let disk_offset = args.file.filter(is_on_disk).map(|_| pgoff);
                space.place(Placement { pages, disk_offset })?
            }
        };
        let locks = args.locked || space.locks_future();
        let refusals = [
            (area.start().addr().0 < min_addr && !is_capable, Errno::Perm),
            (args.locked && !limits.may_lock(), Errno::Perm),
            (locks && !space.may_lock_more(pages), Errno::Again),
            (args.grows_down && (args.shared || args.file.is_some()), Errno::Inval),
        ];
        if let Some(&(_, errno)) = refusals.iter().find(|(refused, _)| *refused) {
            return Err(errno);
        }
        // What is promised in any case cannot be done without.
        let noreserve = args.noreserve && system.sysctl.overcommit_memory != Overcommit::Never;
        let is_data = args.protection.write && !args.shared && !args.grows_down;
        let replaced = space.vmas().pages_within(area);
        let grows = |pages| space.may_grow(Growth { pages, is_data });
        if !grows(pages) && (args.at.is_none() || !grows(pages - replaced)) {
            return Err(Errno::NoMem);
        }
        space.may_unmap(area)?;
        if replaced > 0 {
            space.unmap(system, platform, area);
        }
        let is_promised = !noreserve && if args.shared { args.file.is_none() } else { args.protection.write };
        if is_promised {
            space.charge(system, pages)?;
        }
        let request = MapRequest {
            at: area.start().addr(),
            bytes: area.bytes(),
            protection: args.protection,
            shared: args.shared,
            source: args.file,
            populate: args.populate,
            locked: args.locked,
            grows_down: args.grows_down,
            noreserve,
        };
        let is_read_only = args.shared && args.file.is_some() && !args.protection.write;
        let extra = if is_read_only { VmFlags::NEVER_WRITABLE } else { VmFlags::empty() };
        self.live_call(platform, pid, mm, |space, system, platform| {
            let result = space.map(system, platform, area, &request, extra);
            if args.shared && args.file.is_none() && is_promised {
                let made = space.vmas().find(area.start()).and_then(|vma| vma.attributes.backing.file());
                system.commit.objects.extend(made.map(|object| (object, pages)));
            }
            result
        })?;
        Ok(request.at)
    }

    /// Maps what the kernel shows to every program: `_install_special_mapping`. `is_pfn_map`: what it shows is no page of
    /// memory.
    ///
    /// # Errors
    /// Linux's.
    pub fn install_special_mapping(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        args: &MmapArgs,
        is_pfn_map: bool,
    ) -> Result<VirtAddr, Errno> {
        let at = self.sys_mmap(platform, pid, args)?;
        let mm = self.caller(pid)?;
        let pages = PageRange::covering(at, args.bytes).ok_or(Errno::Inval)?;
        let (space, _) = self.space_and_system(mm);
        space.vmas.update(pages, |attributes| attributes.flags.set(VmFlags::PFNMAP, is_pfn_map));
        Ok(at)
    }

    /// munmap(2) of `pid`.
    ///
    /// # Errors
    /// Linux's.
    pub fn sys_munmap(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        at: VirtAddr,
        bytes: u64,
    ) -> Result<(), Errno> {
        let mm = self.caller(pid)?;
        let (space, system) = self.space_and_system(mm);
        let pages = pages_of(bytes).ok_or(Errno::Inval)?;
        if !is_aligned(at) || pages == 0 {
            return Err(Errno::Inval);
        }
        let area = space.can_have(at, pages).map_err(|_| Errno::Inval)?;
        space.may_unmap(area)?;
        space.unmap(system, platform, area);
        Ok(())
    }

    /// brk(2) of `pid`: where the break is afterwards. A break that cannot be moved stays where it is.
    ///
    /// # Errors
    /// [`Errno::Srch`] where there is no such process.
    pub fn sys_brk(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        end: VirtAddr,
    ) -> Result<VirtAddr, Errno> {
        let mm = self.caller(pid)?;
        let data_max = self.processes[&pid].credentials.limits.data.soft;
        let (space, system) = self.space_and_system(mm);
        let Some(heap) = space.heap() else { return Ok(VirtAddr(0)) };
        if end < heap.start || end.0 - heap.start.0 > data_max {
            return Ok(heap.end);
        }
        let page_above = |address: VirtAddr| Vpn(address.0.div_ceil(FRAME_BYTES));
        let (before, after) = (page_above(heap.end), page_above(end));
        if after > before {
            let grown = PageRange::new(before, after);
            let pages = grown.pages();
            let fits = after <= space.layout.end()
                && space.may_lock_heap(pages)
                // One page is kept free above the heap.
                && !space.has_area_near(PageRange::new(before, after.up(1)))
                && space.may_grow(Growth { pages, is_data: true })
                && space.has_room_for_area()
                && space.charge(system, pages).is_ok();
            if !fits {
                return Ok(heap.end);
            }
        } else if after < before && space.may_unmap(PageRange::new(after, before)).is_err() {
            return Ok(heap.end);
        }
        self.live_call(platform, pid, mm, |space, system, platform| space.set_break(system, platform, end))?;
        Ok(end)
    }
}
