//! From a configuration to the Verilog that people take away. Owns the header and the name of the top module.

use crate::emit::{self, EmitError, Port};
use crate::mmu::Mmu;
use crate::prelude::Block;
use pagewalk_arch::{ConfigError, L1Config, MmuConfig, Replacement, Structure};

/// Name of the top module.
pub const TOP: &str = "pagewalk_mmu";

/// A generated MMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Design {
    /// Name of the top module.
    pub top: String,
    /// The whole text, all modules, Verilog-2001.
    pub verilog: String,
    /// The ports of the top module, in the text's order.
    pub ports: Vec<Port>,
}

/// A configuration for which no Verilog can be made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// It is no configuration of an MMU.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A block breaks a rule of the emitter: a defect of the generator.
    #[error("the generator produced unusable hardware: {0}")]
    Emit(#[from] EmitError),
}

/// The Verilog of the MMU of `config`. The same configuration gives the same bytes.
///
/// # Errors
/// [`GenerateError`].
pub fn generate(config: &MmuConfig) -> Result<Design, GenerateError> {
    let mut mmu = Mmu::new(config)?;
    mmu.connect_all();
    let verilog = emit::verilog(&mmu, TOP, &header(config))?;
    Ok(Design { top: TOP.to_owned(), verilog, ports: emit::ports(&mmu)? })
}

fn header(config: &MmuConfig) -> String {
    let spec = config.spec();
    format!(
        "{TOP}: memory management unit, {format}, {va} virtual and {pa} physical address bits\n\
         \n\
         identifier bits {asid}, tag bits {tag}\n\
         instruction TLB: {l1i}\n\
         data TLB: {l1d}\n\
         \n\
         Ports are valid/ready handshakes, `valid` never waits for `ready`. A hit is answered in the cycle after the\n\
         request; a walk of n reads at memory latency L in 4 + n (1 + L) cycles. root, asid, pdpte_* and mode_* may\n\
         change only while `busy` is low. Memory answers a compare-and-swap with the value it holds afterwards.\n\
         \n\
         Written by pagewalk {version}.",
        format = spec.name,
        va = spec.va_bits,
        pa = config.physical_bits,
        asid = config.asid_bits,
        tag = config.tag_bits,
        l1i = describe(&config.l1i),
        l1d = describe(&config.l1d),
        version = env!("CARGO_PKG_VERSION"),
    )
}

fn describe(l1: &L1Config) -> String {
    let replacement = match l1.replacement {
        Replacement::TreePlru => "tree-PLRU",
        Replacement::RoundRobin => "round-robin",
    };
    match l1.structure {
        Structure::SetAssociative { sets, ways, superpage_sets: 0 } => {
            format!("{sets} sets x {ways} ways of 4 KiB pages, {replacement}")
        }
        Structure::SetAssociative { sets, ways, superpage_sets } => {
            format!(
                "{sets} sets x {ways} ways of 4 KiB pages, {superpage_sets} superpage rows, {replacement}"
            )
        }
        Structure::FullyAssociative { entries } => {
            format!("{entries} fully associative entries of any page size, {replacement}")
        }
    }
}
