//! The walk, in the manuals' own steps: what every page table means, one access at a time, with no TLB and no clock.
//!
//! Owns the descent through the levels and the record of it ([`Step`]); what one entry means is said by `riscv` and
//! `x86`, each to be read beside its manual: RISC-V Privileged Architecture 20240411, "Virtual Address Translation
//! Process"; Intel SDM volume 3A, 4.3 to 4.7. Geometry comes from the table of formats, so no code here knows a
//! format by name. Does not own who asks, what an answer costs in cycles, or where it is kept.

mod explain;
mod refusal;
mod riscv;
mod x86;

pub use explain::Explanation;
pub use refusal::{Fault, Refusal};

use crate::rights::Rights;
use pagewalk_arch::{
    Access, BusError, Context, FRAME_SHIFT, FormatSpec, Isa, MmuConfig, Mode, PageSize, PhysAddr, PteBit,
    PteMemory, VirtAddr,
};

/// A set of the low `count` bits of a word, `count` ≤ 64.
pub(crate) const fn low_bits(count: u32) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

/// Every one of `bits`.
const fn mask_of(bits: &[PteBit]) -> u64 {
    let (mut mask, mut rest) = (0, bits);
    while let [bit, others @ ..] = rest {
        mask |= bit.mask();
        rest = others;
    }
    mask
}

/// The size of a page that a leaf at `level` maps by itself.
fn page_size(level: usize) -> PageSize {
    PageSize::from_code(level as u8).expect("no format has more than five levels")
}

/// The page tables of one context: where they begin and by which rules they are read.
#[derive(Clone, Debug)]
pub struct PageTables {
    spec: &'static FormatSpec,
    physical_bits: u32,
    mode: Mode,
    root: PhysAddr,
    /// PAE: the PDPTEs as loaded with the root.
    resident: [u64; 4],
}

/// The page that a walk ends at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its size.
    pub page: PageSize,
    /// The 4 KiB frame within it that holds the accessed address.
    pub frame: u64,
    /// What it allows; on x86 of all levels together.
    pub rights: Rights,
    /// Its D bit.
    pub dirty: bool,
    /// Whether its translation belongs to every address space.
    pub global: bool,
    /// RISC-V: PBMT. x86: 4·PAT + 2·PCD + PWT.
    pub memory_type: u8,
}

impl Leaf {
    /// Where `va` lies in memory.
    pub fn translate(&self, va: VirtAddr) -> PhysAddr {
        PhysAddr(PhysAddr::of_frame(self.frame).0 | va.page_offset())
    }
}

/// How a page-table entry came to the walker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// It was loaded with the root register: no access to memory.
    Resident,
    /// A read.
    Read,
    /// A compare-and-swap, which answers with what memory holds afterwards.
    Swap {
        /// The value that the walker had seen.
        expected: u64,
        /// The value that it wants there.
        new: u64,
    },
}

/// What an entry means to the access that is being translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The next table stands here.
    Pointer {
        /// Its first byte.
        table: PhysAddr,
    },
    /// A (and D) must be set before this entry may be used.
    Update {
        /// The entry with the bits set.
        new: u64,
    },
    /// The translation.
    Leaf(Leaf),
    /// The walk ends in a fault.
    Refused(Refusal),
}

/// One entry looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Level of the table, 0 = lowest.
    pub level: usize,
    /// Where the entry stands.
    pub address: PhysAddr,
    /// How it was got.
    pub transaction: Transaction,
    /// Its value.
    pub answer: Result<u64, BusError>,
    /// What follows from it.
    pub meaning: Meaning,
}

/// What the levels above have contributed so far.
#[derive(Clone, Copy)]
struct Inherited {
    /// x86: rights shrink on the way down. RISC-V takes them from the leaf alone.
    rights: Rights,
    /// RISC-V: G of a pointer covers everything below. x86 takes it from the leaf alone.
    global: bool,
}

impl PageTables {
    /// The tables that `context` names. PAE: loads the PDPTEs from `memory`, absent where nothing answers.
    pub fn new(config: &MmuConfig, context: &Context, memory: &impl PteMemory) -> Self {
        let spec = config.spec();
        let mut resident = [0; 4];
        let root = if spec.resident_root_entries > 0 {
            let base = context.root.0 & !(spec.resident_root_entries as u64 * u64::from(spec.pte_bytes) - 1);
            for (index, entry) in resident.iter_mut().enumerate().take(spec.resident_root_entries) {
                let address = base.wrapping_add(index as u64 * u64::from(spec.pte_bytes));
                *entry = memory.read(PhysAddr(address), spec.pte_bytes).unwrap_or(0);
            }
            base
        } else {
            context.root.0 & low_bits(config.table_address_bits()) & !low_bits(FRAME_SHIFT)
        };
        let physical_bits = config.physical_bits;
        Self { spec, physical_bits, mode: context.mode, root: PhysAddr(root), resident }
    }

