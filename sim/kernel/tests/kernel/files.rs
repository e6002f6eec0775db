//! Files and the page cache, with the numbers that Linux 6.1 gives where it was asked the same.

use crate::machine::{Machine, R, RW, anonymous};
use pagewalk_arch::{AccessKind, MmuConfig, PagingFormat, SplitMix64, VirtAddr};
use pagewalk_kernel::{
    AccessPattern, Errno, FaultResolution, Faults, FileRange, FolioFlags, KernelConfig, LinuxVersion,
    LruList, OpenFile, Signal, VmaPolicy,
};
use pagewalk_trace::{FileId, FileSource, MapRequest, Protection, Syscall};

const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;
const AT: u64 = 0x1000_0000;
const LOAD: AccessKind = AccessKind::Load;
const STORE: AccessKind = AccessKind::Store;

fn config() -> KernelConfig {
    KernelConfig {
        memory_bytes: 256 * MIB,
        vma_policy: VmaPolicy::Strict,
        linux: LinuxVersion::V6_1,
        ..KernelConfig::default()
    }
}

fn machine_with(config: KernelConfig) -> Machine {
    let mut machine = Machine::with(config, MmuConfig::of(PagingFormat::La48));
    machine.kernel.keep_contents();
    machine
}

fn machine() -> Machine {
    machine_with(config())
}

fn whole(bytes: u64) -> FileRange {
    FileRange { offset: 0, bytes }
}

/// What byte a page of a file is written to begin with.
fn byte_of(offset: u64) -> u8 {
    (offset / PAGE * 7 + 1) as u8
}

impl Machine {
    /// Writes a file as a program does: opened, 64 KiB at a time.
    fn file_write(&mut self, path: &str, bytes: u64) -> FileId {
        let file = self.kernel.file_named(path);
        let mut open = OpenFile::new(file);
        for offset in (0..bytes).step_by(0x1_0000) {
            let range = FileRange { offset, bytes: (bytes - offset).min(0x1_0000) };
            let written = self.kernel.file_write(&mut self.mmu, 1, &mut open, range, &byte_of);
            assert_eq!(written, Ok(range.bytes));
        }
        file
    }
    fn file_read(&mut self, file: FileId, bytes: u64) {
        let mut open = OpenFile::new(file);
        for offset in (0..bytes).step_by(0x1_0000) {
            let range = FileRange { offset, bytes: 0x1_0000 };
            let read = self.kernel.file_read(&mut self.mmu, 1, &mut open, range);
            assert_eq!(read, Ok((bytes - offset).min(0x1_0000)));
        }
    }
    fn map_file(&mut self, at: u64, bytes: u64, file: FileId, shared: bool, protection: Protection) {
        let source = Some(FileSource { file, offset: 0 });
        let pid = self.running().unwrap();
        self.call(pid, Syscall::Map(MapRequest { source, shared, ..anonymous(at, bytes, protection) }));
    }
    /// Touches a byte of each of `pages` pages. Gives minor and major faults.
    fn touch(&mut self, at: u64, pages: u64, kind: AccessKind) -> (u64, u64) {
        let pid = self.running().unwrap();
        let before = self.kernel.faults(pid).unwrap();
        for page in 0..pages {
            let pa = self.access(at + page * PAGE, kind).expect("a legal access");
            if kind == STORE {
                self.kernel.store(pa, byte_of(page * PAGE));
            }
        }
        let Faults { minor, major } = self.kernel.faults(pid).unwrap().since(before);
        (minor, major)
    }
    fn sync(&mut self) {
        self.kernel.sync(&mut self.mmu);
    }
    fn advise(&mut self, at: u64, bytes: u64, advice: i32) {
        let pid = self.running().unwrap();
        self.call(pid, Syscall::Advise { at: VirtAddr(at), bytes, advice });
    }
}

