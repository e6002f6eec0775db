//! hdl/CONTRACT.md as a document: its diagrams are drawn from their sources and show what the hardware does, its rules have
//! a number each, every number that is cited exists, and every rule is cited by a test or accounted for.
//!
//! Owns no rule: whether engines follow them is the business of the tests that cite them. `PAGEWALK_BLESS=1` redraws the
//! diagrams' texts.

use pagewalk_arch::{
    Access, AccessKind, Batch, Context, IssueOrder, L1Config, MemoryTiming, Mmu, MmuConfig, Mode, OnFault,
    PagingFormat, PhysAddr, Replacement, Structure, TlbFlush, Uniprocessor, VirtAddr,
};
use pagewalk_driver::{Driver, Pins, PinsError, RustHdlPins};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use AccessKind::{Fetch, Load, Store};

const CONTRACT: &str = "hdl/CONTRACT.md";
/// The section whose table accounts for the rules that no test cites.
const UNCITED: &str = "## Rules without a citing test";
/// Longest line, in characters.
const COLUMNS_MAX: usize = 120;
/// The letters of the sections.
const SECTIONS: &str = "PLWETFD";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a lane shows in one cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Nothing,
    Low,
    High,
    /// The first cycle of a labelled span.
    Begins(String),
    Goes,
}

struct Lane {
    name: String,
    cycles: Vec<State>,
}

/// A diagram's source.
struct Diagram {
    name: String,
    first_cycle: u64,
    lanes: Vec<Lane>,
}

impl Diagram {
    /// Reads WaveJSON with one period per cycle, lanes of `0`, `1`, `x`, `=` and `.`.
    fn read(source: &str) -> Result<Self, String> {
        let json: serde_json::Value = serde_json::from_str(source).map_err(|error| error.to_string())?;
        let word = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let name = word(&json["head"]["text"]).ok_or("no head.text")?;
        let first_cycle = json["head"]["tick"].as_u64().ok_or(format!("{name}: no head.tick"))?;
        let mut lanes = Vec::new();
        for signal in json["signal"].as_array().ok_or(format!("{name}: no signal"))? {
            let lane = word(&signal["name"]).ok_or(format!("{name}: a lane without a name"))?;
            let wave = word(&signal["wave"]).ok_or(format!("{name}: {lane} has no wave"))?;
            let mut labels = signal["data"].as_array().into_iter().flatten().map(word);
            let mut cycles: Vec<State> = Vec::new();
            for sign in wave.chars() {
                let state = match (sign, cycles.last()) {
                    ('0', _) => State::Low,
                    ('1', _) => State::High,
                    ('x', _) => State::Nothing,
                    ('=', _) => State::Begins(labels.next().flatten().ok_or("a span without a label")?),
                    ('.', Some(State::Begins(_))) => State::Goes,
                    ('.', Some(last)) => last.clone(),
                    _ => return Err(format!("{name}: {lane} has `{sign}` in its wave")),
                };
                cycles.push(state);
            }
            lanes.push(Lane { name: lane, cycles });
        }
        let cycle_count = lanes.first().map_or(0, |lane| lane.cycles.len());
        match lanes.iter().find(|lane| lane.cycles.len() != cycle_count) {
            Some(odd) => Err(format!("{name}: {} has another number of cycles", odd.name)),
            None => Ok(Self { name, first_cycle, lanes }),
        }
    }

    /// Characters per cycle: the narrowest that every label and cycle number fits.
    fn cell(&self) -> usize {
        let mut cell = (self.first_cycle + 100).to_string().len().max(3);
        for lane in &self.lanes {
            for (at, state) in lane.cycles.iter().enumerate() {
                let State::Begins(label) = state else { continue };
                let goes = lane.cycles[at + 1..].iter().take_while(|&state| *state == State::Goes).count();
                cell = cell.max((label.chars().count() + 2).div_ceil(goes + 1));
            }
        }
        cell
    }

