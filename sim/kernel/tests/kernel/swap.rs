//! Pages that go to swap and come back: contents, rights, sharing, and every invariant of the kernel's state after each event.

use crate::machine::{Machine, RW, anonymous};
use pagewalk_arch::{
    Access, AccessKind, Batch, CpuId, MmuConfig, OnFault, PagingFormat, SplitMix64, Uniprocessor, VirtAddr,
};
use pagewalk_golden::Golden;
use pagewalk_kernel::{Errno, FaultResolution, Kernel, KernelConfig, LruList, SwapError, VmaPolicy};
use pagewalk_trace::{CloneKind, Event, Syscall, SyscallOutcome};
use std::collections::BTreeMap;

const AT: u64 = 0x1000_0000;
const PAGE: u64 = 0x1000;

/// A machine of `frames` frames and `swap` pages of swap, whose pages have contents.
fn machine(format: PagingFormat, frames: u64, swap: u64) -> Machine {
    let config = KernelConfig {
        memory_bytes: frames * PAGE,
        vma_policy: VmaPolicy::Strict,
        ..KernelConfig::default()
    };
    let mut machine = Machine::with(config, MmuConfig::of(format));
    machine.kernel.keep_contents();
    machine.kernel.swap_on(swap + 1, None).expect("a swap area");
    machine
}

fn store(machine: &mut Machine, page: u64, value: u8) {
    let at = machine.access(AT + page * PAGE, AccessKind::Store).expect("a legal store");
    machine.kernel.store(at, value);
}

fn load(machine: &mut Machine, page: u64) -> u8 {
    let at = machine.access(AT + page * PAGE, AccessKind::Load).expect("a legal load");
    machine.kernel.load(at)
}

#[test]
fn memory_beyond_ram_keeps_what_was_written() {
    for format in PagingFormat::ALL {
        let mut machine = machine(format, 96, 400);
        machine.call(1, Syscall::Map(anonymous(AT, 300 * PAGE, RW)));
        for page in 0..300 {
            store(&mut machine, page, page as u8 | 1);
        }
        machine.check();
        let counters = machine.kernel.counters(1).unwrap();
        assert_eq!(counters.anon + counters.swap, 300, "{format}");
        assert!(counters.swap > 200, "{format}: {counters:?}");
        let out = machine.kernel.events().pswpout;
        assert!(out >= counters.swap, "{format}");
        for page in 0..300 {
            assert_eq!(load(&mut machine, page), page as u8 | 1, "{format} page {page}");
        }
        machine.check();
        let faults = machine.kernel.faults(1).unwrap();
        assert!(faults.major > 25 && faults.major < 300, "{format}: clusters of eight: {faults:?}");
        assert!(machine.kernel.events().swap_ra_hit > 100, "{format}");
        machine.call(1, Syscall::Unmap { at: VirtAddr(AT), bytes: 300 * PAGE });
        machine.check();
        assert_eq!(machine.kernel.swap_free(), 400, "{format}: nothing is left in swap");
    }
}

#[test]
fn a_page_read_back_and_not_written_goes_again_without_being_written() {
    let mut machine = machine(PagingFormat::Sv39, 96, 1000);
    machine.call(1, Syscall::Map(anonymous(AT, 200 * PAGE, RW)));
    (0..200).for_each(|page| store(&mut machine, page, 7));
    (0..200).for_each(|page| assert_eq!(load(&mut machine, page), 7));
    let out = machine.kernel.events().pswpout;
    for _ in 0..3 {
        (0..200).for_each(|page| assert_eq!(load(&mut machine, page), 7));
    }
    let again = machine.kernel.events().pswpout - out;
    assert!(again < 100, "{again} pages were written again, which had not changed");
    machine.check();
}

