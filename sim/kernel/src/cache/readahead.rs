//! How much of a file is read, and from where, when a page is missing or a mark is hit. Linux 6.1's mm/readahead.c and
//! the part of `filemap_fault` that asks it.
//!
//! Owns the decision, from what one open file has seen so far and which pages are cached. Reads nothing: the cache
//! carries a [`Window`] out.
//!
//! A stream that is read in order gets windows that double up to the device's limit. The first page of the part that
//! nobody asked for yet carries a mark; who comes across it sends for the next window while there is still something
//! left to read.

use super::tree::PageTree;

/// Misses beyond hits after which a mapping is read page by page: `MMAP_LOTSAMISS`.
const MISSES_MAX: u32 = 100;

/// What a device takes at once, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The longest window: `read_ahead_kb`.
    pub(crate) window: u64,
    /// The longest that one call which asks for more than a window gets: the device's largest request.
    pub(crate) request: u64,
}

/// Pages to be brought into the cache: those from `start` on that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: u64,
    pub(crate) pages: u64,
    /// So many before its end the mark is put; 0: nowhere.
    pub(crate) ahead: u64,
}

/// How an open file or a mapping of it is going to be used: POSIX_FADV_*, MADV_*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessPattern {
    /// Nothing is known.
    #[default]
    Normal,
    /// In order: windows are twice as long.
    Sequential,
    /// Nothing is read ahead.
    Random,
}

/// What one open file has seen: Linux's `file_ra_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Readahead {
    start: u64,
    pages: u64,
    ahead: u64,
    /// The last page that a read returned bytes of, if any.
    last_read: Option<u64>,
    /// Misses of mappings, less their hits.
    misses: u32,
    pub(crate) pattern: AccessPattern,
}

impl Default for Readahead {
    fn default() -> Self {
        let pattern = AccessPattern::Normal;
        Self { start: 0, pages: 0, ahead: 0, last_read: None, misses: 0, pattern }
    }
}

/// `get_init_ra_size`: up to four times what is asked for.
fn first_window(asked: u64, max: u64) -> u64 {
    let pages = asked.next_power_of_two();
    match pages {
        _ if pages <= max / 32 => pages * 4,
        _ if pages <= max / 4 => pages * 2,
        _ => max,
    }
}

/// `get_next_ra_size`.
fn next_window(pages: u64, max: u64) -> u64 {
    match pages {
        _ if pages < max / 16 => pages * 4,
        _ if pages <= max / 2 => pages * 2,
        _ => max,
    }
}

impl Readahead {
    fn window_max(&self, limits: Limits) -> u64 {
        if self.pattern == AccessPattern::Sequential { limits.window * 2 } else { limits.window }
    }

    fn window(&self) -> Window {
        Window { start: self.start, pages: self.pages, ahead: self.ahead }
    }

    /// A read of `asked` pages from `index` on found the first of them missing: `page_cache_sync_ra`.
    pub(crate) fn missed(&mut self, tree: &PageTree, index: u64, asked: u64, limits: Limits) -> Window {
        if self.pattern == AccessPattern::Random {
            return Window { start: index, pages: asked.min(limits.request.max(limits.window)), ahead: 0 };
        }
        self.on_demand(tree, index, asked, limits, false).unwrap_or(Window {
            start: index,
            pages: 0,
            ahead: 0,
        })
    }

    /// The marked page `index` was come across by who asks for `asked` pages: `page_cache_async_ra`. The caller takes
    /// the mark off.
    pub(crate) fn hit_mark(
        &mut self,
        tree: &PageTree,
        index: u64,
        asked: u64,
        limits: Limits,
    ) -> Option<Window> {
        self.on_demand(tree, index, asked, limits, true)
    }

