//! `walk`: one translation told step by step, from a job, from a memory image, or from the middle of a real program.

mod args;

pub use args::WalkArgs;

use super::console::Console;
use super::execute::Execute;
use super::settings::Layers;
use super::source::TraceName;
use super::translate::{self, job::Job, job::Query};
use super::translations::{kind_name, served_name};
use super::{CliError, Verdict};
use pagewalk_arch::pte_bit::x86;
use pagewalk_arch::{
    Access, Batch, CpuId, EntryKind, FRAME_SHIFT, FormatSpec, Isa, Mmu, OnFault, Outcome, Privilege, PteBit,
    Uniprocessor,
};
use pagewalk_golden::Golden;
use pagewalk_kernel::{FaultResolution, Kernel};
use pagewalk_machine::Machine;
use pagewalk_trace::{Boundary, TraceError, TraceSource};
use serde_json::{Map, Value, json};
use std::fmt::Write;

impl Execute for WalkArgs {
    fn execute(&self, console: &Console) -> Result<Verdict, CliError> {
        walk(self, console)
    }
}

fn walk(args: &WalkArgs, console: &Console) -> Result<Verdict, CliError> {
    let text = match (&args.job, args.at) {
        (Some(_), Some(_)) => {
            return Err(CliError::Usage(
                "--at belongs to a trace: name it with --trace, without a job".into(),
            ));
        }
        (None, Some(at)) => in_trace(args, at, console)?,
        (Some(path), None) => of_job(&translate::read(path)?, args)?,
        (None, None) => of_job(&job_of_options(args)?, args)?,
    };
    console.print(&text)?;
    Ok(Verdict::Done)
}

/// The job that `--root`, `--image` and the other options stand for.
fn job_of_options(args: &WalkArgs) -> Result<Job, CliError> {
    let (Some(root), Some(va)) = (&args.root, &args.va) else {
        let usage = "give a job file, or --root, --image and --va, or --trace with --at";
        return Err(CliError::Usage(usage.into()));
    };
    let mut image = Vec::new();
    for block in &args.image {
        let Some((path, address)) = block.rsplit_once('@') else {
            return Err(CliError::Usage(format!("--image {block}: write it as FILE@ADDRESS")));
        };
        let bytes = std::fs::read(path).map_err(|reason| CliError::Read { path: path.into(), reason })?;
        image.push(json!({"paddr": address, "hex": hex::encode(bytes)}));
    }
    let mut query = Map::from_iter([
        ("va".to_owned(), json!(va)),
        ("access".to_owned(), json!(args.access)),
        ("priv".to_owned(), json!(args.privilege)),
    ]);
    for flag in &args.flag {
        let (name, on) = flag.split_once('=').unwrap_or((flag, "1"));
        query.insert(name.to_owned(), on.parse::<u64>().map_or_else(|_| json!(on), Value::from));
    }
    let format = Layers::read(&args.machine)?.one_format()?.name();
    let job = json!({"format": format, "root": root, "image": image, "queries": [query]});
    Job::of(job).map_err(|error| CliError::Job { file: "options".into(), error })
}

fn of_job(job: &Job, args: &WalkArgs) -> Result<String, CliError> {
    let config = translate::config(job, &args.machine)?;
    // Fresh queries all see the image as it is given; of cumulative ones each sees what those before it left.
    let limit = translate::memory_limit(job, &config);
    let golden = if job.cumulative { Golden::new(&config)? } else { Golden::bare(&config)? };
    let mut golden = Uniprocessor::new(golden, limit);
    translate::load_image(&mut golden, job);
    let count = job.queries.len();
    if let Some(number) = args.query
        && number >= count
    {
        return Err(CliError::Usage(format!(
            "--query {number}: the job has {count} queries, counted from 0"
        )));
    }
    let mut texts = Vec::new();
    for (number, Query { access, context }) in job.queries.iter().enumerate() {
        golden.set_context(context);
        let mut text = explain(&golden, access);
        if job.cumulative {
            let mut outcomes = Vec::new();
            let batch = Batch { accesses: &[*access], end: true, on_fault: OnFault::Continue };
            golden.run(&batch, Some(&mut outcomes));
            if let Some(outcome) = outcomes.first() {
                text.push_str(&answered(outcome, golden.mmu.config().spec()));
            }
        }
        if args.query.is_none_or(|chosen| chosen == number) {
            texts.push(text);
        }
    }
    Ok(texts.join("\n"))
}

