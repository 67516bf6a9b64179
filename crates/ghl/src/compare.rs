//! What GHL made of what was sent: it drops and changes fields without a word.
//!
//! The comparison is tolerant where GHL may write the same thing otherwise: case, blanks, the look of a
//! phone.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::contact::{FIELDS, is_empty};

/// Fields that the answer to a create does not carry, so that their absence says nothing.
const NOT_ANSWERED: &[&str] = &["timezone"];

/// A warning for each field of `sent` (GHL's names) that `contact` does not have as it was sent.
pub fn warnings(sent: &Map<String, Value>, contact: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    for (ours, ghl) in FIELDS {
        let Some(wanted) = sent.get(*ghl).filter(|wanted| !is_empty(wanted)) else {
            continue;
        };
        match contact.get(*ghl).filter(|has| !is_empty(has)) {
            None if NOT_ANSWERED.contains(ghl) => {}
            None => warnings.push(format!("GHL did not take {ours}: `{}` was sent", shown(wanted))),
            Some(has) if same(ghl, wanted, has) => {}
            Some(has) => {
                warnings.push(format!(
                    "GHL changed {ours}: `{}` was sent, it has `{}`",
                    shown(wanted),
                    shown(has)
                ));
            }
        }
    }
    let custom_fields = sent.get("customFields").and_then(Value::as_array);
    warnings.extend(
        custom_fields
            .into_iter()
            .flatten()
            .filter_map(|field| custom_field(field, contact)),
    );
    warnings
}

/// A field that was sent, and what the contact has of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReadBack {
    /// Its name in GHL, or the id or key of a custom field.
    pub field: String,
    /// What was sent.
    pub sent: Value,
    /// What the contact has; null where GHL dropped it.
    pub stored: Value,
    /// Whether both are the same, however GHL writes it.
    pub same: bool,
}

/// Each field of `sent` (GHL's names) beside what `contact` has of it. Fields sent by key are looked up in `fields`, which
/// has the id of each key.
pub fn read_back(sent: &Map<String, Value>, contact: &Value, fields: &[(String, String)]) -> Vec<ReadBack> {
    let mut rows = Vec::new();
    for (_, ghl) in FIELDS {
        let Some(wanted) = sent.get(*ghl).filter(|wanted| !is_empty(wanted)) else {
            continue;
        };
        let stored = contact.get(*ghl).cloned().unwrap_or_default();
        rows.push(ReadBack {
            field: (*ghl).to_owned(),
            same: !is_empty(&stored) && same(ghl, wanted, &stored),
            sent: wanted.clone(),
            stored,
        });
    }
    for field in sent
        .get("customFields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let text = |name: &str| field.get(name).and_then(Value::as_str);
        let is_it = |(key, _): &&(String, String)| Some(key.as_str()) == text("key");
        let id = text("id").or_else(|| fields.iter().find(is_it).map(|(_, id)| id.as_str()));
        let wanted = field.get("field_value").cloned().unwrap_or_default();
        let by_id = json!({"id": id});
        let stored = custom_value(&by_id, contact).cloned().unwrap_or_default();
        rows.push(ReadBack {
            field: text("key").or(id).unwrap_or_default().to_owned(),
            same: same_custom(&wanted, &stored) || is_empty(&wanted) && is_empty(&stored),
            sent: wanted,
            stored,
        });
    }
    rows
}

/// Whether GHL has a value as it was sent, however it writes it.
pub fn is_same(sent: &Value, stored: &Value) -> bool {
    !is_empty(stored) && same("", sent, stored)
}

/// Whether a field of this name (GHL's) has the same value on both sides.
pub(crate) fn same(ghl: &str, left: &Value, right: &Value) -> bool {
    let (left, right) = (shown(left), shown(right));
    match ghl {
        "phone" => digits(&left) == digits(&right),
        // Sent as 1990-09-25; read as that, or as a moment: 1990-09-25T00:00:00.000Z.
        "dateOfBirth" => left.get(..10) == right.get(..10) || right.parse::<i64>().is_ok(),
        "website" => folded(&left).trim_end_matches('/') == folded(&right).trim_end_matches('/'),
        _ => folded(&left) == folded(&right),
    }
}

/// Whether the contact has this custom field (`{id, field_value}`) with this value already.
pub(crate) fn has_custom_field(field: &Value, contact: &Value) -> bool {
    let wanted = field.get("field_value").unwrap_or(&Value::Null);
    custom_value(field, contact).is_some_and(|has| same_custom(wanted, has))
}

