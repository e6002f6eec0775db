//! Frames of files, segments and shared anonymous memory: every process that maps the page gets the same. Linux's
//! `do_fault`.

use super::{AddressSpace, Touch};
use crate::system::System;
use crate::{OutOfMemory, Pfn};
use pagewalk_trace::FileId;

/// Whether the page lies beyond the end of what its area shows.
pub(super) fn is_beyond_end(system: &System, touch: &Touch) -> bool {
    let file = touch.area.attributes.backing.file();
    file.is_some_and(|file| system.objects.is_beyond_end(file, touch.area.offset_of(touch.page)))
}

/// The frame of `file` for the page, with a reference for its entry.
pub(super) fn file_frame(system: &mut System, file: FileId, touch: &Touch) -> Result<Pfn, OutOfMemory> {
    let frame = system.objects.frame(&mut system.memory, file, touch.area.offset_of(touch.page))?;
    system.memory.get(frame);
    Ok(frame)
}

impl AddressSpace {
    /// The process's own copy of a page of a file that it writes before it ever read it: `do_cow_fault`.
    pub(super) fn copy_of_file(
        &mut self,
        system: &mut System,
        touch: &mut Touch,
    ) -> Result<Pfn, OutOfMemory> {
        let frame = self.own_frame(system, touch)?;
        system.stats.file_copies += 1;
        Ok(frame)
    }
}
