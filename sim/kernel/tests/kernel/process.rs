//! Fork, threads, exit, switches and identifiers.

use crate::machine::{MOVES, Machine, R, RW, anonymous, map_err};
use pagewalk_arch::{AccessKind, Asid, MmuConfig, PagingFormat, TlbFlush, VirtAddr};
use pagewalk_kernel::{AdMode, FaultResolution, KernelConfig, VmaPolicy};
use pagewalk_trace::{CloneKind, MapRequest, Syscall};

const AT: u64 = 0x1000_0000;

#[test]
fn fork_copies_nothing_and_then_one_frame_per_page_written() {
    for format in PagingFormat::ALL {
        let mut machine = Machine::strict(format);
        machine.map(AT, 0x10_000, RW);
        let before: Vec<_> = (0..16).map(|page| machine.store(AT + page * 0x1000)).collect();
        let frames = machine.kernel.stats().frames_in_use;
        machine.fork(1, 2);
        let tables = format.spec().levels() as u64;
        assert_eq!(machine.kernel.stats().frames_in_use, frames + tables, "{format}: tables alone are new");
        machine.check();
        for page in 0..3 {
            assert_ne!(
                machine.store(AT + page * 0x1000),
                before[page as usize],
                "{format}: the parent writes a copy"
            );
        }
        assert_eq!((machine.kernel.stats().cow, machine.kernel.stats().cow_reuse), (3, 0));
        machine.switch(2);
        for page in 0..16 {
            assert_eq!(
                machine.load(AT + page * 0x1000),
                before[page as usize],
                "{format}: the child reads the old"
            );
        }
        assert_eq!(machine.store(AT), before[0], "{format}: the last holder keeps the frame");
        assert_ne!(machine.store(AT + 0x5000), before[5]);
        assert_eq!((machine.kernel.stats().cow, machine.kernel.stats().cow_reuse), (4, 1));
        machine.check();
        machine.exit(2);
        assert_eq!(machine.running(), None);
        machine.switch(1);
        assert_eq!(machine.store(AT + 0x6000), before[6]);
        machine.shut_down();
    }
}

#[test]
fn fork_takes_no_shortcut_around_rights_and_zeroes() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(AT, 0x2000, RW);
    let zero = machine.load(AT);
    machine.store(AT + 0x1000);
    machine.protect(AT + 0x1000, 0x1000, R);
    machine.fork(1, 2);
    machine.protect(AT + 0x1000, 0x1000, RW);
    assert_eq!(machine.kernel.stats().cow, 0, "mprotect does not break the sharing");
    machine.check();
    machine.store(AT + 0x1000);
    assert_eq!(machine.kernel.stats().cow, 1);
    machine.switch(2);
    assert_eq!(machine.load(AT), zero);
    assert_ne!(machine.store(AT), zero);
    machine.shut_down();
}

#[test]
fn shared_mappings_stay_shared_even_untouched() {
    let mut machine = Machine::strict(PagingFormat::La48);
    machine.call(1, Syscall::Map(MapRequest { shared: true, ..anonymous(AT, 0x3000, RW) }));
    let touched = machine.store(AT);
    machine.fork(1, 2);
    let later = machine.store(AT + 0x1000);
    machine.switch(2);
    assert_eq!(machine.store(AT), touched);
    assert_eq!(machine.load(AT + 0x1000), later, "first touched after the fork");
    machine.unmap(AT + 0x1000, 0x1000);
    machine.check();
    machine.switch(1);
    assert_eq!(machine.load(AT + 0x1000), later);
    machine.exit(2);
    machine.check();
    machine.unmap(AT, 0x3000);
    assert_eq!(machine.kernel.stats().rss_bytes, 0);
    machine.shut_down();
}

#[test]
fn shared_pages_are_found_by_their_offset_wherever_they_are_mapped() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.call(1, Syscall::Map(MapRequest { shared: true, ..anonymous(AT, 0x3000, RW) }));
    machine.fork(1, 2);
    let to = 0x2000_0000;
    let remap = |from, from_bytes, to, to_bytes| Syscall::Remap {
        from: VirtAddr(from),
        from_bytes,
        to: VirtAddr(to),
        to_bytes,
        flags: MOVES,
    };
    machine.call(2, remap(AT + 0x1000, 0x2000, to, 0x2000));
    let frames = [machine.store(AT + 0x1000), machine.store(AT + 0x2000)];
    machine.switch(2);
    assert_eq!([machine.load(to), machine.load(to + 0x1000)], frames, "moved");
    machine.call(2, remap(to + 0x1000, 0, 0x2800_0000, 0x1000));
    assert_eq!(machine.store(0x2800_0000), frames[1], "mapped a second time");
    machine.check();
    machine.shut_down();
}

#[test]
fn two_processes_with_the_same_addresses_never_meet() {
    for format in PagingFormat::ALL {
        let mut machine = Machine::inferring(format);
        let first = machine.store(AT);
        machine.switch(2);
        let second = machine.store(AT);
        assert_ne!(first, second, "{format}");
        machine.switch(1);
        assert_eq!(machine.store(AT), first);
        machine.switch(2);
        assert_eq!(machine.store(AT), second);
        machine.shut_down();
    }
}

