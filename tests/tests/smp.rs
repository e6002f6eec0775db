//! Several CPUs in one address space: threads map, unmap, protect and fork while the others hold translations, golden model
//! and hardware in lockstep on every CPU. Each translation is held against the page tables of the moment.

use pagewalk_arch::{
    Access, AccessKind, Batch, Context, CpuId, Mmu, MmuConfig, MmuStats, Multiprocessor, Outcome,
    PagingFormat, Progress, PteWrite, SplitMix64, TableMemory, TlbFlush, Uniprocessor, VirtAddr,
};
use pagewalk_golden::Golden;
use pagewalk_kernel::{Kernel, KernelConfig, VmaPolicy};
use pagewalk_machine::{Interleaving, Lockstep, RunEnd, SmpMachine};
use pagewalk_tests::engines::{golden, rust_hdl, verilated};
use pagewalk_trace::{CloneKind, Event, MapRequest, Protection, Syscall, SyscallOutcome, TraceSource};
use pagewalk_trace::{Recorded, Replay};

const CPUS: usize = 3;
/// Of each thread, where rust-hdl simulates some hundred a second.
const ACCESSES: usize = 120;
/// Of each thread under Verilator.
const ACCESSES_COMPILED: usize = 6_000;
const ARENA: u64 = 0x1000_0000;
const ARENA_PAGES: u64 = 24;
const PAGE: u64 = 0x1000;
/// SIGSEGV, which the program survives.
const SIGSEGV: i32 = 11;

fn kernel_config() -> KernelConfig {
    KernelConfig { vma_policy: VmaPolicy::Strict, ..KernelConfig::default() }
}

/// An engine whose every answer is held against a walk of the tables as they are now. With a fence left out, a stale
/// translation is one that no walk gives.
struct Checked<M> {
    inner: M,
    walks: Golden,
    /// Fences are not carried out: a CPU that a shootdown does not reach.
    is_deaf: bool,
}

impl<M: Mmu> Mmu for Checked<M> {
    fn config(&self) -> &MmuConfig {
        self.inner.config()
    }
    fn memories(&self) -> usize {
        self.inner.memories()
    }
    fn set_context(&mut self, memory: &[TableMemory], context: &Context) {
        self.inner.set_context(memory, context);
        self.walks.set_context(memory, context);
    }
    fn fence(&mut self, memory: &mut [TableMemory], flush: &TlbFlush) {
        if !self.is_deaf {
            self.inner.fence(memory, flush);
        }
    }
    fn run(
        &mut self,
        memory: &mut [TableMemory],
        batch: &Batch<'_>,
        outcomes: Option<&mut Vec<Outcome>>,
    ) -> Progress {
        let mut answers = Vec::new();
        let progress = self.inner.run(memory, batch, Some(&mut answers));
        for (access, answer) in batch.accesses.iter().zip(&answers) {
            let walked = self.walks.explain(&memory[0], access).verdict;
            let expected = walked.as_ref().ok().map(|leaf| leaf.translate(access.va));
            let found = answer.is_ok().then_some(answer.pa);
            assert_eq!(found, expected, "{access:?} is answered with a stale translation");
        }
        if let Some(outcomes) = outcomes {
            outcomes.extend(answers);
        }
        progress
    }
    fn take_pte_writes(&mut self, log: &mut Vec<PteWrite>) {
        self.inner.take_pte_writes(log);
    }
    fn stats(&self) -> MmuStats {
        self.inner.stats()
    }
    fn difference(&self) -> Option<&str> {
        self.inner.difference()
    }
}

fn engine<H: Mmu + Send>(config: &MmuConfig, hardware: H, is_deaf: bool) -> Checked<Lockstep<Golden, H>> {
    let inner = Lockstep::new(golden(config), hardware, ["golden", "hardware"]);
    Checked { inner, walks: Golden::bare(config).expect("it can be built"), is_deaf }
}

/// How long three threads run, and which CPU shootdowns do not reach.
#[derive(Clone, Copy)]
struct Trial {
    format: PagingFormat,
    seed: u64,
    accesses: usize,
    deaf: Option<usize>,
}

fn call(pid: u32, call: Syscall) -> Event {
    Event::Syscall { pid, call, outcome: SyscallOutcome::Success, line: 0 }
}

