//! The contract's formulas with numbers worked out by hand: here walks, hits and the driver, in `entries` what TLBs keep,
//! in `fences` what is dropped.
//!
//! Preset `balanced`: reset sweeps 16 rows, so the first access is accepted in cycle 16. Memory answers after 8 cycles: a
//! transaction costs 1 + 8, a walk of n reads started in x answers in x + 3 + 9n.

mod entries;
mod fences;

use pagewalk_arch::AccessKind::{Fetch, Load, Store};
use pagewalk_arch::PagingFormat::{La48, Sv39};
use pagewalk_arch::{
    Access, Asid, Batch, Context, FaultKind, IssueOrder, L1Config, LatencyStream, MemoryTiming, Mmu,
    MmuConfig, Mode, OnFault, Outcome, PhysAddr, Replacement, Served, Side, Structure, TlbFlush,
    Uniprocessor,
};
use pagewalk_golden::Golden;

/// Sv39: level-2 table at 0x1000, level-1 at 0x2000, level-0 tables at 0x3000 and 0x4000 for the first 4 MiB, mapped to
/// themselves + 1 GiB; 2 MiB page at 4 MiB, 1 GiB page at 1 GiB. Everything user, A and D set.
fn sv39(config: MmuConfig) -> Uniprocessor<Golden> {
    let mut golden = Uniprocessor::new(Golden::new(&config).unwrap(), 1 << 30);
    golden.set_context(&Context { root: PhysAddr(0x1000), ..Context::default() });
    golden.write_pte(PhysAddr(0x1000), 0x2000 >> 2 | 1);
    golden.write_pte(PhysAddr(0x1008), 1 << 28 | 0xdf);
    golden.write_pte(PhysAddr(0x2000), 0x3000 >> 2 | 1);
    golden.write_pte(PhysAddr(0x2008), 0x4000 >> 2 | 1);
    golden.write_pte(PhysAddr(0x2010), 2 << 29 | 2 << 19 | 0xdf);
    for page in 0..1024 {
        golden.write_pte(PhysAddr(0x3000 + page * 8), (0x4_0000 + page) << 10 | 0xdf);
    }
    golden
}

fn balanced() -> MmuConfig {
    MmuConfig::of(Sv39)
}

fn with_l1(structure: Structure, replacement: Replacement) -> MmuConfig {
    let l1 = L1Config { structure, replacement };
    MmuConfig { l1i: l1, l1d: l1, ..balanced() }
}

fn run(golden: &mut Uniprocessor<Golden>, accesses: &[Access]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let batch = Batch { accesses, end: true, on_fault: OnFault::Continue };
    assert_eq!(golden.run(&batch, Some(&mut outcomes)).consumed, accesses.len());
    outcomes
}

/// Cycles of the responses.
fn cycles(golden: &mut Uniprocessor<Golden>, accesses: &[Access]) -> Vec<u64> {
    run(golden, accesses).iter().map(|outcome| outcome.cycle).collect()
}

/// Whether each of the loads hit.
fn hits(golden: &mut Uniprocessor<Golden>, vas: &[u64]) -> Vec<bool> {
    let accesses: Vec<_> = vas.iter().map(|&va| Access::user(va, Load)).collect();
    run(golden, &accesses).iter().map(|outcome| outcome.served == Served::L1).collect()
}

fn load(va: u64) -> Access {
    Access::user(va, Load)
}
fn fetch(va: u64) -> Access {
    Access::user(va, Fetch)
}

/// Contract: F-14, T-1, T-2, T-11, T-12, T-16, D-8, D-15, D-16.
#[test]
fn a_walk_of_three_reads_and_the_hits_after_it() {
    let mut golden = sv39(balanced());
    assert_eq!(golden.mmu.stats().cycles, 16);
    // Accepted in 16, x = 17, answer in 17 + 3 + 27 = 47. Then a hit per cycle.
    let outcomes = run(&mut golden, &[load(0x5678), load(0x5000), load(0x5fff)]);
    assert_eq!(outcomes.iter().map(|o| o.cycle).collect::<Vec<_>>(), [47, 48, 49]);
    assert_eq!(outcomes.iter().map(|o| o.latency).collect::<Vec<_>>(), [31, 1, 1]);
    assert_eq!(outcomes[0].pa, PhysAddr(0x4000_5678));
    assert_eq!(golden.mmu.stats().cycles, 49);
    // The next batch may begin in the cycle in which the last one ended.
    assert_eq!(cycles(&mut golden, &[load(0x5000)]), [50]);
}