    /// The text form.
    fn draw(&self) -> String {
        let cell = self.cell();
        let margin = self.lanes.iter().map(|lane| lane.name.chars().count()).max().unwrap_or(0).max(5) + 2;
        let mut lines = format!("{:margin$}", "cycle");
        let cycle_count = self.lanes.first().map_or(0, |lane| lane.cycles.len());
        for cycle in self.first_cycle..self.first_cycle + cycle_count as u64 {
            write!(lines, "{cycle:<cell$}").expect("a string takes everything");
        }
        for lane in &self.lanes {
            lines.truncate(lines.trim_end().len());
            write!(lines, "\n{:margin$}", lane.name).expect("a string takes everything");
            let mut label: Vec<char> = Vec::new();
            for state in &lane.cycles {
                match state {
                    State::Nothing => lines.push_str(&"·".repeat(cell)),
                    State::Low => lines.push_str(&"▁".repeat(cell)),
                    State::High => lines.push_str(&"▔".repeat(cell)),
                    State::Begins(text) => {
                        label = format!("│{text}").chars().rev().collect();
                        lines.extend((0..cell).map(|_| label.pop().unwrap_or(' ')));
                    }
                    State::Goes => lines.extend((0..cell).map(|_| label.pop().unwrap_or(' '))),
                }
            }
        }
        lines.truncate(lines.trim_end().len());
        lines + "\n"
    }
}

/// The fenced blocks of a page: language and contents.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some((_, contents)), None) => {
                contents.push_str(line);
                contents.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// The diagrams of a page, each with the text that stands before its source.
fn diagrams(page: &str) -> Vec<(String, Diagram)> {
    let blocks = blocks(page);
    let sources = blocks.iter().enumerate().filter(|(_, (language, _))| language == "json");
    let pairs = sources.map(|(at, (_, source))| {
        assert!(at > 0 && blocks[at - 1].0 == "text", "a source without the text before it:\n{source}");
        let diagram = Diagram::read(source).unwrap_or_else(|error| panic!("{error}\n{source}"));
        (blocks[at - 1].1.clone(), diagram)
    });
    pairs.collect()
}

#[test]
fn texts_of_diagrams_are_drawn_from_their_sources() {
    let mut page = text(CONTRACT);
    let bless = std::env::var_os("PAGEWALK_BLESS").is_some();
    let found = diagrams(&page);
    assert!(found.len() >= 7, "a diagram per section: {} found", found.len());
    for (drawn, diagram) in found {
        if bless {
            page =
                page.replacen(&format!("```text\n{drawn}```"), &format!("```text\n{}```", diagram.draw()), 1);
        } else {
            assert_eq!(
                drawn,
                diagram.draw(),
                "{} is not its source; PAGEWALK_BLESS=1 redraws it",
                diagram.name
            );
        }
    }
    if bless {
        std::fs::write(root().join(CONTRACT), page).expect("the contract can be written");
    }
}

#[test]
fn a_text_that_is_not_its_source_is_found() {
    let source = r#"{"signal": [{"name": "a", "wave": "01."}, {"name": "b", "wave": "x=.", "data": ["walk"]}],
                     "head": {"text": "example", "tick": 9}}"#;
    let text = Diagram::read(source).unwrap().draw();
    assert_eq!(text, "cycle  9  10 11\na      ▁▁▁▔▔▔▔▔▔\nb      ···│walk\n");
    assert_ne!(text, Diagram::read(&source.replace("01.", "0.1")).unwrap().draw());
    assert!(Diagram::read(&source.replace("01.", "01")).is_err(), "lanes of different lengths");
    assert!(Diagram::read(&source.replace("01.", "0?.")).is_err());
    assert!(Diagram::read(&source.replace("walk\"", "")).is_err());
}

/// rust-hdl's simulation, with every cycle since reset written down.
struct Recorder {
    pins: RustHdlPins,
    cycles: Vec<(Vec<u64>, Vec<u64>)>,
}

