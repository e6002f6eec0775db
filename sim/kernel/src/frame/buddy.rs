//! The buddy allocator of one zone: blocks of 2⁰ to 2¹⁰ frames, split from high to low, coalesced with the buddy
//! `pfn ^ (1 << order)`, on lists by migrate type.
//!
//! Owns which frames are free, and of which type each page block is. Does not know what the others are used for. What is
//! known lies densely, a chunk for each block of the highest order, made when the first frame of it is taken; those above
//! are one range, so a zone costs what was used of it and not what it spans. Every operation is a few words for each order
//! it passes. Within an order and type the lowest block goes first: where Linux takes the most recently freed, this keeps
//! frame numbers independent of the order of frees.

mod chunk;
mod fallback;
mod index;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

pub use fallback::{Steal, StealPolicy};

use super::migrate::{MIGRATE_TYPES, MigrateType};
use chunk::{CHUNK_FRAMES, Chunk, Node, node_of, offset_of, order_of};
use index::ChunkSet;
use std::ops::Range;

/// Highest order of a block: 2¹⁰ frames, 4 MiB. Linux's `MAX_PAGE_ORDER`.
pub const ORDER_MAX: usize = 10;
/// Number of orders.
pub const ORDER_COUNT: usize = ORDER_MAX + 1;
/// Order of a page block, the unit of migrate types: 2⁹ frames, 2 MiB, a huge page of x86-64.
pub const PAGEBLOCK_ORDER: usize = 9;

/// A chunk by its place in [`Buddy::chunks`], or [`TAIL`].
type Slot = usize;
/// The chunk that the span ends in, when it does not end with it. It lies above all that were never touched.
const TAIL: Slot = Slot::MAX;

/// The free frames of a contiguous span. Two with equal free lists are equal.
#[derive(Clone, Debug)]
pub struct Buddy {
    span: Range<u64>,
    /// The chunks from the one that the span begins in to the last that was touched.
    chunks: Vec<Chunk>,
    tail: Option<Box<Chunk>>,
    /// Which of [`Self::chunks`] hold a block of a type and an order.
    index: [[ChunkSet; ORDER_COUNT]; MIGRATE_TYPES],
    /// Free blocks by type and order, untouched ones included.
    counts: [[u64; ORDER_COUNT]; MIGRATE_TYPES],
    /// For each type, the orders that have a free block.
    orders: [u32; MIGRATE_TYPES],
    /// Chunks that were never touched, all free and movable, in frames.
    untouched: Range<u64>,
    frames_free: u64,
}

impl Buddy {
    /// All frames of `span`, free and movable.
    pub fn new(span: Range<u64>) -> Self {
        let aligned = span.start.next_multiple_of(CHUNK_FRAMES)..span.end / CHUNK_FRAMES * CHUNK_FRAMES;
        let untouched = if aligned.start > aligned.end { span.end..span.end } else { aligned };
        let head = span.start..untouched.start;
        let mut buddy = Self {
            chunks: if head.is_empty() { Vec::new() } else { vec![Chunk::new()] },
            tail: (untouched.end < span.end).then(|| Box::new(Chunk::new())),
            index: Default::default(),
            counts: [[0; ORDER_COUNT]; MIGRATE_TYPES],
            orders: [0; MIGRATE_TYPES],
            frames_free: span.end - span.start,
            untouched: untouched.clone(),
            span: span.clone(),
        };
        buddy.count(ORDER_MAX, MigrateType::Movable, (untouched.end - untouched.start) / CHUNK_FRAMES);
        buddy.list(head);
        buddy.list(untouched.end..span.end);
        buddy
    }

    /// Enters `frames` in the free lists in the largest aligned blocks.
    fn list(&mut self, mut frames: Range<u64>) {
        while !frames.is_empty() {
            let aligned = frames.start.trailing_zeros();
            let fits = (frames.end - frames.start).ilog2();
            let order = aligned.min(fits).min(ORDER_MAX as u32) as usize;
            self.insert(
                self.slot(frames.start),
                node_of(frames.start % CHUNK_FRAMES, order),
                MigrateType::Movable,
            );
            frames.start += 1 << order;
        }
    }

    /// Takes a movable block: [`Self::allocate_of`], and by fallback from the other types.
    ///
    /// # Panics
    /// Where `order` is above [`ORDER_MAX`].
    pub fn allocate(&mut self, order: usize) -> Option<u64> {
        let kind = MigrateType::Movable;
        self.allocate_of(order, kind)
            .or_else(|| self.steal(order, kind, &StealPolicy::default()).map(|(block, _)| block))
    }

