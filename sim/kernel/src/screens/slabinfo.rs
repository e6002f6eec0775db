//! `/proc/slabinfo`, as SLUB fills it, and `/proc/swaps`.

use std::fmt;

/// A cache of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlabCache {
    /// Its name.
    pub name: String,
    /// Objects in use, with all that lie in the slabs of CPUs.
    pub active_objects: u64,
    /// Objects that its slabs hold.
    pub objects: u64,
    /// Bytes of one.
    pub object_bytes: u64,
    /// Objects of a slab.
    pub objects_per_slab: u64,
    /// Pages of a slab.
    pub pages_per_slab: u64,
}

/// `/proc/slabinfo`, in the order of the caches given: the newest comes first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlabInfo {
    /// The caches.
    pub caches: Vec<SlabCache>,
}

impl fmt::Display for SlabInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "slabinfo - version: 2.1")?;
        writeln!(
            f,
            "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> \
             <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>"
        )?;
        for cache in &self.caches {
            let SlabCache { name, active_objects, objects, object_bytes, objects_per_slab, pages_per_slab } =
                cache;
            let slabs = objects.checked_div(*objects_per_slab).unwrap_or(0);
            writeln!(
                f,
                "{name:<17} {active_objects:6} {objects:6} {object_bytes:6} {objects_per_slab:4} {pages_per_slab:4} : \
                 tunables {0:4} {0:4} {0:4} : slabdata {slabs:6} {slabs:6} {0:6}",
                0
            )?;
        }
        Ok(())
    }
}

/// A swap area.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwapArea {
    /// Its file or device.
    pub path: String,
    /// A device rather than a file.
    pub is_partition: bool,
    /// KiB.
    pub size_kib: u64,
    /// Of these, used.
    pub used_kib: u64,
    /// Its priority; negative where nobody set one.
    pub priority: i32,
}

/// `/proc/swaps`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swaps {
    /// The areas, in the order in which they are used.
    pub areas: Vec<SwapArea>,
}

impl fmt::Display for Swaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority")?;
        for area in &self.areas {
            let kind = if area.is_partition { "partition" } else { "file\t" };
            let tabs = |kib: u64| if kib < 10_000_000 { "\t" } else { "" };
            writeln!(
                f,
                "{:<40}{kind}\t{}\t{}{}\t{}{}",
                area.path,
                area.size_kib,
                tabs(area.size_kib),
                area.used_kib,
                tabs(area.used_kib),
                area.priority
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_shown_as_by_linux() {
        let cache = |name: &str, [active_objects, objects, object_bytes, objects_per_slab, pages_per_slab]: [u64; 5]| {
            let name = name.into();
            SlabCache { name, active_objects, objects, object_bytes, objects_per_slab, pages_per_slab }
        };
        let caches = vec![
            cache("request_sock_subflow_v6", [0, 0, 384, 10, 1]),
            cache("kernfs_node_cache", [10_208, 10_208, 128, 32, 1]),
            cache("kmalloc-32", [634, 1280, 32, 128, 1]),
        ];
        let text = SlabInfo { caches }.to_string();
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "request_sock_subflow_v6      0      0    384   10    1 : tunables    0    0    0 : slabdata      0      0      0",
                "kernfs_node_cache  10208  10208    128   32    1 : tunables    0    0    0 : slabdata    319    319      0",
                "kmalloc-32           634   1280     32  128    1 : tunables    0    0    0 : slabdata     10     10      0",
            ]
        );
    }

    #[test]
    fn swap_is_shown_as_by_linux() {
        let area = SwapArea {
            path: "/dev/vdb".into(),
            is_partition: true,
            size_kib: 65_536,
            priority: -2,
            ..SwapArea::default()
        };
        assert_eq!(
            Swaps { areas: vec![area] }.to_string(),
            "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
             /dev/vdb                                partition\t65536\t\t0\t\t-2\n"
        );
    }
}
