//! Find a contact by its id, else by e-mail, else by phone.
//!
//! The exact look-up comes first, since the search's index is seconds behind. It follows the location's rule for
//! duplicates and may find somebody by something else than what it was asked for; such a contact does not count.
//!
//! ```text
//! by id ─ none ─► by e-mail, exactly ─ none ─► by phone, exactly ─ none ─► search for either ─ none ─► found: false
//! ```

use serde_json::{Value, json};

use super::{Answer, Done, Part, text};
use crate::contact::has_email;

const GET: &str = "ghl.contacts.get";
const FIND: &str = "ghl.contacts.find_duplicate";
const SEARCH: &str = "ghl.contacts.search";
/// How many contacts the search gives at most: enough to tell one from several.
const SEARCHED: usize = 20;

/// What is known of the person.
struct Sought<'a> {
    id: Option<&'a str>,
    email: Option<&'a str>,
    phone: Option<&'a str>,
}

pub(super) fn next(inputs: &Value, done: &[Done]) -> Part {
    let sought = Sought {
        id: text(inputs, "id"),
        email: text(inputs, "email"),
        phone: text(inputs, "phone"),
    };
    let calls = sought.calls();
    if calls.is_empty() {
        return Part::Failed("id, email or phone is needed".into());
    }
    for done in done {
        let answer = match &done.answer {
            Answer::Ok(answer) => answer,
            Answer::NotFound => continue,
            Answer::Invalid(messages) => return Part::Failed(messages.join("; ")),
            Answer::Duplicate { .. } => {
                return Part::Failed("GHL speaks of a duplicate, which a look-up cannot be".into());
            }
        };
        let found: Vec<&Value> = candidates(done, answer)
            .filter(|contact| sought.is(contact))
            .collect();
        if let Some((first, others)) = found.split_first() {
            return finished(first, others);
        }
    }
    match calls.into_iter().nth(done.len()) {
        Some(call) => call,
        None => Part::Done {
            output: json!({"found": false, "id": null, "contact": null}),
            warnings: Vec::new(),
        },
    }
}

impl Sought<'_> {
    /// All look-ups, in order.
    fn calls(&self) -> Vec<Part> {
        let call = |operation, label, inputs| Part::Call {
            operation,
            inputs,
            label,
        };
        let filter = |field: &str, value: &str| json!({"field": field, "operator": "eq", "value": value});
        let mut calls = Vec::new();
        let mut filters = Vec::new();
        if let Some(id) = self.id {
            calls.push(call(GET, "read contact", json!({"contactId": id})));
        }
        if let Some(email) = self.email {
            calls.push(call(FIND, "find contact by e-mail", json!({"email": email})));
            filters.push(filter("email", email));
        }
        if let Some(phone) = self.phone {
            calls.push(call(FIND, "find contact by phone", json!({"number": phone})));
            filters.push(filter(
                "phone",
                &cartlane_catalog::phone(phone).unwrap_or_else(|| phone.to_owned()),
            ));
        }
        if !filters.is_empty() {
            let filters = json!([{"group": "OR", "filters": filters}]);
            calls.push(call(
                SEARCH,
                "search contact",
                json!({"pageLimit": SEARCHED, "filters": filters}),
            ));
        }
        calls
    }

    fn is(&self, contact: &Value) -> bool {
        let id = contact.get("id").and_then(Value::as_str);
        let by_id = id.is_some() && id == self.id;
        let by_email = self
            .email
            .is_some_and(|email| has_email(contact, email).is_some());
        let by_phone = self.phone.is_some_and(|phone| has_phone(contact, phone));
        id.is_some() && (by_id || by_email || by_phone)
    }
}

/// The contacts in an answer.
fn candidates<'a>(done: &Done, answer: &'a Value) -> impl Iterator<Item = &'a Value> {
    let list = (done.operation == SEARCH)
        .then(|| answer.get("contacts").and_then(Value::as_array))
        .flatten();
    let one = (done.operation != SEARCH)
        .then(|| answer.get("contact"))
        .flatten();
    list.into_iter().flatten().chain(one)
}

/// Whether the contact has the phone, by its digits.
fn has_phone(contact: &Value, phone: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let theirs = contact.get("phone").and_then(Value::as_str);
    theirs.is_some_and(|theirs| !digits(phone).is_empty() && digits(theirs) == digits(phone))
}

fn finished(contact: &Value, others: &[&Value]) -> Part {
    let ids: Vec<&str> = others
        .iter()
        .filter_map(|other| other.get("id")?.as_str())
        .collect();
    let warnings = if ids.is_empty() {
        Vec::new()
    } else {
        vec![format!("more contacts fit: {}", ids.join(", "))]
    };
    Part::Done {
        output: json!({"found": true, "id": contact["id"], "contact": contact}),
        warnings,
    }
}
