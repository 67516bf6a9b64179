//! The buyer.

use cartlane_model::Person;
use cartlane_model::contact::email_key;
use serde_json::Value;

use crate::tree;

/// From `customer`, and what is missing there from `viewer`, which carts have.
pub(super) fn person(kind: &str, payload: &Value) -> Person {
    let blocks = [payload.get("customer"), payload.get("viewer")];
    let field = |keys: &[&str]| -> Option<String> {
        blocks
            .iter()
            .flatten()
            .find_map(|block| tree::first_text(block, keys))
            .map(str::to_owned)
    };
    let address = |keys: &[&str]| -> Option<String> {
        let addresses = blocks.iter().flatten().filter_map(|block| block.get("address"));
        addresses
            .into_iter()
            .find_map(|address| tree::first_text(address, keys))
            .map(str::to_owned)
    };
    let first_name = field(&["first_name", "firstname"]);
    let last_name = field(&["last_name", "lastname"]);
    let joined = || Some(format!("{} {}", first_name.as_deref()?, last_name.as_deref()?));
    let person = Person {
        email: field(&["email"]),
        previous_email: None,
        customer_id: field(&["id"]).or_else(|| tree::text(payload, "customer_id").map(str::to_owned)),
        name: field(&["name"]).or_else(joined),
        first_name,
        last_name,
        phone: field(&["contactno", "phone"]),
        company: field(&["business_name"]),
        address1: address(&["line1"]),
        city: address(&["city"]),
        state: address(&["state"]),
        postal_code: address(&["zip"]),
        country: address(&["country"]).and_then(|text| country(&text)),
    };
    if kind == "customer.updated" {
        with_new_email(person, payload)
    } else {
        person
    }
}

/// ISO 3166-1 alpha-2 in capitals; other spellings are not guessed at.
fn country(text: &str) -> Option<String> {
    let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_code.then(|| text.to_ascii_uppercase())
}

/// The change of e-mail. No payload has been recorded; its likely shape is that of the REST API's
/// `customerEmailUpdate`, whose answer says `previous_email` and `current_email`, and whose request says
/// `current_email` (the old one) and `new_email`.
fn with_new_email(mut person: Person, payload: &Value) -> Person {
    let places = [Some(payload), payload.get("data"), payload.get("customer")];
    let find = |keys: &[&str]| -> Option<String> {
        places
            .iter()
            .flatten()
            .find_map(|place| tree::first_text(place, keys))
            .map(str::to_owned)
    };
    let current = find(&["current_email"]);
    let previous = find(&["previous_email", "old_email"]);
    let (email, previous) = match find(&["new_email"]) {
        Some(new) => (Some(new), previous.or(current)),
        None => (current, previous),
    };
    person.email = email.or(person.email).or_else(|| find(&["email"]));
    let differs = |previous: &String| {
        person
            .email
            .as_deref()
            .is_none_or(|email| email_key(email) != email_key(previous))
    };
    person.previous_email = previous.filter(differs);
    person.customer_id = person.customer_id.or_else(|| find(&["customer_id"]));
    person
}
