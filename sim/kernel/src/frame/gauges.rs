//! How much of physical memory is what, and whether that is enough: Linux's `MemTotal`, `MemFree`, `MemAvailable`, and the
//! watermarks of all zones together.
//!
//! Changes nothing.

use super::{FolioFlags, FrameUse, LruList, Mark, PhysicalMemory, Zone, ZoneKind};

/// What the frames in use of a zone are, in pages: its counters in `/proc/zoneinfo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneGauges {
    /// On each list of the LRU, in the order of [`LruList::ALL`].
    pub lru: [u64; LruList::ALL.len()],
    /// Locked by mlock(2).
    pub mlocked: u64,
    /// Pages of files on a disk that differ from it.
    pub dirty: u64,
    /// On their way to a device.
    pub writeback: u64,
    /// Pages of files and of shared memory that some entry maps.
    pub mapped: u64,
    /// Shared memory and tmpfs.
    pub shmem: u64,
    /// Page tables, of all levels.
    pub tables: u64,
}

impl std::ops::AddAssign for ZoneGauges {
    fn add_assign(&mut self, other: Self) {
        self.lru.iter_mut().zip(other.lru).for_each(|(sum, part)| *sum += part);
        self.mlocked += other.mlocked;
        self.dirty += other.dirty;
        self.writeback += other.writeback;
        self.mapped += other.mapped;
        self.shmem += other.shmem;
        self.tables += other.tables;
    }
}

impl PhysicalMemory {
    /// What the frames in use of each zone are. Looks at every frame in use.
    pub fn zone_gauges(&self) -> Vec<ZoneGauges> {
        let mut gauges = vec![ZoneGauges::default(); self.zones().len()];
        let mut place = 0;
        for (pfn, folio) in self.folios() {
            while !self.zones()[place].buddy().span().contains(&pfn.0) {
                place += 1;
            }
            let (zone, flags) = (&mut gauges[place], folio.flags);
            if folio.is_table() {
                zone.tables += 1;
                continue;
            }
            if flags.contains(FolioFlags::LRU) {
                zone.lru[LruList::of(flags) as usize] += 1;
            }
            zone.mlocked += u64::from(flags.contains(FolioFlags::MLOCKED));
            zone.writeback += u64::from(flags.contains(FolioFlags::WRITEBACK));
            if folio.usage() == FrameUse::File {
                let is_shared_memory = flags.contains(FolioFlags::SWAPBACKED);
                zone.shmem += u64::from(is_shared_memory);
                zone.dirty += u64::from(!is_shared_memory && flags.contains(FolioFlags::DIRTY));
                zone.mapped += u64::from(folio.mappings > 0);
            }
        }
        gauges
    }

    /// Anonymous pages that some entry maps: Linux's `nr_anon_pages`.
    pub fn anon_mapped(&self) -> u64 {
        self.anon_mapped
    }
    /// Pages of files and of shared memory that some entry maps: Linux's `nr_mapped`.
    pub fn file_mapped(&self) -> u64 {
        self.file_mapped
    }

    /// Counts one mapped page too many, anonymous or of a file: for tests of what finds that.
    #[cfg(test)]
    pub(crate) fn mapped_damaged(&mut self, anonymous: bool) {
        *(if anonymous { &mut self.anon_mapped } else { &mut self.file_mapped }) += 1;
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
        self.zones().iter().map(|zone| zone.mark(Mark::Min)).sum()
    }
    /// The high watermarks of all zones together.
    pub(crate) fn high_total(&self) -> u64 {
        self.high_total_each(0)
    }
    /// As [`Self::high_total`], each at least `least`.
    pub(crate) fn high_total_each(&self, least: u64) -> u64 {
        self.zones().iter().map(|zone| zone.mark(Mark::High).max(least)).sum()
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
        let low: u64 = self.zones().iter().map(|zone| zone.mark(Mark::Low)).sum();
        let kept = |zone: &Zone| {
            let reserve = ZoneKind::ALL.map(|kind| zone.reserve(kind)).into_iter().max().unwrap_or(0);
            (reserve + zone.marks().high - zone.boost()).min(zone.managed())
        };
        let kept: u64 = self.zones().iter().map(kept).sum();
        let free = self.frames_free() - self.frames_per_cpu();
        let half = |frames: u64| frames - (frames / 2).min(low);
        (free + half(file) + half(reclaimable)).saturating_sub(kept)
    }
}
