//! Watermarks: how many frames of a zone stay free for whom, as Linux 6.1 computes them.
//!
//! Owns the arithmetic of `vm.min_free_kbytes`, `vm.watermark_scale_factor`, `vm.watermark_boost_factor` and
//! `vm.lowmem_reserve_ratio`. Does not own zones, nor what happens when a mark is passed.

use super::buddy::PAGEBLOCK_ORDER;
use super::kind::{ZONE_KINDS, ZoneKind};
use pagewalk_arch::FRAME_SHIFT;

const KIB_SHIFT: u32 = FRAME_SHIFT - 10;
const PAGEBLOCK_FRAMES: u64 = 1 << PAGEBLOCK_ORDER;

/// The marks of one zone, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    /// Below this only allocations that help to free memory succeed.
    pub min: u64,
    /// Below this kswapd is woken.
    pub low: u64,
    /// Up to this kswapd frees.
    pub high: u64,
}

/// Which mark a request has to leave intact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The last frame may go: for what frees memory by being given some.
    None,
    /// After reclaim.
    Min,
    /// The first attempt.
    Low,
    /// What kswapd aims at.
    High,
}

/// How deep below a mark a request may reach: Linux's allocation flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Urgency {
    /// Not at all.
    #[default]
    Normal,
    /// It cannot wait: to three eighths (`GFP_ATOMIC`: `ALLOC_HIGH` and `ALLOC_HARDER`).
    Atomic,
    /// Its task is being killed for want of memory: to half (`ALLOC_OOM`).
    Victim,
}

impl Urgency {
    /// What is left of a mark.
    const fn lower(self, mark: u64) -> u64 {
        match self {
            Self::Normal => mark,
            Self::Atomic => {
                let high = mark - mark / 2;
                high - high / 4
            }
            Self::Victim => mark - mark / 2,
        }
    }
}

/// The settings that marks follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatermarkSettings {
    /// `vm.min_free_kbytes`: what the `min` marks of all zones sum up to.
    pub min_free_kbytes: u64,
    /// `vm.watermark_scale_factor`: the least distance between marks, in parts of 10,000 of the zone.
    pub scale_factor: u64,
    /// `vm.watermark_boost_factor`: how far marks rise when types are mixed in a page block, in parts of 10,000 of the
    /// high mark. 0: not at all.
    pub boost_factor: u64,
    /// `vm.lowmem_reserve_ratio`: by zone, which fraction of the zones above it is kept from those who could use these.
    /// 0: nothing.
    pub lowmem_reserve_ratio: [u64; ZONE_KINDS],
    /// `vm.percpu_pagelist_high_fraction`: the part of a zone that CPUs' lists may hold together; 0: as much as its low
    /// watermark.
    pub per_cpu_fraction: u64,
}

impl Default for WatermarkSettings {
    fn default() -> Self {
        Self {
            min_free_kbytes: 1024,
            scale_factor: 10,
            boost_factor: 15_000,
            lowmem_reserve_ratio: [256, 256, 32, 0],
            per_cpu_fraction: 0,
        }
    }
}

/// The size of one zone, as the arithmetic needs it.
#[derive(Clone, Copy, Debug)]
pub struct ZoneSize {
    /// Which memory it is.
    pub kind: ZoneKind,
    /// Its node.
    pub node: usize,
    /// Frames that the allocator hands out.
    pub managed: u64,
    /// Its high mark; 0 before marks are set.
    pub high: u64,
}

impl WatermarkSettings {
    /// `min_free_kbytes` when nobody sets it: four times the root of low memory in KiB, from 128 KiB to 256 MiB.
    pub fn default_min_free_kbytes(zones: &[ZoneSize]) -> u64 {
        ((free_buffer_frames(zones) << KIB_SHIFT) * 16).isqrt().clamp(128, 262_144)
    }

    /// What khugepaged raises `min_free_kbytes` to: two page blocks for each zone, and room for each migrate type to
    /// fall back to each other; at most a twentieth of low memory.
    pub fn khugepaged_min_free_kbytes(zones: &[ZoneSize]) -> u64 {
        let count = zones.iter().filter(|zone| zone.managed > 0).count() as u64;
        let recommended = PAGEBLOCK_FRAMES * count * (2 + 3 * 3);
        recommended.min(free_buffer_frames(zones) / 20) << KIB_SHIFT
    }

    /// The marks of `zone`, one of `zones`.
    pub fn marks(&self, zone: ZoneSize, zones: &[ZoneSize]) -> Watermarks {
        let low_memory: u64 =
            zones.iter().filter(|z| z.kind != ZoneKind::HighMem).map(|z| z.managed).sum::<u64>().max(1);
        let share =
            |total: u64| (u128::from(total) * u128::from(zone.managed) / u128::from(low_memory)) as u64;
        let shared = share(self.min_free_kbytes >> KIB_SHIFT);
        // High memory is no use to the kernel itself, so little of it is kept.
        let min = if zone.kind == ZoneKind::HighMem { (zone.managed / 1024).clamp(32, 128) } else { shared };
        let step = (shared / 4).max(parts(zone.managed, self.scale_factor));
        Watermarks { min, low: min + step, high: min + 2 * step }
    }

