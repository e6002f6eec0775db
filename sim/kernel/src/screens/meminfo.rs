//! `/proc/meminfo`, in the order and with the widths of Linux 6.1 (fs/proc/meminfo.c).

use super::meminfo_lines;
use std::fmt;

meminfo_lines! {
    /// `/proc/meminfo`: KiB, but for the counts of huge pages. Lines that no machine of this model fills are 0.
    pub struct MemInfo {
        /// Managed by the buddy allocator.
        total "MemTotal" Kib,
        /// Free, the lists of CPUs included.
        free "MemFree" Kib,
        /// What programs could have before anything is swapped.
        available "MemAvailable" Kib,
        /// Page cache of block devices.
        buffers "Buffers" Kib,
        /// Page cache of files, shared memory included, swap cache not.
        cached "Cached" Kib,
        /// In memory and in swap at once.
        swap_cached "SwapCached" Kib,
        /// Active lists.
        active "Active" Kib,
        /// Inactive lists.
        inactive "Inactive" Kib,
        /// Active anonymous memory.
        active_anon "Active(anon)" Kib,
        /// Inactive anonymous memory.
        inactive_anon "Inactive(anon)" Kib,
        /// Active pages of files.
        active_file "Active(file)" Kib,
        /// Inactive pages of files.
        inactive_file "Inactive(file)" Kib,
        /// On no list that is scanned.
        unevictable "Unevictable" Kib,
        /// Locked by mlock(2).
        mlocked "Mlocked" Kib,
        /// Swap.
        swap_total "SwapTotal" Kib,
        /// Of it, free.
        swap_free "SwapFree" Kib,
        /// Waiting to be written.
        dirty "Dirty" Kib,
        /// Being written.
        writeback "Writeback" Kib,
        /// Anonymous memory that is mapped.
        anon_pages "AnonPages" Kib,
        /// Pages of files that are mapped.
        mapped "Mapped" Kib,
        /// tmpfs and shared memory.
        shmem "Shmem" Kib,
        /// What the kernel gives back under pressure.
        k_reclaimable "KReclaimable" Kib,
        /// Slab.
        slab "Slab" Kib,
        /// Slab that can be given back.
        s_reclaimable "SReclaimable" Kib,
        /// Slab that cannot.
        s_unreclaim "SUnreclaim" Kib,
        /// Stacks of tasks in the kernel.
        kernel_stack "KernelStack" Kib,
        /// Page tables of the two lowest levels.
        page_tables "PageTables" Kib,
        /// Page tables of virtual machines.
        sec_page_tables "SecPageTables" Kib,
        /// Always 0.
        nfs_unstable "NFS_Unstable" Kib,
        /// Bounce buffers.
        bounce "Bounce" Kib,
        /// Buffers of FUSE.
        writeback_tmp "WritebackTmp" Kib,
        /// What may be promised.
        commit_limit "CommitLimit" Kib,
        /// What is promised.
        committed_as "Committed_AS" Kib,
        /// The kernel's own virtual memory.
        vmalloc_total "VmallocTotal" Kib,
        /// Of it, used.
        vmalloc_used "VmallocUsed" Kib,
        /// Always 0.
        vmalloc_chunk "VmallocChunk" Kib,
        /// Per-CPU variables.
        percpu "Percpu" Kib,
        /// Anonymous memory in huge pages.
        anon_huge_pages "AnonHugePages" Kib,
        /// Shared memory in huge pages.
        shmem_huge_pages "ShmemHugePages" Kib,
        /// Of it, mapped by one entry.
        shmem_pmd_mapped "ShmemPmdMapped" Kib,
        /// Page cache in huge pages.
        file_huge_pages "FileHugePages" Kib,
        /// Of it, mapped by one entry.
        file_pmd_mapped "FilePmdMapped" Kib,
        /// Huge pages of the pool.
        huge_pages_total "HugePages_Total" Count,
        /// Free ones.
        huge_pages_free "HugePages_Free" Count,
        /// Promised ones.
        huge_pages_rsvd "HugePages_Rsvd" Count,
        /// Ones beyond the pool.
        huge_pages_surp "HugePages_Surp" Count,
        /// Size of one.
        huge_page_size "Hugepagesize" Kib,
        /// In huge pages of any size.
        hugetlb "Hugetlb" Kib,
        /// The kernel's map of memory, by entries of 4 KiB.
        direct_map_4k "DirectMap4k" Kib,
        /// By entries of 2 MiB.
        direct_map_2m "DirectMap2M" Kib,
        /// By entries of 1 GiB.
        direct_map_1g "DirectMap1G" Kib,
    }
}

