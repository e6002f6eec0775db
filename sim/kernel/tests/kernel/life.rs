//! The life of processes: exec, borrowers, thread groups, waiting, death by signal, handlers.

use crate::machine::{Machine, RW, anonymous, map_err};
use pagewalk_arch::{AccessKind, PagingFormat, VirtAddr};
use pagewalk_kernel::{Ended, FaultResolution, KernelConfig, Signal, VmaPolicy};
use pagewalk_trace::{CloneKind, Event, MapRequest, Syscall};

const AT: u64 = 0x1000_0000;

fn exec() -> Syscall {
    Syscall::Exec { path: "/bin/true".into() }
}

#[test]
fn exec_empties_the_address_space_and_the_pid_goes_on() {
    let mut machine = Machine::inferring(PagingFormat::Sv39);
    machine.map(AT, 0x4000, RW);
    machine.store(AT);
    machine.call(1, exec());
    assert_eq!(machine.kernel.stats().rss_bytes, 0);
    assert_eq!(machine.running(), Some(1));
    // The old program had no mapping here that the new one could trip over: inferred anew.
    machine.load(AT + 0x2000);
    let stats = machine.kernel.stats();
    assert_eq!((stats.execs, stats.exits, stats.processes), (1, 0, 1));
    machine.shut_down();
}

#[test]
fn a_borrower_gives_the_address_space_back_when_it_executes_or_ends() {
    let mut machine = Machine::strict(PagingFormat::La48);
    machine.map(AT, 0x1000, RW);
    let frame = machine.store(AT);
    for ends in [exec(), Syscall::ExitGroup { status: 0 }] {
        machine.call(1, Syscall::Clone { child: 2, kind: CloneKind::Borrower });
        machine.switch(2);
        assert_eq!(machine.store(AT), frame, "it borrows");
        machine.call(2, ends);
        machine.check();
        machine.switch(1);
        assert_eq!(machine.store(AT), frame, "the lender keeps it");
        machine.call(1, Syscall::Wait { child: 2 });
    }
    assert_eq!(machine.kernel.stats().cow + machine.kernel.stats().cow_reuse, 0);
    assert_eq!(machine.kernel.stats().processes, 1);
    machine.shut_down();
}

#[test]
fn exit_group_ends_every_thread_and_exec_from_one_ends_the_others() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(AT, 0x1000, RW);
    machine.store(AT);
    machine.fork(1, 2);
    for thread in [21, 22] {
        machine.call(2, Syscall::Clone { child: thread, kind: CloneKind::Thread });
    }
    assert_eq!(machine.kernel.stats().threads, 4);
    machine.call(21, exec());
    assert_eq!(machine.kernel.stats().threads, 2);
    machine.call(2, Syscall::Clone { child: 23, kind: CloneKind::Thread });
    machine.call(23, Syscall::Exit { status: 0 });
    machine.call(2, Syscall::ExitGroup { status: 0 });
    let stats = machine.kernel.stats();
    assert_eq!((stats.processes, stats.threads, stats.exits), (1, 1, 1));
    // Nobody shares the page any more: it is used again, not copied.
    machine.switch(1);
    machine.store(AT);
    let stats = machine.kernel.stats();
    assert_eq!((stats.cow, stats.cow_reuse), (0, 1));
    machine.shut_down();
}

#[test]
fn who_is_waited_for_has_ended() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.fork(1, 2);
    machine.call(1, Syscall::Wait { child: 2 });
    assert_eq!(machine.kernel.ended(2), Some(Ended::Exited));
    machine.call(1, Syscall::Wait { child: 2 });
    assert_eq!(machine.kernel.stats().exits, 1);
    machine.shut_down();
}

#[test]
fn a_signal_of_the_recorded_kernel_ends_a_process_and_a_handler_saves_it() {
    let mut machine = Machine::strict(PagingFormat::La48);
    machine.call(1, Syscall::HandleSignal { signal: 11 });
    let delivered = Err(FaultResolution::Delivered(map_err(AT)));
    assert_eq!(machine.access(AT, AccessKind::Store), delivered);
    machine.map(AT, 0x1000, RW);
    machine.store(AT);
    machine.fork(1, 2);
    machine.switch(2);
    assert_eq!(
        machine.access(AT + 0x1000, AccessKind::Load),
        Err(FaultResolution::Delivered(map_err(AT + 0x1000)))
    );
    machine.call(2, exec());
    assert_eq!(machine.killed(AT, AccessKind::Load), map_err(AT), "exec takes handlers away");
    assert_eq!(machine.kernel.ended(2), Some(Ended::Killed(map_err(AT))));
    let fatal = Event::Signal { pid: 1, signal: 15, fatal: true, line: 9 };
    machine.event(&fatal).expect("a signal");
    let stats = machine.kernel.stats();
    assert_eq!((stats.processes, stats.segv, stats.killed), (0, 3, 2));
    machine.shut_down();
}

#[test]
fn a_fork_that_finds_no_memory_ends_whoever_is_largest() {
    let config =
        KernelConfig { memory_bytes: 22 << 12, vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
    let mut machine = Machine::with(config, pagewalk_arch::MmuConfig::of(PagingFormat::Sv39));
    machine.map(AT, 0x1_0000, RW);
    for page in 0..15 {
        machine.store(AT + page * 0x1000);
    }
    machine.fork(1, 2);
    for (pid, whose) in [(1, "the parent is the largest"), (2, "the child never began")] {
        assert_eq!(machine.kernel.ended(pid), Some(Ended::Killed(Signal::OutOfMemory)), "{whose}");
    }
    machine.check();
    machine.shut_down();
}

#[test]
fn many_children_with_threads_fit_one_after_the_other() {
    let config =
        KernelConfig { memory_bytes: 4 << 20, vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
    let mut machine = Machine::with(config, pagewalk_arch::MmuConfig::of(PagingFormat::Sv39));
    machine.map(AT, 0x4_0000, RW);
    for child in 10..50 {
        machine.fork(1, child);
        machine.switch(child);
        for page in 0..64 {
            machine.store(AT + page * 0x1000);
        }
        machine.call(child, Syscall::Clone { child: child + 1000, kind: CloneKind::Thread });
        machine.call(child, Syscall::Exit { status: 0 });
        machine.call(child, Syscall::ExitGroup { status: 0 });
        machine.call(1, Syscall::Wait { child });
        machine.switch(1);
    }
    assert_eq!(machine.kernel.stats().out_of_memory, 0);
    machine.call(1, Syscall::Map(anonymous(AT + 0x10_0000, 0x1000, RW)));
    machine.store(VirtAddr(AT + 0x10_0000).0);
    machine.shut_down();
}

#[test]
fn the_children_of_who_ran_out_of_memory_do_not_begin() {
    let config =
        KernelConfig { memory_bytes: 20 << 12, vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
    let mut machine = Machine::with(config, pagewalk_arch::MmuConfig::of(PagingFormat::Sv39));
    machine.call(1, Syscall::Map(MapRequest { populate: true, ..anonymous(AT, 0x10_0000, RW) }));
    machine.fork(1, 2);
    let dead: Vec<_> = machine.kernel.take_deaths().iter().map(|death| (death.pid, death.signal)).collect();
    assert_eq!(dead, [(1, Signal::OutOfMemory), (2, Signal::OutOfMemory)]);
    assert_eq!(machine.kernel.ended(2), Some(Ended::Killed(Signal::OutOfMemory)));
    machine.shut_down();
}
