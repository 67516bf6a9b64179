//! Businesses. Writes answer under the key `buiseness`, as GHL spells it.

use serde_json::{Value, json};

use crate::accounts::{AccountRoute, Scene};
use crate::bulk;
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};

const READ: &str = "businesses.readonly";
const WRITE: &str = "businesses.write";
/// The kind of their documents.
pub(crate) const KIND: &str = "business";

/// The operations.
pub(crate) const ROUTES: &[AccountRoute] = &[
    AccountRoute::new("GET", "/businesses/", "ghl.businesses.list", READ, list),
    AccountRoute::new("POST", "/businesses/", "ghl.businesses.create", WRITE, create),
    AccountRoute::new("GET", "/businesses/{id}", "ghl.businesses.get", READ, get),
    AccountRoute::new("PUT", "/businesses/{id}", "ghl.businesses.update", WRITE, update),
    AccountRoute::new(
        "DELETE",
        "/businesses/{id}",
        "ghl.businesses.delete",
        WRITE,
        delete,
    ),
];

/// The business of this id in a location; 400 where there is none.
pub(crate) fn find(scene: &Scene<'_>, id: &str, location: &str) -> Result<Document, Reply> {
    let business = scene.document(KIND, "Business", id)?;
    if business.location == location {
        Ok(business)
    } else {
        Err(Reply::wrong_location())
    }
}

/// GET /businesses/: oldest first.
fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let rows = scene.store.documents.of(KIND, &location).map(view).collect();
    let (_, page) = scene.limited_page(rows, 100, 100)?;
    Ok(Done::read(json!({"success": true, "businesses": page})))
}

/// GET /businesses/{id}
fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let business = scene.document(KIND, "Business", scene.param(0))?;
    Ok(Done::read(json!({"success": true, "business": view(&business)})))
}

/// POST /businesses/
fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    let business = scene.new_document(&location);
    Ok(keep(scene, business, 201, "business_created"))
}

/// PUT /businesses/{id}
fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut business = scene.document(KIND, "Business", scene.param(0))?;
    business.apply(scene.body, scene.now);
    Ok(keep(scene, business, 200, "business_updated"))
}

/// DELETE /businesses/{id}: its contacts stay, without it.
fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let business = scene.document(KIND, "Business", scene.param(0))?;
    let contacts = bulk::linked(scene, &business.location, &business.id);
    bulk::link(scene, &contacts, None);
    scene.store.documents.remove(KIND, &business.id);
    scene.store.documents.remove_of(&business.id);
    let effect = Effect::new("business_deleted", "", view(&business));
    Ok(Done::wrote(200, json!({"success": true}), effect))
}

fn keep(scene: &mut Scene<'_>, business: Document, status: u16, kind: &'static str) -> Done {
    let view = view(&business);
    scene.store.documents.put(KIND, business);
    let effect = Effect::new(kind, "", view.clone());
    Done::wrote(status, json!({"success": true, "buiseness": view}), effect)
}

fn view(business: &Document) -> Value {
    let mut view = business.view();
    view.insert("createdAt".to_owned(), json!(business.added_at.to_string()));
    view.insert("updatedAt".to_owned(), json!(business.updated_at.to_string()));
    Value::Object(view)
}
