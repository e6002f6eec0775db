//! The buddy allocator of one zone: blocks of 2⁰ to 2¹⁰ frames, split from high to low, coalesced with the buddy
//! `pfn ^ (1 << order)`.
//!
//! Owns which frames are free. Does not know what the others are used for. Blocks of the highest order that were
//! never touched are one range rather than list entries, so a zone costs what is in use and not what it spans.
//! Within an order the lowest block goes first: where Linux takes the most recently freed, this keeps frame
//! numbers independent of the order of frees.

use std::collections::BTreeSet;
use std::ops::Range;

/// Highest order of a block: 2¹⁰ frames, 4 MiB. Linux's `MAX_PAGE_ORDER`.
pub const ORDER_MAX: usize = 10;
/// Number of orders.
pub const ORDER_COUNT: usize = ORDER_MAX + 1;

const BLOCK_MAX: u64 = 1 << ORDER_MAX;

/// The free frames of a contiguous span. Two with equal free frames are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buddy {
    span: Range<u64>,
    free: [BTreeSet<u64>; ORDER_COUNT],
    /// Free blocks of the highest order at the upper end that need no list entry. Aligned to them at both ends.
    untouched: Range<u64>,
    frames_free: u64,
}

impl Buddy {
    /// All frames of `span`, free.
    pub fn new(span: Range<u64>) -> Self {
        let aligned = span.start.next_multiple_of(BLOCK_MAX)..span.end / BLOCK_MAX * BLOCK_MAX;
        let untouched = if aligned.is_empty() { span.end..span.end } else { aligned };
        let mut buddy = Self {
            free: [const { BTreeSet::new() }; ORDER_COUNT],
            frames_free: span.end - span.start,
            untouched: untouched.clone(),
            span: span.clone(),
        };
        buddy.list(span.start..untouched.start);
        buddy.list(untouched.end..span.end);
        buddy
    }

    /// Enters `frames` in the free lists in the largest aligned blocks.
    fn list(&mut self, mut frames: Range<u64>) {
        while !frames.is_empty() {
            let aligned = frames.start.trailing_zeros();
            let fits = (frames.end - frames.start).ilog2();
            let order = aligned.min(fits).min(ORDER_MAX as u32);
            self.free[order as usize].insert(frames.start);
            frames.start += 1 << order;
        }
    }

    /// Takes a block of 2^`order` frames, aligned to its size, and returns its first frame. Splits the smallest
    /// larger block where none of the order is free; `None` where no block is large enough.
    ///
    /// # Panics
    /// Where `order` is above [`ORDER_MAX`].
    pub fn allocate(&mut self, order: usize) -> Option<u64> {
        assert!(order <= ORDER_MAX, "a block of order {order} does not exist");
        let (block, found) = (order..ORDER_COUNT)
            .find_map(|o| self.free[o].pop_first().map(|block| (block, o)))
            .or_else(|| self.take_untouched().map(|block| (block, ORDER_MAX)))?;
        for o in order..found {
            self.free[o].insert(block + (1 << o));
        }
        self.frames_free -= 1 << order;
        Some(block)
    }

    fn take_untouched(&mut self) -> Option<u64> {
        let block = self.untouched.start;
        if self.untouched.is_empty() {
            return None;
        }
        self.untouched.start += BLOCK_MAX;
        Some(block)
    }

    /// Returns a block that [`Self::allocate`] gave, or an aligned part of one.
    ///
    /// # Panics
    /// Where the block is not aligned to its size, lies outside of the span, or a frame of it is free already.
    pub fn free(&mut self, block: u64, order: usize) {
        assert!(
            order <= ORDER_MAX && block.is_multiple_of(1 << order),
            "no block: {block:#x}, order {order}"
        );
        let frames = block..block + (1 << order);
        assert!(self.span.start <= frames.start && frames.end <= self.span.end, "outside: {frames:#x?}");
        assert!(!self.any_free(&frames), "freed twice: {frames:#x?}");
        self.frames_free += 1 << order;
        let (mut block, mut order) = (block, order);
        while order < ORDER_MAX && self.free[order].remove(&(block ^ (1 << order))) {
            block &= !(1 << order);
            order += 1;
        }
        self.free[order].insert(block);
        self.absorb();
    }

