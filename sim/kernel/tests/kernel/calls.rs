//! Calls that map, unmap, fill or refuse, each against what Linux does: the differential suite asks the running Linux,
//! these are the rules that it needs a name for.

use crate::machine::{MOVES, Machine, R, RW, anonymous, map_err};
use pagewalk_arch::{AccessKind, MmuConfig, PagingFormat, VirtAddr};
use pagewalk_kernel::{
    Ended, Errno, FaultResolution, KernelConfig, LinuxVersion, Signal, VmFlags, VmaPolicy,
};
use pagewalk_trace::{
    Event, FileFact, FileId, FileKind, FileSource, MapRequest, RemapFlags, Syscall, SyscallOutcome,
};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const AT: u64 = 0x1000_0000;
const PAGE: u64 = 0x1000;

fn machine() -> Machine {
    Machine::strict(PagingFormat::La48)
}

fn of_file(file: u64, at: u64, pages: u64, shared: bool) -> MapRequest {
    let source = Some(FileSource { file: FileId(file), offset: 0 });
    MapRequest { source, shared, ..anonymous(at, pages * PAGE, RW) }
}

fn faults(machine: &Machine) -> u64 {
    machine.kernel.stats().page_faults_minor
}

/// Touches `pages` pages and gives the faults that this took.
fn touch(machine: &mut Machine, at: u64, pages: u64, kind: AccessKind) -> u64 {
    let before = faults(machine);
    for page in 0..pages {
        machine.access(at + page * PAGE, kind).expect("a legal access");
    }
    faults(machine) - before
}

fn advise(at: u64, pages: u64, advice: i32) -> Syscall {
    Syscall::Advise { at: VirtAddr(at), bytes: pages * PAGE, advice }
}

fn fail(machine: &mut Machine, call: Syscall, errno: i32) {
    let event = Event::Syscall { pid: 1, call, outcome: SyscallOutcome::Failure(errno), line: 3 };
    machine.event(&event).expect("a call that failed");
    machine.check();
}

#[test]
fn what_is_filled_beforehand_faults_no_more_and_counts_as_faults() {
    let fills: [(MapRequest, Option<Syscall>, u64); 6] = [
        (MapRequest { populate: true, ..anonymous(AT, 16 * PAGE, RW) }, None, 16),
        (MapRequest { locked: true, ..anonymous(AT, 16 * PAGE, RW) }, None, 16),
        (
            anonymous(AT, 16 * PAGE, RW),
            Some(Syscall::Lock { at: VirtAddr(AT), bytes: 16 * PAGE, on_fault: false }),
            16,
        ),
        (anonymous(AT, 16 * PAGE, RW), Some(advise(AT, 16, 23)), 16),
        (
            anonymous(AT, 16 * PAGE, RW),
            Some(Syscall::Lock { at: VirtAddr(AT), bytes: 16 * PAGE, on_fault: true }),
            0,
        ),
        (anonymous(AT, 16 * PAGE, RW), Some(advise(AT, 16, 20)), 0),
    ];
    for (request, call, filled) in fills {
        let mut machine = machine();
        machine.call(1, Syscall::Map(request));
        if let Some(call) = call.clone() {
            machine.call(1, call);
        }
        assert_eq!(faults(&machine), filled, "{call:?}");
        assert_eq!(touch(&mut machine, AT, 16, AccessKind::Store), 16 - filled, "{call:?}");
        machine.shut_down();
    }
}