#[test]
fn what_fork_shares_is_shared_in_swap_too() {
    for format in [PagingFormat::La48, PagingFormat::Sv32, PagingFormat::X86Pae] {
        let mut machine = machine(format, 128, 600);
        machine.call(1, Syscall::Map(anonymous(AT, 150 * PAGE, RW)));
        (0..150).for_each(|page| store(&mut machine, page, 1));
        machine.call(1, Syscall::Clone { child: 2, kind: CloneKind::Process });
        machine.check();
        machine.switch(2);
        (0..75).for_each(|page| store(&mut machine, page, 2));
        machine.check();
        machine.switch(1);
        (0..150).for_each(|page| assert_eq!(load(&mut machine, page), 1, "{format} {page}"));
        (100..150).for_each(|page| store(&mut machine, page, 3));
        machine.switch(2);
        for page in 0..150 {
            assert_eq!(load(&mut machine, page), if page < 75 { 2 } else { 1 }, "{format} {page}");
        }
        machine.check();
        machine.call(2, Syscall::ExitGroup { status: 0 });
        machine.switch(1);
        for page in 0..150 {
            assert_eq!(load(&mut machine, page), if page < 100 { 1 } else { 3 }, "{format} {page}");
        }
        machine.check();
    }
}

#[test]
fn swapoff_brings_everything_back() {
    let mut machine = machine(PagingFormat::La48, 128, 600);
    machine.call(1, Syscall::Map(anonymous(AT, 200 * PAGE, RW)));
    (0..200).for_each(|page| store(&mut machine, page, 9));
    machine.call(1, Syscall::Unmap { at: VirtAddr(AT), bytes: 120 * PAGE });
    assert_eq!(machine.kernel.swap_off(&mut machine.mmu, 1, 0), Ok(()));
    machine.check();
    assert_eq!(machine.kernel.counters(1).unwrap().swap, 0);
    (120..200).for_each(|page| assert_eq!(load(&mut machine, page), 9));
    assert_eq!(machine.kernel.swap_off(&mut machine.mmu, 1, 0), Err(Errno::Inval), "it is off");
    assert_eq!(machine.kernel.swap_off(&mut machine.mmu, 1, 7), Err(Errno::Inval), "it never was");
}

/// Processes 2 and 3 with 60 and 120 pages on a machine of 128 frames; pages hold their process's number.
fn crowded() -> Machine {
    let mut machine = machine(PagingFormat::La48, 128, 600);
    for (pid, pages) in [(2, 60), (3, 120)] {
        machine.switch(pid);
        machine.call(pid, Syscall::Map(anonymous(AT, pages * PAGE, RW)));
        (0..pages).for_each(|page| store(&mut machine, page, pid as u8));
    }
    machine
}

#[test]
fn swapoff_without_room_kills() {
    let mut machine = crowded();
    assert_eq!(machine.kernel.swap_off(&mut machine.mmu, 1, 0), Ok(()));
    machine.check();
    let deaths: Vec<_> = machine.kernel.take_deaths().iter().map(|death| death.pid).collect();
    assert_eq!(deaths, [3], "the largest");
    assert_eq!(machine.kernel.swap_total(), 0);
    machine.switch(2);
    (0..60).for_each(|page| assert_eq!(load(&mut machine, page), 2));
    let killed = machine.kernel.log().iter().filter(|line| line.contains("Killed process 3")).count();
    assert_eq!(killed, 1);
}

#[test]
fn whoever_turns_swap_off_without_room_goes_first() {
    let mut machine = crowded();
    assert_eq!(machine.kernel.set_oom_score_adj(2, -1000), Ok(()), "as long as it asks for little");
    assert_eq!(machine.kernel.swap_off(&mut machine.mmu, 2, 0), Err(Errno::Intr));
    machine.check();
    let deaths: Vec<_> = machine.kernel.take_deaths().iter().map(|death| death.pid).collect();
    assert_eq!((deaths, machine.kernel.swap_total()), (vec![2], 600), "the area stays");
    machine.switch(3);
    (0..120).for_each(|page| assert_eq!(load(&mut machine, page), 3));
    machine.check();
}

