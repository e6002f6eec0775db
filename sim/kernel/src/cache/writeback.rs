//! The way of dirty pages to the disk: when one asks for it (sync, fsync, msync), when they are old or many, and what
//! holds up who writes faster than the disk. Linux's mm/page-writeback.c and fs/fs-writeback.c.
//!
//! Owns the limits and the flusher's clock. A page that is written back is write-protected wherever it is mapped, so
//! that the next store to it tells of itself.
//!
//! Two rules that the numbers alone do not show. Once the background limit is passed, everything that is dirty goes. And
//! a disk that has never been written to has no share in the limits yet: when the flusher first looks, everything goes
//! too, however little it is.

use super::{MappingId, Mark};
use crate::device::Direction;
use crate::frame::{Holder, LruList};
use crate::kernel::Kernel;
use crate::system::System;
use crate::{Entry, EntryLayout, FolioFlags, Pfn, Pte, VmSysctl};
use pagewalk_arch::{FRAME_BYTES, Platform};
use pagewalk_trace::Protection;
use std::ops::Range;

/// Pages that may be dirty: `domain_dirty_limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DirtyLimits {
    /// Beyond it, who writes waits.
    pub(crate) foreground: u64,
    /// Beyond it, the flusher works.
    pub(crate) background: u64,
}

impl DirtyLimits {
    /// Those of `sysctl` when `available` pages could be dirty.
    fn new(sysctl: &VmSysctl, available: u64) -> Self {
        let of = |bytes: u64, ratio: u64| match bytes {
            0 => available * ratio / 100,
            bytes => bytes.div_ceil(FRAME_BYTES),
        };
        let foreground = of(sysctl.dirty_bytes, sysctl.dirty_ratio);
        let background = of(sysctl.dirty_background_bytes, sysctl.dirty_background_ratio);
        Self { foreground, background: if background >= foreground { foreground / 2 } else { background } }
    }
}

/// Pages that one may make dirty between two looks at the limits: `ratelimit_pages`, of a small machine.
const RATE_LIMIT_PAGES: u64 = 32;
const NS_PER_CENTISEC: u64 = 10_000_000;

/// What the flusher knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Flusher {
    /// When it looks next; `None`: nothing is dirty.
    next_ns: Option<u64>,
    dirtied_since_look: u64,
    /// The disk has been written to.
    has_written: bool,
}

impl Flusher {
    /// A page became dirty; the flusher looks after `interval_ns` at the latest.
    pub(super) fn note_dirtied(&mut self, now_ns: u64, interval_ns: Option<u64>) {
        self.dirtied_since_look += 1;
        if self.next_ns.is_none() {
            self.next_ns = interval_ns.map(|interval| now_ns.saturating_add(interval));
        }
    }
}

/// `centisecs` in nanoseconds.
fn ns_of(centisecs: u64) -> u64 {
    centisecs.saturating_mul(NS_PER_CENTISEC)
}

impl System {
    /// How often the flusher looks: `vm.dirty_writeback_centisecs`; `None`: never.
    pub(super) fn flush_interval_ns(&self) -> Option<u64> {
        let centisecs = u64::try_from(self.sysctl.dirty_writeback_centisecs).ok();
        centisecs.filter(|&centisecs| centisecs > 0).map(ns_of)
    }

    /// The limits of now: of `global_dirtyable_memory`, which is what is free beyond the reserves, and the lists of files.
    fn dirty_limits(&self) -> DirtyLimits {
        let memory = &self.memory;
        let free = memory.frames_free().saturating_sub(memory.high_total());
        let files = memory.lru_len(LruList::InactiveFile) + memory.lru_len(LruList::ActiveFile);
        DirtyLimits::new(&self.sysctl, free + files)
    }

    /// Sends to the disk what is dirty of the files that are dirty since a time that `which` picks.
    fn write_back_all(&mut self, platform: &mut dyn Platform, which: impl Fn(Option<u64>) -> bool) {
        for id in self.cache.ids() {
            if which(self.cache.mapping(id).dirty_since_ns) {
                self.write_back(platform, id, 0..u64::MAX);
            }
        }
    }

    /// Reclaim found dirty pages of files in its way: the flusher sets out. Whoever found nothing else (`must_wait`) waits
    /// for the next page to be written. Says whether something was.
    pub(crate) fn flush_for_reclaim(&mut self, platform: &mut dyn Platform, must_wait: bool) -> bool {
        if std::mem::take(&mut self.wants_flusher) {
            self.write_back_all(platform, |_| true);
        }
        let next_ns = self.cache.transfers.front().filter(|_| must_wait).map(|next| next.done_ns);
        if let Some(next_ns) = next_ns {
            self.clock.wait_until(next_ns);
        }
        self.settle();
        next_ns.is_some()
    }

    /// No entry lets anyone write to the page of a file in `frame` from now on without telling: `folio_mkclean`.
    fn write_protect(&mut self, platform: &mut dyn Platform, frame: Pfn) {
        let layout = EntryLayout::new(self.spec);
        for place in self.memory.places(frame) {
            let slot = place.slot();
            let Some(pte) = layout.decode(platform.read_pte(slot), 0).and_then(Entry::mapping) else {
                continue;
            };
            let clean = Pte { dirty: false, rights: Protection { write: false, ..pte.rights }, ..pte };
            if clean != pte {
                platform.write_pte(slot, layout.encode(Entry::of(clean), 0));
                if pte.is_valid() {
                    let (mm, page) = self.page_at(place);
                    self.flush_page(platform, mm, page);
                }
            }
        }
    }

