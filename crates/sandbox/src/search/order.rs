//! Sorting, and the cursors that follow from it.

use std::cmp::{Ordering, Reverse};

use serde_json::{Value, json};

use super::invalid;
use crate::contacts::Contact;
use crate::reply::Reply;

/// By what contacts are sorted; ties by id. By default the newest first.
pub(super) struct Order {
    fields: Vec<(&'static str, bool)>,
}

/// A sort value; contacts without one come last in either direction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Up(Part),
    Down(Reverse<Part>),
    Missing,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Number(i64),
    Text(String),
}

/// Fields that can be sorted by, and the contact's field that each reads.
const FIELDS: &[(&str, &str)] = &[
    ("firstNameLowerCase", "firstName"),
    ("lastNameLowerCase", "lastName"),
    ("businessName", "companyName"),
    ("dateAdded", "dateAdded"),
    ("dateUpdated", "dateUpdated"),
    ("email", "email"),
    ("dnd", "dnd"),
    ("source", "source"),
];

impl Order {
    /// Reads `sort`: at most two of `{field, direction}`.
    pub(super) fn read(sort: Option<&Value>) -> Result<Self, Reply> {
        let sort = sort.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if sort.is_empty() {
            return Ok(Self {
                fields: vec![("dateAdded", false)],
            });
        }
        if sort.len() > 2 {
            return Err(invalid("sort must contain no more than 2 elements"));
        }
        let field = |item: &Value| {
            let name = item.get("field").and_then(Value::as_str).unwrap_or_default();
            let known = FIELDS.iter().find(|(known, _)| *known == name);
            let (_, source) = known.ok_or_else(|| Reply::bad_request("Invalid field"))?;
            match item.get("direction").and_then(Value::as_str) {
                Some("asc") => Ok((*source, true)),
                Some("desc") => Ok((*source, false)),
                _ => Err(invalid(
                    "direction must be one of the following values: asc, desc",
                )),
            }
        };
        let fields = sort.iter().map(field).collect::<Result<_, _>>()?;
        Ok(Self { fields })
    }

    /// What sorts the contact.
    pub(super) fn key(&self, contact: &Contact) -> (Vec<Key>, String) {
        let keys = self
            .fields
            .iter()
            .map(|(field, ascending)| key(part(contact, field), *ascending));
        (keys.collect(), contact.id.clone())
    }

    /// What a caller sends back to go on behind the contact.
    pub(super) fn cursor(&self, contact: &Contact) -> Value {
        let parts = self.fields.iter().map(|(field, _)| match part(contact, field) {
            Some(Part::Number(number)) => json!(number),
            Some(Part::Text(text)) => json!(text),
            None => Value::Null,
        });
        parts.chain([json!(contact.id)]).collect()
    }

    /// Whether the contact comes after the one whose cursor is given.
    pub(super) fn is_behind(&self, contact: &Contact, cursor: &[Value]) -> bool {
        let parts = self.fields.iter().zip(cursor).map(|((_, ascending), value)| {
            let part = match value {
                Value::String(text) => Some(Part::Text(text.clone())),
                value => value.as_i64().map(Part::Number),
            };
            key(part, *ascending)
        });
        let id = cursor
            .get(self.fields.len())
            .and_then(Value::as_str)
            .unwrap_or_default();
        self.key(contact).cmp(&(parts.collect(), id.to_owned())) == Ordering::Greater
    }
}

fn key(part: Option<Part>, ascending: bool) -> Key {
    match part {
        None => Key::Missing,
        Some(part) if ascending => Key::Up(part),
        Some(part) => Key::Down(Reverse(part)),
    }
}

fn part(contact: &Contact, field: &str) -> Option<Part> {
    match field {
        "dateAdded" => Some(Part::Number(contact.added_at.0)),
        "dateUpdated" => Some(Part::Number(contact.updated_at.0)),
        "dnd" => {
            let dnd = contact
                .fields
                .get("dnd")
                .and_then(Value::as_bool)
                .unwrap_or_default();
            Some(Part::Number(i64::from(dnd)))
        }
        field => contact.text(field).map(|text| Part::Text(text.to_lowercase())),
    }
}
