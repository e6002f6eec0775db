//! Every rule of the page-table formats by hand: entries as literal bits, addresses and codes as the manuals give them.

use pagewalk_arch::{
    Access, AccessKind, Batch, BusError, Context, FaultKind, Mmu, MmuConfig, Mode, OnFault, Outcome,
    PageSize, PagingFormat, PhysAddr, PteMemory, PteWrite, TableMemory,
};
use pagewalk_golden::Golden;
use pagewalk_golden::walk::{Meaning, PageTables, Refusal, Transaction};

use AccessKind::{Fetch, Load, Store};
use PagingFormat::{La48, La57, Sv32, Sv39, Sv48, Sv57, X86Legacy, X86Pae};

const ROOT: u64 = 0x1000;

/// A bare model with some entries in memory.
struct Scene {
    golden: Golden,
    mode: Mode,
}

impl Scene {
    fn new(format: PagingFormat, entries: &[(u64, u64)]) -> Self {
        Self::with(MmuConfig::of(format), entries)
    }
    fn with(config: MmuConfig, entries: &[(u64, u64)]) -> Self {
        let mut golden = Golden::bare(&config, 1 << 40).unwrap();
        for &(address, value) in entries {
            golden.write_pte(PhysAddr(address), value);
        }
        Self { golden, mode: Mode::default() }
    }
    fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }
    fn run(&mut self, access: Access) -> (Outcome, Vec<PteWrite>) {
        let context = Context { root: PhysAddr(ROOT), mode: self.mode, ..Context::default() };
        self.golden.set_context(&context);
        let mut outcomes = Vec::new();
        let batch = Batch { accesses: &[access], end: true, on_fault: OnFault::Continue };
        self.golden.run(&batch, Some(&mut outcomes));
        let mut writes = Vec::new();
        self.golden.take_pte_writes(&mut writes);
        (outcomes[0], writes)
    }
    /// Kind, code and number of reads of the fault that a user access takes.
    fn fault(&mut self, va: u64, kind: AccessKind) -> (FaultKind, u8, u8) {
        let (outcome, _) = self.run(Access::user(va, kind));
        (outcome.fault, outcome.code, outcome.pte_reads)
    }
    fn pa(&mut self, va: u64, kind: AccessKind) -> u64 {
        let (outcome, _) = self.run(Access::user(va, kind));
        assert!(outcome.is_ok(), "{outcome:?}");
        outcome.pa.0
    }
}

/// Sv39 with tables at 0x1000, 0x2000 and 0x3000 for addresses below 2 MiB; `leaf` is the entry of page 0.
fn sv39(leaf: u64) -> Scene {
    Scene::new(Sv39, &[(0x1000, 0x2000 >> 2 | 1), (0x2000, 0x3000 >> 2 | 1), (0x3000, leaf)])
}

/// Frame number in a 64-bit RISC-V entry, valid, readable, writable, executable, user, A and D.
fn leaf(frame: u64) -> u64 {
    frame << 10 | 0xdf
}

const PAGE: FaultKind = FaultKind::Page;

#[test]
fn sv39_takes_27_index_bits() {
    // VPN 1, 2, 3, offset 0x456.
    let va = 1 << 30 | 2 << 21 | 3 << 12 | 0x456;
    let mut scene =
        Scene::new(Sv39, &[(0x1008, 0x2000 >> 2 | 1), (0x2010, 0x3000 >> 2 | 1), (0x3018, leaf(0xabcde))]);
    assert_eq!(scene.pa(va, Load), 0xabcd_e456);
    let steps = scene.golden.explain(&Access::user(va, Load)).steps;
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
    assert_eq!((outcome.pa.0, outcome.page), (1 << 39 | 0x12_3456_789a, PageSize::Level3));
    // 256 TiB leaf at level 4 of Sv57, and five reads for a 4 KiB page.
    let mut scene = Scene::new(Sv57, &[(0x1008, leaf(1 << 36))]);
    let (outcome, _) = scene.run(Access::user(1 << 48 | 0xfedc_ba98_7654, Load));
    assert_eq!((outcome.pa.0, outcome.page), (1 << 48 | 0xfedc_ba98_7654, PageSize::Level4));
    let chain = [(0x1000, ptr(0x2000)), (0x2000, ptr(0x3000)), (0x3000, ptr(0x4000)), (0x4000, ptr(0x5000))];
    let mut scene = Scene::new(Sv57, &[&chain[..], &[(0x5000, leaf(7))]].concat());
    assert_eq!(scene.run(Access::user(0xabc, Load)).0.pte_reads, 5);
}

