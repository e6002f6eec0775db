//! Pages that move so that free frames lie together: contents, entries, fences and every invariant stay.

use crate::machine::{Machine, RW, anonymous};
use pagewalk_arch::{AccessKind, MmuConfig, PagingFormat, VirtAddr};
use pagewalk_kernel::{Fragmentation, KernelConfig, PcMachine, VmaPolicy};
use pagewalk_trace::Syscall;

const AT: u64 = 0x1000_0000;
const PAGE: u64 = 0x1000;

fn fragmented(config: KernelConfig, format: PagingFormat, pages: u64) -> Machine {
    let config = KernelConfig { vma_policy: VmaPolicy::Strict, ..config };
    let mut machine = Machine::with(config, MmuConfig::of(format));
    machine.kernel.keep_contents();
    machine.call(1, Syscall::Map(anonymous(AT, pages * PAGE, RW)));
    for page in 0..pages {
        let at = machine.access(AT + page * PAGE, AccessKind::Store).expect("a legal store");
        machine.kernel.store(at, page as u8 | 1);
    }
    for page in (0..pages).step_by(2) {
        let advice = 4; // MADV_DONTNEED
        machine.call(1, Syscall::Advise { at: VirtAddr(AT + page * PAGE), bytes: PAGE, advice });
    }
    machine
}

fn verify(machine: &mut Machine, pages: u64) {
    for page in (1..pages).step_by(2) {
        let at = machine.load(AT + page * PAGE);
        assert_eq!(machine.kernel.load(at), page as u8 | 1, "page {page}");
    }
}

fn blocks(machine: &Machine) -> [u64; 11] {
    machine.kernel.memory().zones().last().unwrap().blocks_free()
}

#[test]
fn every_second_page_moves_out_of_the_way_in_every_format() {
    for format in PagingFormat::ALL {
        let config = KernelConfig { memory_bytes: 24 << 20, ..KernelConfig::default() };
        let mut machine = fragmented(config, format, 5000);
        machine.fork(1, 2);
        machine.check();
        let before = blocks(&machine);
        assert!(before[0] > 2400, "{format}: {before:?}");
        machine.kernel.compact(&mut machine.mmu);
        machine.check();
        let after = blocks(&machine);
        // Page tables lie in between and cannot move, so whole page blocks are few in so little memory.
        assert!(after[0] < 300, "{format}: half of the last page block at most: {after:?}");
        assert!(machine.kernel.events().pgmigrate_success > 1000, "{format}");
        let fragmentation = [before, after].map(|blocks| Fragmentation::of(blocks).unusable_index(6));
        assert!(fragmentation[0] > 500 && fragmentation[1] < 200, "{format}: {fragmentation:?}");
        verify(&mut machine, 5000);
        machine.switch(2);
        verify(&mut machine, 5000);
        let moved = machine.kernel.events().pgmigrate_success;
        machine.kernel.compact(&mut machine.mmu);
        assert!(machine.kernel.events().pgmigrate_success - moved < 100, "{format}: nothing is left to move");
        machine.shut_down();
    }
}

#[test]
fn a_pc_compacts_as_under_linux() {
    let config =
        KernelConfig { memory_bytes: 256 << 20, pc: Some(PcMachine::default()), ..KernelConfig::default() };
    let mut machine = fragmented(config, PagingFormat::La48, 38_400);
    let singles = blocks(&machine)[0];
    assert!(singles.abs_diff(19_178) <= 576, "{singles} single frames are free, measured: 19,178");
    machine.kernel.compact(&mut machine.mmu);
    machine.check();
    let after = blocks(&machine);
    assert!(after[10] >= 8 && after[0] <= 4000, "{after:?}");
    let moved = machine.kernel.events().pgmigrate_success;
    assert!(moved.abs_diff(9407) <= 2822, "{moved} pages moved, measured: 9,402");
    verify(&mut machine, 38_400);
    machine.shut_down();
}

#[test]
fn whoever_wants_a_large_block_compacts_no_more_than_it_takes() {
    let config =
        KernelConfig { memory_bytes: 256 << 20, pc: Some(PcMachine::default()), ..KernelConfig::default() };
    let mut machine = fragmented(config, PagingFormat::La48, 44_000);
    assert_eq!(blocks(&machine)[10], 0);
    assert!(machine.kernel.compact_for(&mut machine.mmu, 10));
    machine.check();
    let events = machine.kernel.events();
    assert_eq!((events.compact_stall, events.compact_success, events.compact_fail), (1, 1, 0));
    assert!(events.pgmigrate_success < 3000, "{}", events.pgmigrate_success);
    verify(&mut machine, 44_000);
}
