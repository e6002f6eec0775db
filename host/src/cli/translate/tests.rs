//! Whatever a job says, it is answered or refused: no text may end the program any other way.

use super::job::Job;
use super::{Bench, config};
use crate::cli::args::MachineArgs;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A job that uses every field.
fn sample(format: &str) -> Value {
    json!({"format": format, "root": "0x1000", "memory_bytes": "1GiB", "physical_bits": 32, "mode": "cumulative",
        "image": [{"paddr": "0x1000", "u64": ["0x2067", 7]}, {"paddr": 8192, "u32": [1, "0xffffffff"]},
            {"paddr": "0x3003", "hex": "00ff 12"}],
        "defaults": {"priv": "s", "asid": 0, "sum": 1, "wp": 1},
        "queries": [{"va": "0x1000", "access": "read"}, {"va": 12345, "access": "amo", "nx": 0, "smap": 1}]})
}

/// A value that has no business where it is put, or almost.
fn intruder() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        any::<u64>().prop_map(|n| Value::from(format!("{n:#x}"))),
        (0u32..64).prop_map(|bit| Value::from(1u64 << bit)),
        prop::sample::select(vec![
            "sv32", "sv57", "x86-32", "x86-pae", "la48", "fresh", "exec", "u", "64GiB"
        ])
        .prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[["deep"]]])),
        Just(json!({"paddr": "0xfffffffffffff8", "u64": [1, 2]})),
    ]
}

/// Puts `value` at the `number`-th place of a walk through `tree`.
fn graft(tree: &mut Value, number: &mut usize, value: &Value) -> bool {
    if *number == 0 {
        *tree = value.clone();
        return true;
    }
    *number -= 1;
    match tree {
        Value::Array(items) => items.iter_mut().any(|item| graft(item, number, value)),
        Value::Object(fields) => fields.values_mut().any(|field| graft(field, number, value)),
        _ => false,
    }
}

fn answered_or_refused(text: &str) {
    let Ok(job) = Job::parse(text) else { return };
    let Ok(config) = config(&job, &MachineArgs::default()) else { return };
    let answers = Bench { job: &job, config }.golden().expect("a checked job is answered");
    assert_eq!(answers.results.len(), job.queries.len());
}

proptest! {
    #[test]
    fn jobs_with_intruders(
        format in prop::sample::select(vec!["sv32", "sv39", "sv48", "sv57", "x86-32", "x86-pae", "la48", "la57"]),
        grafts in prop::collection::vec((0usize..40, intruder()), 1..4),
    ) {
        let mut job = sample(format);
        for (mut at, value) in grafts {
            graft(&mut job, &mut at, &value);
        }
        answered_or_refused(&job.to_string());
    }

    #[test]
    fn jobs_with_bytes_changed(at in 0usize..600, byte in any::<char>(), cut in 0usize..700) {
        let mut text = sample("sv39").to_string();
        if at < text.len() {
            text.replace_range(at..=at, &byte.to_string());
        }
        let end = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
        answered_or_refused(&text);
        answered_or_refused(&text[..end]);
    }
}
