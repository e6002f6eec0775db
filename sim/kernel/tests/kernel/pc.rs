//! A PC under Linux: zones with watermarks, lists of CPUs, slabs, and what the kernel itself holds, with every invariant checked.

use crate::machine::{Machine, RW, anonymous};
use pagewalk_arch::{AccessKind, MmuConfig, PagingFormat, VirtAddr};
use pagewalk_kernel::{
    ConfigError, Kernel, KernelConfig, LruList, MigrateType, PcMachine, VmaPolicy, ZoneKind,
};
use pagewalk_trace::{CloneKind, Syscall};
use std::sync::LazyLock;

const AT: u64 = 0x1000_0000;
const PAGE: u64 = 0x1000;
const SPARSE: u64 = 0x40_0000_0000;

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
fn the_least_that_a_pc_needs_is_enough_and_no_more() {
    for (nodes, cpus, more_disks) in [(1, 1, 0), (1, 1, 1), (1, 64, 0), (4, 2, 1), (64, 64, 1)] {
        let pc = PcMachine { nodes, cpus, more_disks, ..PcMachine::default() };
        let least = pc.least_bytes();
        let kernel = |memory_bytes| {
            let config = KernelConfig { memory_bytes, pc: Some(pc), ..KernelConfig::default() };
            Kernel::new(config, &MmuConfig::of(PagingFormat::La48)).map(drop)
        };
        assert_eq!(kernel(least), Ok(()), "{pc:?}");
        let bytes = least - (1 << 20);
        assert_eq!(kernel(bytes), Err(ConfigError::MemoryTooSmall { bytes, least }), "{pc:?}");
    }
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

#[test]
fn what_a_file_system_holds_on_to_stays_and_comes_last_before_it_could_go() {
    let mut machine = pc(PagingFormat::La48);
    machine.kernel.mount(35, 18);
    let shown = |machine: &Machine| {
        let (info, memory) = (machine.kernel.mem_info(), machine.kernel.memory());
        let lists = [LruList::ActiveFile, LruList::InactiveFile].map(|list| memory.lru_len(list));
        (info.buffers, info.cached, lists)
    };
    assert_eq!(shown(&machine), (140, 0, [35, 0]));
    machine.check();
    machine.kernel.drop_caches(1);
    assert_eq!(shown(&machine), (72, 0, [0, 18]), "as Linux shows a fresh machine");
    assert_eq!(machine.kernel.events().pgrotated, 18);
    machine.check();
    machine.shut_down();
}

/// The lines of the killer's report on a PC of 256 MiB that is full of one process.
fn report_of_a_full_pc() -> &'static [String] {
    static LOG: LazyLock<Vec<String>> = LazyLock::new(|| {
        let mut machine = pc(PagingFormat::La48);
        machine.call(1, Syscall::Map(anonymous(AT, 400 << 20, RW)));
        let killed = (0..100_000).any(|page| machine.access(AT + page * PAGE, AccessKind::Store).is_err());
        assert!(killed, "400 MiB do not fit");
        machine.check();
        machine.kernel.log().to_vec()
    });
    &LOG
}

#[test]
fn the_killers_report_shows_zones_as_linux_does() {
    let log = report_of_a_full_pc();
    let line = |start: &str| log.iter().find(|line| line.starts_with(start)).expect(start).as_str();
    let has = |start: &str, words: &str| {
        let line = line(start);
        words.split(", ").for_each(|word| assert!(line.contains(word), "{word}: {line}"));
    };
    // As measured with 256 MiB and one process that took it all.
    has(
        "Node 0 DMA free:",
        "boost:0kB, min:132kB, low:164kB, high:196kB, present:15992kB, managed:15360kB, local_pcp:0kB",
    );
    has("Node 0 DMA32 free:", "present:245620kB, managed:208260kB");
    has("Node 0 active_anon:", "kernel_stack:736kB, isolated(anon):0kB, all_unreclaimable? yes");
    let after: Vec<_> =
        log.iter().skip_while(|line| !line.starts_with("Node 0 DMA free:")).map(String::as_str).collect();
    assert_eq!(after[1], "lowmem_reserve[]: 0 194 194 194 194");
    assert_eq!(after[3], "lowmem_reserve[]: 0 0 0 0 0");
    assert_eq!(
        &after[6..8],
        [
            "Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=1048576kB",
            "Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB",
        ]
    );
    assert_eq!(
        &after[10..15],
        [
            "Free swap  = 0kB",
            "Total swap = 0kB",
            "65403 pages RAM",
            "0 pages HighMem/MovableOnly",
            "9498 pages reserved",
        ]
    );
}

