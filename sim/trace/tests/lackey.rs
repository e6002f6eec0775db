//! Lackey text: expected accesses and events of small texts, written as Valgrind 3.19 writes them; every
//! compression and a pipe; and mutations of a real trace, none of which may panic or hang.

use pagewalk_arch::{Access, AccessKind, VirtAddr};
use pagewalk_trace::input::Input;
use pagewalk_trace::{self as trace, Recorded, Trace, TraceOptions};
use pagewalk_trace::{
    Boundary, CloneKind, Event, MapRequest, Protection, Syscall, SyscallOutcome, TraceSource,
};
use std::io::{Read, Write};

use AccessKind::{Fetch, Load, Store};

fn open(text: &[u8]) -> Box<dyn Trace> {
    let input = Input::from_bytes("t", text.to_vec()).expect("in memory");
    trace::read(input, TraceOptions::default()).expect("lackey")
}

fn read(text: &str) -> Recorded {
    trace::load(&mut open(text.as_bytes())).expect("a whole trace")
}

/// Accesses as (line, kind, address, bytes).
fn accesses(trace: &Recorded) -> Vec<(u32, AccessKind, u64, u8)> {
    trace.accesses().iter().map(|a| (a.line, a.kind, a.va.0, a.bytes)).collect()
}

fn success(pid: u32, line: u32, call: Syscall) -> Event {
    Event::Syscall { pid, call, outcome: SyscallOutcome::Success, line }
}

#[test]
fn every_kind_of_access() {
    let trace = read("I  0401ab70,3\n L 1ffeffe7e0,8\n S 04035008,16\n M 0421c7cc,4\n");
    let expected = [
        (1, Fetch, 0x401_ab70, 3),
        (2, Load, 0x1f_feff_e7e0, 8),
        (3, Store, 0x403_5008, 16),
        (4, Load, 0x421_c7cc, 4),
        (4, Store, 0x421_c7cc, 4),
    ];
    assert_eq!(accesses(&trace), expected);
    assert_eq!(trace.events(), [(0, Event::Switch { pid: 1, line: 1 })]);
}

#[test]
fn accesses_over_page_borders_become_two() {
    let trace = read("==3== x\nI  04000fff,5\n M 04001ffc,8\n S 04002000,512\n L 04002fff,1\n");
    let expected = [
        (2, Fetch, 0x400_0fff, 1),
        (2, Fetch, 0x400_1000, 4),
        (3, Load, 0x400_1ffc, 4),
        (3, Load, 0x400_2000, 4),
        (3, Store, 0x400_1ffc, 4),
        (3, Store, 0x400_2000, 4),
        (4, Store, 0x400_2000, 255),
        (5, Load, 0x400_2fff, 1),
    ];
    assert_eq!(accesses(&trace), expected);
}

