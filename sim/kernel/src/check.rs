//! What must hold between any two events, of the whole state: one [`Violation`] for each invariant.
//!
//! Owns nothing and changes nothing. Counts anew what the kernel keeps count of, from the page tables up, and compares.
//! Costs what is mapped: for tests, and for machines that are to find an error where it arises.

use crate::kernel::Kernel;
use crate::space::vma::permits_no_more;
use crate::{
    AddressSpace, Entry, FolioFlags, FrameUse, LruList, MmCounters, MmId, PageRange, Pfn, Place, Pte,
    SwapSlot, Vpn,
};
use pagewalk_arch::{CpuId, Platform};
use pagewalk_trace::FileId;
use std::collections::{BTreeMap, HashMap};

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The free lists of a zone contradict themselves: blocks overlap, are not aligned, or should have coalesced.
    #[error("free lists: {0}")]
    Buddy(String),
    /// A frame is free and in use at once, or neither.
    #[error("{in_use} frames in use and {free} free do not make {total}, or {both:?} is both")]
    FreeAndInUse {
        /// Frames in use.
        in_use: u64,
        /// Free frames.
        free: u64,
        /// Frames of the machine.
        total: u64,
        /// One that is both.
        both: Option<Pfn>,
    },
    /// A frame's count of mappings is not the number of entries that map it.
    #[error("{frame:?} counts {counted} mappings, but {found} entries map it")]
    Mappings {
        /// Which.
        frame: Pfn,
        /// What it says.
        counted: u32,
        /// What there is.
        found: u32,
    },
    /// A frame does not know the entries that map it.
    #[error("{frame:?} is said to be mapped from {known:x?}, but is from {found:x?}")]
    ReverseMappings {
        /// Which.
        frame: Pfn,
        /// What it says.
        known: Vec<Place>,
        /// What there is.
        found: Vec<Place>,
    },
    /// A frame's count of references is not the number of its holders: a gather that was not flushed, or a leak.
    #[error("{frame:?} ({usage:?}) counts {counted} references, but has {found} holders")]
    References {
        /// Which.
        frame: Pfn,
        /// What it is.
        usage: FrameUse,
        /// What it says.
        counted: u32,
        /// What there is.
        found: u32,
    },
    /// An entry or an object names a frame that is free, or in use for something else.
    #[error("{frame:?} is to be {wanted}, but is {usage:?}")]
    Misused {
        /// Which.
        frame: Pfn,
        /// What names it so.
        wanted: &'static str,
        /// What it is.
        usage: Option<FrameUse>,
    },
    /// A value stands in a page table that this kernel never writes.
    #[error("{value:#x} in table {table:?} of level {level} is no entry")]
    NoEntry {
        /// The table.
        table: Pfn,
        /// Its level.
        level: usize,
        /// What stands there.
        value: u64,
    },
    /// A page table's count of entries is not the number that it has.
    #[error("table {table:?} counts {counted} entries, but has {found}")]
    TableEntries {
        /// Which.
        table: Pfn,
        /// What it says.
        counted: u32,
        /// What there is.
        found: u32,
    },
    /// A page is mapped that no area holds, or that is guarded.
    #[error("{page:?} of space {space:?} is mapped, but no area has it, or it is guarded")]
    OutsideAreas {
        /// Whose.
        space: MmId,
        /// Which.
        page: Vpn,
    },
    /// An entry grants more than its area permits, or a private page may be written that is not one process's own.
    #[error("{page:?} of space {space:?} is granted {pte:?}, more than it may be")]
    GrantsTooMuch {
        /// Whose.
        space: MmId,
        /// Which.
        page: Vpn,
        /// What the entry says.
        pte: Pte,
    },
    /// A page is marked as one process's own and is held by others too.
    #[error("{frame:?} is exclusive and has {holders} holders")]
    NotExclusive {
        /// Which.
        frame: Pfn,
        /// How many.
        holders: u32,
    },
    /// A page of a program or a file is on no list of the LRU: isolated and forgotten.
    #[error("{frame:?} ({usage:?}) is on no list of the LRU")]
    OnNoList {
        /// Which.
        frame: Pfn,
        /// What it is.
        usage: FrameUse,
    },
    /// A counter of an address space or an object differs from a recount.
    #[error("{what} of {of} says {counted}, recounted {found}")]
    Counter {
        /// Which counter.
        what: &'static str,
        /// Of what.
        of: String,
        /// What it says.
        counted: u64,
        /// What there is.
        found: u64,
    },
    /// Areas are empty, overlap or are out of order.
    #[error("areas of space {space:?}: {pages:?} is empty or overlaps the one before")]
    Areas {
        /// Whose.
        space: MmId,
        /// Which.
        pages: PageRange,
    },
    /// Pages lie in an area and count as unmapped by the trace at once.
    #[error("space {space:?}: {pages:?} are in an area and unmapped at once")]
    MappedAndUnmapped {
        /// Whose.
        space: MmId,
        /// Which.
        pages: PageRange,
    },
    /// Processes, threads, address spaces and CPUs do not name each other.
    #[error("{0}")]
    Dangling(String),
    /// A CPU may have cached translations of an address space, and no fence would reach it; or two address spaces
    /// share an ASID.
    #[error("ASIDs: {0}")]
    Asids(String),
}