/// What the MMU with its TLBs said to it.
fn answered(outcome: &Outcome, spec: &FormatSpec) -> String {
    let verdict = match outcome.is_ok() {
        true => outcome.pa.to_string(),
        false => outcome.fault.describe(spec.isa, outcome.code),
    };
    format!("  answered by {} after {} cycles: {verdict}\n", served_name(outcome.served), outcome.latency)
}

/// The walk as things stand.
fn explain(machine: &Uniprocessor<Golden>, access: &Access) -> String {
    let golden = &machine.mmu;
    let spec = golden.config().spec();
    let context = golden.context();
    let who = match access.privilege {
        Privilege::User => "user",
        Privilege::Supervisor => "supervisor",
    };
    let mut out = format!("{} {} of {} as {who}\n", spec.name, kind_name(access.kind), access.va);
    let _ = writeln!(out, "  root {}, identifier {}", golden.page_tables().root(), context.asid.0);
    let _ = write!(out, "  index");
    for level in (0..spec.levels()).rev() {
        let _ = write!(out, " [{level}] {:#x}", spec.index(access.va, level));
    }
    let _ = writeln!(out, ", offset {:#x}", access.va.page_offset());
    let explanation = golden.explain(&machine.memory.memories()[0], access);
    for step in &explanation.steps {
        let flags = step.answer.map_or_else(|_| String::new(), |pte| flags(spec, step.level, pte));
        let _ = writeln!(out, "  {step}{flags}");
    }
    match &explanation.verdict {
        Ok(leaf) => {
            let size = super::quantity::ByteSize(spec.page_bytes(leaf.page));
            let _ = writeln!(out, "  -> {} in a page of {size}", leaf.translate(access.va));
        }
        Err(fault) => {
            let kind = fault.kind.describe(spec.isa, fault.code);
            let _ = writeln!(out, "  -> {kind}: {}", fault.reason);
        }
    }
    out
}

/// The flags of an entry by the manuals' names.
fn flags(spec: &FormatSpec, level: usize, pte: u64) -> String {
    let maps_large_page = spec.isa == Isa::X86 && level > 0 && pte & x86::PS.mask() != 0;
    let is_there = |bit: &&PteBit| bit.entries != EntryKind::UpperLeaf || maps_large_page;
    let is_set = |bit: &&PteBit| bit.width == 1 && pte & bit.mask() != 0;
    let set = spec.pte_bits(level).filter(is_there).filter(is_set);
    format!("  [{}]", set.map(|bit| bit.name).collect::<Vec<_>>().join(" "))
}

/// Ends a trace before its n-th access, and keeps that.
struct Before<T> {
    inner: T,
    left: u64,
    access: Option<Access>,
}

impl<T: TraceSource> TraceSource for Before<T> {
    fn next_block(&mut self, block: &mut Vec<Access>) -> Result<Boundary, TraceError> {
        let boundary = self.inner.next_block(block)?;
        if let Some(&access) = usize::try_from(self.left).ok().and_then(|left| block.get(left)) {
            block.truncate(self.left as usize);
            self.access = Some(access);
            return Ok(Boundary::End);
        }
        self.left -= block.len() as u64;
        Ok(boundary)
    }
}

