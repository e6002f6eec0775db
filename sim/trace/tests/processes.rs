//! The life of processes in lackey text: exec, fork, threads, signals, files; and logs that several processes write
//! at once, where any piece of a call may stand on a line of its own and accesses are cut.

use pagewalk_arch::VirtAddr;
use pagewalk_trace::input::Input;
use pagewalk_trace::{self as trace, Recorded, TraceOptions};
use pagewalk_trace::{CloneKind, Event, FileId, FileKind, MapRequest, RemapFlags, Syscall, SyscallOutcome};

fn read(text: &str) -> Recorded {
    let input = Input::from_bytes("t", text.as_bytes().to_vec()).expect("in memory");
    let mut source = trace::read(input, TraceOptions::default()).expect("lackey");
    trace::load(&mut source).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Successful calls of all processes in order.
fn calls(text: &str) -> Vec<(u32, Syscall)> {
    let successful = |event: &Event| match event {
        Event::Syscall { pid, call, outcome: SyscallOutcome::Success, .. } => Some((*pid, call.clone())),
        _ => None,
    };
    read(text).events().iter().filter_map(|(_, event)| successful(event)).collect()
}

fn maps(text: &str) -> Vec<MapRequest> {
    let map = |(_, call)| match call {
        Syscall::Map(map) => Some(map),
        _ => None,
    };
    calls(text).into_iter().filter_map(map).collect()
}

/// The files that the mappings show; 0 for anonymous memory.
fn files(text: &str) -> Vec<u64> {
    maps(text).iter().map(|map| map.source.map_or(0, |source| source.file.0)).collect()
}

#[test]
fn a_program_replaces_another_under_the_same_number() {
    let text = "==10==\nSYSCALL[10,1](39) sys_getpid ( )[sync] --> Success(0xa) \nI  00109000,4\n\
                SYSCALL[10,1](59) sys_execve ( 0x10a004(/bin/true), 0x1fff0005c0, 0x1fff000778 )\n\
                ==10== Lackey, an example Valgrind tool\nI  04001000,3\n L 04002000,8\n S 04003000,8\n";
    let expected = [(10, Syscall::Other { number: 39 }), (10, Syscall::Exec { path: "/bin/true".into() })];
    assert_eq!(calls(text), expected);
    assert_eq!(read(text).accesses().len(), 4);
    // Without any call before it, too: accesses show that a program ran.
    let text = "==10==\nI  00109000,4\n==10== Lackey, an example Valgrind tool\nI  04001000,3\n";
    assert_eq!(calls(text), [(10, Syscall::Exec { path: "".into() })]);
    // But the first program of a process replaces none.
    assert_eq!(calls("==10== Lackey, an example Valgrind tool\nI  04001000,3\n"), []);
}

#[test]
fn a_forked_child_that_executes_at_once() {
    let text = "==10==\nSYSCALL[10,1](58) sys_fork ( )   fork: process 10 created child 11\n \
                --> [pre-success] Success(0xb) \nI  00109000,4\n==11==\n\
                ==11== Lackey, an example Valgrind tool\nI  04001000,3\n";
    let clone = Syscall::Clone { child: 11, kind: CloneKind::Process };
    assert_eq!(calls(text), [(10, clone), (11, Syscall::Exec { path: "".into() })]);
}

#[test]
fn an_exec_that_fails_is_no_exec() {
    let trace = read(
        "==10==\nSYSCALL[10,1](59) sys_execve ( 0x1(/none), 0x2, 0x3 ) --> [pre-fail] Failure(0x2) \nI  00109000,4\n",
    );
    let call = Syscall::Exec { path: "/none".into() };
    let expected = Event::Syscall { pid: 10, call, outcome: SyscallOutcome::Failure(2), line: 2 };
    assert_eq!(trace.events()[1].1, expected);
}

#[test]
fn what_a_clone_shares() {
    let clone = |text: &str| calls(&format!("==5==\nSYSCALL[5,1](56) {text}\nI  00109000,4\n"))[0].1.clone();
    let made = |child, kind| Syscall::Clone { child, kind };
    let thread = "sys_clone ( 3d0f00, 0x62, 0x0, 0x0, 0x0 ) --> [pre-success] Success(0x8) ";
    assert_eq!(clone(thread), made(8, CloneKind::Thread));
    let borrower = "sys_clone ( 4111, 0x62, 0x0, 0x0, 0x0 ) --> [pre-success] Success(0x8) ";
    assert_eq!(clone(borrower), made(8, CloneKind::Borrower));
    let spawn = "sys_clone ( 4111, 0x62, 0x0, 0x0, 0x0 )   clone(fork): process 5 created child 8\n \
                 --> [pre-success] Success(0x8) ";
    assert_eq!(clone(spawn), made(8, CloneKind::Process), "Valgrind made a fork of it");
}

#[test]
fn a_thread_that_ends_before_its_making_is_printed() {
    let text = "==5==\nSYSCALL[5,1](56) sys_clone ( 3d0f00, 0x62, 0x0, 0x0, 0x0 )\nI  00109000,4\n\
                SYSCALL[5,2](60) exit( 0 ) --> [pre-success] Success(0x0) \n --> [pre-success] Success(0x8) \nI  00109004,4\n";
    let expected =
        [(5, Syscall::Clone { child: 8, kind: CloneKind::Thread }), (5, Syscall::Exit { status: 0 })];
    assert_eq!(calls(text), expected);
}

#[test]
fn signals_end_processes_or_run_handlers() {
    let text = "==7==\nSYSCALL[7,1](13) sys_rt_sigaction ( 11, 0x1fff000040, 0x1fff0000e0, 8 )--7-- sys_sigaction: sigNo 11, \
                new 0x1fff000040, old 0x1fff0000e0, new flags 0x14000000\n --> [pre-success] Success(0x0) \n\
                SYSCALL[7,1](13) sys_rt_sigaction ( 10, 0x0, 0x1fff0000e0, 8 )[sync] --> Success(0x0) \nI  00109000,4\n\
                --7-- delivering signal 11 (SIGSEGV):1 to thread 1\n--7-- push_signal_frame (thread 1): signal 11\nI  00109004,4\n\
                ==7== Process terminating with default action of signal 15 (SIGTERM)\n";
    let events: Vec<_> = read(text).events()[1..].iter().map(|(_, event)| event.clone()).collect();
    let success = |line, call| Event::Syscall { pid: 7, call, outcome: SyscallOutcome::Success, line };
    let expected = [
        success(3, Syscall::HandleSignal { signal: 11 }),
        success(4, Syscall::Other { number: 13 }),
        Event::Signal { pid: 7, signal: 11, fatal: false, line: 7 },
        Event::Signal { pid: 7, signal: 15, fatal: true, line: 9 },
    ];
    assert_eq!(events, expected);
    for end in [
        "--7-- Thread 1 VgTs_Runnable being killed with SIGKILL, running tid: 1",
        "==7== pagewalk: killed by signal 9",
    ] {
        let trace = read(&format!("==7==\nI  00109000,4\n{end}\n"));
        assert_eq!(trace.events()[1].1, Event::Signal { pid: 7, signal: 9, fatal: true, line: 3 });
    }
    // Of most signals that end a process, this is all that Valgrind says; of others it says both.
    let text = "==7==\nI  00109000,4\n--7-- delivering signal 6 (SIGABRT):-6 to thread 1\n\
                --7-- delivering 6 (code -6) to default handler; action: terminate+core\n\
                ==7== Process terminating with default action of signal 6 (SIGABRT)\n";
    let trace = read(text);
    assert_eq!(trace.events()[1].1, Event::Signal { pid: 7, signal: 6, fatal: true, line: 4 });
    assert_eq!(trace.events().len(), 2);
    let ignored = "==7==\nI  00109000,4\n--7-- delivering 17 (code 1) to default handler; action: ignore\n";
    assert_eq!(read(ignored).events().len(), 1);
}

#[test]
fn children_that_were_waited_for() {
    let wait = |text: &str| calls(&format!("==7==\nSYSCALL[7,1](61) {text}\nI  00109000,4\n"))[0].1.clone();
    let reaped = Syscall::Wait { child: 8 };
    assert_eq!(
        wait(
            "sys_wait4 ( 4294967295, 0x1f, 0, 0x0 ) --> [async] ... \nSYSCALL[7,1](61) ... [async] --> Success(0x8) "
        ),
        reaped
    );
    assert_eq!(wait("sys_wait4 ( -1, 0x1f, 1, 0x0 )[sync] --> Success(0x0) "), Syscall::Other { number: 61 });
    assert_eq!(wait("sys_waitid( 1, 8, 0x1fff0002e0, 4, 0x0 )[sync] --> Success(0x0) "), reaped);
    assert_eq!(
        wait("sys_waitid( 0, 0, 0x1fff0002e0, 4, 0x0 )[sync] --> Success(0x0) "),
        Syscall::Other { number: 61 }
    );
}

#[test]
fn a_wait_that_a_handled_signal_met() {
    let text = "==7==\nSYSCALL[7,1](61) sys_wait4 ( 4294967295, 0x1f, 0, 0x0 ) --> [async] ... \n\
                --7-- interrupted_syscall: tid=1, ip=0x580a7ec5, restart=False, sres.isErr=False, sres.val=8\n\
                --7--   completed, but uncommitted: committing\nI  00109000,4\n";
    assert_eq!(calls(text), [(7, Syscall::Wait { child: 8 })]);
    let restarted =
        text.replace("  completed, but uncommitted: committing", "  at syscall instr: restarting");
    assert_eq!(calls(&restarted), []);
}

#[test]
fn calls_that_shape_an_address_space() {
    let call = |text: &str| {
        let all = calls(&format!("==7==\nSYSCALL[7,1](1) {text}[sync] --> Success(0x0) \nI  00109000,4\n"));
        all.last().expect("a call").1.clone()
    };
    let at = VirtAddr(0x4a2_a000);
    assert_eq!(call("sys_mlock ( 0x4a2a000, 4096 )"), Syscall::Lock { at, bytes: 4096, on_fault: false });
    assert_eq!(call("sys_mlock2 ( 0x4a2a000, 4096, 1 )"), Syscall::Lock { at, bytes: 4096, on_fault: true });
    assert_eq!(call("sys_munlock ( 0x4a2a000, 4096 )"), Syscall::Unlock { at, bytes: 4096 });
    assert_eq!(call("sys_mlockall ( 5 )"), Syscall::LockAll { current: true, future: false, on_fault: true });
    assert_eq!(call("sys_munlockall ( )"), Syscall::UnlockAll);
    assert_eq!(call("sys_shmdt ( 0x4a2a000 )"), Syscall::Detach { at });
    assert_eq!(
        call("sys_prctl ( 1398164801, 0, 77766656, 4096, 1094108 )"),
        Syscall::NameArea { at, bytes: 4096, name: Some(1_094_108) }
    );
    assert_eq!(call("sys_prctl ( 15, 1094157, 0, 0, 100 )"), Syscall::Other { number: 1 });
    assert_eq!(
        call("sys_prctl ( 41, 1, 0, 0, 0 )"),
        Syscall::Unmodelled { name: "prctl(PR_SET_THP_DISABLE)" }
    );
    assert_eq!(
        call("sys_remap_file_pages ( 0x4a2a000, 4096, 0, 3, 0 )"),
        Syscall::RemapFilePages { at, bytes: 4096, page_offset: 3 }
    );
    assert_eq!(
        call("sys_process_vm_writev ( 4672, 0x1, 1, 0x2, 1, 0 )"),
        Syscall::Unmodelled { name: "process_vm_writev" }
    );
    let flags = RemapFlags { may_move: true, fixed: true, dont_unmap: true };
    let expected = Syscall::Remap { from: at, from_bytes: 4096, to: VirtAddr(0), to_bytes: 8192, flags };
    assert_eq!(call("sys_mremap ( 0x4a2a000, 4096, 8192, 0x7, 0x30000000 )"), expected);
}

#[test]
fn a_call_that_failed_keeps_where_it_was_to_be() {
    let text = "==7==\nSYSCALL[7,1](25) sys_mremap ( 0x4a3a000, 65536, 65536, 0x3, 0x30000000 ) --> [pre-fail] Failure(0x16) \n\
                SYSCALL[7,1](9) sys_mmap ( 0x10000000, 4096, 3, 50, 4294967295, 0 ) --> [pre-fail] Failure(0xc) \n\
                SYSCALL[7,1](462) --7-- WARNING: unhandled amd64-linux syscall: 462\n --> [pre-fail] Failure(0x26) \nI  00109000,4\n";
    let trace = read(text);
    let failures: Vec<_> = trace.events()[1..]
        .iter()
        .map(|(_, event)| match event {
            Event::Syscall {
                call: Syscall::Remap { to, .. },
                outcome: SyscallOutcome::Failure(errno),
                ..
            } => (to.0, *errno),
            Event::Syscall { call: Syscall::Map(map), outcome: SyscallOutcome::Failure(errno), .. } => {
                (map.at.0, *errno)
            }
            Event::Syscall {
                call: Syscall::Unmodelled { name: "mseal" },
                outcome: SyscallOutcome::Failure(errno),
                ..
            } => (0, *errno),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(failures, [(0x3000_0000, 22), (0x1000_0000, 12), (0, 38)]);
}

#[test]
fn flags_of_mappings() {
    let map = |flags: u32| {
        let text = format!(
            "==7==\nSYSCALL[7,1](9) sys_mmap ( 0x0, 4096, 3, {flags}, 4294967295, 0 ) --> [pre-success] Success(0x4000) \nI  00109000,4\n"
        );
        maps(&text)[0]
    };
    assert!(map(0x8022).populate && !map(0x1_8022).populate, "MAP_NONBLOCK takes MAP_POPULATE back");
    assert!(map(0x2022).locked && map(0x4022).noreserve && map(0x122).grows_down);
    let plain = map(0x22);
    assert!(!plain.populate && !plain.locked && !plain.noreserve && !plain.grows_down && !plain.shared);
}

const OPEN: &str = "==7==\nSYSCALL[7,1](257) sys_openat ( 4294967196, 0x1(/lib/a.so), 524288 ) --> [async] ... \nSYSCALL[7,1](257) ... \
                    [async] --> Success(0x3) \n";
const MAP_3: &str = "SYSCALL[7,1](9) sys_mmap ( 0x0, 4096, 1, 2, 3, 0 ) --> [pre-success] Success(0x4000000) \nI  00109000,4\n";

#[test]
fn mappings_of_one_file_show_one_object() {
    let again = "SYSCALL[7,1](3) sys_close ( 3 )[sync] --> Success(0x0) \n";
    let open_again = OPEN.replace("0x1(/lib/a.so)", "0x2(/lib/../lib/./a.so)");
    assert_eq!(files(&format!("{OPEN}{MAP_3}{again}{open_again}{MAP_3}")), [1, 1]);
    // Unlinked and made anew, it is another.
    let unlink = "SYSCALL[7,1](87) sys_unlink ( 0x1(/lib/a.so) )[sync] --> Success(0x0) \n";
    assert_eq!(files(&format!("{OPEN}{MAP_3}{again}{unlink}{OPEN}{MAP_3}")), [1, 2]);
    // A descriptor closed and unknown.
    assert_eq!(files(&format!("{OPEN}{again}{MAP_3}{again}{MAP_3}")), [2, 3]);
    // The recorder saw that two names are one file.
    let is = "==7== pagewalk: fd 3 is 8:1:99 regular 5000 /lib/a.so\n";
    let other = OPEN.replace("/lib/a.so", "/usr/lib/a.so");
    let trace = format!("{OPEN}{is}{MAP_3}{again}{other}{is}{MAP_3}");
    assert_eq!(files(&trace), [1, 1]);
    let recorded = read(&trace);
    let Event::File(fact) = &recorded.events()[2].1 else { panic!("{:?}", recorded.events()) };
    assert_eq!(
        (fact.file, fact.kind, fact.bytes, &*fact.name),
        (FileId(1), FileKind::Regular, Some(5000), "/lib/a.so")
    );
}

#[test]
fn sizes_of_memory_files_are_told_when_they_change() {
    let text = "==7==\nSYSCALL[7,1](319) sys_memfd_create ( 0x10b051, 1 )[sync] --> Success(0x3) \n\
                SYSCALL[7,1](77) sys_ftruncate ( 3, 8192 )[sync] --> Success(0x0) \n\
                SYSCALL[7,1](9) sys_mmap ( 0x0, 8192, 3, 1, 3, 0 ) --> [pre-success] Success(0x4000000) \n\
                SYSCALL[7,1](77) sys_ftruncate ( 3, 4096 )[sync] --> Success(0x0) \nI  00109000,4\n";
    let facts: Vec<_> = read(text)
        .events()
        .iter()
        .filter_map(|(_, event)| match event {
            Event::File(fact) => Some((fact.kind, fact.bytes, fact.line)),
            _ => None,
        })
        .collect();
    assert_eq!(facts, [(FileKind::Memory, Some(8192), 4), (FileKind::Memory, Some(4096), 5)]);
}

#[test]
fn segments_have_the_size_that_they_were_made_with() {
    let text = "==7==\nSYSCALL[7,1](29) sys_shmget ( 0, 8192, 896 )[sync] --> Success(0x5) \n\
                SYSCALL[7,1](30) sys_shmat ( 5, 0x0, 0 )[sync] --> Success(0x4841000) \n\
                SYSCALL[7,1](30) sys_shmat ( 5, 0x0, 4096 )[sync] --> Success(0x4843000) \n\
                SYSCALL[7,1](31) sys_shmctl ( 5, 0, 0x0 )[sync] --> Success(0x0) \nI  00109000,4\n";
    let all = maps(text);
    assert_eq!(
        (all[0].at, all[0].bytes, all[0].shared, all[0].source),
        (VirtAddr(0x484_1000), 8192, true, all[1].source)
    );
    assert!(all[0].protection.write && !all[1].protection.write);
    assert_eq!(calls(text).last().expect("the last").1, Syscall::RemoveSegment { file: FileId(1) });
    // Of a segment made elsewhere the recorder may know.
    let known = "==7==\n==7== pagewalk: segment 9 is 12288\nSYSCALL[7,1](30) sys_shmat ( 9, 0x0, 0 )[sync] --> Success(0x4841000) \n";
    assert_eq!(maps(&format!("{known}I  00109000,4\n"))[0].bytes, 12288);
}

#[test]
fn a_ring_lies_where_its_first_user_says() {
    let text = "==7==\n==7== pagewalk: cpus are 2\nSYSCALL[7,1](206) sys_io_setup ( 128, 0x1fff000468 )[sync] --> Success(0x0) \n\
                SYSCALL[7,1](208) sys_io_getevents ( 77856768, 0, 1, 0x1fff000440, 0x1fff000430 )[sync] --> Success(0x0) \n\
                SYSCALL[7,1](207) sys_io_destroy ( 77856768 ) --> [pre-success] Success(0x0) \nI  00109000,4\n";
    let map = maps(text)[0];
    assert_eq!((map.at, map.bytes, map.shared), (VirtAddr(77_856_768), 12288, true));
    assert_eq!(calls(text).last().expect("the last").1, Syscall::Unmap { at: map.at, bytes: 12288 });
}

#[test]
fn a_remark_on_a_line_of_its_own() {
    let text = "I  00109000,4\nSYSCALL[10,1](56) sys_clone ( 1200011, 0x0, 0x0, 0x4a27a10, 0x0 )\n   clone(fork): process 10 \
                created child 11\n --> [pre-success] Success(0xb) \nI  00109004,4\n";
    assert_eq!(calls(text), [(1, Syscall::Clone { child: 11, kind: CloneKind::Process })]);
    assert_eq!(read(text).accesses().len(), 2);
}

#[test]
fn a_child_that_speaks_before_its_making_was_printed() {
    let text = "==10==\n S 10000000,1\nSYSCALL[10,1](57) sys_fork ( )\n==11==\n L 10000000,1\n\
                SYSCALL[11,1](231) exit_group( 0 ) --> [pre-success] Success(0x0) \n==10==\n   fork: process 10 created child 11\n \
                --> [pre-success] Success(0xb) \n S 10000000,1\n";
    let clone = Syscall::Clone { child: 11, kind: CloneKind::Process };
    assert_eq!(calls(text), [(10, clone), (11, Syscall::ExitGroup { status: 0 })]);
}

#[test]
fn a_number_is_used_again_after_its_process_was_waited_for() {
    let fork = "SYSCALL[10,1](57) sys_fork ( )\n";
    let remark = "==10==\n   fork: process 10 created child 11\n --> [pre-success] Success(0xb) \n";
    let child = "==11==\n S 10000000,1\nSYSCALL[11,1](231) exit_group( 0 ) --> [pre-success] Success(0x0) \n";
    let wait = "SYSCALL[10,1](61) sys_wait4 ( 4294967295, 0x0, 0, 0x0 )[sync] --> Success(0xb) \n";
    let text = format!("==10==\n S 10000000,1\n{fork}{child}{remark}{wait}{fork}{child}{remark}{wait}");
    let made = (10, Syscall::Clone { child: 11, kind: CloneKind::Process });
    let made_at: Vec<usize> =
        calls(&text).iter().enumerate().filter(|(_, call)| **call == made).map(|(at, _)| at).collect();
    // Each making, then that child's end, then the wait for it.
    assert_eq!(made_at, [0, 3]);
    assert_eq!(calls(&text).len(), 6);
    // Before anybody waited, another thread of the process that has ended speaks.
    let late = "==11==\nSYSCALL[11,2](202) ... [async] --> Success(0x0) \n";
    let text = format!("==10==\n S 10000000,1\n{fork}{child}{remark}{fork}{late}");
    assert_eq!(calls(&text).iter().filter(|call| **call == made).count(), 1);
}

#[test]
fn of_two_forks_the_remark_says_which_makes_a_child() {
    let text = "==10==\n S 10000000,1\nSYSCALL[10,1](57) sys_fork ( )   fork: process 10 created child 11\n \
                --> [pre-success] Success(0xb) \n==11==\n S 10000000,1\nSYSCALL[11,1](57) sys_fork ( )\n==10==\n\
                SYSCALL[10,1](57) sys_fork ( )\n==13==\n S 10000000,1\n==12==\n S 10000000,1\n==11==\n   \
                fork: process 11 created child 13\n --> [pre-success] Success(0xd) \n==10==\n   \
                fork: process 10 created child 12\n --> [pre-success] Success(0xc) \n";
    let made = |pid, child| (pid, Syscall::Clone { child, kind: CloneKind::Process });
    assert_eq!(calls(text), [made(10, 11), made(11, 13), made(10, 12)]);
}

#[test]
fn accesses_that_others_cut() {
    let text = "==5==\nI  04SYSCALL[6,1](39) sys_getpid ( )[sync] --> Success(0x6) \n01ab70,3\n L 1ffeI  00109000,4\nffe7e0,8\n";
    let accesses: Vec<_> = read(text).accesses().iter().map(|access| (access.va.0, access.bytes)).collect();
    assert_eq!(accesses, [(0x401_ab70, 3), (0x10_9000, 4), (0x1f_feff_e7e0, 8)]);
    assert_eq!(calls(text), [(6, Syscall::Other { number: 39 })]);
}

/// Two processes that write one log at once: what is read is what their own logs hold.
mod interleaving {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// What a process writes at once. A bare piece does not say whose it is.
    #[derive(Clone, Debug)]
    enum Piece {
        /// A whole line, or the first piece of a call.
        Named(String),
        Arguments(String),
        Result(String),
        Access(String),
    }

    fn access() -> impl Strategy<Value = Vec<Piece>> {
        let prefix = prop::sample::select(vec!["I  ", " L ", " S ", " M "]);
        (prefix, 0u64..1 << 40, 1u32..65)
            .prop_map(|(prefix, at, bytes)| vec![Piece::Access(format!("{prefix}{at:08x},{bytes}\n"))])
    }

    fn call(pid: u32) -> impl Strategy<Value = Vec<Piece>> {
        (0u32..5, 1u64..1 << 20, 0u8..3).prop_map(move |(which, page, form)| {
            let at = page * 4096;
            let (number, arguments, value) = match which {
                0 => (9, format!("sys_mmap ( {at:#x}, 8192, 3, 50, 4294967295, 0 )"), at),
                1 => (11, format!("sys_munmap ( {at:#x}, 4096 )"), 0),
                2 => (10, format!("sys_mprotect ( {at:#x}, 4096, 1 )"), 0),
                3 => (39, "sys_getpid ( )".into(), u64::from(pid)),
                _ => (28, format!("sys_madvise ( {at:#x}, 4096, 4 )"), 0),
            };
            let header = format!("SYSCALL[{pid},1]({number}) ");
            let mut pieces = vec![Piece::Named(header.clone()), Piece::Arguments(arguments)];
            match form {
                0 => pieces.push(Piece::Result(format!("[sync] --> Success({value:#x}) \n"))),
                1 => pieces.push(Piece::Result(format!(" --> [pre-success] Success({value:#x}) \n"))),
                _ => {
                    pieces.push(Piece::Result(" --> [async] ... \n".into()));
                    pieces.push(Piece::Named(format!("{header}... [async] --> Success({value:#x}) \n")));
                }
            }
            pieces
        })
    }

    fn process(pid: u32) -> impl Strategy<Value = Vec<Piece>> {
        prop::collection::vec(prop_oneof![access().boxed(), call(pid).boxed()], 1..30)
            .prop_map(|groups| groups.concat())
    }

    /// The log of one process alone.
    fn alone(pid: u32, pieces: &[Piece]) -> String {
        let mut text = format!("=={pid}==\n");
        for piece in pieces {
            let (Piece::Named(piece) | Piece::Arguments(piece) | Piece::Result(piece) | Piece::Access(piece)) =
                piece;
            text.push_str(piece);
        }
        text
    }

    /// What a bare piece could complete, of one process: it has its header, or its arguments.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Open {
        Nothing,
        Header,
        Arguments,
    }

    /// Both logs as one, by coin: a piece may come wherever the reader's rule gives it to its process.
    fn together(logs: [&[Piece]; 2], coins: &[u8]) -> String {
        let mut text = String::from("==5==\n");
        let (mut next, mut open, mut current) = ([0usize; 2], [Open::Nothing; 2], 0);
        let mut tails: [Option<String>; 2] = [None, None];
        // Who wrote last: a bare piece behind another's on one line would be taken for that one's.
        let mut last = 0;
        let mut coin = coins.iter().cycle().copied();
        let mut flip = || coin.next().unwrap_or(0);
        while next[0] < logs[0].len() || next[1] < logs[1].len() {
            let at_line_start = text.ends_with('\n');
            let mut who = usize::from(flip() & 1);
            if next[who] == logs[who].len() {
                who = 1 - who;
            }
            if let Some(tail) = tails[who].take() {
                if !at_line_start {
                    text.push('\n');
                }
                text.push_str(&tail);
                last = who;
                next[who] += 1;
                continue;
            }
            let piece = &logs[who][next[who]];
            // The end of an access that was cut must find the line's beginning; only what can be told follows it.
            let after_cut = tails[1 - who].is_some() && !at_line_start;
            match piece {
                Piece::Named(piece) => {
                    text.push_str(piece);
                    current = who;
                    open[who] = if piece.ends_with('\n') { Open::Nothing } else { Open::Header };
                }
                Piece::Arguments(piece) | Piece::Result(piece) => {
                    let stage = if matches!(logs[who][next[who]], Piece::Arguments(_)) {
                        Open::Header
                    } else {
                        Open::Arguments
                    };
                    if current != who && open[current] == stage || after_cut {
                        // The reader would take it for the other's.
                        if open[1 - who] == Open::Nothing || after_cut {
                            text.push('\n');
                        }
                        if current != who && open[current] == stage {
                            if !text.ends_with('\n') && last != current {
                                text.push('\n');
                            }
                            text.push_str(&finish(logs[current], &mut next[current], &mut open[current]));
                            last = current;
                        }
                        continue;
                    }
                    if !at_line_start && (flip() & 1 == 0 || last != who) {
                        text.push('\n');
                    }
                    text.push_str(piece);
                    open[who] = if stage == Open::Header { Open::Arguments } else { Open::Nothing };
                }
                Piece::Access(piece) => {
                    let cut = 4 + usize::from(flip()) % 5;
                    if flip() & 3 == 0 && at_line_start && tails[1 - who].is_none() {
                        text.push_str(&piece[..cut]);
                        tails[who] = Some(piece[cut..].to_owned());
                        // It goes on when the line of the other is over.
                        continue;
                    }
                    text.push_str(piece);
                }
            }
            last = who;
            next[who] += 1;
        }
        text
    }

    /// The next piece of a process that must come first.
    fn finish(log: &[Piece], next: &mut usize, open: &mut Open) -> String {
        let (Piece::Named(piece) | Piece::Arguments(piece) | Piece::Result(piece) | Piece::Access(piece)) =
            &log[*next];
        *next += 1;
        *open = if *open == Open::Header { Open::Arguments } else { Open::Nothing };
        piece.clone()
    }

    /// Calls by process, and accesses, both as sets: order and place are not the logs' alone.
    type Content = (BTreeMap<String, usize>, BTreeMap<(u64, u8, u8), usize>);
    fn content(texts: &[String]) -> Content {
        let (mut events, mut accesses) = (BTreeMap::new(), BTreeMap::new());
        for text in texts {
            let trace = read(text);
            for (_, event) in trace.events() {
                if let Event::Syscall { pid, call, outcome, .. } = event {
                    *events.entry(format!("{pid} {call:?} {outcome:?}")).or_default() += 1;
                }
            }
            for access in trace.accesses() {
                *accesses.entry((access.va.0, access.kind as u8, access.bytes)).or_default() += 1;
            }
        }
        (events, accesses)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]
        #[test]
        fn a_shared_log_holds_what_both_logs_hold(
            a in process(5),
            b in process(6),
            coins in prop::collection::vec(any::<u8>(), 1..200),
        ) {
            let has_content = |log: &[Piece]| content(&[alone(5, log)]);
            prop_assume!(!has_content(&a).0.is_empty() || !has_content(&a).1.is_empty());
            let separate = content(&[alone(5, &a), alone(6, &b)]);
            let text = together([&a, &b], &coins);
            let shared = content(std::slice::from_ref(&text));
            prop_assert_eq!(&shared, &separate, "{}", text);
        }
    }
}
