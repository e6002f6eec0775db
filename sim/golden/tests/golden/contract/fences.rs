//! What fences cost and what they drop, worked out by hand: rules F.

use super::{balanced, cycles, fetch, hits, load, run, sv39, with_l1};
use pagewalk_arch::AccessKind::{Load, Store};
use pagewalk_arch::PagingFormat::La48;
use pagewalk_arch::{
    Access, Asid, Context, L1Config, Mmu, MmuConfig, Mode, PhysAddr, Replacement, Served, Structure,
    TlbFlush, Uniprocessor, VirtAddr,
};
use pagewalk_golden::Golden;

/// Contract: F-3, F-4, F-5, F-6, F-11, F-12.
#[test]
fn fences_cost_their_rows() {
    let mut golden = sv39(balanced());
    run(&mut golden, &[load(0), load(0x1000), load(0x10_000), load(4 << 20)]);
    let t = golden.mmu.stats().cycles;
    // Taken in t, carried out in t + 1, next access in t + 2.
    golden.fence(&TlbFlush { va: Some(VirtAddr(0)), ..TlbFlush::ALL });
    assert_eq!(golden.mmu.stats().cycles, t + 2);
    // Set 0 and row 0 are gone with all that they held, other sets and rows stay.
    let vas = [0x1000, 4 << 20, 0, 0x10_000];
    assert_eq!(hits(&mut golden, &vas), [true, true, false, false]);
    // The 1 GiB leaf is kept in pieces: the address does not lead to all of them, so everything goes.
    run(&mut golden, &[load(1 << 30)]);
    let t = golden.mmu.stats().cycles;
    golden.fence(&TlbFlush { va: Some(VirtAddr(0)), ..TlbFlush::ALL });
    assert_eq!(golden.mmu.stats().cycles, t + 1 + 16);
    assert_eq!(hits(&mut golden, &[0x1000, 4 << 20]), [false, false]);
    let t = golden.mmu.stats().cycles;
    golden.fence(&TlbFlush::address_space(Asid(3)));
    assert_eq!(golden.mmu.stats().cycles, t + 1 + 16);
    assert_eq!(hits(&mut golden, &[4 << 20]), [false], "an ASID does not narrow it");
    assert_eq!(golden.mmu.stats().flushes, 3);
}

/// LA48 with page 0 mapped and nothing else.
fn la48() -> Uniprocessor<Golden> {
    la48_of(MmuConfig::of(La48))
}

fn la48_of(config: MmuConfig) -> Uniprocessor<Golden> {
    let mut golden = Uniprocessor::new(Golden::new(&config).unwrap(), 1 << 30);
    golden.set_context(&Context { root: PhysAddr(0x1000), ..Context::default() });
    for (address, value) in [(0x1000, 0x2027), (0x2000, 0x3027), (0x3000, 0x4027), (0x4000, 0x7067)] {
        golden.write_pte(PhysAddr(address), value);
    }
    golden
}

/// Contract: W-4, F-5, F-15.
#[test]
fn an_x86_page_fault_is_followed_by_a_fence() {
    let far = 1 << 40;
    // One read: 17 + 3 + 9 = 29, the fence in 30, the next access in 31: 32 + 3 + 36 = 71.
    assert_eq!(cycles(&mut la48(), &[load(far), load(0)]), [29, 71]);
    // #GP has none: 17 + 3 = 20, accepted in 20, 21 + 39.
    assert_eq!(cycles(&mut la48(), &[load(1 << 60), load(0)]), [20, 60]);
    // It drops the set of the address, on both sides, and no other.
    let mut golden = la48();
    golden.write_pte(PhysAddr(0x4008), 0x8067);
    run(&mut golden, &[load(0), load(0x1000), fetch(0), load(far)]);
    assert_eq!(hits(&mut golden, &[0x1000, 0]), [true, false]);
    let fetched = run(&mut golden, &[fetch(0)]);
    assert_eq!(fetched[0].served, Served::Walk);
}

/// Contract: F-16.
#[test]
fn a_second_x86_page_fault_widens_the_fence() {
    let far = 1 << 40;
    let mut golden = la48();
    golden.write_pte(PhysAddr(0x4008), 0x8067);
    run(&mut golden, &[load(0x1000)]);
    // Accepted in 16, 17 + 3 + 36 = 56. Then both in 56: data 57 + 3 + 9 = 69, instruction 70 + 3 + 9 = 82. The fence
    // of everything in 83 to 98, the next access in 99: x = 100, 100 + 3 + 36 = 139.
    assert_eq!(golden.mmu.stats().cycles, 56);
    assert_eq!(cycles(&mut golden, &[fetch(far), load(far), load(0x1000)]), [82, 69, 139]);
}

