//! The numbers of a [`Kernel`], as the screens want them.
//!
//! Owns where each number comes from. What no room of the model counts yet is 0.

use super::process::{SmapsArea, SmapsRollup, SmapsSizes, Stat, Statm, Status};
use super::{
    MemInfo, PageTypeInfo, Ps, SlabCache, SlabInfo, SwapArea, Swaps, Usage, VmStat, ZoneInfo, ZoneInfos,
    ZonePageTypes,
};
use crate::frame::{LruList, Mark};
use crate::kernel::Kernel;
use crate::process::stacks::Stacks;
use crate::table::Found;
use crate::{
    AddressSpace, Backing, FolioFlags, FrameUse, Mapped, Maps, MigrateType, PAGEBLOCK_ORDER, TaskState,
    VmFlags, Vma,
};
use pagewalk_arch::{FRAME_SHIFT, Isa, Platform};

/// KiB of pages.
const fn kib(pages: u64) -> u64 {
    pages << (FRAME_SHIFT - 10)
}

impl Kernel {
    /// Who has the frames. Looks at every frame in use.
    pub fn usage(&self) -> Usage {
        let memory = &self.system.memory;
        let mut usage = Usage {
            total: memory.frames_total(),
            free: memory.frames_free() - memory.frames_per_cpu(),
            per_cpu: memory.frames_per_cpu(),
            in_use: memory.frames_in_use(),
            ..Usage::default()
        };
        for (pfn, _) in memory.folios() {
            let owner = match memory.usage(pfn) {
                Some(FrameUse::File) if !memory.has(pfn, FolioFlags::SWAPCACHE) => &mut usage.file,
                Some(FrameUse::Anonymous | FrameUse::File) => &mut usage.anonymous,
                Some(FrameUse::PageTable { .. }) => &mut usage.page_tables,
                Some(FrameUse::Slab) => &mut usage.slab,
                Some(FrameUse::ZeroPage | FrameUse::Kernel) | None => &mut usage.kernel,
            };
            *owner += 1;
        }
        usage
    }

    /// Page tables of the two lowest levels, of all address spaces: PageTables.
    fn page_table_pages(&self) -> u64 {
        let of = |space: &AddressSpace| {
            let by_level = space.page_table().tables_by_level();
            by_level[..by_level.len().saturating_sub(1).min(2)].iter().sum::<u64>()
        };
        self.spaces.values().map(of).sum()
    }

    /// KiB of threads' stacks in the kernel: KernelStack.
    fn kernel_stack_kib(&self) -> u64 {
        self.system.stacks.as_ref().map_or(0, Stacks::kib)
    }

    /// `/proc/meminfo`.
    pub fn mem_info(&self) -> MemInfo {
        let (system, usage) = (&self.system, self.usage());
        let memory = &system.memory;
        let lru = |list| kib(memory.lru_len(list));
        let [inactive_anon, active_anon, inactive_file, active_file, unevictable] = LruList::ALL.map(lru);
        let file_lru = memory.lru_len(LruList::InactiveFile) + memory.lru_len(LruList::ActiveFile);
        let reclaimable = self.slab().map_or(0, |slab| slab.frames().0);
        let count = |holds: &dyn Fn(crate::Pfn) -> bool| {
            kib(memory.folios().filter(|&(pfn, _)| holds(pfn)).count() as u64)
        };
        MemInfo {
            total: kib(usage.total),
            free: kib(usage.free),
            available: kib(memory.frames_available(file_lru, reclaimable)),
            buffers: kib(system.cache.buffers()),
            cached: kib(usage.file - system.cache.buffers()),
            swap_cached: kib(system.swap.cached_total()),
            active: active_anon + active_file,
            inactive: inactive_anon + inactive_file,
            active_anon,
            inactive_anon,
            active_file,
            inactive_file,
            unevictable,
            mlocked: count(&|pfn| memory.has(pfn, FolioFlags::MLOCKED)),
            swap_total: kib(system.swap.slots_total()),
            swap_free: kib(system.swap.slots_free()),
            dirty: kib(system.cache.counts.dirty),
            writeback: count(&|pfn| memory.has(pfn, FolioFlags::WRITEBACK)),
            anon_pages: kib(memory.anon_mapped()),
            mapped: kib(memory.file_mapped()),
            shmem: kib(system.cache.counts.shmem),
            k_reclaimable: kib(reclaimable),
            slab: kib(usage.slab),
            s_reclaimable: kib(reclaimable),
            s_unreclaim: kib(usage.slab - reclaimable),
            page_tables: kib(self.page_table_pages()),
            kernel_stack: self.kernel_stack_kib(),
            commit_limit: kib(self.commit_limit_pages()),
            committed_as: kib(self.committed_pages()),
            vmalloc_total: if system.spec.va_register_bits == 64 { 34_359_738_367 } else { 122_880 },
            huge_page_size: 4 << system.spec.index_bits[0],
            ..MemInfo::default()
        }
    }

