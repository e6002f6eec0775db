//! What a finished call is as an event, and what it does to descriptors and objects on the way. Owns the step from
//! printed arguments to [`Syscall`]; the text is [`super::syscall`]'s, the objects are [`super::files`]'.

use super::files::{Files, Mapped, OpenFlags};
use super::pieces::Finished;
use super::syscall::{Call, Return};
use super::table::Meaning;
use crate::{
    CloneKind, Event, FileFact, FileSource, MapRequest, Protection, RemapFlags, Syscall, SyscallOutcome,
};
use pagewalk_arch::{FRAME_BYTES, VirtAddr};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Numbers of x86-64 Linux.
mod flag {
    pub const PROT_READ: u64 = 1;
    pub const PROT_WRITE: u64 = 2;
    pub const PROT_EXEC: u64 = 4;
    pub const MAP_SHARED: u64 = 1;
    pub const MAP_TYPE: u64 = 0xf;
    pub const MAP_ANONYMOUS: u64 = 0x20;
    pub const MAP_GROWSDOWN: u64 = 0x100;
    pub const MAP_LOCKED: u64 = 0x2000;
    pub const MAP_NORESERVE: u64 = 0x4000;
    pub const MAP_POPULATE: u64 = 0x8000;
    pub const MAP_NONBLOCK: u64 = 0x1_0000;
    pub const MAP_HUGETLB: u64 = 0x4_0000;
    pub const MREMAP_MAYMOVE: u64 = 1;
    pub const MREMAP_FIXED: u64 = 2;
    pub const MREMAP_DONTUNMAP: u64 = 4;
    pub const CLONE_VM: u64 = 0x100;
    pub const CLONE_THREAD: u64 = 0x1_0000;
    pub const MCL_CURRENT: u64 = 1;
    pub const MCL_FUTURE: u64 = 2;
    pub const MCL_ONFAULT: u64 = 4;
    pub const MLOCK_ONFAULT: u64 = 1;
    pub const SHM_RDONLY: u64 = 0o1_0000;
    pub const SHM_EXEC: u64 = 0o10_0000;
    pub const IPC_RMID: u64 = 0;
    pub const WNOHANG: u64 = 1;
    pub const WUNTRACED: u64 = 2;
    pub const WEXITED: u64 = 4;
    pub const WCONTINUED: u64 = 8;
    pub const WNOWAIT: u64 = 0x100_0000;
    pub const P_PID: u64 = 1;
    pub const FALLOC_FL_KEEP_SIZE: u64 = 1;
    /// COLLAPSE_RANGE, INSERT_RANGE: the size changes in another way.
    pub const FALLOC_FL_SHIFT: u64 = 0x08 | 0x20;
    pub const F_DUPFD: u64 = 0;
    pub const F_SETFD: u64 = 2;
    pub const F_DUPFD_CLOEXEC: u64 = 1030;
    pub const O_CLOEXEC: u64 = 0o200_0000;
    pub const MFD_CLOEXEC: u64 = 1;
    pub const CLOSE_RANGE_CLOEXEC: u64 = 4;
    pub const PR_SET_VMA: u64 = 0x5356_4d41;
    pub const PR_SET_VMA_ANON_NAME: u64 = 0;
}

/// prctl(2)'s options that shape an address space and are not modelled. PR_SET_VMA is.
const PRCTL_UNMODELLED: [(u64, &str); 4] = [
    (35, "prctl(PR_SET_MM)"),
    (41, "prctl(PR_SET_THP_DISABLE)"),
    (65, "prctl(PR_SET_MDWE)"),
    (67, "prctl(PR_SET_MEMORY_MERGE)"),
];
/// mmap2(2) counts the offset in these units.
const MMAP2_UNIT_BYTES: u64 = 4096;
/// Bytes of an aio ring's header, and of each of its events (fs/aio.c).
const AIO_UNIT_BYTES: u64 = 32;

/// What the log alone does not tell enough of, for the recorder, which can ask the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// A file was opened.
    Opened {
        /// Its descriptor.
        fd: i32,
        /// Its name, as the program gave it.
        path: Arc<str>,
    },
    /// A segment was attached whose size is not known.
    UnknownSegment {
        /// Its identifier.
        id: u64,
    },
}