#[test]
fn riscv_causes_follow_the_access() {
    let mut scene = sv39(0);
    assert_eq!(scene.fault(0, Fetch), (PAGE, 12, 3));
    assert_eq!(scene.fault(0, Load), (PAGE, 13, 3));
    assert_eq!(scene.fault(0, Store), (PAGE, 15, 3));
    scene.golden.set_poisoned(3, true);
    let access = FaultKind::Access;
    assert_eq!(scene.fault(0, Fetch), (access, 1, 3));
    assert_eq!(scene.fault(0, Load), (access, 5, 3));
    assert_eq!(scene.fault(0, Store), (access, 7, 3));
}

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

#[test]
fn svnapot_is_64_kib_at_level_0() {
    let svnapot = Mode { svnapot: true, ..Mode::default() };
    let entry = |frame| leaf(frame) | 1 << 63;
    assert_eq!(sv39(entry(0x1238)).fault(0, Load), (PAGE, 13, 3), "off");
    let (outcome, _) = sv39(entry(0x1238)).mode(svnapot).run(Access::user(0x123, Load));
    assert_eq!((outcome.pa.0, outcome.page), (0x123_0123, PageSize::Napot64K));
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
    let verdict = scene(0x3000 >> 2 | 1 | 1 << 5).golden.explain(&Access::user(0, Load)).verdict;
    assert!(verdict.is_err(), "no context yet: the root is frame 0");
    let mut with_g = scene(0x3000 >> 2 | 1 | 1 << 5);
    with_g.pa(0, Load);
    assert!(with_g.golden.explain(&Access::user(0, Load)).verdict.unwrap().global, "G accumulates");
    assert_eq!(sv39(0x4000 >> 2 | 1).fault(0, Load), (PAGE, 13, 3), "a pointer at level 0");
}

#[test]
fn riscv_superpages_are_aligned() {
    let scene = |entry| Scene::new(Sv39, &[(0x1000, entry)]);
    assert_eq!(scene(leaf(1 << 18)).pa(0x1234_5678, Load), 0x4000_0000 + 0x1234_5678);
    for bit in 0..18 {
        assert_eq!(scene(leaf(1 << 18 | 1 << bit)).fault(0, Load), (PAGE, 13, 1), "ppn bit {bit}");
    }
}

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

#[test]
fn addresses_that_are_not_canonical_read_nothing() {
    for (format, bits) in [(Sv39, 39), (Sv48, 48), (Sv57, 57)] {
        let mut scene = Scene::new(format, &[]);
        assert_eq!(scene.fault(1 << (bits - 1), Store), (PAGE, 15, 0));
        assert_eq!(scene.fault(!0 << (bits - 1), Store), (PAGE, 15, 1), "canonical, not present");
    }
    for (format, bits) in [(La48, 48), (La57, 57)] {
        let mut scene = Scene::new(format, &[]);
        assert_eq!(scene.fault(1 << (bits - 1), Store), (FaultKind::GeneralProtection, 0, 0));
        assert_eq!(scene.fault(!0 << (bits - 1), Store), (PAGE, 0b110, 1));
    }
}

/// LA48 with tables at 0x1000 to 0x4000 for addresses below 2 MiB, user and writable, A set.
fn la48(entry: u64) -> Scene {
    Scene::new(La48, &[(0x1000, 0x2027), (0x2000, 0x3027), (0x3000, 0x4027), (0x4000, entry)])
}

