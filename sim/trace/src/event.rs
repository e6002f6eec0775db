//! What a trace is made of: accesses, and the system calls that shape the address space. Owns the vocabulary;
//! what a call means is the kernel's.

use pagewalk_arch::{Access, VirtAddr};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Rights of a mapping as mmap(2) and mprotect(2) name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Protection {
    /// PROT_READ.
    pub read: bool,
    /// PROT_WRITE.
    pub write: bool,
    /// PROT_EXEC.
    pub execute: bool,
}

/// Identity of what can be mapped: two mappings of one file, memfd or System V segment carry the same number, however
/// many descriptors and names led to it. The reader of a trace hands numbers out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

/// What kind of object a [`FileId`] names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A file of a disk file system, or of one that nothing is known of.
    #[default]
    Regular,
    /// A file of tmpfs, a memfd.
    Memory,
    /// A System V segment: its contents stay without any mapping, until [`Syscall::RemoveSegment`].
    Segment,
}

/// A fact about an object that mappings name: it has this size from here on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFact {
    /// Which.
    pub file: FileId,
    /// What it is.
    pub kind: FileKind,
    /// Its size in bytes: a page wholly beyond it is SIGBUS. `None` where the trace does not tell: then no page is.
    pub bytes: Option<u64>,
    /// Its name as `/proc/PID/maps` shows it.
    pub name: Arc<str>,
    /// Where in the trace.
    pub line: u32,
}

/// A part of a file from an offset on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSource {
    /// Which file.
    pub file: FileId,
    /// Offset of the first mapped byte.
    pub offset: u64,
}

/// The arguments of an mmap(2) or shmat(2), with what it returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapRequest {
    /// Where it came to lie; of a call that failed, where it was to lie.
    pub at: VirtAddr,
    /// Bytes asked for, not rounded.
    pub bytes: u64,
    /// Rights.
    pub protection: Protection,
    /// MAP_SHARED rather than MAP_PRIVATE.
    pub shared: bool,
    /// What is mapped; `None`: MAP_ANONYMOUS, or /dev/zero.
    pub source: Option<FileSource>,
    /// MAP_POPULATE without MAP_NONBLOCK.
    pub populate: bool,
    /// MAP_LOCKED: as mlock(2) right afterwards.
    pub locked: bool,
    /// MAP_GROWSDOWN.
    pub grows_down: bool,
    /// MAP_NORESERVE: not counted against the commit limit; keeps neighbours apart.
    pub noreserve: bool,
}

/// The flags of mremap(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemapFlags {
    /// MREMAP_MAYMOVE.
    pub may_move: bool,
    /// MREMAP_FIXED: the new address was given, and what lay there was unmapped.
    pub fixed: bool,
    /// MREMAP_DONTUNMAP: the old range stays mapped, without its pages.
    pub dont_unmap: bool,
}

/// What a clone, fork or vfork shares with its maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloneKind {
    /// A process with a copy of the address space.
    Process,
    /// A process that borrows the address space until it executes a program or ends (CLONE_VM, vfork).
    Borrower,
    /// A thread of the same thread group (CLONE_THREAD).
    Thread,
}