/// Contract: W-3, T-9, T-16.
#[test]
fn larger_pages_take_fewer_reads() {
    // 17 + 3 + 18 and 17 + 3 + 9.
    assert_eq!(cycles(&mut sv39(balanced()), &[load(4 << 20)]), [38]);
    assert_eq!(cycles(&mut sv39(balanced()), &[load(1 << 30)]), [29]);
    // No read at all: 17 + 3.
    let outcomes = run(&mut sv39(balanced()), &[load(1 << 60)]);
    assert_eq!((outcomes[0].cycle, outcomes[0].latency), (20, 4));
}

/// Contract: L-3, W-21, T-13, T-16.
#[test]
fn a_swap_costs_a_transaction_and_a_check() {
    let mut golden = sv39(balanced());
    let mode = Mode { adue: true, ..Mode::default() };
    golden.set_context(&Context { root: PhysAddr(0x1000), mode, ..Context::default() });
    golden.write_pte(PhysAddr(0x3000), 0x4_0000 << 10 | 0x1f);
    // A load sets A: 17 + 3 + 4 · 9 + 1 = 57. The store finds D clear, is accepted in 57, x = 58: 58 + 3 + 36 + 1 = 98.
    let outcomes = run(&mut golden, &[load(0), Access::user(0, Store), Access::user(0, Store)]);
    assert_eq!(outcomes.iter().map(|o| o.cycle).collect::<Vec<_>>(), [57, 98, 99]);
    assert_eq!(outcomes.iter().map(|o| o.pte_writes).collect::<Vec<_>>(), [1, 1, 0]);
    let stats = golden.mmu.stats();
    assert_eq!((stats.pte_reads, stats.pte_writes, stats.walks), (6, 2, 2));
}

/// Contract: W-41, W-43, T-16, T-18.
#[test]
fn swaps_on_the_way_down_cost_the_same() {
    let mut golden = Uniprocessor::new(Golden::new(&MmuConfig::of(La48)).unwrap(), 1 << 30);
    golden.set_context(&Context { root: PhysAddr(0x1000), ..Context::default() });
    for (address, value) in [(0x1000, 0x2007), (0x2000, 0x3007), (0x3000, 0x4007), (0x4000, 0x7007)] {
        golden.write_pte(PhysAddr(address), value);
    }
    // Four reads and four swaps: 17 + 3 + 72 + 4.
    assert_eq!(cycles(&mut golden, &[Access::user(0, Store)]), [96]);
}

/// Contract: T-3, D-2, D-4, D-6.
#[test]
fn both_sides_hit_in_every_cycle() {
    let mut golden = sv39(balanced());
    run(&mut golden, &[load(0), fetch(0)]);
    let start = golden.mmu.stats().cycles;
    // Fetch and load join; so do load and fetch; a store joins no access, but a fetch joins it.
    let stream = [fetch(0), load(0), load(0), fetch(0), fetch(0), Access::user(0, Store), fetch(0), fetch(0)];
    let found: Vec<_> = cycles(&mut golden, &stream).iter().map(|cycle| cycle - start).collect();
    assert_eq!(found, [1, 1, 2, 2, 3, 4, 4, 5]);
}

/// Contract: T-6, T-15, D-4.
#[test]
fn of_simultaneous_misses_data_goes_first() {
    // Both accepted in 16. Data: x = 17, 47. Instruction: x = 48, 48 + 3 + 27 = 78.
    assert_eq!(cycles(&mut sv39(balanced()), &[fetch(0), load(0x1000)]), [78, 47]);
    assert_eq!(cycles(&mut sv39(balanced()), &[load(0x1000), fetch(0)]), [47, 78]);
    // A store waits for the fetch: accepted in 47, x = 48.
    assert_eq!(cycles(&mut sv39(balanced()), &[fetch(0), Access::user(0x1000, Store)]), [47, 78]);
}

