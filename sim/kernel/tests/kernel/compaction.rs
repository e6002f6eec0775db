//! Pages that move so that free frames lie together: contents, entries, fences and every invariant stay.

use crate::machine::{Machine, RW, anonymous};
use pagewalk_arch::{AccessKind, MmuConfig, PagingFormat, VirtAddr};
use pagewalk_kernel::{FolioFlags, Fragmentation, FrameUse, KernelConfig, PcMachine, VmaPolicy, Vpn};
use pagewalk_trace::{FileId, FileSource, MapRequest, Syscall};

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

/// Pages of one kind: each has been written, and every second goes, so that the others lie apart.
struct Scattered {
    machine: Machine,
    kept: Vec<u64>,
}

impl Scattered {
    const PAGES: u64 = 2000;

    fn new(format: PagingFormat, backing: MapRequest) -> Self {
        let config =
            KernelConfig { memory_bytes: 24 << 20, vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
        let mut machine = Machine::with(config, MmuConfig::of(format));
        machine.kernel.keep_contents();
        machine.call(
            1,
            Syscall::Map(MapRequest {
                at: VirtAddr(AT),
                bytes: Self::PAGES * PAGE,
                protection: RW,
                ..backing
            }),
        );
        for page in 0..Self::PAGES {
            let at = machine.access(AT + page * PAGE, AccessKind::Store).expect("a legal store");
            machine.kernel.store(at, page as u8 | 1);
        }
        Self { machine, kept: (1..Self::PAGES).step_by(2).collect() }
    }

    fn scatter(&mut self, advice: i32) {
        for page in (0..Self::PAGES).step_by(2) {
            self.machine.call(1, Syscall::Advise { at: VirtAddr(AT + page * PAGE), bytes: PAGE, advice });
        }
    }

    /// Compacts: how many pages have moved, and how many of those that are left have.
    fn compact(&mut self) -> (u64, usize) {
        let Self { machine, kept } = self;
        let frames = |machine: &Machine| -> Vec<_> {
            let space = machine.kernel.address_space(1).unwrap();
            let frame = |&page: &u64| {
                space
                    .page_table()
                    .lookup(&machine.mmu, Vpn::of(VirtAddr(AT + page * PAGE)))
                    .map(|it| it.pte.frame)
            };
            kept.iter().map(frame).collect()
        };
        let (before, moved) = (frames(machine), machine.kernel.events().pgmigrate_success);
        machine.check();
        machine.kernel.compact(&mut machine.mmu);
        machine.check();
        let after = frames(machine);
        let elsewhere = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        for &page in kept.iter() {
            let at = machine.load(AT + page * PAGE);
            assert_eq!(machine.kernel.load(at), page as u8 | 1, "page {page}");
        }
        machine.check();
        (machine.kernel.events().pgmigrate_success - moved, elsewhere)
    }
}

const FORMATS: [PagingFormat; 4] =
    [PagingFormat::Sv39, PagingFormat::Sv32, PagingFormat::La48, PagingFormat::X86Pae];

#[test]
fn pages_of_files_and_of_shared_memory_move_with_their_place_in_the_cache() {
    for format in FORMATS {
        for source in [None, Some(FileSource { file: FileId(3), offset: 0 })] {
            let mut pages =
                Scattered::new(format, MapRequest { shared: true, source, ..MapRequest::default() });
            // A hole in the object: MADV_REMOVE.
            pages.scatter(9);
            let (moved, elsewhere) = pages.compact();
            assert!(
                moved > 300 && elsewhere > 300,
                "{format}, {source:?}: {moved} pages, {elsewhere} of those that are mapped"
            );
            // Nobody maps them any more, and a new mapping finds them where they are now.
            pages.machine.unmap(AT, Scattered::PAGES * PAGE);
            let at = MapRequest {
                at: VirtAddr(AT),
                bytes: Scattered::PAGES * PAGE,
                protection: RW,
                shared: true,
                source,
                ..MapRequest::default()
            };
            if source.is_some() {
                pages.machine.call(1, Syscall::Map(at));
                pages.compact();
            }
            pages.machine.shut_down();
        }
    }
}

#[test]
fn locked_pages_move_and_stay_locked_unless_that_is_forbidden() {
    for format in FORMATS {
        for allowed in [true, false] {
            let mut pages = Scattered::new(format, MapRequest::default());
            pages.scatter(4);
            let machine = &mut pages.machine;
            let value = if allowed { "1" } else { "0" };
            machine.kernel.sysctl("vm.compact_unevictable_allowed", value).unwrap();
            machine
                .call(1, Syscall::Lock { at: VirtAddr(AT), bytes: Scattered::PAGES * PAGE, on_fault: true });
            let (moved, elsewhere) = pages.compact();
            assert_eq!(
                (moved > 300, elsewhere > 300),
                (allowed, allowed),
                "{format}: {moved} pages, {elsewhere} of the locked"
            );
            let locked = |machine: &Machine| {
                let memory = machine.kernel.memory();
                memory.frames().filter(|&(frame, _)| memory.has(frame, FolioFlags::MLOCKED)).count()
            };
            assert_eq!(locked(&pages.machine), pages.kept.len());
            pages.machine.call(1, Syscall::UnlockAll);
            assert_eq!(locked(&pages.machine), 0, "{format}: each knows how many areas lock it");
            pages.machine.shut_down();
        }
    }
}

#[test]
fn pages_in_the_swap_cache_move_with_their_slot() {
    for format in FORMATS {
        let mut pages = Scattered::new(format, MapRequest::default());
        let machine = &mut pages.machine;
        machine.kernel.swap_on(4000, None).unwrap();
        let advise = |advice| Syscall::Advise { at: VirtAddr(AT), bytes: Scattered::PAGES * PAGE, advice };
        machine.call(1, advise(21)); // MADV_PAGEOUT
        (0..Scattered::PAGES).for_each(|page| _ = machine.load(AT + page * PAGE));
        pages.scatter(4);
        let cached = |machine: &Machine| {
            let memory = machine.kernel.memory();
            memory
                .frames()
                .filter(|&(frame, usage)| {
                    usage == FrameUse::Anonymous && memory.has(frame, FolioFlags::SWAPCACHE)
                })
                .count()
        };
        assert_eq!(cached(&pages.machine), pages.kept.len(), "read and not written, they are in both places");
        let (moved, elsewhere) = pages.compact();
        assert!(
            moved > 300 && elsewhere > 300,
            "{format}: {moved} pages, {elsewhere} of those that are mapped"
        );
        assert_eq!(cached(&pages.machine), pages.kept.len(), "{format}");
        let out = pages.machine.kernel.events().pswpout;
        pages.machine.call(1, advise(21));
        assert_eq!(
            pages.machine.kernel.events().pswpout,
            out,
            "{format}: they go again without being written"
        );
        for &page in &pages.kept {
            let at = pages.machine.load(AT + page * PAGE);
            assert_eq!(pages.machine.kernel.load(at), page as u8 | 1, "{format}: page {page}");
        }
        pages.machine.shut_down();
    }
}
