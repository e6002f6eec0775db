//! The ports of a module.

/// Which way a port goes, seen from the module.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum PortDirection {
    /// Driven from outside.
    Input,
    /// Driven by the module.
    Output,
}

/// A port of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in the Verilog.
    pub name: String,
    /// Which way it goes.
    pub direction: PortDirection,
    /// Its width in bits; 1 is a scalar.
    pub width: usize,
    /// Whether it carries a clock.
    pub is_clock: bool,
    /// Its name in the kernel of the module that instantiates it.
    pub(super) raw: String,
}