impl Recorder {
    fn value(&self, cycle: u64, name: &str) -> Option<u64> {
        let (inputs, outputs) = self.cycles.get(usize::try_from(cycle).ok()?)?;
        let output = self.pins.output(name).map(|pin| outputs[pin]);
        output.or_else(|| self.pins.input(name).map(|pin| inputs[pin]))
    }
    fn has(&self, name: &str) -> bool {
        self.pins.output(name).or(self.pins.input(name)).is_some()
    }
}

impl Pins for Recorder {
    fn inputs(&mut self) -> &mut [u64] {
        self.pins.inputs()
    }
    fn outputs(&self) -> &[u64] {
        self.pins.outputs()
    }
    fn input(&self, name: &str) -> Option<usize> {
        self.pins.input(name)
    }
    fn output(&self, name: &str) -> Option<usize> {
        self.pins.output(name)
    }
    fn low(&mut self) -> Result<(), PinsError> {
        self.pins.low()
    }
    fn rise(&mut self) -> Result<(), PinsError> {
        let reset = self.pins.input("reset").expect("the contract has it");
        if self.pins.inputs()[reset] == 0 {
            self.cycles.push((self.pins.inputs().to_vec(), self.pins.outputs().to_vec()));
        }
        self.pins.rise()
    }
}

type Machine = Uniprocessor<Driver<Recorder>>;

fn machine(config: &MmuConfig) -> Machine {
    let pins = RustHdlPins::new(config).expect("a valid configuration");
    let recorder = Recorder { pins, cycles: Vec::new() };
    Uniprocessor::new(Driver::new(config, recorder).expect("a valid configuration"), 1 << 40)
}

/// Sets of both TLBs in the diagrams, so that a fence of everything fits on a line.
const SETS: u32 = 4;
const GIB: u64 = 1 << 30;

fn config(format: PagingFormat, memory: MemoryTiming) -> MmuConfig {
    let structure = Structure::SetAssociative { sets: SETS, ways: 2, superpage_sets: SETS };
    let l1 = L1Config { structure, replacement: Replacement::TreePlru };
    let mut config = MmuConfig { l1i: l1, l1d: l1, ..MmuConfig::of(format) };
    config.timing.memory = memory;
    config
}

/// Sv39: a 1 GiB page at 0, whose entry is `entry`, and a 2 MiB page at 1 GiB, which takes two reads.
fn sv39(config: &MmuConfig, entry: u64) -> Machine {
    let mut machine = machine(config);
    machine.write_pte(PhysAddr(0x1000), entry);
    machine.write_pte(PhysAddr(0x1008), 0x2000 >> 2 | 1);
    machine.write_pte(PhysAddr(0x2000), USED);
    let mode = Mode { adue: true, ..Mode::default() };
    machine.set_context(&Context { root: PhysAddr(0x1000), mode, ..Context::default() });
    machine
}

/// An entry of Sv39 with every right, A and D; and with neither A nor D.
const USED: u64 = 0xdf;
const UNUSED: u64 = 0x1f;

fn run(machine: &mut Machine, accesses: &[(AccessKind, u64)]) {
    let accesses: Vec<_> = accesses.iter().map(|&(kind, va)| Access::user(va, kind)).collect();
    machine.run(&Batch { accesses: &accesses, end: true, on_fault: OnFault::Continue }, None);
    assert_eq!(machine.mmu.difference(), None);
}