#[test]
fn system_calls_of_one_process() {
    let trace = read(
        "==9== Lackey, an example Valgrind tool\n==9== \nI  0401ab70,3\n\
         SYSCALL[9,1](12) sys_brk ( 0x0 ) --> [pre-success] Success(0x4035000) \n\
         SYSCALL[9,1](9) sys_mmap ( 0x0, 8192, 3, 34, 4294967295, 0 ) --> [pre-success] Success(0x4835000) \n\
         SYSCALL[9,1](21) sys_access ( 0x402a2a0(/etc/ld.so.preload), 4 )[sync] --> Failure(0x2) \n\
         SYSCALL[9,1](28) sys_madvise ( 0x4a2c000, 8192, 4 ) --> [async] ... \n\
         SYSCALL[9,1](28) ... [async] --> Success(0x0) \n\
         SYSCALL[9,1](10) sys_mprotect ( 0x4a14000, 16384, 1 )[sync] --> Success(0x0) \n\
         SYSCALL[9,1](11) sys_munmap ( 0xffffffffffffffff, 4096 )==9== Warning: client syscall munmap tried to modify \
         addresses 0xffffffffffffffff-0xffe\n --> [pre-fail] Failure(0x16) \n\
         SYSCALL[9,1](334) unimplemented (by the kernel) syscall: 334! (ni_syscall)\n --> [pre-fail] Failure(0x26) \n\
         SYSCALL[9,1](231) exit_group( 3 ) --> [pre-success] Success(0x0) \n",
    );
    let map = MapRequest {
        at: VirtAddr(0x483_5000),
        bytes: 8192,
        protection: Protection { read: true, write: true, execute: false },
        shared: false,
        populate: false,
        grows_down: false,
        ..MapRequest::default()
    };
    let failure =
        |errno, line, call| Event::Syscall { pid: 9, call, outcome: SyscallOutcome::Failure(errno), line };
    let read_only = Protection { read: true, ..Protection::default() };
    let expected = [
        (0, Event::Switch { pid: 9, line: 1 }),
        (1, success(9, 4, Syscall::Brk { end: VirtAddr(0x403_5000) })),
        (1, success(9, 5, Syscall::Map(map))),
        (1, failure(2, 6, Syscall::Other { number: 21 })),
        (1, success(9, 8, Syscall::Advise { at: VirtAddr(0x4a2_c000), bytes: 8192, advice: 4 })),
        (
            1,
            success(9, 9, Syscall::Protect { at: VirtAddr(0x4a1_4000), bytes: 16384, protection: read_only }),
        ),
        (1, failure(22, 11, Syscall::Unmap { at: VirtAddr(u64::MAX), bytes: 4096 })),
        (1, failure(38, 13, Syscall::Other { number: 334 })),
        (1, success(9, 14, Syscall::ExitGroup { status: 3 })),
    ];
    assert_eq!(trace.events(), expected);
}

#[test]
fn processes_that_share_a_log() {
    let trace = read(
        "==5== Lackey, an example Valgrind tool\nI  00001000,4\n\
         SYSCALL[5,1](57) sys_fork ( )   fork: process 5 created child 6\n --> [pre-success] Success(0x6) \n\
         I  00001004,4\n --> [pre-success] Success(0x0) \n\
         SYSCALL[6,1](60) exit( 7 ) --> [pre-success] Success(0x0) \n==6== \n\
         SYSCALL[5,1](1) I  00001008,4\nsys_write ( 5, 0x10a004, 5 )I  0000100c,4\n --> [async] ... \n\
         SYSCALL[5,1](1) ... [async] --> Success(0x5) L 00002000,8\n\nI  00001010,4\n",
    );
    let expected = [
        (0, Event::Switch { pid: 5, line: 1 }),
        (1, success(5, 4, Syscall::Clone { child: 6, kind: CloneKind::Process })),
        (2, Event::Switch { pid: 6, line: 7 }),
        (2, success(6, 7, Syscall::Exit { status: 7 })),
        (2, Event::Switch { pid: 5, line: 9 }),
        (4, success(5, 12, Syscall::Other { number: 1 })),
    ];
    assert_eq!(trace.events(), expected);
    let lines: Vec<_> = trace.accesses().iter().map(|a| a.line).collect();
    assert_eq!(lines, [2, 5, 9, 10, 12, 14]);
}

#[test]
fn threads_end_alone_and_the_last_ends_the_process() {
    let trace = read(
        "==5== x\nI  00001000,4\n\
         SYSCALL[5,1](56) sys_clone ( 3d0f00, 0x62, 0x0, 0x0, 0x0 ) --> [pre-success] Success(0x8) I  00001004,4\n\n\
         SYSCALL[5,1](202) sys_futex ( 0x622a990, 265, 6282, 0x0, 0x0 ) --> [async] ... \n\
         SYSCALL[5,2](24) sched_yield() --> [async] ... \nSYSCALL[5,2](24) ... [async] --> Success(0x0) \n\
         SYSCALL[5,2](60) exit( 0 ) --> [pre-success] Success(0x0) \n\
         SYSCALL[5,1](202) ... [async] --> Success(0x0) \nSYSCALL[5,1](60) exit( 1 ) --> [pre-success] Success(0x0) \n",
    );
    let calls: Vec<_> = trace.events()[1..].iter().map(|(_, event)| event.clone()).collect();
    let expected = [
        success(5, 3, Syscall::Clone { child: 8, kind: CloneKind::Thread }),
        success(5, 7, Syscall::Other { number: 24 }),
        success(5, 8, Syscall::Exit { status: 0 }),
        success(5, 9, Syscall::Other { number: 202 }),
        success(5, 10, Syscall::Exit { status: 1 }),
    ];
    assert_eq!(calls, expected);
}

