//! System calls of a worker, asked of the kernel.
//!
//! Owns what lies between a worker's words and the kernel's calls: names of files, negative errnos. Does not own what comes
//! out: the kernel's live calls decide it. Where the kernel has no such call yet, the answer is ENOSYS.

use super::image::{Area, AreaKind};
use super::layout::Layout;
use pagewalk_arch::{CpuId, FRAME_BYTES, Platform, VirtAddr};
use pagewalk_kernel::workload::{FileSpan, MapCommand, RangeVerb, RemapCommand, Resource};
use pagewalk_kernel::{AccessPattern, Errno, FileRange, Kernel, MmapArgs, MremapArgs, OpenFile, Rlimit};
use pagewalk_trace::{Event, FileId, FileSource, Protection, Syscall, SyscallOutcome};

/// What a call returns: a number, or an errno.
pub(super) type Return = Result<u64, i64>;

const EINVAL: i64 = Errno::Inval as i64;
/// What is not modelled.
pub(super) const ENOSYS: i64 = 38;
/// The most that one call reads or writes: the worker's buffer.
const CHUNK_MAX: u64 = 64 << 10;
/// What the machine copies at once.
const COPY_BYTES: u64 = 64 << 10;
/// BINPRM_BUF_SIZE.
const HEAD_BYTES: u64 = 256;
/// The largest offset of a file.
const OFFSET_MAX: u64 = i64::MAX as u64;

/// One who calls: the kernel and the machine, and a process of theirs.
pub(super) struct Caller<'m> {
    pub(super) kernel: &'m mut Kernel,
    pub(super) platform: &'m mut dyn Platform,
    pub(super) layout: Layout,
    pub(super) pid: u32,
}

fn number(errno: Errno) -> i64 {
    i64::from(errno.number())
}

impl Caller<'_> {
    /// The file `name`, which is `bytes` long where it is new.
    pub(super) fn installed(&mut self, name: &str, bytes: u64) -> FileId {
        if let Ok(file) = self.kernel.file_existing(name) {
            return file;
        }
        let mut open = OpenFile::new(self.kernel.file_named(name));
        let range = FileRange { offset: 0, bytes };
        // What does not fit into memory is missing from the file.
        let _ = self.kernel.file_write(self.platform, self.pid, &mut open, range, &|_| 0);
        open.file()
    }

    /// Maps an area of the image of the program in `file`.
    pub(super) fn map_area(&mut self, file: FileId, area: &Area) -> Return {
        let file = match area.kind {
            AreaKind::File => {
                let offset = area.offset.map_or(0, |offset| offset.0);
                Some(FileSource { file, offset })
            }
            AreaKind::Vvar => Some(FileSource { file: self.installed("[vvar]", 4 * FRAME_BYTES), offset: 0 }),
            AreaKind::Vdso => Some(FileSource { file: self.installed("[vdso]", 2 * FRAME_BYTES), offset: 0 }),
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

    /// Runs on `cpu` from now on.
    pub(super) fn run_on(&mut self, cpu: CpuId) {
        if self.kernel.running(cpu) != Some(self.pid) {
            let event = Event::Switch { pid: self.pid, line: 0 };
            self.kernel.on_event(self.platform, cpu, &event).expect("a switch names no address");
        }
    }

    /// Opens `span`'s file and writes it piece by piece. `byte_at` tells what begins a page, by its offset in the file.
    pub(super) fn file_write(&mut self, span: &FileSpan, sync: bool, byte_at: &dyn Fn(u64) -> u8) -> Return {
        let mut open = OpenFile::new(self.kernel.file_named(&span.file));
        let written =
            pieces(span, |range| self.kernel.file_write(self.platform, self.pid, &mut open, range, byte_at));
        if sync {
            self.kernel.fsync(self.platform, open.file());
        }
        written
    }

    /// Opens `span`'s file and reads it piece by piece, from any place at any time if `random`.
    pub(super) fn file_read(&mut self, span: &FileSpan, random: bool) -> Return {
        let mut open = OpenFile::new(self.kernel.file_existing(&span.file).map_err(number)?);
        if random {
            open.advise(AccessPattern::Random);
        }
        pieces(span, |range| self.kernel.file_read(self.platform, self.pid, &mut open, range))
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
    pub(super) fn file_sync(&mut self, name: &str) -> Return {
        let file = self.kernel.file_named(name);
        self.kernel.fsync(self.platform, file);
        Ok(0)
    }

    /// posix_fadvise(2), of the whole file.
    pub(super) fn file_dont_need(&mut self, name: &str) -> Return {
        let file = self.kernel.file_named(name);
        let whole = FileRange { offset: 0, bytes: 0 };
        self.kernel.fadvise_dont_need(self.platform, file, whole);
        Ok(0)
    }

    /// Makes or removes files by the thousand.
    pub(super) fn many_files(&mut self, prefix: &str, count: u64, remove: bool) -> Return {
        if remove {
            self.kernel.remove_many_files(prefix, count).map_err(number)?;
        } else {
            self.kernel.create_many_files(prefix, count);
        }
        Ok(count)
    }

    /// Copies a file.
    pub(super) fn copy(&mut self, from: &str, to: &str) -> Return {
        let file = self.kernel.file_existing(from).map_err(number)?;
        let span = |name: &str| FileSpan {
            file: name.to_owned(),
            bytes: self.kernel.file_bytes(file).unwrap_or(0),
            offset: 0,
            chunk: COPY_BYTES,
        };
        let (source, target) = (span(from), span(to));
        self.file_read(&source, false)?;
        self.file_write(&target, false, &|_| 0)
    }

    /// unlink(2).
    pub(super) fn unlink(&mut self, name: &str) -> Return {
        self.kernel.funlink(name).map(|()| 0).map_err(number)
    }

    /// What execve(2) reads of a program before it maps it.
    pub(super) fn read_head(&mut self, file: FileId) {
        let head = FileRange { offset: 0, bytes: HEAD_BYTES };
        // Who is killed meanwhile is noticed afterwards.
        let _ = self.kernel.file_read(self.platform, self.pid, &mut OpenFile::new(file), head);
    }
}

/// Carries `call` out on `span` piece by piece, up to the first that comes to less: bytes in all.
fn pieces(span: &FileSpan, mut call: impl FnMut(FileRange) -> Result<u64, Errno>) -> Return {
    let end = span.offset.checked_add(span.bytes).filter(|&end| end <= OFFSET_MAX).ok_or(EINVAL)?;
    let mut done = 0;
    while done < span.bytes {
        let offset = span.offset + done;
        let bytes = span.chunk.clamp(1, CHUNK_MAX).min(end - offset);
        match call(FileRange { offset, bytes }) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(errno) => return Err(number(errno)),
        }
    }
    Ok(done)
}
