//! A PC under Linux: zones with watermarks, lists of CPUs, slabs, and what the kernel itself holds, with every invariant checked.

use crate::machine::{Machine, RW, anonymous};
use pagewalk_arch::{AccessKind, MmuConfig, PagingFormat, VirtAddr};
use pagewalk_kernel::{ConfigError, Kernel, KernelConfig, PcMachine, VmaPolicy, ZoneKind};
use pagewalk_trace::Syscall;

const AT: u64 = 0x1000_0000;
const PAGE: u64 = 0x1000;

fn config(mib: u64) -> KernelConfig {
    KernelConfig {
        memory_bytes: mib << 20,
        pc: Some(PcMachine::default()),
        vma_policy: VmaPolicy::Strict,
        ..KernelConfig::default()
    }
}

fn pc(format: PagingFormat) -> Machine {
    Machine::with(config(256), MmuConfig::of(format))
}

#[test]
fn a_pc_of_256_mib_has_as_much_free_as_under_linux() {
    let machine = pc(PagingFormat::La48);
    let memory = machine.kernel.memory();
    assert_eq!(memory.frames_total(), 55_905, "MemTotal is 223,620 KiB");
    let zones: Vec<_> =
        memory.zones().iter().map(|zone| (zone.kind(), zone.managed(), zone.marks().low)).collect();
    assert_eq!(zones, [(ZoneKind::Dma, 3840, 41), (ZoneKind::Dma32, 52_065, 536)]);
    assert_eq!(memory.zones()[0].frames_free(), 3808);
    // MemAvailable and MemFree as measured with 35 pages of files and 2,266 of slabs: 199,116 and 195,832 KiB.
    let available = memory.frames_available(35, 2266) - (memory.frames_free() - memory.frames_per_cpu());
    assert_eq!(available, (199_116 - 195_832) / 4);
    // Measured: 49,013, of which programs' pages, the page cache and tables had already taken 701.
    let free = memory.frames_free();
    assert!(free.abs_diff(49_013 + 701) < 60, "{free}");
}

#[test]
fn everything_holds_and_comes_back_in_every_format() {
    for format in PagingFormat::ALL {
        let mut machine = pc(format);
        machine.check();
        let before = machine.kernel.memory().frames_free();
        machine.call(1, Syscall::Map(anonymous(AT, 2000 * PAGE, RW)));
        for page in 0..2000 {
            machine.store(AT + page * PAGE);
        }
        machine.check();
        machine.fork(1, 2);
        machine.switch(2);
        (0..500).for_each(|page| _ = machine.store(AT + page * PAGE));
        machine.kernel.sync_objects();
        machine.check();
        let used = before - machine.kernel.memory().frames_free();
        assert!((2500..2600).contains(&used), "{format}: {used} frames");
        machine.exit(2);
        machine.switch(1);
        machine.call(1, Syscall::Unmap { at: VirtAddr(AT), bytes: 2000 * PAGE });
        machine.kernel.sync_objects();
        machine.check();
        let left = before - machine.kernel.memory().frames_free();
        assert!(left < 30, "{format}: {left} frames are held, by slabs and upper tables");
        machine.kernel.shutdown(&mut machine.mmu);
        assert_eq!(machine.kernel.memory().frames_in_use(), 0, "{format}");
    }
}

#[test]
fn areas_are_objects_of_slabs() {
    let mut machine = pc(PagingFormat::La48);
    let active = |machine: &mut Machine, name: &str| {
        machine.kernel.sync_objects();
        let slab = machine.kernel.slab().unwrap();
        slab.info_of(slab.cache(name).unwrap()).active_objects
    };
    let (areas, histories) = (active(&mut machine, "vm_area_struct"), active(&mut machine, "anon_vma"));
    for area in 0..2000 {
        machine.call(1, Syscall::Map(anonymous(AT + 2 * area * PAGE, PAGE, RW)));
    }
    assert!(active(&mut machine, "vm_area_struct").abs_diff(areas + 2000) < 40);
    (0..1000).for_each(|area| _ = machine.store(AT + 2 * area * PAGE));
    assert!(active(&mut machine, "anon_vma").abs_diff(histories + 1000) < 50);
    machine.exit(1);
    assert!(active(&mut machine, "vm_area_struct") < 300, "measured after 4,000 areas: 149");
    machine.kernel.create_many_files("data/f", 5000);
    assert!(active(&mut machine, "dentry").abs_diff(10_416 + 5000) < 30);
    machine.check();
}

