//! Reads what Verilator wrote: which sources there are, and what became of the ports.

use std::fmt::Write as _;

use super::direction::Direction;
use super::error::{BuildError, direction_name};
use super::port::{PortTable, Slot};

/// The input that the shim treats as the clock.
const CLOCK: &str = "clock";

/// Names of C++ sources without their suffix, from `Vmodel_classes.mk`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sources {
    /// Generated code that runs in every cycle.
    pub(super) fast: Vec<String>,
    /// Generated code that runs once.
    pub(super) slow: Vec<String>,
    /// The parts of Verilator's runtime that the design needs.
    pub(super) runtime: Vec<String>,
}

impl Sources {
    /// Reads the make variables `VM_*` of `Vmodel_classes.mk`; `None` if there is no generated code.
    pub(super) fn parse(makefile: &str) -> Option<Sources> {
        let list = |variable: &str| {
            let words = makefile
                .lines()
                .skip_while(move |line| line.split_whitespace().next() != Some(variable))
                .skip(1)
                .take_while(|line| !line.trim().is_empty())
                .map(|line| line.trim().trim_end_matches('\\').trim().to_owned());
            words.filter(|word| !word.is_empty()).collect::<Vec<String>>()
        };
        let join = |first: &str, second: &str| [list(first), list(second)].concat();
        let sources = Sources {
            fast: join("VM_CLASSES_FAST", "VM_SUPPORT_FAST"),
            slow: join("VM_CLASSES_SLOW", "VM_SUPPORT_SLOW"),
            runtime: join("VM_GLOBAL_FAST", "VM_GLOBAL_SLOW"),
        };
        (!sources.fast.is_empty() && !sources.runtime.is_empty()).then_some(sources)
    }
}

/// A port as the generated class has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pin {
    /// The member of the class `Vmodel`.
    member: String,
    direction: Direction,
    width_bits: u32,
}

impl Pin {
    /// The name in the Verilog: C++ reserves double underscores and keywords, so that Verilator rewrites them.
    fn port_name(&self) -> String {
        let name = self.member.strip_prefix("__SYM__").unwrap_or(&self.member);
        name.replace("___05F", "__")
    }
}

/// Reads the ports from lines such as `VL_IN8(&name,7,0);` in `Vmodel.h`. The error is the line.
pub(super) fn pins(header: &str) -> Result<Vec<Pin>, String> {
    let lines = header.lines().map(str::trim);
    let ports = lines.filter(|line| {
        ["VL_IN", "VL_OUT", "VL_INOUT"].iter().any(|start| line.starts_with(start)) && line.contains("(&")
    });
    ports.map(|line| pin(line).ok_or_else(|| line.to_owned())).collect()
}

fn pin(line: &str) -> Option<Pin> {
    let (kind, arguments) = line.strip_suffix(");")?.split_once("(&")?;
    let direction = match kind.trim_end_matches(|c: char| c.is_ascii_digit() || c == 'W') {
        "VL_IN" => Direction::Input,
        "VL_OUT" => Direction::Output,
        _ => return None,
    };
    let mut arguments = arguments.split(',');
    let member = arguments.next()?.to_owned();
    let (left, right): (i64, i64) = (arguments.next()?.parse().ok()?, arguments.next()?.parse().ok()?);
    Some(Pin { member, direction, width_bits: u32::try_from(left.abs_diff(right) + 1).ok()? })
}

