//! Appointments: book, read, move.

use serde_json::{Map, Value, json};

use super::agenda::{members, takes_time};
use super::moment::{self, Span};
use super::{APPOINTMENT, CALENDAR, fill, given, is_set, slots};
use crate::accounts::Scene;
use crate::contacts::Contact;
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};
use crate::store::Store;

/// What says how to book, and is no part of the appointment.
const ORDERS: [&str; 4] = [
    "ignoreDateRange",
    "ignoreFreeSlotValidation",
    "overrideLocationConfig",
    "toNotify",
];

/// GET /calendars/events/appointments/{id}: under `appointment`, although the description says `event`.
pub(super) fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let appointment = find(scene, scene.param(0))?;
    Ok(Done::read(
        json!({"appointment": view(scene.store, &appointment)}),
    ))
}

/// POST /calendars/events/appointments
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    let calendar = super::find(scene, given(scene, "calendarId").unwrap_or_default())?;
    let contact = scene.contact(given(scene, "contactId").unwrap_or_default())?;
    let start_ms = moment::in_body(scene, "startTime")?.unwrap_or_default();
    let slot = slots::of(&calendar, start_ms);
    let span = Span {
        end_ms: moment::in_body(scene, "endTime")?.unwrap_or(slot.end_ms),
        ..slot
    };
    let span = span.check()?;
    let user = slots::take(scene, &calendar, span, given(scene, "assignedUserId"), None)?;
    let facts = facts(scene);
    let mut appointment = scene.document_of(&location, &facts);
    give_end(&mut appointment, span);
    if let Some(user) = user {
        appointment
            .fields
            .insert("assignedUserId".to_owned(), json!(user));
    }
    let defaults = defaults(&calendar, &contact, &appointment);
    fill(&mut appointment.fields, &defaults);
    Ok(keep(
        scene,
        appointment,
        "appointment_created",
        &json!(scene.body),
    ))
}

/// PUT /calendars/events/appointments/{id}: moved without a new end, it keeps its length.
pub(super) fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let old = find(scene, scene.param(0))?;
    let was = Span::of(&old).unwrap_or_default();
    let start_ms = moment::in_body(scene, "startTime")?.unwrap_or(was.start_ms);
    let moved_ms = start_ms.saturating_add(was.length_ms());
    let span = Span {
        start_ms,
        end_ms: moment::in_body(scene, "endTime")?.unwrap_or(moved_ms),
    };
    let span = span.check()?;
    let mut appointment = old.clone();
    let written = appointment.apply(&facts(scene), scene.now);
    give_end(&mut appointment, span);
    let calendar = super::find(scene, appointment.text("calendarId").unwrap_or_default())?;
    let is_moved = ["startTime", "endTime", "calendarId", "assignedUserId"]
        .iter()
        .any(|name| written.contains_key(*name));
    if takes_time(&appointment) && (is_moved || !takes_time(&old)) {
        let kept = old
            .text("assignedUserId")
            .filter(|_| old.text("calendarId") == Some(&calendar.id));
        let user = given(scene, "assignedUserId").or(kept);
        if let Some(user) = slots::take(scene, &calendar, span, user, Some(&old.id))? {
            appointment
                .fields
                .insert("assignedUserId".to_owned(), json!(user));
        }
    }
    Ok(keep(scene, appointment, "appointment_updated", &json!(written)))
}

/// The appointment of this id; 400 where there is none.
pub(super) fn find(scene: &Scene<'_>, id: &str) -> Result<Document, Reply> {
    scene.document(APPOINTMENT, "Appointment", id)
}

/// The log's record: the appointment as it is now, and what of it was `written`.
pub(super) fn effect(store: &Store, kind: &'static str, appointment: &Document, written: &Value) -> Effect {
    let contact_id = appointment.text("contactId").unwrap_or_default();
    let detail = json!({"appointment": view(store, appointment), "written": written});
    Effect::new(kind, contact_id, detail)
}

/// An appointment as reads and events have it.
pub(super) fn view(store: &Store, appointment: &Document) -> Value {
    let mut view = bare(appointment);
    let calendar = appointment.text("calendarId");
    let calendar = calendar.and_then(|id| store.documents.get(CALENDAR, id));
    if let Some(group) = calendar.and_then(|calendar| calendar.text("groupId")) {
        view.insert("groupId".to_owned(), json!(group));
    }
    let team = calendar.filter(|calendar| calendar.text("calendarType") == Some("collective"));
    let users = match (team, appointment.text("assignedUserId")) {
        (Some(calendar), _) => members(calendar),
        (None, user) => user.map(str::to_owned).into_iter().collect(),
    };
    let notes = appointment.text("description").unwrap_or_default();
    for (name, value) in [
        ("users", json!(users)),
        ("notes", json!(notes)),
        ("source", json!("third_party")),
        ("createdBy", json!({"source": "third_party"})),
        ("assignedResources", json!([])),
        ("dateAdded", json!(appointment.added_at.to_string())),
        ("dateUpdated", json!(appointment.updated_at.to_string())),
    ] {
        view.insert(name.to_owned(), value);
    }
    Value::Object(view)
}

/// An appointment as writes have it.
fn bare(appointment: &Document) -> Map<String, Value> {
    let mut view = appointment.view();
    let is_series = appointment.text("rrule").is_some();
    view.insert("isRecurring".to_owned(), json!(is_series));
    view
}

/// Answers the bare appointment, without what reads add to it.
fn keep(scene: &mut Scene<'_>, appointment: Document, kind: &'static str, written: &Value) -> Done {
    let effect = effect(scene.store, kind, &appointment, written);
    let body = json!(bare(&appointment));
    scene.store.documents.put(APPOINTMENT, appointment);
    Done::wrote(200, body, effect)
}

/// What the body says of the appointment: not how to book it, and no nulls. A series is made only without a look at
/// the slots.
fn facts(scene: &Scene<'_>) -> Map<String, Value> {
    let mut facts = scene.body.clone();
    for name in ORDERS {
        facts.shift_remove(name);
    }
    if !is_set(scene, "ignoreFreeSlotValidation") {
        facts.shift_remove("rrule");
    }
    facts.retain(|_, value| !value.is_null());
    facts
}

/// Writes the end where nobody said it, with the offset of the begin.
fn give_end(appointment: &mut Document, span: Span) {
    if Span::of(appointment) != Some(span) {
        let start = appointment.text("startTime").unwrap_or_default();
        let end = moment::shown_like(span.end_ms, start);
        appointment.fields.insert("endTime".to_owned(), json!(end));
    }
}

fn defaults(calendar: &Document, contact: &Contact, appointment: &Document) -> [(&'static str, Value); 4] {
    let confirms = calendar.fields.get("autoConfirm") != Some(&Value::Bool(false));
    let status = if confirms { "confirmed" } else { "new" };
    let has_address = appointment.text("address").is_some();
    let place = if has_address { "custom" } else { "default" };
    let title = calendar.text("eventTitle").unwrap_or_default();
    let title = title.replace("{{contact.name}}", &contact.name());
    [
        ("title", json!(title)),
        ("appointmentStatus", json!(status)),
        ("address", json!("")),
        ("meetingLocationType", json!(place)),
    ]
}
