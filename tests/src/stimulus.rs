//! Random page tables and random work on them, from a seed.
//!
//! The tables are dense in what goes wrong: a dozen table frames point at each other on all levels, entries are
//! mostly well-formed and then spoilt bit by bit, and addresses are made of the few indices that are populated.

use pagewalk_arch::{
    Access, AccessKind, Asid, Batch, Context, Isa, Mmu, MmuConfig, Mode, OnFault, PhysAddr, Privilege,
    SplitMix64, TlbFlush, VirtAddr,
};

/// Table frames, a few for each level.
const TABLES: u64 = 12;
/// Frame number of the first table.
const FIRST_TABLE: u64 = 0x400;
/// Populated indices per table.
const INDICES: usize = 6;

/// Random work for one configuration.
pub struct Stimulus {
    config: MmuConfig,
    rng: SplitMix64,
    indices: [u64; INDICES],
    context: Context,
    poisoned: Option<u64>,
    on_fault: OnFault,
}

/// One piece of work between two looks at the engines.
#[derive(Clone, Debug)]
pub enum Work {
    /// Accesses, up to the next synchronisation.
    Accesses(Vec<Access>),
    /// A fence.
    Fence(TlbFlush),
    /// Another context.
    Context(Context),
    /// Software stores an entry.
    Store(PhysAddr, u64),
    /// A frame begins or ceases to answer with bus errors.
    Poison(u64, bool),
}

impl Stimulus {
    /// The work of `seed` for `config`.
    pub fn new(config: &MmuConfig, seed: u64, on_fault: OnFault) -> Self {
        let mut rng = SplitMix64(seed);
        let top = (1 << config.spec().index_bits[0]) - 1;
        let indices = [0, 1, 2, top, rng.next_u64() & top, rng.next_u64() & top];
        Self { config: *config, rng, indices, context: Context::default(), poisoned: None, on_fault }
    }

