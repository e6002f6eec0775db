//! `oom_badness` and `/proc/PID/oom_score`.

use crate::OOM_SCORE_ADJ_MIN;

/// What of a process's memory counts, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OomSize {
    /// Frames mapped: of anonymous memory, files and shared memory.
    pub rss_pages: u64,
    /// Swap entries in its page tables.
    pub swap_entries: u64,
    /// Page tables, the top one not counted.
    pub table_pages: u64,
}

impl OomSize {
    fn pages(self) -> u64 {
        self.rss_pages + self.swap_entries + self.table_pages
    }
}

/// Before 4.17, what belongs to the user 0 counted this much less.
pub const ROOT_DISCOUNT_PER_MILLE: u64 = 30;

/// How bad a process is: the one with the most points is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Badness {
    /// `None`: it is exempt.
    pub points: Option<i64>,
    total_pages: u64,
}

impl Badness {
    /// Of a process of this size, with this adjustment, on a machine of `total_pages` pages of memory and swap.
    pub fn of(size: OomSize, adj: i16, total_pages: u64) -> Self {
        let total = total_pages as i64;
        let points = size.pages() as i64 + i64::from(adj) * (total / 1000);
        Self { points: (adj != OOM_SCORE_ADJ_MIN).then_some(points), total_pages }
    }

    /// As kernels before 4.17 counted what belongs to the user 0.
    pub fn with_root_discount(size: OomSize, adj: i16, total_pages: u64) -> Self {
        let pages = size.pages();
        let size =
            OomSize { rss_pages: pages - pages * ROOT_DISCOUNT_PER_MILLE / 1000, ..OomSize::default() };
        Self::of(size, adj, total_pages)
    }

    /// `/proc/PID/oom_score`: 666 for nothing at all, up to 2000; 0 for who is exempt.
    pub fn score(self) -> u32 {
        let total = (self.total_pages as i64).max(1);
        let score = self.points.map_or(0, |points| (1000 + points * 1000 / total) * 2 / 3);
        u32::try_from(score).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// KiB of VmRSS, VmSwap and VmPTE, adjustment, and the score that Linux 6.1 gave on 256 MiB.
    const MEASURED: [(u64, u64, u64, i16, u32); 10] = [
        (4, 0, 28, 0, 666),
        (992, 0, 28, 0, 669),
        (1012, 0, 28, 0, 669),
        (41_932, 0, 108, 0, 791),
        (93_148, 0, 208, 0, 944),
        (62_260, 0, 152, 0, 852),
        (87_868, 0, 204, 0, 928),
        (21_340, 0, 68, 0, 730),
        (42_000, 0, 108, -1000, 0),
        (17_356, 0, 60, 0, 718),
    ];

    #[test]
    fn scores_are_those_that_linux_gave() {
        for (rss, swap, tables, adj, score) in MEASURED {
            let size = OomSize { rss_pages: rss / 4, swap_entries: swap / 4, table_pages: tables / 4 };
            assert_eq!(Badness::of(size, adj, 223_620 / 4).score(), score, "{size:?}");
        }
        // With 64 MiB of swap.
        let total = (223_608 + 65_536) / 4;
        let size = |rss: u64, swap: u64, tables: u64| OomSize {
            rss_pages: rss / 4,
            swap_entries: swap / 4,
            table_pages: tables / 4,
        };
        assert_eq!(Badness::of(size(154_396, 0, 328), 0, total).score(), 1023);
        assert_eq!(Badness::of(size(88_892, 65_504, 328), 0, total).score(), 1023);
        assert_eq!(Badness::of(size(62_260, 0, 148), 0, total).score(), 810);
        assert_eq!(Badness::of(size(956, 36, 148), 0, total).score(), 668);
    }

    #[test]
    fn an_adjustment_weighs_thousandths_of_the_machine() {
        let of = |rss_pages, adj| Badness::of(OomSize { rss_pages, ..OomSize::default() }, adj, 100_000);
        assert_eq!(of(0, 500).points, Some(50_000));
        assert_eq!(of(0, 500).score(), 1000);
        assert_eq!(of(60_000, -500).points, Some(10_000));
        assert_eq!(of(0, -999).score(), 0);
        assert!(of(10_000, 500).points > of(40_000, 0).points, "the middle one dies");
        let discounted = Badness::with_root_discount(
            OomSize { rss_pages: 900, swap_entries: 100, table_pages: 0 },
            0,
            100_000,
        );
        assert_eq!(discounted.points, Some(970));
    }
}
