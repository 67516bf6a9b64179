//! What can be known to be wrong with a document before it ever runs.
//!
//! Form is checked while the document is read, expressions while they are compiled; here stand the rules between:
//! names, operations and their inputs. All of them note faults and go on.

use crate::document::{Document, Step};
use crate::names;
use crate::on;
use crate::parse::Findings;

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
    if document.steps.len() > MAX_STEPS {
        let message = format!(
            "{} steps; an automation can have {MAX_STEPS}",
            document.steps.len()
        );
        findings.push("steps", message);
    }
    for (index, step) in document.steps.iter().enumerate() {
        let path = format!("steps[{index}]");
        check_id(&path, step, &document.steps[..index], findings);
        check_operation(&path, step, operations, findings);
    }
}

fn check_id(path: &str, step: &Step, before: &[Step], findings: &mut Findings) {
    let id = step.id.as_str();
    if id.is_empty() {
        findings.push(
            format!("{path}.id"),
            "a step needs an id, by which its effects are remembered",
        );
    } else if !is_name(id, "_") || id.len() > 64 {
        let rule = "small letters, digits and `_`, a letter first, 64 at most";
        findings.push(format!("{path}.id"), format!("`{id}` is no id: {rule}"));
    } else if let Some(first) = before.iter().position(|other| other.id == id) {
        findings.push(
            format!("{path}.id"),
            format!("`{id}` is the id of steps[{first}] already"),
        );
    }
}

fn check_operation(path: &str, step: &Step, operations: &dyn Operations, findings: &mut Findings) {
    let id = step.operation.as_str();
    if id.is_empty() {
        let message = "a step needs an operation, such as `ghl.contacts.save`";
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
    for name in step.with.keys().filter(|name| !known.contains(name)) {
        let message = match names::nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("`{id}` has no input `{name}`; did you mean `{near}`?"),
            None => format!("`{id}` has no input `{name}`; it has {}", known.join(", ")),
        };
        findings.push(format!("{path}.with.{name}"), message);
    }
}

pub(crate) fn is_name(text: &str, marks: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|letter| letter.is_ascii_lowercase())
        && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || marks.contains(c))
}
