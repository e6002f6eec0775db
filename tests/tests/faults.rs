//! Every deliberate fault of the catalogue is found, and nothing is found where there is none.
//!
//! `cargo test -p pagewalk-tests --test faults -- --nocapture` shows which access gave each fault away, and by what.
//! `PAGEWALK_FAULT=TEXT` hunts only for faults whose name contains the text.

use pagewalk_tests::faults::{CATALOGUE, Catch, Fault, ROUND_ACCESSES, ROUNDS, Specimen, hunt};
use rayon::prelude::*;

/// One thing to be run: the specimen as it is, or with a fault.
#[derive(Clone, Copy)]
enum Case {
    Sound(Specimen),
    Broken(&'static Fault),
}

impl Case {
    fn specimen(&self) -> &Specimen {
        match self {
            Case::Sound(specimen) => specimen,
            Case::Broken(fault) => &fault.specimen,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Case::Sound(_) => "(no fault)",
            Case::Broken(fault) => fault.name,
        }
    }

    fn run(&self) -> Result<Option<Catch>, String> {
        let design = pagewalk_rtl::generate(&self.specimen().config()).map_err(|error| error.to_string())?;
        let verilog = match self {
            Case::Sound(_) => design.verilog,
            Case::Broken(fault) => fault.put_into(&design.verilog).map_err(|error| error.to_string())?,
        };
        hunt(self.specimen(), &verilog).map_err(|error| error.to_string())
    }

    /// The line of the table, and whether this is as it must be.
    fn verdict(&self, result: &Result<Option<Catch>, String>) -> (String, bool) {
        let (found, right) = match (self, result) {
            (_, Err(error)) => (format!("NOT RUN: {error}"), false),
            (Case::Sound(_), Ok(None)) => (format!("agrees for {} accesses", ROUNDS * ROUND_ACCESSES), true),
            (Case::Sound(_), Ok(Some(catch))) => (format!("DIFFERS: {}", describe(catch)), false),
            (Case::Broken(_), Ok(None)) => ("NOT CAUGHT".to_owned(), false),
            (Case::Broken(_), Ok(Some(catch))) => (describe(catch), true),
        };
        let Specimen { format, preset, .. } = self.specimen();
        (format!("{:<21} {:<62} {found}", format!("{format} {preset}"), self.name()), right)
    }
}

fn describe(catch: &Catch) -> String {
    format!("access {}, seed {}: {}", catch.access, catch.seed, catch.what)
}

#[test]
fn every_fault_is_caught_and_sound_hardware_agrees() {
    let wanted = std::env::var("PAGEWALK_FAULT").unwrap_or_default();
    let faults: Vec<&'static Fault> = CATALOGUE.iter().filter(|fault| fault.name.contains(&wanted)).collect();
    assert!(!faults.is_empty(), "no fault's name contains `{wanted}`");
    let mut cases: Vec<Case> = Vec::new();
    for fault in &faults {
        let sound = |case: &Case| matches!(case, Case::Sound(specimen) if *specimen == fault.specimen);
        if !cases.iter().any(sound) {
            cases.push(Case::Sound(fault.specimen));
        }
    }
    cases.extend(faults.iter().copied().map(Case::Broken));

    let results: Vec<_> = cases.par_iter().map(Case::run).collect();
    let verdicts: Vec<(String, bool)> =
        cases.iter().zip(&results).map(|(case, result)| case.verdict(result)).collect();
    for (line, _) in &verdicts {
        println!("{line}");
    }
    let wrong: Vec<&str> =
        verdicts.iter().filter(|(_, right)| !right).map(|(line, _)| line.as_str()).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
