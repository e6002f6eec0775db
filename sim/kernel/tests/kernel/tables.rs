//! What stands in page-table memory after the first accesses, entry by entry, worked out by hand.

use crate::machine::{Machine, RW, RX, anonymous};
use pagewalk_arch::{AccessKind, Isa, MmuConfig, Mode, PagingFormat, PhysAddr, Platform};
use pagewalk_kernel::{AdMode, Entry, KernelConfig, PageRange, Pfn, Pte, VmaPolicy, Vpn};
use pagewalk_trace::Syscall;

/// Maps and writes one page at 0x1234_5678 and follows its entries from the root.
fn chain(format: PagingFormat, ad_mode: AdMode) -> Vec<u64> {
    let config = KernelConfig {
        ad_mode,
        vma_policy: VmaPolicy::Strict,
        memory_bytes: 1 << 20,
        memory_start: Some(PhysAddr(0x4000_0000)),
        ..KernelConfig::default()
    };
    let mut machine = Machine::with(config, MmuConfig::of(format));
    machine.map(0x1234_5000, 0x1000, RW);
    machine.store(0x1234_5678);
    let spec = format.spec();
    let mut table = machine.mmu.context().root.0;
    let mut entries = Vec::new();
    for level in (0..spec.levels()).rev() {
        let index = spec.index(pagewalk_arch::VirtAddr(0x1234_5678), level);
        let entry = machine.mmu.read_pte(PhysAddr(table + index * u64::from(spec.pte_bytes)));
        entries.push(entry);
        table = ((entry >> spec.ppn_shift) & ((1 << (spec.pa_bits - 12)) - 1)) << 12;
    }
    machine.shut_down();
    entries
}

/// Frames in order of allocation, from 0x4_0000: the idle root, the page of zeroes, the process's root, its tables
/// from the top down, the page. So the first table below the root is frame 0x4_0003.
#[test]
fn entries_of_every_format() {
    let hardware = |format| chain(format, AdMode::Hardware);
    // RISC-V: frame << 10. A store through Svadu leaves D A - U - W R V.
    assert_eq!(hardware(PagingFormat::Sv32), [0x1000_0c01, 0x1000_1000 | 0xd7]);
    assert_eq!(hardware(PagingFormat::Sv39), [0x1000_0c01, 0x1000_1001, 0x1000_1400 | 0xd7]);
    assert_eq!(hardware(PagingFormat::Sv48), [0x1000_0c01, 0x1000_1001, 0x1000_1401, 0x1000_1800 | 0xd7]);
    assert_eq!(hardware(PagingFormat::Sv57).last(), Some(&(0x1000_1c00 | 0xd7)));
    // x86: the walker sets A at every level, A and D in the leaf.
    assert_eq!(hardware(PagingFormat::X86Legacy), [0x4000_3027, 0x4000_4067]);
    assert_eq!(
        hardware(PagingFormat::X86Pae),
        [0x4000_3001, 0x4000_4027, 0x8000_0000_4000_5067],
        "the PDPTE has P alone"
    );
    assert_eq!(hardware(PagingFormat::La48), [0x4000_3027, 0x4000_4027, 0x4000_5027, 0x8000_0000_4000_6067]);
    assert_eq!(hardware(PagingFormat::La57).len(), 5);
    assert_eq!(hardware(PagingFormat::La57)[4], 0x8000_0000_4000_7067);
}

#[test]
fn user_programs_run_with_every_protection_on() {
    for format in PagingFormat::ALL {
        let mode = Machine::strict(format).mmu.context().mode;
        let off = Mode::default();
        let expected = match format.spec().isa {
            Isa::RiscV => Mode { adue: true, ..off },
            Isa::X86 => {
                let nxe = format != PagingFormat::X86Legacy;
                Mode { wp: true, nxe, pse: true, pge: true, smep: true, smap: true, ..off }
            }
        };
        assert_eq!(mode, expected, "{format}");
    }
}

#[test]
fn software_sets_a_and_d_where_the_walker_does_not() {
    assert_eq!(chain(PagingFormat::Sv39, AdMode::Software).last(), Some(&(0x1000_1400 | 0xd7)));
}

#[test]
fn pae_sets_the_context_again_when_a_pdpte_changes() {
    let mut machine = Machine::strict(PagingFormat::X86Pae);
    machine.map(0x1000_0000, 0x1000, RW);
    machine.map(0xc000_0000, 0x2000, RW);
    let contexts = machine.mmu.contexts.len();
    machine.store(0x1000_0000);
    machine.store(0xc000_0000);
    machine.store(0xc000_1000);
    let set: Vec<_> = machine.mmu.contexts[contexts..].to_vec();
    assert_eq!(set.len(), 2, "once for each new PDPTE, not for a further page");
    assert!(set.iter().all(|context| context.root == machine.mmu.context().root));
    assert!(machine.mmu.context().root.0 < 1 << 32);
    let faults = machine.kernel.stats().page_faults_minor;
    assert_eq!(faults, 3);
    machine.unmap(0xc000_0000, 0x2000);
    assert_eq!(machine.mmu.contexts.len(), contexts + 3, "and when it goes");
    machine.shut_down();
}