/// What the page tables and objects say of the frames that they name.
#[derive(Default)]
struct Recount {
    /// The entries that map each.
    mappings: HashMap<Pfn, Vec<Place>>,
    /// Entries that name each slot of swap.
    swapped: BTreeMap<SwapSlot, u32>,
    /// Holders that are not mappings.
    others: HashMap<Pfn, u32>,
}

/// What the tables of one address space hold.
#[derive(Default)]
struct Tables {
    tables: u64,
    counters: MmCounters,
}

impl Tables {
    fn add(&mut self, below: &Self) {
        self.tables += below.tables;
        let (sum, more) = (&mut self.counters, &below.counters);
        sum.anon += more.anon;
        sum.file += more.file;
        sum.shmem += more.shmem;
        sum.swap += more.swap;
        sum.zero += more.zero;
    }
}

fn counter(what: &'static str, of: impl ToString, counted: u64, found: u64) -> Result<(), Violation> {
    if counted == found {
        Ok(())
    } else {
        Err(Violation::Counter { what, of: of.to_string(), counted, found })
    }
}

impl Kernel {
    /// Whether everything that must hold between two events does.
    ///
    /// # Errors
    /// The first invariant that is broken.
    pub fn check(&self, platform: &dyn Platform) -> Result<(), Violation> {
        self.check_who_is_who()?;
        let mut recount = Recount::default();
        for space in self.spaces.values() {
            self.check_areas(space)?;
            self.check_tables(platform, space, &mut recount)?;
        }
        self.check_objects(&mut recount)?;
        if let Some(idle) = self.idle.as_ref() {
            recount.others.insert(Pfn::of(idle.root()), 1);
            self.check_table(
                platform,
                None,
                Pfn::of(idle.root()),
                self.system.spec.levels() - 1,
                Vpn(0),
                &mut recount,
            )?;
        }
        if let Some(zero) = self.system.zero_frame {
            recount.others.insert(zero, 1);
        }
        self.check_swap(&mut recount)?;
        self.check_stacks()?;
        self.check_frames(&recount)?;
        self.check_lists()
    }

    /// Every slot in use is named by as many entries as it says, and cached by a frame that says so.
    fn check_swap(&self, recount: &mut Recount) -> Result<(), Violation> {
        for (_, _, slot) in self.system.cache.swapped() {
            *recount.swapped.entry(slot).or_default() += 1;
        }
        let memory = &self.system.memory;
        for (number, area) in self.system.swap.areas() {
            let mut used = 0;
            for offset in area.used() {
                used += 1;
                let slot = SwapSlot::new(number, offset);
                let found = recount.swapped.remove(&slot).unwrap_or(0);
                let counted = self.system.swap.entries(slot);
                counter("entries in swap", format!("{slot:?}"), counted.into(), found.into())?;
                if let Some(frame) = self.system.swap.cached(slot) {
                    if self.system.slot_of(frame) != Some(slot) {
                        return Err(Violation::Dangling(format!(
                            "{slot:?} is not what {frame:?} is cached for"
                        )));
                    }
                    *recount.others.entry(frame).or_default() += 1;
                } else if counted == 0 {
                    return Err(Violation::Dangling(format!("{slot:?} is in use by nobody")));
                }
            }
            counter("slots in use", format!("area {number}"), area.slots_used(), used)?;
        }
        if let Some((slot, _)) = recount.swapped.pop_first() {
            return Err(Violation::Dangling(format!("an entry names {slot:?}, which is free")));
        }
        let cached = memory.folios().filter(|(_, folio)| folio.flags.contains(FolioFlags::SWAPCACHE)).count();
        counter("pages in the swap cache", "swap", self.system.swap.cached_total(), cached as u64)
    }