    /// Sends the dirty pages of `indices` to the disk, without waiting.
    pub(super) fn write_back(&mut self, platform: &mut dyn Platform, id: MappingId, indices: Range<u64>) {
        self.settle();
        let mapping = self.cache.mapping(id);
        if mapping.tree.marked(Mark::Dirty) == 0 {
            return;
        }
        if mapping.mapped_pages > 0 {
            for index in mapping.tree.marked_in(indices.clone(), Mark::Dirty) {
                let frame = self.cache.mapping(id).tree.get(index).expect("what is dirty is there");
                self.write_protect(platform, frame);
            }
        }
        self.start_writeback(id, indices);
    }

    /// Sends the dirty pages of `indices` to the disk. No entry lets anyone write to them any more.
    fn start_writeback(&mut self, id: MappingId, indices: Range<u64>) {
        let mapping = self.cache.mapping_mut(id);
        let mut run = 0..0;
        for index in mapping.tree.marked_in(indices, Mark::Dirty) {
            let mapping = self.cache.mapping_mut(id);
            let frame = mapping.tree.get(index).expect("what is dirty is there");
            mapping.tree.unmark(index, Mark::Dirty);
            let is_new = mapping.tree.mark(index, Mark::Writeback);
            mapping.on_disk.insert(index);
            self.memory.unset(frame, FolioFlags::DIRTY);
            self.memory.set(frame, FolioFlags::WRITEBACK);
            self.memory.copy_page(Holder::Frame(frame), Holder::Disk(id.0, index as u32));
            self.cache.counts.dirty -= 1;
            self.cache.counts.writeback += u64::from(is_new);
            if run.end != index {
                self.transfer(id, run, Direction::Out);
                run = index..index;
            }
            run.end = index + 1;
        }
        self.transfer(id, run, Direction::Out);
        self.cache.flusher.has_written = true;
        let mapping = self.cache.mapping_mut(id);
        if mapping.tree.marked(Mark::Dirty) == 0 {
            mapping.dirty_since_ns = None;
        }
    }

    /// Waits until nothing of `indices` is on its way.
    fn wait_for_writeback(&mut self, id: MappingId, indices: Range<u64>) {
        for index in self.cache.mapping(id).tree.marked_in(indices, Mark::Writeback) {
            self.wait_for(id, index);
        }
    }
}

impl Kernel {
    /// Sends the dirty pages of `indices` to the disk and waits for them: fsync(2), msync(MS_SYNC).
    pub(crate) fn sync_pages(&mut self, platform: &mut dyn Platform, id: MappingId, indices: Range<u64>) {
        self.system.write_back(platform, id, indices.clone());
        self.system.wait_for_writeback(id, indices);
    }

    /// sync(2).
    pub fn sync(&mut self, platform: &mut dyn Platform) {
        self.system.write_back_all(platform, |_| true);
        if let Some(last) = self.system.cache.transfers.back() {
            self.system.clock.wait_until(last.done_ns);
        }
        self.system.settle();
    }

    /// Lets the flusher do what is due by now. To be called wherever the kernel is entered.
    pub(crate) fn run_flusher(&mut self, platform: &mut dyn Platform) {
        self.system.settle();
        let now_ns = self.system.clock.now_ns();
        if self.system.cache.flusher.next_ns.is_none_or(|next| next > now_ns) {
            return;
        }
        let expire_ns = ns_of(self.system.sysctl.dirty_expire_centisecs);
        let is_everything = !self.system.cache.flusher.has_written || self.is_over_background();
        let is_old =
            |since: Option<u64>| since.is_some_and(|since| since.saturating_add(expire_ns) <= now_ns);
        self.system.write_back_all(platform, |since| is_everything || is_old(since));
        let is_dirty = self.system.cache.counts.dirty > 0;
        let interval_ns = self.system.flush_interval_ns().filter(|_| is_dirty);
        self.system.cache.flusher.next_ns = interval_ns.map(|interval| now_ns.saturating_add(interval));
    }

    /// When the flusher looks next, if it is to.
    pub(super) fn next_flush_ns(&self) -> Option<u64> {
        self.system.cache.flusher.next_ns
    }

    fn is_over_background(&self) -> bool {
        self.system.cache.counts.dirty > self.system.dirty_limits().background
    }

    /// Looks at the limits once enough pages have become dirty since the last look. Who writes waits while too much is
    /// dirty or on its way: `balance_dirty_pages`.
    pub(crate) fn balance_dirty(&mut self, platform: &mut dyn Platform) {
        let flusher = &mut self.system.cache.flusher;
        if flusher.dirtied_since_look < RATE_LIMIT_PAGES {
            return;
        }
        flusher.dirtied_since_look = 0;
        self.system.settle();
        if self.is_over_background() {
            self.system.write_back_all(platform, |_| true);
        }
        loop {
            let counts = &self.system.cache.counts;
            let limits = self.system.dirty_limits();
            let free_run = (limits.foreground + limits.background) / 2;
            let Some(next) = self.system.cache.transfers.front() else { return };
            if counts.dirty + counts.writeback <= free_run {
                return;
            }
            self.system.clock.wait_until(next.done_ns);
            self.system.settle();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_linux_s() {
        let limits = |sysctl: &VmSysctl| {
            let limits = DirtyLimits::new(sysctl, 50_000);
            (limits.foreground, limits.background)
        };
        let mut sysctl = VmSysctl::default();
        assert_eq!(limits(&sysctl), (10_000, 5_000));
        sysctl.dirty_ratio = 5;
        assert_eq!(limits(&sysctl).1, 1250, "never above the foreground limit: half of it");
        (sysctl.dirty_bytes, sysctl.dirty_background_bytes) = (8193, 4096);
        assert_eq!(limits(&sysctl), (3, 1));
    }
}
