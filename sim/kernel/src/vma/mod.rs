//! Virtual memory areas: what a process may do where. Linux's `vm_area_struct`.
//!
//! Owns the areas and their order ([`VmaMap`]): splitting, merging, gaps. Owns no page tables; whoever changes an
//! area here changes the page tables to match.

mod map;
mod ranges;

pub use map::VmaMap;
pub(crate) use ranges::RangeSet;

use crate::{PageRange, SharedId, Vpn};
use pagewalk_arch::{AccessKind, FileId, FormatSpec, Isa, Protection};

/// Where the pages of an area come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Zeroes, private to the process.
    Anonymous,
    /// A file, private to the process. A trace names files by descriptor alone.
    PrivateFile {
        /// Which.
        file: FileId,
    },
    /// A shared mapping, of a file or anonymous: every process that inherits it sees the same frames.
    Shared {
        /// Which.
        object: SharedId,
        /// The file; `None` where it is anonymous.
        file: Option<FileId>,
    },
}

impl Backing {
    /// Whether a write is seen by this process alone.
    pub const fn is_private(self) -> bool {
        !matches!(self, Backing::Shared { .. })
    }
}

/// What neighbouring areas must have in common to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmaAttributes {
    /// Rights as asked for.
    pub protection: Protection,
    /// Where its pages come from.
    pub backing: Backing,
    /// MAP_GROWSDOWN: a fault just below extends it.
    pub grows_down: bool,
    /// No system call asked for it: an access proved that it was there before recording began. Its rights are those
    /// that accesses needed so far.
    pub inferred: bool,
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
}

impl Vma {
    /// Anonymous private memory.
    pub const fn anonymous(pages: PageRange, protection: Protection) -> Self {
        let attributes =
            VmaAttributes { protection, backing: Backing::Anonymous, grows_down: false, inferred: false };
        Self { pages, attributes, page_offset: pages.start().0 }
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
    /// Whether `next`, which begins where this one ends, continues it.
    fn continues_in(&self, next: &Vma) -> bool {
        self.pages.end() == next.pages.start()
            && self.attributes == next.attributes
            && self.offset_of(next.pages.start()) == next.page_offset
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