/// Contract: F-1, F-15.
#[test]
fn a_fence_after_a_fault_at_the_end_of_a_batch_is_waited_for() {
    let far = 1 << 40;
    let mut golden = la48();
    assert_eq!(cycles(&mut golden, &[load(far)]), [29]);
    assert_eq!(golden.mmu.stats().cycles, 29);
    // `fence_ready` is low until 30 is over: taken in 31, carried out in 32.
    golden.fence(&TlbFlush { va: Some(VirtAddr(0)), ..TlbFlush::ALL });
    assert_eq!(golden.mmu.stats().cycles, 33);
}

/// Contract: E-5, F-4, F-8.
#[test]
fn a_fully_associative_tlb_drops_exactly_what_a_fence_names() {
    let config = with_l1(Structure::FullyAssociative { entries: 8 }, Replacement::TreePlru);
    let mut golden = sv39(config);
    golden.write_pte(PhysAddr(0x3008), 0x4_0001 << 10 | 0xff);
    assert_eq!(hits(&mut golden, &[0, 0x1000, 0x2000, 1 << 30]), [false; 4]);
    let t = golden.mmu.stats().cycles;
    golden.fence(&TlbFlush::sfence_vma(Some(VirtAddr(0x2abc)), None));
    assert_eq!(golden.mmu.stats().cycles, t + 2);
    assert_eq!(hits(&mut golden, &[0, 0x1000, 1 << 30, 0x2000]), [true, true, true, false]);
    golden.fence(&TlbFlush::sfence_vma(Some(VirtAddr((1 << 30) + 0x12345)), None));
    assert_eq!(hits(&mut golden, &[0, 1 << 30]), [true, false]);
    golden.fence(&TlbFlush::address_space(Asid(0)));
    assert_eq!(hits(&mut golden, &[0x1000, 0, 0x2000]), [true, false, false], "globals stay");
    golden.fence(&TlbFlush::ALL);
    assert_eq!(hits(&mut golden, &[0x1000]), [false]);
}

/// Contract: P-9, W-4, F-8, F-15.
#[test]
fn the_fence_after_a_page_fault_belongs_to_the_context_of_the_fault() {
    let whole = L1Config {
        structure: Structure::FullyAssociative { entries: 4 },
        replacement: Replacement::TreePlru,
    };
    let mut golden = la48_of(MmuConfig { l1i: whole, l1d: whole, ..MmuConfig::of(La48) });
    golden.write_pte(PhysAddr(0x4000), 0x7025);
    let space = |golden: &mut Uniprocessor<Golden>, pcid, kind| {
        golden.set_context(&Context { root: PhysAddr(0x1000), asid: Asid(pcid), mode: Mode::default() });
        run(golden, &[Access::user(0, kind)])[0]
    };
    // Reset takes one cycle. Accepted in 1, 2 + 3 + 36 = 41; PCID 2 in 41, 42 + 39 = 81; its store to the read-only
    // page in 81, #PF in 82 + 39 = 121. The PCID changes in 121, the fence is carried out in 122: it is one of PCID 2
    // still, so the load of PCID 1, accepted in 123, hits, and that of PCID 2, in 124, walks: 125 + 39 = 164.
    let expected = [
        (1, Load, 41, Served::Walk),
        (2, Load, 81, Served::Walk),
        (2, Store, 121, Served::Walk),
        (1, Load, 124, Served::L1),
        (2, Load, 164, Served::Walk),
    ];
    for (pcid, kind, cycle, served) in expected {
        let outcome = space(&mut golden, pcid, kind);
        assert_eq!((outcome.cycle, outcome.served), (cycle, served), "PCID {pcid}");
        assert_eq!(outcome.is_ok(), kind == Load);
    }
}

