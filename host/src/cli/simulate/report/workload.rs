//! A scenario on the page of its run: a line for each step.

use crate::cli::quantity::grouped;
use pagewalk_machine::workload::{Died, Reply, StepReport, WorkloadReport};
use std::fmt::Write;

/// Characters of a step's words.
const LINE_WIDTH: usize = 44;

/// The steps with what they came to.
pub fn table(report: &WorkloadReport) -> String {
    let mut out = format!("{}\n", report.scenario);
    let _ =
        writeln!(out, "{:>5} {:LINE_WIDTH$} {:>12} {:>9} {:>7}", "step", "", "returned", "minor", "major");
    for step in &report.steps {
        step_lines(&mut out, step);
    }
    for line in &report.oom {
        let _ = writeln!(out, "      {line}");
    }
    if let Some(panic) = &report.panic {
        let _ = writeln!(out, "      the kernel stopped: {panic}");
    }
    out
}

fn step_lines(out: &mut String, step: &StepReport) {
    // What was left at work by other steps has lines of its own.
    let head = step.replies.iter().position(|reply| reply.of_step.is_none());
    let answer = head.map(|head| reply(&step.replies[head])).unwrap_or_default();
    let line = format!("{:>5} {:LINE_WIDTH$} {answer}", step.n, step.line);
    let _ = writeln!(out, "{}", line.trim_end());
    for (_, more) in step.replies.iter().enumerate().filter(|&(place, _)| Some(place) != head) {
        let who = more.who.as_deref().unwrap_or_default();
        let whose = more.of_step.map_or_else(|| format!("  {who}"), |of| format!("  {who} of step {of}"));
        let _ = writeln!(out, "{:>5} {whose:LINE_WIDTH$} {}", "", reply(more));
    }
    for told in &step.tiny {
        let _ = writeln!(out, "{:>5}   {:42} {:>12} {:>9} {:>7}", "", told.at, "", told.min, told.maj);
    }
    if let Some(compared) = &step.compare {
        let _ = writeln!(
            out,
            "{:>5}   same {}, different {}, only the first {}, only the second {}, neither {}",
            "",
            grouped(compared.same),
            grouped(compared.differ),
            grouped(compared.only_first),
            grouped(compared.only_second),
            grouped(compared.neither)
        );
    }
    for died in &step.died {
        let _ = writeln!(out, "{:>5}   {}", "", death(died));
    }
}

fn reply(reply: &Reply) -> String {
    if reply.dead.is_some() {
        return "dead".into();
    }
    let number = |value: Option<u64>| value.map(grouped).unwrap_or_default();
    let returned = reply.ret.map(|ret| ret.to_string()).unwrap_or_default();
    let mut text = format!("{returned:>12} {:>9} {:>7}", number(reply.min), number(reply.maj));
    match (reply.signal, reply.code) {
        (Some(signal), Some(code)) if signal != 0 => {
            let _ = write!(text, "  signal {signal}, code {code}");
        }
        _ => {}
    }
    if let Some(differ) = reply.differ.filter(|&differ| differ > 0) {
        let _ = write!(text, "  {} differ", grouped(differ));
    }
    text
}

fn death(died: &Died) -> String {
    let Died { who, pid, min, maj, .. } = died;
    let how = match died.signal {
        0 => format!("exited with {}", died.code),
        signal => format!("ended by signal {signal}"),
    };
    format!("{who} (pid {pid}) {how} after {} minor and {} major faults", grouped(*min), grouped(*maj))
}
