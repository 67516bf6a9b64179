//! Custom fields of a sub-account.

use serde_json::{Map, Value, json};

use super::Scene;
use crate::log::Effect;
use crate::reply::{Done, Reply};
use crate::settings::{CustomField, Location};

impl CustomField {
    fn view(&self, location: &str) -> Value {
        let mut view = Map::new();
        view.insert("id".to_owned(), json!(self.id));
        view.insert("name".to_owned(), json!(self.key));
        view.insert(
            "fieldKey".to_owned(),
            json!(format!("{}.{}", self.model, self.key)),
        );
        view.insert("dataType".to_owned(), json!("TEXT"));
        view.insert("position".to_owned(), json!(0));
        view.insert("model".to_owned(), json!(self.model));
        view.insert("locationId".to_owned(), json!(location));
        view.extend(self.shown.clone());
        Value::Object(view)
    }
}

/// GET /locations/{id}/customFields: `model` is `contact`, `opportunity` or `all`.
pub(super) fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.named_location()?;
    let model = scene.query("model").filter(|model| *model != "all");
    let fits = |field: &&CustomField| model.is_none_or(|model| field.model == model);
    let fields = location.custom_fields.iter().filter(fits);
    let rows: Vec<Value> = fields.map(|field| field.view(&location.id)).collect();
    Ok(Done::read(json!({"customFields": rows})))
}

/// GET /locations/{id}/customFields/{field}
pub(super) fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.named_location()?;
    let field = &location.custom_fields[position(scene, location)?];
    Ok(Done::read(json!({"customField": field.view(&location.id)})))
}

/// POST /locations/{id}/customFields: the key is made of the name.
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let name = scene.body.get("name").and_then(Value::as_str).unwrap_or_default();
    let model = scene
        .body
        .get("model")
        .and_then(Value::as_str)
        .unwrap_or("contact");
    let key: String = name
        .to_lowercase()
        .chars()
        .map(|letter| if letter.is_alphanumeric() { letter } else { '_' })
        .collect();
    let location = scene.named_location()?;
    let same = |field: &CustomField| field.key == key && field.model == model;
    if location.custom_fields.iter().any(same) {
        return Err(Reply::bad_request(&format!(
            "Custom field with key {model}.{key} already exists"
        )));
    }
    let mut field = CustomField {
        id: scene.store.new_id(),
        key,
        model: model.to_owned(),
        shown: Map::new(),
    };
    show(&mut field, scene.body);
    let place = own(scene)?;
    let view = field.view(&place.id);
    place.custom_fields.push(field);
    Ok(wrote(201, "custom_field_created", &view))
}

/// PUT /locations/{id}/customFields/{field}
pub(super) fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let index = position(scene, scene.named_location()?)?;
    let body = scene.body;
    let location = own(scene)?;
    let field = &mut location.custom_fields[index];
    show(field, body);
    let view = field.view(&location.id);
    Ok(wrote(200, "custom_field_updated", &view))
}

/// DELETE /locations/{id}/customFields/{field}
pub(super) fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let index = position(scene, scene.named_location()?)?;
    let location = own(scene)?;
    let view = location.custom_fields.remove(index).view(&location.id);
    let mut done = wrote(200, "custom_field_deleted", &view);
    done.reply = Reply::json(200, json!({"succeded": true}));
    Ok(done)
}

/// What a body says of how the field looks.
fn show(field: &mut CustomField, body: &Map<String, Value>) {
    for (key, value) in body {
        match key.as_str() {
            "model" => {}
            "options" => drop(field.shown.insert("picklistOptions".to_owned(), value.clone())),
            key => drop(field.shown.insert(key.to_owned(), value.clone())),
        }
    }
}

fn position(scene: &Scene<'_>, location: &Location) -> Result<usize, Reply> {
    let id = scene.param(1);
    let position = location.custom_fields.iter().position(|field| field.id == id);
    position.ok_or_else(|| Reply::not_found("Custom field", id))
}

/// The location that the path names, to be changed.
fn own<'a>(scene: &'a mut Scene<'_>) -> Result<&'a mut Location, Reply> {
    let id = scene.named_location()?.id.clone();
    let mut locations = scene.settings.locations.iter_mut();
    locations
        .find(|location| location.id == id)
        .ok_or_else(Reply::wrong_location)
}

fn wrote(status: u16, kind: &'static str, view: &Value) -> Done {
    let effect = Effect {
        kind,
        contact_id: String::new(),
        detail: view.clone(),
    };
    Done::wrote(status, json!({"customField": view}), effect)
}
