//! Many contacts at once: tags, and the business that they belong to.

use serde_json::{Value, json};

use crate::accounts::{AccountRoute, Scene};
use crate::businesses;
use crate::contacts::{Contact, distinct, mentions};
use crate::log::Effect;
use crate::membership::texts;
use crate::reply::{Done, Reply};
use crate::tags;

/// How many contacts one request may link to a business.
const LINKED_MAX: usize = 50;

/// The operations. The description names no scope for the first two.
pub(crate) const ROUTES: &[AccountRoute] = &[
    AccountRoute::new(
        "POST",
        "/contacts/bulk/tags/update/{type}",
        "ghl.contacts.update_tags_in_bulk",
        "contacts.write",
        update_tags,
    ),
    AccountRoute::new(
        "POST",
        "/contacts/bulk/business",
        "ghl.contacts.set_business_in_bulk",
        "contacts.write",
        set_business,
    ),
    AccountRoute::new(
        "GET",
        "/contacts/business/{business}",
        "ghl.contacts.list_by_business",
        "contacts.readonly",
        list_by_business,
    ),
];

/// POST /contacts/bulk/tags/update/{type}: a contact that can't be changed is told of, the others are changed.
fn update_tags(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let adds = match scene.param(0) {
        "add" => true,
        "remove" => false,
        _ => {
            let message = "type must be one of the following values: add, remove".to_owned();
            return Err(Reply::unprocessable(&[message]));
        }
    };
    let location = scene.location_in_body()?;
    let sent = texts(scene.body.get("tags"));
    let sent = distinct(sent.iter().map(String::as_str));
    let all = scene.body.get("removeAllTags") == Some(&json!(true));
    let (mut responses, mut effects, mut errors) = (Vec::new(), Vec::new(), 0);
    for id in texts(scene.body.get("contacts")) {
        let problem = match scene.store.contact(&id) {
            None => "contact is deleted",
            Some(contact) if contact.location_id != location => "contact does not belong to location",
            Some(contact) => {
                let mut contact = Contact::clone(contact);
                let old = contact.tags.clone();
                let (added, removed) = if adds {
                    (tags::add_to(&mut contact, &sent), Vec::new())
                } else {
                    let named = if all { &old } else { &sent };
                    (Vec::new(), tags::remove_from(&mut contact, named))
                };
                let (kind, changed) = if adds {
                    ("tags_added", &added)
                } else {
                    ("tags_removed", &removed)
                };
                let effect = tags::effect(kind, &contact, &sent, changed);
                effects.push(json!(effect));
                responses.push(json!({
                    "contactId": id, "message": "Tags updated", "type": "success",
                    "oldTags": old, "tagsAdded": added, "tagsRemoved": removed,
                }));
                contact.updated_at = scene.now;
                scene.store.put(contact, scene.now);
                continue;
            }
        };
        errors += 1;
        responses.push(json!({"contactId": id, "message": problem, "type": "error"}));
    }
    let body = json!({"succeded": errors == 0, "errorCount": errors, "responses": responses});
    let effect = Effect::new("tags_in_bulk", "", json!({"effects": effects}));
    Ok(Done::wrote(201, body, effect))
}

/// POST /contacts/bulk/business: all or none.
fn set_business(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    let ids = texts(scene.body.get("ids"));
    if ids.len() > LINKED_MAX {
        let message = format!("ids must contain no more than {LINKED_MAX} elements");
        return Err(Reply::unprocessable(&[message]));
    }
    let business = scene.body.get("businessId").and_then(Value::as_str);
    if let Some(business) = business {
        businesses::find(scene, business, &location)?;
    }
    for id in &ids {
        if scene.contact(id)?.location_id != location {
            return Err(Reply::wrong_location());
        }
    }
    link(scene, &ids, business);
    let effect = Effect::new(
        "business_in_bulk",
        "",
        json!({"business_id": business, "contact_ids": ids}),
    );
    Ok(Done::wrote(200, json!({"success": true, "ids": ids}), effect))
}

/// Links contacts to a business, or to none.
pub(crate) fn link(scene: &mut Scene<'_>, ids: &[String], business: Option<&str>) {
    for id in ids {
        let Some(contact) = scene.store.contact(id) else {
            continue;
        };
        let mut contact = Contact::clone(contact);
        match business {
            Some(business) => contact.fields.insert("businessId".to_owned(), json!(business)),
            None => contact.fields.shift_remove("businessId"),
        };
        contact.updated_at = scene.now;
        scene.store.put(contact, scene.now);
    }
}

/// Ids of the contacts of a business.
pub(crate) fn linked(scene: &Scene<'_>, location: &str, business: &str) -> Vec<String> {
    let all = scene.store.newest_first(location, None);
    let own = all.filter(|contact| contact.text("businessId") == Some(business));
    own.map(|contact| contact.id.clone()).collect()
}

/// GET /contacts/business/{business}: newest first.
fn list_by_business(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let business = businesses::find(scene, scene.param(0), &location)?;
    let query = scene.query("query");
    let ids = linked(scene, &location, &business.id);
    let contacts = ids.iter().filter_map(|id| scene.store.contact(id));
    let rows = contacts
        .filter(|contact| query.is_none_or(|query| mentions(contact, query)))
        .map(|contact| Value::Object(contact.view()))
        .collect();
    let (count, page) = scene.limited_page(rows, 25, 100)?;
    Ok(Done::read(json!({"contacts": page, "count": count})))
}
