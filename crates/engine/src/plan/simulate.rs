//! What writes would leave of a contact, as far as that is known: the state that
//! [`Executor::contact_state`](crate::Executor::contact_state) reads, changed in memory by what calls would send.

use cartlane_catalog::{Operation, Type};
use serde_json::{Map, Value as Json, json};

/// What stands for a text that only an answer could tell.
pub const UNKNOWN: &str = "(unknown)";

/// Lets a write of `operation` change `state`, and gives the answer that GHL would give. `None` where it is about another
/// contact, or does something that is not followed: then nobody knows what it leaves.
pub(super) fn write(operation: &Operation, inputs: &Json, state: &mut Json) -> Option<Json> {
    let is_ours = |state: &Json| {
        let id = &inputs["contactId"];
        id == UNKNOWN || id == &state["contact"]["id"]
    };
    match operation.id.as_str() {
        "ghl.contacts.create" => {
            if !state.is_null() {
                return None;
            }
            *state = json!({"contact": {"id": UNKNOWN, "tags": [], "customFields": []}, "notes": [], "tasks": [], "opportunities": []});
            merge(&mut state["contact"], inputs);
            Some(json!({"contact": state["contact"]}))
        }
        _ if state.is_null() || !is_ours(state) => None,
        "ghl.contacts.update" => {
            merge(&mut state["contact"], inputs);
            Some(json!({"succeeded": true, "contact": state["contact"]}))
        }
        "ghl.contacts.add_tags" => {
            let mut tags = tags_of(state);
            let added = tags_in(inputs);
            tags.extend(
                added
                    .iter()
                    .filter(|tag| !tags.contains(tag))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
            state["contact"]["tags"] = json!(tags);
            Some(json!({"tags": tags, "tagsAdded": added}))
        }
        "ghl.contacts.remove_tags" => {
            let removed = tags_in(inputs);
            let mut tags = tags_of(state);
            tags.retain(|tag| !removed.contains(tag));
            state["contact"]["tags"] = json!(tags);
            Some(json!({"tags": tags, "tagsRemoved": removed}))
        }
        "ghl.contacts.create_note" => Some(json!({"note": added(state, "notes", inputs)})),
        "ghl.contacts.create_task" => Some(json!({"task": added(state, "tasks", inputs)})),
        "ghl.opportunities.create" => Some(json!({"opportunity": added(state, "opportunities", inputs)})),
        _ => None,
    }
}

/// Lets a write to an opportunity change it, where it is one of the contact's.
pub(super) fn write_opportunity(operation: &Operation, inputs: &Json, state: &mut Json) -> Option<Json> {
    if !matches!(
        operation.id.as_str(),
        "ghl.opportunities.update" | "ghl.opportunities.set_status"
    ) {
        return None;
    }
    let all = state["opportunities"].as_array_mut()?;
    let found = all.iter_mut().find(|known| known["id"] == inputs["id"])?;
    for (name, value) in inputs.as_object()?.iter().filter(|(name, _)| *name != "id") {
        found[name] = value.clone();
    }
    Some(json!({"opportunity": found, "succeeded": true}))
}

/// An answer of which only the form is known.
pub(crate) fn answer(operation: &Operation) -> Json {
    let mut answer = json!({"id": UNKNOWN, "created": false, "found": true, "contact": {"id": UNKNOWN}});
    let keys = operation.endpoint().map(|endpoint| &endpoint.answer.keys);
    for (key, kind) in keys.into_iter().flatten() {
        answer[key] = match kind {
            Type::Array => json!([]),
            Type::Object => Json::Object(Map::new()),
            Type::Boolean => json!(false),
            Type::Integer | Type::Number => json!(0),
            Type::String | Type::Any => json!(UNKNOWN),
        };
    }
    answer
}

/// Whether a value hangs on an answer that nobody has.
pub(crate) fn is_unknown(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains(UNKNOWN),
        Json::Array(items) => items.iter().any(is_unknown),
        Json::Object(fields) => fields.values().any(is_unknown),
        _ => false,
    }
}

/// What is new in the state's list `name`.
fn added(state: &mut Json, name: &str, inputs: &Json) -> Json {
    let mut item = inputs.clone();
    let place = state[name].as_array().map_or(0, Vec::len);
    item["id"] = format!("{UNKNOWN} {place}").into();
    match state[name].as_array_mut() {
        Some(items) => items.push(item.clone()),
        None => state[name] = json!([item]),
    }
    item["id"] = UNKNOWN.into();
    item
}

/// Tags as GHL keeps them: in small letters.
fn tags_in(inputs: &Json) -> Vec<String> {
    let tags = inputs["tags"].as_array().into_iter().flatten();
    tags.filter_map(|tag| Some(tag.as_str()?.trim().to_lowercase()))
        .collect()
}

fn tags_of(state: &Json) -> Vec<String> {
    tags_in(&state["contact"])
}

/// Writes the sent fields over the contact's.
fn merge(contact: &mut Json, inputs: &Json) {
    for (name, value) in inputs.as_object().into_iter().flatten() {
        match name.as_str() {
            "contactId" => {}
            "customFields" => value
                .as_array()
                .into_iter()
                .flatten()
                .for_each(|field| merge_custom(contact, field)),
            "tags" => contact["tags"] = json!(tags_in(inputs)),
            _ => contact[name] = value.clone(),
        }
    }
}

fn merge_custom(contact: &mut Json, field: &Json) {
    let Some(id) = field.get("id").or(field.get("key")) else {
        return;
    };
    let value = field
        .get("field_value")
        .or(field.get("value"))
        .cloned()
        .unwrap_or_default();
    if !contact["customFields"].is_array() {
        contact["customFields"] = json!([]);
    }
    let known = contact["customFields"].as_array_mut().into_iter().flatten();
    let same = |known: &&mut Json| known["id"] == *id;
    match known.into_iter().find(same) {
        Some(known) => known["value"] = value,
        None => {
            if let Some(all) = contact["customFields"].as_array_mut() {
                all.push(json!({"id": id, "value": value}));
            }
        }
    }
}
