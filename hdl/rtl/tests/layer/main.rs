//! The runtime-width layer and the emitter: simulation in Rust against the emitted Verilog, its text, and its errors.

mod arithmetic;
mod bench;
mod bundles;
mod bus;
mod constants;
mod errors;
mod kernels;
mod liar;
mod storage;
mod structure;
