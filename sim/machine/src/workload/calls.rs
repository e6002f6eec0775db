//! System calls of a worker, asked of the kernel.
//!
//! Owns what lies between a worker's words and the kernel's calls: negative errnos, pieces of files. Does not own what comes
//! out: the kernel's live calls decide it. Where the kernel has no such call yet, the answer is ENOSYS.

use super::EINVAL;
use super::image::{Area, AreaKind};
use super::layout::Layout;
use super::progress::WorkloadProgress;
use super::worker::byte_for;
use crate::run::View;
use pagewalk_arch::{CpuId, Platform, VirtAddr};
use pagewalk_kernel::workload::{FileSpan, MapCommand, RangeVerb, RemapCommand, Resource};
use pagewalk_kernel::{
    AccessPattern, Errno, FileRange, Kernel, MmapArgs, MremapArgs, OpenFile as Opening, Rlimit,
};
use pagewalk_trace::{Event, FileSource, Protection, Syscall, SyscallOutcome};

/// What a call returns: a number, or an errno.
pub(super) type Return = Result<u64, i64>;

/// What is not modelled.
pub(super) const ENOSYS: i64 = 38;
/// Files that the kernel shows to every program.
pub(super) const VVAR: &str = "[vvar]";
pub(super) const VDSO: &str = "[vdso]";
/// The largest offset of a file.
const OFFSET_MAX: u64 = i64::MAX as u64;

/// One who calls: the kernel and the machine, and a process of theirs.
pub(super) struct Caller<'m> {
    pub(super) kernel: &'m mut Kernel,
    pub(super) platform: &'m mut dyn Platform,
    pub(super) layout: Layout,
    /// Where it runs.
    pub(super) cpu: CpuId,
    pub(super) pid: u32,
    /// Accesses so far, and who watches.
    pub(super) accesses: u64,
    pub(super) progress: &'m mut dyn WorkloadProgress,
}

fn number(errno: Errno) -> i64 {
    i64::from(errno.number())
}