#[test]
fn populating_what_does_not_fit_ends_with_out_of_memory() {
    let config =
        KernelConfig { memory_bytes: 1 << 20, vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
    let mut machine = Machine::with(config, MmuConfig::of(PagingFormat::La48));
    machine.fork(1, 2);
    machine.call(1, Syscall::Map(MapRequest { populate: true, ..anonymous(AT, 1 << 40, RW) }));
    assert_eq!(machine.kernel.ended(1), Some(Ended::Killed(Signal::OutOfMemory)));
    machine.switch(2);
    machine.map(AT, PAGE, RW);
    machine.store(AT);
    machine.shut_down();
}

#[test]
fn a_long_call_can_be_interrupted() {
    let mut machine = machine();
    machine.kernel.interrupt_on(Arc::new(AtomicBool::new(true)));
    machine.call(1, Syscall::Map(MapRequest { populate: true, ..anonymous(AT, 1 << 40, RW) }));
    assert_eq!(machine.kernel.ended(1), None);
    assert!(faults(&machine) < 10_000);
    machine.shut_down();
}

#[test]
fn advice_over_a_hole_fails_and_is_carried_out_all_the_same() {
    let mut machine = machine();
    machine.map(AT, 8 * PAGE, RW);
    machine.map(AT + 12 * PAGE, 4 * PAGE, RW);
    touch(&mut machine, AT, 8, AccessKind::Store);
    touch(&mut machine, AT + 12 * PAGE, 4, AccessKind::Store);
    fail(&mut machine, advise(AT, 16, 4), 12);
    assert_eq!(machine.kernel.verdict(), Err(Errno::NoMem));
    assert_eq!(machine.kernel.stats().rss_bytes, 0);
    // A reason that the model does not know changes nothing.
    touch(&mut machine, AT, 8, AccessKind::Store);
    fail(&mut machine, advise(AT, 8, 4), 13);
    assert_eq!(machine.kernel.stats().rss_bytes, 8 * PAGE);
    machine.shut_down();
}

#[test]
fn mprotect_and_mlock_reach_to_the_first_hole() {
    let mut machine = machine();
    machine.map(AT, 4 * PAGE, RW);
    machine.map(AT + 8 * PAGE, 4 * PAGE, RW);
    fail(&mut machine, Syscall::Protect { at: VirtAddr(AT), bytes: 12 * PAGE, protection: R }, 12);
    fail(&mut machine, Syscall::Lock { at: VirtAddr(AT), bytes: 12 * PAGE, on_fault: false }, 12);
    assert_eq!(faults(&machine), 0, "a lock that failed has filled nothing");
    let areas: Vec<_> = machine.kernel.address_space(1).unwrap().vmas().iter().copied().collect();
    assert_eq!(areas.len(), 2);
    assert!(areas[0].has(VmFlags::LOCKED) && !areas[0].attributes.protection.write);
    assert!(!areas[1].has(VmFlags::LOCKED) && areas[1].attributes.protection.write);
    fail(&mut machine, advise(AT, 4, 4), 22);
    machine.shut_down();
}

#[test]
fn dontunmap_leaves_the_area_without_its_pages() {
    let mut machine = machine();
    machine.map(AT, 16 * PAGE, RW);
    touch(&mut machine, AT, 16, AccessKind::Store);
    let to = 0x2000_0000;
    machine.call(
        1,
        Syscall::Remap {
            from: VirtAddr(AT),
            from_bytes: 16 * PAGE,
            to: VirtAddr(to),
            to_bytes: 16 * PAGE,
            flags: RemapFlags { dont_unmap: true, ..MOVES },
        },
    );
    machine.check();
    assert_eq!(touch(&mut machine, to, 16, AccessKind::Store), 0);
    assert_eq!(touch(&mut machine, AT, 16, AccessKind::Store), 16);
    machine.shut_down();
}

#[test]
fn guards_fault_until_they_are_taken_away_and_a_child_inherits_them() {
    let mut machine = machine();
    machine.map(AT, 4 * PAGE, RW);
    touch(&mut machine, AT, 4, AccessKind::Store);
    machine.call(1, advise(AT + PAGE, 1, 102));
    assert_eq!(machine.kernel.stats().rss_bytes, 3 * PAGE);
    machine.call(1, advise(AT, 4, 4));
    machine.fork(1, 2);
    machine.switch(2);
    assert_eq!(machine.killed(AT + PAGE, AccessKind::Load), map_err(AT + PAGE));
    machine.switch(1);
    machine.call(1, advise(AT, 4, 103));
    machine.store(AT + PAGE);
    machine.shut_down();
    // Linux 6.12 has none.
    let config =
        KernelConfig { linux: LinuxVersion::V6_12, vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
    let mut older = Machine::with(config, MmuConfig::of(PagingFormat::La48));
    older.map(AT, 4 * PAGE, RW);
    older.call(1, advise(AT, 4, 102));
    assert_eq!(older.kernel.verdict(), Err(Errno::Inval));
    older.store(AT);
    older.shut_down();
}

#[test]
fn two_mappings_of_one_file_show_the_same_frames_and_a_private_one_copies() {
    let mut machine = machine();
    machine.call(1, Syscall::Map(of_file(7, AT, 4, true)));
    machine.call(1, Syscall::Map(of_file(7, AT + 8 * PAGE, 4, true)));
    machine.call(1, Syscall::Map(of_file(7, AT + 16 * PAGE, 4, false)));
    let frame = machine.store(AT);
    assert_eq!(machine.load(AT + 8 * PAGE), frame);
    assert_eq!(machine.load(AT + 16 * PAGE), frame, "until it is written");
    assert_ne!(machine.store(AT + 16 * PAGE), frame);
    assert_eq!(machine.kernel.stats().file_copies, 1);
    machine.shut_down();
}

#[test]
fn beyond_the_end_of_an_object_is_sigbus_and_truncation_takes_even_copies() {
    let mut machine = machine();
    machine.call(1, Syscall::HandleSignal { signal: 7 });
    let fact = |bytes| {
        let (file, kind) = (FileId(7), FileKind::Regular);
        Event::File(FileFact { file, kind, bytes: Some(bytes), name: "/tmp/f".into(), line: 1 })
    };
    machine.event(&fact(PAGE + 1)).expect("a fact");
    machine.call(1, Syscall::Map(of_file(7, AT, 4, false)));
    machine.store(AT + PAGE);
    let bus = |page| Err(FaultResolution::Delivered(Signal::Bus { address: VirtAddr(AT + page * PAGE) }));
    assert_eq!(machine.access(AT + 2 * PAGE, AccessKind::Load), bus(2));
    machine.event(&fact(PAGE)).expect("a fact");
    machine.check();
    assert_eq!(machine.access(AT + PAGE, AccessKind::Load), bus(1));
    machine.load(AT);
    assert!(machine.maps().contains("/tmp/f"), "{}", machine.maps());
    // Shared anonymous memory keeps its first size.
    machine.call(1, Syscall::Map(MapRequest { shared: true, ..anonymous(AT + 16 * PAGE, 4 * PAGE, RW) }));
    let (at, flags) = (VirtAddr(AT + 16 * PAGE), MOVES);
    machine.call(1, Syscall::Remap { from: at, from_bytes: 4 * PAGE, to: at, to_bytes: 8 * PAGE, flags });
    machine.store(AT + 19 * PAGE);
    assert_eq!(machine.access(AT + 20 * PAGE, AccessKind::Store), bus(20));
    machine.shut_down();
}

#[test]
fn a_segment_outlives_its_mappings_until_it_is_removed() {
    let mut machine = machine();
    let fact = Event::File(FileFact {
        file: FileId(9),
        kind: FileKind::Segment,
        bytes: Some(2 * PAGE),
        name: "/SYSV00000000 (deleted)".into(),
        line: 1,
    });
    machine.event(&fact).expect("a fact");
    machine.call(1, Syscall::Map(of_file(9, AT, 2, true)));
    let frame = machine.store(AT);
    machine.fork(1, 2);
    machine.call(1, Syscall::Detach { at: VirtAddr(AT) });
    machine.call(2, Syscall::Detach { at: VirtAddr(AT) });
    machine.call(1, Syscall::Map(of_file(9, AT + 8 * PAGE, 2, true)));
    assert_eq!(machine.load(AT + 8 * PAGE), frame);
    machine.call(1, Syscall::RemoveSegment { file: FileId(9) });
    assert_eq!(machine.load(AT + 8 * PAGE), frame);
    machine.call(1, Syscall::Detach { at: VirtAddr(AT + 8 * PAGE) });
    machine.check();
    assert_eq!(machine.killed(AT + 8 * PAGE, AccessKind::Load), map_err(AT + 8 * PAGE));
    machine.shut_down();
}

#[test]
fn exclusivity_is_lost_by_fork_and_comes_back_with_a_write() {
    let mut machine = machine();
    machine.map(AT, PAGE, RW);
    machine.store(AT);
    machine.protect(AT, PAGE, R);
    machine.protect(AT, PAGE, RW);
    assert_eq!(touch(&mut machine, AT, 1, AccessKind::Store), 0, "its own: made writable by mprotect");
    machine.fork(1, 2);
    machine.exit(2);
    machine.protect(AT, PAGE, R);
    machine.protect(AT, PAGE, RW);
    assert_eq!(
        touch(&mut machine, AT, 1, AccessKind::Store),
        1,
        "nobody else holds it, but only the write finds out"
    );
    assert_eq!((machine.kernel.stats().cow, machine.kernel.stats().cow_reuse), (0, 1));
    machine.shut_down();
}

#[test]
fn fork_copies_entries_of_used_areas_only() {
    let mut machine = machine();
    machine.map(AT, 16 * PAGE, RW);
    machine.call(1, Syscall::Map(of_file(7, AT + 32 * PAGE, 16, false)));
    touch(&mut machine, AT, 16, AccessKind::Load);
    touch(&mut machine, AT + 32 * PAGE, 16, AccessKind::Load);
    machine.fork(1, 2);
    machine.switch(2);
    assert_eq!(touch(&mut machine, AT, 16, AccessKind::Load), 16, "pages of zeroes are not copied");
    assert_eq!(touch(&mut machine, AT + 32 * PAGE, 16, AccessKind::Load), 1, "nor are a file's, 16 at once");
    machine.store(AT);
    machine.store(AT + 32 * PAGE);
    machine.fork(2, 3);
    machine.switch(3);
    assert_eq!(touch(&mut machine, AT, 16, AccessKind::Load), 0, "one page used: the whole area is copied");
    assert_eq!(touch(&mut machine, AT + 32 * PAGE, 16, AccessKind::Load), 0);
    machine.shut_down();
}

#[test]
fn what_a_child_does_not_get() {
    let mut machine = machine();
    machine.map(AT, 4 * PAGE, RW);
    machine.map(AT + 8 * PAGE, 4 * PAGE, RW);
    touch(&mut machine, AT, 4, AccessKind::Store);
    touch(&mut machine, AT + 8 * PAGE, 4, AccessKind::Store);
    machine.call(1, advise(AT, 4, 10));
    machine.call(1, advise(AT + 8 * PAGE, 4, 18));
    machine.fork(1, 2);
    machine.switch(2);
    assert_eq!(touch(&mut machine, AT + 8 * PAGE, 4, AccessKind::Load), 4, "wiped");
    assert_eq!(machine.killed(AT, AccessKind::Load), map_err(AT));
    machine.shut_down();
}

#[test]
fn areas_merge_by_their_history() {
    // Used and then given the rights of its untouched upper neighbour: one area since 6.16.
    for (linux, areas) in [(LinuxVersion::V6_1, 2), (LinuxVersion::V6_12, 2), (LinuxVersion::V6_18, 1)] {
        let config = KernelConfig { linux, vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
        let mut machine = Machine::with(config, MmuConfig::of(PagingFormat::La48));
        let uncounted =
            |at, protection| MapRequest { noreserve: true, ..anonymous(at, 2 * PAGE, protection) };
        machine.call(1, Syscall::Map(uncounted(AT, RW)));
        machine.call(1, Syscall::Map(uncounted(AT + 2 * PAGE, R)));
        machine.store(AT);
        machine.protect(AT, 2 * PAGE, R);
        assert_eq!(machine.kernel.address_space(1).unwrap().vmas().len(), areas, "{linux:?}");
        // The other way round always.
        machine.protect(AT, 2 * PAGE, RW);
        machine.protect(AT + 2 * PAGE, 2 * PAGE, RW);
        assert_eq!(machine.kernel.address_space(1).unwrap().vmas().len(), 1, "{linux:?}");
        machine.shut_down();
    }
}

#[test]
fn a_new_area_between_two_used_ones_joins_one() {
    for (linux, first_pages) in [(LinuxVersion::V6_1, 2), (LinuxVersion::V6_12, 4), (LinuxVersion::V6_18, 4)]
    {
        let config = KernelConfig { linux, vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
        let mut machine = Machine::with(config, MmuConfig::of(PagingFormat::La48));
        for at in [AT, AT + 4 * PAGE] {
            machine.map(at, 2 * PAGE, RW);
            machine.store(at);
        }
        machine.map(AT + 2 * PAGE, 2 * PAGE, RW);
        let pages: Vec<_> =
            machine.kernel.address_space(1).unwrap().vmas().iter().map(|vma| vma.pages.pages()).collect();
        assert_eq!(pages, [first_pages, 6 - first_pages], "{linux:?}");
        machine.shut_down();
    }
}
