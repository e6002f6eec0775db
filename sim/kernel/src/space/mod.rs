//! An address space, Linux's `mm_struct`: the areas of a process and the page tables that realise them.
//!
//! Protocol of every verb (one file each): the areas change first, then the page-table entries, then one fence for
//! all entries that were valid before and are different now. From not valid to valid needs none: this MMU does not
//! cache what is absent. A table that is freed needs the whole address space dropped, because walks may have
//! cached the way to it.

mod advise;
mod bound;
mod brk;
pub(crate) mod counters;
mod fault;
mod flush;
mod fork;
mod layout;
mod lock;
mod map;
mod may;
mod populate;
mod protect;
mod remap;
mod unmap;
pub(crate) mod vma;

use crate::tlb::Gather;
pub(crate) use advise::{Punch, advice_changes_areas, is_advice};
pub use counters::MmCounters;
pub(crate) use counters::Rss;
pub(crate) use fault::FaultStop;
pub(crate) use layout::{Layout, Placement};
pub(crate) use lock::lock_flags;
pub(crate) use may::Growth;

use crate::credentials::Limits;
use crate::errno::{CallStop, Errno};
use crate::mm_id::MmId;
use crate::space::vma::RangeSet;
use crate::system::System;
use crate::table::{Found, Slot, Swapped};
use crate::{
    Backing, FolioFlags, Mapped, OutOfMemory, PageRange, PageTable, Pfn, Place, Pte, VmFlags, Vma, VmaMap,
    VmaPolicy, Vpn,
};
use pagewalk_arch::{FRAME_SHIFT, PhysAddr, Platform, VirtAddr};
use pagewalk_trace::Protection;

/// Rights of memory that a call shows to be mapped without saying how.
const INFERRED_RIGHTS: Protection = Protection { read: true, write: true, execute: false };

/// The number of anonymous memory that is not inherited, `created` being how many there are.
fn fresh_anon(created: &mut u64) -> crate::AnonVma {
    *created += 1;
    crate::AnonVma { id: *created, inherited: false }
}

/// The heap: from where it began to where brk(2) last put its end, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heap {
    pub(crate) start: VirtAddr,
    pub(crate) end: VirtAddr,
}

/// One address space.
#[derive(Clone, Debug)]
pub struct AddressSpace {
    id: MmId,
    pub(crate) vmas: VmaMap,
    table: PageTable,
    heap: Option<Heap>,
    /// What the trace itself unmapped and did not map again: never inferred.
    unmapped: RangeSet,
    /// Pages that MADV_GUARD_INSTALL made untouchable; Linux marks their entries.
    guards: RangeSet,
    /// Flags of every area to come: `def_flags`, which mlockall(MCL_FUTURE) sets.
    future_flags: VmFlags,
    /// What a call was to fault in when memory ran out.
    left_to_populate: Option<PageRange>,
    /// Where areas are placed that name no address.
    pub(crate) layout: Layout,
    /// What its process may have; `None` where a trace says what came out.
    pub(crate) limits: Option<Limits>,
}

