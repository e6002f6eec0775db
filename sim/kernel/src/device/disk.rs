//! A disk: requests wait in one queue and are served one after the other, each for a fixed latency and the time that its
//! pages take.
//!
//! Owns until when it is busy. Does not own what is moved, nor how much.

use pagewalk_arch::FRAME_BYTES;
use serde::{Deserialize, Serialize};

/// How fast a disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiskConfig {
    /// Nanoseconds from a request's turn to its first byte.
    pub latency_ns: u64,
    /// Nanoseconds that a page of 4 KiB takes besides.
    pub page_ns: u64,
    /// KiB that are read ahead: `/sys/block/DISK/queue/read_ahead_kb`.
    pub read_ahead_kb: u64,
    /// KiB of the largest request: `max_sectors_kb`.
    pub request_kb: u64,
}

impl Default for DiskConfig {
    fn default() -> Self {
        // A plain SSD: 80 µs, 500 MB/s.
        Self { latency_ns: 80_000, page_ns: 8_000, read_ahead_kb: 128, request_kb: 1280 }
    }
}

/// One disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    config: DiskConfig,
    busy_until_ns: u64,
}

impl Disk {
    pub(crate) fn new(config: DiskConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Queues a transfer of `pages` pages that lie one after the other, cut into requests of the size that the disk
    /// takes. Gives the time at which all of it is done.
    pub(crate) fn submit(&mut self, now_ns: u64, pages: u64) -> u64 {
        let requests = pages.div_ceil(self.request_pages());
        let takes = requests * self.config.latency_ns + pages * self.config.page_ns;
        self.busy_until_ns = self.busy_until_ns.max(now_ns).saturating_add(takes);
        self.busy_until_ns
    }

    /// Pages of the largest request.
    pub(crate) fn request_pages(&self) -> u64 {
        (self.config.request_kb * 1024 / FRAME_BYTES).max(1)
    }
    /// Pages that are read ahead.
    pub(crate) fn read_ahead_pages(&self) -> u64 {
        self.config.read_ahead_kb * 1024 / FRAME_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_wait_for_those_before_them() {
        let mut disk =
            Disk::new(DiskConfig { latency_ns: 100, page_ns: 10, request_kb: 128, ..DiskConfig::default() });
        assert_eq!(disk.submit(1000, 8), 1180);
        assert_eq!(disk.submit(1050, 1), 1290, "queued behind the first");
        assert_eq!(disk.submit(5000, 64), 5840, "idle in between; two requests of 128 KiB");
    }
}
