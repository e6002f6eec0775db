//! Live calls against what a real Linux 6.1 answered: 256 MiB, one CPU, no randomisation.

use crate::machine::{Machine, NONE, R, RW};
use pagewalk_arch::{PagingFormat, VirtAddr};
use pagewalk_kernel::{
    Errno, KernelConfig, LinuxVersion, MmapArgs, MremapArgs, Resource, Rlimit, VmFlags, VmaPolicy,
};
use pagewalk_trace::{FileId, FileSource, Protection, Syscall};

const K: u64 = 1 << 10;
const M: u64 = 1 << 20;
const G: u64 = 1 << 30;
const T: u64 = 1 << 40;

/// A program as the scenarios' workers are: an image, a heap from 0x4d0000 on, a stack, and the pages that the kernel
/// maps at the top. 103 pages of it are promised.
struct Worker {
    machine: Machine,
    pid: u32,
}

fn worker(memory_kib: u64) -> Worker {
    worker_of(memory_kib, PagingFormat::La48)
}

fn worker_of(memory_kib: u64, format: PagingFormat) -> Worker {
    let config = KernelConfig {
        vma_policy: VmaPolicy::Strict,
        memory_bytes: memory_kib << 10,
        linux: LinuxVersion::V6_1,
        ..KernelConfig::default()
    };
    let mut machine = Machine::with(config, pagewalk_arch::MmuConfig::of(format));
    if format == PagingFormat::La48 {
        machine.map(0x40_0000, 0xc_9000, R);
        machine.map(0x4c_9000, 16 * K, RW);
        machine.map(0x4c_d000, 12 * K, RW);
        machine.protect(0x4c_9000, 16 * K, R);
        let pid = machine.running().expect("a process");
        machine.call(pid, Syscall::Brk { end: VirtAddr(0x4d_0000) });
        machine.call(pid, Syscall::Brk { end: VirtAddr(0x50_f000) });
        machine.map(0x7fff_f7ff_9000, 24 * K, Protection { execute: true, ..R });
        let stack = pagewalk_trace::MapRequest {
            grows_down: true,
            ..crate::machine::anonymous(0x7fff_fffd_e000, 132 * K, RW)
        };
        machine.call(pid, Syscall::Map(stack));
    }
    machine.kernel.set_committed_beside(1500 / 4);
    let pid = machine.running().expect("a process");
    Worker { machine, pid }
}

impl Worker {
    fn mmap(&mut self, args: MmapArgs) -> Result<u64, Errno> {
        let result = self.machine.kernel.sys_mmap(&mut self.machine.mmu, self.pid, &args);
        self.machine.check();
        result.map(|at| at.0)
    }
    fn anonymous(&mut self, bytes: u64) -> Result<u64, Errno> {
        self.mmap(MmapArgs { bytes, protection: RW, ..MmapArgs::default() })
    }
    fn fixed(&mut self, at: u64, bytes: u64) -> Result<u64, Errno> {
        self.mmap(MmapArgs { at: Some(VirtAddr(at)), bytes, protection: RW, ..MmapArgs::default() })
    }
    fn munmap(&mut self, at: u64, bytes: u64) -> Result<(), Errno> {
        self.machine.kernel.sys_munmap(&mut self.machine.mmu, self.pid, VirtAddr(at), bytes)
    }
    fn mprotect(&mut self, at: u64, bytes: u64, protection: Protection) -> Result<(), Errno> {
        let at = VirtAddr(at);
        self.machine.kernel.sys_mprotect(&mut self.machine.mmu, self.pid, at, bytes, protection)
    }
    fn mlock(&mut self, at: u64, bytes: u64) -> Result<(), Errno> {
        self.machine.kernel.sys_mlock(&mut self.machine.mmu, self.pid, VirtAddr(at), bytes, false)
    }
    fn madvise(&mut self, at: u64, bytes: u64, advice: i32) -> Result<(), Errno> {
        self.machine.kernel.sys_madvise(&mut self.machine.mmu, self.pid, VirtAddr(at), bytes, advice)
    }
    fn mremap(&mut self, args: MremapArgs) -> Result<u64, Errno> {
        let result = self.machine.kernel.sys_mremap(&mut self.machine.mmu, self.pid, &args);
        self.machine.check();
        result.map(|at| at.0)
    }
    fn brk(&mut self, end: u64) -> u64 {
        self.machine.kernel.sys_brk(&mut self.machine.mmu, self.pid, VirtAddr(end)).expect("it lives").0
    }
    fn sysctl(&mut self, name: &str, value: &str) {
        self.machine.kernel.sysctl(name, value).expect("a knob");
    }
    fn limit(&mut self, resource: Resource, bytes: u64) {
        let limit = Rlimit { soft: bytes, hard: bytes };
        self.machine.kernel.sys_setrlimit(self.pid, resource, limit).expect("it may");
    }
    fn committed_kib(&mut self) -> u64 {
        self.machine.kernel.committed_pages() * 4
    }
    fn areas(&self) -> usize {
        self.machine.kernel.address_space(self.pid).expect("it lives").vmas().len()
    }
    fn counts(&self) -> pagewalk_kernel::AreaCounts {
        self.machine.kernel.address_space(self.pid).expect("it lives").vmas().counts()
    }
    fn touch(&mut self, at: u64, bytes: u64) {
        for page in 0..bytes / 4096 {
            self.machine.store(at + page * 4096);
        }
    }
    fn faults(&self) -> u64 {
        self.machine.kernel.faults(self.pid).expect("it lives").minor
    }
}