#[test]
fn swapoff_keeps_what_was_promised() {
    let mut machine = machine(PagingFormat::La48, 128, 600);
    machine.kernel.sysctl("vm.overcommit_ratio", "0").unwrap();
    machine.kernel.sysctl("vm.overcommit_memory", "2").unwrap();
    machine.call(1, Syscall::Map(anonymous(AT, 200 * PAGE, RW)));
    assert_eq!(machine.kernel.swap_off(&mut machine.mmu, 1, 0), Err(Errno::NoMem));
    machine.call(1, Syscall::Unmap { at: VirtAddr(AT), bytes: 200 * PAGE });
    machine.kernel.sysctl("vm.overcommit_memory", "1").unwrap();
    assert_eq!(machine.kernel.swap_off(&mut machine.mmu, 1, 0), Ok(()));
}

#[test]
fn an_area_that_no_entry_could_name_is_refused() {
    let mut machine = machine(PagingFormat::X86Legacy, 128, 60);
    assert_eq!(machine.kernel.swap_on(1 << 20, None), Ok(1));
    let refused = SwapError::Size { pages: (1 << 20) + 1, most: 1 << 20 };
    assert_eq!(machine.kernel.swap_on((1 << 20) + 1, None), Err(refused));
}

#[test]
fn locked_pages_stay() {
    let mut machine = machine(PagingFormat::Sv48, 96, 400);
    machine.call(1, Syscall::Map(anonymous(AT, 300 * PAGE, RW)));
    (0..20).for_each(|page| store(&mut machine, page, 5));
    machine.call(1, Syscall::Lock { at: VirtAddr(AT), bytes: 20 * PAGE, on_fault: false });
    assert_eq!(machine.kernel.memory().lru_len(LruList::Unevictable), 20);
    (20..300).for_each(|page| store(&mut machine, page, 6));
    let majors = machine.kernel.faults(1).unwrap().major;
    (0..20).for_each(|page| assert_eq!(load(&mut machine, page), 5));
    assert_eq!(machine.kernel.faults(1).unwrap().major, majors, "none of them had gone");
    machine.call(1, Syscall::Unlock { at: VirtAddr(AT), bytes: 20 * PAGE });
    assert_eq!(machine.kernel.memory().lru_len(LruList::Unevictable), 0);
    machine.check();
}

#[test]
fn pages_used_often_outlive_pages_used_once() {
    // A part of a list is rounded down, so that lists must not be too short.
    let mut machine = machine(PagingFormat::La48, 192, 2000);
    machine.call(1, Syscall::Map(anonymous(AT, 1000 * PAGE, RW)));
    (0..10).for_each(|page| store(&mut machine, page, 1));
    for page in 10..1000 {
        store(&mut machine, page, 1);
        if page % 4 == 0 {
            (0..10).for_each(|hot| assert_eq!(load(&mut machine, hot), 1));
        }
    }
    machine.check();
    let majors = machine.kernel.faults(1).unwrap().major;
    assert!(majors < 40, "{majors} times a page in steady use had gone");
}

