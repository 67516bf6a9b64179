//! A document made fit for the throw-away house: what it names of its own account is replaced by what the sandbox has.
//!
//! Connections are left to the house, which has one of each kind; ids of pipelines, workflows and the like, which the sandbox
//! does not know, become ids of it; custom fields are made; and requests to any server go to the listener.

use std::collections::BTreeSet;

use cartlane_catalog::{Catalog, Operation};
use serde_json::Value;

use super::house::House;

/// Lists whose choices the sandbox takes as they come, or that are made for it.
const LEFT_ALONE: [&str; 6] = [
    "tags",
    "contacts",
    "custom_fields",
    "conversations",
    "locations",
    "company",
];

/// The names, keys or ids of custom fields that the document's steps write.
pub fn custom_fields(document: &Value) -> Vec<String> {
    let mut names = BTreeSet::new();
    for row in document["rules"]["rows"].as_array().into_iter().flatten() {
        let fields = row["then"]["fields"].as_object().into_iter().flatten();
        names.extend(fields.map(|(name, _)| name.clone()));
    }
    each_step(&mut document.clone(), &mut |operation, step| {
        for input in &operation.inputs {
            if input.shape.format.as_deref() != Some("custom_fields") {
                continue;
            }
            match &step["with"][&input.name] {
                Value::Object(fields) => names.extend(fields.keys().cloned()),
                Value::Array(items) => {
                    let field = |item: &Value| {
                        let mut keys = ["name", "key", "id"].into_iter();
                        keys.find_map(|key| Some(item[key].as_str()?.to_owned()))
                    };
                    names.extend(items.iter().filter_map(field));
                }
                _ => {}
            }
        }
    });
    names.into_iter().collect()
}

/// The document as the house can run it, and what stands for what in it.
pub async fn stand_in(document: &Value, house: &House) -> (Value, Vec<String>) {
    let mut document = document.clone();
    let mut lists = BTreeSet::new();
    document["on"] = triggers(&document["on"]);
    if let Some(fields) = document.as_object_mut() {
        fields.remove("connection");
    }
    each_step(&mut document, &mut |operation, _| {
        let sources = operation
            .inputs
            .iter()
            .filter_map(|input| input.option_source.clone());
        lists.extend(sources.filter(|list| !LEFT_ALONE.contains(&list.as_str())));
    });
    let mut choices = std::collections::BTreeMap::new();
    for list in lists {
        let known = house.choices(&list).await;
        choices.insert(list, known);
    }
    let url = house.listener.url("");
    let mut notes = Vec::new();
    let mut of_rules = Vec::new();
    each_step(&mut document, &mut |operation, step| {
        if let Some(fields) = step.as_object_mut() {
            fields.remove("connection");
        }
        if operation.id == "http.request" {
            step["with"]["url"] = url.as_str().into();
        }
        for input in &operation.inputs {
            let known = input.option_source.as_ref().and_then(|list| choices.get(list));
            let (Some(known), Some(value)) = (known, step["with"].get_mut(&input.name)) else {
                continue;
            };
            match outcome(value) {
                Some(outcome) => of_rules.push((outcome, input.name.clone(), known)),
                None => notes.extend(replace(value, &input.name, known)),
            }
        }
    });
    let rows = document.pointer_mut("/rules/rows").and_then(Value::as_array_mut);
    for row in rows.into_iter().flatten() {
        for (outcome, input, known) in &of_rules {
            if let Some(value) = row["then"].get_mut(outcome) {
                notes.extend(replace(value, input, known));
            }
        }
    }
    notes.sort();
    notes.dedup();
    (document, notes)
}

/// What starts it in the house: deliveries of its kinds, and whoever tries it. Nothing is polled there, nothing is due, and
/// there is no other automation.
fn triggers(on: &Value) -> Value {
    let kinds = on.as_array().into_iter().flatten().filter(|on| on.is_string());
    let mut triggers: Vec<Value> = kinds.cloned().collect();
    if !triggers.contains(&"manual".into()) {
        triggers.push("manual".into());
    }
    triggers.into()
}

/// Puts the sandbox's first choice in the place of a value that it does not know, and tells so.
fn replace(value: &mut Value, input: &str, known: &[String]) -> Option<String> {
    let literal = literal(value).filter(|text| !text.is_empty() && !known.contains(text))?;
    let first = known.first()?;
    *value = first.as_str().into();
    Some(format!("{first} of the sandbox stands for `{literal}` ({input})"))
}

/// The outcome of the rules table that an input is: `workflow` of `{{ rules.workflow }}`.
fn outcome(value: &Value) -> Option<String> {
    let inner = value.as_str()?.trim().strip_prefix("{{")?.trim_start();
    let name = inner.strip_prefix("rules.")?;
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    name.split(|letter| !is_letter(letter)).next().map(str::to_owned)
}

/// A text without an expression, or one that an expression gives as it is.
fn literal(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let inner = text
        .trim()
        .strip_prefix("{{")
        .and_then(|text| text.strip_suffix("}}"));
    match inner {
        Some(inner) => serde_json::from_str(inner.trim()).ok(),
        None => (!text.contains("{{") && !text.contains("{%")).then(|| text.to_owned()),
    }
}

/// Visits every step with its operation, also those within others.
fn each_step(value: &mut Value, visit: &mut dyn FnMut(&'static Operation, &mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_step(item, visit)),
        Value::Object(_) => {
            let operation = value["operation"].as_str();
            if let Some(operation) = operation.and_then(|id| Catalog::builtin().get(id)) {
                visit(operation, value);
            }
            let fields = value.as_object_mut().into_iter().flatten();
            fields
                .filter(|(name, _)| *name != "with")
                .for_each(|(_, field)| each_step(field, visit));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn custom_fields_are_found_in_every_step_however_they_are_written() {
        let document = json!({"steps": [
            {"operation": "ghl.contacts.save", "with": {"custom_fields": {"Size": 1}}},
            {"branch": [{"steps": [{"operation": "ghl.contacts.update",
                                    "with": {"customFields": [{"key": "colour", "field_value": "red"}]}}]}]},
        ]});
        assert_eq!(custom_fields(&document), ["Size", "colour"]);
        let document =
            json!({"rules": {"rows": [{"then": {"fields": {"Plan": "Pro"}}}, {"then": {"tags": "a"}}]}});
        assert_eq!(custom_fields(&document), ["Plan"]);
    }

    #[test]
    fn what_rows_give_is_found_behind_the_name_that_a_step_reads() {
        let outcome = |text: &str| super::outcome(&json!(text));
        assert_eq!(outcome("{{ rules.workflow }}").as_deref(), Some("workflow"));
        assert_eq!(outcome("{{rules.stage or 'x'}}").as_deref(), Some("stage"));
        assert_eq!(outcome("{{ event.kind }}"), None);
        assert_eq!(outcome("rules.workflow"), None);
    }

    #[test]
    fn only_what_is_written_as_it_is_counts_as_literal() {
        let literal = |text: &str| super::literal(&json!(text));
        assert_eq!(literal("w1").as_deref(), Some("w1"));
        assert_eq!(literal("{{ \"w1\" }}").as_deref(), Some("w1"));
        assert_eq!(literal("{{ settings.workflow }}"), None);
        assert_eq!(literal("a {{ b }}"), None);
    }
}
