//! mremap(2): an area grows, shrinks or moves, and its frames move with it.

use super::{AddressSpace, Gather};
use crate::system::System;
use crate::{Backing, PageRange, Vma, Vpn};
use pagewalk_arch::{Mmu, Protection};

const INFERRED_RIGHTS: Protection = Protection { read: true, write: true, execute: false };

impl AddressSpace {
    /// What was `from` is now `to`. The two are the same start, or do not overlap. A shared mapping with an empty
    /// `from` is mapped a second time, as Linux has it.
    pub(crate) fn remap(&mut self, system: &mut System, mmu: &mut dyn Mmu, from: PageRange, to: PageRange) {
        if from.is_empty() {
            return self.duplicate(system, mmu, from.start(), to);
        }
        self.fill_gaps(system, from, INFERRED_RIGHTS);
        if to.pages() < from.pages() {
            self.unmap(system, mmu, PageRange::new(from.start().up(to.pages()), from.end()));
        }
        let kept = from.pages().min(to.pages());
        let source = PageRange::new(from.start(), from.start().up(kept));
        if from.start() != to.start() {
            self.relocate(system, mmu, source, to.start());
        }
        if to.pages() > kept {
            self.extend(system, mmu, to.start().up(kept), to.end());
        }
    }

    /// Moves the areas and leaves of `source` to `to`.
    fn relocate(&mut self, system: &mut System, mmu: &mut dyn Mmu, source: PageRange, to: Vpn) {
        let target = PageRange::new(to, to.up(source.pages()));
        self.discard(system, mmu, target);
        let leaves = self.table.mapped(mmu, source);
        for mut vma in self.vmas.remove(source) {
            let start = to.up(vma.pages.start().pages_above(source.start()));
            let used = leaves.iter().any(|leaf| vma.pages.contains(leaf.page));
            if vma.attributes.backing == Backing::Anonymous && !used {
                // Never touched, so nothing ties it to where it was: it may merge where it comes to lie.
                vma.page_offset = start.0;
            }
            vma.pages = PageRange::new(start, start.up(vma.pages.pages()));
            self.vmas.insert(vma);
        }
        self.unmapped.remove(target);
        self.unmapped.insert(source);
        let mut gather = Gather::default();
        for leaf in leaves {
            self.table.clear(mmu, &mut system.memory, leaf.slot);
            gather.add(&leaf);
            let page = to.up(leaf.page.pages_above(source.start()));
            match self.slot(system, mmu, page) {
                Ok(slot) => self.table.set(mmu, &mut system.memory, slot, leaf.pte),
                // No frame for the new table. The recorded call succeeded, so the area moves all the same; the page
                // comes back as a new one when it is touched, or the touch runs out of memory itself.
                Err(_) => self.drop_frame(system, leaf.pte.frame),
            }
        }
        self.release_tables(system, mmu, source, &mut gather);
        self.flush(system, mmu, gather);
    }

    /// Continues the area that ends at `start` up to `end`.
    fn extend(&mut self, system: &mut System, mmu: &mut dyn Mmu, start: Vpn, end: Vpn) {
        let Some(last) = self.vmas.below(start).filter(|vma| vma.pages.end() == start).copied() else {
            return;
        };
        let page_offset = last.offset_of(start);
        self.map_area(system, mmu, Vma { pages: PageRange::new(start, end), page_offset, ..last });
    }

    fn duplicate(&mut self, system: &mut System, mmu: &mut dyn Mmu, from: Vpn, to: PageRange) {
        let Some(vma) = self.vmas.find(from).copied() else { return };
        if !vma.attributes.backing.is_private() && !to.is_empty() {
            let page_offset = vma.offset_of(from);
            self.map_area(system, mmu, Vma { pages: to, page_offset, ..vma });
        }
    }
}
