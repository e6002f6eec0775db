//! The calls that shape an address space, and what inference makes of accesses that no call explains.

use crate::machine::{MOVES, Machine, NONE, R, RW, RX, acc_err, anonymous, map_err};
use pagewalk_arch::{AccessKind, PagingFormat, TlbFlush, VirtAddr};
use pagewalk_kernel::EventError;
use pagewalk_trace::{Event, FileId, FileSource, MapRequest, Syscall, SyscallOutcome};

const AT: u64 = 0x1000_0000;

fn file(at: u64, bytes: u64, file: u64, offset: u64) -> MapRequest {
    MapRequest { source: Some(FileSource { file: FileId(file), offset }), ..anonymous(at, bytes, R) }
}

#[test]
fn maps_reads_as_linux_prints_it() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.call(1, Syscall::Brk { end: VirtAddr(0x2000_0000) });
    machine.call(1, Syscall::Brk { end: VirtAddr(0x2002_1000) });
    machine.call(1, Syscall::Map(file(AT, 0x2800, 3, 0x4000)));
    machine.call(1, Syscall::Map(MapRequest { shared: true, ..anonymous(0x3000_0000, 0x1000, RW) }));
    machine.map(0x3f_0000_0000, 0x1000, RX);
    machine.call(1, Syscall::Map(MapRequest { grows_down: true, ..anonymous(0x3f_f000_0000, 0x1000, RW) }));
    let expected = "\
10000000-10003000 r--p 00004000 00:00 0                                  file:3
20000000-20021000 rw-p 00000000 00:00 0                                  [heap]
30000000-30001000 rw-s 00000000 00:00 0                                  /dev/zero (deleted)
3f00000000-3f00001000 r-xp 00000000 00:00 0 
3ff0000000-3ff0001000 rw-p 00000000 00:00 0                              [stack]
";
    assert_eq!(machine.maps(), expected);
    machine.shut_down();
}

#[test]
fn mprotect_takes_rights_from_pages_already_cached() {
    for format in PagingFormat::ALL {
        let mut machine = Machine::strict(format);
        machine.map(AT, 0x4000, RW);
        machine.store(AT + 0x1000);
        machine.protect(AT + 0x1000, 0x1000, R);
        assert_eq!(machine.maps().lines().count(), 3);
        machine.load(AT + 0x1000);
        machine.protect(AT + 0x1000, 0x1000, RW);
        assert_eq!(machine.maps().lines().count(), 1);
        let faults = machine.kernel.stats().page_faults_minor;
        machine.store(AT + 0x1000);
        assert_eq!(
            machine.kernel.stats().page_faults_minor,
            faults,
            "{format}: its own frame is writable again"
        );
        machine.protect(AT, 0x4000, NONE);
        assert_eq!(machine.kernel.stats().rss_bytes, 0x1000, "{format}: PROT_NONE keeps the frame");
        machine.check();
        assert_eq!(machine.killed(AT + 0x1000, AccessKind::Load), acc_err(AT + 0x1000));
        machine.shut_down();
    }
}

#[test]
fn rights_that_come_back_find_the_frame_that_was_there() {
    let mut machine = Machine::strict(PagingFormat::La57);
    machine.map(AT, 0x1000, RW);
    let frame = machine.store(AT);
    machine.protect(AT, 0x1000, NONE);
    machine.protect(AT, 0x1000, RW);
    assert_eq!(machine.store(AT), frame);
    machine.shut_down();
}

#[test]
fn fences_follow_the_ceiling() {
    let fences = |format, pages: u64| {
        let mut machine = Machine::strict(format);
        machine.map(AT, 64 << 12, RW);
        for page in 0..64 {
            machine.store(AT + page * 0x1000);
        }
        let before = machine.mmu.fences.len();
        machine.unmap(AT, pages << 12);
        machine.mmu.fences[before..].to_vec()
    };
    let asid = pagewalk_arch::Asid(1);
    let page = |n: u64| VirtAddr(AT + n * 0x1000);
    let riscv = fences(PagingFormat::Sv39, 33);
    assert_eq!(riscv.len(), 33);
    assert_eq!(riscv[32], TlbFlush::sfence_vma(Some(page(32)), Some(asid)));
    assert_eq!(fences(PagingFormat::Sv39, 34), [TlbFlush::sfence_vma(None, Some(asid))]);
    assert_eq!(fences(PagingFormat::La48, 2)[1], TlbFlush::invlpg(page(1), asid));
    assert_eq!(fences(PagingFormat::La48, 34), [TlbFlush::address_space(asid)]);
    let none = pagewalk_arch::Asid(0);
    assert_eq!(fences(PagingFormat::X86Legacy, 2)[1], TlbFlush::invlpg(page(1), none));
    assert_eq!(fences(PagingFormat::X86Legacy, 34), [TlbFlush::ALL_BUT_GLOBAL]);
    assert_eq!(
        fences(PagingFormat::Sv39, 64),
        [TlbFlush::sfence_vma(None, Some(asid))],
        "tables go: everything"
    );
}

