//! GHL's web hooks: bytes in, [`NewEvent`] out.
//!
//! ```text
//! headers, raw bytes ─ proof.rs ─► signed, unsigned or wrong
//! raw bytes ─ decode ─► catalog::events ─► kind ─┬─ facts.rs ─► person, amount, time
//!                                                └─ keys.rs  ─► dedupe keys
//! ```
//!
//! Pure: no I/O, no clock. What always holds: a signature is checked over the bytes as they came, before anything reads
//! them; a body that is JSON is never refused for what it says; what is not signed is of the kind `ghl.workflow.webhook`
//! whatever it claims to be. Start reading at [`decode`].

pub(crate) mod facts;
mod keys;
mod proof;

use cartlane_catalog::events::{self, EventKind};
use cartlane_model::{NewEvent, UnixMs};
use serde_json::Value;

pub use proof::{KeyError, Keys, Proof, Signatures};

/// What a body turned out to be.
#[derive(Debug)]
pub enum Delivery {
    /// Empty or `{}`, as people send it to try an address. It is no event.
    Ping,
    /// Something happened.
    Event(Box<Incoming>),
}

/// A delivery that could be read.
#[derive(Debug)]
pub struct Incoming {
    /// What happened.
    pub event: NewEvent,
    /// When GHL says that it sent it, or that it happened: `timestamp`.
    pub sent_at: Option<UnixMs>,
    /// Where it tells of the app itself.
    pub install: Option<Install>,
}

/// An app was installed somewhere or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// The app.
    pub app_id: String,
    /// The location, where it is about one; else it is about the whole agency.
    pub location_id: Option<String>,
    /// The agency.
    pub company_id: Option<String>,
    /// Installed, or removed.
    pub is_installed: bool,
}

/// A body that is not JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the body is not JSON: {message}; GHL's web hooks are JSON, and so must be what a workflow's Webhook action sends"
)]
pub struct DecodeError {
    message: String,
}

/// Reads a body. `now` is when it came, by which a delivery without an id is told from a like one of another day.
pub fn decode(is_signed: bool, body: &[u8], now: UnixMs) -> Result<Delivery, DecodeError> {
    if body.trim_ascii().is_empty() {
        return Ok(Delivery::Ping);
    }
    let payload: Value = serde_json::from_slice(body).map_err(|error| DecodeError {
        message: error.to_string(),
    })?;
    if payload.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(Delivery::Ping);
    }
    let kind = kind_of(is_signed, &payload);
    let install = is_signed.then(|| install(kind, &payload)).flatten();
    let sent_at = facts::sent_at(&payload);
    let dedupe_keys = keys::keys(&payload, sent_at, body, now);
    Ok(Delivery::Event(Box::new(Incoming {
        event: NewEvent {
            occurred_at: sent_at.or_else(|| facts::occurred_at(kind, &payload)),
            facts: facts::facts(kind, payload),
            dedupe_keys,
        },
        sent_at,
        install,
    })))
}

/// The event of a body that was accepted before: the same facts. What cannot be read any more is of kind `ghl.unknown`
/// without payload.
pub fn decode_stored(is_signed: bool, body: &[u8]) -> NewEvent {
    let payload: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = kind_of(is_signed, &payload);
    NewEvent {
        occurred_at: facts::sent_at(&payload).or_else(|| facts::occurred_at(kind, &payload)),
        facts: facts::facts(kind, payload),
        dedupe_keys: Vec::new(),
    }
}

/// The location that a payload is about; `None` where it is about an agency or does not say.
pub fn location(payload: &Value) -> Option<String> {
    let is_location = || facts::text(payload, "altType").is_some_and(|kind| kind == "location");
    facts::text(payload, "locationId").or_else(|| facts::text(payload, "altId").filter(|_| is_location()))
}

fn kind_of(is_signed: bool, payload: &Value) -> &'static EventKind {
    let known = if is_signed {
        events::recognise(payload).or_else(|| events::get(events::UNKNOWN))
    } else {
        events::get(events::WORKFLOW)
    };
    known.unwrap_or_else(|| panic!("the catalog has no {} or {}", events::UNKNOWN, events::WORKFLOW))
}

fn install(kind: &EventKind, payload: &Value) -> Option<Install> {
    let is_installed = match kind.kind.as_str() {
        "ghl.app.installed" => true,
        "ghl.app.uninstalled" => false,
        _ => return None,
    };
    let text = |name: &str| facts::text(payload, name);
    Some(Install {
        app_id: text("appId")?,
        location_id: text("locationId"),
        company_id: text("companyId"),
        is_installed,
    })
}
