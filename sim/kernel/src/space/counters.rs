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
        match Rss::of(memory, frame) {
            Rss::Zero => &mut self.zero,
            Rss::Anon => &mut self.anon,
            Rss::Shmem => &mut self.shmem,
            Rss::File => &mut self.file,
            Rss::Swap => &mut self.swap,
        }
    }
}

/// Faults after which a task's own counts go to its address space at the latest: `TASK_RSS_EVENTS_THRESH`.
const FAULTS_MAX: u32 = 64;

/// The counters of one address space.
#[derive(Clone, Copy, Debug, Default)]
struct Mm {
    /// What there is.
    exact: MmCounters,
    /// Of it, what a task has counted in faults and the address space does not know yet: anon, file, shmem, swap.
    pending: [i64; 4],
    /// Faults of that task since it was empty.
    faults: u32,
    /// The most that was mapped, as far as it was known: `hiwater_rss`.
    resident_max: u64,
    /// Its tasks have begun to run: what execve(2) writes before counts at once.
    runs: bool,
}

impl Mm {
    fn shown(&self) -> MmCounters {
        let known = |exact: u64, pending: i64| exact.saturating_add_signed(-pending);
        let [anon, file, shmem, swap] = self.pending;
        MmCounters {
            anon: known(self.exact.anon, anon),
            file: known(self.exact.file, file),
            shmem: known(self.exact.shmem, shmem),
            swap: known(self.exact.swap, swap),
            zero: self.exact.zero,
        }
    }
    fn sync(&mut self) {
        (self.pending, self.faults) = ([0; 4], 0);
    }
}

/// The counters of all address spaces, and what of them is known. Up to 6.1, a fault counts in the task that takes it
/// (`SPLIT_RSS_COUNTING`), and the address space learns of it now and then only. A process's threads count together here.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllCounters {
    mms: Vec<Mm>,
    /// Faults count in the task first.
    lags: bool,
    /// The address space in which a fault is being resolved.
    fault: Option<MmId>,
}

impl AllCounters {
    /// None yet; `lags` says where faults count.
    pub(crate) fn new(lags: bool) -> Self {
        Self { lags, ..Self::default() }
    }
    fn mm(&mut self, mm: MmId) -> &mut Mm {
        let at = mm.0 as usize;
        if self.mms.len() <= at {
            self.mms.resize(at + 1, Mm::default());
        }
        &mut self.mms[at]
    }
    /// Those of `mm`, all 0 at first.
    pub(crate) fn get(&self, mm: MmId) -> MmCounters {
        self.mms.get(mm.0 as usize).map(|mm| mm.exact).unwrap_or_default()
    }
    /// Those of `mm` as Linux knows them: what `/proc` and the OOM killer go by.
    pub(crate) fn shown(&self, mm: MmId) -> MmCounters {
        self.mms.get(mm.0 as usize).map(Mm::shown).unwrap_or_default()
    }
    /// The most that `mm` had mapped, as Linux knows it: VmHWM.
    pub(crate) fn resident_max(&self, mm: MmId) -> u64 {
        self.mms.get(mm.0 as usize).map_or(0, |mm| mm.resident_max.max(mm.shown().resident()))
    }
    /// To count in, for anybody but a fault of `mm` itself.
    pub(crate) fn get_mut(&mut self, mm: MmId) -> &mut MmCounters {
        &mut self.mm(mm).exact
    }
    /// Counts `by` in a counter of `mm`: in its task, while that takes a fault.
    pub(crate) fn count(&mut self, mm: MmId, kind: Rss, by: i64) {
        let in_task = self.fault == Some(mm);
        let of = self.mm(mm);
        let counter = match kind {
            Rss::Anon => &mut of.exact.anon,
            Rss::File => &mut of.exact.file,
            Rss::Shmem => &mut of.exact.shmem,
            Rss::Swap => &mut of.exact.swap,
            Rss::Zero => {
                of.exact.zero = of.exact.zero.wrapping_add_signed(by);
                return;
            }
        };
        *counter = counter.wrapping_add_signed(by);
        if in_task {
            of.pending[kind as usize] += by;
        }
    }
    /// A task of `mm` begins with a fault: `check_sync_rss_stat`.
    pub(crate) fn fault_begins(&mut self, mm: MmId) {
        if !self.lags {
            return;
        }
        let of = self.mm(mm);
        if !of.runs {
            of.runs = true;
            return;
        }
        of.faults += 1;
        if of.faults > FAULTS_MAX + 1 {
            of.sync();
        }
        self.fault = Some(mm);
    }
    /// It is over; `again` where it had to begin anew in between.
    pub(crate) fn fault_ends(&mut self, again: bool) {
        if let Some(mm) = self.fault.take() {
            self.mm(mm).faults += u32::from(again);
        }
    }
    /// The task of `mm` tells all that it has counted: `sync_mm_rss`.
    pub(crate) fn sync(&mut self, mm: MmId) {
        self.mm(mm).sync();
    }
    /// `child` is a copy whose task runs already.
    pub(crate) fn forked(&mut self, child: MmId) {
        self.mm(child).runs = true;
    }
    /// Pages of `mm` are about to go: `update_hiwater_rss`.
    pub(crate) fn note_resident(&mut self, mm: MmId) {
        let of = self.mm(mm);
        of.resident_max = of.resident_max.max(of.shown().resident());
    }
}

