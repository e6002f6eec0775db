//! The lists of the LRU of one node: active and inactive, anonymous and file, and those that are never scanned.
//!
//! Owns the order. Links lie in the frames' metadata. Which list a page belongs on is what its flags say; when it moves is
//! for [`crate::reclaim`].

use super::PhysicalMemory;
use super::folio::{FolioFlags, FolioTable};
use crate::Pfn;

/// A list of the LRU, in the order of `/proc/vmstat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LruList {
    /// Anonymous and shared memory, not used lately.
    InactiveAnon,
    /// Anonymous and shared memory in use.
    ActiveAnon,
    /// Pages of files, not used lately, and lazily freed anonymous ones.
    InactiveFile,
    /// Pages of files in use.
    ActiveFile,
    /// What cannot be taken: locked pages. Counted, and not listed.
    Unevictable,
}

impl LruList {
    /// Every list.
    pub const ALL: [LruList; 5] = [
        LruList::InactiveAnon,
        LruList::ActiveAnon,
        LruList::InactiveFile,
        LruList::ActiveFile,
        LruList::Unevictable,
    ];

    /// Where a page of these flags belongs.
    pub fn of(flags: FolioFlags) -> Self {
        if flags.contains(FolioFlags::UNEVICTABLE) {
            return LruList::Unevictable;
        }
        match (flags.contains(FolioFlags::SWAPBACKED), flags.contains(FolioFlags::ACTIVE)) {
            (true, false) => LruList::InactiveAnon,
            (true, true) => LruList::ActiveAnon,
            (false, false) => LruList::InactiveFile,
            (false, true) => LruList::ActiveFile,
        }
    }
    /// Whether it holds pages that go to swap.
    pub const fn is_anon(self) -> bool {
        matches!(self, LruList::InactiveAnon | LruList::ActiveAnon)
    }
}

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct List {
    head: u32,
    tail: u32,
    len: u64,
}

impl List {
    const EMPTY: Self = Self { head: NONE, tail: NONE, len: 0 };
}

/// The lists of a node.
#[derive(Clone, Debug)]
pub(super) struct Lru {
    lists: [List; 5],
}

impl Lru {
    pub(super) const fn new() -> Self {
        Self { lists: [List::EMPTY; 5] }
    }

    pub(super) fn len(&self, list: LruList) -> u64 {
        self.lists[list as usize].len
    }

    /// The page that has been on `list` longest.
    pub(super) fn tail(&self, folios: &FolioTable, list: LruList) -> Option<Pfn> {
        let tail = self.lists[list as usize].tail;
        (tail != NONE).then(|| folios.far(tail))
    }

    /// Puts `pfn`, which is on no list, on the one that its flags say, at its head, or at its tail.
    pub(super) fn add(&mut self, folios: &mut FolioTable, pfn: Pfn, at_tail: bool) {
        let near = folios.near(pfn);
        let folio = folios.get_mut(pfn).expect("a page on a list is in use");
        debug_assert!(!folio.flags.contains(FolioFlags::LRU), "{pfn:?} is on a list already");
        folio.flags.insert(FolioFlags::LRU);
        let which = LruList::of(folio.flags);
        let list = &mut self.lists[which as usize];
        list.len += 1;
        if which == LruList::Unevictable {
            return;
        }
        if at_tail {
            (folio.prev, folio.next) = (list.tail, NONE);
        } else {
            (folio.prev, folio.next) = (NONE, list.head);
        }
        let (prev, next) = (folio.prev, folio.next);
        self.link(folios, which, prev, next, near, near);
    }

    /// Takes `pfn` off its list.
    pub(super) fn remove(&mut self, folios: &mut FolioTable, pfn: Pfn) {
        let folio = folios.get_mut(pfn).expect("a page on a list is in use");
        debug_assert!(folio.flags.contains(FolioFlags::LRU), "{pfn:?} is on no list");
        folio.flags.remove(FolioFlags::LRU);
        let which = LruList::of(folio.flags);
        self.lists[which as usize].len -= 1;
        if which == LruList::Unevictable {
            return;
        }
        let (prev, next) = (folio.prev, folio.next);
        self.link(folios, which, prev, next, next, prev);
    }