/// Runs what the diagram of that name shows.
fn play(name: &str) -> Option<Machine> {
    let memory = |latency| MemoryTiming::Fixed { latency };
    let sv39_at = |latency| config(PagingFormat::Sv39, memory(latency));
    let mut played = match name {
        // P-3, P-4, P-6, P-10: a request waits for ready, a response for its taker. D-7 with it.
        "ports" => {
            let slow = MemoryTiming::Random { seed: PORTS_SEED, latency_max: 4, ready_delay_max: 3 };
            let mut config = config(PagingFormat::Sv39, slow);
            config.timing.response_stall_percent = 60;
            config.timing.stall_seed = PORTS_SEED;
            let mut machine = sv39(&config, USED);
            run(&mut machine, &[(Load, 0)]);
            machine
        }
        // L-1, L-3: what a load brought in refuses a store for want of D, which the walker then sets.
        "look-up" => {
            let mut machine = sv39(&sv39_at(1), USED & !0x80);
            run(&mut machine, &[(Load, 0), (Load, 8), (Store, 8), (Store, 0)]);
            machine
        }
        // W-1, W-21, T-7, T-8, T-12, T-13: a store through an entry without A and D.
        "swap" => {
            let mut machine = sv39(&sv39_at(2), UNUSED);
            run(&mut machine, &[(Store, 0)]);
            machine
        }
        // E-3, E-9, T-4: an access accepted when the response is taken sees the refill.
        "refill" => {
            let mut machine = sv39(&sv39_at(1), USED);
            run(&mut machine, &[(Load, 0), (Load, 0x1000), (Load, 1 << 21), (Load, 0)]);
            machine
        }
        // T-2, T-3: a hit per cycle and side.
        "hits" => {
            let mut config = sv39_at(1);
            config.timing.issue = IssueOrder::Overlapped;
            let mut machine = sv39(&config, USED);
            run(&mut machine, &[(Load, 0), (Fetch, 0)]);
            run(&mut machine, &[(Load, 0), (Fetch, 0), (Load, 0), (Fetch, 0), (Load, 0), (Fetch, 0)]);
            machine
        }
        // T-5, T-6, T-11, T-16: both sides miss in the same cycle; data first, with two reads.
        "misses" => {
            let mut machine = sv39(&sv39_at(2), USED);
            run(&mut machine, &[(Fetch, 0), (Load, GIB)]);
            machine
        }
        // F-1 to F-5: a fence of an address, then one of everything, and a walk after each.
        "fences" => {
            let mut machine = sv39(&sv39_at(1), USED);
            run(&mut machine, &[(Load, GIB)]);
            machine.fence(&TlbFlush { va: Some(VirtAddr(GIB)), ..TlbFlush::ALL });
            run(&mut machine, &[(Load, GIB)]);
            machine.fence(&TlbFlush::ALL);
            run(&mut machine, &[(Load, GIB)]);
            machine
        }
        // F-15: the next access waits for the fence that follows a page fault.
        "page fault" => {
            let mut machine = machine(&config(PagingFormat::La48, memory(1)));
            for (address, entry) in [(0x1000, 0x2027), (0x2000, 0xe7)] {
                machine.write_pte(PhysAddr(address), entry);
            }
            machine.set_context(&Context { root: PhysAddr(0x1000), ..Context::default() });
            run(&mut machine, &[(Load, 1 << 40), (Load, 0)]);
            machine
        }
        // D-2, D-4, D-6: who joins whom, as in `both_ports_hit_in_every_cycle` of the golden model's tests.
        "driver" => {
            let mut machine = sv39(&sv39_at(1), USED);
            run(&mut machine, &[(Load, 0), (Fetch, 0)]);
            let kinds = [Fetch, Load, Load, Fetch, Fetch, Store, Fetch, Fetch];
            run(&mut machine, &kinds.map(|kind| (kind, 0)));
            machine
        }
        _ => return None,
    };
    // Some cycles more, so that the last one shown is on record.
    played.fence(&TlbFlush::ALL);
    Some(played)
}

/// The draw of the diagram "ports".
const PORTS_SEED: u64 = 2;

