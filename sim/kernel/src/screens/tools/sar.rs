//! `sar -r`, `sar -r ALL` and `sar -B` of sysstat(1).

use crate::{MemInfo, VmStat};
use std::fmt;

/// The width of the time at the begin of each line.
const TIME: usize = 11;

fn header(time: &str, titles: &[&str]) -> String {
    titles.iter().fold(format!("{time:<TIME$}"), |line, title| line + &format!("{title:>10}"))
}

/// A line of `sar -r`, or of `sar -r ALL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SarMemory {
    /// What it is about.
    pub memory: MemInfo,
    /// With the columns that ALL adds.
    pub is_all: bool,
}

impl SarMemory {
    const TITLES: [&'static str; 16] = [
        "kbmemfree",
        "kbavail",
        "kbmemused",
        "%memused",
        "kbbuffers",
        "kbcached",
        "kbcommit",
        "%commit",
        "kbactive",
        "kbinact",
        "kbdirty",
        "kbanonpg",
        "kbslab",
        "kbkstack",
        "kbpgtbl",
        "kbvmused",
    ];

    fn columns(&self) -> usize {
        if self.is_all { Self::TITLES.len() } else { Self::TITLES.len() - 5 }
    }

    /// The line above, with its time.
    pub fn header(&self, time: &str) -> String {
        header(time, &Self::TITLES[..self.columns()])
    }

    /// The line, with its time.
    pub fn row(&self, time: &str) -> String {
        let MemInfo { total, free, available, buffers, cached, slab, committed_as, swap_total, .. } =
            self.memory;
        let used = total.saturating_sub(free + buffers + cached + slab);
        let per_cent = |part: u64, whole: u64| {
            let share = if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 };
            format!("{share:.2}")
        };
        let columns = [
            free.to_string(),
            available.to_string(),
            used.to_string(),
            per_cent(used, total),
            buffers.to_string(),
            cached.to_string(),
            committed_as.to_string(),
            per_cent(committed_as, total + swap_total),
            self.memory.active.to_string(),
            self.memory.inactive.to_string(),
            self.memory.dirty.to_string(),
            self.memory.anon_pages.to_string(),
            slab.to_string(),
            self.memory.kernel_stack.to_string(),
            self.memory.page_tables.to_string(),
            self.memory.vmalloc_used.to_string(),
        ];
        let columns = &columns[..self.columns()];
        columns.iter().fold(format!("{time:<TIME$}"), |line, column| line + &format!("{column:>10}"))
    }
}

/// A line of `sar -B`: paging, a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Paging {
    /// KiB from devices and to them.
    pub io: [f64; 2],
    /// Faults, and those that waited for a device.
    pub faults: [f64; 2],
    /// Pages freed.
    pub freed: f64,
    /// Pages scanned by kswapd and by those who asked.
    pub scanned: [f64; 2],
    /// Pages taken.
    pub stolen: f64,
}

impl Paging {
    /// Of what `/proc/vmstat` said at the end of a time of `seconds`, `earlier` being its begin.
    pub fn of(now: &VmStat, earlier: &VmStat, seconds: f64) -> Self {
        let rate = |names: &[&str]| {
            let change =
                |name: &&str| now.get(name).unwrap_or(0).saturating_sub(earlier.get(name).unwrap_or(0));
            names.iter().map(change).sum::<u64>() as f64 / seconds.max(f64::MIN_POSITIVE)
        };
        Self {
            io: [rate(&["pgpgin"]), rate(&["pgpgout"])],
            faults: [rate(&["pgfault"]), rate(&["pgmajfault"])],
            freed: rate(&["pgfree"]),
            scanned: [rate(&["pgscan_kswapd"]), rate(&SCANNED_DIRECTLY)],
            stolen: rate(&STOLEN),
        }
    }

    /// Pages taken of those scanned, in per cent.
    pub fn efficiency(&self) -> f64 {
        let scanned: f64 = self.scanned.iter().sum();
        if scanned == 0.0 { 0.0 } else { self.stolen * 100.0 / scanned }
    }

    /// The line above, with its time.
    pub fn header(time: &str) -> String {
        let titles = [
            "pgpgin/s",
            "pgpgout/s",
            "fault/s",
            "majflt/s",
            "pgfree/s",
            "pgscank/s",
            "pgscand/s",
            "pgsteal/s",
            "%vmeff",
        ];
        header(time, &titles)
    }

    /// The line, with its time.
    pub fn row(&self, time: &str) -> String {
        format!("{time:<TIME$}{self}")
    }
}

/// What sysstat adds up by the begin of names: it takes all that begins with `pgscan_direct` and `pgsteal_`.
const SCANNED_DIRECTLY: [&str; 2] = ["pgscan_direct", "pgscan_direct_throttle"];
const STOLEN: [&str; 4] = ["pgsteal_kswapd", "pgsteal_direct", "pgsteal_anon", "pgsteal_file"];

impl fmt::Display for Paging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([read, written], [faults, major], [kswapd, direct]) = (self.io, self.faults, self.scanned);
        let columns =
            [read, written, faults, major, self.freed, kswapd, direct, self.stolen, self.efficiency()];
        columns.iter().try_for_each(|rate| write!(f, "{rate:10.2}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shown_as_by_sysstat() {
        let memory = MemInfo {
            total: 24_684_096,
            free: 20_102_304,
            available: 24_187_740,
            buffers: 15_276,
            cached: 4_151_004,
            slab: 273_156,
            committed_as: 67_112,
            active: 1_710_072,
            inactive: 2_458_252,
            dirty: 82_540,
            anon_pages: 19_772,
            kernel_stack: 1392,
            page_tables: 1348,
            vmalloc_used: 14_172,
            ..MemInfo::default()
        };
        let all = SarMemory { memory, is_all: true };
        assert_eq!(
            all.header("21:40:01"),
            "21:40:01    kbmemfree   kbavail kbmemused  %memused kbbuffers  kbcached  kbcommit   %commit  kbactive   \
             kbinact   kbdirty  kbanonpg    kbslab  kbkstack   kbpgtbl  kbvmused"
        );
        let row = "21:40:02     20102304  24187740    142356      0.58     15276   4151004     67112      0.27   1710072   \
                   2458252     82540     19772    273156      1392      1348     14172";
        assert_eq!(all.row("21:40:02"), row);
        let short = SarMemory { memory, is_all: false };
        assert_eq!(short.row("21:40:02"), row[..TIME + 110]);
    }

    #[test]
    fn paging_is_shown_as_by_sysstat() {
        let mut now = VmStat::default();
        for (name, value) in
            [("pgfault", 2), ("pgfree", 160), ("pgscan_kswapd", 400), ("pgsteal_kswapd", 100)]
        {
            now.set(name, value);
        }
        let paging = Paging::of(&now, &VmStat::default(), 2.0);
        assert_eq!(
            Paging::header("21:40:02"),
            "21:40:02     pgpgin/s pgpgout/s   fault/s  majflt/s  pgfree/s pgscank/s pgscand/s pgsteal/s    %vmeff"
        );
        assert_eq!(
            paging.row("21:40:03"),
            "21:40:03         0.00      0.00      1.00      0.00     80.00    200.00      0.00     50.00     25.00"
        );
    }
}
