//! The hardware as an [`pagewalk_arch::Mmu`]: a driver that plays core and memory, over any simulation of it.
//!
//! Owns the driver of hdl/CONTRACT.md (D-1 to D-16) and rust-hdl's own simulation. Does not own Verilator:
//! `pagewalk-verilator` brings its model as another set of [`Pins`].

mod driver;
mod pin_map;
mod pins;
mod rust_hdl;

pub use driver::Driver;
pub use pins::{Pins, PinsError};
pub use rust_hdl::{RustHdl, RustHdlPins};
