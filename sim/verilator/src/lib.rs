//! The generated Verilog, compiled by Verilator and loaded as an engine.
//!
//! Owns finding and installing Verilator ([`toolchain`]), building with it ([`build`]), keeping what was built
//! ([`cache`]), loading it ([`ffi`]) and the engine that comes of it ([`Verilated`]). Does not own the driver around the
//! pins, nor what the engine is compared with.

pub mod build;
pub mod cache;
pub mod ffi;
pub mod toolchain;
mod verilated;

pub use verilated::{Hardware, Verilated, VerilatedPins};

/// Why there is no compiled hardware.
#[derive(Debug, thiserror::Error)]
pub enum HardwareError {
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
