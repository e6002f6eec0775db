//! Random worlds from a seed: configurations, page tables that lead somewhere, contexts and streams of accesses with
//! enough locality that TLBs hit, and enough nonsense that every fault occurs.

use pagewalk_arch::{
    Access, AccessKind, Asid, Context, FRAME_SHIFT, Isa, IssueOrder, L1Config, MachineMemory, MemoryTiming,
    Mmu, MmuConfig, Mode, OnFault, PagingFormat, PhysAddr, Privilege, Replacement, SplitMix64, Structure,
    TimingConfig, TlbFlush, Uniprocessor, VirtAddr,
};

/// An engine and its memory, of whatever kind.
pub trait Engine {
    fn mmu(&mut self) -> (&mut dyn Mmu, &mut MachineMemory);
    fn fence(&mut self, flush: &TlbFlush) {
        let (mmu, memory) = self.mmu();
        mmu.fence(memory.memories_mut(), flush);
    }
    fn set_context(&mut self, context: &Context) {
        let (mmu, memory) = self.mmu();
        mmu.set_context(memory.memories(), context);
    }
}

impl<M: Mmu> Engine for Uniprocessor<M> {
    fn mmu(&mut self) -> (&mut dyn Mmu, &mut MachineMemory) {
        (&mut self.mmu, &mut self.memory)
    }
}

pub const MEMORY_LIMIT: u64 = 1 << 23;
/// Frames that hold tables.
const TABLES: u64 = 12;
/// Indices that addresses use at every level, so that few pages are many times touched.
const INDICES: [u64; 6] = [0, 1, 2, 3, 16, 17];

pub struct World {
    pub random: SplitMix64,
    pub config: MmuConfig,
    /// Percentage of entries and accesses that are out of the ordinary.
    pub nonsense: u32,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = SplitMix64(seed);
        random.next_u64();
        let config = config(&mut random);
        let nonsense = [0, 2, 10][random.below(3) as usize];
        Self { random, config, nonsense }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.below(100) < percent
    }

    /// Tables in frames 1 to 12, the root's among them, and values for all the indices that addresses use.
    pub fn tables(&mut self) -> Vec<(PhysAddr, u64)> {
        let bytes = u64::from(self.config.spec().pte_bytes);
        let mut entries = Vec::new();
        for frame in 1..=TABLES {
            for index in INDICES {
                let level = (frame % self.config.spec().levels() as u64) as usize;
                let address = PhysAddr((frame << FRAME_SHIFT) + index * bytes);
                entries.push((address, self.entry(level)));
            }
        }
        entries
    }

    /// An entry for a table that serves as `level`. Tables of level L stand in frames of L modulo the number of
    /// levels, so pointers descend.
    pub fn entry(&mut self, level: usize) -> u64 {
        let spec = self.config.spec();
        let levels = spec.levels() as u64;
        let leaf = level == 0 || (level <= spec.leaf_level_max && self.chance(25));
        let resident = level + 1 == levels as usize && spec.resident_root_entries > 0;
        let frame = if leaf {
            let frame = self.random.next_u64() & ((1 << self.config.frame_bits().min(20)) - 1);
            frame & !((1 << (spec.level_shift(level) - FRAME_SHIFT)) - 1)
        } else {
            let choices = TABLES / levels;
            (level as u64 - 1) + levels * (1 + u64::from(self.random.below(choices as u32 - 1)))
        };
        let mut entry = frame << spec.ppn_shift;
        entry |= match spec.isa {
            Isa::RiscV if leaf => {
                let rights = [0b111, 0b111, 0b011, 0b111, 0b101, 0b001][self.random.below(6) as usize];
                1 | rights << 1 | self.flags(&[(4, 85), (5, 20), (6, 80), (7, 60)])
            }
            Isa::RiscV => 1 | self.flags(&[(5, 10)]),
            Isa::X86 if resident => 1,
            Isa::X86 => {
                let large = u64::from(leaf && level > 0) << 7;
                1 | large | self.flags(&[(1, 92), (2, 92), (3, 10), (4, 10), (5, 70), (6, 60), (8, 20)])
            }
        };
        if self.chance(self.nonsense) {
            entry &= !1;
        }
        if self.chance(self.nonsense) {
            entry ^= 1 << self.random.below(8 * spec.pte_bytes);
        }
        if self.chance(self.nonsense / 4) {
            entry = self.random.next_u64() >> (64 - 8 * spec.pte_bytes);
        }
        entry
    }

    fn flags(&mut self, chances: &[(u32, u32)]) -> u64 {
        chances.iter().map(|&(bit, percent)| u64::from(self.chance(percent)) << bit).sum()
    }

    pub fn context(&mut self) -> Context {
        let levels = self.config.spec().levels() as u64;
        let mut bit = |percent| self.random.below(100) < percent;
        let mode = Mode {
            sum: bit(50),
            mxr: bit(30),
            adue: bit(80),
            svnapot: bit(50),
            pbmte: bit(50),
            wp: bit(70),
            nxe: bit(70),
            pse: bit(70),
            pge: bit(60),
            smep: bit(30),
            smap: bit(20),
            ac: bit(30),
        };
        let second = levels * 2 - 1 <= TABLES && bit(30);
        let frame = if second { levels * 2 - 1 } else { levels - 1 }.max(1);
        let asid = Asid(self.random.below(3) as u16);
        Context { root: PhysAddr(frame << FRAME_SHIFT), asid, mode }
    }

    pub fn va(&mut self) -> VirtAddr {
        let spec = self.config.spec();
        let mut va = u64::from(self.random.below(4096));
        for level in 0..spec.levels() {
            // Upper levels vary less.
            let choices = if level == 0 { INDICES.len() } else { 2 };
            let index = INDICES[self.random.below(choices as u32) as usize];
            va |= (index & ((1 << spec.index_bits[level]) - 1)) << spec.level_shift(level);
        }
        if spec.va_register_bits > spec.va_bits && self.chance(self.nonsense / 2) {
            va ^= 1 << (spec.va_bits - 1 + self.random.below(65 - spec.va_bits));
        }
        VirtAddr(va)
    }

    /// Runs of accesses to pages seen lately, with new ones in between.
    pub fn accesses(&mut self, count: usize) -> Vec<Access> {
        let mut recent = vec![self.va()];
        (0..count)
            .map(|_| {
                if self.chance(20) {
                    let va = self.va();
                    if recent.len() < 8 {
                        recent.push(va);
                    } else {
                        recent[self.random.below(8) as usize] = va;
                    }
                }
                let page = recent[self.random.below(recent.len() as u32) as usize].0 & !0xfff;
                let va = VirtAddr(page | u64::from(self.random.below(4096)));
                let kind =
                    [AccessKind::Fetch, AccessKind::Load, AccessKind::Store][self.random.below(3) as usize];
                let privilege = if self.chance(80) { Privilege::User } else { Privilege::Supervisor };
                Access { va, line: 0, kind, privilege, bytes: 1 }
            })
            .collect()
    }

    pub fn flush(&mut self) -> TlbFlush {
        let va = self.chance(60).then(|| self.va());
        let asid = self.chance(50).then(|| Asid(self.random.below(3) as u16));
        TlbFlush { va, asid, keep_global: self.chance(40) }
    }

    /// What a batch may do at faults: stop in half of the batches where accesses are issued in order (D-13).
    pub fn on_fault(&mut self) -> OnFault {
        let stop = self.chance(50) && self.config.timing.issue == IssueOrder::Blocking;
        if stop { OnFault::Stop } else { OnFault::Continue }
    }

    /// Something between two batches, done to every engine alike.
    pub fn interlude(&mut self, engines: &mut [&mut dyn Engine]) {
        match self.random.below(10) {
            0..=2 => {
                let flush = self.flush();
                engines.iter_mut().for_each(|engine| engine.fence(&flush));
            }
            3..=4 => {
                let context = self.context();
                engines.iter_mut().for_each(|engine| engine.set_context(&context));
            }
            5..=6 => {
                let all = self.tables();
                let (address, value) = all[self.random.below(all.len() as u32) as usize];
                engines.iter_mut().for_each(|engine| engine.mmu().1.write_pte(address, value));
            }
            7 => {
                let frame = 1 + u64::from(self.random.below(TABLES as u32));
                let poisoned = self.chance(self.nonsense);
                engines.iter_mut().for_each(|engine| engine.mmu().1.set_poisoned(frame, poisoned));
            }
            _ => {}
        }
    }

    /// Fills the tables of every engine and sets a context.
    pub fn set_up(&mut self, engines: &mut [&mut dyn Engine]) {
        for (address, value) in self.tables() {
            engines.iter_mut().for_each(|engine| engine.mmu().1.write_pte(address, value));
        }
        let context = self.context();
        engines.iter_mut().for_each(|engine| engine.set_context(&context));
    }
}

