//! Virtual memory areas: what a process may do where. Linux's `vm_area_struct`.
//!
//! Owns the areas and their order ([`VmaMap`]): splitting, merging, gaps; and what ties an area to the anonymous
//! memory that it has used ([`AnonVma`]). Owns no page tables; the verb that changes an area here changes the page
//! tables to match.

mod counts;
mod map;
mod merge;
mod ranges;

pub use counts::AreaCounts;
pub(crate) use counts::is_data;
pub use map::{TooManyAreas, VmaMap};
pub use merge::{BesideSource, MergeRules};
pub(crate) use ranges::RangeSet;

use crate::{PageRange, Vpn};
use bitflags::bitflags;
use pagewalk_arch::{AccessKind, FormatSpec, Isa};
use pagewalk_trace::{FileId, Protection};

/// Where the pages of an area come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Zeroes, private to the process.
    Anonymous,
    /// A file, private to the process: its pages are read from the file's frames until they are written.
    PrivateFile(FileId),
    /// A shared mapping of a file or of shared anonymous memory: every process that maps it sees the same frames.
    Shared(FileId),
}

impl Backing {
    /// Whether a write is seen by this process alone.
    pub const fn is_private(self) -> bool {
        !matches!(self, Backing::Shared(_))
    }
    /// The object whose pages the area shows.
    pub const fn file(self) -> Option<FileId> {
        match self {
            Backing::Anonymous => None,
            Backing::PrivateFile(file) | Backing::Shared(file) => Some(file),
        }
    }
}

bitflags! {
    /// What system calls have said of an area besides its rights: those of Linux's `vm_flags` that are modelled or
    /// keep neighbours apart.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct VmFlags: u32 {
        /// VM_GROWSDOWN: a fault just below extends it.
        const GROWSDOWN = 1 << 0;
        /// VM_LOCKED: mlock(2).
        const LOCKED = 1 << 1;
        /// VM_LOCKONFAULT: locked, but not faulted in beforehand.
        const LOCKONFAULT = 1 << 2;
        /// VM_DONTCOPY: a child does not get it.
        const DONTCOPY = 1 << 3;
        /// VM_WIPEONFORK: a child gets it empty.
        const WIPEONFORK = 1 << 4;
        /// VM_SEQ_READ.
        const SEQ_READ = 1 << 5;
        /// VM_RAND_READ.
        const RAND_READ = 1 << 6;
        /// VM_DONTDUMP.
        const DONTDUMP = 1 << 7;
        /// VM_HUGEPAGE.
        const HUGEPAGE = 1 << 8;
        /// VM_NOHUGEPAGE.
        const NOHUGEPAGE = 1 << 9;
        /// VM_MERGEABLE.
        const MERGEABLE = 1 << 10;
        /// VM_NORESERVE: MAP_NORESERVE.
        const NORESERVE = 1 << 11;
        /// VM_ACCOUNT: counted against the commit limit, since it is or was private and writable.
        const ACCOUNT = 1 << 12;
        /// Without VM_MAYWRITE: a shared mapping of a file that was opened for reading.
        const NEVER_WRITABLE = 1 << 13;
        /// VM_PFNMAP: shows what is no page of memory, such as the kernel's data for programs. A child gets its entries.
        const PFNMAP = 1 << 14;
    }
}

/// What neighbouring areas must have in common to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmaAttributes {
    /// Rights as asked for.
    pub protection: Protection,
    /// Where its pages come from.
    pub backing: Backing,
    /// What else was said of it.
    pub flags: VmFlags,
    /// Its name, where prctl(2) gave it one: areas of different names do not merge.
    pub name: Option<u64>,
    /// No system call asked for it: an access proved that it was there before recording began. Its rights are those
    /// that accesses needed so far.
    pub inferred: bool,
}