/// The value that the contact has in a custom field that was sent by id.
fn custom_value<'a>(field: &Value, contact: &'a Value) -> Option<&'a Value> {
    let id = field.get("id")?;
    let fields = contact.get("customFields")?.as_array()?;
    fields
        .iter()
        .find(|theirs| theirs.get("id") == Some(id))?
        .get("value")
}

/// A warning where a custom field that was sent by id is not there. One sent by key cannot be found: answers
/// have ids.
fn custom_field(field: &Value, contact: &Value) -> Option<String> {
    contact.get("customFields")?.as_array()?;
    let id = field.get("id")?.as_str()?;
    let wanted = field.get("field_value").unwrap_or(&Value::Null);
    match custom_value(field, contact).filter(|has| !is_empty(has)) {
        Some(has) if same_custom(wanted, has) => None,
        None if is_empty(wanted) => None,
        None => Some(format!(
            "GHL did not take custom field {id}: `{}` was sent",
            shown(wanted)
        )),
        Some(has) => Some(format!(
            "GHL changed custom field {id}: `{}` was sent, it has `{}`",
            shown(wanted),
            shown(has)
        )),
    }
}

fn same_custom(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|value| right.iter().any(|other| same_custom(value, other)))
        }
        // GHL makes numbers of numeric text and the other way round.
        _ => match (shown(left).parse::<f64>(), shown(right).parse::<f64>()) {
            (Ok(left), Ok(right)) => (left - right).abs() < 1e-9,
            _ => folded(&shown(left)) == folded(&shown(right)),
        },
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Lower case, with single blanks.
fn folded(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_written_otherwise_is_no_warning() {
        let sent = json!({
            "email": "A@B.co", "firstName": " Ann  Marie", "phone": "+18888888888", "country": "US",
            "dateOfBirth": "1990-09-25", "website": "https://x.co/", "timezone": "Europe/Berlin",
            "customFields": [{"id": "f1", "field_value": "100"}, {"key": "k", "field_value": "x"}],
        });
        let contact = json!({
            "email": "a@b.co", "firstName": "ann marie", "phone": "+1 888-888-8888", "country": "us",
            "dateOfBirth": "1990-09-25T00:00:00.000Z", "website": "https://x.co",
            "customFields": [{"id": "f1", "value": 100}],
        });
        assert_eq!(
            warnings(sent.as_object().expect("an object"), &contact),
            Vec::<String>::new()
        );
    }

    #[test]
    fn each_field_that_was_sent_stands_beside_what_is_stored() {
        let sent = json!({
            "email": "a@b.co", "city": "Dolomite",
            "customFields": [{"key": "shoe_size", "field_value": "44"}, {"id": "f2", "field_value": "x"}],
        });
        let contact = json!({"email": "A@b.co", "customFields": [{"id": "f1", "value": 44}]});
        let fields = [("shoe_size".to_owned(), "f1".to_owned())];
        let rows = read_back(sent.as_object().expect("an object"), &contact, &fields);
        let told: Vec<_> = rows.iter().map(|row| (row.field.as_str(), row.same)).collect();
        assert_eq!(
            told,
            [
                ("email", true),
                ("city", false),
                ("shoe_size", true),
                ("f2", false)
            ]
        );
        assert_eq!(rows[3].stored, Value::Null, "GHL dropped it");
    }

    #[test]
    fn what_was_dropped_or_changed_is_named() {
        let sent = json!({
            "phone": "+18888888888", "city": "Dolomite", "dateOfBirth": "1990-09-25",
            "customFields": [{"id": "f1", "field_value": "Gold"}, {"id": "f2", "field_value": ["a", "b"]}],
        });
        let contact = json!({
            "phone": null, "city": "Birmingham", "customFields": [{"id": "f2", "value": ["a"]}],
        });
        assert_eq!(
            warnings(sent.as_object().expect("an object"), &contact),
            [
                "GHL did not take phone: `+18888888888` was sent",
                "GHL changed city: `Dolomite` was sent, it has `Birmingham`",
                "GHL did not take date_of_birth: `1990-09-25` was sent",
                "GHL did not take custom field f1: `Gold` was sent",
                "GHL changed custom field f2: `[\"a\",\"b\"]` was sent, it has `[\"a\"]`",
            ]
        );
    }
}
