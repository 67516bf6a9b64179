//! The tags that a sub-account knows: those of its contacts, and those that were made here.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Scene;
use crate::log::Effect;
use crate::reply::{Done, Reply};

/// Ids of tags, by location and name in lower case.
pub(crate) type TagLists = BTreeMap<(String, String), String>;

/// GET /locations/{id}/tags
pub(super) fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let rows = rows(scene)?;
    Ok(Done::read(json!({"tags": rows})))
}

/// GET /locations/{id}/tags/{tag}
pub(super) fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let found = rows(scene)?.into_iter().find(|row| row["id"] == scene.param(1));
    let tag = found.ok_or_else(|| Reply::not_found("Tag", scene.param(1)))?;
    Ok(Done::read(json!({"tag": tag})))
}

/// POST /locations/{id}/tags
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let name = scene
        .body
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_lowercase();
    if rows(scene)?.iter().any(|row| row["name"] == name.as_str()) {
        return Err(Reply::bad_request("The tag name is already exist."));
    }
    let (location, id) = (scene.param(0).to_owned(), scene.store.new_id());
    let row = json!({"id": id, "name": name, "locationId": location});
    scene.accounts.tags.insert((location, name), id);
    let effect = Effect {
        kind: "tag_created",
        contact_id: String::new(),
        detail: row.clone(),
    };
    Ok(Done::wrote(201, json!({"tag": row}), effect))
}

/// All tags by name. A contact's tag that has no id yet gets one.
fn rows(scene: &mut Scene<'_>) -> Result<Vec<Value>, Reply> {
    let location = scene.named_location()?.id.clone();
    let here = scene
        .store
        .all()
        .filter(|contact| contact.location_id == location);
    let mut names: Vec<String> = here
        .flat_map(|contact| &contact.tags)
        .map(|tag| tag.to_lowercase())
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let key = (location.clone(), name);
        if !scene.accounts.tags.contains_key(&key) {
            let id = scene.store.new_id();
            scene.accounts.tags.insert(key, id);
        }
    }
    let tags = scene.accounts.tags.iter().filter(|((at, _), _)| *at == location);
    let row =
        |((at, name), id): (&(String, String), &String)| json!({"id": id, "name": name, "locationId": at});
    Ok(tags.map(row).collect())
}