    /// Takes a block of 2^`order` frames, aligned to its size, from the lists of `kind`, and returns its first frame.
    /// Splits the smallest larger block where none of the order is free; `None` where no block is large enough.
    ///
    /// # Panics
    /// Where `order` is above [`ORDER_MAX`].
    #[inline]
    pub fn allocate_of(&mut self, order: usize, kind: MigrateType) -> Option<u64> {
        assert!(order <= ORDER_MAX, "a block of order {order} does not exist");
        let fitting = self.orders[kind as usize] >> order;
        if fitting == 0 {
            return None;
        }
        let found = order + fitting.trailing_zeros() as usize;
        let (slot, node) = self.lowest(found, kind)?;
        self.remove(slot, node, kind);
        Some(self.split(slot, node, order, kind))
    }

    /// Lists what is left of a block that is on no list when its lowest part of 2^`order` frames is taken.
    #[inline]
    fn split(&mut self, slot: Slot, node: Node, order: usize, kind: MigrateType) -> u64 {
        let (mut node, mut left) = (node, order_of(node));
        while left > order {
            left -= 1;
            node <<= 1;
            self.insert(slot, node | 1, kind);
        }
        self.frames_free -= 1 << order;
        self.first_frame(slot) + offset_of(node)
    }

    /// The lowest block of an order and a type. One that was never touched is listed.
    #[inline]
    fn lowest(&mut self, order: usize, kind: MigrateType) -> Option<(Slot, Node)> {
        let slot = match self.index[kind as usize][order].first() {
            Some(slot) => slot,
            None if order == ORDER_MAX => {
                self.touch()?;
                self.chunks.len() - 1
            }
            None => TAIL,
        };
        Some((slot, self.chunk(slot)?.lowest(order, kind)?))
    }

    /// Makes the lowest untouched chunk a listed one.
    fn touch(&mut self) -> Option<()> {
        if self.untouched.is_empty() {
            return None;
        }
        self.untouched.start += CHUNK_FRAMES;
        self.uncount(ORDER_MAX, MigrateType::Movable);
        self.chunks.push(Chunk::new());
        self.insert(self.chunks.len() - 1, 1, MigrateType::Movable);
        Some(())
    }

    /// Takes the very block at `block`, if all of it is free. Whole chunks below it that were never touched are listed.
    ///
    /// # Panics
    /// Where the block is not aligned to its size, or lies outside of the span.
    pub fn take(&mut self, block: u64, order: usize) -> bool {
        self.assert_block(block, order);
        if self.untouched.contains(&block) {
            while self.untouched.start <= block {
                self.touch();
            }
        }
        let (slot, wanted) = (self.slot(block), node_of(block % CHUNK_FRAMES, order));
        let Some((mut node, kind)) = self.chunk(slot).and_then(|chunk| {
            let around = chunk.around(wanted)?;
            Some((around, chunk.list(around)?))
        }) else {
            return false;
        };
        self.remove(slot, node, kind);
        for below in (order..order_of(node)).rev() {
            node = node_of(block % CHUNK_FRAMES, below);
            self.insert(slot, node ^ 1, kind);
        }
        self.frames_free -= 1 << order;
        true
    }

    /// Returns a block that was taken, or an aligned part of one. It joins the list of its page block's type.
    ///
    /// # Panics
    /// Where the block is not aligned to its size, lies outside of the span, or a frame of it is free already.
    #[inline]
    pub fn free(&mut self, block: u64, order: usize) {
        self.assert_block(block, order);
        let (slot, mut node) = (self.slot(block), node_of(block % CHUNK_FRAMES, order));
        let touched = if slot == TAIL { self.tail.as_deref() } else { self.chunks.get(slot) };
        let is_free = touched.is_none_or(|chunk| chunk.around(node).is_some() || chunk.any_inside(node));
        assert!(!is_free, "freed twice: block {block:#x}, order {order}");
        let chunk = self.chunk(slot).expect("the block is in use");
        let kind = chunk.pageblock(block % CHUNK_FRAMES);
        self.frames_free += 1 << order;
        while node > 1
            && let Some(list) = self.chunk(slot).and_then(|chunk| chunk.list(node ^ 1))
        {
            self.remove(slot, node ^ 1, list);
            node >>= 1;
        }
        self.insert(slot, node, kind);
        if node == 1 {
            self.forget();
        }
    }

    /// Gives chunks that border on the untouched ones, and are as those are, back to these.
    fn forget(&mut self) {
        while self.first_frame(self.chunks.len()) == self.untouched.start
            && self.chunks.last().is_some_and(Chunk::is_pristine)
        {
            self.remove(self.chunks.len() - 1, 1, MigrateType::Movable);
            self.chunks.pop();
            self.untouched.start -= CHUNK_FRAMES;
            self.count(ORDER_MAX, MigrateType::Movable, 1);
        }
    }

