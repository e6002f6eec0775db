//! System calls of a worker, asked of the kernel: addresses chosen, errors told as numbers.
//!
//! Owns what lies between a worker's words and the kernel's calls: names of files, negative errnos. Where the kernel has no
//! such call yet, the answer is ENOSYS.

use super::image::{Area, Program};
use super::layout::Layout;
use pagewalk_arch::{CpuId, FRAME_BYTES, Platform, VirtAddr};
use pagewalk_kernel::workload::{MapCommand, RemapCommand};
use pagewalk_kernel::{Errno, Kernel, PageRange, Vpn};
use pagewalk_trace::{
    CloneKind, Event, FileFact, FileId, FileKind, FileSource, MapRequest, Protection, RemapFlags, Syscall,
    SyscallOutcome,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a call returns: a number, or an errno.
pub(super) type Return = Result<u64, i64>;

const ENOENT: i64 = 2;
const ENOMEM: i64 = Errno::NoMem as i64;
const EINVAL: i64 = Errno::Inval as i64;
/// What is not modelled.
pub(super) const ENOSYS: i64 = 38;
/// The largest offset of a file.
const OFFSET_MAX: u64 = i64::MAX as u64;

/// The files that names stand for.
#[derive(Debug, Default)]
pub(super) struct Calls {
    files: BTreeMap<String, (FileId, u64)>,
    files_made: u64,
}

type Machine<'m> = (&'m mut Kernel, &'m mut dyn Platform);

impl Calls {
    fn call(&self, kernel: &mut Kernel, platform: &mut dyn Platform, pid: u32, call: Syscall) -> Return {
        let event = Event::Syscall { pid, call, outcome: SyscallOutcome::Success, line: 0 };
        match kernel.on_event(platform, CpuId::BOOT, &event) {
            Ok(()) => kernel.verdict().map(|()| 0).map_err(|errno| errno as i64),
            Err(_) => Err(ENOMEM),
        }
    }

    fn tell(&mut self, (kernel, platform): Machine<'_>, file: FileId, name: &str, bytes: u64) {
        let kind = if name.starts_with("tmp/") { FileKind::Memory } else { FileKind::Regular };
        let shown = if name.starts_with('[') { name.to_owned() } else { format!("/{name}") };
        let fact = FileFact { file, kind, bytes: Some(bytes), name: Arc::from(shown), line: 0 };
        kernel.on_event(platform, CpuId::BOOT, &Event::File(fact)).expect("a fact names no address");
    }

    /// The file `name`, made where it is not there, at least `bytes` long.
    fn grown(&mut self, machine: Machine<'_>, name: &str, bytes: u64) -> FileId {
        let files_made = &mut self.files_made;
        let (file, before) = *self.files.entry(name.to_owned()).or_insert_with(|| {
            *files_made += 1;
            (FileId(*files_made), 0)
        });
        let bytes = bytes.max(before);
        self.files.insert(name.to_owned(), (file, bytes));
        self.tell(machine, file, name, bytes);
        file
    }

    pub(super) fn program_file(
        &mut self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        program: &Program,
    ) -> FileId {
        self.grown((kernel, platform), &program.path, program.bytes.0)
    }

    pub(super) fn special_file(
        &mut self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        name: &str,
    ) -> FileId {
        self.grown((kernel, platform), name, 4 * FRAME_BYTES)
    }

    /// Maps an area of a program's image.
    #[allow(clippy::too_many_arguments, reason = "one call for each area of an image")]
    pub(super) fn map_at(
        &mut self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        pid: u32,
        at: u64,
        area: &Area,
        source: Option<(FileId, u64)>,
        grows_down: bool,
    ) {
        let request = MapRequest {
            at: VirtAddr(at),
            bytes: area.length.0,
            protection: area.rights.0,
            source: source.map(|(file, offset)| FileSource { file, offset }),
            grows_down,
            ..MapRequest::default()
        };
        let _ = self.call(kernel, platform, pid, Syscall::Map(request));
    }

    /// mmap(2): the address.
    pub(super) fn map(
        &mut self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        pid: u32,
        layout: &Layout,
        map: &MapCommand,
    ) -> Return {
        let source = match &map.file {
            None => None,
            Some(name) => {
                let &(file, _) = self.files.get(name).ok_or(ENOENT)?;
                Some(FileSource { file, offset: map.offset })
            }
        };
        if map.hugetlb {
            return Err(ENOSYS);
        }
        if map.bytes == 0 || !map.offset.is_multiple_of(FRAME_BYTES) {
            return Err(EINVAL);
        }
        let bytes = map.bytes.checked_next_multiple_of(FRAME_BYTES).ok_or(ENOMEM)?;
        let end = layout.top + FRAME_BYTES;
        let at = match (map.at, map.align) {
            (_, Some(align)) => {
                // As the agent does it: a hole that is large enough, and the aligned place in it.
                let hole = free_place(kernel, pid, layout, bytes.checked_add(align).ok_or(ENOMEM)?)?;
                hole.next_multiple_of(align)
            }
            (Some(at), None) if !at.is_multiple_of(FRAME_BYTES) => return Err(EINVAL),
            (Some(at), None) if at.checked_add(bytes).is_none_or(|last| last > end) => return Err(ENOMEM),
            (Some(at), None) => at,
            (None, None) => free_place(kernel, pid, layout, bytes)?,
        };
        let request = MapRequest {
            at: VirtAddr(at),
            bytes: map.bytes,
            protection: map.protection,
            shared: map.shared,
            source,
            populate: map.populate,
            locked: map.locked,
            grows_down: map.grows_down,
            noreserve: map.noreserve,
        };
        self.call(kernel, platform, pid, Syscall::Map(request)).map(|_| at)
    }

    pub(super) fn unmap(
        &self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        pid: u32,
        at: u64,
        bytes: u64,
    ) -> Return {
        if bytes == 0 || !at.is_multiple_of(FRAME_BYTES) {
            return Err(EINVAL);
        }
        self.call(kernel, platform, pid, Syscall::Unmap { at: VirtAddr(at), bytes })
    }

    pub(super) fn protect(
        &self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        pid: u32,
        at: u64,
        bytes: u64,
        protection: Protection,
    ) -> Return {
        if !at.is_multiple_of(FRAME_BYTES) {
            return Err(EINVAL);
        }
        if bytes == 0 {
            return Ok(0);
        }
        self.call(kernel, platform, pid, Syscall::Protect { at: VirtAddr(at), bytes, protection })
    }

    pub(super) fn advise(
        &self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        pid: u32,
        at: u64,
        bytes: u64,
        advice: i32,
    ) -> Return {
        if !at.is_multiple_of(FRAME_BYTES) {
            return Err(EINVAL);
        }
        if bytes == 0 {
            return Ok(0);
        }
        self.call(kernel, platform, pid, Syscall::Advise { at: VirtAddr(at), bytes, advice })
    }

    pub(super) fn lock(
        &self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        pid: u32,
        at: u64,
        bytes: u64,
        on_fault: bool,
    ) -> Return {
        self.call(kernel, platform, pid, Syscall::Lock { at: VirtAddr(at), bytes, on_fault })
    }

    pub(super) fn unlock(
        &self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        pid: u32,
        at: u64,
        bytes: u64,
    ) -> Return {
        self.call(kernel, platform, pid, Syscall::Unlock { at: VirtAddr(at), bytes })
    }

    /// mremap(2): the new address.
    pub(super) fn remap(
        &self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        pid: u32,
        layout: &Layout,
        (at, old_bytes): (u64, u64),
        remap: &RemapCommand,
    ) -> Return {
        let page_up = |bytes: u64| bytes.checked_next_multiple_of(FRAME_BYTES).ok_or(ENOMEM);
        let (old, new) = (page_up(old_bytes)?, page_up(remap.bytes)?);
        if !at.is_multiple_of(FRAME_BYTES) || new == 0 {
            return Err(EINVAL);
        }
        let range = |at: u64, bytes| PageRange::covering(VirtAddr(at), bytes).ok_or(EINVAL);
        let space = kernel.address_space(pid).ok_or(EINVAL)?;
        let to = match remap.to {
            Some(to) if !to.is_multiple_of(FRAME_BYTES) => return Err(EINVAL),
            Some(to) if to < at + old && at < to + new => return Err(EINVAL),
            Some(to) => to,
            None if new <= old => at,
            None => {
                let above = range(at + old, new - old)?;
                let fits = above.end().addr().0 <= layout.top + FRAME_BYTES
                    && space.vmas().overlapping(above).next().is_none();
                match (fits && !remap.dont_unmap, remap.may_move) {
                    (true, _) => at,
                    (false, false) => return Err(ENOMEM),
                    (false, true) => free_place(kernel, pid, layout, new)?,
                }
            }
        };
        let flags =
            RemapFlags { may_move: remap.may_move, fixed: remap.to.is_some(), dont_unmap: remap.dont_unmap };
        let (from, to_at) = (VirtAddr(at), VirtAddr(to));
        let call = Syscall::Remap { from, from_bytes: old, to: to_at, to_bytes: new, flags };
        self.call(kernel, platform, pid, call).map(|_| to)
    }

    /// brk(2), as it succeeded.
    pub(super) fn set_break(&self, kernel: &mut Kernel, platform: &mut dyn Platform, pid: u32, end: u64) {
        let _ = self.call(kernel, platform, pid, Syscall::Brk { end: VirtAddr(end) });
    }

    /// fork(2).
    pub(super) fn fork(
        &self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        pid: u32,
        child: u32,
    ) -> Return {
        self.call(kernel, platform, pid, Syscall::Clone { child, kind: CloneKind::Process })
    }

    /// execve(2), up to the empty address space.
    pub(super) fn exec(&self, kernel: &mut Kernel, platform: &mut dyn Platform, pid: u32, path: &str) {
        let _ = self.call(kernel, platform, pid, Syscall::Exec { path: Arc::from(path) });
    }

    /// exit_group(2).
    pub(super) fn exit(&self, kernel: &mut Kernel, platform: &mut dyn Platform, pid: u32, status: i32) {
        let _ = self.call(kernel, platform, pid, Syscall::ExitGroup { status });
    }

    /// SIGKILL.
    pub(super) fn kill(&self, kernel: &mut Kernel, platform: &mut dyn Platform, pid: u32) {
        let event = Event::Signal { pid, signal: 9, fatal: true, line: 0 };
        kernel.on_event(platform, CpuId::BOOT, &event).expect("a signal names no address");
    }

    /// `pid` runs on `cpu` from now on.
    pub(super) fn switch(&self, kernel: &mut Kernel, platform: &mut dyn Platform, cpu: CpuId, pid: u32) {
        if kernel.running(cpu) != Some(pid) {
            let event = Event::Switch { pid, line: 0 };
            kernel.on_event(platform, cpu, &event).expect("a switch names no address");
        }
    }

    /// Writes to a file: how long it is afterwards, and no more.
    pub(super) fn file_write(
        &mut self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        name: &str,
        offset: u64,
        bytes: u64,
    ) -> Return {
        let end = offset.checked_add(bytes).filter(|&end| end <= OFFSET_MAX).ok_or(EINVAL)?;
        self.grown((kernel, platform), name, end);
        Ok(bytes)
    }

    pub(super) fn file_read(&self, name: &str, offset: u64, bytes: u64) -> Return {
        let &(_, size) = self.files.get(name).ok_or(ENOENT)?;
        Ok(bytes.min(size.saturating_sub(offset)))
    }

    pub(super) fn truncate(
        &mut self,
        kernel: &mut Kernel,
        platform: &mut dyn Platform,
        name: &str,
        bytes: u64,
    ) -> Return {
        let file = self.grown((kernel, platform), name, 0);
        self.files.insert(name.to_owned(), (file, bytes));
        self.tell((kernel, platform), file, name, bytes);
        Ok(0)
    }

    pub(super) fn unlink(&mut self, name: &str) -> Return {
        self.files.remove(name).map(|_| 0).ok_or(ENOENT)
    }
}

/// The highest free place of `bytes` below where mappings begin; where there is none, the lowest above the bottom.
fn free_place(kernel: &Kernel, pid: u32, layout: &Layout, bytes: u64) -> Return {
    let vmas = kernel.address_space(pid).ok_or(ENOMEM)?.vmas();
    let pages = bytes / FRAME_BYTES;
    let (low, high) = (Vpn::of(VirtAddr(FRAME_BYTES)), Vpn::of(VirtAddr(layout.base)));
    let min = Vpn::of(kernel.config().mmap_min_addr);
    let below = vmas.gaps(PageRange::new(low.max(min), high));
    if let Some(gap) = below.iter().rev().find(|gap| gap.pages() >= pages) {
        return Ok(gap.end().addr().0 - bytes);
    }
    let all = PageRange::new(Vpn::of(VirtAddr(layout.bottom)), Vpn::of(VirtAddr(layout.top)));
    let above = vmas.gaps(all);
    above.iter().find(|gap| gap.pages() >= pages).map(|gap| gap.start().addr().0).ok_or(ENOMEM)
}