#[test]
fn private_and_shared_mappings_of_a_warm_file() {
    let mut machine = machine();
    let file = machine.file_write("data/f", 16 * MIB);
    let tmpfs = machine.file_write("tmp/t", 8 * MIB);
    machine.sync();
    machine.map_file(AT, 16 * MIB, file, false, RW);
    assert_eq!(machine.touch(AT, 4096, LOAD), (256, 0), "fault-around: 64 KiB at once");
    assert_eq!(machine.touch(AT, 1000, STORE), (1000, 0));
    machine.fork(1, 2);
    machine.switch(2);
    let shared = AT + 0x1000_0000;
    machine.map_file(shared, 16 * MIB, file, true, RW);
    assert_eq!(machine.touch(shared, 4096, LOAD), (256, 0));
    let before = machine.kernel.events().nr_dirtied;
    assert_eq!(machine.touch(shared, 2000, STORE), (2000, 0), "one fault each to be told of the first write");
    assert_eq!(machine.kernel.events().nr_dirtied - before, 2000);
    assert_eq!(machine.kernel.cache_counts().dirty, 2000);
    machine.check();
    let written = (machine.kernel.events().nr_written, machine.kernel.events().pgpgout);
    machine.sync();
    machine.check();
    assert_eq!(machine.kernel.cache_counts().dirty, 0);
    let events = machine.kernel.events();
    assert_eq!((events.nr_written - written.0, events.pgpgout - written.1), (2000, 8000));
    assert_eq!(machine.touch(shared, 2000, STORE), (2000, 0), "writeback write-protected them again");
    assert_eq!(machine.touch(shared, 2000, STORE), (0, 0));
    let map = AT + 0x2000_0000;
    machine.map_file(map, 8 * MIB, tmpfs, true, RW);
    assert_eq!(machine.touch(map, 2048, STORE), (2048, 0), "write faults are not faulted around");
    let copies = AT + 0x3000_0000;
    machine.map_file(copies, 16 * MIB, file, false, RW);
    assert_eq!(machine.touch(copies, 4096, STORE), (4096, 0), "one fault, one copy");
    machine.shut_down();
}

#[test]
fn shared_memory_read_first_is_writable_at_once() {
    let mut machine = machine();
    machine.call(1, Syscall::Map(MapRequest { shared: true, ..anonymous(AT, 8 * MIB, RW) }));
    assert_eq!(machine.touch(AT, 2048, LOAD), (2048, 0), "it has no page of zeroes");
    assert_eq!(machine.kernel.cache_counts().shmem, 2048);
    assert_eq!(machine.touch(AT, 2048, STORE), (0, 0));
    machine.fork(1, 2);
    machine.switch(2);
    assert_eq!(machine.touch(AT, 2048, LOAD), (128, 0), "what is cached is mapped 16 at a time");
    assert_eq!(machine.touch(AT, 2048, STORE), (0, 0), "and writable");
    machine.shut_down();
}

/// Reads a cold file of 16 MiB through a mapping. Gives faults, and what was counted besides.
fn cold(linux: LinuxVersion, advice: Option<i32>) -> ((u64, u64), [u64; 3]) {
    let mut machine = machine_with(KernelConfig { linux, ..config() });
    let file = machine.file_write("data/f", 16 * MIB);
    machine.sync();
    machine.kernel.drop_caches(1);
    assert_eq!(machine.kernel.cache_counts().pages, 0);
    machine.map_file(AT, 16 * MIB, file, false, R);
    if let Some(advice) = advice {
        machine.advise(AT, 16 * MIB, advice);
    }
    let before = *machine.kernel.events();
    let faults = machine.touch(AT, 4096, LOAD);
    let pa = machine.load(AT + 77 * PAGE);
    assert_eq!(machine.kernel.load(pa), byte_of(77 * PAGE), "the disk has kept it");
    let after = *machine.kernel.events();
    machine.shut_down();
    let counted =
        [after.pgmajfault - before.pgmajfault, after.pgfault - before.pgfault, after.pgpgin - before.pgpgin];
    (faults, counted)
}

#[test]
fn a_cold_file_read_through_a_mapping() {
    const RANDOM: i32 = 1;
    assert_eq!(cold(LinuxVersion::V6_1, None), ((128, 129), [1, 386, 16384]));
    assert_eq!(cold(LinuxVersion::V6_1, Some(RANDOM)), ((0, 4096), [4096, 8192, 16384]));
    assert_eq!(cold(LinuxVersion::V6_12, None), ((256, 1), [1, 257, 16384]));
    assert_eq!(cold(LinuxVersion::V6_12, Some(RANDOM)), ((0, 4096), [4096, 4096, 16384]));
}

