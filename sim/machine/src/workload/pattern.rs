//! Patterns of access: which byte of a region comes next.
//!
//! Owns the orders. All are deterministic: the same seed gives the same accesses. A load and the store that belongs to it are
//! two accesses.

use pagewalk_arch::{Access, AccessKind, FRAME_BYTES, SplitMix64};
use pagewalk_kernel::workload::Pattern;

/// Bytes of a word.
const WORD: u64 = 8;
/// Pages beyond which no order of all pages is kept: popularity and chases go through as many.
const PAGES_MAX: u64 = 1 << 24;
/// Loads and stores of one point of the stencil: above, left, itself, right, below, and itself again.
const STENCIL: usize = 6;

/// The accesses of a pattern, without end.
pub(super) struct Accesses {
    start: u64,
    bytes: u64,
    pages: u64,
    write: bool,
    random: SplitMix64,
    order: Order,
    /// Accesses so far.
    made: u64,
}

enum Order {
    Sequential,
    Random,
    /// Shares of the pages by rank, summed up; which page has which rank.
    Zipf {
        shares: Vec<f64>,
        pages: Vec<u32>,
    },
    /// Where each page points to, and where the chase stands.
    Chase {
        next: Vec<u32>,
        at: u32,
    },
    /// The word that is updated.
    Gups {
        word: u64,
    },
    /// Words of a row.
    Stencil {
        side: u64,
    },
}

impl Accesses {
    /// Of the region of `bytes` bytes at `start`, which has a page at least.
    pub(super) fn new(pattern: Pattern, start: u64, bytes: u64, seed: u64, write: bool) -> Self {
        let mut random = SplitMix64(seed);
        let pages = bytes.div_ceil(FRAME_BYTES).clamp(1, PAGES_MAX);
        let order = match pattern {
            Pattern::Sequential => Order::Sequential,
            Pattern::Random => Order::Random,
            Pattern::Zipf { exponent } => {
                let mut sum = 0.0;
                let share = |rank: u64| {
                    sum += (rank as f64).powf(-exponent);
                    sum
                };
                Order::Zipf { shares: (1..=pages).map(share).collect(), pages: shuffled(pages, &mut random) }
            }
            Pattern::Chase => Order::Chase { next: cycle(pages, &mut random), at: 0 },
            Pattern::Gups => Order::Gups { word: 0 },
            Pattern::Stencil => Order::Stencil { side: (bytes / WORD).isqrt().max(3) },
        };
        Self { start, bytes: bytes.max(1), pages, write, random, order, made: 0 }
    }

    fn any_word(&mut self) -> u64 {
        let words = (self.bytes / WORD).max(1);
        WORD * (self.random.next_u64() % words)
    }
}

impl Iterator for Accesses {
    type Item = Access;

    fn next(&mut self) -> Option<Access> {
        let number = self.made;
        self.made += 1;
        let asked = if self.write { AccessKind::Store } else { AccessKind::Load };
        let page = |page: u32| u64::from(page) * FRAME_BYTES;
        let any = match self.order {
            Order::Random => self.any_word(),
            Order::Gups { .. } if number.is_multiple_of(2) => self.any_word(),
            Order::Zipf { .. } => self.random.next_u64(),
            _ => 0,
        };
        let (offset, kind) = match &mut self.order {
            Order::Sequential => (number % self.pages * FRAME_BYTES, asked),
            Order::Random => (any, asked),
            Order::Zipf { shares, pages } => {
                let all = shares[shares.len() - 1];
                let drawn = (any >> 11) as f64 / (1u64 << 53) as f64 * all;
                let rank = shares.partition_point(|&sum| sum <= drawn).min(pages.len() - 1);
                (page(pages[rank]), asked)
            }
            Order::Chase { next, at } => {
                let here = *at;
                *at = next[here as usize];
                (page(here), asked)
            }
            Order::Gups { word } => {
                if number.is_multiple_of(2) {
                    *word = any;
                }
                (*word, if number.is_multiple_of(2) { AccessKind::Load } else { AccessKind::Store })
            }
            Order::Stencil { side } => {
                let (point, part) = (number / STENCIL as u64, (number % STENCIL as u64) as usize);
                let inner = *side - 2;
                let (row, column) = (1 + point / inner % inner, 1 + point % inner);
                let middle = row * *side + column;
                let word = [middle - *side, middle - 1, middle, middle + 1, middle + *side, middle][part];
                let kind = if part + 1 == STENCIL { AccessKind::Store } else { AccessKind::Load };
                (word * WORD, kind)
            }
        };
        Some(Access::user(self.start.wrapping_add(offset), kind))
    }
}