impl AddressSpace {
    /// An address space with nothing in it.
    pub(crate) fn new(id: MmId, system: &mut System) -> Result<Self, OutOfMemory> {
        Ok(Self {
            id,
            vmas: VmaMap::new(system.rules.merge),
            table: PageTable::new(system.spec, &mut system.memory, id)?,
            heap: None,
            unmapped: RangeSet::default(),
            guards: RangeSet::default(),
            future_flags: VmFlags::default(),
            left_to_populate: None,
            layout: Layout::new(system.spec, system.config.stack_bytes_max, false),
            limits: None,
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
    /// Whether MADV_GUARD_INSTALL made `page` untouchable.
    pub(crate) fn is_guarded(&self, page: Vpn) -> bool {
        self.guards.contains(page)
    }
    /// A range of `pages` that the trace itself unmapped and did not map again.
    pub(crate) fn unmapped_within(&self, pages: PageRange) -> Option<PageRange> {
        self.unmapped.within(pages).first().copied()
    }
    /// The heap, where it is known.
    pub(crate) fn heap(&self) -> Option<Heap> {
        self.heap
    }
    /// Whether `vma` is the heap, as `/proc/PID/maps` names it.
    pub fn is_heap(&self, vma: &Vma) -> bool {
        self.heap.is_some_and(|heap| {
            vma.pages.start().addr() < heap.end && vma.pages.end() > brk::page_above(heap.start)
        })
    }

    /// Every page that a user program can have.
    fn everything(&self, system: &System) -> PageRange {
        PageRange::new(Vpn(0), system.user_end())
    }

    /// Whether what no call tells of is inferred. All areas of a program that makes live calls are known.
    fn infers(&self, system: &System) -> bool {
        system.config.vma_policy == VmaPolicy::Infer && self.limits.is_none()
    }

    /// The rights that the entry of a page of `vma` in `frame` may grant now. A private page is writable only where
    /// it is this process's own beyond question ([`FolioFlags::EXCLUSIVE`]), whatever its area says: otherwise
    /// the write must fault first. Linux's `can_change_pte_writable`.
    /// A shared page of a file on a disk is writable only once it is dirty (`is_told`): the first write must fault, so
    /// that the file system is told.
    fn rights_now(&self, system: &System, vma: &Vma, frame: Pfn, is_told: bool) -> Protection {
        let asked = vma.attributes.protection;
        let may_write = match vma.attributes.backing {
            Backing::Shared(file) => is_told || !system.cache.wants_write_faults(file),
            _ => system.memory.has(frame, FolioFlags::EXCLUSIVE),
        };
        if asked.write && !may_write {
            return Protection { read: true, write: false, ..asked };
        }
        asked
    }

    /// The place of the entry of `page`. Where that needed a new entry that MMUs hold resident, contexts are set
    /// again, as an operating system does on PAE.
    fn slot(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        page: Vpn,
    ) -> Result<PhysAddr, OutOfMemory> {
        let Slot { addr, resident_changed } = self.table.slot(platform, &mut system.memory, page)?;
        self.reload(system, platform, resident_changed);
        Ok(addr)
    }

    fn reload(&self, system: &System, platform: &mut dyn Platform, resident_changed: bool) {
        if resident_changed {
            system.reload(platform, self.id, self.table.root());
        }
    }

    /// Enters a leaf where none is. The caller's reference to the frame becomes the entry's.
    fn install(&mut self, system: &mut System, platform: &mut dyn Platform, slot: PhysAddr, pte: Pte) {
        self.count_frame(system, slot, pte.frame);
        self.table.set(platform, &mut system.memory, slot, pte);
    }

    /// The entry at `slot` maps `frame` from now on, with the caller's reference.
    fn count_frame(&self, system: &mut System, slot: PhysAddr, frame: Pfn) {
        system.mms.count(self.id, Rss::of(&system.memory, frame), 1);
        if !system.is_zero_page(frame) {
            system.memory.map(frame, Place::of(slot));
        }
    }

    /// The entry at `slot` does not map `frame` any more: its reference goes to `gather`.
    fn drop_frame(&self, system: &mut System, slot: PhysAddr, frame: Pfn, gather: &mut Gather) {
        system.mms.count(self.id, Rss::of(&system.memory, frame), -1);
        if !system.is_zero_page(frame) {
            system.memory.unmap(frame, Place::of(slot));
            gather.hold(frame);
        }
    }

    /// Clears a leaf and gives up its frame.
    fn clear(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        mapped: &Mapped,
        gather: &mut Gather,
    ) {
        self.table.clear(platform, &mut system.memory, mapped.slot);
        system.unmapped_page(&mapped.pte);
        self.drop_frame(system, mapped.slot, mapped.pte.frame, gather);
        gather.add(mapped);
    }

    /// Clears every leaf of `pages`, which lie in `area`, and gives up its frame.
    fn zap(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        area: &Vma,
        pages: PageRange,
        gather: &mut Gather,
    ) {
        system.drain_lazily_freed();
        system.mms.note_resident(self.id);
        if self.table.cursor(pages).first_table(platform).is_some() {
            system.mms.sync(self.id);
        }
        let mut leaves = self.table.cursor(pages);
        while let Some(found) = leaves.next_used(platform) {
            match found {
                Found::Mapped(mapped) => {
                    system.munlock(area, mapped.pte.frame);
                    self.clear(system, platform, &mapped, gather);
                }
                Found::Swapped { slot, swapped, .. } => self.clear_swapped(system, platform, slot, swapped),
            }
        }
    }

    /// Clears the entry of a page in swap and gives up its slot.
    fn clear_swapped(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        slot: PhysAddr,
        swapped: Swapped,
    ) {
        self.table.clear(platform, &mut system.memory, slot);
        system.mms.count(self.id, Rss::Swap, -1);
        system.release_slot(swapped.slot);
    }

    /// Under [`VmaPolicy::Infer`], what the trace's own calls show to be mapped is mapped: gaps in `pages` become
    /// anonymous areas of `protection`.
    pub(crate) fn fill_gaps(&mut self, system: &System, pages: PageRange, protection: Protection) {
        if self.infers(system) {
            for gap in self.vmas.gaps(pages) {
                self.vmas.insert(Vma::anonymous(gap, protection));
                self.unmapped.remove(gap);
            }
        }
    }

    /// As [`Self::fill_gaps`], where nothing tells the rights.
    pub(crate) fn fill_gaps_anonymous(&mut self, system: &System, pages: PageRange) {
        self.fill_gaps(system, pages, INFERRED_RIGHTS);
    }

    /// Whether a page of `pages` lies in no area.
    pub(crate) fn has_hole(&self, pages: PageRange) -> bool {
        self.vmas.contiguous(pages) != pages
    }

    /// Gives the anonymous areas of `pages` a name, up to the first that is of another kind.
    pub(crate) fn name_area(&mut self, pages: PageRange, name: Option<u64>) -> Result<(), CallStop> {
        let had_hole = self.has_hole(pages);
        let named = self.vmas.update_within(pages, self.areas_max(), |attributes| {
            if attributes.backing == Backing::Anonymous {
                attributes.name = name;
            }
        });
        named.map_err(|_| Errno::Again)?;
        if had_hole { Err(Errno::NoMem.into()) } else { Ok(()) }
    }

    /// Clears the entries of the pages of a file, wherever this address space maps them. Copies of private mappings
    /// stay unless `even_copies`.
    pub(crate) fn zap_file(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        punch: &Punch,
        even_copies: bool,
    ) {
        let of_file = |vma: &&Vma| vma.attributes.backing.file() == Some(punch.file);
        let mut gather = Gather::default();
        for vma in self.vmas.iter().filter(of_file).copied().collect::<Vec<_>>() {
            let first = punch.offsets.start.clamp(vma.page_offset, vma.offset_of(vma.pages.end()));
            let end = punch.offsets.end.clamp(first, vma.offset_of(vma.pages.end()));
            let start = vma.pages.start().up(first - vma.page_offset);
            let mut leaves = self.table.cursor(PageRange::new(start, start.up(end - first)));
            while let Some(mapped) = leaves.next(platform) {
                if even_copies || !system.memory.is_anonymous(mapped.pte.frame) {
                    system.munlock(&vma, mapped.pte.frame);
                    self.clear(system, platform, &mapped, &mut gather);
                }
            }
        }
        self.flush(system, platform, gather);
    }

    /// Gives everything back. No CPU may translate through its tables any more.
    pub(crate) fn destroy(mut self, system: &mut System, platform: &mut dyn Platform) {
        let everything = self.everything(system);
        let mut gather = Gather::default();
        for vma in self.vmas.remove(everything) {
            self.zap(system, platform, &vma, vma.pages, &mut gather);
            system.release_area(&vma);
        }
        gather.add_everything();
        self.flush(system, platform, gather);
        system.asids.release(self.id);
        debug_assert_eq!(system.mms.get(self.id), MmCounters::default());
        // No CPU walks them any more, and nothing of them is cached.
        assert!(system.cpus_on(self.id).is_empty(), "{:?} ends while a CPU is on it", self.id);
        self.table.destroy(platform, &mut system.memory);
    }
}
