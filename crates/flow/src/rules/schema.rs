//! What the JSON Schema of a document says of its rules table: the keys are the reader's own lists.

use serde_json::{Value, json};

use super::read::{ROW_KEYS, TABLE_KEYS};
use super::{ALSO, COLUMNS, LISTS, MAP, MAX_ROWS, OUTCOMES};
use crate::schema::object;

/// The schema of `rules`.
pub(crate) fn schema() -> Value {
    let table = object(
        "What follows for which items, plans, tags: steps read it as rules.NAME.",
        &TABLE_KEYS,
        &["rows"],
        table_key,
    );
    json!({"anyOf": [table, {"type": "null"}]})
}

fn table_key(key: &str) -> Option<Value> {
    Some(match key {
        "match" => json!({
            "enum": ["first", "all", null], "default": "first",
            "description": "Whether the first row that fits an item counts, or each.",
        }),
        "rows" => json!({
            "type": "array", "minItems": 1, "maxItems": MAX_ROWS,
            "items": object("One row.", &ROW_KEYS, &["then"], row_key),
        }),
        _ => return None,
    })
}

fn row_key(key: &str) -> Option<Value> {
    Some(match key {
        "name" => json!({"type": ["string", "number", "null"], "description": "What people call it."}),
        "if" => {
            let keys: Vec<&str> = COLUMNS.into_iter().chain(["when"]).collect();
            let cells = object("All of these must fit.", &keys, &[], cell);
            json!({"anyOf": [cells, {"enum": ["*", null]}]})
        }
        "then" => {
            let outcomes = OUTCOMES.map(|name| (name.to_owned(), outcome(name)));
            json!({
                "type": "object", "minProperties": 1, "properties": serde_json::Map::from_iter(outcomes),
                "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$", "not": {"enum": ALSO}},
                "description": "Outcomes by name: these, and any of your own.",
            })
        }
        _ => return None,
    })
}

fn cell(column: &str) -> Option<Value> {
    if column == "when" {
        return Some(json!({"$ref": "#/$defs/condition", "description": "A condition that may read item."}));
    }
    let value = json!({"type": ["string", "number"]});
    COLUMNS.contains(&column).then(|| {
        json!({
            "anyOf": [value, {"type": "array", "items": value, "minItems": 1}, {"type": "null"}],
            "description": "A value, a list of which one must be there, or * for any.",
        })
    })
}

fn outcome(name: &str) -> Value {
    match name {
        MAP => {
            json!({"type": ["object", "string", "null"], "description": "Custom fields by name, key or id."})
        }
        _ if LISTS.contains(&name) => {
            json!({"not": {"type": "object"}, "description": "A tag or a list of tags."})
        }
        _ => json!({"not": {"type": ["object", "array"]}}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_the_reader_knows_has_a_schema() {
        assert!(TABLE_KEYS.iter().all(|key| table_key(key).is_some()));
        assert!(ROW_KEYS.iter().all(|key| row_key(key).is_some()));
        assert!(COLUMNS.iter().all(|column| cell(column).is_some()));
    }
}