/// How a line of `/proc/meminfo` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Kib,
    Count,
}

impl fmt::Display for MemInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, value, unit) in self.lines() {
            // Numbers end at column 24, whatever their width is for.
            let label = format!("{label}:");
            match unit {
                Unit::Kib => writeln!(f, "{label:<16}{value:8} kB")?,
                Unit::Count => writeln!(f, "{label:<16}   {value:5}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As a machine of 256 MiB with 64 MiB of swap printed it.
    pub(in crate::screens) const MEASURED: &str = "\
MemTotal:         223608 kB
MemFree:          192048 kB
MemAvailable:     195500 kB
Buffers:             152 kB
Cached:             2160 kB
SwapCached:            0 kB
Active:              152 kB
Inactive:           2396 kB
Active(anon):          4 kB
Inactive(anon):     2220 kB
Active(file):        148 kB
Inactive(file):      176 kB
Unevictable:        3456 kB
Mlocked:            3324 kB
SwapTotal:         65536 kB
SwapFree:          65536 kB
Dirty:               216 kB
Writeback:             0 kB
AnonPages:          3716 kB
Mapped:             2036 kB
Shmem:              1024 kB
KReclaimable:       9176 kB
Slab:              15272 kB
SReclaimable:       9176 kB
SUnreclaim:         6096 kB
KernelStack:         752 kB
PageTables:           64 kB
SecPageTables:         0 kB
NFS_Unstable:          0 kB
Bounce:                0 kB
WritebackTmp:          0 kB
CommitLimit:      177340 kB
Committed_AS:      11128 kB
VmallocTotal:   34359738367 kB
VmallocUsed:        7272 kB
VmallocChunk:          0 kB
Percpu:              256 kB
AnonHugePages:         0 kB
ShmemHugePages:        0 kB
ShmemPmdMapped:        0 kB
FileHugePages:         0 kB
FilePmdMapped:         0 kB
HugePages_Total:       0
HugePages_Free:        0
HugePages_Rsvd:        0
HugePages_Surp:        0
Hugepagesize:       2048 kB
Hugetlb:               0 kB
DirectMap4k:       28520 kB
DirectMap2M:      233472 kB
DirectMap1G:           0 kB
";

    pub(in crate::screens) fn measured() -> MemInfo {
        MemInfo {
            total: 223_608,
            free: 192_048,
            available: 195_500,
            buffers: 152,
            cached: 2160,
            active: 152,
            inactive: 2396,
            active_anon: 4,
            inactive_anon: 2220,
            active_file: 148,
            inactive_file: 176,
            unevictable: 3456,
            mlocked: 3324,
            swap_total: 65_536,
            swap_free: 65_536,
            dirty: 216,
            anon_pages: 3716,
            mapped: 2036,
            shmem: 1024,
            k_reclaimable: 9176,
            slab: 15_272,
            s_reclaimable: 9176,
            s_unreclaim: 6096,
            kernel_stack: 752,
            page_tables: 64,
            commit_limit: 177_340,
            committed_as: 11_128,
            vmalloc_total: 34_359_738_367,
            vmalloc_used: 7272,
            percpu: 256,
            huge_page_size: 2048,
            direct_map_4k: 28_520,
            direct_map_2m: 233_472,
            ..MemInfo::default()
        }
    }

    #[test]
    fn the_layout_is_that_of_linux() {
        for (ours, theirs) in measured().to_string().lines().zip(MEASURED.lines()) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(measured().to_string(), MEASURED);
    }

    #[test]
    fn every_line_can_be_had_by_its_name() {
        assert_eq!(measured().get("Committed_AS"), Some(11_128));
        assert_eq!(measured().get("Nothing"), None);
    }
}
