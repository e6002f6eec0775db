//! A machine as its software sees it: page-table memory, and CPUs with an MMU each.
//!
//! Owns which CPU is meant, and that software's stores reach every memory. Does not own what runs on a CPU,
//! nor when: a [`Platform`] carries out one thing at a time, so that how CPUs take turns is the caller's to say.

use crate::{
    Batch, Context, FormatSpec, Mmu, MmuStats, Outcome, PhysAddr, Progress, PteWrite, TableMemory, TlbFlush,
};

/// Number of a CPU, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuId(pub usize);

impl CpuId {
    /// The CPU that a machine starts on, and the only one that every machine has.
    pub const BOOT: CpuId = CpuId(0);
}

/// The page-table memory of a machine: one [`TableMemory`] for each engine, two in lockstep. What software stores,
/// reaches all; what it loads comes from the first, which equals the others as long as the engines agree.
#[derive(Clone, Debug)]
pub struct MachineMemory {
    memories: Vec<TableMemory>,
}

impl MachineMemory {
    /// `count` empty memories for tables of the format of `spec`, that answer below `limit` bytes.
    ///
    /// # Panics
    /// With a count of 0.
    pub fn new(count: usize, spec: &FormatSpec, limit: u64) -> Self {
        assert!(count > 0, "a machine has page-table memory");
        Self { memories: vec![TableMemory::new(spec, limit); count] }
    }

    /// The memories, in the order of the engines.
    pub fn memories(&self) -> &[TableMemory] {
        &self.memories
    }
    /// The memories, as an [`Mmu`] takes them.
    pub fn memories_mut(&mut self) -> &mut [TableMemory] {
        &mut self.memories
    }

    /// An entry, A and D bits included; 0 where nothing answers.
    pub fn read_pte(&self, addr: PhysAddr) -> u64 {
        self.memories[0].read_pte(addr)
    }
    /// A store of software into page tables. Lost where nothing answers.
    pub fn write_pte(&mut self, addr: PhysAddr, value: u64) {
        self.memories.iter_mut().for_each(|memory| memory.write_pte(addr, value));
    }
    /// Makes a frame answer with bus errors, or heals it.
    pub fn set_poisoned(&mut self, frame: u64, poisoned: bool) {
        self.memories.iter_mut().for_each(|memory| memory.set_poisoned(frame, poisoned));
    }
    /// Lets another agent store `value` at `addr` right before a walker's next compare-and-swap there, which then
    /// fails unless the value is the expected one. One such store at a time; it is no write of a walker.
    pub fn set_race(&mut self, addr: PhysAddr, value: u64) {
        self.memories.iter_mut().for_each(|memory| memory.set_race(addr, value));
    }
}

/// What an operating system runs on.
///
/// # Panics
/// Every method panics for a CPU that the machine does not have.
pub trait Platform {
    /// CPUs, numbered from 0.
    fn cpus(&self) -> usize;
    /// A load of software from page tables: [`MachineMemory::read_pte`].
    fn read_pte(&self, addr: PhysAddr) -> u64;
    /// A store of software into page tables: [`MachineMemory::write_pte`].
    fn write_pte(&mut self, addr: PhysAddr, value: u64);
    /// [`Mmu::set_context`] on `cpu`.
    fn set_context(&mut self, cpu: CpuId, context: &Context);
    /// [`Mmu::fence`] on `cpu`.
    fn fence(&mut self, cpu: CpuId, flush: &TlbFlush);
    /// [`Mmu::run`] on `cpu`.
    fn run(&mut self, cpu: CpuId, batch: &Batch<'_>, outcomes: Option<&mut Vec<Outcome>>) -> Progress;
    /// The counters of `cpu`.
    fn stats(&self, cpu: CpuId) -> MmuStats;
    /// [`Mmu::take_pte_writes`] of `cpu`.
    fn take_pte_writes(&mut self, cpu: CpuId, log: &mut Vec<PteWrite>);
    /// The first difference of any CPU. After it, nothing is consumed on that CPU.
    fn difference(&self) -> Option<&str>;
}

/// The machine of one CPU: an MMU and the memory that it works on.
#[derive(Clone, Debug)]
pub struct Uniprocessor<M> {
    /// The MMU of the one CPU.
    pub mmu: M,
    /// Page-table memory.
    pub memory: MachineMemory,
}

impl<M: Mmu> Uniprocessor<M> {
    /// A machine around `mmu`, with empty page-table memory below `limit` bytes.
    pub fn new(mmu: M, limit: u64) -> Self {
        let memory = MachineMemory::new(mmu.memories(), mmu.config().spec(), limit);
        Self { mmu, memory }
    }

