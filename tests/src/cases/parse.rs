//! The text of conformance cases, as `tests/cases/README.md` describes it. Owns the grammar, the software's view of
//! page-table memory (needed for `map`, `@` and `same`), and line-numbered errors.

use super::entry::{entry, plain_pointer};
use super::{Case, CaseError, Expectation, Step, Verdict};
use pagewalk_arch::{
    Access, AccessKind, Asid, Context, FaultKind, Isa, MmuConfig, Mode, PF_FETCH, PF_PRESENT, PF_RESERVED,
    PF_USER, PF_WRITE, PageSize, PagingFormat, PhysAddr, Preset, Served, TlbFlush, VirtAddr,
};
use std::collections::BTreeMap;
use std::str::SplitWhitespace;

/// A number in hexadecimal (`0x`) or decimal, `_` between digits allowed.
pub(super) fn number(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let parsed = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is no number: write 0x1f or 31"))
}

fn small<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    T::try_from(number(text)?).map_err(|_| format!("{text} is too large"))
}

/// The cases of one text.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Case>, CaseError> {
    let error = |(line, problem)| CaseError::Line { file: file.to_owned(), line, problem };
    let mut configs: Vec<MmuConfig> = Vec::new();
    let mut mode = Mode::default();
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for (at, raw) in text.lines().enumerate() {
        let line = at + 1;
        let content = without_comment(raw).trim();
        let mut words = content.split_whitespace();
        let wrong = |problem| error((line, problem));
        match words.next() {
            None => {}
            Some("format") => {
                configs = section(words).map_err(wrong)?;
                mode = Mode::default();
                blocks.push(Block { configs: configs.clone(), mode, lines: Vec::new() });
            }
            Some(_) if configs.is_empty() => {
                return Err(wrong("a file begins with `format NAME`".to_owned()));
            }
            Some("case") => {
                blocks.push(Block { configs: configs.clone(), mode, lines: vec![(line, content)] });
            }
            Some("mode") if blocks.last().is_some_and(|block| block.lines.is_empty()) => {
                mode = modes(words).map_err(wrong)?;
            }
            Some(_) => match blocks.last_mut() {
                Some(block) if !block.lines.is_empty() => block.lines.push((line, content)),
                _ => {
                    return Err(wrong(
                        "before the first `case` only `format` and `mode` may stand".to_owned(),
                    ));
                }
            },
        }
    }
    let mut cases = Vec::new();
    for block in blocks.iter().filter(|block| !block.lines.is_empty()) {
        block.expand(&mut cases).map_err(error)?;
    }
    Ok(cases)
}

/// A comment begins with `#` and a blank, so that it is told apart from `#PF` and `#GP`.
fn without_comment(line: &str) -> &str {
    let is_comment = |&(at, _): &(usize, &str)| line[at + 1..].chars().next().is_none_or(char::is_whitespace);
    line.match_indices('#').find(is_comment).map_or(line, |(at, _)| &line[..at])
}

/// `format sv39 sv48 preset wide physical-bits 36 asid-bits 7`.
fn section(mut words: SplitWhitespace<'_>) -> Result<Vec<MmuConfig>, String> {
    let mut formats: Vec<PagingFormat> = Vec::new();
    let (mut preset, mut physical_bits, mut asid_bits) = (Preset::ALL[0], None, None);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value"));
        match word {
            "preset" => {
                let name = value()?;
                preset = Preset::named(name).ok_or_else(|| format!("no preset is called `{name}`"))?;
            }
            "physical-bits" => physical_bits = Some(small(value()?)?),
            "asid-bits" => asid_bits = Some(small(value()?)?),
            name => {
                formats.push(name.parse().map_err(|error: pagewalk_arch::UnknownFormat| error.to_string())?);
            }
        }
    }
    let config = |format| {
        let mut config = preset.config(format);
        config.physical_bits = physical_bits.unwrap_or(config.physical_bits);
        config.asid_bits = asid_bits.unwrap_or(config.asid_bits);
        config.validate().map_err(|error| error.to_string())?;
        Ok(config)
    };
    if formats.is_empty() {
        return Err("name at least one page-table format".to_owned());
    }
    formats.into_iter().map(config).collect()
}

