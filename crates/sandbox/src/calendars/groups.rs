//! Groups of calendars.

use serde_json::{Value, json};

use super::{CALENDAR, GROUP, check_slug, fill, given, has_slug};
use crate::accounts::Scene;
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};

/// GET /calendars/groups: oldest first.
pub(super) fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let all = scene.store.documents.of(GROUP, &location);
    let groups: Vec<Value> = all.map(|group| json!(group.view())).collect();
    Ok(Done::read(json!({"groups": groups})))
}

/// POST /calendars/groups
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    let mut group = scene.new_document(&location);
    check_slug(scene, GROUP, &group)?;
    fill(&mut group.fields, &[("isActive", json!(true))]);
    Ok(keep(scene, group, 201, "calendar_group_created"))
}

/// POST /calendars/groups/validate-slug: changes nothing.
pub(super) fn validate_slug(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    let slug = given(scene, "slug").unwrap_or_default();
    let is_taken = has_slug(scene, GROUP, &location, slug, None);
    Ok(Done::read(json!({"available": !is_taken})))
}

/// PUT /calendars/groups/{id}
pub(super) fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut group = find(scene)?;
    group.apply(scene.body, scene.now);
    check_slug(scene, GROUP, &group)?;
    Ok(keep(scene, group, 200, "calendar_group_updated"))
}

/// PUT /calendars/groups/{id}/status
pub(super) fn set_status(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut done = update(scene)?;
    done.reply = Reply::json(200, json!({"success": true}));
    Ok(done)
}

/// DELETE /calendars/groups/{id}: its calendars stay, without it.
pub(super) fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let group = find(scene)?;
    let documents = &mut scene.store.documents;
    let all: Vec<Document> = documents.of(CALENDAR, &group.location).cloned().collect();
    for mut calendar in all {
        if calendar.text("groupId") == Some(group.id.as_str()) {
            calendar.fields.shift_remove("groupId");
            documents.put(CALENDAR, calendar);
        }
    }
    documents.remove(GROUP, &group.id);
    let effect = Effect::new("calendar_group_deleted", "", json!(group.view()));
    Ok(Done::wrote(200, json!({"success": true}), effect))
}

fn find(scene: &Scene<'_>) -> Result<Document, Reply> {
    scene.document(GROUP, "Group", scene.param(0))
}

fn keep(scene: &mut Scene<'_>, group: Document, status: u16, kind: &'static str) -> Done {
    let view = json!(group.view());
    scene.store.documents.put(GROUP, group);
    let effect = Effect::new(kind, "", view.clone());
    Done::wrote(status, json!({"group": view}), effect)
}
