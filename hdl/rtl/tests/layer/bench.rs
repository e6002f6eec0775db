//! Runs a block as Rust and its Verilog in Icarus on the same random inputs, and compares every output of every cycle.

use pagewalk_rtl::emit::{self, Port, PortDirection};
use pagewalk_rtl::prelude::*;
use pagewalk_skipped as skipped;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Reproducible values with corner cases: splitmix64, shaped.
pub struct Stimulus(pub u64);

impl Stimulus {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.word() % end as u64) as usize
    }

    /// A value of `width` bits: often all zeros, all ones, small or a single bit.
    pub fn value(&mut self, width: usize) -> u128 {
        let any = (u128::from(self.word()) << 64) | u128::from(self.word());
        let value = match self.below(8) {
            0 => 0,
            1 => u128::MAX,
            2 => any % 4,
            3 => 1 << (any % width as u128),
            _ => any,
        };
        value & pagewalk_rtl::layer::bits::mask(width)
    }
}

/// A port, or several, of a block under test.
pub trait Pin {
    /// Drives each port with a value of its width from `source`.
    fn drive(&mut self, source: &mut dyn FnMut(usize) -> u128);
    /// Appends the value of each port.
    fn sample(&self, values: &mut Vec<u128>);
}

impl<D: Direction> Pin for Wire<D>
where
    Wire<D>: Sample,
{
    fn drive(&mut self, source: &mut dyn FnMut(usize) -> u128) {
        self.next = Bv::new(self.width(), source(self.width()));
    }
    fn sample(&self, values: &mut Vec<u128>) {
        values.push(self.now());
    }
}

impl Pin for Signal<In, Bit> {
    fn drive(&mut self, source: &mut dyn FnMut(usize) -> u128) {
        self.next = source(1) != 0;
    }
    fn sample(&self, values: &mut Vec<u128>) {
        values.push(u128::from(self.val()));
    }
}

impl Pin for Signal<Out, Bit> {
    fn drive(&mut self, _: &mut dyn FnMut(usize) -> u128) {}
    fn sample(&self, values: &mut Vec<u128>) {
        values.push(u128::from(self.val()));
    }
}

impl<P: Pin> Pin for Ports<P> {
    fn drive(&mut self, source: &mut dyn FnMut(usize) -> u128) {
        self.iter_mut().for_each(|pin| pin.drive(source));
    }
    fn sample(&self, values: &mut Vec<u128>) {
        self.iter().for_each(|pin| pin.sample(values));
    }
}

impl<P: Pin> Pin for Vec<P> {
    fn drive(&mut self, source: &mut dyn FnMut(usize) -> u128) {
        self.iter_mut().for_each(|pin| pin.drive(source));
    }
    fn sample(&self, values: &mut Vec<u128>) {
        self.iter().for_each(|pin| pin.sample(values));
    }
}

/// The two directions read differently in rust-hdl.
pub trait Sample {
    fn now(&self) -> u128;
}

impl Sample for Wire<In> {
    fn now(&self) -> u128 {
        self.val().value()
    }
}

impl Sample for Wire<Out> {
    fn now(&self) -> u128 {
        self.val().value()
    }
}

/// A block whose ports can be reached in the order of its fields.
pub trait UnderTest: Block + Clocked {
    fn drive(&mut self, source: &mut dyn FnMut(usize) -> u128);
    fn sample(&self) -> Vec<u128>;
}

/// Names the ports of a block, in the order of its fields.
#[macro_export]
macro_rules! under_test {
    ($block:ty: $($input:ident)* => $($output:ident)*) => {
        impl $crate::bench::UnderTest for $block {
            fn drive(&mut self, source: &mut dyn FnMut(usize) -> u128) {
                $($crate::bench::Pin::drive(&mut self.$input, source);)*
            }
            fn sample(&self) -> Vec<u128> {
                let mut values = vec![];
                $($crate::bench::Pin::sample(&self.$output, &mut values);)*
                values
            }
        }
    };
}

fn settle(block: &mut impl Block) {
    assert!(simulate(block, 200), "the simulation does not settle");
}

pub fn is_installed(tool: &str) -> bool {
    Command::new(tool).arg("-V").output().is_ok() || Command::new(tool).arg("--version").output().is_ok()
}

/// What the tool prints. A warning is a failure.
fn run(command: &mut Command) -> String {
    let output = command.output().expect("the tool was found a moment ago");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.trim().is_empty(), "{command:?}\n{text}{complaints}");
    text
}

