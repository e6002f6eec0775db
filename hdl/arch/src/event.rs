//! What a trace is made of: accesses, and the system calls that shape the address space. Owns the vocabulary; the
//! readers live in the host, the meaning in the kernel.

use crate::{Access, VirtAddr};
use serde::{Deserialize, Serialize};

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

/// The arguments of an mmap(2) that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapRequest {
    /// Where it came to lie.
    pub at: VirtAddr,
    /// Bytes asked for, not rounded.
    pub bytes: u64,
    /// Rights.
    pub protection: Protection,
    /// MAP_SHARED rather than MAP_PRIVATE.
    pub shared: bool,
    /// MAP_ANONYMOUS.
    pub anonymous: bool,
    /// MAP_POPULATE.
    pub populate: bool,
    /// MAP_GROWSDOWN.
    pub grows_down: bool,
    /// File descriptor, where there is one.
    pub fd: Option<i32>,
    /// Offset into the file in bytes.
    pub offset: u64,
}

/// A system call that changes an address space, with the result that the recorded program saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syscall {
    /// mmap, mmap2.
    Map(MapRequest),
    /// munmap.
    Unmap {
        /// First byte.
        at: VirtAddr,
        /// Length.
        bytes: u64,
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
        /// New start.
        to: VirtAddr,
        /// New length.
        to_bytes: u64,
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
    /// clone, fork, vfork that returned a new process or thread.
    Fork {
        /// Identifier of the child.
        child: u32,
        /// CLONE_VM: a thread, the address space is shared.
        shares_memory: bool,
    },
    /// exit, exit_group.
    Exit {
        /// Exit status.
        status: i32,
    },
    /// Any other call: it leaves the address space as it is.
    Other {
        /// Number in the recorded system's table.
        number: u32,
    },
}

/// Whether the recorded program's call succeeded. Calls that failed changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyscallOutcome {
    /// It did.
    Success,
    /// It did not, with this errno.
    Failure(i32),
}

/// Something between accesses. Line numbers count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A system call of process `pid`.
    Syscall {
        /// Who.
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
}

/// Why a reader handed over a block of accesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
