//! `case`: files of conformance cases on the engines that this machine has. The cases, their language and the engines are
//! `pagewalk_cases`'; here are the choice of engines and what is printed.

use super::args::EngineChoice;
use super::console::Console;
use super::engine::{Tools, tools};
use super::{CliError, Verdict, interrupt};
use clap::Args;
use pagewalk_cases::{Case, CaseFailure, Engine, Runner};
use serde::Serialize;
use std::path::Path;

/// Arguments of `case`.
#[derive(Debug, Args)]
pub struct CaseArgs {
    /// Files of cases, as tests/cases/README.md describes them; - is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<String>,
    /// Only cases whose rule or title contains TEXT
    #[arg(long = "case", value_name = "TEXT")]
    pub filter: Option<String>,
    /// The engine that is asked; auto asks all that this machine has
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE")]
    pub engine: EngineChoice,
    /// Print one JSON object on standard output, everything for people on standard error
    #[arg(long)]
    pub json: bool,
}

/// The JSON: names that are never changed, only added to.
#[derive(Debug, Serialize)]
struct CasesJson {
    /// Cases that were run, each value of a `for` and each format counted.
    cases: u64,
    /// Engines that each was run on.
    engines: Vec<&'static str>,
    /// What did not pass.
    failures: Vec<FailureJson>,
}

/// One case that one engine does not pass.
#[derive(Debug, Serialize)]
struct FailureJson {
    file: String,
    rule: String,
    title: String,
    format: String,
    engine: &'static str,
    problem: String,
}

impl super::execute::Execute for CaseArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        case(self, console)
    }
}

fn case(args: &CaseArgs, console: &Console) -> Result<Verdict, CliError> {
    let (engines, tools) = engines(args.engine, console)?;
    let runner = Runner::new(tools.as_ref().map(|tools| (&tools.toolchain, &tools.cache)));
    let mut result = CasesJson {
        cases: 0,
        engines: engines.iter().map(|engine| engine.name()).collect(),
        failures: vec![],
    };
    interrupt::watch(interrupt::OnSecond::EndProcess);
    for file in &args.files {
        for case in read(file)? {
            let wanted = |text: &String| case.rule.contains(text) || case.title.contains(text);
            if !args.filter.as_ref().is_none_or(wanted) {
                continue;
            }
            if interrupt::requested() {
                break;
            }
            result.cases += 1;
            for &engine in &engines {
                match runner.check(&case, engine) {
                    Ok(()) => {}
                    Err(CaseFailure::Differs(problem)) => {
                        result.failures.push(told(file, case.clone(), engine, problem))
                    }
                    Err(CaseFailure::Unavailable(why)) => {
                        return Err(CliError::Usage(format!("{engine}: {why}")));
                    }
                }
            }
        }
    }
    if result.cases == 0 && !interrupt::requested() {
        let filter = args.filter.as_deref().map(|text| format!(" whose rule or title contains `{text}`"));
        let files = args.files.join(", ");
        return Err(CliError::Usage(format!("{files}: no case{}", filter.unwrap_or_default())));
    }
    match args.json {
        true => console
            .print(&serde_json::to_string_pretty(&result).map_err(|error| CliError::Output(error.into()))?)?,
        false => console.print(&page(&result))?,
    }
    Ok(if result.failures.is_empty() { Verdict::Done } else { Verdict::Failed })
}

/// The engines of the choice, and the tools that Verilator needs.
fn engines(choice: EngineChoice, console: &Console) -> Result<(Vec<Engine>, Option<Tools>), CliError> {
    Ok(match choice {
        EngineChoice::Golden => (vec![Engine::Golden, Engine::Walk], None),
        EngineChoice::RustHdl => (vec![Engine::RustHdl], None),
        EngineChoice::Verilator => (vec![Engine::Verilator], Some(tools(false, console)?)),
        EngineChoice::Auto => match tools(false, console) {
            Ok(tools) => (Engine::ALL.to_vec(), Some(tools)),
            Err(missing) => {
                console.note(&format!("without the Verilog under Verilator: {missing}"));
                (vec![Engine::Golden, Engine::Walk, Engine::RustHdl], None)
            }
        },
    })
}

fn read(file: &str) -> Result<Vec<Case>, CliError> {
    let (name, text) = if file == "-" {
        ("standard input".into(), std::io::read_to_string(std::io::stdin()))
    } else {
        let path = Path::new(file);
        (path.file_name().unwrap_or(path.as_os_str()).to_string_lossy(), std::fs::read_to_string(path))
    };
    let text = text.map_err(|reason| {
        let path = if file == "-" { "standard input" } else { file };
        CliError::Read { path: path.into(), reason }
    })?;
    pagewalk_cases::parse(&name, &text).map_err(|error| CliError::Usage(error.to_string()))
}

fn told(file: &str, case: Case, engine: Engine, problem: String) -> FailureJson {
    let Case { rule, title, config, .. } = case;
    FailureJson {
        file: file.to_owned(),
        rule,
        title,
        format: config.format.to_string(),
        engine: engine.name(),
        problem,
    }
}

fn page(result: &CasesJson) -> String {
    let mut out = String::new();
    for FailureJson { file, rule, title, format, engine, problem } in &result.failures {
        out.push_str(&format!("{file}: {rule} ({title}), {format}, {engine}: {problem}\n"));
    }
    let noun = if result.cases == 1 { "case" } else { "cases" };
    let (cases, failures) = (result.cases, result.failures.len());
    out.push_str(&format!("{cases} {noun} on {}: {failures} failures\n", result.engines.join(", ")));
    out
}
