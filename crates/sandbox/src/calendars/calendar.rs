//! Calendars themselves.

use serde_json::{Value, json};

use super::agenda::members;
use super::{APPOINTMENT, CALENDAR, GROUP, RESOURCE, check_slug, fill, find, invalid};
use crate::accounts::Scene;
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};

/// The kinds that are nobody's without a team.
const WITH_TEAM: [&str; 4] = ["round_robin", "collective", "class_booking", "service_booking"];

/// GET /calendars/: oldest first.
pub(super) fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let group = scene.query("groupId");
    let with_drafts = scene.query("showDrafted") != Some("false");
    let all = scene.store.documents.of(CALENDAR, &location);
    let found = all.filter(|calendar| {
        let is_draft = calendar.fields.get("isActive") == Some(&Value::Bool(false));
        (with_drafts || !is_draft) && group.is_none_or(|group| calendar.text("groupId") == Some(group))
    });
    let calendars: Vec<Value> = found.map(|calendar| json!(calendar.view())).collect();
    Ok(Done::read(json!({"calendars": calendars})))
}

/// GET /calendars/{id}
pub(super) fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let calendar = find(scene, scene.param(0))?;
    Ok(Done::read(json!({"calendar": calendar.view()})))
}

/// POST /calendars/
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    let mut calendar = scene.new_document(&location);
    fill(&mut calendar.fields, &defaults());
    check(scene, &calendar)?;
    Ok(keep(scene, calendar, "calendar_created"))
}

/// PUT /calendars/{id}
pub(super) fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut calendar = find(scene, scene.param(0))?;
    calendar.apply(scene.body, scene.now);
    fill(&mut calendar.fields, &defaults());
    check(scene, &calendar)?;
    Ok(keep(scene, calendar, "calendar_updated"))
}

/// DELETE /calendars/{id}: with all that hangs on it. Rooms and equipment stay, without it.
pub(super) fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let calendar = find(scene, scene.param(0))?;
    let (id, location) = (calendar.id.as_str(), calendar.location.as_str());
    let documents = &mut scene.store.documents;
    let is_of_it = |document: &Document| document.text("calendarId") == Some(id);
    let appointments = documents.of(APPOINTMENT, location).filter(|one| is_of_it(one));
    let gone: Vec<String> = appointments.map(|one| one.id.clone()).collect();
    let is_gone = |appointment: &str| gone.iter().any(|id| id == appointment);
    documents
        .remove_where(|document| is_of_it(document) || document.text("appointmentId").is_some_and(is_gone));
    let rooms: Vec<Document> = documents.of(RESOURCE, location).cloned().collect();
    for mut room in rooms {
        if let Some(Value::Array(calendars)) = room.fields.get_mut("calendarIds") {
            calendars.retain(|calendar| calendar != id);
        }
        documents.put(RESOURCE, room);
    }
    documents.remove(CALENDAR, id);
    let effect = Effect::new("calendar_deleted", "", json!(calendar.view()));
    Ok(Done::wrote(200, json!({"success": true}), effect))
}

fn keep(scene: &mut Scene<'_>, calendar: Document, kind: &'static str) -> Done {
    let view = json!(calendar.view());
    scene.store.documents.put(CALENDAR, calendar);
    let effect = Effect::new(kind, "", view.clone());
    Done::wrote(200, json!({"calendar": view}), effect)
}

fn check(scene: &Scene<'_>, calendar: &Document) -> Result<(), Reply> {
    if let Some(group) = calendar.text("groupId") {
        scene.document(GROUP, "Group", group)?;
    }
    check_team(calendar)?;
    check_slug(scene, CALENDAR, calendar)
}

fn check_team(calendar: &Document) -> Result<(), Reply> {
    let kind = calendar.text("calendarType").unwrap_or_default();
    let size = members(calendar).len();
    let team = calendar.fields.get("teamMembers").and_then(Value::as_array);
    let primaries = team
        .into_iter()
        .flatten()
        .filter(|member| member["isPrimary"] == true);
    let problem = match kind {
        "personal" if size != 1 => "must have exactly one member in a personal calendar",
        kind if WITH_TEAM.contains(&kind) && size == 0 => "should not be empty",
        "collective" if primaries.count() != 1 => "must have exactly one primary member",
        _ => return Ok(()),
    };
    Err(invalid(&format!("teamMembers {problem}")))
}

/// What the description gives as defaults, and open hours.
fn defaults() -> [(&'static str, Value); 16] {
    let hours = json!([{"openHour": 8, "openMinute": 0, "closeHour": 17, "closeMinute": 0}]);
    [
        ("isActive", json!(true)),
        ("calendarType", json!("event")),
        ("teamMembers", json!([])),
        ("widgetType", json!("classic")),
        ("eventTitle", json!("{{contact.name}}")),
        ("eventColor", json!("#039be5")),
        ("slotDuration", json!(30)),
        ("slotDurationUnit", json!("mins")),
        ("slotInterval", json!(30)),
        ("slotIntervalUnit", json!("mins")),
        ("appoinmentPerSlot", json!(1)),
        ("enableRecurring", json!(false)),
        ("autoConfirm", json!(true)),
        ("allowReschedule", json!(true)),
        ("allowCancellation", json!(true)),
        (
            "openHours",
            json!([{"daysOfTheWeek": [1, 2, 3, 4, 5], "hours": hours}]),
        ),
    ]
}