    /// [`Mmu::set_context`].
    pub fn set_context(&mut self, context: &Context) {
        self.mmu.set_context(self.memory.memories(), context);
    }
    /// [`Mmu::fence`].
    pub fn fence(&mut self, flush: &TlbFlush) {
        self.mmu.fence(self.memory.memories_mut(), flush);
    }
    /// [`MachineMemory::read_pte`].
    pub fn read_pte(&self, addr: PhysAddr) -> u64 {
        self.memory.read_pte(addr)
    }
    /// [`MachineMemory::write_pte`].
    pub fn write_pte(&mut self, addr: PhysAddr, value: u64) {
        self.memory.write_pte(addr, value);
    }
    /// [`Mmu::run`].
    pub fn run(&mut self, batch: &Batch<'_>, outcomes: Option<&mut Vec<Outcome>>) -> Progress {
        self.mmu.run(self.memory.memories_mut(), batch, outcomes)
    }
}

impl<M: Mmu> Platform for Uniprocessor<M> {
    fn cpus(&self) -> usize {
        1
    }
    fn read_pte(&self, addr: PhysAddr) -> u64 {
        self.memory.read_pte(addr)
    }
    fn write_pte(&mut self, addr: PhysAddr, value: u64) {
        self.memory.write_pte(addr, value);
    }
    fn set_context(&mut self, cpu: CpuId, context: &Context) {
        assert_eq!(cpu, CpuId::BOOT);
        self.set_context(context);
    }
    fn fence(&mut self, cpu: CpuId, flush: &TlbFlush) {
        assert_eq!(cpu, CpuId::BOOT);
        self.fence(flush);
    }
    fn run(&mut self, cpu: CpuId, batch: &Batch<'_>, outcomes: Option<&mut Vec<Outcome>>) -> Progress {
        assert_eq!(cpu, CpuId::BOOT);
        self.run(batch, outcomes)
    }
    fn stats(&self, cpu: CpuId) -> MmuStats {
        assert_eq!(cpu, CpuId::BOOT);
        self.mmu.stats()
    }
    fn take_pte_writes(&mut self, cpu: CpuId, log: &mut Vec<PteWrite>) {
        assert_eq!(cpu, CpuId::BOOT);
        self.mmu.take_pte_writes(log);
    }
    fn difference(&self) -> Option<&str> {
        self.mmu.difference()
    }
}

/// A machine of several CPUs: an MMU each, and the memory that they share.
#[derive(Clone, Debug)]
pub struct Multiprocessor<M> {
    mmus: Vec<M>,
    memory: MachineMemory,
}

impl<M: Mmu> Multiprocessor<M> {
    /// A machine of the CPUs `mmus`, with empty page-table memory below `limit` bytes.
    ///
    /// # Panics
    /// Without an MMU, or where two of them walk tables of different formats or work on different numbers of memories.
    pub fn new(mmus: Vec<M>, limit: u64) -> Self {
        let first = mmus.first().expect("a machine has a CPU");
        let (format, memories) = (first.config().format, first.memories());
        assert!(mmus.iter().all(|mmu| mmu.config().format == format && mmu.memories() == memories));
        let memory = MachineMemory::new(memories, format.spec(), limit);
        Self { mmus, memory }
    }

    /// The MMU of `cpu`.
    pub fn mmu(&self, cpu: CpuId) -> &M {
        &self.mmus[cpu.0]
    }
}

impl<M: Mmu> Platform for Multiprocessor<M> {
    fn cpus(&self) -> usize {
        self.mmus.len()
    }
    fn read_pte(&self, addr: PhysAddr) -> u64 {
        self.memory.read_pte(addr)
    }
    fn write_pte(&mut self, addr: PhysAddr, value: u64) {
        self.memory.write_pte(addr, value);
    }
    fn set_context(&mut self, cpu: CpuId, context: &Context) {
        self.mmus[cpu.0].set_context(self.memory.memories(), context);
    }
    fn fence(&mut self, cpu: CpuId, flush: &TlbFlush) {
        self.mmus[cpu.0].fence(self.memory.memories_mut(), flush);
    }
    fn run(&mut self, cpu: CpuId, batch: &Batch<'_>, outcomes: Option<&mut Vec<Outcome>>) -> Progress {
        self.mmus[cpu.0].run(self.memory.memories_mut(), batch, outcomes)
    }
    fn stats(&self, cpu: CpuId) -> MmuStats {
        self.mmus[cpu.0].stats()
    }
    fn take_pte_writes(&mut self, cpu: CpuId, log: &mut Vec<PteWrite>) {
        self.mmus[cpu.0].take_pte_writes(log);
    }
    fn difference(&self) -> Option<&str> {
        self.mmus.iter().find_map(Mmu::difference)
    }
}