    /// `/proc/vmstat`.
    pub fn vm_stat(&self) -> VmStat {
        let zone = self.system.memory.zones().last().map_or("normal", |zone| zone.kind().name());
        let mut stat = VmStat::of_events(&self.system.events, &zone.to_lowercase());
        let info = self.mem_info();
        let pages = |kib: u64| kib >> (FRAME_SHIFT - 10);
        let gauges = [
            ("nr_free_pages", info.free),
            ("nr_zone_inactive_anon", info.inactive_anon),
            ("nr_zone_active_anon", info.active_anon),
            ("nr_zone_inactive_file", info.inactive_file),
            ("nr_zone_active_file", info.active_file),
            ("nr_zone_unevictable", info.unevictable),
            ("nr_zone_write_pending", info.dirty + info.writeback),
            ("nr_mlock", info.mlocked),
            ("nr_inactive_anon", info.inactive_anon),
            ("nr_active_anon", info.active_anon),
            ("nr_inactive_file", info.inactive_file),
            ("nr_active_file", info.active_file),
            ("nr_unevictable", info.unevictable),
            ("nr_slab_reclaimable", info.s_reclaimable),
            ("nr_slab_unreclaimable", info.s_unreclaim),
            ("nr_anon_pages", info.anon_pages),
            ("nr_mapped", info.mapped),
            ("nr_file_pages", info.cached + info.buffers + info.swap_cached),
            ("nr_dirty", info.dirty),
            ("nr_writeback", info.writeback),
            ("nr_shmem", info.shmem),
            ("nr_page_table_pages", info.page_tables),
            ("nr_swapcached", info.swap_cached),
        ];
        for (name, kib) in gauges {
            stat.set(name, pages(kib));
        }
        stat.set("nr_kernel_stack", info.kernel_stack);
        stat
    }

    /// `/proc/zoneinfo`.
    pub fn zone_infos(&self) -> ZoneInfos {
        let memory = &self.system.memory;
        let zone = |(zone, gauges): (&crate::Zone, crate::ZoneGauges)| {
            let (layout, free) = (zone.layout(), zone.frames_free());
            let mut counters = VmStat::default();
            counters.set("nr_free_pages", free);
            for (list, pages) in LruList::ALL.into_iter().zip(gauges.lru) {
                counters.set(zone_counter(list), pages);
            }
            counters.set("nr_zone_write_pending", gauges.dirty + gauges.writeback);
            counters.set("nr_mlock", gauges.mlocked);
            let list = |pcp: &crate::PerCpuPages| [pcp.count(), pcp.high(), pcp.batch()];
            let mut pagesets: Vec<_> = zone.per_cpu().iter().map(list).collect();
            pagesets.resize(self.system.cpus.len(), [0; 3]);
            ZoneInfo {
                node: zone.node() as u32,
                name: zone.kind().name(),
                free,
                boost: zone.boost(),
                watermarks: [Mark::Min, Mark::Low, Mark::High].map(|mark| zone.mark(mark)),
                spanned: layout.spanned.end - layout.spanned.start,
                present: layout.present,
                managed: zone.managed(),
                protection: zone.protection(),
                counters,
                pagesets,
                start_pfn: layout.spanned.start,
                ..ZoneInfo::default()
            }
        };
        let zones = memory.zones().iter().zip(memory.zone_gauges()).map(zone).collect();
        ZoneInfos { zones, nodes: vec![self.vm_stat()] }
    }

    /// `/proc/pagetypeinfo`.
    pub fn page_type_info(&self) -> PageTypeInfo {
        let zone = |zone: &crate::Zone| {
            let mut types = ZonePageTypes {
                node: zone.node() as u32,
                name: zone.kind().name(),
                ..ZonePageTypes::default()
            };
            let blocks = zone.buddy().pageblocks();
            for kind in MigrateType::ALL {
                types.free[kind as usize] = zone.buddy().blocks_free_of(kind);
                types.blocks[kind as usize] = blocks[kind as usize];
            }
            types
        };
        let zones = self.system.memory.zones().iter().map(zone).collect();
        PageTypeInfo { block_order: PAGEBLOCK_ORDER as u32, zones }
    }

