//! The same pins in Icarus Verilog: an event-driven simulator with four states beside Verilator, which has two and
//! orders everything itself.
//!
//! A [`Recording`] is played back by a bench written here, and every output of every step after reset must be what it
//! was, bit by bit: an unknown bit differs from any. Owns the bench and the judgement of what it prints.

use crate::recording::Recording;
use pagewalk_rtl::emit::PortDirection;
use pagewalk_rtl::{Design, TOP};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Every output in every step.
    Everything,
    /// What has a meaning: handshakes always, what goes with them while they are valid.
    Meaningful,
}

/// The two programs of Icarus Verilog.
#[derive(Clone, Debug)]
pub struct Icarus {
    /// `iverilog`.
    pub compiler: std::path::PathBuf,
    /// `vvp`.
    pub simulator: std::path::PathBuf,
}

/// Plays the recording to `verilog`, a text of the design, in the directory `scratch`.
///
/// # Errors
/// What the tools complain of, or the first output that differs.
pub fn play(
    icarus: &Icarus,
    design: &Design,
    verilog: &str,
    recording: &Recording,
    compared: Compared,
    scratch: &Path,
) -> Result<(), String> {
    let write = |name: &str, text: &str| {
        fs::write(scratch.join(name), text).map_err(|error| format!("{}: {error}", scratch.display()))
    };
    write("design.v", verilog)?;
    write("bench.v", &bench(design, recording.len(), compared))?;
    write("steps.hex", &steps(design, recording))?;
    let run = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(scratch).output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
        if output.status.success() { Ok(said) } else { Err(said) }
    };
    let said = run(
        &icarus.compiler,
        &["-g2001", "-Wall", "-Wno-timescale", "-o", "bench.vvp", "bench.v", "design.v"],
    )?;
    if !said.trim().is_empty() {
        return Err(said);
    }
    let said = run(&icarus.simulator, &["-n", "bench.vvp"])?;
    let count = compared_count(design, recording);
    let done = format!("{count} steps agree after reset");
    if count > 0 && said.trim() == done { Ok(()) } else { Err(said) }
}

/// Ports of one direction but the clock: name, width, and the word of a recording's step that holds the value.
struct Pin<'a> {
    name: &'a str,
    width: usize,
    word: usize,
}

fn pins(design: &Design, direction: PortDirection) -> Vec<Pin<'_>> {
    let ports = design.ports.iter().filter(|port| port.direction == direction).enumerate();
    let ports = ports.filter(|(_, port)| !port.is_clock);
    ports.map(|(word, port)| Pin { name: &port.name, width: port.width, word }).collect()
}

/// Steps after the first reset, which are compared.
fn compared_count(design: &Design, recording: &Recording) -> usize {
    let reset =
        pins(design, PortDirection::Input).into_iter().find(|pin| pin.name == "reset").map(|pin| pin.word);
    let is_reset = |inputs: &[u64]| reset.is_some_and(|word| inputs[word] != 0);
    let from = recording.iter().position(|step| step.rise.is_some() && is_reset(&step.inputs));
    from.map_or(0, |from| recording[from..].iter().filter(|step| !is_reset(&step.inputs)).count())
}

/// One line per step: whether the clock rises, inputs then, inputs now, outputs, each as wide as its port.
fn steps(design: &Design, recording: &Recording) -> String {
    let (inputs, outputs) = (pins(design, PortDirection::Input), pins(design, PortDirection::Output));
    let mut text = String::new();
    for step in recording {
        text.push(if step.rise.is_some() { '1' } else { '0' });
        let mut append = |values: &[u64], pins: &[Pin]| {
            for pin in pins {
                for at in (0..pin.width).rev() {
                    text.push(if values[pin.word] >> at & 1 == 1 { '1' } else { '0' });
                }
            }
        };
        append(step.rise.as_ref().unwrap_or(&step.inputs), &inputs);
        append(&step.inputs, &inputs);
        append(&step.outputs, &outputs);
        text.push('\n');
    }
    text
}

/// The valid bit that says whether an output has a meaning.
fn meaning(output: &str) -> Option<&'static str> {
    let pairs = [("iresp_", "iresp_valid"), ("dresp_", "dresp_valid"), ("mem_req_", "mem_req_valid")];
    pairs
        .into_iter()
        .find(|(prefix, valid)| output.starts_with(prefix) && output != *valid)
        .map(|(_, valid)| valid)
}

