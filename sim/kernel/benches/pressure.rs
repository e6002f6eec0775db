//! How fast the kernel answers faults and takes memory back, beside a bare walk of the same pages and a list of the least
//! recently used that is a hash map. `cargo bench --package pagewalk-kernel --bench pressure`.

use divan::Bencher;
use divan::counter::ItemsCount;
use pagewalk_arch::{
    Access, AccessKind, Batch, CpuId, FRAME_BYTES, FaultKind, MmuConfig, OnFault, Outcome, PagingFormat,
    Uniprocessor, VirtAddr,
};
use pagewalk_golden::Golden;
use pagewalk_kernel::{FaultResolution, Kernel, KernelConfig, MmapArgs, PcMachine};
use pagewalk_trace::Protection;
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;

/// Pages that are touched: 64 MiB.
const PAGES: u64 = 1 << 14;
const PID: u32 = 1;
const MADV_DONTNEED: i32 = 4;
const MADV_PAGEOUT: i32 = 21;

fn main() {
    divan::main();
}

/// A kernel on a machine without TLBs, and an anonymous area.
#[derive(Clone)]
struct Machine {
    kernel: Kernel,
    platform: Uniprocessor<Golden>,
    area: VirtAddr,
}

impl Machine {
    fn new(config: KernelConfig, pages: u64) -> Self {
        let mmu = MmuConfig::of(PagingFormat::La48);
        let mut kernel = Kernel::new(config, &mmu).expect("the configuration works");
        let mut platform = Uniprocessor::new(Golden::bare(&mmu).expect("the format works"), 1 << 40);
        kernel.boot(&mut platform);
        let protection = Protection { read: true, write: true, execute: false };
        let args =
            MmapArgs { bytes: pages * FRAME_BYTES, protection, noreserve: true, ..MmapArgs::default() };
        let area = kernel.sys_mmap(&mut platform, PID, &args).expect("there is room");
        Self { kernel, platform, area }
    }

    /// A machine with 16 GiB of one zone.
    fn plain() -> Self {
        Self::new(KernelConfig::default(), PAGES)
    }

    /// A PC whose zones have watermarks.
    fn pc(memory_bytes: u64, pages: u64) -> Self {
        let pc = PcMachine { memory_bytes, ..PcMachine::default() };
        Self::new(KernelConfig { memory_bytes, pc: Some(pc), ..KernelConfig::default() }, pages)
    }

    fn access(&self, page: u64) -> Access {
        Access::user(self.area.0 + page * FRAME_BYTES, AccessKind::Store)
    }

    /// First stores to `pages`, as a fault each.
    fn touch(&mut self, pages: std::ops::Range<u64>) {
        for page in pages {
            let access = self.access(page);
            let outcome = Outcome { va: access.va, fault: FaultKind::Page, ..Outcome::default() };
            let Self { kernel, platform, .. } = self;
            let resolution = kernel.on_fault(platform, CpuId::BOOT, &access, &outcome);
            assert_eq!(resolution, FaultResolution::Retry);
        }
    }

    fn advise(&mut self, advice: i32) {
        let Self { kernel, platform, area } = self;
        kernel.sys_madvise(platform, PID, *area, PAGES * FRAME_BYTES, advice).expect("a known advice");
    }

    /// Every page was touched and given back: tables and metadata are there.
    fn warmed_up(mut self) -> Self {
        self.touch(0..PAGES);
        self.advise(MADV_DONTNEED);
        self
    }
}

/// First stores to anonymous memory, one fault each.
mod minor_faults {
    use super::*;

    fn faults(bencher: Bencher<'_, '_>, machine: Machine) {
        let warm = machine.warmed_up();
        let inputs = bencher.counter(ItemsCount::new(PAGES)).with_inputs(|| warm.clone());
        inputs.bench_local_refs(|machine| machine.touch(0..PAGES));
    }

    #[divan::bench(sample_size = 1, sample_count = 20)]
    fn one_zone(bencher: Bencher<'_, '_>) {
        faults(bencher, Machine::plain());
    }

    #[divan::bench(sample_size = 1, sample_count = 20)]
    fn pc(bencher: Bencher<'_, '_>) {
        faults(bencher, Machine::pc(1 << 30, PAGES));
    }

    /// What the hardware would do with the same pages: walks, none of which faults.
    #[divan::bench]
    fn bare_walks(bencher: Bencher<'_, '_>) {
        let mut machine = Machine::plain();
        machine.touch(0..PAGES);
        let accesses: Vec<Access> = (0..PAGES).map(|page| machine.access(page)).collect();
        bencher.counter(ItemsCount::new(PAGES)).bench_local(|| {
            let batch = Batch { accesses: &accesses, end: true, on_fault: OnFault::Stop };
            let progress = machine.platform.run(&batch, None);
            black_box(progress);
        });
    }
}

/// Pages taken from a process and written to swap.
mod reclaim {
    use super::*;

    /// By the advice that asks for it: every page is looked at once, unmapped, fenced, given a slot and freed.
    #[divan::bench(sample_size = 1, sample_count = 20)]
    fn paged_out(bencher: Bencher<'_, '_>) {
        let mut full = Machine::pc(1 << 30, PAGES);
        full.kernel.swap_on(4 * PAGES, None).expect("it fits");
        full.touch(0..PAGES);
        let inputs = bencher.counter(ItemsCount::new(PAGES)).with_inputs(|| full.clone());
        inputs.bench_local_refs(|machine| machine.advise(MADV_PAGEOUT));
    }

    /// By kswapd, while faults go on: a fault and a page taken for each item.
    #[divan::bench(sample_size = 1, sample_count = 20)]
    fn under_pressure(bencher: Bencher<'_, '_>) {
        let pages = 6 * PAGES;
        let mut full = Machine::pc(256 << 20, pages);
        full.kernel.swap_on(8 * PAGES, None).expect("it fits");
        full.touch(0..pages - PAGES);
        let stolen = |machine: &Machine| {
            let events = machine.kernel.events();
            events.pgsteal_kswapd + events.pgsteal_direct
        };
        let before = stolen(&full);
        let mut sample = full.clone();
        sample.touch(pages - PAGES..pages);
        let inputs = bencher.counter(ItemsCount::new(stolen(&sample) - before)).with_inputs(|| full.clone());
        inputs.bench_local_refs(|machine| machine.touch(pages - PAGES..pages));
    }

    /// The textbook's list of the least recently used, as it is often written: two maps.
    #[divan::bench]
    fn hash_map_lru(bencher: Bencher<'_, '_>) {
        let mut stamp_of: HashMap<u64, u64> = (0..PAGES).map(|page| (page, page)).collect();
        let mut by_stamp: BTreeMap<u64, u64> = (0..PAGES).map(|page| (page, page)).collect();
        let mut clock = PAGES;
        bencher.counter(ItemsCount::new(PAGES)).bench_local(|| {
            for _ in 0..PAGES {
                let Some((_, oldest)) = by_stamp.pop_first() else { return };
                stamp_of.remove(&oldest);
                stamp_of.insert(clock, clock);
                by_stamp.insert(clock, clock);
                clock += 1;
            }
        });
    }
}
