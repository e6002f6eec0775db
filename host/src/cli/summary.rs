//! The results of runs as people read them: a page for one run, a row each for several.

use super::losses;
use super::quantity::{ByteSize, grouped, rate};
use super::report::RunReport;
use std::fmt::Write;

/// Hits among look-ups, as a percentage.
fn hit_rate(hits: u64, misses: u64) -> String {
    match hits + misses {
        0 => "-".into(),
        all => format!("{:.3} %", 100.0 * hits as f64 / all as f64),
    }
}

fn binary(bytes: u64) -> String {
    let size = ByteSize(bytes).to_string();
    // A size that is no round number of a larger unit reads better in MiB.
    if bytes >= 1 << 20 && !bytes.is_multiple_of(1 << 20) {
        return format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    }
    size
}

/// One run on a page. `engine` says what ran.
pub fn page(report: &RunReport, engine: &str, compared: bool) -> String {
    let mut out = String::new();
    let mut row = |name: &str, text: String| {
        let _ = writeln!(out, "  {name:<13} {text}");
    };
    let (faults, tlb) = (&report.page_faults, &report.tlb);
    row("trace", report.trace.clone());
    row(
        "accesses",
        format!(
            "{}: {} fetches, {} loads, {} stores",
            grouped(report.accesses),
            grouped(report.instructions),
            grouped(report.loads),
            grouped(report.stores)
        ),
    );
    for (name, text) in losses::rows(report) {
        row(name, text);
    }
    row(
        "page faults",
        format!(
            "{} minor ({} copy-on-write, {} for A/D), {} major, {} SIGSEGV",
            grouped(faults.minor),
            grouped(faults.cow),
            grouped(faults.ad),
            grouped(faults.major),
            faults.segv
        ),
    );
    let side = |hits, misses| format!("{} of {} hit", hit_rate(hits, misses), grouped(hits + misses));
    row("TLB fetch", side(tlb.l1i_hits, tlb.l1i_misses));
    row("TLB data", side(tlb.l1d_hits, tlb.l1d_misses));
    row(
        "walks",
        format!(
            "{}: {} PTE reads, {} PTE writes; {} flushes",
            grouped(tlb.walks),
            grouped(report.pte_reads),
            grouped(report.pte_writes),
            grouped(tlb.flushes)
        ),
    );
    let per_access = match report.accesses {
        0 => String::new(),
        accesses => format!(" ({:.3} per access)", report.cycles as f64 / accesses as f64),
    };
    let predicted = if !compared {
        String::new()
    } else if report.cycles == report.golden_cycles {
        "; the golden model predicted as many".into()
    } else {
        format!("; the golden model predicted {}", grouped(report.golden_cycles))
    };
    row("cycles", format!("{}{per_access}{predicted}", grouped(report.cycles)));
    row(
        "memory",
        format!(
            "{} resident of {} mapped, {} of page tables",
            binary(report.rss_bytes),
            binary(report.vsz_bytes),
            binary(report.page_table_bytes)
        ),
    );
    let clock = match report.rtl_cycles_per_s {
        0.0 => String::new(),
        cycles => format!(", {} hardware cycles/s", rate(cycles)),
    };
    let speed = report.accesses_per_s.map_or_else(|| "-".into(), rate);
    row("speed", format!("{speed} accesses/s{clock}, {:.2} s", report.elapsed_s));
    let verdict = match report.end {
        "interrupted" => "interrupted; so far ",
        "error" => "ended by an error; so far ",
        _ => "",
    };
    let mut differences = match &report.difference {
        Some(found) => format!("1 difference, at access {}", grouped(found.access)),
        None => "0 differences".into(),
    };
    let contradicted = report.lost.processes.len();
    if contradicted > 0 {
        let plural = if contradicted > 1 { "differences" } else { "difference" };
        let beside = if compared { format!("; between engines {differences}") } else { String::new() };
        differences = format!("{contradicted} {plural} between model and trace{beside}");
    }
    if compared || contradicted > 0 {
        row("result", format!("{verdict}{differences}"));
    } else if !verdict.is_empty() {
        row("result", verdict.trim_end_matches("; so far ").to_owned());
    }
    format!("{}: {engine}\n{out}", report.format)
}

/// Column names of [`line`].
pub fn heading() -> String {
    format!(
        "{:<8}{:>13}{:>9}{:>6}{:>11}{:>11}{:>10}{:>10}{:>14}{:>14}{:>9}{:>8}  {}",
        "format",
        "accesses",
        "minor",
        "segv",
        "TLB fetch",
        "TLB data",
        "walks",
        "PTE reads",
        "cycles",
        "golden",
        "M acc/s",
        "s",
        "differences"
    )
}

/// One run as a row.
pub fn line(report: &RunReport) -> String {
    let tlb = &report.tlb;
    let end = match report.end {
        "complete" | "difference" => String::new(),
        other => format!(" ({other})"),
    };
    format!(
        "{:<8}{:>13}{:>9}{:>6}{:>11}{:>11}{:>10}{:>10}{:>14}{:>14}{:>9}{:>8.2}  {}{end}",
        report.format,
        grouped(report.accesses),
        grouped(report.page_faults.minor),
        report.page_faults.segv,
        hit_rate(tlb.l1i_hits, tlb.l1i_misses),
        hit_rate(tlb.l1d_hits, tlb.l1d_misses),
        grouped(tlb.walks),
        grouped(report.pte_reads),
        grouped(report.cycles),
        grouped(report.golden_cycles),
        report.accesses_per_s.map_or_else(|| "-".into(), |rate| format!("{:.2}", rate / 1e6)),
        report.elapsed_s,
        report.differences,
    )
}
