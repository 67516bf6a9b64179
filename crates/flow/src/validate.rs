//! What can be known to be wrong with a document before it ever runs.
//!
//! Form is checked while the document is read, expressions while they are compiled; here stand the rules between:
//! names, operations and their inputs. All of them note faults and go on.

use std::collections::HashMap;

use crate::document::{Action, Call, Document, OnError, Step, Wait};
use crate::names;
use crate::on;
use crate::parse::Findings;
use crate::wait::milliseconds;
use crate::{merge, rules, tables};

/// The most steps that one automation may have.
pub const MAX_STEPS: usize = 100;

/// The operations that a step can name: the catalog, seen from here.
pub trait Operations {
    /// Whether there is an operation `id`.
    fn has(&self, id: &str) -> bool;
    /// The operation that someone who wrote `id` most likely meant.
    fn nearest(&self, id: &str) -> Option<String>;
    /// The names of the inputs of `id`; `None` where they are not known.
    fn inputs(&self, id: &str) -> Option<Vec<String>>;
    /// What can be told to be wrong with these inputs of `id`, which there is, before their expressions are evaluated: each
    /// fault with the path of the input, which is empty where it is about several.
    fn input_faults(
        &self,
        _id: &str,
        _with: &serde_json::Map<String, serde_json::Value>,
    ) -> Vec<(String, String)> {
        Vec::new()
    }
    /// What is wrong with polling `id`, which there is, with these inputs: each fault with the path of the input, which is
    /// empty where the operation itself cannot be polled.
    fn poll_faults(
        &self,
        _id: &str,
        _with: &serde_json::Map<String, serde_json::Value>,
    ) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// Notes everything that is wrong with names, event kinds, operations and their inputs.
pub(crate) fn check(document: &Document, operations: &dyn Operations, findings: &mut Findings) {
    if document.name.trim().is_empty() {
        findings.push("name", "an automation needs a name");
    }
    on::check(document, operations, findings);
    if document.steps.is_empty() {
        findings.push("steps", "an automation needs at least one step");
    }
    let count = document.all_steps().len();
    if count > MAX_STEPS {
        let message = format!("{count} steps; an automation can have {MAX_STEPS}");
        findings.push("steps", message);
    }
    tables::check(&document.tables, findings);
    if let Some(table) = &document.rules {
        rules::check(table, findings);
    }
    if document.merge {
        merge::check(document, findings);
    }
    let mut ids = HashMap::new();
    check_steps("steps", &document.steps, operations, &mut ids, findings);
}

/// Checks steps and those within them. `ids` are the ids so far, each with its place.
fn check_steps<'d>(
    path: &str,
    steps: &'d [Step],
    operations: &dyn Operations,
    ids: &mut HashMap<&'d str, String>,
    findings: &mut Findings,
) {
    for (index, step) in steps.iter().enumerate() {
        let path = format!("{path}[{index}]");
        check_id(&path, step, ids, findings);
        match &step.action {
            Action::Call(call) => {
                check_operation(&path, call, operations, findings);
                if let OnError::Steps(steps) = &call.on_error {
                    check_steps(&format!("{path}.on_error"), steps, operations, ids, findings);
                }
            }
            Action::Branch(branch) => {
                if branch.branch.is_empty() {
                    findings.push(format!("{path}.branch"), "needs at least one case");
                }
                for (index, case) in branch.branch.iter().enumerate() {
                    let path = format!("{path}.branch[{index}].steps");
                    check_steps(&path, &case.steps, operations, ids, findings);
                }
                check_steps(
                    &format!("{path}.else"),
                    &branch.otherwise,
                    operations,
                    ids,
                    findings,
                );
            }
            Action::ForEach(each) => {
                if each.steps.is_empty() {
                    findings.push(format!("{path}.steps"), "say what is done with each item");
                }
                check_steps(&format!("{path}.steps"), &each.steps, operations, ids, findings);
            }
            Action::Wait { wait } => check_wait(&format!("{path}.wait"), wait, findings),
            Action::Set { .. } | Action::Stop { .. } => {}
        }
    }
}

fn check_wait(path: &str, wait: &Wait, findings: &mut Findings) {
    if let Some(lasts) = wait.lasts.as_ref().filter(|lasts| milliseconds(lasts).is_none()) {
        let message =
            format!("`{lasts}` is no time to wait: write `30 minutes`, `3 days` or `2h 30m`, a year at most");
        findings.push(format!("{path}.for"), message);
    }
    for (index, kind) in wait.event.iter().enumerate() {
        if let Some(fault) = kind_fault(kind).filter(|_| !kind.is_empty()) {
            findings.push(format!("{path}.event[{index}]"), fault);
        }
    }
    let has_end = wait.lasts.is_some() || wait.until.is_some();
    if wait.lasts.is_some() && wait.until.is_some() {
        findings.push(path, "give `for` or `until`, not both");
    }
    if !has_end {
        findings.push(
            path,
            "say how long: `for: 3 days` or `until: …`; beside `event` that is the time-out",
        );
    }
}

/// What is wrong with a kind of event that comes by web hook.
pub(crate) fn kind_fault(kind: &str) -> Option<String> {
    if let Some(known) = names::mistaken_kind(kind) {
        Some(format!("`{kind}` is no kind of event; did you mean `{known}`?"))
    } else if !is_name(kind, "._") {
        Some(format!(
            "`{kind}` is no kind of event; they look like `order.success`"
        ))
    } else {
        None
    }
}

fn check_id<'d>(path: &str, step: &'d Step, ids: &mut HashMap<&'d str, String>, findings: &mut Findings) {
    let id = step.id.as_str();
    if id.is_empty() {
        findings.push(
            format!("{path}.id"),
            "a step needs an id, by which its effects are remembered",
        );
    } else if !is_name(id, "_") || id.len() > 64 {
        let rule = "small letters, digits and `_`, a letter first, 64 at most";
        findings.push(format!("{path}.id"), format!("`{id}` is no id: {rule}"));
    } else if let Some(first) = ids.get(id) {
        findings.push(
            format!("{path}.id"),
            format!("`{id}` is the id of {first} already"),
        );
    } else {
        ids.insert(id, path.to_owned());
    }
}

fn check_operation(path: &str, call: &Call, operations: &dyn Operations, findings: &mut Findings) {
    let id = call.operation.as_str();
    if id.is_empty() {
        let message = "a step needs an operation, such as `ghl.contacts.save` (or `branch`, `for_each`, `wait`, `set`, `stop`)";
        findings.push(format!("{path}.operation"), message);
        return;
    }
    if !operations.has(id) {
        let message = match operations.nearest(id) {
            Some(near) => format!("there is no operation `{id}`; did you mean `{near}`?"),
            None => format!("there is no operation `{id}`"),
        };
        findings.push(format!("{path}.operation"), message);
        return;
    }
    let Some(known) = operations.inputs(id) else {
        return;
    };
    for name in call.with.keys().filter(|name| !known.contains(name)) {
        let message = match names::nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("`{id}` has no input `{name}`; did you mean `{near}`?"),
            None => format!("`{id}` has no input `{name}`; it has {}", known.join(", ")),
        };
        findings.push(format!("{path}.with.{name}"), message);
    }
    for (input, message) in operations.input_faults(id, &call.with) {
        match input.as_str() {
            "" => findings.push(format!("{path}.with"), format!("`{id}` {message}")),
            input => findings.push(
                format!("{path}.with.{input}"),
                format!("`{input}` of `{id}`: {message}"),
            ),
        }
    }
}

pub(crate) fn is_name(text: &str, marks: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|letter| letter.is_ascii_lowercase())
        && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || marks.contains(c))
}
