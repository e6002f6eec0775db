//! What the hardware does in the situations of the diagrams, pin by pin and cycle by cycle; and which ports it has.

use crate::diagram::{Diagram, State, diagrams};
use crate::{CONTRACT, text};
use pagewalk_arch::{
    Access, AccessKind, Batch, Context, IssueOrder, L1Config, MemoryTiming, Mmu, MmuConfig, Mode, OnFault,
    PagingFormat, PhysAddr, Replacement, Structure, TlbFlush, Uniprocessor, VirtAddr,
};
use pagewalk_driver::{Driver, Pins, RustHdlPins};
use pagewalk_tests::recording::{Recorder, Recording};
use std::collections::BTreeSet;

use AccessKind::{Fetch, Load, Store};

/// rust-hdl's simulation, with everything that goes over its pins written down.
type Machine = Uniprocessor<Driver<Recorder<RustHdlPins>>>;

fn machine(config: &MmuConfig) -> Machine {
    let pins = RustHdlPins::new(config).expect("a valid configuration");
    Uniprocessor::new(Driver::new(config, Recorder::new(pins)).expect("a valid configuration"), 1 << 40)
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
        // D-2, D-4, D-6: who joins whom, as in `both_sides_hit_in_every_cycle` of the golden model's tests.
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

/// Inputs and outputs of each cycle since reset: what stood at a rising edge, and what the low half before it showed.
fn cycles(recording: &Recording, reset: usize) -> Vec<(&[u64], &[u64])> {
    let halves = recording.windows(2).map(|pair| (&pair[0], &pair[1]));
    let edge = halves.filter_map(|(low, next)| Some((next.rise.as_deref()?, low.outputs.as_slice())));
    edge.filter(|(inputs, _)| inputs[reset] == 0).collect()
}

/// Where the lanes of `diagram` that are ports are not what the hardware did.
fn wrong_cycles(diagram: &Diagram) -> Vec<String> {
    let mut machine = play(&diagram.name).unwrap_or_else(|| panic!("nothing plays {}", diagram.name));
    let pins = machine.mmu.pins_mut();
    let recording = pins.take();
    let cycles = cycles(&recording, pins.input("reset").expect("the contract has it"));
    let value = |cycle: u64, name: &str| {
        let (inputs, outputs) = cycles.get(usize::try_from(cycle).ok()?)?;
        let output = pins.output(name).map(|pin| outputs[pin]);
        output.or_else(|| pins.input(name).map(|pin| inputs[pin]))
    };
    let mut wrong = Vec::new();
    let is_port = |name: &str| pins.output(name).or(pins.input(name)).is_some();
    let ports: Vec<_> = diagram.lanes.iter().filter(|lane| is_port(&lane.name)).collect();
    assert!(ports.len() >= 2, "{}: no lane is a port", diagram.name);
    for lane in ports {
        for (cycle, state) in (diagram.first_cycle..).zip(&lane.cycles) {
            let shown = match state {
                State::Low => 0,
                State::High => 1,
                State::Nothing => continue,
                State::Begins(_) | State::Goes => panic!("{}: {} is one bit", diagram.name, lane.name),
            };
            let value = value(cycle, &lane.name);
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

/// The names in the first column of the table of ports; `dreq_…` and `dresp_…` stand for the like ports of instructions.
fn ports_of_the_table(page: &str) -> BTreeSet<String> {
    let section = page.split("## Ports").nth(1).expect("a section").split("\n## ").next().expect("a section");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let names = rows.flat_map(|cell| cell.split(['`', ' ', '…'])).filter(|name| !name.is_empty());
    let mut ports: BTreeSet<String> = names.map(str::to_owned).collect();
    for (abbreviation, like) in [("dreq_", "ireq_"), ("dresp_", "iresp_")] {
        assert!(ports.remove(abbreviation), "{abbreviation}… is not in the table");
        let data =
            ports.iter().filter_map(|port| Some(format!("{abbreviation}{}", port.strip_prefix(like)?)));
        let data: Vec<_> = data.collect();
        ports.extend(data);
    }
    // The table writes the ends of `pdpte_0` … `pdpte_3`.
    ports.extend(["pdpte_1", "pdpte_2"].map(str::to_owned));
    ports
}

#[test]
fn the_table_of_ports_has_every_port_and_no_other() {
    let built = PagingFormat::ALL.into_iter().flat_map(|format| {
        let config = config(format, MemoryTiming::Fixed { latency: 1 });
        let tagged = MmuConfig { tag_bits: 4, ..config };
        pagewalk_rtl::generate(&tagged)
            .expect("a valid configuration")
            .ports
            .into_iter()
            .map(|port| port.name)
    });
    assert_eq!(ports_of_the_table(&text(CONTRACT)), built.collect());
}

#[test]
fn a_port_that_is_not_in_the_table_shows() {
    let page = text(CONTRACT);
    let without = page.replacen("| `busy` |", "| – |", 1);
    assert_eq!(ports_of_the_table(&page).len(), ports_of_the_table(&without).len() + 1);
}
