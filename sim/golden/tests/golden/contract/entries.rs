//! Look-ups, refills and replacement, worked out by hand: rules L and E.

use super::{balanced, hits, load, run, sv39, with_l1};
use pagewalk_arch::AccessKind::Store;
use pagewalk_arch::PagingFormat::Sv39;
use pagewalk_arch::{
    Access, Asid, Context, FaultKind, Mode, PhysAddr, Preset, Replacement, Served, Structure, TlbFlush,
    Uniprocessor, VirtAddr,
};
use pagewalk_golden::Golden;

/// Contract: E-1, E-13, E-15, E-16, E-17, E-18.
#[test]
fn the_tree_replaces_what_was_not_used_lately() {
    // 16 sets of 2 ways: pages 0, 16 and 32 share set 0.
    let page = |number: u64| number << 12;
    let mut golden = sv39(balanced());
    assert_eq!(hits(&mut golden, &[page(0), page(16), page(0), page(32)]), [false, false, true, false]);
    assert_eq!(hits(&mut golden, &[page(0), page(16)]), [true, false], "16 made room");
    // Round-robin forgets about the hit: 0 makes room.
    let sets = Structure::SetAssociative { sets: 16, ways: 2, superpage_sets: 16 };
    let mut golden = sv39(with_l1(sets, Replacement::RoundRobin));
    assert_eq!(hits(&mut golden, &[page(0), page(16), page(0), page(32)]), [false, false, true, false]);
    assert_eq!(hits(&mut golden, &[page(16), page(0)]), [true, false]);
}

/// Contract: E-2, E-3, E-4, E-6.
#[test]
fn superpages_are_kept_in_pieces_or_whole() {
    let (gigabyte, piece, page) = (1 << 30, 1 << 21, 1 << 12);
    let vas = [gigabyte, gigabyte + page, gigabyte + piece, gigabyte + piece + page, gigabyte];
    // Rows of 2 MiB; 1 GiB beyond is another row.
    assert_eq!(hits(&mut sv39(balanced()), &vas), [false, true, false, true, true]);
    // No rows: pieces of 4 KiB, two of which share set 0 of one way.
    let small = Preset::named("small").unwrap().config(Sv39);
    assert_eq!(hits(&mut sv39(small), &vas), [false, false, false, false, false]);
    // Fully associative: the whole leaf.
    let whole = with_l1(Structure::FullyAssociative { entries: 4 }, Replacement::TreePlru);
    assert_eq!(hits(&mut sv39(whole), &vas), [false, true, true, true, true]);
    // `page` tells the size in the tables in any case.
    for config in [balanced(), small, whole] {
        let outcomes = run(&mut sv39(config), &[load(gigabyte + 5), load(gigabyte + 9)]);
        assert_eq!(outcomes[1].page_size.level(), 2);
        assert_eq!(outcomes[1].pa, PhysAddr(0x4000_0009));
    }
}

/// Contract: L-1, L-3.
#[test]
fn refusals_come_from_the_walker() {
    let mut golden = sv39(balanced());
    golden.write_pte(PhysAddr(0x3000), 0x4_0000 << 10 | 0xd3);
    let outcomes = run(&mut golden, &[load(0), Access::user(0, Store), load(0)]);
    assert_eq!(outcomes[1].served, Served::Walk);
    assert_eq!((outcomes[1].fault, outcomes[1].code, outcomes[1].pte_reads), (FaultKind::Page, 15, 3));
    assert_eq!(outcomes[2].served, Served::L1, "RISC-V keeps the entry");
    // The table grants more than the entry: the walk sees it, no fence needed.
    golden.write_pte(PhysAddr(0x3000), 0x4_0000 << 10 | 0xd7);
    let outcomes = run(&mut golden, &[Access::user(0, Store), Access::user(0, Store)]);
    assert_eq!((outcomes[0].served, outcomes[1].served), (Served::Walk, Served::L1));
    assert!(outcomes[0].is_ok());
}

