//! `/proc/vmstat`: every counter of Linux 6.1's, in its order (mm/vmstat.c). Those that no room of this model keeps
//! are 0.

use crate::VmEvents;
use std::collections::BTreeMap;
use std::fmt;

/// The counters of zones, in the order of `/proc/vmstat` and `/proc/zoneinfo`.
pub(super) const ZONE: [&str; 11] = [
    "nr_free_pages",
    "nr_zone_inactive_anon",
    "nr_zone_active_anon",
    "nr_zone_inactive_file",
    "nr_zone_active_file",
    "nr_zone_unevictable",
    "nr_zone_write_pending",
    "nr_mlock",
    "nr_bounce",
    "nr_zspages",
    "nr_free_cma",
];

/// Where pages were allocated from, of zones.
pub(super) const NUMA: [&str; 6] =
    ["numa_hit", "numa_miss", "numa_foreign", "numa_interleave", "numa_local", "numa_other"];

/// The counters of nodes.
pub(super) const NODE: [&str; 43] = [
    "nr_inactive_anon",
    "nr_active_anon",
    "nr_inactive_file",
    "nr_active_file",
    "nr_unevictable",
    "nr_slab_reclaimable",
    "nr_slab_unreclaimable",
    "nr_isolated_anon",
    "nr_isolated_file",
    "workingset_nodes",
    "workingset_refault_anon",
    "workingset_refault_file",
    "workingset_activate_anon",
    "workingset_activate_file",
    "workingset_restore_anon",
    "workingset_restore_file",
    "workingset_nodereclaim",
    "nr_anon_pages",
    "nr_mapped",
    "nr_file_pages",
    "nr_dirty",
    "nr_writeback",
    "nr_writeback_temp",
    "nr_shmem",
    "nr_shmem_hugepages",
    "nr_shmem_pmdmapped",
    "nr_file_hugepages",
    "nr_file_pmdmapped",
    "nr_anon_transparent_hugepages",
    "nr_vmscan_write",
    "nr_vmscan_immediate_reclaim",
    "nr_dirtied",
    "nr_written",
    "nr_throttled_written",
    "nr_kernel_misc_reclaimable",
    "nr_foll_pin_acquired",
    "nr_foll_pin_released",
    "nr_kernel_stack",
    "nr_page_table_pages",
    "nr_sec_page_table_pages",
    "nr_swapcached",
    "pgpromote_success",
    "pgpromote_candidate",
];

/// Everything else.
const EVENTS: &[&str] = &[
    "nr_dirty_threshold",
    "nr_dirty_background_threshold",
    "pgpgin",
    "pgpgout",
    "pswpin",
    "pswpout",
    "pgalloc_dma",
    "pgalloc_dma32",
    "pgalloc_normal",
    "pgalloc_movable",
    "pgalloc_device",
    "allocstall_dma",
    "allocstall_dma32",
    "allocstall_normal",
    "allocstall_movable",
    "allocstall_device",
    "pgskip_dma",
    "pgskip_dma32",
    "pgskip_normal",
    "pgskip_movable",
    "pgskip_device",
    "pgfree",
    "pgactivate",
    "pgdeactivate",
    "pglazyfree",
    "pgfault",
    "pgmajfault",
    "pglazyfreed",
    "pgrefill",
    "pgreuse",
    "pgsteal_kswapd",
    "pgsteal_direct",
    "pgdemote_kswapd",
    "pgdemote_direct",
    "pgscan_kswapd",
    "pgscan_direct",
    "pgscan_direct_throttle",
    "pgscan_anon",
    "pgscan_file",
    "pgsteal_anon",
    "pgsteal_file",
    "zone_reclaim_failed",
    "pginodesteal",
    "slabs_scanned",
    "kswapd_inodesteal",
    "kswapd_low_wmark_hit_quickly",
    "kswapd_high_wmark_hit_quickly",
    "pageoutrun",
    "pgrotated",
    "drop_pagecache",
    "drop_slab",
    "oom_kill",
    "numa_pte_updates",
    "numa_huge_pte_updates",
    "numa_hint_faults",
    "numa_hint_faults_local",
    "numa_pages_migrated",
    "pgmigrate_success",
    "pgmigrate_fail",
    "thp_migration_success",
    "thp_migration_fail",
    "thp_migration_split",
    "compact_migrate_scanned",
    "compact_free_scanned",
    "compact_isolated",
    "compact_stall",
    "compact_fail",
    "compact_success",
    "compact_daemon_wake",
    "compact_daemon_migrate_scanned",
    "compact_daemon_free_scanned",
    "htlb_buddy_alloc_success",
    "htlb_buddy_alloc_fail",
    "unevictable_pgs_culled",
    "unevictable_pgs_scanned",
    "unevictable_pgs_rescued",
    "unevictable_pgs_mlocked",
    "unevictable_pgs_munlocked",
    "unevictable_pgs_cleared",
    "unevictable_pgs_stranded",
    "thp_fault_alloc",
    "thp_fault_fallback",
    "thp_fault_fallback_charge",
    "thp_collapse_alloc",
    "thp_collapse_alloc_failed",
    "thp_file_alloc",
    "thp_file_fallback",
    "thp_file_fallback_charge",
    "thp_file_mapped",
    "thp_split_page",
    "thp_split_page_failed",
    "thp_deferred_split_page",
    "thp_split_pmd",
    "thp_scan_exceed_none_pte",
    "thp_scan_exceed_swap_pte",
    "thp_scan_exceed_share_pte",
    "thp_split_pud",
    "thp_zero_page_alloc",
    "thp_zero_page_alloc_failed",
    "thp_swpout",
    "thp_swpout_fallback",
    "balloon_inflate",
    "balloon_deflate",
    "balloon_migrate",
    "swap_ra",
    "swap_ra_hit",
    "ksm_swpin_copy",
    "cow_ksm",
    "direct_map_level2_splits",
    "direct_map_level3_splits",
    "nr_unstable",
];