    fn assert_block(&self, block: u64, order: usize) {
        assert!(
            order <= ORDER_MAX && block.is_multiple_of(1 << order),
            "no block: {block:#x}, order {order}"
        );
        let inside = self.span.start <= block && block + (1 << order) <= self.span.end;
        assert!(inside, "outside: block {block:#x}, order {order}");
    }

    #[inline]
    fn slot(&self, frame: u64) -> Slot {
        if frame >= self.untouched.end && self.tail.is_some() {
            return TAIL;
        }
        (frame / CHUNK_FRAMES - self.span.start / CHUNK_FRAMES) as Slot
    }

    #[inline]
    fn first_frame(&self, slot: Slot) -> u64 {
        if slot == TAIL {
            return self.untouched.end / CHUNK_FRAMES * CHUNK_FRAMES;
        }
        (self.span.start / CHUNK_FRAMES + slot as u64) * CHUNK_FRAMES
    }

    #[inline]
    fn chunk(&self, slot: Slot) -> Option<&Chunk> {
        if slot == TAIL { self.tail.as_deref() } else { self.chunks.get(slot) }
    }

    #[inline]
    fn chunk_mut(&mut self, slot: Slot) -> &mut Chunk {
        let chunk = if slot == TAIL { self.tail.as_deref_mut() } else { self.chunks.get_mut(slot) };
        chunk.expect("a chunk that was touched")
    }

    #[inline]
    fn insert(&mut self, slot: Slot, node: Node, kind: MigrateType) {
        let order = order_of(node);
        let is_first = self.chunk_mut(slot).insert(node, order, kind);
        if is_first && slot != TAIL {
            self.index[kind as usize][order].insert(slot);
        }
        self.count(order, kind, 1);
    }

    #[inline]
    fn remove(&mut self, slot: Slot, node: Node, kind: MigrateType) {
        let order = order_of(node);
        let was_last = self.chunk_mut(slot).remove(node, order, kind);
        if was_last && slot != TAIL {
            self.index[kind as usize][order].remove(slot);
        }
        self.uncount(order, kind);
    }

    #[inline]
    fn count(&mut self, order: usize, kind: MigrateType, blocks: u64) {
        self.counts[kind as usize][order] += blocks;
        if blocks > 0 {
            self.orders[kind as usize] |= 1 << order;
        }
    }

    #[inline]
    fn uncount(&mut self, order: usize, kind: MigrateType) {
        let left = &mut self.counts[kind as usize][order];
        *left -= 1;
        if *left == 0 {
            self.orders[kind as usize] &= !(1 << order);
        }
    }

    /// Lists the block at `block` as free, whatever is there, and counts it by `counted` frames: for tests of what finds
    /// that.
    #[cfg(test)]
    pub(crate) fn list_damaged(&mut self, block: u64, order: usize, counted: u64) {
        let (slot, node) = (self.slot(block), node_of(block % CHUNK_FRAMES, order));
        self.insert(slot, node, MigrateType::Movable);
        self.frames_free += counted;
    }

    /// Whether `frame` is free.
    pub fn is_free(&self, frame: u64) -> bool {
        self.block_at(frame).is_some()
    }

    /// The free block that holds `frame`: its first frame, its order, and whose list it is on.
    pub fn block_at(&self, frame: u64) -> Option<(u64, usize, MigrateType)> {
        if !self.span.contains(&frame) {
            return None;
        }
        if self.untouched.contains(&frame) {
            return Some((frame / CHUNK_FRAMES * CHUNK_FRAMES, ORDER_MAX, MigrateType::Movable));
        }
        let slot = self.slot(frame);
        let chunk = self.chunk(slot)?;
        let node = chunk.around(node_of(frame % CHUNK_FRAMES, 0))?;
        Some((self.first_frame(slot) + offset_of(node), order_of(node), chunk.list(node)?))
    }

    /// The type of the page block that holds `frame`: where it goes when it is freed.
    pub fn pageblock(&self, frame: u64) -> MigrateType {
        self.chunk(self.slot(frame))
            .map_or(MigrateType::Movable, |chunk| chunk.pageblock(frame % CHUNK_FRAMES))
    }

