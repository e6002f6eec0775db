//! The lines of one case, turned into steps. Owns the software's view of page-table memory, which `map`, `@` and `same`
//! refer to, and the context under construction.

use super::entry::{entry, plain_pointer, present};
use super::words::{modes, number, small};
use super::{Expectation, Step, Verdict};
use pagewalk_arch::{
    Access, AccessKind, Asid, Context, FaultKind, Isa, MmuConfig, Mode, PF_FETCH, PF_PRESENT, PF_RESERVED,
    PF_USER, PF_WRITE, PageSize, PhysAddr, Served, TlbFlush, VirtAddr,
};
use std::collections::BTreeMap;

/// One case under construction.
pub(super) struct Builder {
    config: MmuConfig,
    context: Context,
    context_is_set: bool,
    /// What software stored, by address.
    image: BTreeMap<u64, u64>,
    /// Where `map` puts the next table.
    next_table: u64,
    pub(super) needs_tlb: bool,
    pub(super) steps: Vec<(usize, Step)>,
}

impl Builder {
    pub(super) fn new(config: &MmuConfig, mode: Mode) -> Self {
        let context = Context { root: PhysAddr(0x1000), asid: Asid(0), mode };
        Self {
            config: *config,
            context,
            context_is_set: false,
            image: BTreeMap::new(),
            next_table: 0x2000,
            needs_tlb: false,
            steps: Vec::new(),
        }
    }

    fn step(&mut self, line: usize, step: Step) {
        self.steps.push((line, step));
    }

    /// A change of context takes effect with the first thing that could tell.
    fn settle(&mut self, line: usize) {
        if !self.context_is_set {
            self.context_is_set = true;
            self.step(line, Step::Context(self.context));
        }
    }

    pub(super) fn line(&mut self, line: usize, content: &str) -> Result<(), String> {
        let words: Vec<&str> = content.split_whitespace().collect();
        match words[..] {
            ["tlb"] => self.needs_tlb = true,
            ["root", address] => self.root(number(address)?),
            ["asid" | "pcid", identifier] => {
                self.context.asid = Asid(small(identifier)?);
                self.context_is_set = false;
            }
            ["mode", ..] => {
                let mut rest = content.split_whitespace();
                rest.next();
                self.context.mode = modes(rest)?;
                self.context_is_set = false;
            }
            ["poison", frame] => self.step(line, Step::Poison(frame_number(frame)?, true)),
            ["heal", frame] => self.step(line, Step::Poison(frame_number(frame)?, false)),
            ["map", va, "level", level, "=", ..] => {
                self.map(line, VirtAddr(number(va)?), small(level)?, &words[5..])?;
            }
            ["map", va, "=", ..] => self.map(line, VirtAddr(number(va)?), 0, &words[3..])?,
            ["load" | "store" | "fetch", ..] => self.access(line, &words)?,
            [place, "=", ..] => {
                let addr = self.place(place)?;
                let value = entry(self.config.spec(), &words[2..], self.image.get(&addr).copied())?;
                self.store(line, addr, value);
            }
            [place, "==", ..] => {
                let addr = self.place(place)?;
                let value = entry(self.config.spec(), &words[2..], self.image.get(&addr).copied())?;
                self.step(line, Step::Holds(PhysAddr(addr), value));
            }
            _ => self.fence(line, &words)?,
        }
        Ok(())
    }

    fn root(&mut self, address: u64) {
        self.context.root = PhysAddr(address);
        self.context_is_set = false;
        self.next_table = self.next_table.max((address & !0xfff) + 0x1000);
    }

    fn store(&mut self, line: usize, addr: u64, value: u64) {
        self.image.insert(addr, value);
        self.step(line, Step::Store(PhysAddr(addr), value));
    }