/// Contract: L-1, E-10.
#[test]
fn a_superpage_that_was_split_is_given_up_by_the_walk_that_sees_it() {
    let mut golden = sv39(balanced());
    let (first, second) = (4 << 20, (4 << 20) + 0x1000);
    golden.write_pte(PhysAddr(0x2010), 2 << 29 | 2 << 19 | 0xdb);
    assert_eq!(hits(&mut golden, &[first, second]), [false, true]);
    // Two writable pages instead of the read-only superpage, without a fence.
    golden.write_pte(PhysAddr(0x2010), 0x5000 >> 2 | 1);
    golden.write_pte(PhysAddr(0x5000), 7 << 10 | 0xdf);
    golden.write_pte(PhysAddr(0x5008), 8 << 10 | 0xdf);
    assert_eq!(hits(&mut golden, &[first, second]), [true, true], "no fence told the TLB");
    // The store finds the superpage, which does not grant it, and its walk the page; the superpage goes.
    let outcomes = run(&mut golden, &[Access::user(first, Store), load(second), load(first)]);
    assert_eq!(outcomes.iter().map(|o| o.pa.0).collect::<Vec<_>>(), [0x7000, 0x8000, 0x7000]);
    let served: Vec<_> = outcomes.iter().map(|o| o.served).collect();
    assert_eq!(served, [Served::Walk, Served::Walk, Served::L1]);
}

/// Contract: L-2.
#[test]
fn asids_keep_spaces_apart_and_globals_belong_to_all() {
    let mut golden = sv39(balanced());
    golden.write_pte(PhysAddr(0x3008), 0x4_0001 << 10 | 0xff);
    let space = |golden: &mut Uniprocessor<Golden>, asid| {
        golden.set_context(&Context { root: PhysAddr(0x1000), asid: Asid(asid), mode: Mode::default() });
    };
    assert_eq!(hits(&mut golden, &[0, 0x1000]), [false, false]);
    space(&mut golden, 1);
    assert_eq!(hits(&mut golden, &[0, 0x1000]), [false, true]);
    space(&mut golden, 0);
    assert_eq!(hits(&mut golden, &[0]), [true], "nothing was dropped by the switch");
}

/// Contract: E-9, E-18.
#[test]
fn of_several_matching_lanes_the_lowest_takes_the_piece() {
    let mut golden = sv39(with_l1(Structure::FullyAssociative { entries: 4 }, Replacement::RoundRobin));
    let (a, b, c) = (4 << 20, (4 << 20) + 0x1000, (4 << 20) + 0x2000);
    // Two 4 KiB pages, in lanes 0 and 1. Then a 2 MiB page in their place, without a fence: lane 2.
    let large = golden.read_pte(PhysAddr(0x2010));
    golden.write_pte(PhysAddr(0x2010), 0x5000 >> 2 | 1);
    golden.write_pte(PhysAddr(0x5000), 7 << 10 | 0xdf);
    golden.write_pte(PhysAddr(0x5008), 8 << 10 | 0xdf);
    assert_eq!(hits(&mut golden, &[a, b]), [false, false]);
    golden.write_pte(PhysAddr(0x2010), large);
    assert_eq!(hits(&mut golden, &[c]), [false]);
    // `a` matches lanes 0 and 2: a miss. Lane 0 takes the 2 MiB piece, lane 2 is invalid, lane 1 did not match and
    // stays: `a` and `c` match one lane each now, `b` still two.
    assert_eq!(hits(&mut golden, &[a, a, c]), [false, true, true]);
    // The counter stands at 3, where the last victim left it: page 0 goes to lane 3 and page 1 to lane 0, over the
    // piece. Were that in lane 2, `c` would hit.
    assert_eq!(hits(&mut golden, &[0, 0x1000, c]), [false; 3]);
    // That walk took lane 1, the counter's, from `b`; so `b` matches the piece alone.
    assert_eq!(hits(&mut golden, &[b, 0, 0x1000]), [true; 3]);
}

