//! A machine for tests whose MMUs are written from the manuals and from nothing in the kernel. Their TLBs and page-walk
//! caches are unbounded, and drop exactly what a fence must drop. So whatever may be stale is: each hit is checked
//! against a fresh walk, and a difference is a fence that the kernel forgot.

use pagewalk_arch::{
    Access, AccessKind, Asid, Batch, Context, CpuId, FaultKind, FormatSpec, Isa, MmuConfig, MmuStats,
    OnFault, Outcome, PF_FETCH, PF_PRESENT, PF_USER, PF_WRITE, PhysAddr, Platform, Privilege, Progress,
    PteMemory, PteWrite, TableMemory, TlbFlush, VirtAddr,
};
use pagewalk_kernel::Pfn;
use std::cell::Cell;
use std::collections::BTreeMap;

/// What a walk found: the frame, the slot of the leaf, and the rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leaf {
    frame: u64,
    read: bool,
    write: bool,
    execute: bool,
    dirty: bool,
}

/// The MMU of one CPU.
#[derive(Clone, Default)]
struct Core {
    context: Context,
    resident: [u64; 4],
    /// By ASID, page and side: what one side replaces stays stale in the other.
    tlb: BTreeMap<(u16, u64, usize), Leaf>,
    /// By ASID, level and the address bits above that level: the table there.
    pwc: BTreeMap<(u16, usize, u64), u64>,
    log: Vec<PteWrite>,
}

#[derive(Clone)]
pub struct ForgetsNothing {
    config: MmuConfig,
    memory: TableMemory,
    cores: Vec<Core>,
    /// The CPU that accesses are made on.
    pub on: CpuId,
    /// Of all CPUs, in order.
    pub fences: Vec<TlbFlush>,
    pub contexts: Vec<Context>,
    pub stores: Vec<(PhysAddr, u64)>,
    /// Loads of software from page tables.
    pub reads: Cell<u64>,
    /// A CPU that carries out no fence: for tests of tests.
    pub deaf: Option<CpuId>,
    /// Panics at the next fence, so that a test can look at what the kernel holds at that moment.
    pub stops_at_fence: bool,
}

impl ForgetsNothing {
    pub fn new(config: MmuConfig) -> Self {
        Self::of_cpus(config, 1)
    }
    pub fn of_cpus(config: MmuConfig, cpus: usize) -> Self {
        Self {
            config,
            memory: TableMemory::new(config.spec(), 1 << config.physical_bits),
            cores: vec![Core::default(); cpus],
            on: CpuId::BOOT,
            fences: Vec::new(),
            contexts: Vec::new(),
            stores: Vec::new(),
            reads: Cell::new(0),
            deaf: None,
            stops_at_fence: false,
        }
    }

    fn core(&self) -> &Core {
        &self.cores[self.on.0]
    }
    fn core_mut(&mut self) -> &mut Core {
        &mut self.cores[self.on.0]
    }

    /// The root tables that the CPUs walk from.
    pub fn roots(&self) -> impl Iterator<Item = Pfn> {
        self.cores.iter().map(|core| Pfn::of(core.context.root))
    }

    /// Frames that some CPU's TLB reaches in the address space that it has loaded.
    pub fn reached(&self) -> impl Iterator<Item = (CpuId, Pfn)> {
        self.cores.iter().enumerate().flat_map(|(cpu, core)| {
            let current = core.context.asid.0;
            let entries = core.tlb.iter().filter(move |((asid, ..), _)| *asid == current);
            entries.map(move |(_, leaf)| (CpuId(cpu), Pfn(leaf.frame)))
        })
    }

    /// Whatever the CPUs have cached of the address spaces that they have loaded agrees with memory.
    pub fn audit(&self) {
        for on in (0..self.cores.len()).map(CpuId) {
            let mut view =
                Self { on, cores: self.cores.clone(), memory: self.memory.clone(), ..Self::new(self.config) };
            let current = view.core().context.asid.0;
            for (&(_, page, _), leaf) in
                self.cores[on.0].tlb.iter().filter(|((asid, ..), _)| *asid == current)
            {
                let kinds = [AccessKind::Fetch, AccessKind::Load, AccessKind::Store];
                let granted =
                    |kind: &AccessKind| grants(leaf, *kind) && (*kind != AccessKind::Store || leaf.dirty);
                for kind in kinds.into_iter().filter(granted) {
                    let va = page << 12;
                    let fresh = view.walk(&Access::user(va, kind), true).map(|fresh| fresh.frame);
                    assert_eq!(
                        fresh,
                        Ok(leaf.frame),
                        "{on:?} holds a stale {kind:?} of {va:#x}: a fence is missing"
                    );
                }
            }
        }
    }

