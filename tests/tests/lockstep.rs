//! Golden model, compiled Verilog and rust-hdl's simulation on random tables and random work, in every format.
//!
//! The sweep (`sweep.rs`) draws configurations from the whole space; here are those that people use: the default of every
//! format for long, every preset shortly.
//!
//! `PAGEWALK_SEED` replays or varies a run, `PAGEWALK_ACCESSES` makes it longer.

use pagewalk_arch::{
    Access, AccessKind, Batch, Context, FaultKind, IssueOrder, MemoryTiming, Mmu, MmuConfig, Mode, OnFault,
    PagingFormat, PhysAddr, Preset, SplitMix64, TlbFlush, Uniprocessor,
};
use pagewalk_machine::Lockstep;
use pagewalk_tests::configurations::number;
use pagewalk_tests::engines::{MEMORY_LIMIT, ThreeWay, golden, rust_hdl, three_way};
use pagewalk_tests::stimulus::Stimulus;

/// Everything about time drawn from `seed`: latencies, stalls, issue order, what faults do.
fn world(config: &mut MmuConfig, seed: u64) -> OnFault {
    let mut rng = SplitMix64(seed);
    config.timing.memory = match rng.below(3) {
        0 => MemoryTiming::Fixed { latency: 1 },
        1 => MemoryTiming::Fixed { latency: 1 + rng.below(20) },
        _ => MemoryTiming::Random { seed, latency_max: 1 + rng.below(20), ready_delay_max: rng.below(6) },
    };
    config.timing.stall_seed = seed;
    if rng.below(3) > 0 {
        config.timing.response_stall_percent = rng.below(60);
        config.timing.request_stall_percent = rng.below(60);
    }
    let (issue, on_fault) = match rng.below(3) {
        0 => (IssueOrder::Blocking, OnFault::Stop),
        1 => (IssueOrder::Blocking, OnFault::Continue),
        _ => (IssueOrder::Overlapped, OnFault::Continue),
    };
    config.timing.issue = issue;
    on_fault
}

/// Runs the stimulus of `seed` and shows everything there is to know about a difference.
fn agree<A: Mmu + Send, B: Mmu + Send>(mmu: Lockstep<A, B>, seed: u64, on_fault: OnFault, accesses: u64) {
    let config = *mmu.config();
    let mut machine = Uniprocessor::new(mmu, MEMORY_LIMIT);
    println!("{} seed {seed} {:?} {on_fault:?}", config.format, config.timing);
    if let Err((item, work)) = Stimulus::new(&config, seed, on_fault).run(&mut machine, accesses) {
        let report = machine.mmu.report().expect("a difference has a report");
        panic!("{} seed {seed}, work item {item}: {work:?}\n{config:?}\n{report}", config.format);
    }
}

/// All three engines: the default configuration, and one more with narrow physical addresses.
fn three_ways(format: PagingFormat) {
    const ROUNDS: u64 = 4;
    let base = number("PAGEWALK_SEED", 1);
    let total = number("PAGEWALK_ACCESSES", 4_000);
    let other = Preset::ALL[1 + format as usize % (Preset::ALL.len() - 1)];
    for round in 0..ROUNDS {
        let seed = base * 1000 + round;
        let mut config = MmuConfig::of(format);
        if round % 2 == 1 {
            config = other.config(format);
            config.physical_bits = config.physical_bits.min(36);
        }
        let on_fault = world(&mut config, seed);
        agree(three_way(&config), seed, on_fault, total.div_ceil(ROUNDS));
    }
}

/// Golden model and rust-hdl: every preset. Few accesses, as each is a cycle or many of an interpreted circuit.
fn every_preset(format: PagingFormat) {
    for (round, preset) in Preset::ALL.into_iter().enumerate() {
        let seed = number("PAGEWALK_SEED", 1) * 1000 + 500 + round as u64;
        let mut config = preset.config(format);
        let on_fault = world(&mut config, seed);
        let mmu = Lockstep::new(golden(&config), rust_hdl(&config), ["golden", "rust-hdl"]);
        agree(mmu, seed, on_fault, number("PAGEWALK_ACCESSES", 300));
    }
}

macro_rules! formats {
    ($($name:ident $format:ident)*) => { $(
        mod $name {
            use super::*;

            #[test]
            fn golden_verilator_rust_hdl() {
                three_ways(PagingFormat::$format);
            }

            #[test]
            fn every_preset_against_rust_hdl() {
                every_preset(PagingFormat::$format);
            }
        }
    )* };
}

formats! { sv32 Sv32 sv39 Sv39 sv48 Sv48 sv57 Sv57 x86_32 X86Legacy x86_pae X86Pae la48 La48 la57 La57 }

/// A walk in Sv39 finds a leaf without A, and another agent changes the leaf before the walker's swap.
#[test]
fn a_swap_that_another_agent_beats_is_no_write_and_its_value_counts() {
    let mut config = MmuConfig::of(PagingFormat::Sv39);
    config.timing.memory = MemoryTiming::Fixed { latency: 4 };
    let mut machine = Uniprocessor::new(three_way(&config), MEMORY_LIMIT);
    machine.write_pte(PhysAddr(0x1000), (0x2 << 10) | 1);
    machine.write_pte(PhysAddr(0x2000), (0x3 << 10) | 1);
    machine.write_pte(PhysAddr(0x3008), (0x80 << 10) | 0x17);
    let mode = Mode { adue: true, ..Mode::default() };
    machine.set_context(&Context { root: PhysAddr(0x1000), mode, ..Context::default() });
    let store = [Access::user(0x1238, AccessKind::Store)];
    let answers = |machine: &mut Uniprocessor<ThreeWay>| {
        let mut outcomes = Vec::new();
        machine.run(&Batch { accesses: &store, end: true, on_fault: OnFault::Continue }, Some(&mut outcomes));
        assert_eq!(machine.mmu.difference(), None);
        outcomes[0]
    };
    // Another frame, A and D set already: taken as it is. 17 + 3 + 4 x (1 + 4) + 1 = 41, as if the swap had won.
    machine.memory.set_race(PhysAddr(0x3008), (0x90 << 10) | 0xd7);
    let beaten = answers(&mut machine);
    assert_eq!((beaten.pa, beaten.pte_reads, beaten.pte_writes), (PhysAddr(0x90238), 3, 0));
    assert_eq!(beaten.cycle, 41);
    // Another frame, D still clear: the step is taken anew, and the second swap wins.
    machine.write_pte(PhysAddr(0x3008), (0x80 << 10) | 0x17);
    machine.fence(&TlbFlush::ALL);
    machine.memory.set_race(PhysAddr(0x3008), (0xa0 << 10) | 0x57);
    let second = answers(&mut machine);
    assert_eq!((second.pa, second.pte_reads, second.pte_writes), (PhysAddr(0xa0238), 3, 1));
    assert_eq!(machine.read_pte(PhysAddr(0x3008)), (0xa0 << 10) | 0xd7);
    // Gone: a page fault.
    machine.write_pte(PhysAddr(0x3008), (0x80 << 10) | 0x17);
    machine.fence(&TlbFlush::ALL);
    machine.memory.set_race(PhysAddr(0x3008), 0);
    let gone = answers(&mut machine);
    assert_eq!((gone.fault, gone.code, gone.pte_writes), (FaultKind::Page, 15, 0));
}