    /// What is done with faults.
    pub fn on_fault(&self) -> OnFault {
        self.on_fault
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.below(of.len() as u32) as usize]
    }

    /// The level that table `t` is meant for; others meet it too.
    fn level_of(&self, table: u64) -> usize {
        table as usize % self.config.spec().levels()
    }

    /// The stores that populate all tables.
    pub fn populate(&mut self) -> Vec<Work> {
        let mut work = Vec::new();
        for table in 0..TABLES {
            for at in 0..INDICES {
                let index = self.indices[at];
                let (addr, value) = self.entry(table, index);
                work.push(Work::Store(addr, value));
            }
        }
        work.push(Work::Context(self.random_context()));
        work.push(Work::Fence(TlbFlush::ALL));
        work
    }

    fn entry(&mut self, table: u64, index: u64) -> (PhysAddr, u64) {
        let spec = self.config.spec();
        let level = self.level_of(table);
        let index = index & ((1 << spec.index_bits[level]) - 1);
        let addr = PhysAddr((FIRST_TABLE + table) * 4096 + index * u64::from(spec.pte_bytes));
        let pae_top = spec.resident_root_entries > 0 && level + 1 == spec.levels();
        let leaf = level == 0 || (level <= spec.leaf_level_max && self.chance(30));
        let mut value = if leaf { self.leaf(level) } else { self.pointer(level, pae_top) };
        if self.chance(12) {
            let bits = 8 * spec.pte_bytes;
            for _ in 0..=self.rng.below(2) {
                value ^= 1 << self.rng.below(bits);
            }
        }
        if self.chance(3) {
            value = self.rng.next_u64();
        }
        if spec.pte_bytes == 4 {
            value &= 0xffff_ffff;
        }
        (addr, value)
    }

    fn pointer(&mut self, level: usize, pae_top: bool) -> u64 {
        let spec = self.config.spec();
        let below: Vec<u64> = (0..TABLES).filter(|&t| self.level_of(t) + 1 == level).collect();
        let target =
            FIRST_TABLE + if self.chance(95) { self.pick(&below) } else { self.rng.next_u64() % TABLES };
        let frame = target << spec.ppn_shift;
        match spec.isa {
            Isa::RiscV => frame | 1 | if self.chance(10) { 1 << 5 } else { 0 },
            Isa::X86 if pae_top => frame | 1,
            Isa::X86 => {
                let user = if self.chance(85) { 4 } else { 0 };
                let write = if self.chance(85) { 2 } else { 0 };
                let accessed = if self.chance(60) { 1 << 5 } else { 0 };
                let xd = if spec.pte_bytes == 8 && self.chance(5) { 1 << 63 } else { 0 };
                frame | 1 | user | write | accessed | xd
            }
        }
    }

    fn leaf(&mut self, level: usize) -> u64 {
        let spec = self.config.spec();
        let bits = self.config.table_address_bits() - 12;
        let offset = spec.level_shift(level) - 12;
        let mut frame = self.rng.next_u64() & ((1 << bits) - 1) & !((1 << offset) - 1);
        let low = self.rng.next_u64() & 0xff;
        match spec.isa {
            Isa::RiscV => {
                let rights = self
                    .pick(&[0xcf, 0xdf, 0xd7, 0xd3, 0xc7, 0xcb, 0xd9, 0x17, 0x1f, 0x57, 0xef, 0xff, 0x5f]);
                let low = if self.chance(85) { rights } else { low | 1 };
                let mut extra = 0;
                if spec.has_pbmt_and_napot {
                    if self.chance(15) {
                        extra |= u64::from(self.rng.below(3)) << 61;
                    }
                    if level == 0 && self.chance(15) {
                        extra |= 1 << 63;
                        frame = (frame & !0xf) | 8;
                    }
                }
                (frame << spec.ppn_shift) | low | extra
            }
            Isa::X86 => {
                let size = if level > 0 { 1 << 7 } else { u64::from(self.rng.below(2)) << 7 };
                let low = (low & 0x7f) | 1 | if self.chance(70) { 6 } else { 0 };
                let global = if self.chance(20) { 1 << 8 } else { 0 };
                let xd = if spec.pte_bytes == 8 && self.chance(15) { 1 << 63 } else { 0 };
                let pat = if level > 0 { u64::from(self.rng.below(2)) << 12 } else { 0 };
                let high = if spec.pte_bytes == 4 && level > 0 {
                    // PSE-36: address bits 39:32.
                    let implemented = self.config.physical_bits.saturating_sub(32);
                    (self.rng.next_u64() & ((1 << implemented) - 1)) << 13
                } else {
                    0
                };
                (frame << 12) | low | size | global | xd | pat | high
            }
        }
    }

    fn random_context(&mut self) -> Context {
        let spec = self.config.spec();
        let top = spec.levels() - 1;
        let tops: Vec<u64> = (0..TABLES).filter(|&t| self.level_of(t) == top).collect();
        let bits = self.rng.next_u64();
        let bit = |n: u32| (bits >> n) & 1 != 0;
        let identifiers = 1u64 << self.config.asid_bits.min(2);
        self.context = Context {
            root: PhysAddr((FIRST_TABLE + self.pick(&tops)) * 4096),
            asid: Asid((self.rng.next_u64() % identifiers) as u16),
            mode: Mode {
                sum: bit(0),
                mxr: bit(1),
                adue: bit(2) || bit(3),
                svnapot: bit(4) || bit(5),
                pbmte: bit(6) || bit(7),
                wp: bit(8),
                nxe: bit(9) || bit(10),
                pse: bit(11) || bit(12),
                pge: bit(13),
                smep: bit(14),
                smap: bit(15),
                ac: bit(16),
            },
        };
        self.context
    }

    fn address(&mut self) -> VirtAddr {
        let spec = self.config.spec();
        let mut va = self.rng.next_u64() & 0xfff;
        for level in 0..spec.levels() {
            let index = self.pick(&self.indices.clone()) & ((1 << spec.index_bits[level]) - 1);
            va |= index << spec.level_shift(level);
        }
        if spec.va_register_bits > spec.va_bits {
            va = ((va << (64 - spec.va_bits)) as i64 >> (64 - spec.va_bits)) as u64;
            if self.chance(1) {
                va ^= 1 << (spec.va_bits + self.rng.below(64 - spec.va_bits));
            }
        }
        VirtAddr(va)
    }

    fn accesses(&mut self) -> Vec<Access> {
        let count = 1 + self.rng.below(120) as usize;
        // A few pages again and again, so that TLBs hit.
        let pages: Vec<VirtAddr> = (0..1 + self.rng.below(12)).map(|_| self.address()).collect();
        let mut accesses = Vec::with_capacity(count);
        let mut privilege = Privilege::User;
        for _ in 0..count {
            let mut va = if self.chance(90) { self.pick(&pages) } else { self.address() };
            va.0 ^= self.rng.next_u64() & 0xfff;
            if self.chance(10) {
                privilege = self.pick(&[Privilege::User, Privilege::Supervisor]);
            }
            let kind = self.pick(&[AccessKind::Fetch, AccessKind::Load, AccessKind::Load, AccessKind::Store]);
            accesses.push(Access { va, line: 0, kind, privilege, bytes: 1 });
        }
        accesses
    }

    fn fence(&mut self) -> TlbFlush {
        let va = self.address();
        let asid = Asid(self.rng.below(4) as u16 & ((1 << self.config.asid_bits.min(2)) - 1));
        let asid_given = self.config.asid_bits > 0;
        match self.rng.below(8) {
            0 => TlbFlush::ALL,
            1 => TlbFlush::ALL_BUT_GLOBAL,
            2 => TlbFlush::sfence_vma(Some(va), None),
            3 if asid_given => TlbFlush::sfence_vma(None, Some(asid)),
            4 if asid_given => TlbFlush::sfence_vma(Some(va), Some(asid)),
            5 if asid_given => TlbFlush::address_space(asid),
            6 if asid_given => TlbFlush::invpcid_address(va, asid),
            _ => TlbFlush::invlpg(va, self.context.asid),
        }
    }

    /// The next piece of work.
    pub fn work(&mut self) -> Work {
        match self.rng.below(100) {
            0..60 => Work::Accesses(self.accesses()),
            60..75 => Work::Fence(self.fence()),
            75..85 => Work::Context(self.random_context()),
            85..97 => {
                let table = self.rng.next_u64() % TABLES;
                let index = self.pick(&self.indices.clone());
                let (addr, value) = self.entry(table, index);
                Work::Store(addr, value)
            }
            _ => match self.poisoned.take() {
                Some(frame) => Work::Poison(frame, false),
                None => {
                    let frame = FIRST_TABLE + self.rng.next_u64() % TABLES;
                    self.poisoned = Some(frame);
                    Work::Poison(frame, true)
                }
            },
        }
    }

    /// Does `count` accesses' worth of work on `mmu`. Gives the number of the work item at which an engine reported
    /// a difference, with the item.
    pub fn run(&mut self, mmu: &mut dyn Mmu, count: u64) -> Result<(), (u64, Work)> {
        let mut done = 0;
        let mut items = 0;
        for work in self.populate() {
            perform(&work, mmu, self.on_fault);
        }
        while done < count {
            let work = self.work();
            items += 1;
            done += perform(&work, mmu, self.on_fault);
            if mmu.difference().is_some() {
                return Err((items, work));
            }
        }
        Ok(())
    }
}

/// Does one piece of work. Gives the accesses carried out.
pub fn perform(work: &Work, mmu: &mut dyn Mmu, on_fault: OnFault) -> u64 {
    match work {
        Work::Accesses(accesses) => {
            let mut rest = accesses.as_slice();
            while !rest.is_empty() && mmu.difference().is_none() {
                let progress = mmu.run(&Batch { accesses: rest, end: true, on_fault }, None);
                rest = &rest[progress.consumed..];
            }
            return accesses.len() as u64;
        }
        Work::Fence(flush) => mmu.fence(flush),
        Work::Context(context) => mmu.set_context(context),
        Work::Store(addr, value) => mmu.write_pte(*addr, *value),
        Work::Poison(frame, poisoned) => mmu.set_poisoned(*frame, *poisoned),
    }
    0
}
