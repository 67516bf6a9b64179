//! JSON that is small and still shows in a diff which field has changed: lists of some names stand on lines of their own.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The text of a value. The lists named `split`, down to the fields of a body, have one line per item.
pub fn text(file: &Value, split: &[&str]) -> String {
    let mut text = String::new();
    put(&mut text, file, split, 0);
    text.push('\n');
    text
}

fn put(text: &mut String, value: &Value, split: &[&str], depth: usize) {
    match value {
        Value::Object(members) => put_members(text, members, split, depth),
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

fn put_members(text: &mut String, members: &Map<String, Value>, split: &[&str], depth: usize) {
    const DEEPEST: usize = 2;
    text.push('{');
    let mut fresh = false;
    for (index, (name, value)) in members.iter().enumerate() {
        let is_list = value.is_array() && split.contains(&name.as_str()) && depth <= DEEPEST;
        let is_body = value.is_object() && depth == 1 && name == "body";
        if index > 0 {
            text.push(',');
        }
        if is_list || is_body || fresh || depth == 0 {
            line(text, depth);
        }
        let _ = write!(text, "{}:", Value::from(name.as_str()));
        match value {
            Value::Array(items) if is_list => put_items(text, items, split, depth),
            value if is_body => put(text, value, split, depth + 1),
            value => {
                let _ = write!(text, "{value}");
            }
        }
        fresh = is_list || is_body;
    }
    text.push('}');
}

fn put_items(text: &mut String, items: &[Value], split: &[&str], depth: usize) {
    text.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        if depth == 0 {
            text.push('\n');
            put(text, item, split, depth + 1);
        } else {
            line(text, depth + 1);
            let _ = write!(text, "{item}");
        }
    }
    text.push(']');
}

fn line(text: &mut String, depth: usize) {
    text.push('\n');
    text.push_str(&" ".repeat(depth));
}
