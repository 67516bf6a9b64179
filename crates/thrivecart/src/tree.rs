//! The one nested model of a body: objects, arrays and text.
//!
//! Both wire forms end here. Every scalar is text (`true`, `12.5` and `null` too: that is how the form writes them),
//! so an expression needs one spelling for one value whatever checkbox is set in `ThriveCart`.

use serde_json::Value;

/// The key that counts what was left out of a tree because of its [`Limits`].
pub(crate) const BEYOND_LIMITS: &str = "_beyond_limits";

/// Top-level keys that are read wherever they stand, past the cap on keys too: without them a delivery has no sender.
const ESSENTIAL: [&[u8]; 3] = [b"event", b"thrivecart_account", b"thrivecart_secret"];

/// Bounds on what one body may grow to. Only the first refuses; past the others, values are counted and left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest body, in bytes.
    pub body_bytes: usize,
    /// Most values in a tree. PHP itself stops at 1,000 by default; the fullest known order has 130.
    pub keys: usize,
    /// Deepest nesting: `order[charges][0][name]` is 4. The deepest known is 4.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            keys: 2000,
            depth: 16,
        }
    }
}

/// What is left of the limits while one tree is read.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    keys_left: usize,
    depth: usize,
    beyond: usize,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            keys_left: limits.keys,
            depth: limits.depth,
            beyond: 0,
        }
    }

    /// Whether one more value at `depth` (1 is the top level) may be kept; what may not is counted.
    pub(crate) fn admit(&mut self, depth: usize, name: &[u8]) -> bool {
        if depth > self.depth {
            self.beyond += 1;
            return false;
        }
        if self.keys_left > 0 {
            self.keys_left -= 1;
            return true;
        }
        let kept = depth == 1 && ESSENTIAL.contains(&name);
        self.beyond += usize::from(!kept);
        kept
    }

    /// How many values were left out.
    pub(crate) fn beyond(&self) -> usize {
        self.beyond
    }

    /// Whether containers at this depth may hold anything.
    pub(crate) fn allows_depth(&self, depth: usize) -> bool {
        depth <= self.depth
    }

    /// Whether one more value may be kept, were it not too deep.
    pub(crate) fn has_room(&self) -> bool {
        self.keys_left > 0
    }

    /// Counts one value that was left out.
    pub(crate) fn leave_out(&mut self) {
        self.beyond += 1;
    }
}

/// Text that says something: trimmed, and neither empty nor the text `null`, which is how `ThriveCart` writes null.
pub(crate) fn present(text: &str) -> Option<&str> {
    let is_graphic = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let is_tight = is_graphic(text.as_bytes().first()) && is_graphic(text.as_bytes().last());
    let text = if is_tight { text } else { text.trim() }; // the former is nearly all text
    (!text.is_empty() && text != "null").then_some(text)
}

/// The text of a value, where it is a scalar (or a scalar that a nested key was added to) and says something.
pub(crate) fn scalar(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => present(text),
        Value::Object(map) => map.get("").and_then(Value::as_str).and_then(present),
        _ => None,
    }
}

/// The text under `key`.
pub(crate) fn text<'a>(tree: &'a Value, key: &str) -> Option<&'a str> {
    scalar(tree.get(key)?)
}

/// The first of `keys` that says something.
pub(crate) fn first_text<'a>(tree: &'a Value, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| text(tree, key))
}

/// The elements of a list, however its keys came: PHP's sparse arrays are objects here.
pub(crate) fn elements(list: &Value) -> Vec<&Value> {
    match list {
        Value::Array(values) => values.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

/// Whether nothing in it says anything: `[null]` and `[""]` are how PHP's empty arrays come out.
pub(crate) fn is_blank(value: &Value) -> bool {
    match value {
        Value::String(text) => present(text).is_none(),
        Value::Array(values) => values.iter().all(is_blank),
        Value::Object(map) => map.values().all(is_blank),
        _ => true,
    }
}
