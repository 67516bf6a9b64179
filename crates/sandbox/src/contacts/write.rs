//! Create, update, upsert and delete.

use serde_json::{Map, Value, json};

use super::{Contact, duplicates};
use crate::conversations;
use crate::log::Effect;
use crate::reply::{Done, Reply};
use crate::routes::Request;
use crate::store::Store;

/// POST /contacts/
pub(crate) fn create(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    if request.body.keys().all(|key| key == "locationId") {
        // The status in the body disagrees with the one of HTTP, as reported of GHL; the wording is ours.
        let message = ["at least one contact field is required"];
        let body = json!({"statusCode": 422, "message": message, "error": "Unprocessable Entity"});
        return Err(Reply::json(400, body));
    }
    if !request.location.allow_duplicates
        && let Some(found) = duplicates::find(store, &request.location.id, request.body, None)
    {
        return Err(found.refusal());
    }
    let (contact, effect) = insert(store, request);
    Ok(Done::wrote(201, json!({"contact": contact}), effect))
}

/// PUT /contacts/{id}
pub(crate) fn update(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let contact = request.contact(store)?;
    if !request.location.allow_duplicates
        && let Some(found) = duplicates::find(store, &request.location.id, request.body, Some(&contact.id))
    {
        return Err(found.refusal());
    }
    let (contact, effect) = change(store, request, Contact::clone(&contact), request.body);
    Ok(Done::wrote(
        200,
        json!({"succeded": true, "contact": contact}),
        effect,
    ))
}

/// POST /contacts/upsert: follows the duplicate setting; the field that found the contact wins, the other one is
/// silently ignored where it belongs to somebody else.
#[expect(
    clippy::unnecessary_wraps,
    reason = "a handler like the others, which can refuse"
)]
pub(crate) fn upsert(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let always_new = request.body.get("createNewIfDuplicateAllowed") == Some(&json!(true));
    let found = if always_new && request.location.allow_duplicates {
        None
    } else {
        duplicates::find(store, &request.location.id, request.body, None)
    };
    let Some(found) = found else {
        let (contact, effect) = insert(store, request);
        return Ok(Done::wrote(201, json!({"new": true, "contact": contact}), effect));
    };
    let mut contact = Contact::clone(&found.contact);
    let mut body = request.body.clone();
    body.shift_remove("gender"); // silently dropped on a contact that exists
    if found.field == "additionalEmail" {
        // The additional e-mail becomes the primary one, which is lost.
        let given = body.get("email").and_then(Value::as_str).unwrap_or_default();
        contact
            .additional_emails
            .retain(|email| !super::same_text(email, given));
    } else if found.field == "email" && belongs_to_another(store, request, &contact.id) {
        body.shift_remove("phone");
    }
    let (contact, effect) = change(store, request, contact, &body);
    Ok(Done::wrote(
        200,
        json!({"new": false, "contact": contact}),
        effect,
    ))
}

fn belongs_to_another(store: &Store, request: &Request<'_>, contact_id: &str) -> bool {
    let phone = request.body.get("phone").and_then(Value::as_str);
    let owner = phone.and_then(|phone| store.by_phone(&request.location.id, phone));
    !request.location.allow_duplicates && owner.is_some_and(|owner| owner.id != contact_id)
}

/// DELETE /contacts/{id}
pub(crate) fn delete(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let contact = request.contact(store)?;
    store.remove(&contact.id, request.now);
    let effect = Effect {
        kind: "contact_deleted",
        contact_id: contact.id.clone(),
        detail: json!({"email": contact.email(), "contact": contact.view()}),
    };
    Ok(Done::wrote(200, json!({"succeded": true}), effect))
}

fn insert(store: &mut Store, request: &Request<'_>) -> (Value, Effect) {
    let mut contact = Contact::new(store.new_id(), &request.location.id, request.now);
    let written = contact.apply(request.body, request.location);
    let id = contact.id.clone();
    let created = finish(store, contact, "contact_created", &written, request);
    conversations::open(store, &id, &request.location.id, request.now);
    created
}

fn change(
    store: &mut Store,
    request: &Request<'_>,
    mut contact: Contact,
    body: &Map<String, Value>,
) -> (Value, Effect) {
    let written = contact.apply(body, request.location);
    contact.updated_at = request.now;
    finish(store, contact, "contact_updated", &written, request)
}

fn finish(
    store: &mut Store,
    contact: Contact,
    kind: &'static str,
    written: &Value,
    request: &Request<'_>,
) -> (Value, Effect) {
    let view = Value::Object(contact.view());
    let effect = Effect {
        kind,
        contact_id: contact.id.clone(),
        detail: json!({"email": contact.email(), "written": written}),
    };
    store.put(contact, request.now);
    (view, effect)
}
