//! Live system calls: what a program asks when no trace says what came out. The address, the error and what is left
//! behind are the model's, decided as Linux 6.1 decides them.
//!
//! Owns the arguments, their checks in Linux's order, the limits, and what the machine has promised. Does not own what
//! calls do to areas and page tables: the verbs of [`crate::AddressSpace`] do that, for live calls and recorded ones
//! alike. A space whose process makes live calls has [`Limits`], and the verbs heed them.

mod life;
mod mmap;
mod mremap;
mod range;

pub use mmap::MmapArgs;
pub use mremap::MremapArgs;
pub use range::Msync;

use crate::commit;
use crate::credentials::Limits;
use crate::errno::{CallStop, Errno};
use crate::kernel::Kernel;
use crate::space::AddressSpace;
use crate::system::System;
use crate::{MmId, PageRange, SysctlEffect, VmSysctl, VmSysctlError, Vpn};
use pagewalk_arch::{FRAME_BYTES, FRAME_SHIFT, Platform, VirtAddr};
use pagewalk_trace::FileId;

/// `PAGE_ALIGN(bytes)`, in pages. `None` where that is beyond the last address.
fn pages_of(bytes: u64) -> Option<u64> {
    Some(bytes.checked_add(FRAME_BYTES - 1)? >> FRAME_SHIFT)
}

fn is_aligned(at: VirtAddr) -> bool {
    at.0.is_multiple_of(FRAME_BYTES)
}

/// The pages from `at` on, which is aligned; `None` where their end wraps round.
fn range(at: VirtAddr, pages: u64) -> Option<PageRange> {
    let end = (at.0 >> FRAME_SHIFT).checked_add(pages).filter(|&end| end <= u64::MAX >> FRAME_SHIFT)?;
    Some(PageRange::new(Vpn::of(at), Vpn(end)))
}

impl Kernel {
    /// Writes `value` to a knob of `/proc/sys/vm`. What is to follow that this room does not do itself, is returned.
    ///
    /// # Errors
    /// No such knob, or a value that Linux refuses; nothing has changed then.
    pub fn sysctl(&mut self, name: &str, value: &str) -> Result<SysctlEffect, VmSysctlError> {
        let effect = self.system.sysctl.write(name, value)?;
        if effect == SysctlEffect::OvercommitPolicy {
            self.recount_promises();
            self.system.commit.policy_changed();
        }
        if matches!(effect, SysctlEffect::Watermarks | SysctlEffect::PerCpuLists) {
            self.system.watermarks_changed();
        }
        Ok(effect)
    }

    /// The knobs of `/proc/sys/vm`.
    pub fn sysctls(&self) -> &VmSysctl {
        &self.system.sysctl
    }

    /// Committed_AS, in pages.
    pub fn committed_pages(&self) -> u64 {
        let commit = &self.system.commit;
        let areas: u64 = self.spaces.values().map(|space| space.vmas().counts().accounted).sum();
        let is_there = |&(&file, _): &(&FileId, &u64)| self.system.cache.exists(file);
        let shared: u64 = commit.objects.iter().filter(is_there).map(|(_, pages)| pages).sum();
        areas + shared + self.system.cache.shmem_pages_beside(&commit.objects) + commit.beside
    }

    /// CommitLimit, in pages.
    pub fn commit_limit_pages(&self) -> u64 {
        commit::limit(&self.system.sysctl, &self.system.commit_machine())
    }

    /// What processes that are not modelled have been promised, in pages.
    pub fn set_committed_beside(&mut self, pages: u64) {
        self.system.commit.beside = pages;
    }

    /// Takes the sum of all promises anew: of areas, of shared objects that still exist, of all else.
    pub(crate) fn recount_promises(&mut self) {
        let sum = self.committed_pages();
        let system = &mut self.system;
        let objects = &system.cache;
        system.commit.objects.retain(|&file, _| objects.exists(file));
        let machine = system.commit_machine();
        system.commit.count(sum, &system.sysctl, &machine);
    }

    /// The address space in which `pid` makes a call, with its limits as they are now.
    fn caller(&mut self, pid: u32) -> Result<MmId, Errno> {
        let process = self.processes.get(&pid).ok_or(Errno::Srch)?;
        let (mm, credentials) = (process.mm, process.credentials);
        if let Some(&cpu) = self.system.cpus_running(pid).first() {
            self.system.set_cpu(cpu);
        }
        let areas_max = usize::try_from(self.system.sysctl.max_map_count).unwrap_or(usize::MAX);
        let space = self.spaces.get_mut(&mm).expect("a process has an address space");
        space.limits = Some(Limits::new(&credentials, areas_max));
        self.system.stats.syscalls += 1;
        self.recount_promises();
        Ok(mm)
    }

    fn space_and_system(&mut self, mm: MmId) -> (&mut AddressSpace, &mut System) {
        let space = self.spaces.get_mut(&mm).expect("a process has an address space");
        (space, &mut self.system)
    }

    /// Carries `verb` out in the address space `mm` of `pid`. Faults that it takes are the caller's own; memory that runs
    /// out in the middle of it ends a process.
    fn live_call(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        mm: MmId,
        mut verb: impl FnMut(&mut AddressSpace, &mut System, &mut dyn Platform) -> Result<(), CallStop>,
    ) -> Result<(), Errno> {
        let mut carry_out = |kernel: &mut Self, platform: &mut dyn Platform| {
            let (space, system) = kernel.space_and_system(mm);
            verb(space, system, platform)
        };
        let result = self.accounted(pid, |kernel| {
            let result = carry_out(kernel, platform);
            kernel.conclude(platform, pid, result, carry_out)
        });
        self.control_load(platform, pid);
        match result {
            Ok(()) | Err(CallStop::Interrupted) => Ok(()),
            Err(CallStop::Errno(errno)) => Err(errno),
            Err(CallStop::OutOfMemory) => Err(Errno::NoMem),
        }
    }
}
