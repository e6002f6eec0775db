//! Every hand-written case on every engine: golden model with and without TLBs, rust-hdl's simulation, the Verilog under
//! Verilator. Each is compared with what the case says, not with the others.
//!
//! `PAGEWALK_CASE` runs only the cases whose rule or title contains it.

use pagewalk_arch::{Mmu, MmuConfig, Uniprocessor};
use pagewalk_golden::Golden;
use pagewalk_tests::cases::{Ability, Case, load};
use pagewalk_tests::engines::{MEMORY_LIMIT, golden, hardware, rust_hdl};
use pagewalk_verilator::Hardware;
use std::collections::BTreeSet;
use std::path::PathBuf;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn cases_of(file: &str) -> Vec<Case> {
    load(&directory().join(file)).unwrap_or_else(|error| panic!("{error}"))
}

/// The compiled hardware of every configuration met so far.
#[derive(Default)]
struct Builds(Vec<(MmuConfig, Hardware)>);

impl Builds {
    fn of(&mut self, config: &MmuConfig) -> &Hardware {
        let at = self.0.iter().position(|(known, _)| known == config).unwrap_or_else(|| {
            self.0.push((*config, hardware(config)));
            self.0.len() - 1
        });
        &self.0[at].1
    }
}

fn conforms(file: &str) {
    let wanted = std::env::var("PAGEWALK_CASE").unwrap_or_default();
    let mut builds = Builds::default();
    let mut failures = Vec::new();
    for case in cases_of(file) {
        if !case.rule.contains(&wanted) && !case.title.contains(&wanted) {
            continue;
        }
        let config = &case.config;
        let bare = Golden::bare(config).unwrap_or_else(|error| panic!("{error}"));
        let verilated = builds.of(config).start().unwrap_or_else(|error| panic!("{error}"));
        let engines: [(&str, Box<dyn Mmu>, Ability); 4] = [
            ("golden", Box::new(golden(config)), Ability::Exact),
            ("golden without TLBs", Box::new(bare), Ability::ArchitectureOnly),
            ("rust-hdl", Box::new(rust_hdl(config)), Ability::Exact),
            ("verilator", Box::new(verilated), Ability::Exact),
        ];
        for (name, mmu, ability) in engines {
            let mut machine = Uniprocessor::new(mmu, MEMORY_LIMIT);
            if let Err(problem) = case.check(&mut machine, ability) {
                let Case { rule, title, .. } = &case;
                failures.push(format!("{rule} ({title}), {}, {name}: {problem}", config.format));
            }
        }
    }
    assert!(failures.is_empty(), "{file}: {} failures\n{}", failures.len(), failures.join("\n"));
}

macro_rules! files {
    ($($name:ident $file:literal)*) => {
        $(
            #[test]
            fn $name() {
                conforms($file);
            }
        )*
        const FILES: &[&str] = &[$($file),*];
    };
}

files! {
    riscv_walk "riscv-walk.case"
    riscv_entries "riscv-entries.case"
    riscv_rights "riscv-rights.case"
    riscv_accessed_dirty "riscv-accessed-dirty.case"
    riscv_memory "riscv-memory.case"
    riscv_fences "riscv-fences.case"
    x86_walk "x86-walk.case"
    x86_reserved "x86-reserved.case"
    x86_rights "x86-rights.case"
    x86_accessed_dirty "x86-accessed-dirty.case"
    x86_pae "x86-pae.case"
    x86_fences "x86-fences.case"
}

/// Rules that the table of `README.md` lists: `| RV-03 | rule | files |`, each with the files that it names.
fn rules() -> Vec<(String, String)> {
    let text =
        std::fs::read_to_string(directory().join("README.md")).unwrap_or_else(|error| panic!("{error}"));
    let rows = text.lines().filter(|line| line.starts_with("| RV-") || line.starts_with("| X-"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        (cells[1].to_owned(), cells[3].to_owned())
    })
    .collect()
}

#[test]
fn every_rule_has_a_case_in_the_file_that_the_table_names() {
    let files: BTreeSet<String> = std::fs::read_dir(directory())
        .unwrap_or_else(|error| panic!("{error}"))
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".case"))
        .collect();
    assert_eq!(files, FILES.iter().map(|&file| file.to_owned()).collect(), "files and tests");
    let table: BTreeSet<(String, String)> = rules()
        .into_iter()
        .flat_map(|(rule, files)| {
            files.split_whitespace().map(|file| (rule.clone(), format!("{file}.case"))).collect::<Vec<_>>()
        })
        .collect();
    let mut found = BTreeSet::new();
    for file in FILES {
        found.extend(cases_of(file).into_iter().map(|case| (case.rule, (*file).to_owned())));
    }
    assert!(table.len() > 40, "the table has {} rows", table.len());
    assert_eq!(table, found, "the table against the cases");
}
