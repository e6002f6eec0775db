//! `config`: the settings as a file with comments, ready to be changed and given to `--config`.

use super::args::ConfigArgs;
use super::console::Console;
use super::settings::{Layers, Settings};
use super::{CliError, Verdict};
use pagewalk_arch::{L1Config, MemoryTiming, Preset, Structure, TimingConfig};
use pagewalk_kernel::KernelConfig;
use serde::Serialize;
use std::fmt::Write;

/// Prints the settings.
pub fn config(args: &ConfigArgs, console: &Console) -> Result<Verdict, CliError> {
    let layers = Layers::read(&args.machine)?;
    let settings = layers.settings(layers.one_format()?)?;
    console.print(&text(&settings))?;
    Ok(Verdict::Done)
}

/// The name that a unit variant has in files.
fn name(value: impl Serialize) -> String {
    toml::Value::try_from(value).map_or_else(|_| String::new(), |value| value.to_string())
}

/// The file. Bits that depend on the format are comments, so that the file serves every format.
pub fn text(settings: &Settings) -> String {
    let mmu = &settings.mmu;
    let presets = Preset::ALL.map(|preset| format!("#   {:<12} {}\n", preset.name, preset.about)).concat();
    let mut out = format!(
        "# Settings of `pagewalk run`, `cosim` and `emit`. What is left out has its default.\n\
         \n\
         # Page-table format; --format goes before it.\n\
         # format = {format}\n\
         # Implemented bits of physical addresses: 24 up to the format's, which is the default.\n\
         # physical_bits = {physical}\n\
         # Implemented bits of the address-space identifier: 0 up to the format's.\n\
         # asid_bits = {asid}\n\
         # Bits of the tag that goes with a request to its response, 0 to 16.\n\
         tag_bits = {tag}\n\
         \n\
         # Structure of the TLBs. --preset sets both by name:\n\
         {presets}\
         # kind = \"set-associative\": 4 KiB pages in sets (1-256) x ways (1, 2, 4, 8), and superpage_sets (0-256) rows\n\
         # for larger pages. kind = \"fully-associative\": entries (2-64) of any page size.\n\
         # replacement = \"tree-plru\" or \"round-robin\".\n",
        format = name(mmu.format),
        physical = mmu.physical_bits,
        asid = mmu.asid_bits,
        tag = mmu.tag_bits,
    );
    tlb(&mut out, "l1i", "Instruction TLB.", &mmu.l1i);
    tlb(&mut out, "l1d", "Data TLB.", &mmu.l1d);
    timing(&mut out, &mmu.timing);
    kernel(&mut out, &settings.kernel);
    out
}

/// Writing to a `String` cannot fail.
macro_rules! put {
    ($out:expr, $($format:tt)*) => { let _ = writeln!($out, $($format)*); };
}

fn tlb(out: &mut String, section: &str, about: &str, l1: &L1Config) {
    put!(out, "\n# {about}\n[{section}]\nreplacement = {}", name(l1.replacement));
    match l1.structure {
        Structure::SetAssociative { sets, ways, superpage_sets } => {
            put!(out, "[{section}.structure]\nkind = \"set-associative\"");
            put!(out, "sets = {sets}\nways = {ways}\nsuperpage_sets = {superpage_sets}");
        }
        Structure::FullyAssociative { entries } => {
            put!(out, "[{section}.structure]\nkind = \"fully-associative\"\nentries = {entries}");
        }
    }
}

fn timing(out: &mut String, timing: &TimingConfig) {
    put!(out, "\n# The world around the MMU. --seed makes all of it random.\n[timing]");
    put!(
        out,
        "# \"blocking\": an in-order core. \"overlapped\": both ports run on by themselves, for stress."
    );
    put!(out, "issue = {}", name(timing.issue));
    put!(out, "# Percentage of cycles, 0 to 90, in which a port issues nothing or takes no response.");
    put!(out, "request_stall_percent = {}", timing.request_stall_percent);
    put!(out, "response_stall_percent = {}", timing.response_stall_percent);
    put!(out, "stall_seed = {}", timing.stall_seed);
    put!(out, "# Page-table memory: kind = \"fixed\" with latency, or \"random\" with seed, latency_max and");
    put!(out, "# ready_delay_max; all in cycles.\n[timing.memory]");
    match timing.memory {
        MemoryTiming::Fixed { latency } => {
            put!(out, "kind = \"fixed\"\nlatency = {latency}");
        }
        MemoryTiming::Random { seed, latency_max, ready_delay_max } => {
            put!(out, "kind = \"random\"\nseed = {seed}");
            put!(out, "latency_max = {latency_max}\nready_delay_max = {ready_delay_max}");
        }
    }
}

fn kernel(out: &mut String, kernel: &KernelConfig) {
    put!(out, "\n# The kernel that handles the faults.\n[kernel]");
    put!(out, "# Installed memory; a number of bytes or \"16GiB\". Costs nothing until it is used.");
    put!(out, "memory_bytes = {}", kernel.memory_bytes);
    match kernel.memory_start {
        Some(start) => {
            put!(out, "# Its first byte.\nmemory_start = {:#x}", start.0);
        }
        None => {
            put!(out, "# Its first byte: by default 2 GiB on RISC-V beyond 32 bits, else 1 MiB.");
            put!(out, "# memory_start = 0x80000000");
        }
    }
    put!(out, "# Who sets A and D bits: \"hardware\" (x86, RISC-V Svadu) or \"software\" (RISC-V Svade).");
    put!(out, "ad_mode = {}", name(kernel.ad_mode));
    put!(
        out,
        "# An access that no mmap covers: \"infer\" an area (mapped before recording began), or \"strict\": SIGSEGV."
    );
    put!(out, "vma_policy = {}", name(kernel.vma_policy));
    put!(out, "# Whether untouched anonymous memory reads one shared page of zeroes.");
    put!(out, "zero_page = {}", kernel.zero_page);
    put!(out, "# Nothing is inferred below this address: vm.mmap_min_addr.");
    put!(out, "mmap_min_addr = {:#x}", kernel.mmap_min_addr.0);
    put!(out, "# More pages than these are flushed with one fence of the address space.");
    put!(out, "flush_ceiling_pages = {}", kernel.flush_ceiling_pages);
    put!(out, "# To which a stack may grow: RLIMIT_STACK.");
    put!(out, "stack_bytes_max = {}", kernel.stack_bytes_max);
    put!(out, "# Which Linux it behaves like: \"6.1\", \"6.12\" or \"6.18\".");
    put!(out, "linux = {}", name(kernel.linux));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{FormatChoice, MachineArgs};
    use pagewalk_arch::PagingFormat;

    #[test]
    fn what_is_printed_reads_back_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("mmu.toml");
        for format in PagingFormat::ALL {
            for preset in Preset::ALL {
                let args = MachineArgs {
                    format: Some(FormatChoice::One(format)),
                    preset: Some(preset.name.into()),
                    seed: Some(5),
                    ..MachineArgs::default()
                };
                let settings = Layers::read(&args).unwrap().settings(format).unwrap();
                std::fs::write(&file, text(&settings)).unwrap();
                let again =
                    MachineArgs { format: args.format, config: Some(file.clone()), ..MachineArgs::default() };
                assert_eq!(Layers::read(&again).unwrap().settings(format).unwrap(), settings);
            }
        }
    }
}
