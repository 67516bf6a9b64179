//! The payloads that automations are tried on.

use std::path::Path;

use anyhow::{Context, bail};
use cartlane_catalog::events;
use cartlane_engine::Sender;
use cartlane_thrivecart::{recorded, wire};
use serde_json::{Map, Value};

/// Who stands in for the person where a payload names nobody.
const NOBODY: &str = "test@example.com";

/// Where ThriveCart's payloads have the person's e-mail.
const EMAILS: [&str; 3] = ["customer.email", "viewer.email", "current_email"];

/// One payload.
#[derive(Clone, Debug)]
pub struct Payload {
    /// Whose it is.
    pub sender: Sender,
    /// The kind of event that it becomes, as far as that is known.
    pub kind: String,
    /// Where it is from, for people.
    pub origin: String,
    /// What is delivered.
    pub body: Value,
}

impl Payload {
    /// The payload of a kind; `None` where there is none, as for what no web hook tells.
    pub fn of_kind(kind: &str) -> Option<Self> {
        if let Some(known) = events::get(kind) {
            let mut body = known.samples.first()?.clone();
            if let Some(name) = &known.vendor_type {
                body["type"] = name.as_str().into();
            }
            return Some(Self {
                sender: Sender::Ghl,
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
            sender: Sender::ThriveCart,
            kind: kind.to_owned(),
            origin: origin.into(),
            body,
        })
    }

    /// The payload in a file: a form or JSON of ThriveCart's, or JSON of GHL's.
    pub fn of_file(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let body: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))?
        } else {
            wire::to_json(text.trim_end())
        };
        let origin = path.display().to_string();
        if let Some(event) = body["event"].as_str().filter(|_| body["type"].is_null()) {
            return Ok(Self {
                sender: Sender::ThriveCart,
                kind: cartlane_thrivecart::kind(event).into_owned(),
                origin,
                body,
            });
        }
        let Some(kind) = events::recognise(&body) else {
            bail!("{origin} is no event of ThriveCart (`event`) or GoHighLevel (`type`)");
        };
        Ok(Self {
            sender: Sender::Ghl,
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
    use serde_json::json;

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
            (Sender::ThriveCart, "buyer1@example.com")
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