/// Stores, loads, forks, unmapping and the ends of processes under pressure: every process sees what it wrote.
#[test]
fn random_processes_under_pressure() {
    for (format, seed) in PagingFormat::ALL.into_iter().zip(1..) {
        let mut random = SplitMix64(seed);
        let mut machine = machine(format, 160, 1500);
        machine.call(1, Syscall::Map(anonymous(AT, 120 * PAGE, RW)));
        let mut processes: BTreeMap<u32, BTreeMap<u64, u8>> = BTreeMap::from([(1, BTreeMap::new())]);
        let mut next = 2;
        for step in 0..6000 {
            let which = random.below(processes.len() as u32) as usize;
            let pid = *processes.keys().nth(which).unwrap();
            machine.switch(pid);
            let page = u64::from(random.below(120));
            match random.below(200) {
                0 if processes.len() < 5 => {
                    machine.call(pid, Syscall::Clone { child: next, kind: CloneKind::Process });
                    let copy = processes[&pid].clone();
                    processes.insert(next, copy);
                    next += 1;
                }
                1 if processes.len() > 1 => {
                    machine.call(pid, Syscall::ExitGroup { status: 0 });
                    processes.remove(&pid);
                }
                2..=4 => {
                    let pages = 1 + u64::from(random.below(8)).min(119 - page);
                    machine.call(
                        pid,
                        Syscall::Advise { at: VirtAddr(AT + page * PAGE), bytes: pages * PAGE, advice: 4 },
                    );
                    let memory = processes.get_mut(&pid).unwrap();
                    memory.retain(|other, _| !(page..page + pages).contains(other));
                }
                5..=7 => {
                    let advice = if random.below(2) == 0 { 20 } else { 21 };
                    machine
                        .call(pid, Syscall::Advise { at: VirtAddr(AT + page * PAGE), bytes: PAGE, advice });
                }
                8..=90 => {
                    let value = 1 + random.below(255) as u8;
                    store(&mut machine, page, value);
                    processes.get_mut(&pid).unwrap().insert(page, value);
                }
                _ => {
                    let expected = processes[&pid].get(&page).copied().unwrap_or(0);
                    assert_eq!(
                        load(&mut machine, page),
                        expected,
                        "{format} step {step} process {pid} page {page}"
                    );
                }
            }
            if step % 50 == 0 {
                machine.check();
            }
        }
        machine.check();
        assert!(machine.kernel.events().pswpin > 500, "{format}: it was no pressure");
        machine.kernel.shutdown(&mut machine.mmu);
        assert_eq!(
            (machine.kernel.memory().frames_in_use(), machine.kernel.swap_free()),
            (0, 1500),
            "{format}"
        );
    }
}

/// A TLB that still has a page uses it without looking at its entry: A stays clear, and the page looks unused. Linux on x86
/// and RISC-V accepts that for fences saved; with `flush_young` every look is followed by one.
#[test]
fn a_translation_that_is_kept_hides_that_the_page_is_used() {
    let run = |flush_young: bool| {
        let mmu = MmuConfig::of(PagingFormat::Sv39);
        let settings = KernelConfig {
            memory_bytes: 56 * PAGE,
            vma_policy: VmaPolicy::Strict,
            flush_young,
            ..KernelConfig::default()
        };
        let mut kernel = Kernel::new(settings, &mmu).expect("the configuration works");
        let mut platform = Uniprocessor::new(Golden::new(&mmu).expect("the format works"), 1 << 32);
        kernel.boot(&mut platform);
        kernel.swap_on(4000, None).expect("a swap area");
        let map = Syscall::Map(anonymous(AT, 2000 * PAGE, RW));
        let event = Event::Syscall { pid: 1, call: map, outcome: SyscallOutcome::Success, line: 1 };
        kernel.on_event(&mut platform, CpuId::BOOT, &event).expect("a legal call");
        let mut touch = |page: u64, kind| {
            let access = [Access::user(AT + page * PAGE, kind)];
            let batch = Batch { accesses: &access, end: true, on_fault: OnFault::Stop };
            while let Some(fault) = platform.run(&batch, None).fault {
                let resolved = kernel.on_fault(&mut platform, CpuId::BOOT, &access[0], &fault);
                assert_eq!(resolved, FaultResolution::Retry);
            }
        };
        // Sixteen pages are used between any two new ones: they never leave the TLB on their own.
        for page in 16..2000 {
            (0..16).for_each(|hot| touch(hot, AccessKind::Store));
            touch(page, AccessKind::Store);
        }
        let stats = kernel.stats();
        (kernel.faults(1).unwrap().major, stats.flushes_page + stats.flushes_address_space)
    };
    let ((lost, fences), (lost_with, fences_with)) = (run(false), run(true));
    assert!(lost_with * 2 < lost, "{lost_with} hot pages were lost with fences, {lost} without");
    assert!(fences_with > fences, "{fences_with} fences against {fences}");
}

