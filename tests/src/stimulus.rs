//! Random page tables and random work on them, from a seed.
//!
//! The tables are dense in what goes wrong: a dozen table frames point at each other on all levels, entries are
//! mostly well-formed and then spoilt bit by bit, and addresses are made of the few indices that are populated.
//! A working set of pages outlives fences, changes of context and stores to page tables: what a TLB keeps too long,
//! or finds although it should not, is asked for again.

use crate::configurations::AccessedDirty;
use crate::engines::MEMORY_LIMIT;
use pagewalk_arch::pte_bit::{riscv, x86};
use pagewalk_arch::{
    Access, AccessKind, Asid, Batch, Context, FRAME_SHIFT, Isa, Mmu, MmuConfig, Mode, ModeBit, OnFault,
    PhysAddr, Privilege, SplitMix64, TlbFlush, Uniprocessor, VirtAddr,
};
use std::collections::HashMap;

/// Table frames, a few for each level.
const TABLES: u64 = 12;
/// Bits of a frame number that tell tables apart: enough for [`TABLES`].
const TABLE_BITS: u32 = 4;
/// Populated indices per table.
const INDICES: usize = 6;

/// Fewest pages of a working set: they fit into every TLB but the direct-mapped ones.
const WORKING_SET_MIN: u32 = 6;
/// Most pages of a working set: more than the sets that they fall into have ways.
const WORKING_SET_MAX: u32 = 28;

/// The rights, A and D of most RISC-V leaves: well-formed, with every right now granted and now denied.
const RISCV_LEAVES: [&str; 13] = [
    "VRWXAD", "VRWXUAD", "VRWUAD", "VRUAD", "VRWAD", "VRXAD", "VXUAD", "VRWU", "VRWXU", "VRWUA", "VRWXGAD",
    "VRWXUGAD", "VRWXUA",
];

/// Mode bits that are set three times in four: without them, much of a format is out of reach.
const MOSTLY_SET: [&str; 5] = ["adue", "svnapot", "pbmte", "nxe", "pse"];

/// Random work for one configuration.
pub struct Stimulus {
    config: MmuConfig,
    rng: SplitMix64,
    indices: [u64; INDICES],
    /// Frames around which the tables lie, those with an odd and those with an even number.
    regions: [u64; 2],
    /// The ASIDs in use. Two differ in one bit only.
    asids: [u16; 4],
    context: Context,
    poisoned: Option<u64>,
    on_fault: OnFault,
    /// Pages that are used again and again, replaced one by one.
    working_set: Vec<VirtAddr>,
    /// What software stored, by address: the way to the entries of a page.
    stored: HashMap<u64, u64>,
    /// Entries in a hundred that are spoilt, and rights in a hundred that pointers deny: how often walks fail.
    malice_percent: u32,
    /// Most accesses between two synchronisations.
    burst_max: u32,
    /// Pieces of work in a hundred that are fences: how full TLBs become.
    fence_percent: u32,
    /// Who sets A and D bits.
    accessed_dirty: AccessedDirty,
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
    /// Another agent stores an entry right before the walker's next swap there.
    Race(PhysAddr, u64),
}

impl Stimulus {
    /// The work of `seed` for `config`.
    pub fn new(config: &MmuConfig, seed: u64, on_fault: OnFault) -> Self {
        let mut rng = SplitMix64(seed);
        let top = (1 << config.spec().index_bits[0]) - 1;
        let any = rng.next_u64() & top;
        let neighbour = any ^ (1 << rng.below(config.spec().index_bits[0]));
        let indices = [0, any, neighbour, top, 1, rng.next_u64() & top];
        let mut stimulus = Self {
            config: *config,
            regions: regions(config, &mut rng),
            asids: asids(config, &mut rng),
            rng,
            indices,
            context: Context::default(),
            poisoned: None,
            on_fault,
            working_set: Vec::new(),
            stored: HashMap::new(),
            malice_percent: 0,
            burst_max: 0,
            fence_percent: 0,
            accessed_dirty: AccessedDirty::Changing,
        };
        stimulus.malice_percent = stimulus.pick(&[1, 4, 12]);
        stimulus.burst_max = stimulus.pick(&[12, 40, 120]);
        stimulus.fence_percent = stimulus.pick(&[2, 6, 20]);
        let count = WORKING_SET_MIN + stimulus.rng.below(WORKING_SET_MAX - WORKING_SET_MIN + 1);
        stimulus.working_set = (0..count).map(|_| stimulus.address()).collect();
        stimulus
    }

