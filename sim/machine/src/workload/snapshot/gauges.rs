//! `/proc/vmstat` and `/proc/meminfo`: what the state says of itself.

use super::nonzero;
use crate::workload::result::Values;
use pagewalk_arch::FRAME_SHIFT;
use pagewalk_kernel::{FolioFlags, FrameUse, Kernel, LruList};

/// The lists of the LRU, by the names of their gauges.
const LISTS: [(&str, LruList); 5] = [
    ("nr_inactive_anon", LruList::InactiveAnon),
    ("nr_active_anon", LruList::ActiveAnon),
    ("nr_inactive_file", LruList::InactiveFile),
    ("nr_active_file", LruList::ActiveFile),
    ("nr_unevictable", LruList::Unevictable),
];

/// The gauges that both files show, in pages.
#[derive(Default)]
struct Gauges {
    free: u64,
    anon: u64,
    mapped: u64,
    file_pages: u64,
    shmem: u64,
    swap_cache: u64,
    dirty: u64,
    writeback: u64,
    locked: u64,
    tables: u64,
}

impl Gauges {
    fn of(kernel: &Kernel) -> Self {
        let memory = kernel.memory();
        let mut gauges = Self {
            free: memory.frames_free(),
            anon: memory.anon_mapped(),
            mapped: memory.file_mapped(),
            ..Self::default()
        };
        for (pfn, usage) in memory.frames() {
            let flags = memory.flags(pfn);
            let of_file = u64::from(usage == FrameUse::File);
            let when = |flag| u64::from(flags.contains(flag));
            gauges.file_pages += of_file;
            gauges.shmem += of_file * when(FolioFlags::SWAPBACKED);
            gauges.dirty += of_file * when(FolioFlags::DIRTY) * (1 - when(FolioFlags::SWAPBACKED));
            gauges.writeback += when(FolioFlags::WRITEBACK);
            gauges.locked += when(FolioFlags::MLOCKED);
            gauges.swap_cache += when(FolioFlags::SWAPCACHE);
        }
        // The lowest two levels are counted, as Linux counts those that have a lock of their own.
        let tables = |pid| {
            let space = kernel.address_space(pid);
            space.map_or(0, |space| space.page_table().tables_by_level().iter().take(2).sum::<u64>())
        };
        gauges.tables = kernel.processes().map(|(pid, _)| tables(pid)).sum();
        gauges
    }
}

pub(super) fn vmstat(kernel: &Kernel) -> Values {
    let gauges = Gauges::of(kernel);
    let mut values = nonzero(kernel.events().named());
    values.extend(nonzero([
        ("nr_free_pages", gauges.free),
        ("nr_anon_pages", gauges.anon),
        ("nr_mapped", gauges.mapped),
        // The swap cache is counted among them.
        ("nr_file_pages", gauges.file_pages + gauges.swap_cache),
        ("nr_dirty", gauges.dirty),
        ("nr_writeback", gauges.writeback),
        ("nr_mlock", gauges.locked),
        ("nr_swapcached", gauges.swap_cache),
        ("nr_shmem", gauges.shmem),
        ("nr_page_table_pages", gauges.tables),
    ]));
    let memory = kernel.memory();
    values.extend(nonzero(LISTS.map(|(name, list)| (name, memory.lru_len(list)))));
    values
}

pub(super) fn meminfo_kb(kernel: &mut Kernel) -> Values {
    let gauges = Gauges::of(kernel);
    let kb = |pages: u64| pages << (FRAME_SHIFT - 10);
    let memory = kernel.memory();
    let lru = |list| kb(memory.lru_len(list));
    let [anon, active_anon, file, active_file, unevictable] = LISTS.map(|(_, list)| lru(list));
    let total = kb(memory.frames_total());
    nonzero([
        ("Active", active_anon + active_file),
        ("Inactive", anon + file),
        ("Active(anon)", active_anon),
        ("Inactive(anon)", anon),
        ("Active(file)", active_file),
        ("Inactive(file)", file),
        ("Unevictable", unevictable),
        ("Mlocked", kb(gauges.locked)),
        ("SwapCached", kb(gauges.swap_cache)),
        ("Dirty", kb(gauges.dirty)),
        ("Writeback", kb(gauges.writeback)),
        ("MemTotal", total),
        ("MemFree", kb(gauges.free)),
        ("Cached", kb(gauges.file_pages)),
        ("AnonPages", kb(gauges.anon)),
        ("Mapped", kb(gauges.mapped)),
        ("Shmem", kb(gauges.shmem)),
        ("PageTables", kb(gauges.tables)),
        ("SwapTotal", kb(kernel.swap_total())),
        ("SwapFree", kb(kernel.swap_free())),
        ("CommitLimit", kb(kernel.commit_limit_pages())),
        ("Committed_AS", kb(kernel.committed_pages())),
    ])
}
