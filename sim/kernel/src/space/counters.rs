//! What each address space has, counted as Linux counts it (`mm->rss_stat`). Apart from the address spaces themselves, because
//! reclaim takes pages from any of them.

use crate::{FolioFlags, FrameUse, MmId, Pfn, PhysicalMemory};

/// Pages of one address space, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MmCounters {
    /// Anonymous pages mapped: RssAnon.
    pub anon: u64,
    /// Pages of files mapped: RssFile.
    pub file: u64,
    /// Pages of tmpfs and of shared memory mapped: RssShmem.
    pub shmem: u64,
    /// Entries of pages that are in swap: VmSwap.
    pub swap: u64,
    /// Entries that map the page of zeroes, which counts for nobody.
    pub zero: u64,
}

impl MmCounters {
    /// Pages mapped but that of zeroes: VmRSS.
    pub const fn resident(&self) -> u64 {
        self.anon + self.file + self.shmem
    }
    /// The counter of a page that is `frame`.
    pub(crate) fn of(&mut self, memory: &PhysicalMemory, frame: Pfn) -> &mut u64 {
        match memory.usage(frame) {
            Some(FrameUse::ZeroPage) => &mut self.zero,
            Some(FrameUse::Anonymous) => &mut self.anon,
            _ if memory.has(frame, FolioFlags::SWAPBACKED) => &mut self.shmem,
            _ => &mut self.file,
        }
    }
}

/// The counters of all address spaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllCounters(Vec<MmCounters>);

impl AllCounters {
    /// Those of `mm`, all 0 at first.
    pub(crate) fn get(&self, mm: MmId) -> MmCounters {
        self.0.get(mm.0 as usize).copied().unwrap_or_default()
    }
    pub(crate) fn get_mut(&mut self, mm: MmId) -> &mut MmCounters {
        let at = mm.0 as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, MmCounters::default());
        }
        &mut self.0[at]
    }
}