    /// The same work with A and D bits set by one alone.
    pub fn with_accessed_dirty(mut self, accessed_dirty: AccessedDirty) -> Self {
        self.accessed_dirty = accessed_dirty;
        self
    }

    /// The frame of table `t`.
    fn frame_of(&self, table: u64) -> u64 {
        self.regions[table as usize % 2] | table
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
                work.push(self.store(table, index));
            }
        }
        self.context = self.random_context();
        work.push(Work::Context(self.context));
        work.push(Work::Fence(TlbFlush::ALL));
        work
    }

    /// Stores an entry of the level that the table is meant for.
    fn store(&mut self, table: u64, index: u64) -> Work {
        let spec = self.config.spec();
        let level = self.level_of(table);
        let index = index & ((1 << spec.index_bits[level]) - 1);
        let addr = self.frame_of(table) * 4096 + index * u64::from(spec.pte_bytes);
        self.store_at(addr, level)
    }

    fn store_at(&mut self, addr: u64, level: usize) -> Work {
        let value = self.entry(level);
        self.stored.insert(addr, value);
        Work::Store(PhysAddr(addr), value)
    }

    /// Replaces an entry that the walk of `va` reads.
    fn remap(&mut self, va: VirtAddr) -> Work {
        let spec = self.config.spec();
        let frame_mask = (1 << (self.config.table_address_bits() - FRAME_SHIFT)) - 1;
        let wanted = self.rng.below(spec.levels() as u32) as usize;
        let mut table = self.context.root.0;
        for level in (wanted..spec.levels()).rev() {
            let addr = table + spec.index(va, level) * u64::from(spec.pte_bytes);
            let entry = self.stored.get(&addr).copied().unwrap_or(0);
            if level == wanted || entry & 1 == 0 {
                return self.store_at(addr, level);
            }
            table = ((entry >> spec.ppn_shift) & frame_mask) << FRAME_SHIFT;
        }
        unreachable!("the loop ends at the wanted level");
    }

    fn entry(&mut self, level: usize) -> u64 {
        let spec = self.config.spec();
        let pae_top = spec.resident_root_entries > 0 && level + 1 == spec.levels();
        let leaf = level == 0 || (level <= spec.leaf_level_max && self.chance(30));
        let mut value = if leaf { self.leaf(level) } else { self.pointer(level, pae_top) };
        if self.chance(self.malice_percent) {
            let bits = 8 * spec.pte_bytes;
            for _ in 0..=self.rng.below(2) {
                // The upper bits of long entries are where most reserved ones are.
                let upper = bits == 64 && self.chance(40);
                value ^= 1 << if upper { 52 + self.rng.below(12) } else { self.rng.below(bits) };
            }
        }
        if self.chance(self.malice_percent / 4) {
            value = self.rng.next_u64();
        }
        if spec.pte_bytes == 4 {
            value &= 0xffff_ffff;
        }
        value
    }

    fn pointer(&mut self, level: usize, pae_top: bool) -> u64 {
        let spec = self.config.spec();
        let below: Vec<u64> = (0..TABLES).filter(|&t| self.level_of(t) + 1 == level).collect();
        let target = if self.chance(95) { self.pick(&below) } else { self.rng.next_u64() % TABLES };
        let frame = self.frame_of(target) << spec.ppn_shift;
        match spec.isa {
            Isa::RiscV => {
                let global = if self.chance(15) { riscv::G.mask() } else { 0 };
                // U, A and D of a pointer are reserved.
                let reserved =
                    if self.chance(3) { self.pick(&[riscv::U, riscv::A, riscv::D]).mask() } else { 0 };
                frame | riscv::V.mask() | global | reserved
            }
            Isa::X86 if pae_top => frame | x86::P.mask(),
            Isa::X86 => {
                let user = if self.chance(self.malice_percent) { 0 } else { x86::US.mask() };
                let write = if self.chance(self.malice_percent) { 0 } else { x86::RW.mask() };
                let accessed = if self.chance(60) { x86::A.mask() } else { 0 };
                let xd = if spec.pte_bytes == 8 && self.chance(5) { x86::XD.mask() } else { 0 };
                frame | x86::P.mask() | user | write | accessed | xd
            }
        }
    }

    fn leaf(&mut self, level: usize) -> u64 {
        let spec = self.config.spec();
        let bits = self.config.table_address_bits() - 12;
        let offset = spec.level_shift(level) - 12;
        let mut frame = self.rng.next_u64() & ((1 << bits) - 1);
        if self.chance(95) {
            frame &= !((1 << offset) - 1);
        }
        let low = self.rng.next_u64() & 0xff;
        match spec.isa {
            Isa::RiscV => {
                let rights = letters(self.pick(&RISCV_LEAVES));
                let low = if self.chance(85) { rights } else { low | riscv::V.mask() };
                let mut extra = 0;
                if spec.has_pbmt_and_napot {
                    if self.chance(15) {
                        extra |= u64::from(self.rng.below(4)) << riscv::PBMT.position;
                    }
                    if level == 0 && self.chance(15) {
                        extra |= riscv::N.mask();
                        frame = if self.chance(80) { (frame & !0xf) | 8 } else { frame };
                    }
                }
                (frame << spec.ppn_shift) | low | extra
            }
            Isa::X86 => {
                let size = match level {
                    0 => u64::from(self.rng.below(2)) << x86::PAT.position,
                    _ => x86::PS.mask(),
                };
                let rights = if self.chance(70) { x86::RW.mask() | x86::US.mask() } else { 0 };
                let low = (low & !x86::PS.mask()) | x86::P.mask() | rights;
                let global = if self.chance(35) { x86::G.mask() } else { 0 };
                let xd = if spec.pte_bytes == 8 && self.chance(15) { x86::XD.mask() } else { 0 };
                let pat = if level > 0 { u64::from(self.rng.below(2)) << x86::PAT_LARGE.position } else { 0 };
                let high = if spec.pte_bytes == 4 && level > 0 {
                    // PSE-36: address bits 39:32.
                    let implemented = self.config.physical_bits.saturating_sub(32);
                    (self.rng.next_u64() & ((1 << implemented) - 1)) << x86::PSE36.position
                } else {
                    0
                };
                (frame << 12) | low | size | global | xd | pat | high
            }
        }
    }

    /// The next context: another one, or the present one with only a part of it changed.
    fn next_context(&mut self) -> Context {
        let other = self.random_context();
        let Context { root, asid, mode } = self.context;
        match self.rng.below(5) {
            0 => other,
            1 | 2 => Context { root, asid: other.asid, mode },
            3 => Context { root, asid, mode: other.mode },
            _ => Context { root: other.root, asid: other.asid, mode },
        }
    }

    fn random_context(&mut self) -> Context {
        let spec = self.config.spec();
        let top = spec.levels() - 1;
        let tops: Vec<u64> = (0..TABLES).filter(|&t| self.level_of(t) == top).collect();
        let mut bits = self.rng.next_u64();
        let root = self.pick(&tops);
        let root = self.frame_of(root);
        let asid = self.pick(&self.asids.clone());
        let mut mode = Mode::default();
        for bit in ModeBit::ALL {
            // Drawn for every format: the others' bits must not matter.
            let draws = if MOSTLY_SET.contains(&bit.name) { 2 } else { 1 };
            bit.set(&mut mode, bits & ((1 << draws) - 1) != 0);
            bits >>= draws;
        }
        match self.accessed_dirty {
            AccessedDirty::Hardware => mode.adue = true,
            AccessedDirty::Software => mode.adue = false,
            AccessedDirty::Changing => {}
        }
        Context { root: PhysAddr(root * 4096), asid: Asid(asid), mode }
    }

    fn address(&mut self) -> VirtAddr {
        let spec = self.config.spec();
        let mut va = self.rng.next_u64() & 0xfff;
        for level in 0..spec.levels() {
            // Few lowest indices, so that the sets of a TLB overflow.
            let few = level == 0 && self.chance(60);
            let indices = if few { &self.indices[..3] } else { &self.indices[..] }.to_vec();
            let index = self.pick(&indices) & ((1 << spec.index_bits[level]) - 1);
            va |= index << spec.level_shift(level);
        }
        if spec.va_register_bits > spec.va_bits {
            va = ((va << (64 - spec.va_bits)) as i64 >> (64 - spec.va_bits)) as u64;
            if self.chance(2) {
                let any = self.rng.below(64 - spec.va_bits);
                va ^= 1 << (spec.va_bits + self.pick(&[0, any, 63 - spec.va_bits]));
            }
        }
        VirtAddr(va)
    }

    /// An address of the working set.
    fn page(&mut self) -> VirtAddr {
        let at = self.rng.below(self.working_set.len() as u32) as usize;
        self.working_set[at]
    }

    /// A page that shares its lowest table with one of the working set.
    fn neighbour(&mut self) -> VirtAddr {
        let spec = self.config.spec();
        let mask = (1 << spec.index_bits[0]) - 1;
        let index = self.pick(&self.indices.clone()) & mask;
        let shift = spec.level_shift(0);
        VirtAddr(self.page().0 & !(mask << shift) | (index << shift))
    }

    fn accesses(&mut self) -> Vec<Access> {
        let count = 1 + self.rng.below(self.burst_max) as usize;
        if self.chance(50) {
            let at = self.rng.below(self.working_set.len() as u32) as usize;
            self.working_set[at] = if self.chance(40) { self.neighbour() } else { self.address() };
        }
        // A few of them again and again, so that TLBs hit.
        let pages: Vec<VirtAddr> = (0..1 + self.rng.below(12)).map(|_| self.page()).collect();
        let mut accesses = Vec::with_capacity(count);
        let mut privilege = Privilege::User;
        for _ in 0..count {
            let mut va = if self.chance(95) { self.pick(&pages) } else { self.address() };
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
        let va = if self.chance(80) { self.page() } else { self.address() };
        let asid = Asid(self.pick(&self.asids.clone()));
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
        if self.chance(self.fence_percent) {
            return Work::Fence(self.fence());
        }
        match self.rng.below(100) {
            0..72 => Work::Accesses(self.accesses()),
            72..82 => {
                self.context = self.next_context();
                Work::Context(self.context)
            }
            82..87 => {
                let table = self.rng.next_u64() % TABLES;
                let index = self.pick(&self.indices.clone());
                self.store(table, index)
            }
            87..97 => {
                let va = self.page();
                match self.remap(va) {
                    // Some come from another agent while the walker is at it.
                    Work::Store(addr, value) if self.rng.0.is_multiple_of(6) => Work::Race(addr, value),
                    work => work,
                }
            }
            _ => match self.poisoned.take() {
                Some(frame) => Work::Poison(frame, false),
                None => {
                    let table = self.rng.next_u64() % TABLES;
                    let frame = self.frame_of(table);
                    self.poisoned = Some(frame);
                    Work::Poison(frame, true)
                }
            },
        }
    }

    /// Does `count` accesses' worth of work on `mmu`. Gives the number of the work item at which an engine reported
    /// a difference, with the item.
    pub fn run<M: Mmu>(&mut self, machine: &mut Uniprocessor<M>, count: u64) -> Result<(), (u64, Work)> {
        let mut done = 0;
        let mut items = 0;
        for work in self.populate() {
            perform(&work, machine, self.on_fault);
        }
        while done < count {
            let work = self.work();
            items += 1;
            done += perform(&work, machine, self.on_fault);
            if machine.mmu.difference().is_some() {
                return Err((items, work));
            }
        }
        Ok(())
    }
}

