//! Why a design cannot be made into a library.

use thiserror::Error;

use super::direction::Direction;
use crate::cache::CacheError;
use crate::toolchain::CommandError;

/// Why a design cannot be made into a library.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The name of the top module is no Verilog identifier.
    #[error("`{top}` cannot be the name of a top module: it must be a plain Verilog identifier")]
    TopName {
        /// The name.
        top: String,
    },

    /// The name of a port is no Verilog identifier.
    #[error("`{port}` cannot be the name of a port: it must be a plain Verilog identifier")]
    PortName {
        /// The name.
        port: String,
    },

    /// Two ports have the same name.
    #[error("the port `{port}` is listed twice")]
    PortTwice {
        /// The name.
        port: String,
    },

    /// A port is empty or absurdly wide.
    #[error("the port `{port}` is {width_bits} bits wide: 1 to {width_bits_max} are possible")]
    PortWidth {
        /// The port.
        port: String,
        /// Its width.
        width_bits: u32,
        /// The widest possible.
        width_bits_max: u32,
    },

    /// The clock is not a single wire.
    #[error("the input `clock` is {width_bits} bits wide: a clock is one bit")]
    ClockWidth {
        /// Its width.
        width_bits: u32,
    },

    /// A listed port is not in the Verilog.
    #[error("the port table lists the {} `{port}`, which the top module `{top}` does not have", direction_name(*direction))]
    PortMissing {
        /// The top module.
        top: String,
        /// The port.
        port: String,
        /// Its listed direction.
        direction: Direction,
    },

    /// A port of the Verilog is not listed.
    #[error("the top module `{top}` has the port `{port}`, which the port table does not list")]
    PortUnlisted {
        /// The top module.
        top: String,
        /// The port.
        port: String,
    },

    /// A port differs between the list and the Verilog.
    #[error("the port `{port}` of `{top}` is {found} in the Verilog but {listed} in the port table")]
    PortDiffers {
        /// The top module.
        top: String,
        /// The port.
        port: String,
        /// Direction and width in the Verilog.
        found: String,
        /// Direction and width in the table.
        listed: String,
    },

    /// Verilator wrote something that is not understood.
    #[error(
        "Verilator {version} wrote {file} in a form that is not understood ({reason}); use another version, e.g. with PAGEWALK_VERILATOR"
    )]
    Generated {
        /// Verilator's version.
        version: String,
        /// The file.
        file: &'static str,
        /// What is missing.
        reason: String,
    },

    /// Verilator or the compiler failed.
    #[error(transparent)]
    Command(CommandError),

    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl From<CommandError> for BuildError {
    fn from(error: CommandError) -> BuildError {
        match error {
            CommandError::Cache(error) => BuildError::Cache(error),
            error => BuildError::Command(error),
        }
    }
}

pub(super) fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Input => "input",
        Direction::Output => "output",
    }
}
