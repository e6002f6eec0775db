//! From a configuration to the Verilog that people take away. Owns the header, what it states of the configuration,
//! and the name of the top module.

use crate::emit::{self, EmitError, Port};
use crate::mmu::Mmu;
use pagewalk_arch::{ConfigError, L1Config, MmuConfig, Preset, Replacement, Structure};

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
    config.validate()?;
    let mmu = Mmu::new(config);
    let verilog = emit::verilog(&mmu, TOP, &header(config))?;
    Ok(Design { top: TOP.to_owned(), verilog, ports: emit::ports(&mmu)? })
}

fn header(config: &MmuConfig) -> String {
    let spec = config.spec();
    format!(
        "{TOP}: memory management unit, {format}, {va} virtual and {pa} physical address bits\n\
         \n\
         ASID bits {asid}, tag bits {tag}\n\
         instruction TLB: {l1i}\n\
         data TLB: {l1d}\n\
         \n\
         Ports are valid/ready handshakes, `valid` never waits for `ready`. A hit is answered in the cycle after the\n\
         request; a walk of n reads at memory latency L in 4 + n (1 + L) cycles. root, asid, pdpte_* and mode_* may\n\
         change only while `busy` is low. Memory answers a compare-and-swap with the value it holds afterwards.\n\
         \n\
         Written by pagewalk {version}{COMMAND}{options}",
        format = spec.name,
        va = spec.va_bits,
        pa = config.physical_bits,
        asid = config.asid_bits,
        tag = config.tag_bits,
        l1i = describe(&config.l1i),
        l1d = describe(&config.l1d),
        version = env!("CARGO_PKG_VERSION"),
        options = emit_options(config),
    )
}

/// What stands in the header before the options.
const COMMAND: &str = ": pagewalk emit ";

/// The options of `pagewalk emit` that give the hardware of `config`, always in the same order.
pub fn emit_options(config: &MmuConfig) -> String {
    let fits = |preset: &Preset| {
        let config_of_preset = preset.config(config.format);
        config_of_preset.l1i == config.l1i && config_of_preset.l1d == config.l1d
    };
    let preset = Preset::ALL.into_iter().find(fits);
    let base = preset.unwrap_or(Preset::ALL[0]).config(config.format);
    let mut options = vec![format!("--format {}", config.format)];
    if let Some(preset) = preset.filter(|preset| *preset != Preset::ALL[0]) {
        options.push(format!("--preset {}", preset.name));
    }
    for (name, value, usual) in [
        ("physical_bits", config.physical_bits, base.physical_bits),
        ("asid_bits", config.asid_bits, base.asid_bits),
        ("tag_bits", config.tag_bits, base.tag_bits),
    ] {
        if value != usual {
            options.push(format!("--set {name}={value}"));
        }
    }
    for (name, l1, usual) in [("l1i", &config.l1i, &base.l1i), ("l1d", &config.l1d, &base.l1d)] {
        if l1 != usual {
            options.extend(l1_settings(l1).into_iter().map(|setting| format!("--set {name}.{setting}")));
        }
    }
    options.join(" ")
}

/// A TLB as assignments under its section.
fn l1_settings(l1: &L1Config) -> Vec<String> {
    let replacement = match l1.replacement {
        Replacement::TreePlru => "tree-plru",
        Replacement::RoundRobin => "round-robin",
    };
    let mut settings = match l1.structure {
        Structure::SetAssociative { sets, ways, superpage_sets } => vec![
            "structure.kind=set-associative".to_owned(),
            format!("structure.sets={sets}"),
            format!("structure.ways={ways}"),
            format!("structure.superpage_sets={superpage_sets}"),
        ],
        Structure::FullyAssociative { entries } => {
            vec!["structure.kind=fully-associative".to_owned(), format!("structure.entries={entries}")]
        }
    };
    settings.push(format!("replacement={replacement}"));
    settings
}

/// The options that the header of an emitted text states; `None` where it has no such header, as after a tool that
/// drops comments.
pub fn stated_options(verilog: &str) -> Option<&str> {
    let mut header = verilog.lines().take_while(|line| line.is_empty() || line.starts_with("//"));
    header
        .find_map(|line| line.strip_prefix("// Written by pagewalk ")?.split_once(COMMAND))
        .map(|(_, options)| options)
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

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::PagingFormat;

    #[test]
    fn the_header_states_the_hardware() {
        let mut config = Preset::ALL[4].config(PagingFormat::La48);
        assert_eq!(emit_options(&config), "--format la48 --preset associative");
        config.tag_bits = 5;
        config.l1d.replacement = Replacement::RoundRobin;
        let options = "--format la48 --set tag_bits=5 --set l1i.structure.kind=fully-associative \
                       --set l1i.structure.entries=8 --set l1i.replacement=tree-plru \
                       --set l1d.structure.kind=fully-associative --set l1d.structure.entries=8 \
                       --set l1d.replacement=round-robin";
        assert_eq!(emit_options(&config), options);
        let design = generate(&config).expect("a design");
        assert_eq!(stated_options(&design.verilog), Some(options));
        assert_eq!(stated_options("module pagewalk_mmu ();\nendmodule\n"), None);
        assert_eq!(emit_options(&MmuConfig::default()), "--format sv39");
    }
}
