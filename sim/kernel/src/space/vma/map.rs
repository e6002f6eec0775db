//! The ordered set of a process's areas. Invariants: no area is empty and none overlap. Splits and merges are Linux's
//! `split_vma` and `vma_merge`; whether two areas may be one is judged in [`super::merge`].

use super::merge::{self, Candidate, MergeRules};
use super::{AnonVma, AreaCounts, VmFlags, Vma, VmaAttributes};
use crate::{PageRange, Vpn};
use std::collections::BTreeMap;

/// The areas of an address space, by address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmaMap {
    by_start: BTreeMap<Vpn, Vma>,
    counts: AreaCounts,
    /// The most pages that there were.
    pages_max: u64,
    rules: MergeRules,
}

/// A split that would have made more areas than there may be; the part before it is split off already, as in Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyAreas;

impl VmaMap {
    /// No areas, to be merged by `rules`.
    pub fn new(rules: MergeRules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// The area that holds `page`.
    pub fn find(&self, page: Vpn) -> Option<&Vma> {
        self.at_or_below(page).filter(|vma| vma.pages.contains(page))
    }

    /// The last area that ends at or below `page`.
    pub fn below(&self, page: Vpn) -> Option<&Vma> {
        self.by_start.range(..page).next_back().map(|(_, vma)| vma).filter(|vma| vma.pages.end() <= page)
    }

    /// The first area that starts at or above `page`.
    pub fn above(&self, page: Vpn) -> Option<&Vma> {
        self.by_start.range(page..).next().map(|(_, vma)| vma)
    }

    fn at_or_below(&self, page: Vpn) -> Option<&Vma> {
        self.by_start.range(..=page).next_back().map(|(_, vma)| vma)
    }

    /// All areas, upwards.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Vma> {
        self.by_start.values()
    }

    /// The areas that have a page in `pages`, whole, upwards.
    pub fn overlapping(&self, pages: PageRange) -> impl DoubleEndedIterator<Item = &Vma> {
        let first = self.find(pages.start()).map_or(pages.start(), |vma| vma.pages.start());
        let last = pages.end().max(first);
        let touched = move |vma: &&Vma| !pages.is_empty() && vma.pages.overlaps(&pages);
        self.by_start.range(first..last).map(|(_, vma)| vma).filter(touched)
    }

    /// The parts of `pages` that no area covers, upwards.
    pub fn gaps(&self, pages: PageRange) -> Vec<PageRange> {
        let mut gaps = Vec::new();
        let mut from = pages.start();
        for vma in self.overlapping(pages) {
            if from < vma.pages.start() {
                gaps.push(PageRange::new(from, vma.pages.start()));
            }
            from = vma.pages.end();
        }
        if from < pages.end() {
            gaps.push(PageRange::new(from, pages.end()));
        }
        gaps
    }

    /// The part of `pages`, from its start on, that areas cover without a hole.
    pub fn contiguous(&self, pages: PageRange) -> PageRange {
        let mut end = pages.start();
        for vma in self.overlapping(pages) {
            if vma.pages.start() > end {
                break;
            }
            end = vma.pages.end().min(pages.end());
        }
        PageRange::new(pages.start(), end)
    }

    /// The largest range around `pages` that no area touches, where `pages` itself is a gap: Linux's floor and
    /// ceiling. Page tables that lie in it serve no area.
    pub fn hole_around(&self, pages: PageRange, end: Vpn) -> PageRange {
        let floor = self.below(pages.start()).map_or(Vpn(0), |vma| vma.pages.end());
        let ceiling = self.above(pages.end()).map_or(end.max(pages.end()), |vma| vma.pages.start());
        PageRange::new(floor, ceiling)
    }

    /// Adds an area where none is, merged with neighbours that it continues: `vma_merge_new_range`.
    ///
    /// # Panics
    /// Where it is empty or overlaps another.
    pub fn insert(&mut self, vma: Vma) {
        assert!(!vma.pages.is_empty(), "an area without pages");
        assert!(self.overlapping(vma.pages).next().is_none(), "{vma:?} overlaps another area");
        self.join(vma, Candidate::New(vma.anon), true);
    }

    /// As [`Self::insert`], of the continuation of an area.
    pub(crate) fn insert_grown(&mut self, vma: Vma) {
        self.join(vma, Candidate::Grown(vma.anon), true);
    }

