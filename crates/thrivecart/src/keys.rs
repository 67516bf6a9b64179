//! The names under which a delivery is recognised when it comes again. Any match is the same event.
//!
//! | key | made of | because |
//! |---|---|---|
//! | `webhook:` | `webhook_id` | one per delivery, the same in its retries; newer than 2025 |
//! | `event:` | family, `event_id` | tied to a transaction record, hence scoped by family |
//! | `fact:` | family, order, invoice, items, moment | the same fact by the other vocabulary or a poll |
//! | `body:` | SHA-256 of the canonical tree | when nothing better is there |
//!
//! An order's id alone is never a key: a subscription keeps it for life. Nor is the body where a delivery has an id
//! but no time, for two failed payments of one subscription may then differ in nothing else.

use cartlane_model::{DedupeKey, Facts, UnixMs};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{kinds, mask, tree};

/// Longest key that is kept as text; a longer one is replaced by its hash.
const MAX_KEY_BYTES: usize = 200;

/// All keys of an event, strongest first. `hashed` are the bytes that stand for its body.
pub(crate) fn keys(
    name: Option<&str>,
    facts: &Facts,
    moment: Option<UnixMs>,
    hashed: &[u8],
) -> Vec<DedupeKey> {
    let kind = facts.kind.as_str();
    // An order's items are one event each under one kind; their names tell them apart.
    let family = if kind == kinds::ITEM_PAYMENT {
        name.unwrap_or(kind)
    } else {
        kind
    };
    let webhook_id = tree::text(&facts.payload, "webhook_id");
    let mut keys = Vec::with_capacity(4);
    if let Some(id) = webhook_id {
        keys.push(bounded("webhook:", id));
    }
    if let Some(id) = tree::text(&facts.payload, "event_id") {
        keys.push(bounded("event:", &format!("{family}:{id}")));
    }
    if let Some(fact) = moment.and_then(|moment| fact(family, facts, moment)) {
        keys.push(bounded("fact:", &fact));
    }
    if webhook_id.is_none() || moment.is_some() {
        keys.push(DedupeKey(format!("body:{}", short_hash(hashed))));
    }
    keys
}

/// What happened, to what, when. An order succeeds once, so there the items (of which vocabularies and polls
/// disagree) stay out; for the rest they must be known, since one moment may see two refunds of one order.
fn fact(family: &str, facts: &Facts, moment: UnixMs) -> Option<String> {
    let order = facts.order_id.as_deref()?;
    let seconds = moment.0.div_euclid(1000);
    if family == "order.success" {
        return Some(format!("{family}|{order}|{seconds}"));
    }
    let mut items: Vec<String> = facts.items.iter().map(cartlane_model::Item::key).collect();
    items.sort();
    let invoice = facts.invoice_id.as_deref().unwrap_or_default();
    (!items.is_empty()).then(|| format!("{family}|{order}|{invoice}|{}|{seconds}", items.join(",")))
}

fn bounded(prefix: &str, text: &str) -> DedupeKey {
    if text.len() <= MAX_KEY_BYTES {
        DedupeKey(format!("{prefix}{text}"))
    } else {
        DedupeKey(format!("{prefix}sha256:{}", short_hash(text.as_bytes())))
    }
}

fn short_hash(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..16])
}

/// A tree's bytes, the same for both wire forms and for every retry: keys in order, lists as objects with indexes,
/// nothing that says nothing, and neither the secret nor the delivery's own id. Lengths before texts make it
/// unambiguous.
pub(crate) fn canonical(tree: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    write(tree, true, &mut out);
    out
}

fn write(value: &Value, top: bool, out: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&str, &Value)> =
                map.iter().map(|(key, value)| (key.as_str(), value)).collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push(b'{');
            for (key, value) in entries {
                if !(top && matches!(key, mask::FIELD | "webhook_id")) {
                    write_entry(key, value, out);
                }
            }
            out.push(b'}');
        }
        Value::Array(values) => {
            let mut indexes: Vec<(String, &Value)> = values
                .iter()
                .enumerate()
                .map(|(at, value)| (at.to_string(), value))
                .collect();
            indexes.sort_unstable_by(|left, right| left.0.cmp(&right.0));
            out.push(b'{');
            for (index, value) in indexes {
                write_entry(&index, value, out);
            }
            out.push(b'}');
        }
        scalar => write_text(scalar.as_str().unwrap_or_default(), out),
    }
}

fn write_entry(key: &str, value: &Value, out: &mut Vec<u8>) {
    if let Value::String(text) = value {
        if let Some(text) = tree::present(text) {
            write_text(key, out);
            write_text(text, out);
        }
        return;
    }
    let before = out.len();
    write_text(key, out);
    let start = out.len();
    write(value, false, out);
    if &out[start..] == b"{}" {
        out.truncate(before);
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}