/// The mode in which exactly the named bits are set.
fn modes(words: SplitWhitespace<'_>) -> Result<Mode, String> {
    let mut mode = Mode::default();
    for word in words {
        let bit = match word {
            "sum" => &mut mode.sum,
            "mxr" => &mut mode.mxr,
            "adue" => &mut mode.adue,
            "svnapot" => &mut mode.svnapot,
            "pbmte" => &mut mode.pbmte,
            "wp" => &mut mode.wp,
            "nxe" => &mut mode.nxe,
            "pse" => &mut mode.pse,
            "pge" => &mut mode.pge,
            "smep" => &mut mode.smep,
            "smap" => &mut mode.smap,
            "ac" => &mut mode.ac,
            "none" => continue,
            _ => return Err(format!("`{word}` is no mode bit")),
        };
        *bit = true;
    }
    Ok(mode)
}

/// One case as text, with what its section says.
struct Block<'a> {
    configs: Vec<MmuConfig>,
    mode: Mode,
    lines: Vec<(usize, &'a str)>,
}

type LineError = (usize, String);

impl Block<'_> {
    /// All its variants: one for each format and each combination of the values of its `for` lines.
    fn expand(&self, cases: &mut Vec<Case>) -> Result<(), LineError> {
        let mut variants: Vec<Vec<(&str, String)>> = vec![Vec::new()];
        for &(line, content) in &self.lines {
            let Some(rest) = content.strip_prefix("for ") else { continue };
            let (name, values) = loop_values(rest).map_err(|problem| (line, problem))?;
            variants = variants
                .iter()
                .flat_map(|variant| {
                    values.iter().map(move |value| [&variant[..], &[(name, value.clone())]].concat())
                })
                .collect();
        }
        for config in &self.configs {
            for variant in &variants {
                cases.push(self.variant(config, variant)?);
            }
        }
        Ok(())
    }

    fn variant(&self, config: &MmuConfig, variant: &[(&str, String)]) -> Result<Case, LineError> {
        let mut builder = Builder::new(config, self.mode);
        let mut heading = (String::new(), String::new());
        for &(line, content) in &self.lines {
            let mut content = content.to_owned();
            for (name, value) in variant {
                content = content.replace(&format!("{{{name}}}"), value);
            }
            let wrong = |problem| (line, problem);
            if let Some(rest) = content.strip_prefix("case") {
                let (rule, title) = rest
                    .trim()
                    .split_once(' ')
                    .ok_or_else(|| wrong("write `case RULE what it shows`".to_owned()))?;
                heading = (rule.to_owned(), title.trim().to_owned());
            } else if !content.starts_with("for ") {
                if content.contains(['{', '}']) {
                    return Err(wrong("a name in braces that no `for` of this case gives".to_owned()));
                }
                builder.line(line, &content).map_err(wrong)?;
            }
        }
        let (rule, title) = heading;
        if !builder.steps.iter().any(|(_, step)| matches!(step, Step::Access(..) | Step::Holds(..))) {
            return Err((self.lines[0].0, "the case checks nothing".to_owned()));
        }
        Ok(Case { rule, title, needs_tlb: builder.needs_tlb, config: *config, steps: builder.steps })
    }
}

/// `NAME in VALUE VALUE FROM..TO`; a range of decimal numbers includes both ends.
fn loop_values(text: &str) -> Result<(&str, Vec<String>), String> {
    let (name, list) = text.split_once(" in ").ok_or("write `for NAME in VALUES`")?;
    let mut values = Vec::new();
    for word in list.split_whitespace() {
        match word.split_once("..") {
            Some((from, to)) => {
                let (from, to) = (number(from)?, number(to)?);
                if from > to || to - from > 64 {
                    return Err(format!("{word} is no range of at most 65 numbers"));
                }
                values.extend((from..=to).map(|value| value.to_string()));
            }
            None => values.push(word.to_owned()),
        }
    }
    Ok((name.trim(), values))
}

/// One case under construction.
struct Builder {
    config: MmuConfig,
    context: Context,
    context_is_set: bool,
    /// What software stored, by address.
    image: BTreeMap<u64, u64>,
    /// Where `map` puts the next table.
    next_table: u64,
    needs_tlb: bool,
    steps: Vec<(usize, Step)>,
}

impl Builder {
    fn new(config: &MmuConfig, mode: Mode) -> Self {
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

    fn line(&mut self, line: usize, content: &str) -> Result<(), String> {
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
                Some(value) if value & 1 != 0 => {
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
            let &(reached, addr) =
                self.way(va).last().expect("the root table has an entry for every address");
            let way = self.way(va);
            if let Some(&(_, addr)) = way.iter().find(|(at, _)| *at == level) {
                let value = entry(spec, words, self.image.get(&addr).copied())?;
                self.store(line, addr, value);
                return Ok(());
            }
            let table = PhysAddr(self.next_table);
            self.next_table += 0x1000;
            self.store(line, addr, plain_pointer(spec, reached, table));
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
