//! A snapshot brings the whole machine back: what follows it happens again in every cycle.

use pagewalk_arch::{
    Access, AccessKind, CpuId, Mmu, MmuConfig, MmuStats, Multiprocessor, PagingFormat, PhysAddr, Platform,
    PteWrite, SplitMix64, VirtAddr,
};
use pagewalk_driver::RustHdl;
use pagewalk_golden::Golden;
use pagewalk_kernel::{Kernel, KernelConfig, KernelStats};
use pagewalk_machine::{Interleaving, Lockstep, RunEnd, SmpMachine, Snapshot};
use pagewalk_trace::{
    CloneKind, Event, MapRequest, Protection, Recorded, Replay, Syscall, SyscallOutcome, TraceSource,
};

const CPUS: usize = 2;
const ARENA: u64 = 0x1000_0000;
const ARENA_BYTES: u64 = 32 << 12;

type Both = Lockstep<Golden, RustHdl>;

fn call(pid: u32, call: Syscall) -> Event {
    Event::Syscall { pid, call, outcome: SyscallOutcome::Success, line: 0 }
}

/// What one CPU does for a while: accesses of process `pid`, fresh mappings in between, now and then a child.
fn program(seed: u64, pid: u32) -> Replay {
    let mut random = SplitMix64(seed);
    let mut events = vec![(0, Event::Switch { pid, line: 0 })];
    let list = (0..120).map(|number| {
        if random.below(15) == 0 {
            let at = VirtAddr(ARENA + (u64::from(random.below(28)) << 12));
            let protection = Protection { read: true, write: true, execute: true };
            let request = MapRequest { at, bytes: 4 << 12, protection, ..MapRequest::default() };
            events.push((number, call(pid, Syscall::Map(request))));
        }
        if random.below(50) == 0 {
            let child = 100 * pid + (seed as u32 % 50) * 1000 + number as u32;
            events.push((number, call(pid, Syscall::Clone { child, kind: CloneKind::Process })));
        }
        let va = ARENA + u64::from(random.below(ARENA_BYTES as u32));
        Access::user(va, [AccessKind::Fetch, AccessKind::Load, AccessKind::Store][random.below(3) as usize])
    });
    let list = list.collect();
    Recorded::new(list, events).into_replay()
}

/// Everything that can be told of a machine from outside.
#[derive(Debug, PartialEq)]
struct Told {
    mmus: Vec<MmuStats>,
    writes: Vec<Vec<PteWrite>>,
    kernel: KernelStats,
    memory: Vec<u64>,
}

fn run(kernel: &mut Kernel, platform: &mut Multiprocessor<Both>, seed: u64) -> Told {
    let mut programs: Vec<Replay> =
        (1..=CPUS as u32).map(|pid| program(seed + u64::from(pid), pid)).collect();
    let mut sources: Vec<&mut dyn TraceSource> =
        programs.iter_mut().map(|program| program as &mut dyn TraceSource).collect();
    let mut smp = SmpMachine::resume(kernel, platform);
    let end = smp.run(&mut sources, Interleaving { seed, turn_accesses_max: 9 });
    assert_eq!(end.expect("a legal trace"), RunEnd::Complete);
    let writes = |cpu| {
        let mut log = Vec::new();
        platform.take_pte_writes(CpuId(cpu), &mut log);
        log
    };
    let writes = (0..CPUS).map(writes).collect();
    let start =
        KernelConfig::default().frames(platform.mmu(CpuId::BOOT).config()).expect("it fits").start << 12;
    let words = (0..64 << 9).map(|word| platform.read_pte(PhysAddr(start + 8 * word)));
    Told {
        memory: words.collect(),
        mmus: (0..CPUS).map(|cpu| platform.mmu(CpuId(cpu)).stats()).collect(),
        writes,
        kernel: kernel.stats(),
    }
}

#[test]
fn what_follows_a_snapshot_happens_again() {
    for format in [PagingFormat::Sv39, PagingFormat::X86Pae] {
        let config = MmuConfig::of(format);
        let engine = || {
            let hardware = RustHdl::simulation(&config).expect("it can be built");
            Lockstep::new(Golden::new(&config).expect("it can be built"), hardware, ["golden", "rust-hdl"])
        };
        let mut kernel = Kernel::new(KernelConfig::default(), &config).expect("the configuration works");
        let limit = KernelConfig::default().frames(&config).expect("it fits").end << 12;
        let mut platform = Multiprocessor::new((0..CPUS).map(|_| engine()).collect(), limit);
        kernel.boot(&mut platform);
        let before = run(&mut kernel, &mut platform, 1);

        let snapshot = Snapshot::take(&kernel, &platform);
        let first = run(&mut kernel, &mut platform, 11);
        assert_ne!(before, first, "{format}: something happened since");
        // Elsewhere meanwhile: what the snapshot kept is not touched by it.
        let elsewhere = run(&mut kernel, &mut platform, 21);
        assert_ne!(first, elsewhere);

        snapshot.restore(&mut kernel, &mut platform);
        assert_eq!(run(&mut kernel, &mut platform, 11), first, "{format}: the second time differs");
        snapshot.restore(&mut kernel, &mut platform);
        assert_ne!(run(&mut kernel, &mut platform, 12), first, "{format}: another future looks the same");
    }
}
