//! `config`: the settings as a file with comments, ready to be changed and given to `--config`. One row for each setting.

use super::args::MachineArgs;
use super::console::Console;
use super::execute::Execute;
use super::settings::{Layers, Settings};
use super::{CliError, Verdict};
use clap::Args;
use pagewalk_arch::Preset;
use serde_json::Value;
use std::fmt::Write;

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The machine whose settings are printed.
    #[command(flatten)]
    pub machine: MachineArgs,
}

impl Execute for ConfigArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        let layers = Layers::read(&self.machine)?;
        let settings = layers.settings(layers.one_format()?)?;
        console.print(&text(&settings).map_err(|error| CliError::Output(error.into()))?)?;
        Ok(Verdict::Done)
    }
}

/// A row of the file.
enum Row {
    /// A paragraph of its own.
    Remark(&'static str),
    /// A section: its name, and what it is.
    Section(&'static str, &'static str),
    /// A setting: its name in the section, and what it means. Left out where the settings do not have it.
    Setting(&'static str, &'static str),
    /// A setting that depends on the format: a comment, so that the file serves every format.
    OfFormat(&'static str, &'static str),
    /// An address that may be left to the defaults: its name, what it means, and an example.
    Address(&'static str, &'static str, &'static str),
    /// A group of settings that is there or not: name, remark, an example.
    Group(&'static str, &'static str, &'static str),
}
use Row::{Address, Group, OfFormat, Remark, Section, Setting};

/// The file from top to bottom.
const ROWS: &[Row] = &[
    Remark("Settings of `pagewalk run`, `cosim` and `emit`. What is left out has its default."),
    Section("", ""),
    OfFormat("format", "Page-table format; --format goes before it."),
    OfFormat(
        "physical_bits",
        "Implemented bits of physical addresses: 24 up to the format's, which is the default.",
    ),
    OfFormat("asid_bits", "Implemented bits of the address-space identifier: 0 up to the format's."),
    Setting("tag_bits", "Bits of the tag that goes with a request to its response, 0 to 16."),
    Remark(
        "\nStructure of the TLBs. --preset sets both by name:\n\
         {presets}\n\
         kind = \"set-associative\": 4 KiB pages in sets (1-256) x ways (1, 2, 4, 8), and superpage_sets (0-256) rows\n\
         for larger pages. kind = \"fully-associative\": entries (2-64) of any page size.\n\
         replacement = \"tree-plru\" or \"round-robin\".",
    ),
    Section("l1i", "Instruction TLB."),
    Setting("replacement", ""),
    Section("l1i.structure", ""),
    Setting("kind", ""),
    Setting("sets", ""),
    Setting("ways", ""),
    Setting("superpage_sets", ""),
    Setting("entries", ""),
    Section("l1d", "Data TLB."),
    Setting("replacement", ""),
    Section("l1d.structure", ""),
    Setting("kind", ""),
    Setting("sets", ""),
    Setting("ways", ""),
    Setting("superpage_sets", ""),
    Setting("entries", ""),
    Section("timing", "The world around the MMU. --seed makes all of it random."),
    Setting(
        "issue",
        "\"blocking\": an in-order core. \"overlapped\": both ports run on by themselves, for stress.",
    ),
    Setting(
        "request_stall_percent",
        "Percentage of cycles, 0 to 90, in which a port issues nothing or takes no response.",
    ),
    Setting("response_stall_percent", ""),
    Setting("stall_seed", ""),
    Section(
        "timing.memory",
        "Page-table memory: kind = \"fixed\" with latency, or \"random\" with seed, latency_max and\n\
         ready_delay_max; all in cycles.",
    ),
    Setting("kind", ""),
    Setting("latency", ""),
    Setting("seed", ""),
    Setting("latency_max", ""),
    Setting("ready_delay_max", ""),
    Section("kernel", "The kernel that handles the faults."),
    Setting(
        "memory_bytes",
        "Installed memory; a number of bytes or \"16GiB\". Costs nothing until it is used.",
    ),
    Address(
        "memory_start",
        "Its first byte: by default 2 GiB on RISC-V beyond 32 bits, else 1 MiB.",
        "0x80000000",
    ),
    Setting(
        "ad_mode",
        "Who sets A and D bits: \"hardware\" (x86, RISC-V Svadu) or \"software\" (RISC-V Svade).",
    ),
    Setting(
        "vma_policy",
        "An access that no mmap covers: \"infer\" an area (mapped before recording began), or \"strict\": SIGSEGV.",
    ),
    Setting("zero_page", "Whether untouched anonymous memory reads one shared page of zeroes."),
    Address("mmap_min_addr", "Nothing is inferred below this address: vm.mmap_min_addr.", "0x10000"),
    Setting("flush_ceiling_pages", "More pages than these are flushed with one fence of the address space."),
    Setting("stack_bytes_max", "To which a stack may grow: RLIMIT_STACK."),
    Setting(
        "fault_around_bytes",
        "Of a file's cached pages a read maps those within so many bytes at once; 4096: only what is touched.",
    ),
    Setting(
        "files_are_warm",
        "Whether a trace's files were in the page cache before: nothing waits for them.",
    ),
    Setting("ns_per_access", "Nanoseconds that pass with an access."),
    Setting("flush_young", "Whether a fence follows where reclaim clears an A bit, which Linux leaves out."),
    Setting(
        "load_control",
        "Whether processes are suspended where memory does not suffice for all: \"none\" (as Linux), \"working-set\" or \
         \"pff\" (by the frequency of their faults).",
    ),
    Setting("load_window", "Accesses of a process after which load control judges it."),
    Setting("pff_upper", "Major faults in a million accesses above which somebody is suspended."),
    Setting("pff_lower", "Below which all that run must be before a process that was suspended goes on."),
    Group(
        "pc",
        "A PC under Linux: zones with watermarks, CPUs' lists, slabs, and what the kernel itself takes. Without, all\n\
         memory is for programs and page tables.",
        "{ nodes = 1, cpus = 1, more_disks = 0, has_huge_pages = false }",
    ),
    Setting("linux", "Which Linux it behaves like: \"6.1\", \"6.12\" or \"6.18\"."),
    Section("kernel.disk", "The disk that files lie on."),
    Setting("latency_ns", "Nanoseconds from a request's turn to its first byte."),
    Setting("page_ns", "Nanoseconds that a page of 4 KiB takes besides."),
    Setting("read_ahead_kb", "KiB that are read ahead of a file that is read in order."),
    Setting("request_kb", "KiB of the largest request."),
];

/// The file.
fn text(settings: &Settings) -> Result<String, serde_json::Error> {
    // Not TOML, whose numbers end at 63 bits; names and numbers are written alike.
    let values = serde_json::to_value(settings)?;
    let mut out = String::new();
    let mut section = String::new();
    for row in ROWS {
        let value =
            |name: &str| values.pointer(&format!("{section}/{name}")).filter(|value| !value.is_null());
        match row {
            Remark(text) => remark(&mut out, &text.replace("{presets}", &presets())),
            Section(name, about) => {
                section =
                    name.split('.').filter(|part| !part.is_empty()).map(|part| format!("/{part}")).collect();
                if !name.contains('.') {
                    out.push('\n');
                }
                remark(&mut out, about);
                if !name.is_empty() {
                    put(&mut out, format_args!("[{name}]"));
                }
            }
            Setting(name, about) => {
                if let Some(value) = value(name) {
                    remark(&mut out, about);
                    put(&mut out, format_args!("{name} = {value}"));
                }
            }
            OfFormat(name, about) => {
                remark(&mut out, about);
                put(&mut out, format_args!("# {name} = {}", value(name).unwrap_or(&Value::Null)));
            }
            Address(name, about, example) => {
                remark(&mut out, about);
                match value(name).and_then(Value::as_u64) {
                    Some(address) => put(&mut out, format_args!("{name} = {address:#x}")),
                    None => put(&mut out, format_args!("# {name} = {example}")),
                }
            }
            Group(name, about, example) => {
                remark(&mut out, about);
                match value(name).and_then(Value::as_object) {
                    Some(fields) => {
                        let fields: Vec<_> =
                            fields.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                        put(&mut out, format_args!("{name} = {{ {} }}", fields.join(", ")));
                    }
                    None => put(&mut out, format_args!("# {name} = {example}")),
                }
            }
        }
    }
    Ok(out)
}

/// Every preset on a line of its own.
fn presets() -> String {
    Preset::ALL.map(|preset| format!("  {:<12} {}", preset.name, preset.about)).join("\n")
}

fn remark(out: &mut String, text: &str) {
    for line in text.lines() {
        match line {
            "" => out.push('\n'),
            line => put(out, format_args!("# {line}")),
        }
    }
}

fn put(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{FormatChoice, MachineArgs};
    use pagewalk_arch::PagingFormat;

    /// Paths of all that is set in `value`.
    fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    leaves(value, &format!("{path}{}{name}", if path.is_empty() { "" } else { "." }), found);
                }
            }
            _ => found.push(path.to_owned()),
        }
    }

    #[test]
    fn every_setting_has_a_row() {
        let mut section = "";
        let mut rows = Vec::new();
        for row in ROWS {
            match row {
                Remark(_) => {}
                Section(name, _) => section = name,
                Setting(name, _) | OfFormat(name, _) | Address(name, _, _) | Group(name, _, _)
                    if section.is_empty() =>
                {
                    rows.push((*name).to_owned());
                }
                Setting(name, _) | OfFormat(name, _) | Address(name, _, _) | Group(name, _, _) => {
                    rows.push(format!("{section}.{name}"));
                }
            }
        }
        for preset in Preset::ALL {
            for seed in [None, Some(5)] {
                let args = MachineArgs { preset: Some(preset.name.into()), seed, ..MachineArgs::default() };
                let settings = Layers::read(&args).unwrap().settings(PagingFormat::Sv39).unwrap();
                let mut found = Vec::new();
                leaves(&serde_json::to_value(settings).unwrap(), "", &mut found);
                let without: Vec<_> = found.iter().filter(|path| !rows.contains(path)).collect();
                assert!(without.is_empty(), "no row for {without:?}");
            }
        }
    }

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
                std::fs::write(&file, text(&settings).unwrap()).unwrap();
                let again =
                    MachineArgs { format: args.format, config: Some(file.clone()), ..MachineArgs::default() };
                assert_eq!(Layers::read(&again).unwrap().settings(format).unwrap(), settings);
            }
        }
    }
}