/// State that the meaning of calls needs.
#[derive(Default)]
pub(super) struct Meanings {
    pub files: Files,
    /// Rings of io_setup whose address no call has told yet, per process, as events asked for.
    rings: HashMap<u32, VecDeque<u64>>,
    /// Rings by process and address, with their bytes.
    placed_rings: HashMap<(u32, u64), u64>,
    /// Possible processors of the recorded machine.
    pub processors: u64,
    /// Segments attached whose size is not known.
    pub unsized_segments: u64,
    /// What was noticed; `None` where the caller did not ask.
    pub noticed: Option<Vec<Noticed>>,
}

/// A finished call about to become events.
struct Effect<'a, F: FnMut(Event)> {
    state: &'a mut Meanings,
    pid: u32,
    line: u32,
    outcome: SyscallOutcome,
    out: &'a mut F,
}

impl Meanings {
    /// Tells the events of `finished`.
    pub fn tell(&mut self, finished: &Finished, line: u32, out: &mut impl FnMut(Event)) {
        let Finished { pid, call, result } = finished;
        let (value, outcome) = match *result {
            Return::Success(value) => (value, SyscallOutcome::Success),
            Return::Nothing => (0, SyscallOutcome::Success),
            Return::Failure(errno) => (0, SyscallOutcome::Failure(errno.min(i32::MAX as u64) as i32)),
        };
        let mut effect = Effect { state: self, pid: *pid, line, outcome, out };
        let syscall = effect.syscall(call, value);
        if outcome == SyscallOutcome::Success {
            effect.descriptors(call, value);
        }
        effect.call(syscall);
    }

    /// A process was made, and has its maker's descriptors.
    pub fn fork(&mut self, parent: u32, child: u32) {
        self.files.fork(parent, child);
    }
    /// A program begins in process `pid`.
    pub fn exec(&mut self, pid: u32) {
        self.files.exec(pid);
        self.drop_rings(pid);
    }
    /// Process `pid` has ended.
    pub fn end(&mut self, pid: u32) {
        self.files.end(pid);
        self.drop_rings(pid);
    }
    fn drop_rings(&mut self, pid: u32) {
        self.rings.remove(&pid);
        if !self.placed_rings.is_empty() {
            self.placed_rings.retain(|(owner, _), _| *owner != pid);
        }
    }
}