impl Caller<'_> {
    /// Maps an area of the image of a program whose file is `path`.
    pub(super) fn map_area(&mut self, path: &str, area: &Area) -> Return {
        let name = match area.kind {
            AreaKind::File => Some(path),
            AreaKind::Vvar => Some(VVAR),
            AreaKind::Vdso => Some(VDSO),
            AreaKind::Bss | AreaKind::Stack => None,
        };
        let offset = area.offset.map_or(0, |offset| offset.0);
        let file = name.map(|name| FileSource { file: self.kernel.file_named(name), offset });
        let args = MmapArgs {
            at: Some(VirtAddr(self.layout.address(area.at))),
            bytes: area.length.0,
            protection: area.rights.0,
            file,
            grows_down: area.kind == AreaKind::Stack,
            ..MmapArgs::default()
        };
        let is_pfn_map = area.kind == AreaKind::Vvar;
        let placed = self.kernel.install_special_mapping(self.platform, self.pid, &args, is_pfn_map);
        placed.map(|at| at.0).map_err(number)
    }

    /// Says where the heap begins.
    pub(super) fn begin_heap(&mut self, at: u64) {
        let call = Syscall::Brk { end: VirtAddr(at) };
        let event = Event::Syscall { pid: self.pid, call, outcome: SyscallOutcome::Success, line: 0 };
        // An address that no program can have: there is no heap, and brk(2) returns 0.
        let _ = self.kernel.on_event(self.platform, self.cpu, &event);
    }

    fn mmap(&mut self, args: &MmapArgs) -> Return {
        let placed = self.kernel.sys_mmap(self.platform, self.pid, args);
        placed.map(|at| at.0).map_err(number)
    }

    /// mmap(2): the address.
    pub(super) fn map(&mut self, map: &MapCommand) -> Return {
        let file = match &map.file {
            None => None,
            Some(name) => {
                let file = self.kernel.file_existing(name).map_err(number)?;
                Some(FileSource { file, offset: map.offset })
            }
        };
        let mut at = map.at.map(VirtAddr);
        if let Some(align) = map.align {
            // A hole that is large enough is mapped and given back, and the aligned place in it taken.
            let bytes = map.bytes.wrapping_add(align);
            let hole = self.mmap(&MmapArgs { bytes, noreserve: true, ..MmapArgs::default() })?;
            let _ = self.kernel.sys_munmap(self.platform, self.pid, VirtAddr(hole), bytes);
            at = Some(VirtAddr(hole.next_multiple_of(align)));
        }
        self.mmap(&MmapArgs {
            at,
            bytes: map.bytes,
            protection: map.protection,
            shared: map.shared,
            file,
            populate: map.populate,
            locked: map.locked,
            noreserve: map.noreserve,
            grows_down: map.grows_down,
            hugetlb: map.hugetlb,
        })
    }

    /// A call on a range of addresses.
    pub(super) fn on_range(&mut self, verb: RangeVerb, at: u64, bytes: u64) -> Return {
        let (kernel, platform, pid, at) = (&mut *self.kernel, &mut *self.platform, self.pid, VirtAddr(at));
        let result = match verb {
            RangeVerb::Unmap => kernel.sys_munmap(platform, pid, at, bytes),
            RangeVerb::Protect(protection) => kernel.sys_mprotect(platform, pid, at, bytes, protection),
            RangeVerb::Advise(advice) => kernel.sys_madvise(platform, pid, at, bytes, advice.number()),
            RangeVerb::Lock => kernel.sys_mlock(platform, pid, at, bytes, false),
            RangeVerb::LockOnFault => kernel.sys_mlock(platform, pid, at, bytes, true),
            RangeVerb::Unlock => kernel.sys_munlock(platform, pid, at, bytes),
            RangeVerb::Sync => kernel.msync(platform, pid, at, bytes, false),
        };
        result.map(|()| 0).map_err(number)
    }

    /// mprotect(2).
    pub(super) fn protect(&mut self, at: u64, bytes: u64, protection: Protection) -> Return {
        self.on_range(RangeVerb::Protect(protection), at, bytes)
    }

    /// mremap(2) of `from_bytes` from `from` on: the new address.
    pub(super) fn remap(&mut self, from: u64, from_bytes: u64, remap: &RemapCommand) -> Return {
        let args = MremapArgs {
            from: VirtAddr(from),
            from_bytes,
            to_bytes: remap.bytes,
            to: remap.to.map(VirtAddr),
            may_move: remap.may_move,
            dont_unmap: remap.dont_unmap,
        };
        let placed = self.kernel.sys_mremap(self.platform, self.pid, &args);
        placed.map(|at| at.0).map_err(number)
    }

    /// brk(2): where the break is then.
    pub(super) fn set_break(&mut self, end: u64) -> u64 {
        let reached = self.kernel.sys_brk(self.platform, self.pid, VirtAddr(end));
        reached.map_or(0, |end| end.0)
    }

    /// fork(2).
    pub(super) fn fork(&mut self, child: u32) -> Return {
        self.kernel.sys_fork(self.platform, self.pid, child).map(|()| 0).map_err(number)
    }

    /// setrlimit(2), of both limits.
    pub(super) fn limit(&mut self, resource: Resource, bytes: u64) -> Return {
        let resource = match resource {
            Resource::AddressSpace => pagewalk_kernel::Resource::AddressSpace,
            Resource::Locked => pagewalk_kernel::Resource::MemLock,
            Resource::Stack => pagewalk_kernel::Resource::Stack,
            Resource::Data => pagewalk_kernel::Resource::Data,
        };
        let limit = Rlimit { soft: bytes, hard: bytes };
        self.kernel.sys_setrlimit(self.pid, resource, limit).map(|()| 0).map_err(number)
    }

    /// setuid(2).
    pub(super) fn set_user(&mut self, uid: u32) -> Return {
        self.kernel.sys_setuid(self.pid, uid).map(|()| 0).map_err(number)
    }

    /// `/proc/self/oom_score_adj`.
    pub(super) fn set_oom_score_adj(&mut self, adjustment: i32) -> Return {
        self.kernel.set_oom_score_adj(self.pid, adjustment.into()).map(|()| 0).map_err(number)
    }

    /// Runs on its CPU from now on.
    pub(super) fn run(&mut self) {
        let cpu = self.cpu;
        if self.kernel.running(cpu) != Some(self.pid) {
            let event = Event::Switch { pid: self.pid, line: 0 };
            self.kernel.on_event(self.platform, cpu, &event).expect("a switch names no address");
        }
    }

    /// write(2) of `span`, piece by piece: bytes written.
    pub(super) fn file_write(&mut self, span: &FileSpan) -> Return {
        let mut open = Opening::new(self.kernel.file_named(&span.file));
        self.pieces(span, &mut |caller, range| {
            let (kernel, platform) = (&mut *caller.kernel, &mut *caller.platform);
            kernel.file_write(platform, caller.pid, &mut open, range, &byte_for)
        })
    }

    /// read(2) of `span`, piece by piece: bytes read.
    pub(super) fn file_read(&mut self, span: &FileSpan, random: bool) -> Return {
        let mut open = Opening::new(self.kernel.file_existing(&span.file).map_err(number)?);
        if random {
            open.advise(AccessPattern::Random);
        }
        self.pieces(span, &mut |caller, range| {
            let (kernel, platform) = (&mut *caller.kernel, &mut *caller.platform);
            kernel.file_read(platform, caller.pid, &mut open, range)
        })
    }

    fn pieces(
        &mut self,
        span: &FileSpan,
        piece: &mut dyn FnMut(&mut Self, FileRange) -> Result<u64, Errno>,
    ) -> Return {
        if span.offset.checked_add(span.bytes).is_none_or(|end| end > OFFSET_MAX) {
            return Err(EINVAL);
        }
        let mut done = 0;
        while done < span.bytes {
            let range = FileRange { offset: span.offset + done, bytes: span.chunk.min(span.bytes - done) };
            match piece(self, range).map_err(number)? {
                0 => break,
                bytes => done += bytes,
            }
            let view = View { kernel: &*self.kernel, platform: &*self.platform, accesses: self.accesses };
            if !self.progress.look(&view) {
                break;
            }
        }
        Ok(done)
    }

    /// ftruncate(2).
    pub(super) fn truncate(&mut self, name: &str, bytes: u64) -> Return {
        if bytes > OFFSET_MAX {
            return Err(EINVAL);
        }
        let file = self.kernel.file_named(name);
        self.kernel.ftruncate(self.platform, file, bytes);
        Ok(0)
    }

    /// fsync(2).
    pub(super) fn sync_file(&mut self, name: &str) -> Return {
        let file = self.kernel.file_named(name);
        self.kernel.fsync(self.platform, file);
        Ok(0)
    }

    /// posix_fadvise(POSIX_FADV_DONTNEED) of a whole file.
    pub(super) fn file_not_needed(&mut self, name: &str) -> Return {
        let file = self.kernel.file_named(name);
        self.kernel.fadvise_dont_need(self.platform, file, FileRange { offset: 0, bytes: 0 });
        Ok(0)
    }

    /// unlink(2).
    pub(super) fn unlink(&mut self, name: &str) -> Return {
        self.kernel.funlink(name).map(|()| 0).map_err(number)
    }

    /// Makes or removes many empty files.
    pub(super) fn many_files(&mut self, prefix: &str, count: u64, remove: bool) -> Return {
        if remove {
            self.kernel.remove_many_files(prefix, count).map_err(number)?;
        } else {
            self.kernel.create_many_files(prefix, count);
        }
        Ok(count)
    }
}
