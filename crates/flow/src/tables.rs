//! Lookup tables of a document: `tables: {plans: {"12": gold, "13": silver}}`, read as `tables.plans`.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::names;
use crate::node::{Kind, Node};
use crate::parse::{Findings, Reader};
use crate::validate::is_name;

/// The most entries of all tables of a document.
pub const MAX_ENTRIES: usize = 10_000;

/// Tables by name.
pub type Tables = BTreeMap<String, Map<String, Json>>;

/// Reads the tables of a document.
pub(crate) fn read(reader: &mut Reader, node: Option<&&Node>) -> Tables {
    let Some(node) = node else {
        return Tables::new();
    };
    let Kind::Map(entries) = &node.kind else {
        reader.wrong("tables", "a map of tables", node);
        return Tables::new();
    };
    let mut tables = Tables::new();
    for (key, node) in entries {
        match node.to_json() {
            Json::Object(table) => drop(tables.insert(key.name.clone(), table)),
            _ => reader.wrong(
                &format!("tables.{}", key.name),
                "a table: a map of keys and values",
                node,
            ),
        }
    }
    tables
}

/// Notes what is wrong with tables.
pub(crate) fn check(tables: &Tables, findings: &mut Findings) {
    let entries: usize = tables.values().map(Map::len).sum();
    if entries > MAX_ENTRIES {
        let message = format!("{entries} entries; the tables of an automation can have {MAX_ENTRIES}");
        findings.push("tables", message);
    }
    for (name, table) in tables {
        if !is_name(name, "_") {
            let message = format!("`{name}` is no name: small letters, digits and `_`, a letter first");
            findings.push(format!("tables.{name}"), message);
        }
        for (key, _) in table
            .iter()
            .filter(|(_, value)| value.as_str().is_some_and(|text| text.contains("{{")))
        {
            let message = "a table holds plain values; expressions belong into steps";
            findings.push(format!("tables.{name}.{key}"), message);
        }
    }
}

/// What is wrong with reading `path`, which begins with `tables`.
pub(crate) fn fault(tables: &Tables, path: &str) -> Option<String> {
    let name = path.split('.').nth(1)?;
    let known: Vec<&str> = tables.keys().map(String::as_str).collect();
    (!known.contains(&name)).then(|| names::unknown(path, name, "table", &known))
}
