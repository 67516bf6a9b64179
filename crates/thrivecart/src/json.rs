//! JSON bodies, and JSON text inside a field of either wire form, into the same tree as the form.
//!
//! Numbers and booleans become text: integers of up to 64 bits exactly, fractions in their shortest spelling.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::tree::Budget;

/// Why text is not JSON.
pub(crate) struct Fault {
    /// Byte offset.
    pub(crate) position: usize,
    /// What the parser says.
    pub(crate) message: String,
}

/// Reads one JSON value; bytes that are no UTF-8 are replaced, not refused.
pub(crate) fn parse(body: &[u8], budget: &mut Budget) -> Result<Value, Fault> {
    let text = String::from_utf8_lossy(body);
    read(&text, budget, 1).map_err(|error| {
        let fault = fault(&text, &error);
        Fault {
            position: raw_position(body, fault.position),
            ..fault
        }
    })
}

/// A leaf: text, or what it holds where it is JSON text of an object or array.
pub(crate) fn leaf(text: String, budget: &mut Budget, depth: usize) -> Value {
    let start = text.trim_ascii_start().as_bytes().first();
    if !matches!(start, Some(b'{' | b'[')) || !budget.allows_depth(depth + 1) {
        return Value::String(text);
    }
    let before = *budget;
    if let Ok(nested) = read(&text, budget, depth + 1) {
        return nested;
    }
    *budget = before;
    Value::String(text)
}

fn read(text: &str, budget: &mut Budget, depth: usize) -> serde_json::Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Node { budget, depth }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

fn fault(text: &str, error: &serde_json::Error) -> Fault {
    let line: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let message = error.to_string();
    let cut = message.rfind(" at line ").unwrap_or(message.len());
    Fault {
        position: (line + error.column().saturating_sub(1)).min(text.len()),
        message: message[..cut].to_owned(),
    }
}

/// The offset in `body` of an offset in its text, in which every broken sequence became one character of 3 bytes.
fn raw_position(body: &[u8], position: usize) -> usize {
    let (mut raw, mut left) = (0, position);
    for chunk in body.utf8_chunks() {
        let valid = chunk.valid().len();
        if left <= valid {
            return raw + left;
        }
        raw += valid + chunk.invalid().len();
        left = (left - valid).saturating_sub(char::REPLACEMENT_CHARACTER.len_utf8());
    }
    raw
}

/// Reads the value at hand; `depth` is that of the values inside it, where it is a container.
struct Node<'a> {
    budget: &'a mut Budget,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(leaf(text.to_owned(), self.budget, self.depth - 1))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::String(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::String(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::String(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::String(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::String("null".to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let Self { budget, depth } = self;
        let mut values = Vec::new();
        loop {
            if !budget.allows_depth(depth) || !budget.has_room() {
                match items.next_element::<IgnoredAny>()? {
                    Some(_) => budget.leave_out(),
                    None => break,
                }
                continue;
            }
            let Some(value) = items.next_element_seed(Node {
                budget,
                depth: depth + 1,
            })?
            else {
                break;
            };
            budget.admit(depth, b"");
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let Self { budget, depth } = self;
        let mut map = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if budget.admit(depth, name.as_bytes()) {
                let value = entries.next_value_seed(Node {
                    budget,
                    depth: depth + 1,
                })?;
                map.insert(name, value);
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::tree::Limits;

    #[test]
    fn faults_are_placed_in_the_bytes_that_came() {
        let body = b"{\"a\": \"\xff\xff\xe9\", oops}";
        let fault = parse(body, &mut Budget::new(&Limits::default())).err();
        assert_eq!(fault.map(|fault| fault.position), Some(13));
    }

    #[rstest]
    #[case::long_ids(r#"{"id": 429583657727489355}"#, json!({"id": "429583657727489355"}))]
    #[case::scalars(r#"{"a": 1.5, "b": -3, "c": false, "d": null}"#,
        json!({"a": "1.5", "b": "-3", "c": "false", "d": "null"}))]
    #[case::text_in_text(r#"{"customer": "{\"email\": \"a@b.c\", \"x\": \"[1]\"}"}"#,
        json!({"customer": {"email": "a@b.c", "x": ["1"]}}))]
    #[case::last_duplicate_wins(r#"{"a": 1, "a": 2}"#, json!({"a": "2"}))]
    fn json_becomes_text_in_a_tree(#[case] body: &str, #[case] expected: Value) {
        let tree = parse(body.as_bytes(), &mut Budget::new(&Limits::default()));
        assert_eq!(tree.map_err(|fault| fault.message), Ok(expected));
    }
}