#[test]
fn tables_go_when_their_last_area_goes_and_not_before() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(0x1000_0000, 0x1000, RW);
    machine.map(0x1010_0000, 0x1000, RW);
    machine.store(0x1000_0000);
    machine.store(0x1010_0000);
    let tables = |m: &Machine| m.kernel.stats().page_table_bytes >> 12;
    assert_eq!(tables(&machine), 4, "idle root, root, one of level 1, one of level 0");
    machine.unmap(0x1000_0000, 0x1000);
    assert_eq!(tables(&machine), 4, "the neighbour still needs them");
    machine.call(1, Syscall::Advise { at: pagewalk_arch::VirtAddr(0x1010_0000), bytes: 4096, advice: 4 });
    assert_eq!(tables(&machine), 4, "madvise frees pages, not tables");
    machine.unmap(0x1010_0000, 0x1000);
    assert_eq!(tables(&machine), 2);
    machine.shut_down();
}

#[test]
fn every_format_runs_a_program_from_first_page_to_exit() {
    for format in PagingFormat::ALL {
        let mut machine = Machine::strict(format);
        machine.map(0x40_0000, 0x5000, RX);
        machine.map(0x6000_0000, 0x40_0000, RW);
        machine.call(
            1,
            Syscall::Map(pagewalk_trace::MapRequest { populate: true, ..anonymous(0x7000_0000, 0x8000, RW) }),
        );
        for page in 0..5 {
            machine.access(0x40_0000 + page * 0x1000, AccessKind::Fetch).unwrap();
        }
        for page in 0..64 {
            machine.load(0x6000_0000 + page * 0x3000);
            machine.store(0x6000_0000 + page * 0x5000);
        }
        let faults = machine.kernel.stats().page_faults_minor;
        machine.store(0x7000_0000);
        machine.store(0x7000_7fff);
        assert_eq!(
            machine.kernel.stats().page_faults_minor,
            faults,
            "{format}: populated pages do not fault"
        );
        machine.shut_down();
    }
}

#[test]
fn going_through_a_range_costs_what_is_there() {
    for format in [PagingFormat::Sv57, PagingFormat::La57] {
        let mut machine = Machine::strict(format);
        machine.map(1 << 40, 1 << 55, RW);
        for page in [0, 1 << 30, 1 << 42] {
            machine.store((1 << 40) + (page << 12));
        }
        let space = machine.kernel.address_space(1).unwrap();
        let entries = space.page_table().tables() * 512;
        let everything = PageRange::new(Vpn(0), Vpn(1 << 44));
        machine.mmu.reads.set(0);
        assert_eq!(space.page_table().mapped(&machine.mmu, everything).len(), 3, "{format}");
        let reads = machine.mmu.reads.get();
        assert!(reads <= entries, "{format}: {reads} reads for tables of {entries} entries in all");
        machine.mmu.reads.set(0);
        machine.unmap(1 << 40, 1 << 55);
        assert!(machine.mmu.reads.get() <= 4 * entries, "{format}: {} reads", machine.mmu.reads.get());
        machine.shut_down();
    }
}

#[test]
fn a_leaf_of_a_higher_level_is_found_from_every_page_of_it() {
    let mut machine = Machine::strict(PagingFormat::Sv39);
    machine.map(0x4000_0000, 0x1000, RW);
    machine.store(0x4000_0000);
    let table = machine.kernel.address_space(1).unwrap().page_table().clone();
    let (layout, first) = (table.layout(), Vpn(0x4020_0000 >> 12));
    let top = machine.mmu.read_pte(layout.slot(Pfn::of(table.root()), first, 2));
    let Some(Entry::Table(middle)) = layout.decode(top, 2) else { panic!("{top:#x}") };
    let large = Pte { order: 9, ..Pte::new(Pfn(0x8_0200), RW) };
    let slot = layout.slot(middle, first, 1);
    machine.mmu.write_pte(slot, layout.encode(Entry::Leaf(large), 1));
    for page in [first, first.up(1), first.up(511)] {
        let found = table.lookup(&machine.mmu, page).expect("it is mapped");
        assert_eq!((found.page, found.pte, found.slot), (first, large, slot));
    }
    let around = PageRange::new(Vpn(0x4000_0000 >> 12), first.up(1024));
    assert_eq!(table.mapped(&machine.mmu, around).len(), 2, "the page below and the large one, once");
    machine.mmu.write_pte(slot, 0);
    machine.shut_down();
}
