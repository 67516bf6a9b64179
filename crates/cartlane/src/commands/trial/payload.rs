//! The payloads that automations are tried on.

use std::path::Path;

use anyhow::{Context, bail};
use cartlane_catalog::events;
use cartlane_engine::Sender;
use cartlane_flow::on::{self, On};
use cartlane_model::Clock as _;
use cartlane_thrivecart::{ContentType, decode_stored, recorded, wire};
use serde_json::{Map, Value, json};

use crate::clock::SystemClock;

/// Who stands in for the person where a payload names nobody.
const NOBODY: &str = "test@example.com";

/// Where ThriveCart's payloads have the person's e-mail.
const EMAILS: [&str; 4] = ["person.email", "customer.email", "viewer.email", "current_email"];

/// One payload.
#[derive(Clone, Debug)]
pub struct Payload {
    /// Whose it is; `None` for an event that Cartlane makes itself.
    pub sender: Option<Sender>,
    /// The kind of event that it becomes, as far as that is known.
    pub kind: String,
    /// Where it is from, for people.
    pub origin: String,
    /// What is delivered; of our own events their fields, without the kind.
    pub body: Value,
}

/// What a poll's event is on that nobody has given.
pub const FIRST_OF_POLL: &str = "the first thing that is there";

impl Payload {
    /// The payload of what starts an automation; `None` where there is none.
    pub fn of(on: &On) -> Option<Self> {
        let (origin, body) = match on {
            On::Event(kind) => return Self::of_kind(kind),
            On::Manual => ("made up", json!({"person": {"email": NOBODY}})),
            On::Schedule(schedule) => (
                "made up",
                json!({"payload": {"cron": schedule.cron, "zone": schedule.zone(), "due_at": SystemClock.now(), "missed": 0}}),
            ),
            On::Poll(poll) => (
                FIRST_OF_POLL,
                json!({"payload": {"operation": poll.operation, "inputs": poll.with}}),
            ),
            On::Automation(outcome) => {
                let (recorded, _) = recorded::payload("order.success")?;
                let facts = decode_stored(ContentType::Json, recorded.to_string().as_bytes()).facts;
                let payload = json!({
                    "automation": outcome.name, "outcome": on.kind().trim_start_matches("automation."),
                    "event": {"kind": facts.kind, "payload": facts.payload},
                });
                let mut body = json!(facts);
                body["payload"] = payload;
                if let Some(fields) = body.as_object_mut() {
                    fields.remove("kind");
                }
                ("made up, after a recorded order", body)
            }
        };
        Some(Self {
            sender: None,
            kind: on.kind().to_owned(),
            origin: origin.into(),
            body,
        })
    }

    /// The event that an engine is given, where it is one of our own.
    pub fn own(&self) -> Value {
        let mut event = self.body.clone();
        event["kind"] = self.kind.as_str().into();
        event
    }

    /// The payload of a kind that is sent; `None` where there is none, as for what no web hook tells.
    pub fn of_kind(kind: &str) -> Option<Self> {
        if let Some(known) = events::get(kind) {
            let mut body = known.samples.first()?.clone();
            if let Some(name) = &known.vendor_type {
                body["type"] = name.as_str().into();
            }
            return Some(Self {
                sender: Some(Sender::Ghl),
                kind: kind.to_owned(),
                origin: "GoHighLevel's sample".into(),
                body,
            });
        }
        let (body, certainty) = recorded::payload(kind)?;
        let origin = match certainty {
            recorded::Certainty::Recorded => "recorded",
            recorded::Certainty::Documented => "documented",
            recorded::Certainty::Inferred => "inferred: nobody has published one",
        };
        Some(Self {
            sender: Some(Sender::ThriveCart),
            kind: kind.to_owned(),
            origin: origin.into(),
            body,
        })
    }

