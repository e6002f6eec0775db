//! The MMU as hardware: a generator in rust-hdl whose geometry is chosen at run time.
//!
//! Owns the runtime-width layer ([`layer`]), the blocks built from it, and the emission of
//! Verilog ([`emit`]). Does not own the page-table formats and the configuration: those are `pagewalk-arch`.

pub mod bundle;
pub mod emit;
mod generate;
pub mod geometry;
pub mod layer;
pub mod mmu;
pub mod prelude;
pub mod tlb;
pub mod walk;

pub use generate::{Design, GenerateError, TOP, emit_options, generate, stated_options};