/// Every name, in order.
fn names() -> impl Iterator<Item = &'static str> {
    ZONE.into_iter().chain(NUMA).chain(NODE).chain(EVENTS.iter().copied())
}

/// `/proc/vmstat`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmStat {
    values: BTreeMap<&'static str, u64>,
}

impl VmStat {
    /// The event counters; gauges are 0 until they are [`Self::set`]. What is counted of all zones together is shown as
    /// of the zone that most of it is of.
    pub fn of_events(events: &VmEvents, main_zone: &str) -> Self {
        let mut stat = Self::default();
        for (name, value) in events.named() {
            match name {
                "pgalloc" | "allocstall" => stat.set(&format!("{name}_{main_zone}"), value),
                name => stat.set(name, value),
            };
        }
        stat
    }

    /// Sets the counter `name`. Says whether Linux has one of this name.
    pub fn set(&mut self, name: &str, value: u64) -> bool {
        let Some(known) = names().find(|&known| known == name) else { return false };
        self.values.insert(known, value);
        true
    }

    /// The counter `name`; `None` where Linux has none.
    pub fn get(&self, name: &str) -> Option<u64> {
        names().find(|&known| known == name).map(|known| self.values.get(known).copied().unwrap_or(0))
    }

    /// Every counter with its name, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        names().map(|name| (name, self.values.get(name).copied().unwrap_or(0)))
    }
}

impl fmt::Display for VmStat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(name, value)| writeln!(f, "{name} {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_of_linux_is_there_once_and_in_order() {
        let text = VmStat::default().to_string();
        assert_eq!(text.lines().count(), 171, "as many lines as 6.1 prints");
        assert!(text.starts_with("nr_free_pages 0\nnr_zone_inactive_anon 0\n"), "{text}");
        assert!(text.ends_with("direct_map_level3_splits 0\nnr_unstable 0\n"), "{text}");
        let unique: std::collections::BTreeSet<_> = names().collect();
        assert_eq!(unique.len(), names().count());
    }

    #[test]
    fn no_event_is_lost() {
        let events = VmEvents { pgalloc: 7, pgfault: 3, allocstall: 2, ..VmEvents::default() };
        let stat = VmStat::of_events(&events, "dma32");
        assert_eq!((stat.get("pgalloc_dma32"), stat.get("allocstall_dma32")), (Some(7), Some(2)));
        assert_eq!((stat.get("pgfault"), stat.get("nothing")), (Some(3), None));
        for (name, _) in events.named().filter(|(name, _)| !["pgalloc", "allocstall"].contains(name)) {
            assert!(stat.get(name).is_some(), "{name} is no counter of Linux");
        }
    }
}