/// What thread `thread` of the one process does: accesses all over the arena, and calls that change it.
fn program(seed: u64, thread: u32, accesses: usize) -> Replay {
    let mut random = SplitMix64(seed ^ u64::from(thread) << 32);
    let mut children = 1000 * thread;
    let mut events = Vec::new();
    let list = (0..accesses).map(|number| {
        if random.below(12) == 0 {
            let first = u64::from(random.below(ARENA_PAGES as u32));
            let pages = 1 + u64::from(random.below(6)).min(ARENA_PAGES - first - 1);
            let (at, bytes) = (VirtAddr(ARENA + first * PAGE), pages * PAGE);
            let protection = Protection { read: true, write: random.below(3) > 0, execute: false };
            let what = match random.below(8) {
                0..=1 => Syscall::Map(MapRequest { at, bytes, protection, ..MapRequest::default() }),
                2 => Syscall::Unmap { at, bytes },
                3..=4 => Syscall::Protect { at, bytes, protection },
                5..=6 => Syscall::Advise { at, bytes, advice: 4 },
                _ => {
                    children += 1;
                    Syscall::Clone { child: children, kind: CloneKind::Process }
                }
            };
            events.push((number, call(thread, what)));
        }
        let va = ARENA + u64::from(random.below((ARENA_PAGES * PAGE) as u32));
        Access::user(va, [AccessKind::Load, AccessKind::Load, AccessKind::Store][random.below(3) as usize])
    });
    let list = list.collect();
    Recorded::new(list, events).into_replay()
}

/// Runs three threads of a process on three CPUs. Gives the kernel's shootdowns.
fn threads<H: Mmu + Send>(trial: Trial, hardware: impl Fn(&MmuConfig) -> H) -> u64 {
    let Trial { format, seed, accesses, deaf } = trial;
    let mut config = MmuConfig::of(format);
    config.timing.memory = pagewalk_arch::MemoryTiming::Fixed { latency: 1 };
    let mut kernel = Kernel::new(kernel_config(), &config).expect("the configuration works");
    let limit = kernel_config().frames(&config).expect("as before").end << 12;
    let engines = (0..CPUS).map(|cpu| engine(&config, hardware(&config), deaf == Some(cpu))).collect();
    let mut platform = Multiprocessor::new(engines, limit);
    let mut smp = SmpMachine::new(&mut kernel, &mut platform);
    let arena = MapRequest {
        at: VirtAddr(ARENA),
        bytes: ARENA_PAGES * PAGE,
        protection: Protection { read: true, write: true, execute: false },
        ..MapRequest::default()
    };
    let first = [
        Event::Switch { pid: 1, line: 0 },
        call(1, Syscall::HandleSignal { signal: SIGSEGV }),
        call(1, Syscall::Map(arena)),
    ];
    let mut prepare = |cpu, event: &Event| smp.on_event(CpuId(cpu), event).expect("a legal event");
    first.iter().for_each(|event| prepare(0, event));
    for thread in 2..=CPUS as u32 {
        prepare(0, &call(1, Syscall::Clone { child: thread, kind: CloneKind::Thread }));
        prepare(thread as usize - 1, &Event::Switch { pid: thread, line: 0 });
    }
    let mut programs: Vec<Replay> = (1..=CPUS as u32).map(|thread| program(seed, thread, accesses)).collect();
    let mut sources: Vec<&mut dyn TraceSource> =
        programs.iter_mut().map(|program| program as &mut dyn TraceSource).collect();
    let end = smp.run(&mut sources, Interleaving { seed, turn_accesses_max: 8 });
    assert_eq!(end.expect("a legal trace"), RunEnd::Complete, "{format} seed {seed}");
    let carried_out = |cpu| smp.counts(CpuId(cpu)).accesses + smp.counts(CpuId(cpu)).signals;
    assert_eq!(
        (0..CPUS).map(carried_out).collect::<Vec<_>>(),
        [accesses as u64; CPUS],
        "{format} seed {seed}"
    );
    kernel.check(&platform).unwrap_or_else(|violation| panic!("{format} seed {seed}: {violation}"));
    let shootdowns = kernel.stats().shootdowns;
    kernel.shutdown(&mut platform);
    assert_eq!(kernel.memory().frames_in_use(), 0, "{format} seed {seed}: frames leaked");
    shootdowns
}

#[test]
fn threads_on_several_cpus_see_one_address_space() {
    for (seed, format) in (1..).zip(PagingFormat::ALL) {
        let trial = Trial { format, seed, accesses: ACCESSES, deaf: None };
        assert!(threads(trial, rust_hdl) > 4, "{format}: hardly a shootdown");
    }
}

#[test]
fn threads_on_several_cpus_see_one_address_space_in_the_compiled_hardware() {
    for (seed, format) in (11..).zip(PagingFormat::ALL) {
        let trial = Trial { format, seed, accesses: ACCESSES_COMPILED, deaf: None };
        assert!(threads(trial, verilated) > 300, "{format}: few shootdowns");
    }
}

