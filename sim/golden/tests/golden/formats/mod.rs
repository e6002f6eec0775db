//! Every rule of the page-table formats by hand: entries as literal bits, addresses and codes as the manuals give them.

use pagewalk_arch::{
    Access, AccessKind, Batch, Context, FaultKind, Mmu, MmuConfig, Mode, OnFault, Outcome, PageSize,
    PagingFormat, PhysAddr, PteWrite, Uniprocessor,
};
use pagewalk_golden::Golden;
use pagewalk_golden::walk::{Explanation, Meaning, PageTables, Refusal, Transaction};

use AccessKind::{Fetch, Load, Store};
use PagingFormat::{La48, La57, Sv32, Sv39, Sv48, Sv57, X86Legacy, X86Pae};

mod riscv;
mod x86;

const PAGE: FaultKind = FaultKind::Page;
const ROOT: u64 = 0x1000;

/// A bare model with some entries in memory.
struct Scene {
    golden: Uniprocessor<Golden>,
    mode: Mode,
}

impl Scene {
    fn new(format: PagingFormat, entries: &[(u64, u64)]) -> Self {
        Self::with(MmuConfig::of(format), entries)
    }
    fn with(config: MmuConfig, entries: &[(u64, u64)]) -> Self {
        let mut golden = Uniprocessor::new(Golden::bare(&config).unwrap(), 1 << 40);
        for &(address, value) in entries {
            golden.write_pte(PhysAddr(address), value);
        }
        Self { golden, mode: Mode::default() }
    }
    fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }
    fn run(&mut self, access: Access) -> (Outcome, Vec<PteWrite>) {
        let context = Context { root: PhysAddr(ROOT), mode: self.mode, ..Context::default() };
        self.golden.set_context(&context);
        let mut outcomes = Vec::new();
        let batch = Batch { accesses: &[access], end: true, on_fault: OnFault::Continue };
        self.golden.run(&batch, Some(&mut outcomes));
        let mut writes = Vec::new();
        self.golden.mmu.take_pte_writes(&mut writes);
        (outcomes[0], writes)
    }
    fn explain(&self, access: &Access) -> Explanation {
        self.golden.mmu.explain(&self.golden.memory.memories()[0], access)
    }
    /// Kind, code and number of reads of the fault that a user access takes.
    fn fault(&mut self, va: u64, kind: AccessKind) -> (FaultKind, u8, u8) {
        let (outcome, _) = self.run(Access::user(va, kind));
        (outcome.fault, outcome.code, outcome.pte_reads)
    }
    fn pa(&mut self, va: u64, kind: AccessKind) -> u64 {
        let (outcome, _) = self.run(Access::user(va, kind));
        assert!(outcome.is_ok(), "{outcome:?}");
        outcome.pa.0
    }
}

/// Contract: W-3.
#[test]
fn addresses_that_are_not_canonical_read_nothing() {
    for (format, bits) in [(Sv39, 39), (Sv48, 48), (Sv57, 57)] {
        let mut scene = Scene::new(format, &[]);
        assert_eq!(scene.fault(1 << (bits - 1), Store), (PAGE, 15, 0));
        assert_eq!(scene.fault(!0 << (bits - 1), Store), (PAGE, 15, 1), "canonical, not present");
    }
    for (format, bits) in [(La48, 48), (La57, 57)] {
        let mut scene = Scene::new(format, &[]);
        assert_eq!(scene.fault(1 << (bits - 1), Store), (FaultKind::GeneralProtection, 0, 0));
        assert_eq!(scene.fault(!0 << (bits - 1), Store), (PAGE, 0b110, 1));
    }
}

#[test]
fn an_explanation_changes_nothing_and_reads_like_the_walk() {
    let mut scene = Scene::new(La48, &[(0x1000, 0x2007), (0x2000, 0x3027), (0x3000, 0xe7)]);
    scene.run(Access::user(1 << 39, Load));
    let explanation = scene.explain(&Access::user(0x1234, Store));
    assert_eq!(scene.golden.read_pte(PhysAddr(0x1000)), 0x2007);
    let expected = "0x1234
  level 3: read 0x1000 = 0x0000000000002007: A or D is clear: swap in 0x2027
  level 3: swap 0x1000 = 0x0000000000002027: pointer to the table at 0x2000
  level 2: read 0x2000 = 0x0000000000003027: pointer to the table at 0x3000
  level 1: read 0x3000 = 0x00000000000000e7: leaf, frame 0x1, rwxu dirty, memory type 0
  → 0x1234";
    assert_eq!(explanation.to_string(), expected);
    let (outcome, _) = scene.run(Access::user(0x1234, Store));
    assert_eq!(explanation.verdict.unwrap().translate(outcome.va), outcome.pa);
}
