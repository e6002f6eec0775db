//! The RISC-V formats: Sv32, Sv39, Sv48, Sv57, with Svnapot, Svpbmt, Svade and Svadu.

use super::*;
use pagewalk_arch::{BusError, PteMemory, TableMemory};

/// Sv39 with tables at 0x1000, 0x2000 and 0x3000 for addresses below 2 MiB; `leaf` is the entry of page 0.
fn sv39(leaf: u64) -> Scene {
    Scene::new(Sv39, &[(0x1000, 0x2000 >> 2 | 1), (0x2000, 0x3000 >> 2 | 1), (0x3000, leaf)])
}

/// Frame number in a 64-bit RISC-V entry, valid, readable, writable, executable, user, A and D.
fn leaf(frame: u64) -> u64 {
    frame << 10 | 0xdf
}

/// Contract: W-16, W-22.
#[test]
fn sv39_takes_27_index_bits() {
    // VPN 1, 2, 3, offset 0x456.
    let va = 1 << 30 | 2 << 21 | 3 << 12 | 0x456;
    let mut scene =
        Scene::new(Sv39, &[(0x1008, 0x2000 >> 2 | 1), (0x2010, 0x3000 >> 2 | 1), (0x3018, leaf(0xabcde))]);
    assert_eq!(scene.pa(va, Load), 0xabcd_e456);
    let steps = scene.explain(&Access::user(va, Load)).steps;
    let addresses: Vec<_> = steps.iter().map(|step| (step.level, step.address.0)).collect();
    assert_eq!(addresses, [(2, 0x1008), (1, 0x2010), (0, 0x3018)]);
}

#[test]
fn sv32_reaches_34_bits() {
    // VPN 0x3ff, 0x3ff; PPN all ones.
    let mut scene = Scene::new(Sv32, &[(0x1ffc, 0x2000 >> 2 | 1), (0x2ffc, 0xffff_fcdf)]);
    assert_eq!(scene.pa(0xffff_f123, Fetch), 0x3_ffff_f123);
    // 4 MiB page: PPN[1] = 0xfff, VA[21:0] through.
    let mut scene = Scene::new(Sv32, &[(0x1000, 0xfff << 20 | 0xdf)]);
    assert_eq!(scene.pa(0x3f_e123, Load), 0x3_ffff_e123);
}

#[test]
fn sv48_and_sv57_add_levels() {
    let ptr = |table: u64| table >> 2 | 1;
    // 512 GiB leaf at level 3 of Sv48: VA[38:0] through.
    let mut scene = Scene::new(Sv48, &[(0x1008, leaf(1 << 27))]);
    let (outcome, _) = scene.run(Access::user(1 << 39 | 0x12_3456_789a, Load));
    assert_eq!((outcome.pa.0, outcome.page_size), (1 << 39 | 0x12_3456_789a, PageSize::Level3));
    // 256 TiB leaf at level 4 of Sv57, and five reads for a 4 KiB page.
    let mut scene = Scene::new(Sv57, &[(0x1008, leaf(1 << 36))]);
    let (outcome, _) = scene.run(Access::user(1 << 48 | 0xfedc_ba98_7654, Load));
    assert_eq!((outcome.pa.0, outcome.page_size), (1 << 48 | 0xfedc_ba98_7654, PageSize::Level4));
    let chain = [(0x1000, ptr(0x2000)), (0x2000, ptr(0x3000)), (0x3000, ptr(0x4000)), (0x4000, ptr(0x5000))];
    let mut scene = Scene::new(Sv57, &[&chain[..], &[(0x5000, leaf(7))]].concat());
    assert_eq!(scene.run(Access::user(0xabc, Load)).0.pte_reads, 5);
}

/// Contract: W-3, W-11.
#[test]
fn riscv_causes_follow_the_access() {
    let mut scene = sv39(0);
    assert_eq!(scene.fault(0, Fetch), (PAGE, 12, 3));
    assert_eq!(scene.fault(0, Load), (PAGE, 13, 3));
    assert_eq!(scene.fault(0, Store), (PAGE, 15, 3));
    scene.golden.memory.set_poisoned(3, true);
    let access = FaultKind::Access;
    assert_eq!(scene.fault(0, Fetch), (access, 1, 3));
    assert_eq!(scene.fault(0, Load), (access, 5, 3));
    assert_eq!(scene.fault(0, Store), (access, 7, 3));
}

/// Contract: W-12, W-13.
#[test]
fn riscv_reserved_encodings_are_page_faults() {
    for bits in (54..=60).map(|bit| 1u64 << bit) {
        assert_eq!(sv39(leaf(7) | bits).fault(0, Load), (PAGE, 13, 3), "{bits:#x}");
    }
    let write_only = 7 << 10 | 0b1101_0101;
    assert_eq!(sv39(write_only).fault(0, Store), (PAGE, 15, 3));
    let write_execute = write_only | 0b1000;
    assert_eq!(sv39(write_execute).fault(0, Fetch), (PAGE, 12, 3));
}

