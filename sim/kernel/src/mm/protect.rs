//! mprotect(2): the rights of areas change, and with them those of every entry already there.

use super::{AddressSpace, Gather};
use crate::system::System;
use crate::{PageRange, Pte};
use pagewalk_arch::{Mmu, Protection};

impl AddressSpace {
    /// Gives `pages` the rights `protection`. The call succeeded, so all of them were mapped: under inference, gaps
    /// become areas, and rights that were inferred are known from now on.
    pub(crate) fn protect(
        &mut self,
        system: &mut System,
        mmu: &mut dyn Mmu,
        pages: PageRange,
        protection: Protection,
    ) {
        self.fill_gaps(system, pages, protection);
        self.vmas.update(pages, |attributes| {
            attributes.protection = protection;
            attributes.inferred = false;
        });
        let mut gather = Gather::default();
        for mapped in self.table.mapped(mmu, pages) {
            let vma = *self.vmas.find(mapped.page).expect("a mapped page lies in an area");
            let rights = self.rights_now(system, &vma, mapped.pte.frame);
            let rights = self.table.layout().granted(rights);
            if rights != mapped.pte.rights {
                self.table.set(mmu, &mut system.memory, mapped.slot, Pte { rights, ..mapped.pte });
                gather.add(&mapped);
            }
        }
        self.flush(system, mmu, gather);
    }
}