#[test]
fn what_is_sent_for_beforehand_is_minor() {
    const WILLNEED: i32 = 3;
    let mut machine = machine();
    let file = machine.file_write("data/f", MIB);
    machine.sync();
    machine.kernel.drop_caches(1);
    machine.map_file(AT, MIB, file, false, R);
    machine.advise(AT, MIB, WILLNEED);
    machine.kernel.sleep(&mut machine.mmu, 1_000_000_000);
    assert_eq!(machine.touch(AT, 256, LOAD), (16, 0));
    assert_eq!(machine.kernel.events().pgpgin, 1024);
    machine.shut_down();
}

#[test]
fn writing_and_reading_a_file_of_128_mib() {
    let mut machine = machine_with(KernelConfig { memory_bytes: 512 * MIB, ..config() });
    for (name, value) in [
        ("vm.dirty_background_ratio", "80"),
        ("vm.dirty_ratio", "90"),
        ("vm.dirty_expire_centisecs", "360000"),
        ("vm.dirty_writeback_centisecs", "360000"),
    ] {
        machine.kernel.sysctl(name, value).expect("a knob");
    }
    let file = machine.file_write("data/f", 128 * MIB);
    assert_eq!(machine.kernel.faults(1), Some(Faults::default()), "write(2) faults nothing");
    assert_eq!(machine.kernel.events().nr_dirtied, 32768);
    let counts = machine.kernel.cache_counts();
    assert_eq!((counts.pages, counts.dirty, counts.shmem), (32768, 32768, 0));
    assert_eq!(machine.kernel.memory().lru_len(LruList::ActiveFile), 0, "written once: inactive");
    machine.sync();
    assert_eq!(machine.kernel.cache_counts().dirty, 0);
    assert_eq!((machine.kernel.events().nr_written, machine.kernel.events().pgpgout), (32768, 131_072));
    machine.file_read(file, 128 * MIB);
    assert_eq!(machine.kernel.events().pgpgin, 0, "all in the page cache");
    assert_eq!(machine.kernel.memory().lru_len(LruList::ActiveFile), 0, "the first read only marks it");
    machine.kernel.funlink("data/f").expect("it exists");
    assert_eq!(machine.kernel.cache_counts().pages, 0);
    assert_eq!(machine.kernel.funlink("data/f"), Err(Errno::NoEnt));
    let file = machine.file_write("data/g", 64 * MIB);
    machine.sync();
    machine.kernel.drop_caches(2);
    assert_eq!(machine.kernel.cache_counts().pages, 16384, "2 drops names, not pages");
    machine.kernel.drop_caches(1);
    assert_eq!(machine.kernel.cache_counts().pages, 0);
    machine.file_read(file, 64 * MIB);
    assert_eq!((machine.kernel.events().pgpgin, machine.kernel.cache_counts().pages), (65536, 16384));
    machine.file_read(file, 64 * MIB);
    assert_eq!(
        machine.kernel.memory().lru_len(LruList::ActiveFile),
        16384,
        "the second read makes it active"
    );
    machine.shut_down();
}

#[test]
fn reading_at_random_reads_what_is_asked_for() {
    let mut machine = machine();
    let file = machine.file_write("data/f", 4 * MIB);
    machine.sync();
    machine.kernel.drop_caches(1);
    let mut open = OpenFile::new(file);
    open.advise(AccessPattern::Random);
    for page in [3, 900, 17, 500] {
        let range = FileRange { offset: page * PAGE, bytes: PAGE };
        assert_eq!(machine.kernel.file_read(&mut machine.mmu, 1, &mut open, range), Ok(PAGE));
    }
    assert_eq!(machine.kernel.cache_counts().pages, 4);
    assert_eq!(machine.kernel.events().pgpgin, 16);
    machine.shut_down();
}

