//! The numbers of the killer's report: Linux's `dump_header` and `show_free_areas`.
//!
//! Owns where each number comes from. Changes nothing.

use super::{NodeReport, OomKill, OomReport, OomTask, ZoneReport};
use crate::frame::{LruList, Mark, ZoneGauges};
use crate::kernel::Kernel;
use crate::{MigrateType, PerCpuPages, Pfn, Zone, ZoneKind};
use pagewalk_arch::{FRAME_SHIFT, Platform};

/// The lists of the LRU in the order of the report.
const LISTS: [LruList; 5] = [
    LruList::ActiveAnon,
    LruList::InactiveAnon,
    LruList::ActiveFile,
    LruList::InactiveFile,
    LruList::Unevictable,
];

/// Kinds of free blocks in the order of the report.
const KINDS: [MigrateType; 3] = [MigrateType::Unmovable, MigrateType::Movable, MigrateType::Reclaimable];

fn in_order(gauges: &ZoneGauges) -> [u64; 5] {
    LISTS.map(|list| gauges.lru[list as usize])
}

impl Kernel {
    /// What is to be said where `invoker` asked for memory in vain and `victim` is killed for it.
    pub(super) fn oom_report(
        &self,
        platform: &dyn Platform,
        invoker: u32,
        message: &'static str,
        victim: Option<u32>,
    ) -> OomReport {
        let memory = &self.system.memory;
        let gauges = memory.zone_gauges();
        let upper_tables = self.upper_tables(platform);
        let of_zones = |is_meant: &dyn Fn(&Zone) -> bool| {
            let zones = || memory.zones().iter().zip(&gauges).filter(|(zone, _)| is_meant(zone));
            let mut sum = ZoneGauges::default();
            zones().for_each(|(_, &gauges)| sum += gauges);
            let has = |frame: &&Pfn| zones().any(|(zone, _)| zone.buddy().span().contains(&frame.0));
            NodeReport {
                lru: in_order(&sum),
                dirty: sum.dirty,
                writeback: sum.writeback,
                mapped: sum.mapped,
                shmem: sum.shmem,
                pagetables: sum.tables - upper_tables.iter().filter(has).count() as u64,
                kernel_stack_kib: self
                    .stacks_kib(&|frame| has(&&frame), zones().any(|(zone, _)| zone.node() == 0)),
                is_unreclaimable: self.system.reclaim_is_hopeless(),
                free: zones().map(|(zone, _)| zone.frames_free()).sum(),
                free_pcp: zones().map(|(zone, _)| zone.frames_per_cpu()).sum(),
                zones: zones().map(|(zone, gauges)| self.oom_zone(zone, gauges)).collect(),
                ..NodeReport::default()
            }
        };
        let (reclaimable, unreclaimable) = self.slab().map_or((0, 0), crate::Slab::frames);
        let total = NodeReport { slab: [reclaimable, unreclaimable], ..of_zones(&|_| true) };
        let present = |is_meant: fn(&Zone) -> bool| -> u64 {
            memory.zones().iter().filter(|zone| is_meant(zone)).map(|zone| zone.layout().present).sum()
        };
        let ram = present(|_| true);
        let swap = &self.system.swap;
        OomReport {
            name: self.name_of(invoker),
            pid: invoker,
            cpu: self.system.this_cpu.0 as u32,
            gfp: "0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO)".into(),
            oom_score_adj: self.credentials(invoker).map_or(0, |it| it.oom_score_adj),
            total,
            nodes: (0..memory.nodes()).map(|node| of_zones(&|zone| zone.node() == node)).collect(),
            pagecache: self.system.cache.counts.pages + swap.cached_total(),
            swapcache: swap.cached_total(),
            swap: [swap.slots_free(), swap.slots_total()],
            huge_page_kib: self.huge_page_kib(),
            ram: [ram, present(|zone| zone.kind() == ZoneKind::HighMem), ram - memory.frames_total()],
            tasks: self.processes.keys().map(|&pid| self.oom_task(pid)).collect(),
            kill: victim.map(|pid| OomKill { message, task: self.oom_task(pid) }),
            ..OomReport::default()
        }
    }

    /// KiB of stacks of threads in the frames that are meant; the kernel's own are where it started.
    fn stacks_kib(&self, is_meant: &dyn Fn(Pfn) -> bool, with_own: bool) -> u64 {
        let Some(stacks) = &self.system.stacks else { return 0 };
        let frames = stacks.frames().filter(|&frame| is_meant(frame)).count() as u64;
        (frames << (FRAME_SHIFT - 10)) + if with_own { stacks.own_kib() } else { 0 }
    }

    fn oom_zone(&self, zone: &Zone, gauges: &ZoneGauges) -> ZoneReport {
        let blocks = KINDS.map(|kind| zone.buddy().blocks_free_of(kind));
        let local = zone.per_cpu().get(self.system.this_cpu.0).map_or(0, PerCpuPages::count);
        ZoneReport {
            name: zone.kind().name(),
            free: zone.frames_free(),
            boost: zone.boost(),
            watermarks: [Mark::Min, Mark::Low, Mark::High].map(|mark| zone.mark(mark)),
            reserved_highatomic: 0,
            lru: in_order(gauges),
            write_pending: gauges.dirty + gauges.writeback,
            present: zone.layout().present,
            managed: zone.managed(),
            mlocked: gauges.mlocked,
            pcp: [zone.frames_per_cpu(), local],
            lowmem_reserve: zone.protection().to_vec(),
            free_blocks: (0..crate::ORDER_COUNT).map(|order| blocks.map(|of_kind| of_kind[order])).collect(),
        }
    }

    fn oom_task(&self, pid: u32) -> OomTask {
        let Some(process) = self.processes.get(&pid) else { return OomTask::default() };
        let counters = self.system.mms.shown(process.mm);
        let space = &self.spaces[&process.mm];
        OomTask {
            pid,
            uid: process.credentials.uid,
            tgid: pid,
            total_vm: space.vmas().pages(),
            rss: [counters.anon, counters.file, counters.shmem],
            pgtables_bytes: space.page_table().tables().saturating_sub(1) << FRAME_SHIFT,
            swapents: counters.swap,
            oom_score_adj: process.credentials.oom_score_adj,
            name: self.name_of(pid),
        }
    }

    /// Page tables that `PageTables` leaves out, since Linux counts those of the two lowest levels alone.
    fn upper_tables(&self, platform: &dyn Platform) -> Vec<Pfn> {
        let of_spaces = self.spaces.values().flat_map(|space| space.page_table().upper_tables(platform));
        of_spaces.chain(self.idle.iter().flat_map(|idle| idle.upper_tables(platform))).collect()
    }

    /// Sizes of pages that a pool may hold, the largest first: a page of the second level, and of the third on 64 bits.
    fn huge_page_kib(&self) -> Vec<u64> {
        let spec = self.system.spec;
        let levels = if spec.va_register_bits == 64 { 2 } else { 1 };
        let mut kib = 1 << (FRAME_SHIFT - 10);
        let mut sizes: Vec<u64> = spec.index_bits[..levels]
            .iter()
            .map(|bits| {
                kib <<= bits;
                kib
            })
            .collect();
        sizes.reverse();
        sizes
    }
}
