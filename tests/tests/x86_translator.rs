//! Golden model and hardware against the `x86_64` crate: random 4-level tables in that crate's own `PageTable`s, its types
//! for indices, flags, frames and error codes decide what every access must do. The golden model alone is compared with
//! plain translations in its own tests; here are rights, error codes, A and D, and the hardware.
//!
//! The crate's `MappedPageTable` is not used: it translates through pointers, and no test here needs `unsafe`.

use pagewalk_arch::{
    Access, AccessKind, Batch, Context, FaultKind, Mmu, MmuConfig, Mode, OnFault, PageSize, PagingFormat,
    Privilege, SplitMix64, Uniprocessor,
};
use pagewalk_tests::engines::{MEMORY_LIMIT, golden, rust_hdl, verilated};
use std::collections::BTreeMap;
use x86_64::structures::idt::PageFaultErrorCode as Code;
use x86_64::structures::paging::page_table::{PageTableEntry, PageTableFlags as Flags};
use x86_64::structures::paging::{PageTable, PageTableIndex, PhysFrame};
use x86_64::{PhysAddr, VirtAddr};

/// Bytes of a page whose leaf stands in the table reached after so many steps from the root, and its name.
const PAGES: [Option<(u64, PageSize)>; 4] = [
    None,
    Some((1 << 30, PageSize::Level2)),
    Some((2 << 20, PageSize::Level1)),
    Some((4 << 10, PageSize::Level0)),
];
const ROOT: u64 = 0x1000;
/// Tables per depth.
const BREADTH: u64 = 3;

/// Page tables as software has them, and what a processor does with them by SDM volume 3A, 4.5 to 4.8.
struct Software {
    tables: BTreeMap<PhysFrame, PageTable>,
    mode: Mode,
}

impl Software {
    fn random(random: &mut SplitMix64, mode: Mode) -> Self {
        let frame = |number: u64| PhysFrame::containing_address(PhysAddr::new(ROOT + (number << 12)));
        let mut tables = BTreeMap::new();
        for number in 0..4 * BREADTH {
            let depth = (number / BREADTH) as usize;
            let mut table = PageTable::new();
            for index in (0..4).chain(508..512) {
                let large = (depth == 1 || depth == 2) && random.below(4) == 0;
                let mut flags = Flags::empty();
                flags.set(Flags::PRESENT, random.below(16) != 0);
                flags.set(Flags::WRITABLE, random.below(8) != 0);
                flags.set(Flags::USER_ACCESSIBLE, random.below(8) != 0);
                flags.set(Flags::NO_EXECUTE, random.below(8) == 0);
                flags.set(Flags::ACCESSED, random.below(2) != 0);
                flags.set(Flags::DIRTY, random.below(2) != 0);
                flags.set(Flags::BIT_9, random.below(2) != 0);
                flags.set(Flags::BIT_52, random.below(2) != 0);
                flags.set(Flags::HUGE_PAGE, large);
                let address = match PAGES[depth] {
                    Some((bytes, _)) if large || depth == 3 => {
                        PhysAddr::new(random.next_u64() % (1 << 52)).align_down(bytes)
                    }
                    _ => {
                        let below = (depth as u64 + 1) * BREADTH + u64::from(random.below(BREADTH as u32));
                        frame(below).start_address()
                    }
                };
                table[PageTableIndex::new(index)].set_addr(address, flags);
            }
            tables.insert(frame(number), table);
        }
        Self { tables, mode }
    }

    /// What the access must be answered with. Sets A and D where the processor does.
    fn access(&mut self, access: &Access) -> Result<(PhysAddr, PageSize), Code> {
        let va = VirtAddr::new(access.va.0);
        let user = access.privilege == Privilege::User;
        let mut code = Code::empty();
        code.set(Code::CAUSED_BY_WRITE, access.kind == AccessKind::Store);
        code.set(Code::USER_MODE, user);
        code.set(Code::INSTRUCTION_FETCH, access.kind == AccessKind::Fetch);
        let mut all = Flags::WRITABLE | Flags::USER_ACCESSIBLE;
        let mut executable = true;
        let mut frame = PhysFrame::containing_address(PhysAddr::new(ROOT));
        let indices = [va.p4_index(), va.p3_index(), va.p2_index(), va.p1_index()];
        for (depth, index) in indices.into_iter().enumerate() {
            let entry = &mut self.tables.get_mut(&frame).expect("pointers lead to tables")[index];
            let flags = entry.flags();
            if !flags.contains(Flags::PRESENT) {
                return Err(code);
            }
            all &= flags;
            executable &= !flags.contains(Flags::NO_EXECUTE);
            let page = PAGES[depth].filter(|_| depth == 3 || flags.contains(Flags::HUGE_PAGE));
            let Some((bytes, size)) = page else {
                entry.set_flags(flags | Flags::ACCESSED);
                frame = entry.frame().expect("a present pointer");
                continue;
            };
            let for_user = all.contains(Flags::USER_ACCESSIBLE);
            let granted = match access.kind {
                AccessKind::Fetch => executable && (user || !(self.mode.smep && for_user)),
                AccessKind::Store => all.contains(Flags::WRITABLE) || !(user || self.mode.wp),
                AccessKind::Load => true,
            };
            if !granted || (user && !for_user) {
                return Err(code | Code::PROTECTION_VIOLATION);
            }
            let dirty = if access.kind == AccessKind::Store { Flags::DIRTY } else { Flags::empty() };
            let start = entry.addr();
            entry.set_addr(start, flags | Flags::ACCESSED | dirty);
            return Ok((start + va.as_u64() % bytes, size));
        }
        unreachable!("the lowest table holds leaves only")
    }
}