    /// As [`Self::insert`], of an area that mremap moves, from `source` if that stays mapped.
    pub(crate) fn insert_moved(&mut self, vma: Vma, source: Option<Vpn>) {
        self.join(vma, Candidate::Moved(vma.anon, source), true);
    }

    /// Adds an area as it is: fork copies areas without merging them.
    pub(crate) fn insert_copy(&mut self, vma: Vma) {
        self.put(vma);
    }

    /// Adds `vma` where none is, merged with the area below alone: the heap grows so.
    pub(crate) fn insert_above(&mut self, vma: Vma) {
        self.join(vma, Candidate::New(vma.anon), false);
    }

    fn join(&mut self, vma: Vma, candidate: Candidate, looks_up: bool) {
        let (below, above) = self.partners(&vma, candidate, looks_up);
        let mut merged = vma;
        if let Some(above) = above {
            self.take(above.pages.start());
            merged = merge::joined(&merged, &above);
        }
        if let Some(below) = below {
            self.take(below.pages.start());
            merged = merge::joined(&below, &merged);
        }
        self.put(merged);
    }

    /// The neighbours that `vma`, which is to take the place of what is there, becomes one with.
    fn partners(&self, vma: &Vma, candidate: Candidate, looks_up: bool) -> (Option<Vma>, Option<Vma>) {
        let may_join = |neighbour: &Vma| self.rules.may_join(candidate, neighbour);
        let below = self.below(vma.pages.start()).copied();
        let below = below.filter(|below| merge::continues(below, vma) && may_join(below));
        let above = self.by_start.get(&vma.pages.end()).copied().filter(|_| looks_up);
        let above = above.filter(|above| merge::continues(vma, above) && may_join(above));
        self.rules.choose(candidate, below, above)
    }

    fn put(&mut self, vma: Vma) {
        self.counts.add(&vma);
        self.pages_max = self.pages_max.max(self.counts.total);
        self.by_start.insert(vma.pages.start(), vma);
    }

    fn take(&mut self, start: Vpn) -> Option<Vma> {
        let vma = self.by_start.remove(&start)?;
        self.counts.take(&vma);
        Some(vma)
    }

    /// Takes `pages` out, splitting areas at its ends, and returns the pieces taken, upwards.
    pub fn remove(&mut self, pages: PageRange) -> Vec<Vma> {
        if pages.is_empty() {
            return Vec::new();
        }
        self.split_at(pages.start());
        self.split_at(pages.end());
        let taken: Vec<Vma> = self.by_start.range(pages.start()..pages.end()).map(|(_, vma)| *vma).collect();
        for vma in &taken {
            self.take(vma.pages.start());
        }
        taken
    }

    /// Gives the part `pages` of one area new attributes, splitting and merging as that needs: `vma_modify`. What has
    /// them already is left alone, as in Linux, even if it could merge now. Where it can only be split off, there may
    /// be at most `areas_max` areas before each split.
    ///
    /// # Panics
    /// Where `pages` is empty or not all in one area.
    pub fn modify(
        &mut self,
        pages: PageRange,
        attributes: VmaAttributes,
        areas_max: usize,
    ) -> Result<(), TooManyAreas> {
        let whole = *self.find(pages.start()).expect("an area holds the pages");
        assert!(!pages.is_empty() && whole.pages.covers(&pages), "{pages:?} is not in one area");
        if whole.attributes == attributes {
            return Ok(());
        }
        let candidate = Candidate::Changed(whole.anon);
        let changed = Vma { attributes, ..whole.part(&pages) };
        let merges = self.partners(&changed, candidate, true) != (None, None);
        for end in [pages.start(), pages.end()] {
            let is_inside = whole.pages.start() < end && end < whole.pages.end();
            if is_inside && !merges && self.len() >= areas_max {
                return Err(TooManyAreas);
            }
            self.split_at(end);
        }
        self.take(pages.start());
        self.join(changed, candidate, true);
        Ok(())
    }

    /// Changes the attributes of everything in `pages`, area by area, upwards, however many areas that makes.
    pub fn update(&mut self, pages: PageRange, change: impl FnMut(&mut VmaAttributes)) {
        let unlimited = self.update_within(pages, usize::MAX, change);
        unlimited.expect("there is no limit");
    }

    /// As [`Self::update`], up to the first split that would make more than `areas_max` areas.
    pub fn update_within(
        &mut self,
        pages: PageRange,
        areas_max: usize,
        mut change: impl FnMut(&mut VmaAttributes),
    ) -> Result<(), TooManyAreas> {
        let mut from = pages.start();
        while let Some(vma) = self.next_in(PageRange::new(from, pages.end())) {
            let mut attributes = vma.attributes;
            change(&mut attributes);
            self.modify(vma.pages, attributes, areas_max)?;
            from = vma.pages.end();
        }
        Ok(())
    }

