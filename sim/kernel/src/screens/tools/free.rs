//! free(1).

use crate::MemInfo;
use std::fmt;

/// What `free` prints, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free(pub MemInfo);

impl Free {
    /// What cannot be had without swapping. Before 4.0 it was what is neither free nor cache.
    pub fn used(&self) -> u64 {
        let MemInfo { total, available, free, .. } = self.0;
        if available <= total { total - available } else { total - free }
    }
    /// Buffers, the page cache, and slab that is given back.
    pub fn cache(&self) -> u64 {
        self.0.buffers + self.0.cached + self.0.s_reclaimable
    }
}

impl fmt::Display for Free {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, columns: &[u64]| {
            write!(f, "{name:<8}")?;
            columns.iter().try_for_each(|kib| write!(f, "{kib:12}"))?;
            writeln!(f)
        };
        let titles = ["total", "used", "free", "shared", "buff/cache", "available"];
        write!(f, "{:8}", "")?;
        titles.iter().try_for_each(|title| write!(f, "{title:>12}"))?;
        writeln!(f)?;
        let MemInfo { total, free, shmem, available, swap_total, swap_free, .. } = self.0;
        row(f, "Mem:", &[total, self.used(), free, shmem, self.cache(), available])?;
        row(f, "Swap:", &[swap_total, swap_total.saturating_sub(swap_free), swap_free])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_procps() {
        let of_linux = MemInfo {
            total: 24_684_096,
            free: 19_972_836,
            available: 24_146_056,
            shmem: 8788,
            buffers: 16_256,
            cached: 4_272_616,
            s_reclaimable: 202_488,
            ..MemInfo::default()
        };
        assert_eq!(
            Free(of_linux).to_string(),
            "               total        used        free      shared  buff/cache   available\n\
             Mem:        24684096      538040    19972836        8788     4491360    24146056\n\
             Swap:              0           0           0\n"
        );
    }
}