/// Where the lanes of `diagram` that are ports are not what the hardware did.
fn wrong_cycles(diagram: &Diagram) -> Vec<String> {
    let mut machine = play(&diagram.name).unwrap_or_else(|| panic!("nothing plays {}", diagram.name));
    let record = machine.mmu.pins_mut();
    let mut wrong = Vec::new();
    let ports: Vec<_> = diagram.lanes.iter().filter(|lane| record.has(&lane.name)).collect();
    assert!(ports.len() >= 2, "{}: no lane is a port", diagram.name);
    for lane in ports {
        for (cycle, state) in (diagram.first_cycle..).zip(&lane.cycles) {
            let shown = match state {
                State::Low => 0,
                State::High => 1,
                State::Nothing => continue,
                State::Begins(_) | State::Goes => panic!("{}: {} is one bit", diagram.name, lane.name),
            };
            let value = record.value(cycle, &lane.name);
            if value != Some(shown) {
                wrong.push(format!("{}: {} is {value:?} in cycle {cycle}", diagram.name, lane.name));
            }
        }
    }
    wrong
}

#[test]
fn diagrams_show_what_the_hardware_does() {
    let found = diagrams(&text(CONTRACT));
    let wrong: Vec<_> = found.iter().flat_map(|(_, diagram)| wrong_cycles(diagram)).collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_diagram_that_shows_something_else_is_found() {
    let (_, mut diagram) = diagrams(&text(CONTRACT)).swap_remove(0);
    let lane = diagram.lanes.iter_mut().find(|lane| lane.name == "mem_req_valid").expect("a lane of ports");
    lane.cycles.rotate_left(1);
    assert!(!wrong_cycles(&diagram).is_empty());
}

#[test]
fn the_table_of_ports_has_every_port_and_no_other() {
    let page = text(CONTRACT);
    let section = page.split("## Ports").nth(1).expect("a section").split("\n## ").next().expect("a section");
    let mut named = BTreeSet::new();
    for row in section.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cell = row.split(" | ").next().expect("a first cell");
        named.extend(cell.split(['`', ' ']).filter(|name| !name.is_empty()).map(str::to_owned));
    }
    let built = PagingFormat::ALL.map(|format| {
        let pins = RustHdlPins::new(&config(format, MemoryTiming::Fixed { latency: 1 })).expect("valid");
        move |name: &str| pins.output(name).or(pins.input(name)).is_some()
    });
    let exists = |name: &str| built.iter().any(|has| has(name));
    let abbreviated = ["…", "dreq_…", "dresp_…", "clock"];
    let missing: Vec<_> =
        named.iter().filter(|name| !abbreviated.contains(&name.as_str()) && !exists(name)).collect();
    assert_eq!(missing, Vec::<&String>::new(), "no format has these");
}

