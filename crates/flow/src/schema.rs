//! The JSON Schema (draft 2020-12) of an automation document, for editors and for other programs:
//! `docs/automation.schema.json`, made by `cargo xtask gen docs`.
//!
//! It says of a document's form what the reader (`parse`) says of it: the keys are the reader's own lists, and the
//! tests of this crate hold every document that they read against it. What a schema cannot say (that a name in an
//! expression exists, that an id is used once) only the reader tells. To add a key: put it into the reader's list, and
//! its schema into [`document_key`], [`step_key`] or [`trigger_form`]; to add a form of step: put it into the reader's forms and [`STEP_FORMS`].

use cartlane_catalog::{Catalog, events};
use serde_json::{Map, Value, json};

use crate::condition::Operator;
use crate::document::{ForEach, OnUnclear};
use crate::names::{EVENT_KINDS, GHL};
use crate::on;
use crate::parse::DOCUMENT_KEYS;
use crate::parse::steps::{CASE_KEYS, COMMON_KEYS, FORMS, WAIT_KEYS};
use crate::rules;
use crate::validate::MAX_STEPS;

/// What each form of step does, by the key that tells it.
const STEP_FORMS: [(&str, &str, &[&str]); 6] = [
    ("operation", "One operation of the catalog, with its inputs.", &[]),
    ("branch", "The steps of the first case that holds.", &[]),
    ("for_each", "Steps for each item of a list.", &["steps"]),
    ("wait", "Nothing, for a while, or until an event.", &[]),
    ("set", "Names for values.", &[]),
    ("stop", "The end of the run.", &[]),
];

/// The schema.
pub fn automation() -> Value {
    let mut definitions = Map::new();
    let mut forms = Vec::new();
    for (name, description, required) in STEP_FORMS {
        let others = FORMS
            .iter()
            .find(|(form, _)| *form == name)
            .map_or(&[][..], |(_, others)| others);
        let keys: Vec<&str> = COMMON_KEYS.iter().chain([&name]).chain(others).copied().collect();
        let required: Vec<&str> = ["id", name].into_iter().chain(required.iter().copied()).collect();
        let form = object(description, &keys, &required, step_key);
        definitions.insert(name.into(), form);
        forms.push(json!({"$ref": format!("#/$defs/{name}")}));
    }
    definitions.insert("step".into(), json!({"oneOf": forms}));
    definitions.insert("trigger".into(), trigger());
    definitions.insert("kind".into(), kind());
    definitions.insert("id_of_operation".into(), operation());
    definitions.insert("condition".into(), condition());
    definitions.insert("comparison".into(), comparison());
    let mut schema = object(
        "Started by this, under this condition, these steps.",
        &DOCUMENT_KEYS,
        &["name", "on", "steps"],
        document_key,
    );
    schema["$defs"] = definitions.into();
    let mut head =
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Automation of Cartlane"});
    if let (Some(head), Value::Object(schema)) = (head.as_object_mut(), schema) {
        head.extend(schema);
    }
    head
}

/// A map of these keys and no others.
pub(crate) fn object(
    description: &str,
    keys: &[&str],
    required: &[&str],
    of: fn(&str) -> Option<Value>,
) -> Value {
    let property = |key: &&str| Some(((*key).to_owned(), of(key)?));
    let properties: Map<String, Value> = keys.iter().filter_map(property).collect();
    json!({
        "type": "object", "description": description, "properties": properties, "required": required,
        "additionalProperties": false,
    })
}

/// What stands under a key of the document. Where a key may be left out, it may also stand there without a value.
fn document_key(key: &str) -> Option<Value> {
    Some(match key {
        "name" => json!({
            "type": ["string", "number"], "pattern": "\\S",
            "description": "What people call it; also how it is told from others.",
        }),
        "description" => json!({"type": ["string", "number", "null"], "description": "What it is for."}),
        "on" => json!({
            "description": "What starts it.",
            "anyOf": [
                {"$ref": "#/$defs/trigger"},
                {"type": "array", "items": {"$ref": "#/$defs/trigger"}, "minItems": 1},
            ],
        }),
        "when" => json!({
            "$ref": "#/$defs/condition",
            "description": "Where it is not true, the automation has nothing to do with the event.",
        }),
        "connection" => json!({
            "type": ["string", "number", "null"],
            "description": "The connection whose account its steps act on; the event's own target where it names none.",
        }),
        "merge" => json!({
            "type": ["boolean", "null"],
            "description": "Whether the tags of events of one contact that wait one behind the other may go in one call.",
        }),
        "tables" => json!({
            "type": ["object", "null"], "additionalProperties": {"type": "object"},
            "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
            "description": "Tables that expressions look things up in, as tables.NAME.",
        }),
        "rules" => rules::schema(),
        "steps" => json!({
            "type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1, "maxItems": MAX_STEPS,
            "description": "What it does, in this order.",
        }),
        _ => return None,
    })
}

