//! The x86 formats: 32-bit with PSE-36, PAE, 4 and 5 levels.

use super::*;

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

/// Contract: W-30, W-31, W-32, W-42, W-51.
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
    scene.golden.memory.set_poisoned(4, true);
    assert_eq!(scene.fault(0, Store), (FaultKind::Access, 0, 4));
}

/// Contract: W-45, W-46, W-47, W-48, W-49.
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

/// Contract: W-41, W-43, W-44.
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

/// Contract: W-34, W-35, W-52.
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
    assert_eq!((outcome.pa.0, outcome.page_size, outcome.memory_type), (0x6345_6789, PageSize::Level2, 4));
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

/// Contract: W-33, W-39.
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

/// Contract: W-50, W-52, W-53.
#[test]
fn x86_memory_types_and_global_pages() {
    for (bits, memory_type) in [(0, 0), (0x08, 1), (0x10, 2), (0x18, 3), (0x80, 4), (0x98, 7)] {
        let (outcome, _) = la48(0x7067 | bits).run(Access::user(0, Load));
        assert_eq!(outcome.memory_type, memory_type);
    }
    for (pge, global) in [(false, false), (true, true)] {
        let mut scene = la48(0x7167).mode(Mode { pge, ..Mode::default() });
        scene.pa(0, Load);
        assert_eq!(scene.explain(&Access::user(0, Load)).verdict.unwrap().global, global);
    }
}

/// Contract: W-33, W-40, W-51.
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
    assert_eq!((outcome.pa.0, outcome.page_size), (0xab_00ff_fedc, PageSize::Level1));
    // Bit 21 is always reserved, and those of 20:13 that are not implemented.
    for (physical_bits, first_reserved) in [(40, 21), (36, 17), (33, 14), (32, 13)] {
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
    // 4-byte entries reserve no address bits.
    let config = MmuConfig { physical_bits: 32, ..MmuConfig::of(X86Legacy) };
    let mut scene = Scene::with(config, &[(0x1000, 0x2027), (0x2000, 0xabcd_e067)]);
    assert_eq!(scene.pa(0x123, Load), 0xabcd_e123);
}

/// Contract: W-37, W-38.
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

/// Contract: W-37, W-39.
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