#[test]
fn addresses_are_those_that_linux_chooses() {
    let mut it = worker(223_620);
    assert_eq!(
        it.mmap(MmapArgs { bytes: 16 * K, protection: R, ..MmapArgs::default() }),
        Ok(0x7fff_f7ff_5000)
    );
    assert_eq!(
        it.mmap(MmapArgs { bytes: 16 * K, protection: NONE, ..MmapArgs::default() }),
        Ok(0x7fff_f7ff_1000)
    );
    assert_eq!(it.anonymous(16 * K), Ok(0x7fff_f7fe_d000));
    it.munmap(0x7fff_f7ff_1000, 16 * K).unwrap();
    assert_eq!(it.anonymous(8 * K), Ok(0x7fff_f7ff_3000), "the highest hole that is large enough");
    // Files of a disk are aligned for huge pages, and what comes after fills the holes.
    let mut it = worker(223_620);
    assert_eq!(it.anonymous(32 * M), Ok(0x7fff_f5ff_9000));
    let file = Some(FileSource { file: FileId(3), offset: 0 });
    let shared = MmapArgs { bytes: 8 * M, protection: R, shared: true, file, ..MmapArgs::default() };
    assert_eq!(it.mmap(shared), Ok(0x7fff_f560_0000));
    assert_eq!(it.anonymous(8 * M), Ok(0x7fff_f4e0_0000));
    assert_eq!(it.anonymous(M), Ok(0x7fff_f5ef_9000));
    assert_eq!(it.mmap(MmapArgs { bytes: 16 * K, ..shared }), Ok(0x7fff_f5ef_5000), "small ones are not");
}

#[test]
fn every_format_places_below_its_stack() {
    for (format, at) in [
        (PagingFormat::Sv32, 0xb7ff_f000),
        (PagingFormat::X86Legacy, 0xb7ff_f000),
        (PagingFormat::X86Pae, 0xb7ff_f000),
        (PagingFormat::Sv39, 0x3f_f7ff_f000),
        (PagingFormat::La48, 0x7fff_f7ff_8000),
    ] {
        let mut it = worker_of(64 * K, format);
        assert_eq!(it.anonymous(4 * K), Ok(at), "{format}");
    }
}