/// The number that comes after `name` and a colon, in KiB.
fn kib(line: &str, name: &str) -> u64 {
    let rest = line.split_once(&format!(" {name}:")).unwrap_or_else(|| panic!("{name} in {line}")).1;
    rest.split("kB").next().and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn what_zones_have_adds_up_to_what_the_node_has() {
    let log = report_of_a_full_pc();
    let node = log.iter().find(|line| line.starts_with("Node 0 active_anon:")).unwrap();
    let zones: Vec<_> =
        log.iter().filter(|line| line.contains(" free:") && line.contains("boost:")).collect();
    for name in ["inactive_anon", "inactive_file", "unevictable"] {
        assert_eq!(kib(node, name), zones.iter().map(|zone| kib(zone, name)).sum::<u64>(), "{name}");
    }
    assert!(kib(zones[0], "inactive_anon") > 13_000, "the lowest zone is full too: {}", zones[0]);
    for (zone, name) in zones.iter().zip(["DMA", "DMA32"]) {
        let blocks = log.iter().find(|line| line.starts_with(&format!("Node 0 {name}: "))).unwrap();
        let (listed, sum) = blocks.split_once(" = ").unwrap();
        assert_eq!(sum, format!("{}kB", kib(zone, "free")), "what buddy lists have is what is free");
        let sizes = listed.split_whitespace().filter_map(|word| word.strip_suffix("kB")?.split_once('*'));
        let counted: u64 =
            sizes.map(|(n, size)| n.parse::<u64>().unwrap() * size.parse::<u64>().unwrap()).sum();
        assert_eq!(format!("{counted}kB"), sum);
    }
}

#[test]
fn zones_count_what_lies_in_them() {
    let mut machine = pc(PagingFormat::La48);
    machine.call(1, Syscall::Map(anonymous(AT, 1000 * PAGE, RW)));
    machine.call(1, Syscall::Lock { at: VirtAddr(AT), bytes: 100 * PAGE, on_fault: false });
    (0..1000).for_each(|page| _ = machine.store(AT + page * PAGE));
    let infos = machine.kernel.zone_infos();
    let of = |name| infos.zones.iter().map(|zone| zone.counters.get(name).unwrap_or(0)).sum::<u64>();
    assert_eq!((of("nr_mlock"), of("nr_zone_unevictable"), of("nr_zone_inactive_anon")), (100, 100, 900));
}

#[test]
fn threads_have_stacks_in_the_kernel() {
    let mut machine = pc(PagingFormat::La48);
    let shown = |machine: &Machine| {
        let info = machine.kernel.mem_info();
        assert_eq!(machine.kernel.vm_stat().get("nr_kernel_stack"), Some(info.kernel_stack));
        info.kernel_stack
    };
    let kernels = |machine: &Machine| machine.kernel.usage().kernel;
    // As measured: 736 KiB before there is a program, 16 KiB more with each.
    let before = kernels(&machine);
    assert_eq!(shown(&machine), 736);
    for (child, kib, frames) in [(2, 752, 0), (3, 768, 0), (4, 784, 4), (5, 800, 8)] {
        machine.fork(1, child);
        assert_eq!(
            (shown(&machine), kernels(&machine) - before),
            (kib, frames),
            "{child}: two stacks were waiting"
        );
    }
    machine.call(5, Syscall::Clone { child: 6, kind: CloneKind::Thread });
    assert_eq!((shown(&machine), kernels(&machine) - before), (816, 12));
    machine.switch(5);
    machine.call(5, Syscall::Exec { path: "/bin/true".into() });
    assert_eq!((shown(&machine), kernels(&machine) - before), (800, 12), "the CPU keeps the thread's stack");
    machine.check();
    for pid in [2, 3, 4, 5] {
        machine.exit(pid);
    }
    assert_eq!((shown(&machine), kernels(&machine)), (736, before), "two wait for whoever comes next");
    machine.check();
    let cpus = KernelConfig { pc: Some(PcMachine { cpus: 4, ..PcMachine::default() }), ..config(256) };
    let large = Machine::with(cpus, MmuConfig::of(PagingFormat::La48));
    assert!(shown(&large).abs_diff(69 * 16) <= 16, "measured: 69 stacks");
    machine.shut_down();
}

#[test]
fn the_first_block_of_low_memory_is_unmovable() {
    let machine = pc(PagingFormat::La48);
    let buddy = machine.kernel.memory().zones()[0].buddy();
    assert_eq!(buddy.blocks_free_of(MigrateType::Unmovable), [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0]);
    assert_eq!(buddy.blocks_free_of(MigrateType::Movable), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3]);
    machine.shut_down();
}

#[test]
fn mixing_types_in_a_page_block_raises_watermarks_until_kswapd_has_run() {
    let mut machine = pc(PagingFormat::La48);
    machine.kernel.swap_on(40_000, None).unwrap();
    machine.call(1, Syscall::Map(anonymous(AT, 300 << 20, RW)));
    // A page in each of 6,000 tables, which are unmovable and take what was movable once theirs is gone.
    machine.call(1, Syscall::Map(anonymous(SPARSE, 6000 << 21, RW)));
    let boost = |machine: &Machine| {
        machine.kernel.memory().zones().iter().map(pagewalk_kernel::Zone::boost).max().unwrap()
    };
    let (mut highest, mut raised_at, mut came_down) = (0, None, 0);
    let dense = (0..70_000).map(|page| AT + page * PAGE);
    for va in dense.chain((0..6000).map(|table| SPARSE + (table << 21))) {
        machine.store(va);
        let (runs, boost) = (machine.kernel.events().pageoutrun, boost(&machine));
        highest = highest.max(boost);
        match raised_at {
            None if boost > 0 => raised_at = Some(runs),
            Some(before) if boost == 0 => {
                assert!(runs > before, "kswapd alone lowers them");
                (raised_at, came_down) = (None, came_down + 1);
            }
            _ => {}
        }
    }
    assert!(came_down > 0, "types are mixed");
    assert!(
        (512..=964).contains(&highest),
        "a page block at a time, half as much again as the high mark at most: {highest}"
    );
    let zone = &machine.kernel.zone_infos().zones[1];
    assert_eq!(zone.watermarks, [429, 536, 643].map(|mark| mark + zone.boost), "zoneinfo shows them raised");
    machine.check();
}
