//! A contact as GHL writes it, and the names by which automations know its fields.

use cartlane_model::contact::email_key;
use serde_json::Value;

/// Each field's name in automations, and GHL's.
pub const FIELDS: &[(&str, &str)] = &[
    ("email", "email"),
    ("first_name", "firstName"),
    ("last_name", "lastName"),
    ("phone", "phone"),
    ("company", "companyName"),
    ("address1", "address1"),
    ("city", "city"),
    ("state", "state"),
    ("postal_code", "postalCode"),
    ("country", "country"),
    ("website", "website"),
    ("timezone", "timezone"),
    ("date_of_birth", "dateOfBirth"),
    ("source", "source"),
];

/// The names (in automations) of the fields that are not empty in this contact of GHL's.
pub fn filled(contact: &Value) -> Vec<String> {
    let is_filled = |ghl: &str| contact.get(ghl).is_some_and(|value| !is_empty(value));
    FIELDS
        .iter()
        .filter(|(_, ghl)| is_filled(ghl))
        .map(|(ours, _)| (*ours).to_owned())
        .collect()
}

/// Whether a value says nothing: null, or text without letters.
pub(crate) fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// How a contact has an e-mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Has {
    /// As its e-mail.
    Primary,
    /// As one of its additional ones, which can be read but not written.
    Additional,
}

/// How this contact has the e-mail, in whatever case; `None` where it does not.
pub(crate) fn has_email(contact: &Value, email: &str) -> Option<Has> {
    let wanted = email_key(email);
    let is_it = |value: &Value| value.as_str().is_some_and(|text| email_key(text) == wanted);
    if contact.get("email").is_some_and(is_it) {
        return Some(Has::Primary);
    }
    let additional = contact.get("additionalEmails").and_then(Value::as_array);
    // Items are seen as text and as objects {email}.
    let is_among = |item: &Value| is_it(item) || item.get("email").is_some_and(is_it);
    additional
        .is_some_and(|list| list.iter().any(is_among))
        .then_some(Has::Additional)
}
