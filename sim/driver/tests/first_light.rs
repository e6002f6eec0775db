//! The block in rust-hdl's simulation, against numbers worked out by hand from hdl/CONTRACT.md.

use pagewalk_arch::{
    Access, AccessKind, Asid, Batch, Context, FaultKind, IssueOrder, MemoryTiming, Mmu, MmuConfig, Mode,
    OnFault, Outcome, PagingFormat, PhysAddr, Served, TlbFlush, Uniprocessor, VirtAddr,
};
use pagewalk_driver::RustHdl;

fn run(machine: &mut Uniprocessor<RustHdl>, accesses: &[Access]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let batch = Batch { accesses, end: true, on_fault: OnFault::Continue };
    machine.run(&batch, Some(&mut outcomes));
    assert_eq!(machine.mmu.difference(), None);
    outcomes
}

/// Sv39: 0x1000 → frame 0x80 through three tables at 0x1000, 0x2000, 0x3000; user, R W, A and D clear.
fn sv39() -> Uniprocessor<RustHdl> {
    let mut config = MmuConfig::of(PagingFormat::Sv39);
    config.timing.memory = MemoryTiming::Fixed { latency: 4 };
    let mut machine = Uniprocessor::new(RustHdl::simulation(&config).unwrap(), 1 << 40);
    machine.write_pte(PhysAddr(0x1000), (0x2 << 10) | 1);
    machine.write_pte(PhysAddr(0x2000), (0x3 << 10) | 1);
    machine.write_pte(PhysAddr(0x3008), (0x80 << 10) | 0x17);
    let mode = Mode { adue: true, ..Mode::default() };
    machine.set_context(&Context { root: PhysAddr(0x1000), asid: Asid(1), mode });
    machine
}

/// Contract: F-14, T-2, T-13, T-16, D-15.
#[test]
fn a_walk_with_a_swap_then_hits() {
    let mut machine = sv39();
    let accesses =
        [AccessKind::Store, AccessKind::Load, AccessKind::Load].map(|kind| Access::user(0x1238, kind));
    let outcomes = run(&mut machine, &accesses);
    // Reset sweeps 16 rows. Accepted in 16, waits in 17 = x; three reads and a swap at latency 4:
    // 17 + 3 + 4 x (1 + 4) + 1 = 41.
    assert_eq!(outcomes[0].cycle, 41);
    assert_eq!(outcomes[0].latency, 25);
    assert_eq!(outcomes[0].pa, PhysAddr(0x80238));
    assert_eq!((outcomes[0].pte_reads, outcomes[0].pte_writes), (3, 1));
    assert_eq!(outcomes[0].served, Served::Walk);
    assert_eq!(machine.read_pte(PhysAddr(0x3008)), (0x80 << 10) | 0xd7);
    assert_eq!((outcomes[1].cycle, outcomes[1].latency, outcomes[1].served), (42, 1, Served::L1));
    assert_eq!((outcomes[2].cycle, outcomes[2].pa), (43, PhysAddr(0x80238)));
}

/// Contract: W-3, W-11, P-7, F-4, F-5.
#[test]
fn faults_and_fences() {
    let mut machine = sv39();
    let fetch = run(&mut machine, &[Access::user(0x1000, AccessKind::Fetch)]);
    assert_eq!((fetch[0].fault, fetch[0].code, fetch[0].pa), (FaultKind::Page, 12, PhysAddr(0)));
    let wild = run(&mut machine, &[Access::user(1 << 40, AccessKind::Load)]);
    assert_eq!((wild[0].fault, wild[0].code, wild[0].pte_reads), (FaultKind::Page, 13, 0));
    assert_eq!(wild[0].latency, 4);
    run(&mut machine, &[Access::user(0x1000, AccessKind::Load)]);
    let before = machine.mmu.stats().cycles;
    machine.fence(&TlbFlush::sfence_vma(Some(VirtAddr(0x1000)), None));
    assert_eq!(machine.mmu.stats().cycles, before + 2);
    assert_eq!(run(&mut machine, &[Access::user(0x1000, AccessKind::Load)])[0].served, Served::Walk);
    let before = machine.mmu.stats().cycles;
    machine.fence(&TlbFlush::ALL);
    assert_eq!(machine.mmu.stats().cycles, before + 17);
    assert_eq!(run(&mut machine, &[Access::user(0x1000, AccessKind::Load)])[0].served, Served::Walk);
}

/// Contract: D-13.
#[test]
#[should_panic(expected = "D-13")]
fn a_core_that_runs_ahead_of_faults_does_not_stop_at_them() {
    let mut config = MmuConfig::of(PagingFormat::Sv39);
    config.timing.issue = IssueOrder::Overlapped;
    let mut machine = Uniprocessor::new(RustHdl::simulation(&config).unwrap(), 1 << 40);
    let accesses = [Access::user(0, AccessKind::Load)];
    machine.run(&Batch { accesses: &accesses, end: true, on_fault: OnFault::Stop }, None);
}