    /// A fault in an area used like `pattern` found page `index` missing: `do_sync_mmap_readahead`. `None`: the page alone
    /// is read, by the fault itself.
    pub(crate) fn fault_missed(
        &mut self,
        tree: &PageTree,
        index: u64,
        pattern: AccessPattern,
        limits: Limits,
    ) -> Option<Window> {
        let max = limits.window;
        match pattern {
            AccessPattern::Random => return None,
            AccessPattern::Sequential => return self.on_demand(tree, index, max, limits, false),
            AccessPattern::Normal => {}
        }
        if self.misses < MISSES_MAX * 10 {
            self.misses += 1;
        }
        if self.misses > MISSES_MAX {
            return None;
        }
        (self.start, self.pages, self.ahead) = (index.saturating_sub(max / 2), max, max / 4);
        Some(self.window())
    }

    /// A fault found a page in the cache: `do_async_mmap_readahead`, which goes on with [`Self::hit_mark`] where the page
    /// has a mark.
    pub(crate) fn fault_hit(&mut self) {
        self.misses = self.misses.saturating_sub(1);
    }

    /// Whether a read that begins in page `index` goes on in the page that the last one ended in.
    pub(crate) fn continues_in(&self, index: u64) -> bool {
        self.last_read == Some(index)
    }

    /// Bytes up to and including one of page `index` were read.
    pub(crate) fn has_read(&mut self, index: u64) {
        self.last_read = Some(index);
    }

    /// `ondemand_readahead`.
    fn on_demand(
        &mut self,
        tree: &PageTree,
        index: u64,
        asked: u64,
        limits: Limits,
        marked: bool,
    ) -> Option<Window> {
        let mut max = self.window_max(limits);
        if asked > max {
            max = max.max(asked.min(limits.request));
        }
        let expected = self.start + self.pages - self.ahead;
        let follows_last = || self.last_read.is_some_and(|last| index == last || index == last + 1);
        if index == 0 {
            self.begin(index, asked, max);
        } else if index == expected || index == self.start + self.pages {
            self.start += self.pages;
            self.pages = next_window(self.pages, max);
            self.ahead = self.pages;
        } else if marked {
            // A mark that another stream has left: go on behind what is there.
            let start = tree.next_miss(index + 1, max);
            if start - index > max {
                return None;
            }
            self.start = start;
            self.pages = next_window(start - index + asked, max);
            self.ahead = self.pages;
        } else if asked > max || follows_last() {
            self.begin(index, asked, max);
        } else {
            let history = tree.history(index, max);
            if history <= asked {
                return Some(Window { start: index, pages: asked, ahead: 0 });
            }
            let history = if history >= index { history * 2 } else { history };
            (self.start, self.pages, self.ahead) = (index, (history + asked).min(max), 1);
        }
        // The page asked for would carry the mark itself: two windows at once.
        if index == self.start && self.pages == self.ahead {
            let next = next_window(self.pages, max);
            if self.pages + next <= max {
                self.ahead = next;
                self.pages += next;
            } else {
                self.pages = max;
                self.ahead = max / 2;
            }
        }
        Some(self.window())
    }

