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
use crate::frame::Holder;
use crate::kernel::Kernel;
use crate::system::System;
use crate::{Entry, EntryLayout, FolioFlags, Pfn, Pte};
use pagewalk_arch::{FRAME_BYTES, Platform};
use pagewalk_trace::Protection;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Linux's `vm.dirty_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WritebackConfig {
    /// Percent of what can be dirty at which who writes is held up: `dirty_ratio`.
    pub dirty_ratio: u64,
    /// The same in bytes, which then counts: `dirty_bytes`; 0: not set.
    pub dirty_bytes: u64,
    /// Percent at which the flusher begins: `dirty_background_ratio`.
    pub dirty_background_ratio: u64,
    /// The same in bytes: `dirty_background_bytes`; 0: not set.
    pub dirty_background_bytes: u64,
    /// Age in 1/100 s at which a file is written back: `dirty_expire_centisecs`.
    pub dirty_expire_centisecs: u64,
    /// How often the flusher looks, in 1/100 s: `dirty_writeback_centisecs`; 0: never.
    pub dirty_writeback_centisecs: u64,
}

impl Default for WritebackConfig {
    fn default() -> Self {
        Self {
            dirty_ratio: 20,
            dirty_bytes: 0,
            dirty_background_ratio: 10,
            dirty_background_bytes: 0,
            dirty_expire_centisecs: 3000,
            dirty_writeback_centisecs: 500,
        }
    }
}

/// Pages that may be dirty: `domain_dirty_limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DirtyLimits {
    /// Beyond it, who writes waits.
    pub(crate) foreground: u64,
    /// Beyond it, the flusher works.
    pub(crate) background: u64,
}

impl WritebackConfig {
    /// The limits when `available` pages could be dirty.
    pub(crate) fn limits(&self, available: u64) -> DirtyLimits {
        let of = |bytes: u64, ratio: u64| match bytes {
            0 => available * ratio / 100,
            bytes => bytes.div_ceil(FRAME_BYTES),
        };
        let foreground = of(self.dirty_bytes, self.dirty_ratio);
        let background = of(self.dirty_background_bytes, self.dirty_background_ratio);
        DirtyLimits {
            foreground,
            background: if background >= foreground { foreground / 2 } else { background },
        }
    }
}

/// Pages that one may make dirty between two looks at the limits: `ratelimit_pages`, of a small machine.
const RATE_LIMIT_PAGES: u64 = 32;
const NS_PER_CENTISEC: u64 = 10_000_000;

/// What the flusher knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Flusher {
    pub(super) config: WritebackConfig,
    /// When it looks next; `None`: nothing is dirty.
    next_ns: Option<u64>,
    dirtied_since_look: u64,
    /// The disk has been written to.
    has_written: bool,
}

impl Flusher {
    pub(super) fn new(config: WritebackConfig) -> Self {
        Self { config, ..Self::default() }
    }

    fn interval_ns(&self) -> Option<u64> {
        Some(self.config.dirty_writeback_centisecs.saturating_mul(NS_PER_CENTISEC)).filter(|&ns| ns > 0)
    }

    pub(super) fn note_dirtied(&mut self, now_ns: u64) {
        self.dirtied_since_look += 1;
        if self.next_ns.is_none() {
            self.next_ns = self.interval_ns().map(|interval| now_ns.saturating_add(interval));
        }
    }
}

impl System {
    /// The `vm.dirty_*` of now, to be changed.
    pub(crate) fn writeback_config(&mut self) -> &mut WritebackConfig {
        &mut self.cache.flusher.config
    }

    /// `global_dirtyable_memory`: what is free, and what files have in the cache.
    fn dirtyable_pages(&self) -> u64 {
        let counts = &self.cache.counts;
        self.memory.frames_free() + counts.pages - counts.shmem
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
                let (mm, first) = self.memory.serves(place.table);
                let number = u64::from(place.offset) * 4 / u64::from(self.spec.pte_bytes);
                if pte.is_valid() {
                    self.flush_page(platform, mm, first.up(number));
                }
            }
        }
    }

    /// Sends the page of a file in `frame` to its disk, for reclaim. It is dirty.
    pub(crate) fn write_back_page(&mut self, platform: &mut dyn Platform, frame: Pfn) {
        let (owner, index) = self.memory.owner(frame);
        self.write_back(platform, MappingId(owner), u64::from(index)..u64::from(index) + 1);
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
    fn write_back_all(&mut self, platform: &mut dyn Platform, which: impl Fn(Option<u64>) -> bool) {
        for id in self.system.cache.ids() {
            if which(self.system.cache.mapping(id).dirty_since_ns) {
                self.system.write_back(platform, id, 0..u64::MAX);
            }
        }
    }

    /// Sends the dirty pages of `indices` to the disk and waits for them: fsync(2), msync(MS_SYNC).
    pub(crate) fn sync_pages(&mut self, platform: &mut dyn Platform, id: MappingId, indices: Range<u64>) {
        self.system.write_back(platform, id, indices.clone());
        self.system.wait_for_writeback(id, indices);
    }

    /// sync(2).
    pub fn sync(&mut self, platform: &mut dyn Platform) {
        self.write_back_all(platform, |_| true);
        if let Some(last) = self.system.cache.transfers.back() {
            self.system.clock.wait_until(last.done_ns);
        }
        self.system.settle();
    }

    /// Lets the flusher do what is due by now. To be called wherever the kernel is entered.
    pub(crate) fn run_flusher(&mut self, platform: &mut dyn Platform) {
        let now_ns = self.system.clock.now_ns();
        if self.system.cache.flusher.next_ns.is_none_or(|next| next > now_ns) {
            return;
        }
        let flusher = &self.system.cache.flusher;
        let expire_ns = flusher.config.dirty_expire_centisecs.saturating_mul(NS_PER_CENTISEC);
        let is_everything = !flusher.has_written || self.is_over_background();
        let is_old =
            |since: Option<u64>| since.is_some_and(|since| since.saturating_add(expire_ns) <= now_ns);
        self.write_back_all(platform, |since| is_everything || is_old(since));
        let is_dirty = self.system.cache.counts.dirty > 0;
        let flusher = &mut self.system.cache.flusher;
        flusher.next_ns =
            flusher.interval_ns().filter(|_| is_dirty).map(|interval| now_ns.saturating_add(interval));
    }

    /// When the flusher looks next, if it is to.
    pub(super) fn next_flush_ns(&self) -> Option<u64> {
        self.system.cache.flusher.next_ns
    }

    fn is_over_background(&self) -> bool {
        let cache = &self.system.cache;
        let limits = cache.flusher.config.limits(self.system.dirtyable_pages());
        cache.counts.dirty > limits.background
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
            self.write_back_all(platform, |_| true);
        }
        loop {
            let counts = &self.system.cache.counts;
            let limits = self.system.cache.flusher.config.limits(self.system.dirtyable_pages());
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
        let config = WritebackConfig::default();
        assert_eq!(config.limits(50_000), DirtyLimits { foreground: 10_000, background: 5_000 });
        let config = WritebackConfig { dirty_ratio: 5, ..config };
        assert_eq!(config.limits(50_000).background, 1250, "never above the foreground limit: half of it");
        let config = WritebackConfig { dirty_bytes: 4097, dirty_background_bytes: 4096, ..config };
        assert_eq!(config.limits(50_000), DirtyLimits { foreground: 2, background: 1 });
    }
}