impl<F: FnMut(Event)> Effect<'_, F> {
    fn call(&mut self, call: Syscall) {
        (self.out)(Event::Syscall { pid: self.pid, call, outcome: self.outcome, line: self.line });
    }
    fn file(&mut self, fact: Option<FileFact>) {
        if let Some(fact) = fact {
            (self.out)(Event::File(fact));
        }
    }
    fn notice(&mut self, noticed: impl FnOnce() -> Noticed) {
        if let Some(all) = &mut self.state.noticed {
            all.push(noticed());
        }
    }
    fn succeeded(&self) -> bool {
        self.outcome == SyscallOutcome::Success
    }

    fn syscall(&mut self, call: &Call, value: u64) -> Syscall {
        let [a, b, c, d, e, f] = call.arguments;
        let at = VirtAddr(a);
        let other = Syscall::Other { number: call.number };
        match call.meaning {
            Meaning::Mmap => self.map(call, value, f),
            Meaning::Mmap2 => self.map(call, value, f.wrapping_mul(MMAP2_UNIT_BYTES)),
            Meaning::Munmap => Syscall::Unmap { at, bytes: b },
            Meaning::Mprotect => Syscall::Protect { at, bytes: b, protection: protection(c) },
            Meaning::Brk => Syscall::Brk { end: VirtAddr(value) },
            Meaning::Mremap => {
                let flags = RemapFlags {
                    may_move: d & flag::MREMAP_MAYMOVE != 0,
                    fixed: d & flag::MREMAP_FIXED != 0,
                    dont_unmap: d & flag::MREMAP_DONTUNMAP != 0,
                };
                let to = match (self.succeeded(), flags.fixed) {
                    (true, _) => value,
                    (false, true) => e,
                    (false, false) => 0,
                };
                Syscall::Remap { from: at, from_bytes: b, to: VirtAddr(to), to_bytes: c, flags }
            }
            Meaning::RemapFilePages => Syscall::RemapFilePages { at, bytes: b, page_offset: d },
            Meaning::Madvise => Syscall::Advise { at, bytes: b, advice: c as i32 },
            Meaning::Mlock => Syscall::Lock { at, bytes: b, on_fault: false },
            Meaning::Mlock2 => Syscall::Lock { at, bytes: b, on_fault: c & flag::MLOCK_ONFAULT != 0 },
            Meaning::Munlock => Syscall::Unlock { at, bytes: b },
            Meaning::Mlockall => Syscall::LockAll {
                current: a & flag::MCL_CURRENT != 0,
                future: a & flag::MCL_FUTURE != 0,
                on_fault: a & flag::MCL_ONFAULT != 0,
            },
            Meaning::Munlockall => Syscall::UnlockAll,
            Meaning::Prctl if a == flag::PR_SET_VMA && b == flag::PR_SET_VMA_ANON_NAME => {
                Syscall::NameArea { at: VirtAddr(c), bytes: d, name: (e != 0).then_some(e) }
            }
            Meaning::Prctl => PRCTL_UNMODELLED
                .iter()
                .find(|(option, _)| *option == a)
                .map_or(other, |&(_, name)| Syscall::Unmodelled { name }),
            Meaning::Shmat => self.attach(a, b, c, value),
            Meaning::Shmdt => Syscall::Detach { at },
            // IPC_64 and the like stand above.
            Meaning::Shmctl if b & 0xff == flag::IPC_RMID && self.succeeded() => {
                Syscall::RemoveSegment { file: self.state.files.remove_segment(a) }
            }
            Meaning::IoUse | Meaning::IoDestroy => {
                self.place_ring(a);
                match self.state.placed_rings.get(&(self.pid, a)).copied() {
                    Some(bytes) if call.meaning == Meaning::IoDestroy && self.succeeded() => {
                        self.state.placed_rings.remove(&(self.pid, a));
                        Syscall::Unmap { at, bytes }
                    }
                    _ => other,
                }
            }
            Meaning::Clone if a & flag::CLONE_THREAD != 0 => clone(value, CloneKind::Thread),
            Meaning::Clone if a & flag::CLONE_VM != 0 => clone(value, CloneKind::Borrower),
            // No program makes processes with it but through fork, of which Valgrind says so.
            Meaning::Clone3 => clone(value, CloneKind::Thread),
            Meaning::Clone | Meaning::Fork => clone(value, CloneKind::Process),
            Meaning::Execve | Meaning::Execveat => {
                Syscall::Exec { path: call.path().cloned().unwrap_or_else(|| "".into()) }
            }
            Meaning::ExitThread => Syscall::Exit { status: a as i32 },
            Meaning::ExitGroup => Syscall::ExitGroup { status: a as i32 },
            Meaning::Wait4 | Meaning::Waitid => {
                call.reaped(value).map_or(other, |child| Syscall::Wait { child })
            }
            // Which handler, the log does not tell: one that sets the default is told by the signal that kills.
            Meaning::Sigaction if b != 0 => Syscall::HandleSignal { signal: a as i32 },
            Meaning::Unmodelled(name) => Syscall::Unmodelled { name },
            _ => other,
        }
    }

    fn map(&mut self, call: &Call, value: u64, offset: u64) -> Syscall {
        let [a, bytes, rights, flags, ..] = call.arguments;
        // MAP_SHARED_VALIDATE is 3.
        let shared = flags & flag::MAP_TYPE & flag::MAP_SHARED != 0;
        let fd = call.descriptor(4);
        let mut source = None;
        if flags & flag::MAP_ANONYMOUS == 0 && fd >= 0 {
            let (mapped, fact) = self.state.files.map(self.pid, fd, bytes, shared, self.line);
            self.file(fact);
            if let Mapped::File(file) = mapped {
                source = Some(FileSource { file, offset });
            }
        }
        if flags & flag::MAP_HUGETLB != 0 && self.succeeded() {
            self.call(Syscall::Unmodelled { name: "mmap(MAP_HUGETLB)" });
        }
        Syscall::Map(MapRequest {
            at: VirtAddr(if self.succeeded() { value } else { a }),
            bytes,
            protection: protection(rights),
            shared,
            source,
            populate: flags & flag::MAP_POPULATE != 0 && flags & flag::MAP_NONBLOCK == 0,
            locked: flags & flag::MAP_LOCKED != 0,
            grows_down: flags & flag::MAP_GROWSDOWN != 0,
            noreserve: flags & flag::MAP_NORESERVE != 0,
        })
    }

    fn attach(&mut self, segment: u64, asked: u64, flags: u64, value: u64) -> Syscall {
        let (file, bytes, fact) = self.state.files.attach(segment, self.line);
        self.file(fact);
        if bytes.is_none() {
            self.state.unsized_segments += 1;
            self.notice(|| Noticed::UnknownSegment { id: segment });
        }
        Syscall::Map(MapRequest {
            at: VirtAddr(if self.succeeded() { value } else { asked }),
            // Of a segment that was made outside the trace, nothing but its first page is sure.
            bytes: bytes.unwrap_or(FRAME_BYTES),
            protection: Protection {
                read: true,
                write: flags & flag::SHM_RDONLY == 0,
                execute: flags & flag::SHM_EXEC != 0,
            },
            shared: true,
            source: Some(FileSource { file, offset: 0 }),
            ..MapRequest::default()
        })
    }

    /// The first call that names a ring tells where it lies: it is its address.
    fn place_ring(&mut self, at: u64) {
        if self.state.placed_rings.contains_key(&(self.pid, at)) {
            return;
        }
        let Some(events) = self.state.rings.get_mut(&self.pid).and_then(VecDeque::pop_front) else { return };
        // ioctx_alloc and aio_setup_ring in fs/aio.c.
        let events = events.max(4 * self.state.processors).saturating_mul(2).saturating_add(2);
        let bytes =
            events.saturating_add(1).saturating_mul(AIO_UNIT_BYTES).div_ceil(FRAME_BYTES) * FRAME_BYTES;
        self.state.placed_rings.insert((self.pid, at), bytes);
        let (file, fact) = self.state.files.ring(bytes, self.line);
        self.file(Some(fact));
        let map = MapRequest {
            at: VirtAddr(at),
            bytes,
            protection: Protection { read: true, write: true, execute: false },
            shared: true,
            source: Some(FileSource { file, offset: 0 }),
            ..MapRequest::default()
        };
        let call = Syscall::Map(map);
        (self.out)(Event::Syscall { pid: self.pid, call, outcome: SyscallOutcome::Success, line: self.line });
    }

    /// What a call that succeeded with `value` does to descriptors, names and sizes.
    fn descriptors(&mut self, call: &Call, value: u64) {
        let (pid, line) = (self.pid, self.line);
        let [a, b, c, d, ..] = call.arguments;
        let first = call.descriptor(0);
        let result = value as i32;
        let Meanings { files, noticed, .. } = &mut *self.state;
        let mut opened = |path: &Arc<str>| {
            if let Some(all) = noticed {
                all.push(Noticed::Opened { fd: result, path: Arc::clone(path) });
            }
        };
        let path = call.path();
        let fact = match call.meaning {
            Meaning::Open | Meaning::Creat => path.and_then(|path| {
                let path = files.absolute(pid, -100, path);
                opened(&path);
                let bits = if call.meaning == Meaning::Creat { 0o1101 } else { b };
                files.open(pid, result, path, OpenFlags::of_bits(bits), line)
            }),
            Meaning::Openat | Meaning::Openat2 => path.and_then(|path| {
                let path = files.absolute(pid, first, path);
                opened(&path);
                // openat2 has its flags in memory.
                let bits = if call.meaning == Meaning::Openat { c } else { 0 };
                files.open(pid, result, path, OpenFlags::of_bits(bits), line)
            }),
            Meaning::NewDescriptor => {
                files.open_unnamed(pid, result);
                None
            }
            Meaning::MemfdCreate => {
                files.open_memfd(pid, result, b & flag::MFD_CLOEXEC != 0);
                None
            }
            Meaning::Dup => {
                files.duplicate(pid, first, result, false);
                None
            }
            Meaning::DupTo => {
                files.duplicate(pid, first, result, c & flag::O_CLOEXEC != 0);
                None
            }
            Meaning::Fcntl => {
                match b {
                    flag::F_DUPFD => files.duplicate(pid, first, result, false),
                    flag::F_DUPFD_CLOEXEC => files.duplicate(pid, first, result, true),
                    flag::F_SETFD => files.set_close_on_exec(pid, first..=first, c & 1 != 0),
                    _ => {}
                }
                None
            }
            Meaning::Close => {
                files.close(pid, first);
                None
            }
            Meaning::CloseRange => {
                let range = first..=b.min(i32::MAX as u64) as i32;
                if c & flag::CLOSE_RANGE_CLOEXEC != 0 {
                    files.set_close_on_exec(pid, range, true);
                } else {
                    files.close_range(pid, range);
                }
                None
            }
            Meaning::Unlink | Meaning::Unlinkat => {
                if let Some(path) = path {
                    let at = if call.meaning == Meaning::Unlink { -100 } else { first };
                    let path = files.absolute(pid, at, path);
                    files.unlink(&path);
                }
                None
            }
            Meaning::Rename | Meaning::Renameat => {
                if let [Some(from), Some(to)] = &call.strings {
                    let plain = call.meaning == Meaning::Rename;
                    let from = files.absolute(pid, if plain { -100 } else { first }, from);
                    let to = files.absolute(pid, if plain { -100 } else { c as i32 }, to);
                    files.rename(&from, to);
                }
                None
            }
            Meaning::Truncate => path.and_then(|path| {
                let path = files.absolute(pid, -100, path);
                files.truncate(&path, b, line)
            }),
            Meaning::Ftruncate => files.resize(pid, first, b, line),
            Meaning::Fallocate if b & flag::FALLOC_FL_SHIFT != 0 => files.forget_size(pid, first, line),
            Meaning::Fallocate if b & flag::FALLOC_FL_KEEP_SIZE == 0 => {
                files.grow(pid, first, c.saturating_add(d), line)
            }
            Meaning::Read => {
                files.read(pid, first, value);
                None
            }
            Meaning::Write => files.write(pid, first, value, line),
            Meaning::Pwrite => files.grow(pid, first, d.saturating_add(value), line),
            Meaning::Lseek => {
                files.seek(pid, first, value);
                None
            }
            Meaning::WritesTo(argument) => files.forget_size(pid, call.descriptor(argument.into()), line),
            Meaning::Chdir => {
                if let Some(path) = path {
                    let path = files.absolute(pid, -100, path);
                    files.change_directory(pid, path);
                }
                None
            }
            Meaning::Fchdir => {
                files.change_directory_to(pid, first);
                None
            }
            Meaning::Shmget => {
                files.segment(value, b);
                None
            }
            Meaning::IoSetup => {
                self.state.rings.entry(pid).or_default().push_back(a);
                None
            }
            _ => None,
        };
        self.file(fact);
    }
}

