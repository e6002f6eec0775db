//! Linux's event counters, by the names and in the order of `/proc/vmstat`.
//!
//! Owns the counters alone. Each is counted where Linux counts it; gauges (`nr_free_pages` …) are taken from the state they
//! describe.

use serde::Serialize;

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What has happened since the start.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct VmEvents {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl VmEvents {
            /// Every counter with its name.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }
    };
}

events! {
    /// Anonymous pages that came back from swap while a trace of their going was left.
    workingset_refault_anon,
    /// Pages of files that were read again while a trace of their going was left.
    workingset_refault_file,
    /// Of the first, those that came back soon enough to be made active.
    workingset_activate_anon,
    /// Of the second.
    workingset_activate_file,
    /// Of those made active, those that had been active when they went.
    workingset_restore_anon,
    /// Of files.
    workingset_restore_file,
    /// Pages written to swap by reclaim.
    nr_vmscan_write,
    /// Pages under writeback when reclaim came to them, marked to be taken once written.
    nr_vmscan_immediate_reclaim,
    /// Pages of files made dirty.
    nr_dirtied,
    /// Pages written to any device.
    nr_written,
    /// KiB read from devices.
    pgpgin,
    /// KiB written to devices.
    pgpgout,
    /// Pages read from swap.
    pswpin,
    /// Pages written to swap.
    pswpout,
    /// Frames allocated.
    pgalloc,
    /// Times that an allocation had to reclaim itself.
    allocstall,
    /// Frames freed.
    pgfree,
    /// Pages made active.
    pgactivate,
    /// Pages made inactive.
    pgdeactivate,
    /// Pages lazily freed by MADV_FREE.
    pglazyfree,
    /// Of these, those that were taken.
    pglazyfreed,
    /// Page faults, each retry counted again.
    pgfault,
    /// Of these, those for a page that was not in memory at all.
    pgmajfault,
    /// Pages of active lists scanned.
    pgrefill,
    /// Write-protected pages made writable without a copy.
    pgreuse,
    /// Pages taken by kswapd.
    pgsteal_kswapd,
    /// Pages taken by those who asked for memory.
    pgsteal_direct,
    /// Pages scanned by kswapd.
    pgscan_kswapd,
    /// Pages scanned by those who asked for memory.
    pgscan_direct,
    /// Anonymous pages scanned.
    pgscan_anon,
    /// Pages of files scanned.
    pgscan_file,
    /// Anonymous pages taken.
    pgsteal_anon,
    /// Pages of files taken.
    pgsteal_file,
    /// Objects of slabs looked at.
    slabs_scanned,
    /// Times that kswapd found the low watermark met soon after its last run.
    kswapd_low_wmark_hit_quickly,
    /// Times that kswapd ran.
    pageoutrun,
    /// Pages moved to the tail of their list because they had been written.
    pgrotated,
    /// Times that the page cache was dropped by hand.
    drop_pagecache,
    /// Times that slabs were.
    drop_slab,
    /// Processes killed by the OOM killer.
    oom_kill,
    /// Pages moved by compaction.
    pgmigrate_success,
    /// Pages that compaction could not move.
    pgmigrate_fail,
    /// Frames at which compaction looked for pages to move.
    compact_migrate_scanned,
    /// Frames at which it looked for free ones.
    compact_free_scanned,
    /// Pages and free frames that it set aside.
    compact_isolated,
    /// Times that kcompactd was woken.
    compact_daemon_wake,
    /// Of the frames at which compaction looked for pages to move, those of kcompactd.
    compact_daemon_migrate_scanned,
    /// Of those at which it looked for free ones.
    compact_daemon_free_scanned,
    /// Times that someone who asked for memory waited for compaction.
    compact_stall,
    /// Of these, those after which the block was there.
    compact_success,
    /// Of these, those after which it was not.
    compact_fail,
    /// Pages found to be unevictable by reclaim or faults.
    unevictable_pgs_culled,
    /// Pages that became evictable again.
    unevictable_pgs_rescued,
    /// Pages locked.
    unevictable_pgs_mlocked,
    /// Pages unlocked.
    unevictable_pgs_munlocked,
    /// Pages read ahead from swap.
    swap_ra,
    /// Of these, those that were used.
    swap_ra_hit,
}
