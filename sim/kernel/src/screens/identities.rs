//! What must hold between the numbers of all screens at every instant.
//!
//! Owns the questions. The numbers come from elsewhere, so that a report that is wrong is found wrong.

use crate::{Free, MemInfo, MmCounters};

/// Who has the frames of a machine, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The allocator's.
    pub total: u64,
    /// Free, on the lists of zones.
    pub free: u64,
    /// Free, on the lists of CPUs: what Linux calls neither free nor anybody's.
    pub per_cpu: u64,
    /// In use.
    pub in_use: u64,
    /// Of these, anonymous memory, and what has left the page cache for the swap cache.
    pub anonymous: u64,
    /// Of these, page cache and shared memory.
    pub file: u64,
    /// Of these, page tables.
    pub page_tables: u64,
    /// Of these, slab.
    pub slab: u64,
    /// Of these, all else that the kernel has.
    pub kernel: u64,
}

/// Two numbers that are not equal and must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {left} is not {right}")]
pub struct Identity {
    /// What is to be equal.
    pub what: String,
    /// One side.
    pub left: u64,
    /// The other.
    pub right: u64,
}

fn equal(what: &str, left: u64, right: u64) -> Result<(), Identity> {
    if left == right { Ok(()) } else { Err(Identity { what: what.into(), left, right }) }
}

impl Usage {
    /// Frames in use are the sum of what owns them, and all that is not in use is free.
    ///
    /// # Errors
    /// The identity that does not hold.
    pub fn check(&self) -> Result<(), Identity> {
        let Self { total, free, per_cpu, in_use, anonymous, file, page_tables, slab, kernel } = *self;
        equal("frames = free + in use", total, free + per_cpu + in_use)?;
        equal(
            "frames in use = the sum of what owns them",
            in_use,
            anonymous + file + page_tables + slab + kernel,
        )
    }
}

impl MemInfo {
    /// What is within `/proc/meminfo`, and what `free` makes of it: total = used + free + buff/cache, where used is
    /// what owns the rest.
    ///
    /// # Errors
    /// The identity that does not hold.
    pub fn check(&self, usage: &Usage) -> Result<(), Identity> {
        let kib = |pages: u64| pages * 4;
        equal("MemTotal = frames", self.total, kib(usage.total))?;
        equal("Active = Active(anon) + Active(file)", self.active, self.active_anon + self.active_file)?;
        let inactive = self.inactive_anon + self.inactive_file;
        equal("Inactive = Inactive(anon) + Inactive(file)", self.inactive, inactive)?;
        equal("Slab = SReclaimable + SUnreclaim", self.slab, self.s_reclaimable + self.s_unreclaim)?;
        let cache = Free(*self).cache() - self.s_reclaimable;
        equal("page cache = Buffers + Cached", kib(usage.file), cache)?;
        let used = kib(usage.anonymous + usage.page_tables + usage.slab + usage.kernel + usage.per_cpu)
            - self.s_reclaimable;
        equal("total = used + free + buff/cache", self.total, used + self.free + Free(*self).cache())
    }
}

impl MmCounters {
    /// A process's resident pages are the leaf entries that map one other than the page of zeroes.
    ///
    /// # Errors
    /// The identity that does not hold.
    pub fn check(&self, leaf_entries: u64) -> Result<(), Identity> {
        equal("RSS = present leaf entries", self.resident(), leaf_entries - self.zero.min(leaf_entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right() -> (MemInfo, Usage) {
        let usage = Usage {
            total: 1000,
            per_cpu: 0,
            free: 600,
            in_use: 400,
            anonymous: 200,
            file: 100,
            page_tables: 20,
            slab: 50,
            kernel: 30,
        };
        let memory = MemInfo {
            total: 4000,
            free: 2400,
            buffers: 40,
            cached: 360,
            active: 30,
            active_anon: 10,
            active_file: 20,
            slab: 200,
            s_reclaimable: 80,
            s_unreclaim: 120,
            ..MemInfo::default()
        };
        (memory, usage)
    }

    #[test]
    fn each_identity_is_found_broken() {
        let (memory, usage) = right();
        assert_eq!((usage.check(), memory.check(&usage)), (Ok(()), Ok(())));
        let broken = |memory: MemInfo, usage: Usage| {
            let error = usage.check().and_then(|()| memory.check(&usage)).unwrap_err();
            error.what.split(' ').next().unwrap().to_owned()
        };
        assert_eq!(broken(memory, Usage { free: 599, ..usage }), "frames");
        assert_eq!(broken(memory, Usage { slab: 51, ..usage }), "frames");
        assert_eq!(broken(MemInfo { active: 31, ..memory }, usage), "Active");
        assert_eq!(broken(MemInfo { inactive: 31, ..memory }, usage), "Inactive");
        assert_eq!(broken(MemInfo { slab: 201, ..memory }, usage), "Slab");
        assert_eq!(broken(MemInfo { cached: 364, ..memory }, usage), "page");
        assert_eq!(broken(MemInfo { free: 2404, ..memory }, usage), "total");
        let counters = MmCounters { anon: 3, file: 2, zero: 4, ..MmCounters::default() };
        assert_eq!(counters.check(9), Ok(()));
        assert!(counters.check(10).is_err());
    }
}
