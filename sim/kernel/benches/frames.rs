//! How fast frames come and go: the buddy lists beside those of the crate `buddy_system_allocator`, the CPUs' lists in front
//! of them, all of physical memory, and objects of slabs. `cargo bench --package pagewalk-kernel`.

use divan::Bencher;
use divan::counter::ItemsCount;
use pagewalk_kernel::{
    Buddy, CacheSpec, FrameUse, MemoryLayout, MigrateType, PcBoot, PcMachine, PhysicalMemory, Slab,
    StealPolicy, Zone, ZoneKind, ZoneLayout, ZoneRequest,
};
use std::hint::black_box;

/// Frames of a zone of 1 GiB.
const FRAMES: u64 = 1 << 18;

fn main() {
    divan::main();
}

/// Splits for each single frame of a zone, then merges: one of each a frame.
mod split_and_merge {
    use super::*;

    #[divan::bench]
    fn pagewalk(bencher: Bencher<'_, '_>) {
        let mut buddy = Buddy::new(0..FRAMES);
        bencher.counter(ItemsCount::new(2 * FRAMES)).bench_local(|| {
            let frames: Vec<u64> = (0..FRAMES).map_while(|_| buddy.allocate(0)).collect();
            frames.iter().for_each(|&frame| buddy.free(frame, 0));
        });
    }

    #[divan::bench]
    fn buddy_system_allocator(bencher: Bencher<'_, '_>) {
        let mut buddy = buddy_system_allocator::FrameAllocator::<33>::new();
        buddy.add_frame(FRAMES as usize, 2 * FRAMES as usize);
        bencher.counter(ItemsCount::new(2 * FRAMES)).bench_local(|| {
            let frames: Vec<usize> = (0..FRAMES).map_while(|_| buddy.alloc(1)).collect();
            frames.iter().for_each(|&frame| buddy.dealloc(frame, 1));
        });
    }
}

/// One frame of an untouched block and back: ten splits, ten merges.
mod ten_orders {
    use super::*;

    #[divan::bench]
    fn pagewalk(bencher: Bencher<'_, '_>) {
        let mut buddy = Buddy::new(0..1024);
        bencher.counter(ItemsCount::new(20_000u64)).bench_local(|| {
            for _ in 0..1000 {
                let frame = black_box(buddy.allocate(0)).expect("all is free");
                buddy.free(frame, 0);
            }
        });
    }

    #[divan::bench]
    fn buddy_system_allocator(bencher: Bencher<'_, '_>) {
        let mut buddy = buddy_system_allocator::FrameAllocator::<33>::new();
        buddy.add_frame(1024, 2048);
        bencher.counter(ItemsCount::new(20_000u64)).bench_local(|| {
            for _ in 0..1000 {
                let frame = black_box(buddy.alloc(1)).expect("all is free");
                buddy.dealloc(frame, 1);
            }
        });
    }
}

/// Frames through a CPU's lists: batches of 200 taken and returned.
#[divan::bench]
fn per_cpu_lists(bencher: Bencher<'_, '_>) {
    let memory = PhysicalMemory::of(MemoryLayout::pc(
        &PcMachine { memory_bytes: 1 << 30, ..PcMachine::default() },
        &PcBoot::default(),
    ));
    let settings = *memory.watermark_settings();
    let mut zone = Zone::new(ZoneLayout::plain(ZoneKind::Normal, 0..FRAMES));
    zone.set_per_cpu(1, 1, &pagewalk_kernel::WatermarkSettings { per_cpu_fraction: 64, ..settings });
    let request =
        ZoneRequest { cpu: 0, order: 0, kind: MigrateType::Movable, policy: StealPolicy::default() };
    let mut frames = Vec::with_capacity(200);
    bencher.counter(ItemsCount::new(400_000u64)).bench_local(|| {
        for _ in 0..1000 {
            frames.extend((0..200).map_while(|_| zone.allocate(&request, &settings)));
            frames.drain(..).for_each(|frame| zone.free(0, frame, 0));
        }
    });
}

/// Frames with all that is known of them, watermarks looked at.
#[divan::bench]
fn physical_memory(bencher: Bencher<'_, '_>) {
    let mut memory = PhysicalMemory::of(MemoryLayout::pc(
        &PcMachine { memory_bytes: 1 << 30, ..PcMachine::default() },
        &PcBoot::default(),
    ));
    let mut frames = Vec::with_capacity(200);
    bencher.counter(ItemsCount::new(400_000u64)).bench_local(|| {
        for _ in 0..1000 {
            frames.extend((0..200).map_while(|_| memory.allocate(FrameUse::Anonymous).ok()));
            frames.drain(..).for_each(|frame| _ = memory.put(frame));
        }
    });
}

/// Objects of 192 bytes.
#[divan::bench]
fn slab(bencher: Bencher<'_, '_>) {
    let mut memory = PhysicalMemory::new(1..FRAMES, false);
    let Ok(mut slab) = Slab::new(1, &mut memory) else { return };
    let Ok(dentry) = slab.create(&CacheSpec::new("dentry", 192), &mut memory) else { return };
    let mut objects = Vec::with_capacity(1000);
    bencher.counter(ItemsCount::new(200_000u64)).bench_local(|| {
        for _ in 0..100 {
            objects.extend((0..1000).map_while(|_| slab.alloc(0, dentry, &mut memory).ok()));
            objects.drain(..).for_each(|object| slab.free(0, object, &mut memory));
        }
    });
}
