//! `emit`: the Verilog, the manifest of its ports and parameters, and a FuseSoC core file.

use super::args::MachineArgs;
use super::console::Console;
use super::execute::Execute;
use super::settings::Layers;
use super::{CliError, Verdict};
use clap::Args;
use pagewalk_arch::MmuConfig;
use pagewalk_rtl::emit::PortDirection;
use pagewalk_rtl::{Design, generate};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Arguments of `emit`.
#[derive(Debug, Args)]
pub struct EmitArgs {
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Write to FILE; or all three files to a directory, named by a final slash or because it exists
    /// [default: the Verilog to standard output]
    #[arg(short, long, value_name = "FILE|DIR")]
    pub output: Option<String>,
    /// The manifest of ports and parameters instead of the Verilog
    #[arg(long)]
    pub manifest: bool,
}

impl Execute for EmitArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        emit(self, console)
    }
}

/// The manifest.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    /// Name of the top module.
    top: &'a str,
    /// Version of the generator.
    generator: &'static str,
    /// Page-table format.
    format: &'static str,
    /// What the hardware was generated for; `timing` describes the simulated world around it.
    parameters: &'a MmuConfig,
    /// Bits of a virtual address as the core holds it.
    va_register_bits: u32,
    /// Ports of the top module in their order.
    ports: Vec<PortEntry<'a>>,
}

/// One port.
#[derive(Debug, Serialize)]
struct PortEntry<'a> {
    name: &'a str,
    direction: &'static str,
    width_bits: usize,
    clock: bool,
}

/// One generated design with all its texts.
struct Emission {
    config: MmuConfig,
    design: Design,
}

impl Emission {
    fn new(config: &MmuConfig) -> Result<Self, CliError> {
        Ok(Self { config: *config, design: generate(config)? })
    }

    fn manifest(&self) -> Result<String, CliError> {
        let ports = self.design.ports.iter().map(|port| PortEntry {
            name: &port.name,
            direction: match port.direction {
                PortDirection::Input => "input",
                PortDirection::Output => "output",
            },
            width_bits: port.width,
            clock: port.is_clock,
        });
        let manifest = Manifest {
            top: &self.design.top,
            generator: concat!("pagewalk ", env!("CARGO_PKG_VERSION")),
            format: self.config.format.name(),
            parameters: &self.config,
            va_register_bits: self.config.spec().va_register_bits,
            ports: ports.collect(),
        };
        let mut text =
            serde_json::to_string_pretty(&manifest).map_err(|error| CliError::Output(error.into()))?;
        text.push('\n');
        Ok(text)
    }

    fn core_file(&self) -> String {
        format!(
            "CAPI=2:\n\
             name: \"::{top}_{format}:{version}\"\n\
             description: \"Memory management unit for {format} page tables\"\n\
             filesets:\n  \
               rtl:\n    \
                 files: [{top}.v]\n    \
                 file_type: verilogSource\n\
             targets:\n  \
               default: &default\n    \
                 filesets: [rtl]\n    \
                 toplevel: {top}\n  \
               lint:\n    \
                 <<: *default\n    \
                 default_tool: verilator\n    \
                 tools:\n      \
                   verilator:\n        \
                     mode: lint-only\n",
            top = self.design.top,
            format = self.config.format.name().replace('-', "_"),
            version = env!("CARGO_PKG_VERSION"),
        )
    }

    /// Writes all files into `directory`.
    fn write_all(&self, directory: &Path, console: &Console) -> Result<(), CliError> {
        std::fs::create_dir_all(directory)
            .map_err(|reason| CliError::Write { path: directory.to_owned(), reason })?;
        let file = |suffix: &str| directory.join(format!("{}.{suffix}", self.design.top));
        for (path, text) in [
            (file("v"), self.design.verilog.clone()),
            (file("json"), self.manifest()?),
            (file("core"), self.core_file()),
        ] {
            write(&path, &text)?;
            console.note(&format!("wrote {}", path.display()));
        }
        Ok(())
    }
}

fn emit(args: &EmitArgs, console: &Console) -> Result<Verdict, CliError> {
    let layers = Layers::read(&args.machine)?;
    let formats = layers.formats();
    let directory = args.output.as_deref().filter(|name| name.ends_with('/') || Path::new(name).is_dir());
    if let Some(directory) = directory {
        for &format in formats {
            let mut place = PathBuf::from(directory);
            if formats.len() > 1 {
                place.push(format.name());
            }
            Emission::new(&layers.settings(format)?.mmu)?.write_all(&place, console)?;
        }
        return Ok(Verdict::Done);
    }
    if formats.len() > 1 {
        return Err(CliError::Usage("--format all writes into a directory: add -o DIRECTORY/".into()));
    }
    let emission = Emission::new(&layers.settings(formats[0])?.mmu)?;
    let text = if args.manifest { emission.manifest()? } else { emission.design.verilog.clone() };
    match args.output.as_deref() {
        None | Some("-") => console.print(&text)?,
        Some(path) => write(Path::new(path), &text)?,
    }
    Ok(Verdict::Done)
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    std::fs::write(path, text).map_err(|reason| CliError::Write { path: path.to_owned(), reason })
}
