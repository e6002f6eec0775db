//! The MMU as hardware: a generator in rust-hdl whose geometry is chosen at run time.
//!
//! Owns the runtime-width layer ([`layer`]), the interfaces ([`mod@bundle`]), the blocks built from both ([`tlb`],
//! [`walk`], [`mmu`], [`bus`]), and the emission of Verilog ([`emit`]). Does not own the page-table formats and the
//! configuration: those are `pagewalk-arch`. How a block is written is in [`prelude`].
//!
//! # What of rust-hdl is used
//!
//! Of the rust-hdl family only `rust-hdl-core` 0.46, which is its last release, so what is used is small and listed in
//! [`prelude`]:
//! * the attribute `hdl_gen`, which records a kernel as a syntax tree ([`prelude::ast`]) beside running it as Rust;
//! * the traits `Logic`, `Block`, `Atom` and `Probe`, which make a tree of fields into something that can be
//!   evaluated and walked over, with the derive `LogicBlock`;
//! * `Signal` for single bits and clocks, and the directions;
//! * `simulate`, twelve lines that evaluate a tree until nothing changes.
//!
//! The rest is not used. `Bits<N>` and everything of a width fixed at compile time: a configuration is chosen at run
//! time, hence [`layer`]. Its Verilog generator and checks: precedence and widths come out wrong, latches and loops
//! pass, and each module becomes one block ([`emit`]). `LogicInterface`, `link` and `join`: the text names fields
//! that do not exist, hence [`bundle!`] and [`prelude::Bundle`]. Enums, structs, `match`, registers and memories: no
//! block needs them, or needs them at run-time widths. The threaded simulator, widgets, HLS and board support: tests
//! drive pins through `Pins`, and boards take plain Verilog.

pub mod bundle;
pub mod bus;
pub mod emit;
mod generate;
pub mod geometry;
pub mod layer;
pub mod mmu;
pub mod prelude;
pub mod tlb;
pub mod walk;

pub use generate::{Design, GenerateError, TOP, emit_options, generate, stated_options};
