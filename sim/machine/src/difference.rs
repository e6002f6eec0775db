//! What a person needs to see when two engines differ. Owns the report; [`crate::Lockstep`] finds the difference.

use pagewalk_arch::pte_bit::{riscv, x86};
use pagewalk_arch::{Access, Context, FormatSpec, Isa, MmuConfig, Outcome, PhysAddr, TableMemory, VirtAddr};
use std::fmt;

/// Accesses shown before the one that differs.
pub const RECENT_COUNT: usize = 16;

/// One page-table entry on the way of the access, as both engines' memories hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableEntry {
    /// Level, 0 = lowest.
    pub level: usize,
    /// Index of the entry in its table.
    pub index: u64,
    /// Where it lies.
    pub addr: PhysAddr,
    /// The value in either engine's memory.
    pub values: [u64; 2],
}

/// The first difference between two engines.
#[derive(Clone, Debug)]
pub struct Difference {
    /// What differs, in one line.
    pub what: String,
    /// Names of the engines.
    pub engines: [&'static str; 2],
    /// Number of the access in the trace, from 1.
    pub number: u64,
    /// The access, where it is one that differs.
    pub access: Option<Access>,
    /// Both answers.
    pub outcomes: [Option<Outcome>; 2],
    /// Cycle near which it happened.
    pub cycle: u64,
    /// The context at that time.
    pub context: Context,
    /// The entries that a walk of the address reads.
    pub tables: Vec<TableEntry>,
    /// What came before, oldest first: number, access, answer.
    pub recent: Vec<(u64, Access, Outcome)>,
    format: &'static FormatSpec,
}

/// A difference that is about to be reported, before the tables are read.
pub(crate) struct Finding {
    pub what: String,
    pub number: u64,
    pub access: Option<Access>,
    pub outcomes: [Option<Outcome>; 2],
    pub recent: Vec<(u64, Access, Outcome)>,
    /// The cycle in which it was found.
    pub now: u64,
}

impl Difference {
    pub(crate) fn new(
        finding: Finding,
        engines: [&'static str; 2],
        context: Context,
        config: &MmuConfig,
        memories: [&TableMemory; 2],
    ) -> Self {
        let format = config.spec();
        let tables = match finding.access {
            Some(access) => entries_of(access.va, &context, format, memories),
            None => Vec::new(),
        };
        let cycle = finding.outcomes.iter().flatten().map(|outcome| outcome.cycle).max();
        Self {
            what: finding.what,
            engines,
            number: finding.number,
            access: finding.access,
            outcomes: finding.outcomes,
            cycle: cycle.unwrap_or(finding.now),
            context,
            tables,
            recent: finding.recent,
            format,
        }
    }
}

/// What each of two engines has for `what`.
pub(crate) fn of_each(what: &str, engines: [&str; 2], a: impl fmt::Display, b: impl fmt::Display) -> String {
    let [left, right] = engines;
    format!("{what}: {left} {a}, {right} {b}")
}

/// The fields in which two answers differ, with what each engine has.
pub(crate) fn differing_fields(engines: [&str; 2], a: &Outcome, b: &Outcome) -> String {
    let fields: [(&str, String, String); 11] = [
        ("va", a.va.to_string(), b.va.to_string()),
        ("pa", a.pa.to_string(), b.pa.to_string()),
        ("fault", format!("{:?}", a.fault), format!("{:?}", b.fault)),
        ("code", a.code.to_string(), b.code.to_string()),
        ("page", format!("{:?}", a.page_size), format!("{:?}", b.page_size)),
        ("memory_type", a.memory_type.to_string(), b.memory_type.to_string()),
        ("served", format!("{:?}", a.served), format!("{:?}", b.served)),
        ("pte_reads", a.pte_reads.to_string(), b.pte_reads.to_string()),
        ("pte_writes", a.pte_writes.to_string(), b.pte_writes.to_string()),
        ("latency", a.latency.to_string(), b.latency.to_string()),
        ("cycle", a.cycle.to_string(), b.cycle.to_string()),
    ];
    let differing = fields.into_iter().filter(|(_, a, b)| a != b);
    differing.map(|(name, a, b)| of_each(name, engines, a, b)).collect::<Vec<_>>().join("; ")
}

/// The entries on the way of `va`, up to the first that is no pointer. For showing only: both engines decide for
/// themselves.
fn entries_of(
    va: VirtAddr,
    context: &Context,
    format: &FormatSpec,
    memories: [&TableMemory; 2],
) -> Vec<TableEntry> {
    let mut base = context.root;
    let mut entries = Vec::new();
    for level in (0..format.levels()).rev() {
        let index = format.index(va, level);
        let addr = PhysAddr(base.0 + index * u64::from(format.pte_bytes));
        let values = memories.map(|memory| memory.read_pte(addr));
        entries.push(TableEntry { level, index, addr, values });
        let value = values[0];
        let (present, leaf) = match format.isa {
            Isa::RiscV => (riscv::V, value & (riscv::R.mask() | riscv::X.mask()) != 0),
            Isa::X86 => (x86::P, level <= format.leaf_level_max && value & x86::PS.mask() != 0),
        };
        if value & present.mask() == 0 || leaf {
            break;
        }
        let frame_bits = format.pa_bits - pagewalk_arch::FRAME_SHIFT;
        base = PhysAddr::of_frame((value >> format.ppn_shift) & ((1 << frame_bits) - 1));
    }
    entries
}

fn line(f: &mut fmt::Formatter<'_>, format: &FormatSpec, outcome: &Outcome) -> fmt::Result {
    let verdict = if outcome.is_ok() {
        format!("{} {} type {}", outcome.pa, size(format.page_bytes(outcome.page_size)), outcome.memory_type)
    } else {
        outcome.fault.describe(format.isa, outcome.code)
    };
    write!(
        f,
        "{verdict}, by {:?}, {} reads, {} writes, {} cycles, answered in cycle {}",
        outcome.served, outcome.pte_reads, outcome.pte_writes, outcome.latency, outcome.cycle
    )
}

fn size(bytes: u64) -> String {
    let unit = bytes.trailing_zeros() / 10;
    let names = ["B", "KiB", "MiB", "GiB", "TiB"];
    format!("{} {}", bytes >> (10 * unit), names[unit as usize])
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [left, right] = self.engines;
        let width = left.len().max(right.len());
        writeln!(f, "DIFFERENCE between {left} and {right} at access {}: {}", self.number, self.what)?;
        if let Some(access) = self.access {
            let place =
                if access.line > 0 { format!(" (trace line {})", access.line) } else { String::new() };
            writeln!(
                f,
                "  access {}{place}: {:?} {} as {:?}",
                self.number, access.kind, access.va, access.privilege
            )?;
            write!(f, "  {} indices, top first:", self.format.name)?;
            for level in (0..self.format.levels()).rev() {
                write!(f, " {:#x}", self.format.index(access.va, level))?;
            }
            writeln!(f, ", offset {:#x}", access.va.page_offset())?;
        }
        write!(f, "  root {} ASID {} mode", self.context.root, self.context.asid.0)?;
        for bit in self.format.mode_bits() {
            write!(f, " {}={}", bit.name, u8::from(bit.get(&self.context.mode)))?;
        }
        writeln!(f)?;
        for entry in &self.tables {
            let [a, b] = entry.values;
            let other = if a == b { String::new() } else { format!("   but {right} has {b:#018x}") };
            writeln!(
                f,
                "  level {} entry {:#x} at {}: {a:#018x}{other}",
                entry.level, entry.index, entry.addr
            )?;
        }
        for (name, outcome) in self.engines.iter().zip(&self.outcomes) {
            write!(f, "  {name:width$}: ")?;
            match outcome {
                Some(outcome) => line(f, self.format, outcome)?,
                None => write!(f, "no answer")?,
            }
            writeln!(f)?;
        }
        if !self.recent.is_empty() {
            writeln!(f, "  before it:")?;
        }
        for (number, access, outcome) in &self.recent {
            write!(f, "    {number} {:?} {}: ", access.kind, access.va)?;
            line(f, self.format, outcome)?;
            writeln!(f)?;
        }
        Ok(())
    }
}
