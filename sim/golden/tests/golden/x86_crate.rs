//! Random 4-level tables, written and read through the types of the `x86_64` crate: its index arithmetic, flags and
//! entries decide where an address leads, the model must agree.

use pagewalk_arch::{
    Access, AccessKind, Batch, Context, MmuConfig, Mode, OnFault, PageSize, PagingFormat, SplitMix64,
    Uniprocessor,
};
use pagewalk_golden::Golden;
use std::collections::BTreeMap;
use x86_64::structures::paging::page_table::{PageTableEntry, PageTableFlags as Flags};
use x86_64::{PhysAddr, VirtAddr};

/// Tables by physical address, entries by index.
type Tables = BTreeMap<u64, BTreeMap<u16, PageTableEntry>>;

const ROOT: u64 = 0x1000;

/// Where `va` leads and how large its page is, if user mode may read it.
fn translate(tables: &Tables, va: VirtAddr) -> Option<(u64, PageSize)> {
    let mut table = ROOT;
    let steps = [va.p4_index(), va.p3_index(), va.p2_index(), va.p1_index()];
    for (depth, index) in steps.into_iter().enumerate() {
        let entry = tables.get(&table)?.get(&u16::from(index))?;
        if !entry.flags().contains(Flags::PRESENT | Flags::USER_ACCESSIBLE) {
            return None;
        }
        let (size, page) = [
            (0, PageSize::Level3),
            (1 << 30, PageSize::Level2),
            (2 << 20, PageSize::Level1),
            (4 << 10, PageSize::Level0),
        ][depth];
        if depth == 3 || entry.flags().contains(Flags::HUGE_PAGE) {
            let start = entry.addr().align_down(size);
            return Some((start.as_u64() + va.as_u64() % size, page));
        }
        table = entry.addr().as_u64();
    }
    None
}

fn random_tables(random: &mut SplitMix64) -> Tables {
    let mut tables = Tables::new();
    for number in 1..=12u64 {
        // Tables 1-3 hold level 3, 4-6 level 2 and so on; the root is the first.
        let depth = (number - 1) / 3;
        let table = tables.entry(number << 12).or_default();
        for index in 0..4u16 {
            let index = if random.below(2) == 0 { index } else { 511 - index };
            let mut flags = Flags::WRITABLE | Flags::ACCESSED;
            flags.set(Flags::PRESENT, random.below(12) != 0);
            flags.set(Flags::USER_ACCESSIBLE, random.below(20) != 0);
            let large = (depth == 1 || depth == 2) && random.below(4) == 0;
            flags.set(Flags::HUGE_PAGE, large);
            let address = if large || depth == 3 {
                let size = [0, 1 << 30, 2 << 20, 4 << 10][depth as usize];
                PhysAddr::new(random.next_u64() % (1 << 52)).align_down(size as u64)
            } else {
                PhysAddr::new(((depth + 1) * 3 + 1 + u64::from(random.below(3))) << 12)
            };
            let mut entry = PageTableEntry::new();
            entry.set_addr(address, flags);
            table.insert(index, entry);
        }
    }
    tables
}

#[test]
fn la48_agrees_with_the_x86_64_crate() {
    let (mut mapped, mut unmapped) = (0, 0);
    for seed in 0..200 {
        let mut random = SplitMix64(seed);
        let tables = random_tables(&mut random);
        let mut golden =
            Uniprocessor::new(Golden::bare(&MmuConfig::of(PagingFormat::La48)).unwrap(), 1 << 24);
        for (&table, entries) in &tables {
            for (&index, entry) in entries {
                let address = pagewalk_arch::PhysAddr(table + 8 * u64::from(index));
                golden.write_pte(address, entry.addr().as_u64() | entry.flags().bits());
            }
        }
        let mode = Mode { nxe: true, ..Mode::default() };
        golden.set_context(&Context { root: pagewalk_arch::PhysAddr(ROOT), mode, ..Context::default() });
        for _ in 0..200 {
            let mut bits = u64::from(random.below(4096));
            for level in 0..4 {
                let index = u64::from(random.below(4));
                let index = if random.below(2) == 0 { index } else { 511 - index };
                bits |= index << (12 + 9 * level);
            }
            let va = VirtAddr::new_truncate(bits);
            let mut outcomes = Vec::new();
            let access = Access::user(va.as_u64(), AccessKind::Load);
            let batch = Batch { accesses: &[access], end: true, on_fault: OnFault::Continue };
            golden.run(&batch, Some(&mut outcomes));
            let found = outcomes[0].is_ok().then_some((outcomes[0].pa.0, outcomes[0].page_size));
            let expected = translate(&tables, va);
            assert_eq!(found, expected, "seed {seed}, {va:?}");
            *if expected.is_some() { &mut mapped } else { &mut unmapped } += 1;
        }
    }
    assert!(mapped > 500 && unmapped > 500, "{mapped} mapped, {unmapped} unmapped");
}