#[test]
fn arguments_are_refused_in_the_order_of_linux() {
    let mut it = worker(223_620);
    let at = it.anonymous(64 * K).unwrap();
    let error = |result: Result<u64, Errno>| result.unwrap_err();
    assert_eq!(error(it.anonymous(0)), Errno::Inval);
    assert_eq!(error(it.anonymous(u64::MAX)), Errno::NoMem);
    assert_eq!(error(it.anonymous(200 * T)), Errno::NoMem);
    assert_eq!(error(it.fixed(0x1234_5001, 4 * K)), Errno::Inval);
    assert_eq!(error(it.fixed(0x7fff_ffff_f000, 4 * K)), Errno::NoMem);
    assert_eq!(it.fixed(0, 4 * K), Ok(0), "the user 0 may");
    let file = |offset| Some(FileSource { file: FileId(3), offset });
    let of = |offset| MmapArgs { bytes: 4 * K, file: file(offset), ..MmapArgs::default() };
    assert_eq!(error(it.mmap(of(100))), Errno::Inval);
    assert_eq!(error(it.mmap(of(!0xfff))), Errno::Overflow);
    assert_eq!(error(it.mmap(MmapArgs { grows_down: true, shared: true, ..of(0) })), Errno::Inval);
    assert_eq!(error(it.mmap(MmapArgs { bytes: 2 * M, hugetlb: true, ..MmapArgs::default() })), Errno::NoMem);
    assert_eq!(it.munmap(at + 1, 4 * K), Err(Errno::Inval));
    assert_eq!(it.munmap(at, 0), Err(Errno::Inval));
    assert_eq!(it.munmap(0x6000_0000, 4 * K), Ok(()), "nothing is there");
    assert_eq!(it.mprotect(at + 1, 4 * K, R), Err(Errno::Inval));
    assert_eq!(it.mprotect(at, 0, R), Ok(()));
    assert_eq!(it.mprotect(at, u64::MAX - 4 * K, R), Err(Errno::NoMem));
    assert_eq!(it.mprotect(0x6000_0000, 4 * K, R), Err(Errno::NoMem));
    assert_eq!(it.madvise(at, 4 * K, 99), Err(Errno::Inval));
    assert_eq!(it.madvise(at + 1, 4 * K, 4), Err(Errno::Inval));
    assert_eq!(it.madvise(at, 0, 4), Ok(()));
    assert_eq!(it.mlock(0x6000_0000, 4 * K), Err(Errno::NoMem));
    let sync = it.machine.kernel.sys_msync(it.pid, VirtAddr(at + 1), 4 * K, false);
    assert_eq!(sync.unwrap_err(), Errno::Inval);
    let sync = it.machine.kernel.sys_msync(it.pid, VirtAddr(0x6000_0000), 4 * K, false).unwrap();
    assert_eq!((sync.files.len(), sync.result), (0, Err(Errno::NoMem)));
    it.machine.kernel.sys_setuid(it.pid, 1000).unwrap();
    assert_eq!(error(it.fixed(0x1000, 4 * K)), Errno::Perm);
}

#[test]
fn a_shared_mapping_of_a_file_opened_for_reading_is_never_writable() {
    let mut it = worker(223_620);
    let file = Some(FileSource { file: FileId(3), offset: 0 });
    let args = MmapArgs { bytes: 8 * K, protection: R, shared: true, file, ..MmapArgs::default() };
    let at = it.mmap(args).unwrap();
    assert_eq!(it.mprotect(at, 8 * K, RW), Err(Errno::Acces));
    let sync = it.machine.kernel.sys_msync(it.pid, VirtAddr(at), 8 * K, false).unwrap();
    assert_eq!(sync.files, []);
    let at = it.mmap(MmapArgs { protection: RW, ..args }).unwrap();
    assert_eq!(it.mprotect(at, 8 * K, R), Ok(()));
    assert_eq!(it.mprotect(at, 8 * K, RW), Ok(()));
    let sync = it.machine.kernel.sys_msync(it.pid, VirtAddr(at), 8 * K, false).unwrap();
    assert_eq!(sync.files, [(FileId(3), 0..2)]);
}

