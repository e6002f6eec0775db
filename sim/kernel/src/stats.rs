//! The kernel's counters. The names are stable: tables, JSON and Linux-format screens are views of them.

use serde::Serialize;

/// Plain counters since start, and gauges of now (marked so).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KernelStats {
    /// The clock: accesses carried out so far, on all CPUs together.
    pub ticks: u64,
    /// Faults resolved without reading from a device: min_flt.
    pub page_faults_minor: u64,
    /// Faults that waited for a device: maj_flt. Nothing is paged to a device, so none.
    pub page_faults_major: u64,
    /// Processes killed by SIGSEGV.
    pub segv: u64,
    /// Processes killed by SIGBUS.
    pub sigbus: u64,
    /// Processes killed because memory ran out.
    pub out_of_memory: u64,
    /// Minor faults that only set an A or D bit.
    pub ad: u64,
    /// Minor faults that found nothing to do.
    pub spurious: u64,
    /// Minor faults that gave a zeroed frame of its own to anonymous memory.
    pub zero_fill: u64,
    /// Minor faults that mapped the shared page of zeroes.
    pub zero_page: u64,
    /// Minor faults that copied a frame because others map it too.
    pub cow: u64,
    /// Minor faults that gave a process its own copy of a page of a file that it maps privately.
    pub file_copies: u64,
    /// Minor faults that made a write-protected frame writable because nothing else maps it any more.
    pub cow_reuse: u64,
    /// Pages that became part of an inferred area, or whose inferred rights grew.
    pub inferred: u64,
    /// Faults that made a stack grow.
    pub stack_growth: u64,
    /// Fences of single pages.
    pub flushes_page: u64,
    /// Fences of an address space.
    pub flushes_address_space: u64,
    /// Fences of everything.
    pub flushes_all: u64,
    /// Fences among these that were carried out on another CPU than the one that asked for them.
    pub shootdowns: u64,
    /// Switches to another address space.
    pub context_switches: u64,
    /// Times that the ASIDs ran out, of all CPUs together or, on x86, of one.
    pub asid_rollovers: u64,
    /// System calls that changed an address space.
    pub syscalls: u64,
    /// Processes made by fork, vfork or clone.
    pub forks: u64,
    /// Threads made by clone.
    pub threads_created: u64,
    /// Programs executed.
    pub execs: u64,
    /// Processes that exited.
    pub exits: u64,
    /// Processes that a signal ended, of the model or of the recorded kernel.
    pub killed: u64,
    /// Gauge: processes alive.
    pub processes: u64,
    /// Gauge: threads alive, the first of every process included.
    pub threads: u64,
    /// Gauge: bytes of all areas of all processes.
    pub vsz_bytes: u64,
    /// Gauge: bytes of frames that processes map; what several map counts for each, the page of zeroes does not.
    pub rss_bytes: u64,
    /// Gauge: bytes of page tables, roots included.
    pub page_table_bytes: u64,
    /// Gauge: leaf entries in use, those that map the page of zeroes included.
    pub leaf_entries: u64,
    /// Gauge: frames in use.
    pub frames_in_use: u64,
    /// The most frames that were in use at once.
    pub frames_in_use_max: u64,
    /// Frames of the machine.
    pub frames_total: u64,
}

impl KernelStats {
    /// Fences of any kind.
    pub fn flushes(&self) -> u64 {
        self.flushes_page + self.flushes_address_space + self.flushes_all
    }
}