/// Contract: W-13.
#[test]
fn svpbmt_makes_two_bits_a_memory_type() {
    let pbmte = Mode { pbmte: true, ..Mode::default() };
    for pbmt in 0..4u64 {
        let entry = leaf(7) | pbmt << 61;
        let (without, _) = sv39(entry).run(Access::user(0, Load));
        let (with, _) = sv39(entry).mode(pbmte).run(Access::user(0, Load));
        assert_eq!(without.is_ok(), pbmt == 0);
        assert_eq!(with.is_ok(), pbmt != 3);
        assert_eq!(u64::from(with.memory_type), if pbmt == 3 { 0 } else { pbmt });
    }
}

/// Contract: W-13, W-17.
#[test]
fn svnapot_is_64_kib_at_level_0() {
    let svnapot = Mode { svnapot: true, ..Mode::default() };
    let entry = |frame| leaf(frame) | 1 << 63;
    assert_eq!(sv39(entry(0x1238)).fault(0, Load), (PAGE, 13, 3), "off");
    let (outcome, _) = sv39(entry(0x1238)).mode(svnapot).run(Access::user(0x123, Load));
    assert_eq!((outcome.pa.0, outcome.page_size), (0x123_0123, PageSize::Napot64K));
    for frame in [0x1230, 0x1234, 0x1239, 0x123c] {
        assert_eq!(sv39(entry(frame)).mode(svnapot).fault(0, Load), (PAGE, 13, 3), "{frame:#x}");
    }
    // At level 1 an aligned page number cannot have the pattern, and the bit alone is reserved.
    let mut scene = Scene::new(Sv39, &[(0x1000, 0x2000 >> 2 | 1), (0x2000, entry(0x200))]).mode(svnapot);
    assert_eq!(scene.fault(0, Load), (PAGE, 13, 2));
    // Page 3 of the range, whose entry stands beside: its low bits come from the address.
    let mut scene = sv39(0).mode(svnapot);
    scene.golden.write_pte(PhysAddr(0x3018), entry(0x1238));
    assert_eq!(scene.pa(0x3abc, Load), 0x123_3abc);
}

/// Contract: W-14, W-23.
#[test]
fn riscv_pointers_carry_nothing_but_g() {
    let scene = |pointer| {
        let modes = Mode { pbmte: true, svnapot: true, adue: true, ..Mode::default() };
        Scene::new(Sv39, &[(0x1000, 0x2000 >> 2 | 1), (0x2000, pointer), (0x3000, leaf(7))]).mode(modes)
    };
    for bit in [4, 6, 7, 61, 62, 63] {
        assert_eq!(scene(0x3000 >> 2 | 1 | 1 << bit).fault(0, Load), (PAGE, 13, 2), "bit {bit}");
    }
    for bit in [5, 8, 9] {
        assert_eq!(scene(0x3000 >> 2 | 1 | 1 << bit).pa(0, Load), 0x7000, "bit {bit}");
    }
    let verdict = scene(0x3000 >> 2 | 1 | 1 << 5).explain(&Access::user(0, Load)).verdict;
    assert!(verdict.is_err(), "no context yet: the root is frame 0");
    let mut with_g = scene(0x3000 >> 2 | 1 | 1 << 5);
    with_g.pa(0, Load);
    assert!(with_g.explain(&Access::user(0, Load)).verdict.unwrap().global, "G accumulates");
    assert_eq!(sv39(0x4000 >> 2 | 1).fault(0, Load), (PAGE, 13, 3), "a pointer at level 0");
}

/// Contract: W-17.
#[test]
fn riscv_superpages_are_aligned() {
    let scene = |entry| Scene::new(Sv39, &[(0x1000, entry)]);
    assert_eq!(scene(leaf(1 << 18)).pa(0x1234_5678, Load), 0x4000_0000 + 0x1234_5678);
    for bit in 0..18 {
        assert_eq!(scene(leaf(1 << 18 | 1 << bit)).fault(0, Load), (PAGE, 13, 1), "ppn bit {bit}");
    }
}

/// Contract: W-15, W-20.
#[test]
fn riscv_page_numbers_beyond_the_implemented_bits_are_access_faults() {
    let config = MmuConfig { physical_bits: 32, ..MmuConfig::of(Sv39) };
    let scene = |entries: &[(u64, u64)]| Scene::with(config, entries);
    let beyond = 1 << 20;
    assert_eq!(scene(&[(0x1000, beyond << 10 | 1)]).fault(0, Load), (FaultKind::Access, 5, 1));
    let table = (0x1000, 0x2000 >> 2 | 1);
    let table2 = (0x2000, 0x3000 >> 2 | 1);
    assert_eq!(scene(&[table, table2, (0x3000, leaf(beyond))]).fault(0, Store), (FaultKind::Access, 7, 3));
    assert_eq!(scene(&[table, table2, (0x3000, leaf(beyond - 1))]).pa(0, Load), 0xffff_f000);
    // A missing right or A bit comes first; a hardware update does not happen at all.
    let no_write = leaf(beyond) & !0b100;
    assert_eq!(scene(&[table, table2, (0x3000, no_write)]).fault(0, Store), (PAGE, 15, 3));
    let no_a = leaf(beyond) & !0x40;
    assert_eq!(scene(&[table, table2, (0x3000, no_a)]).fault(0, Load), (PAGE, 13, 3));
    let adue = Mode { adue: true, ..Mode::default() };
    let (outcome, writes) = scene(&[table, table2, (0x3000, no_a)]).mode(adue).run(Access::user(0, Load));
    assert_eq!((outcome.fault, writes.len()), (FaultKind::Access, 0));
}

