//! The test contact in the place of an event's person.

use cartlane_model::Facts;
use serde_json::Value as Json;

/// Puts the test contact in the place of the person, in all that is read and wherever the payload has their e-mail or id. A
/// former e-mail is left out, since it would be another contact's.
pub(super) fn replace(facts: &mut Facts, email: &str, contact_id: Option<&str>) {
    let former: Vec<String> = [&facts.person.email, &facts.person.previous_email]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    for former in &former {
        put(&mut facts.payload, former, email);
    }
    facts.person.email = Some(email.to_owned());
    facts.person.previous_email = None;
    let polled = facts.payload["operation"].as_str().unwrap_or_default();
    if facts.kind.as_str().starts_with("ghl.") || polled.starts_with("ghl.") {
        if let (Some(former), Some(id)) = (&facts.person.customer_id, contact_id) {
            put(&mut facts.payload, former, id);
        }
        facts.person.customer_id = contact_id.map(str::to_owned);
    }
}

fn put(value: &mut Json, former: &str, new: &str) {
    match value {
        Json::String(text) if text.eq_ignore_ascii_case(former) => new.clone_into(text),
        Json::Array(items) => items.iter_mut().for_each(|item| put(item, former, new)),
        Json::Object(fields) => fields.values_mut().for_each(|field| put(field, former, new)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use cartlane_ghl::hooks;
    use serde_json::json;

    use super::*;

    #[test]
    fn nobody_but_the_test_contact_is_left_in_the_event() {
        let payload = json!({
            "type": "ContactTagUpdate", "id": "theirs", "email": "Them@example.com", "tags": ["a"],
            "attachments": [{"of": "them@example.com"}],
        });
        let mut facts = hooks::decode_stored(true, payload.to_string().as_bytes()).facts;
        replace(&mut facts, "test@example.com", Some("ours"));
        assert_eq!(facts.person.email.as_deref(), Some("test@example.com"));
        assert_eq!(facts.person.customer_id.as_deref(), Some("ours"));
        let left = facts.payload.to_string().to_lowercase();
        assert!(
            !left.contains("them@example.com") && !left.contains("theirs"),
            "{left}"
        );
    }
}
