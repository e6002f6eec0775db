//! A worker: who it is, what it remembers, how it stands.

use pagewalk_arch::{CpuId, FRAME_BYTES};
use pagewalk_kernel::Faults;

/// Regions that a worker can name.
const REGIONS_MAX: usize = 24;

/// What a worker writes at an offset of a region or a file.
pub(super) fn byte_for(offset: u64) -> u8 {
    1 + (offset / FRAME_BYTES % 127) as u8
}

/// Memory under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) name: String,
    pub(super) at: u64,
    pub(super) bytes: u64,
}

/// A worker.
#[derive(Clone, Debug, Default)]
pub(super) struct Worker {
    pub(super) name: String,
    /// The last process that it was; `None` before the first.
    pub(super) pid: Option<u32>,
    pub(super) is_alive: bool,
    /// Where it runs.
    pub(super) cpu: CpuId,
    /// In the order in which they got their names. A region keeps its extent, whatever is unmapped of it.
    pub(super) regions: Vec<Region>,
    /// Where the last signal was; kept until the next.
    pub(super) signal_address: u64,
    /// Faults when it was last looked at.
    pub(super) faults: Faults,
    /// The most that was resident, in KiB, as far as it was seen.
    pub(super) resident_max_kb: u64,
    /// Where the break is.
    pub(super) brk: u64,
}

impl Worker {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(super) fn region(&self, name: &str) -> Option<&Region> {
        self.regions.iter().find(|region| region.name == name)
    }

    /// Gives memory a name, or a name other memory. Says whether there was room for it.
    pub(super) fn set_region(&mut self, name: &str, at: u64, bytes: u64) -> bool {
        let known = self.regions.iter().position(|region| region.name == name);
        match known {
            Some(known) => (self.regions[known].at, self.regions[known].bytes) = (at, bytes),
            None if self.regions.len() < REGIONS_MAX => {
                self.regions.push(Region { name: name.to_owned(), at, bytes });
            }
            None => return false,
        }
        true
    }
}