    /// First byte of the root table.
    pub fn root(&self) -> PhysAddr {
        self.root
    }
    /// The format's row of the table.
    pub fn spec(&self) -> &'static FormatSpec {
        self.spec
    }
    /// The mode bits.
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// Translates one access, setting A and D bits in `memory` as the mode demands. `on_step` sees every entry in
    /// the order of the walk, a swap's answer as a step of its own.
    pub fn walk<M: PteMemory + ?Sized>(
        &self,
        access: &Access,
        memory: &mut M,
        mut on_step: impl FnMut(&Step),
    ) -> Result<Leaf, Fault> {
        // RISC-V step 1: a ← satp.ppn × PAGESIZE, i ← LEVELS − 1. An address whose upper bits are not all equal
        // fails before any read (W-3), on x86 (SDM vol. 1, 3.3.7.1) as well.
        if !self.spec.is_canonical(access.va) {
            return Err(self.fault(access, Refusal::NotCanonical));
        }
        let mut inherited = Inherited { rights: Rights::ALL, global: false };
        let mut table = self.root;
        let mut level = self.spec.levels();

        if self.spec.resident_root_entries > 0 {
            level -= 1;
            let index = self.spec.index(access.va, level) as usize;
            let value = self.resident[index];
            let meaning = x86::judge_resident(self, value);
            on_step(&Step {
                level,
                address: PhysAddr(self.root.0.wrapping_add(index as u64 * u64::from(self.spec.pte_bytes))),
                transaction: Transaction::Resident,
                answer: Ok(value),
                meaning,
            });
            match meaning {
                Meaning::Pointer { table: next } => table = next,
                Meaning::Refused(refusal) => return Err(self.fault(access, refusal)),
                Meaning::Update { .. } | Meaning::Leaf(_) => {
                    unreachable!("a PDPTE of PAE is a pointer or refused")
                }
            }
        }

        loop {
            // RISC-V step 2: pte ← the value at address a + va.vpn[i] × PTESIZE.
            level -= 1;
            let index = self.spec.index(access.va, level);
            let address = PhysAddr(table.0 + index * u64::from(self.spec.pte_bytes));
            let mut transaction = Transaction::Read;
            let mut answer = memory.read(address, self.spec.pte_bytes);
            table = loop {
                let meaning = match answer {
                    Ok(pte) => self.judge(access, level, pte, &mut inherited),
                    Err(_) => Meaning::Refused(Refusal::NoAnswer),
                };
                on_step(&Step { level, address, transaction, answer, meaning });
                match (meaning, answer) {
                    (Meaning::Pointer { table }, _) => break table,
                    (Meaning::Leaf(leaf), _) => return Ok(leaf),
                    // W-1. RISC-V step 7, SDM 4.8: compare with the value seen, set the bits, and take the step anew
                    // with what memory then holds.
                    (Meaning::Update { new }, Ok(expected)) => {
                        transaction = Transaction::Swap { expected, new };
                        answer = memory.compare_exchange(address, self.spec.pte_bytes, expected, new);
                    }
                    (Meaning::Refused(refusal), _) => return Err(self.fault(access, refusal)),
                    (Meaning::Update { .. }, Err(_)) => {
                        unreachable!("no update of an entry that was not read")
                    }
                }
            };
        }
    }

    #[inline]
    fn judge(&self, access: &Access, level: usize, pte: u64, inherited: &mut Inherited) -> Meaning {
        match self.spec.isa {
            Isa::RiscV => riscv::judge(self, access, level, pte, inherited),
            Isa::X86 => x86::judge(self, access, level, pte, inherited),
        }
    }

    /// Bits of the 4 KiB page number below the index of `level`: those that a leaf there takes from the address.
    fn page_bits_below(&self, level: usize) -> u64 {
        low_bits(self.spec.level_shift(level) - FRAME_SHIFT)
    }
    /// Implemented bits of a frame number.
    fn frame_mask(&self) -> u64 {
        low_bits(self.physical_bits - FRAME_SHIFT)
    }
}