    /// The stacks of threads are the kernel's own frames, and nobody has more of them than threads.
    fn check_stacks(&self) -> Result<(), Violation> {
        let Some(stacks) = &self.system.stacks else { return Ok(()) };
        for frame in stacks.frames().chain(stacks.cached_frames()) {
            let usage = self.system.memory.usage(frame);
            if usage != Some(FrameUse::Kernel) {
                return Err(Violation::Misused { frame, wanted: "a stack of the kernel", usage });
            }
        }
        for (pid, held) in stacks.by_process() {
            let threads = self.processes.get(&pid).map_or(0, |process| u64::from(process.threads));
            if held > threads {
                counter("stacks", format!("process {pid}"), held, threads)?;
            }
        }
        Ok(())
    }

    /// Every page is on the list that its flags say, or on none; the lists hold as many as they say.
    fn check_lists(&self) -> Result<(), Violation> {
        let memory = &self.system.memory;
        for list in LruList::ALL {
            let belongs = |frame: Pfn| {
                let flags = memory.flags(frame);
                flags.contains(FolioFlags::LRU) && LruList::of(flags) == list
            };
            let listed = memory.lru_pages(list).filter(|&frame| belongs(frame)).count() as u64;
            let flagged = memory.folios().filter(|&(frame, _)| belongs(frame)).count() as u64;
            counter("pages by their flags", format!("{list:?}"), memory.lru_len(list), flagged)?;
            if list != LruList::Unevictable {
                counter("pages listed", format!("{list:?}"), memory.lru_len(list), listed)?;
            }
        }
        let is_listed = |frame: Pfn| memory.has(frame, FolioFlags::LRU);
        let mut pages = memory.frames().filter(|(_, usage)| usage.is_movable());
        if let Some((frame, usage)) = pages.find(|&(frame, _)| !is_listed(frame)) {
            return Err(Violation::OnNoList { frame, usage });
        }
        let mapped = |anon: bool| {
            let counts = |&(frame, folio): &(Pfn, &crate::frame::Folio)| {
                !folio.is_table() && folio.mappings > 0 && memory.is_anonymous(frame) == anon
            };
            memory.folios().filter(counts).count() as u64
        };
        counter("anonymous pages mapped", "memory", memory.anon_mapped(), mapped(true))?;
        counter("pages of files mapped", "memory", memory.file_mapped(), mapped(false))
    }

    fn check_who_is_who(&self) -> Result<(), Violation> {
        let dangling = |text: String| Err(Violation::Dangling(text));
        for (pid, process) in &self.processes {
            if !self.spaces.contains_key(&process.mm) || process.threads == 0 || self.ended.contains_key(pid)
            {
                return dangling(format!("process {pid} is half dead: {process:?}"));
            }
        }
        for mm in self.spaces.keys() {
            if !self.processes.values().any(|process| process.mm == *mm) {
                return dangling(format!("space {mm:?} belongs to no process"));
            }
        }
        if let Some((thread, pid)) = self.thread_of.iter().find(|(_, pid)| !self.processes.contains_key(pid))
        {
            return dangling(format!("thread {thread} belongs to {pid}, which does not live"));
        }
        for (number, cpu) in self.system.cpus.iter().enumerate() {
            let runs_in = cpu.task.map(|task| self.processes.get(&task.pid).map(|process| process.mm));
            if runs_in.is_some_and(|mm| mm.is_none() || mm != cpu.loaded) {
                return dangling(format!("CPU {number} runs what it has not loaded: {cpu:?}"));
            }
            if let Some(mm) = cpu.loaded {
                if !self.spaces.contains_key(&mm) {
                    return dangling(format!("CPU {number} has loaded {mm:?}, which has ended"));
                }
                if !self.system.asids.holders(mm).contains(&CpuId(number)) {
                    return Err(Violation::Asids(format!(
                        "no fence of {mm:?} reaches CPU {number}, which runs it"
                    )));
                }
            }
        }
        self.system.asids.check(|mm| self.spaces.contains_key(&mm)).map_err(Violation::Asids)
    }

