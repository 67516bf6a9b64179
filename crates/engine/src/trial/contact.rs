//! What GHL has of a contact, and what has changed between two looks.

use std::collections::BTreeMap;

use cartlane_ghl::Rejection;
use cartlane_ghl::compare::{self, ReadBack};
use cartlane_ghl::contact::FIELDS;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::executor::{CallError, Executor};

/// Fields of a contact that change with every write, or say the same as others.
const SILENT: [&str; 12] = [
    "id",
    "locationId",
    "name",
    "firstNameLowerCase",
    "lastNameLowerCase",
    "dateAdded",
    "dateUpdated",
    "fullNameLowerCase",
    "contactName",
    "emailLowerCase",
    "tags",
    "customFields",
];

/// One thing that has changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// What it is: `tag`, `note`, `task`, `opportunity`, `contact`, or the name of a field.
    pub what: String,
    /// What was there; null for nothing.
    pub before: Json,
    /// What is there; null for nothing.
    pub after: Json,
}

impl Executor {
    /// All that GHL has of a contact: `contact`, `notes`, `tasks`, `opportunities`; null where there is no such contact. A
    /// list that the token may not read is empty.
    pub async fn contact_state(&self, connection: &str, id: &str) -> Result<Json, CallError> {
        let inputs = json!({"contactId": id});
        let contact = match self.call(connection, "ghl.contacts.get", &inputs).await {
            Ok(output) => output.value["contact"].clone(),
            Err(error) if error.is_not_found() => return Ok(Json::Null),
            Err(error) => return Err(error),
        };
        let of_contact = json!({"contact_id": id, "limit": 100});
        let mut state = json!({"contact": contact});
        for (name, operation, inputs) in [
            ("notes", "ghl.contacts.list_notes", &inputs),
            ("tasks", "ghl.contacts.list_tasks", &inputs),
            ("opportunities", "ghl.opportunities.search", &of_contact),
        ] {
            state[name] = match self.call(connection, operation, inputs).await {
                Ok(output) => output.value[name].clone(),
                Err(CallError::Refused(Rejection::MissingScope { .. } | Rejection::Forbidden)) => json!([]),
                Err(error) => return Err(error),
            };
        }
        Ok(state)
    }
}

/// What has changed between two states of a contact.
pub fn effects(before: &Json, after: &Json) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut note = |what: &str, before: Json, after: Json| {
        if before != after {
            effects.push(Effect {
                what: what.to_owned(),
                before,
                after,
            });
        }
    };
    if before.is_null() != after.is_null() {
        let email = |state: &Json| state["contact"]["email"].clone();
        note("contact", email(before), email(after));
    }
    let (old, new) = (fields(before), fields(after));
    for name in old
        .keys()
        .chain(new.keys().filter(|name| !old.contains_key(*name)))
    {
        let value = |fields: &BTreeMap<String, Json>| fields.get(name).cloned().unwrap_or_default();
        note(name, value(&old), value(&new));
    }
    for (what, list, shown) in [
        ("tag", "/contact/tags", &[][..]),
        ("note", "/notes", &["body"]),
        ("task", "/tasks", &["title", "dueDate", "completed"]),
        (
            "opportunity",
            "/opportunities",
            &["name", "status", "monetaryValue", "pipelineStageId"],
        ),
    ] {
        let (old, new) = (items(before, list, shown), items(after, list, shown));
        for id in old.keys().chain(new.keys().filter(|id| !old.contains_key(*id))) {
            let value = |items: &BTreeMap<String, Json>| items.get(id).cloned().unwrap_or_default();
            note(what, value(&old), value(&new));
        }
    }
    effects
}

/// The fields of a contact that are not empty; custom fields by id.
fn fields(state: &Json) -> BTreeMap<String, Json> {
    let contact = state["contact"].as_object().into_iter().flatten();
    let plain = contact.filter(|(name, value)| {
        let is_scalar = value.is_string() || value.is_number() || value.is_boolean();
        is_scalar && !SILENT.contains(&name.as_str())
    });
    let plain = plain.map(|(name, value)| (name.clone(), value.clone()));
    let custom = state["contact"]["customFields"].as_array().into_iter().flatten();
    let custom = custom.filter_map(|field| {
        let name = format!("custom field {}", field["id"].as_str()?);
        Some((name, field.get("value").or(field.get("fieldValue"))?.clone()))
    });
    plain.chain(custom).collect()
}

