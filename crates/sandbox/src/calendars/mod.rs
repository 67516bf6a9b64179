//! Calendars and what hangs on them: groups, free slots, appointments with their notes, blocked times, notifications,
//! rooms and equipment.
//!
//! What always holds: an appointment's calendar and contact exist, and it goes when one of them does, with its notes;
//! a slug is a group's or a calendar's alone within its location; what takes a time is not among the free slots.
//! Times of a calendar are those of its location.

mod agenda;
mod appointments;
mod blocks;
mod calendar;
mod events;
mod groups;
mod hours;
mod moment;
mod notes;
mod notifications;
mod resources;
mod routes;
mod slots;

use serde_json::{Map, Value, json};

use crate::accounts::Scene;
use crate::documents::Document;
use crate::reply::Reply;

pub(crate) use events::{last_appointment_ms, of_contact};
pub(crate) use routes::ROUTES;

/// The kinds of the documents.
const CALENDAR: &str = "calendar";
const GROUP: &str = "calendar group";
const APPOINTMENT: &str = "appointment";
const BLOCK: &str = "block slot";
const NOTE: &str = "appointment note";
const NOTIFICATION: &str = "calendar notification";
const RESOURCE: &str = "calendar resource";

/// The calendar of this id; 400 where there is none.
fn find(scene: &Scene<'_>, id: &str) -> Result<Document, Reply> {
    scene.document(CALENDAR, "Calendar", id)
}

/// 400 where another document of this kind in the location has the slug.
fn check_slug(scene: &Scene<'_>, kind: &str, document: &Document) -> Result<(), Reply> {
    let Some(slug) = document.text("slug") else {
        return Ok(());
    };
    if has_slug(scene, kind, &document.location, slug, Some(&document.id)) {
        return Err(Reply::bad_request(&format!("The slug {slug} is already taken")));
    }
    Ok(())
}

fn has_slug(scene: &Scene<'_>, kind: &str, location: &str, slug: &str, except: Option<&str>) -> bool {
    let mut all = scene.store.documents.of(kind, location);
    all.any(|document| document.text("slug") == Some(slug) && except != Some(document.id.as_str()))
}

/// What GHL gives a field that nobody set.
fn fill(fields: &mut Map<String, Value>, defaults: &[(&str, Value)]) {
    for (name, value) in defaults {
        fields.entry(*name).or_insert_with(|| value.clone());
    }
}

/// A document as resources and notifications are shown: with `_id`, and without its location.
fn view_with_low_id(document: &Document) -> Map<String, Value> {
    let mut view = Map::new();
    view.insert("_id".to_owned(), json!(document.id));
    view.extend(document.fields.clone());
    view
}

/// A text of the body.
fn given<'a>(scene: &'a Scene<'_>, name: &str) -> Option<&'a str> {
    scene.body.get(name).and_then(Value::as_str)
}

/// Whether the body says yes to this.
fn is_set(scene: &Scene<'_>, name: &str) -> bool {
    scene.body.get(name) == Some(&Value::Bool(true))
}

fn invalid(message: &str) -> Reply {
    Reply::unprocessable(&[message.to_owned()])
}
