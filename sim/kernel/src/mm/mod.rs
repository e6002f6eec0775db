//! An address space, Linux's `mm_struct`: the areas of a process and the page tables that realise them.
//!
//! Protocol of every verb (one file each): the areas change first, then the page-table entries, then one fence for
//! all entries that were valid before and are different now. From not valid to valid needs none: this MMU does not
//! cache what is absent. A table that is freed needs the whole address space dropped, because walks may have
//! cached the way to it.

mod advise;
mod bound;
mod brk;
mod fault;
mod fork;
mod gather;
mod map;
mod protect;
mod remap;
mod unmap;

pub(crate) use fault::FaultStop;
use gather::Gather;

use crate::asid::AsidTag;
use crate::pgtable::Slot;
use crate::system::System;
use crate::vma::RangeSet;
use crate::{OutOfMemory, PageRange, PageTable, Pfn, Pte, Vma, VmaMap, VmaPolicy, Vpn};
use pagewalk_arch::{FRAME_SHIFT, Mmu, PhysAddr, Protection, VirtAddr};

/// Number of an address space, counted from 1 in order of creation. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MmId(pub u64);

/// The heap: from where it began to where brk(2) last put its end, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heap {
    pub(crate) start: VirtAddr,
    pub(crate) end: VirtAddr,
}

/// One address space.
#[derive(Debug)]
pub struct AddressSpace {
    id: MmId,
    vmas: VmaMap,
    table: PageTable,
    pub(crate) asid: AsidTag,
    heap: Option<Heap>,
    /// What the trace itself unmapped and did not map again: never inferred.
    unmapped: RangeSet,
    /// Leaf entries that map a frame other than the page of zeroes.
    resident: u64,
    /// Leaf entries that map the page of zeroes.
    zero_mapped: u64,
}

impl AddressSpace {
    /// An address space with nothing in it.
    pub(crate) fn new(id: MmId, system: &mut System) -> Result<Self, OutOfMemory> {
        Ok(Self {
            id,
            vmas: VmaMap::default(),
            table: PageTable::new(system.spec, &mut system.memory)?,
            asid: AsidTag::default(),
            heap: None,
            unmapped: RangeSet::default(),
            resident: 0,
            zero_mapped: 0,
        })
    }

    /// Its number.
    pub fn id(&self) -> MmId {
        self.id
    }
    /// Its areas.
    pub fn vmas(&self) -> &VmaMap {
        &self.vmas
    }
    /// Its page tables.
    pub fn page_table(&self) -> &PageTable {
        &self.table
    }
    /// Bytes of all areas.
    pub fn vsz_bytes(&self) -> u64 {
        self.vmas.pages() << FRAME_SHIFT
    }
    /// Bytes of frames that it maps, the page of zeroes not counted.
    pub fn rss_bytes(&self) -> u64 {
        self.resident << FRAME_SHIFT
    }
    /// Leaf entries in use, those of the page of zeroes included.
    pub fn leaf_entries(&self) -> u64 {
        self.resident + self.zero_mapped
    }
    /// Whether `vma` is the heap, as `/proc/PID/maps` names it.
    pub fn is_heap(&self, vma: &Vma) -> bool {
        self.heap.is_some_and(|heap| {
            vma.pages.start().addr() < heap.end && vma.pages.end() > brk::page_above(heap.start)
        })
    }

    fn infers(&self, system: &System) -> bool {
        system.config.vma_policy == VmaPolicy::Infer
    }

    /// The rights that the entry of a page of `vma` in `frame` may grant now. A private page that others map too
    /// is not writable, whatever its area says: the write must fault first, to be given a copy.
    fn rights_now(&self, system: &System, vma: &Vma, frame: Pfn) -> Protection {
        let asked = vma.attributes.protection;
        let others = system.is_zero_page(frame) || system.memory.references(frame) > 1;
        if asked.write && vma.attributes.backing.is_private() && others {
            return Protection { read: true, write: false, ..asked };
        }
        asked
    }

    /// The place of the entry of `page`. Where that needed a new entry that the MMU holds resident, the context is
    /// set again, as an operating system does on PAE.
    fn slot(&mut self, system: &mut System, mmu: &mut dyn Mmu, page: Vpn) -> Result<PhysAddr, OutOfMemory> {
        let Slot { addr, resident_changed } = self.table.slot(mmu, &mut system.memory, page)?;
        self.reload(system, mmu, resident_changed);
        Ok(addr)
    }

    fn reload(&mut self, system: &mut System, mmu: &mut dyn Mmu, resident_changed: bool) {
        if resident_changed && system.current == Some(self.id) {
            let asid = system.asids.cached_under(&self.asid, true).unwrap_or_default();
            let mode = system.mode();
            mmu.set_context(&pagewalk_arch::Context { root: self.table.root(), asid, mode });
        }
    }

    /// Enters a leaf where none is. The caller's reference to the frame becomes the entry's.
    fn install(&mut self, system: &mut System, mmu: &mut dyn Mmu, slot: PhysAddr, pte: Pte) {
        *self.count_of(system, pte.frame) += 1;
        self.table.set(mmu, &mut system.memory, slot, pte);
    }

    /// Gives up an entry's reference to `frame`.
    fn drop_frame(&mut self, system: &mut System, frame: Pfn) {
        *self.count_of(system, frame) -= 1;
        if !system.is_zero_page(frame) {
            system.memory.put(frame);
        }
    }

    fn count_of(&mut self, system: &System, frame: Pfn) -> &mut u64 {
        if system.is_zero_page(frame) { &mut self.zero_mapped } else { &mut self.resident }
    }

    /// Clears every leaf of `pages` and gives up its frame.
    fn zap(&mut self, system: &mut System, mmu: &mut dyn Mmu, pages: PageRange, gather: &mut Gather) {
        for mapped in self.table.mapped(mmu, pages) {
            self.table.clear(mmu, &mut system.memory, mapped.slot);
            self.drop_frame(system, mapped.pte.frame);
            gather.add(&mapped);
        }
    }

    /// Under [`VmaPolicy::Infer`], what the trace's own calls show to be mapped is mapped: gaps in `pages` become
    /// anonymous areas of `protection`.
    fn fill_gaps(&mut self, system: &System, pages: PageRange, protection: Protection) {
        if self.infers(system) {
            for gap in self.vmas.gaps(pages) {
                self.vmas.insert(Vma::anonymous(gap, protection));
                self.unmapped.remove(gap);
            }
        }
    }

    /// Gives everything back. The MMU must not translate through its tables any more.
    pub(crate) fn destroy(mut self, system: &mut System, mmu: &mut dyn Mmu) {
        let everything = PageRange::new(Vpn(0), system.user_end());
        self.zap(system, mmu, everything, &mut Gather::default());
        for vma in self.vmas.remove(everything) {
            system.shared.release(&mut system.memory, &vma);
        }
        system.flush_address_space(mmu, self.id, &self.asid);
        debug_assert_eq!((self.resident, self.zero_mapped), (0, 0));
        self.table.destroy(mmu, &mut system.memory);
    }
}