/// What stands under a key of a step.
fn step_key(key: &str) -> Option<Value> {
    Some(match key {
        "id" => json!({
            "type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$",
            "description": "Stable: effects are remembered by it, and later steps read its output as steps.ID.",
        }),
        "operation" => json!({"$ref": "#/$defs/id_of_operation"}),
        "connection" => json!({
            "type": ["string", "number", "null"],
            "description": "The connection that it goes to; the automation's where it names none.",
        }),
        "on_error" => json!({
            "description": "What to do when it has failed for good.",
            "oneOf": [{"enum": ["stop", "continue", null]}, steps()],
        }),
        "branch" => json!({
            "type": "array", "minItems": 1,
            "items": object("One case.", &CASE_KEYS, &["when", "steps"], step_key),
        }),
        "else" | "steps" => steps(),
        "for_each" => {
            json!({"type": ["string", "number"], "description": "An expression that comes to a list."})
        }
        "at_most" => json!({
            "type": ["integer", "null"], "minimum": 1, "maximum": ForEach::MOST,
            "description": "The most items that there may be.",
        }),
        "wait" => object("How long, or for which event.", &WAIT_KEYS, &[], wait_key),
        "set" => {
            json!({"type": ["object", "null"], "description": "Names and values; texts may hold expressions."})
        }
        "stop" => json!({"type": ["string", "number"], "description": "Why, for people."}),
        "with" => json!({
            "type": ["object", "null"],
            "description": "The operation's inputs; texts in them may hold expressions in {{ }}.",
        }),
        "when" => {
            json!({"$ref": "#/$defs/condition", "description": "Where it is not true, the step is skipped."})
        }
        "on_unclear" => {
            let names = OnUnclear::NAMES.map(|(name, _)| Value::from(name));
            let names: Vec<Value> = names.into_iter().chain([Value::Null]).collect();
            json!({
                "enum": names, "default": "ask",
                "description": "What to do when nobody can tell whether an unsafe call took effect: fail and ask a person, \
                                send it again, or leave the step out.",
            })
        }
        _ => return None,
    })
}

/// What stands under a key of a wait.
fn wait_key(key: &str) -> Option<Value> {
    Some(match key {
        "for" => json!({"type": ["string", "null"], "description": "For so long: 3 days, 2h 30m."}),
        "until" => json!({"type": ["string", "number", "null"], "description": "Until this moment."}),
        "event" => json!({
            "description": "Until an event of one of these kinds about the same contact.",
            "oneOf": [{"$ref": "#/$defs/kind"}, {"type": "array", "items": {"$ref": "#/$defs/kind"}}, {"type": "null"}],
        }),
        "when" => {
            json!({"$ref": "#/$defs/condition", "description": "Only such an event, as `awaited`; without `event` until this holds."})
        }
        _ => return None,
    })
}

fn steps() -> Value {
    json!({"type": ["array", "null"], "items": {"$ref": "#/$defs/step"}})
}

fn condition() -> Value {
    let each = json!({"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/condition"}});
    let of = |key: &str, value: Value| json!({"type": "object", "properties": {key: value}, "required": [key], "additionalProperties": false});
    json!({
        "description": "An expression without {{ }}, or a tree; false, none, 0, an empty text and an empty list are false.",
        "anyOf": [
            {"type": ["string", "boolean", "null"]},
            of("all", each.clone()),
            of("any", each),
            of("not", json!({"$ref": "#/$defs/condition"})),
            {"$ref": "#/$defs/comparison"},
        ],
    })
}

fn comparison() -> Value {
    let names: Vec<&str> = Operator::ALL.iter().map(|(name, ..)| *name).collect();
    json!({
        "type": "object", "required": ["field", "is"], "additionalProperties": false,
        "properties": {
            "field": {"type": ["string", "number"], "description": "A name such as event.amount.minor, or any expression."},
            "is": {"enum": names},
            "value": {"description": "With what; may hold an expression in {{ }}."},
        },
    })
}

/// One thing that starts an automation: a kind of event, a person, or a map of one key that tells which it is.
fn trigger() -> Value {
    let forms = on::FORMS.iter().filter_map(|name| {
        let form = trigger_form(name)?;
        Some(json!({"type": "object", "properties": {*name: form}, "required": [name], "additionalProperties": false}))
    });
    let own: Vec<&str> = on::OWN_KINDS
        .into_iter()
        .chain(["poll", "schedule", "automation"])
        .collect();
    let sent = json!({"$ref": "#/$defs/kind", "not": {"enum": own}});
    let all: Vec<Value> = [sent, json!({"const": "manual"})]
        .into_iter()
        .chain(forms)
        .collect();
    json!({"anyOf": all})
}