    /// What `zone` keeps from requests that could use `kind` as well.
    pub fn lowmem_reserve(&self, zone: ZoneSize, zones: &[ZoneSize]) -> [u64; ZONE_KINDS] {
        let ratio = self.lowmem_reserve_ratio[zone.kind as usize];
        let above = |kind: ZoneKind| {
            let between =
                zones.iter().filter(|z| z.node == zone.node && zone.kind < z.kind && z.kind <= kind);
            between.map(|z| z.managed).sum::<u64>()
        };
        let keeps = ratio > 0 && zone.managed > 0;
        ZoneKind::ALL.map(|kind| if keeps { above(kind) / ratio } else { 0 })
    }

    /// The boost of a zone of `managed` frames after types were mixed in one more of its page blocks.
    pub fn boosted(&self, boost: u64, marks: Watermarks, managed: u64) -> u64 {
        let most = parts(marks.high, self.boost_factor);
        // A zone of a few page blocks would be all boost.
        if most == 0 || PAGEBLOCK_FRAMES * 4 > managed {
            return boost;
        }
        (boost + PAGEBLOCK_FRAMES).min(most.max(PAGEBLOCK_FRAMES))
    }
}

/// So many parts of 10,000.
fn parts(of: u64, parts: u64) -> u64 {
    (u128::from(of) * u128::from(parts) / 10_000) as u64
}

/// Low memory that reclaim does not keep free anyway.
fn free_buffer_frames(zones: &[ZoneSize]) -> u64 {
    let low = zones.iter().filter(|zone| zone.kind != ZoneKind::HighMem);
    low.map(|zone| zone.managed.saturating_sub(zone.high)).sum()
}

/// A request as a watermark sees it.
#[derive(Clone, Copy, Debug)]
pub struct MarkRequest {
    /// Order of the block.
    pub order: usize,
    /// The highest zone that the request could use.
    pub highest: ZoneKind,
    /// Who asks.
    pub urgency: Urgency,
}

/// Whether a zone with these free blocks by order still has more than `mark` free after the request: Linux's
/// `zone_watermark_ok`. That the block itself is there is asked here too; that it can be had by a movable, an unmovable
/// and a reclaimable request alike is taken for granted, since each falls back to the others.
pub fn is_above(
    mark: u64,
    reserve: &[u64; ZONE_KINDS],
    free: u64,
    blocks: impl FnOnce() -> u32,
    request: MarkRequest,
) -> bool {
    let unusable = (1 << request.order) - 1;
    let floor = request.urgency.lower(mark) + reserve[request.highest as usize];
    if free.saturating_sub(unusable) <= floor {
        return false;
    }
    request.order == 0 || blocks() >> request.order != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgency_reaches_as_deep_as_in_linux() {
        assert_eq!(
            [Urgency::Normal, Urgency::Atomic, Urgency::Victim].map(|u| u.lower(429)),
            [429, 162, 215]
        );
    }

    #[test]
    fn a_block_must_be_there_and_the_reserve_stay() {
        let ask = |free, order, highest, blocks| {
            let request = MarkRequest { order, highest, urgency: Urgency::Normal };
            is_above(33, &[0, 194, 194, 194], free, || blocks, request)
        };
        assert!(ask(34, 0, ZoneKind::Dma, 0b1));
        assert!(!ask(33, 0, ZoneKind::Dma, 0b1));
        assert!(!ask(227, 0, ZoneKind::Dma32, 0b1), "33 and 194 stay from those who have other memory");
        assert!(ask(228, 0, ZoneKind::Normal, 0b1));
        assert!(!ask(234, 3, ZoneKind::Normal, 0b1000), "seven frames of the block do not count");
        assert!(ask(235, 3, ZoneKind::Normal, 0b1000));
        assert!(!ask(235, 3, ZoneKind::Normal, 0b111), "enough, but in pieces");
    }

    #[test]
    fn marks_rise_by_a_page_block_and_not_beyond_three_halves() {
        let settings = WatermarkSettings::default();
        let marks = Watermarks { min: 429, low: 536, high: 643 };
        assert_eq!(settings.boosted(0, marks, 52_065), 512);
        assert_eq!(settings.boosted(512, marks, 52_065), 964);
        assert_eq!(settings.boosted(964, marks, 52_065), 964);
        assert_eq!(settings.boosted(0, Watermarks { min: 1, low: 1, high: 1 }, 2000), 0, "a small zone");
        let off = WatermarkSettings { boost_factor: 0, ..settings };
        assert_eq!(off.boosted(0, marks, 52_065), 0);
    }

    #[test]
    fn high_memory_keeps_little_and_counts_for_nothing() {
        let zone = |kind, managed| ZoneSize { kind, node: 0, managed, high: 0 };
        let zones =
            [zone(ZoneKind::Dma, 4000), zone(ZoneKind::Normal, 220_000), zone(ZoneKind::HighMem, 300_000)];
        let min_free_kbytes = WatermarkSettings::default_min_free_kbytes(&zones);
        assert_eq!(min_free_kbytes, 3786, "of 224,000 frames");
        let settings = WatermarkSettings { min_free_kbytes, ..WatermarkSettings::default() };
        let marks = zones.map(|zone| settings.marks(zone, &zones));
        assert_eq!(marks[1], Watermarks { min: 929, low: 1161, high: 1393 });
        assert_eq!(marks[2], Watermarks { min: 128, low: 444, high: 760 });
        assert_eq!(settings.lowmem_reserve(zones[0], &zones), [0, 0, 859, 2031]);
        assert_eq!(settings.lowmem_reserve(zones[1], &zones), [0, 0, 0, 9375]);
    }
}