#[test]
fn a_program_executed_in_a_process_starts_with_an_empty_address_space() {
    let preamble = "==5== Lackey, an example Valgrind tool\n";
    let call = "SYSCALL[5,1](39) sys_getpid ( )[sync] --> Success(0x5) \n";
    let trace = read(&format!("{preamble}{call}I  00001000,4\n{preamble}I  00001000,4\n"));
    let expected = [
        (0, Event::Switch { pid: 5, line: 1 }),
        (0, success(5, 2, Syscall::Other { number: 39 })),
        (1, success(5, 4, Syscall::Exec { path: "".into() })),
    ];
    assert_eq!(trace.events(), expected);
}

#[test]
fn a_process_named_late_is_the_one_before() {
    let trace =
        read("I  00001000,4\nSYSCALL[77,1](39) sys_getpid ( )[sync] --> Success(0x4d) \n==77== bye\n");
    let expected =
        [(0, Event::Switch { pid: 1, line: 1 }), (1, success(1, 2, Syscall::Other { number: 39 }))];
    assert_eq!(trace.events(), expected);
}

#[test]
fn line_ends_of_other_systems() {
    assert_eq!(accesses(&read("I  0401ab70,3\r\n L 00001000,1\r\n")).len(), 2);
}

/// The first `bytes` of the bundled trace, to the end of a line.
fn real_text(bytes: u64) -> Vec<u8> {
    let mut text = Vec::new();
    trace::bundled_input().expect("bundled").take(bytes).read_to_end(&mut text).expect("whole");
    let end = text.iter().rposition(|&byte| byte == b'\n').expect("lines");
    text.truncate(end + 1);
    text
}

#[test]
fn every_compression_and_a_pipe_give_the_same() {
    let text = real_text(3 << 20);
    let plain = trace::load(&mut open(&text)).expect("whole");
    assert!(plain.accesses().len() > 100_000);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&text).expect("in memory");
    let mut xz = xz2::write::XzEncoder::new(Vec::new(), 0);
    xz.write_all(&text).expect("in memory");
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&text).expect("in memory");
    // Two frames: files may be concatenated.
    let (first, second) = text.split_at(1_000_003);
    let mut zstd = zstd::encode_all(first, 1).expect("in memory");
    zstd.extend(zstd::encode_all(second, 1).expect("in memory"));
    let packed = [
        ("gzip", gzip.finish().expect("in memory")),
        ("xz", xz.finish().expect("in memory")),
        ("bzip2", bzip2.finish().expect("in memory")),
        ("zstd", zstd),
    ];
    for (name, packed) in packed {
        let mut source = open(&packed);
        assert_eq!(trace::load(&mut source).expect(name), plain, "{name}");
        assert_eq!(source.position(), Some((packed.len() as u64, packed.len() as u64)), "{name}");
    }

    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let sent = text.clone();
    let sending = std::thread::spawn(move || sent.chunks(4093).try_for_each(|chunk| writer.write_all(chunk)));
    let input = Input::new("pipe", reader, None).expect("open");
    let mut source = trace::read(input, TraceOptions::default()).expect("lackey");
    assert_eq!(trace::load(&mut source).expect("whole"), plain);
    assert_eq!(source.position(), None);
    sending.join().expect("no panic").expect("written");
}

#[test]
fn limits_end_after_exactly_so_many() {
    for limit in [0, 1, 4096, 4097, 100_000] {
        let options = TraceOptions { limit: Some(limit), ..TraceOptions::default() };
        let mut source = trace::bundled(options).expect("bundled");
        assert_eq!(trace::load(&mut source).expect("whole").accesses().len() as u64, limit);
    }
}