/// Compares the generated pins with the table and writes `ports.inc` for the shim.
///
/// # Errors
/// [`BuildError::PortMissing`], [`BuildError::PortUnlisted`], [`BuildError::PortDiffers`],
/// [`BuildError::ClockWidth`].
pub(super) fn ports_include(top: &str, table: &PortTable, pins: &[Pin]) -> Result<String, BuildError> {
    let top_name = || top.to_owned();
    let listed = |name: &str| table.inputs().iter().chain(table.outputs()).any(|slot| slot.name == name);
    if let Some(pin) = pins.iter().find(|pin| !listed(&pin.port_name())) {
        return Err(BuildError::PortUnlisted { top: top_name(), port: pin.port_name() });
    }
    let member = |slot: &Slot, direction: Direction| {
        let port = slot.name.clone();
        let Some(pin) = pins.iter().find(|pin| pin.port_name() == port) else {
            return Err(BuildError::PortMissing { top: top_name(), port, direction });
        };
        if (pin.direction, pin.width_bits) != (direction, slot.width_bits) {
            let describe =
                |direction, width_bits: u32| format!("an {} of {width_bits} bits", direction_name(direction));
            let (found, listed) =
                (describe(pin.direction, pin.width_bits), describe(direction, slot.width_bits));
            return Err(BuildError::PortDiffers { top: top_name(), port, found, listed });
        }
        Ok(&pin.member)
    };
    let (mut inputs, mut outputs, mut clock) = (String::new(), String::new(), String::new());
    for slot in table.inputs() {
        if slot.name == CLOCK && slot.width_bits != 1 {
            return Err(BuildError::ClockWidth { width_bits: slot.width_bits });
        }
        let list = if slot.name == CLOCK { &mut clock } else { &mut inputs };
        push(list, member(slot, Direction::Input)?, slot);
    }
    for slot in table.outputs() {
        push(&mut outputs, member(slot, Direction::Output)?, slot);
    }
    Ok(format!(
        "#define PAGEWALK_INPUT_WORDS {}\n#define PAGEWALK_OUTPUT_WORDS {}\n\
         #define PAGEWALK_INPUTS(X){inputs}\n#define PAGEWALK_OUTPUTS(X){outputs}\n#define PAGEWALK_CLOCK(X){clock}\n",
        table.input_word_count(),
        table.output_word_count(),
    ))
}

fn push(list: &mut String, member: &str, slot: &Slot) {
    // Writing to a string cannot fail.
    let _ = write!(list, " \\\n    X({member}, {}, {})", slot.word, slot.width_bits);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Port;

    const HEADER: &str = "
        // PORTS
        VL_IN8(&clock,0,0);
        VL_IN8(&__SYM__template,7,0);
        VL_IN64(&a___05Fb,71,8);
        VL_OUTW(&wide,99,0,4);
    ";

    fn table(ports: &[Port]) -> PortTable {
        PortTable::new(ports).unwrap()
    }

    fn good() -> Vec<Port> {
        vec![
            Port::input("clock", 1),
            Port::input("template", 8),
            Port::input("a__b", 64),
            Port::output("wide", 100),
        ]
    }

    #[test]
    fn source_lists_end_at_an_empty_line() {
        let makefile = "# VM_CLASSES_FAST += \\\nVM_CLASSES_FAST += \\\n\tVmodel \\\n  Vmodel__0 \\\n\nVM_CLASSES_SLOW += \\\n\n\
                        VM_GLOBAL_FAST += \\\n\tverilated \\\n\n";
        let sources = Sources::parse(makefile).unwrap();
        assert_eq!(sources.fast, ["Vmodel", "Vmodel__0"]);
        assert!(sources.slow.is_empty());
        assert_eq!(sources.runtime, ["verilated"]);
        assert_eq!(Sources::parse(""), None);
    }

    #[test]
    fn pins_map_back_to_the_names_in_the_verilog() {
        let include = ports_include("t", &table(&good()), &pins(HEADER).unwrap()).unwrap();
        assert!(include.contains("X(__SYM__template, 1, 8)"), "{include}");
        assert!(include.contains("X(a___05Fb, 2, 64)"), "{include}");
        assert!(include.contains("PAGEWALK_OUTPUT_WORDS 2"), "{include}");
        assert!(include.ends_with("PAGEWALK_CLOCK(X) \\\n    X(clock, 0, 1)\n"), "{include}");
    }

    #[test]
    fn every_difference_between_table_and_verilog_is_found() {
        let pins = pins(HEADER).unwrap();
        let refused = |change: fn(&mut Vec<Port>)| {
            let mut ports = good();
            change(&mut ports);
            ports_include("t", &table(&ports), &pins).unwrap_err()
        };
        assert!(matches!(refused(|ports| ports[1].width_bits = 7), BuildError::PortDiffers { .. }));
        assert!(matches!(
            refused(|ports| ports[1].direction = Direction::Output),
            BuildError::PortDiffers { .. }
        ));
        assert!(matches!(refused(|ports| drop(ports.pop())), BuildError::PortUnlisted { .. }));
        assert!(matches!(refused(|ports| ports.push(Port::input("x", 1))), BuildError::PortMissing { .. }));
    }

    #[test]
    fn a_pin_that_goes_both_ways_is_not_understood() {
        assert!(pins("VL_INOUT8(&pad,0,0);").is_err());
        assert!(pins("VL_IN8(&pad,x,0);").is_err());
    }
}