impl Call {
    /// The child that this call, which returned `value`, reaped, where the log tells it: waitid(2) leaves it in
    /// memory unless one child was asked for.
    pub fn reaped(&self, value: u64) -> Option<u32> {
        let [kind, id, options, waitid_options, ..] = self.arguments;
        match self.meaning {
            // With these, a child that only stopped may have been meant.
            Meaning::Wait4 if options & (flag::WUNTRACED | flag::WCONTINUED) == 0 => {
                u32::try_from(value).ok().filter(|&child| child > 0)
            }
            Meaning::Waitid
                if kind == flag::P_PID
                    && waitid_options
                        & (flag::WEXITED
                            | flag::WNOHANG
                            | flag::WNOWAIT
                            | flag::WUNTRACED
                            | flag::WCONTINUED)
                        == flag::WEXITED =>
            {
                u32::try_from(id).ok()
            }
            _ => None,
        }
    }
}

fn clone(child: u64, kind: CloneKind) -> Syscall {
    Syscall::Clone { child: child.min(u64::from(u32::MAX)) as u32, kind }
}

fn protection(bits: u64) -> Protection {
    Protection {
        read: bits & flag::PROT_READ != 0,
        write: bits & flag::PROT_WRITE != 0,
        execute: bits & flag::PROT_EXEC != 0,
    }
}