#[test]
fn a_table_that_goes_takes_the_whole_address_space_along() {
    for format in PagingFormat::ALL {
        let mut machine = Machine::strict(format);
        machine.map(AT, 0x1000, RW);
        machine.store(AT);
        let before = machine.kernel.stats();
        machine.unmap(AT, 0x1000);
        let stats = machine.kernel.stats();
        assert_eq!(stats.flushes_address_space, before.flushes_address_space + 1, "{format}");
        assert_eq!(stats.flushes_page, before.flushes_page, "{format}: one page, but no fence of a page");
        assert_eq!(machine.killed(AT, AccessKind::Load), map_err(AT));
        machine.shut_down();
    }
}

#[test]
fn unmapping_what_was_never_touched_needs_no_fence() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(AT, 64 << 12, RW);
    let before = machine.mmu.fences.len();
    machine.unmap(AT, 64 << 12);
    assert_eq!(machine.mmu.fences.len(), before);
    machine.shut_down();
}

#[test]
fn an_mmap_over_another_replaces_it() {
    let mut machine = Machine::strict(PagingFormat::Sv48);
    machine.map(AT, 0x3000, RW);
    for page in 0..3 {
        machine.store(AT + page * 0x1000);
    }
    machine.map(AT + 0x1000, 0x1000, R);
    assert_eq!(machine.kernel.stats().rss_bytes, 0x2000);
    assert_eq!(machine.killed(AT + 0x1000, AccessKind::Store), acc_err(AT + 0x1000));
    machine.shut_down();
}

#[test]
fn the_heap_grows_and_shrinks() {
    let mut machine = Machine::inferring(PagingFormat::Sv39);
    let brk = |machine: &mut Machine, end| machine.call(1, Syscall::Brk { end: VirtAddr(end) });
    brk(&mut machine, 0x2000_0800);
    assert_eq!(machine.maps(), "", "the first call only asks");
    brk(&mut machine, 0x2000_2800);
    assert!(machine.maps().starts_with("20001000-20003000 rw-p"), "{}", machine.maps());
    machine.store(0x2000_2fff);
    brk(&mut machine, 0x2000_1000);
    assert_eq!(machine.kernel.stats().rss_bytes, 0);
    assert_eq!(machine.killed(0x2000_2000, AccessKind::Load), map_err(0x2000_2000), "unmapped, not unknown");
    machine.shut_down();
}

#[test]
fn mremap_moves_frames() {
    for format in PagingFormat::ALL {
        let mut machine = Machine::strict(format);
        machine.map(AT, 0x3000, RW);
        let frames = [machine.store(AT), machine.store(AT + 0x2000)];
        let to = 0x5000_0000;
        let remap = |from, from_bytes, to, to_bytes| Syscall::Remap {
            from: VirtAddr(from),
            from_bytes,
            to: VirtAddr(to),
            to_bytes,
            flags: MOVES,
        };
        machine.call(1, remap(AT, 0x3000, to, 0x6000));
        assert_eq!([machine.load(to), machine.load(to + 0x2000)], frames, "{format}");
        machine.store(to + 0x5000);
        machine.call(1, remap(to, 0x6000, to, 0x1000));
        assert_eq!(machine.kernel.stats().rss_bytes, 0x1000);
        machine.call(1, remap(to, 0x1000, to, 0x2000));
        assert_eq!(machine.maps().lines().count(), 1, "{format}: grown in place it is one area");
        assert_eq!(machine.load(to), frames[0]);
        machine.check();
        let overlap = machine.try_call(1, remap(to, 0x2000, to + 0x1000, 0x2000));
        assert!(matches!(overlap, Err(EventError::RemapOverlaps { line: 7, .. })));
        assert_eq!(machine.killed(AT, AccessKind::Load), map_err(AT));
        machine.shut_down();
    }
}

#[test]
fn madvise_dontneed_reads_as_zeroes_again() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(AT, 0x2000, RW);
    machine.store(AT);
    machine.call(1, Syscall::Advise { at: VirtAddr(AT), bytes: 0x2000, advice: 4 });
    assert_eq!((machine.kernel.stats().rss_bytes, machine.kernel.stats().vsz_bytes), (0, 0x2000));
    machine.load(AT);
    assert_eq!(machine.kernel.stats().zero_page, 1);
    machine.call(1, Syscall::Advise { at: VirtAddr(AT), bytes: 0x2000, advice: 3 });
    assert_eq!(machine.kernel.stats().leaf_entries, 1, "MADV_WILLNEED changes nothing");
    machine.shut_down();
}