#[test]
fn beyond_the_end_is_sigbus_and_the_rest_of_the_last_page_is_zeroes() {
    let mut machine = machine();
    machine.call(1, Syscall::HandleSignal { signal: 7 });
    let file = machine.file_write("data/f", 6000);
    machine.map_file(AT, 4 * PAGE, file, true, RW);
    let bus =
        |page: u64| Err(FaultResolution::Delivered(Signal::Bus { address: VirtAddr(AT + page * PAGE) }));
    machine.load(AT);
    let pa = machine.store(AT + PAGE + 1000);
    machine.kernel.store(pa, 9);
    assert_eq!(machine.access(AT + 2 * PAGE, LOAD), bus(2));
    machine.kernel.ftruncate(&mut machine.mmu, file, PAGE + 500);
    assert_eq!(machine.kernel.load(pa), 0, "cut off");
    machine.kernel.ftruncate(&mut machine.mmu, file, 100);
    assert_eq!(machine.access(AT + PAGE, LOAD), bus(1));
    machine.check();
    machine.load(AT);
    machine.kernel.ftruncate(&mut machine.mmu, file, 2 * PAGE);
    let pa = machine.load(AT + PAGE);
    assert_eq!(machine.kernel.load(pa), 0, "a hole");
    assert_eq!(machine.kernel.file_bytes(file), Some(2 * PAGE));
    machine.shut_down();
}

#[test]
fn a_deleted_file_lives_as_long_as_it_is_mapped() {
    let mut machine = machine();
    let file = machine.file_write("data/f", 8 * PAGE);
    machine.map_file(AT, 8 * PAGE, file, true, RW);
    machine.load(AT);
    machine.kernel.funlink("data/f").expect("it exists");
    assert!(machine.maps().contains("/data/f (deleted)"), "{}", machine.maps());
    assert_ne!(machine.kernel.file_named("data/f"), file, "another of the same name");
    assert_eq!(machine.kernel.cache_counts().pages, 8);
    machine.unmap(AT, 8 * PAGE);
    assert_eq!(machine.kernel.cache_counts().pages, 0);
    machine.check();
    assert_eq!(machine.kernel.file_existing("data/nobody"), Err(Errno::NoEnt));
    machine.shut_down();
}

#[test]
fn what_is_dirty_mapped_or_of_no_disk_is_not_dropped() {
    let mut machine = machine();
    let mapped = machine.file_write("data/mapped", 4 * PAGE);
    machine.file_write("tmp/t", 4 * PAGE);
    machine.file_write("init", 4 * PAGE);
    machine.sync();
    machine.map_file(AT, 4 * PAGE, mapped, false, R);
    machine.load(AT);
    let dirty = machine.file_write("data/dirty", 4 * PAGE);
    machine.kernel.drop_caches(3);
    assert_eq!(machine.kernel.cache_counts().pages, 16);
    assert_eq!(machine.kernel.memory().lru_len(LruList::Unevictable), 4, "the root file system's");
    machine.unmap(AT, 4 * PAGE);
    machine.kernel.fadvise_dont_need(&mut machine.mmu, dirty, whole(0));
    assert_eq!(machine.kernel.cache_counts().pages, 16, "on their way to the disk");
    machine.kernel.fsync(&mut machine.mmu, dirty);
    machine.kernel.fadvise_dont_need(&mut machine.mmu, dirty, whole(0));
    assert_eq!(machine.kernel.cache_counts().pages, 12);
    machine.kernel.drop_caches(1);
    assert_eq!(machine.kernel.cache_counts().pages, 8);
    machine.shut_down();
}

#[test]
fn tmpfs_has_half_of_the_memory() {
    let mut machine = machine_with(KernelConfig { memory_bytes: 4 * MIB, ..config() });
    let mut open = OpenFile::new(machine.kernel.file_named("tmp/t"));
    let written = machine.kernel.file_write(&mut machine.mmu, 1, &mut open, whole(4 * MIB), &byte_of);
    let half = machine.kernel.memory().frames_total() / 2 * PAGE;
    assert_eq!(written, Ok(half));
    let more = FileRange { offset: half, bytes: PAGE };
    assert_eq!(machine.kernel.file_write(&mut machine.mmu, 1, &mut open, more, &byte_of), Err(Errno::NoSpc));
    machine.shut_down();
}

