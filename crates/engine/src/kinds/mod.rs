//! The kinds of event that an automation can name, with what can be read of each: fields, types, a sample of each value.

mod own;

use cartlane_catalog::events;
use cartlane_flow::fields::{self, Type};
use cartlane_flow::names;
use cartlane_flow::on;
use cartlane_ghl::hooks;
use cartlane_model::{ConnectionId, ContactId, Event, EventId, EventKind, Facts, NewEvent, UnixMs};
use cartlane_thrivecart::{ContentType, decode_stored, recorded};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::{AdminError, Handle, MAIN_WORKSPACE};

/// When samples happen that do not say when: 2026-09-04T06:20:00Z.
const SOME_DAY: UnixMs = UnixMs(1_788_502_800_000);
/// Fields of a payload at the most; the longest known has about 160.
const MOST_FIELDS: usize = 500;

/// A kind of event.
#[derive(Clone, Debug, Serialize)]
pub struct KindOfEvent {
    /// What an automation writes under `on`.
    pub kind: String,
    /// Whose event it is: `thrivecart`, `ghl`, or `cartlane` where Cartlane makes it itself.
    pub source: &'static str,
    /// A few words.
    pub title: String,
    /// What there is to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Where the sample is from: `recorded`, `documented` or `inferred`, `made` as Cartlane makes it; none where there is none.
    pub origin: Option<&'static str>,
    /// What expressions can read.
    pub fields: Vec<FieldOfEvent>,
    /// The event that the fields' samples are from, as expressions read it.
    pub sample: Option<Json>,
}

/// A field of a kind of event.
#[derive(Clone, Debug, Serialize)]
pub struct FieldOfEvent {
    /// `event.payload.order.total`; `[]` stands behind a list.
    pub path: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub holds: Type,
    /// What it is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<&'static str>,
    /// Its value in the sample; null where that has none.
    pub sample: Json,
}

/// All kinds that are known, those of `ThriveCart` first, those that Cartlane makes itself last.
pub fn kinds_of_event() -> Vec<KindOfEvent> {
    let thrivecart = names::EVENT_KINDS.into_iter().map(thrivecart);
    let own = on::OWN_KINDS.into_iter().filter_map(own::kind);
    thrivecart.chain(events::all().map(ghl)).chain(own).collect()
}

/// The kind of this name.
pub fn kind_of_event(kind: &str) -> Option<KindOfEvent> {
    if names::EVENT_KINDS.contains(&kind) {
        return Some(thrivecart(kind));
    }
    own::kind(kind).or_else(|| events::get(kind).map(ghl))
}

impl Handle {
    /// The kind of a poll's events, with the fields of what the account shows now.
    ///
    /// # Errors
    /// Where it cannot be polled, or shows nothing now.
    pub async fn kind_of_poll(
        &self,
        connection: &str,
        operation: &str,
        with: &Map<String, Json>,
    ) -> Result<KindOfEvent, AdminError> {
        let samples = self.poll_samples(connection, operation, with, 1).await;
        let samples = samples.map_err(|error| AdminError::Unfit(error.to_string()))?;
        let (Some(made), Some(mut kind)) = (samples.into_iter().next(), own::kind(on::POLL_ITEM)) else {
            return Err(AdminError::Unfit(format!(
                "`{operation}` shows nothing in `{connection}` now; ask again when there is something"
            )));
        };
        let sample = event_at(SOME_DAY, made.facts());
        let mut fields = facts(Some(&sample));
        flatten("event.payload", &sample["payload"], &mut fields);
        kind.fields = fields;
        kind.sample = Some(sample);
        Ok(kind)
    }
}

fn thrivecart(kind: &str) -> KindOfEvent {
    let recorded = recorded::payload(kind);
    let origin = recorded.as_ref().map(|(_, certainty)| certainty.as_str());
    let sample = recorded.map(|(payload, _)| {
        let event = decode_stored(ContentType::Json, payload.to_string().as_bytes());
        event_of(kind, event)
    });
    let mut fields = facts(sample.as_ref());
    if let Some(sample) = &sample {
        flatten("event.payload", &sample["payload"], &mut fields);
    }
    let (noun, what) = kind.split_once('.').unwrap_or(("", kind));
    KindOfEvent {
        kind: kind.to_owned(),
        source: "thrivecart",
        title: format!("{noun}: {}", what.replace('_', " ")),
        help: None,
        origin,
        fields,
        sample,
    }
}

fn ghl(kind: &events::EventKind) -> KindOfEvent {
    let sample = kind.samples.first().map(|payload| {
        let mut payload = payload.clone();
        if let (Some(name), Some(fields)) = (&kind.vendor_type, payload.as_object_mut()) {
            fields.insert("type".to_owned(), name.as_str().into());
        }
        let is_signed = kind.kind != events::WORKFLOW;
        event_of(
            &kind.kind,
            hooks::decode_stored(is_signed, payload.to_string().as_bytes()),
        )
    });
    let mut fields = facts(sample.as_ref());
    fields.extend(kind.fields.iter().map(|field| {
        let path = format!("event.payload.{}", field.0);
        FieldOfEvent {
            sample: sample.as_ref().map_or(Json::Null, |sample| at(sample, &path)),
            holds: match field.1.as_str() {
                "string" => Type::Text,
                "number" => Type::Number,
                "boolean" => Type::Boolean,
                "array" => Type::List,
                "object" => Type::Map,
                _ => Type::Any,
            },
            help: None,
            path,
        }
    }));
    KindOfEvent {
        kind: kind.kind.clone(),
        source: "ghl",
        title: kind.title.clone(),
        help: Some(kind.help.clone()),
        origin: sample.as_ref().map(|_| "documented"),
        fields,
        sample,
    }
}

