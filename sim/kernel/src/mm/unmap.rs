//! munmap(2): areas, leaves, frames and tables of a range go, and one fence follows.

use super::{AddressSpace, Gather};
use crate::PageRange;
use crate::system::System;
use pagewalk_arch::Mmu;

impl AddressSpace {
    /// Unmaps `pages` because the trace said so: no access to them is inferred to be legal from now on.
    pub(crate) fn unmap(&mut self, system: &mut System, mmu: &mut dyn Mmu, pages: PageRange) {
        self.discard(system, mmu, pages);
        self.unmapped.insert(pages);
    }

    /// Unmaps `pages` to make room.
    pub(super) fn discard(&mut self, system: &mut System, mmu: &mut dyn Mmu, pages: PageRange) {
        let gone = self.vmas.remove(pages);
        self.guards.remove(pages);
        if gone.is_empty() {
            return;
        }
        let mut gather = Gather::default();
        self.zap(system, mmu, pages, &mut gather);
        for vma in &gone {
            system.objects.release(&mut system.memory, vma);
        }
        self.release_tables(system, mmu, pages, &mut gather);
        self.flush(system, mmu, gather);
    }

    /// Returns the tables that served only `pages` and the hole around them.
    pub(super) fn release_tables(
        &mut self,
        system: &mut System,
        mmu: &mut dyn Mmu,
        pages: PageRange,
        gather: &mut Gather,
    ) {
        let hole = self.vmas.hole_around(pages, system.user_end());
        let released = self.table.release(mmu, &mut system.memory, hole);
        if released.tables > 0 {
            gather.add_everything();
        }
        self.reload(system, mmu, released.resident_changed);
    }
}
