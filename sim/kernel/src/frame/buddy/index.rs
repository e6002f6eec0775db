//! Which chunks hold a free block of one order and type: a bitmap, and bitmaps of its words that are not zero.
//!
//! Finding the lowest costs a load for each factor of 64 in the number of chunks ever touched.

/// A set of small numbers with a quick least element.
#[derive(Clone, Debug, Default)]
pub(super) struct ChunkSet {
    /// Bit `i` of level `n + 1`: word `i` of level `n` is not zero. The last level has one word.
    levels: Vec<Vec<u64>>,
}

impl ChunkSet {
    /// The least element.
    #[inline]
    pub(super) fn first(&self) -> Option<usize> {
        let mut at = 0;
        for level in self.levels.iter().rev() {
            let word = level[at];
            if word == 0 {
                return None;
            }
            at = at * 64 + word.trailing_zeros() as usize;
        }
        (!self.levels.is_empty()).then_some(at)
    }

    /// Adds `number`.
    #[inline]
    pub(super) fn insert(&mut self, number: usize) {
        if self.levels.first().is_none_or(|words| number / 64 >= words.len()) {
            self.grow(number / 64 + 1);
        }
        let mut at = number;
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            let was_empty = *word == 0;
            *word |= 1 << (at % 64);
            if !was_empty {
                break;
            }
            at /= 64;
        }
    }

    /// Takes `number` out.
    #[inline]
    pub(super) fn remove(&mut self, number: usize) {
        let mut at = number;
        for level in &mut self.levels {
            let Some(word) = level.get_mut(at / 64) else { return };
            *word &= !(1 << (at % 64));
            if *word != 0 {
                break;
            }
            at /= 64;
        }
    }

    /// Makes room for `words` words on the lowest level, and for as many again, since the next chunk is soon touched.
    #[cold]
    fn grow(&mut self, words: usize) {
        let mut lowest = std::mem::take(&mut self.levels).into_iter().next().unwrap_or_default();
        lowest.resize(words.next_power_of_two(), 0);
        self.levels.push(lowest);
        while let Some(below) = self.levels.last()
            && below.len() > 1
        {
            let word = |words: &[u64]| (0..).zip(words).map(|(i, &w)| u64::from(w != 0) << i).sum();
            let above = below.chunks(64).map(word).collect();
            self.levels.push(above);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn the_least_is_found_however_it_grows(
            steps in prop::collection::vec((any::<bool>(), prop_oneof![0usize..130, 0usize..300_000]), 1..200),
        ) {
            let (mut set, mut model) = (ChunkSet::default(), BTreeSet::new());
            for (add, number) in steps {
                if add {
                    set.insert(number);
                    model.insert(number);
                } else {
                    let number = model.range(number..).next().copied().unwrap_or(number);
                    set.remove(number);
                    model.remove(&number);
                }
                prop_assert_eq!(set.first(), model.first().copied());
            }
        }
    }
}