#[test]
fn a_cpu_that_shootdowns_do_not_reach_is_noticed() {
    for format in [PagingFormat::Sv39, PagingFormat::La48] {
        let trial = Trial { format, seed: 5, accesses: ACCESSES, deaf: Some(1) };
        let noticed = std::panic::catch_unwind(|| threads(trial, rust_hdl));
        assert!(noticed.is_err(), "{format}: stale translations go unnoticed");
    }
}

/// Accesses of a program that is alone.
const LONELY_ACCESSES: usize = 20_000;

/// A program alone on its pages, fetching and storing, with calls of its own.
fn lonely(seed: u64, pid: u32) -> Replay {
    let mut random = SplitMix64(seed + u64::from(pid));
    let base = u64::from(pid) << 28;
    let map = |first: u64, pages: u64| {
        let protection = Protection { read: true, write: true, execute: true };
        let (at, bytes) = (VirtAddr(base + first * PAGE), pages * PAGE);
        call(pid, Syscall::Map(MapRequest { at, bytes, protection, ..MapRequest::default() }))
    };
    let mut events = vec![(0, Event::Switch { pid, line: 0 }), (0, map(0, 64))];
    let list = (0..LONELY_ACCESSES).map(|number| {
        if random.below(300) == 0 {
            events.push((number, map(u64::from(random.below(56)), 8)));
        }
        let va = base + u64::from(random.below(64)) * PAGE + u64::from(random.below(4096));
        Access::user(va, [AccessKind::Fetch, AccessKind::Load, AccessKind::Store][random.below(3) as usize])
    });
    let list = list.collect();
    Recorded::new(list, events).into_replay()
}

/// What was counted after `before`.
fn since(before: &MmuStats, after: &MmuStats) -> [u64; 9] {
    let all = |s: &MmuStats| {
        [
            s.l1i_hits,
            s.l1i_misses,
            s.l1d_hits,
            s.l1d_misses,
            s.walks,
            s.pte_writes,
            s.page_faults,
            s.flushes,
            s.cycles,
        ]
    };
    let (before, after) = (all(before), all(after));
    std::array::from_fn(|at| after[at] - before[at])
}

/// CPUs share memory and kernel, but neither clock nor port: what a program costs on its CPU is what it costs alone,
/// however turns are taken.
#[test]
fn programs_that_share_nothing_take_the_time_that_they_take_alone() {
    for format in PagingFormat::ALL {
        let config = MmuConfig::of(format);
        let limit = kernel_config().frames(&config).expect("it fits").end << 12;
        let golden = || golden(&config);
        let alone: Vec<[u64; 9]> = (1..=CPUS as u32)
            .map(|pid| {
                let mut kernel = Kernel::new(kernel_config(), &config).expect("the configuration works");
                let mut platform = Uniprocessor::new(golden(), limit);
                let mut smp = SmpMachine::new(&mut kernel, &mut platform);
                smp.on_event(CpuId::BOOT, &Event::Switch { pid, line: 0 }).expect("a switch");
                let up = smp.parts().1.stats(CpuId::BOOT);
                let turns = Interleaving { seed: 0, turn_accesses_max: 20_000 };
                smp.run(&mut [&mut lonely(9, pid)], turns).expect("a legal trace");
                since(&up, &platform.mmu.stats())
            })
            .collect();
        for (seed, turn_accesses_max) in [(1, 1), (2, 7), (3, 5_000)] {
            let mut kernel = Kernel::new(kernel_config(), &config).expect("the configuration works");
            let mut platform = Multiprocessor::new((0..CPUS).map(|_| golden()).collect(), limit);
            let mut smp = SmpMachine::new(&mut kernel, &mut platform);
            let mut programs: Vec<Replay> = (1..=CPUS as u32).map(|pid| lonely(9, pid)).collect();
            for (cpu, pid) in (1..=CPUS as u32).enumerate() {
                smp.on_event(CpuId(cpu), &Event::Switch { pid, line: 0 }).expect("a switch");
            }
            let up: Vec<MmuStats> = (0..CPUS).map(|cpu| smp.parts().1.stats(CpuId(cpu))).collect();
            let mut sources: Vec<&mut dyn TraceSource> =
                programs.iter_mut().map(|program| program as &mut dyn TraceSource).collect();
            smp.run(&mut sources, Interleaving { seed, turn_accesses_max }).expect("a legal trace");
            for (cpu, alone) in alone.iter().enumerate() {
                let beside = since(&up[cpu], &platform.mmu(CpuId(cpu)).stats());
                assert_eq!(beside, *alone, "{format}, CPU {cpu}, turns of {turn_accesses_max}");
            }
            assert_eq!(kernel.stats().shootdowns, 0, "{format}");
            // Time passes by accesses, however turns cut them.
            assert_eq!(kernel.stats().ticks, CPUS as u64 * LONELY_ACCESSES as u64, "{format}");
        }
    }
}