/// Whether the counter of a round-robin pair of lanes stands at 0 after a load of page 0 put it to 1, and `flush`. Which
/// of two empty lanes is filled first shows nowhere but in E-9: page 16 goes to the counter's lane for ASID 1 and, once
/// it is global, to the other lane in ASID 2. In ASID 1 both match, and lane 0 takes the piece. Page 32 takes the
/// counter's lane: from page 16, if that is lane 0.
fn counter_was_reset(structure: Structure, flush: &TlbFlush) -> bool {
    let mut golden = sv39(with_l1(structure, Replacement::RoundRobin));
    let (first, second, third, leaf) = (0, 16 << 12, 32 << 12, PhysAddr(0x3000 + 16 * 8));
    let load_in = |golden: &mut Uniprocessor<Golden>, asid, va| {
        golden.set_context(&Context { root: PhysAddr(0x1000), asid: Asid(asid), mode: Mode::default() });
        hits(golden, &[va])[0]
    };
    assert!(!load_in(&mut golden, 1, first));
    golden.fence(flush);
    assert!(!load_in(&mut golden, 1, second));
    let pte = golden.read_pte(leaf);
    golden.write_pte(leaf, pte | 1 << 5);
    assert!(!load_in(&mut golden, 2, second), "of another ASID");
    assert!(!load_in(&mut golden, 1, second), "two entries match");
    assert!(load_in(&mut golden, 1, second), "one of them is left");
    assert!(!load_in(&mut golden, 1, third));
    !load_in(&mut golden, 1, second)
}

/// Contract: E-9, E-18, F-5, F-6, F-9.
#[test]
fn a_set_that_was_dropped_begins_anew() {
    let pairs = Structure::SetAssociative { sets: 16, ways: 2, superpage_sets: 16 };
    let of_page = |page: u64| TlbFlush::sfence_vma(Some(VirtAddr(page << 12)), None);
    // Pages 0, 16 and 32 share set 0; ASIDs and globals do not narrow a fence.
    for flush in [of_page(0), of_page(48), TlbFlush::ALL, TlbFlush::address_space(Asid(9))] {
        assert!(counter_was_reset(pairs, &flush), "{flush:?}");
    }
    assert!(!counter_was_reset(pairs, &of_page(1)), "set 1 is another");
}

/// Contract: E-9, E-18, F-8, F-10.
#[test]
fn a_fully_associative_tlb_begins_anew_only_after_a_fence_of_everything() {
    let pair = Structure::FullyAssociative { entries: 2 };
    assert!(counter_was_reset(pair, &TlbFlush::ALL));
    // Each of these drops page 0, which is all there is, but does not say "everything".
    let (va, asid) = (VirtAddr(0), Asid(1));
    for flush in [
        TlbFlush::sfence_vma(Some(va), None),
        TlbFlush::sfence_vma(None, Some(asid)),
        TlbFlush::address_space(asid),
        TlbFlush::invlpg(va, asid),
        TlbFlush::ALL_BUT_GLOBAL,
    ] {
        assert!(!counter_was_reset(pair, &flush), "{flush:?}");
    }
}

/// Contract: F-4, F-11, F-12, F-13.
#[test]
fn the_flag_of_pieces_is_cleared_by_a_fence_that_left_nothing() {
    let (of_address, of_one_space) = (
        TlbFlush::sfence_vma(Some(VirtAddr(0x5000)), None),
        TlbFlush::invpcid_address(VirtAddr(0x5000), Asid(0)),
    );
    // Cycles from the fence to the next acceptance: 2 with an address, 1 + 16 rows without.
    let cost = |golden: &mut Uniprocessor<Golden>, flush: &TlbFlush| {
        let t = golden.mmu.stats().cycles;
        golden.fence(flush);
        golden.mmu.stats().cycles - t
    };
    // The 1 GiB leaf that the fetch brings in is kept in pieces of 2 MiB.
    let with_pieces = |config| {
        let mut golden = sv39(config);
        run(&mut golden, &[fetch(1 << 30)]);
        golden
    };
    // Both set-associative: even a fence narrowed to one ASID sweeps everything, and the next has its address again.
    let mut golden = with_pieces(balanced());
    assert_eq!([(); 2].map(|()| cost(&mut golden, &of_one_space)), [17, 2]);
    // The data side fully associative: other ASIDs' and global entries may be left there, and the flag stays until a
    // fence has neither ASID nor `keep_global`.
    let whole = with_l1(Structure::FullyAssociative { entries: 4 }, Replacement::TreePlru).l1d;
    let mut golden = with_pieces(MmuConfig { l1d: whole, ..balanced() });
    assert_eq!([(); 2].map(|()| cost(&mut golden, &of_one_space)), [17, 17]);
    assert_eq!(cost(&mut golden, &TlbFlush::ALL_BUT_GLOBAL), 17);
    assert_eq!([(); 2].map(|()| cost(&mut golden, &of_address)), [17, 2]);
}
