//! The buddy lists against a model that keeps a set of free frames, and known answers of merging and stealing.

use super::model::NaiveBuddy;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn lists(buddy: &Buddy) -> Vec<(usize, Vec<u64>)> {
    let all = (0..ORDER_COUNT).map(|o| (o, buddy.listed(o).collect::<Vec<_>>()));
    all.filter(|(_, blocks)| !blocks.is_empty()).collect()
}

#[test]
fn sixteen_frames_step_by_step_as_textbooks_draw_them() {
    let mut buddy = Buddy::new(0..16);
    assert_eq!(lists(&buddy), [(4, vec![0])]);
    for frame in 0..16 {
        assert_eq!(buddy.allocate(0), Some(frame));
    }
    for frame in [5, 10, 12, 13, 14, 15] {
        buddy.free(frame, 0);
    }
    assert_eq!(lists(&buddy), [(0, vec![5, 10]), (2, vec![12])]);
    buddy.free(3, 0);
    assert_eq!(lists(&buddy), [(0, vec![3, 5, 10]), (2, vec![12])], "the buddy of 3 is 2, in use");
    buddy.free(0, 0);
    buddy.free(1, 0);
    assert_eq!(lists(&buddy), [(0, vec![3, 5, 10]), (1, vec![0]), (2, vec![12])]);
    assert_eq!(buddy.allocate(1), Some(0));
    assert_eq!(lists(&buddy), [(0, vec![3, 5, 10]), (2, vec![12])]);
    assert_eq!(buddy.allocate(1), Some(12));
    assert_eq!(lists(&buddy), [(0, vec![3, 5, 10]), (1, vec![14])]);
}

#[test]
fn a_zone_that_begins_and_ends_between_blocks() {
    let buddy = Buddy::new(256..2048 + 5);
    assert_eq!(lists(&buddy), [(0, vec![2052]), (2, vec![2048]), (8, vec![256]), (9, vec![512])]);
    assert_eq!(buddy.blocks_free()[ORDER_MAX], 1);
    assert_eq!(buddy.frames_free(), 2048 + 5 - 256);
}

#[test]
fn a_tebibyte_is_no_list() {
    let mut buddy = Buddy::new(0x8_0000..0x8_0000 + (1 << 28));
    assert!(lists(&buddy).is_empty());
    assert_eq!(buddy.blocks_free()[ORDER_MAX], 1 << 18);
    let fresh = buddy.clone();
    assert_eq!(buddy.allocate(0), Some(0x8_0000));
    assert_eq!(lists(&buddy).len(), ORDER_MAX);
    buddy.free(0x8_0000, 0);
    assert_eq!(buddy, fresh);
}

#[test]
#[should_panic(expected = "freed twice")]
fn a_frame_inside_a_free_block_is_not_freed_again() {
    let mut buddy = Buddy::new(0..16);
    let block = buddy.allocate(2).unwrap();
    buddy.free(block, 2);
    buddy.free(block + 1, 0);
}

#[test]
fn every_way_to_damage_the_lists_is_found() {
    let damaged = |damage: fn(&mut Buddy)| {
        let mut buddy = Buddy::new(0..64);
        let block = buddy.allocate(0).unwrap();
        assert_eq!((block, buddy.check()), (0, Ok(())));
        damage(&mut buddy);
        buddy.check().expect_err("the damage is found")
    };
    assert!(damaged(|b| b.insert(TAIL, node_of(0, 0), MigrateType::Movable)).contains("should be one"));
    assert!(damaged(|b| b.insert(TAIL, node_of(34, 0), MigrateType::Movable)).contains("overlap"));
    assert!(damaged(|b| b.insert(TAIL, node_of(64, 3), MigrateType::Movable)).contains("outside"));
    assert!(damaged(|b| b.frames_free += 1).contains("counted as free"));
    assert!(damaged(|b| b.count(3, MigrateType::Movable, 1)).contains("are listed"));
    assert!(damaged(|b| b.orders[MigrateType::Unmovable as usize] |= 1).contains("are listed"));
    assert!(damaged(|b| b.index[0][4].insert(0)).contains("does not lead to None"));
}

