//! Random programs on up to three CPUs: several processes of two threads each map, unmap, protect, move, fork, exit and
//! access in any order. A model with one cell per page says what each access must come to; the MMUs find every missing
//! fence; every invariant holds after each step; nothing leaks.

use crate::machine::{MOVES, Machine, acc_err, anonymous, map_err};
use pagewalk_arch::{AccessKind, CpuId, MmuConfig, PagingFormat, VirtAddr};
use pagewalk_kernel::{AdMode, FaultResolution, KernelConfig, VmaPolicy};
use pagewalk_trace::{CloneKind, MapRequest, Protection, RemapFlags, Syscall};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Pages of the arena of each process. They straddle borders of tables at every level that 32 bits have.
const PAGES: u64 = 48;
const BASE: u64 = 0x4000_0000 - 24 * 0x1000;

#[derive(Clone, Debug)]
enum Step {
    Map {
        at: u64,
        pages: u64,
        rights: u8,
        shared: bool,
        populate: bool,
    },
    Unmap {
        at: u64,
        pages: u64,
    },
    Protect {
        at: u64,
        pages: u64,
        rights: u8,
    },
    Remap {
        from: u64,
        to: u64,
        pages: u64,
    },
    Advise {
        at: u64,
        pages: u64,
        free: bool,
    },
    /// Left out where it is illegal, unless it `trespasses`: programs should live a while.
    Access {
        at: u64,
        kind: AccessKind,
        trespasses: bool,
    },
    Fork {
        child: u32,
    },
    /// To the first thread of the process, or to its other one.
    Switch {
        pid: u32,
        other: bool,
    },
    /// What follows happens there.
    On {
        cpu: usize,
    },
    Exit,
}

/// The other thread of each process.
const OTHER: u32 = 50;

fn process_of(thread: u32) -> u32 {
    if (OTHER..2 * OTHER).contains(&thread) { thread - OTHER } else { thread }
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..PAGES;
    let pages = 1..12u64;
    let pid = 1..6u32;
    let kind = prop_oneof![Just(AccessKind::Load), Just(AccessKind::Store), Just(AccessKind::Fetch)];
    let trespasses = prop::bool::weighted(0.02);
    prop_oneof![
        4 => (at.clone(), pages.clone(), 0..8u8, any::<bool>(), any::<bool>())
            .prop_map(|(at, pages, rights, shared, populate)| Step::Map { at, pages, rights, shared, populate }),
        2 => (at.clone(), pages.clone()).prop_map(|(at, pages)| Step::Unmap { at, pages }),
        2 => (at.clone(), pages.clone(), 0..8u8).prop_map(|(at, pages, rights)| Step::Protect { at, pages, rights }),
        2 => (at.clone(), at.clone(), pages.clone()).prop_map(|(from, to, pages)| Step::Remap { from, to, pages }),
        1 => (at.clone(), pages, any::<bool>()).prop_map(|(at, pages, free)| Step::Advise { at, pages, free }),
        30 => (at, kind, trespasses).prop_map(|(at, kind, trespasses)| Step::Access { at, kind, trespasses }),
        1 => pid.clone().prop_map(|child| Step::Fork { child }),
        3 => (pid, any::<bool>()).prop_map(|(pid, other)| Step::Switch { pid, other }),
        4 => (0..3usize).prop_map(|cpu| Step::On { cpu }),
        1 => Just(Step::Exit),
    ]
}

fn rights(bits: u8) -> Protection {
    Protection { read: bits & 1 != 0, write: bits & 2 != 0, execute: bits & 4 != 0 }
}

/// What mmap(2) and the manuals say an area with these rights permits.
fn legal(format: PagingFormat, bits: u8, kind: AccessKind) -> bool {
    let riscv = format.name().starts_with("sv");
    match kind {
        AccessKind::Store => bits & 2 != 0,
        AccessKind::Load if riscv => bits & 3 != 0,
        AccessKind::Load => bits != 0,
        AccessKind::Fetch if format == PagingFormat::X86Legacy => bits != 0,
        AccessKind::Fetch => bits & 4 != 0,
    }
}