    fn spec(&self) -> &'static FormatSpec {
        self.config.spec()
    }
    pub fn context(&self) -> &Context {
        &self.core().context
    }

    /// One access, translated or refused.
    pub fn access(&mut self, access: &Access) -> Outcome {
        let va = access.va;
        let key = (self.core().context.asid.0, va.page_number(), access.kind.side() as usize);
        if !self.spec().is_canonical(va) {
            let fault =
                if self.spec().isa == Isa::X86 { FaultKind::GeneralProtection } else { FaultKind::Page };
            return Outcome { va, fault, ..Outcome::default() };
        }
        if let Some(&hit) = self.core().tlb.get(&key)
            && grants(&hit, access.kind)
            && (access.kind != AccessKind::Store || hit.dirty)
        {
            let fresh = self.walk(access, true).map(|leaf| (leaf.frame, grants(&leaf, access.kind)));
            assert_eq!(fresh, Ok((hit.frame, true)), "stale translation of {va}: a fence is missing");
            return translated(va, &hit);
        }
        match self.walk(access, false) {
            Ok(leaf) => {
                self.core_mut().tlb.insert(key, leaf);
                translated(va, &leaf)
            }
            Err(code) => {
                if self.spec().isa == Isa::X86 {
                    self.drop_entries(&TlbFlush::invlpg(va, self.core().context.asid));
                }
                Outcome { va, fault: FaultKind::Page, code, ..Outcome::default() }
            }
        }
    }

    /// Walks from the root. Sets A and D and fills the page-walk cache unless it only `checks`.
    fn walk(&mut self, access: &Access, checks: bool) -> Result<Leaf, u8> {
        let spec = self.spec();
        let x86 = spec.isa == Isa::X86;
        let top = spec.levels() - 1;
        let mut table = self.core().context.root.0;
        let (mut write, mut user, mut execute) = (true, true, true);
        for level in (0..=top).rev() {
            let resident = level == top && spec.resident_root_entries > 0;
            let slot = PhysAddr(table + spec.index(access.va, level) * u64::from(spec.pte_bytes));
            let mut pte = if resident {
                self.core().resident[spec.index(access.va, level) as usize]
            } else {
                self.memory.read(slot, spec.pte_bytes).expect("tables lie in memory")
            };
            if pte & 1 == 0 {
                let key = (self.core().context.asid.0, level, access.va.0 >> spec.level_shift(level));
                assert!(
                    !self.core().pwc.contains_key(&key),
                    "a table that is gone is still cached: a fence is missing"
                );
                return Err(self.fault_code(access, false));
            }
            if resident {
                assert_eq!(pte & 0x1e6, 0, "reserved bits of a PDPTE: {pte:#x}");
            } else if x86 {
                write &= pte & 2 != 0;
                user &= pte & 4 != 0;
                execute &= spec.execute_disable_bit.is_none_or(|bit| pte >> bit & 1 == 0);
                assert_eq!(pte & 0x80, 0, "PS or PAT in {pte:#x}");
            }
            let is_leaf = if x86 { level == 0 } else { pte & 0b1110 != 0 };
            let frame = (pte >> spec.ppn_shift) & ((1 << (spec.pa_bits - 12)) - 1);
            if !is_leaf {
                assert!(level > 0, "a pointer in the lowest table: {pte:#x}");
                assert!(x86 || pte & 0xfe == 0, "reserved bits of a pointer: {pte:#x}");
                if x86 && !resident && pte & 0x20 == 0 && !checks {
                    self.swap(slot, pte, pte | 0x20);
                }
                if !checks {
                    self.check_walk_cache(access.va, level, frame);
                }
                table = frame << 12;
                continue;
            }
            assert_eq!(level, 0, "the kernel makes no large pages");
            let mut leaf = Leaf { frame, read: true, write, execute, dirty: true };
            if !x86 {
                assert_ne!(pte & 0b110, 0b100, "W without R: {pte:#x}");
                user = pte & 0x10 != 0;
                leaf = Leaf { read: pte & 2 != 0, write: pte & 4 != 0, execute: pte & 8 != 0, ..leaf };
            }
            if !user && access.privilege == Privilege::User || !grants(&leaf, access.kind) {
                return Err(self.fault_code(access, true));
            }
            let (a, d) = if x86 { (0x20, 0x40) } else { (0x40, 0x80) };
            let wanted = a | if access.kind == AccessKind::Store { d } else { 0 };
            if pte & wanted != wanted {
                if !x86 && !self.core().context.mode.adue {
                    return Err(self.fault_code(access, true));
                }
                if !checks {
                    self.swap(slot, pte, pte | wanted);
                    pte |= wanted;
                }
            }
            leaf.dirty = pte & d != 0;
            return Ok(leaf);
        }
        unreachable!("the loop ends at a leaf")
    }

    /// A cached way to a table must be the way that memory shows.
    fn check_walk_cache(&mut self, va: VirtAddr, level: usize, table: u64) {
        let key = (self.core().context.asid.0, level, va.0 >> self.spec().level_shift(level));
        let cached = *self.core_mut().pwc.entry(key).or_insert(table);
        assert_eq!(
            cached,
            table,
            "stale table of level {} on the way to {va}: a fence is missing",
            level - 1
        );
    }

    fn swap(&mut self, addr: PhysAddr, before: u64, after: u64) {
        self.memory.write(addr, self.spec().pte_bytes, after).expect("tables lie in memory");
        self.core_mut().log.push(PteWrite { addr, before, after });
    }

    fn fault_code(&self, access: &Access, present: bool) -> u8 {
        if self.spec().isa == Isa::RiscV {
            return FaultKind::Page.riscv_cause(access.kind);
        }
        let bit = |set: bool, mask: u8| if set { mask } else { 0 };
        bit(present, PF_PRESENT)
            | bit(access.kind == AccessKind::Store, PF_WRITE)
            | bit(access.privilege == Privilege::User, PF_USER)
            | bit(access.kind == AccessKind::Fetch, PF_FETCH)
    }

    /// Drops what the rule of `TlbFlush` names, no more. There are no global entries. A fence with an address says
    /// nothing about non-leaf entries: privileged manual, SFENCE.VMA, rs1 ≠ x0.
    fn drop_entries(&mut self, flush: &TlbFlush) {
        let this = |asid: u16| flush.asid.is_none_or(|only: Asid| only.0 == asid);
        let core = self.core_mut();
        if let (Some(va), Some(Asid(asid))) = (flush.va, flush.asid) {
            // By far the most: no search of all.
            for side in [0, 1] {
                core.tlb.remove(&(asid, va.page_number(), side));
            }
            return;
        }
        core.tlb.retain(|&(asid, page, _), _| {
            !(this(asid) && flush.va.is_none_or(|va| va.page_number() == page))
        });
        core.pwc.retain(|&(asid, ..), _| !(this(asid) && flush.va.is_none()));
    }
}

