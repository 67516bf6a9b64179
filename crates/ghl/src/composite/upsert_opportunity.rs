//! One opportunity of a contact in a pipeline: it is searched, then updated or created.
//!
//! GHL's own upsert has changed what it goes by and is not to be relied on. Here it is contact and pipeline, as most
//! locations allow one opportunity of a contact in a pipeline. Where there are several, the one of the same name is
//! taken, else an open one, else the first that GHL gives; with `match: name` only one of the same name. Only given
//! fields that differ are sent.

use serde_json::{Map, Value, json};

use super::{Answer, Done, Part, text};

const SEARCH: &str = "ghl.opportunities.search";
const UPDATE: &str = "ghl.opportunities.update";
const CREATE: &str = "ghl.opportunities.create";
/// Each input's name, and GHL's.
const FIELDS: &[(&str, &str)] = &[
    ("name", "name"),
    ("stage_id", "pipelineStageId"),
    ("status", "status"),
    ("monetary_value", "monetaryValue"),
    ("assigned_to", "assignedTo"),
];

pub(super) fn next(inputs: &Value, done: &[Done]) -> Part {
    let (Some(contact_id), Some(pipeline_id), Some(name)) = (
        text(inputs, "contact_id"),
        text(inputs, "pipeline_id"),
        text(inputs, "name"),
    ) else {
        return Part::Failed("contact_id, pipeline_id and name are needed".into());
    };
    let wanted = Wanted {
        inputs,
        contact_id,
        pipeline_id,
        name,
        by_name: text(inputs, "match") == Some("name"),
    };
    let mut found = None;
    let mut part = wanted.search();
    for done in done {
        part = match (done.operation.as_str(), &done.answer) {
            (_, Answer::Invalid(messages)) => {
                return Part::Failed(format!(
                    "GHL does not accept what was sent: {}",
                    messages.join("; ")
                ));
            }
            (_, Answer::Duplicate { .. }) => {
                return Part::Failed("GHL speaks of a duplicate contact, which this does not touch".into());
            }
            (SEARCH, Answer::Ok(answer)) => {
                found = wanted.choose(answer);
                wanted.save(found.as_ref())
            }
            // The opportunity, or all of its contact's, went in the meantime.
            (SEARCH | UPDATE, Answer::NotFound) => wanted.create(),
            (CREATE, Answer::NotFound) => {
                return Part::Failed(format!(
                    "GHL has no contact {contact_id} or no pipeline {pipeline_id}"
                ));
            }
            (operation, Answer::Ok(answer)) => {
                let Some(opportunity) = answer.get("opportunity").filter(|it| it["id"].is_string()) else {
                    return Part::Failed("GHL's answer has no opportunity".into());
                };
                let others = found
                    .as_ref()
                    .filter(|_| operation == UPDATE)
                    .map_or(0, |found| found.others);
                wanted.finished(opportunity, operation == CREATE, others)
            }
            (operation, Answer::NotFound) => {
                return Part::Failed(format!("`{operation}` does not belong to this"));
            }
        };
    }
    part
}

struct Wanted<'a> {
    inputs: &'a Value,
    contact_id: &'a str,
    pipeline_id: &'a str,
    name: &'a str,
    /// Whether only an opportunity of this name is meant.
    by_name: bool,
}

/// The opportunity that is meant, and how many more there are.
struct Found {
    opportunity: Value,
    others: usize,
}

impl Wanted<'_> {
    fn search(&self) -> Part {
        Part::Call {
            operation: SEARCH,
            inputs: json!({"contact_id": self.contact_id, "pipeline_id": self.pipeline_id, "limit": 100}),
            label: "find opportunity",
        }
    }

    fn choose(&self, answer: &Value) -> Option<Found> {
        let is = |it: &Value, key: &str, value: &str| it.get(key).and_then(Value::as_str) == Some(value);
        // What does not say whose it is was still searched for by contact and pipeline.
        let not_other = |it: &Value, key: &str, value: &str| it.get(key).is_none() || is(it, key, value);
        let list = answer.get("opportunities").and_then(Value::as_array)?;
        let ours: Vec<&Value> = list
            .iter()
            .filter(|it| it["id"].is_string())
            .filter(|it| not_other(it, "contactId", self.contact_id))
            .filter(|it| not_other(it, "pipelineId", self.pipeline_id))
            .filter(|it| !self.by_name || is(it, "name", self.name))
            .collect();
        let named = ours.iter().find(|it| is(it, "name", self.name));
        let open = || ours.iter().find(|it| is(it, "status", "open"));
        let opportunity = named.or_else(open).or_else(|| ours.first())?;
        Some(Found {
            opportunity: (*opportunity).clone(),
            others: ours.len() - 1,
        })
    }

    fn save(&self, found: Option<&Found>) -> Part {
        let Some(found) = found else {
            return self.create();
        };
        let differs = |(name, value): &(String, Value)| found.opportunity.get(name) != Some(value);
        let mut changes: Map<String, Value> = self.fields().into_iter().filter(differs).collect();
        if changes.is_empty() {
            return self.finished(&found.opportunity, false, found.others);
        }
        changes.insert("id".into(), found.opportunity["id"].clone());
        Part::Call {
            operation: UPDATE,
            inputs: Value::Object(changes),
            label: "update opportunity",
        }
    }

    fn create(&self) -> Part {
        let mut fields = self.fields();
        fields.insert("contactId".into(), self.contact_id.into());
        fields.insert("pipelineId".into(), self.pipeline_id.into());
        fields.entry("status").or_insert_with(|| "open".into());
        Part::Call {
            operation: CREATE,
            inputs: Value::Object(fields),
            label: "create opportunity",
        }
    }

    /// The given fields, by GHL's names.
    fn fields(&self) -> Map<String, Value> {
        let given = |name: &str| self.inputs.get(name).filter(|value| !value.is_null());
        let field = |(ours, ghl): &(&str, &str)| Some(((*ghl).to_owned(), given(ours)?.clone()));
        let mut fields: Map<String, Value> = FIELDS.iter().filter_map(field).collect();
        let custom = given("custom_fields")
            .and_then(Value::as_array)
            .filter(|list| !list.is_empty());
        if let Some(custom) = custom {
            let renamed = custom.iter().map(|item| {
                let mut item = item.as_object().cloned().unwrap_or_default();
                if let Some(value) = item.remove("value") {
                    item.insert("field_value".into(), value);
                }
                Value::Object(item)
            });
            fields.insert("customFields".into(), renamed.collect());
        }
        fields
    }

    fn finished(&self, opportunity: &Value, created: bool, others: usize) -> Part {
        let mut warnings = Vec::new();
        if others > 0 {
            let id = opportunity["id"].as_str().unwrap_or_default();
            let name = if self.by_name {
                format!(" named {}", self.name)
            } else {
                String::new()
            };
            warnings.push(format!(
                "contact {} has {} opportunities{name} in this pipeline; {id} was taken",
                self.contact_id,
                others + 1
            ));
        }
        Part::Done {
            output: json!({"id": opportunity["id"], "opportunity": opportunity, "created": created}),
            warnings,
        }
    }
}