/// Emits the block, lints it, and compares `cycle_count` cycles. Returns the Verilog.
pub fn compare(name: &str, block: &mut impl UnderTest, seed: u64, cycle_count: usize) -> String {
    block.connect_all();
    let verilog = emit::verilog(block, "dut", "").expect("the block is well-formed");
    let ports = emit::ports(block).expect("the block is well-formed");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("layer_{name}_{seed}"));
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    std::fs::write(folder.join("dut.v"), &verilog).expect("the target folder can be written");
    lint(&folder);

    let mut stimulus = Stimulus(seed);
    let mut inputs = String::new();
    let mut expected = vec![];
    settle(block);
    for _ in 0..cycle_count {
        block.drive(&mut |width| {
            let value = stimulus.value(width);
            write!(inputs, "{value:x} ").expect("a string takes any text");
            value
        });
        inputs.push('\n');
        settle(block);
        expected.push(block.sample());
        block.set_clock(true);
        settle(block);
        block.set_clock(false);
        settle(block);
    }
    std::fs::write(folder.join("inputs.txt"), inputs).expect("the target folder can be written");
    let Some(actual) = run_verilog(&folder, &ports) else { return verilog };
    assert_eq!(actual.len(), expected.len(), "{}: cycles", folder.display());
    let names: Vec<&str> = outputs(&ports).map(|port| port.name.as_str()).collect();
    for (cycle, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
        for ((name, actual), expected) in names.iter().zip(actual).zip(expected) {
            let place = folder.display();
            assert_eq!(*actual, format!("{expected:x}"), "{place}: cycle {cycle}, {name}: Verilog, Rust");
        }
    }
    verilog
}

fn inputs(ports: &[Port]) -> impl Iterator<Item = &Port> {
    ports.iter().filter(|port| port.direction == PortDirection::Input && !port.is_clock)
}

fn outputs(ports: &[Port]) -> impl Iterator<Item = &Port> {
    ports.iter().filter(|port| port.direction == PortDirection::Output)
}

fn lint(folder: &PathBuf) {
    if is_installed("verilator") {
        let arguments = ["--lint-only", "-Wall", "-Wno-DECLFILENAME", "--top-module", "dut", "dut.v"];
        run(Command::new("verilator").args(arguments).current_dir(folder));
    } else {
        skipped::check("Verilator lints the layer's texts", "install Verilator on PATH");
    }
    if !is_installed("yosys") {
        skipped::check("Yosys takes the layer's texts", "install Yosys on PATH");
    } else {
        let script = "read_verilog dut.v; hierarchy -top dut; proc; opt_clean; check -assert; select -assert-none t:$dlatch";
        run(Command::new("yosys").args(["-q", "-p", script]).current_dir(folder));
    }
}

/// The outputs of each cycle, without leading zeros; none if there is no simulator.
fn run_verilog(folder: &PathBuf, ports: &[Port]) -> Option<Vec<Vec<String>>> {
    if !is_installed("iverilog") {
        skipped::check("Icarus Verilog agrees with the layer's simulation", "install Icarus Verilog");
        return None;
    }
    std::fs::write(folder.join("bench.v"), bench(ports)).expect("the target folder can be written");
    let arguments = ["-g2001", "-Wall", "-o", "bench.vvp", "bench.v", "dut.v"];
    run(Command::new("iverilog").args(arguments).current_dir(folder));
    let text = run(Command::new("vvp").arg("bench.vvp").current_dir(folder));
    let trimmed = |word: &str| match word.trim_start_matches('0') {
        "" => "0".to_string(),
        digits => digits.to_string(),
    };
    Some(text.lines().map(|line| line.split(' ').map(trimmed).collect()).collect())
}

/// A Verilog bench that applies the lines of `inputs.txt` and prints the outputs before each clock edge.
fn bench(ports: &[Port]) -> String {
    let names = |ports: Vec<&Port>| ports.iter().map(|p| p.name.clone()).collect::<Vec<_>>().join(", ");
    let formats = |count: usize| vec!["%h"; count].join(" ");
    let mut declarations = String::new();
    for port in ports.iter().filter(|port| !port.is_clock) {
        let kind = if port.direction == PortDirection::Input { "reg" } else { "wire" };
        writeln!(declarations, "  {kind} [{}:0] {};", port.width - 1, port.name)
            .expect("a string takes any text");
    }
    let (inputs, outputs): (Vec<_>, Vec<_>) = (inputs(ports).collect(), outputs(ports).collect());
    let pins: Vec<String> = ports.iter().map(|port| format!(".{0}({0})", port.name)).collect();
    format!(
        "module bench;\n  reg clock;\n{declarations}  integer file;\n  dut dut ({pins});\n  initial begin\n    \
         clock = 0;\n    file = $fopen(\"inputs.txt\", \"r\");\n    while ($fscanf(file, \"{scan} \", {driven}) == {count}) \
         begin\n      #1 $display(\"{show}\", {shown});\n      clock = 1;\n      #1 clock = 0;\n      #1 ;\n    end\n    \
         $finish(0);\n  end\nendmodule\n",
        pins = pins.join(", "),
        scan = formats(inputs.len()),
        count = inputs.len(),
        driven = names(inputs),
        show = formats(outputs.len()),
        shown = names(outputs),
    )
}

/// Compares the text with the file under `expected`; `UPDATE_EXPECTED=1` writes it instead.
pub fn expect_text(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layer/expected").join(name);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, text).expect("the expectation can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{}: read the difference; UPDATE_EXPECTED=1 accepts it", path.display());
}