/// Contract: W-19, W-21.
#[test]
fn svade_faults_and_svadu_writes() {
    let adue = Mode { adue: true, ..Mode::default() };
    let (clean, unused) = (leaf(7) & !0x80, leaf(7) & !0xc0);
    assert_eq!(sv39(unused).fault(0, Load), (PAGE, 13, 3));
    assert_eq!(sv39(clean).fault(0, Store), (PAGE, 15, 3));
    assert_eq!(sv39(clean).pa(0, Load), 0x7000);
    let cases = [
        (unused, Load, Some(unused | 0x40)),
        (unused, Store, Some(unused | 0xc0)),
        (clean, Store, Some(clean | 0x80)),
        (clean, Fetch, None),
    ];
    for (before, kind, after) in cases {
        let mut scene = sv39(before).mode(adue);
        let (outcome, writes) = scene.run(Access::user(0, kind));
        assert_eq!(outcome.pa.0, 0x7000);
        let expected = after.map(|after| PteWrite { addr: PhysAddr(0x3000), before, after });
        assert_eq!(writes, Vec::from_iter(expected));
        assert_eq!(scene.golden.read_pte(PhysAddr(0x3000)), after.unwrap_or(before));
        assert_eq!((outcome.pte_reads, usize::from(outcome.pte_writes)), (3, writes.len()));
    }
    // No update for an access that is refused.
    let (outcome, writes) = sv39(unused & !0b100).mode(adue).run(Access::user(0, Store));
    assert_eq!((outcome.code, writes.len()), (15, 0));
}

/// Memory in which another agent changes an entry just before the walker's swap.
struct Raced {
    memory: TableMemory,
    interference: Option<u64>,
}

impl PteMemory for Raced {
    fn read(&self, addr: PhysAddr, bytes: u32) -> Result<u64, BusError> {
        self.memory.read(addr, bytes)
    }
    fn compare_exchange(
        &mut self,
        addr: PhysAddr,
        bytes: u32,
        expected: u64,
        new: u64,
    ) -> Result<u64, BusError> {
        if let Some(value) = self.interference.take() {
            self.memory.write(addr, bytes, value)?;
        }
        self.memory.compare_exchange(addr, bytes, expected, new)
    }
    fn write(&mut self, addr: PhysAddr, bytes: u32, value: u64) -> Result<(), BusError> {
        self.memory.write(addr, bytes, value)
    }
}

/// Contract: W-1.
#[test]
fn a_failed_swap_takes_the_step_anew() {
    let config = MmuConfig::of(Sv39);
    let unused = leaf(7) & !0xc0;
    let walk = |interference| {
        let mut memory = TableMemory::new(Sv39.spec(), 1 << 30);
        memory.write(PhysAddr(0x1000), 8, unused & !(0x3ffff << 10)).unwrap();
        let mode = Mode { adue: true, ..Mode::default() };
        let context = Context { root: PhysAddr(ROOT), mode, ..Context::default() };
        let tables = PageTables::new(&config, &context, &memory);
        let mut raced = Raced { memory, interference: Some(interference) };
        let mut steps = Vec::new();
        let verdict = tables.walk(&Access::user(0, Store), &mut raced, |step| steps.push(*step));
        let swaps = steps.iter().filter(|step| matches!(step.transaction, Transaction::Swap { .. })).count();
        (verdict, swaps, steps)
    };
    let base = unused & !(0x3ffff << 10);
    // Another agent set A: a second swap sets D.
    let (verdict, swaps, _) = walk(base | 0x40);
    assert!(verdict.unwrap().dirty);
    assert_eq!(swaps, 2);
    // Another agent set both: nothing left to do.
    assert_eq!(walk(base | 0xc0).1, 1);
    // Another agent unmapped it.
    let (verdict, swaps, steps) = walk(0);
    assert_eq!((verdict.unwrap_err().reason, swaps), (Refusal::NotPresent, 1));
    assert_eq!(steps.last().unwrap().meaning, Meaning::Refused(Refusal::NotPresent));
    // Another agent made it a pointer: the walk goes on below, here into an empty table.
    let (verdict, _, steps) = walk(0x2000 >> 2 | 1);
    assert_eq!(verdict.unwrap_err().reason, Refusal::NotPresent);
    assert_eq!((steps.len(), steps[2].level), (3, 1));
}
