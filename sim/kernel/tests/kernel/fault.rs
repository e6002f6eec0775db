//! Every kind of page fault, and what comes of it.

use crate::machine::{Machine, NONE, R, RW, RX, acc_err, anonymous, map_err};
use pagewalk_arch::{
    Access, AccessKind, FaultKind, MmuConfig, Outcome, PagingFormat, PhysAddr, Platform, VirtAddr,
};
use pagewalk_kernel::{AdMode, Bound, FaultResolution, KernelConfig, SegvCode, Signal, VmaPolicy};
use pagewalk_trace::{MapRequest, Syscall};

const AT: u64 = 0x1000_0000;

#[test]
fn demand_paging_gives_frames_only_to_what_is_touched() {
    let mut machine = Machine::strict(PagingFormat::La48);
    machine.map(AT, 100 << 20, RW);
    let stats = machine.kernel.stats();
    assert_eq!((stats.vsz_bytes, stats.rss_bytes, stats.page_faults_minor), (100 << 20, 0, 0));
    for page in 0..25_600 {
        machine.store(AT + page * 0x1000);
        if page % 6_400 == 0 {
            assert_eq!(machine.kernel.stats().rss_bytes, (page + 1) << 12);
        }
    }
    let stats = machine.kernel.stats();
    assert_eq!((stats.rss_bytes, stats.page_faults_minor, stats.zero_fill), (100 << 20, 25_600, 25_600));
    assert_eq!(stats.flushes_page + stats.flushes_address_space, 0, "absent to present needs no fence");
    machine.exit(1);
    assert_eq!(machine.kernel.stats().frames_in_use, 2, "the idle root and the page of zeroes");
    machine.shut_down();
}

#[test]
fn reads_share_the_page_of_zeroes_until_written() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(AT, 0x2000, RW);
    let (first, second) = (machine.load(AT), machine.load(AT + 0x1000));
    assert_eq!(first, second);
    assert_eq!(machine.kernel.stats().rss_bytes, 0);
    assert_ne!(machine.store(AT), first);
    let stats = machine.kernel.stats();
    assert_eq!((stats.zero_page, stats.zero_fill, stats.cow, stats.page_faults_minor), (2, 1, 0, 3));
    assert_eq!((stats.rss_bytes, stats.leaf_entries, stats.flushes_page), (0x1000, 2, 1));
    machine.shut_down();
}

#[test]
fn address_zero_is_nobodys() {
    for (mut machine, what) in [
        (Machine::strict(PagingFormat::La48), "strict"),
        (Machine::inferring(PagingFormat::La48), "inferring"),
    ] {
        machine.map(AT, 0x1000, RW);
        machine.store(AT);
        assert_eq!(machine.killed(0, AccessKind::Store), map_err(0), "{what}");
        let stats = machine.kernel.stats();
        assert_eq!((stats.segv, stats.processes, stats.killed, stats.exits), (1, 0, 1, 0));
        assert_eq!(machine.running(), None);
        assert_eq!(stats.frames_in_use, 2, "{what}: its memory is returned");
        assert_eq!(machine.access(AT, AccessKind::Load), Err(FaultResolution::NoProcess));
        machine.shut_down();
    }
}

#[test]
fn rights_are_those_of_the_area() {
    let cases = [
        (R, AccessKind::Store, false),
        (R, AccessKind::Fetch, false),
        (RX, AccessKind::Fetch, true),
        (RX, AccessKind::Store, false),
        (RW, AccessKind::Store, true),
        (RW, AccessKind::Fetch, false),
        (NONE, AccessKind::Load, false),
    ];
    for format in PagingFormat::ALL {
        for (protection, kind, legal) in cases {
            let without_xd = format == PagingFormat::X86Legacy;
            let legal = legal || (without_xd && kind == AccessKind::Fetch && protection != NONE);
            for touched_before in [false, true] {
                let mut machine = Machine::strict(format);
                machine.map(AT, 0x1000, protection);
                if touched_before && protection != NONE {
                    machine.load(AT);
                }
                if legal {
                    machine.access(AT + 8, kind).unwrap();
                } else {
                    assert_eq!(
                        machine.killed(AT + 8, kind),
                        acc_err(AT + 8),
                        "{format} {protection:?} {kind:?}"
                    );
                }
                machine.shut_down();
            }
        }
    }
}

#[test]
fn execute_only_pages_are_unreadable_where_the_architecture_can_say_so() {
    let execute = pagewalk_trace::Protection { execute: true, ..NONE };
    let mut riscv = Machine::strict(PagingFormat::Sv48);
    riscv.map(AT, 0x1000, execute);
    riscv.access(AT, AccessKind::Fetch).unwrap();
    assert_eq!(riscv.killed(AT, AccessKind::Load), acc_err(AT));
    let mut x86 = Machine::strict(PagingFormat::La48);
    x86.map(AT, 0x1000, execute);
    x86.load(AT);
}