#[test]
fn threads_share_and_the_last_one_frees() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(AT, 0x1000, RW);
    let frame = machine.store(AT);
    machine.call(1, Syscall::Clone { child: 2, kind: CloneKind::Thread });
    let contexts = machine.mmu.contexts.len();
    machine.switch(2);
    assert_eq!(machine.mmu.contexts.len(), contexts, "the same address space needs no switch");
    assert_eq!(machine.load(AT), frame);
    machine.exit(1);
    assert_eq!(machine.load(AT), frame, "it lives while a thread does");
    machine.exit(2);
    assert_eq!(machine.access(AT, AccessKind::Load), Err(FaultResolution::NoProcess));
    assert_eq!((machine.kernel.stats().processes, machine.kernel.stats().exits), (0, 1));
    machine.shut_down();
}

#[test]
fn threads_that_a_trace_calls_by_their_process() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(AT, 0x1000, RW);
    machine.call(1, Syscall::Clone { child: 2, kind: CloneKind::Thread });
    machine.exit(1);
    machine.store(AT);
    machine.exit(1);
    assert_eq!(machine.kernel.stats().processes, 0);
    machine.shut_down();
}

#[test]
fn the_first_event_names_the_first_process() {
    let mut machine = Machine::inferring(PagingFormat::La48);
    machine.store(0x40_0000);
    machine.call(4711, Syscall::Brk { end: VirtAddr(0x50_0000) });
    assert_eq!(machine.running(), Some(4711));
    assert_eq!(machine.kernel.stats().processes, 1);
    machine.switch(4712);
    assert_eq!(machine.kernel.stats().processes, 2);
    machine.call(4713, Syscall::Brk { end: VirtAddr(0x50_0000) });
    assert_eq!(machine.running(), Some(4712), "a call of another does not switch to it");
    machine.shut_down();
}

#[test]
fn the_dead_stay_dead() {
    let mut machine = Machine::inferring(PagingFormat::La48);
    machine.call(10, Syscall::Clone { child: 11, kind: CloneKind::Process });
    assert_eq!(machine.killed(8, AccessKind::Load), map_err(8));
    machine.call(10, Syscall::Map(anonymous(AT, 0x1000, RW)));
    machine.switch(10);
    assert_eq!(machine.access(AT, AccessKind::Load), Err(FaultResolution::NoProcess));
    machine.switch(11);
    machine.store(AT);
    machine.call(11, Syscall::Clone { child: 10, kind: CloneKind::Process });
    machine.switch(10);
    machine.store(AT);
    machine.shut_down();
}

#[test]
fn identifiers_roll_over_without_mixing_processes() {
    for format in [PagingFormat::Sv39, PagingFormat::Sv32] {
        let mmu = MmuConfig { asid_bits: 2, ..MmuConfig::of(format) };
        let mut machine = Machine::with(KernelConfig::default(), mmu);
        let mut frames = vec![machine.store(AT)];
        for pid in 2..=9 {
            machine.switch(pid);
            frames.push(machine.store(AT));
        }
        assert_eq!(machine.kernel.stats().asid_rollovers, 2, "three identifiers, nine processes");
        for round in 0..3 {
            for pid in (1..=9).rev() {
                machine.switch(pid);
                assert_eq!(machine.load(AT), frames[pid as usize - 1], "{format} round {round} pid {pid}");
            }
        }
        let given = machine.mmu.contexts.iter().map(|context| context.asid).max();
        assert_eq!(given, Some(Asid(3)));
        machine.shut_down();
    }
}

#[test]
fn without_identifiers_each_switch_flushes() {
    let mmu = MmuConfig { asid_bits: 0, ..MmuConfig::of(PagingFormat::Sv39) };
    let mut machine = Machine::with(KernelConfig::default(), mmu);
    machine.store(AT);
    let before = machine.mmu.fences.len();
    machine.switch(2);
    assert_eq!(machine.mmu.fences[before..], [TlbFlush::ALL]);
    machine.store(AT);
    machine.call(1, Syscall::Unmap { at: VirtAddr(AT), bytes: 0x1000 });
    assert_eq!(machine.mmu.fences.len(), before + 1, "nothing of the other is cached");
    machine.shut_down();
}

#[test]
fn calls_of_another_process_reach_what_is_cached_of_it() {
    for format in [PagingFormat::La48, PagingFormat::Sv39] {
        let mut machine = Machine::inferring(format);
        machine.map(AT, 0x2000, RW);
        machine.store(AT);
        machine.store(AT + 0x1000);
        machine.switch(2);
        machine.call(1, Syscall::Protect { at: VirtAddr(AT), bytes: 0x1000, protection: R });
        let fence = *machine.mmu.fences.last().unwrap();
        assert_eq!(fence, TlbFlush::invpcid_address(VirtAddr(AT), Asid(1)));
        machine.switch(1);
        machine.load(AT);
        machine.shut_down();
    }
}

#[test]
fn a_fork_in_software_mode_tells_the_childs_accesses_apart() {
    let config =
        KernelConfig { ad_mode: AdMode::Software, vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
    let mut machine = Machine::with(config, MmuConfig::of(PagingFormat::Sv39));
    machine.map(AT, 0x1000, RW);
    machine.store(AT);
    machine.fork(1, 2);
    machine.load(AT);
    assert_eq!(machine.kernel.stats().ad, 0);
    machine.switch(2);
    machine.load(AT);
    assert_eq!(machine.kernel.stats().ad, 1, "the child has not accessed it yet");
    machine.shut_down();
}
