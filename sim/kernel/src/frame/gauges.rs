//! How much of physical memory is what, and whether that is enough: Linux's `MemTotal`, `MemFree`, `MemAvailable`, and the
//! watermarks of all zones together.
//!
//! Changes nothing.

use super::{Mark, PhysicalMemory, Zone, ZoneKind};

impl PhysicalMemory {
    /// Anonymous pages that some entry maps: Linux's `nr_anon_pages`.
    pub fn anon_mapped(&self) -> u64 {
        self.anon_mapped
    }
    /// Pages of files and of shared memory that some entry maps: Linux's `nr_mapped`.
    pub fn file_mapped(&self) -> u64 {
        self.file_mapped
    }

    /// Whether `frames` more can be taken, one by one for programs, without getting below `mark` anywhere.
    pub(crate) fn is_above(&self, mark: Mark, frames: u64) -> bool {
        self.zones.frames_above(mark) >= frames + self.reserved
    }
    /// Whether kswapd may sleep: some zone has more free than its high watermark.
    pub(crate) fn is_balanced(&self) -> bool {
        self.zones.frames_above(Mark::High) > 0
    }
    /// The minimum watermarks of all zones together.
    pub(crate) fn min_total(&self) -> u64 {
        self.zones().iter().map(|zone| zone.marks().min).sum()
    }
    /// The high watermarks of all zones together.
    pub(crate) fn high_total(&self) -> u64 {
        self.high_total_each(0)
    }
    /// As [`Self::high_total`], each at least `least`.
    pub(crate) fn high_total_each(&self, least: u64) -> u64 {
        self.zones().iter().map(|zone| zone.marks().high.max(least)).sum()
    }

    /// Frames that the allocator has handed out or can: Linux's `MemTotal`.
    pub fn frames_total(&self) -> u64 {
        self.zones.frames_managed()
    }
    /// Frames in use now.
    pub fn frames_in_use(&self) -> u64 {
        self.folios.len()
    }
    /// The most frames that were ever in use at once.
    pub fn frames_in_use_max(&self) -> u64 {
        self.frames_in_use_max
    }
    /// Frames that are free now. With [`Self::frames_in_use`] they make up [`Self::frames_total`] at every instant.
    pub fn frames_free(&self) -> u64 {
        self.zones.frames_free()
    }
    /// Of these, frames on CPUs' lists, which Linux's `MemFree` leaves out.
    pub fn frames_per_cpu(&self) -> u64 {
        self.zones.all().iter().map(Zone::frames_per_cpu).sum()
    }
    /// Linux's `MemAvailable`: what could be had without swapping, of `file` frames of the page cache and `reclaimable`
    /// frames of slabs.
    pub fn frames_available(&self, file: u64, reclaimable: u64) -> u64 {
        let low: u64 = self.zones().iter().map(|zone| zone.marks().low).sum();
        let kept = |zone: &Zone| {
            let reserve = ZoneKind::ALL.map(|kind| zone.reserve(kind)).into_iter().max().unwrap_or(0);
            (reserve + zone.marks().high).min(zone.managed())
        };
        let kept: u64 = self.zones().iter().map(kept).sum();
        let free = self.frames_free() - self.frames_per_cpu();
        let half = |frames: u64| frames - (frames / 2).min(low);
        (free + half(file) + half(reclaimable)).saturating_sub(kept)
    }
}
