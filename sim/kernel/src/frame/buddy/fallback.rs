//! Taking blocks of another migrate type when there are none of the wanted one, as Linux 6.1 does.
//!
//! Owns which block is stolen, and when its whole page block changes its type with it. The largest block goes first, so
//! that one theft lasts long; only a movable request that could not claim the page block takes the smallest instead,
//! because movable frames do no lasting harm where they are strangers.

use super::chunk::{CHUNK_FRAMES, Node, node_of, order_of};
use super::{Buddy, MigrateType, ORDER_MAX, PAGEBLOCK_ORDER, Slot};
use std::ops::Range;

const PAGEBLOCK_FRAMES: u64 = 1 << PAGEBLOCK_ORDER;

/// What decides about stealing besides orders and types.
#[derive(Clone, Copy, Default)]
pub struct StealPolicy<'a> {
    /// Only whole page blocks: Linux's `ALLOC_NOFRAGMENT`, while other zones may still have what is wanted.
    pub no_fragment: bool,
    /// How many frames in use among these could be moved elsewhere. Without it, none.
    pub movable: Option<&'a dyn Fn(Range<u64>) -> u64>,
}

/// What a theft did beside handing out a block: Linux's `mm_page_alloc_extfrag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steal {
    /// Order of the block that was found.
    pub order: usize,
    /// Whose it was.
    pub from: MigrateType,
    /// The page blocks around it have the wanted type from now on.
    pub claimed: bool,
    /// It mixed types in a page block that stays another's: what raises watermarks for a while.
    pub fragments: bool,
}

impl Buddy {
    /// Takes a block of 2^`order` frames for `kind` from the lists of the other types. Asked only where `kind` has none.
    ///
    /// # Panics
    /// Where `order` is above [`ORDER_MAX`].
    pub fn steal(&mut self, order: usize, kind: MigrateType, policy: &StealPolicy) -> Option<(u64, Steal)> {
        assert!(order <= ORDER_MAX, "a block of order {order} does not exist");
        let least = if policy.no_fragment { order.max(PAGEBLOCK_ORDER) } else { order };
        let (found, from) = self.victim(order, least, kind)?;
        let (slot, node) = self.lowest(found, from)?;
        let claimed = self.claim(slot, node, kind, policy);
        let steal = Steal { order: found, from, claimed, fragments: found < PAGEBLOCK_ORDER };
        if self.chunk(slot).and_then(|chunk| chunk.list(node)) != Some(kind) {
            self.remove(slot, node, from);
            self.insert(slot, node, kind);
        }
        // All lists of the type were empty, so what was just moved to them is all that there is to choose from.
        self.allocate_of(order, kind).map(|block| (block, steal))
    }

    /// The order and list to steal from.
    fn victim(&self, order: usize, least: usize, kind: MigrateType) -> Option<(usize, MigrateType)> {
        let list = |order: usize| {
            kind.fallbacks()
                .into_iter()
                .find(|&from| self.orders[from as usize] >> order & 1 == 1)
                .map(|from| (order, from))
        };
        let largest = (least..=ORDER_MAX).rev().find_map(list)?;
        if largest.0 > order && !kind.steals(largest.0) {
            return (order..=ORDER_MAX).find_map(list);
        }
        Some(largest)
    }

    /// Takes over the page blocks of a block that is about to be stolen, where that is worth it.
    fn claim(&mut self, slot: Slot, node: Node, kind: MigrateType, policy: &StealPolicy) -> bool {
        let offset = super::offset_of(node);
        let order = order_of(node);
        if order >= PAGEBLOCK_ORDER {
            for pageblock in (offset..offset + (1 << order)).step_by(1 << PAGEBLOCK_ORDER) {
                self.chunk_mut(slot).set_pageblock(pageblock, kind);
            }
            return true;
        }
        if !kind.steals(order) {
            return false;
        }
        let first = offset / PAGEBLOCK_FRAMES * PAGEBLOCK_FRAMES;
        let frames = self.first_frame(slot) + first..self.first_frame(slot) + first + PAGEBLOCK_FRAMES;
        if frames.end > self.span.end {
            return false;
        }
        let old = self.pageblock(frames.start);
        let free = self.move_free(slot, first, kind);
        let movable = policy.movable.map_or(0, |count| count(frames));
        let alike = match (kind, old) {
            (MigrateType::Movable, _) => movable,
            (_, MigrateType::Movable) => PAGEBLOCK_FRAMES.saturating_sub(free + movable),
            _ => 0,
        };
        let claims = free + alike >= PAGEBLOCK_FRAMES / 2;
        if claims {
            self.chunk_mut(slot).set_pageblock(first, kind);
        }
        claims
    }

    /// The page block of `frame`, with what is free of it, is of type `kind` from now on.
    pub fn set_type(&mut self, frame: u64, kind: MigrateType) {
        let (slot, offset) = (self.slot(frame), frame % CHUNK_FRAMES);
        if self.chunk(slot).is_some() {
            self.move_free(slot, offset / PAGEBLOCK_FRAMES * PAGEBLOCK_FRAMES, kind);
            self.chunk_mut(slot).set_pageblock(offset, kind);
        }
    }

    /// Moves the free blocks of a page block to the lists of `kind`, and says how many frames they are.
    fn move_free(&mut self, slot: Slot, offset: u64, kind: MigrateType) -> u64 {
        let Some(chunk) = self.chunk(slot) else { return 0 };
        let pageblock = node_of(offset % CHUNK_FRAMES, PAGEBLOCK_ORDER);
        let inside = |node: Node| node >> (PAGEBLOCK_ORDER - order_of(node)) == pageblock;
        let nodes: Vec<_> =
            (0..=PAGEBLOCK_ORDER).flat_map(|order| chunk.nodes(order).filter(|&node| inside(node))).collect();
        for &node in &nodes {
            if let Some(list) = self.chunk(slot).and_then(|chunk| chunk.list(node)) {
                self.remove(slot, node, list);
                self.insert(slot, node, kind);
            }
        }
        nodes.iter().map(|&node| 1 << order_of(node)).sum()
    }
}