    /// What comes after `prev` is `after_prev` from now on, and what comes before `next` is `before_next`.
    fn link(
        &mut self,
        folios: &mut FolioTable,
        which: LruList,
        prev: u32,
        next: u32,
        after_prev: u32,
        before_next: u32,
    ) {
        let list = &mut self.lists[which as usize];
        match prev {
            NONE => list.head = after_prev,
            _ => folios.get_mut(folios.far(prev)).expect("a page on a list is in use").next = after_prev,
        }
        match next {
            NONE => list.tail = before_next,
            _ => folios.get_mut(folios.far(next)).expect("a page on a list is in use").prev = before_next,
        }
    }

    /// The pages of `list`, from its head on.
    pub(super) fn iter<'a>(
        &'a self,
        folios: &'a FolioTable,
        list: LruList,
    ) -> impl Iterator<Item = Pfn> + 'a {
        let head = if list == LruList::Unevictable { NONE } else { self.lists[list as usize].head };
        let listed = |near: u32| (near != NONE).then(|| folios.far(near));
        std::iter::successors(listed(head), move |&pfn| listed(folios.get(pfn)?.next))
    }
}

impl PhysicalMemory {
    /// Puts a page on the list of the LRU that its flags say, at its head.
    ///
    /// # Panics
    /// Where the frame is not in use.
    pub(crate) fn lru_add(&mut self, pfn: Pfn) {
        self.lru.add(&mut self.folios, pfn, false);
    }
    /// As [`Self::lru_add`], at the tail.
    pub(crate) fn lru_add_tail(&mut self, pfn: Pfn) {
        self.lru.add(&mut self.folios, pfn, true);
    }
    /// Takes a page off its list.
    pub(crate) fn lru_remove(&mut self, pfn: Pfn) {
        self.lru.remove(&mut self.folios, pfn);
    }
    /// The page that has been on `list` longest.
    pub(crate) fn lru_tail(&self, list: LruList) -> Option<Pfn> {
        self.lru.tail(&self.folios, list)
    }
    /// Pages on `list`.
    pub fn lru_len(&self, list: LruList) -> u64 {
        self.lru.len(list)
    }
    /// The pages of `list`, the newest first. Those that cannot be taken are only counted.
    pub fn lru_pages(&self, list: LruList) -> impl Iterator<Item = Pfn> {
        self.lru.iter(&self.folios, list)
    }

    /// An area that is locked maps a page from now on: it is not scanned any more. Says whether it is the first.
    pub(crate) fn mlock(&mut self, pfn: Pfn) -> bool {
        if self.has(pfn, FolioFlags::MLOCKED) {
            self.frame_mut(pfn).next += 1;
            return false;
        }
        let was_listed = self.has(pfn, FolioFlags::LRU);
        if was_listed {
            self.lru.remove(&mut self.folios, pfn);
        }
        let folio = self.frame_mut(pfn);
        folio.flags.remove(FolioFlags::ACTIVE);
        folio.flags.insert(FolioFlags::MLOCKED | FolioFlags::UNEVICTABLE);
        folio.next = 1;
        if was_listed {
            self.lru.add(&mut self.folios, pfn, false);
        }
        true
    }

    /// An area that is locked does not map a page any more. Says whether it was the last.
    pub(crate) fn munlock(&mut self, pfn: Pfn) -> bool {
        if !self.has(pfn, FolioFlags::MLOCKED) {
            return false;
        }
        let folio = self.frame_mut(pfn);
        folio.next = folio.next.saturating_sub(1);
        if folio.next > 0 {
            return false;
        }
        let was_listed = folio.flags.contains(FolioFlags::LRU);
        if was_listed {
            self.lru.remove(&mut self.folios, pfn);
        }
        self.frame_mut(pfn).flags.remove(FolioFlags::MLOCKED | FolioFlags::UNEVICTABLE);
        if was_listed {
            self.lru.add(&mut self.folios, pfn, false);
        }
        true
    }
}
