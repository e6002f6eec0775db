//! The pages of one file by page index, with what is left of those that reclaim took, and the marks by which
//! dirty pages and pages in transfer are found again. Linux's `address_space.i_pages`, an XArray.
//!
//! Owns where a page is. Does not own the frames' references, nor what a mark means. Like the XArray's, its nodes have
//! 64 places, so that what it costs in `radix_tree_node`s can be told.

use crate::Pfn;
use std::collections::BTreeMap;
use std::ops::Range;

/// Places of a node: `XA_CHUNK_SIZE`.
const NODE_PLACES: u64 = 64;

/// What is marked of a page that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It differs from what the device has.
    Dirty,
    /// It is being written to the device.
    Writeback,
    /// It is being read from the device: locked, and not up to date.
    Reading,
    /// Who comes across it reads ahead: `PG_readahead`.
    Readahead,
    /// It was written once, and has a `buffer_head`.
    Buffer,
}

const MARKS: usize = 5;

/// What reclaim leaves in the place of a page that it took. Opaque to the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left(pub(super) u64);

#[derive(Clone, Debug)]
struct Node {
    /// A frame number, or what is left of a page.
    places: [u64; NODE_PLACES as usize],
    /// Bit by bit: the place holds a frame.
    pages: u64,
    /// The place holds what is left of a page.
    left: u64,
    marks: [u64; MARKS],
}

impl Node {
    const EMPTY: Self = Self { places: [0; NODE_PLACES as usize], pages: 0, left: 0, marks: [0; MARKS] };
}

/// The pages of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageTree {
    nodes: BTreeMap<u64, Box<Node>>,
    pages: u64,
    left: u64,
    marked: [u64; MARKS],
}

const fn place_of(index: u64) -> (u64, usize) {
    (index / NODE_PLACES, (index % NODE_PLACES) as usize)
}

/// The first set bit of `bits` from `from` on.
fn bit_from(bits: u64, from: u32) -> Option<u32> {
    let rest = if from < 64 { bits >> from } else { 0 };
    (rest != 0).then(|| from + rest.trailing_zeros())
}

impl PageTree {
    /// The frame of page `index`.
    pub(crate) fn get(&self, index: u64) -> Option<Pfn> {
        let (node, place) = place_of(index);
        let node = self.nodes.get(&node)?;
        (node.pages >> place & 1 != 0).then(|| Pfn(node.places[place]))
    }

    /// Puts a page in place `index`, where none is. Gives what reclaim had left there.
    pub(crate) fn insert(&mut self, index: u64, frame: Pfn) -> Option<Left> {
        let (number, place) = place_of(index);
        let node = self.nodes.entry(number).or_insert_with(|| Box::new(Node::EMPTY));
        assert!(node.pages >> place & 1 == 0, "page {index} is in the cache already");
        let left = (node.left >> place & 1 != 0).then(|| Left(node.places[place]));
        self.left -= u64::from(left.is_some());
        node.left &= !(1 << place);
        node.pages |= 1 << place;
        node.places[place] = frame.0;
        self.pages += 1;
        left
    }

    /// The page `index`, which is there, has moved to `frame`. Its marks stay.
    pub(crate) fn replace(&mut self, index: u64, frame: Pfn) {
        let (number, place) = place_of(index);
        let node = self.nodes.get_mut(&number).filter(|node| node.pages >> place & 1 != 0);
        node.expect("a page that is there").places[place] = frame.0;
    }

    /// Takes page `index` out, with its marks, and leaves `left`. The frame's reference is the caller's.
    pub(crate) fn remove(&mut self, index: u64, left: Option<Left>) -> Option<Pfn> {
        let (number, place) = place_of(index);
        let node = self.nodes.get_mut(&number)?;
        if node.pages >> place & 1 == 0 {
            return None;
        }
        let frame = Pfn(node.places[place]);
        node.pages &= !(1 << place);
        self.pages -= 1;
        for (marks, marked) in node.marks.iter_mut().zip(&mut self.marked) {
            *marked -= *marks >> place & 1;
            *marks &= !(1 << place);
        }
        if let Some(Left(value)) = left {
            node.places[place] = value;
            node.left |= 1 << place;
            self.left += 1;
        } else if node.pages == 0 && node.left == 0 {
            self.nodes.remove(&number);
        }
        Some(frame)
    }

    /// What reclaim has left in place `index`.
    pub(super) fn left(&self, index: u64) -> Option<Left> {
        let (number, place) = place_of(index);
        let node = self.nodes.get(&number)?;
        (node.left >> place & 1 != 0).then(|| Left(node.places[place]))
    }

    /// Everything that reclaim has left, upwards.
    pub(super) fn all_left(&self) -> impl Iterator<Item = (u64, Left)> {
        let indices = if self.left == 0 { Vec::new() } else { self.in_range(0..u64::MAX, |node| node.left) };
        indices.into_iter().filter_map(|index| Some((index, self.left(index)?)))
    }

