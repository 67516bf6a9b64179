//! Answers in the one spelling that expressions, polls and composites may rely on.
//!
//! GHL writes some keys in two ways: as its API description has them and as the API answers, or misspelt. Each
//! is brought to one here, at the top of an answer, before anybody else sees it.
//!
//! | answer of | GHL writes | it becomes |
//! |---|---|---|
//! | any | `succeded` | `succeeded` |
//! | any | `buiseness` | `business` |
//! | `ghl.calendars.get_appointment` | `event` | `appointment` |
//! | `ghl.conversations.get_message` | the message, or `{message: …}` | the message |

use serde_json::Value;

/// Operation (any, where empty), key as GHL writes it, key as it is here.
const SPELLINGS: [(&str, &str, &str); 3] = [
    ("", "succeded", "succeeded"),
    ("", "buiseness", "business"),
    ("ghl.calendars.get_appointment", "event", "appointment"),
];
/// Operations whose answer stands alone or under this key.
const UNWRAPPED: [(&str, &str); 1] = [("ghl.conversations.get_message", "message")];

/// The one spelling of a key at the top of an answer.
pub fn key<'a>(operation: &str, key: &'a str) -> &'a str {
    let spelling = SPELLINGS
        .iter()
        .find(|(of, theirs, _)| (of.is_empty() || *of == operation) && *theirs == key);
    spelling.map_or(key, |(_, _, ours)| ours)
}

/// Brings an answer to the one spelling. Keys keep their order; a key that is there already is left alone.
pub fn normalize(operation: &str, answer: Value) -> Value {
    let Value::Object(mut fields) = answer else {
        return answer;
    };
    for (of, inner) in UNWRAPPED {
        if of == operation && fields.get(inner).is_some_and(Value::is_object) {
            return fields.remove(inner).unwrap_or_default();
        }
    }
    let is_foreign = |name: &String| key(operation, name) != name;
    if !fields.keys().any(is_foreign) {
        return Value::Object(fields);
    }
    let known: Vec<String> = fields.keys().cloned().collect();
    let renamed = fields.into_iter().map(|(name, value)| {
        let ours = key(operation, &name).to_owned();
        let name = if known.contains(&ours) { name } else { ours };
        (name, value)
    });
    Value::Object(renamed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_spellings_become_one() {
        let get = "ghl.calendars.get_appointment";
        for (operation, theirs, ours) in [
            (
                get,
                json!({"event": {"id": "1"}}),
                json!({"appointment": {"id": "1"}}),
            ),
            (get, json!({"appointment": 1}), json!({"appointment": 1})),
            (
                "ghl.businesses.update",
                json!({"buiseness": 1}),
                json!({"business": 1}),
            ),
            (
                "ghl.contacts.update",
                json!({"succeded": true}),
                json!({"succeeded": true}),
            ),
            (
                "ghl.calendars.list_events",
                json!({"event": 1}),
                json!({"event": 1}),
            ),
            (
                "x",
                json!({"succeded": 1, "succeeded": 2}),
                json!({"succeded": 1, "succeeded": 2}),
            ),
            (
                "ghl.conversations.get_message",
                json!({"message": {"id": "m"}}),
                json!({"id": "m"}),
            ),
            ("x", json!(["succeded"]), json!(["succeded"])),
        ] {
            assert_eq!(normalize(operation, theirs), ours);
        }
    }
}