    fn check_areas(&self, space: &AddressSpace) -> Result<(), Violation> {
        let mut end = Vpn(0);
        for vma in space.vmas().iter() {
            if vma.pages.is_empty() || vma.pages.start() < end {
                return Err(Violation::Areas { space: space.id(), pages: vma.pages });
            }
            end = vma.pages.end();
            if let Some(pages) = space.unmapped_within(vma.pages) {
                return Err(Violation::MappedAndUnmapped { space: space.id(), pages });
            }
        }
        let pages = space.vmas().iter().map(|vma| vma.pages.pages()).sum();
        counter("pages of areas", format!("{:?}", space.id()), space.vmas().pages(), pages)
    }

    fn check_tables(
        &self,
        platform: &dyn Platform,
        space: &AddressSpace,
        recount: &mut Recount,
    ) -> Result<(), Violation> {
        if !space.page_table().remembers_rightly(platform) {
            let text = format!("{:?} remembers a page table that no walk comes to", space.id());
            return Err(Violation::Dangling(text));
        }
        let root = Pfn::of(space.page_table().root());
        recount.others.insert(root, 1);
        let top = self.system.spec.levels() - 1;
        let found = self.check_table(platform, Some(space), root, top, Vpn(0), recount)?;
        let of = || format!("{:?}", space.id());
        counter("tables", of(), space.page_table().tables(), found.tables)?;
        let (counted, found) = (self.system.mms.get(space.id()), found.counters);
        counter("anonymous pages", of(), counted.anon, found.anon)?;
        counter("pages of files", of(), counted.file, found.file)?;
        counter("pages of shared memory", of(), counted.shmem, found.shmem)?;
        counter("pages in swap", of(), counted.swap, found.swap)?;
        counter("pages of zeroes", of(), counted.zero, found.zero)
    }

    /// `table`, whose first entry is that of `first`, and all under it.
    fn check_table(
        &self,
        platform: &dyn Platform,
        space: Option<&AddressSpace>,
        table: Pfn,
        level: usize,
        first: Vpn,
        recount: &mut Recount,
    ) -> Result<Tables, Violation> {
        let spec = self.system.spec;
        let memory = &self.system.memory;
        let Some(FrameUse::PageTable { entries: counted }) = memory.usage(table) else {
            return Err(Violation::Misused {
                frame: table,
                wanted: "a page table",
                usage: memory.usage(table),
            });
        };
        let layout = crate::EntryLayout::new(spec);
        let mut sum = Tables { tables: 1, ..Tables::default() };
        let mut found = 0;
        for index in 0..1u64 << spec.index_bits[level] {
            let page = Vpn(first.0 + (index << layout.order(level)));
            let value = platform.read_pte(layout.slot(table, page, level));
            let Some(entry) = layout.decode(value, level) else {
                return Err(Violation::NoEntry { table, level, value });
            };
            found += u32::from(entry != Entry::Absent);
            match (entry, space) {
                (Entry::Absent, _) => {}
                (Entry::Table(below), Some(_)) => {
                    *recount.others.entry(below).or_default() += 1;
                    let below = self.check_table(platform, space, below, level - 1, page, recount)?;
                    sum.add(&below);
                }
                (Entry::Leaf(pte) | Entry::NoAccess(pte), Some(space)) => {
                    self.check_mapping(space, page, pte)?;
                    *sum.counters.of(memory, pte.frame) += 1;
                    if !self.system.is_zero_page(pte.frame) {
                        let place = Place::of(layout.slot(table, page, level));
                        recount.mappings.entry(pte.frame).or_default().push(place);
                    }
                }
                (Entry::Swapped(swapped), Some(space)) => {
                    if space.vmas().find(page).is_none() {
                        return Err(Violation::OutsideAreas { space: space.id(), page });
                    }
                    sum.counters.swap += 1;
                    *recount.swapped.entry(swapped.slot).or_default() += 1;
                }
                (_, None) => return Err(Violation::NoEntry { table, level, value }),
            }
        }
        if found != counted {
            return Err(Violation::TableEntries { table, counted, found });
        }
        Ok(sum)
    }

