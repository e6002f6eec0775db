//! System calls of a worker, asked of the kernel.
//!
//! Owns what lies between a worker's words and the kernel's calls: names of files, negative errnos. Does not own what comes
//! out: the kernel's live calls decide it. Where the kernel has no such call yet, the answer is ENOSYS.

use super::image::{Area, AreaKind, Program};
use super::layout::Layout;
use pagewalk_arch::{CpuId, FRAME_BYTES, Platform, VirtAddr};
use pagewalk_kernel::workload::{MapCommand, RangeVerb, RemapCommand, Resource};
use pagewalk_kernel::{Errno, Kernel, MmapArgs, MremapArgs, Rlimit};
use pagewalk_trace::{Event, FileFact, FileId, FileKind, FileSource, Protection, Syscall, SyscallOutcome};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a call returns: a number, or an errno.
pub(super) type Return = Result<u64, i64>;

const ENOENT: i64 = Errno::NoEnt as i64;
const EINVAL: i64 = Errno::Inval as i64;
/// What is not modelled.
pub(super) const ENOSYS: i64 = 38;
/// The largest offset of a file.
const OFFSET_MAX: u64 = i64::MAX as u64;

/// The files that names stand for.
#[derive(Debug, Default)]
pub(super) struct Files {
    by_name: BTreeMap<String, (FileId, u64)>,
    made: u64,
}

/// One who calls: the kernel and the machine, and a process of theirs.
pub(super) struct Caller<'m> {
    pub(super) kernel: &'m mut Kernel,
    pub(super) platform: &'m mut dyn Platform,
    pub(super) files: &'m mut Files,
    pub(super) layout: Layout,
    pub(super) pid: u32,
}

fn number(errno: Errno) -> i64 {
    i64::from(errno.number())
}

impl Caller<'_> {
    fn tell(&mut self, file: FileId, name: &str, bytes: u64) {
        let kind = if name.starts_with("tmp/") { FileKind::Memory } else { FileKind::Regular };
        let shown = if name.starts_with('[') { name.to_owned() } else { format!("/{name}") };
        let fact = FileFact { file, kind, bytes: Some(bytes), name: Arc::from(shown), line: 0 };
        let event = Event::File(fact);
        self.kernel.on_event(self.platform, CpuId::BOOT, &event).expect("a fact names no address");
    }

    /// The file `name`, made where it is not there, at least `bytes` long.
    fn grown(&mut self, name: &str, bytes: u64) -> FileId {
        let made = &mut self.files.made;
        let (file, before) = *self.files.by_name.entry(name.to_owned()).or_insert_with(|| {
            *made += 1;
            (FileId(*made), 0)
        });
        let bytes = bytes.max(before);
        self.files.by_name.insert(name.to_owned(), (file, bytes));
        self.tell(file, name, bytes);
        file
    }

    /// Maps an area of a program's image.
    pub(super) fn map_area(&mut self, program: &Program, area: &Area) -> Return {
        let file = match area.kind {
            AreaKind::File => {
                let offset = area.offset.map_or(0, |offset| offset.0);
                Some(FileSource { file: self.grown(&program.path, program.bytes.0), offset })
            }
            AreaKind::Vvar => Some(FileSource { file: self.grown("[vvar]", 4 * FRAME_BYTES), offset: 0 }),
            AreaKind::Vdso => Some(FileSource { file: self.grown("[vdso]", 2 * FRAME_BYTES), offset: 0 }),
            AreaKind::Bss | AreaKind::Stack => None,
        };
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
        let _ = self.kernel.on_event(self.platform, CpuId::BOOT, &event);
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
                let &(file, _) = self.files.by_name.get(name).ok_or(ENOENT)?;
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
            RangeVerb::Sync => kernel.sys_msync(pid, at, bytes, false).and_then(|sync| sync.result),
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

    /// Runs on `cpu` from now on.
    pub(super) fn run_on(&mut self, cpu: CpuId) {
        if self.kernel.running(cpu) != Some(self.pid) {
            let event = Event::Switch { pid: self.pid, line: 0 };
            self.kernel.on_event(self.platform, cpu, &event).expect("a switch names no address");
        }
    }

    /// Writes to a file: how long it is afterwards, and no more.
    pub(super) fn file_write(&mut self, name: &str, offset: u64, bytes: u64) -> Return {
        let end = offset.checked_add(bytes).filter(|&end| end <= OFFSET_MAX).ok_or(EINVAL)?;
        self.grown(name, end);
        Ok(bytes)
    }

    pub(super) fn file_read(&self, name: &str, offset: u64, bytes: u64) -> Return {
        let &(_, size) = self.files.by_name.get(name).ok_or(ENOENT)?;
        Ok(bytes.min(size.saturating_sub(offset)))
    }

    pub(super) fn truncate(&mut self, name: &str, bytes: u64) -> Return {
        let file = self.grown(name, 0);
        self.files.by_name.insert(name.to_owned(), (file, bytes));
        self.tell(file, name, bytes);
        Ok(0)
    }

    pub(super) fn unlink(&mut self, name: &str) -> Return {
        self.files.by_name.remove(name).map(|_| 0).ok_or(ENOENT)
    }
}
