//! Who an item is, and what it is like: two hashes.

use cartlane_flow::on;
use cartlane_ghl::polled;
use cartlane_model::{FileId, UnixMs};
use cartlane_store::polls::Digest;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::rule::Rule;
use super::wanted::in_order;
use crate::made::Made;

/// Keys that say something of the answer and not of the thing.
const NOT_OF_THE_THING: [&str; 3] = ["traceId", "searchAfter", "sort"];

/// An item as it was seen.
pub(super) struct Seen {
    pub item: Json,
    pub id: Digest,
    pub state: Digest,
    /// When it changed last, where it tells.
    pub changed_at: Option<UnixMs>,
    /// Whether it has an id; else its content is who it is.
    pub has_id: bool,
    /// The file that was kept of it.
    pub file: Option<FileId>,
}

/// What is seen of an item. `is_one`: it is the one thing that the operation reads.
pub(super) fn see(rule: &Rule, item: Json, is_one: bool) -> Seen {
    let key = rule
        .id
        .as_deref()
        .and_then(|key| item.get(key).or_else(|| item.get("_id")));
    let key = key.filter(|key| key.is_string() || key.is_number());
    let content = || digest(&in_order(&of_the_thing(&item)).to_string());
    let has_id = key.is_some();
    let id = match key {
        Some(key) => digest(&key.to_string()),
        None if is_one => the_one(),
        None => content(),
    };
    let changed = rule
        .changed
        .as_deref()
        .and_then(|key| item.get(key))
        .filter(|value| !value.is_null());
    let state = match changed {
        Some(changed) => digest(&changed.to_string()),
        None => content(),
    };
    let changed_at = changed
        .and_then(polled::moment_of)
        .or_else(|| polled::changed_at(&item));
    Seen {
        changed_at: changed_at.or_else(|| polled::made_at(&item)),
        item,
        id,
        state,
        has_id,
        file: None,
    }
}

/// The id of what an operation reads that reads one thing, where that has none.
fn the_one() -> Digest {
    digest("the one")
}

/// What is seen of a file: its bytes are its state.
pub(super) fn see_file(item: Json, file: Option<FileId>, sha256: &str) -> Seen {
    Seen {
        item,
        id: the_one(),
        state: digest(sha256),
        changed_at: None,
        has_id: false,
        file,
    }
}

/// The event that tells of an item.
pub(super) fn made(operation: &str, inputs: &Json, item: &Json, poll: &str, change: &str) -> Made {
    Made {
        kind: on::POLL_ITEM.into(),
        person: if operation.starts_with("thrivecart.") {
            cartlane_thrivecart::person(item)
        } else {
            polled::person(operation, inputs, item)
        },
        payload: json!({"poll": poll, "operation": operation, "change": change, "item": item}),
        ..Made::default()
    }
}

/// The content without what changes with every answer.
fn of_the_thing(item: &Json) -> Json {
    match item.as_object() {
        Some(fields) => {
            let stays = fields
                .iter()
                .filter(|(name, _)| !NOT_OF_THE_THING.contains(&name.as_str()));
            Json::Object(
                stays
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect::<Map<_, _>>(),
            )
        }
        None => item.clone(),
    }
}

/// A hash of 16 bytes.
pub(super) fn digest(text: &str) -> Digest {
    let digest = Sha256::digest(text.as_bytes());
    std::array::from_fn(|index| digest[index])
}

/// The items of an answer whose place in it nobody has described: the answer itself where it is a list, the only list in
/// it, else the whole as one thing.
pub(super) fn items_of(answer: Json) -> (Vec<Json>, bool) {
    match answer {
        Json::Array(items) => (items, true),
        Json::Object(fields) => {
            let is_list = |value: &&Json| {
                value
                    .as_array()
                    .is_some_and(|items| items.iter().all(Json::is_object))
            };
            let mut lists = fields.values().filter(is_list);
            match (lists.next(), lists.next()) {
                (Some(Json::Array(items)), None) => (items.clone(), true),
                _ => (vec![Json::Object(fields)], false),
            }
        }
        Json::Null => (Vec::new(), false),
        one => (vec![one], false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartlane_catalog::Catalog;

    fn seen(operation: &str, item: Json, is_one: bool) -> (Digest, Digest) {
        let operation = Catalog::builtin().get(operation).expect("an operation");
        let seen = see(&Rule::of(operation, &Map::new()), item, is_one);
        (seen.id, seen.state)
    }

    #[test]
    fn the_rule_says_what_a_change_is() {
        let contact = |updated: &str, tags: Json| json!({"id": "c1", "dateUpdated": updated, "tags": tags});
        let before = seen(
            "ghl.contacts.search",
            contact("2026-01-01T00:00:00Z", json!([])),
            false,
        );
        assert_eq!(
            before,
            seen(
                "ghl.contacts.search",
                contact("2026-01-01T00:00:00Z", json!(["x"])),
                false
            )
        );
        let after = seen(
            "ghl.contacts.search",
            contact("2026-01-01T00:00:01Z", json!([])),
            false,
        );
        assert_eq!(before.0, after.0);
        assert_ne!(before.1, after.1);
    }

    #[test]
    fn content_is_compared_without_what_is_of_the_answer() {
        let slots = |day: &str, trace: &str| json!({day: {"slots": []}, "traceId": trace});
        let before = seen("ghl.calendars.free_slots", slots("2026-01-01", "a"), true);
        assert_eq!(
            before,
            seen("ghl.calendars.free_slots", slots("2026-01-01", "b"), true)
        );
        let after = seen("ghl.calendars.free_slots", slots("2026-01-02", "b"), true);
        assert_eq!(before.0, after.0, "one thing stays itself");
        assert_ne!(before.1, after.1);
    }

    #[test]
    fn the_order_of_keys_is_no_change() {
        let one = seen(
            "ghl.users.list",
            json!({"id": "u", "name": "A", "email": "e"}),
            false,
        );
        assert_eq!(
            one,
            seen(
                "ghl.users.list",
                json!({"email": "e", "name": "A", "id": "u"}),
                false
            )
        );
    }

    #[test]
    fn the_only_list_of_an_answer_is_what_is_watched() {
        assert_eq!(
            items_of(json!({"links": [{"id": 1}], "total": 1})),
            (vec![json!({"id": 1})], true)
        );
        let two = json!({"a": [{}], "b": [{}]});
        assert_eq!(items_of(two.clone()), (vec![two], false));
    }
}
