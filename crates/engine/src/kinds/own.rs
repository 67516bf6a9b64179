//! The kinds of event that Cartlane makes itself.

use cartlane_flow::fields::Type;
use cartlane_flow::on::{self, Ended};
use cartlane_model::{AutomationId, EventId, EventKind, Facts, Person, RunId};
use cartlane_thrivecart::{ContentType, decode_stored, recorded};
use serde_json::json;

use super::{FieldOfEvent, KindOfEvent, SOME_DAY, at, event_at};

/// A field of the payload: its path there, what it holds, what it is.
type Known = (&'static str, Type, &'static str);

const OF_POLLS: &[Known] = &[
    ("operation", Type::Text, "What was asked"),
    ("change", Type::Text, "new, changed, existing"),
    ("item", Type::Map, "The whole item, as the operation answers it"),
    ("poll", Type::Text, "The poll that saw it"),
];
const OF_SCHEDULES: &[Known] = &[
    ("cron", Type::Text, "The schedule"),
    ("zone", Type::Text, "Whose clocks count"),
    ("due_at", Type::Moment, "When it was due"),
    (
        "missed",
        Type::Number,
        "How many times had passed while no server ran",
    ),
    ("schedule", Type::Text, "The id of the schedule"),
];
const OF_ENDS: &[Known] = &[
    ("automation", Type::Text, "The automation that ended"),
    ("automation_id", Type::Text, "Its id"),
    ("run", Type::Text, "The id of the run"),
    ("outcome", Type::Text, "done, failed, skipped"),
    ("code", Type::Text, "The code of the error"),
    ("reason", Type::Text, "Why, for people"),
    ("event.id", Type::Text, "The event that the run was about"),
    ("event.kind", Type::Text, "Its kind"),
    ("event.payload", Type::Any, "Its payload"),
];

/// A kind that Cartlane makes itself.
pub(super) fn kind(kind: &str) -> Option<KindOfEvent> {
    let order = || {
        let (payload, _) = recorded::payload("order.success")?;
        Some(decode_stored(ContentType::Json, payload.to_string().as_bytes()).facts)
    };
    let mut facts = order()?;
    let (title, write, known, payload): (_, _, &[Known], _) = match (kind, Ended::of_kind(kind)) {
        (on::POLL_ITEM, _) => {
            let item = json!({"id": "zvlZ6MRqCcXMUnxuYUQY", "email": facts.person.email, "tags": ["buyer"]});
            let payload =
                json!({"operation": "ghl.contacts.search", "change": "new", "item": item, "poll": "0f6c2a"});
            facts = only_person(facts);
            ("poll: new or changed", "poll: {operation: …}", OF_POLLS, payload)
        }
        (on::SCHEDULE_DUE, _) => {
            facts = only_person(facts);
            facts.person = Person::default();
            let payload = json!({"cron": "0 9 * * 1", "zone": "Europe/Berlin", "due_at": SOME_DAY, "missed": 0, "schedule": "0f6c2a"});
            (
                "schedule: due",
                "schedule: {cron: …, zone: …}",
                OF_SCHEDULES,
                payload,
            )
        }
        (on::MANUAL_RUN, _) => {
            let known: &[Known] = &[("reason", Type::Any, "Whatever the given event's payload has")];
            ("by hand", "manual", known, json!({"reason": "asked for"}))
        }
        (_, Some(ended)) => {
            let (code, reason) = match ended {
                Ended::Done => (None, None),
                Ended::Failed => (Some("ghl.rejected"), Some("GHL refused it")),
                Ended::Skipped => (None, Some("its condition is not met: event.person.email")),
            };
            let payload = json!({
                "automation": "Sync customers", "automation_id": AutomationId::from_u128(1), "run": RunId::from_u128(1),
                "outcome": kind.strip_prefix("automation.").unwrap_or_default(), "code": code, "reason": reason,
                "event": {"id": EventId::from_u128(2), "kind": facts.kind, "payload": facts.payload},
            });
            let title = match ended {
                Ended::Done => "automation: done",
                Ended::Failed => "automation: failed",
                Ended::Skipped => "automation: skipped",
            };
            (title, "automation: {name: …}", OF_ENDS, payload)
        }
        _ => return None,
    };
    facts.kind = EventKind(kind.to_owned());
    facts.payload = payload;
    let sample = event_at(SOME_DAY, facts);
    let mut fields = super::facts(Some(&sample));
    fields.extend(known.iter().map(|(name, holds, help)| {
        let path = format!("event.payload.{name}");
        FieldOfEvent {
            sample: at(&sample, &path),
            holds: *holds,
            help: Some(help),
            path,
        }
    }));
    Some(KindOfEvent {
        kind: kind.to_owned(),
        source: "cartlane",
        title: title.to_owned(),
        help: Some(format!("Under `on` it is written as `{write}`.")),
        origin: Some("made"),
        fields,
        sample: Some(sample),
    })
}

/// The facts without all that is about an order.
fn only_person(facts: Facts) -> Facts {
    Facts {
        mode: None,
        items: Vec::new(),
        amount: None,
        order_id: None,
        invoice_id: None,
        coupon: None,
        subscription: None,
        ..facts
    }
}
