//! What an export does not hold of a document: the values of the headers of `http.request`, which is where the keys of
//! other systems stand. The journal of a run keeps their names only, too.
//!
//! An import puts them back from the automation of the same name that is there, step by step and header by header.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// What stands in the place of a value that was withheld.
const WITHHELD: &str = "(withheld)";
/// Headers that say nothing secret.
const PLAIN: [&str; 6] = [
    "accept",
    "accept-language",
    "content-type",
    "idempotency-key",
    "if-match",
    "user-agent",
];

/// A header in a document: the id of its step, and its name.
pub(crate) type Header = (String, String);

/// Takes the values out.
pub(super) fn withhold(document: &mut Json) {
    visit(document, &mut |_, value| *value = WITHHELD.into());
}

/// Puts those back that `present` has.
pub(super) fn put_back(document: &mut Json, present: &Json) {
    let mut known = BTreeMap::new();
    visit(&mut present.clone(), &mut |header, value| {
        known.insert(header, value.take());
    });
    visit(document, &mut |header, value| {
        if *value == WITHHELD
            && let Some(known) = known.get(&header)
        {
            value.clone_from(known);
        }
    });
}

/// Those that are lacking still.
pub(crate) fn lacking(document: &Json) -> Vec<Header> {
    let mut lacking = Vec::new();
    visit(&mut document.clone(), &mut |header, value| {
        if *value == WITHHELD {
            lacking.push(header);
        }
    });
    lacking
}

/// Each header that may hold a secret, wherever its step stands.
fn visit(json: &mut Json, each: &mut impl FnMut(Header, &mut Json)) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| visit(item, each)),
        Json::Object(map) => {
            let is_request = map
                .get("operation")
                .is_some_and(|operation| operation == "http.request");
            let step = map
                .get("id")
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned();
            for (key, value) in map.iter_mut() {
                if key != "with" {
                    visit(value, each);
                } else if is_request && let Some(headers) = value["headers"].as_object_mut() {
                    let secret = headers.iter_mut().filter(|(name, value)| !is_plain(name, value));
                    secret.for_each(|(name, value)| each((step.clone(), name.clone()), value));
                }
            }
        }
        _ => {}
    }
}

/// Whether a value tells nothing secret: that of a plain header, or the name of something in the event.
fn is_plain(header: &str, value: &Json) -> bool {
    let is_name = |text: &str| {
        let inner = text
            .trim()
            .strip_prefix("{{")
            .and_then(|text| text.strip_suffix("}}"));
        let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || "._".contains(letter);
        inner.is_some_and(|inner| inner.trim().starts_with("event.") && inner.trim().chars().all(is_of_name))
    };
    PLAIN.contains(&header.to_ascii_lowercase().as_str()) || value.as_str().is_some_and(is_name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(key: &str) -> Json {
        let request = |id: &str| {
            json!({"id": id, "operation": "http.request", "with": {"url": "https://example.com", "headers": {
                "Content-Type": "text/plain", "X-Order": "{{ event.order_id }}", "Authorization": format!("Bearer {key}"),
                "X-Key": format!("{{{{ '{key}' | upper }}}}")}}})
        };
        json!({"name": "A", "steps": [
            request("first"),
            {"id": "each", "for_each": "event.items", "steps": [
                {"id": "either", "branch": [{"when": "true", "steps": [request("second")]}], "else": [request("third")]}]},
            {"id": "last", "operation": "ghl.contacts.save", "with": {"email": "a"}, "on_error": [request("fourth")]},
        ]})
    }

    #[test]
    fn no_value_that_may_be_secret_stays_wherever_its_step_stands_and_all_come_back() {
        let whole = document("planted");
        let mut exported = whole.clone();
        withhold(&mut exported);
        let text = exported.to_string();
        assert!(!text.contains("planted"), "{text}");
        assert_eq!(text.matches("text/plain").count(), 4);
        assert_eq!(text.matches("{{ event.order_id }}").count(), 4);
        assert_eq!(lacking(&exported).len(), 8);
        put_back(&mut exported, &whole);
        assert_eq!(exported, whole);
        assert_eq!(lacking(&exported), []);
    }

    #[test]
    fn what_is_not_there_is_lacking_and_what_the_document_says_stays() {
        let mut exported = json!({"steps": [
            {"id": "a", "operation": "http.request", "with": {"headers": {"Authorization": WITHHELD, "X-Key": "new"}}}]});
        let present = json!({"steps": [
            {"id": "b", "operation": "http.request", "with": {"headers": {"Authorization": "of another step"}}},
            {"id": "a", "operation": "http.request", "with": {"headers": {"X-Key": "old"}}}]});
        put_back(&mut exported, &present);
        assert_eq!(lacking(&exported), [("a".to_owned(), "Authorization".to_owned())]);
        assert_eq!(exported["steps"][0]["with"]["headers"]["X-Key"], "new");
    }
}