/// The items of a list by id, each with what is shown of it; a text is its own id.
fn items(state: &Json, list: &str, shown: &[&str]) -> BTreeMap<String, Json> {
    let items = state.pointer(list).and_then(Json::as_array).into_iter().flatten();
    items
        .filter_map(|item| {
            let id = item.as_str().or_else(|| item["id"].as_str())?;
            let value = match shown {
                _ if item.is_string() => item.clone(),
                [one] => item[*one].clone(),
                several => {
                    let part = |name: &&str| Some(((*name).to_owned(), item.get(*name)?.clone()));
                    Json::Object(several.iter().filter_map(part).collect())
                }
            };
            Some((id.to_owned(), value))
        })
        .collect()
}

/// What a call sent of a note, a task or an opportunity: the list that it stands in, the field that tells it from others, and
/// each input's name with the field's.
type Things = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const OPPORTUNITY: &[(&str, &str)] = &[
    ("name", "name"),
    ("status", "status"),
    ("monetaryValue", "monetaryValue"),
    ("pipelineStageId", "pipelineStageId"),
];
const UPSERTED: &[(&str, &str)] = &[
    ("name", "name"),
    ("status", "status"),
    ("monetary_value", "monetaryValue"),
    ("stage_id", "pipelineStageId"),
];

/// What operations write beside the contact's own fields.
const THINGS: [(&str, Things); 4] = [
    ("ghl.contacts.create_note", ("notes", "body", &[("body", "body")])),
    (
        "ghl.contacts.create_task",
        ("tasks", "title", &[("title", "title"), ("body", "body")]),
    ),
    ("ghl.opportunities.create", ("opportunities", "name", OPPORTUNITY)),
    ("ghl.opportunities.upsert", ("opportunities", "name", UPSERTED)),
];

/// Each field that a call sent of a contact, a note, a task or an opportunity beside what GHL has of it; empty for other
/// calls. `names` are the custom fields' names, keys and ids, each with the id.
pub fn read_back(
    operation: &str,
    inputs: &Json,
    before: &Json,
    after: &Json,
    names: &[(String, String)],
) -> Vec<ReadBack> {
    let sent = match operation {
        "ghl.contacts.create" | "ghl.contacts.update" | "ghl.contacts.upsert" => {
            inputs.as_object().cloned().unwrap_or_default()
        }
        "ghl.contacts.save" => saved(inputs, before),
        _ => {
            let things = THINGS.iter().find(|(id, _)| *id == operation);
            return things.map_or_else(Vec::new, |(_, things)| things_read_back(*things, inputs, after));
        }
    };
    compare::read_back(&sent, &after["contact"], names)
}

fn things_read_back((list, key, fields): Things, inputs: &Json, after: &Json) -> Vec<ReadBack> {
    let sent = |field: &str| {
        let (input, _) = fields.iter().find(|(_, name)| *name == field)?;
        inputs.get(*input).filter(|value| !value.is_null())
    };
    let Some(wanted) = sent(key) else {
        return Vec::new();
    };
    let things = after[list].as_array().into_iter().flatten();
    // The newest comes last; what came of the call is the one that is like it in most.
    let likeness = |thing: &&Json| {
        fields
            .iter()
            .filter(|(_, name)| sent(name) == thing.get(*name))
            .count()
    };
    let is_it = |thing: &&Json| compare::is_same(wanted, &thing[key]);
    let found = things.filter(is_it).max_by_key(likeness);
    let row = |(_, field): &(&str, &str)| {
        let wanted = sent(field)?;
        let stored = found.map(|thing| thing[*field].clone()).unwrap_or_default();
        Some(ReadBack {
            field: format!("{field} of {list}"),
            same: compare::is_same(wanted, &stored),
            sent: wanted.clone(),
            stored,
        })
    };
    fields.iter().filter_map(row).collect()
}

