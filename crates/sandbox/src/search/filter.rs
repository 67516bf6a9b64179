//! Filters: `{field, operator, value}` and `{group: AND|OR, filters}`; the top level is AND.

use serde_json::Value;

use super::records::{self, Nested};
use super::{TEXT_MAX, invalid};
use crate::contacts::{Contact, same_text};
use crate::documents::Documents;
use crate::reply::Reply;
use crate::store::phone_key;

/// A condition on a contact.
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Field(String, Test),
    Opportunity(Nested),
}

/// What a field's values must be.
pub(super) enum Test {
    /// One of the contact's values is one of these.
    Eq(Vec<Value>),
    NotEq(Vec<Value>),
    Contains(String),
    NotContains(String),
    Exists,
    NotExists,
    Range(Vec<(Bound, f64)>),
}

#[derive(Clone, Copy)]
pub(super) enum Bound {
    Gt,
    Gte,
    Lt,
    Lte,
}

/// Fields that search knows, and the contact's field that each reads; `""` for what this sandbox doesn't keep, so
/// that no contact has a value there.
const FIELDS: &[(&str, &str)] = &[
    ("id", "id"),
    ("contactName", "name"),
    ("firstNameLowerCase", "firstName"),
    ("lastNameLowerCase", "lastName"),
    ("email", "email"),
    ("phone", "phone"),
    ("companyName", "companyName"),
    ("businessName", "companyName"),
    ("address", "address1"),
    ("city", "city"),
    ("state", "state"),
    ("country", "country"),
    ("postalCode", "postalCode"),
    ("website", "website"),
    ("timezone", "timezone"),
    ("source", "source"),
    ("type", "type"),
    ("tags", "tags"),
    ("assignedTo", "assignedTo"),
    ("followers", "followers"),
    ("dnd", "dnd"),
    ("validEmail", ""),
    ("isValidWhatsapp", ""),
    ("dateAdded", "dateAdded"),
    ("dateUpdated", "dateUpdated"),
    ("dateOfBirth", "dateOfBirth"),
    ("lastEmailOpenedDate", ""),
    ("lastEmailClickedDate", ""),
    ("lastAppointment", ""),
    ("activeWorkflows", "activeWorkflows"),
    ("finishedWorkflows", "finishedWorkflows"),
    ("opportunities", ""),
];

impl Filter {
    /// The top level of a search.
    pub(super) fn read_all(filters: Option<&Value>) -> Result<Self, Reply> {
        let filters = filters.and_then(Value::as_array).into_iter().flatten();
        filters.map(Self::read).collect::<Result<_, _>>().map(Self::All)
    }

    fn read(filter: &Value) -> Result<Self, Reply> {
        if let Some(group) = filter.get("group").and_then(Value::as_str) {
            let filters = filter.get("filters").and_then(Value::as_array);
            let filters = filters.ok_or_else(|| invalid("filters must be an array"))?;
            let filters = filters.iter().map(Self::read).collect::<Result<_, _>>()?;
            return match group {
                "AND" => Ok(Self::All(filters)),
                "OR" => Ok(Self::Any(filters)),
                _ => Err(invalid("group must be one of the following values: AND, OR")),
            };
        }
        let member = |key: &str| filter.get(key).and_then(Value::as_str);
        let field = member("field").ok_or_else(|| invalid("field must be a string"))?;
        let operator = member("operator").ok_or_else(|| invalid("operator must be a string"))?;
        if source(field).is_none() {
            return Err(Reply::bad_request("Invalid field"));
        }
        let value = filter.get("value").unwrap_or(&Value::Null);
        if let Some(nested) = Nested::read(field, operator, value)? {
            return Ok(Self::Opportunity(nested));
        }
        let test = Test::read(field, operator, value)?;
        Ok(Self::Field(field.to_owned(), test))
    }

    /// The e-mail or phone that every accepted contact must have, for looking it up instead of looking at all.
    pub(super) fn lookup(&self) -> (Option<&str>, Option<&str>) {
        let Self::All(filters) = self else {
            return (None, None);
        };
        let wanted = |name: &str| {
            filters.iter().find_map(|filter| match filter {
                Self::Field(field, Test::Eq(values)) if field == name && values.len() == 1 => {
                    values[0].as_str()
                }
                _ => None,
            })
        };
        (wanted("email"), wanted("phone"))
    }

    /// Whether the contact fits.
    pub(super) fn accepts(&self, contact: &Contact, documents: &Documents) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.accepts(contact, documents)),
            Self::Any(filters) => filters.iter().any(|filter| filter.accepts(contact, documents)),
            Self::Field(field, test) => match records::values(contact, field, documents) {
                Some(values) => test.accepts(&values),
                None => test.accepts(&values(contact, field)),
            },
            Self::Opportunity(nested) => nested.accepts(contact, documents),
        }
    }
}

impl Test {
    pub(super) fn read(field: &str, operator: &str, value: &Value) -> Result<Self, Reply> {
        if value.as_str().is_some_and(|text| text.chars().count() > TEXT_MAX) {
            return Err(invalid("value must be shorter than or equal to 75 characters"));
        }
        let unusable = || {
            invalid(&format!(
                "operator {operator} is not usable with this value of {field}"
            ))
        };
        let text = || match value.as_str() {
            Some(text) if field != "email" && !text.is_empty() => Ok(text.to_lowercase()),
            _ => Err(unusable()),
        };
        let values = || match value {
            Value::Array(values) if !values.is_empty() => Ok(values.clone()),
            Value::Null | Value::Array(_) | Value::Object(_) => Err(unusable()),
            value => Ok(vec![value.clone()]),
        };
        match operator {
            "eq" => values().map(Self::Eq),
            "not_eq" => values().map(Self::NotEq),
            "contains" => text().map(Self::Contains),
            "not_contains" => text().map(Self::NotContains),
            "exists" => Ok(Self::Exists),
            "not_exists" => Ok(Self::NotExists),
            "range" => bounds(value).map(Self::Range).ok_or_else(unusable),
            _ => Err(invalid(&format!(
                "operator {operator} is not supported for {field}"
            ))),
        }
    }

