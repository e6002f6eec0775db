//! `/proc/zoneinfo`, as Linux 6.1 prints it (mm/vmstat.c).

use super::VmStat;
use super::vmstat::{NODE, NUMA, ZONE};
use std::fmt;

/// A zone of a node, in pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneInfo {
    /// Its node's number.
    pub node: u32,
    /// DMA, DMA32, Normal, HighMem, Movable, Device.
    pub name: &'static str,
    /// Free.
    pub free: u64,
    /// By which the watermarks are raised.
    pub boost: u64,
    /// The watermarks: min, low, high.
    pub watermarks: [u64; 3],
    /// From the first page to the last.
    pub spanned: u64,
    /// Of these, installed.
    pub present: u64,
    /// Of these, the allocator's.
    pub managed: u64,
    /// What it keeps back from requests that could be met from each zone.
    pub protection: [u64; 5],
    /// Its own counters.
    pub counters: VmStat,
    /// The lists of each CPU: pages on them, the most, and how many move at once.
    pub pagesets: Vec<[u64; 3]>,
    /// Changes that a CPU keeps to itself before it adds them to a counter.
    pub stat_threshold: u64,
    /// Reclaim has given up on its node.
    pub is_unreclaimable: bool,
    /// The number of its first page.
    pub start_pfn: u64,
}

/// `/proc/zoneinfo`: every zone, and the counters of each node with its first populated zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneInfos {
    /// The zones, of all nodes.
    pub zones: Vec<ZoneInfo>,
    /// The counters of each node, by number.
    pub nodes: Vec<VmStat>,
}

impl fmt::Display for ZoneInfos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last_shown = None;
        for zone in &self.zones {
            writeln!(f, "Node {}, zone {:>8}", zone.node, zone.name)?;
            if zone.managed > 0 && last_shown != Some(zone.node) {
                last_shown = Some(zone.node);
                writeln!(f, "  per-node stats")?;
                if let Some(counters) = self.nodes.get(zone.node as usize) {
                    counters_of(f, counters, &NODE)?;
                }
            }
            zone.fmt(f)?;
        }
        Ok(())
    }
}

fn counters_of(f: &mut fmt::Formatter<'_>, counters: &VmStat, names: &[&'static str]) -> fmt::Result {
    names.iter().try_for_each(|name| writeln!(f, "      {name:<12} {}", counters.get(name).unwrap_or(0)))
}

impl fmt::Display for ZoneInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [min, low, high] = self.watermarks;
        writeln!(f, "  pages free     {}", self.free)?;
        let lines = [
            ("boost", self.boost),
            ("min", min),
            ("low", low),
            ("high", high),
            ("spanned", self.spanned),
            ("present", self.present),
            ("managed", self.managed),
            ("cma", 0),
        ];
        lines.iter().try_for_each(|(name, pages)| writeln!(f, "        {name:<8} {pages}"))?;
        let protection = self.protection.map(|pages| pages.to_string()).join(", ");
        writeln!(f, "        protection: ({protection})")?;
        if self.managed == 0 {
            return Ok(());
        }
        counters_of(f, &self.counters, &ZONE)?;
        counters_of(f, &self.counters, &NUMA)?;
        writeln!(f, "  pagesets")?;
        for (cpu, [count, high, batch]) in self.pagesets.iter().enumerate() {
            writeln!(
                f,
                "    cpu: {cpu}\n              count: {count}\n              high:  {high}\n              batch: {batch}"
            )?;
            writeln!(f, "  vm stats threshold: {}", self.stat_threshold)?;
        }
        writeln!(f, "  node_unreclaimable:  {}", u8::from(self.is_unreclaimable))?;
        writeln!(f, "  start_pfn:           {}", self.start_pfn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURED_DMA: &str = "  pages free     3808
        boost    0
        min      33
        low      41
        high     49
        spanned  4095
        present  3998
        managed  3840
        cma      0
        protection: (0, 203, 203, 203, 203)
      nr_free_pages 3808
      nr_zone_inactive_anon 0
      nr_zone_active_anon 0
      nr_zone_inactive_file 0
      nr_zone_active_file 0
      nr_zone_unevictable 0
      nr_zone_write_pending 0
      nr_mlock     0
      nr_bounce    0
      nr_zspages   0
      nr_free_cma  0
      numa_hit     1
      numa_miss    0
      numa_foreign 0
      numa_interleave 1
      numa_local   1
      numa_other   0
  pagesets
    cpu: 0
              count: 0
              high:  41
              batch: 1
  vm stats threshold: 2
  node_unreclaimable:  0
  start_pfn:           1
";

    #[test]
    fn the_layout_is_that_of_linux() {
        let mut counters = VmStat::default();
        for (name, value) in
            [("nr_free_pages", 3808), ("numa_hit", 1), ("numa_interleave", 1), ("numa_local", 1)]
        {
            assert!(counters.set(name, value));
        }
        let dma = ZoneInfo {
            name: "DMA",
            free: 3808,
            watermarks: [33, 41, 49],
            spanned: 4095,
            present: 3998,
            managed: 3840,
            protection: [0, 203, 203, 203, 203],
            counters,
            pagesets: vec![[0, 41, 1]],
            stat_threshold: 2,
            start_pfn: 1,
            ..ZoneInfo::default()
        };
        assert_eq!(dma.to_string(), MEASURED_DMA);
        let normal = ZoneInfo { name: "Normal", ..ZoneInfo::default() };
        let text = ZoneInfos { zones: vec![dma, normal], nodes: vec![VmStat::default()] }.to_string();
        assert!(text.starts_with(
            "Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 0\n      nr_active_anon 0\n"
        ));
        assert!(text.contains("      nr_mapped    0\n"));
        assert!(text.ends_with(
            "Node 0, zone   Normal\n  pages free     0\n        boost    0\n        min      0\n        low      0\n        \
             high     0\n        spanned  0\n        present  0\n        managed  0\n        cma      0\n        \
             protection: (0, 0, 0, 0, 0)\n"
        ));
    }
}