#[test]
fn write_only_areas_are_readable() {
    let write = pagewalk_trace::Protection { write: true, ..NONE };
    for format in PagingFormat::ALL {
        let mut machine = Machine::strict(format);
        machine.map(AT, 0x2000, write);
        machine.store(AT);
        machine.load(AT);
        machine.load(AT + 0x1000);
        machine.store(AT + 0x1000);
        machine.shut_down();
    }
}

#[test]
fn without_hardware_updates_a_and_d_fault() {
    let config = KernelConfig {
        ad_mode: AdMode::Software,
        zero_page: false,
        vma_policy: VmaPolicy::Strict,
        ..KernelConfig::default()
    };
    let mut machine = Machine::with(config, MmuConfig::of(PagingFormat::Sv39));
    assert!(!machine.mmu.context().mode.adue);
    machine.map(AT, 0x1000, RW);
    machine.load(AT);
    assert_eq!((machine.kernel.stats().page_faults_minor, machine.kernel.stats().ad), (1, 0));
    machine.store(AT);
    assert_eq!((machine.kernel.stats().page_faults_minor, machine.kernel.stats().ad), (2, 1), "D was clear");
    machine.call(1, Syscall::Advise { at: VirtAddr(AT), bytes: 0x1000, advice: 8 });
    machine.load(AT);
    machine.store(AT);
    assert_eq!(machine.kernel.stats().ad, 3, "MADV_FREE cleared both");
    let mut log = Vec::new();
    machine.mmu.take_pte_writes(pagewalk_arch::CpuId::BOOT, &mut log);
    assert!(log.is_empty(), "the walker wrote nothing");
    machine.shut_down();
}

#[test]
fn with_hardware_updates_the_walker_tells_what_was_used() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(AT, 0x1000, RW);
    machine.store(AT);
    machine.call(1, Syscall::Advise { at: VirtAddr(AT), bytes: 0x1000, advice: 8 });
    machine.load(AT);
    assert_eq!(machine.kernel.stats().page_faults_minor, 1);
    let mut log = Vec::new();
    machine.mmu.take_pte_writes(pagewalk_arch::CpuId::BOOT, &mut log);
    let changes: Vec<u64> = log.iter().map(|write| write.before ^ write.after).collect();
    assert_eq!(changes, [0xc0, 0x40], "A and D by the store, A again by the load");
    machine.shut_down();
}

#[test]
fn stacks_grow_to_their_limit_and_keep_their_guard() {
    let top = 0x7000_0000;
    let config =
        KernelConfig { stack_bytes_max: 1 << 20, vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
    let grow = |below: Option<u64>, at: u64| {
        let mut machine = Machine::with(config, MmuConfig::of(PagingFormat::Sv39));
        if let Some(below) = below {
            machine.map(below, 0x1000, RW);
        }
        machine.call(1, Syscall::Map(MapRequest { grows_down: true, ..anonymous(top - 0x2000, 0x2000, RW) }));
        let result = machine.access(at, AccessKind::Store).is_ok();
        if result {
            assert!(machine.maps().contains("[stack]"));
            assert_eq!(machine.kernel.stats().stack_growth, 1);
        }
        machine.shut_down();
        result
    };
    assert!(grow(None, top - 0x3000));
    assert!(grow(None, top - (1 << 20)), "exactly at the limit");
    assert!(!grow(None, top - (1 << 20) - 0x1000), "one page beyond");
    assert!(grow(Some(top - 0x4000 - 257 * 0x1000), top - 0x4000), "256 pages of guard");
    assert!(!grow(Some(top - 0x4000 - 256 * 0x1000), top - 0x4000), "255 pages of guard");
}

#[test]
fn a_death_names_the_setting_behind_it() {
    let top = 0x7000_0000;
    let bound = |policy, at| {
        let config = KernelConfig { stack_bytes_max: 1 << 20, vma_policy: policy, ..KernelConfig::default() };
        let mut machine = Machine::with(config, MmuConfig::of(PagingFormat::Sv39));
        machine.call(1, Syscall::Map(MapRequest { grows_down: true, ..anonymous(top - 0x2000, 0x2000, RW) }));
        let end = machine.access(at, AccessKind::Store);
        machine.shut_down();
        let Err(FaultResolution::Killed(death)) = end else { panic!("{end:?}") };
        death.bound
    };
    assert_eq!(bound(VmaPolicy::Strict, top - (1 << 20) - 0x1000), Some(Bound::StackBytes));
    assert_eq!(bound(VmaPolicy::Strict, top - (1 << 24)), None, "a stray address");
    assert_eq!(bound(VmaPolicy::Strict, top + 0x1000), None);
    assert_eq!(bound(VmaPolicy::Infer, 0x8), Some(Bound::MmapMinAddr));
    assert_eq!(bound(VmaPolicy::Strict, 0x8), None, "nothing is inferred anyway");
}

#[test]
fn what_memory_refuses_is_a_bus_error() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(AT, 0x1000, RW);
    let access = Access::user(AT, AccessKind::Load);
    let outcome = Outcome { va: access.va, fault: FaultKind::Access, code: 5, ..Outcome::default() };
    let end = machine.fault(&access, &outcome);
    let FaultResolution::Killed(death) = end else { panic!("{end:?}") };
    assert_eq!(death.to_string(), "process 1 killed by SIGBUS (BUS_ADRERR) at 0x10000000");
    assert_eq!(machine.kernel.stats().sigbus, 1);
    machine.shut_down();
}