    fn check_mapping(&self, space: &AddressSpace, page: Vpn, pte: Pte) -> Result<(), Violation> {
        let id = space.id();
        let vma = space.vmas().find(page).filter(|_| !space.is_guarded(page));
        let Some(vma) = vma else { return Err(Violation::OutsideAreas { space: id, page }) };
        let memory = &self.system.memory;
        let usage = memory.usage(pte.frame);
        if !matches!(usage, Some(FrameUse::Anonymous | FrameUse::File | FrameUse::ZeroPage)) {
            return Err(Violation::Misused { frame: pte.frame, wanted: "a page that is mapped", usage });
        }
        let writes_what_is_shared =
            pte.rights.write && vma.is_private() && !memory.has(pte.frame, FolioFlags::EXCLUSIVE);
        let is_untold = pte.rights.write
            && self.system.wants_write_faults(vma)
            && !memory.has(pte.frame, FolioFlags::DIRTY);
        if writes_what_is_shared
            || is_untold
            || !permits_no_more(self.system.spec, vma.attributes.protection, pte.rights)
        {
            return Err(Violation::GrantsTooMuch { space: id, page, pte });
        }
        Ok(())
    }

    fn check_objects(&self, recount: &mut Recount) -> Result<(), Violation> {
        let mut mapped: BTreeMap<FileId, u64> = BTreeMap::new();
        for vma in self.spaces.values().flat_map(|space| space.vmas().iter()) {
            if let Some(file) = vma.attributes.backing.file() {
                *mapped.entry(file).or_default() += vma.pages.pages();
            }
        }
        for (file, counted) in self.system.cache.mapped_pages() {
            let found = mapped.remove(&file).unwrap_or(0);
            counter("mapped pages", format!("{file:?}"), counted, found)?;
        }
        if let Some((file, _)) = mapped.pop_first() {
            return Err(Violation::Dangling(format!("{file:?} is mapped and does not exist")));
        }
        for (what, counted, found) in self.system.cache.recount() {
            counter(what, "the page cache", counted, found)?;
        }
        let pinned = self.system.cache.pinned().iter().copied();
        for frame in self.system.cache.frames().chain(pinned) {
            let usage = self.system.memory.usage(frame);
            if usage != Some(FrameUse::File) {
                return Err(Violation::Misused { frame, wanted: "a page of a file", usage });
            }
            *recount.others.entry(frame).or_default() += 1;
        }
        Ok(())
    }

    fn check_frames(&self, recount: &Recount) -> Result<(), Violation> {
        let memory = &self.system.memory;
        for zone in memory.zones() {
            zone.buddy().check().map_err(Violation::Buddy)?;
        }
        counter("frames reserved", "memory", memory.frames_reserved(), 0)?;
        let is_free = |frame: Pfn| memory.zones().iter().any(|zone| zone.buddy().is_free(frame.0));
        let both = memory.folios().map(|(frame, _)| frame).find(|&frame| is_free(frame));
        let (in_use, free, total) =
            (memory.folios().count() as u64, memory.frames_free(), memory.frames_total());
        if both.is_some() || in_use + free != total || in_use != memory.frames_in_use() {
            return Err(Violation::FreeAndInUse { in_use, free, total, both });
        }
        for (frame, folio) in memory.folios() {
            let (usage, references, mappings) = (folio.usage(), folio.references, memory.mappings(frame));
            let mut places = recount.mappings.get(&frame).cloned().unwrap_or_default();
            let mapped = places.len() as u32;
            if mapped != mappings {
                return Err(Violation::Mappings { frame, counted: mappings, found: mapped });
            }
            let mut known = memory.places(frame).to_vec();
            known.sort_unstable();
            places.sort_unstable();
            if known != places {
                return Err(Violation::ReverseMappings { frame, known, found: places });
            }
            let is_kernels = matches!(usage, FrameUse::Slab | FrameUse::Kernel);
            let others = recount.others.get(&frame).copied().unwrap_or(0);
            if usage == FrameUse::File && others == 0 {
                return Err(Violation::Dangling(format!(
                    "{frame:?} is a page of a file, and the cache does not have it"
                )));
            }
            let found = mapped + others + u32::from(is_kernels);
            if found != references {
                return Err(Violation::References { frame, usage, counted: references, found });
            }
            let cached = u32::from(folio.flags.contains(FolioFlags::SWAPCACHE));
            if folio.flags.contains(FolioFlags::EXCLUSIVE) && found - cached != 1 {
                return Err(Violation::NotExclusive { frame, holders: found });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
