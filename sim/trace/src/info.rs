//! What is in a trace: counts, pages, regions, system calls, processes. Owns the statistics and their table;
//! needs memory in proportion to the distinct pages, not to the trace.

use super::BLOCK_ACCESSES;
use crate::{Boundary, Event, SyscallOutcome, TraceError, TraceSource};
use pagewalk_arch::{AccessKind, FRAME_BYTES};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// Pages without an access that a region may bridge: 1 MiB, as between the segments of a program's image.
const REGION_GAP_PAGES: u64 = 256;

/// Statistics of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TraceInfo {
    /// Accesses, those that crossed a page counted once per page.
    pub accesses: u64,
    /// Instruction fetches.
    pub instructions: u64,
    /// Loads, those of read-modify-writes included.
    pub loads: u64,
    /// Stores, those of read-modify-writes included.
    pub stores: u64,
    /// Distinct 4 KiB pages, per process.
    pub pages: u64,
    /// Those fetched from.
    pub pages_fetched: u64,
    /// Those written to.
    pub pages_written: u64,
    /// Bytes of the pages touched.
    pub footprint_bytes: u64,
    /// Lowest address accessed; 0 in an empty trace.
    pub address_first: u64,
    /// Highest first byte of an access; 0 in an empty trace.
    pub address_last: u64,
    /// System calls by kind; `other` are those that leave the address space as it is.
    pub syscalls: BTreeMap<&'static str, u64>,
    /// System calls that failed, of all kinds.
    pub syscalls_failed: u64,
    /// Processes that the trace names.
    pub processes: Vec<u32>,
    /// Changes of the running process, the first one not counted.
    pub switches: u64,
    /// Clusters of pages with less than 1 MiB between them, by process and address.
    pub regions: Vec<Region>,
}

/// A cluster of pages that a process accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Region {
    /// Whose.
    pub pid: u32,
    /// First byte of the first page.
    pub start: u64,
    /// First byte after the last page.
    pub end: u64,
    /// Distinct pages accessed.
    pub pages: u64,
}

/// Reads all of `source` and counts.
///
/// # Errors
/// The source's own.
pub fn info(source: &mut (impl TraceSource + ?Sized)) -> Result<TraceInfo, TraceError> {
    let mut count =
        Count { info: TraceInfo { address_first: u64::MAX, ..TraceInfo::default() }, ..Count::default() };
    let mut block = Vec::with_capacity(BLOCK_ACCESSES);
    loop {
        let boundary = source.next_block(&mut block)?;
        for access in &block {
            count.access(access.va.0, access.kind);
        }
        match boundary {
            Boundary::Full => {}
            Boundary::Event(event) => count.event(&event),
            Boundary::End => return Ok(count.finish()),
        }
    }
}

/// The kinds of access that a page has seen, one bit each.
type Kinds = u8;

#[derive(Default)]
struct Count {
    info: TraceInfo,
    pid: u32,
    pids: BTreeSet<u32>,
    /// By process and page number.
    pages: HashMap<(u32, u64), Kinds>,
    kinds: [u64; 3],
    /// The page last seen by each kind of access, which most accesses repeat.
    last: [Option<u64>; 3],
}

impl Count {
    fn access(&mut self, address: u64, kind: AccessKind) {
        self.kinds[kind as usize] += 1;
        self.info.address_first = self.info.address_first.min(address);
        self.info.address_last = self.info.address_last.max(address);
        let page = address / FRAME_BYTES;
        if self.last[kind as usize] == Some(page) {
            return;
        }
        self.last[kind as usize] = Some(page);
        *self.pages.entry((self.pid, page)).or_default() |= 1 << kind as u8;
    }

    fn event(&mut self, event: &Event) {
        match event {
            &Event::Switch { pid, .. } => {
                self.info.switches += u64::from(!self.pids.is_empty());
                self.pid = pid;
                self.pids.insert(pid);
                self.last = [None; 3];
            }
            Event::Syscall { pid, call, outcome, .. } => {
                self.pids.insert(*pid);
                *self.info.syscalls.entry(call.name()).or_default() += 1;
                self.info.syscalls_failed += u64::from(*outcome != SyscallOutcome::Success);
            }
            Event::Signal { pid, .. } => {
                self.pids.insert(*pid);
            }
            Event::File(_) => {}
        }
    }