#[test]
fn a_process_that_only_grows_is_named_before_memory_is_gone() {
    let mut machine = machine(PagingFormat::La48, 1400, 400);
    machine.call(1, Syscall::Clone { child: 2, kind: CloneKind::Process });
    machine.kernel.set_name(2, "sieve");
    for pid in [1, 2] {
        machine.call(pid, Syscall::Map(anonymous(AT, 3000 * PAGE, RW)));
    }
    let named =
        |machine: &Machine| machine.kernel.log().iter().find(|line| line.starts_with("leak:")).cloned();
    // One works in 300 pages, the other takes another page every 50 accesses.
    (0..300).for_each(|page| store(&mut machine, page, 1));
    for page in 0..2000 {
        machine.switch(1);
        (0..49).for_each(|step| store(&mut machine, (page * 49 + step) % 300, 1));
        machine.switch(2);
        store(&mut machine, page, 1);
        if let Some(said) = named(&machine) {
            let left = machine.kernel.memory().frames_free() + machine.kernel.swap_free();
            assert!(said.starts_with("leak: process 2 (sieve) grows by "), "{said}");
            assert!(page > left && page < left + 300, "half is gone: {page}, {left} are left");
            let leak = machine.kernel.leaking()[0];
            assert!(
                leak.pid == 2 && (495..=505).contains(&(leak.ns / leak.pages)),
                "a page in 50 accesses: {leak:?}"
            );
            machine.unmap(AT, PAGE * 10);
            (0..10_000).for_each(|step| store(&mut machine, 500 + step % 100, 1));
            (0..100).for_each(|page| _ = machine.load(AT + (2500 + page) * PAGE));
            assert_eq!(machine.kernel.leaking(), [], "it has given something back");
            assert_eq!(machine.kernel.log().len(), 1);
            return;
        }
    }
    panic!("2000 pages have not been noticed");
}

#[test]
fn a_machine_that_brings_back_what_it_has_just_taken_is_thrashing() {
    let mut machine = machine(PagingFormat::La48, 128, 2000);
    machine.call(1, Syscall::Map(anonymous(AT, 400 * PAGE, RW)));
    let said = |machine: &Machine, word: &str| {
        machine.kernel.log().iter().any(|line| line.starts_with("thrashing") && line.contains(word))
    };
    for _ in 0..100 {
        (0..60).for_each(|page| store(&mut machine, page, 1));
    }
    machine.kernel.sleep(&mut machine.mmu, 2_000_000_000);
    (0..60).for_each(|page| store(&mut machine, page, 1));
    assert_eq!(machine.kernel.thrashing_seconds(), 0, "it all fits");
    (0..400).for_each(|page| store(&mut machine, page, 1));
    // Two in three pages have gone by the time that they are used again.
    let mut random = SplitMix64(1);
    for _ in 0..40_000 {
        load(&mut machine, u64::from(random.below(400)));
    }
    assert!(said(&machine, "had been taken"), "{:?}", machine.kernel.log());
    assert!(machine.kernel.thrashing_seconds() > 0 && !said(&machine, "is over"));
    machine.kernel.sleep(&mut machine.mmu, 2_000_000_000);
    (0..10).for_each(|page| store(&mut machine, page, 1));
    assert!(said(&machine, "is over"), "{:?}", machine.kernel.log());
}

#[test]
fn what_is_offered_waits_in_batches_of_fifteen() {
    let mut machine = machine(PagingFormat::La48, 256, 400);
    machine.call(1, Syscall::Map(anonymous(AT, 100 * PAGE, RW)));
    (0..40).for_each(|page| store(&mut machine, page, 7));
    let free = Syscall::Advise { at: VirtAddr(AT), bytes: 40 * PAGE, advice: 8 };
    machine.call(1, free);
    assert_eq!(machine.kernel.events().pglazyfree, 30, "two batches; ten pages wait");
    assert_eq!(machine.kernel.memory().lru_len(LruList::InactiveFile), 30);
    machine.call(1, Syscall::Unmap { at: VirtAddr(AT + 35 * PAGE), bytes: 5 * PAGE });
    assert_eq!(machine.kernel.events().pglazyfree, 40, "whoever unmaps sees to it first");
    machine.check();
    assert_eq!(machine.kernel.memory().lru_len(LruList::InactiveFile), 35);
}
