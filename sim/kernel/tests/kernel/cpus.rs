//! Several CPUs: one changes an address space while another holds translations of it. Each test runs twice: with a
//! second CPU that fences, and with one that does not, where the stale translation must show.

use crate::machine::{Machine, R, RW, anonymous};
use pagewalk_arch::{AccessKind, Asid, CpuId, MmuConfig, PagingFormat, TlbFlush, VirtAddr};
use pagewalk_kernel::{FaultResolution, KernelConfig, VmaPolicy};
use pagewalk_trace::{CloneKind, Syscall};
use std::panic::{AssertUnwindSafe, catch_unwind};

const AT: u64 = 0x1000_0000;
const FIRST: CpuId = CpuId::BOOT;
const SECOND: CpuId = CpuId(1);

fn config() -> KernelConfig {
    KernelConfig { vma_policy: VmaPolicy::Strict, ..KernelConfig::default() }
}

/// Process 1 on the first CPU and its thread 2 on the second, where four pages at `AT` have been written.
fn two_threads(format: PagingFormat, asid_bits: u32) -> Machine {
    let mmu = MmuConfig { asid_bits, ..MmuConfig::of(format) };
    let mut machine = Machine::of_cpus(config(), mmu, 2);
    machine.map(AT, 0x4000, RW);
    machine.call(1, Syscall::Clone { child: 2, kind: CloneKind::Thread });
    machine.on(SECOND).switch(2);
    for page in 0..4 {
        machine.store(AT + page * 0x1000);
    }
    machine.on(FIRST);
    machine
}

/// `scenario` passes on all formats, and fails where the second CPU does not fence.
fn needs_the_shootdown(scenario: impl Fn(&mut Machine)) {
    for format in PagingFormat::ALL {
        for asid_bits in [0, format.spec().asid_bits.min(9)] {
            let mut machine = two_threads(format, asid_bits);
            scenario(&mut machine);
            assert!(machine.kernel.stats().shootdowns > 0, "{format}: nothing was asked of the other CPU");
            machine.shut_down();
            let mut machine = two_threads(format, asid_bits);
            machine.mmu.deaf = Some(SECOND);
            let found = catch_unwind(AssertUnwindSafe(|| {
                scenario(&mut machine);
                machine.check();
            }));
            assert!(found.is_err(), "{format}, {asid_bits} bits of ASID: a missing shootdown goes unnoticed");
        }
    }
}

#[test]
fn munmap_reaches_the_other_cpu() {
    needs_the_shootdown(|machine| {
        machine.unmap(AT, 0x2000);
        machine.check();
        machine.map(AT, 0x1000, RW);
        let fresh = machine.store(AT);
        assert_eq!(machine.on(SECOND).load(AT), fresh);
    });
}

#[test]
fn munmap_of_a_whole_table_reaches_the_other_cpu() {
    needs_the_shootdown(|machine| {
        machine.unmap(AT, 0x4000);
        machine.map(AT, 0x4000, RW);
        let fresh = machine.store(AT);
        assert_eq!(machine.on(SECOND).load(AT), fresh);
    });
}

#[test]
fn mprotect_reaches_the_other_cpu() {
    needs_the_shootdown(|machine| {
        machine.protect(AT, 0x1000, R);
        machine.check();
        assert!(machine.on(SECOND).access(AT, AccessKind::Store).is_err());
    });
}

#[test]
fn fork_reaches_the_other_cpu() {
    needs_the_shootdown(|machine| {
        let before = machine.load(AT);
        machine.fork(1, 3);
        machine.check();
        assert_ne!(machine.on(SECOND).store(AT), before, "copied, though the writer was on another CPU");
        machine.on(FIRST).switch(3);
        assert_eq!(machine.load(AT), before);
    });
}

#[test]
fn exit_takes_every_cpu_out_of_the_address_space() {
    for format in PagingFormat::ALL {
        let mut machine = two_threads(format, format.spec().asid_bits.min(9));
        machine.call(1, Syscall::ExitGroup { status: 0 });
        machine.check();
        for cpu in [FIRST, SECOND] {
            assert_eq!(machine.on(cpu).access(AT, AccessKind::Load), Err(FaultResolution::NoProcess));
        }
        machine.shut_down();
    }
}

