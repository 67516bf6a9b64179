//! The names under which a delivery is recognised when it comes again. Any match is the same event.
//!
//! | key | made of | because |
//! |---|---|---|
//! | `webhook:` | `webhookId` | one per delivery, the same when it is sent again |
//! | `body:` | SHA-256 of the bytes | where there is no id but a time within |
//! | `body:`, `@` | the same, and this or the next ten minutes | where there is neither: a contact may go through a workflow twice |

use cartlane_model::{DedupeKey, UnixMs};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Longest id that is kept as text; a longer one is replaced by its hash.
const MAX_ID_BYTES: usize = 200;
/// Like bodies without id and time that come this soon after each other are the same.
const SOON_MS: i64 = 10 * 60_000;

pub(super) fn keys(payload: &Value, sent_at: Option<UnixMs>, body: &[u8], now: UnixMs) -> Vec<DedupeKey> {
    let hash = |bytes: &[u8]| hex::encode(&Sha256::digest(bytes)[..16]);
    let id = payload.get("webhookId").and_then(Value::as_str).map(str::trim);
    match id.filter(|id| !id.is_empty()) {
        Some(id) if id.len() <= MAX_ID_BYTES => vec![DedupeKey(format!("webhook:{id}"))],
        Some(id) => vec![DedupeKey(format!("webhook:sha256:{}", hash(id.as_bytes())))],
        None if sent_at.is_some() => vec![DedupeKey(format!("body:{}", hash(body)))],
        None => {
            let (hash, span) = (hash(body), now.0.div_euclid(SOON_MS));
            let key = |span: i64| DedupeKey(format!("body:{hash}@{span}"));
            vec![key(span), key(span + 1)] // the second is met by what comes within the next span
        }
    }
}
