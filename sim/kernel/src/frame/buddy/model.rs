//! The same allocator, naively: sorted sets of blocks, every rule spelled out. What [`super::Buddy`] is held against.

use super::super::migrate::{MIGRATE_TYPES, MigrateType};
use super::{ORDER_COUNT, ORDER_MAX, PAGEBLOCK_ORDER};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

#[derive(Clone, Debug)]
pub(super) struct NaiveBuddy {
    span: Range<u64>,
    pub(super) lists: [[BTreeSet<u64>; ORDER_COUNT]; MIGRATE_TYPES],
    /// Page blocks that are not movable.
    pageblocks: BTreeMap<u64, MigrateType>,
}

impl NaiveBuddy {
    pub(super) fn new(span: Range<u64>) -> Self {
        let mut new = Self { span: span.clone(), lists: Default::default(), pageblocks: BTreeMap::new() };
        span.for_each(|frame| new.free(frame, 0));
        new
    }

    fn list_of(&self, block: u64, order: usize) -> Option<MigrateType> {
        MigrateType::ALL.into_iter().find(|&kind| self.lists[kind as usize][order].contains(&block))
    }

    pub(super) fn pageblock(&self, frame: u64) -> MigrateType {
        self.pageblocks.get(&(frame >> PAGEBLOCK_ORDER)).copied().unwrap_or_default()
    }

    pub(super) fn allocate_of(&mut self, order: usize, kind: MigrateType) -> Option<u64> {
        let lists = &mut self.lists[kind as usize];
        let found = (order..ORDER_COUNT).find(|&o| !lists[o].is_empty())?;
        let block = lists[found].pop_first()?;
        for (o, list) in lists.iter_mut().enumerate().take(found).skip(order) {
            list.insert(block + (1 << o));
        }
        Some(block)
    }

    pub(super) fn take(&mut self, block: u64, order: usize) -> bool {
        let around = |o: usize| (block >> o << o, o);
        let Some((first, found)) =
            (order..ORDER_COUNT).map(around).find(|&(first, o)| self.list_of(first, o).is_some())
        else {
            return false;
        };
        let kind = self.list_of(first, found).unwrap();
        self.lists[kind as usize][found].remove(&first);
        for o in order..found {
            self.lists[kind as usize][o].insert((block >> o << o) ^ (1 << o));
        }
        true
    }

    pub(super) fn free(&mut self, block: u64, order: usize) {
        let kind = self.pageblock(block);
        let (mut block, mut order) = (block, order);
        while order < ORDER_MAX
            && let Some(list) = self.list_of(block ^ (1 << order), order)
        {
            self.lists[list as usize][order].remove(&(block ^ (1 << order)));
            block &= !(1 << order);
            order += 1;
        }
        self.lists[kind as usize][order].insert(block);
    }

    /// Linux's `__rmqueue_fallback`, statement by statement. `movable` of the frames in use in each page block move.
    pub(super) fn steal(
        &mut self,
        order: usize,
        kind: MigrateType,
        no_fragment: bool,
        movable: u64,
    ) -> Option<u64> {
        let can_steal = |current: usize| current >= PAGEBLOCK_ORDER / 2 || kind != MigrateType::Movable;
        let suitable = |lists: &[[BTreeSet<u64>; ORDER_COUNT]; MIGRATE_TYPES], current: usize| {
            kind.fallbacks().into_iter().find(|&from| !lists[from as usize][current].is_empty())
        };
        let least = if no_fragment { order.max(PAGEBLOCK_ORDER) } else { order };
        let mut current = (least..ORDER_COUNT).rev().find(|&o| suitable(&self.lists, o).is_some())?;
        if !can_steal(current) && current > order {
            current = (order..ORDER_COUNT).find(|&o| suitable(&self.lists, o).is_some())?;
        }
        let from = suitable(&self.lists, current)?;
        let block = *self.lists[from as usize][current].first()?;
        let pageblock = block >> PAGEBLOCK_ORDER;
        let frames = pageblock << PAGEBLOCK_ORDER..(pageblock + 1) << PAGEBLOCK_ORDER;
        let mut moved = vec![(block, current)];
        if current >= PAGEBLOCK_ORDER {
            for p in pageblock..pageblock + (1 << (current - PAGEBLOCK_ORDER)) {
                self.pageblocks.insert(p, kind);
            }
        } else if can_steal(current) && frames.end <= self.span.end {
            let old = self.pageblock(block);
            for o in 0..=PAGEBLOCK_ORDER {
                let all = self.lists.iter().flat_map(|lists| lists[o].range(frames.clone()));
                moved.extend(all.map(|&b| (b, o)));
            }
            moved.remove(0);
            let free: u64 = moved.iter().map(|&(_, o)| 1 << o).sum();
            let alike = match (kind, old) {
                (MigrateType::Movable, _) => movable,
                (_, MigrateType::Movable) => 512u64.saturating_sub(free + movable),
                _ => 0,
            };
            if free + alike >= 256 {
                self.pageblocks.insert(pageblock, kind);
            }
        }
        for (b, o) in moved {
            let list = self.list_of(b, o).unwrap();
            self.lists[list as usize][o].remove(&b);
            self.lists[kind as usize][o].insert(b);
        }
        self.allocate_of(order, kind)
    }
}