    /// Gives listed blocks of the highest order that border on the untouched ones back to these.
    fn absorb(&mut self) {
        while let Some(below) = self.untouched.start.checked_sub(BLOCK_MAX)
            && self.untouched.start.is_multiple_of(BLOCK_MAX)
            && self.free[ORDER_MAX].remove(&below)
        {
            self.untouched.start = below;
        }
    }

    /// Whether a frame of `frames`, an aligned block, is free.
    fn any_free(&self, frames: &Range<u64>) -> bool {
        let untouched = frames.start < self.untouched.end && self.untouched.start < frames.end;
        let inside = self.free.iter().any(|list| list.range(frames.clone()).next().is_some());
        let around = (0..ORDER_COUNT).any(|o| self.free[o].contains(&(frames.start >> o << o)));
        untouched || inside || around
    }

    /// Whether `frame` is free.
    pub fn is_free(&self, frame: u64) -> bool {
        self.any_free(&(frame..frame + 1))
    }

    /// Whether the lists are what they must be: blocks aligned, in the span, disjoint, coalesced wherever possible, and
    /// counted.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let mut blocks: Vec<Range<u64>> = Vec::new();
        for (order, list) in self.free.iter().enumerate() {
            for &block in list {
                let buddy = block ^ (1 << order);
                if !block.is_multiple_of(1 << order) {
                    return Err(format!("block {block:#x} of order {order} is not aligned"));
                }
                if order < ORDER_MAX && list.contains(&buddy) {
                    return Err(format!("{block:#x} and {buddy:#x} of order {order} should be one"));
                }
                blocks.push(block..block + (1 << order));
            }
        }
        blocks.push(self.untouched.clone());
        blocks.retain(|block| !block.is_empty());
        blocks.sort_unstable_by_key(|block| block.start);
        if let Some(pair) = blocks.windows(2).find(|pair| pair[0].end > pair[1].start) {
            return Err(format!("{:#x?} and {:#x?} overlap", pair[0], pair[1]));
        }
        if let Some(block) = blocks.iter().find(|b| b.start < self.span.start || b.end > self.span.end) {
            return Err(format!("{block:#x?} lies outside of {:#x?}", self.span));
        }
        let counted: u64 = blocks.iter().map(|block| block.end - block.start).sum();
        if counted != self.frames_free {
            return Err(format!("{} frames are counted as free, {counted} are listed", self.frames_free));
        }
        Ok(())
    }

    /// All frames, free or not.
    pub fn span(&self) -> &Range<u64> {
        &self.span
    }
    /// Number of free frames.
    pub fn frames_free(&self) -> u64 {
        self.frames_free
    }
    /// Number of free blocks of each order: a line of `/proc/buddyinfo`.
    pub fn blocks_free(&self) -> [u64; ORDER_COUNT] {
        let mut counts = std::array::from_fn(|order| self.free[order].len() as u64);
        counts[ORDER_MAX] += (self.untouched.end - self.untouched.start) / BLOCK_MAX;
        counts
    }
    /// The first frames of the listed free blocks of `order`, upwards. Untouched blocks of the highest order are
    /// not listed.
    pub fn listed(&self, order: usize) -> impl Iterator<Item = u64> {
        self.free[order].iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lists(buddy: &Buddy) -> Vec<(usize, Vec<u64>)> {
        let all = (0..ORDER_COUNT).map(|o| (o, buddy.listed(o).collect::<Vec<_>>()));
        all.filter(|(_, blocks)| !blocks.is_empty()).collect()
    }

    #[test]
    fn sixteen_frames_step_by_step_as_textbooks_draw_them() {
        let mut buddy = Buddy::new(0..16);
        assert_eq!(lists(&buddy), [(4, vec![0])]);
        for frame in 0..16 {
            assert_eq!(buddy.allocate(0), Some(frame));
        }
        for frame in [5, 10, 12, 13, 14, 15] {
            buddy.free(frame, 0);
        }
        assert_eq!(lists(&buddy), [(0, vec![5, 10]), (2, vec![12])]);
        buddy.free(3, 0);
        assert_eq!(lists(&buddy), [(0, vec![3, 5, 10]), (2, vec![12])], "the buddy of 3 is 2, in use");
        buddy.free(0, 0);
        buddy.free(1, 0);
        assert_eq!(lists(&buddy), [(0, vec![3, 5, 10]), (1, vec![0]), (2, vec![12])]);
        assert_eq!(buddy.allocate(1), Some(0));
        assert_eq!(lists(&buddy), [(0, vec![3, 5, 10]), (2, vec![12])]);
        assert_eq!(buddy.allocate(1), Some(12));
        assert_eq!(lists(&buddy), [(0, vec![3, 5, 10]), (1, vec![14])]);
    }

    #[test]
    fn a_zone_that_begins_and_ends_between_blocks() {
        let buddy = Buddy::new(256..2048 + 5);
        assert_eq!(lists(&buddy), [(0, vec![2052]), (2, vec![2048]), (8, vec![256]), (9, vec![512])]);
        assert_eq!(buddy.blocks_free()[ORDER_MAX], 1);
        assert_eq!(buddy.frames_free(), 2048 + 5 - 256);
    }

    #[test]
    fn a_tebibyte_is_no_list() {
        let mut buddy = Buddy::new(0x8_0000..0x8_0000 + (1 << 28));
        assert!(lists(&buddy).is_empty());
        assert_eq!(buddy.blocks_free()[ORDER_MAX], 1 << 18);
        let fresh = buddy.clone();
        assert_eq!(buddy.allocate(0), Some(0x8_0000));
        assert_eq!(lists(&buddy).len(), ORDER_MAX);
        buddy.free(0x8_0000, 0);
        assert_eq!(buddy, fresh);
    }

    #[test]
    #[should_panic(expected = "freed twice")]
    fn a_frame_inside_a_free_block_is_not_freed_again() {
        let mut buddy = Buddy::new(0..16);
        let block = buddy.allocate(2).unwrap();
        buddy.free(block, 2);
        buddy.free(block + 1, 0);
    }

    #[test]
    fn every_way_to_damage_the_lists_is_found() {
        let damaged = |damage: fn(&mut Buddy)| {
            let mut buddy = Buddy::new(0..64);
            let block = buddy.allocate(0).unwrap();
            assert_eq!((block, buddy.check()), (0, Ok(())));
            damage(&mut buddy);
            buddy.check().expect_err("the damage is found")
        };
        assert!(damaged(|b| b.free[2].extend([34])).contains("not aligned"));
        assert!(damaged(|b| b.free[0].extend([0])).contains("should be one"));
        assert!(damaged(|b| b.free[0].extend([34])).contains("overlap"));
        assert!(damaged(|b| b.free[3].extend([64])).contains("outside"));
        assert!(damaged(|b| b.frames_free += 1).contains("counted as free"));
    }

    proptest! {
        #[test]
        fn blocks_are_aligned_disjoint_and_coalesce_to_the_beginning(
            start in 0u64..3000,
            frames in 1u64..6000,
            steps in prop::collection::vec((any::<bool>(), 0usize..=ORDER_MAX, any::<prop::sample::Index>()), 1..200),
        ) {
            let mut buddy = Buddy::new(start..start + frames);
            let fresh = buddy.clone();
            let mut held: Vec<(u64, usize)> = Vec::new();
            let mut used = BTreeSet::new();
            for (take, order, which) in steps {
                if take {
                    let Some(block) = buddy.allocate(order) else { continue };
                    prop_assert_eq!(block % (1 << order), 0);
                    for frame in block..block + (1 << order) {
                        prop_assert!((start..start + frames).contains(&frame));
                        prop_assert!(used.insert(frame), "frame {} handed out twice", frame);
                    }
                    held.push((block, order));
                } else if !held.is_empty() {
                    let (block, order) = held.swap_remove(which.index(held.len()));
                    buddy.free(block, order);
                    (block..block + (1 << order)).for_each(|frame| { used.remove(&frame); });
                }
                let counted: u64 = buddy.blocks_free().iter().enumerate().map(|(o, n)| n << o).sum();
                prop_assert_eq!(counted, buddy.frames_free());
                prop_assert_eq!(buddy.check(), Ok(()));
                prop_assert_eq!(buddy.frames_free() + used.len() as u64, frames);
            }
            for (block, order) in held {
                buddy.free(block, order);
            }
            prop_assert_eq!(buddy, fresh);
        }
    }
}