proptest! {
    #[test]
    fn blocks_are_aligned_disjoint_and_coalesce_to_the_beginning(
        start in 0u64..3000,
        frames in 1u64..6000,
        steps in prop::collection::vec((any::<bool>(), 0usize..=ORDER_MAX, any::<prop::sample::Index>()), 1..200),
    ) {
        let mut buddy = Buddy::new(start..start + frames);
        let fresh = buddy.clone();
        let mut held: Vec<(u64, usize)> = Vec::new();
        let mut used = BTreeSet::new();
        for (take, order, which) in steps {
            if take {
                let Some(block) = buddy.allocate(order) else { continue };
                prop_assert_eq!(block % (1 << order), 0);
                for frame in block..block + (1 << order) {
                    prop_assert!((start..start + frames).contains(&frame));
                    prop_assert!(used.insert(frame), "frame {} handed out twice", frame);
                }
                held.push((block, order));
            } else if !held.is_empty() {
                let (block, order) = held.swap_remove(which.index(held.len()));
                buddy.free(block, order);
                (block..block + (1 << order)).for_each(|frame| { used.remove(&frame); });
            }
            let counted: u64 = buddy.blocks_free().iter().enumerate().map(|(o, n)| n << o).sum();
            prop_assert_eq!(counted, buddy.frames_free());
            prop_assert_eq!(buddy.check(), Ok(()));
            prop_assert_eq!(buddy.frames_free() + used.len() as u64, frames);
        }
        for (block, order) in held {
            buddy.free(block, order);
        }
        prop_assert_eq!(buddy, fresh);
    }
}

/// Both allocators hold the same blocks on the same lists.
fn assert_same(buddy: &Buddy, model: &NaiveBuddy) {
    let untouched: Vec<_> = buddy.untouched.clone().step_by(1 << ORDER_MAX).collect();
    for kind in MigrateType::ALL {
        for order in 0..ORDER_COUNT {
            let listed =
                buddy.blocks().filter(|&(_, o, k)| (o, k) == (order, kind)).map(|(block, ..)| block.start);
            let mut found: Vec<_> = listed.collect();
            if (order, kind) == (ORDER_MAX, MigrateType::Movable) {
                found.extend(&untouched);
            }
            let expected = &model.lists[kind as usize][order];
            assert!(found.iter().eq(expected), "{kind:?}, order {order}: {found:x?}, not {expected:x?}");
        }
    }
    assert_eq!(buddy.check(), Ok(()));
}

/// One step of either: what it gave.
#[derive(Clone, Copy, Debug)]
enum Step {
    Allocate { order: usize, kind: MigrateType, no_fragment: bool, movable: u64 },
    Take { block: u64, order: usize },
    Free { which: usize },
    FreePart { which: usize },
}