/// Contract: E-2, E-3, E-12.
#[test]
fn a_superpage_row_makes_room_whatever_was_used_last() {
    let mut golden = sv39(balanced());
    let (gigabyte, piece) = (1 << 30, 1 << 21);
    // Both ways of set 0, then pieces of the 1 GiB page in rows 0 and 1.
    assert_eq!(hits(&mut golden, &[0, 0x10_000, gigabyte, gigabyte + piece]), [false; 4]);
    // Piece 16 has row 0 again. That piece 0 was used last does not help it; row 1 and set 0 are no choice.
    assert_eq!(hits(&mut golden, &[gigabyte, gigabyte + 16 * piece]), [true, false]);
    assert_eq!(hits(&mut golden, &[gigabyte + 16 * piece, gigabyte + piece, 0, 0x10_000]), [true; 4]);
    assert_eq!(hits(&mut golden, &[gigabyte]), [false]);
}

/// Contract: E-14, E-15, E-16, E-17.
#[test]
fn a_tree_of_eight_ways_as_drawn_on_paper() {
    let sets = Structure::SetAssociative { sets: 1, ways: 8, superpage_sets: 0 };
    let mut golden = sv39(with_l1(sets, Replacement::TreePlru));
    let mut hits =
        |pages: &[u64]| hits(&mut golden, &pages.iter().map(|page| page << 12).collect::<Vec<_>>());
    // Nodes: 0 the root; 1 ways 0-3, 2 ways 4-7; 3, 4, 5, 6 ways 0-1, 2-3, 4-5, 6-7. From 0000000 on the victims are
    // ways 0 4 2 6 1 5 3 7, and every node has then pointed both ways: 0000000 again.
    assert_eq!(hits(&[0, 1, 2, 3, 4, 5, 6, 7]), [false; 8]);
    // So pages 0-7 stand in ways 0 4 2 6 1 5 3 7. A hit of page 2, way 2: the root points up, node 1 down, node 4 up.
    assert_eq!(hits(&[2]), [true]);
    // Page 8: root up, nodes 2 and 5 down: way 4, page 1. Then root down, node 2 up, node 5 up.
    // Page 9: root, nodes 1 and 3 down: way 0, page 0. Then root, nodes 1 and 3 up.
    // Page 10: root and node 2 up, node 6 down: way 6, page 3. Then root and node 2 down, node 6 up.
    // Page 11: root down, nodes 1 and 4 up: way 3, page 6. (True LRU had taken pages 0, 1, 3 and 4.)
    assert_eq!(hits(&[8, 9, 10, 11]), [false; 4]);
    assert_eq!(hits(&[2, 4, 5, 7, 8, 9, 10, 11]), [true; 8]);
    for page in [0, 1, 3, 6] {
        assert_eq!(hits(&[page]), [false], "page {page}");
    }
}

/// Contract: E-15, E-18, E-19, F-8, F-10.
#[test]
fn an_empty_lane_is_no_better_victim() {
    // Four pages fill lanes 0 2 1 3 by the tree, 0 1 2 3 by the counter, and the victim is lane 0 again. The fence empties
    // the lane of page 1 and leaves tree and counter: page 4 still takes lane 0, from page 0.
    for replacement in [Replacement::TreePlru, Replacement::RoundRobin] {
        let mut golden = sv39(with_l1(Structure::FullyAssociative { entries: 4 }, replacement));
        assert_eq!(hits(&mut golden, &[0, 0x1000, 0x2000, 0x3000]), [false; 4]);
        golden.fence(&TlbFlush::sfence_vma(Some(VirtAddr(0x1000)), None));
        assert_eq!(hits(&mut golden, &[0x4000]), [false]);
        assert_eq!(hits(&mut golden, &[0x4000, 0x2000, 0x3000]), [true; 3], "{replacement:?}");
        assert_eq!(hits(&mut golden, &[0]), [false], "{replacement:?}");
    }
}