    /// The payload in a file: a form or JSON of ThriveCart's, JSON of GHL's, or an event of our own as JSON with its `kind`.
    pub fn of_file(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let body: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))?
        } else {
            wire::to_json(text.trim_end())
        };
        let origin = path.display().to_string();
        if let Some(kind) = body["kind"].as_str().filter(|kind| on::is_own_kind(kind)) {
            let (kind, mut body) = (kind.to_owned(), body.clone());
            if let Some(fields) = body.as_object_mut() {
                fields.remove("kind");
            }
            return Ok(Self {
                sender: None,
                kind,
                origin,
                body,
            });
        }
        if let Some(event) = body["event"].as_str().filter(|_| body["type"].is_null()) {
            return Ok(Self {
                sender: Some(Sender::ThriveCart),
                kind: cartlane_thrivecart::kind(event).into_owned(),
                origin,
                body,
            });
        }
        let Some(kind) = events::recognise(&body) else {
            bail!(
                "{origin} is no event of ThriveCart (`event`), GoHighLevel (`type`) or Cartlane itself (`kind`)"
            );
        };
        Ok(Self {
            sender: Some(Sender::Ghl),
            kind: kind.kind.clone(),
            origin,
            body,
        })
    }

    /// Changes values by their dotted paths.
    pub fn set(&mut self, values: &Map<String, Value>) {
        for (path, value) in values {
            *place(&mut self.body, path) = value.clone();
        }
    }

    /// The e-mail of the person whom it is about.
    pub fn email(&self) -> String {
        let paths: Vec<&str> = match events::get(&self.kind) {
            Some(kind) => kind.email.iter().map(String::as_str).collect(),
            None => EMAILS.to_vec(),
        };
        let email = paths
            .into_iter()
            .find_map(|path| events::at(&self.body, path)?.as_str());
        email.unwrap_or(NOBODY).to_owned()
    }

    /// Makes it one about the same person and appointment as `other`.
    pub fn follow(&mut self, other: &Self) {
        self.set_email(&other.email());
        let path = events::get(&other.kind).and_then(|kind| kind.contact.first());
        let contact = path.and_then(|path| events::at(&other.body, path)?.as_str());
        if let Some(contact) = contact {
            self.set_contact(contact);
        }
        let appointment = &other.body["appointment"]["id"];
        if self.body["appointment"].is_object() && appointment.is_string() {
            self.body["appointment"]["id"] = appointment.clone();
        }
    }

    fn set_email(&mut self, email: &str) {
        let path = match events::get(&self.kind) {
            Some(kind) => kind.email.first().map(String::as_str),
            None => EMAILS
                .into_iter()
                .find(|path| events::at(&self.body, path).is_some()),
        };
        if let Some(path) = path {
            *place(&mut self.body, path) = email.into();
        }
    }

    /// Puts GHL's id of the contact where the payload has it.
    pub fn set_contact(&mut self, id: &str) {
        let Some(path) = events::get(&self.kind).and_then(|kind| kind.contact.first()) else {
            return;
        };
        *place(&mut self.body, path) = id.into();
    }
}

/// The place at a dotted path; what is missing on the way is made.
fn place<'v>(value: &'v mut Value, path: &str) -> &'v mut Value {
    path.split('.').fold(value, |value, name| {
        if !value.is_object() {
            *value = Value::Object(Map::new());
        }
        &mut value[name]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_of_both_sides_are_found_by_kind_and_changed_by_path() {
        let mut booked = Payload::of_kind("ghl.appointment.created").expect("a sample");
        booked.set_contact("c1");
        booked.set(
            json!({"appointment.startTime": "2040-01-01T00:00:00Z"})
                .as_object()
                .expect("a map"),
        );
        assert_eq!(booked.body["appointment"]["contactId"], "c1");
        assert_eq!(booked.body["appointment"]["startTime"], "2040-01-01T00:00:00Z");
        let order = Payload::of_kind("order.success").expect("recorded");
        assert_eq!(
            (order.sender, order.email().as_str()),
            (Some(Sender::ThriveCart), "buyer1@example.com")
        );
        let mut cancelled = Payload::of_kind("ghl.appointment.deleted").expect("a sample");
        cancelled.follow(&booked);
        assert_eq!(cancelled.body["appointment"]["contactId"], "c1");
        let mut refund = Payload::of_kind("order.refund").expect("documented");
        refund.follow(&order);
        assert_eq!(refund.email(), "buyer1@example.com");
        assert!(Payload::of_kind("schedule.due").is_none());
    }
}
