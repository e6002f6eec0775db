//! Traces that no kernel would have written: any numbers in any call, by anybody, at any time. An event is carried out
//! or refused with an error; nothing panics, the identities hold, nothing leaks.

use crate::machine::{Machine, anonymous};
use pagewalk_arch::{
    AccessKind, CloneKind, Event, FileId, FileSource, MapRequest, MmuConfig, PagingFormat, PhysAddr,
    Protection, RemapFlags, Syscall, SyscallOutcome, VirtAddr,
};
use pagewalk_kernel::{FaultResolution, KernelConfig, VmaPolicy};
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

fn call() -> impl Strategy<Value = Syscall> {
    let map =
        (number(), number(), protection(), any::<(bool, bool, bool)>(), any::<Option<u64>>(), any::<u64>());
    let map = map.prop_map(|(at, bytes, protection, (shared, populate, grows_down), file, offset)| {
        // MAP_POPULATE is carried out page by page, here as in Linux.
        let bytes = if populate { bytes % 0x10_0000 } else { bytes };
        let request = anonymous(at, bytes, protection);
        Syscall::Map(MapRequest {
            shared,
            populate,
            grows_down,
            source: file.map(|file| FileSource { file: FileId(file), offset }),
            ..request
        })
    });
    prop_oneof![
        4 => map,
        2 => (number(), number()).prop_map(|(at, bytes)| Syscall::Unmap { at: VirtAddr(at), bytes }),
        2 => (number(), number(), protection())
            .prop_map(|(at, bytes, protection)| Syscall::Protect { at: VirtAddr(at), bytes, protection }),
        2 => number().prop_map(|end| Syscall::Brk { end: VirtAddr(end) }),
        2 => (number(), number(), number(), number()).prop_map(|(from, from_bytes, to, to_bytes)| {
            Syscall::Remap { from: VirtAddr(from), from_bytes, to: VirtAddr(to), to_bytes, flags: RemapFlags { may_move: true, ..RemapFlags::default() } }
        }),
        2 => (number(), number(), -1..30i32)
            .prop_map(|(at, bytes, advice)| Syscall::Advise { at: VirtAddr(at), bytes, advice }),
        1 => (0..5u32, prop_oneof![Just(CloneKind::Process), Just(CloneKind::Thread), Just(CloneKind::Borrower)]).prop_map(|(child, kind)| Syscall::Clone { child, kind }),
        1 => Just(Syscall::Exit { status: 0 }),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Call(u32, Syscall),
    Switch(u32),
    Access(u64, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5u32, call()).prop_map(|(pid, call)| Step::Call(pid, call)),
        1 => (0..5u32).prop_map(Step::Switch),
        6 => (number(), 0..3u8).prop_map(|(va, kind)| Step::Access(va, kind)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_trace_breaks_the_kernel(
        format in prop::sample::select(PagingFormat::ALL.to_vec()),
        infers in any::<bool>(),
        frames in 16u64..200,
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let config = KernelConfig {
            vma_policy: if infers { VmaPolicy::Infer } else { VmaPolicy::Strict },
            memory_bytes: frames << 12,
            memory_start: Some(PhysAddr(0x10_0000)),
            ..KernelConfig::default()
        };
        let mut machine = Machine::with(config, MmuConfig::of(format));
        for step in steps {
            match step {
                Step::Call(pid, call) => {
                    let event = Event::Syscall { pid, call, outcome: SyscallOutcome::Success, line: 1 };
                    let _refused = machine.kernel.on_event(&mut machine.mmu, &event);
                }
                Step::Switch(pid) => {
                    let _refused = machine.kernel.on_event(&mut machine.mmu, &Event::Switch { pid, line: 1 });
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
