//! One wire form from the other: for `cartlane send`, and for tests that want every payload in both.

use serde_json::Value;

use crate::form;
use crate::tree::{Budget, Limits};

/// A payload as `ThriveCart` posts it by default: PHP's `http_build_query`. Null is written as `null`; empty lists
/// and objects vanish, as they do there.
///
/// ```
/// let payload = serde_json::json!({"event": "order.success", "customer": {"name": "A B"}});
/// assert_eq!(cartlane_thrivecart::wire::to_form(&payload), "event=order.success&customer%5Bname%5D=A+B");
/// ```
pub fn to_form(payload: &Value) -> String {
    let mut out = String::new();
    write(payload, "", &mut out);
    out
}

/// The tree of a form body: what `ThriveCart`'s JSON option would have posted.
pub fn to_json(form: &str) -> Value {
    form::parse(form.as_bytes(), &mut Budget::new(&Limits::default()))
}

fn write(value: &Value, path: &str, out: &mut String) {
    let below = |key: &str| {
        let key = escape(key);
        if path.is_empty() {
            key
        } else if key.is_empty() {
            path.to_owned()
        } else {
            format!("{path}%5B{key}%5D")
        }
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| write(value, &below(key), out)),
        Value::Array(values) => {
            values
                .iter()
                .enumerate()
                .for_each(|(at, value)| write(value, &below(&at.to_string()), out));
        }
        scalar => {
            let text = scalar.as_str().map_or_else(|| scalar.to_string(), str::to_owned);
            if !out.is_empty() {
                out.push('&');
            }
            out.push_str(path);
            out.push('=');
            out.push_str(&escape(&text));
        }
    }
}

/// PHP's `urlencode`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
                out.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
            }
        }
    }
    out
}
