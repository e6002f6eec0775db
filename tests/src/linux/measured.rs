//! A result, held against expectations.

use super::{Expectation, Kind};
use serde_json::Value;

/// What a step's replies say of one key.
fn reply<'r>(step: &'r Value, who: &str, key: &str) -> Option<&'r Value> {
    let list = |name: &str| step[name].as_array().map(Vec::as_slice).unwrap_or_default();
    match key.split('.').collect::<Vec<_>>()[..] {
        ["compare", field] => step["compare"].get(field),
        ["died", name, field] => list("died").iter().find(|died| died["who"] == name)?.get(field),
        ["tiny", at] => list("tiny").iter().find(|told| told["at"] == at)?.get("min"),
        ["tinymaj", at] => list("tiny").iter().find(|told| told["at"] == at)?.get("maj"),
        ["text"] => step["files"].as_object()?.values().next(),
        _ => list("replies").iter().find(|r| r["who"].as_str().is_none_or(|name| name == who))?.get(key),
    }
}

/// The value at `path` of a snapshot. What is left out is 0.
fn at<'r>(result: &'r Value, snapshot: &str, path: &str) -> Option<&'r Value> {
    const ZERO: &Value = &Value::Null;
    let mut at = result["snapshots"].get(snapshot)?;
    let first = path.split('.').next().unwrap_or_default();
    if at["procs"].get(first).is_some() {
        at = &at["procs"];
    }
    for key in path.split('.') {
        at = match at {
            Value::Array(items) => items.get(key.parse::<usize>().ok()?)?,
            other => match other.get(key) {
                Some(found) => found,
                None => return Some(ZERO),
            },
        };
    }
    Some(at)
}

/// Names of those that the kernel's log says were killed, in order.
fn killed(result: &Value) -> Option<Vec<Value>> {
    let replies = result["steps"].as_array()?.iter().filter_map(|step| step["replies"].as_array()).flatten();
    let named: Vec<(u64, &Value)> =
        replies.filter_map(|reply| Some((reply.get("pid")?.as_u64()?, &reply["who"]))).collect();
    let lines = result["oom"].as_array()?.iter().filter_map(Value::as_str);
    let pids = lines.filter_map(|line| {
        line.split_once("Killed process ")?.1.split_whitespace().next()?.parse::<u64>().ok()
    });
    pids.map(|pid| named.iter().find(|(known, _)| *known == pid).map(|(_, name)| (*name).clone())).collect()
}

/// What stands in `result` where `expectation` looks; `None` where there is no such place.
fn measure(result: &Value, expectation: &Expectation) -> Option<Value> {
    let Expectation { step, who, key, snapshot, since, path, .. } = expectation;
    if let Some(number) = step {
        let step = result["steps"].as_array()?.iter().find(|step| step["n"] == *number)?;
        let key = key.as_deref()?;
        if key == "deaths" {
            let died = step["died"].as_array().map(Vec::as_slice).unwrap_or_default();
            return Some(died.iter().map(|died| died["who"].clone()).collect());
        }
        return reply(step, who, key).cloned();
    }
    if expectation.result.is_some() {
        return killed(result).map(Value::Array);
    }
    let path = path.as_deref()?;
    let value = at(result, snapshot.as_deref()?, path)?.clone();
    match since {
        None if value.is_null() => Some(0.into()),
        None => Some(value),
        Some(since) => {
            let number = |value: &Value| if value.is_null() { Some(0) } else { value.as_i64() };
            Some((number(&value)? - number(at(result, since, path)?)?).into())
        }
    }
}

/// Whether `expectation` holds in `result`.
pub fn is_held(result: &Value, expectation: &Expectation) -> bool {
    measure(result, expectation).is_some_and(|measured| holds(expectation, &measured))
}

fn holds(expectation: &Expectation, measured: &Value) -> bool {
    let numbers = || Some((measured.as_f64()?, expectation.value.as_f64()?));
    match expectation.kind {
        Kind::Exact | Kind::Version => *measured == expectation.value,
        Kind::Near => numbers().is_some_and(|(measured, value)| {
            (measured - value).abs() <= expectation.tolerance * value.abs().max(1.0)
        }),
        Kind::Least => numbers().is_some_and(|(measured, value)| measured >= value),
        Kind::Most => numbers().is_some_and(|(measured, value)| measured <= value),
    }
}

/// An expectation that does not hold.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Its place.
    pub place: String,
    /// How it is held.
    pub kind: Kind,
    /// For people: what was expected, and what is there.
    pub text: String,
}

/// What of `expectations` does not hold in `result`.
pub fn check<'e>(result: &Value, expectations: impl IntoIterator<Item = &'e Expectation>) -> Vec<Broken> {
    let broken = |expectation: &Expectation| {
        let measured = measure(result, expectation);
        if measured.as_ref().is_some_and(|measured| holds(expectation, measured)) {
            return None;
        }
        let found = measured.map_or_else(|| "nothing".to_owned(), |measured| measured.to_string());
        let Expectation { kind, value, why, line, .. } = expectation;
        let place = expectation.place();
        let text = format!("{place} ({line}): {found}, expected {} {value}; {why}", kind.name());
        Some(Broken { place, kind: *kind, text })
    };
    expectations.into_iter().filter_map(broken).collect()
}
