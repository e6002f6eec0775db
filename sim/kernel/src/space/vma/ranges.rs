//! A set of pages, kept as disjoint ranges. Owns no meaning: the address space keeps in one which pages the trace
//! itself unmapped.

use crate::{PageRange, Vpn};
use std::collections::BTreeMap;

/// Disjoint ranges that do not touch, by start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RangeSet {
    end_of: BTreeMap<Vpn, Vpn>,
}

impl RangeSet {
    /// Adds every page of `pages`.
    pub(crate) fn insert(&mut self, pages: PageRange) {
        if pages.is_empty() {
            return;
        }
        let (mut start, mut end) = (pages.start(), pages.end());
        // Whatever overlaps or touches becomes one with it.
        while let Some((&s, &e)) = self.end_of.range(..=end).next_back()
            && e >= start
        {
            self.end_of.remove(&s);
            (start, end) = (start.min(s), end.max(e));
        }
        self.end_of.insert(start, end);
    }

    /// Takes every page of `pages` out.
    pub(crate) fn remove(&mut self, pages: PageRange) {
        if pages.is_empty() {
            return;
        }
        while let Some((&s, &e)) = self.end_of.range(..pages.end()).next_back()
            && e > pages.start()
        {
            self.end_of.remove(&s);
            if e > pages.end() {
                self.end_of.insert(pages.end(), e);
            }
            if s < pages.start() {
                self.end_of.insert(s, pages.start());
            }
        }
    }

    /// The parts of the set that lie in `pages`, upwards.
    pub(crate) fn within(&self, pages: PageRange) -> Vec<PageRange> {
        let first =
            self.end_of.range(..=pages.start()).next_back().map_or(pages.start(), |(&start, _)| start);
        let near = self.end_of.range(first..pages.end().max(first));
        let parts = near.map(|(&start, &end)| PageRange::new(start, end).intersection(&pages));
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// Whether `page` is in the set.
    pub(crate) fn contains(&self, page: Vpn) -> bool {
        self.end_of.range(..=page).next_back().is_some_and(|(_, &end)| page < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_one_cell_per_page(
            steps in prop::collection::vec((any::<bool>(), 0u64..64, 0u64..20), 1..80),
        ) {
            let mut set = RangeSet::default();
            let mut cells = [false; 84];
            for (add, start, pages) in steps {
                let range = PageRange::new(Vpn(start), Vpn(start + pages));
                if add { set.insert(range) } else { set.remove(range) }
                cells[start as usize..(start + pages) as usize].fill(add);
                for page in 0..84 {
                    prop_assert_eq!(set.contains(Vpn(page)), cells[page as usize], "page {}", page);
                }
                let runs = (0..84).filter(|&i| cells[i] && (i == 0 || !cells[i - 1])).count();
                prop_assert_eq!(set.end_of.len(), runs);
            }
        }
    }
}
