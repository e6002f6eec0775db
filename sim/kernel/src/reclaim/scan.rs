//! How much of which list is looked at: Linux's `get_scan_count` and `prepare_scan_count`.
//!
//! The higher the pressure, the larger the part: 1 in 2^priority pages. Between anonymous pages and those of files the
//! balance is that of `vm.swappiness`, weighed by what taking each kind has cost lately. Three shortcuts come first: without
//! swap only files; with files nearly gone only anonymous pages; with files enough that nobody uses twice only those.

use super::CLUSTER_PAGES;
use crate::frame::LruList;
use crate::system::System;

/// One look at the lists of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan {
    /// 12 at first, 0 at the last.
    pub(super) priority: u32,
    /// Pages wanted.
    pub(super) wanted: u64,
    /// Pages looked at.
    pub(super) scanned: u64,
    /// Pages taken.
    pub(super) reclaimed: u64,
    /// kswapd asks, not somebody who wants memory.
    pub(super) is_kswapd: bool,
    /// Anonymous pages may be taken.
    pub(super) may_swap: bool,
    /// Active anonymous pages may be made inactive, and those of files.
    may_deactivate: [bool; 2],
    cache_trim_mode: bool,
    file_is_tiny: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Balance {
    Equal,
    Fraction,
    Anon,
    File,
}

/// Pages to look at, by list.
type Targets = [u64; 4];

const ANON: usize = 0;
const FILE: usize = 1;
/// Every list that is scanned, in Linux's order.
const LISTS: [LruList; 4] =
    [LruList::InactiveAnon, LruList::ActiveAnon, LruList::InactiveFile, LruList::ActiveFile];

impl Scan {
    pub(super) fn new(wanted: u64, is_kswapd: bool) -> Self {
        Self {
            priority: super::PRIORITY_FIRST,
            wanted,
            scanned: 0,
            reclaimed: 0,
            is_kswapd,
            may_swap: true,
            may_deactivate: [false; 2],
            cache_trim_mode: false,
            file_is_tiny: false,
        }
    }
}

impl System {
    /// Looks at the node once, with `scan.priority`: `shrink_node`.
    pub(super) fn shrink_node(&mut self, platform: &mut dyn pagewalk_arch::Platform, scan: &mut Scan) {
        self.prepare(scan);
        self.shrink_lists(platform, scan);
        self.shrink_slabs(scan.priority);
    }

    fn prepare(&self, scan: &mut Scan) {
        let activated = self.activations();
        for (kind, is_anon) in [(ANON, true), (FILE, false)] {
            let refaulted = activated[kind] != self.reclaim.activations_seen[kind];
            scan.may_deactivate[kind] = refaulted || self.inactive_is_low(is_anon);
        }
        let len = |list| self.memory.lru_len(list);
        let inactive_file = len(LruList::InactiveFile);
        scan.cache_trim_mode = inactive_file >> scan.priority > 0 && !scan.may_deactivate[FILE];
        let file = inactive_file + len(LruList::ActiveFile);
        scan.file_is_tiny = file + self.memory.frames_free() <= self.memory.high_total()
            && !scan.may_deactivate[ANON]
            && len(LruList::InactiveAnon) >> scan.priority > 0;
    }

    pub(super) fn activations(&self) -> [u64; 2] {
        [self.events.workingset_activate_anon, self.events.workingset_activate_file]
    }

    fn targets(&self, scan: &Scan) -> Targets {
        let swappiness = self.sysctl.swappiness;
        let balance = if !scan.may_swap || self.swap.slots_free() == 0 {
            Balance::File
        } else if scan.priority == 0 && swappiness > 0 {
            Balance::Equal
        } else if scan.file_is_tiny {
            Balance::Anon
        } else if scan.cache_trim_mode {
            Balance::File
        } else {
            Balance::Fraction
        };
        // What a kind has cost counts against it, and not at all is never.
        let total = self.reclaim.anon_cost + self.reclaim.file_cost;
        let (anon_cost, file_cost) = (total + self.reclaim.anon_cost, total + self.reclaim.file_cost);
        let total = anon_cost + file_cost;
        let parts =
            [swappiness * (total + 1) / (anon_cost + 1), (200 - swappiness) * (total + 1) / (file_cost + 1)];
        LISTS.map(|list| {
            let pages = self.memory.lru_len(list) >> scan.priority;
            let kind = if list.is_anon() { ANON } else { FILE };
            match balance {
                Balance::Equal => pages,
                Balance::Fraction => pages * parts[kind] / (parts[ANON] + parts[FILE]),
                Balance::Anon => pages * u64::from(kind == ANON),
                Balance::File => pages * u64::from(kind == FILE),
            }
        })
    }

    /// Looks at all lists by turns, as far as they are to be looked at: `shrink_lruvec`.
    fn shrink_lists(&mut self, platform: &mut dyn pagewalk_arch::Platform, scan: &mut Scan) {
        let targets = self.targets(scan);
        let mut left = targets;
        let is_proportional = !scan.is_kswapd && scan.priority == super::PRIORITY_FIRST;
        let reclaimed_before = scan.reclaimed;
        let [inactive_anon, active_anon, inactive_file, active_file] = [0, 1, 2, 3];
        while left[inactive_anon] + left[inactive_file] + left[active_file] > 0 {
            for (which, list) in LISTS.into_iter().enumerate() {
                let pages = left[which].min(CLUSTER_PAGES);
                left[which] -= pages;
                if pages > 0 {
                    self.shrink_list(platform, list, pages, scan);
                }
            }
            if scan.reclaimed - reclaimed_before < scan.wanted || is_proportional {
                continue;
            }
            // Enough: what is left is looked at in the proportion that was wanted, and no more.
            let anon = left[inactive_anon] + left[active_anon];
            let file = left[inactive_file] + left[active_file];
            if anon == 0 || file == 0 {
                break;
            }
            let (smaller, larger, rest) =
                if file > anon { ([0, 1], [2, 3], anon) } else { ([2, 3], [0, 1], file) };
            let wanted = targets[smaller[0]] + targets[smaller[1]] + 1;
            let percentage = rest * 100 / wanted;
            for which in smaller {
                left[which] = 0;
            }
            for which in larger {
                let done = targets[which] - left[which];
                left[which] = (targets[which] * (100 - percentage) / 100).saturating_sub(done);
            }
        }
        self.send_swap_writes();
        if self.swap.slots_total() > 0 && self.inactive_is_low(true) {
            self.shrink_active(platform, LruList::ActiveAnon, CLUSTER_PAGES);
        }
    }

    fn shrink_list(
        &mut self,
        platform: &mut dyn pagewalk_arch::Platform,
        list: LruList,
        pages: u64,
        scan: &mut Scan,
    ) {
        match list {
            LruList::ActiveAnon if !scan.may_deactivate[ANON] => {}
            LruList::ActiveFile if !scan.may_deactivate[FILE] => {}
            LruList::ActiveAnon | LruList::ActiveFile => self.shrink_active(platform, list, pages),
            _ => self.shrink_inactive(platform, list, pages, scan),
        }
    }
}