#[test]
fn pages_from_before_the_recording_are_inferred_with_the_rights_they_need() {
    for format in PagingFormat::ALL {
        let mut machine = Machine::inferring(format);
        machine.access(0x40_0000, AccessKind::Fetch).unwrap();
        machine.access(0x40_1000, AccessKind::Fetch).unwrap();
        machine.load(0x40_2000);
        machine.store(0x40_3000);
        let maps: Vec<String> = machine.maps().lines().map(|line| line[..22].to_owned()).collect();
        assert_eq!(maps, ["00400000-00402000 r-xp", "00402000-00403000 r--p", "00403000-00404000 rw-p"]);
        assert!(machine.maps().contains("[anon:inferred]"));
        machine.store(0x40_2000);
        assert_eq!(machine.maps().lines().count(), 2, "{format}: widened, it merges with its neighbour");
        machine.store(0x40_0000);
        let first = machine.maps();
        assert!(first.starts_with("00400000-00401000 rwxp"), "{format}: {first}");
        machine.check();
        machine.access(0x40_0000, AccessKind::Fetch).unwrap();
        machine.shut_down();
    }
}

#[test]
fn what_the_trace_unmapped_is_not_inferred() {
    let mut machine = Machine::inferring(PagingFormat::Sv39);
    machine.map(AT, 0x3000, RW);
    machine.unmap(AT, 0x3000);
    machine.map(AT + 0x2000, 0x1000, RW);
    machine.store(AT + 0x2000);
    machine.store(AT + 0x3000);
    assert_eq!(machine.kernel.stats().inferred, 1, "the page above was never spoken of");
    assert_eq!(machine.killed(AT + 0x1000, AccessKind::Load), map_err(AT + 0x1000));
    machine.shut_down();
}

#[test]
fn what_mremap_moved_away_is_not_inferred_where_it_was() {
    let mut machine = Machine::inferring(PagingFormat::La48);
    let frame = machine.store(AT);
    let (from, to) = (VirtAddr(AT), VirtAddr(0x5000_0000));
    machine.call(1, Syscall::Remap { from, from_bytes: 0x1000, to, to_bytes: 0x1000, flags: MOVES });
    assert_eq!(machine.load(to.0), frame);
    assert_eq!(machine.killed(AT, AccessKind::Load), map_err(AT));
    machine.shut_down();
}

#[test]
fn a_region_from_before_the_recording_can_be_unmapped_too() {
    let mut machine = Machine::inferring(PagingFormat::Sv39);
    machine.store(AT);
    machine.unmap(AT, 0x1000);
    assert_eq!(machine.kernel.stats().rss_bytes, 0);
    assert_eq!(machine.killed(AT, AccessKind::Load), map_err(AT));
    machine.shut_down();
}

#[test]
fn mprotect_makes_inferred_rights_known() {
    let mut machine = Machine::inferring(PagingFormat::Sv39);
    machine.store(AT);
    machine.protect(AT, 0x2000, R);
    assert_eq!(machine.maps(), "10000000-10002000 r--p 00000000 00:00 0 \n");
    machine.load(AT + 0x1000);
    assert_eq!(machine.killed(AT, AccessKind::Store), acc_err(AT), "RELRO is not widened");
    machine.shut_down();
}

#[test]
fn calls_that_failed_change_nothing() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    let call = Syscall::Map(anonymous(AT, 0x1000, RW));
    let event = Event::Syscall { pid: 1, call, outcome: SyscallOutcome::Failure(12), line: 3 };
    machine.event(&event).unwrap();
    assert_eq!(machine.maps(), "");
    assert_eq!(machine.kernel.stats().syscalls, 0);
}

#[test]
fn addresses_beyond_the_format_are_an_error_of_the_trace() {
    let mut machine = Machine::strict(PagingFormat::Sv32);
    let error = machine.try_call(1, Syscall::Map(anonymous(0x7fff_f7dd_0000, 0x1000, RW))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 7: mmap of 4096 bytes at 0x7ffff7dd0000 reaches beyond 0x100000000, where user addresses of this \
         format end; rebase the trace or choose a wider format"
    );
    for (at, bytes) in [(u64::MAX, u64::MAX), (0, u64::MAX), (u64::MAX, 0), (0xffff_f000, 0x1001)] {
        let at = VirtAddr(at);
        for call in [
            Syscall::Unmap { at, bytes },
            Syscall::Protect { at, bytes, protection: RW },
            Syscall::Advise { at, bytes, advice: 4 },
            Syscall::Map(anonymous(at.0, bytes, RW)),
            Syscall::Remap { from: at, from_bytes: bytes, to: at, to_bytes: bytes, flags: MOVES },
            Syscall::Remap { from: VirtAddr(AT), from_bytes: 1, to: at, to_bytes: bytes, flags: MOVES },
        ] {
            assert!(machine.try_call(1, call.clone()).is_err(), "{call:?}");
        }
    }
    assert!(machine.try_call(1, Syscall::Brk { end: VirtAddr(u64::MAX) }).is_err());
    machine.map(0xffff_f000, 0x1000, RW);
    machine.store(0xffff_ffff);
    machine.unmap(0, 1 << 32);
    assert_eq!(machine.maps(), "");
    machine.shut_down();
}
