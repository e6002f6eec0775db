//! Hardware in lockstep with software.
//!
//! Owns the compiled hardware ([`toolchain`], [`build`], [`cache`], [`ffi`], [`Hardware`]), the comparison of two
//! engines ([`Lockstep`], [`Difference`]) and the loop that runs a kernel on either ([`Machine`]). Does not own the
//! engines themselves, the kernel, nor reading traces.

pub mod build;
pub mod cache;
mod difference;
pub mod ffi;
mod lockstep;
mod loss;
mod machine;
mod tapped;
pub mod toolchain;
mod verilated;

pub use difference::{Difference, RECENT_COUNT, TableEntry};
pub use lockstep::Lockstep;
pub use loss::{Ending, Losses, ProcessEnd, Verdict};
pub use machine::{BATCH_ACCESSES, Machine, MachineError, Observer, RunCounts, RunEnd};
pub use tapped::{Tap, Tapped};
pub use verilated::{Hardware, Verilated, VerilatedPins};

/// Why there is no compiled hardware.
#[derive(Debug, thiserror::Error)]
pub enum CosimError {
    /// The configuration is none.
    #[error(transparent)]
    Config(#[from] pagewalk_arch::ConfigError),
    /// No Verilog can be generated.
    #[error(transparent)]
    Generate(#[from] pagewalk_rtl::GenerateError),
    /// A tool is missing.
    #[error(transparent)]
    Toolchain(#[from] toolchain::ToolchainError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] cache::CacheError),
    /// Verilator or the compiler failed.
    #[error(transparent)]
    Build(#[from] build::BuildError),
    /// The model cannot be loaded or started.
    #[error(transparent)]
    Model(#[from] ffi::ModelError),
}
