//! Who reclaims, and when: kswapd between the low and the high watermark, and whoever asks below the minimum. Linux's
//! `balance_pgdat` and `try_to_free_pages`.
//!
//! kswapd is another thread; on a machine of one CPU it runs as soon as it is woken, and here it always runs to its end
//! then.

use super::scan::Scan;
use super::{CLUSTER_PAGES, Gfp, PRIORITY_FIRST};
use crate::frame::{LruList, Mark};
use crate::system::System;
use pagewalk_arch::Platform;

/// kswapd gives up after so many runs that took nothing: `MAX_RECLAIM_RETRIES`.
const FAILURES_MAX: u32 = 16;

impl System {
    /// Sees to it that `frames` frames can be had, by reclaim where it must. Where nothing more can be taken there may be
    /// fewer, and what is then asked of memory may fail: that is for the OOM killer.
    pub(crate) fn make_room(&mut self, platform: &mut dyn Platform, frames: u64, _gfp: Gfp) {
        if self.memory.is_above(Mark::Low, frames) {
            return;
        }
        self.wake_kswapd(platform);
        let mut failures = 0;
        while !self.memory.is_above(Mark::Min, frames) {
            self.events.allocstall += 1;
            if self.reclaim_directly(platform, frames.max(CLUSTER_PAGES)) > 0 {
                failures = 0;
                continue;
            }
            if self.flush_for_reclaim(platform, true) {
                continue;
            }
            // What waits on CPUs' lists may be what is missing.
            self.memory.drain();
            failures += 1;
            if failures > FAILURES_MAX || !self.could_suffice(frames) {
                return;
            }
        }
    }

    /// Whether all that may still be taken would be enough: `should_reclaim_retry`.
    fn could_suffice(&self, frames: u64) -> bool {
        let mut lists = vec![LruList::InactiveFile, LruList::ActiveFile];
        if self.swap.slots_free() > 0 {
            lists.extend([LruList::InactiveAnon, LruList::ActiveAnon]);
        }
        let reclaimable: u64 = lists.into_iter().map(|list| self.memory.lru_len(list)).sum();
        reclaimable + self.memory.frames_free() > self.memory.min_total() + frames
    }

    fn wake_kswapd(&mut self, platform: &mut dyn Platform) {
        let is_hopeless = self.reclaim.failures >= FAILURES_MAX;
        if is_hopeless || self.memory.high_total() == 0 || self.memory.is_balanced() {
            return;
        }
        self.events.pageoutrun += 1;
        self.sync_file_objects();
        self.memory.set_under_reclaim(true);
        let mut scan = Scan::new(0, true);
        loop {
            if self.memory.is_balanced() {
                break;
            }
            if self.swap.slots_total() > 0 && self.inactive_is_low(true) {
                self.shrink_active(platform, LruList::ActiveAnon, CLUSTER_PAGES);
            }
            scan.wanted = self.memory.high_total_each(CLUSTER_PAGES);
            let before = (scan.scanned, scan.reclaimed);
            self.shrink_node(platform, &mut scan);
            self.flush_for_reclaim(platform, false);
            let (scanned, reclaimed) = (scan.scanned - before.0, scan.reclaimed - before.1);
            if scanned < scan.wanted || reclaimed == 0 {
                if scan.priority == 1 {
                    break;
                }
                scan.priority -= 1;
            }
        }
        self.complete_swap_writes(0);
        self.memory.set_under_reclaim(false);
        self.reclaim.activations_seen = self.activations();
        if scan.reclaimed == 0 {
            self.reclaim.failures += 1;
        } else {
            self.reclaim.failures = 0;
        }
    }

    /// Takes `wanted` pages, if it can: pages taken.
    fn reclaim_directly(&mut self, platform: &mut dyn Platform, wanted: u64) -> u64 {
        let mut scan = Scan::new(wanted, false);
        for priority in (0..=PRIORITY_FIRST).rev() {
            scan.priority = priority;
            self.shrink_node(platform, &mut scan);
            if scan.reclaimed >= scan.wanted {
                break;
            }
        }
        self.complete_swap_writes(0);
        self.reclaim.activations_seen = self.activations();
        if scan.reclaimed > 0 {
            self.reclaim.failures = 0;
        }
        scan.reclaimed
    }
}
