//! Memory that runs out: at every frame that a program needs, in every verb. Whatever becomes of the call, the kernel's
//! own state stays whole.

use crate::machine::{MOVES, Machine, R, RW, anonymous};
use pagewalk_arch::{AccessKind, MmuConfig, PagingFormat, VirtAddr};
use pagewalk_kernel::{AfterFailure, FaultResolution, KernelConfig, Signal, VmaPolicy};
use pagewalk_trace::{CloneKind, FileId, FileSource, MapRequest, RemapFlags, Syscall};

const AT: u64 = 0x1000_0000;
/// Far enough that every move needs tables of its own.
const FAR: u64 = 0x6000_0000;

fn remap(from: u64, from_bytes: u64, to: u64, to_bytes: u64, flags: RemapFlags) -> Syscall {
    let (from, to) = (VirtAddr(from), VirtAddr(to));
    Syscall::Remap { from, from_bytes, to, to_bytes, flags }
}

fn file(at: u64, bytes: u64, shared: bool) -> Syscall {
    let source = Some(FileSource { file: FileId(3), offset: 0 });
    Syscall::Map(MapRequest { shared, source, ..anonymous(at, bytes, RW) })
}

enum Step {
    Call(u32, Syscall),
    Switch(u32),
    Access(u64, AccessKind),
}

/// Every call that can need memory, each where it does.
fn program() -> Vec<Step> {
    use Step::{Access, Call, Switch};
    let (load, store) = (AccessKind::Load, AccessKind::Store);
    let at = |at| VirtAddr(at);
    let advise = |va, bytes, advice| Call(1, Syscall::Advise { at: at(va), bytes, advice });
    let fixed = RemapFlags { fixed: true, ..MOVES };
    vec![
        Call(1, Syscall::Map(anonymous(AT, 0x8000, RW))),
        Access(AT, load),
        Access(AT, store),
        Access(AT + 0x1000, store),
        Call(1, Syscall::Map(MapRequest { populate: true, ..anonymous(AT + 0x20_0000, 0x4000, RW) })),
        Call(1, file(AT + 0x40_0000, 0x3000, true)),
        Access(AT + 0x40_0000, load),
        Access(AT + 0x40_1000, store),
        Call(1, file(AT + 0x50_0000, 0x3000, false)),
        Access(AT + 0x50_0000, load),
        Access(AT + 0x50_0000, store),
        Call(1, Syscall::Lock { at: at(AT + 0x50_0000), bytes: 0x3000, on_fault: false }),
        advise(AT + 0x4000, 0x2000, 23),
        advise(AT + 0x40_0000, 0x3000, 22),
        Call(1, Syscall::Protect { at: at(AT), bytes: 0x1000, protection: R }),
        Call(1, Syscall::Protect { at: at(AT), bytes: 0x1000, protection: RW }),
        Call(1, remap(AT, 0x2000, FAR, 0x2000, MOVES)),
        Call(1, remap(AT + 0x20_0000, 0x4000, FAR + 0x4000_0000, 0x8000, fixed)),
        Call(1, remap(FAR, 0x2000, AT, 0x2000, RemapFlags { dont_unmap: true, ..MOVES })),
        Call(1, remap(AT + 0x40_0000, 0, FAR + 0x20_0000, 0x3000, MOVES)),
        Access(FAR + 0x20_0000, load),
        Call(1, Syscall::Brk { end: at(0x2000_0000) }),
        Call(1, Syscall::LockAll { current: false, future: true, on_fault: false }),
        Call(1, Syscall::Brk { end: at(0x2000_4000) }),
        Call(1, Syscall::UnlockAll),
        Call(1, Syscall::Map(MapRequest { grows_down: true, ..anonymous(0x3000_0000, 0x2000, RW) })),
        Access(0x3000_0000, store),
        Access(0x2fff_c000, store),
        Call(1, Syscall::Clone { child: 2, kind: CloneKind::Process }),
        Access(AT, store),
        Switch(2),
        Access(AT, store),
        Access(AT + 0x40_0000, store),
        Call(2, Syscall::Clone { child: 3, kind: CloneKind::Borrower }),
        Switch(3),
        Call(3, Syscall::Exec { path: "/bin/true".into() }),
        Call(3, Syscall::Map(anonymous(AT, 0x2000, RW))),
        Access(AT, store),
        Switch(4),
        Call(4, Syscall::Map(anonymous(AT, 0x2000, RW))),
        Access(AT, store),
        Switch(1),
        Call(1, Syscall::RemapFilePages { at: at(AT + 0x40_0000), bytes: 0x1000, page_offset: 2 }),
        advise(FAR + 0x20_0000, 0x1000, 9),
        Call(1, Syscall::LockAll { current: true, future: false, on_fault: false }),
        Call(1, Syscall::Unmap { at: at(AT), bytes: 0x100_0000 }),
    ]
}