#[test]
fn overcommit_refuses_what_linux_refuses() {
    // 256 MiB of which 223608 KiB are managed; the swap of the scenario is not there, so the bounds are lower.
    let mut it = worker(223_608);
    assert_eq!(it.committed_kib(), 1912);
    assert_eq!(it.machine.kernel.commit_limit_pages() * 4, 111_804);
    let a = it.anonymous(200 * M).unwrap();
    assert_eq!(it.anonymous(400 * M), Err(Errno::NoMem));
    assert_eq!(it.anonymous(G), Err(Errno::NoMem));
    let noreserve = MmapArgs { bytes: G, protection: RW, noreserve: true, ..MmapArgs::default() };
    it.mmap(noreserve).unwrap();
    let readable = it.mmap(MmapArgs { bytes: G, protection: R, ..MmapArgs::default() }).unwrap();
    assert_eq!(it.committed_kib(), 1912 + 200 * K);
    assert_eq!(it.mprotect(readable, G, RW), Err(Errno::NoMem));
    assert_eq!(it.mprotect(readable, M, RW), Ok(()));
    assert_eq!(it.mprotect(readable, M, R), Ok(()));
    assert_eq!(it.committed_kib(), 1912 + 201 * K, "once promised, it stays so");
    it.munmap(a, 200 * M).unwrap();
    it.munmap(readable, G).unwrap();
    it.sysctl("vm.overcommit_memory", "1");
    let f = it.anonymous(64 * G).unwrap();
    let g = it.anonymous(100 * T).unwrap();
    assert_eq!(it.anonymous(200 * T), Err(Errno::NoMem));
    assert_eq!(it.committed_kib(), 1912 + 64 * M + 100 * G);
    it.munmap(f, 64 * G).unwrap();
    it.munmap(g, 100 * T).unwrap();
    it.sysctl("vm.overcommit_memory", "2");
    it.sysctl("vm.user_reserve_kbytes", "6517");
    let i = it.anonymous(50 * M).unwrap();
    assert_eq!(it.anonymous(60 * M), Err(Errno::NoMem));
    it.anonymous(30 * M).unwrap();
    // 83832 KiB of 111804 are promised; 6517 are the user's.
    let of = |args: MmapArgs| MmapArgs { bytes: 24 * M, ..args };
    let file = Some(FileSource { file: FileId(3), offset: 0 });
    assert_eq!(it.mmap(of(noreserve)), Err(Errno::NoMem), "it is ignored");
    assert!(it.mmap(of(MmapArgs { protection: R, ..MmapArgs::default() })).is_ok());
    let shared = MmapArgs { protection: R, shared: true, ..MmapArgs::default() };
    assert_eq!(it.mmap(of(shared)), Err(Errno::NoMem));
    assert_eq!(it.mmap(of(MmapArgs { protection: RW, file, ..MmapArgs::default() })), Err(Errno::NoMem));
    assert!(it.mmap(of(MmapArgs { protection: RW, file, shared: true, ..MmapArgs::default() })).is_ok());
    assert_eq!(it.committed_kib(), 1912 + 80 * K);
    // fork promises all of it once more.
    let (kernel, mmu) = (&mut it.machine.kernel, &mut it.machine.mmu);
    assert_eq!(kernel.sys_fork(mmu, it.pid, 80), Err(Errno::NoMem));
    it.munmap(i, 50 * M).unwrap();
    let (kernel, mmu) = (&mut it.machine.kernel, &mut it.machine.mmu);
    assert_eq!(kernel.sys_fork(mmu, it.pid, 80), Ok(()));
    assert_eq!(it.committed_kib(), 1912 + 412 + 60 * K);
    it.sysctl("vm.overcommit_ratio", "100");
    assert!(it.anonymous(100 * M).is_ok());
    it.machine.check();
}

#[test]
fn shared_memory_is_promised_until_its_last_mapping_goes() {
    let mut it = worker(223_620);
    let shared = MmapArgs { bytes: 16 * M, protection: RW, shared: true, ..MmapArgs::default() };
    let at = it.mmap(shared).unwrap();
    assert_eq!(it.committed_kib(), 1912 + 16 * K);
    let (kernel, mmu) = (&mut it.machine.kernel, &mut it.machine.mmu);
    kernel.sys_fork(mmu, it.pid, 80).unwrap();
    assert_eq!(it.committed_kib(), 1912 + 412 + 16 * K, "not once more");
    let noreserve = it.mmap(MmapArgs { noreserve: true, ..shared }).unwrap();
    assert_eq!(it.committed_kib(), 1912 + 412 + 16 * K);
    it.touch(noreserve, 64 * K);
    assert_eq!(it.committed_kib(), 1912 + 412 + 16 * K + 64, "page by page");
    it.munmap(noreserve, 16 * M).unwrap();
    it.munmap(at, 16 * M).unwrap();
    assert_eq!(it.committed_kib(), 1912 + 412 + 16 * K);
    let (kernel, mmu) = (&mut it.machine.kernel, &mut it.machine.mmu);
    kernel.sys_exit(mmu, 80).unwrap();
    assert_eq!(it.committed_kib(), 1912);
}