fn step(buddy: &mut Buddy, model: &mut NaiveBuddy, held: &mut Vec<(u64, usize)>, step: Step) {
    match step {
        Step::Allocate { order, kind, no_fragment, movable } => {
            let count = |_| movable;
            let policy = StealPolicy { no_fragment, movable: Some(&count) };
            let found = buddy.allocate_of(order, kind);
            let found = found.or_else(|| buddy.steal(order, kind, &policy).map(|(block, _)| block));
            let expected = model.allocate_of(order, kind);
            assert_eq!(found, expected.or_else(|| model.steal(order, kind, no_fragment, movable)));
            held.extend(found.map(|block| (block, order)));
        }
        Step::Take { block, order } => {
            let block = block >> order << order;
            let span = buddy.span.clone();
            if span.start <= block && block + (1 << order) <= span.end {
                let taken = buddy.take(block, order);
                assert_eq!(taken, model.take(block, order));
                held.extend(taken.then_some((block, order)));
            }
        }
        Step::Free { which } if !held.is_empty() => {
            let (block, order) = held.swap_remove(which % held.len());
            buddy.free(block, order);
            model.free(block, order);
        }
        Step::FreePart { which } if !held.is_empty() => {
            let place = which % held.len();
            let (block, order) = &mut held[place];
            if *order > 0 {
                *order -= 1;
                buddy.free(*block + (1 << *order), *order);
                model.free(*block + (1 << *order), *order);
            }
        }
        Step::Free { .. } | Step::FreePart { .. } => {}
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let order = prop_oneof![3 => 0usize..4, 1 => 0..=ORDER_MAX];
    let kind = prop::sample::select(&MigrateType::ALL[..]);
    prop_oneof![
        6 => (order.clone(), kind, prop::bool::weighted(0.1), 0u64..600).prop_map(|(order, kind, no_fragment, movable)| {
            Step::Allocate { order, kind, no_fragment, movable }
        }),
        1 => (0u64..9000, order).prop_map(|(block, order)| Step::Take { block, order }),
        3 => any::<usize>().prop_map(|which| Step::Free { which }),
        1 => any::<usize>().prop_map(|which| Step::FreePart { which }),
    ]
}

proptest! {
    #[test]
    fn the_quick_allocator_and_the_naive_one_never_differ(
        start in prop_oneof![Just(0u64), Just(1), 0u64..3000],
        frames in prop_oneof![1u64..600, 1u64..6000, Just(4096)],
        steps in prop::collection::vec(any_step(), 1..120),
    ) {
        let (mut buddy, mut model) = (Buddy::new(start..start + frames), NaiveBuddy::new(start..start + frames));
        let mut held = Vec::new();
        assert_same(&buddy, &model);
        for s in steps {
            step(&mut buddy, &mut model, &mut held, s);
            assert_same(&buddy, &model);
            for frame in [start, start + frames / 2, start + frames - 1] {
                prop_assert_eq!(buddy.pageblock(frame), model.pageblock(frame));
            }
        }
        prop_assert_eq!(held.iter().map(|&(_, order)| 1 << order).sum::<u64>() + buddy.frames_free(), frames);
    }
}

/// Every sequence of `depth` steps from here.
fn every_sequence(buddy: &Buddy, model: &NaiveBuddy, held: &[(u64, usize)], depth: usize) -> u64 {
    if depth == 0 {
        return 1;
    }
    let mut steps = Vec::new();
    for order in 0..4 {
        for kind in [MigrateType::Movable, MigrateType::Unmovable] {
            steps.push(Step::Allocate { order, kind, no_fragment: false, movable: 0 });
        }
    }
    steps.extend([5, 9].map(|block| Step::Take { block, order: 0 }));
    steps.extend((0..held.len()).map(|which| Step::Free { which }));
    let sequences = steps.into_iter().map(|s| {
        let (mut buddy, mut model, mut held) = (buddy.clone(), model.clone(), held.to_vec());
        step(&mut buddy, &mut model, &mut held, s);
        assert_same(&buddy, &model);
        every_sequence(&buddy, &model, &held, depth - 1)
    });
    sequences.sum()
}

#[test]
fn every_sequence_of_four_steps_on_eleven_frames() {
    let (buddy, model) = (Buddy::new(3..14), NaiveBuddy::new(3..14));
    let sequences = every_sequence(&buddy, &model, &[], 4);
    assert!(sequences > 14_000, "{sequences}");
}

#[test]
fn what_cannot_move_takes_the_largest_block_and_keeps_to_it() {
    let mut buddy = Buddy::new(0..4096);
    let first = buddy.allocate(0).unwrap();
    let (second, steal) = buddy.steal(0, MigrateType::Unmovable, &StealPolicy::default()).unwrap();
    assert_eq!((first, second), (0, 1024), "an untouched chunk rather than what is left of the first");
    assert_eq!(steal, Steal { order: 10, from: MigrateType::Movable, claimed: true, fragments: false });
    assert_eq!(buddy.pageblocks(), [2, 6, 0]);
    assert_eq!(buddy.allocate_of(0, MigrateType::Unmovable), Some(1025));
    buddy.free(1024, 0);
    buddy.free(1025, 0);
    assert_eq!(buddy.blocks_free_of(MigrateType::Unmovable)[ORDER_MAX], 1, "the page blocks keep their type");
}

#[test]
fn a_movable_request_takes_the_smallest_foreign_block_where_only_small_ones_are_left() {
    let mut buddy = Buddy::new(0..1024);
    buddy.steal(10, MigrateType::Unmovable, &StealPolicy::default()).unwrap();
    for block in [8, 32] {
        buddy.free(block, 3);
    }
    buddy.free(64, 1);
    let (block, steal) = buddy.steal(0, MigrateType::Movable, &StealPolicy::default()).unwrap();
    assert_eq!((block, steal.order, steal.claimed, steal.fragments), (64, 1, false, true));
    assert_eq!(buddy.pageblock(64), MigrateType::Unmovable);
    buddy.free(64, 0);
    assert_eq!(buddy.blocks_free_of(MigrateType::Unmovable)[1], 1, "back to where the page block belongs");
}

#[test]
fn a_page_block_is_claimed_when_half_of_it_is_free_or_alike() {
    let claimed = |free: u64, movable: u64| {
        let mut buddy = Buddy::new(0..1024);
        assert!(buddy.take(0, 10));
        (0..free).step_by(32).for_each(|block| buddy.free(block, 5));
        let count = |_| movable;
        let policy = StealPolicy { movable: Some(&count), ..StealPolicy::default() };
        buddy.steal(0, MigrateType::Unmovable, &policy).unwrap().1.claimed
    };
    assert!(claimed(256, 256), "half is free");
    assert!(!claimed(224, 288), "less is free, and what is in use can move away");
    assert!(claimed(224, 200), "less is free, but enough of what is in use cannot move either");
}
