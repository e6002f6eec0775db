//! The results of `translate` as JSON has them: addresses and entries as hexadecimal strings, counts as integers.

use super::job::Query;
use crate::cli::translations::served_name;
use pagewalk_arch::{FaultKind, FormatSpec, Isa, Outcome, PteWrite};
use serde::Serialize;

/// All results of a job.
#[derive(Debug, Serialize)]
pub struct Answers {
    /// One per query, in order.
    pub results: Vec<Answer>,
    /// Queries on which the engines differ; 0 where one is alone.
    pub differences: u64,
    /// What translated.
    pub engine: &'static str,
}

/// One result.
#[derive(Debug, Serialize)]
pub struct Answer {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    paddr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault_va: Option<String>,
    pte_reads: u8,
    pte_writes: Vec<WriteEntry>,
    served: &'static str,
    cycles: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<String>,
}

#[derive(Debug, Serialize)]
struct WriteEntry {
    paddr: String,
    before: String,
    after: String,
}

fn hex(value: u64) -> String {
    format!("{value:#x}")
}

impl Answer {
    /// The result of one query.
    pub fn new(spec: &FormatSpec, outcome: &Outcome, writes: &[PteWrite]) -> Self {
        let ok = outcome.is_ok();
        Self {
            status: match outcome.fault {
                FaultKind::None => "ok",
                FaultKind::Page => "page_fault",
                FaultKind::Access => "access_fault",
                FaultKind::GeneralProtection => "gp_fault",
            },
            paddr: ok.then(|| hex(outcome.pa.0)),
            page_bytes: ok.then(|| spec.page_bytes(outcome.page_size)),
            memory_type: ok.then_some(outcome.memory_type),
            cause: (!ok && spec.isa == Isa::RiscV).then_some(outcome.code),
            error_code: (!ok && spec.isa == Isa::X86).then_some(outcome.code),
            fault_va: (!ok).then(|| hex(outcome.va.0)),
            pte_reads: outcome.pte_reads,
            pte_writes: writes
                .iter()
                .map(|write| WriteEntry {
                    paddr: hex(write.addr.0),
                    before: hex(write.before),
                    after: hex(write.after),
                })
                .collect(),
            served: served_name(outcome.served),
            cycles: outcome.latency,
            difference: None,
        }
    }

    /// The result of a query on which two engines differ.
    pub fn difference(query: &Query, what: &str) -> Self {
        Self {
            status: "difference",
            paddr: None,
            page_bytes: None,
            memory_type: None,
            cause: None,
            error_code: None,
            fault_va: Some(hex(query.access.va.0)),
            pte_reads: 0,
            pte_writes: Vec::new(),
            served: "walk",
            cycles: 0,
            difference: Some(what.to_owned()),
        }
    }
}
