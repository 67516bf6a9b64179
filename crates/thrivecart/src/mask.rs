//! Taking the secret out of a body before anything keeps it.
//!
//! Its own field is always masked. Where the same text stands elsewhere too (a field that repeats the payload as JSON
//! text), it is masked there as well, in whatever spelling; all other bytes stay as they came.

mod form;
mod json;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::ContentType;

/// The field that carries the secret.
pub(crate) const FIELD: &str = "thrivecart_secret";

/// What stands in the secret's place.
pub(crate) const MASK: &str = "***";

/// A shorter text is masked in its own field only: it would stand by chance in too many others. Real secrets have 12
/// characters.
const MIN_SECRET_BYTES: usize = 6;

/// Whether decoded text holds the secret.
pub(crate) fn holds(text: &[u8], secret: &str) -> bool {
    secret.len() >= MIN_SECRET_BYTES && memchr::memmem::find(text, secret.as_bytes()).is_some()
}

/// Whether raw bytes hold the secret more than once.
pub(crate) fn holds_twice(raw: &[u8], secret: &str) -> bool {
    secret.len() >= MIN_SECRET_BYTES && memchr::memmem::find_iter(raw, secret.as_bytes()).nth(1).is_some()
}

/// Masks the secret's own field in a tree.
pub(crate) fn tree_field(tree: &mut Value) {
    if let Some(value) = tree.get_mut(FIELD) {
        *value = Value::String(MASK.to_owned());
    }
}

/// A copy of a raw body with its secret field masked, and the text `everywhere` wherever it stands.
pub(crate) fn body(content_type: ContentType, raw: &[u8], everywhere: Option<&str>) -> Vec<u8> {
    let everywhere = everywhere.filter(|secret| secret.len() >= MIN_SECRET_BYTES);
    let needles = everywhere.map(spellings).unwrap_or_default();
    let (start, end) = crate::decode::bounds(raw);
    let mut out = Vec::with_capacity(raw.len());
    out.extend_from_slice(&raw[..start]);
    match content_type {
        ContentType::Form => form::mask(&raw[start..end], &needles, &mut out),
        ContentType::Json => json::mask(&raw[start..end], &needles, &mut out),
    }
    out.extend_from_slice(&raw[end..]);
    out
}

/// The secret as it may stand in decoded text: itself, and inside JSON text as PHP and others escape it.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let quoted = Value::String(secret.to_owned()).to_string();
    let escaped = quoted[1..quoted.len() - 1].to_owned();
    let php = escaped.replace('/', "\\/");
    let mut spellings: Vec<Vec<u8>> = [secret.to_owned(), escaped, php]
        .into_iter()
        .map(String::into_bytes)
        .collect();
    spellings.dedup();
    spellings
}

/// Decoded text in which every byte knows where its spelling ends in the raw bytes.
#[derive(Default)]
struct Spelled {
    text: Vec<u8>,
    /// `starts[i]..starts[i + 1]` spells `text[i]`, once closed.
    starts: Vec<usize>,
}

impl Spelled {
    fn clear(&mut self) {
        self.text.clear();
        self.starts.clear();
    }

    fn push(&mut self, byte: u8, start: usize) {
        self.text.push(byte);
        self.starts.push(start);
    }

    /// Appends `raw[from..to]`, which spells this text, with the needles masked.
    fn write_masked(&mut self, raw: &[u8], from: usize, to: usize, needles: &[Vec<u8>], out: &mut Vec<u8>) {
        self.starts.push(to);
        let (mut at, mut copied) = (0, from);
        while at < self.text.len() {
            let found = needles
                .iter()
                .find(|needle| !needle.is_empty() && self.text[at..].starts_with(needle));
            let Some(needle) = found else {
                at += 1;
                continue;
            };
            out.extend_from_slice(&raw[copied..self.starts[at]]);
            out.extend_from_slice(MASK.as_bytes());
            at += needle.len();
            copied = self.starts[at];
        }
        out.extend_from_slice(&raw[copied..to]);
    }
}
