//! The free blocks of one chunk: 2¹⁰ frames that begin at a multiple of that.
//!
//! Owns which blocks of the chunk are free and on which lists, in a binary tree numbered like a heap: block `i` of order
//! `o` is node `2^(10-o) + i`, so its buddy is `node ^ 1`, the block around both `node >> 1`, and the nodes of each order
//! lie together. Two bits a node (0: not free, else the list) in two planes, beside each other. Every operation touches
//! one word of 64 nodes and a summary.

use super::super::migrate::{MIGRATE_TYPES, MigrateType};
use super::{ORDER_MAX, PAGEBLOCK_ORDER};

/// Frames of a chunk.
pub(super) const CHUNK_FRAMES: u64 = 1 << ORDER_MAX;
const NODES: usize = 2 << ORDER_MAX;
const WORDS: usize = NODES / 64;
/// Orders from this one up share word 0.
const WORD_0_ORDER: usize = ORDER_MAX - 5;
/// Page blocks of a chunk.
const PAGEBLOCKS: usize = 1 << (ORDER_MAX - PAGEBLOCK_ORDER);

/// For each node of word 0, the node and all that lie around it.
const WAYS_UP: [u64; 64] = {
    let mut ways = [0; 64];
    let mut node = 1;
    while node < 64 {
        ways[node] = ways[node >> 1] | 1 << node;
        node += 1;
    }
    ways
};

/// A block by its place in the tree.
pub(super) type Node = usize;

/// The block of `order` that holds frame `offset` of the chunk.
pub(super) const fn node_of(offset: u64, order: usize) -> Node {
    (1 << (ORDER_MAX - order)) + (offset as usize >> order)
}

/// The order of a block.
pub(super) const fn order_of(node: Node) -> usize {
    ORDER_MAX - node.ilog2() as usize
}

/// The first frame of a block, counted from the chunk's first.
pub(super) const fn offset_of(node: Node) -> u64 {
    let order = order_of(node);
    ((node - (1 << (ORDER_MAX - order))) << order) as u64
}

/// By order below [`WORD_0_ORDER`], the words that hold its nodes, as bits of a summary.
const WORDS_OF: [u32; ORDER_MAX + 1] = {
    let mut words = [0; ORDER_MAX + 1];
    let mut order = 0;
    while order < WORD_0_ORDER {
        let count = 1 << (WORD_0_ORDER - 1 - order);
        words[order] = (((1u64 << count) - 1) << count) as u32;
        order += 1;
    }
    words
};

/// By order from [`WORD_0_ORDER`] up, its nodes in word 0.
const NODES_OF: [u64; ORDER_MAX + 1] = {
    let mut nodes = [0; ORDER_MAX + 1];
    let mut order = WORD_0_ORDER;
    while order <= ORDER_MAX {
        let count = 1 << (ORDER_MAX - order);
        nodes[order] = (((1u128 << count) - 1) << count) as u64;
        order += 1;
    }
    nodes
};

#[derive(Clone, Debug)]
pub(super) struct Chunk {
    planes: [[u64; 2]; WORDS],
    /// For each type, the words that hold a free block of it.
    summary: [u32; MIGRATE_TYPES],
    /// The type of each page block: where its frames go when they are freed.
    pageblocks: [MigrateType; PAGEBLOCKS],
}

impl Chunk {
    /// Nothing is free.
    pub(super) const fn new() -> Self {
        Self {
            planes: [[0; 2]; WORDS],
            summary: [0; MIGRATE_TYPES],
            pageblocks: [MigrateType::Movable; PAGEBLOCKS],
        }
    }

    /// The nodes of word `word` that are free and on lists of `kind`.
    #[inline]
    fn word(&self, word: usize, kind: MigrateType) -> u64 {
        let [low, high] = self.planes[word];
        match kind {
            MigrateType::Unmovable => low & !high,
            MigrateType::Movable => high & !low,
            MigrateType::Reclaimable => low & high,
        }
    }

    /// On which list `node` is; `None` where it is not a free block.
    #[inline]
    pub(super) fn list(&self, node: Node) -> Option<MigrateType> {
        let [low, high] = self.planes[node / 64];
        match (low >> (node % 64) & 1, high >> (node % 64) & 1) {
            (0, 0) => None,
            (_, 0) => Some(MigrateType::Unmovable),
            (0, _) => Some(MigrateType::Movable),
            _ => Some(MigrateType::Reclaimable),
        }
    }

