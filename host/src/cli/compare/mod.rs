//! `compare`: two files of translations, as a page and an explanation, or as JSON.

mod args;

pub use args::CompareArgs;

use super::console::Console;
use super::execute::Execute;
use super::interrupt::{self, OnSecond};
use super::quantity::grouped;
use super::{CliError, Verdict};
use crate::compare::{
    self, Columns, CompareOptions, Comparison, Field, FieldChoice, FileOptions, FirstDifference, Reader, Row,
};
use pagewalk_arch::{FormatSpec, PagingFormat, VirtAddr};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Time between two looks of the progress bar at the file.
const REFRESH: Duration = Duration::from_millis(200);

impl Execute for CompareArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        compare(self, console)
    }
}

fn compare(args: &CompareArgs, console: &Console) -> Result<Verdict, CliError> {
    let options = options(args)?;
    let readers = open(args)?;
    let names = readers.each_ref().map(|reader| reader.name().to_owned());
    interrupt::watch(OnSecond::EndProcess);
    let result = watched(readers, &options, console)?;
    let report = Report { names: &names, formats: &args.format, result: &result };
    match args.json {
        true => console.print_json(&report.json())?,
        false => console.print(&report.page())?,
    }
    if let Some(first) = &result.first {
        console.on_stderr(&report.explain(first));
    }
    Ok(if result.differences() > 0 { Verdict::Failed } else { Verdict::Done })
}

fn options(args: &CompareArgs) -> Result<CompareOptions, CliError> {
    if args.format.len() > 2 {
        return Err(CliError::Usage("--format: there are two files, so name at most two formats".into()));
    }
    Ok(CompareOptions { fields: fields(&args.fields)?, frames: args.frames, limit: args.limit })
}

fn fields(names: &[String]) -> Result<FieldChoice, CliError> {
    if names.is_empty() {
        return Ok(FieldChoice::Translation);
    }
    if names.iter().any(|name| name.trim().eq_ignore_ascii_case("all")) {
        return Ok(FieldChoice::All);
    }
    let one = |name: &String| {
        Field::named(name).filter(|field| field.is_answer()).ok_or_else(|| {
            let known = Field::ALL.into_iter().filter(|field| field.is_answer()).map(Field::name);
            let known = known.collect::<Vec<_>>().join(", ");
            CliError::Usage(format!("--fields: `{name}` cannot be compared: choose of {known}, or all"))
        })
    };
    let mut fields = names.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    fields.sort_unstable();
    fields.dedup();
    Ok(FieldChoice::Named(fields))
}

fn open(args: &CompareArgs) -> Result<[Reader; 2], CliError> {
    if args.a == "-" && args.b == "-" {
        return Err(CliError::Usage("standard input can be one of the files only".into()));
    }
    let reader = |path: &str, own: &Option<Columns>| {
        let columns = own.as_ref().or(args.columns.as_ref()).cloned().unwrap_or_default();
        Reader::open(path, &FileOptions { columns, delimiter: args.delimiter })
    };
    Ok([reader(&args.a, &args.columns_a)?, reader(&args.b, &args.columns_b)?])
}

/// Compares under a progress bar.
fn watched(
    readers: [Reader; 2],
    options: &CompareOptions,
    console: &Console,
) -> Result<Comparison, CliError> {
    let read = readers[0].progress();
    let progress = console.progress("compare", read.position().map(|(_, total)| total));
    let drawn = std::sync::Mutex::new(Instant::now());
    let keep_running = || {
        if let Ok(mut drawn) = drawn.try_lock()
            && drawn.elapsed() >= REFRESH
        {
            *drawn = Instant::now();
            progress.at(read.position());
        }
        !interrupt::requested()
    };
    Ok(compare::compare(readers, options, &keep_running)?)
}

/// A result and what is needed to tell it.
struct Report<'a> {
    names: &'a [String; 2],
    formats: &'a [PagingFormat],
    result: &'a Comparison,
}

/// The JSON: names that are never changed, only added to.
#[derive(Debug, Serialize)]
struct CompareJson<'a> {
    /// Names of the files.
    a: &'a str,
    b: &'a str,
    /// Accesses of the files, and of both.
    accesses: Value,
    /// The compared fields.
    fields: Vec<&'static str>,
    /// Fields that were to be compared and that not both files state.
    not_stated: Vec<&'static str>,
    /// All differences.
    differences: u64,
    /// Differences by class.
    classes: Map<String, Value>,
    /// Accesses that differ in fields that were not compared.
    information: Map<String, Value>,
    /// All cycles of either file.
    #[serde(skip_serializing_if = "Option::is_none")]
    cycles: Option<Value>,
    /// The numbering of frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<Value>,
    /// The first difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<Value>,
    /// complete or interrupted.
    end: &'static str,
}