#[test]
fn the_end_of_a_process_is_forgotten_everywhere() {
    // Without ASIDs the second CPU keeps nothing when it leaves; with them, a fence must come to it.
    for (format, asid_bits) in [(PagingFormat::Sv39, 0), (PagingFormat::La48, 0), (PagingFormat::Sv39, 3)] {
        let run = |deaf: Option<CpuId>| {
            let mut machine = two_threads(format, asid_bits);
            machine.mmu.deaf = deaf;
            machine.call(1, Syscall::ExitGroup { status: 0 });
            machine.check();
            // Every number comes round again.
            for pid in 10..20 {
                machine.on(SECOND).switch(pid);
                machine.map(AT, 0x1000, RW);
                machine.store(AT);
                machine.exit(pid);
            }
            machine.shut_down();
        };
        run(None);
        let found = catch_unwind(AssertUnwindSafe(|| run(Some(SECOND))));
        assert!(found.is_err(), "{format}, {asid_bits} bits of ASID: a missing shootdown goes unnoticed");
    }
}

#[test]
fn exec_on_one_cpu_ends_the_threads_on_the_others() {
    for format in PagingFormat::ALL {
        let mut machine = two_threads(format, format.spec().asid_bits.min(9));
        machine.call(1, Syscall::Exec { path: "/bin/true".into() });
        machine.check();
        assert_eq!((machine.kernel.running(FIRST), machine.kernel.running(SECOND)), (Some(1), None));
        assert_eq!(machine.on(SECOND).access(AT, AccessKind::Load), Err(FaultResolution::NoProcess));
        machine.shut_down();
        // From the thread: it goes on where it is.
        let mut machine = two_threads(format, format.spec().asid_bits.min(9));
        machine.on(SECOND).call(2, Syscall::Exec { path: "/bin/true".into() });
        machine.check();
        assert_eq!((machine.kernel.running(FIRST), machine.kernel.running(SECOND)), (None, Some(1)));
        machine.shut_down();
    }
}

#[test]
fn copy_on_write_on_one_cpu_reaches_readers_on_the_other() {
    needs_the_shootdown(|machine| {
        machine.fork(1, 3);
        // Both CPUs read what is shared with the child; one writes.
        let shared = machine.on(SECOND).load(AT);
        let own = machine.on(FIRST).store(AT);
        assert_ne!(own, shared);
        assert_eq!(machine.on(SECOND).load(AT), own, "the other CPU must not go on reading the child's page");
    });
}

#[test]
fn a_thread_that_is_switched_to_elsewhere_moves() {
    let mut machine = two_threads(PagingFormat::La48, 12);
    machine.switch(2);
    assert_eq!((machine.kernel.running(FIRST), machine.kernel.running(SECOND)), (Some(1), None));
    machine.on(SECOND).switch(1);
    assert_eq!(machine.kernel.running(FIRST), Some(1), "thread 2 still runs there");
    machine.shut_down();
}

#[test]
fn an_idle_cpu_keeps_the_tables_until_a_fence_reaches_it() {
    for format in PagingFormat::ALL {
        let asid_bits = format.spec().asid_bits.min(9);
        let mut machine = two_threads(format, asid_bits);
        machine.switch(2);
        let contexts = machine.mmu.contexts.len();
        machine.on(SECOND).switch(2);
        assert_eq!(machine.mmu.contexts.len(), contexts, "{format}: it came back to what was still loaded");
        machine.on(FIRST).switch(2);
        let shootdowns = machine.kernel.stats().shootdowns;
        machine.unmap(AT, 0x1000);
        assert_eq!(machine.kernel.stats().shootdowns, shootdowns + 1, "{format}");
        machine.check();
        let roots: Vec<_> = machine.mmu.roots().collect();
        assert_ne!(roots[0], roots[1], "{format}: it left");
        machine.shut_down();
    }
}

#[test]
fn an_idle_cpu_leaves_when_the_address_space_ends() {
    for format in PagingFormat::ALL {
        let mut machine = two_threads(format, format.spec().asid_bits.min(9));
        machine.switch(2);
        machine.call(1, Syscall::ExitGroup { status: 0 });
        machine.check();
        machine.shut_down();
    }
}

#[test]
fn a_fence_goes_only_where_the_address_space_ran() {
    let mut machine = Machine::of_cpus(config(), MmuConfig::of(PagingFormat::Sv39), 4);
    machine.map(AT, 0x1000, RW);
    machine.store(AT);
    machine.on(SECOND).switch(5);
    machine.on(FIRST).unmap(AT, 0x1000);
    assert_eq!(machine.kernel.stats().shootdowns, 0);
    machine.shut_down();
}

