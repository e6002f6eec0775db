//! Traces that no kernel would have written: any numbers in any call, by anybody, at any time. An event is carried out
//! or refused with an error; nothing panics, the identities hold, nothing leaks.

use crate::machine::Machine;
use pagewalk_arch::{AccessKind, MmuConfig, PagingFormat, PhysAddr, VirtAddr};
use pagewalk_kernel::{FaultResolution, KernelConfig, LinuxVersion, VmaPolicy};
use pagewalk_trace::{
    CloneKind, Event, FileFact, FileId, FileKind, FileSource, MapRequest, Protection, RemapFlags, Syscall,
    SyscallOutcome,
};
use proptest::prelude::*;

/// Addresses and lengths near every border that matters, and anything else.
fn number() -> impl Strategy<Value = u64> {
    let near = |at: u64| (0..0x4000u64).prop_map(move |n| at.wrapping_add(n).wrapping_sub(0x2000));
    prop_oneof![
        4 => near(0x4000_0000),
        1 => near(0),
        1 => near(0x1_0000),
        1 => near(1 << 32),
        1 => near(1 << 38),
        1 => near(1 << 47),
        1 => near(1 << 56),
        1 => near(u64::MAX),
        1 => any::<u64>(),
    ]
}

fn protection() -> impl Strategy<Value = Protection> {
    any::<(bool, bool, bool)>().prop_map(|(read, write, execute)| Protection { read, write, execute })
}

/// Few files, so that mappings meet.
fn file() -> impl Strategy<Value = FileId> {
    (0..3u64).prop_map(FileId)
}

fn request() -> impl Strategy<Value = MapRequest> {
    let flags = any::<(bool, bool, bool, bool, bool)>();
    let source = prop::option::of((file(), any::<u64>()));
    (number(), number(), protection(), flags, source).prop_map(|(at, bytes, protection, flags, source)| {
        let (shared, populate, locked, grows_down, noreserve) = flags;
        MapRequest {
            at: VirtAddr(at),
            bytes,
            protection,
            shared,
            source: source.map(|(file, offset)| FileSource { file, offset }),
            populate,
            locked,
            grows_down,
            noreserve,
        }
    })
}

/// Calls that name a range.
fn ranged() -> impl Strategy<Value = Syscall> {
    (0..9u8, number(), number(), any::<u64>()).prop_map(|(which, at, bytes, n)| {
        let at = VirtAddr(at);
        match which {
            0 => Syscall::Unmap { at, bytes },
            1 => Syscall::Lock { at, bytes, on_fault: n % 2 == 0 },
            2 => Syscall::Unlock { at, bytes },
            3 => Syscall::NameArea { at, bytes, name: Some(n % 3).filter(|&n| n > 0) },
            4 => Syscall::RemapFilePages { at, bytes, page_offset: n },
            5 => Syscall::Detach { at },
            6 => Syscall::Brk { end: at },
            7 => Syscall::Advise { at, bytes, advice: 100 + (n % 5) as i32 },
            _ => Syscall::Advise { at, bytes, advice: (n % 28) as i32 - 1 },
        }
    })
}

fn remap() -> impl Strategy<Value = Syscall> {
    let flags = any::<(bool, bool, bool)>();
    (number(), number(), number(), number(), flags, any::<bool>()).prop_map(
        |(from, from_bytes, to, to_bytes, (may_move, fixed, dont_unmap), same)| Syscall::Remap {
            from: VirtAddr(from),
            from_bytes,
            to: VirtAddr(to),
            to_bytes: if same { from_bytes } else { to_bytes },
            flags: RemapFlags { may_move, fixed, dont_unmap },
        },
    )
}

fn life() -> impl Strategy<Value = Syscall> {
    let kinds = [CloneKind::Process, CloneKind::Borrower, CloneKind::Thread];
    prop_oneof![
        4 => (0..5u32, prop::sample::select(kinds.to_vec()))
            .prop_map(|(child, kind)| Syscall::Clone { child, kind }),
        2 => Just(Syscall::Exit { status: 0 }),
        1 => Just(Syscall::ExitGroup { status: 0 }),
        1 => Just(Syscall::Exec { path: "/bin/true".into() }),
        1 => (0..5u32).prop_map(|child| Syscall::Wait { child }),
        1 => (-1..70i32).prop_map(|signal| Syscall::HandleSignal { signal }),
        1 => file().prop_map(|file| Syscall::RemoveSegment { file }),
        1 => any::<(bool, bool, bool)>()
            .prop_map(|(current, future, on_fault)| Syscall::LockAll { current, future, on_fault }),
        1 => Just(Syscall::UnlockAll),
        1 => Just(Syscall::Unmodelled { name: "userfaultfd" }),
    ]
}

fn call() -> impl Strategy<Value = Syscall> {
    prop_oneof![
        4 => request().prop_map(Syscall::Map),
        2 => (number(), number(), protection())
            .prop_map(|(at, bytes, protection)| Syscall::Protect { at: VirtAddr(at), bytes, protection }),
        6 => ranged(),
        2 => remap(),
        2 => life(),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Event(Event),
    Access(u64, u8),
}

fn fact() -> impl Strategy<Value = Event> {
    let kinds = [FileKind::Regular, FileKind::Memory, FileKind::Segment];
    (file(), prop::sample::select(kinds.to_vec()), prop::option::of(number())).prop_map(
        |(file, kind, bytes)| Event::File(FileFact { file, kind, bytes, name: "/tmp/file".into(), line: 1 }),
    )
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        3 => Just(SyscallOutcome::Success),
        1 => prop::sample::select(vec![12, 13, 14, 22]).prop_map(SyscallOutcome::Failure),
    ];
    prop_oneof![
        8 => (0..5u32, call(), outcome)
            .prop_map(|(pid, call, outcome)| Step::Event(Event::Syscall { pid, call, outcome, line: 1 })),
        2 => (0..5u32).prop_map(|pid| Step::Event(Event::Switch { pid, line: 1 })),
        1 => fact().prop_map(Step::Event),
        1 => (0..5u32, -1..70i32, any::<bool>())
            .prop_map(|(pid, signal, fatal)| Step::Event(Event::Signal { pid, signal, fatal, line: 1 })),
        12 => (number(), 0..3u8).prop_map(|(va, kind)| Step::Access(va, kind)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_trace_breaks_the_kernel(
        format in prop::sample::select(PagingFormat::ALL.to_vec()),
        infers in any::<bool>(),
        linux in prop::sample::select(LinuxVersion::ALL.to_vec()),
        frames in 16u64..200,
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let config = KernelConfig {
            vma_policy: if infers { VmaPolicy::Infer } else { VmaPolicy::Strict },
            memory_bytes: frames << 12,
            memory_start: Some(PhysAddr(0x10_0000)),
            linux,
            ..KernelConfig::default()
        };
        let mut machine = Machine::with(config, MmuConfig::of(format));
        for step in steps {
            match step {
                Step::Event(event) => {
                    let _refused = machine.event(&event);
                }
                Step::Access(va, kind) => {
                    let kind = [AccessKind::Load, AccessKind::Store, AccessKind::Fetch][usize::from(kind)];
                    // A core of 32 bits has no wider addresses.
                    let va = if format.spec().va_register_bits == 32 { va & 0xffff_ffff } else { va };
                    let end = machine.access(va, kind);
                    prop_assert_ne!(end, Err(FaultResolution::Refused));
                }
            }
            machine.check();
        }
        machine.shut_down();
    }
}
