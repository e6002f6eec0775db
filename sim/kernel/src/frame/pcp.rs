//! Each CPU's own free frames in front of a zone's buddy lists: the lazy buddy, since what waits here is neither merged
//! nor split.
//!
//! Owns the lists of one CPU in one zone, and when they are refilled and drained, as Linux 6.1 does: blocks come from the
//! buddy lists a batch at a time, lowest first; what is freed goes in front and is used next; above the high mark the
//! oldest go back, the more at once the longer nothing is allocated.

use super::buddy::PAGEBLOCK_ORDER;
use super::migrate::{MIGRATE_TYPES, MigrateType};
use std::collections::VecDeque;

/// Blocks above this order cost more to have ready than to make: Linux's `PAGE_ALLOC_COSTLY_ORDER`.
pub const COSTLY_ORDER: usize = 3;
/// Orders 0 to 3, and whole page blocks for huge pages.
const ORDERS: usize = COSTLY_ORDER + 2;
const LISTS: usize = ORDERS * MIGRATE_TYPES;

/// The free blocks of one CPU in one zone.
#[derive(Clone, Debug)]
pub struct PerCpuPages {
    /// By order, then by type. The next to go is in front.
    lists: [VecDeque<u64>; LISTS],
    count: u64,
    high: u64,
    batch: u64,
    /// By which power of two more than a batch is drained at once.
    free_factor: u32,
}

impl Default for PerCpuPages {
    fn default() -> Self {
        Self { lists: Default::default(), count: 0, high: 0, batch: 1, free_factor: 0 }
    }
}

const fn order_of(list: usize) -> usize {
    let order = list / MIGRATE_TYPES;
    if order > COSTLY_ORDER { PAGEBLOCK_ORDER } else { order }
}

const fn list_of(order: usize, kind: MigrateType) -> usize {
    let row = if order > COSTLY_ORDER { COSTLY_ORDER + 1 } else { order };
    row * MIGRATE_TYPES + kind as usize
}

impl PerCpuPages {
    /// Whether blocks of `order` wait here.
    #[inline]
    pub const fn keeps(order: usize) -> bool {
        order <= COSTLY_ORDER || order == PAGEBLOCK_ORDER
    }

    /// Sets batch and high mark for a zone of `managed` frames, of which `cpus` CPUs may hold `total`.
    pub fn resize(&mut self, managed: u64, total: u64, cpus: u64) {
        // A thousandth of the zone, at most 1 MiB, in four batches; a power of two less one, so that batches and the
        // sizes of caches do not fall into step.
        let quarter = ((managed >> 10).min(256) / 4).max(1);
        self.batch = (1u64 << (quarter + quarter / 2).ilog2()).saturating_sub(1).max(1);
        self.high = (total / cpus.max(1)).max(self.batch << 2);
    }

    /// Takes a block; `refill` takes one from the buddy lists.
    #[inline]
    pub fn allocate(
        &mut self,
        order: usize,
        kind: MigrateType,
        refill: impl FnMut() -> Option<u64>,
    ) -> Option<u64> {
        let list = list_of(order, kind);
        self.free_factor >>= 1;
        if self.lists[list].is_empty() {
            self.refill(list, order, refill);
        }
        let block = self.lists[list].pop_front()?;
        self.count -= 1 << order;
        Some(block)
    }

    #[cold]
    fn refill(&mut self, list: usize, order: usize, refill: impl FnMut() -> Option<u64>) {
        let blocks = if self.batch > 1 { (self.batch >> order).max(2) } else { self.batch };
        let before = self.lists[list].len();
        self.lists[list]
            .extend(std::iter::repeat_with(refill).take(blocks as usize).map_while(|block| block));
        self.count += ((self.lists[list].len() - before) as u64) << order;
    }

    /// Keeps a block; `give` returns one to the buddy lists. While the zone is short of memory little is kept.
    #[inline]
    pub fn free(
        &mut self,
        block: u64,
        order: usize,
        kind: MigrateType,
        under_reclaim: bool,
        give: impl FnMut(u64, usize),
    ) {
        let list = list_of(order, kind);
        self.lists[list].push_front(block);
        self.count += 1 << order;
        // Freeing much of a high order in a row drains all, so that it merges.
        let drains_all = self.free_factor > 0 && order > 0 && order <= COSTLY_ORDER;
        let high = match (drains_all, under_reclaim) {
            (true, _) => 0,
            (false, true) => self.high.min(self.batch << 2),
            (false, false) => self.high,
        };
        if self.count >= high {
            let frames = if drains_all { self.count } else { self.drained_at_once(high) };
            self.give_back(frames, list, give);
        }
    }

    fn drained_at_once(&mut self, high: u64) -> u64 {
        if high < self.batch {
            return 1;
        }
        let (least, most) = (self.batch, high - self.batch);
        let frames = self.batch << self.free_factor;
        if frames < most {
            self.free_factor += 1;
        }
        frames.min(most).max(least)
    }

    /// Returns about `frames` frames, the oldest of each list, `first` and the lists after it in turn.
    #[cold]
    fn give_back(&mut self, frames: u64, first: usize, mut give: impl FnMut(u64, usize)) {
        let mut left = frames.min(self.count);
        let mut list = first;
        while left > 0 {
            let order = order_of(list);
            while left > 0
                && let Some(block) = self.lists[list].pop_back()
            {
                give(block, order);
                self.count -= 1 << order;
                left = left.saturating_sub(1 << order);
            }
            list = (list + 1) % LISTS;
        }
    }