/// What stands under the key of a trigger.
fn trigger_form(key: &str) -> Option<Value> {
    Some(match key {
        "poll" => object(
            "What is new or changed in a list, or in one thing, that is looked at again and again.",
            &on::POLL_KEYS,
            &["operation"],
            poll_key,
        ),
        "schedule" => object("A time.", &on::SCHEDULE_KEYS, &["cron"], schedule_key),
        "automation" => object(
            "The end of another automation's run.",
            &on::OUTCOME_KEYS,
            &["name"],
            outcome_key,
        ),
        "manual" => json!({"description": "A person, or a program by the API."}),
        _ => return None,
    })
}

fn poll_key(key: &str) -> Option<Value> {
    Some(match key {
        "operation" => json!({"$ref": "#/$defs/id_of_operation"}),
        "with" => json!({
            "type": ["object", "null"],
            "description": "The operation's inputs, as values; {now}, {now+7d} and {now-12h} stand for moments.",
        }),
        "every" => json!({
            "type": ["string", "null"], "pattern": "^ *0*([1-9]|1[0-5]) *m *$", "default": "5m",
            "description": "How often: 1m to 15m.",
        }),
        "connection" => json!({
            "type": ["string", "number", "null"],
            "description": "Whose account; the automation's connection where it names none, else the only one.",
        }),
        "existing" => json!({
            "type": ["boolean", "null"], "default": false,
            "description": "Whether what is there already when it begins counts as new.",
        }),
        _ => return None,
    })
}

fn schedule_key(key: &str) -> Option<Value> {
    Some(match key {
        "cron" => {
            json!({"type": "string", "description": "Minute, hour, day, month, day of week, such as 0 9 * * 1."})
        }
        "zone" => json!({
            "type": ["string", "null"], "default": "UTC",
            "description": "Whose clocks count, such as Europe/Berlin.",
        }),
        _ => return None,
    })
}

fn outcome_key(key: &str) -> Option<Value> {
    let ends = on::Ended::NAMES.map(|(name, _)| name);
    Some(match key {
        "name" => {
            json!({"type": ["string", "number"], "pattern": "\\S", "description": "The other automation."})
        }
        "outcome" => json!({
            "description": "How its run ended; done where it says nothing.",
            "oneOf": [{"enum": ends}, {"type": "array", "items": {"enum": ends}}, {"type": "null"}],
        }),
        _ => return None,
    })
}

/// A kind of event: GHL's are a closed list, others are accepted where they look like one.
fn kind() -> Value {
    let known: Vec<&str> = EVENT_KINDS
        .into_iter()
        .chain(events::all().map(|kind| kind.kind.as_str()))
        .collect();
    let ghl = GHL.replace('.', "\\.");
    json!({
        "description": "A kind of event.",
        "anyOf": [{"enum": known}, {"type": "string", "pattern": format!("^(?!{ghl})[a-z][a-z0-9._]*$")}],
    })
}

fn operation() -> Value {
    let mut ids: Vec<&str> = Catalog::builtin()
        .operations()
        .map(|operation| operation.id.as_str())
        .collect();
    ids.sort_unstable();
    json!({"description": "An operation of the catalog; docs/operations.md lists them with their inputs.", "enum": ids})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_the_reader_knows_has_a_schema() {
        for key in DOCUMENT_KEYS {
            assert!(document_key(key).is_some(), "{key}: see `document_key`");
        }
        let of_forms = FORMS
            .iter()
            .flat_map(|(form, others)| others.iter().chain([form]));
        for key in of_forms.chain(&COMMON_KEYS) {
            assert!(step_key(key).is_some(), "{key}: see `step_key`");
        }
        for key in WAIT_KEYS {
            assert!(wait_key(key).is_some(), "{key}: see `wait_key`");
        }
        assert_eq!(FORMS.len(), STEP_FORMS.len());
        for form in on::FORMS {
            assert!(trigger_form(form).is_some(), "{form}: see `trigger_form`");
        }
        let of_triggers = [
            (&on::POLL_KEYS[..], poll_key as fn(&str) -> Option<Value>),
            (&on::SCHEDULE_KEYS, schedule_key),
            (&on::OUTCOME_KEYS, outcome_key),
        ];
        for (keys, schema) in of_triggers {
            for key in keys {
                assert!(schema(key).is_some(), "{key} of a trigger");
            }
        }
    }
}
