//! What a sequence is made of. Owns the vocabulary and its translation into events of the model; the text form is in
//! `text`, the form for the agent in `linux`.

use super::{ARENA, FILE_PAGES};
use pagewalk_arch::{FRAME_BYTES, VirtAddr};
use pagewalk_trace::{
    CloneKind, FileFact, FileId, FileKind, FileSource, MapRequest, Protection, RemapFlags, Syscall,
    SyscallOutcome,
};
use std::sync::Arc;

/// Bytes of the arena: where from, and how many. Mostly whole pages; calls that are to fail may be odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte, counted from the start of the arena.
    pub at: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl Span {
    /// Whole pages.
    pub const fn pages(start: u64, pages: u64) -> Self {
        Self { at: start * FRAME_BYTES, bytes: pages * FRAME_BYTES }
    }
    /// Where it starts in the address space.
    pub const fn address(&self) -> u64 {
        ARENA.wrapping_add(self.at)
    }
}

/// What an mmap maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// Private zeroes: `anon`.
    Anonymous,
    /// Shared zeroes: `sanon`.
    SharedAnonymous,
    /// A file: `pfile0@2` privately, `sfile1` shared.
    File {
        /// Which of [`FILE_PAGES`].
        file: usize,
        /// MAP_SHARED.
        shared: bool,
        /// Page of the file at which it begins.
        page_offset: u64,
    },
}

/// The flags of an mmap. All are MAP_FIXED.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapFlags {
    /// MAP_POPULATE.
    pub populate: bool,
    /// MAP_LOCKED.
    pub locked: bool,
    /// MAP_NORESERVE.
    pub noreserve: bool,
    /// MAP_GROWSDOWN.
    pub grows_down: bool,
}

/// madvise(2)'s advice: Linux's name and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Without `MADV_`.
    pub name: &'static str,
    /// As in `asm-generic/mman-common.h`.
    pub number: i32,
}

/// All advice that is asked about. Huge pages are out of it: the agent has them off.
pub const ADVICE: &[Advice] = &[
    Advice { name: "NORMAL", number: 0 },
    Advice { name: "RANDOM", number: 1 },
    Advice { name: "SEQUENTIAL", number: 2 },
    Advice { name: "WILLNEED", number: 3 },
    Advice { name: "DONTNEED", number: 4 },
    Advice { name: "FREE", number: 8 },
    Advice { name: "REMOVE", number: 9 },
    Advice { name: "DONTFORK", number: 10 },
    Advice { name: "DOFORK", number: 11 },
    Advice { name: "MERGEABLE", number: 12 },
    Advice { name: "UNMERGEABLE", number: 13 },
    Advice { name: "HUGEPAGE", number: 14 },
    Advice { name: "NOHUGEPAGE", number: 15 },
    Advice { name: "DONTDUMP", number: 16 },
    Advice { name: "DODUMP", number: 17 },
    Advice { name: "WIPEONFORK", number: 18 },
    Advice { name: "KEEPONFORK", number: 19 },
    Advice { name: "COLD", number: 20 },
    Advice { name: "PAGEOUT", number: 21 },
    Advice { name: "POPULATE_READ", number: 22 },
    Advice { name: "POPULATE_WRITE", number: 23 },
    Advice { name: "DONTNEED_LOCKED", number: 24 },
    Advice { name: "GUARD_INSTALL", number: 102 },
    Advice { name: "GUARD_REMOVE", number: 103 },
    Advice { name: "UNKNOWN", number: 77 },
];

impl Advice {
    /// The advice of this name.
    pub fn named(name: &str) -> Option<Self> {
        ADVICE.iter().copied().find(|advice| advice.name == name)
    }
}

/// Where an mremap is to leave the area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Without MREMAP_MAYMOVE: `in place`.
    InPlace,
    /// MREMAP_MAYMOVE | MREMAP_FIXED, to this byte of the arena.
    Fixed {
        /// First byte.
        at: u64,
        /// MREMAP_DONTUNMAP too.
        dont_unmap: bool,
    },
}

/// One thing that a process does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing at all: the agent's own faults, which must be none.
    Nothing,
    /// Reads a byte of every page.
    Read(Span),
    /// Writes a byte of every page.
    Write(Span),
    /// mmap.
    Map {
        /// Where.
        span: Span,
        /// Rights.
        protection: Protection,
        /// What.
        object: Object,
        /// How.
        flags: MapFlags,
    },
    /// munmap.
    Unmap(Span),
    /// mprotect.
    Protect(Span, Protection),
    /// madvise.
    Advise(Span, Advice),
    /// mremap.
    Remap {
        /// The old range.
        from: Span,
        /// Where to.
        target: Target,
        /// New length.
        bytes: u64,
    },
    /// mlock, mlock2.
    Lock {
        /// Where.
        span: Span,
        /// MLOCK_ONFAULT.
        on_fault: bool,
    },
    /// munlock.
    Unlock(Span),
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
    /// ftruncate of a file to so many pages.
    Truncate {
        /// Which of [`FILE_PAGES`].
        file: usize,
        /// Its new size.
        pages: u64,
    },
    /// remap_file_pages.
    RemapFilePages {
        /// Where.
        span: Span,
        /// The page of the file that it begins with now.
        page_offset: u64,
    },
    /// fork; the child is process number so much.
    Fork(usize),
    /// execve: a new program that has nothing in the arena.
    Exec,
    /// exit.
    Exit,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who, counted from 0 in order of creation.
    pub process: usize,
    /// What.
    pub action: Action,
}

