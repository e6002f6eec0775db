//! madvise(2), as far as it changes what is resident: MADV_DONTNEED and MADV_FREE. Other advice is only advice.

use super::{AddressSpace, Gather};
use crate::system::System;
use crate::{Backing, PageRange, Pte};
use pagewalk_arch::Mmu;

/// `MADV_DONTNEED` of `asm-generic/mman-common.h`.
const DONT_NEED: i32 = 4;
/// `MADV_FREE`.
const FREE: i32 = 8;

impl AddressSpace {
    /// Advice `advice` for `pages`.
    pub(crate) fn advise(&mut self, system: &mut System, mmu: &mut dyn Mmu, pages: PageRange, advice: i32) {
        match advice {
            DONT_NEED => self.forget(system, mmu, pages),
            FREE => self.offer(system, mmu, pages),
            _ => {}
        }
    }

    /// Private contents are lost, shared ones lose only their entries. Areas and tables stay.
    fn forget(&mut self, system: &mut System, mmu: &mut dyn Mmu, pages: PageRange) {
        let mut gather = Gather::default();
        self.zap(system, mmu, pages, &mut gather);
        self.flush(system, mmu, gather);
    }

    /// Anonymous pages may be taken until they are written again, which D will tell: both bits are cleared.
    fn offer(&mut self, system: &mut System, mmu: &mut dyn Mmu, pages: PageRange) {
        let mut gather = Gather::default();
        for mapped in self.table.mapped(mmu, pages) {
            let vma = self.vmas.find(mapped.page).expect("a mapped page lies in an area");
            let clean = Pte { accessed: false, dirty: false, ..mapped.pte };
            if vma.attributes.backing == Backing::Anonymous && clean != mapped.pte {
                self.table.set(mmu, &mut system.memory, mapped.slot, clean);
                gather.add(&mapped);
            }
        }
        self.flush(system, mmu, gather);
    }
}
