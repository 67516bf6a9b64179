//! Rooms and equipment.

use serde_json::{Value, json};

use super::{RESOURCE, fill, find as find_calendar, invalid, view_with_low_id};
use crate::accounts::Scene;
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};

const TYPES: [&str; 2] = ["equipments", "rooms"];
const CALENDARS_MAX: usize = 100;

/// GET /calendars/resources/{type}: oldest first.
pub(super) fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let wanted = check_type(scene)?;
    scene.check_paging()?;
    let all = scene.store.documents.of(RESOURCE, &location);
    let found = all.filter(|resource| resource.text("resourceType") == Some(wanted));
    let rows: Vec<Value> = found.map(view).collect();
    let (_, page) = scene.limited_page(rows, 100, 100)?;
    Ok(Done::read(json!(page)))
}

/// GET /calendars/resources/{type}/{id}
pub(super) fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    Ok(Done::read(view(&find(scene)?)))
}

/// POST /calendars/resources/{type}
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    let kind = check_type(scene)?.to_owned();
    check_calendars(scene, &kind)?;
    let mut resource = scene.new_document(&location);
    resource.fields.insert("resourceType".to_owned(), json!(kind));
    fill(&mut resource.fields, &[("isActive", json!(true))]);
    let view = keep(scene, resource);
    let effect = Effect::new("calendar_resource_created", "", view.clone());
    Ok(Done::wrote(201, view, effect))
}

/// PUT /calendars/resources/{type}/{id}: answers no `calendarIds`.
pub(super) fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut resource = find(scene)?;
    if scene.body.contains_key("locationId") && scene.location_in_body()? != resource.location {
        return Err(Reply::wrong_location());
    }
    check_calendars(scene, resource.text("resourceType").unwrap_or_default())?;
    resource.apply(scene.body, scene.now);
    let mut view = keep(scene, resource);
    let effect = Effect::new("calendar_resource_updated", "", view.clone());
    if let Some(fields) = view.as_object_mut() {
        fields.shift_remove("calendarIds");
    }
    Ok(Done::wrote(200, view, effect))
}

/// DELETE /calendars/resources/{type}/{id}
pub(super) fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let resource = find(scene)?;
    scene.store.documents.remove(RESOURCE, &resource.id);
    let effect = Effect::new("calendar_resource_deleted", "", view(&resource));
    Ok(Done::wrote(200, json!({"success": true}), effect))
}

/// The resource that the path names, of the type that it names.
fn find(scene: &Scene<'_>) -> Result<Document, Reply> {
    let wanted = check_type(scene)?;
    let id = scene.param(1);
    let resource = scene.document(RESOURCE, "Resource", id)?;
    if resource.text("resourceType") == Some(wanted) {
        Ok(resource)
    } else {
        Err(Reply::not_found("Resource", id))
    }
}

fn check_type<'a>(scene: &'a Scene<'_>) -> Result<&'a str, Reply> {
    let wanted = scene.param(0);
    if TYPES.contains(&wanted) {
        return Ok(wanted);
    }
    let allowed = TYPES.join(", ");
    Err(invalid(&format!(
        "resourceType must be one of the following values: {allowed}"
    )))
}

/// The calendars that the body names exist; a piece of equipment has one at most.
fn check_calendars(scene: &Scene<'_>, kind: &str) -> Result<(), Reply> {
    let named = scene.body.get("calendarIds").and_then(Value::as_array);
    let named: Vec<&str> = named.into_iter().flatten().filter_map(Value::as_str).collect();
    let most = if kind == "equipments" { 1 } else { CALENDARS_MAX };
    if named.len() > most {
        return Err(invalid(&format!(
            "calendarIds must contain no more than {most} elements"
        )));
    }
    named
        .into_iter()
        .try_for_each(|calendar| find_calendar(scene, calendar).map(drop))
}

fn keep(scene: &mut Scene<'_>, resource: Document) -> Value {
    let view = view(&resource);
    scene.store.documents.put(RESOURCE, resource);
    view
}

fn view(resource: &Document) -> Value {
    let mut view = view_with_low_id(resource);
    view.insert("locationId".to_owned(), json!(resource.location));
    Value::Object(view)
}