    /// Forgets what reclaim has left in `indices`, and gives it.
    pub(super) fn forget(&mut self, indices: Range<u64>) -> Vec<Left> {
        if self.left == 0 {
            return Vec::new();
        }
        let mut forgotten = Vec::new();
        for index in self.in_range(indices, |node| node.left) {
            let (number, place) = place_of(index);
            let Some(node) = self.nodes.get_mut(&number) else { continue };
            node.left &= !(1 << place);
            forgotten.push(Left(node.places[place]));
            self.left -= 1;
            if node.pages == 0 && node.left == 0 {
                self.nodes.remove(&number);
            }
        }
        forgotten
    }

    /// Marks page `index`; says whether it was not marked so before.
    pub(crate) fn mark(&mut self, index: u64, mark: Mark) -> bool {
        let (number, place) = place_of(index);
        let node = self.nodes.get_mut(&number).filter(|node| node.pages >> place & 1 != 0);
        let bits = &mut node.expect("a page that is there").marks[mark as usize];
        let is_new = *bits >> place & 1 == 0;
        *bits |= 1 << place;
        self.marked[mark as usize] += u64::from(is_new);
        is_new
    }

    /// Takes a mark off page `index`; says whether it had it.
    pub(crate) fn unmark(&mut self, index: u64, mark: Mark) -> bool {
        let (number, place) = place_of(index);
        let Some(node) = self.nodes.get_mut(&number) else { return false };
        let bits = &mut node.marks[mark as usize];
        let had = *bits >> place & 1 != 0;
        *bits &= !(1 << place);
        self.marked[mark as usize] -= u64::from(had);
        had
    }

    /// Whether page `index` is there and marked so.
    pub(crate) fn is_marked(&self, index: u64, mark: Mark) -> bool {
        let (number, place) = place_of(index);
        self.nodes.get(&number).is_some_and(|node| node.marks[mark as usize] >> place & 1 != 0)
    }

    /// Pages with this mark.
    pub(crate) fn marked(&self, mark: Mark) -> u64 {
        self.marked[mark as usize]
    }

    /// Indices within `indices` whose bit is set in what `bits` takes from each node, upwards.
    fn in_range(&self, indices: Range<u64>, bits: impl Fn(&Node) -> u64) -> Vec<u64> {
        let mut found = Vec::new();
        if indices.is_empty() {
            return found;
        }
        let last = (indices.end - 1) / NODE_PLACES;
        for (&number, node) in self.nodes.range(indices.start / NODE_PLACES..=last) {
            let mut from = 0;
            while let Some(bit) = bit_from(bits(node), from) {
                let index = number * NODE_PLACES + u64::from(bit);
                from = bit + 1;
                if indices.contains(&index) {
                    found.push(index);
                }
            }
        }
        found
    }

    /// The pages of `indices` with this mark, upwards.
    pub(crate) fn marked_in(&self, indices: Range<u64>, mark: Mark) -> Vec<u64> {
        if self.marked(mark) == 0 {
            Vec::new()
        } else {
            self.in_range(indices, |node| node.marks[mark as usize])
        }
    }

    /// The pages of `indices`, upwards.
    pub(crate) fn pages_in(&self, indices: Range<u64>) -> Vec<u64> {
        self.in_range(indices, |node| node.pages)
    }

