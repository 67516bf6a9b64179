//! Opportunities and pipelines.
//!
//! Every location has two pipelines from the start, with ids that follow from the seed; GHL's API makes none. What
//! always holds: an opportunity's contact, pipeline and stage belong to its location, the stage to the pipeline; a
//! contact has one in each pipeline unless the location allows duplicates.

mod followers;
mod pipelines;
mod search;
mod write;

use serde_json::{Value, json};

use crate::accounts::{AccountRoute, Scene};
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};
use crate::store::Store;
use crate::validate;

const READ: &str = "opportunities.readonly";
const WRITE: &str = "opportunities.write";
/// The kind of their documents.
pub(crate) const KIND: &str = "opportunity";

/// The operations.
pub(crate) const ROUTES: &[AccountRoute] = &[
    AccountRoute::new(
        "GET",
        "/opportunities/pipelines",
        "ghl.opportunities.list_pipelines",
        READ,
        pipelines::list,
    ),
    AccountRoute::new(
        "GET",
        "/opportunities/search",
        "ghl.opportunities.search",
        READ,
        search::search,
    ),
    AccountRoute::new("GET", "/opportunities/{id}", "ghl.opportunities.get", READ, get),
    AccountRoute::new(
        "POST",
        "/opportunities/",
        "ghl.opportunities.create",
        WRITE,
        write::create,
    ),
    AccountRoute::new(
        "PUT",
        "/opportunities/{id}",
        "ghl.opportunities.update",
        WRITE,
        write::update,
    ),
    AccountRoute::new(
        "PUT",
        "/opportunities/{id}/status",
        "ghl.opportunities.set_status",
        WRITE,
        write::set_status,
    ),
    // The description wants followers and knows no contact; what is seen to be taken needs no followers and has one.
    AccountRoute {
        body: Some(validate::UPSERT_OPPORTUNITY),
        ..AccountRoute::new(
            "POST",
            "/opportunities/upsert",
            "ghl.opportunities.upsert_endpoint",
            WRITE,
            write::upsert,
        )
    },
    AccountRoute::new(
        "DELETE",
        "/opportunities/{id}",
        "ghl.opportunities.delete",
        WRITE,
        delete,
    ),
    AccountRoute::new(
        "POST",
        "/opportunities/{id}/followers",
        "ghl.opportunities.add_followers",
        WRITE,
        followers::add,
    ),
    AccountRoute::new(
        "DELETE",
        "/opportunities/{id}/followers",
        "ghl.opportunities.remove_followers",
        WRITE,
        followers::remove,
    ),
];

/// GET /opportunities/{id}
fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let opportunity = find(scene, scene.param(0))?;
    Ok(Done::read(
        json!({"opportunity": view(scene.store, &opportunity)}),
    ))
}

/// DELETE /opportunities/{id}
fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let opportunity = find(scene, scene.param(0))?;
    let effect = effect(scene.store, "opportunity_deleted", &opportunity, &json!({}));
    scene.store.documents.remove(KIND, &opportunity.id);
    scene.store.documents.remove_of(&opportunity.id);
    Ok(Done::wrote(200, json!({"succeded": true}), effect))
}

/// The opportunity of this id; 400 where there is none.
fn find(scene: &Scene<'_>, id: &str) -> Result<Document, Reply> {
    scene.document(KIND, "Opportunity", id)
}

/// An opportunity as GHL's reads give it, with the main facts of its contact.
fn view(store: &Store, opportunity: &Document) -> Value {
    let mut view = opportunity.view();
    for (key, value) in [
        ("monetaryValue", json!(0)),
        ("customFields", json!([])),
        ("followers", json!([])),
    ] {
        view.entry(key).or_insert(value);
    }
    view.insert("createdAt".to_owned(), json!(opportunity.added_at.to_string()));
    view.insert("updatedAt".to_owned(), json!(opportunity.updated_at.to_string()));
    if let Some(contact) = opportunity.text("contactId").and_then(|id| store.contact(id)) {
        let summary = json!({
            "id": contact.id,
            "name": contact.name(),
            "companyName": contact.text("companyName"),
            "email": contact.email(),
            "phone": contact.phone(),
            "tags": contact.tags,
        });
        view.insert("contact".to_owned(), summary);
    }
    Value::Object(view)
}

/// The log's record: the opportunity as it is now, and what of it was `written`.
fn effect(store: &Store, kind: &'static str, opportunity: &Document, written: &Value) -> Effect {
    let mut shown = view(store, opportunity);
    shown["dateAdded"] = shown["createdAt"].clone();
    let contact_id = opportunity.text("contactId").unwrap_or_default();
    Effect::new(
        kind,
        contact_id,
        json!({"opportunity": shown, "written": written}),
    )
}
