//! fork(2): a second address space with the same areas and, until one of the two writes, the same frames.

use super::{AddressSpace, Gather, MmId};
use crate::errno::CallStop;
use crate::reclaim::Gfp;
use crate::system::System;
use crate::table::{Found, Swapped};
use crate::{FolioFlags, OutOfMemory, PageRange, Pte, VmFlags, Vma};
use pagewalk_arch::Platform;
use pagewalk_trace::Protection;

/// The most tables that an entry needs: one on each level.
const TABLES_MAX: u64 = 5;

impl AddressSpace {
    /// The child's address space: Linux's `dup_mmap`. Entries are copied only of areas that have had anonymous pages;
    /// all others the child faults in again. Private pages are write-protected on both sides and belong to neither
    /// alone until one writes. The child's entries are not accessed yet, so A and D keep telling what each process did.
    pub(crate) fn fork(
        &mut self,
        id: MmId,
        system: &mut System,
        platform: &mut dyn Platform,
    ) -> Result<AddressSpace, CallStop> {
        let mut child = AddressSpace::new(id, system)?;
        system.mms.forked(id);
        child.heap = self.heap;
        child.unmapped = self.unmapped.clone();
        (child.layout, child.limits) = (self.layout, self.limits);
        let mut protected = Gather::default();
        let copied = self.copy_areas(&mut child, system, platform, &mut protected);
        if !protected.is_empty() {
            // Linux's `dup_mmap` flushes the whole parent, however little was protected.
            protected.add_everything();
        }
        self.flush(system, platform, protected);
        match copied {
            Ok(()) => Ok(child),
            Err(stop) => {
                child.destroy(system, platform);
                Err(stop)
            }
        }
    }

    fn copy_areas(
        &mut self,
        child: &mut AddressSpace,
        system: &mut System,
        platform: &mut dyn Platform,
        protected: &mut Gather,
    ) -> Result<(), CallStop> {
        for vma in self.vmas.iter().copied().collect::<Vec<_>>() {
            if vma.has(VmFlags::DONTCOPY) {
                continue;
            }
            if vma.has(VmFlags::ACCOUNT) {
                self.charge(system, vma.pages.pages())?;
            }
            let is_wiped = vma.has(VmFlags::WIPEONFORK);
            let mut copy = vma;
            copy.attributes.flags.remove(super::lock::LOCKED_MASK);
            copy.anon = vma.anon.filter(|_| !is_wiped).map(|_| system.inherited_anon());
            system.cache.retain(&copy);
            child.vmas.insert_copy(copy);
            // `vma_needs_copy`.
            let has_entries_of_its_own = copy.anon.is_some() || copy.has(VmFlags::PFNMAP);
            if has_entries_of_its_own || (copy.had_guards && !is_wiped) {
                for guarded in self.guards.within(vma.pages) {
                    child.guards.insert(guarded);
                }
                self.copy_entries(&vma, vma.pages, child, system, platform, protected)?;
            }
        }
        Ok(())
    }

    fn copy_entries(
        &mut self,
        vma: &Vma,
        pages: PageRange,
        child: &mut AddressSpace,
        system: &mut System,
        platform: &mut dyn Platform,
        protected: &mut Gather,
    ) -> Result<(), OutOfMemory> {
        let mut from = pages.start();
        loop {
            // Before an entry is looked at: what makes room may change it.
            let _ = system.make_room(platform, TABLES_MAX, Gfp::Kernel);
            let rest = self.table.cursor(PageRange::new(from, pages.end()));
            let Some(page) = rest.first_table(platform) else { return Ok(()) };
            from = page;
            // As in `copy_pte_range`, the child gets a table for each that is there, be it empty.
            child.slot(system, platform, page)?;
            let until = self.table.layout().end_of_table(from).min(pages.end());
            self.copy_table(vma, PageRange::new(from, until), child, system, platform, protected)?;
            from = until;
        }
    }

    /// Copies the entries of one page table.
    fn copy_table(
        &mut self,
        vma: &Vma,
        pages: PageRange,
        child: &mut AddressSpace,
        system: &mut System,
        platform: &mut dyn Platform,
        protected: &mut Gather,
    ) -> Result<(), OutOfMemory> {
        let mut leaves = self.table.cursor(pages);
        while let Some(found) = leaves.next_used(platform) {
            let slot = child.slot(system, platform, found.page())?;
            let mapped = match found {
                Found::Mapped(mapped) => mapped,
                Found::Swapped { slot: parents, swapped, .. } => {
                    let shared = Swapped { exclusive: false, ..swapped };
                    self.table.set_swapped(platform, &mut system.memory, parents, shared);
                    child.table.set_swapped(platform, &mut system.memory, slot, shared);
                    system.swap.duplicate(swapped.slot);
                    let counters = system.mms.get_mut(child.id);
                    if counters.swap == 0 {
                        system.swap.fork_space(self.id, child.id);
                    }
                    counters.swap += 1;
                    continue;
                }
            };
            let frame = mapped.pte.frame;
            let mut rights = mapped.pte.rights;
            if vma.is_private() {
                if rights.write {
                    rights = Protection { write: false, ..rights };
                    self.table.set(platform, &mut system.memory, mapped.slot, Pte { rights, ..mapped.pte });
                    protected.add(&mapped);
                }
                if system.memory.is_anonymous(frame) {
                    system.memory.unset(frame, FolioFlags::EXCLUSIVE);
                }
            }
            if !system.is_zero_page(frame) {
                system.memory.get(frame);
            }
            let dirty = mapped.pte.dirty && vma.is_private();
            child.install(system, platform, slot, Pte { rights, accessed: false, dirty, ..mapped.pte });
        }
        Ok(())
    }
}