    /// Every frame with its index, upwards.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Pfn)> {
        self.nodes.iter().flat_map(|(&number, node)| {
            let is_page = |place: &u64| node.pages >> place & 1 != 0;
            (0..NODE_PLACES)
                .filter(is_page)
                .map(move |place| (number * NODE_PLACES + place, Pfn(node.places[place as usize])))
        })
    }

    /// Pages that are there.
    pub(crate) fn len(&self) -> u64 {
        self.pages
    }

    /// The first index from `from` on that has no page; at most `from + max`.
    pub(crate) fn next_miss(&self, from: u64, max: u64) -> u64 {
        (from..from + max).find(|&index| self.get(index).is_none()).unwrap_or(from + max)
    }

    /// Pages that come without a gap right before `index`; at most `max`.
    pub(crate) fn history(&self, index: u64, max: u64) -> u64 {
        let before = (index.saturating_sub(max)..index).rev();
        before.take_while(|&index| self.get(index).is_some()).count() as u64
    }

    /// Nodes that an XArray of the same pages has: the leaves, and above them one for every 64 up to a single root, as if what
    /// is there lay dense. An XArray of page 0 alone has none.
    pub(crate) fn nodes(&self) -> u64 {
        let Some((&last, node)) = self.nodes.last_key_value() else { return 0 };
        if last == 0 && node.pages | node.left == 1 {
            return 0;
        }
        let (mut last, mut level) = (last, self.nodes.len() as u64);
        let mut nodes = level;
        while last > 0 {
            last /= NODE_PLACES;
            level = level.min(last + 1);
            nodes += level;
        }
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn nodes_are_those_of_an_xarray() {
        let tree = |indices: &[u64]| {
            let mut tree = PageTree::default();
            indices.iter().for_each(|&index| assert_eq!(tree.insert(index, Pfn(index + 1)), None));
            tree.nodes()
        };
        assert_eq!(tree(&[0]), 0, "page 0 lies in the head");
        assert_eq!(tree(&[0, 1]), 1);
        assert_eq!(tree(&[63]), 1);
        assert_eq!(tree(&[64]), 2, "a leaf and the root");
        assert_eq!(tree(&[0, 64]), 3);
        assert_eq!(tree(&[0, 4096]), 5, "two leaves, two above them, the root");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u64),
        Remove(u64, Option<u64>),
        Mark(u64, usize),
        Unmark(u64, usize),
        Forget(u64, u64),
    }

    const MARK: [Mark; MARKS] = [Mark::Dirty, Mark::Writeback, Mark::Reading, Mark::Readahead, Mark::Buffer];

    fn step() -> impl Strategy<Value = Step> {
        let index = || prop_oneof![0..8u64, 60..70u64, 4090..4100u64];
        prop_oneof![
            4 => index().prop_map(Step::Insert),
            2 => (index(), prop::option::of(0..9u64)).prop_map(|(index, shadow)| Step::Remove(index, shadow)),
            2 => (index(), 0..MARKS).prop_map(|(index, mark)| Step::Mark(index, mark)),
            1 => (index(), 0..MARKS).prop_map(|(index, mark)| Step::Unmark(index, mark)),
            1 => (index(), index()).prop_map(|(from, to)| Step::Forget(from, to)),
        ]
    }

    proptest! {
        /// Against plain maps.
        #[test]
        fn agrees_with_a_map(steps in prop::collection::vec(step(), 0..200)) {
            let mut tree = PageTree::default();
            let (mut pages, mut shadows) = (BTreeMap::new(), BTreeMap::new());
            let mut marks: [BTreeSet<u64>; MARKS] = Default::default();
            for step in steps {
                match step {
                    Step::Insert(index) if !pages.contains_key(&index) => {
                        prop_assert_eq!(tree.insert(index, Pfn(index + 7)), shadows.remove(&index).map(Left));
                        pages.insert(index, Pfn(index + 7));
                    }
                    Step::Remove(index, shadow) => {
                        let frame = pages.remove(&index);
                        prop_assert_eq!(tree.remove(index, shadow.map(Left)), frame);
                        marks.iter_mut().for_each(|marked| { marked.remove(&index); });
                        if let (Some(_), Some(shadow)) = (frame, shadow) {
                            shadows.insert(index, shadow);
                        }
                    }
                    Step::Mark(index, mark) if pages.contains_key(&index) => {
                        prop_assert_eq!(tree.mark(index, MARK[mark]), marks[mark].insert(index));
                    }
                    Step::Unmark(index, mark) => {
                        prop_assert_eq!(tree.unmark(index, MARK[mark]), marks[mark].remove(&index));
                    }
                    Step::Forget(from, to) if from <= to => {
                        let gone: Vec<_> = shadows.range(from..to).map(|(_, &value)| Left(value)).collect();
                        prop_assert_eq!(tree.forget(from..to), gone);
                        shadows.retain(|index, _| !(from..to).contains(index));
                    }
                    _ => {}
                }
                prop_assert_eq!((tree.len(), tree.left), (pages.len() as u64, shadows.len() as u64));
            }
            prop_assert_eq!(tree.iter().collect::<Vec<_>>(), pages.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(tree.pages_in(3..4095), pages.range(3..4095).map(|(&index, _)| index).collect::<Vec<_>>());
            for (mark, marked) in MARK.into_iter().zip(&marks) {
                prop_assert_eq!(tree.marked(mark), marked.len() as u64);
                prop_assert_eq!(tree.marked_in(0..u64::MAX, mark), marked.iter().copied().collect::<Vec<_>>());
            }
            let all: Vec<_> = shadows.iter().map(|(&index, &value)| (index, Left(value))).collect();
            prop_assert_eq!(tree.all_left().collect::<Vec<_>>(), all);
            for index in [0, 5, 62, 4093] {
                prop_assert_eq!(tree.get(index), pages.get(&index).copied());
                let miss = (index..).find(|index| !pages.contains_key(index)).unwrap();
                prop_assert_eq!(tree.next_miss(index, 32), miss.min(index + 32));
                let history = (0..index).rev().take_while(|index| pages.contains_key(index)).count() as u64;
                prop_assert_eq!(tree.history(index, 32), history.min(32));
            }
        }
    }
}