/// Contract: T-3, D-4.
#[test]
fn a_hit_under_a_miss_is_answered_at_once() {
    let mut golden = sv39(balanced());
    assert_eq!(cycles(&mut golden, &[load(0)]), [47]);
    // Both accepted in 47: the fetch walks, x = 48; the load hits. The next load waits for the fetch: accepted in 78.
    assert_eq!(cycles(&mut golden, &[fetch(0), load(0), load(0)]), [78, 48, 79]);
}

/// Contract: T-5, T-6, T-15, D-5.
#[test]
fn overlapped_sides_run_on() {
    let mut config = balanced();
    config.timing.issue = IssueOrder::Overlapped;
    let mut golden = sv39(config);
    assert_eq!(cycles(&mut golden, &[load(0)]), [47]);
    // The fetch walks from 48 to 78 while loads hit in every cycle.
    assert_eq!(cycles(&mut golden, &[fetch(0), load(0), load(8), load(16)]), [78, 48, 49, 50]);
    // In 78 a fetch and two loads: the fetch waits since 79 and walks first, as the load that misses (accepted in 79)
    // comes a cycle later; that load then walks from 79 + 3 + 27 + 1 = 110 to 140.
    assert_eq!(cycles(&mut golden, &[fetch(0x1000), load(0), load(0x2000)]), [109, 79, 140]);
    // A load and a fetch miss in 140. The load walks from 141 to 171; in 171 the next load is accepted, so both wait in
    // 172, and data goes first again: 172 to 202. The fetch walks from 203 to 233.
    assert_eq!(cycles(&mut golden, &[load(0x3000), fetch(0x3000), load(0x4000)]), [171, 233, 202]);
}

/// Contract: D-11, D-12.
#[test]
fn a_younger_access_of_the_same_cycle_is_squashed() {
    let mut golden = sv39(balanced());
    golden.write_pte(PhysAddr(0x3000), 0);
    let accesses = [fetch(0), load(0x1000), load(0x1008)];
    let mut outcomes = Vec::new();
    let batch = Batch { accesses: &accesses, end: true, on_fault: OnFault::Stop };
    let progress = golden.run(&batch, Some(&mut outcomes));
    assert_eq!(progress.consumed, 1);
    assert_eq!(progress.fault, Some(outcomes[0]));
    // The load walked first, 17 to 47, and its translation stays; the fetch from 48 to 78.
    assert_eq!((outcomes[0].cycle, outcomes[0].fault, outcomes[0].code), (78, FaultKind::Page, 12));
    let stats = golden.mmu.stats();
    assert_eq!((stats.squashed, stats.walks, stats.page_faults, stats.l1d_misses), (1, 2, 1, 1));
    assert_eq!(cycles(&mut golden, &accesses[1..]), [79, 80]);
    // The other way round the older access is the load: it is consumed, then the fetch faults.
    let mut golden = sv39(balanced());
    golden.write_pte(PhysAddr(0x3000), 0);
    let batch =
        Batch { accesses: &[load(0x1000), fetch(0), load(0x1000)], end: true, on_fault: OnFault::Stop };
    assert_eq!(golden.run(&batch, None).consumed, 2);
    assert_eq!(golden.mmu.stats().squashed, 0);
}

/// Contract: T-10, T-17.
#[test]
fn random_latencies_are_drawn_in_the_walkers_order() {
    let mut config = balanced();
    config.timing.memory = MemoryTiming::Random { seed: 5, latency_max: 20, ready_delay_max: 6 };
    let mut stream = LatencyStream::new(config.timing.memory);
    let mut reads = |n| -> u64 {
        (0..n).map(|_| stream.draw()).map(|d| 1 + u64::from(d.ready_delay) + u64::from(d.latency)).sum()
    };
    let data = 17 + 3 + reads(3);
    let instruction = data + 1 + 3 + reads(3);
    assert_eq!(cycles(&mut sv39(config), &[fetch(0), load(0)]), [instruction, data]);
}

