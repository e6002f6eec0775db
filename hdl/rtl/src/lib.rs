//! The MMU as hardware: a generator in rust-hdl whose geometry is chosen at run time.
//!
//! Owns the runtime-width layer ([`bits`], [`wire`], [`primitive`]), the blocks built from it, and the emission of
//! Verilog ([`emit`]). Does not own the page-table formats and the configuration: those are `pagewalk-arch`.

pub mod bits;
pub mod emit;
pub mod full_tlb;
mod generate;
pub mod geometry;
pub mod mmu;
mod mode_ports;
pub mod port;
pub mod prelude;
pub mod primitive;
pub mod pte_check;
pub mod pte_masks;
pub mod ptw;
pub mod set_tlb;
pub mod tlb_entry;
pub mod tlb_lane;
pub mod wire;

pub use generate::{Design, GenerateError, TOP, emit_options, generate, stated_options};