#[test]
fn la48_and_la57_take_nine_bits_per_level() {
    let va = 1 << 39 | 2 << 30 | 3 << 21 | 4 << 12 | 0xfff;
    let chain = [(0x1008, 0x2027), (0x2010, 0x3027), (0x3018, 0x4027), (0x4020, 0xab_cdef_1067)];
    let mut scene = Scene::new(La48, &chain);
    assert_eq!(scene.pa(va, Store), 0xab_cdef_1fff);
    let chain = [&[(0x1028, 0x5027), (0x5008, 0x2027)], &chain[1..]].concat();
    assert_eq!(Scene::new(La57, &chain).pa(5 << 48 | va, Store), 0xab_cdef_1fff);
}

#[test]
fn x86_error_codes() {
    let user = |entry: u64, kind, mode| {
        let (outcome, _) = la48(entry).mode(mode).run(Access::user(0, kind));
        assert_eq!(outcome.fault, PAGE);
        outcome.code
    };
    let supervisor = |entry: u64, kind, mode| {
        let (outcome, _) = la48(entry).mode(mode).run(Access::supervisor(0, kind));
        assert_eq!(outcome.fault, PAGE);
        outcome.code
    };
    let none = Mode::default();
    let nxe = Mode { nxe: true, ..none };
    let smep = Mode { smep: true, ..none };
    // Not present: P = 0, and no other bit means anything.
    assert_eq!(user(!1 & !(0xfff << 52), Load, none), 0b00100);
    assert_eq!(user(0, Store, none), 0b00110);
    assert_eq!(supervisor(0, Store, none), 0b00010);
    assert_eq!(supervisor(0, Fetch, none), 0b00000);
    assert_eq!(supervisor(0, Fetch, nxe), 0b10000);
    assert_eq!(supervisor(0, Fetch, smep), 0b10000);
    // Protection.
    assert_eq!(user(0x7065, Store, none), 0b00111);
    assert_eq!(user(0x7063, Load, none), 0b00101);
    assert_eq!(user(0x7067 | 1 << 63, Fetch, nxe), 0b10101);
    assert_eq!(supervisor(0x7067, Fetch, smep), 0b10001);
    assert_eq!(supervisor(0x7065, Store, Mode { wp: true, ..none }), 0b00011);
    assert_eq!(supervisor(0x7067, Load, Mode { smap: true, ..none }), 0b00001);
    // Reserved.
    assert_eq!(user(0x7067 | 1 << 63, Load, none), 0b01101);
    // A bus error is none of these.
    let mut scene = la48(0x7067);
    scene.golden.set_poisoned(4, true);
    assert_eq!(scene.fault(0, Store), (FaultKind::Access, 0, 4));
}

#[test]
fn x86_rights_are_those_of_all_levels() {
    let nxe = Mode { nxe: true, wp: true, ..Mode::default() };
    for level in 0..4 {
        let with = |mut change: Box<dyn FnMut(&mut u64)>| {
            let mut chain = [(0x1000, 0x2027), (0x2000, 0x3027), (0x3000, 0x4027), (0x4000, 0x7067)];
            change(&mut chain[level].1);
            Scene::new(La48, &chain).mode(nxe)
        };
        let read_only = || with(Box::new(|entry| *entry &= !2));
        assert_eq!(read_only().fault(0, Store), (PAGE, 0b111, 4), "level {level}");
        assert_eq!(read_only().pa(0, Load), 0x7000);
        let supervisor = || with(Box::new(|entry| *entry &= !4));
        assert_eq!(supervisor().fault(0, Load), (PAGE, 0b101, 4));
        let (outcome, _) = supervisor().run(Access::supervisor(0, Store));
        assert!(outcome.is_ok());
        let no_execute = || with(Box::new(|entry| *entry |= 1 << 63));
        assert_eq!(no_execute().fault(0, Fetch), (PAGE, 0b10101, 4));
        assert_eq!(no_execute().pa(0, Store), 0x7000);
        // Supervisor pages are no user pages for SMEP and SMAP.
        let both = Mode { smep: true, smap: true, ..nxe };
        assert!(supervisor().mode(both).run(Access::supervisor(0, Load)).0.is_ok());
        assert!(supervisor().mode(both).run(Access::supervisor(0, Fetch)).0.is_ok());
    }
}