/// A system call that changes an address space or the life of a process, with the result that the recorded program
/// saw. All addresses and lengths are in bytes and as the program passed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Syscall {
    /// mmap, mmap2, shmat.
    Map(MapRequest),
    /// munmap.
    Unmap {
        /// First byte.
        at: VirtAddr,
        /// Length.
        bytes: u64,
    },
    /// shmdt: unmaps what one shmat mapped at this address.
    Detach {
        /// First byte.
        at: VirtAddr,
    },
    /// shmctl(IPC_RMID): the segment's contents go with its last mapping.
    RemoveSegment {
        /// Which.
        file: FileId,
    },
    /// mprotect, pkey_mprotect.
    Protect {
        /// First byte.
        at: VirtAddr,
        /// Length.
        bytes: u64,
        /// New rights.
        protection: Protection,
    },
    /// brk: the program break is now here.
    Brk {
        /// The break that the kernel returned.
        end: VirtAddr,
    },
    /// mremap.
    Remap {
        /// Old start.
        from: VirtAddr,
        /// Old length.
        from_bytes: u64,
        /// New start; of a call that failed, the one asked for with MREMAP_FIXED, else 0.
        to: VirtAddr,
        /// New length.
        to_bytes: u64,
        /// How.
        flags: RemapFlags,
    },
    /// remap_file_pages: the range shows another part of the file that it maps.
    RemapFilePages {
        /// First byte.
        at: VirtAddr,
        /// Length.
        bytes: u64,
        /// Offset in the file, in pages.
        page_offset: u64,
    },
    /// madvise.
    Advise {
        /// First byte.
        at: VirtAddr,
        /// Length.
        bytes: u64,
        /// The advice's number as Linux has it (MADV_DONTNEED = 4, …).
        advice: i32,
    },
    /// mlock, mlock2.
    Lock {
        /// First byte.
        at: VirtAddr,
        /// Length.
        bytes: u64,
        /// MLOCK_ONFAULT: nothing is faulted in now.
        on_fault: bool,
    },
    /// munlock.
    Unlock {
        /// First byte.
        at: VirtAddr,
        /// Length.
        bytes: u64,
    },
    /// mlockall.
    LockAll {
        /// MCL_CURRENT.
        current: bool,
        /// MCL_FUTURE.
        future: bool,
        /// MCL_ONFAULT.
        on_fault: bool,
    },
    /// munlockall.
    UnlockAll,
    /// prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME): areas of different names do not merge.
    NameArea {
        /// First byte.
        at: VirtAddr,
        /// Length.
        bytes: u64,
        /// What tells the name from others: the address of its text. `None` takes the name away.
        name: Option<u64>,
    },
    /// clone, fork, vfork that returned a new process or thread.
    Clone {
        /// Identifier of the child.
        child: u32,
        /// What it shares.
        kind: CloneKind,
    },
    /// execve, execveat that succeeded: a new program in an empty address space, under the same pid. Every other
    /// thread of the process is gone.
    Exec {
        /// The program's path as it was passed; empty where the trace does not tell.
        path: Arc<str>,
    },
    /// exit: the calling thread ends, and with the last thread its process.
    Exit {
        /// Exit status.
        status: i32,
    },
    /// exit_group: every thread of the process ends.
    ExitGroup {
        /// Exit status.
        status: i32,
    },
    /// wait4, waitid that reaped a child.
    Wait {
        /// Which.
        child: u32,
    },
    /// rt_sigaction that set a handler for a signal.
    HandleSignal {
        /// The signal's number.
        signal: i32,
    },
    /// A call that changes an address space, or reads or writes another's, in a way that is not modelled
    /// (userfaultfd, process_vm_writev, …). It is counted by name and said.
    Unmodelled {
        /// The call.
        name: &'static str,
    },
    /// Any other call: it leaves the address space as it is.
    Other {
        /// Number in the recorded system's table.
        number: u32,
    },
}