    /// `/proc/slabinfo`. What slabs hold of address spaces is as of the last [`Self::sync_objects`].
    pub fn slab_info(&self) -> SlabInfo {
        let cache = |info: crate::CacheInfo<'_>| SlabCache {
            name: info.name.to_owned(),
            active_objects: info.active_objects,
            objects: info.objects,
            object_bytes: info.geometry.object_bytes,
            objects_per_slab: info.geometry.objects.into(),
            pages_per_slab: 1 << info.geometry.order,
        };
        SlabInfo { caches: self.slab().into_iter().flat_map(|slab| slab.info().map(cache)).collect() }
    }

    /// `/proc/swaps`.
    pub fn swaps(&self) -> Swaps {
        let areas = self.system.swap.areas().map(|(number, area)| SwapArea {
            path: format!("/dev/vd{}", (b'b' + number % 25) as char),
            is_partition: true,
            size_kib: kib(area.slots_total()),
            used_kib: kib(area.slots_used()),
            priority: area.priority().into(),
        });
        Swaps { areas: areas.collect() }
    }

    /// What `/proc/PID/comm` says; `None` where there is no such process.
    pub fn comm(&self, pid: u32) -> Option<String> {
        self.processes.get(&pid).map(|_| self.name_of(pid))
    }

    /// The state of `pid`: it runs where it is on a CPU.
    fn task_state(&self, pid: u32) -> TaskState {
        let runs = self.system.cpus.iter().any(|cpu| cpu.task.is_some_and(|task| task.pid == pid));
        if runs { TaskState::Running } else { TaskState::Sleeping }
    }

    /// `/proc/PID/status`; `None` where there is no such process.
    pub fn status(&self, pid: u32) -> Option<Status> {
        let (process, space) = (self.processes.get(&pid)?, self.address_space(pid)?);
        let (counts, counters) = (space.vmas().counts(), self.counters_shown(pid)?);
        let program = program(space).map_or(0, |vma| vma.pages.pages());
        let rss = [counters.anon, counters.file, counters.shmem].map(kib);
        Some(Status {
            name: self.comm(pid)?,
            state: self.task_state(pid),
            pid,
            ppid: 1,
            uid: process.credentials.uid,
            vm_peak: kib(space.vmas().pages_max()),
            vm_size: kib(counts.total),
            vm_lck: kib(counts.locked),
            vm_hwm: kib(self.system.mms.resident_max(process.mm)),
            rss,
            vm_data: kib(counts.data),
            vm_stk: kib(counts.stack),
            vm_exe: kib(program),
            vm_lib: kib(counts.executable - program.min(counts.executable)),
            vm_pte: kib(space.page_table().tables().saturating_sub(1)),
            vm_swap: kib(counters.swap),
            hugetlb_pages: 0,
            threads: process.threads,
            cpus: self.system.cpus.len() as u32,
        })
    }

    /// `/proc/PID/stat`; `None` where there is no such process.
    pub fn stat(&self, pid: u32) -> Option<Stat> {
        let (process, space) = (self.processes.get(&pid)?, self.address_space(pid)?);
        let bounds = |vma: &Vma| [vma.pages.start(), vma.pages.end()].map(|page| page.addr().0);
        let stack = space.vmas().iter().rev().find(|vma| vma.has(VmFlags::GROWSDOWN));
        let faults = self.faults(pid)?;
        Some(Stat {
            pid,
            name: self.comm(pid)?,
            state: self.task_state(pid),
            ppid: 1,
            min_flt: faults.minor,
            maj_flt: faults.major,
            threads: process.threads,
            start_time: 0,
            vsize: space.vsz_bytes(),
            rss: self.counters_shown(pid)?.resident(),
            code: program(space).map_or([0, 0], bounds),
            start_stack: stack.map_or(0, |vma| vma.pages.end().addr().0),
            data: [0, 0],
            start_brk: space.heap().map_or(0, |heap| heap.start.0),
            cpu: 0,
        })
    }

    /// `/proc/PID/statm`; `None` where there is no such process.
    pub fn statm(&self, pid: u32) -> Option<Statm> {
        let space = self.address_space(pid)?;
        let (counts, counters) = (space.vmas().counts(), self.counters_shown(pid)?);
        Some(Statm {
            size: counts.total,
            rss: [counters.anon, counters.file, counters.shmem],
            text: program(space).map_or(0, |vma| vma.pages.pages()),
            data: counts.data + counts.stack,
        })
    }

    /// `ps -o vsz,rss,maj_flt,min_flt`; `None` where there is no such process.
    pub fn ps(&self, pid: u32) -> Option<Ps> {
        let (status, faults) = (self.status(pid)?, self.faults(pid)?);
        let rss = status.rss.iter().sum();
        Some(Ps { vsz: status.vm_size, rss, maj_flt: faults.major, min_flt: faults.minor })
    }

    /// `/proc/PID/smaps`, area by area; `None` where there is no such process.
    pub fn smaps(&self, platform: &dyn Platform, pid: u32) -> Option<Vec<SmapsArea>> {
        let space = self.address_space(pid)?;
        let maps = Maps::new(space, &self.system.cache, self.system.spec);
        let area = |vma: &Vma| SmapsArea {
            maps_line: maps.line(vma),
            size: kib(vma.pages.pages()),
            sizes: self.smaps_sizes(platform, space, vma).kib(),
            thp_eligible: false,
            has_protection_keys: self.system.spec.isa == Isa::X86,
            flags: flag_names(vma),
        };
        Some(space.vmas().iter().map(area).collect())
    }

    /// `/proc/PID/smaps_rollup`; `None` where there is no such process.
    pub fn smaps_rollup(&self, platform: &dyn Platform, pid: u32) -> Option<SmapsRollup> {
        let space = self.address_space(pid)?;
        let mut total = PageSizes::default();
        for vma in space.vmas().iter() {
            total.add(&self.smaps_sizes(platform, space, vma));
        }
        let first = space.vmas().iter().next().map_or(0, |vma| vma.pages.start().addr().0);
        let last = space.vmas().iter().next_back().map_or(0, |vma| vma.pages.end().addr().0);
        Some(SmapsRollup { range: [first, last], sizes: total.kib() })
    }

    fn smaps_sizes(&self, platform: &dyn Platform, space: &AddressSpace, vma: &Vma) -> PageSizes {
        let mut sizes = PageSizes::default();
        let mut used = space.page_table().cursor(vma.pages);
        while let Some(found) = used.next_used(platform) {
            match found {
                Found::Mapped(mapped) if !self.system.is_zero_page(mapped.pte.frame) => {
                    self.count_page(&mut sizes, &mapped, vma);
                }
                Found::Mapped(_) => {}
                Found::Swapped { swapped, .. } => {
                    let entries = u64::from(self.system.swap.entries(swapped.slot)).max(1);
                    sizes.swap += 1;
                    sizes.swap_pss += PSS_PAGE / entries;
                }
            }
        }
        // What shared memory has in swap is in no entry.
        if let Some(file) = vma.attributes.backing.file() {
            let shown = vma.page_offset..vma.offset_of(vma.pages.end());
            sizes.swap += self.system.cache.swapped_of(file, shown);
        }
        sizes
    }

    /// `smaps_account`.
    fn count_page(&self, sizes: &mut PageSizes, mapped: &Mapped, vma: &Vma) {
        let (memory, pfn) = (&self.system.memory, mapped.pte.frame);
        let flags = memory.flags(pfn);
        let mappings = u64::from(memory.mappings(pfn)).max(1);
        let is_dirty = mapped.pte.dirty || flags.contains(FolioFlags::DIRTY);
        let is_anonymous = memory.is_anonymous(pfn);
        let pss = PSS_PAGE / mappings;
        sizes.rss += 1;
        sizes.pss += pss;
        sizes.anonymous += u64::from(is_anonymous);
        let is_offered = is_anonymous && !is_dirty && !flags.contains(FolioFlags::SWAPBACKED);
        sizes.lazy_free += u64::from(is_offered);
        sizes.referenced += u64::from(mapped.pte.accessed || flags.contains(FolioFlags::REFERENCED));
        let kind = match (is_anonymous, flags.contains(FolioFlags::SWAPBACKED)) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        };
        sizes.pss_kinds[kind] += pss;
        let by_sharers = if mappings > 1 { &mut sizes.shared } else { &mut sizes.private };
        by_sharers[usize::from(is_dirty)] += 1;
        sizes.pss_dirty += if is_dirty { pss } else { 0 };
        sizes.locked += if vma.has(VmFlags::LOCKED) { pss } else { 0 };
    }
}