/// What is known of one page of one process. Rights as bits: read, write, execute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// No call spoke of it.
    Unknown,
    /// A call took it away.
    Unmapped,
    /// A call gave it these rights.
    Known(u8),
    /// Accesses showed that it has at least these.
    Inferred(u8),
}

type Cells = [Cell; PAGES as usize];

const FRESH: Cells = [Cell::Unknown; PAGES as usize];

fn va(page: u64) -> u64 {
    BASE + page * 0x1000
}

/// Whether an access is legal, and what it makes of the cell.
fn model_access(config: &KernelConfig, format: PagingFormat, cell: Cell, kind: AccessKind) -> Option<Cell> {
    let infers = config.vma_policy == VmaPolicy::Infer;
    let needs = match kind {
        AccessKind::Load => 1,
        AccessKind::Store => 3,
        AccessKind::Fetch => 5,
    };
    match cell {
        Cell::Known(bits) if legal(format, bits, kind) => Some(cell),
        Cell::Inferred(bits) if legal(format, bits, kind) => Some(cell),
        Cell::Inferred(bits) => Some(Cell::Inferred(bits | needs)),
        Cell::Unknown if infers => Some(Cell::Inferred(needs)),
        Cell::Unknown | Cell::Unmapped | Cell::Known(_) => None,
    }
}

