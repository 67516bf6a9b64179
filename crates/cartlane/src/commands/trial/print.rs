//! A case for people: each step with its calls, what has changed, and what GHL has of what was sent.

use serde_json::Value;

use crate::output::line;

/// Values are shown up to this many letters.
const SHOWN: usize = 160;

/// Prints a case.
pub fn case(case: &Value) {
    line(&format!("  {} ({})", text(&case["kind"]), text(&case["origin"])));
    for note in list(&case["stand_ins"]) {
        line(&format!("    {}", text(note)));
    }
    list(&case["steps"]).iter().for_each(step);
    rules(&case["rules"], "    ");
    let ending = match &case["ending"] {
        Value::Object(ending) => ending
            .iter()
            .map(|(what, why)| format!("{what}: {}", text(why)))
            .collect::<Vec<_>>()
            .join("; "),
        ending => text(ending),
    };
    let error = case["error"].as_str().map(|error| format!(": {error}"));
    line(&format!("    => {ending}{}", error.unwrap_or_default()));
    for warning in list(&case["warnings"]) {
        line(&format!("    warning: {}", text(warning)));
    }
    for change in list(&case["effects"]) {
        match change["effects"].as_array() {
            Some(effects) => {
                line(&format!("    {}", text(&change["contact"])));
                effects.iter().for_each(effect);
            }
            None => effect(change),
        }
    }
    read_back(list(&case["read_back"]));
    if let Some(problem) = case["problem"].as_str() {
        line(&format!("    FAILED: {problem}"));
    }
}

/// Prints which rows of a rules table fitted, and where they disagreed.
pub fn rules(rules: &Value, indent: &str) {
    for matched in list(&rules["matched"]) {
        let item = matched["item"].as_str().unwrap_or("the event");
        let name = matched["name"].as_str().map(|name| format!(" ({name})"));
        let row = format!("rules.rows[{}]{}", matched["row"], name.unwrap_or_default());
        line(&format!("{indent}{row} fits {item}"));
    }
    for warning in list(&rules["warnings"]) {
        line(&format!("{indent}warning: {}", text(warning)));
    }
    if let Some(fault) = rules["fault"].as_str() {
        line(&format!("{indent}rules: {fault}"));
    }
}

fn step(step: &Value) {
    let id = text(&step["step"]);
    let skipped = step["skipped"].as_str().or(step["left_out"].as_str());
    if let Some(reason) = skipped {
        return line(&format!("    {id}: left out: {reason}"));
    }
    let calls = list(&step["calls"]);
    if calls.is_empty() {
        let failed = step["failed"].as_str().map(|why| format!(" FAILED: {why}"));
        let made = format!("{} {}", text(&step["operation"]), short(&step["inputs"]));
        return line(&format!(
            "    {id}: {}{}",
            made.trim(),
            failed.unwrap_or_default()
        ));
    }
    line(&format!("    {id}:"));
    for call in calls {
        let came = match call["status"].as_i64() {
            Some(status) => status.to_string(),
            None => text(&call["outcome"]),
        };
        let made = format!("{} {}", text(&call["operation"]), short(&call["inputs"]));
        line(&format!("      {made} -> {came}"));
    }
}

pub(in crate::commands) fn effect(effect: &Value) {
    let (what, before, after) = (text(&effect["what"]), &effect["before"], &effect["after"]);
    line(&match (before.is_null(), after.is_null()) {
        (true, _) => format!("      + {what}: {}", short(after)),
        (_, true) => format!("      - {what}: {}", short(before)),
        _ => format!("      ~ {what}: {} -> {}", short(before), short(after)),
    });
}

fn read_back(rows: &[Value]) {
    if rows.is_empty() {
        return;
    }
    let other: Vec<&Value> = rows.iter().filter(|row| row["same"] != true).collect();
    if other.is_empty() {
        return line(&format!(
            "    GHL has all {} fields as they were sent",
            rows.len()
        ));
    }
    for row in other {
        let (field, sent) = (text(&row["field"]), short(&row["sent"]));
        line(&match &row["stored"] {
            Value::Null => format!("    GHL dropped {field}: {sent} was sent"),
            stored => format!("    GHL has {field} as {}: {sent} was sent", short(stored)),
        });
    }
}

pub(in crate::commands) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(in crate::commands) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

pub(in crate::commands) fn short(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        value => value.to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
