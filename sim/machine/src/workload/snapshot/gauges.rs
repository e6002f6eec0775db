//! What the machine shows: `/proc/meminfo`, `vmstat`, `zoneinfo`, `buddyinfo`, `slabinfo`, `swaps`.
//!
//! Owns the names in the report. The numbers are the kernel's own screens.

use super::nonzero;
use crate::workload::result::{BuddyReport, SnapshotReport};
use pagewalk_kernel::Kernel;
use serde_json::Value;
use std::collections::BTreeMap;

/// Fills in what `snapshot` has of the machine.
pub(super) fn fill(kernel: &Kernel, snapshot: &mut SnapshotReport) {
    snapshot.meminfo_kb = nonzero(kernel.mem_info().iter());
    snapshot.vmstat = nonzero(kernel.vm_stat().iter());
    for zone in kernel.memory().zones() {
        let free = zone.buddy().blocks_free().to_vec();
        snapshot.buddy.push(BuddyReport { node: zone.node() as u32, zone: zone.kind().name().into(), free });
    }
    for zone in kernel.zone_infos().zones.iter().filter(|zone| zone.managed > 0) {
        let mut row: BTreeMap<String, Value> = BTreeMap::new();
        let [min, low, high] = zone.watermarks;
        let pcp_pages: u64 = zone.pagesets.iter().map(|[count, ..]| count).sum();
        let numbers = [
            ("node", u64::from(zone.node)),
            ("pcp_pages", pcp_pages),
            ("free", zone.free),
            ("min", min),
            ("low", low),
            ("high", high),
            ("present", zone.present),
            ("managed", zone.managed),
        ];
        row.insert("zone".into(), zone.name.into());
        row.insert("protection".into(), zone.protection.to_vec().into());
        row.extend(numbers.map(|(name, value)| (name.to_owned(), value.into())));
        let counters = zone.counters.iter().filter(|&(name, value)| name.starts_with("nr_zone") && value > 0);
        row.extend(counters.map(|(name, value)| (name.to_owned(), value.into())));
        snapshot.zones.push(row);
    }
    for cache in kernel.slab_info().caches {
        let numbers = [
            cache.active_objects,
            cache.objects,
            cache.object_bytes,
            cache.objects_per_slab,
            cache.pages_per_slab,
        ];
        snapshot.slab.insert(cache.name, numbers);
    }
    snapshot.swap_used_kb = kernel.swaps().areas.first().map(|area| area.used_kib);
}