/// Steps in the order in which they are carried out. Process 0 lives from the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// They.
    pub steps: Vec<Step>,
}

/// The pid of a process in events.
pub const fn pid(process: usize) -> u32 {
    process as u32 + 1
}

/// The identity of a file in events.
pub const fn file_id(file: usize) -> FileId {
    FileId(file as u64 + 1)
}

/// What the model is told of a file of so many pages.
pub fn file_fact(file: usize, pages: u64) -> FileFact {
    let name: Arc<str> = format!("/memfd:file{file}").into();
    FileFact { file: file_id(file), kind: FileKind::Memory, bytes: Some(pages * FRAME_BYTES), name, line: 0 }
}

impl Action {
    /// The system call that ended so, as the model is told of it; `None` of what is no system call to the model.
    pub fn syscall(&self, outcome: SyscallOutcome) -> Option<Syscall> {
        let at = |span: &Span| VirtAddr(span.address());
        Some(match *self {
            Action::Nothing | Action::Read(_) | Action::Write(_) | Action::Truncate { .. } => return None,
            Action::Map { span, protection, object, flags } => {
                let source = match object {
                    Object::File { file, page_offset, .. } => {
                        Some(FileSource { file: file_id(file), offset: page_offset * FRAME_BYTES })
                    }
                    Object::Anonymous | Object::SharedAnonymous => None,
                };
                Syscall::Map(MapRequest {
                    at: at(&span),
                    bytes: span.bytes,
                    protection,
                    shared: object.is_shared(),
                    source,
                    populate: flags.populate,
                    locked: flags.locked,
                    grows_down: flags.grows_down,
                    noreserve: flags.noreserve,
                })
            }
            Action::Unmap(span) => Syscall::Unmap { at: at(&span), bytes: span.bytes },
            Action::Protect(span, protection) => {
                Syscall::Protect { at: at(&span), bytes: span.bytes, protection }
            }
            Action::Advise(span, advice) => {
                Syscall::Advise { at: at(&span), bytes: span.bytes, advice: advice.number }
            }
            Action::Remap { from, target, bytes } => {
                let (to, flags) = match target {
                    Target::InPlace if outcome == SyscallOutcome::Success => {
                        (at(&from), RemapFlags::default())
                    }
                    Target::InPlace => (VirtAddr(0), RemapFlags::default()),
                    Target::Fixed { at, dont_unmap } => {
                        (VirtAddr(ARENA + at), RemapFlags { may_move: true, fixed: true, dont_unmap })
                    }
                };
                Syscall::Remap { from: at(&from), from_bytes: from.bytes, to, to_bytes: bytes, flags }
            }
            Action::Lock { span, on_fault } => Syscall::Lock { at: at(&span), bytes: span.bytes, on_fault },
            Action::Unlock(span) => Syscall::Unlock { at: at(&span), bytes: span.bytes },
            Action::LockAll { current, future, on_fault } => Syscall::LockAll { current, future, on_fault },
            Action::UnlockAll => Syscall::UnlockAll,
            Action::RemapFilePages { span, page_offset } => {
                Syscall::RemapFilePages { at: at(&span), bytes: span.bytes, page_offset }
            }
            Action::Fork(child) => Syscall::Clone { child: pid(child), kind: CloneKind::Process },
            Action::Exec => Syscall::Exec { path: "/proc/self/exe".into() },
            Action::Exit => Syscall::ExitGroup { status: 0 },
        })
    }

    /// What kind of step this is, for classes of differences.
    pub fn kind(&self) -> String {
        match self {
            Action::Nothing => "nothing".into(),
            Action::Read(_) => "read".into(),
            Action::Write(_) => "write".into(),
            Action::Advise(_, advice) => format!("madvise {}", advice.name),
            Action::Truncate { .. } => "ftruncate".into(),
            Action::Remap { target: Target::Fixed { dont_unmap: true, .. }, .. } => "mremap DONTUNMAP".into(),
            Action::Remap { from, .. } if from.bytes == 0 => "mremap of nothing".into(),
            Action::Remap { target: Target::InPlace, .. } => "mremap in place".into(),
            Action::Map { flags, .. } if flags.populate => "mmap POPULATE".into(),
            Action::Map { flags, .. } if flags.locked => "mmap LOCKED".into(),
            Action::Lock { on_fault: true, .. } => "mlock2 ONFAULT".into(),
            other => {
                other.syscall(SyscallOutcome::Success).map_or_else(String::new, |call| call.name().into())
            }
        }
    }
}

impl Object {
    /// MAP_SHARED.
    pub const fn is_shared(self) -> bool {
        matches!(self, Object::SharedAnonymous | Object::File { shared: true, .. })
    }
}

impl Sequence {
    /// Whether every step is of a process that lives then, every fork makes a new one, and every file exists. A
    /// sequence that is not is nothing to carry out.
    pub fn is_possible(&self) -> bool {
        let mut alive = vec![0];
        let mut used = vec![0];
        for Step { process, action } in &self.steps {
            if !alive.contains(process) {
                return false;
            }
            match *action {
                Action::Fork(child) if used.contains(&child) || child >= super::PROCESSES_MAX => {
                    return false;
                }
                Action::Fork(child) => {
                    alive.push(child);
                    used.push(child);
                }
                Action::Exit => alive.retain(|other| other != process),
                Action::Truncate { file, .. } | Action::Map { object: Object::File { file, .. }, .. }
                    if file >= FILE_PAGES.len() =>
                {
                    return false;
                }
                _ => {}
            }
        }
        true
    }
}