    /// `0x1018`, `0x1000[3]`, or `@VA:LEVEL`, the entry of that level on the way of VA.
    fn place(&self, text: &str) -> Result<u64, String> {
        let bytes = u64::from(self.config.spec().pte_bytes);
        if let Some((va, level)) = text.strip_prefix('@').and_then(|rest| rest.split_once(':')) {
            let level: usize = small(level)?;
            let way = self.way(VirtAddr(number(va)?));
            let found = way.iter().find(|(at, _)| *at == level);
            return Ok(found.ok_or_else(|| format!("`{text}`: no table of that level was stored"))?.1);
        }
        let addr = match text.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
            Some((table, index)) => {
                let index = number(index)?;
                if index >= 4096 / bytes {
                    return Err(format!("index {index} is beyond the table's end"));
                }
                number(table)? + index * bytes
            }
            None => number(text)?,
        };
        if addr % bytes != 0 {
            return Err(format!("{addr:#x} is no place of a {bytes}-byte entry"));
        }
        Ok(addr)
    }

    /// Level and address of every entry that software's tables have on the way of `va`, top first.
    fn way(&self, va: VirtAddr) -> Vec<(usize, u64)> {
        let spec = self.config.spec();
        let mut table = self.context.root.0;
        let mut way = Vec::new();
        for level in (0..spec.levels()).rev() {
            let addr = table + spec.index(va, level) * u64::from(spec.pte_bytes);
            way.push((level, addr));
            match self.image.get(&addr) {
                Some(value) if value & present(spec) != 0 => {
                    let frame = value >> spec.ppn_shift & ((1 << (spec.pa_bits - 12)) - 1);
                    table = frame << 12;
                }
                _ => break,
            }
        }
        way
    }

    /// Stores an entry for `va` at `level`, and plain pointers above where nothing stands yet.
    fn map(&mut self, line: usize, va: VirtAddr, level: usize, words: &[&str]) -> Result<(), String> {
        let spec = self.config.spec();
        if level >= spec.levels() {
            return Err(format!("{} has no level {level}", spec.name));
        }
        loop {
            let way = self.way(va);
            let &(reached, end) = way.last().expect("the root table has an entry for every address");
            if let Some(&(_, addr)) = way.iter().find(|(at, _)| *at == level) {
                let value = entry(spec, words, self.image.get(&addr).copied())?;
                self.store(line, addr, value);
                return Ok(());
            }
            let table = PhysAddr(self.next_table);
            self.next_table += 0x1000;
            self.store(line, end, plain_pointer(spec, reached, table));
        }
    }

    /// `load u 0x1234 -> ok 0x80000234 4KiB type 0 walk reads 3 writes 0 latency 31`.
    fn access(&mut self, line: usize, words: &[&str]) -> Result<(), String> {
        let &[kind, privilege, va, "->", verdict, ref rest @ ..] = words else {
            return Err("write `load|store|fetch u|s ADDRESS -> ANSWER`".to_owned());
        };
        let kind = match kind {
            "fetch" => AccessKind::Fetch,
            "load" => AccessKind::Load,
            _ => AccessKind::Store,
        };
        let va = number(va)?;
        let access = match privilege {
            "u" => Access::user(va, kind),
            "s" => Access::supervisor(va, kind),
            _ => return Err(format!("`{privilege}`: accesses are made as u (user) or s (supervisor)")),
        };
        let mut rest = rest.iter().copied().peekable();
        let verdict = self.verdict(verdict, &mut rest)?;
        let mut expectation =
            Expectation { verdict, reads: None, writes: 0, served: None, latency_cycles: None };
        while let Some(word) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("`{word}` needs a value"));
            match word {
                "type" => match &mut expectation.verdict {
                    Verdict::Translated { memory_type, .. } => *memory_type = small(value()?)?,
                    Verdict::Fault { .. } => return Err("a fault has no memory type".to_owned()),
                },
                "reads" => expectation.reads = Some(small(value()?)?),
                "writes" => expectation.writes = small(value()?)?,
                "latency" => expectation.latency_cycles = Some(small(value()?)?),
                "hit" => expectation.served = Some(Served::L1),
                "walk" => expectation.served = Some(Served::Walk),
                _ => return Err(format!("`{word}` says nothing of an answer")),
            }
        }
        self.settle(line);
        self.step(line, Step::Access(access, expectation));
        Ok(())
    }

    fn verdict<'w>(
        &self,
        word: &str,
        rest: &mut std::iter::Peekable<impl Iterator<Item = &'w str>>,
    ) -> Result<Verdict, String> {
        let spec = self.config.spec();
        let mut code = |kind| {
            let code = rest.next().ok_or("the cause is missing")?;
            Ok::<_, String>(Verdict::Fault { kind, code: small(code)? })
        };
        match (spec.isa, word) {
            (Isa::RiscV, "page-fault") => code(FaultKind::Page),
            (Isa::RiscV, "access-fault") => code(FaultKind::Access),
            (Isa::X86, "bus-error") => Ok(Verdict::Fault { kind: FaultKind::Access, code: 0 }),
            (Isa::X86, "#GP") => Ok(Verdict::Fault { kind: FaultKind::GeneralProtection, code: 0 }),
            (Isa::X86, "#PF") => {
                let mut code = 0;
                while let Some(bit) = rest.peek().and_then(|word| error_code_bit(word)) {
                    code |= bit;
                    rest.next();
                }
                Ok(Verdict::Fault { kind: FaultKind::Page, code })
            }
            (_, "ok") => {
                let pa = PhysAddr(number(rest.next().ok_or("the physical address is missing")?)?);
                let mut page = PageSize::Level0;
                if let Some(found) = rest.peek().and_then(|word| self.page_size(word)) {
                    page = found;
                    rest.next();
                }
                Ok(Verdict::Translated { pa, page, memory_type: 0 })
            }
            _ => Err(format!("`{word}` is no answer of {}", spec.name)),
        }
    }

    fn page_size(&self, text: &str) -> Option<PageSize> {
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
        let bytes = units.iter().find_map(|(unit, shift)| {
            let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
            count.checked_shl(*shift)
        })?;
        let spec = self.config.spec();
        let pages = (0..=spec.leaf_level_max).filter_map(|level| PageSize::from_code(level as u8));
        let napot = spec.has_pbmt_and_napot.then_some(PageSize::Napot64K);
        pages.chain(napot).find(|&page| spec.page_bytes(page) == bytes)
    }

    /// The instructions that drop translations, under their manuals' names.
    fn fence(&mut self, line: usize, words: &[&str]) -> Result<(), String> {
        let va = |text: &str| Ok::<_, String>(VirtAddr(number(text)?));
        let asid = |text: &str| Ok::<_, String>(Asid(small(text)?));
        let flush = match (self.config.spec().isa, words) {
            (Isa::RiscV, ["sfence.vma", address, identifier]) => {
                let address = if *address == "x0" { None } else { Some(va(address)?) };
                let identifier = if *identifier == "x0" { None } else { Some(asid(identifier)?) };
                TlbFlush::sfence_vma(address, identifier)
            }
            (Isa::X86, ["invlpg", address]) => TlbFlush::invlpg(va(address)?, self.context.asid),
            (Isa::X86, ["invpcid", "0", pcid, address]) => {
                TlbFlush::invpcid_address(va(address)?, asid(pcid)?)
            }
            (Isa::X86, ["invpcid", "1", pcid]) => TlbFlush::address_space(asid(pcid)?),
            (Isa::X86, ["invpcid", "2"]) => TlbFlush::ALL,
            (Isa::X86, ["invpcid", "3"]) => TlbFlush::ALL_BUT_GLOBAL,
            (Isa::X86, ["mov-cr3", root]) => {
                self.root(number(root)?);
                TlbFlush::ALL_BUT_GLOBAL
            }
            (Isa::X86, ["mov-cr3", root, "pcid", pcid]) => {
                self.root(number(root)?);
                self.context.asid = asid(pcid)?;
                TlbFlush::address_space(self.context.asid)
            }
            _ => return Err(format!("`{}` is no line of a case", words.join(" "))),
        };
        self.settle(line);
        self.step(line, Step::Fence(flush));
        Ok(())
    }
}

fn error_code_bit(word: &str) -> Option<u8> {
    Some(match word {
        "P" => PF_PRESENT,
        "W" => PF_WRITE,
        "U" => PF_USER,
        "RSVD" => PF_RESERVED,
        "ID" => PF_FETCH,
        _ => return None,
    })
}

fn frame_number(address: &str) -> Result<u64, String> {
    let address = number(address)?;
    if address & 0xfff != 0 {
        return Err(format!("{address:#x} is no address of a frame"));
    }
    Ok(address >> 12)
}
