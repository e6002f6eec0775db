//! Who reclaims, and when: kswapd between the low and the high watermark, and whoever asks below the minimum. Linux's
//! `balance_pgdat` and `try_to_free_pages`.
//!
//! kswapd is another thread; on a machine of one CPU it runs as soon as it is woken, and here it always runs to its end
//! then.

use super::scan::Scan;
use super::{CLUSTER_PAGES, Gfp, PRIORITY_FIRST};
use crate::OutOfMemory;
use crate::frame::{LruList, Mark, PAGEBLOCK_ORDER};
use crate::system::System;
use pagewalk_arch::Platform;

/// kswapd gives up after so many runs that took nothing: `MAX_RECLAIM_RETRIES`.
const FAILURES_MAX: u32 = 16;
/// For a boost, kswapd looks at no more than 1 in 2¹⁰ pages.
const BOOST_PRIORITY_LEAST: u32 = PRIORITY_FIRST - 2;

impl System {
    /// Sees to it that `frames` frames can be had, by reclaim where it must.
    ///
    /// # Errors
    /// Nothing more can be taken, and every zone is at its minimum: that is for the OOM killer. Who goes on nevertheless
    /// takes what is kept for emergencies.
    pub(crate) fn make_room(
        &mut self,
        platform: &mut dyn Platform,
        frames: u64,
        _gfp: Gfp,
    ) -> Result<(), OutOfMemory> {
        let is_boosted = self.memory.zones().iter().any(|zone| zone.boost() > 0);
        if !is_boosted && self.memory.is_above(Mark::Low, frames) {
            return Ok(());
        }
        self.wake_kswapd(platform);
        let (mut failures, mut rounds) = (0, 0);
        while !self.memory.is_above(Mark::Min, frames) {
            rounds += 1;
            // Each takes a page or ends a transfer, or fails: there cannot be more of those than twice the frames.
            let is_stuck = rounds > 2 * self.memory.frames_total();
            self.events.allocstall += 1;
            if !is_stuck && self.reclaim_directly(platform, frames.max(CLUSTER_PAGES)) > 0 {
                failures = 0;
                continue;
            }
            if !is_stuck && self.flush_for_reclaim(platform, true) {
                continue;
            }
            // What waits on CPUs' lists may be what is missing.
            self.memory.drain();
            failures += 1;
            if is_stuck || failures > FAILURES_MAX || !self.could_suffice(frames) {
                let has_marks = self.memory.min_total() > 0;
                return if has_marks && !self.memory.is_above(Mark::Min, 1) {
                    Err(OutOfMemory)
                } else {
                    Ok(())
                };
            }
        }
        Ok(())
    }

    /// Whether all that may still be taken would be enough: `should_reclaim_retry`.
    fn could_suffice(&self, frames: u64) -> bool {
        let may_swap = self.swap.slots_free() > 0;
        let lists = LruList::ALL.into_iter().filter(|&list| list != LruList::Unevictable);
        let lists = lists.filter(|list| may_swap || !list.is_anon());
        let reclaimable: u64 = lists.map(|list| self.memory.lru_len(list)).sum();
        reclaimable + self.memory.frames_free() > self.memory.min_total() + frames
    }

    /// Whether kswapd has given up: `all_unreclaimable?` of the killer's report.
    pub(crate) fn reclaim_is_hopeless(&self) -> bool {
        self.reclaim.failures >= FAILURES_MAX
    }

    /// kswapd, from its waking to where it sleeps again: `balance_pgdat`. Where watermarks are raised because types of
    /// blocks were mixed, but even so enough is free, it makes up for that with what can go without being written; where not
    /// enough is free, by reaching the raised marks. Either way they sink to where they were.
    fn wake_kswapd(&mut self, platform: &mut dyn Platform) {
        let boosts = self.memory.boosts();
        let boost: u64 = boosts.iter().sum();
        let is_needless = self.memory.is_balanced() && boost == 0;
        if self.reclaim_is_hopeless() || self.memory.high_total() == 0 || is_needless {
            return;
        }
        self.events.pageoutrun += 1;
        self.sync_file_objects();
        self.memory.set_under_reclaim(true);
        self.balance(platform, boost);
        self.complete_swap_writes(0);
        self.memory.set_under_reclaim(false);
        self.reclaim.activations_seen = self.activations();
        if boost > 0 {
            self.memory.unboost(&boosts);
            self.wake_kcompactd(platform, PAGEBLOCK_ORDER);
        }
    }

    fn balance(&mut self, platform: &mut dyn Platform, mut boost: u64) {
        let mut scan = Scan::new(0, true);
        loop {
            let is_balanced = self.memory.is_balanced();
            if !is_balanced && boost > 0 {
                boost = 0;
                scan.priority = PRIORITY_FIRST;
            }
            if is_balanced && boost == 0 {
                break;
            }
            scan.may_swap = boost == 0;
            if self.swap.slots_total() > 0 && self.inactive_is_low(true) {
                self.shrink_active(platform, LruList::ActiveAnon, CLUSTER_PAGES);
            }
            scan.wanted = self.memory.high_total_each(CLUSTER_PAGES);
            let before = (scan.scanned, scan.reclaimed);
            self.shrink_node(platform, &mut scan);
            self.flush_for_reclaim(platform, false);
            let (scanned, reclaimed) = (scan.scanned - before.0, scan.reclaimed - before.1);
            let is_gentle = boost > 0 && scan.priority == BOOST_PRIORITY_LEAST;
            boost = boost.saturating_sub(reclaimed);
            if boost > 0 && reclaimed == 0 {
                break;
            }
            if (scanned < scan.wanted && !is_gentle) || reclaimed == 0 {
                if scan.priority == 1 {
                    break;
                }
                scan.priority -= 1;
            }
        }
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
