//! mmap(2), as it succeeded: the area comes to lie where the recorded kernel put it.

use super::AddressSpace;
use crate::system::System;
use crate::{Backing, PageRange, Vma, VmaAttributes};
use pagewalk_arch::{AccessKind, FRAME_SHIFT, MapRequest, Mmu};

impl AddressSpace {
    /// Maps `pages` as `request` says. What lay there is unmapped first (MAP_FIXED): the trace knows better than
    /// this model what was in the way. MAP_POPULATE faults every page in; where memory runs out the rest stays
    /// absent, as in Linux.
    pub(crate) fn map(
        &mut self,
        system: &mut System,
        mmu: &mut dyn Mmu,
        pages: PageRange,
        request: &MapRequest,
    ) {
        let file = request.source.map(|source| source.file);
        let backing = match (request.shared, file) {
            (true, file) => Backing::Shared { object: system.shared.create(), file },
            (false, Some(file)) => Backing::PrivateFile { file },
            (false, None) => Backing::Anonymous,
        };
        let page_offset = match backing {
            Backing::Anonymous => pages.start().0,
            _ => request.source.map_or(0, |source| source.offset >> FRAME_SHIFT),
        };
        let protection = request.protection;
        // Linux refuses MAP_GROWSDOWN for everything else.
        let grows_down = request.grows_down && backing == Backing::Anonymous;
        let attributes = VmaAttributes { protection, backing, grows_down, inferred: false };
        self.map_area(system, mmu, Vma { pages, attributes, page_offset });
        if request.populate {
            self.populate(system, mmu, pages);
        }
    }

    /// Puts `vma` in place of whatever is there.
    pub(super) fn map_area(&mut self, system: &mut System, mmu: &mut dyn Mmu, vma: Vma) {
        self.discard(system, mmu, vma.pages);
        self.unmapped.remove(vma.pages);
        system.shared.retain(&vma);
        self.vmas.insert(vma);
    }

    /// Linux's `populate_vma_page_range`: writes where a private page may be written, so that no write faults later.
    fn populate(&mut self, system: &mut System, mmu: &mut dyn Mmu, pages: PageRange) {
        for page in pages.iter() {
            let Some(vma) = self.vmas.find(page).copied() else { continue };
            let protection = vma.attributes.protection;
            let writes = protection.write && vma.attributes.backing.is_private();
            let kind = if writes { AccessKind::Store } else { AccessKind::Load };
            let accessible = protection.read || protection.write || protection.execute;
            if !accessible || self.fault_in(system, mmu, &vma, page, kind).is_err() {
                return;
            }
        }
    }
}