/// What `save` sends, by GHL's names: fields that are set only where there is nothing are left out where there was
/// something.
fn saved(inputs: &Json, before: &Json) -> Map<String, Json> {
    let if_empty = inputs["if_empty"].as_array().into_iter().flatten();
    let if_empty: Vec<&str> = if_empty.filter_map(Json::as_str).collect();
    let had = cartlane_ghl::filled(&before["contact"]);
    let is_sent = |ours: &str| !(if_empty.contains(&ours) && had.iter().any(|had| had == ours));
    let field = |(ours, ghl): &(&str, &str)| {
        let value = inputs.get(*ours).filter(|_| is_sent(ours))?;
        Some(((*ghl).to_owned(), value.clone()))
    };
    let mut sent: Map<String, Json> = FIELDS.iter().filter_map(field).collect();
    let custom: Json = match &inputs["custom_fields"] {
        Json::Object(fields) => {
            let item = |(name, value): (&String, &Json)| json!({"key": name, "field_value": value});
            fields.iter().map(item).collect()
        }
        list => list.clone(),
    };
    sent.insert("customFields".into(), custom);
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_with_what_was_and_is_and_nothing_else() {
        let before = json!({
            "contact": {"id": "c", "email": "a@b.co", "city": "Bonn", "tags": ["old", "kept"], "dateUpdated": "1",
                        "customFields": [{"id": "f1", "value": 1}]},
            "notes": [{"id": "n1", "body": "one"}], "tasks": [], "opportunities": [],
        });
        let after = json!({
            "contact": {"id": "c", "email": "a@b.co", "city": "Ulm", "tags": ["kept", "new"], "dateUpdated": "2",
                        "customFields": [{"id": "f1", "value": 2}]},
            "notes": [{"id": "n1", "body": "one"}, {"id": "n2", "body": "two"}], "tasks": [],
            "opportunities": [{"id": "o", "name": "Order 1", "status": "won", "monetaryValue": 3}],
        });
        let told: Vec<String> = effects(&before, &after)
            .iter()
            .map(|effect| format!("{} {} {}", effect.what, effect.before, effect.after))
            .collect();
        let expected = [
            "city \"Bonn\" \"Ulm\"",
            "custom field f1 1 2",
            "tag \"old\" null",
            "tag null \"new\"",
            "note null \"two\"",
            "opportunity null {\"name\":\"Order 1\",\"status\":\"won\",\"monetaryValue\":3}",
        ];
        assert_eq!(told, expected);
        let created: Vec<String> = effects(&Json::Null, &after)
            .into_iter()
            .map(|effect| effect.what)
            .collect();
        assert_eq!(created[0], "contact");
        assert!(effects(&after, &after).is_empty());
    }

    #[test]
    fn notes_and_opportunities_are_read_back_too() {
        let after = json!({
            "contact": {}, "tasks": [], "notes": [{"id": "n", "body": "Order 1"}],
            "opportunities": [{"id": "a", "name": "Order 1", "status": "open", "monetaryValue": 1},
                              {"id": "b", "name": "Order 1", "status": "won", "monetaryValue": 4}],
        });
        let told = |operation: &str, inputs: Json| -> Vec<(String, Json, bool)> {
            let rows = read_back(operation, &inputs, &Json::Null, &after, &[]);
            rows.into_iter()
                .map(|row| (row.field, row.stored, row.same))
                .collect()
        };
        let note = told("ghl.contacts.create_note", json!({"body": "Order 1"}));
        assert_eq!(note, [("body of notes".into(), json!("Order 1"), true)]);
        let task = told("ghl.contacts.create_task", json!({"title": "Call"}));
        assert_eq!(task, [("title of tasks".into(), Json::Null, false)]);
        let inputs = json!({"name": "Order 1", "status": "won", "monetary_value": "5"});
        let expected = [
            ("name of opportunities".into(), json!("Order 1"), true),
            ("status of opportunities".into(), json!("won"), true),
            ("monetaryValue of opportunities".into(), json!(4), false),
        ];
        assert_eq!(told("ghl.opportunities.upsert", inputs), expected);
    }

    #[test]
    fn fields_that_are_set_only_where_there_is_nothing_were_not_sent_where_there_was_something() {
        let inputs = json!({
            "email": "a@b.co", "city": "Ulm", "source": "ThriveCart", "if_empty": ["city", "source"],
            "custom_fields": {"Size": 44},
        });
        let before = json!({"contact": {"city": "Bonn"}});
        let after = json!({"contact": {"email": "a@b.co", "city": "Bonn", "source": "ThriveCart"}});
        let names = [("Size".to_owned(), "f1".to_owned())];
        let rows = read_back("ghl.contacts.save", &inputs, &before, &after, &names);
        let told: Vec<_> = rows.iter().map(|row| (row.field.as_str(), row.same)).collect();
        assert_eq!(told, [("email", true), ("source", true), ("Size", false)]);
    }
}
