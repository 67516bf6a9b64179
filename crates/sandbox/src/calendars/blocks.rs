//! Blocked times, of a calendar or of a user. They cause no events.

use serde_json::{Map, Value, json};

use super::moment::{self, Span};
use super::{BLOCK, fill, find, given, invalid};
use crate::accounts::Scene;
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};

/// POST /calendars/events/block-slots
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    check_owner(scene)?;
    for name in ["startTime", "endTime"] {
        if moment::in_body(scene, name)?.is_none() {
            return Err(invalid(&format!("{name} must be a string")));
        }
    }
    let mut block = scene.new_document(&location);
    fill(&mut block.fields, &[("title", json!("Blocked"))]);
    keep(scene, block, "block_slot_created")
}

/// PUT /calendars/events/block-slots/{id}
pub(super) fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    let mut block = scene.document(BLOCK, "Event", scene.param(0))?;
    if block.location != location {
        return Err(Reply::wrong_location());
    }
    let owner = check_owner(scene)?;
    for name in ["startTime", "endTime"] {
        moment::in_body(scene, name)?;
    }
    for name in ["calendarId", "assignedUserId"] {
        if name != owner {
            block.fields.shift_remove(name);
        }
    }
    block.apply(scene.body, scene.now);
    keep(scene, block, "block_slot_updated")
}

/// A blocked time as lists have it.
pub(super) fn view_with_dates(block: &Document) -> Map<String, Value> {
    let mut view = block.view();
    view.insert("dateAdded".to_owned(), json!(block.added_at.to_string()));
    view.insert("dateUpdated".to_owned(), json!(block.updated_at.to_string()));
    view
}

pub(super) fn effect(kind: &'static str, block: &Document) -> Effect {
    Effect::new(kind, "", json!(block.view()))
}

/// Which of the two the body names; 422 unless it is exactly one.
fn check_owner(scene: &Scene<'_>) -> Result<&'static str, Reply> {
    match (given(scene, "calendarId"), given(scene, "assignedUserId")) {
        (Some(calendar), None) => {
            find(scene, calendar)?;
            Ok("calendarId")
        }
        (None, Some(_)) => Ok("assignedUserId"),
        _ => Err(invalid(
            "either calendarId or assignedUserId must be given, not both",
        )),
    }
}

fn keep(scene: &mut Scene<'_>, block: Document, kind: &'static str) -> Result<Done, Reply> {
    if let Some(span) = Span::of(&block) {
        span.check()?;
    }
    let done = Done::wrote(201, json!(block.view()), effect(kind, &block));
    scene.store.documents.put(BLOCK, block);
    Ok(done)
}