#[test]
fn blocks_of_any_capacity_hold_the_same() {
    let text = real_text(1 << 20);
    let expected = trace::load(&mut open(&text)).expect("whole");
    for capacity in [4, 5, 100, 65_536] {
        let (mut source, mut block, mut all) =
            (open(&text), Vec::<Access>::with_capacity(capacity), Vec::new());
        loop {
            let boundary = source.next_block(&mut block).expect("whole");
            assert!(block.capacity() == capacity);
            all.extend_from_slice(&block);
            if boundary == Boundary::End {
                break;
            }
        }
        assert_eq!(all, expected.accesses(), "{capacity}");
    }
}

#[test]
fn the_readers_two_paths_agree_with_a_simple_one() {
    let text = real_text(8 << 20);
    let trace = trace::load(&mut open(&text)).expect("whole");
    let mut expected = Vec::new();
    for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = std::str::from_utf8(line).expect("text");
        let kinds: &[AccessKind] = match line.get(..3) {
            Some("I  ") => &[Fetch],
            Some(" L ") => &[Load],
            Some(" S ") => &[Store],
            Some(" M ") => &[Load, Store],
            _ => continue,
        };
        let (address, bytes) = line[3..].split_once(',').expect("an access");
        let first = u64::from_str_radix(address, 16).expect("hexadecimal");
        let bytes: u64 = bytes.parse().expect("decimal");
        for &kind in kinds {
            let border = (first / 4096 + 1) * 4096;
            let in_first = bytes.min(border - first);
            expected.push((number as u32 + 1, kind, first, in_first as u8));
            if bytes > in_first {
                expected.push((number as u32 + 1, kind, border, (bytes - in_first) as u8));
            }
        }
    }
    assert_eq!(accesses(&trace), expected);
}

/// Reads anything to its end or its error.
fn survive(text: Vec<u8>) {
    let bytes = text.len();
    let Ok(mut source) =
        trace::read(Input::from_bytes("t", text).expect("in memory"), TraceOptions::default())
    else {
        return;
    };
    let mut block = Vec::with_capacity(4096);
    // Every call consumes something or delivers an event of a line.
    for _ in 0..bytes + 16 {
        match source.next_block(&mut block) {
            Ok(Boundary::End) | Err(_) => return,
            Ok(_) => {}
        }
    }
    panic!("endless");
}

mod mutations {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Vec<u8> {
        let text = String::from_utf8(real_text(2 << 20)).expect("text");
        // The system calls, each with some accesses around it.
        let lines: Vec<_> = text.lines().collect();
        let near_call = |n: &usize| {
            lines[n.saturating_sub(2)..(n + 3).min(lines.len())].iter().any(|l| l.starts_with("SYS"))
        };
        let kept: Vec<_> = (0..lines.len()).filter(near_call).map(|n| lines[n]).collect();
        format!("==4== Lackey, an example Valgrind tool\n{}\n", kept.join("\n")).into_bytes()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]
        #[test]
        fn no_mutation_panics(edits in prop::collection::vec((any::<prop::sample::Index>(), 0u8..6, any::<u8>()), 1..12)) {
            let mut text = sample();
            for (index, edit, byte) in edits {
                if text.is_empty() {
                    break;
                }
                let at = index.index(text.len());
                match edit {
                    0 => text[at] = byte,
                    1 => text.insert(at, b"\n ,()[]=->x0I"[byte as usize % 13]),
                    2 => text.truncate(at),
                    3 => { text.drain(at..(at + byte as usize).min(text.len())); }
                    4 => { let piece = text[at..(at + byte as usize).min(text.len())].to_vec(); text.extend(piece); }
                    _ => text[at] ^= 1 << (byte % 8),
                }
            }
            survive(text);
        }

        #[test]
        fn no_damage_to_compressed_data_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut packed = zstd::encode_all(&sample()[..], 1).expect("in memory");
            let at = at.index(packed.len());
            packed[at] = byte;
            survive(packed);
        }
    }
}