/// The numbers below `count`, in any order.
fn shuffled(count: u64, random: &mut SplitMix64) -> Vec<u32> {
    let mut all: Vec<u32> = (0..count as u32).collect();
    for last in (1..all.len()).rev() {
        all.swap(last, random.below(last as u32 + 1) as usize);
    }
    all
}

/// One cycle through the numbers below `count` (Sattolo's): where each leads.
fn cycle(count: u64, random: &mut SplitMix64) -> Vec<u32> {
    let mut all: Vec<u32> = (0..count as u32).collect();
    for last in (1..all.len()).rev() {
        all.swap(last, random.below(last as u32) as usize);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    const START: u64 = 0x10_0000;
    const PAGES: u64 = 64;

    fn offsets(pattern: Pattern, count: usize) -> Vec<(u64, AccessKind)> {
        let accesses = Accesses::new(pattern, START, PAGES * FRAME_BYTES, 7, false).take(count);
        accesses.map(|access| (access.va.0 - START, access.kind)).collect()
    }

    #[test]
    fn a_chase_comes_to_every_page_before_it_repeats() {
        let seen: Vec<u64> =
            offsets(Pattern::Chase, 2 * PAGES as usize).into_iter().map(|(at, _)| at).collect();
        let (first, second) = seen.split_at(PAGES as usize);
        assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), PAGES as usize);
        assert_eq!(first, second);
        assert!(first.windows(2).any(|pair| pair[1] != pair[0] + FRAME_BYTES), "not in order");
    }

    #[test]
    fn popularity_falls_as_the_exponent_says() {
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        let drawn = 100_000;
        for (at, _) in offsets(Pattern::Zipf { exponent: 1.0 }, drawn) {
            *counts.entry(at).or_default() += 1;
        }
        let mut by_rank: Vec<u64> = counts.into_values().collect();
        by_rank.sort_unstable_by(|a, b| b.cmp(a));
        let harmonic: f64 = (1..=PAGES).map(|rank| 1.0 / rank as f64).sum();
        for rank in [1, 2, 10] {
            let expected = drawn as f64 / harmonic / rank as f64;
            let found = by_rank[rank - 1] as f64;
            assert!((found - expected).abs() < 0.1 * expected, "rank {rank}: {found}, expected {expected}");
        }
    }

    #[test]
    fn updates_load_and_store_the_same_word() {
        for pair in offsets(Pattern::Gups, 1000).chunks(2) {
            assert_eq!((pair[0].1, pair[1].1), (AccessKind::Load, AccessKind::Store));
            assert_eq!(pair[0].0, pair[1].0);
        }
    }

    #[test]
    fn every_pattern_stays_within_its_region() {
        let all = [
            Pattern::Sequential,
            Pattern::Random,
            Pattern::Zipf { exponent: 0.0 },
            Pattern::Chase,
            Pattern::Gups,
            Pattern::Stencil,
        ];
        for pattern in all {
            let seen = offsets(pattern, 5000);
            assert!(seen.iter().all(|&(at, _)| at < PAGES * FRAME_BYTES), "{pattern:?}");
            assert!(seen.iter().map(|&(at, _)| at).collect::<BTreeSet<_>>().len() > 40, "{pattern:?}");
        }
    }
}
