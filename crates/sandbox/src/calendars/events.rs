//! Lists of appointments and blocked times, and their deletion, which is one for both.

use serde_json::{Value, json};

use super::moment::{self, Span};
use super::{APPOINTMENT, BLOCK, CALENDAR, GROUP, appointments, blocks, find, invalid};
use crate::accounts::Scene;
use crate::contacts::Contact;
use crate::documents::{Document, Documents};
use crate::reply::{Done, Reply};

/// GET /calendars/events: what overlaps a span, oldest first, blocked times left out.
pub(super) fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let found = search(scene, APPOINTMENT)?;
    let events = found.iter().map(|event| appointments::view(scene.store, event));
    Ok(Done::read(json!({"events": events.collect::<Vec<_>>()})))
}

/// GET /calendars/blocked-slots: the same for blocked times.
pub(super) fn list_blocked(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let found = search(scene, BLOCK)?;
    let events = found
        .iter()
        .map(|block| Value::Object(blocks::view_with_dates(block)));
    Ok(Done::read(json!({"events": events.collect::<Vec<_>>()})))
}

/// GET /contacts/{id}/appointments
pub(super) fn list_of_contact(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let contact = scene.contact(scene.param(0))?;
    Ok(Done::read(json!({"events": of_contact(scene, &contact)})))
}

/// A contact's appointments, newest first; times are the location's, without an offset.
pub(crate) fn of_contact(scene: &Scene<'_>, contact: &Contact) -> Vec<Value> {
    let zone = moment::zone_of(scene, &contact.location_id);
    let all = scene.store.documents.of(APPOINTMENT, &contact.location_id).rev();
    let own = all.filter(|one| one.text("contactId") == Some(contact.id.as_str()));
    let views = own.map(|appointment| {
        let mut view = appointments::view(scene.store, appointment);
        let span = Span::of(appointment);
        let plain = |ms: Option<i64>| json!(ms.map(|ms| moment::shown_plain(ms, &zone)));
        view["status"] = json!("booked");
        view["startTime"] = plain(span.map(|span| span.start_ms));
        view["endTime"] = plain(span.map(|span| span.end_ms));
        view["dateAdded"] = plain(Some(appointment.added_at.0));
        view["dateUpdated"] = plain(Some(appointment.updated_at.0));
        view
    });
    views.collect()
}

/// When the contact's last appointment begins, in ms since 1970.
pub(crate) fn last_appointment_ms(documents: &Documents, contact: &Contact) -> Option<i64> {
    let all = documents.of(APPOINTMENT, &contact.location_id);
    let own = all.filter(|one| one.text("contactId") == Some(contact.id.as_str()));
    own.filter_map(|one| Some(Span::of(one)?.start_ms)).max()
}

/// DELETE /calendars/events/{id}: an appointment with its notes, or a blocked time.
pub(super) fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let id = scene.param(0).to_owned();
    let body = json!({"succeeded": true});
    if scene.store.documents.get(BLOCK, &id).is_some() {
        let block = scene.document(BLOCK, "Event", &id)?;
        scene.store.documents.remove(BLOCK, &id);
        return Ok(Done::wrote(
            201,
            body,
            blocks::effect("block_slot_deleted", &block),
        ));
    }
    let appointment = scene.document(APPOINTMENT, "Event", &id)?;
    let effect = appointments::effect(scene.store, "appointment_deleted", &appointment, &json!({}));
    let documents = &mut scene.store.documents;
    documents.remove(APPOINTMENT, &id);
    documents.remove_where(|document| document.text("appointmentId") == Some(id.as_str()));
    Ok(Done::wrote(201, body, effect))
}

/// What overlaps the span of the query, of exactly one user, calendar or group.
fn search(scene: &Scene<'_>, kind: &str) -> Result<Vec<Document>, Reply> {
    let location = scene.location_in_query("locationId")?;
    let given: Vec<(&str, &str)> = ["userId", "calendarId", "groupId"]
        .into_iter()
        .filter_map(|name| Some((name, scene.query(name)?)))
        .collect();
    let [(name, id)] = given[..] else {
        return Err(invalid(
            "exactly one of userId, calendarId, groupId must be given",
        ));
    };
    let calendars: Vec<String> = match name {
        "calendarId" => vec![find(scene, id)?.id],
        "groupId" => {
            let group = scene.document(GROUP, "Group", id)?.id;
            let all = scene.store.documents.of(CALENDAR, &location);
            let own = all.filter(|calendar| calendar.text("groupId") == Some(&group));
            own.map(|calendar| calendar.id.clone()).collect()
        }
        _ => Vec::new(),
    };
    let span = Span {
        start_ms: moment::in_query(scene, "startTime")?,
        end_ms: moment::in_query(scene, "endTime")?,
    };
    let span = span.check()?;
    let is_wanted = |event: &Document| {
        let is_of_user = name == "userId" && event.text("assignedUserId") == Some(id);
        let calendar = event.text("calendarId");
        is_of_user || calendar.is_some_and(|calendar| calendars.iter().any(|id| id == calendar))
    };
    let all = scene.store.documents.of(kind, &location);
    let found = all.filter(|event| is_wanted(event));
    let found = found.filter(|event| Span::of(event).is_some_and(|own| own.overlaps(span, 0)));
    Ok(found.cloned().collect())
}
