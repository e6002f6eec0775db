//! Hardware in lockstep with software: the generated Verilog as a compiled, loadable model.

pub mod build;
pub mod cache;
pub mod ffi;
pub mod toolchain;