/// That an area has had anonymous pages of its own: Linux's `anon_vma`. Areas whose memory has different histories do
/// not merge, and fork copies the entries of areas that have one only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnonVma {
    /// Number, counted from 1 in the machine.
    pub id: u64,
    /// It came by fork, so that it also refers to the parent's memory: `anon_vma_chain` has more than one link.
    pub inherited: bool,
}

/// One area. Never empty once in a [`VmaMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vma {
    /// Its pages.
    pub pages: PageRange,
    /// What it is.
    pub attributes: VmaAttributes,
    /// Page offset in the file or shared object of the first page. Of anonymous memory, the page number at which
    /// it was first mapped, as in Linux: memory that mremap moved after use does not merge where it comes to lie.
    pub page_offset: u64,
    /// Set from the first anonymous page on.
    pub anon: Option<AnonVma>,
    /// Guards were installed in it once, so that fork copies its entries. Keeps no neighbours apart: what merges with
    /// such an area is marked as well.
    pub had_guards: bool,
}

impl Vma {
    /// Anonymous private memory that no call has said more of.
    pub fn anonymous(pages: PageRange, protection: Protection) -> Self {
        let attributes = VmaAttributes {
            protection,
            backing: Backing::Anonymous,
            flags: VmFlags::default(),
            name: None,
            inferred: false,
        };
        Self { pages, attributes, page_offset: pages.start().0, anon: None, had_guards: false }
    }
    /// Offset of `page`, which lies in this area or borders on it, in what backs it.
    pub const fn offset_of(&self, page: Vpn) -> u64 {
        self.page_offset.wrapping_add(page.0.wrapping_sub(self.pages.start().0))
    }
    /// The part of this area that lies in `pages`.
    pub fn part(&self, pages: &PageRange) -> Vma {
        let pages = self.pages.intersection(pages);
        Vma { pages, page_offset: self.offset_of(pages.start()), ..*self }
    }
    /// Whether every flag of `flags` is set.
    pub const fn has(&self, flags: VmFlags) -> bool {
        self.attributes.flags.contains(flags)
    }
    /// Whether its rights allow anything at all: `vma_is_accessible`.
    pub const fn is_accessible(&self) -> bool {
        let Protection { read, write, execute } = self.attributes.protection;
        read || write || execute
    }
    /// Whether writes to its pages go to frames of the process's own: `is_cow_mapping`, of what may be written.
    pub const fn is_private(&self) -> bool {
        self.attributes.backing.is_private()
    }
}

/// Whether rights of `protection` permit an access of `kind` in this format. Linux's `access_error`: a writable page
/// is readable in both architectures; x86 cannot deny reads to a page that permits anything, and without XD it
/// cannot deny fetches either.
pub(crate) fn permits(spec: &FormatSpec, protection: Protection, kind: AccessKind) -> bool {
    let any = protection.read || protection.write || protection.execute;
    match (kind, spec.isa) {
        (AccessKind::Store, _) => protection.write,
        (AccessKind::Load, Isa::RiscV) => protection.read || protection.write,
        (AccessKind::Load, Isa::X86) => any,
        (AccessKind::Fetch, Isa::X86) if spec.execute_disable_bit.is_none() => any,
        (AccessKind::Fetch, _) => protection.execute,
    }
}

/// `protection` with what an access of `kind` needs added.
pub(crate) fn widened(protection: Protection, kind: AccessKind) -> Protection {
    Protection {
        read: true,
        write: protection.write || kind == AccessKind::Store,
        execute: protection.execute || kind == AccessKind::Fetch,
    }
}

/// Whether an entry that grants `granted` grants no more than rights of `protection` come to in this format.
pub(crate) fn permits_no_more(spec: &FormatSpec, protection: Protection, granted: Protection) -> bool {
    let may = |grants: bool, kind| !grants || permits(spec, protection, kind);
    may(granted.read, AccessKind::Load)
        && may(granted.write, AccessKind::Store)
        && may(granted.execute, AccessKind::Fetch)
}