fn config(random: &mut SplitMix64) -> MmuConfig {
    let format = PagingFormat::ALL[random.below(8) as usize];
    let spec = format.spec();
    let mut l1 = || {
        let replacement = [Replacement::TreePlru, Replacement::RoundRobin][random.below(2) as usize];
        let structure = match random.below(3) {
            0 => Structure::FullyAssociative { entries: 2 << random.below(4) },
            _ => Structure::SetAssociative {
                sets: 1 << random.below(5),
                ways: 1 << random.below(4),
                superpage_sets: [0, 1, 2, 16][random.below(4) as usize],
            },
        };
        L1Config { structure, replacement }
    };
    let (l1i, l1d) = (l1(), l1());
    let least = if spec.isa == Isa::X86 { 32 } else { 24 };
    let physical_bits = [least, 32, 36, spec.pa_bits_max][random.below(4) as usize].min(spec.pa_bits_max);
    let asid_bits = match spec.isa {
        Isa::X86 => spec.asid_bits * random.below(2),
        Isa::RiscV => [0, 1, spec.asid_bits][random.below(3) as usize],
    };
    let memory = match random.below(3) {
        0 => MemoryTiming::Fixed { latency: 1 + random.below(9) },
        _ => MemoryTiming::Random {
            seed: random.next_u64(),
            latency_max: 1 + random.below(12),
            ready_delay_max: random.below(5),
        },
    };
    let percents = [0, 0, 10, 50];
    let timing = TimingConfig {
        memory,
        issue: [IssueOrder::Blocking, IssueOrder::Overlapped][random.below(2) as usize],
        response_stall_percent: percents[random.below(4) as usize],
        request_stall_percent: percents[random.below(4) as usize],
        stall_seed: random.next_u64(),
    };
    MmuConfig { format, physical_bits, asid_bits, tag_bits: 0, l1i, l1d, timing }
}
