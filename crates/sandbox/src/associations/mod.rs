//! Associations, which are kinds of link between objects. The links themselves are relations.
//!
//! Where the description shows a single one for a list, the answer has the list under `associations` or `relations`.

mod relations;

use serde_json::{Value, json};

use crate::accounts::{AccountRoute, Scene};
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};

const READ: &str = "associations.readonly";
const WRITE: &str = "associations.write";
const READ_RELATIONS: &str = "associations/relation.readonly";
const WRITE_RELATIONS: &str = "associations/relation.write";
const KIND: &str = "association";

/// The operations.
pub(crate) const ROUTES: &[AccountRoute] = &[
    AccountRoute::new("GET", "/associations/", "ghl.associations.list", READ, list),
    AccountRoute::new("POST", "/associations/", "ghl.associations.create", WRITE, create),
    AccountRoute::new(
        "GET",
        "/associations/key/{key}",
        "ghl.associations.get_by_key",
        READ,
        by_key,
    ),
    AccountRoute::new(
        "GET",
        "/associations/objectKey/{object}",
        "ghl.associations.get_by_object",
        READ,
        by_object,
    ),
    AccountRoute::new("GET", "/associations/{id}", "ghl.associations.get", READ, get),
    AccountRoute::new(
        "PUT",
        "/associations/{id}",
        "ghl.associations.update",
        WRITE,
        update,
    ),
    AccountRoute::new(
        "DELETE",
        "/associations/{id}",
        "ghl.associations.delete",
        WRITE,
        delete,
    ),
    AccountRoute::new(
        "POST",
        "/associations/relations",
        "ghl.associations.create_relation",
        WRITE_RELATIONS,
        relations::create,
    ),
    AccountRoute::new(
        "GET",
        "/associations/relations/{record}",
        "ghl.associations.list_relations",
        READ_RELATIONS,
        relations::list,
    ),
    AccountRoute::new(
        "DELETE",
        "/associations/relations/{id}",
        "ghl.associations.delete_relation",
        WRITE_RELATIONS,
        relations::delete,
    ),
];

/// GET /associations/: oldest first.
fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    scene.check_paging()?;
    let all = scene.store.documents.of(KIND, &location);
    let rows = all.map(|association| Value::Object(association.view())).collect();
    let (total, page) = scene.limited_page(rows, 100, 100)?;
    Ok(Done::read(json!({"associations": page, "total": total})))
}

/// GET /associations/{id}
fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let association = find(scene, scene.param(0))?;
    Ok(Done::read(json!(association.view())))
}

/// GET /associations/key/{key}
fn by_key(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let key = scene.param(0);
    let mut all = scene.store.documents.of(KIND, &location);
    let found = all.find(|association| association.text("key") == Some(key));
    let found = found.ok_or_else(|| missing("key", key))?;
    Ok(Done::read(json!(found.view())))
}

/// GET /associations/objectKey/{object}: the oldest one that the object takes part in.
fn by_object(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let own = scene.holder.map(|holder| holder.location.as_str());
    let named = scene.query("locationId").or(own).unwrap_or_default();
    let location = scene.location(named)?.id.clone();
    let object = scene.param(0);
    let mut all = scene.store.documents.of(KIND, &location);
    let sides = ["firstObjectKey", "secondObjectKey"];
    let found = all.find(|association| sides.iter().any(|name| association.text(name) == Some(object)));
    let found = found.ok_or_else(|| missing("object key", object))?;
    Ok(Done::read(json!(found.view())))
}

/// POST /associations/: the key is unique.
fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    check_labels(scene)?;
    check_objects(scene)?;
    let key = scene.body.get("key").and_then(Value::as_str);
    let mut all = scene.store.documents.of(KIND, &location);
    if all.any(|association| association.text("key") == key) {
        let key = key.unwrap_or_default();
        return Err(Reply::bad_request(&format!(
            "Association with key {key} already exists"
        )));
    }
    drop(all);
    let mut association = scene.new_document(&location);
    let kind = json!("USER_DEFINED");
    association.fields.insert("associationType".to_owned(), kind);
    Ok(keep(scene, association, 201, "association_created"))
}

/// PUT /associations/{id}
fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut association = find(scene, scene.param(0))?;
    check_labels(scene)?;
    association.apply(scene.body, scene.now);
    Ok(keep(scene, association, 200, "association_updated"))
}

/// DELETE /associations/{id}: with its relations.
fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let association = find(scene, scene.param(0))?;
    let id = association.id.as_str();
    let documents = &mut scene.store.documents;
    documents.remove(KIND, id);
    documents.remove_where(|document| document.text("associationId") == Some(id));
    let body = json!({"deleted": true, "id": id, "message": "Association deleted successfully"});
    let effect = Effect::new("association_deleted", "", json!(association.view()));
    Ok(Done::wrote(200, body, effect))
}

fn find(scene: &Scene<'_>, id: &str) -> Result<Document, Reply> {
    scene.document(KIND, "Association", id)
}

fn missing(what: &str, value: &str) -> Reply {
    Reply::bad_request(&format!("Association with {what} {value} not found"))
}

fn keep(scene: &mut Scene<'_>, association: Document, status: u16, kind: &'static str) -> Done {
    let view = json!(association.view());
    scene.store.documents.put(KIND, association);
    Done::wrote(status, view.clone(), Effect::new(kind, "", view))
}

/// Labels are texts, although the description calls them objects.
fn check_labels(scene: &Scene<'_>) -> Result<(), Reply> {
    let names = ["firstObjectLabel", "secondObjectLabel"];
    let is_text = |name: &&str| scene.body.get(*name).is_some_and(Value::is_string);
    refuse(names.iter().filter(|name| !is_text(name)), "must be a string")
}

fn check_objects(scene: &Scene<'_>) -> Result<(), Reply> {
    let names = ["firstObjectKey", "secondObjectKey"];
    let is_object = |name: &&str| {
        let key = scene.body.get(*name).and_then(Value::as_str).unwrap_or_default();
        ["contact", "opportunity", "business"].contains(&key) || key.starts_with("custom_objects.")
    };
    refuse(
        names.iter().filter(|name| !is_object(name)),
        "must be an object's key",
    )
}

fn refuse<'a>(names: impl Iterator<Item = &'a &'a str>, problem: &str) -> Result<(), Reply> {
    let faults: Vec<String> = names.map(|name| format!("{name} {problem}")).collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Reply::unprocessable(&faults))
    }
}
