//! What search knows of a contact's other records: its opportunities and appointments. They are not in the lagging index,
//! so a search by them sees them at once.

use serde_json::Value;

use super::filter::Test;
use super::invalid;
use crate::calendars;
use crate::contacts::Contact;
use crate::documents::{Document, Documents};
use crate::opportunities;
use crate::reply::Reply;

/// The field that stands for a contact's opportunities, and the operator that asks for what is in them.
pub(super) const OPPORTUNITIES: &str = "opportunities";
const NESTED: &str = "nested";
/// The fields of an opportunity that can be asked for.
const FIELDS: [&str; 3] = ["pipelineId", "pipelineStageId", "status"];

/// Conditions that one opportunity of the contact must meet, all of them.
pub(super) struct Nested(Vec<(String, Test)>);

impl Nested {
    /// Reads `{field: "opportunities", operator: "nested", value: [{field, operator, value}]}`; none for another filter.
    pub(super) fn read(field: &str, operator: &str, value: &Value) -> Result<Option<Self>, Reply> {
        if field != OPPORTUNITIES || operator != NESTED {
            return Ok(None);
        }
        let conditions = value.as_array().filter(|conditions| !conditions.is_empty());
        let conditions = conditions.ok_or_else(|| invalid("value of nested must be an array"))?;
        let read = |condition: &Value| {
            let text = |key: &str| condition.get(key).and_then(Value::as_str);
            let field = text("field").filter(|field| FIELDS.contains(field));
            let field = field.ok_or_else(|| Reply::bad_request("Invalid field"))?;
            let value = condition.get("value").unwrap_or(&Value::Null);
            Ok((
                field.to_owned(),
                Test::read(field, text("operator").unwrap_or("eq"), value)?,
            ))
        };
        conditions
            .iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(|conditions| Some(Self(conditions)))
    }

    pub(super) fn accepts(&self, contact: &Contact, documents: &Documents) -> bool {
        opportunities(contact, documents).any(|opportunity| {
            self.0.iter().all(|(field, test)| {
                let value = opportunity.fields.get(field).cloned();
                test.accepts(&value.into_iter().collect::<Vec<_>>())
            })
        })
    }
}

/// The values of a field that other records have; none for a field of the contact itself.
pub(super) fn values(contact: &Contact, field: &str, documents: &Documents) -> Option<Vec<Value>> {
    match field {
        OPPORTUNITIES => {
            let ids =
                opportunities(contact, documents).map(|opportunity| Value::from(opportunity.id.as_str()));
            Some(ids.collect())
        }
        "lastAppointment" => {
            let last = calendars::last_appointment_ms(documents, contact);
            Some(last.map(Value::from).into_iter().collect())
        }
        _ => None,
    }
}

fn opportunities<'a>(contact: &'a Contact, documents: &'a Documents) -> impl Iterator<Item = &'a Document> {
    documents
        .of(opportunities::KIND, &contact.location_id)
        .filter(|opportunity| opportunity.text("contactId") == Some(contact.id.as_str()))
}