    fn finish(self) -> TraceInfo {
        let mut info = self.info;
        [info.instructions, info.loads, info.stores] = self.kinds;
        info.accesses = self.kinds.iter().sum();
        if info.accesses == 0 {
            info.address_first = 0;
        }
        let with =
            |kind: AccessKind| self.pages.values().filter(|&&k| k & (1 << kind as u8) != 0).count() as u64;
        info.pages = self.pages.len() as u64;
        info.pages_fetched = with(AccessKind::Fetch);
        info.pages_written = with(AccessKind::Store);
        info.footprint_bytes = info.pages * FRAME_BYTES;
        info.processes = self.pids.into_iter().collect();
        let mut pages: Vec<_> = self.pages.into_keys().collect();
        pages.sort_unstable();
        info.regions = regions(&pages);
        info
    }
}

fn regions(pages: &[(u32, u64)]) -> Vec<Region> {
    let near = |a: &(u32, u64), b: &(u32, u64)| a.0 == b.0 && b.1 - a.1 <= REGION_GAP_PAGES;
    let region = |pages: &[(u32, u64)]| {
        let (&(pid, first), &(_, last)) = (pages.first()?, pages.last()?);
        // Saturates for the last page of all.
        let end = (last * FRAME_BYTES).saturating_add(FRAME_BYTES);
        Some(Region { pid, start: first * FRAME_BYTES, end, pages: pages.len() as u64 })
    };
    pages.chunk_by(near).filter_map(region).collect()
}

impl fmt::Display for TraceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("accesses", self.accesses),
            ("instructions", self.instructions),
            ("loads", self.loads),
            ("stores", self.stores),
            ("pages", self.pages),
            ("  fetched from", self.pages_fetched),
            ("  written to", self.pages_written),
            ("footprint_bytes", self.footprint_bytes),
        ];
        for (name, value) in rows {
            writeln!(f, "{name:<18}{value:>16}")?;
        }
        let calls: u64 = self.syscalls.values().sum();
        writeln!(f, "{:<18}{calls:>16}  ({} failed)", "system calls", self.syscalls_failed)?;
        for (name, value) in &self.syscalls {
            writeln!(f, "  {name:<16}{value:>16}")?;
        }
        writeln!(f, "{:<18}{:>16}  ({} switches)", "processes", self.processes.len(), self.switches)?;
        writeln!(f, "{:<18}{:>16}", "regions", self.regions.len())?;
        for region in &self.regions {
            writeln!(
                f,
                "  {:#018x}-{:#018x}{:>8} pages  process {}",
                region.start, region.end, region.pages, region.pid
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recorded;
    use pagewalk_arch::Access;

    #[test]
    fn counts_of_a_small_trace() {
        let accesses = vec![
            Access::user(0x1000, AccessKind::Fetch),
            Access::user(0x1004, AccessKind::Fetch),
            Access::user(0x2000, AccessKind::Load),
            Access::user(0x2000, AccessKind::Store),
            Access::user(0xf000_0000, AccessKind::Load),
            Access::user(0x1000, AccessKind::Load),
        ];
        let switch = |pid| Event::Switch { pid, line: 0 };
        let failed = Event::Syscall {
            pid: 7,
            call: crate::Syscall::Exit { status: 0 },
            outcome: SyscallOutcome::Failure(1),
            line: 0,
        };
        let events = vec![(0, switch(7)), (4, failed), (5, switch(8))];
        let info = info(&mut Recorded::new(accesses, events).into_replay()).expect("in memory");
        assert_eq!((info.accesses, info.instructions, info.loads, info.stores), (6, 2, 3, 1));
        assert_eq!((info.pages, info.pages_fetched, info.pages_written), (4, 1, 1));
        assert_eq!((info.address_first, info.address_last), (0x1000, 0xf000_0000));
        assert_eq!((info.syscalls["exit"], info.syscalls_failed, info.switches), (1, 1, 1));
        assert_eq!(info.processes, [7, 8]);
        let starts: Vec<_> = info.regions.iter().map(|r| (r.pid, r.start, r.end, r.pages)).collect();
        assert_eq!(
            starts,
            [(7, 0x1000, 0x3000, 2), (7, 0xf000_0000, 0xf000_1000, 1), (8, 0x1000, 0x2000, 1)]
        );
        assert!(info.to_string().contains("footprint_bytes              16384"), "{info}");
    }

    #[test]
    fn an_empty_trace() {
        let info = info(&mut Recorded::default().into_replay()).expect("in memory");
        assert_eq!(info, TraceInfo::default());
    }
}
