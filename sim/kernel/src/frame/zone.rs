//! Zones: memory of one kind on one node, in Linux's names.
//!
//! Owns the free frames of its span (the buddy lists and, in front of them, each CPU's own), its watermarks, and who may
//! have how much. Does not own which zone is asked: the zonelist does ([`super::node`]).

use super::buddy::{Buddy, ORDER_COUNT, PAGEBLOCK_ORDER, StealPolicy};
use super::kind::{ZONE_KINDS, ZoneKind};
use super::migrate::MigrateType;
use super::pcp::PerCpuPages;
use super::watermark::{Mark, MarkRequest, WatermarkSettings, Watermarks, ZoneSize, is_above};
use std::ops::Range;

/// Where a zone lies and what of it can be handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneLayout {
    /// Which memory it is.
    pub kind: ZoneKind,
    /// Its node.
    pub node: usize,
    /// From its first frame to its last, holes included.
    pub spanned: Range<u64>,
    /// Frames that exist.
    pub present: u64,
    /// The frames that the allocator hands out; the kernel has taken the others before there was one.
    pub managed: Range<u64>,
    /// Of these, frames that the kernel gave back only after it had set the watermarks: its own start-up code and data.
    pub late: u64,
}

impl ZoneLayout {
    /// All of `frames`.
    pub fn plain(kind: ZoneKind, frames: Range<u64>) -> Self {
        let present = frames.end - frames.start;
        Self { kind, node: 0, spanned: frames.clone(), present, managed: frames, late: 0 }
    }

    /// The same on another node.
    pub fn on(self, node: usize) -> Self {
        Self { node, ..self }
    }
}

/// A request for frames, as a zone sees it.
#[derive(Clone, Copy)]
pub struct ZoneRequest<'a> {
    /// The CPU that asks.
    pub cpu: usize,
    /// Order of the block.
    pub order: usize,
    /// How its frames can be had back.
    pub kind: MigrateType,
    /// What decides about stealing.
    pub policy: StealPolicy<'a>,
}

/// Frames of one kind, managed together.
#[derive(Clone, Debug)]
pub struct Zone {
    layout: ZoneLayout,
    buddy: Buddy,
    /// By CPU; none where the buddy lists are asked directly.
    pcp: Vec<PerCpuPages>,
    marks: Watermarks,
    boost: u64,
    reserve: [u64; ZONE_KINDS],
    /// Page blocks are told apart by how their frames can be had back.
    groups_by_mobility: bool,
    under_reclaim: bool,
}

impl Zone {
    /// All managed frames of `layout`, free, without watermarks.
    pub fn new(layout: ZoneLayout) -> Self {
        Self {
            buddy: Buddy::new(layout.managed.clone()),
            layout,
            pcp: Vec::new(),
            marks: Watermarks::default(),
            boost: 0,
            reserve: [0; ZONE_KINDS],
            groups_by_mobility: false,
            under_reclaim: false,
        }
    }

    /// From now on page blocks are told apart by migrate type. Without, all are movable. Linux says so of each block whose
    /// first frame is memory; one that memory begins within keeps type 0, which is unmovable.
    pub fn group_by_mobility(&mut self) {
        self.groups_by_mobility = true;
        let (spanned, managed) = (self.layout.spanned.start, self.layout.managed.start);
        let block = |frame: u64| frame >> PAGEBLOCK_ORDER;
        if !spanned.is_multiple_of(1 << PAGEBLOCK_ORDER) && block(spanned) == block(managed) {
            self.buddy.set_type(managed, MigrateType::Unmovable);
        }
    }

    /// Gives each of `cpus` CPUs a list of its own in front of the buddy lists, as long as watermarks and size say;
    /// `local` of them belong to this node.
    pub fn set_per_cpu(&mut self, cpus: usize, local: usize, settings: &WatermarkSettings) {
        self.pcp.resize_with(cpus, PerCpuPages::default);
        let sharing = if local > 0 { local } else { cpus }.max(1) as u64;
        let managed = self.managed();
        let total = managed.checked_div(settings.per_cpu_fraction).unwrap_or(self.marks.low);
        for pcp in &mut self.pcp {
            pcp.resize(managed, total, sharing);
        }
    }

    /// Sets watermarks and reserves anew; `zones` are all of the machine, as `self.size(..)` gives them.
    pub fn set_marks(&mut self, settings: &WatermarkSettings, size: ZoneSize, zones: &[ZoneSize]) {
        self.marks = settings.marks(size, zones);
        self.boost = 0;
    }

    /// Sets anew what this zone keeps from requests that could use higher ones.
    pub fn set_reserve(&mut self, settings: &WatermarkSettings, size: ZoneSize, zones: &[ZoneSize]) {
        self.reserve = settings.lowmem_reserve(size, zones);
    }

    /// Its size for the arithmetic of watermarks; `at_boot` without what the kernel has not given back yet.
    pub fn size(&self, at_boot: bool) -> ZoneSize {
        let managed = self.managed() - if at_boot { self.layout.late } else { 0 };
        ZoneSize { kind: self.layout.kind, node: self.layout.node, managed, high: self.marks.high }
    }

    /// A watermark as it is now, the boost included; 0 for none.
    pub fn mark(&self, mark: Mark) -> u64 {
        let marks = self.marks();
        match mark {
            Mark::None => 0,
            Mark::Min => marks.min,
            Mark::Low => marks.low,
            Mark::High => marks.high,
        }
    }