/// Runs the program where the frame after `succeed` cannot be had. Gives whether that was ever asked for by somebody who
/// needed it. With `fault_around_bytes`, some frames are only a convenience.
fn run(format: PagingFormat, succeed: u64, then: AfterFailure, fault_around_bytes: u64) -> bool {
    let config =
        KernelConfig { vma_policy: VmaPolicy::Strict, fault_around_bytes, ..KernelConfig::default() };
    let mut machine = Machine::with(config, MmuConfig::of(format));
    machine.kernel.fail_page_alloc(succeed, then);
    for step in program() {
        match step {
            Step::Call(pid, call) => machine.call(pid, call),
            Step::Switch(pid) => machine.switch(pid),
            Step::Access(va, kind) => {
                let ran_out = |end: &FaultResolution| match end {
                    FaultResolution::Killed(death) => death.signal == Signal::OutOfMemory,
                    end => *end == FaultResolution::NoProcess,
                };
                // An exec or a move that came to nothing shows in later accesses as well.
                let end = machine.access(va, kind);
                assert!(end.as_ref().err().is_none_or(ran_out), "{format} {succeed}: {end:?}");
            }
        }
        machine.check();
    }
    let ran_out = machine.kernel.stats().out_of_memory > 0;
    machine.shut_down();
    ran_out
}

#[test]
fn no_frame_that_cannot_be_had_breaks_the_kernel() {
    for format in [PagingFormat::Sv39, PagingFormat::X86Legacy, PagingFormat::X86Pae, PagingFormat::La57] {
        for then in [AfterFailure::Recovers, AfterFailure::Persists] {
            let failures = (0..).take_while(|&succeed| run(format, succeed, then, 0)).count();
            assert!(failures > 40, "{format}: the program needs {failures} frames only");
            let convenient = if then == AfterFailure::Recovers { failures as u64 + 10 } else { 0 };
            for succeed in 0..convenient {
                run(format, succeed, then, 0x1_0000);
            }
        }
    }
}

#[test]
fn a_move_that_lacks_tables_has_moved_nothing() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(AT, 0x4000, RW);
    let frames: Vec<_> = (0..4).map(|page| machine.store(AT + page * 0x1000)).collect();
    // A second process shares the memory, so that it can be looked at once the caller is gone.
    machine.call(1, Syscall::Clone { child: 2, kind: CloneKind::Process });
    machine.kernel.set_oom_score_adj(2, -1000).expect("the user 0 may");
    let (resident, tables) = (machine.kernel.stats().rss_bytes, machine.kernel.stats().page_table_bytes);
    machine.kernel.fail_page_alloc(1, AfterFailure::Recovers);
    machine.call(1, remap(AT, 0x4000, FAR, 0x4000, MOVES));
    machine.check();
    let stats = machine.kernel.stats();
    assert_eq!(stats.out_of_memory, 1, "two tables were needed");
    assert_eq!(stats.rss_bytes, resident / 2, "what it had is returned, with nothing lost on the way");
    assert_eq!(stats.page_table_bytes, (tables + 0x1000) / 2);
    machine.switch(2);
    assert_eq!((0..4).map(|page| machine.load(AT + page * 0x1000)).collect::<Vec<_>>(), frames);
    machine.shut_down();
}