/// Scenario 33.
#[test]
fn the_limit_of_areas_is_met_exactly() {
    let mut it = worker(223_620);
    // The image of the scenario has four areas more.
    assert_eq!(it.areas(), 5);
    it.sysctl("vm.max_map_count", "3996");
    let r = it.anonymous(32 * M).unwrap();
    for n in 0..1000 {
        it.mprotect(r + n * 8 * K, 4 * K, R).unwrap();
    }
    assert_eq!(it.areas(), 2005);
    let done = (0..3000).find(|n| it.mprotect(r + 8000 * K + n * 8 * K, 4 * K, R).is_err());
    assert_eq!((done, it.areas()), (Some(995), 3996));
    // At the limit, what merges still succeeds, and what would cut one area in two does not.
    assert_eq!(it.madvise(r + 31 * M, 4 * K, 10), Err(Errno::Again));
    assert_eq!(it.mlock(r + 31 * M, 4 * K), Err(Errno::NoMem));
    assert_eq!(it.munmap(r + 31 * M, 4 * K), Err(Errno::NoMem));
    assert_eq!(it.mprotect(r, 4 * K, RW), Ok(()));
    assert_eq!(it.areas(), 3995);
    it.munmap(r, 32 * M).unwrap();
    assert_eq!(it.areas(), 5);
    it.machine.check();
}

/// Scenario 11.
#[test]
fn the_heap_grows_to_its_limit() {
    let mut it = worker(223_620);
    let start = it.brk(0);
    assert_eq!(start, 0x50_f000);
    assert_eq!(it.brk(start + M), start + M);
    assert_eq!((it.counts().data * 4, it.committed_kib()), (264 + K, 2936));
    assert_eq!(it.brk(start + 4 * M), start + 4 * M);
    assert_eq!(it.brk(start + 2 * M), start + 2 * M);
    assert_eq!(it.brk(start + 2 * M + 200), start + 2 * M + 200);
    assert_eq!((it.counts().data * 4, it.committed_kib()), (2316, 3964));
    assert_eq!(it.brk(0x4c_0000), start + 2 * M + 200, "below its start it does not go");
    it.limit(Resource::Data, 8 * M);
    assert_eq!(it.brk(start + 64 * M), start + 2 * M + 200);
    assert_eq!(it.anonymous(16 * M), Err(Errno::NoMem));
    assert!(it.mmap(MmapArgs { bytes: 16 * M, protection: R, ..MmapArgs::default() }).is_ok());
    // What is in the way stops it, a page before.
    let end = start + 3 * M;
    it.fixed(end, 4 * K).unwrap();
    assert_eq!(it.brk(end), start + 2 * M + 200);
    assert_eq!(it.brk(end - 4 * K), end - 4 * K);
    it.machine.check();
}

/// Scenario 12.
#[test]
fn locks_fill_and_are_limited() {
    let mut it = worker(223_620);
    let before = it.faults();
    let r = it.mmap(MmapArgs { bytes: 40 * M, protection: RW, populate: true, ..MmapArgs::default() });
    assert_eq!((r, it.faults() - before), (Ok(0x7fff_f57f_9000), 10_240));
    it.munmap(r.unwrap(), 40 * M).unwrap();
    let status = it.machine.kernel.status(it.pid).unwrap();
    // Ten faults after the last 66 were folded in: Linux 6.1 lags behind as well, by as much as 63 pages.
    assert_eq!((status.vm_hwm, status.rss), (40 * K - 40, [0; 3]), "the most that there was");
    assert_eq!((status.vm_peak, status.vm_size), (status.vm_size + 40 * K, status.vm_size));
    let l = it.anonymous(16 * M).unwrap();
    it.touch(l, 4 * M);
    let before = it.faults();
    assert_eq!(it.mlock(l, 16 * M), Ok(()));
    assert_eq!((it.faults() - before, it.counts().locked), (3072, 4096));
    it.machine.kernel.sys_munlock(&mut it.machine.mmu, it.pid, VirtAddr(l + 4 * M), 4 * M).unwrap();
    assert_eq!(it.counts().locked, 3072);
    it.limit(Resource::MemLock, 64 * K);
    it.machine.kernel.sys_setuid(it.pid, 1000).unwrap();
    let x = it.anonymous(M).unwrap();
    assert_eq!(it.mlock(x, M), Err(Errno::NoMem));
    assert_eq!(it.mlock(x, 32 * K), Err(Errno::NoMem), "what is locked already counts");
    let locked = MmapArgs { bytes: M, protection: RW, locked: true, ..MmapArgs::default() };
    assert_eq!(it.mmap(locked), Err(Errno::Again));
    it.machine.kernel.sys_munlock(&mut it.machine.mmu, it.pid, VirtAddr(l), 16 * M).unwrap();
    assert_eq!(it.mlock(x, 32 * K), Ok(()));
    assert_eq!(it.mlock(x, 64 * K), Ok(()), "half of it is locked already");
    assert_eq!(it.mlock(x, 68 * K), Err(Errno::NoMem));
    it.limit(Resource::MemLock, 0);
    assert_eq!(it.mlock(x, 4 * K), Err(Errno::Perm));
    assert_eq!(it.mmap(locked), Err(Errno::Perm));
}

