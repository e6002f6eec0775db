//! Compaction: which pages go where so that free frames lie together, as Linux's mm/compaction.c finds them.
//!
//! Owns the two scanners of a zone: one goes up and finds pages to move, one comes down and finds free frames for them;
//! where they meet all is done. Does not move anything: whoever does ([`crate::reclaim`]) knows the entries.

use super::buddy::PAGEBLOCK_ORDER;
use super::folio::{Folio, FolioFlags, FrameUse};
use super::migrate::MigrateType;
use super::{Pfn, PhysicalMemory, Zone};
use crate::ORDER_COUNT;
use std::ops::Range;

const PAGEBLOCK_FRAMES: u64 = 1 << PAGEBLOCK_ORDER;
/// Pages that are moved together: Linux's `COMPACT_CLUSTER_MAX`.
const CLUSTER_PAGES: usize = 32;

/// The scanners of one zone.
#[derive(Debug)]
#[must_use = "the frames that it holds are to be given back"]
pub(crate) struct Compaction {
    zone: usize,
    /// Locked pages are moved too.
    even_locked: bool,
    /// The next frame to be looked at for a page to move.
    migrate: u64,
    /// What is left of the page block in which free frames are looked for.
    free: Range<u64>,
    /// Free frames that were taken, the next to be used last.
    targets: Vec<u64>,
    /// Frames looked at for pages to move, and for free frames.
    pub(crate) scanned: [u64; 2],
    /// Pages and free frames set aside.
    pub(crate) isolated: u64,
}

impl Compaction {
    fn have_met(&self) -> bool {
        self.free.start >> PAGEBLOCK_ORDER <= self.migrate >> PAGEBLOCK_ORDER
    }
}

impl PhysicalMemory {
    /// Begins to compact zone number `zone`; `even_locked` pages are moved.
    pub(crate) fn compaction(&mut self, zone: usize, even_locked: bool) -> Compaction {
        self.drain();
        let span = self.zones.all()[zone].buddy().span().clone();
        // Chunks that were never touched are free as they are.
        let untouched = self.zones.all()[zone].buddy().untouched();
        let end = if untouched.end == span.end { untouched.start } else { span.end };
        let last = end.saturating_sub(1) / PAGEBLOCK_FRAMES * PAGEBLOCK_FRAMES;
        Compaction {
            zone,
            even_locked,
            migrate: span.start,
            free: last.max(span.start)..end,
            targets: Vec::new(),
            scanned: [0; 2],
            isolated: 0,
        }
    }

    /// Up to 32 pages that are worth moving; none where the page block has none, `None` when all is done. Only page blocks
    /// of movable frames are looked at.
    pub(crate) fn pages_to_move(&self, compaction: &mut Compaction) -> Option<Vec<Pfn>> {
        let buddy = self.zones.all()[compaction.zone].buddy();
        if compaction.have_met() {
            return None;
        }
        let end = (compaction.migrate / PAGEBLOCK_FRAMES + 1) * PAGEBLOCK_FRAMES;
        let mut pages = Vec::new();
        if buddy.pageblock(compaction.migrate) != MigrateType::Movable {
            compaction.migrate = end;
            return Some(pages);
        }
        while compaction.migrate < end && pages.len() < CLUSTER_PAGES {
            compaction.scanned[0] += 1;
            let frame = compaction.migrate;
            compaction.migrate = match buddy.block_at(frame) {
                Some((block, order, _)) => block + (1 << order),
                None => frame + 1,
            };
            let folio = self.folios.get(Pfn(frame));
            let is_movable = folio.is_some_and(|folio| can_move(folio, compaction.even_locked));
            pages.extend(is_movable.then_some(Pfn(frame)));
        }
        compaction.isolated += pages.len() as u64;
        Some(pages)
    }

    /// A free frame for a page that is moved, in use for `usage` with one reference from now on.
    pub(crate) fn target(&mut self, compaction: &mut Compaction, usage: FrameUse) -> Option<Pfn> {
        while compaction.targets.is_empty() {
            self.find_targets(compaction)?;
        }
        let frame = Pfn(compaction.targets.pop()?);
        self.folios.insert(frame, Folio::new(usage));
        Some(frame)
    }

