//! A kernel with its MMU, driven as a program would drive it, with the kernel's identities checked on request.

use crate::mmu::ForgetsNothing;
use pagewalk_arch::{Access, AccessKind, CpuId, MmuConfig, Outcome, PagingFormat, PhysAddr, VirtAddr};
use pagewalk_kernel::{
    EventError, FaultResolution, FrameUse, Kernel, KernelConfig, SegvCode, Signal, VmaPolicy,
};
use pagewalk_trace::{CloneKind, Event, MapRequest, Protection, RemapFlags, Syscall, SyscallOutcome};

pub const R: Protection = Protection { read: true, write: false, execute: false };
pub const RW: Protection = Protection { read: true, write: true, execute: false };
pub const RX: Protection = Protection { read: true, write: false, execute: true };
pub const NONE: Protection = Protection { read: false, write: false, execute: false };

/// mremap(2) as most programs call it.
pub const MOVES: RemapFlags = RemapFlags { may_move: true, fixed: false, dont_unmap: false };

#[derive(Clone)]
pub struct Machine {
    pub kernel: Kernel,
    pub mmu: ForgetsNothing,
}

/// A private anonymous mmap.
pub fn anonymous(at: u64, bytes: u64, protection: Protection) -> MapRequest {
    MapRequest { at: VirtAddr(at), bytes, protection, ..MapRequest::default() }
}

impl Machine {
    pub fn with(config: KernelConfig, mmu: MmuConfig) -> Self {
        Self::of_cpus(config, mmu, 1)
    }
    pub fn of_cpus(config: KernelConfig, mmu: MmuConfig, cpus: usize) -> Self {
        let mut kernel = Kernel::new(config, &mmu).expect("the configuration works");
        let mut mmu = ForgetsNothing::of_cpus(mmu, cpus);
        kernel.boot(&mut mmu);
        Self { kernel, mmu }
    }
    pub fn strict(format: PagingFormat) -> Self {
        let config = KernelConfig { vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
        Self::with(config, MmuConfig::of(format))
    }
    pub fn inferring(format: PagingFormat) -> Self {
        Self::with(KernelConfig::default(), MmuConfig::of(format))
    }

    /// What follows happens on `cpu`.
    pub fn on(&mut self, cpu: CpuId) -> &mut Self {
        self.mmu.on = cpu;
        self
    }
    pub fn running(&self) -> Option<u32> {
        self.kernel.running(self.mmu.on)
    }
    pub fn event(&mut self, event: &Event) -> Result<(), EventError> {
        let cpu = self.mmu.on;
        self.kernel.on_event(&mut self.mmu, cpu, event)
    }
    pub fn fault(&mut self, access: &Access, outcome: &Outcome) -> FaultResolution {
        let cpu = self.mmu.on;
        self.kernel.on_fault(&mut self.mmu, cpu, access, outcome)
    }

    /// The access as a core makes it: retried until translated or fatal.
    pub fn access(&mut self, va: u64, kind: AccessKind) -> Result<PhysAddr, FaultResolution> {
        self.present(&Access::user(va, kind))
    }
    pub fn present(&mut self, access: &Access) -> Result<PhysAddr, FaultResolution> {
        for _ in 0..8 {
            let outcome: Outcome = self.mmu.access(access);
            if outcome.is_ok() {
                self.kernel.tick(1);
                return Ok(outcome.pa);
            }
            match self.fault(access, &outcome) {
                FaultResolution::Retry => {}
                end => return Err(end),
            }
        }
        panic!("{access:?} faults for ever");
    }
    pub fn load(&mut self, va: u64) -> PhysAddr {
        self.access(va, AccessKind::Load).expect("a legal load")
    }
    pub fn store(&mut self, va: u64) -> PhysAddr {
        self.access(va, AccessKind::Store).expect("a legal store")
    }
    /// The signal that an illegal access ends in.
    pub fn killed(&mut self, va: u64, kind: AccessKind) -> Signal {
        match self.access(va, kind) {
            Err(FaultResolution::Killed(death)) => death.signal,
            other => panic!("{va:#x} was to be fatal, not {other:?}"),
        }
    }

    pub fn try_call(&mut self, pid: u32, call: Syscall) -> Result<(), EventError> {
        let event = Event::Syscall { pid, call, outcome: SyscallOutcome::Success, line: 7 };
        self.event(&event)
    }
    pub fn call(&mut self, pid: u32, call: Syscall) {
        self.try_call(pid, call).expect("a legal call");
    }
    pub fn map(&mut self, at: u64, bytes: u64, protection: Protection) {
        let pid = self.running().unwrap();
        self.call(pid, Syscall::Map(anonymous(at, bytes, protection)));
    }
    pub fn unmap(&mut self, at: u64, bytes: u64) {
        let pid = self.running().unwrap();
        self.call(pid, Syscall::Unmap { at: VirtAddr(at), bytes });
    }
    pub fn protect(&mut self, at: u64, bytes: u64, protection: Protection) {
        let pid = self.running().unwrap();
        self.call(pid, Syscall::Protect { at: VirtAddr(at), bytes, protection });
    }
    pub fn fork(&mut self, parent: u32, child: u32) {
        self.call(parent, Syscall::Clone { child, kind: CloneKind::Process });
    }
    pub fn switch(&mut self, pid: u32) {
        self.event(&Event::Switch { pid, line: 1 }).expect("a switch");
    }
    pub fn exit(&mut self, pid: u32) {
        self.call(pid, Syscall::Exit { status: 0 });
    }
    pub fn maps(&self) -> String {
        self.kernel.maps(self.running().unwrap()).unwrap().to_string()
    }

    /// Ends everything; nothing may be left.
    pub fn shut_down(mut self) {
        self.check();
        self.kernel.shutdown(&mut self.mmu);
        self.kernel.check(&self.mmu).expect("every invariant holds");
        let memory = self.kernel.memory();
        assert_eq!(memory.frames_in_use(), 0, "frames leak");
        assert_eq!(memory.frames_free(), memory.frames_total());
        let stats = self.kernel.stats();
        assert_eq!((stats.processes, stats.rss_bytes, stats.vsz_bytes, stats.page_table_bytes), (0, 0, 0, 0));
        for (addr, _) in std::mem::take(&mut self.mmu.stores) {
            assert_eq!(
                pagewalk_arch::Platform::read_pte(&self.mmu, addr),
                0,
                "{addr}: a freed table is not empty"
            );
        }
    }

    /// What must hold at every instant.
    pub fn check(&self) {
        self.kernel.check(&self.mmu).expect("every invariant holds");
        for root in self.mmu.roots() {
            let usage = self.kernel.memory().usage(root);
            assert!(
                matches!(usage, Some(FrameUse::PageTable { .. })),
                "an MMU walks from {root:?}: {usage:?}"
            );
        }
        for (cpu, frame) in self.mmu.reached() {
            let usage = self.kernel.memory().usage(frame);
            assert!(usage.is_some(), "{frame:?} is free, and a TLB of {cpu:?} still reaches it");
        }
        self.mmu.audit();
    }
}

pub fn map_err(address: u64) -> Signal {
    Signal::Segv { code: SegvCode::MapErr, address: VirtAddr(address) }
}
pub fn acc_err(address: u64) -> Signal {
    Signal::Segv { code: SegvCode::AccErr, address: VirtAddr(address) }
}
