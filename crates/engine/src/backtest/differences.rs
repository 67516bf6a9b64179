//! What differs between what was done for an event and what would be.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::side::Side;
use crate::fold::{Call, Ending};

/// What differs, in sentences without the values of one event, so that events that differ alike fall into one group.
pub(super) fn differences(was: &Side, would: &Side) -> Vec<String> {
    match (was.starts(), would.starts()) {
        (false, false) => return Vec::new(),
        (false, true) => return vec![format!("it would start, and do {}", names(&would.calls))],
        (true, false) => {
            return vec![format!(
                "it would not start any more; it did {}",
                names(&was.calls)
            )];
        }
        (true, true) => {}
    }
    let mut told = Vec::new();
    let is_open = |call: &&Call| would.open.contains(&call.step);
    for call in would.calls.iter().filter(|call| !is_open(call)) {
        match was.calls.iter().find(|then| then.step == call.step) {
            None => told.push(format!("step `{}` ({}) would be done", call.step, call.operation)),
            Some(then) if then.operation != call.operation => told.push(format!(
                "step `{}` would do {} instead of {}",
                call.step, call.operation, then.operation
            )),
            Some(then) => {
                if then.connection != call.connection {
                    told.push(format!("step `{}` would go to another connection", call.step));
                }
                let mut paths = BTreeSet::new();
                differing(&then.inputs, &call.inputs, String::new(), &mut paths);
                told.extend(
                    paths
                        .into_iter()
                        .map(|path| format!("step `{}`: {path} would differ", call.step)),
                );
            }
        }
    }
    for step in &would.open {
        told.push(format!(
            "step `{step}`: what it would do depends on an answer that nobody has"
        ));
    }
    for then in was.calls.iter().filter(|call| !is_open(call)) {
        if !would.calls.iter().any(|call| call.step == then.step) {
            told.push(format!(
                "step `{}` ({}) would not be done",
                then.step, then.operation
            ));
        }
    }
    let order = |calls: &[Call], others: &[Call]| -> Vec<String> {
        let common = calls
            .iter()
            .filter(|call| others.iter().any(|other| other.step == call.step));
        common.map(|call| call.step.clone()).collect()
    };
    if order(&was.calls, &would.calls) != order(&would.calls, &was.calls) {
        told.push("its steps would be done in another order".into());
    }
    match (&was.ending, &would.ending) {
        (Ending::Fault(_), Ending::Fault(_)) => {}
        (_, Ending::Fault(fault)) => told.push(format!("it would fail: {fault}")),
        (Ending::Fault(_), _) => told.push("it would not fail any more".into()),
        _ => {}
    }
    told
}

fn names(calls: &[Call]) -> String {
    let names: Vec<String> = calls.iter().map(|call| format!("`{}`", call.step)).collect();
    if names.is_empty() {
        "nothing".into()
    } else {
        names.join(", ")
    }
}

/// The places in which two values differ. Lists are compared as a whole.
fn differing(one: &Json, other: &Json, path: String, paths: &mut BTreeSet<String>) {
    match (one, other) {
        (Json::Object(left), Json::Object(right)) => {
            for name in left.keys().chain(right.keys()) {
                let (left, right) = (left.get(name), right.get(name));
                let at = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                match (left, right) {
                    (Some(left), Some(right)) => differing(left, right, at, paths),
                    _ => drop(paths.insert(at)),
                }
            }
        }
        _ if one == other => {}
        _ => drop(paths.insert(if path.is_empty() {
            "its inputs".into()
        } else {
            path
        })),
    }
}