/// The rule numbers in `line`: a section's letter, a dash, one or two digits, nothing else around them.
fn numbers(line: &str) -> Vec<String> {
    let joins = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let words = line.split(|c: char| !joins(c));
    let is_number = |word: &&str| {
        let Some((letter, digits)) = word.split_once('-') else { return false };
        let known = letter.len() == 1 && SECTIONS.contains(letter);
        known && (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    words.filter(is_number).map(str::to_owned).collect()
}

/// The rules that a page defines: numbers in bold.
fn rules(page: &str) -> Vec<String> {
    let bold = page.split("**").skip(1).step_by(2);
    bold.filter(|word| numbers(word).len() == 1 && numbers(word)[0] == *word).map(str::to_owned).collect()
}

/// The rows of the table that accounts for rules without a citing test.
fn accounts(page: &str) -> BTreeMap<String, String> {
    let table = page.split_once(UNCITED).map_or("", |(_, table)| table);
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let rows = rows.flat_map(|(cell, row)| numbers(cell).into_iter().map(move |n| (n, row.to_owned())));
    rows.collect()
}

/// What may cite: comments of Rust and of cases, and pages.
fn citing(path: &Path, contents: &str) -> BTreeSet<String> {
    let mark = match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("rs") => "//",
        Some("case") => "#",
        Some("md") => "",
        _ => return BTreeSet::new(),
    };
    let prose = contents.lines().filter_map(|line| line.find(mark).map(|at| &line[at..]));
    prose.flat_map(numbers).collect()
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Every file below the rooms but the contract itself, by its path from the root, with what it cites.
fn citations() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for room in ["hdl", "sim", "host", "tests", "constraints"] {
        files(&root().join(room), &mut found);
    }
    let mut all = BTreeMap::new();
    for path in found {
        let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
        if let Ok(contents) = std::fs::read_to_string(&path)
            && name != CONTRACT
        {
            all.insert(name, citing(&path, &contents));
        }
    }
    all
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/")
}

/// What is wrong with the numbers of a page, given who cites what.
fn faults(page: &str, citations: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let (defined, accounts) = (rules(page), accounts(page));
    let known: BTreeSet<_> = defined.iter().collect();
    let mut faults = Vec::new();
    for rule in &known {
        if defined.iter().filter(|other| other == rule).count() > 1 {
            faults.push(format!("{rule} is defined twice"));
        }
        let tests: Vec<_> =
            citations.iter().filter(|(path, cited)| is_test(path) && cited.contains(*rule)).collect();
        match (tests.first(), accounts.get(*rule)) {
            (None, None) => faults.push(format!("{rule} is cited by no test and not accounted for")),
            (Some((path, _)), Some(_)) => {
                faults.push(format!("{rule} is accounted for, but {path} cites it"))
            }
            _ => {}
        }
    }
    let own = numbers(page).into_iter().map(|number| (CONTRACT, number));
    let theirs = citations.iter().flat_map(|(path, cited)| cited.iter().map(move |n| (&**path, n.clone())));
    for (path, number) in own.chain(theirs) {
        if !known.contains(&number) {
            faults.push(format!("{path} cites {number}, which is no rule"));
        }
    }
    faults
}

#[test]
fn every_rule_is_cited_or_accounted_for_and_every_citation_is_a_rule() {
    assert_eq!(faults(&text(CONTRACT), &citations()), Vec::<String>::new());
}

#[test]
fn wrong_citations_are_found() {
    let page = format!("* **T-1** one\n* **T-2** two\n* **T-3** three: see T-1\n{UNCITED}\n| T-2 | why |\n");
    let cited = |numbers: &[&str]| numbers.iter().map(|&number| number.to_owned()).collect();
    let sound = BTreeMap::from([("tests/a.rs".to_owned(), cited(&["T-1", "T-3"]))]);
    assert_eq!(faults(&page, &sound), Vec::<String>::new());
    let only_code = BTreeMap::from([("sim/b.rs".to_owned(), cited(&["T-1", "T-3", "T-9"]))]);
    assert_eq!(faults(&page, &only_code).len(), 3, "two without a test, one that does not exist");
    let stale = BTreeMap::from([("tests/a.rs".to_owned(), cited(&["T-1", "T-2", "T-3"]))]);
    assert_eq!(faults(&page, &stale).len(), 1);
    assert_eq!(faults(&page.replace("two", "two, **T-1** again"), &sound).len(), 1);
    assert_eq!(numbers("T-1, XT-1 T-1x RV-01 T-123 (D-16)."), ["T-1", "D-16"]);
    assert_eq!(citing(Path::new("a.rs"), "let x = T-1;\nlet y = 1; // T-2\n"), cited(&["T-2"]));
}

#[test]
fn tests_that_accounts_name_exist() {
    for (rule, account) in accounts(&text(CONTRACT)) {
        let spans: Vec<_> = account.split('`').skip(1).step_by(2).collect();
        let (paths, names): (Vec<&str>, Vec<&str>) =
            spans.into_iter().partition(|span| span.ends_with(".rs"));
        let whole: String = paths.iter().map(|path| text(path)).collect();
        for name in names {
            assert!(paths.is_empty() || whole.contains(&format!("fn {name}(")), "{rule}: {name} is no test");
        }
    }
}

#[test]
fn no_line_is_too_long() {
    let page = text(CONTRACT);
    let long = |line: &&str| line.chars().count() > COLUMNS_MAX;
    assert_eq!(page.lines().filter(long).collect::<Vec<_>>(), Vec::<&str>::new());
}
