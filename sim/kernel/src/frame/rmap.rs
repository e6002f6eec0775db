//! Reverse mappings: which leaf entries map a frame. Linux finds them by `anon_vma` and `address_space`; here each frame
//! knows the places of its entries, the first in its own metadata and more in a chain, so that whoever takes a page away
//! needs no address space.
//!
//! Owns the places and that there are as many as mappings. What is done with an entry is for whoever asks.

use super::folio::{FolioFlags, FolioTable, Place};
use crate::Pfn;
use smallvec::{SmallVec, smallvec};

/// Places of entries: mostly one, which costs no allocation.
pub(crate) type Places = SmallVec<[Place; 2]>;

/// Ends a chain.
const NONE: u32 = u32::MAX;

/// A further entry of a frame that several map.
#[derive(Clone, Copy, Debug)]
struct Link {
    table: u32,
    offset: u16,
    next: u32,
}

/// The chains of all frames that several entries map.
#[derive(Clone, Debug)]
pub(super) struct Chains {
    links: Vec<Link>,
    /// The first link that nothing uses.
    free: u32,
}

impl Chains {
    pub(super) fn new() -> Self {
        Self { links: Vec::new(), free: NONE }
    }

    fn push(&mut self, link: Link) -> u32 {
        if self.free == NONE {
            self.links.push(link);
            return self.links.len() as u32 - 1;
        }
        let at = self.free;
        self.free = self.links[at as usize].next;
        self.links[at as usize] = link;
        at
    }

    fn give_back(&mut self, at: u32) {
        self.links[at as usize].next = self.free;
        self.free = at;
    }

    /// The entry at `place` maps `pfn` from now on.
    pub(super) fn add(&mut self, folios: &mut FolioTable, pfn: Pfn, place: Place) {
        let table = folios.near(place.table);
        let folio = folios.get_mut(pfn).expect("a frame that is mapped is in use");
        folio.mappings += 1;
        if folio.mappings == 1 {
            folio.rmap = table;
            folio.set_offset(place.offset);
            return;
        }
        if !folio.flags.contains(FolioFlags::CHAINED) {
            folio.flags.insert(FolioFlags::CHAINED);
            folio.rmap = self.push(Link { table: folio.rmap, offset: folio.offset(), next: NONE });
        }
        folio.rmap = self.push(Link { table, offset: place.offset, next: folio.rmap });
    }

    /// The entry at `place` does not map `pfn` any more.
    ///
    /// # Panics
    /// Where it did not.
    pub(super) fn remove(&mut self, folios: &mut FolioTable, pfn: Pfn, place: Place) {
        let table = folios.near(place.table);
        let folio = folios.get_mut(pfn).expect("a frame that was mapped is in use");
        folio.mappings = folio.mappings.checked_sub(1).expect("an entry mapped it");
        if !folio.flags.contains(FolioFlags::CHAINED) {
            assert!(
                folio.rmap == table && folio.offset() == place.offset,
                "{pfn:?} is not mapped from {place:?}"
            );
            return;
        }
        let mut before = None;
        let mut at = folio.rmap;
        while self.links[at as usize].table != table || self.links[at as usize].offset != place.offset {
            before = Some(at);
            at = self.links[at as usize].next;
            assert!(at != NONE, "{pfn:?} is not mapped from {place:?}");
        }
        let next = self.links[at as usize].next;
        match before {
            Some(before) => self.links[before as usize].next = next,
            None => folio.rmap = next,
        }
        self.give_back(at);
        if folio.mappings == 1 {
            let last = folio.rmap;
            let Link { table, offset, .. } = self.links[last as usize];
            folio.rmap = table;
            folio.set_offset(offset);
            folio.flags.remove(FolioFlags::CHAINED);
            self.give_back(last);
        }
    }

    /// Every entry that maps `pfn`, the latest first.
    pub(super) fn places(&self, folios: &FolioTable, pfn: Pfn) -> Places {
        let Some(folio) = folios.get(pfn) else { return Places::new() };
        if folio.is_table() || folio.mappings == 0 {
            return Places::new();
        }
        if !folio.flags.contains(FolioFlags::CHAINED) {
            return smallvec![Place { table: folios.far(folio.rmap), offset: folio.offset() }];
        }
        let mut places = Places::with_capacity(folio.mappings as usize);
        let mut at = folio.rmap;
        while at != NONE {
            let link = self.links[at as usize];
            places.push(Place { table: folios.far(link.table), offset: link.offset });
            at = link.next;
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FrameUse;
    use crate::frame::Folio;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Any order of mappings and unmappings leaves just the places that are mapped.
        #[test]
        fn places_are_those_that_were_added_and_not_removed(steps in proptest::collection::vec((0..4u64, 0..6u64, 0..3u16), 1..200)) {
            let mut folios = FolioTable::new(&(100..200));
            (100..110).for_each(|pfn| folios.insert(Pfn(pfn), Folio::new(FrameUse::Anonymous)));
            let mut chains = Chains::new();
            let mut known: BTreeMap<Pfn, Vec<Place>> = BTreeMap::new();
            for (frame, table, offset) in steps {
                let (pfn, place) = (Pfn(100 + frame), Place { table: Pfn(104 + table), offset });
                let of_frame = known.entry(pfn).or_default();
                match of_frame.iter().position(|&other| other == place) {
                    Some(at) => {
                        of_frame.remove(at);
                        chains.remove(&mut folios, pfn, place);
                    }
                    None => {
                        of_frame.push(place);
                        chains.add(&mut folios, pfn, place);
                    }
                }
                for (&pfn, expected) in &known {
                    let mut places = chains.places(&folios, pfn);
                    let mut expected = expected.clone();
                    places.sort_unstable();
                    expected.sort_unstable();
                    prop_assert_eq!(places.to_vec(), expected);
                }
            }
            let chained: usize = known.values().map(Vec::len).filter(|&many| many > 1).sum();
            let free = std::iter::successors((chains.free != NONE).then_some(chains.free), |&at| {
                Some(chains.links[at as usize].next).filter(|&next| next != NONE)
            });
            prop_assert_eq!(chains.links.len(), chained + free.count(), "a link is lost");
        }
    }

    #[test]
    #[should_panic(expected = "is not mapped from")]
    fn a_place_that_maps_another_frame_is_found_out() {
        let mut folios = FolioTable::new(&(100..200));
        folios.insert(Pfn(100), Folio::new(FrameUse::File));
        let mut chains = Chains::new();
        chains.add(&mut folios, Pfn(100), Place { table: Pfn(101), offset: 1 });
        chains.remove(&mut folios, Pfn(100), Place { table: Pfn(101), offset: 2 });
    }
}