    /// Whether `request` leaves `mark` intact: Linux's `zone_watermark_ok`.
    pub fn is_above(&self, mark: Mark, request: MarkRequest) -> bool {
        if mark == Mark::None {
            return true;
        }
        is_above(
            self.mark(mark),
            &self.reserve,
            self.buddy.frames_free(),
            || self.buddy.orders_free(),
            request,
        )
    }

    /// Frames that requests for programs can take before they find the zone at `mark`; those on CPUs' lists where there
    /// is no mark.
    pub(super) fn frames_above(&self, mark: Mark) -> u64 {
        match mark {
            Mark::None => self.frames_free() + self.frames_per_cpu(),
            _ => self.frames_free().saturating_sub(self.mark(mark) + self.reserve(ZoneKind::HighMem)),
        }
    }

    /// Takes a block of 2^`order` frames, whatever the watermarks say.
    #[inline]
    pub fn allocate(&mut self, request: &ZoneRequest, settings: &WatermarkSettings) -> Option<u64> {
        let Self { buddy, pcp, boost, marks, groups_by_mobility, .. } = self;
        let managed = buddy.span().end - buddy.span().start;
        let kind = if *groups_by_mobility { request.kind } else { MigrateType::Movable };
        let mut from_buddy = || {
            let found = buddy.allocate_of(request.order, kind);
            found.or_else(|| {
                let (block, steal) = buddy.steal(request.order, kind, &request.policy)?;
                if steal.fragments {
                    *boost = settings.boosted(*boost, *marks, managed);
                }
                Some(block)
            })
        };
        match pcp.get_mut(request.cpu) {
            Some(pcp) if PerCpuPages::keeps(request.order) => pcp.allocate(request.order, kind, from_buddy),
            _ => from_buddy(),
        }
    }

    /// Returns a block.
    ///
    /// # Panics
    /// As [`Buddy::free`]; of frames on a CPU's list not before they are drained.
    #[inline]
    pub fn free(&mut self, cpu: usize, block: u64, order: usize) {
        let Self { buddy, pcp, under_reclaim, .. } = self;
        match pcp.get_mut(cpu) {
            Some(pcp) if PerCpuPages::keeps(order) => {
                let kind = buddy.pageblock(block);
                pcp.free(block, order, kind, *under_reclaim, |block, order| buddy.free(block, order));
            }
            _ => buddy.free(block, order),
        }
    }

    /// Returns what the CPUs' lists hold to the buddy lists.
    pub fn drain(&mut self) {
        let Self { buddy, pcp, .. } = self;
        for pcp in pcp {
            pcp.drain(|block, order| buddy.free(block, order));
        }
    }

    /// Returns what CPUs' lists hold that have just given back more than a batch at once.
    pub(super) fn freed_high_orders(&mut self) {
        let Self { buddy, pcp, .. } = self;
        for pcp in pcp.iter_mut().filter(|pcp| pcp.is_giving_back()) {
            pcp.drain(|block, order| buddy.free(block, order));
        }
    }

    /// Tells the zone that frames are being reclaimed in it: CPUs' lists are kept short as long.
    pub fn set_under_reclaim(&mut self, under_reclaim: bool) {
        self.under_reclaim = under_reclaim;
    }

    /// kswapd has made up for so much of the boost.
    pub fn unboost(&mut self, frames: u64) {
        self.boost = self.boost.saturating_sub(frames);
    }

    /// Which memory it is.
    pub fn kind(&self) -> ZoneKind {
        self.layout.kind
    }
    /// Its node.
    pub fn node(&self) -> usize {
        self.layout.node
    }
    /// Where it lies.
    pub fn layout(&self) -> &ZoneLayout {
        &self.layout
    }
    /// Its free lists.
    pub fn buddy(&self) -> &Buddy {
        &self.buddy
    }
    /// Its free lists, for compaction.
    pub(super) fn buddy_mut(&mut self) -> &mut Buddy {
        &mut self.buddy
    }
    /// The lists of the CPUs.
    pub fn per_cpu(&self) -> &[PerCpuPages] {
        &self.pcp
    }
    /// Frames that the allocator hands out or has handed out.
    pub fn managed(&self) -> u64 {
        self.layout.managed.end - self.layout.managed.start
    }
    /// Free frames on the buddy lists: what `/proc` calls free.
    pub fn frames_free(&self) -> u64 {
        self.buddy.frames_free()
    }
    /// Free frames on CPUs' lists.
    pub fn frames_per_cpu(&self) -> u64 {
        self.pcp.iter().map(PerCpuPages::count).sum()
    }
    /// Its watermarks as they are now, with the boost.
    pub fn marks(&self) -> Watermarks {
        let Watermarks { min, low, high } = self.marks;
        Watermarks { min: min + self.boost, low: low + self.boost, high: high + self.boost }
    }
    /// By how much its watermarks are raised for now, because types were mixed. kswapd takes it back.
    pub fn boost(&self) -> u64 {
        self.boost
    }
    /// What it keeps from requests that could use `kind` as well.
    pub fn reserve(&self, kind: ZoneKind) -> u64 {
        self.reserve[kind as usize]
    }
    /// The line `protection` of `/proc/zoneinfo` on x86-64, where the movable and the device zone are the highest.
    pub fn protection(&self) -> [u64; 5] {
        let [dma, dma32, normal, high] = self.reserve;
        [dma, dma32, normal, high, high]
    }
    /// Number of free blocks of each order.
    pub fn blocks_free(&self) -> [u64; ORDER_COUNT] {
        self.buddy.blocks_free()
    }
}