#[test]
fn addresses_that_are_not_canonical() {
    let va = 0x8000_0000_0000;
    let mut x86 = Machine::inferring(PagingFormat::La48);
    let kernel_code = Signal::Segv { code: SegvCode::Kernel, address: VirtAddr(va) };
    assert_eq!(x86.killed(va, AccessKind::Load), kernel_code);
    let mut riscv = Machine::inferring(PagingFormat::Sv48);
    assert_eq!(riscv.killed(va, AccessKind::Load), map_err(va));
    let mut upper = Machine::inferring(PagingFormat::Sv39);
    let va = 0xffff_ffff_ffff_f000;
    assert_eq!(upper.killed(va, AccessKind::Load), map_err(va), "the upper half is the kernel's");
}

#[test]
fn an_mmu_that_refuses_what_the_tables_grant_is_found_out() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(AT, 0x1000, RW);
    machine.store(AT);
    let access = Access::user(AT, AccessKind::Store);
    let refusal = Outcome { va: access.va, fault: FaultKind::Page, code: 15, ..Outcome::default() };
    let fault = |m: &mut Machine, a: &Access| m.fault(a, &refusal);
    assert_eq!(fault(&mut machine, &access), FaultResolution::Retry, "once may be a stale entry");
    assert_eq!(fault(&mut machine, &access), FaultResolution::Refused);
    assert_eq!(machine.kernel.stats().spurious, 1);
    let supervisor = Access::supervisor(AT + 8, AccessKind::Store);
    assert_eq!(fault(&mut machine, &supervisor), FaultResolution::Retry);
    let end = fault(&mut machine, &supervisor);
    assert!(matches!(end, FaultResolution::Killed(_)), "a supervisor that may not reach user pages: {end:?}");
    machine.shut_down();
}

#[test]
fn running_out_of_memory_kills_and_returns_everything() {
    let config = KernelConfig {
        memory_bytes: 64 << 12,
        memory_start: Some(PhysAddr(0x10_0000)),
        vma_policy: VmaPolicy::Strict,
        ..KernelConfig::default()
    };
    for format in PagingFormat::ALL {
        let mut machine = Machine::with(config, MmuConfig::of(format));
        machine.map(AT, 1 << 20, RW);
        let mut touched = 0;
        let end = loop {
            match machine.access(AT + touched * 0x1000, AccessKind::Store) {
                Ok(_) => touched += 1,
                Err(end) => break end,
            }
        };
        let FaultResolution::Killed(death) = end else { panic!("{end:?}") };
        assert_eq!(death.signal, Signal::OutOfMemory);
        let tables = format.spec().levels() as u64;
        assert_eq!(touched, 64 - 2 - tables, "{format}: idle root, page of zeroes and tables take the rest");
        assert_eq!(machine.kernel.stats().out_of_memory, 1);
        machine.shut_down();
    }
}

#[test]
fn time_passes_by_accesses_and_by_nothing_else() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(0x1000_0000, 0x2000, RW);
    machine.fork(1, 2);
    assert_eq!(machine.kernel.stats().ticks, 0, "calls take no time");
    machine.store(0x1000_0000);
    machine.store(0x1000_0000);
    assert_eq!(
        (machine.kernel.stats().ticks, machine.kernel.stats().page_faults_minor),
        (2, 1),
        "nor do faults"
    );
    machine.switch(2);
    machine.load(0x1000_0000);
    assert_eq!(machine.kernel.stats().ticks, 3);
    machine.shut_down();
}
