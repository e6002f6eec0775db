//! munmap(2): areas, leaves, frames and tables of a range go, and one fence follows.

use super::{AddressSpace, Gather};
use crate::PageRange;
use crate::system::System;
use pagewalk_arch::Platform;

impl AddressSpace {
    /// Unmaps `pages` because the trace said so: no access to them is inferred to be legal from now on.
    pub(crate) fn unmap(&mut self, system: &mut System, platform: &mut dyn Platform, pages: PageRange) {
        self.discard(system, platform, pages);
        self.unmapped.insert(pages);
    }

    /// Unmaps `pages` to make room.
    pub(super) fn discard(&mut self, system: &mut System, platform: &mut dyn Platform, pages: PageRange) {
        let gone = self.vmas.remove(pages);
        self.guards.remove(pages);
        if gone.is_empty() {
            return;
        }
        let mut gather = Gather::default();
        for vma in &gone {
            self.zap(system, platform, vma, vma.pages, &mut gather);
            system.release_area(vma);
        }
        self.release_tables(system, platform, pages, &mut gather);
        self.flush(system, platform, gather);
    }

    /// Returns the tables that served only `pages` and the hole around them.
    pub(super) fn release_tables(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        pages: PageRange,
        gather: &mut Gather,
    ) {
        let hole = self.vmas.hole_around(pages, system.user_end());
        let released = self.table.release(platform, &mut system.memory, hole);
        released.tables.into_iter().for_each(|table| gather.hold_table(table));
        self.reload(system, platform, released.resident_changed);
    }
}