/// One of the few indices that hold entries, at both ends of a table.
fn populated(random: &mut SplitMix64) -> PageTableIndex {
    let near = random.below(4) as u16;
    PageTableIndex::new(if random.below(2) == 0 { near } else { 511 - near })
}

fn random_access(random: &mut SplitMix64) -> Access {
    let indices = [0; 4].map(|_| u64::from(u16::from(populated(random))));
    let bits = indices.iter().fold(0, |bits, index| bits << 9 | index) << 12 | u64::from(random.below(4096));
    let va = VirtAddr::new_truncate(bits).as_u64();
    let kind = [AccessKind::Fetch, AccessKind::Load, AccessKind::Store][random.below(3) as usize];
    if random.below(3) == 0 { Access::supervisor(va, kind) } else { Access::user(va, kind) }
}

fn address_of(frame: PhysFrame, index: usize) -> pagewalk_arch::PhysAddr {
    pagewalk_arch::PhysAddr(frame.start_address().as_u64() + 8 * index as u64)
}

fn value_of(entry: &PageTableEntry) -> u64 {
    entry.addr().as_u64() | entry.flags().bits()
}

/// Runs `seeds` on engines that `start` gives. Gives the accesses that were translated and refused.
fn agrees(start: impl Fn(&MmuConfig) -> Box<dyn Mmu>, seeds: u64) -> (u64, u64) {
    let config = MmuConfig::of(PagingFormat::La48);
    let (mut translated, mut refused) = (0, 0);
    for seed in 0..seeds {
        let mut random = SplitMix64(seed);
        let mode = Mode { nxe: true, wp: seed & 1 != 0, smep: seed & 2 != 0, ..Mode::default() };
        let mut software = Software::random(&mut random, mode);
        let mut mmu = Uniprocessor::new(start(&config), MEMORY_LIMIT);
        for (&frame, table) in &software.tables {
            for (index, entry) in table.iter().enumerate().filter(|(_, entry)| !entry.is_unused()) {
                mmu.write_pte(address_of(frame, index), value_of(entry));
            }
        }
        mmu.set_context(&Context { root: pagewalk_arch::PhysAddr(ROOT), mode, ..Context::default() });
        let mut recent = random_access(&mut random);
        for _ in 0..300 {
            // A third of the accesses return to the page before, so that TLBs answer.
            let access = random_access(&mut random);
            recent = if random.below(3) == 0 { Access { va: recent.va, ..access } } else { access };
            let mut outcomes = Vec::new();
            let batch = Batch { accesses: &[recent], end: true, on_fault: OnFault::Continue };
            mmu.run(&batch, Some(&mut outcomes));
            let outcome = outcomes[0];
            let found = match outcome.fault {
                FaultKind::None => Ok((PhysAddr::new(outcome.pa.0), outcome.page_size)),
                FaultKind::Page => Err(Code::from_bits_truncate(outcome.code.into())),
                other => panic!("seed {seed}: {other:?} for {recent:?}"),
            };
            assert_eq!(found, software.access(&recent), "seed {seed}, {mode:?}, {recent:?}");
            *if found.is_ok() { &mut translated } else { &mut refused } += 1;
        }
        for (&frame, table) in &software.tables {
            for (index, entry) in table.iter().enumerate() {
                let addr = address_of(frame, index);
                assert_eq!(mmu.read_pte(addr), value_of(entry), "seed {seed}, entry at {addr}");
            }
        }
    }
    (translated, refused)
}

fn assert_both_happened((translated, refused): (u64, u64)) {
    assert!(translated > 300 && refused > 300, "{translated} translated, {refused} refused");
}

#[test]
fn golden_model() {
    assert_both_happened(agrees(|config| Box::new(golden(config)), 60));
}

#[test]
fn rust_hdl_simulation() {
    assert_both_happened(agrees(|config| Box::new(rust_hdl(config)), 12));
}

#[test]
fn verilog_under_verilator() {
    assert_both_happened(agrees(|config| Box::new(verilated(config)), 40));
}

#[test]
fn indices_and_canonical_addresses() {
    let spec = PagingFormat::La48.spec();
    let mut random = SplitMix64(1);
    for _ in 0..10_000 {
        let shift = random.below(64);
        let raw = random.next_u64() >> shift ^ if random.below(2) == 0 { 0 } else { u64::MAX };
        let va = pagewalk_arch::VirtAddr(raw);
        assert_eq!(spec.is_canonical(va), VirtAddr::try_new(raw).is_ok(), "{raw:#x}");
        let theirs = VirtAddr::new_truncate(raw);
        let indices = [theirs.p1_index(), theirs.p2_index(), theirs.p3_index(), theirs.p4_index()];
        for (level, index) in indices.into_iter().enumerate() {
            assert_eq!(spec.index(va, level), u64::from(u16::from(index)), "{raw:#x} level {level}");
        }
    }
    // SDM volume 1, 3.3.7.1: the ends of the two halves.
    let la57 = PagingFormat::La57.spec();
    for (spec, low_end, high_start) in [
        (spec, 0x0000_7fff_ffff_ffff, 0xffff_8000_0000_0000),
        (la57, 0x00ff_ffff_ffff_ffff, 0xff00_0000_0000_0000u64),
    ] {
        let canonical = |raw| spec.is_canonical(pagewalk_arch::VirtAddr(raw));
        assert!(canonical(0) && canonical(low_end) && canonical(high_start) && canonical(u64::MAX));
        assert!(!canonical(low_end + 1) && !canonical(high_start - 1));
    }
}
