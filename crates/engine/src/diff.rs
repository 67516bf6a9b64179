//! What differs between two documents: a list of changes by path, for a page and a terminal, and a text in the form of
//! `diff -u`.

use cartlane_flow::yaml;
use serde::Serialize;
use serde_json::{Map, Value as Json};

/// Lines of the text around a change that stayed the same.
const CONTEXT: usize = 3;

/// One value that is not what it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Where it stands: `steps.note.with.body`. An item of a list goes by its `id` where it has one, else by its number.
    pub path: String,
    /// What it was; nothing where it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Json>,
    /// What it is; nothing where it is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Json>,
}

/// What differs between two documents, in the order of the newer one; what is gone stands last in its place.
pub(crate) fn changes(old: &Json, new: &Json) -> Vec<Change> {
    let mut found = Vec::new();
    compare("", Some(old), Some(new), &mut found);
    found
}

/// Both documents as YAML, in the form of `diff -u`; empty where they are the same.
pub(crate) fn text(old: (&str, &Json), new: (&str, &Json)) -> String {
    let (old_text, new_text) = (yaml::write(old.1), yaml::write(new.1));
    let diff = similar::TextDiff::from_lines(&old_text, &new_text);
    let mut unified = diff.unified_diff();
    unified.context_radius(CONTEXT).header(old.0, new.0).to_string()
}

fn compare(path: &str, old: Option<&Json>, new: Option<&Json>, found: &mut Vec<Change>) {
    match (old, new) {
        _ if old == new => {}
        (Some(Json::Object(old)), Some(Json::Object(new))) => compare_maps(path, old, new, found),
        (Some(Json::Array(old)), Some(Json::Array(new))) => compare_lists(path, old, new, found),
        _ => found.push(Change {
            path: path.to_owned(),
            old: old.cloned(),
            new: new.cloned(),
        }),
    }
}

fn compare_maps(path: &str, old: &Map<String, Json>, new: &Map<String, Json>, found: &mut Vec<Change>) {
    for (key, value) in new {
        compare(&join(path, key), old.get(key), Some(value), found);
    }
    for (key, value) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        compare(&join(path, key), Some(value), None, found);
    }
}

fn compare_lists(path: &str, old: &[Json], new: &[Json], found: &mut Vec<Change>) {
    if let (Some(old_ids), Some(new_ids)) = (ids(old), ids(new)) {
        let gone = old_ids.iter().filter(|id| !new_ids.contains(id));
        for id in new_ids.iter().chain(gone) {
            compare(&join(path, id), of_id(old, id), of_id(new, id), found);
        }
        let stayed = |ids: &[&str], others: &[&str]| -> Vec<String> {
            let both = ids.iter().filter(|id| others.contains(id));
            both.map(|id| (*id).to_owned()).collect()
        };
        let (before, after) = (stayed(&old_ids, &new_ids), stayed(&new_ids, &old_ids));
        if before != after {
            found.push(Change {
                path: format!("{path} (order)"),
                old: Some(before.into()),
                new: Some(after.into()),
            });
        }
    } else if old
        .iter()
        .chain(new)
        .all(|item| item.is_object() || item.is_array())
    {
        for index in 0..old.len().max(new.len()) {
            compare(&format!("{path}[{index}]"), old.get(index), new.get(index), found);
        }
    } else {
        // a list of texts or numbers is read as one value
        found.push(Change {
            path: path.to_owned(),
            old: Some(old.into()),
            new: Some(new.into()),
        });
    }
}

fn of_id<'l>(items: &'l [Json], id: &str) -> Option<&'l Json> {
    items.iter().find(|item| item["id"] == id)
}

/// The ids of the items, where each has one of its own.
fn ids(items: &[Json]) -> Option<Vec<&str>> {
    let mut ids = Vec::new();
    for item in items {
        let id = item.get("id")?.as_str()?;
        if ids.contains(&id) {
            return None;
        }
        ids.push(id);
    }
    Some(ids)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(old: &Json, new: &Json) -> Vec<String> {
        let shown = |value: &Option<Json>| value.as_ref().map_or("–".to_owned(), Json::to_string);
        let line = |change: &Change| {
            format!(
                "{}: {} => {}",
                change.path,
                shown(&change.old),
                shown(&change.new)
            )
        };
        changes(old, new).iter().map(line).collect()
    }

    #[test]
    fn steps_are_told_apart_by_their_ids_wherever_they_stand() {
        let old = json!({"name": "n", "on": ["a"], "when": "x", "steps": [
            {"id": "one", "with": {"tags": ["a", "b"]}}, {"id": "two"}, {"id": "three"}]});
        let new = json!({"name": "n", "on": ["a", "b"], "description": "d", "steps": [
            {"id": "zero"}, {"id": "three"}, {"id": "one", "with": {"tags": ["a"]}}]});
        assert_eq!(
            told(&old, &new),
            [
                r#"on: ["a"] => ["a","b"]"#,
                r#"description: – => "d""#,
                r#"steps.zero: – => {"id":"zero"}"#,
                r#"steps.one.with.tags: ["a","b"] => ["a"]"#,
                r#"steps.two: {"id":"two"} => –"#,
                r#"steps (order): ["one","three"] => ["three","one"]"#,
                r#"when: "x" => –"#,
            ]
        );
        assert_eq!(told(&old, &old), [""; 0]);
    }

    #[test]
    fn items_without_ids_go_by_their_number() {
        let old = json!({"all": [{"field": "a", "is": 1}, {"field": "b"}]});
        let new = json!({"all": [{"field": "a", "is": 2}]});
        assert_eq!(
            told(&old, &new),
            ["all[0].is: 1 => 2", r#"all[1]: {"field":"b"} => –"#]
        );
    }

    #[test]
    fn text_shows_lines_of_a_body_as_lines() {
        let body = |second: &str| json!({"name": "Look", "body": format!("one\n{second}\nthree\n")});
        let (old, new) = (body("two"), body("2"));
        let text = text(("version 1", &old), ("version 2", &new));
        assert_eq!(
            text,
            "--- version 1\n+++ version 2\n@@ -1,5 +1,5 @@\n name: Look\n body: |\n   one\n-  two\n+  2\n   three\n"
        );
    }
}
