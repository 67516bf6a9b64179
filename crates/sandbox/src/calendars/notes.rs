//! Notes of an appointment.

use serde_json::{Value, json};

use super::{NOTE, appointments, given, invalid};
use crate::accounts::Scene;
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};

/// How many a page may have.
const PAGE_MAX: usize = 20;
const CHARACTERS_MAX: usize = 5_000;

/// GET /calendars/appointments/{id}/notes: newest first.
pub(super) fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let appointment = appointments::find(scene, scene.param(0))?;
    let limit = number(scene, "limit")?;
    let offset = number(scene, "offset")?;
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(invalid(&format!("limit must be between 1 and {PAGE_MAX}")));
    }
    let all = scene.store.documents.of(NOTE, &appointment.location).rev();
    let own = all.filter(|note| note.text("appointmentId") == Some(&appointment.id));
    let notes: Vec<Value> = own.map(view).collect();
    let has_more = notes.len() > offset.saturating_add(limit);
    let page: Vec<Value> = notes.into_iter().skip(offset).take(limit).collect();
    Ok(Done::read(json!({"notes": page, "hasMore": has_more})))
}

/// POST /calendars/appointments/{id}/notes
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let appointment = appointments::find(scene, scene.param(0))?;
    check_length(scene)?;
    let mut note = scene.new_document(&appointment.location);
    for (name, value) in [
        ("appointmentId", Some(appointment.id.as_str())),
        ("contactId", appointment.text("contactId")),
    ] {
        note.fields.insert(name.to_owned(), json!(value));
    }
    Ok(keep(scene, note, 201, "appointment_note_created"))
}

/// PUT /calendars/appointments/{id}/notes/{note}
pub(super) fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut note = find(scene)?;
    check_length(scene)?;
    note.apply(scene.body, scene.now);
    Ok(keep(scene, note, 200, "appointment_note_updated"))
}

/// DELETE /calendars/appointments/{id}/notes/{note}
pub(super) fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let note = find(scene)?;
    scene.store.documents.remove(NOTE, &note.id);
    let effect = effect("appointment_note_deleted", &note);
    Ok(Done::wrote(200, json!({"success": true}), effect))
}

/// The note that the path names, of the appointment that it names.
fn find(scene: &Scene<'_>) -> Result<Document, Reply> {
    let appointment = appointments::find(scene, scene.param(0))?;
    let id = scene.param(1);
    let note = scene.document(NOTE, "Note", id)?;
    if note.text("appointmentId") == Some(&appointment.id) {
        Ok(note)
    } else {
        Err(Reply::not_found("Note", id))
    }
}

fn number(scene: &Scene<'_>, name: &str) -> Result<usize, Reply> {
    let number = scene.query(name).and_then(|text| text.parse().ok());
    number.ok_or_else(|| invalid(&format!("{name} must be a whole number that is not negative")))
}

fn check_length(scene: &Scene<'_>) -> Result<(), Reply> {
    let body = given(scene, "body").unwrap_or_default();
    if body.chars().count() > CHARACTERS_MAX {
        return Err(invalid(&format!(
            "body must be shorter than or equal to {CHARACTERS_MAX} characters"
        )));
    }
    Ok(())
}

fn keep(scene: &mut Scene<'_>, note: Document, status: u16, kind: &'static str) -> Done {
    let done = Done::wrote(status, json!({"note": view(&note)}), effect(kind, &note));
    scene.store.documents.put(NOTE, note);
    done
}

fn effect(kind: &'static str, note: &Document) -> Effect {
    let mut detail = view(note);
    detail["appointmentId"] = json!(note.text("appointmentId"));
    Effect::new(kind, note.text("contactId").unwrap_or_default(), detail)
}

fn view(note: &Document) -> Value {
    let mut view = json!({
        "id": note.id,
        "body": note.text("body"),
        "contactId": note.text("contactId"),
        "dateAdded": note.added_at.to_string(),
    });
    if let Some(user) = note.text("userId") {
        view["userId"] = json!(user);
        view["createdBy"] = json!({"id": user});
    }
    view
}