/// Runs the trace up to access `at`, explains that, and carries it out with the kernel's help.
fn in_trace(args: &WalkArgs, at: u64, console: &Console) -> Result<String, CliError> {
    if at == 0 {
        return Err(CliError::Usage("--at counts accesses from 1".into()));
    }
    let layers = Layers::read(&args.machine)?;
    let settings = layers.settings(layers.one_format()?)?;
    let (config, limit) = (settings.mmu, settings.kernel.frames(&settings.mmu)?.end << FRAME_SHIFT);
    let mut golden = Uniprocessor::new(Golden::new(&config)?, limit);
    let mut kernel = Kernel::new(settings.kernel, &config)?;
    let trace = TraceName::named(args.trace.clone());
    let inner = trace.open(Some(config.format), None)?;
    let mut source = Before { inner, left: at - 1, access: None };
    Machine::new(&mut kernel, &mut golden).run(&mut source, u64::MAX, &mut ())?;
    let Some(access) = source.access else {
        return Err(CliError::Usage(format!("--at {at}: {} has fewer accesses", trace.name())));
    };
    for note in pagewalk_trace::Trace::notes(&source.inner) {
        console.note(&note);
    }
    let mut text = explain(&golden, &access);
    loop {
        let mut outcomes = Vec::new();
        let batch = Batch { accesses: &[access], end: true, on_fault: OnFault::Stop };
        let progress = golden.run(&batch, Some(&mut outcomes));
        let Some(fault) = progress.fault else {
            if let Some(outcome) = outcomes.first() {
                text.push_str(&answered(outcome, config.spec()));
            }
            return Ok(text);
        };
        let before = kernel.stats();
        match kernel.on_fault(&mut golden, CpuId::BOOT, &access, &fault) {
            FaultResolution::Delivered(signal) => {
                let _ = writeln!(text, "  the kernel delivers {signal}");
                return Ok(text);
            }
            FaultResolution::Retry => {
                let after = kernel.stats();
                let what = [
                    ("inferred the area", after.inferred - before.inferred),
                    ("gave a zeroed frame", after.zero_fill - before.zero_fill),
                    ("mapped the page of zeroes", after.zero_page - before.zero_page),
                    ("copied the frame", after.cow - before.cow),
                    ("made the frame writable", after.cow_reuse - before.cow_reuse),
                    ("set A or D", after.ad - before.ad),
                ];
                let what: Vec<_> =
                    what.into_iter().filter(|&(_, count)| count > 0).map(|(name, _)| name).collect();
                let did = if what.is_empty() { "mapped the page".to_owned() } else { what.join(", ") };
                let _ = writeln!(text, "  the kernel handles the fault: {did}\n");
                text.push_str(&explain(&golden, &access));
            }
            FaultResolution::Killed(death) => {
                let _ = writeln!(text, "  the kernel ends it: {death}");
                return Ok(text);
            }
            FaultResolution::NoProcess | FaultResolution::Panic | FaultResolution::Refused => {
                let _ = writeln!(text, "  no process runs any more");
                return Ok(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::PagingFormat;

    #[test]
    fn flags_have_the_manuals_names_at_their_level() {
        let shown = |format: PagingFormat, level, pte| flags(format.spec(), level, pte);
        assert_eq!(shown(PagingFormat::Sv39, 0, 1 << 63 | 0x3ff), "  [V R W X U G A D N]");
        assert_eq!(shown(PagingFormat::Sv32, 1, 1 << 31 | 0x21), "  [V G]");
        assert_eq!(shown(PagingFormat::La48, 0, 1 << 63 | 0x11e7), "  [P RW US A D PAT G XD]");
        // Bit 12 of a pointer is part of an address, of a large page it is a flag.
        assert_eq!(shown(PagingFormat::La48, 1, 0x1007), "  [P RW US]");
        assert_eq!(shown(PagingFormat::La48, 1, 0x1087), "  [P RW US PS PAT]");
        assert_eq!(shown(PagingFormat::X86Legacy, 1, 1 << 31 | 0x1), "  [P]");
    }
}