fn grants(leaf: &Leaf, kind: AccessKind) -> bool {
    match kind {
        AccessKind::Fetch => leaf.execute,
        AccessKind::Load => leaf.read,
        AccessKind::Store => leaf.write,
    }
}

fn translated(va: VirtAddr, leaf: &Leaf) -> Outcome {
    Outcome { va, pa: PhysAddr((leaf.frame << 12) | va.page_offset()), ..Outcome::default() }
}

impl Platform for ForgetsNothing {
    fn cpus(&self) -> usize {
        self.cores.len()
    }
    fn set_context(&mut self, cpu: CpuId, context: &Context) {
        self.contexts.push(*context);
        for i in 0..self.spec().resident_root_entries {
            self.cores[cpu.0].resident[i] =
                self.memory.read(PhysAddr(context.root.0 + 8 * i as u64), 8).expect("a root in memory");
        }
        self.cores[cpu.0].context = *context;
    }
    fn fence(&mut self, cpu: CpuId, flush: &TlbFlush) {
        assert!(!self.stops_at_fence, "stopped at a fence");
        self.fences.push(*flush);
        if self.deaf != Some(cpu) {
            let before = std::mem::replace(&mut self.on, cpu);
            self.drop_entries(flush);
            self.on = before;
        }
    }
    fn run(&mut self, cpu: CpuId, batch: &Batch<'_>, mut outcomes: Option<&mut Vec<Outcome>>) -> Progress {
        self.on = cpu;
        let mut progress = Progress::default();
        for access in batch.accesses {
            let outcome = self.access(access);
            progress.consumed += 1;
            if let Some(outcomes) = outcomes.as_deref_mut() {
                outcomes.push(outcome);
            }
            if !outcome.is_ok() && batch.on_fault == OnFault::Stop {
                progress.fault = Some(outcome);
                break;
            }
        }
        progress
    }
    fn read_pte(&self, addr: PhysAddr) -> u64 {
        self.reads.set(self.reads.get() + 1);
        self.memory.read(addr, self.spec().pte_bytes).unwrap_or(0)
    }
    fn write_pte(&mut self, addr: PhysAddr, value: u64) {
        self.stores.push((addr, value));
        self.memory
            .write(addr, self.spec().pte_bytes, value)
            .expect("the kernel writes tables in memory alone");
    }
    fn take_pte_writes(&mut self, cpu: CpuId, log: &mut Vec<PteWrite>) {
        log.append(&mut self.cores[cpu.0].log);
    }
    fn stats(&self, _cpu: CpuId) -> MmuStats {
        MmuStats::default()
    }
    fn difference(&self) -> Option<&str> {
        None
    }
}