#[test]
fn pcids_are_each_cpus_own_and_asids_are_all_cpus() {
    for (format, on_second) in [(PagingFormat::La48, Asid(1)), (PagingFormat::Sv39, Asid(2))] {
        let mut machine = Machine::of_cpus(config(), MmuConfig::of(format), 2);
        machine.switch(1);
        machine.on(SECOND).switch(7);
        assert_eq!(machine.mmu.contexts.last().unwrap().asid, on_second, "{format}");
        machine.map(AT, 0x1000, RW);
        machine.store(AT);
        machine.on(FIRST).call(7, Syscall::Unmap { at: VirtAddr(AT), bytes: 0x1000 });
        assert_eq!(machine.mmu.fences.last(), Some(&TlbFlush::address_space(on_second)), "{format}");
        machine.check();
        machine.shut_down();
    }
}

#[test]
fn a_rollover_leaves_alone_what_runs_elsewhere() {
    for format in [PagingFormat::Sv39, PagingFormat::Sv32, PagingFormat::La48] {
        let mut machine = two_threads(format, 3);
        let frame = machine.load(AT);
        for pid in 10..40 {
            machine.on(FIRST).switch(pid);
            machine.call(pid, Syscall::Map(anonymous(AT, 0x1000, RW)));
            assert_ne!(machine.store(AT), frame, "{format}");
            machine.check();
            assert_eq!(machine.on(SECOND).load(AT), frame, "{format}");
            if pid % 4 == 0 {
                // To the second CPU as well, whose flush is still due.
                machine.switch(pid);
                assert_ne!(machine.load(AT), frame, "{format}");
                machine.switch(2);
                machine.check();
            }
        }
        assert!(machine.kernel.stats().asid_rollovers > 3, "{format}");
        machine.shut_down();
    }
}

#[test]
fn a_copy_of_the_machine_goes_on_alike() {
    let mut machine = two_threads(PagingFormat::La48, 12);
    let mut copy = Machine { kernel: machine.kernel.clone(), mmu: machine.mmu.clone() };
    let go_on = |machine: &mut Machine| {
        machine.fork(1, 3);
        machine.on(SECOND).store(AT);
        machine.on(FIRST).switch(3);
        machine.unmap(AT, 0x1000);
        (machine.kernel.stats(), machine.mmu.fences.clone(), machine.mmu.stores.clone())
    };
    assert_eq!(go_on(&mut machine), go_on(&mut copy));
}

#[test]
fn nothing_is_free_before_the_fence_is_carried_out() {
    let at_the_fence = |change: &dyn Fn(&mut Machine)| {
        for format in PagingFormat::ALL {
            let mut machine = two_threads(format, format.spec().asid_bits.min(9));
            let in_use = machine.kernel.memory().frames_in_use();
            machine.mmu.stops_at_fence = true;
            let stopped = catch_unwind(AssertUnwindSafe(|| change(&mut machine)));
            assert!(stopped.is_err(), "{format}: no fence");
            assert!(machine.kernel.memory().frames_in_use() >= in_use, "{format}: returned too early");
        }
    };
    at_the_fence(&|machine| machine.unmap(AT, 0x4000));
    at_the_fence(&|machine| machine.map(AT, 0x2000, R));
    at_the_fence(&|machine| machine.call(1, Syscall::Advise { at: VirtAddr(AT), bytes: 0x1000, advice: 4 }));
}

/// The kernel sees no TLB. Whoever sees both finds a frame that was freed before the last fence for it.
#[test]
fn a_freed_frame_that_a_tlb_still_reaches_is_found() {
    let run = |deaf: Option<CpuId>, unmaps: bool| {
        let mut machine = Machine::strict(PagingFormat::Sv39);
        machine.map(AT, 0x4000, RW);
        (0..4).for_each(|page| _ = machine.store(AT + page * 0x1000));
        machine.mmu.deaf = deaf;
        if unmaps {
            machine.unmap(AT, 0x2000);
        } else {
            machine.protect(AT, 0x2000, R);
        }
        machine
    };
    run(None, true).check();
    for (unmaps, finding) in [(true, "is free, and a TLB of"), (false, "a fence is missing")] {
        let machine = run(Some(FIRST), unmaps);
        machine.kernel.check(&machine.mmu).expect("nothing is wrong with what the kernel knows");
        let panic = catch_unwind(AssertUnwindSafe(|| machine.check())).expect_err("it is found");
        let text = panic.downcast_ref::<String>().expect("a message");
        assert!(text.contains(finding), "{text}");
    }
}