    fn begin(&mut self, index: u64, asked: u64, max: u64) {
        self.start = index;
        self.pages = first_window(asked, max);
        self.ahead = if self.pages > asked { self.pages - asked } else { self.pages };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pfn;

    const LIMITS: Limits = Limits { window: 32, request: 320 };

    /// Carries a window out, as far as a file of `end` pages goes. Gives the page that is marked.
    fn fill(tree: &mut PageTree, window: Window, end: u64) -> Option<u64> {
        let end = end.min(window.start + window.pages);
        let pages = end.saturating_sub(window.start);
        for index in window.start..end {
            if tree.get(index).is_none() {
                tree.insert(index, Pfn(index + 1));
            }
        }
        pages.checked_sub(window.ahead).filter(|_| window.ahead > 0).map(|at| window.start + at)
    }

    fn shape(window: Window) -> (u64, u64, u64) {
        (window.start, window.pages, window.ahead)
    }

    #[test]
    fn a_stream_of_single_pages_gets_windows_that_double() {
        let (mut state, mut tree) = (Readahead::default(), PageTree::default());
        let first = state.missed(&tree, 0, 1, LIMITS);
        assert_eq!(shape(first), (0, 4, 3));
        let mut mark = fill(&mut tree, first, 1000);
        let mut windows = Vec::new();
        for index in 0..200 {
            if mark == Some(index) {
                let window = state.hit_mark(&tree, index, 1, LIMITS).expect("the stream goes on");
                windows.push(shape(window));
                mark = fill(&mut tree, window, 1000);
            }
            assert!(tree.get(index).is_some(), "page {index} was missed");
            state.has_read(index);
        }
        assert_eq!(windows[..5], [(4, 8, 8), (12, 16, 16), (28, 32, 32), (60, 32, 32), (92, 32, 32)]);
    }

    #[test]
    fn reads_of_64_kib_begin_with_a_full_window() {
        let (mut state, tree) = (Readahead::default(), PageTree::default());
        assert_eq!(shape(state.missed(&tree, 0, 16, LIMITS)), (0, 32, 16));
        assert_eq!(shape(state.hit_mark(&tree, 16, 16, LIMITS).unwrap()), (32, 32, 32));
        // More than a window at once: up to what the device takes.
        let mut state = Readahead::default();
        assert_eq!(shape(state.missed(&tree, 0, 256, LIMITS)), (0, 256, 256 / 2));
    }

    #[test]
    fn a_cold_mapping_read_in_order_waits_for_every_second_chunk() {
        // 16 MiB, of which Linux maps 64 KiB at a time what has no mark: 129 faults find a mark or nothing.
        let (mut state, mut tree) = (Readahead::default(), PageTree::default());
        let (mut waits, mut missing, mut mark) = (0, 0, None);
        let mut mapped = [false; 4096];
        for index in 0..4096u64 {
            let mut around = |tree: &PageTree, mark: Option<u64>| {
                let chunk = index / 16 * 16..index / 16 * 16 + 16;
                for page in chunk.filter(|&page| tree.get(page).is_some() && mark != Some(page)) {
                    mapped[page as usize] = true;
                }
                mapped[index as usize]
            };
            if around(&tree, mark) {
                continue;
            }
            waits += 1;
            let window = if tree.get(index).is_some() {
                let marked = mark == Some(index);
                state.fault_hit();
                marked.then(|| state.hit_mark(&tree, index, LIMITS.window, LIMITS)).flatten()
            } else {
                missing += 1;
                state.fault_missed(&tree, index, AccessPattern::Normal, LIMITS)
            };
            mark = fill(&mut tree, window.expect("something is read"), 4096);
            assert!(around(&tree, mark));
        }
        assert_eq!((waits, missing), (129, 1));
    }

    #[test]
    fn random_advice_reads_what_is_asked_for() {
        let (mut state, tree) = (Readahead::default(), PageTree::default());
        state.pattern = AccessPattern::Random;
        assert_eq!(shape(state.missed(&tree, 7, 16, LIMITS)), (7, 16, 0));
        assert_eq!(state.fault_missed(&tree, 7, AccessPattern::Random, LIMITS), None);
    }

    #[test]
    fn a_lone_read_in_the_middle_reads_no_more_than_it_needs() {
        let (mut state, mut tree) = (Readahead::default(), PageTree::default());
        assert_eq!(shape(state.missed(&tree, 100, 2, LIMITS)), (100, 2, 0));
        // What is there right before it looks like a stream.
        (90..100).for_each(|index| assert_eq!(tree.insert(index, Pfn(1)), None));
        assert_eq!(shape(state.missed(&tree, 100, 2, LIMITS)), (100, 12, 1));
    }

    #[test]
    fn a_mapping_that_misses_too_often_is_read_page_by_page() {
        let (mut state, tree) = (Readahead::default(), PageTree::default());
        let windows = (0..102)
            .filter_map(|n| state.fault_missed(&tree, n * 1000, AccessPattern::Normal, LIMITS))
            .collect::<Vec<_>>();
        assert_eq!(windows.len(), 100);
        assert_eq!(shape(windows[1]), (1000 - 16, 32, 8), "around the page, not from it on");
        (0..3).for_each(|_| state.fault_hit());
        assert!(state.fault_missed(&tree, 0, AccessPattern::Normal, LIMITS).is_some(), "hits bring it back");
    }
}
