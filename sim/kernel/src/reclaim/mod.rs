//! Taking memory back: what happens when free frames run low.
//!
//! Owns when pages move between the lists of the LRU and when they are taken. Works on all address spaces at once, by the
//! reverse mappings of frames. [`System::ensure`] alone reclaims: it is called where nothing is held that a page which
//! goes could be, and what is then taken from memory is there.

use crate::frame::FolioFlags;
use crate::system::System;
use crate::{OutOfMemory, Pfn};
use pagewalk_arch::Platform;

/// For whom memory is asked: what the asker may wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gfp {
    /// GFP_HIGHUSER_MOVABLE: a page of a process, or of a file.
    #[default]
    User,
    /// GFP_KERNEL: the kernel's own, such as page tables.
    Kernel,
}

impl System {
    /// Sees to it that `frames` frames can be had, by reclaim where it must.
    ///
    /// # Errors
    /// Nothing more can be taken: it is for the OOM killer now.
    pub(crate) fn ensure(
        &mut self,
        _platform: &mut dyn Platform,
        frames: u64,
        _gfp: Gfp,
    ) -> Result<(), OutOfMemory> {
        if self.memory.frames_free() < frames { Err(OutOfMemory) } else { Ok(()) }
    }

    /// `pfn` was used through a call, such as read(2): Linux's `folio_mark_accessed`. The first use marks an inactive page,
    /// the second makes it active.
    pub(crate) fn mark_accessed(&mut self, pfn: Pfn) {
        let flags = self.memory.flags(pfn);
        if !flags.contains(FolioFlags::REFERENCED) {
            self.memory.set(pfn, FolioFlags::REFERENCED);
        } else if !flags.intersects(FolioFlags::UNEVICTABLE | FolioFlags::ACTIVE) {
            self.memory.set(pfn, FolioFlags::ACTIVE);
            self.memory.unset(pfn, FolioFlags::REFERENCED);
            self.events.pgactivate += 1;
        }
    }
}