/// The counter of a zone's pages on `list`.
const fn zone_counter(list: LruList) -> &'static str {
    match list {
        LruList::InactiveAnon => "nr_zone_inactive_anon",
        LruList::ActiveAnon => "nr_zone_active_anon",
        LruList::InactiveFile => "nr_zone_inactive_file",
        LruList::ActiveFile => "nr_zone_active_file",
        LruList::Unevictable => "nr_zone_unevictable",
    }
}

/// A page's share where one mapping has it all: sums of shares are rounded at the end only.
const PSS_PAGE: u64 = 1 << (FRAME_SHIFT + 12);

/// [`SmapsSizes`] while they are counted: shares in 4096ths of a byte, all else in pages.
#[derive(Clone, Copy, Debug, Default)]
struct PageSizes {
    rss: u64,
    pss: u64,
    pss_dirty: u64,
    pss_kinds: [u64; 3],
    shared: [u64; 2],
    private: [u64; 2],
    referenced: u64,
    anonymous: u64,
    lazy_free: u64,
    swap: u64,
    swap_pss: u64,
    locked: u64,
}

impl PageSizes {
    fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.rss, other.rss),
            (&mut self.pss, other.pss),
            (&mut self.pss_dirty, other.pss_dirty),
            (&mut self.referenced, other.referenced),
            (&mut self.anonymous, other.anonymous),
            (&mut self.lazy_free, other.lazy_free),
            (&mut self.swap, other.swap),
            (&mut self.swap_pss, other.swap_pss),
            (&mut self.locked, other.locked),
        ];
        for (sum, part) in pairs {
            *sum += part;
        }
        for (sums, parts) in [(&mut self.shared, other.shared), (&mut self.private, other.private)] {
            sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        }
        self.pss_kinds.iter_mut().zip(other.pss_kinds).for_each(|(sum, part)| *sum += part);
    }

    fn kib(&self) -> SmapsSizes {
        let share = |sum: u64| sum >> 22;
        SmapsSizes {
            rss: kib(self.rss),
            pss: share(self.pss),
            pss_dirty: share(self.pss_dirty),
            pss_kinds: self.pss_kinds.map(share),
            shared: self.shared.map(kib),
            private: self.private.map(kib),
            referenced: kib(self.referenced),
            anonymous: kib(self.anonymous),
            lazy_free: kib(self.lazy_free),
            anon_huge_pages: 0,
            swap: kib(self.swap),
            swap_pss: share(self.swap_pss),
            locked: share(self.locked),
        }
    }
}