#[test]
fn an_address_space_stays_below_its_limit() {
    let mut it = worker(223_620);
    it.limit(Resource::AddressSpace, 10 * M);
    assert_eq!(it.anonymous(16 * M), Err(Errno::NoMem));
    let at = it.anonymous(4 * M).unwrap();
    assert_eq!(it.fixed(at, 6 * M), Ok(at), "what it replaces does not count");
    let grows = MremapArgs {
        from: VirtAddr(at),
        from_bytes: 6 * M,
        to_bytes: 20 * M,
        may_move: true,
        ..MremapArgs::default()
    };
    assert_eq!(it.mremap(grows), Err(Errno::NoMem));
}

#[test]
fn mremap_grows_moves_and_refuses() {
    let mut it = worker(223_620);
    let a = it.anonymous(64 * K).unwrap();
    it.touch(a, 64 * K);
    let args = |from, from_bytes, to_bytes| MremapArgs {
        from: VirtAddr(from),
        from_bytes,
        to_bytes,
        ..MremapArgs::default()
    };
    // Just below the vDSO nothing can grow in place.
    assert_eq!(it.mremap(args(a, 64 * K, 128 * K)), Err(Errno::NoMem));
    let moved = it.mremap(MremapArgs { may_move: true, ..args(a, 64 * K, 128 * K) }).unwrap();
    assert_eq!(moved, a - 128 * K, "a place is looked for while the old one is taken");
    assert_eq!(it.mremap(args(moved, 128 * K, 192 * K)), Ok(moved), "now there is room above");
    assert_eq!(it.mremap(args(moved, 192 * K, 4 * K)), Ok(moved));
    assert_eq!(it.counts().data * 4, 264 + 4);
    assert_eq!(it.mremap(args(moved + 1, 4 * K, 8 * K)), Err(Errno::Inval));
    assert_eq!(it.mremap(args(moved, 4 * K, 0)), Err(Errno::Inval));
    assert_eq!(it.mremap(args(0x6000_0000, 4 * K, 8 * K)), Err(Errno::Fault));
    assert_eq!(it.mremap(args(moved, 8 * K, 16 * K)), Err(Errno::Fault));
    let to = |at| MremapArgs { may_move: true, to: Some(VirtAddr(at)), ..args(moved, 4 * K, 8 * K) };
    assert_eq!(it.mremap(MremapArgs { may_move: false, ..to(0x6000_0000) }), Err(Errno::Inval));
    assert_eq!(it.mremap(to(0x6000_0001)), Err(Errno::Inval));
    assert_eq!(it.mremap(to(moved)), Err(Errno::Inval), "it overlaps");
    assert_eq!(it.mremap(to(0x6000_0000)), Ok(0x6000_0000));
    let stays = MremapArgs { may_move: true, dont_unmap: true, ..args(0x6000_0000, 8 * K, 8 * K) };
    let there = it.mremap(stays).unwrap();
    assert_eq!(it.counts().data * 4, 264 + 16);
    assert_eq!(it.committed_kib(), 1912 + 16);
    assert_ne!(there, 0x6000_0000);
    assert_eq!(it.mremap(MremapArgs { to_bytes: 16 * K, ..stays }), Err(Errno::Inval));
    it.machine.check();
}