#[test]
fn x86_sets_a_on_the_way_and_d_at_the_end() {
    let mut scene =
        Scene::new(La48, &[(0x1000, 0x2007), (0x2000, 0x3027), (0x3000, 0x4007), (0x4000, 0x7007)]);
    let write = |addr, before, after| PteWrite { addr: PhysAddr(addr), before, after };
    let (outcome, writes) = scene.run(Access::user(0, Load));
    let expected =
        [write(0x1000, 0x2007, 0x2027), write(0x3000, 0x4007, 0x4027), write(0x4000, 0x7007, 0x7027)];
    assert_eq!(writes, expected);
    assert_eq!((outcome.pte_reads, outcome.pte_writes), (4, 3));
    let (_, writes) = scene.run(Access::user(0, Store));
    assert_eq!(writes, [write(0x4000, 0x7027, 0x7067)]);
    // The levels above a fault were used, so their A bits are set; the leaf's is not.
    let mut scene =
        Scene::new(La48, &[(0x1000, 0x2007), (0x2000, 0x3007), (0x3000, 0x4007), (0x4000, 0x7005)]);
    let (outcome, writes) = scene.run(Access::user(0, Store));
    assert_eq!((outcome.code, writes.len()), (0b111, 3));
}

#[test]
fn x86_large_pages_and_their_reserved_bits() {
    let nxe = Mode { nxe: true, ..Mode::default() };
    let reserved = (PAGE, 0b1101);
    let fault = |entries: &[(u64, u64)]| {
        let (kind, code, _) = Scene::new(La48, entries).mode(nxe).fault(0, Load);
        (kind, code)
    };
    let (p4, p3) = ((0x1000, 0x2027), (0x2000, 0x3027));
    // 1 GiB: PAT is bit 12, bits 29:13 are reserved.
    let gigabyte = 0x4000_00e7;
    let mut scene = Scene::new(La48, &[p4, (0x2000, gigabyte | 1 << 12)]);
    let (outcome, _) = scene.run(Access::user(0x2345_6789, Load));
    assert_eq!((outcome.pa.0, outcome.page, outcome.memory_type), (0x6345_6789, PageSize::Level2, 4));
    for bit in 13..30 {
        assert_eq!(fault(&[p4, (0x2000, gigabyte | 1 << bit)]), reserved, "bit {bit}");
    }
    // 2 MiB: bits 20:13.
    let megabytes = 0x60_00e7;
    assert_eq!(Scene::new(La48, &[p4, p3, (0x3000, megabytes)]).pa(0x1f_fedc, Store), 0x7f_fedc);
    for bit in 13..21 {
        assert_eq!(fault(&[p4, p3, (0x3000, megabytes | 1 << bit)]), reserved, "bit {bit}");
    }
    // PS in a PML4E, and in a PML5E.
    assert_eq!(fault(&[(0x1000, 0x20a7)]), reserved);
    assert_eq!(Scene::new(La57, &[(0x1000, 0x20a7)]).fault(0, Load), (PAGE, 0b1101, 1));
}

#[test]
fn x86_address_bits_beyond_the_implemented_ones_are_reserved() {
    let config = MmuConfig { physical_bits: 40, ..MmuConfig::of(La48) };
    for level in 0..4 {
        for bit in 39..63 {
            let mut chain = [(0x1000, 0x2027), (0x2000, 0x3027), (0x3000, 0x4027), (0x4000, 0x7067)];
            chain[level].1 |= 1 << bit;
            let (outcome, _) = Scene::with(config, &chain).run(Access::user(0, Load));
            let is_reserved = outcome.code == 0b1101;
            assert_eq!(is_reserved, (40..52).contains(&bit), "level {level}, bit {bit}");
        }
    }
}

