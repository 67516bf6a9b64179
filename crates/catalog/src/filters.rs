//! The conditions of GHL's search for contacts: `{field, operator, value}`, and `{group, filters}` for several.

use cartlane_model::Problems;
use serde_json::{Map, Value};

use crate::shape::unknown;

/// The format of a list of such conditions.
pub(crate) const FILTERS: &str = "filters";

const OPERATORS: [&str; 8] = [
    "eq",
    "not_eq",
    "contains",
    "not_contains",
    "exists",
    "not_exists",
    "range",
    "nested",
];
const GROUPS: [&str; 2] = ["AND", "OR"];
const BOUNDS: [&str; 4] = ["gt", "gte", "lt", "lte"];
/// The longest text that GHL looks for.
const LONGEST: usize = 75;

/// Notes what is wrong with a condition, or with those of its group, which stands at `path`.
pub(crate) fn check(condition: &Value, path: &str, problems: &mut Problems) {
    let Some(condition) = condition.as_object() else {
        return problems.push(path, "is no condition {field, operator, value}");
    };
    let names: &[&str] = if condition.contains_key("group") {
        &["group", "filters"]
    } else {
        &["field", "operator", "value"]
    };
    for name in condition.keys().filter(|name| !names.contains(&name.as_str())) {
        problems.push(format!("{path}.{name}"), unknown(name, names.iter().copied()));
    }
    if condition.contains_key("group") {
        one_of("group", &GROUPS, condition, path, problems);
        let Some(filters) = condition.get("filters").and_then(Value::as_array) else {
            return problems.push(format!("{path}.filters"), "must be a list of conditions");
        };
        for (index, filter) in filters.iter().enumerate() {
            check(filter, &format!("{path}.filters[{index}]"), problems);
        }
        return;
    }
    if !condition.get("field").is_some_and(Value::is_string) {
        problems.push(format!("{path}.field"), "must be a field's name");
    }
    if let Some(operator) = one_of("operator", &OPERATORS, condition, path, problems) {
        check_value(
            operator,
            condition.get("value"),
            &format!("{path}.value"),
            problems,
        );
    }
}

/// The member, where it is one of the words that are allowed.
fn one_of<'a>(
    name: &str,
    words: &[&str],
    condition: &'a Map<String, Value>,
    path: &str,
    problems: &mut Problems,
) -> Option<&'a str> {
    let word = condition.get(name).and_then(Value::as_str).unwrap_or_default();
    if words.contains(&word) {
        return Some(word);
    }
    problems.push(
        format!("{path}.{name}"),
        format!("`{word}` is none of: {}", words.join(", ")),
    );
    None
}

fn check_value(operator: &str, value: Option<&Value>, path: &str, problems: &mut Problems) {
    let is_bounds = |value: &Map<String, Value>| {
        !value.is_empty() && value.keys().all(|bound| BOUNDS.contains(&bound.as_str()))
    };
    match (operator, value) {
        ("exists" | "not_exists", _) => {}
        (_, None | Some(Value::Null)) => problems.push(path, "is missing"),
        ("range", Some(Value::Object(bounds))) if is_bounds(bounds) => {}
        ("range", _) => problems.push(path, "must be an object of gt, gte, lt, lte"),
        ("nested", Some(Value::Array(conditions))) => {
            for (index, condition) in conditions.iter().enumerate() {
                check(condition, &format!("{path}[{index}]"), problems);
            }
        }
        ("nested", _) => problems.push(path, "must be a list of conditions"),
        (_, Some(Value::String(text))) if text.chars().count() > LONGEST => {
            problems.push(path, format!("is longer than {LONGEST} characters"));
        }
        _ => {}
    }
}