fn bench(design: &Design, step_count: usize, compared: Compared) -> String {
    let (inputs, outputs) = (pins(design, PortDirection::Input), pins(design, PortDirection::Output));
    let total = |pins: &[Pin]| pins.iter().map(|pin| pin.width).sum::<usize>();
    let names = |pins: &[Pin], prefix: &str| {
        pins.iter().map(|pin| format!("{prefix}{}", pin.name)).collect::<Vec<_>>().join(", ")
    };
    let width = 1 + 2 * total(&inputs) + total(&outputs);
    let mut text = String::from("module bench;\n  reg clock;\n  reg reset_seen;\n");
    // Writing to a `String` cannot fail.
    for Pin { name, width, .. } in &inputs {
        let _ = writeln!(text, "  reg [{}:0] {name};", width - 1);
    }
    for Pin { name, width, .. } in &outputs {
        let _ = writeln!(text, "  wire [{0}:0] {name};\n  reg [{0}:0] expected_{name};", width - 1);
    }
    let pins: Vec<String> = design.ports.iter().map(|port| format!(".{0}({0})", port.name)).collect();
    let _ = write!(
        text,
        "  {TOP} dut ({pins});\n\
         \x20 reg [{top}:0] steps [0:{last}];\n  reg rises;\n  reg [{inputs_top}:0] before, now;\n  \
         reg failed;\n  integer at, compared;\n  initial begin\n    $readmemb(\"steps.hex\", steps);\n    clock = 0;\n    \
         reset_seen = 0;\n    failed = 0;\n    at = 0;\n    compared = 0;\n    while (at < {step_count} && !failed) begin\n      \
         {{rises, before, now, {expected}}} = steps[at];\n      if (rises) begin\n        {{{driven}}} = before;\n        \
         #1 clock = 1;\n      end\n      #1 {{{driven}}} = now;\n      clock = 0;\n      #1 ;\n      \
         if (reset && rises) reset_seen = 1;\n      if (reset_seen && !reset) begin\n        compared = compared + 1;\n",
        pins = pins.join(", "),
        top = width - 1,
        last = step_count.max(1) - 1,
        inputs_top = total(&inputs) - 1,
        expected = names(&outputs, "expected_"),
        driven = names(&inputs, ""),
    );
    for Pin { name, .. } in &outputs {
        let condition = match (compared, meaning(name)) {
            (Compared::Meaningful, Some(valid)) => format!("{valid} && "),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "        if ({condition}{name} !== expected_{name}) begin\n          $display(\"step %0d: {name} is %h \
             instead of %h\", at, {name}, expected_{name});\n          failed = 1;\n        end"
        );
    }
    text.push_str("      end\n      at = at + 1;\n    end\n");
    let _ = writeln!(
        text,
        "    if (!failed) $display(\"%0d steps agree after reset\", compared);\n    $finish(0);\n  end\nendmodule"
    );
    text
}

/// The text with the initial values of registers in their declarations: there before any block waits for a change, as
/// in SystemVerilog. Plain Verilog leaves the order open.
pub fn initialised_at_declaration(verilog: &str) -> String {
    let mut text = String::new();
    for module in verilog.split_inclusive("\nendmodule\n") {
        let begin = module.find("\n  initial begin\n");
        let values =
            begin.map_or("", |begin| &module[begin..]).lines().skip(2).take_while(|line| *line != "  end");
        let mut module = without_register_values(module);
        for (name, value) in values.filter_map(|line| line.trim().strip_suffix(';')?.split_once(" = ")) {
            module = module.replacen(&format!(" {name};\n"), &format!(" {name} = {value};\n"), 1);
        }
        text.push_str(&module);
    }
    text
}

fn without_register_values(module: &str) -> String {
    let mut inside = false;
    let mut keep = |line: &&str| {
        inside |= *line == "  initial begin\n";
        let kept = !inside;
        inside &= *line != "  end\n";
        kept
    };
    module.split_inclusive('\n').filter(|line| keep(line)).collect()
}

/// The text without its initial values, as synthesis for silicon reads it: what powers up is unknown.
pub fn without_initial_values(verilog: &str) -> String {
    let mut text = String::new();
    let mut lines = verilog.lines();
    while let Some(line) = lines.next() {
        let statement = line.trim_start();
        if statement == "initial begin" {
            for inner in lines.by_ref() {
                if inner.trim() == "end" {
                    break;
                }
            }
        } else if statement.starts_with("initial for") {
            lines.next();
        } else if !statement.starts_with("initial ") && !statement.starts_with("integer initial_row") {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}