    /// Whether no block of `order` is on a list of `kind`.
    #[inline]
    pub(super) fn is_empty(&self, order: usize, kind: MigrateType) -> bool {
        if order >= WORD_0_ORDER {
            self.word(0, kind) & NODES_OF[order] == 0
        } else {
            self.summary[kind as usize] & WORDS_OF[order] == 0
        }
    }

    /// The lowest block of `order` on a list of `kind`.
    #[inline]
    pub(super) fn lowest(&self, order: usize, kind: MigrateType) -> Option<Node> {
        let (word, nodes) = if order >= WORD_0_ORDER {
            (0, self.word(0, kind) & NODES_OF[order])
        } else {
            let word = (self.summary[kind as usize] & WORDS_OF[order]).trailing_zeros() as usize;
            (word, if word < WORDS { self.word(word, kind) } else { 0 })
        };
        (nodes != 0).then(|| word * 64 + nodes.trailing_zeros() as usize)
    }

    /// Lists a block that was not free. Says whether it is the first of its order and kind.
    #[inline]
    pub(super) fn insert(&mut self, node: Node, order: usize, kind: MigrateType) -> bool {
        let was_empty = self.is_empty(order, kind);
        let code = kind as u64 + 1;
        let [low, high] = &mut self.planes[node / 64];
        *low |= (code & 1) << (node % 64);
        *high |= (code >> 1) << (node % 64);
        self.summary[kind as usize] |= 1 << (node / 64);
        was_empty
    }

    /// Takes a block off its list. Says whether it was the last of its order and kind.
    #[inline]
    pub(super) fn remove(&mut self, node: Node, order: usize, kind: MigrateType) -> bool {
        let word = node / 64;
        let keep = !(1 << (node % 64));
        let [low, high] = &mut self.planes[word];
        *low &= keep;
        *high &= keep;
        if self.word(word, kind) == 0 {
            self.summary[kind as usize] &= !(1 << word);
        }
        self.is_empty(order, kind)
    }

    /// The free block that `node` is or lies in.
    #[inline]
    pub(super) fn around(&self, node: Node) -> Option<Node> {
        let mut node = node;
        while node >= 64 {
            let [low, high] = self.planes[node / 64];
            if (low | high) >> (node % 64) & 1 != 0 {
                return Some(node);
            }
            node >>= 1;
        }
        let [low, high] = self.planes[0];
        let found = (low | high) & WAYS_UP[node];
        (found != 0).then(|| found.ilog2() as Node)
    }

    /// Whether a block inside of `node`, smaller than it, is free.
    pub(super) fn any_inside(&self, node: Node) -> bool {
        (1..=order_of(node)).any(|levels| {
            let (first, count) = (node << levels, 1usize << levels);
            if count < 64 {
                let [low, high] = self.planes[first / 64];
                (low | high) >> (first % 64) & ((1 << count) - 1) != 0
            } else {
                self.planes[first / 64..(first + count) / 64].iter().any(|[low, high]| low | high != 0)
            }
        })
    }

    /// The free blocks of `order`, upwards.
    pub(super) fn nodes(&self, order: usize) -> impl Iterator<Item = Node> {
        let (first, end) = (1 << (ORDER_MAX - order), 2 << (ORDER_MAX - order));
        (first / 64..=(end - 1) / 64).flat_map(move |word| {
            let [low, high] = self.planes[word];
            let mask = if order >= WORD_0_ORDER { NODES_OF[order] } else { u64::MAX };
            let mut left = (low | high) & mask;
            std::iter::from_fn(move || {
                let node = (left != 0).then(|| word * 64 + left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(node)
            })
        })
    }

    /// The type of the page block that holds frame `offset`.
    #[inline]
    pub(super) fn pageblock(&self, offset: u64) -> MigrateType {
        self.pageblocks[offset as usize >> PAGEBLOCK_ORDER]
    }

    /// Gives the page block that holds frame `offset` a type.
    pub(super) fn set_pageblock(&mut self, offset: u64, kind: MigrateType) {
        self.pageblocks[offset as usize >> PAGEBLOCK_ORDER] = kind;
    }

    /// Whether it is as if it had never been touched: all free, all movable.
    pub(super) fn is_pristine(&self) -> bool {
        self.list(1) == Some(MigrateType::Movable) && self.pageblocks == [MigrateType::Movable; PAGEBLOCKS]
    }
}