/// The area of the program's code: the lowest that may be executed.
fn program(space: &AddressSpace) -> Option<&Vma> {
    let is_code = |vma: &&Vma| {
        let protection = vma.attributes.protection;
        protection.execute && !protection.write && vma.attributes.backing.file().is_some()
    };
    space.vmas().iter().find(is_code)
}

/// VmFlags of `/proc/PID/smaps`, in the order of their bits.
fn flag_names(vma: &Vma) -> Vec<&'static str> {
    let protection = vma.attributes.protection;
    let is_shared = matches!(vma.attributes.backing, Backing::Shared(_));
    let may_write = !vma.has(VmFlags::NEVER_WRITABLE);
    let flags = [
        (protection.read, "rd"),
        (protection.write, "wr"),
        (protection.execute, "ex"),
        (is_shared && may_write, "sh"),
        (true, "mr"),
        (may_write, "mw"),
        (true, "me"),
        (is_shared, "ms"),
        (vma.has(VmFlags::GROWSDOWN), "gd"),
        (vma.has(VmFlags::LOCKED), "lo"),
        (vma.has(VmFlags::SEQ_READ), "sr"),
        (vma.has(VmFlags::RAND_READ), "rr"),
        (vma.has(VmFlags::DONTCOPY), "dc"),
        (vma.has(VmFlags::LOCKONFAULT), "lf"),
        (vma.has(VmFlags::ACCOUNT), "ac"),
        (vma.has(VmFlags::NORESERVE), "nr"),
        (vma.has(VmFlags::WIPEONFORK), "wf"),
        (vma.has(VmFlags::DONTDUMP), "dd"),
        (true, "sd"),
        (vma.has(VmFlags::HUGEPAGE), "hg"),
        (vma.has(VmFlags::NOHUGEPAGE), "nh"),
        (vma.has(VmFlags::MERGEABLE), "mg"),
    ];
    flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name).collect()
}
