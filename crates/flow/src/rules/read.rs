//! From data to [`Rules`], noting every fault of form.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{COLUMNS, Conditions, Matching, Row, Rules};
use crate::condition::Condition;
use crate::node::{Kind, Node};
use crate::parse::Reader;

/// The keys of a table.
pub(super) const TABLE_KEYS: [&str; 2] = ["match", "rows"];
/// The keys of a row.
pub(super) const ROW_KEYS: [&str; 3] = ["name", "if", "then"];

/// Any value will do.
const ANY: &str = "*";

/// Reads the table of a document.
pub(crate) fn read(reader: &mut Reader, node: Option<&&Node>) -> Option<Rules> {
    let fields = reader.fields("rules", node?, &TABLE_KEYS);
    let matching = match reader.text("rules.match", fields.get("match")).as_deref() {
        None | Some("first") => Matching::First,
        Some("all") => Matching::All,
        Some(other) => {
            let message = format!("there is no `{other}` here; there are first, all");
            reader.findings.push("rules.match", message);
            Matching::First
        }
    };
    let rows = match fields.get("rows").map(|node| (&node.kind, node)) {
        Some((Kind::List(nodes), _)) => nodes
            .iter()
            .enumerate()
            .map(|(index, node)| row(reader, &format!("rules.rows[{index}]"), node))
            .collect(),
        Some((_, node)) => {
            reader.wrong("rules.rows", "a list of rows", node);
            Vec::new()
        }
        None => Vec::new(),
    };
    Some(Rules { matching, rows })
}

fn row(reader: &mut Reader, path: &str, node: &Node) -> Row {
    let fields = reader.fields(path, node, &ROW_KEYS);
    let then = match fields.get("then").map(|node| (node.to_json(), node)) {
        Some((Json::Object(then), _)) => then,
        Some((_, node)) => {
            reader.wrong(&format!("{path}.then"), "a map of outcomes", node);
            serde_json::Map::new()
        }
        None => serde_json::Map::new(),
    };
    Row {
        name: reader.text(&format!("{path}.name"), fields.get("name")),
        conditions: conditions(reader, &format!("{path}.if"), fields.get("if")),
        then,
    }
}

fn conditions(reader: &mut Reader, path: &str, node: Option<&&Node>) -> Conditions {
    let Some(node) = node else {
        return Conditions::default();
    };
    if matches!(&node.kind, Kind::Text(text) if text == ANY) {
        return Conditions::default();
    }
    let known: Vec<&str> = COLUMNS.into_iter().chain(["when"]).collect();
    let fields = reader.fields(path, node, &known);
    let mut cells = BTreeMap::new();
    for column in COLUMNS {
        if let Some(node) = fields.get(column)
            && let Some(values) = cell(reader, &format!("{path}.{column}"), node)
        {
            cells.insert(column.to_owned(), values);
        }
    }
    let when = reader.condition(&format!("{path}.when"), fields.get("when"));
    Conditions {
        cells,
        when: when.filter(|when| !matches!(when, Condition::Expression(text) if text == ANY)),
    }
}

/// The values of a cell; `None` where it takes any.
fn cell(reader: &mut Reader, path: &str, node: &Node) -> Option<Vec<String>> {
    let values: Vec<String> = match &node.kind {
        Kind::List(nodes) => nodes
            .iter()
            .enumerate()
            .filter_map(|(index, node)| reader.text(&format!("{path}[{index}]"), Some(&node)))
            .collect(),
        Kind::Text(_) | Kind::Number(_) => reader.text(path, Some(&node)).into_iter().collect(),
        _ => {
            reader.wrong(path, "a value, a list of values or `*`", node);
            return None;
        }
    };
    (!values.iter().any(|value| value == ANY)).then(|| {
        let trimmed = values.iter().map(|value| value.trim().to_owned());
        trimmed.collect()
    })
}