#[test]
fn the_flusher_writes_what_is_old_and_everything_once_there_is_much() {
    let mut machine = machine();
    const SECOND: u64 = 1_000_000_000;
    machine.file_write("data/a", MIB);
    machine.kernel.sleep(&mut machine.mmu, 4 * SECOND);
    assert_eq!(machine.kernel.cache_counts().dirty, 256);
    machine.kernel.sleep(&mut machine.mmu, 2 * SECOND);
    assert_eq!(
        machine.kernel.cache_counts().dirty,
        0,
        "a disk never written to is flushed when first looked at"
    );
    machine.file_write("data/a", MIB);
    machine.kernel.sleep(&mut machine.mmu, 29 * SECOND);
    assert_eq!(machine.kernel.cache_counts().dirty, 256, "not 30 s old");
    machine.kernel.sleep(&mut machine.mmu, 6 * SECOND);
    assert_eq!(machine.kernel.cache_counts().dirty, 0);
    // 10 % of 256 MiB: the background limit.
    machine.file_write("data/b", 20 * MIB);
    assert_eq!(machine.kernel.cache_counts().dirty, 5120);
    machine.file_write("data/c", 8 * MIB);
    let counts = machine.kernel.cache_counts();
    assert!(counts.dirty < 2048, "above the limit all dirty pages go: {counts:?}");
    let now = machine.kernel.now_ns();
    machine.file_write("data/d", 200 * MIB);
    let counts = machine.kernel.cache_counts();
    assert!(counts.dirty + counts.writeback <= 65536 * 20 / 100, "who writes is held up: {counts:?}");
    assert!(machine.kernel.now_ns() - now > SECOND / 10, "and time passes");
    machine.shut_down();
}

#[test]
fn msync_writes_what_is_mapped() {
    let mut machine = machine();
    let file = machine.file_write("data/f", 16 * PAGE);
    machine.sync();
    machine.map_file(AT, 16 * PAGE, file, true, RW);
    machine.touch(AT, 16, STORE);
    assert_eq!(machine.kernel.cache_counts().dirty, 16);
    assert_eq!(machine.kernel.msync(&mut machine.mmu, 1, VirtAddr(AT), 4 * PAGE, false), Ok(()));
    assert_eq!(machine.kernel.cache_counts().dirty, 12);
    assert_eq!(machine.kernel.msync(&mut machine.mmu, 1, VirtAddr(AT + 1), PAGE, false), Err(Errno::Inval));
    assert_eq!(machine.kernel.msync(&mut machine.mmu, 1, VirtAddr(AT), 32 * PAGE, false), Err(Errno::NoMem));
    assert_eq!(machine.kernel.cache_counts().dirty, 0);
    assert_eq!(machine.touch(AT, 16, STORE), (16, 0));
    machine.shut_down();
}

#[test]
fn what_entries_say_reaches_the_page_when_they_go() {
    let mut machine = machine();
    machine.call(1, Syscall::Map(MapRequest { shared: true, ..anonymous(AT, 2 * PAGE, RW) }));
    let frame = pagewalk_kernel::Pfn::of(machine.load(AT));
    assert!(!machine.kernel.memory().has(frame, FolioFlags::DIRTY));
    machine.store(AT);
    machine.fork(1, 2);
    machine.unmap(AT, PAGE);
    let flags = machine.kernel.memory().flags(frame);
    assert!(flags.is_empty() || flags.contains(FolioFlags::DIRTY | FolioFlags::REFERENCED), "{flags:?}");
    machine.shut_down();
}

#[test]
fn fault_around_stays_within_area_table_and_64_kib() {
    for format in [PagingFormat::Sv32, PagingFormat::La48, PagingFormat::X86Pae] {
        let mut machine = Machine::with(config(), MmuConfig::of(format));
        let file = machine.file_write("data/f", MIB);
        let table = machine.mmu_table_bytes(format);
        let at = AT + table - 5 * PAGE;
        machine.map_file(at, 64 * PAGE, file, false, R);
        machine.load(at);
        assert_eq!(machine.kernel.stats().rss_bytes, 5 * PAGE, "{format}: up to the end of the table");
        machine.load(at + 30 * PAGE);
        assert_eq!(machine.kernel.stats().rss_bytes, 21 * PAGE, "{format}: 16, aligned");
        machine.load(at + 60 * PAGE);
        assert_eq!(machine.kernel.stats().rss_bytes, 32 * PAGE, "{format}: up to the end of the area");
        machine.advise(at + 25 * PAGE, PAGE, 4);
        machine.load(at + 25 * PAGE);
        assert_eq!(machine.kernel.cache_counts().mapped_around, 4 + 15 + 10);
        machine.shut_down();
    }
}

impl Machine {
    /// What a page table of the lowest level serves.
    fn mmu_table_bytes(&self, format: PagingFormat) -> u64 {
        PAGE << format.spec().index_bits[0]
    }
}