/// Which counter of an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rss {
    Anon,
    File,
    Shmem,
    Swap,
    Zero,
}

impl Rss {
    /// That of a page that is `frame`.
    pub(crate) fn of(memory: &PhysicalMemory, frame: Pfn) -> Self {
        match memory.usage(frame) {
            Some(FrameUse::ZeroPage) => Self::Zero,
            Some(FrameUse::Anonymous) => Self::Anon,
            _ if memory.has(frame, FolioFlags::SWAPBACKED) => Self::Shmem,
            _ => Self::File,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MM: MmId = MmId(1);

    fn fault(all: &mut AllCounters, kind: Rss) {
        all.fault_begins(MM);
        all.count(MM, kind, 1);
        all.fault_ends(false);
    }

    #[test]
    fn what_faults_count_is_known_later() {
        // A fresh worker of tests/linux: 61 faults, 44 + 204 pages, of which the arguments alone are known. It touches 25 MiB,
        // then the rest of 100.
        let mut all = AllCounters::new(true);
        (0..44).for_each(|_| fault(&mut all, Rss::Anon));
        (44..61).for_each(|_| fault(&mut all, Rss::File));
        assert_eq!((all.shown(MM).anon, all.shown(MM).file, all.resident_max(MM)), (1, 0, 1));
        (61..6461).for_each(|_| fault(&mut all, Rss::Anon));
        assert_eq!(all.shown(MM).anon, all.get(MM).anon - 59);
        (6461..25_661).for_each(|_| fault(&mut all, Rss::Anon));
        assert_eq!(all.shown(MM).anon, all.get(MM).anon - 53);
        all.note_resident(MM);
        all.sync(MM);
        all.count(MM, Rss::Anon, -25_600);
        assert_eq!((all.shown(MM), all.get(MM).resident()), (all.get(MM), 61));
        assert_eq!(all.resident_max(MM), 25_661 - 53);
    }

    #[test]
    fn newer_kernels_know_at_once() {
        let mut all = AllCounters::new(false);
        (0..10).for_each(|_| fault(&mut all, Rss::Shmem));
        assert_eq!((all.shown(MM).shmem, all.resident_max(MM)), (10, 10));
    }

    #[test]
    fn what_was_taken_in_a_fault_is_no_fault_of_its_own() {
        let mut all = AllCounters::new(true);
        all.forked(MM);
        all.count(MM, Rss::Anon, 5);
        all.fault_begins(MM);
        all.get_mut(MM).anon -= 2;
        all.count(MM, Rss::Anon, 1);
        all.fault_ends(false);
        assert_eq!((all.get(MM).anon, all.shown(MM).anon), (4, 3));
    }
}