/// The sample as expressions read it.
fn event_of(kind: &str, sample: NewEvent) -> Json {
    let occurred_at = sample.occurred_at.unwrap_or(SOME_DAY);
    let mut facts = sample.facts;
    facts.kind = EventKind(kind.to_owned());
    event_at(occurred_at, facts)
}

/// The event with these facts as expressions read it.
fn event_at(occurred_at: UnixMs, facts: Facts) -> Json {
    json!(Event {
        id: EventId::from_u128(1),
        workspace_id: MAIN_WORKSPACE,
        connection_id: ConnectionId::from_u128(1),
        contact_id: Some(ContactId::from_u128(1)),
        received_at: occurred_at.plus_ms(1_500),
        occurred_at,
        facts,
    })
}

/// What every event has, with the values of this one.
fn facts(sample: Option<&Json>) -> Vec<FieldOfEvent> {
    let field = |field: &fields::Field| FieldOfEvent {
        path: field.path.to_owned(),
        holds: field.holds,
        help: Some(field.help),
        sample: sample.map_or(Json::Null, |sample| at(sample, field.path)),
    };
    fields::EVENT.iter().map(field).collect()
}

/// The value at `event.items[].name`: of a list the first.
fn at(event: &Json, path: &str) -> Json {
    let mut value = event;
    for part in path.split('.').skip(1) {
        let (name, is_list) = match part.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (part, false),
        };
        value = &value[name];
        if is_list {
            value = &value[0];
        }
    }
    value.clone()
}

/// Adds the leaves of a payload.
fn flatten(path: &str, value: &Json, fields: &mut Vec<FieldOfEvent>) {
    match value {
        Json::Object(map) if !map.is_empty() => {
            map.iter()
                .for_each(|(name, value)| flatten(&format!("{path}.{name}"), value, fields));
        }
        Json::Array(list) if list.first().is_some_and(Json::is_object) => {
            flatten(&format!("{path}[]"), &list[0], fields);
        }
        _ if fields.len() >= MOST_FIELDS => {}
        _ => fields.push(FieldOfEvent {
            path: path.to_owned(),
            holds: match value {
                Json::String(_) => Type::Text,
                Json::Number(_) => Type::Number,
                Json::Bool(_) => Type::Boolean,
                Json::Array(_) => Type::List,
                Json::Object(_) => Type::Map,
                Json::Null => Type::Any,
            },
            help: None,
            sample: value.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_typed_fields_and_known_samples_fill_them() {
        let kinds = kinds_of_event();
        assert_eq!(
            kinds.len(),
            names::EVENT_KINDS.len() + events::all().count() + on::OWN_KINDS.len()
        );
        for kind in &kinds {
            assert!(kind.fields.len() >= fields::EVENT.len(), "{}", kind.kind);
            assert_eq!(kind.sample.is_some(), kind.origin.is_some(), "{}", kind.kind);
            if let Some(sample) = &kind.sample {
                assert_eq!(sample["kind"], kind.kind.as_str());
            }
        }
    }

    #[test]
    fn what_cartlane_makes_itself_is_known_with_a_sample_of_every_field_of_its_payload() {
        for kind in on::OWN_KINDS {
            let known = kind_of_event(kind).unwrap_or_else(|| panic!("{kind}"));
            let payload = known.sample.as_ref().expect("a sample")["payload"].clone();
            let fields: Vec<_> = known
                .fields
                .iter()
                .filter_map(|field| field.path.strip_prefix("event.payload."))
                .collect();
            for name in payload.as_object().expect("a map").keys() {
                let is_it = |field: &&str| field.split('.').next() == Some(name.as_str());
                assert!(fields.iter().any(is_it), "{kind}: {name}");
            }
        }
        let due = kind_of_event("schedule.due").expect("a known kind");
        let at = due
            .fields
            .iter()
            .find(|field| field.path == "event.payload.due_at");
        assert_eq!(at.map(|field| field.holds), Some(Type::Moment));
    }

    #[test]
    fn the_samples_of_an_order_are_those_of_the_recorded_one() {
        let order = kind_of_event("order.success").expect("a known kind");
        let sample = |path: &str| {
            let field = order.fields.iter().find(|field| field.path == path);
            field.unwrap_or_else(|| panic!("{path}")).sample.clone()
        };
        assert_eq!(sample("event.person.email"), "buyer1@example.com");
        assert_eq!(sample("event.items[].name"), "Alpha & Omega Plan Pro");
        assert_eq!(
            sample("event.amount"),
            json!({"minor": 499_700, "currency": "USD"})
        );
        assert_eq!(sample("event.payload.order.total"), "499700");
        assert_eq!(sample("event.coupon"), Json::Null);
    }

    #[test]
    fn the_fields_of_a_ghl_event_are_the_catalogs_with_its_sample() {
        let created = kind_of_event("ghl.contact.created").expect("a known kind");
        let email = created
            .fields
            .iter()
            .find(|field| field.path == "event.payload.email");
        let email = email.expect("an e-mail");
        assert_eq!(email.holds, Type::Text);
        assert!(email.sample.is_string(), "{email:?}");
        assert!(kind_of_event("ghl.contact.creatd").is_none());
    }
}