    /// Takes the next free block below the highest ones, in a page block of movable frames that is not free as a whole.
    fn find_targets(&mut self, compaction: &mut Compaction) -> Option<()> {
        let zone = &mut self.zones.all_mut()[compaction.zone];
        let first = zone.buddy().span().start;
        while !compaction.have_met() {
            let block = compaction.free.clone();
            let is_suitable = |zone: &Zone| {
                let whole =
                    zone.buddy().block_at(block.start).is_some_and(|(_, order, _)| order >= PAGEBLOCK_ORDER);
                !whole && zone.buddy().pageblock(block.start) == MigrateType::Movable
            };
            if !block.is_empty() && is_suitable(zone) {
                compaction.scanned[1] += 1;
                let Some((start, order, _)) = zone.buddy().block_at(block.start) else {
                    compaction.free.start += 1;
                    continue;
                };
                compaction.free.start = start + (1 << order);
                if zone.buddy_mut().take(start, order) {
                    compaction.isolated += 1 << order;
                    compaction.targets.extend((start..start + (1 << order)).rev());
                    return Some(());
                }
                continue;
            }
            // On with the page block below.
            let end = block.start.saturating_sub(1) / PAGEBLOCK_FRAMES * PAGEBLOCK_FRAMES;
            let end = if block.is_empty() { end } else { block.start / PAGEBLOCK_FRAMES * PAGEBLOCK_FRAMES };
            let below =
                end.checked_sub(PAGEBLOCK_FRAMES).filter(|&start| start + PAGEBLOCK_FRAMES > first)?;
            compaction.free = below.max(first)..end;
        }
        None
    }

    /// The page in `to` is what that in `from` was: whose it is, and how many locked areas map it.
    pub(crate) fn take_identity(&mut self, from: Pfn, to: Pfn) {
        let Folio { owner, index, next, flags, .. } = *self.frame_mut(from);
        let folio = self.frame_mut(to);
        (folio.owner, folio.index) = (owner, index);
        if flags.contains(FolioFlags::MLOCKED) {
            folio.next = next;
        }
    }

    /// Gives back what was not used.
    pub(crate) fn end_compaction(&mut self, compaction: Compaction) {
        let buddy = self.zones.all_mut()[compaction.zone].buddy_mut();
        compaction.targets.into_iter().for_each(|frame| buddy.free(frame, 0));
    }

    /// Whether a block of 2^`order` frames is free in zone number `zone`, whatever the watermarks say.
    pub(crate) fn has_block_in(&self, zone: usize, order: usize) -> bool {
        self.zones()[zone].buddy().orders_free() >> order != 0
    }
}

/// Whether a page can be moved: one on a list of the LRU that nobody holds but the entries that map it and the cache that it
/// is in. Pages that are under way to a device or from it stay, and locked ones unless `even_locked`:
/// `vm.compact_unevictable_allowed`.
fn can_move(folio: &Folio, even_locked: bool) -> bool {
    let flags = folio.flags;
    let is_file = folio.usage() == FrameUse::File;
    let is_cached = is_file || flags.contains(FolioFlags::SWAPCACHE);
    (is_file || folio.usage() == FrameUse::Anonymous)
        && flags.contains(FolioFlags::LRU)
        && !flags.contains(FolioFlags::WRITEBACK)
        && (!is_file || flags.contains(FolioFlags::UPTODATE))
        && (even_locked || !flags.contains(FolioFlags::UNEVICTABLE))
        && folio.references == folio.mappings + u32::from(is_cached)
}

/// How badly free memory is broken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragmentation {
    blocks: [u64; ORDER_COUNT],
}

impl Fragmentation {
    /// Of free blocks by order.
    pub const fn of(blocks: [u64; ORDER_COUNT]) -> Self {
        Self { blocks }
    }

    fn frames_from(&self, order: usize) -> u64 {
        self.blocks.iter().enumerate().skip(order).map(|(o, blocks)| blocks << o).sum()
    }

    /// Which part of the free memory, in thousandths, is no use to a request of `order`: `unusable_index` of
    /// /sys/kernel/debug/extfrag.
    pub fn unusable_index(&self, order: usize) -> u64 {
        let free = self.frames_from(0);
        ((free - self.frames_from(order)) * 1000).checked_div(free).unwrap_or(1000)
    }

    /// Why a request of `order` would fail: near 0 for want of memory, near 1000 because it is broken up; `None`: it would
    /// not. `extfrag_index` of the same.
    pub fn extfrag_index(&self, order: usize) -> Option<i64> {
        let blocks: u64 = self.blocks.iter().sum();
        if blocks == 0 {
            return Some(0);
        }
        if self.blocks.iter().skip(order).any(|&blocks| blocks > 0) {
            return None;
        }
        let requested = 1u64 << order;
        Some(1000 - ((1000 + self.frames_from(0) * 1000 / requested) / blocks) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_say_whether_memory_is_short_or_broken_up() {
        let whole = Fragmentation::of([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!((whole.unusable_index(9), whole.extfrag_index(9)), (0, None));
        let single = Fragmentation::of([19_178, 3, 2, 2, 2, 1, 1, 1, 0, 0, 0]);
        assert_eq!((single.unusable_index(0), single.unusable_index(9)), (0, 1000));
        assert_eq!(single.unusable_index(4), 986);
        assert!(single.extfrag_index(9).is_some_and(|index| index > 990), "broken up");
        let short = Fragmentation::of([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(
            short.extfrag_index(9).is_some_and(|index| index < 600),
            "short: {:?}",
            short.extfrag_index(9)
        );
        let none = Fragmentation::of([0; ORDER_COUNT]);
        assert_eq!((none.unusable_index(3), none.extfrag_index(3)), (1000, Some(0)));
    }
}