    /// The part in `pages` of the first area that has one.
    pub fn next_in(&self, pages: PageRange) -> Option<Vma> {
        self.overlapping(pages).next().map(|vma| vma.part(&pages))
    }

    /// Gives the area of `page` its first anonymous memory, unless it has some: `__anon_vma_prepare`. A neighbour may
    /// lend its own; else `fresh` makes one. Gives the area.
    ///
    /// # Panics
    /// Where no area holds the page.
    pub(crate) fn prepare_anon(&mut self, page: Vpn, fresh: impl FnOnce() -> AnonVma) -> Vma {
        let vma = *self.find(page).expect("an area holds the page");
        if vma.anon.is_some() {
            return vma;
        }
        let above = self.by_start.get(&vma.pages.end());
        let below = self.below(vma.pages.start());
        let lent = above.and_then(|above| merge::lends(&vma, above, above));
        let lent = lent.or_else(|| below.and_then(|below| merge::lends(below, &vma, below)));
        let anon = Some(lent.unwrap_or_else(fresh));
        self.by_start.entry(vma.pages.start()).and_modify(|vma| vma.anon = anon);
        Vma { anon, ..vma }
    }

    /// Takes its history from the area that is exactly `pages`, if there is one: mremap has moved its memory away.
    pub(crate) fn forget_anon(&mut self, pages: PageRange) {
        if let Some(vma) = self.by_start.get_mut(&pages.start())
            && vma.pages == pages
        {
            vma.anon = None;
        }
    }

    /// Marks the area of `page` as one that has had guards.
    pub(crate) fn note_guards(&mut self, page: Vpn) {
        if let Some((_, vma)) = self.by_start.range_mut(..=page).next_back() {
            vma.had_guards = true;
        }
    }

    /// Takes flags from the whole area of `page`, without a look at its neighbours.
    pub(crate) fn clear_flags(&mut self, page: Vpn, flags: VmFlags) {
        if let Some((_, vma)) = self.by_start.range_mut(..=page).next_back() {
            self.counts.take(vma);
            vma.attributes.flags.remove(flags);
            self.counts.add(vma);
        }
    }

    /// Splits the area that holds `pages` so that they are one of their own, which nothing merges again.
    pub(crate) fn isolate(&mut self, pages: PageRange) {
        self.split_at(pages.start());
        self.split_at(pages.end());
    }

    fn split_at(&mut self, page: Vpn) {
        let Some(vma) = self.find(page).copied() else { return };
        if vma.pages.start() == page {
            return;
        }
        let lower = vma.part(&PageRange::new(vma.pages.start(), page));
        let upper = vma.part(&PageRange::new(page, vma.pages.end()));
        self.take(vma.pages.start());
        self.put(lower);
        self.put(upper);
    }