#[test]
fn a_trace_s_files_were_in_the_cache_before() {
    let mut machine = machine();
    let source = Some(FileSource { file: FileId(3), offset: 0 });
    machine.call(1, Syscall::Map(MapRequest { source, ..anonymous(AT, 64 * PAGE, R) }));
    assert_eq!(machine.touch(AT, 64, LOAD), (4, 0), "64 pages, four times 64 KiB");
    let shared = AT + MIB;
    machine.call(1, Syscall::Map(MapRequest { source, shared: true, ..anonymous(shared, 4 * PAGE, RW) }));
    assert_eq!(machine.touch(shared, 4, LOAD), (1, 0));
    assert_eq!(machine.touch(shared, 4, STORE), (4, 0), "a page that was read faults once more when written");
    machine.unmap(AT, 64 * PAGE);
    machine.unmap(shared, 4 * PAGE);
    assert_eq!(machine.kernel.cache_counts().pages, 64, "they stay");
    machine.shut_down();
    let mut cold = machine_with(KernelConfig { files_are_warm: false, ..config() });
    cold.call(1, Syscall::Map(MapRequest { source, ..anonymous(AT, 64 * PAGE, R) }));
    assert_eq!(cold.touch(AT, 64, LOAD), (2, 3), "waits for 0, 24 and 32");
    cold.shut_down();
}

/// A machine of `frames` frames, with swap.
fn small(frames: u64, swap: u64) -> Machine {
    let mut machine = machine_with(KernelConfig { memory_bytes: frames * PAGE, ..config() });
    machine.kernel.swap_on(swap + 1, None).expect("a swap area");
    machine
}

#[test]
fn shared_memory_goes_to_swap_for_all_who_map_it() {
    let mut machine = small(256, 1000);
    machine.call(1, Syscall::Map(MapRequest { shared: true, ..anonymous(AT, 600 * PAGE, RW) }));
    machine.fork(1, 2);
    machine.touch(AT, 600, STORE);
    machine.check();
    let counts = machine.kernel.cache_counts();
    assert!(counts.shmem < 256 && machine.kernel.swap_free() < 700, "{counts:?}");
    machine.switch(2);
    for page in 0..600 {
        let pa = machine.load(AT + page * PAGE);
        assert_eq!(machine.kernel.load(pa), byte_of(page * PAGE), "page {page}");
    }
    machine.check();
    let (majors, read) = (machine.kernel.faults(2).unwrap().major, machine.kernel.events().pswpin);
    assert!(read > 300 && majors > 0 && majors * 4 < read, "{read} pages came back in {majors} clusters");
    machine.exit(1);
    machine.check();
    machine.exit(2);
    machine.check();
    assert_eq!(machine.kernel.swap_free(), 1000, "gone with its last mapping");
    machine.shut_down();
}

#[test]
fn tmpfs_comes_back_from_swap_when_that_is_turned_off() {
    let mut machine = small(256, 400);
    let tmpfs = machine.file_write("tmp/t", 120 * PAGE);
    machine.map(AT, 300 * PAGE, RW);
    machine.touch(AT, 300, STORE);
    machine.check();
    machine.unmap(AT, 300 * PAGE);
    assert!(machine.kernel.swap_free() < 400, "the file has pages in swap");
    machine.kernel.swap_off(&mut machine.mmu, 1, 0).expect("it fits into memory");
    machine.check();
    assert_eq!(machine.kernel.cache_counts().shmem, 120);
    machine.map_file(AT, 120 * PAGE, tmpfs, true, RW);
    let pa = machine.load(AT + 77 * PAGE);
    assert_eq!(machine.kernel.load(pa), byte_of(77 * PAGE));
    machine.shut_down();
}

#[test]
fn clean_pages_of_files_go_before_anonymous_memory_is_swapped() {
    let mut machine = small(1024, 2000);
    let file = machine.file_write("data/f", 700 * PAGE);
    machine.sync();
    machine.map(AT, 600 * PAGE, RW);
    machine.touch(AT, 600, STORE);
    assert_eq!(machine.kernel.events().pswpout, 0);
    assert!(machine.kernel.events().pgsteal_file > 250);
    machine.check();
    machine.map_file(AT + MIB * 16, 700 * PAGE, file, false, R);
    for page in 0..700 {
        let pa = machine.load(AT + MIB * 16 + page * PAGE);
        assert_eq!(machine.kernel.load(pa), byte_of(page * PAGE), "page {page}");
    }
    assert!(machine.kernel.events().workingset_refault_file > 200);
    machine.check();
    machine.shut_down();
}

