//! The model, its slow path and the cycle-by-cycle machine side by side on random worlds: outcomes, writes, counters and
//! cycles are the same.

use crate::machine::Machine;
use crate::world::{Engine, MEMORY_LIMIT, World};
use pagewalk_arch::{
    Access, Batch, Context, Mmu, MmuConfig, MmuStats, OnFault, Outcome, Progress, PteWrite, TableMemory,
    TlbFlush, Uniprocessor,
};
use pagewalk_golden::Golden;

/// The machine behind the interface of an engine, with what interludes need of it.
impl Mmu for Machine {
    fn config(&self) -> &MmuConfig {
        &self.config
    }
    fn set_context(&mut self, memory: &[TableMemory], context: &Context) {
        self.memory = memory[0].clone();
        Machine::set_context(self, context);
    }
    fn fence(&mut self, _memory: &mut [TableMemory], flush: &TlbFlush) {
        Machine::fence(self, flush);
    }
    fn run(
        &mut self,
        memory: &mut [TableMemory],
        batch: &Batch<'_>,
        outcomes: Option<&mut Vec<Outcome>>,
    ) -> Progress {
        assert!(batch.end, "the machine does not look ahead");
        let stop = batch.on_fault == OnFault::Stop;
        std::mem::swap(&mut self.memory, &mut memory[0]);
        let all = Machine::run(self, batch.accesses, stop);
        std::mem::swap(&mut self.memory, &mut memory[0]);
        let fault = all.last().copied().filter(|last| stop && !last.is_ok());
        let progress = Progress { consumed: all.len(), fault };
        outcomes.expect("lockstep compares outcomes").extend(all);
        progress
    }
    fn take_pte_writes(&mut self, log: &mut Vec<PteWrite>) {
        log.append(&mut self.writes);
    }
    fn stats(&self) -> MmuStats {
        MmuStats { cycles: self.cycle, squashed: self.squashed, ..MmuStats::default() }
    }
}

/// One batch on one engine: everything that can be compared.
fn observe(
    engine: &mut dyn Engine,
    accesses: &[Access],
    on_fault: OnFault,
) -> (Progress, Vec<Outcome>, Vec<PteWrite>, u64, u64) {
    let (mut outcomes, mut writes) = (Vec::new(), Vec::new());
    let (engine, memory) = engine.mmu();
    let progress =
        engine.run(memory.memories_mut(), &Batch { accesses, end: true, on_fault }, Some(&mut outcomes));
    engine.take_pte_writes(&mut writes);
    let stats = engine.stats();
    (progress, outcomes, writes, stats.cycles, stats.squashed)
}

fn same_in_every_cycle(seed: u64) {
    let mut world = World::new(seed);
    let config = world.config;
    let mut golden = Uniprocessor::new(Golden::new(&config).unwrap(), MEMORY_LIMIT);
    let mut plain = Uniprocessor::new(Golden::without_filter(&config).unwrap(), MEMORY_LIMIT);
    let mut machine = Uniprocessor::new(Machine::new(&config, MEMORY_LIMIT), MEMORY_LIMIT);
    world.set_up(&mut [&mut golden, &mut plain, &mut machine]);
    for round in 0..40 {
        let count = 1 + world.random.below(60) as usize;
        let accesses = world.accesses(count);
        let on_fault = world.on_fault();
        let mut rest = &accesses[..];
        while !rest.is_empty() {
            let expected = observe(&mut machine, rest, on_fault);
            let engines: [(_, &mut dyn Engine); 2] = [("golden", &mut golden), ("plain", &mut plain)];
            for (name, engine) in engines {
                let found = observe(engine, rest, on_fault);
                let place = || format!("seed {seed}, round {round}, {name}, {config:?}");
                for (index, (found, expected)) in found.1.iter().zip(&expected.1).enumerate() {
                    assert_eq!(found, expected, "{:?}, {}", rest[index], place());
                }
                assert_eq!(found, expected, "{}", place());
            }
            rest = &rest[expected.0.consumed..];
        }
        assert_eq!(golden.mmu.stats(), plain.mmu.stats(), "seed {seed}, round {round}");
        world.interlude(&mut [&mut golden, &mut plain, &mut machine]);
    }
}

#[test]
fn model_slow_path_and_machine_agree() {
    let mut seeds: Vec<u64> = (0..1200).collect();
    if let Ok(seed) = std::env::var("SEED") {
        seeds = vec![seed.parse().expect("SEED is a number")];
    }
    seeds.into_iter().for_each(same_in_every_cycle);
}

/// Worlds that only stall or only fault would prove little.
#[test]
fn the_worlds_see_everything_happen() {
    let mut total = MmuStats::default();
    for seed in 0..150 {
        let mut world = World::new(seed);
        let mut golden = Uniprocessor::new(Golden::new(&world.config).unwrap(), MEMORY_LIMIT);
        world.set_up(&mut [&mut golden]);
        for _ in 0..10 {
            let accesses = world.accesses(60);
            let mut rest = &accesses[..];
            while !rest.is_empty() {
                rest = &rest[observe(&mut golden, rest, world.on_fault()).0.consumed..];
            }
            world.interlude(&mut [&mut golden]);
        }
        let stats = golden.mmu.stats();
        total.l1i_hits += stats.l1i_hits;
        total.l1d_hits += stats.l1d_hits;
        total.walks += stats.walks;
        total.squashed += stats.squashed;
        total.pte_writes += stats.pte_writes;
        total.page_faults += stats.page_faults;
        total.access_faults += stats.access_faults;
        total.gp_faults += stats.gp_faults;
    }
    println!("{total:?}");
    assert!(total.l1i_hits > 2000 && total.l1d_hits > 4000, "{total:?}");
    assert!(total.walks > 5000 && total.pte_writes > 500 && total.squashed > 100, "{total:?}");
    assert!(total.page_faults > 1000 && total.access_faults > 20 && total.gp_faults > 20, "{total:?}");
}
