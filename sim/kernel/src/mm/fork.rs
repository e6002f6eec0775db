//! fork(2): a second address space with the same areas and, until one of the two writes, the same frames.

use super::{AddressSpace, Gather, MmId};
use crate::system::System;
use crate::{OutOfMemory, Pte};
use pagewalk_arch::{Mmu, Protection};

impl AddressSpace {
    /// The child's address space. Private pages are write-protected on both sides and copied at the first write
    /// (copy on write); shared ones are not copied at all, the child faults them in again. The child's entries are
    /// not accessed yet, so A and D keep telling what each process did.
    pub(crate) fn fork(
        &mut self,
        id: MmId,
        system: &mut System,
        mmu: &mut dyn Mmu,
    ) -> Result<AddressSpace, OutOfMemory> {
        let mut child = AddressSpace::new(id, system)?;
        child.heap = self.heap;
        child.unmapped = self.unmapped.clone();
        let mut protected = Gather::default();
        let copied = self.copy_areas(&mut child, system, mmu, &mut protected);
        if !protected.is_empty() {
            // Linux's `dup_mmap` flushes the whole parent, however little was protected.
            protected.add_everything();
        }
        self.flush(system, mmu, protected);
        match copied {
            Ok(()) => Ok(child),
            Err(out_of_memory) => {
                child.destroy(system, mmu);
                Err(out_of_memory)
            }
        }
    }

    fn copy_areas(
        &mut self,
        child: &mut AddressSpace,
        system: &mut System,
        mmu: &mut dyn Mmu,
        protected: &mut Gather,
    ) -> Result<(), OutOfMemory> {
        for vma in self.vmas.iter().copied().collect::<Vec<_>>() {
            system.shared.retain(&vma);
            child.vmas.insert(vma);
            if !vma.attributes.backing.is_private() {
                continue;
            }
            for mapped in self.table.mapped(mmu, vma.pages) {
                let slot = child.slot(system, mmu, mapped.page)?;
                let rights = Protection { write: false, ..mapped.pte.rights };
                if mapped.pte.rights.write {
                    self.table.set(mmu, &mut system.memory, mapped.slot, Pte { rights, ..mapped.pte });
                    protected.add(&mapped);
                }
                if !system.is_zero_page(mapped.pte.frame) {
                    system.memory.get(mapped.pte.frame);
                }
                child.install(system, mmu, slot, Pte { rights, accessed: false, ..mapped.pte });
            }
        }
        Ok(())
    }
}