impl Report<'_> {
    /// Every class of differences with its count.
    fn classes(&self) -> Vec<(&'static str, u64)> {
        let Comparison { only, unaligned, compared, .. } = self.result;
        let mut classes: Vec<_> = compared.iter().map(|&(field, count)| (field.name(), count)).collect();
        classes.extend([("only_in_a", only[0]), ("only_in_b", only[1])]);
        classes.extend([("unaligned_in_a", unaligned[0]), ("unaligned_in_b", unaligned[1])]);
        classes
    }

    fn page(&self) -> String {
        let result = self.result;
        let mut out = format!("{} against {}\n", self.names[0], self.names[1]);
        let mut row = |name: &str, text: &str| {
            let _ = writeln!(out, "  {name:<13} {text}");
        };
        let [a, b] = result.rows.map(grouped);
        row("accesses", &format!("{a} and {b}, {} of them in both", grouped(result.aligned)));
        let names =
            |fields: &[(Field, u64)]| fields.iter().map(|(f, _)| f.name()).collect::<Vec<_>>().join(", ");
        let absent = result.absent.iter().map(|field| field.name()).collect::<Vec<_>>().join(", ");
        let absent = if absent.is_empty() { absent } else { format!("; not stated by both: {absent}") };
        row("compared", &(names(&result.compared) + &absent));
        if let Some((pairs, again)) = result.frames {
            let again = match again {
                0 => String::new(),
                again => format!("; {} used again with another partner", grouped(again)),
            };
            row("frames", &format!("{} pairs, one-to-one{again}", grouped(pairs)));
        }
        let information: Vec<_> = result
            .informative
            .iter()
            .map(|&(field, count)| match (field, result.cycles) {
                (Field::Cycles, Some([a, b])) => {
                    format!("cycles differ in {} ({} and {} in all)", grouped(count), grouped(a), grouped(b))
                }
                _ => format!("{} differs in {}", field.name(), grouped(count)),
            })
            .collect();
        if !information.is_empty() {
            row("information", &information.join(", "));
        }
        let classes: Vec<_> = self
            .classes()
            .into_iter()
            .filter(|&(_, count)| count > 0)
            .map(|(name, count)| format!("{name} {}", grouped(count)))
            .collect();
        let classes = if classes.is_empty() { String::new() } else { format!(": {}", classes.join(", ")) };
        let interrupted = if interrupt::requested() { "interrupted; so far " } else { "" };
        let noun = if result.differences() == 1 { "difference" } else { "differences" };
        row("result", &format!("{interrupted}{} {noun}{classes}", grouped(result.differences())));
        out
    }

    fn json(&self) -> CompareJson<'_> {
        let result = self.result;
        let counts = |fields: &[(Field, u64)]| {
            Map::from_iter(fields.iter().map(|&(field, count)| (field.name().to_owned(), json!(count))))
        };
        CompareJson {
            a: &self.names[0],
            b: &self.names[1],
            accesses: json!({"a": result.rows[0], "b": result.rows[1], "both": result.aligned}),
            fields: result.compared.iter().map(|(field, _)| field.name()).collect(),
            not_stated: result.absent.iter().map(|field| field.name()).collect(),
            differences: result.differences(),
            classes: Map::from_iter(self.classes().into_iter().map(|(name, n)| (name.to_owned(), json!(n)))),
            information: counts(&result.informative),
            cycles: result.cycles.map(|[a, b]| json!({"a": a, "b": b})),
            frames: result.frames.map(|(pairs, again)| json!({"pairs": pairs, "used_again": again})),
            first: result.first.as_ref().map(first_as_json),
            end: if interrupt::requested() { "interrupted" } else { "complete" },
        }
    }

    /// The first difference as a lockstep tells of one.
    fn explain(&self, first: &FirstDifference) -> String {
        let [a, b] = self.names;
        let width = a.chars().count().max(b.chars().count());
        let mut out = format!("DIFFERENCE between {a} and {b} at access {}: {}\n", first.number, first.what);
        let Some(row) = first.rows.iter().flatten().next() else { return out };
        let lines: Vec<_> = first
            .rows
            .iter()
            .zip(self.names)
            .filter_map(|(row, name)| Some(format!("{name} line {}", row.as_ref()?.line)))
            .collect();
        let kind = row.get(Field::Kind).map_or_else(String::new, |kind| Field::Kind.show(kind) + " ");
        let va = VirtAddr(row.va());
        let _ = writeln!(out, "  access {} ({}): {kind}{va}", first.number, lines.join(", "));
        for format in self.formats {
            let _ = writeln!(out, "  {}", indices(format.spec(), va));
        }
        if self.formats.is_empty() {
            let _ = writeln!(
                out,
                "  page {:#x}, offset {:#x}",
                va.0 >> pagewalk_arch::FRAME_SHIFT,
                va.page_offset()
            );
        }
        for (name, row) in self.names.iter().zip(&first.rows) {
            let answer = row.as_ref().map_or_else(|| "no such access here".into(), Row::describe);
            let _ = writeln!(out, "  {name:width$}: {answer}");
        }
        if !first.recent.is_empty() {
            let _ = writeln!(out, "  before it, in {a}:");
        }
        for (number, row) in &first.recent {
            let kind = row.get(Field::Kind).map_or_else(String::new, |kind| Field::Kind.show(kind) + " ");
            let _ = writeln!(out, "    {number} {kind}{}: {}", VirtAddr(row.va()), row.describe());
        }
        out
    }
}

fn indices(spec: &FormatSpec, va: VirtAddr) -> String {
    let levels = (0..spec.levels()).rev().map(|level| format!(" {:#x}", spec.index(va, level)));
    format!("{} indices, top first:{}, offset {:#x}", spec.name, levels.collect::<String>(), va.page_offset())
}

fn first_as_json(first: &FirstDifference) -> Value {
    let row = |row: &Option<Row>| match row {
        None => Value::Null,
        Some(row) => {
            let fields = Field::ALL.into_iter().filter_map(|field| {
                let value = row.get(field)?;
                let shown = field.show(value);
                let is_number = shown.bytes().all(|byte| byte.is_ascii_digit());
                Some((field.name().to_owned(), if is_number { json!(value) } else { json!(shown) }))
            });
            let line = ("line".to_owned(), json!(row.line));
            Value::Object(std::iter::once(line).chain(fields).collect())
        }
    };
    json!({"access": first.number, "what": first.what, "a": row(&first.rows[0]), "b": row(&first.rows[1])})
}