    /// Returns everything.
    pub fn drain(&mut self, give: impl FnMut(u64, usize)) {
        self.give_back(self.count, 0, give);
    }

    /// Whether frames were freed in such numbers lately that more than a batch went back at once.
    pub fn is_giving_back(&self) -> bool {
        self.free_factor > 0
    }
    /// Frames that wait here.
    pub fn count(&self) -> u64 {
        self.count
    }
    /// Above so many, some go back.
    pub fn high(&self) -> u64 {
        self.high
    }
    /// So many come and go at once.
    pub fn batch(&self) -> u64 {
        self.batch
    }
    /// Every block that waits here, with its order.
    pub fn blocks(&self) -> impl Iterator<Item = (u64, usize)> {
        self.lists
            .iter()
            .enumerate()
            .flat_map(|(list, blocks)| blocks.iter().map(move |&b| (b, order_of(list))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::buddy::Buddy;
    use super::*;
    use proptest::prelude::*;

    fn sized(managed: u64, low: u64, cpus: u64) -> (u64, u64) {
        let mut pcp = PerCpuPages::default();
        pcp.resize(managed, low, cpus);
        (pcp.batch(), pcp.high())
    }

    #[test]
    fn batch_and_high_are_linuxs() {
        // As /proc/zoneinfo of 6.1 shows them with 128 MiB, 256 MiB (one CPU, two), 512 MiB on two nodes, 1 GiB, 5 GiB.
        let measured = [
            ((3840, 41, 1), (1, 41)),
            ((3840, 41, 2), (1, 20)),
            ((3840, 9, 1), (1, 9)),
            ((19_857, 298, 1), (3, 298)),
            ((52_065, 536, 1), (15, 536)),
            ((52_004, 535, 2), (15, 267)),
            ((52_205, 363, 1), (15, 363)),
            ((64_363, 466, 1), (15, 466)),
            ((245_313, 13_860, 1), (63, 13_860)),
            ((500_424, 1389, 1), (63, 1389)),
        ];
        for ((managed, low, cpus), expected) in measured {
            assert_eq!(sized(managed, low, cpus), expected, "{managed} frames");
        }
    }

    #[test]
    fn a_batch_comes_at_once_and_what_was_freed_goes_first() {
        let mut buddy = Buddy::new(0..4096);
        let mut pcp = PerCpuPages::default();
        pcp.resize(52_065, 536, 1);
        let kind = MigrateType::Movable;
        let frame = pcp.allocate(0, kind, || buddy.allocate(0));
        assert_eq!((frame, pcp.count(), buddy.frames_free()), (Some(0), 14, 4096 - 15));
        assert_eq!(pcp.allocate(0, kind, || None), Some(1));
        pcp.free(0, 0, kind, false, |_, _| panic!("below the mark"));
        assert_eq!(pcp.allocate(0, kind, || None), Some(0));
        assert_eq!(pcp.allocate(3, kind, || buddy.allocate(3)), Some(16), "two at least");
        assert_eq!(pcp.count(), 13 + 8);
        pcp.drain(|block, order| buddy.free(block, order));
        assert_eq!((pcp.count(), buddy.frames_free()), (0, 4096 - 2 - 8));
    }

    #[test]
    fn the_longer_nothing_is_allocated_the_more_goes_back_at_once() {
        let mut pcp = PerCpuPages::default();
        pcp.resize(52_065, 536, 1);
        let mut given = Vec::new();
        for frame in 0..3000 {
            let mut frames = 0;
            pcp.free(frame, 0, MigrateType::Movable, false, |_, _| frames += 1);
            given.extend((frames > 0).then_some(frames));
        }
        assert_eq!(given, [15, 30, 60, 120, 240, 480, 521, 521, 521]);
        let mut first = None;
        pcp.free(3000, 0, MigrateType::Movable, true, |frame, _| first = first.or(Some(frame)));
        assert!(pcp.count() < 540 && first.is_none_or(|frame| frame < 3000), "the oldest go");
    }

    proptest! {
        #[test]
        fn every_frame_is_in_one_place(
            steps in prop::collection::vec((any::<bool>(), 0usize..4, any::<prop::sample::Index>()), 1..400),
        ) {
            let mut buddy = Buddy::new(0..2048);
            let mut pcp = PerCpuPages::default();
            pcp.resize(20_000, 30, 1);
            let mut held: Vec<(u64, usize)> = Vec::new();
            for (take, order, which) in steps {
                if take {
                    held.extend(pcp.allocate(order, MigrateType::Movable, || buddy.allocate(order)).map(|b| (b, order)));
                } else if !held.is_empty() {
                    let (block, order) = held.swap_remove(which.index(held.len()));
                    pcp.free(block, order, MigrateType::Movable, false, |block, order| buddy.free(block, order));
                }
                let mut places = vec![0u8; 2048];
                for &(block, order) in held.iter().chain(&pcp.blocks().collect::<Vec<_>>()) {
                    (block..block + (1 << order)).for_each(|frame| places[frame as usize] += 1);
                }
                for frame in 0..2048 {
                    places[frame as usize] += u8::from(buddy.is_free(frame));
                }
                prop_assert!(places.iter().all(|&n| n == 1));
                prop_assert_eq!(pcp.count(), pcp.blocks().map(|(_, order)| 1 << order).sum::<u64>());
                prop_assert_eq!(buddy.check(), Ok(()));
            }
        }
    }
}
