//! One program on three engines: the golden model with TLBs and time, the golden model's bare walk, and the test MMU.
//! Whatever translates, the kernel must come to the same frames, tables, faults and fences.

use crate::machine::{NONE, R, RW, anonymous};
use crate::mmu::ForgetsNothing;
use pagewalk_arch::{
    Access, AccessKind, Batch, Context, CpuId, MmuConfig, MmuStats, OnFault, Outcome, PagingFormat, PhysAddr,
    Platform, Progress, PteWrite, SplitMix64, TlbFlush, Uniprocessor, VirtAddr,
};
use pagewalk_golden::Golden;
use pagewalk_kernel::{AdMode, FaultResolution, Kernel, KernelConfig, KernelStats};
use pagewalk_trace::{CloneKind, Event, MapRequest, Syscall, SyscallOutcome};

/// What the kernel did to an engine, in order.
#[derive(Debug, PartialEq)]
enum Deed {
    Context(Context),
    Fence(TlbFlush),
    Store(PhysAddr, u64),
}

/// A machine that writes down what is done to it.
struct Witness {
    machine: Box<dyn Platform>,
    deeds: Vec<Deed>,
}

impl Platform for Witness {
    fn cpus(&self) -> usize {
        self.machine.cpus()
    }
    fn read_pte(&self, addr: PhysAddr) -> u64 {
        self.machine.read_pte(addr)
    }
    fn write_pte(&mut self, addr: PhysAddr, value: u64) {
        self.deeds.push(Deed::Store(addr, value));
        self.machine.write_pte(addr, value);
    }
    fn set_context(&mut self, cpu: CpuId, context: &Context) {
        self.deeds.push(Deed::Context(*context));
        self.machine.set_context(cpu, context);
    }
    fn fence(&mut self, cpu: CpuId, flush: &TlbFlush) {
        self.deeds.push(Deed::Fence(*flush));
        self.machine.fence(cpu, flush);
    }
    fn run(&mut self, cpu: CpuId, batch: &Batch<'_>, outcomes: Option<&mut Vec<Outcome>>) -> Progress {
        self.machine.run(cpu, batch, outcomes)
    }
    fn stats(&self, cpu: CpuId) -> MmuStats {
        self.machine.stats(cpu)
    }
    fn take_pte_writes(&mut self, cpu: CpuId, log: &mut Vec<PteWrite>) {
        self.machine.take_pte_writes(cpu, log);
    }
    fn difference(&self) -> Option<&str> {
        self.machine.difference()
    }
}

#[derive(Debug, PartialEq)]
struct Run {
    answers: Vec<Result<PhysAddr, FaultResolution>>,
    deeds: Vec<Deed>,
    writes: Vec<PteWrite>,
    stats: KernelStats,
}

/// The same pseudo-random program for every engine: three processes in one arena of 64 pages.
fn program(machine: Box<dyn Platform>, mmu: &MmuConfig, config: KernelConfig) -> Run {
    let mut kernel = Kernel::new(config, mmu).expect("the configuration works");
    let mut mmu = Witness { machine, deeds: Vec::new() };
    kernel.boot(&mut mmu);
    let mut rng = SplitMix64(7);
    let mut answers = Vec::new();
    let call = |kernel: &mut Kernel, mmu: &mut Witness, call| {
        let pid = kernel.running(CpuId::BOOT).unwrap_or(1);
        let event = Event::Syscall { pid, call, outcome: SyscallOutcome::Success, line: 0 };
        kernel.on_event(mmu, CpuId::BOOT, &event).expect("a legal call");
    };
    for step in 0..3_000 {
        let va = 0x3ffe_0000 + u64::from(rng.below(64)) * 0x1000;
        let (at, bytes) = (VirtAddr(va), u64::from(1 + rng.below(8)) * 0x1000);
        let protection = [R, RW, RW, NONE][rng.below(4) as usize];
        match rng.below(60) {
            0 | 1 => {
                let request = MapRequest { shared: step % 5 == 0, ..anonymous(va, bytes, RW) };
                call(&mut kernel, &mut mmu, Syscall::Map(request));
            }
            2 => call(&mut kernel, &mut mmu, Syscall::Protect { at, bytes, protection }),
            3 => call(&mut kernel, &mut mmu, Syscall::Advise { at, bytes, advice: 4 }),
            4 => call(&mut kernel, &mut mmu, Syscall::Advise { at, bytes, advice: 8 }),
            5 => call(&mut kernel, &mut mmu, Syscall::Clone { child: step, kind: CloneKind::Process }),
            6..10 => {
                let pids: Vec<u32> = kernel.processes().map(|(pid, _)| pid).collect();
                let pid = if pids.is_empty() { step } else { pids[rng.below(pids.len() as u32) as usize] };
                kernel.on_event(&mut mmu, CpuId::BOOT, &Event::Switch { pid, line: 0 }).expect("a switch");
            }
            _ => {
                let kind = [AccessKind::Load, AccessKind::Store, AccessKind::Store][rng.below(3) as usize];
                answers.push(present(&mut kernel, &mut mmu, &Access::user(va, kind)));
            }
        }
    }
    let stats = kernel.stats();
    kernel.shutdown(&mut mmu);
    assert_eq!(kernel.memory().frames_in_use(), 0);
    let mut writes = Vec::new();
    mmu.take_pte_writes(CpuId::BOOT, &mut writes);
    Run { answers, deeds: mmu.deeds, writes, stats }
}

fn present(kernel: &mut Kernel, mmu: &mut Witness, access: &Access) -> Result<PhysAddr, FaultResolution> {
    for _ in 0..8 {
        let mut outcomes = Vec::new();
        let batch = Batch { accesses: std::slice::from_ref(access), end: true, on_fault: OnFault::Stop };
        mmu.run(CpuId::BOOT, &batch, Some(&mut outcomes));
        let outcome = outcomes.pop().expect("one access, one outcome");
        if outcome.is_ok() {
            return Ok(outcome.pa);
        }
        match kernel.on_fault(mmu, CpuId::BOOT, access, &outcome) {
            FaultResolution::Retry => {}
            end => return Err(end),
        }
    }
    panic!("{access:?} faults for ever");
}

#[test]
fn every_engine_leads_the_kernel_to_the_same_state() {
    for format in PagingFormat::ALL {
        for ad_mode in [AdMode::Hardware, AdMode::Software] {
            let mmu = MmuConfig::of(format);
            let config = KernelConfig { ad_mode, ..KernelConfig::default() };
            if config.frames(&mmu).is_err() {
                continue;
            }
            let limit = 1 << mmu.physical_bits;
            let machine = |golden: Result<Golden, _>| {
                Box::new(Uniprocessor::new(golden.expect("it can be built"), limit))
            };
            let bare = program(machine(Golden::bare(&mmu)), &mmu, config);
            let exact = program(machine(Golden::new(&mmu)), &mmu, config);
            let test = program(Box::new(ForgetsNothing::new(mmu)), &mmu, config);
            assert!(bare.stats.page_faults_minor > 300 && bare.stats.cow > 20, "{format}: {:?}", bare.stats);
            assert_eq!(bare, exact, "{format} {ad_mode:?}: bare walk against TLBs");
            assert_eq!(bare.answers, test.answers, "{format} {ad_mode:?}: golden against the test MMU");
            assert_eq!(bare.deeds, test.deeds, "{format} {ad_mode:?}: golden against the test MMU");
            assert_eq!(bare.writes, test.writes, "{format} {ad_mode:?}: golden against the test MMU");
        }
    }
}