#[test]
fn an_exec_keeps_who_it_is_and_a_large_stack_makes_room() {
    let mut it = worker(223_620);
    it.limit(Resource::Stack, G);
    let at = it.anonymous(4 * K).unwrap();
    assert_eq!(at, 0x7fff_f7ff_8000, "the layout is that of the start");
    let (kernel, mmu) = (&mut it.machine.kernel, &mut it.machine.mmu);
    kernel.set_oom_score_adj(it.pid, 300).unwrap();
    kernel.sys_exec(mmu, it.pid).unwrap();
    assert_eq!(kernel.credentials(it.pid).unwrap().oom_score_adj, 300);
    assert_eq!(it.anonymous(4 * K), Ok(0x7fff_ffff_f000 - G - M - 4 * K));
    it.sysctl("vm.legacy_va_layout", "1");
    let (kernel, mmu) = (&mut it.machine.kernel, &mut it.machine.mmu);
    kernel.sys_exec(mmu, it.pid).unwrap();
    assert_eq!(it.anonymous(4 * K), Ok(0x2aaa_aaaa_b000));
    assert_eq!(it.machine.kernel.oom_score(it.pid), 863, "300 × (55905 / 1000) of 55905 pages");
}

#[test]
fn a_stack_is_promised_as_it_grows_and_stays_in_its_limits() {
    let mut it = worker(223_620);
    let flags = |it: &Worker| {
        it.machine
            .kernel
            .address_space(it.pid)
            .unwrap()
            .vmas()
            .find(pagewalk_kernel::Vpn::of(VirtAddr(0x7fff_ffff_e000)))
            .unwrap()
            .attributes
            .flags
    };
    assert!(flags(&it).contains(VmFlags::GROWSDOWN));
    let at = it.anonymous(4 * K).unwrap();
    it.machine.store(0x7fff_ffff_e000 - M);
    assert_eq!(it.counts().stack * 4, K + 4);
    assert_eq!(it.committed_kib(), 1912 + 4 + K + 4 - 132);
    it.limit(Resource::Stack, 2 * M);
    it.munmap(at, 4 * K).unwrap();
    it.machine.killed(0x7fff_ffff_e000 - 3 * M, pagewalk_arch::AccessKind::Store);
}

/// What Linux 6.1 answered to these, one after the other.
#[test]
fn odd_requests_end_as_in_linux() {
    let mut it = worker(223_620);
    assert_eq!(it.anonymous(64 * K), Ok(0x7fff_f7fe_9000));
    it.munmap(0x7fff_f7fe_9000, 64 * K).unwrap();
    let growing = MmapArgs { bytes: 64 * K, protection: RW, grows_down: true, ..MmapArgs::default() };
    assert_eq!(it.mmap(growing), Ok(0x7fff_f7fe_9000));
    assert_eq!(it.anonymous(16 * K), Ok(0x7fff_f7ee_5000), "256 pages stay free below what grows down");
    assert_eq!(it.counts().stack * 4, 132 + 64);
    let none = it.mmap(MmapArgs { bytes: M, protection: NONE, ..MmapArgs::default() }).unwrap();
    assert_eq!(it.mlock(none, M), Err(Errno::NoMem));
    let hole = it.anonymous(64 * K).unwrap();
    it.munmap(hole + 16 * K, 16 * K).unwrap();
    assert_eq!(it.mlock(hole, 64 * K), Err(Errno::NoMem));
    assert_eq!(it.counts().locked * 4, K + 16, "what lies before the obstacle is locked");
    assert_eq!(it.madvise(hole, 64 * K, 4), Err(Errno::Inval), "the first part is locked");
    assert_eq!(it.mprotect(hole, 64 * K, R), Err(Errno::NoMem));
    it.limit(Resource::Data, M);
    assert_eq!(it.anonymous(4 * M), Err(Errno::NoMem));
    let big = it.mmap(MmapArgs { bytes: 4 * M, protection: R, ..MmapArgs::default() }).unwrap();
    assert_eq!(it.mprotect(big, 4 * M, RW), Err(Errno::NoMem));
    assert_eq!(it.brk(0x50_f000 + 4 * M), 0x50_f000);
    let (kernel, pid) = (&mut it.machine.kernel, it.pid);
    kernel.sys_setuid(pid, 1000).unwrap();
    for adj in [-5, 400] {
        assert_eq!(kernel.set_oom_score_adj(pid, adj), Err(Errno::Acces), "the file is no longer its own");
    }
    assert_eq!(kernel.sys_setuid(pid, 0), Err(Errno::Perm));
}
