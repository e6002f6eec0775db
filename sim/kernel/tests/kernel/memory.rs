//! Physical memory as the kernel uses it: sizes, zones, determinism.

use crate::machine::{Machine, RW};
use pagewalk_arch::{AccessKind, MmuConfig, PagingFormat, PhysAddr};
use pagewalk_kernel::{KernelConfig, VmaPolicy};

#[test]
fn a_tebibyte_costs_what_is_used() {
    let config = KernelConfig { memory_bytes: 1 << 40, ..KernelConfig::default() };
    let started = std::time::Instant::now();
    let mut machine = Machine::with(config, MmuConfig::of(PagingFormat::Sv57));
    machine.store(0x1234_5000);
    let stats = machine.kernel.stats();
    assert_eq!(stats.frames_total, 1 << 28);
    assert_eq!(stats.frames_in_use, 1 + 1 + 5 + 1);
    machine.shut_down();
    // Lists of 2^28 frames, or of their 2^18 largest blocks, would show here by orders of magnitude.
    assert!(started.elapsed().as_millis() < 100, "{:?}", started.elapsed());
}

#[test]
fn buddyinfo_has_linux_layout() {
    let config = KernelConfig { memory_bytes: 8 << 30, ..KernelConfig::default() };
    let machine = Machine::with(config, MmuConfig::of(PagingFormat::La48));
    let expected = "\
Node 0, zone    DMA32      0      0      0      0      0      0      0      0      1      1   1023 
Node 0, zone   Normal      1      0      1      1      1      1      1      1      0      0   1024 
";
    // Normal: 1 MiB beyond 8 GiB is 256 frames, of which the idle root, the page of zeroes and the first root are
    // gone; DMA32 begins at 1 MiB.
    assert_eq!(machine.kernel.buddy_info().to_string(), expected);
}

#[test]
fn the_same_trace_gives_the_same_frames_tables_and_fences() {
    let run = || {
        let mut machine = Machine::inferring(PagingFormat::La48);
        let mut frames = Vec::new();
        for step in 0..2_000u64 {
            let va = 0x20_0000 + (step * step * 0x1357) % 0x80_0000;
            let kind = if step % 3 == 0 { AccessKind::Store } else { AccessKind::Load };
            match step % 97 {
                5 => machine.unmap(0x100_0000, 0x10_0000),
                6 => machine.map(0x100_0000, 0x10_0000, RW),
                9 if step < 400 => machine.fork(1, 100 + step as u32),
                _ => {}
            }
            frames.push(machine.access(va, kind).unwrap());
        }
        let stats = machine.kernel.stats();
        (frames, stats, machine.mmu.fences.clone(), machine.mmu.stores.clone(), machine.maps())
    };
    assert_eq!(run(), run());
}

#[test]
fn narrow_machines_stay_in_their_addresses() {
    for format in PagingFormat::ALL {
        let mmu = MmuConfig { physical_bits: 24, ..MmuConfig::of(format) };
        let config = KernelConfig { vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
        let mut machine = Machine::with(config, mmu);
        assert_eq!(
            machine.kernel.stats().frames_total,
            (1 << 12) - 256,
            "{format}: 16 MiB without the first"
        );
        machine.map(0x40_0000, 8 << 20, RW);
        for page in 0..2048 {
            let pa = machine.store(0x40_0000 + page * 0x1000);
            assert!(pa >= PhysAddr(0x10_0000) && pa < PhysAddr(1 << 24), "{format}: {pa}");
        }
        machine.shut_down();
    }
}