impl Syscall {
    /// Linux's name of the call.
    pub const fn name(&self) -> &'static str {
        match self {
            Syscall::Map(_) => "mmap",
            Syscall::Unmap { .. } => "munmap",
            Syscall::Detach { .. } => "shmdt",
            Syscall::RemoveSegment { .. } => "shmctl",
            Syscall::Protect { .. } => "mprotect",
            Syscall::Brk { .. } => "brk",
            Syscall::Remap { .. } => "mremap",
            Syscall::RemapFilePages { .. } => "remap_file_pages",
            Syscall::Advise { .. } => "madvise",
            Syscall::Lock { .. } => "mlock",
            Syscall::Unlock { .. } => "munlock",
            Syscall::LockAll { .. } => "mlockall",
            Syscall::UnlockAll => "munlockall",
            Syscall::NameArea { .. } => "prctl",
            Syscall::Clone { kind: CloneKind::Process, .. } => "fork",
            Syscall::Clone { kind: CloneKind::Borrower, .. } => "vfork",
            Syscall::Clone { kind: CloneKind::Thread, .. } => "clone",
            Syscall::Exec { .. } => "execve",
            Syscall::Exit { .. } => "exit",
            Syscall::ExitGroup { .. } => "exit_group",
            Syscall::Wait { .. } => "wait4",
            Syscall::HandleSignal { .. } => "rt_sigaction",
            Syscall::Unmodelled { name } => name,
            Syscall::Other { .. } => "other",
        }
    }

    /// Calls `visit` with every range of user memory that this call names: its first byte, and its length where the
    /// call has one. For callers that move addresses or ask whether they fit.
    pub fn visit_ranges<E>(
        &mut self,
        mut visit: impl FnMut(&mut VirtAddr, Option<&mut u64>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Syscall::Map(map) => visit(&mut map.at, Some(&mut map.bytes)),
            Syscall::Unmap { at, bytes }
            | Syscall::Protect { at, bytes, .. }
            | Syscall::RemapFilePages { at, bytes, .. }
            | Syscall::Advise { at, bytes, .. }
            | Syscall::Lock { at, bytes, .. }
            | Syscall::Unlock { at, bytes }
            | Syscall::NameArea { at, bytes, .. } => visit(at, Some(bytes)),
            Syscall::Remap { from, from_bytes, to, to_bytes, .. } => {
                visit(from, Some(from_bytes))?;
                visit(to, Some(to_bytes))
            }
            Syscall::Detach { at } | Syscall::Brk { end: at } => visit(at, None),
            Syscall::RemoveSegment { .. }
            | Syscall::LockAll { .. }
            | Syscall::UnlockAll
            | Syscall::Clone { .. }
            | Syscall::Exec { .. }
            | Syscall::Exit { .. }
            | Syscall::ExitGroup { .. }
            | Syscall::Wait { .. }
            | Syscall::HandleSignal { .. }
            | Syscall::Unmodelled { .. }
            | Syscall::Other { .. } => Ok(()),
        }
    }
}

/// Whether the recorded program's call succeeded. A call that failed may have changed something before it did: an
/// madvise over a hole has advised all that is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyscallOutcome {
    /// It did.
    Success,
    /// It did not, with this errno.
    Failure(i32),
}

/// Something between accesses. Line numbers count from 1. Each fact is one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A system call of process `pid`.
    Syscall {
        /// Who: the process (thread group), or a thread of it by its own identifier where the trace tells.
        pid: u32,
        /// What.
        call: Syscall,
        /// How it went.
        outcome: SyscallOutcome,
        /// Where in the trace.
        line: u32,
    },
    /// From here on the accesses are those of process `pid`.
    Switch {
        /// Who.
        pid: u32,
        /// Where in the trace.
        line: u32,
    },
    /// A fact about an object that mappings name.
    File(FileFact),
    /// The recorded process received a signal.
    Signal {
        /// Who.
        pid: u32,
        /// The signal's number.
        signal: i32,
        /// It ended the process; otherwise a handler of the program ran.
        fatal: bool,
        /// Where in the trace.
        line: u32,
    },
}

impl Event {
    /// Where in the trace it stands.
    pub const fn line(&self) -> u32 {
        match self {
            Event::Syscall { line, .. } | Event::Switch { line, .. } | Event::Signal { line, .. } => *line,
            Event::File(fact) => fact.line,
        }
    }
}

/// Why a reader handed over a block of accesses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// The block is full; more accesses follow.
    Full,
    /// An event stands after the accesses of this block.
    Event(Event),
    /// The trace is over.
    End,
}

/// A trace that cannot be read on. One line: file, place, what is wrong, what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TraceError(pub String);

/// A stream of accesses and events in constant memory.
pub trait TraceSource {
    /// Clears `block`, then fills it with at most `block.capacity()` accesses (at least 4,096 of them may be
    /// assumed) up to the next event or the end. After an error or [`Boundary::End`], only `End` follows; what was
    /// read before an error is in `block`.
    fn next_block(&mut self, block: &mut Vec<Access>) -> Result<Boundary, TraceError>;

    /// Bytes of the source consumed so far and in total, for a progress bar; `None` where it has no length.
    fn position(&self) -> Option<(u64, u64)> {
        None
    }
}

impl<T: TraceSource + ?Sized> TraceSource for &mut T {
    fn next_block(&mut self, block: &mut Vec<Access>) -> Result<Boundary, TraceError> {
        (**self).next_block(block)
    }
    fn position(&self) -> Option<(u64, u64)> {
        (**self).position()
    }
}
