//! What must hold between any two events, of the whole state: one [`Violation`] for each invariant.
//!
//! Owns nothing and changes nothing. Counts anew what the kernel keeps count of, from the page tables up, and compares.
//! Costs what is mapped: for tests, and for machines that are to find an error where it arises.

use crate::frame::Folio;
use crate::kernel::Kernel;
use crate::space::vma::permits_no_more;
use crate::{AddressSpace, Entry, FrameUse, MmId, PageRange, Pfn, Pte, Vpn};
use pagewalk_arch::{CpuId, FileId, Platform};
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
    mappings: HashMap<Pfn, u32>,
    /// Holders that are not mappings.
    others: HashMap<Pfn, u32>,
}

/// What the tables of one address space hold.
#[derive(Default)]
struct Tables {
    tables: u64,
    resident: u64,
    zero_mapped: u64,
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
        self.check_frames(&recount)
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
        let root = Pfn::of(space.page_table().root());
        recount.others.insert(root, 1);
        let top = self.system.spec.levels() - 1;
        let found = self.check_table(platform, Some(space), root, top, Vpn(0), recount)?;
        let of = || format!("{:?}", space.id());
        counter("tables", of(), space.page_table().tables(), found.tables)?;
        counter("resident", of(), space.resident, found.resident)?;
        counter("zero_mapped", of(), space.zero_mapped, found.zero_mapped)
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
                    sum.tables += below.tables;
                    sum.resident += below.resident;
                    sum.zero_mapped += below.zero_mapped;
                }
                (Entry::Leaf(pte) | Entry::NoAccess(pte), Some(space)) => {
                    self.check_mapping(space, page, pte)?;
                    if self.system.is_zero_page(pte.frame) {
                        sum.zero_mapped += 1;
                    } else {
                        sum.resident += 1;
                        *recount.mappings.entry(pte.frame).or_default() += 1;
                    }
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
        let writes_what_is_shared = pte.rights.write && vma.is_private() && !memory.anon(pte.frame).exclusive;
        if writes_what_is_shared || !permits_no_more(self.system.spec, vma.attributes.protection, pte.rights)
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
        for (file, counted) in self.system.objects.mapped_pages() {
            let found = mapped.remove(&file).unwrap_or(0);
            counter("mapped pages", format!("{file:?}"), counted, found)?;
        }
        if let Some((file, _)) = mapped.pop_first() {
            return Err(Violation::Dangling(format!("{file:?} is mapped and does not exist")));
        }
        for frame in self.system.objects.frames() {
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
        for (frame, &Folio { references, mappings, usage, anon, .. }) in memory.folios() {
            let mapped = recount.mappings.get(&frame).copied().unwrap_or(0);
            if mapped != mappings {
                return Err(Violation::Mappings { frame, counted: mappings, found: mapped });
            }
            let found = mapped + recount.others.get(&frame).copied().unwrap_or(0);
            if found != references {
                return Err(Violation::References { frame, usage, counted: references, found });
            }
            if anon.exclusive && found != 1 {
                return Err(Violation::NotExclusive { frame, holders: found });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KernelConfig, Process, Vma, VmaPolicy};
    use pagewalk_arch::{
        CloneKind, Event, MapRequest, MmuConfig, PagingFormat, Protection, Syscall, SyscallOutcome,
        Uniprocessor,
    };
    use pagewalk_golden::Golden;

    const RW: Protection = Protection { read: true, write: true, execute: false };
    const AT: Vpn = Vpn(0x1_0000);
    const SHARED: Vpn = Vpn(0x2_0000);
    const READ_ONLY: Vpn = Vpn(0x3_0000);

    struct Damaged {
        kernel: Kernel,
        machine: Uniprocessor<Golden>,
    }

    impl Damaged {
        fn call(&mut self, call: Syscall) {
            let event = Event::Syscall { pid: 1, call, outcome: SyscallOutcome::Success, line: 1 };
            self.kernel.on_event(&mut self.machine, CpuId::BOOT, &event).expect("a legal call");
        }
        fn space(&mut self) -> &mut AddressSpace {
            self.kernel.spaces.values_mut().next().expect("a process")
        }
        fn mapped(&mut self, page: Vpn) -> crate::Mapped {
            let Self { kernel, machine } = self;
            let space = kernel.spaces.values().next().expect("a process");
            space.page_table().lookup(machine, page).expect("it is mapped")
        }
        /// Stores behind the kernel's back what the entry of `page` becomes by `change`.
        fn store(&mut self, page: Vpn, change: impl FnOnce(Pte) -> Pte) {
            let before = self.mapped(page);
            let layout = self.space().page_table().layout();
            self.machine.write_pte(before.slot, layout.encode(Entry::of(change(before.pte)), 0));
        }
        /// Stores what the entry of `page` holds into that of another page of the same table.
        fn copy(&mut self, page: Vpn, to: Vpn) {
            let before = self.mapped(page);
            let value = self.machine.read_pte(before.slot);
            let slot = before.slot.0.wrapping_add(to.0.wrapping_sub(page.0).wrapping_mul(8));
            self.machine.write_pte(pagewalk_arch::PhysAddr(slot), value);
        }
    }

    /// What is found of `damage` done to a machine in order: two processes that share what the first has written, a
    /// shared mapping, one that may only be read.
    fn found(damage: impl FnOnce(&mut Damaged)) -> Violation {
        let config = MmuConfig::of(PagingFormat::La48);
        let settings = KernelConfig { vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
        let kernel = Kernel::new(settings, &config).expect("the configuration works");
        let golden = Golden::bare(&config).expect("the format works");
        let mut it = Damaged { kernel, machine: Uniprocessor::new(golden, 1 << 40) };
        it.kernel.boot(&mut it.machine);
        for (at, shared, protection) in
            [(AT, false, RW), (SHARED, true, RW), (READ_ONLY, false, Protection { write: false, ..RW })]
        {
            let (at, populate) = (at.addr(), true);
            it.call(Syscall::Map(MapRequest {
                at,
                bytes: 0x4000,
                protection,
                shared,
                populate,
                ..MapRequest::default()
            }));
        }
        it.call(Syscall::Clone { child: 2, kind: CloneKind::Process });
        it.call(Syscall::Clone { child: 3, kind: CloneKind::Thread });
        it.call(Syscall::Advise { at: AT.up(3).addr(), bytes: 0x1000, advice: 4 });
        assert_eq!(it.kernel.check(&it.machine), Ok(()));
        damage(&mut it);
        it.kernel.check(&it.machine).expect_err("the damage is found")
    }

    #[test]
    fn counts_of_frames() {
        let more = found(|it| {
            let frame = it.mapped(AT).pte.frame;
            it.kernel.system.memory.map(frame);
        });
        assert!(matches!(more, Violation::Mappings { counted: 3, found: 2, .. }), "{more}");
        let more = found(|it| {
            let frame = it.mapped(SHARED).pte.frame;
            it.kernel.system.memory.get(frame);
        });
        assert!(
            matches!(more, Violation::References { usage: FrameUse::File, counted: 3, found: 2, .. }),
            "{more}"
        );
        let leaked = found(|it| {
            let _ = it.kernel.system.memory.allocate(FrameUse::Anonymous);
        });
        assert!(matches!(leaked, Violation::References { counted: 1, found: 0, .. }), "{leaked}");
        let exclusive = found(|it| {
            let frame = it.mapped(AT).pte.frame;
            let state = crate::AnonState { exclusive: true, lazily_freed: false };
            it.kernel.system.memory.set_anon(frame, state);
        });
        assert!(matches!(exclusive, Violation::NotExclusive { holders: 2, .. }), "{exclusive}");
        let lost = found(|it| {
            let frame = it.kernel.system.memory.allocate(FrameUse::Anonymous).unwrap();
            it.kernel.system.memory.lose(frame);
        });
        assert!(matches!(lost, Violation::FreeAndInUse { both: None, .. }), "{lost}");
    }

    #[test]
    fn a_frame_that_outlives_everything() {
        let leaked = found(|it| {
            it.kernel.system.memory.allocate(FrameUse::Anonymous).unwrap();
            it.kernel.shutdown(&mut it.machine);
        });
        assert!(matches!(leaked, Violation::References { counted: 1, found: 0, .. }), "{leaked}");
    }

    #[test]
    fn entries() {
        let elsewhere = found(|it| it.store(AT, |pte| Pte { frame: Pfn(0x10_0000 + 5000), ..pte }));
        assert!(matches!(elsewhere, Violation::Misused { usage: None, .. }), "{elsewhere}");
        let a_table = found(|it| {
            let root = Pfn::of(it.space().page_table().root());
            it.store(AT, |pte| Pte { frame: root, ..pte });
        });
        assert!(
            matches!(a_table, Violation::Misused { usage: Some(FrameUse::PageTable { .. }), .. }),
            "{a_table}"
        );
        let swapped = found(|it| {
            let other = it.mapped(AT.up(1)).pte.frame;
            it.store(AT, |pte| Pte { frame: other, ..pte });
        });
        assert!(matches!(swapped, Violation::Mappings { .. }), "{swapped}");
        let no_entry = found(|it| {
            let slot = it.mapped(AT).slot;
            it.machine.write_pte(slot, 2);
        });
        assert!(matches!(no_entry, Violation::NoEntry { level: 0, value: 2, .. }), "{no_entry}");
        let uncounted = found(|it| it.copy(AT, AT.up(3)));
        assert!(matches!(uncounted, Violation::TableEntries { .. }), "{uncounted}");
        let stray = found(|it| it.copy(AT, AT.up(4)));
        assert!(matches!(stray, Violation::OutsideAreas { .. }), "{stray}");
    }

    #[test]
    fn rights() {
        let rights = |page, change: fn(Protection) -> Protection| {
            found(|it| it.store(page, |pte| Pte { rights: change(pte.rights), ..pte }))
        };
        let writes = |rights| Protection { write: true, ..rights };
        let shared = rights(AT, writes);
        assert!(matches!(shared, Violation::GrantsTooMuch { .. }), "the child has it too: {shared}");
        let read_only = rights(READ_ONLY, writes);
        assert!(matches!(read_only, Violation::GrantsTooMuch { .. }), "{read_only}");
        let executes = rights(SHARED, |rights| Protection { execute: true, ..rights });
        assert!(matches!(executes, Violation::GrantsTooMuch { .. }), "{executes}");
    }

    #[test]
    fn counters_of_spaces_and_objects() {
        let counter = |damage: fn(&mut Damaged)| match found(damage) {
            Violation::Counter { what, .. } => what,
            other => panic!("{other}"),
        };
        assert_eq!(counter(|it| it.space().resident += 1), "resident");
        assert_eq!(counter(|it| it.space().zero_mapped += 1), "zero_mapped");
        let reserves = |it: &mut Damaged| {
            let _ = it.kernel.system.memory.reserve(1);
        };
        assert_eq!(counter(reserves), "frames reserved");
        let mapped = |it: &mut Damaged| {
            let vma = *it.space().vmas().find(SHARED).unwrap();
            it.kernel.system.objects.retain(&vma);
        };
        assert_eq!(counter(mapped), "mapped pages");
        let overlap = found(|it| {
            let vma =
                Vma { pages: PageRange::new(AT.up(1), AT.up(2)), ..*it.space().vmas().find(AT).unwrap() };
            it.space().vmas.insert_copy(vma);
        });
        assert!(matches!(overlap, Violation::Areas { .. }), "{overlap}");
    }

    #[test]
    fn who_is_who() {
        let dangling = |damage: fn(&mut Damaged)| match found(damage) {
            Violation::Dangling(text) => text,
            other => panic!("{other}"),
        };
        let half_dead = |it: &mut Damaged| {
            it.kernel.processes.entry(2).and_modify(|process: &mut Process| process.threads = 0);
        };
        assert!(dangling(half_dead).contains("half dead"));
        assert!(
            dangling(|it| {
                let _ = it.kernel.processes.remove(&2);
            })
            .contains("no process")
        );
        assert!(
            dangling(|it| {
                let _ = it.kernel.thread_of.insert(9, 10);
            })
            .contains("does not live")
        );
        assert!(dangling(|it| it.kernel.system.cpus[0].loaded = None).contains("has not loaded"));
        let unreachable = found(|it| {
            let id = it.space().id();
            it.kernel.system.asids.release(id);
        });
        assert!(matches!(unreachable, Violation::Asids(_)), "{unreachable}");
        let ended = found(|it| {
            let _ = it.kernel.system.asids.switch_to(CpuId::BOOT, MmId(99), &[]);
        });
        assert!(matches!(ended, Violation::Asids(_)), "{ended}");
    }
}
