//! Frames of a process's own: zeroes at the first write, the page of zeroes before it, and the history that an area has
//! from then on. Linux's `do_anonymous_page`.

use super::{AddressSpace, Touch};
use crate::space::fresh_anon;
use crate::system::System;
use crate::{FolioFlags, FrameUse, OutOfMemory, Pfn};
use pagewalk_arch::AccessKind;

impl AddressSpace {
    /// The frame of untouched anonymous memory: the page of zeroes for as long as nothing is written.
    pub(super) fn anonymous_frame(
        &mut self,
        system: &mut System,
        touch: &mut Touch,
    ) -> Result<Pfn, OutOfMemory> {
        match system.zero_frame {
            Some(zero) if system.config.zero_page && touch.kind != AccessKind::Store => {
                system.stats.zero_page += 1;
                Ok(zero)
            }
            _ => {
                let frame = self.own_frame(system, touch)?;
                system.stats.zero_fill += 1;
                Ok(frame)
            }
        }
    }

    /// A new frame that belongs to this process alone.
    pub(super) fn own_frame(&mut self, system: &mut System, touch: &mut Touch) -> Result<Pfn, OutOfMemory> {
        let frame = system.memory.allocate(FrameUse::Anonymous)?;
        system.memory.set(frame, FolioFlags::EXCLUSIVE | FolioFlags::SWAPBACKED | FolioFlags::UPTODATE);
        system.memory.lru_add(frame);
        self.prepare_anon(system, touch);
        Ok(frame)
    }

    /// The area has anonymous memory from now on, unless it had before.
    pub(super) fn prepare_anon(&mut self, system: &mut System, touch: &mut Touch) {
        if touch.area.anon.is_none() {
            let count = &mut system.anon_vmas_created;
            touch.area = self.vmas.prepare_anon(touch.page, || fresh_anon(count));
        }
    }
}