fn run(format: PagingFormat, asid_bits: u32, cpus: usize, config: KernelConfig, steps: &[Step]) {
    let infers = config.vma_policy == VmaPolicy::Infer;
    let mut machine = Machine::of_cpus(config, MmuConfig { asid_bits, ..MmuConfig::of(format) }, cpus);
    let second = |pid| Syscall::Clone { child: pid + OTHER, kind: CloneKind::Thread };
    machine.call(1, second(1));
    let mut running = vec![None; cpus];
    running[0] = Some(1);
    let mut on = 0;
    let mut model: BTreeMap<u32, Cells> = BTreeMap::from([(1, FRESH)]);
    let mut pid = 1;
    let mut newest = 100;
    for step in steps {
        let alive: Vec<u32> = model.keys().copied().collect();
        let cells = model.get_mut(&pid).expect("the running process is alive");
        let span = |at: u64, pages: u64| (at as usize, (at + pages).min(PAGES) as usize);
        match *step {
            Step::Map { at, pages, rights: bits, shared, populate } => {
                let (start, end) = span(at, pages);
                let bytes = (end - start) as u64 * 0x1000;
                let request = MapRequest { shared, populate, ..anonymous(va(at), bytes, rights(bits)) };
                machine.call(pid, Syscall::Map(request));
                cells[start..end].fill(Cell::Known(bits));
            }
            Step::Unmap { at, pages } => {
                let (start, end) = span(at, pages);
                machine.unmap(va(at), (end - start) as u64 * 0x1000);
                cells[start..end].fill(Cell::Unmapped);
            }
            Step::Protect { at, pages, rights: bits } => {
                let (start, end) = span(at, pages);
                machine.protect(va(at), (end - start) as u64 * 0x1000, rights(bits));
                for cell in &mut cells[start..end] {
                    let mapped = matches!(cell, Cell::Known(_) | Cell::Inferred(_));
                    if !mapped && !infers {
                        // As in Linux, the call ends at a hole.
                        break;
                    }
                    *cell = Cell::Known(bits);
                }
            }
            Step::Remap { from, to, pages } => {
                let (start, end) = span(from, pages);
                let pages = ((end - start) as u64).min(PAGES - to);
                if from.abs_diff(to) < pages || pages == 0 {
                    continue;
                }
                let bytes = pages * 0x1000;
                let (source, target) = (start..start + pages as usize, to as usize..(to + pages) as usize);
                let (from, to) = (VirtAddr(va(from)), VirtAddr(va(to)));
                let flags = RemapFlags { fixed: true, ..MOVES };
                machine.call(pid, Syscall::Remap { from, from_bytes: bytes, to, to_bytes: bytes, flags });
                let mapped = |cell: Cell| matches!(cell, Cell::Known(_) | Cell::Inferred(_));
                if !mapped(cells[source.start]) {
                    if !infers {
                        continue;
                    }
                    // A call that succeeded had pages there.
                    for cell in &mut cells[source.clone()] {
                        *cell = if mapped(*cell) { *cell } else { Cell::Known(3) };
                    }
                }
                for (old, new) in source.zip(target) {
                    if mapped(cells[old]) {
                        cells[new] = cells[old];
                        cells[old] = Cell::Unmapped;
                    }
                }
            }
            Step::Advise { at, pages, free } => {
                let (start, end) = span(at, pages);
                let (at, bytes) = (VirtAddr(va(at)), (end - start) as u64 * 0x1000);
                machine.call(pid, Syscall::Advise { at, bytes, advice: if free { 8 } else { 4 } });
            }
            Step::Access { at, kind, trespasses } => {
                let address = va(at) + at % 4096;
                let cell = &mut cells[at as usize];
                let expected = match (model_access(&config, format, *cell, kind), *cell) {
                    (Some(after), _) => {
                        *cell = after;
                        None
                    }
                    _ if !trespasses => continue,
                    (None, Cell::Known(_)) => Some(acc_err(address)),
                    (None, _) => Some(map_err(address)),
                };
                match (machine.access(address, kind), expected) {
                    (Ok(_), None) => {}
                    (Err(FaultResolution::Killed(death)), Some(signal)) => {
                        assert_eq!((death.pid, death.signal), (pid, signal));
                        model.remove(&pid);
                    }
                    (got, wanted) => {
                        panic!("{kind:?} at {address:#x} by {pid}: {got:x?}, expected {wanted:?}")
                    }
                }
            }
            Step::Fork { child } if !alive.contains(&child) => {
                let copy = *cells;
                machine.fork(pid, child);
                machine.call(child, second(child));
                model.insert(child, copy);
            }
            Step::Switch { pid: next, other } if alive.contains(&next) => {
                let thread = if other && next < OTHER { next + OTHER } else { next };
                machine.switch(thread);
                running.iter_mut().for_each(|runs| *runs = runs.filter(|&runs| runs != thread));
                running[on] = Some(thread);
            }
            Step::On { cpu } => {
                on = cpu % cpus;
                machine.on(CpuId(on));
            }
            Step::Exit if alive.len() > 1 => {
                machine.call(pid, Syscall::ExitGroup { status: 0 });
                model.remove(&pid);
            }
            Step::Fork { .. } | Step::Switch { .. } | Step::Exit => {}
        }
        machine.check();
        running
            .iter_mut()
            .for_each(|runs| *runs = runs.filter(|&runs| model.contains_key(&process_of(runs))));
        let shown: Vec<_> = (0..cpus).map(|cpu| machine.kernel.running(CpuId(cpu))).collect();
        assert_eq!(shown, running.iter().map(|runs| runs.map(process_of)).collect::<Vec<_>>());
        let thread = running[on].unwrap_or_else(|| {
            // The CPU is idle: another process runs, one never heard of where none is left.
            newest += 1;
            let next = model.keys().next().copied().unwrap_or(newest);
            model.entry(next).or_insert(FRESH);
            machine.switch(next);
            running.iter_mut().for_each(|runs| *runs = runs.filter(|&runs| runs != next));
            running[on] = Some(next);
            next
        });
        pid = process_of(thread);
    }
    machine.shut_down();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn every_access_comes_to_what_its_area_says(
        format in prop::sample::select(PagingFormat::ALL.to_vec()),
        wide in any::<bool>(),
        software in any::<bool>(),
        zero_page in any::<bool>(),
        infers in any::<bool>(),
        cpus in 1..=3usize,
        steps in prop::collection::vec(step(), 1..400),
    ) {
        let spec = format.spec();
        let riscv = spec.isa == pagewalk_arch::Isa::RiscV;
        // On RISC-V one bit of identifier rolls over at every switch; on x86 it is all or nothing.
        let asid_bits = if wide { spec.asid_bits.min(12) } else { u32::from(riscv) };
        let config = KernelConfig {
            vma_policy: if infers { VmaPolicy::Infer } else { VmaPolicy::Strict },
            ad_mode: if software && riscv { AdMode::Software } else { AdMode::Hardware },
            zero_page,
            flush_ceiling_pages: 5,
            ..KernelConfig::default()
        };
        run(format, asid_bits, cpus, config, &steps);
    }
}