#[test]
fn x86_memory_types_and_global_pages() {
    for (bits, memory_type) in [(0, 0), (0x08, 1), (0x10, 2), (0x18, 3), (0x80, 4), (0x98, 7)] {
        let (outcome, _) = la48(0x7067 | bits).run(Access::user(0, Load));
        assert_eq!(outcome.memory_type, memory_type);
    }
    for (pge, global) in [(false, false), (true, true)] {
        let mut scene = la48(0x7167).mode(Mode { pge, ..Mode::default() });
        scene.pa(0, Load);
        assert_eq!(scene.golden.explain(&Access::user(0, Load)).verdict.unwrap().global, global);
    }
}

#[test]
fn x86_32_bit_paging_with_and_without_pse() {
    let pse = Mode { pse: true, ..Mode::default() };
    // PDE 0x300, PTE 0x2ff.
    let mut scene = Scene::new(X86Legacy, &[(0x1c00, 0x2027), (0x2bfc, 0xdead_b067)]);
    assert_eq!(scene.pa(0xc02f_f123, Store), 0xdead_b123);
    // PS without PSE is ignored: a pointer.
    let mut scene = Scene::new(X86Legacy, &[(0x1000, 0x20a7), (0x2000, 0x7067)]);
    assert_eq!(scene.pa(0, Load), 0x7000);
    // PSE-36: bits 20:13 are address bits 39:32.
    let mut scene = Scene::new(X86Legacy, &[(0x1000, 0x00c0_00e7 | 0xab << 13)]).mode(pse);
    let (outcome, _) = scene.run(Access::user(0x3f_fedc, Load));
    assert_eq!((outcome.pa.0, outcome.page), (0xab_00ff_fedc, PageSize::Level1));
    // Bit 21 is always reserved, 20:13 as far as not implemented.
    for (physical_bits, first_reserved) in [(40, 21), (36, 17), (33, 14), (32, 13), (24, 13)] {
        for bit in 13..22 {
            let config = MmuConfig { physical_bits, ..MmuConfig::of(X86Legacy) };
            let mut scene = Scene::with(config, &[(0x1000, 0xe7 | 1 << bit)]).mode(pse);
            let (outcome, _) = scene.run(Access::user(0, Load));
            assert_eq!(outcome.code == 0b1101, bit >= first_reserved, "{physical_bits} bits, bit {bit}");
        }
    }
    // No XD: fetches are told apart only with SMEP.
    let nxe = Mode { nxe: true, ..Mode::default() };
    assert_eq!(Scene::new(X86Legacy, &[]).mode(nxe).fault(0, Fetch), (PAGE, 0b00100, 1));
    let smep = Mode { smep: true, ..Mode::default() };
    assert_eq!(Scene::new(X86Legacy, &[]).mode(smep).fault(0, Fetch), (PAGE, 0b10100, 1));
    // 4-byte entries reserve no address bits: what is not implemented does not exist.
    let config = MmuConfig { physical_bits: 24, ..MmuConfig::of(X86Legacy) };
    let mut scene = Scene::with(config, &[(0x1000, 0xff00_2027), (0x2000, 0xabcd_e067)]);
    assert_eq!(scene.pa(0x123, Load), 0xcd_e123);
}

#[test]
fn pae_loads_four_pdptes_with_the_root() {
    // VA 0xc0201fff: PDPTE 3, PDE 1, PTE 1.
    let entries = [(0x1018, 0x2001), (0x2008, 0x3027), (0x3008, 0xf_0123_4067)];
    let mut scene = Scene::new(X86Pae, &entries);
    let (outcome, writes) = scene.run(Access::user(0xc020_1fff, Store));
    assert_eq!((outcome.pa.0, outcome.pte_reads, writes.len()), (0xf_0123_4fff, 2, 0));
    // The others are absent: P = 0 without a read.
    assert_eq!(scene.fault(0, Load), (PAGE, 0b100, 0));
    // 2 MiB.
    let mut scene = Scene::new(X86Pae, &[(0x1000, 0x2001), (0x2000, 0x60_00e7)]);
    assert_eq!(scene.pa(0x12345, Load), 0x61_2345);
    // They stay as loaded until the root is loaded again.
    scene.golden.write_pte(PhysAddr(0x1000), 0);
    let batch = Batch { accesses: &[Access::user(0, Load)], end: true, on_fault: OnFault::Stop };
    assert_eq!(scene.golden.run(&batch, None).fault, None);
    assert_eq!(scene.fault(0, Load), (PAGE, 0b100, 0), "loaded again");
}