    pub(super) fn accepts(&self, values: &[Value]) -> bool {
        let equal = |wanted: &[Value]| {
            values
                .iter()
                .any(|value| wanted.iter().any(|other| same(value, other)))
        };
        let contains = |part: &str| {
            let texts = values.iter().filter_map(Value::as_str);
            texts.into_iter().any(|text| text.to_lowercase().contains(part))
        };
        match self {
            Self::Eq(wanted) => equal(wanted),
            Self::NotEq(unwanted) => !equal(unwanted),
            Self::Contains(part) => contains(part),
            Self::NotContains(part) => !contains(part),
            Self::Exists => !values.is_empty(),
            Self::NotExists => values.is_empty(),
            Self::Range(bounds) => values.iter().filter_map(number).any(|value| {
                bounds.iter().all(|(bound, limit)| match bound {
                    Bound::Gt => value > *limit,
                    Bound::Gte => value >= *limit,
                    Bound::Lt => value < *limit,
                    Bound::Lte => value <= *limit,
                })
            }),
        }
    }
}

fn bounds(value: &Value) -> Option<Vec<(Bound, f64)>> {
    let object = value.as_object().filter(|object| !object.is_empty())?;
    let bound = |(key, limit): (&String, &Value)| {
        let bound = match key.as_str() {
            "gt" => Bound::Gt,
            "gte" => Bound::Gte,
            "lt" => Bound::Lt,
            "lte" => Bound::Lte,
            _ => return None,
        };
        Some((bound, number(limit)?))
    };
    object.iter().map(bound).collect()
}

/// A number as it is, a date or moment as milliseconds since 1970.
fn number(value: &Value) -> Option<f64> {
    if let Some(number) = value.as_f64() {
        return Some(number);
    }
    let text = value.as_str()?;
    let moment = text
        .parse::<jiff::Timestamp>()
        .or_else(|_| format!("{text}T00:00:00Z").parse());
    let seconds = moment.ok().map(|moment| moment.as_duration().as_secs_f64());
    seconds
        .map(|seconds| seconds * 1000.0)
        .or_else(|| text.parse().ok())
}

fn same(one: &Value, other: &Value) -> bool {
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => same_text(one, other) || same_phone(one, other),
        // `"true"` and `"5"` stand for themselves without quotes.
        (None, Some(text)) => stands_for(text, one),
        (Some(text), None) => stands_for(text, other),
        (None, None) => one == other,
    }
}

fn stands_for(text: &str, value: &Value) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|meant| meant == *value)
}

fn same_phone(one: &str, other: &str) -> bool {
    one.starts_with('+') && other.starts_with('+') && phone_key(one) == phone_key(other)
}

/// The contact's field behind a search field; none for one that search doesn't know.
fn source(field: &str) -> Option<&str> {
    if field.starts_with("customFields.") || field.starts_with("dndSettings.") {
        return Some(field);
    }
    FIELDS
        .iter()
        .find(|(name, _)| *name == field)
        .map(|(_, source)| *source)
}

fn values(contact: &Contact, field: &str) -> Vec<Value> {
    let one = |text: String| {
        if text.is_empty() {
            Vec::new()
        } else {
            vec![Value::String(text)]
        }
    };
    match source(field).unwrap_or_default() {
        "" => Vec::new(),
        "id" => one(contact.id.clone()),
        "name" => one(contact.name()),
        "type" => one("lead".to_owned()),
        "tags" => strings(&contact.tags),
        "activeWorkflows" => strings(&contact.active_workflows),
        "finishedWorkflows" => strings(&contact.finished_workflows),
        "dnd" => vec![contact.fields.get("dnd").cloned().unwrap_or(Value::Bool(false))],
        "dateAdded" => vec![Value::from(contact.added_at.0)],
        "dateUpdated" => vec![Value::from(contact.updated_at.0)],
        source => match source.split_once('.') {
            Some(("customFields", id)) => custom_values(contact, id),
            Some((field, rest)) => {
                let pointer = format!("/{}", rest.replace('.', "/"));
                let value = contact
                    .fields
                    .get(field)
                    .and_then(|value| value.pointer(&pointer));
                value.cloned().into_iter().collect()
            }
            None => match contact.fields.get(source) {
                Some(Value::Array(values)) => values.clone(),
                value => value.cloned().into_iter().collect(),
            },
        },
    }
}

fn strings(texts: &[String]) -> Vec<Value> {
    texts.iter().cloned().map(Value::String).collect()
}

/// The values of `ID`, or of `ID.OPTION`: one text of a field that has several.
fn custom_values(contact: &Contact, id: &str) -> Vec<Value> {
    let (id, option) = id
        .split_once('.')
        .map_or((id, None), |(id, option)| (id, Some(option)));
    let found = contact.custom_fields.iter().find(|(other, _)| other == id);
    let found = found.map(|(_, value)| value);
    let meant = match option {
        Some(option) => found.and_then(|value| value.get(option)),
        None => found,
    };
    match meant {
        Some(Value::Array(values)) => values.clone(),
        Some(value) => vec![value.clone()],
        None => Vec::new(),
    }
}