#[test]
fn memory_that_runs_out_kills_and_nothing_else() {
    let mut machine = Machine::with(config(128), MmuConfig::of(PagingFormat::La48));
    machine.call(1, Syscall::Map(anonymous(AT, 200 << 20, RW)));
    let died = (0..).find(|page| machine.access(AT + page * PAGE, AccessKind::Store).is_err()).unwrap();
    assert!(died > 10_000, "{died} pages");
    machine.check();
    machine.kernel.shutdown(&mut machine.mmu);
    assert_eq!(machine.kernel.memory().frames_in_use(), 0);
}

#[test]
fn a_pc_too_small_for_its_kernel_says_so() {
    for mib in [0, 1, 20, 32, 40] {
        let error = Kernel::new(config(mib), &MmuConfig::of(PagingFormat::La48)).map(drop).unwrap_err();
        assert!(matches!(error, ConfigError::MemoryTooSmall { .. }), "{mib} MiB: {error}");
    }
    assert!(Kernel::new(config(80), &MmuConfig::of(PagingFormat::La48)).is_ok());
}

#[test]
fn knobs_move_the_watermarks() {
    let mut machine = pc(PagingFormat::La48);
    let marks = |machine: &Machine| {
        let marks = machine.kernel.memory().zones()[1].marks();
        [marks.min, marks.low, marks.high]
    };
    assert_eq!(machine.kernel.sysctls().user_reserve_kbytes, 6517, "measured");
    assert_eq!((machine.kernel.sysctls().min_free_kbytes, marks(&machine)), (1852, [429, 536, 643]));
    machine.kernel.sysctl("vm.min_free_kbytes", "16384").unwrap();
    assert_eq!(marks(&machine), [3814, 4767, 5720]);
    machine.kernel.sysctl("vm.min_free_kbytes", "1852").unwrap();
    machine.kernel.sysctl("vm.watermark_scale_factor", "1000").unwrap();
    assert_eq!(marks(&machine), [431, 5637, 10_843]);
    machine.kernel.sysctl("vm.percpu_pagelist_high_fraction", "8").unwrap();
    assert_eq!(machine.kernel.memory().zones()[1].per_cpu()[0].high(), 52_065 / 8);
}

#[test]
fn names_of_files_are_slab_memory_that_goes_when_asked() {
    let mut machine = pc(PagingFormat::La48);
    let rows = |machine: &Machine| {
        let slab = machine.kernel.slab().unwrap();
        ["dentry", "ext4_inode_cache"].map(|name| slab.info_of(slab.cache(name).unwrap()).active_objects)
    };
    let near = |[before, after]: [u64; 2], change: i64| {
        (after as i64 - before as i64 - change).abs() * 100 <= 3 * change.abs()
    };
    let start = rows(&machine);
    let free = machine.kernel.memory().frames_free();
    machine.kernel.create_many_files("data/f", 5000);
    let created = rows(&machine);
    assert!(
        near([start[0], created[0]], 5000) && near([start[1], created[1]], 5000),
        "{start:?}, then {created:?}"
    );
    let taken = free - machine.kernel.memory().frames_free();
    assert!(taken.abs_diff(1785) < 60, "{taken} frames, measured: 1,785");
    machine.kernel.drop_caches(1);
    assert_eq!(rows(&machine), created);
    machine.kernel.drop_caches(2);
    let dropped = rows(&machine);
    assert!(near([created[1], dropped[1]], -4938), "{created:?}, then {dropped:?}, measured: 4,938 less");
    machine.check();
}