#[test]
fn pae_reserved_bits() {
    let config = MmuConfig { physical_bits: 36, ..MmuConfig::of(X86Pae) };
    let nxe = Mode { nxe: true, ..Mode::default() };
    for bit in 1..64 {
        let reserved = [(1..=2), (5..=8), (36..=63)].iter().any(|range| range.contains(&bit));
        let entries = [(0x1000, 0x2001 | 1 << bit), (0x2000, 0x3027), (0x3000, 0x7067)];
        let (outcome, _) = Scene::with(config, &entries).mode(nxe).run(Access::user(0, Load));
        assert_eq!((outcome.code == 0b1101, outcome.pte_reads == 0), (reserved, reserved), "PDPTE bit {bit}");
        for level in [1, 2] {
            let mut entries = [(0x1000, 0x2001), (0x2000, 0x3027), (0x3000, 0x7067)];
            entries[level].1 |= 1 << bit;
            let (outcome, _) = Scene::with(config, &entries).mode(nxe).run(Access::user(0, Load));
            let large_reserved = level == 1 && bit == 7;
            let reserved = (36..=62).contains(&bit);
            assert_eq!(outcome.code == 0b1101, reserved || large_reserved, "entry {level}, bit {bit}");
        }
    }
}

/// Memory in which somebody else changes an entry just before the walker's swap.
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

#[test]
fn a_failed_swap_takes_the_step_anew() {
    let config = MmuConfig::of(Sv39);
    let unused = leaf(7) & !0xc0;
    let walk = |interference| {
        let mut memory = TableMemory::new(1 << 30);
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
    // Somebody set A: a second swap sets D.
    let (verdict, swaps, _) = walk(base | 0x40);
    assert!(verdict.unwrap().dirty);
    assert_eq!(swaps, 2);
    // Somebody set both: nothing left to do.
    assert_eq!(walk(base | 0xc0).1, 1);
    // Somebody unmapped it.
    let (verdict, swaps, steps) = walk(0);
    assert_eq!((verdict.unwrap_err().reason, swaps), (Refusal::NotPresent, 1));
    assert_eq!(steps.last().unwrap().meaning, Meaning::Refused(Refusal::NotPresent));
    // Somebody made it a pointer: the walk goes on below, here into an empty table.
    let (verdict, _, steps) = walk(0x2000 >> 2 | 1);
    assert_eq!(verdict.unwrap_err().reason, Refusal::NotPresent);
    assert_eq!((steps.len(), steps[2].level), (3, 1));
}

#[test]
fn an_explanation_changes_nothing_and_reads_like_the_walk() {
    let mut scene = Scene::new(La48, &[(0x1000, 0x2007), (0x2000, 0x3027), (0x3000, 0xe7)]);
    scene.run(Access::user(1 << 39, Load));
    let explanation = scene.golden.explain(&Access::user(0x1234, Store));
    assert_eq!(scene.golden.read_pte(PhysAddr(0x1000)), 0x2007);
    let expected = "0x1234
  level 3: read 0x1000 = 0x0000000000002007: A or D is clear: swap in 0x2027
  level 3: swap 0x1000 = 0x0000000000002027: pointer to the table at 0x2000
  level 2: read 0x2000 = 0x0000000000003027: pointer to the table at 0x3000
  level 1: read 0x3000 = 0x00000000000000e7: leaf, frame 0x1, rwxu dirty, memory type 0
  → 0x1234";
    assert_eq!(explanation.to_string(), expected);
    let (outcome, _) = scene.run(Access::user(0x1234, Store));
    assert_eq!(explanation.verdict.unwrap().translate(outcome.va), outcome.pa);
}
