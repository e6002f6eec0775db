//! The pins of a design and where they lie in the arrays that cross to the model.

use std::collections::HashSet;

use super::direction::Direction;
use super::error::BuildError;

/// The widest port that is accepted, in bits.
const WIDTH_BITS_MAX: u32 = 1 << 16;

/// A port of the top module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in the Verilog.
    pub name: String,
    /// Its width in bits, 1 or more.
    pub width_bits: u32,
    /// Which way it goes.
    pub direction: Direction,
}

impl Port {
    /// An input.
    pub fn input(name: impl Into<String>, width_bits: u32) -> Port {
        Port { name: name.into(), width_bits, direction: Direction::Input }
    }

    /// An output.
    pub fn output(name: impl Into<String>, width_bits: u32) -> Port {
        Port { name: name.into(), width_bits, direction: Direction::Output }
    }
}

/// Where a port lies in the array of its direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The port's name in the Verilog.
    pub name: String,
    /// The index of its least significant word.
    pub word: usize,
    /// How many words it takes: ceil(width / 64).
    pub word_count: usize,
    /// Its width in bits.
    pub width_bits: u32,
}

/// The layout of both arrays: ports in the order of their declaration, each starting at a new 64-bit word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortTable {
    inputs: Vec<Slot>,
    outputs: Vec<Slot>,
}

impl PortTable {
    /// Lays out `ports`.
    ///
    /// # Errors
    /// [`BuildError::PortName`], [`BuildError::PortTwice`] or [`BuildError::PortWidth`].
    pub fn new(ports: &[Port]) -> Result<PortTable, BuildError> {
        let mut table = PortTable::default();
        let mut names = HashSet::new();
        for Port { name, width_bits, direction } in ports {
            if !is_identifier(name) {
                return Err(BuildError::PortName { port: name.clone() });
            }
            if !names.insert(name) {
                return Err(BuildError::PortTwice { port: name.clone() });
            }
            if !(1..=WIDTH_BITS_MAX).contains(width_bits) {
                let (port, width_bits) = (name.clone(), *width_bits);
                return Err(BuildError::PortWidth { port, width_bits, width_bits_max: WIDTH_BITS_MAX });
            }
            let slots = match direction {
                Direction::Input => &mut table.inputs,
                Direction::Output => &mut table.outputs,
            };
            let (word, word_count) = (word_count(slots), width_bits.div_ceil(64) as usize);
            slots.push(Slot { name: name.clone(), word, word_count, width_bits: *width_bits });
        }
        Ok(table)
    }

    /// The inputs, in order.
    pub fn inputs(&self) -> &[Slot] {
        &self.inputs
    }

    /// The outputs, in order.
    pub fn outputs(&self) -> &[Slot] {
        &self.outputs
    }

    /// The length of the array of inputs.
    pub fn input_word_count(&self) -> usize {
        word_count(&self.inputs)
    }

    /// The length of the array of outputs.
    pub fn output_word_count(&self) -> usize {
        word_count(&self.outputs)
    }
}

fn word_count(slots: &[Slot]) -> usize {
    slots.last().map_or(0, |last| last.word + last.word_count)
}

/// Whether `name` is a simple Verilog identifier (without `$`, which is none in C++).
pub(super) fn is_identifier(name: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts_well && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_start_at_whole_words_in_declared_order() {
        let ports = [
            Port::input("a", 1),
            Port::output("y", 64),
            Port::input("b", 65),
            Port::input("c", 128),
            Port::output("z", 7),
        ];
        let table = PortTable::new(&ports).unwrap();
        let words = |slots: &[Slot]| slots.iter().map(|s| (s.word, s.word_count)).collect::<Vec<_>>();
        assert_eq!(words(table.inputs()), [(0, 1), (1, 2), (3, 2)]);
        assert_eq!(words(table.outputs()), [(0, 1), (1, 1)]);
        assert_eq!((table.input_word_count(), table.output_word_count()), (5, 2));
    }

    #[test]
    fn ports_that_cannot_be_are_refused() {
        let refused = |ports: &[Port]| PortTable::new(ports).unwrap_err();
        assert!(matches!(refused(&[Port::input("", 1)]), BuildError::PortName { .. }));
        assert!(matches!(refused(&[Port::input("a; b", 1)]), BuildError::PortName { .. }));
        assert!(matches!(refused(&[Port::input("1a", 1)]), BuildError::PortName { .. }));
        assert!(matches!(refused(&[Port::input("a", 0)]), BuildError::PortWidth { .. }));
        assert!(matches!(refused(&[Port::input("a", u32::MAX)]), BuildError::PortWidth { .. }));
        assert!(matches!(
            refused(&[Port::input("a", 1), Port::output("a", 1)]),
            BuildError::PortTwice { .. }
        ));
    }
}