#[test]
fn dirty_pages_are_written_before_they_go() {
    let mut machine = small(512, 10);
    for knob in ["vm.dirty_ratio", "vm.dirty_background_ratio"] {
        machine.kernel.sysctl(knob, "100").expect("a knob");
    }
    let file = machine.file_write("data/f", 2000 * PAGE);
    machine.check();
    assert!(machine.kernel.events().nr_written > 1500, "{:?}", machine.kernel.events());
    assert_eq!(machine.kernel.stats().out_of_memory, 0);
    machine.map_file(AT, 2000 * PAGE, file, true, RW);
    for page in [0, 5, 777, 1999] {
        let pa = machine.load(AT + page * PAGE);
        assert_eq!(machine.kernel.load(pa), byte_of(page * PAGE));
    }
    machine.shut_down();
}

#[test]
fn names_are_forgotten_under_pressure() {
    let mut machine = small(4096, 10);
    machine.kernel.create_many_files("data/f", 5000);
    assert_eq!(machine.kernel.name_counts().disk_inodes, 5000);
    machine.kernel.drop_caches(1);
    assert_eq!(machine.kernel.name_counts().disk_inodes, 5000, "1 drops pages alone");
    machine.kernel.drop_caches(2);
    assert_eq!(machine.kernel.name_counts().disk_inodes, 0);
    machine.kernel.create_many_files("data/f", 5000);
    let file = machine.file_write("data/big", 6000 * PAGE);
    machine.file_read(file, 6000 * PAGE);
    let scanned = machine.kernel.events().slabs_scanned;
    assert!(scanned > 0 && machine.kernel.name_counts().disk_inodes < 5000, "{scanned}");
    machine.shut_down();
}

/// Three processes read and write a file, a tmpfs file and another in too little memory, by mappings and by calls. Every
/// byte is where it was written, and every invariant holds.
#[test]
fn files_under_pressure_keep_what_was_written() {
    const PAGES: u64 = 150;
    for seed in 0..6 {
        let mut rng = SplitMix64(seed);
        let mut machine = small(320, 3000);
        let files = ["data/f", "tmp/t", "data/g"].map(|name| machine.file_write(name, PAGES * PAGE));
        let mut expected = [(); 3].map(|()| (0..PAGES).map(|page| byte_of(page * PAGE)).collect::<Vec<_>>());
        let place = |object: usize| AT + object as u64 * 16 * MIB;
        for (object, &file) in files.iter().enumerate() {
            machine.map_file(place(object), PAGES * PAGE, file, true, RW);
        }
        machine.fork(1, 2);
        machine.fork(1, 3);
        for step in 0..1500u64 {
            machine.switch(1 + u32::try_from(step / 50 % 3).unwrap());
            let object = rng.below(3) as usize;
            let page = u64::from(rng.below(PAGES as u32));
            let va = place(object) + page * PAGE;
            let expect = &mut expected[object][page as usize];
            let value = step as u8 | 1;
            match rng.below(12) {
                0..=4 => {
                    let pa = machine.load(va);
                    assert_eq!(machine.kernel.load(pa), *expect, "seed {seed} step {step}");
                }
                5..=8 => {
                    let pa = machine.store(va);
                    machine.kernel.store(pa, value);
                    *expect = value;
                }
                9 => {
                    let mut open = OpenFile::new(files[object]);
                    let range = FileRange { offset: page * PAGE, bytes: PAGE };
                    let Machine { kernel, mmu } = &mut machine;
                    kernel.file_write(mmu, 1, &mut open, range, &|_| value).expect("there is room");
                    *expect = value;
                }
                10 => machine.kernel.fsync(&mut machine.mmu, files[object]),
                _ => machine.kernel.drop_caches(1),
            }
            if step % 25 == 0 {
                machine.check();
            }
        }
        assert!(machine.kernel.events().pgsteal_file > 0 && machine.kernel.events().pswpout > 0);
        machine.shut_down();
    }
}