/// Contract: T-14, T-15, D-7.
#[test]
fn stalled_responses_hold_their_side_and_the_walker() {
    let mut config = balanced();
    config.timing.response_stall_percent = 50;
    for seed in 0..50 {
        config.timing.stall_seed = seed;
        let data = config.timing.response_stalls(Side::Data);
        let taken = data.next_free(47);
        // The second load is accepted when the first response is taken.
        assert_eq!(cycles(&mut sv39(config), &[load(0), load(0)]), [47, taken + 1], "seed {seed}");
        // A fetch that waits is walked for once the data response was taken: x = taken + 1.
        assert_eq!(cycles(&mut sv39(config), &[load(0), fetch(0x1000)]), [47, taken + 1 + 30], "seed {seed}");
    }
}

/// Contract: D-3.
#[test]
fn stalled_requests_wait() {
    let mut config = balanced();
    config.timing.request_stall_percent = 60;
    for seed in 0..50 {
        config.timing.stall_seed = seed;
        let stalls = config.timing.request_stalls(Side::Data);
        let first = stalls.next_free(16);
        let second = stalls.next_free(first + 31);
        assert_eq!(cycles(&mut sv39(config), &[load(0), load(0)]), [first + 31, second + 1], "seed {seed}");
    }
}

/// Contract: D-9.
#[test]
fn the_last_access_of_an_open_batch_waits_for_its_partner() {
    let mut golden = sv39(balanced());
    let mut consumed = |accesses: &[Access]| {
        golden.run(&Batch { accesses, end: false, on_fault: OnFault::Stop }, None).consumed
    };
    assert_eq!(consumed(&[load(0)]), 0);
    // A load and its partner are complete; whatever came next could not join them.
    assert_eq!(consumed(&[load(0), fetch(0)]), 2);
    assert_eq!(consumed(&[load(0), load(0)]), 1);
    assert_eq!(consumed(&[]), 0);
}

/// Contract: D-13.
#[test]
#[should_panic(expected = "D-13")]
fn a_core_that_runs_ahead_of_faults_does_not_stop_at_them() {
    let mut config = balanced();
    config.timing.issue = IssueOrder::Overlapped;
    sv39(config).run(&Batch { accesses: &[load(0)], end: true, on_fault: OnFault::Stop }, None);
}

/// Contract: P-9.
#[test]
fn the_context_changes_in_the_cycle_of_a_response() {
    let mut golden = sv39(balanced());
    let space = |golden: &mut Uniprocessor<Golden>, asid| {
        golden.set_context(&Context { root: PhysAddr(0x1000), asid: Asid(asid), mode: Mode::default() });
        run(golden, &[load(0)])[0]
    };
    // Accepted in 16, answered and taken in 47. The ASID changes in 47, and the load accepted in 47 does not find the
    // other space's entry: 48 + 3 + 27 = 78. In 78 it changes back: a hit, as if nothing had been.
    for (asid, cycle, served) in [(0, 47, Served::Walk), (1, 78, Served::Walk), (0, 79, Served::L1)] {
        let outcome = space(&mut golden, asid);
        assert_eq!((outcome.cycle, outcome.served), (cycle, served));
    }
}

#[test]
fn a_bare_model_walks_always_and_has_no_clock() {
    let mut golden = Uniprocessor::new(Golden::bare(&balanced()).unwrap(), 1 << 30);
    golden.set_context(&Context { root: PhysAddr(0x1000), ..Context::default() });
    golden.write_pte(PhysAddr(0x1008), 1 << 28 | 0xdf);
    let outcomes = run(&mut golden, &[load(1 << 30), load(1 << 30), load(0)]);
    assert!(outcomes.iter().all(|o| o.served == Served::Walk && o.cycle == 0 && o.latency == 0));
    golden.fence(&TlbFlush::ALL);
    let stats = golden.mmu.stats();
    assert_eq!((stats.walks, stats.pte_reads, stats.page_faults), (3, 3, 1));
    assert_eq!((stats.flushes, stats.cycles), (1, 0));
    let batch = Batch { accesses: &[load(1 << 30), load(0), load(0)], end: true, on_fault: OnFault::Stop };
    let progress = golden.run(&batch, None);
    assert_eq!((progress.consumed, progress.fault.map(|fault| fault.code)), (2, Some(13)));
}