    /// All frames, free or not.
    pub fn span(&self) -> &Range<u64> {
        &self.span
    }
    /// The frames that were never touched since they were last all free: chunks at the upper end.
    pub fn untouched(&self) -> &Range<u64> {
        &self.untouched
    }
    /// Number of free frames.
    pub fn frames_free(&self) -> u64 {
        self.frames_free
    }
    /// Number of free blocks of each order: a line of `/proc/buddyinfo`.
    pub fn blocks_free(&self) -> [u64; ORDER_COUNT] {
        std::array::from_fn(|order| self.counts.iter().map(|counts| counts[order]).sum())
    }
    /// The orders of which a block is free, as bits.
    pub fn orders_free(&self) -> u32 {
        self.orders.iter().fold(0, |all, orders| all | orders)
    }
    /// Number of free blocks of each order on the lists of `kind`: a line of `/proc/pagetypeinfo`.
    pub fn blocks_free_of(&self, kind: MigrateType) -> [u64; ORDER_COUNT] {
        self.counts[kind as usize]
    }
    /// Number of page blocks of each type that begin in the span: the second table of `/proc/pagetypeinfo`.
    pub fn pageblocks(&self) -> [u64; MIGRATE_TYPES] {
        let mut counts = [0; MIGRATE_TYPES];
        counts[MigrateType::Movable as usize] =
            (self.untouched.end - self.untouched.start) >> PAGEBLOCK_ORDER;
        for (first, chunk) in self.touched() {
            for offset in (0..CHUNK_FRAMES).step_by(1 << PAGEBLOCK_ORDER) {
                if self.span.contains(&(first + offset)) {
                    counts[chunk.pageblock(offset) as usize] += 1;
                }
            }
        }
        counts
    }
    /// The first frames of the listed free blocks of `order`, upwards. Untouched blocks of the highest order are
    /// not listed.
    pub fn listed(&self, order: usize) -> impl Iterator<Item = u64> {
        self.touched()
            .flat_map(move |(first, chunk)| chunk.nodes(order).map(move |node| first + offset_of(node)))
    }

    /// Every chunk in which something was taken, with its first frame, upwards.
    fn touched(&self) -> impl Iterator<Item = (u64, &Chunk)> {
        let dense = self.chunks.iter().enumerate().map(|(slot, chunk)| (self.first_frame(slot), chunk));
        dense.chain(self.tail.iter().map(|chunk| (self.first_frame(TAIL), &**chunk)))
    }

    /// Every listed block with its order and list.
    fn blocks(&self) -> impl Iterator<Item = (Range<u64>, usize, MigrateType)> {
        self.touched().flat_map(|(first, chunk)| {
            let nodes =
                (0..ORDER_COUNT).flat_map(move |order| chunk.nodes(order).map(move |node| (node, order)));
            nodes.filter_map(move |(node, order)| {
                let block = first + offset_of(node);
                Some((block..block + (1 << order), order, chunk.list(node)?))
            })
        })
    }

    /// Whether the lists are what they must be: blocks in the span, disjoint, coalesced wherever possible, counted, and
    /// found by the index.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let mut counts = [[0; ORDER_COUNT]; MIGRATE_TYPES];
        counts[MigrateType::Movable as usize][ORDER_MAX] =
            (self.untouched.end - self.untouched.start) / CHUNK_FRAMES;
        let mut blocks: Vec<_> = Vec::new();
        for (block, order, kind) in self.blocks() {
            counts[kind as usize][order] += 1;
            let buddy = block.start ^ (1 << order);
            if order < ORDER_MAX
                && self.block_at(buddy).is_some_and(|(first, o, _)| (first, o) == (buddy, order))
            {
                return Err(format!("{:#x} and {buddy:#x} of order {order} should be one", block.start));
            }
            blocks.push(block);
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
        self.check_index(&counts)
    }

    /// Whether what was counted, and what the index leads to, is there.
    fn check_index(&self, counts: &[[u64; ORDER_COUNT]; MIGRATE_TYPES]) -> Result<(), String> {
        for kind in MigrateType::ALL {
            for (order, &found) in counts[kind as usize].iter().enumerate() {
                let counted = self.counts[kind as usize][order];
                let has_any = self.orders[kind as usize] >> order & 1 == 1;
                if found != counted || has_any != (found > 0) {
                    return Err(format!(
                        "{counted} blocks of order {order} are counted as {}, {found} are listed",
                        kind.name()
                    ));
                }
                let first = self.chunks.iter().position(|chunk| !chunk.is_empty(order, kind));
                if first != self.index[kind as usize][order].first() {
                    return Err(format!(
                        "the index of order {order}, {}, does not lead to {first:?}",
                        kind.name()
                    ));
                }
            }
        }
        Ok(())
    }
}

impl PartialEq for Buddy {
    fn eq(&self, other: &Self) -> bool {
        (&self.span, &self.untouched, &self.counts) == (&other.span, &other.untouched, &other.counts)
            && self.blocks().eq(other.blocks())
    }
}

impl Eq for Buddy {}