/// The RISC-V bits called by these letters.
fn letters(names: &str) -> u64 {
    let named = riscv::ALL.iter().filter(|bit| bit.width == 1 && names.contains(bit.name));
    named.fold(0, |entry, bit| entry | bit.mask())
}

/// Two regions of page-table memory, so that no bit of a table's frame number can be lost unnoticed.
fn regions(config: &MmuConfig, rng: &mut SplitMix64) -> [u64; 2] {
    let spec = config.spec();
    // CR3 of PAE has 32 bits.
    let address_bits = if spec.resident_root_entries > 0 { 32 } else { config.table_address_bits() };
    let bits = address_bits.min(MEMORY_LIMIT.ilog2()) - FRAME_SHIFT;
    [(); 2].map(|()| rng.next_u64() & ((1 << bits) - 1) & !((1 << TABLE_BITS) - 1))
}

fn asids(config: &MmuConfig, rng: &mut SplitMix64) -> [u16; 4] {
    let one = rng.next_u64() as u16;
    let bits = config.asid_bits.max(1);
    let bit = if rng.below(2) == 0 { bits - 1 } else { rng.below(bits) };
    let neighbour = one ^ (1 << bit);
    [0, one, neighbour, rng.next_u64() as u16].map(|asid| asid & ((1u32 << config.asid_bits) - 1) as u16)
}

/// Does one piece of work. Gives the accesses carried out.
pub fn perform<M: Mmu>(work: &Work, machine: &mut Uniprocessor<M>, on_fault: OnFault) -> u64 {
    match work {
        Work::Accesses(accesses) => {
            let mut rest = accesses.as_slice();
            while !rest.is_empty() && machine.mmu.difference().is_none() {
                let progress = machine.run(&Batch { accesses: rest, end: true, on_fault }, None);
                rest = &rest[progress.consumed..];
            }
            return accesses.len() as u64;
        }
        Work::Fence(flush) => machine.fence(flush),
        Work::Context(context) => machine.set_context(context),
        Work::Store(addr, value) => machine.write_pte(*addr, *value),
        Work::Poison(frame, poisoned) => machine.memory.set_poisoned(*frame, *poisoned),
        Work::Race(addr, value) => machine.memory.set_race(*addr, *value),
    }
    0
}
