//! What a scenario came to, in the form of what a real Linux answers.
//!
//! Owns the names and what is left out: zeroes, and what does not apply.

use serde::Serialize;
use std::collections::BTreeMap;

/// Values by name, zeroes left out.
pub type Values = BTreeMap<String, i64>;

/// What came out of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WorkloadReport {
    /// Its name.
    pub scenario: String,
    /// The machine, as its lines describe it.
    pub machine: BTreeMap<String, String>,
    /// What each step came to.
    pub steps: Vec<StepReport>,
    /// By label.
    pub snapshots: BTreeMap<String, SnapshotReport>,
    /// What the kernel has to say of memory that ran out, of killed processes and of segmentation violations.
    pub oom: Vec<String>,
    /// Why the kernel stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panic: Option<String>,
    /// Steps that could not be carried out.
    pub errors: Vec<String>,
    /// What the model does otherwise than the scenario asks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a step came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StepReport {
    /// Its number.
    pub n: u32,
    /// Its words.
    pub line: String,
    /// What who was asked replied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replies: Vec<Reply>,
    /// Who ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub died: Vec<Died>,
    /// What a program said of its faults.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tiny: Vec<Told>,
    /// How many pages of two regions are the same frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<Compared>,
    /// What a counter had come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Values>,
    /// Texts of files, by path.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

/// A reply.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reply {
    /// Who replies; nobody in particular of what concerns the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// A count, or a negative errno.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ret: Option<i64>,
    /// Minor faults that the call took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u64>,
    /// Major faults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maj: Option<u64>,
    /// The worker's pid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Minor faults until the program took over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_min: Option<u64>,
    /// The child's pid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child: Option<i64>,
    /// A region that is new or changed: name, address, length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Bytes that are not what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differ: Option<u64>,
    /// Calls that went well before one did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
    /// Whether mremap(2) moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<u32>,
    /// The signal that an access ended in; 0 for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Its `si_code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Its `si_addr`; where there was no signal, the last one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<u64>,
    /// The most that was resident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maxrss_kb: Option<u64>,
    /// The step that is replied to, where that was left at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of_step: Option<u32>,
    /// Who was asked lives no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead: Option<&'static str>,
}

impl Reply {
    /// Of one who lives no more.
    pub(super) fn dead(who: &str) -> Self {
        Self { who: Some(who.to_owned()), dead: Some(""), ..Self::default() }
    }
}

/// A process that ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Died {
    /// Its worker's name.
    pub who: String,
    /// Its pid.
    pub pid: u32,
    /// The signal that ended it; 0 for none.
    pub signal: i32,
    /// Its exit status.
    pub code: i32,
    /// Minor faults in all.
    pub min: u64,
    /// Major faults.
    pub maj: u64,
    /// The most that was resident.
    pub maxrss_kb: u64,
    /// The step at which it was noticed.
    pub step: u32,
}

/// A program's faults so far, at a point that has a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Where.
    pub at: String,
    /// Minor.
    pub min: u64,
    /// Major.
    pub maj: u64,
}

/// Pages of two regions, beside one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The same frame.
    pub same: u64,
    /// Different ones.
    pub differ: u64,
    /// Only the first has one.
    pub only_first: u64,
    /// Only the second has one.
    pub only_second: u64,
    /// Neither has.
    pub neither: u64,
}

/// Everything at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SnapshotReport {
    /// The step.
    pub step: u32,
    /// Workers by name.
    pub procs: BTreeMap<String, ProcReport>,
    /// `/proc/meminfo`, in KiB.
    pub meminfo_kb: Values,
    /// `/proc/vmstat`.
    pub vmstat: Values,
    /// What changed in it since the snapshot before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta: Option<Values>,
    /// `/proc/buddyinfo`.
    pub buddy: Vec<BuddyReport>,
    /// `/proc/zoneinfo`.
    pub zones: Vec<BTreeMap<String, serde_json::Value>>,
    /// `/proc/slabinfo`: active objects, objects, size, objects per slab, pages per slab.
    pub slab: BTreeMap<String, [u64; 5]>,
    /// `/proc/swaps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap_used_kb: Option<u64>,
}

/// Free blocks of a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BuddyReport {
    /// Its node.
    pub node: u32,
    /// Its name.
    pub zone: String,
    /// By order.
    pub free: Vec<u64>,
}

/// A worker at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProcReport {
    /// Its pid.
    pub pid: u32,
    /// Whether it lives: 0 or 1.
    pub alive: u32,
    /// What there is to say of one that lives.
    #[serde(flatten)]
    pub living: Option<LivingReport>,
}

/// A worker that lives.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LivingReport {
    /// Minor faults.
    pub min_flt: u64,
    /// Major faults.
    pub maj_flt: u64,
    /// `/proc/PID/status`.
    pub status_kb: Values,
    /// `/proc/PID/oom_score`.
    pub oom_score: i64,
    /// `/proc/PID/oom_score_adj`.
    pub oom_score_adj: i32,
    /// `/proc/PID/smaps_rollup`.
    pub smaps_kb: Values,
    /// Lines of `/proc/PID/maps`.
    pub vmas: u64,
    /// `/proc/PID/smaps`, without the program's own areas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub areas: Option<Vec<BTreeMap<&'static str, serde_json::Value>>>,
    /// What lies behind the pages of each region.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub regions: BTreeMap<String, BTreeMap<&'static str, serde_json::Value>>,
}