    /// Number of areas.
    pub fn len(&self) -> usize {
        self.by_start.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_start.is_empty()
    }
    /// Pages in all areas.
    pub fn pages(&self) -> u64 {
        self.counts.total
    }
    /// The most pages that there were at once.
    pub fn pages_max(&self) -> u64 {
        self.pages_max
    }
    /// What they come to.
    pub fn counts(&self) -> AreaCounts {
        self.counts
    }
    /// Pages in `pages` that lie in an area.
    pub fn pages_within(&self, pages: PageRange) -> u64 {
        self.overlapping(pages).map(|vma| vma.part(&pages).pages.pages()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_trace::Protection;
    use proptest::prelude::*;

    const PAGES: u64 = 64;

    fn protection(bits: u8) -> Protection {
        Protection { read: bits & 1 != 0, write: bits & 2 != 0, execute: bits & 4 != 0 }
    }

    fn range(start: u64, end: u64) -> PageRange {
        PageRange::new(Vpn(start), Vpn(end))
    }

    fn shown(map: &VmaMap) -> Vec<(u64, u64, bool)> {
        map.iter().map(|v| (v.pages.start().0, v.pages.end().0, v.attributes.protection.write)).collect()
    }

    #[test]
    fn mprotect_in_the_middle_splits_and_undoing_it_merges() {
        let mut map = VmaMap::default();
        map.insert(Vma::anonymous(range(10, 20), protection(3)));
        map.update(range(13, 15), |a| a.protection.write = false);
        assert_eq!(shown(&map), [(10, 13, true), (13, 15, false), (15, 20, true)]);
        map.update(range(13, 15), |a| a.protection.write = true);
        assert_eq!(shown(&map), [(10, 20, true)]);
    }

    #[test]
    fn filling_a_hole_merges_three_into_one() {
        let mut map = VmaMap::default();
        map.insert(Vma::anonymous(range(1, 3), protection(3)));
        map.insert(Vma::anonymous(range(5, 7), protection(3)));
        assert_eq!(map.gaps(range(0, 9)), [range(0, 1), range(3, 5), range(7, 9)]);
        map.insert(Vma::anonymous(range(3, 5), protection(3)));
        assert_eq!(shown(&map), [(1, 7, true)]);
    }

    #[test]
    fn files_merge_only_where_their_offsets_continue() {
        let file = |pages: PageRange, page_offset| Vma {
            attributes: VmaAttributes {
                backing: super::super::Backing::PrivateFile(pagewalk_trace::FileId(3)),
                ..Vma::anonymous(pages, protection(1)).attributes
            },
            pages,
            page_offset,
            anon: None,
            had_guards: false,
        };
        let mut map = VmaMap::default();
        map.insert(file(range(0, 2), 0));
        map.insert(file(range(2, 4), 7));
        assert_eq!(map.len(), 2);
        map.insert(file(range(4, 6), 9));
        assert_eq!(map.len(), 2);
        assert_eq!(map.find(Vpn(5)).unwrap().offset_of(Vpn(5)), 10);
    }

    #[test]
    fn the_hole_around_a_gap_reaches_to_its_neighbours() {
        let mut map = VmaMap::default();
        map.insert(Vma::anonymous(range(1, 3), protection(3)));
        assert_eq!(map.hole_around(range(5, 7), Vpn(64)), range(3, 64));
        map.insert(Vma::anonymous(range(9, 10), protection(3)));
        assert_eq!(map.hole_around(range(5, 7), Vpn(64)), range(3, 9));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Map(u64, u64, u8),
        Unmap(u64, u64),
        Protect(u64, u64, u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let pages = || (0..PAGES, 1..16u64).prop_map(|(start, n)| (start, (start + n).min(PAGES)));
        let step = prop_oneof![
            (pages(), 0..8u8).prop_map(|((s, e), p)| Step::Map(s, e, p)),
            pages().prop_map(|(s, e)| Step::Unmap(s, e)),
            (pages(), 0..8u8).prop_map(|((s, e), p)| Step::Protect(s, e, p)),
        ];
        prop::collection::vec(step, 1..60)
    }

    proptest! {
        #[test]
        fn agrees_with_one_cell_per_page(steps in steps()) {
            let mut map = VmaMap::default();
            let mut cells = [None::<u8>; PAGES as usize];
            for step in steps {
                match step {
                    Step::Map(s, e, p) => {
                        map.remove(range(s, e));
                        map.insert(Vma::anonymous(range(s, e), protection(p)));
                        cells[s as usize..e as usize].fill(Some(p));
                    }
                    Step::Unmap(s, e) => {
                        map.remove(range(s, e));
                        cells[s as usize..e as usize].fill(None);
                    }
                    Step::Protect(s, e, p) => {
                        map.update(range(s, e), |a| a.protection = protection(p));
                        cells[s as usize..e as usize].iter_mut().flatten().for_each(|cell| *cell = p);
                    }
                }
                for page in 0..PAGES {
                    let found = map.find(Vpn(page)).map(|vma| vma.attributes.protection);
                    prop_assert_eq!(found, cells[page as usize].map(protection), "page {}", page);
                }
                // Fully merged: as many areas as there are runs of equal cells.
                let runs = (0..PAGES as usize)
                    .filter(|&i| cells[i].is_some() && (i == 0 || cells[i] != cells[i - 1]))
                    .count();
                prop_assert_eq!(map.len(), runs);
                let mut counts = AreaCounts::default();
                map.iter().for_each(|vma| counts.add(vma));
                prop_assert_eq!(map.counts(), counts);
                prop_assert_eq!(map.pages(), cells.iter().flatten().count() as u64);
                let gaps: u64 = map.gaps(range(0, PAGES)).iter().map(PageRange::pages).sum();
                prop_assert_eq!(gaps + map.pages(), PAGES);
            }
        }
    }
}
