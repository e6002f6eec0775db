//! How many pages around the one that is wanted are read from swap with it: Linux's `swapin_nr_pages` (mm/swap_state.c).
//! Neighbours in swap went together, so they may come back together; how many are read follows how many of the last were
//! used.

/// What was read ahead, and how well it went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readahead {
    /// Pages read ahead that were used since the last reading.
    hits: u32,
    /// What was last wanted.
    offset: u32,
    /// Pages that were read with it.
    window: u32,
}

impl Default for Readahead {
    fn default() -> Self {
        Self { hits: 4, offset: 0, window: 0 }
    }
}

impl Readahead {
    /// A page that was read ahead was used.
    pub(super) fn hit(&mut self) {
        self.hits += 1;
    }

    /// The slots of the area to read for the page at `offset`, itself included: at most `most`, a power of two.
    pub(super) fn around(&mut self, offset: u32, most: u32) -> std::ops::RangeInclusive<u32> {
        let pages = if most <= 1 { 1 } else { self.pages(offset, most) };
        let start = offset & !(pages - 1);
        // Slot 0 is the header.
        start.max(1)..=offset | (pages - 1)
    }

    fn pages(&mut self, offset: u32, most: u32) -> u32 {
        let hits = std::mem::take(&mut self.hits);
        let is_neighbour = offset.abs_diff(self.offset) == 1;
        let wanted = match hits {
            0 if is_neighbour => 2,
            0 => 1,
            _ => (hits + 2).next_power_of_two().max(4),
        };
        // It shrinks by half at a time.
        let pages = wanted.min(most).max(self.window / 2);
        if hits == 0 {
            self.offset = offset;
        }
        self.window = pages;
        pages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_follows_what_is_used() {
        let mut ahead = Readahead::default();
        assert_eq!(ahead.around(21, 8), 16..=23, "at first all eight");
        assert_eq!(ahead.around(100, 8), 100..=103, "none was used: half as many");
        assert_eq!(ahead.around(200, 8), 200..=201);
        assert_eq!(ahead.around(301, 8), 301..=301);
        assert_eq!(ahead.around(302, 8), 302..=303, "the neighbour of the last");
        ahead.hit();
        assert_eq!(ahead.around(400, 8), 400..=403);
        (0..3).for_each(|_| ahead.hit());
        assert_eq!(ahead.around(5, 8), 1..=7, "never the header");
        assert_eq!(ahead.around(9, 1), 9..=9);
    }
}
