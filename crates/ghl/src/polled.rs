//! What the items of a poll say, in the names that events have.
//!
//! Pure. An item of a list of contacts is a person; of anything else the person is the contact that it names, or the one
//! that was asked about. Users, businesses and locations have e-mails too, and are no contacts.

use cartlane_model::{Person, UnixMs};
use serde_json::Value;

use crate::hooks::facts::{moment, person_in, text};

/// Keys that tell when an item was made.
const MADE: [&str; 5] = [
    "dateAdded",
    "createdAt",
    "created_at",
    "dateCreated",
    "dateCreatedUtc",
];
/// Keys that tell when it was changed last.
const CHANGED: [&str; 4] = ["dateUpdated", "updatedAt", "updated_at", "lastMessageDate"];

/// The person that an item is about, by its operation and the inputs that it was asked with.
pub fn person(operation: &str, inputs: &Value, item: &Value) -> Person {
    if is_contact(operation, item) {
        return Person {
            email: text(item, "email"),
            customer_id: text(item, "id"),
            ..person_in(item)
        };
    }
    let contact = item.get("contact").filter(|contact| contact.is_object());
    let id = text(item, "contactId")
        .or_else(|| text(contact?, "id"))
        .or_else(|| text(inputs, "contactId"));
    let Some(id) = id else {
        return Person::default();
    };
    let is_conversation = operation.starts_with("ghl.conversations.");
    let block = contact.or_else(|| is_conversation.then_some(item));
    Person {
        email: block.and_then(|block| text(block, "email")),
        customer_id: Some(id),
        ..block.map(person_in).unwrap_or_default()
    }
}

fn is_contact(operation: &str, item: &Value) -> bool {
    let lists = [
        "get",
        "list",
        "search",
        "list_by_business",
        "find",
        "find_duplicate",
    ];
    let name = operation.strip_prefix("ghl.contacts.");
    name.is_some_and(|name| lists.contains(&name)) && item.get("id").is_some()
}

/// When an item was made, where it tells.
pub fn made_at(item: &Value) -> Option<UnixMs> {
    first_moment(item, &MADE)
}

/// When an item was changed last, where it tells.
pub fn changed_at(item: &Value) -> Option<UnixMs> {
    first_moment(item, &CHANGED)
}

/// The moment that a value stands for, as GHL writes moments.
pub fn moment_of(value: &Value) -> Option<UnixMs> {
    moment(value).filter(|at| at.0 > YEAR_2000_MS)
}

/// What is a smaller number is no moment.
const YEAR_2000_MS: i64 = 946_684_800_000;

fn first_moment(item: &Value, keys: &[&str]) -> Option<UnixMs> {
    keys.iter().find_map(|key| moment_of(item.get(key)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_contact_is_a_person_and_so_is_whom_a_thing_names() {
        let contact = json!({"id": "c1", "email": "a@example.com", "firstName": "Ada", "phone": "+1"});
        let found = person("ghl.contacts.search", &json!({}), &contact);
        assert_eq!(
            (found.customer_id.as_deref(), found.email.as_deref()),
            (Some("c1"), Some("a@example.com"))
        );
        assert_eq!(
            (found.first_name.as_deref(), found.phone.as_deref()),
            (Some("Ada"), Some("+1"))
        );
        let opportunity =
            json!({"id": "o1", "contactId": "c1", "contact": {"id": "c1", "email": "a@example.com"}});
        let found = person("ghl.opportunities.search", &json!({}), &opportunity);
        assert_eq!(
            (found.customer_id.as_deref(), found.email.as_deref()),
            (Some("c1"), Some("a@example.com"))
        );
        let note = person(
            "ghl.contacts.list_notes",
            &json!({"contactId": "c1"}),
            &json!({"id": "n1"}),
        );
        assert_eq!(note.customer_id.as_deref(), Some("c1"));
        let conversation =
            json!({"id": "v1", "contactId": "c1", "fullName": "Ada L", "email": "a@example.com"});
        let found = person("ghl.conversations.search", &json!({}), &conversation);
        assert_eq!(
            (found.name.as_deref(), found.email.as_deref()),
            (Some("Ada L"), Some("a@example.com"))
        );
    }

    #[test]
    fn a_user_is_no_contact() {
        let user = json!({"id": "u1", "email": "staff@example.com", "name": "Staff"});
        assert_eq!(person("ghl.users.list", &json!({}), &user), Person::default());
        assert_eq!(person("ghl.businesses.get", &json!({}), &user), Person::default());
    }

    #[test]
    fn a_status_is_no_moment() {
        assert_eq!(moment_of(&json!("delivered")), None);
        assert_eq!(moment_of(&json!(3)), None);
        assert_eq!(
            moment_of(&json!(1_700_000_000_000_i64)),
            Some(UnixMs(1_700_000_000_000))
        );
        assert!(moment_of(&json!("2026-01-31T10:00:00.000Z")).is_some());
    }
}
