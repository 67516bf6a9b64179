//! What a calendar sends to whom at which moment. Nothing is sent.

use serde_json::{Map, Value, json};

use super::{NOTIFICATION, fill, find as find_calendar, invalid, view_with_low_id};
use crate::accounts::Scene;
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};

/// GET /calendars/{id}/notifications: oldest first, the deleted ones only where they are asked for.
pub(super) fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let calendar = find_calendar(scene, scene.param(0))?;
    let deleted = scene.query("deleted") == Some("true");
    let active = scene.query("isActive").map(|text| text == "true");
    let all = scene.store.documents.of(NOTIFICATION, &calendar.location);
    let found = all.filter(|notification| {
        let is = |name: &str| notification.fields.get(name) == Some(&Value::Bool(true));
        notification.text("calendarId") == Some(&calendar.id)
            && is("deleted") == deleted
            && active.is_none_or(|active| is("isActive") == active)
    });
    let rows: Vec<Value> = found.map(view).collect();
    let (_, page) = scene.limited_page(rows, 100, 100)?;
    Ok(Done::read(json!(page)))
}

/// GET /calendars/{id}/notifications/{notification}
pub(super) fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    Ok(Done::read(view(&find(scene)?)))
}

/// POST /calendars/{id}/notifications: all that the body lists.
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let calendar = find_calendar(scene, scene.param(0))?;
    if scene.items.is_empty() {
        return Err(invalid("body should not be empty"));
    }
    let mut views = Vec::new();
    for fields in scene.items.iter().filter_map(Value::as_object) {
        let notification = make(scene, &calendar, fields);
        views.push(view(&notification));
        scene.store.documents.put(NOTIFICATION, notification);
    }
    let detail = json!({"calendarId": calendar.id, "notifications": views});
    let effect = Effect::new("calendar_notification_created", "", detail);
    Ok(Done::wrote(200, json!(views), effect))
}

/// PUT /calendars/{id}/notifications/{notification}
pub(super) fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut notification = find(scene)?;
    notification.apply(scene.body, scene.now);
    let done = wrote("calendar_notification_updated", &notification, "updated");
    scene.store.documents.put(NOTIFICATION, notification);
    Ok(done)
}

/// DELETE /calendars/{id}/notifications/{notification}
pub(super) fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let notification = find(scene)?;
    scene.store.documents.remove(NOTIFICATION, &notification.id);
    Ok(wrote("calendar_notification_deleted", &notification, "deleted"))
}

fn make(scene: &mut Scene<'_>, calendar: &Document, fields: &Map<String, Value>) -> Document {
    let mut notification = scene.document_of(&calendar.location, fields);
    let calendar = json!(calendar.id);
    notification.fields.insert("calendarId".to_owned(), calendar);
    let lists = [
        "additionalEmailIds",
        "additionalPhoneNumbers",
        "additionalWhatsappNumbers",
        "selectedUsers",
        "afterTime",
        "beforeTime",
    ];
    let flags = [("isActive", json!(true)), ("deleted", json!(false))];
    fill(&mut notification.fields, &flags);
    fill(&mut notification.fields, &lists.map(|name| (name, json!([]))));
    notification
}

/// The notification that the path names, of the calendar that it names.
fn find(scene: &Scene<'_>) -> Result<Document, Reply> {
    let calendar = find_calendar(scene, scene.param(0))?;
    let id = scene.param(1);
    let notification = scene.document(NOTIFICATION, "Notification", id)?;
    if notification.text("calendarId") == Some(&calendar.id) {
        Ok(notification)
    } else {
        Err(Reply::not_found("Notification", id))
    }
}

fn view(notification: &Document) -> Value {
    let mut view = view_with_low_id(notification);
    view.shift_remove("calendarId");
    Value::Object(view)
}

fn wrote(kind: &'static str, notification: &Document, verb: &str) -> Done {
    let message = format!("Notification {verb} successfully");
    let mut detail = view(notification);
    detail["calendarId"] = json!(notification.text("calendarId"));
    Done::wrote(200, json!({"message": message}), Effect::new(kind, "", detail))
}
