//! How a trace is cut into batches changes no outcome and no cycle.

use crate::world::{MEMORY_LIMIT, World};
use pagewalk_arch::{Batch, IssueOrder, Mmu, OnFault, Outcome, PteWrite, Uniprocessor};
use pagewalk_golden::Golden;

/// With stalled responses or overlapped issue, a batch that ends waits for more than the next access would.
fn uncut_world(seed: u64) -> World {
    let mut world = World::new(seed);
    world.config.timing.response_stall_percent = 0;
    world.config.timing.issue = IssueOrder::Blocking;
    world
}

/// Contract: D-8, D-9, D-10, D-14.
#[test]
fn random_cuts_change_nothing() {
    for seed in 0..400 {
        let mut world = uncut_world(seed);
        let accesses = world.accesses(600);
        let tables = world.tables();
        let context = world.context();
        let build = || {
            let mut golden = Uniprocessor::new(Golden::new(&world.config).unwrap(), MEMORY_LIMIT);
            tables.iter().for_each(|&(address, value)| golden.write_pte(address, value));
            golden.set_context(&context);
            golden
        };
        for on_fault in [OnFault::Continue, OnFault::Stop] {
            let mut whole = build();
            let expected = present(&mut whole, &accesses, on_fault, |left| left);
            for _ in 0..5 {
                let mut cut = build();
                let random = &mut world.random;
                let found =
                    present(&mut cut, &accesses, on_fault, |left| (1 + random.below(12) as usize).min(left));
                assert_eq!(found, expected, "seed {seed}, {:?}", world.config);
                assert_eq!(cut.mmu.stats(), whole.mmu.stats(), "seed {seed}");
            }
        }
    }
}

/// Presents a trace in batches of `size(accesses left)`, more if one is not taken at all; goes on after faults.
fn present(
    golden: &mut Uniprocessor<Golden>,
    accesses: &[pagewalk_arch::Access],
    on_fault: OnFault,
    mut size: impl FnMut(usize) -> usize,
) -> (Vec<Outcome>, Vec<PteWrite>) {
    let (mut outcomes, mut writes) = (Vec::new(), Vec::new());
    let mut rest = accesses;
    let mut least = 1;
    while !rest.is_empty() {
        let count = size(rest.len()).max(least).min(rest.len());
        let batch = Batch { accesses: &rest[..count], end: count == rest.len(), on_fault };
        let progress = golden.run(&batch, Some(&mut outcomes));
        least = if progress.consumed == 0 { count + 1 } else { 1 };
        rest = &rest[progress.consumed..];
    }
    golden.mmu.take_pte_writes(&mut writes);
    (outcomes, writes)
}
