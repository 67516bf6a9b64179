//! Tags: added to and removed from a contact's list, compared without case.

use serde_json::{Value, json};

use crate::contacts::{Contact, distinct, same_text};
use crate::log::Effect;
use crate::reply::{Done, Reply};
use crate::routes::Request;
use crate::store::Store;

/// POST /contacts/{id}/tags
pub(crate) fn add(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let mut contact = Contact::clone(&*request.contact(store)?);
    let sent = sent(request);
    let added = add_to(&mut contact, &sent);
    contact.updated_at = request.now;
    let body = json!({"tags": contact.tags, "tagsAdded": added});
    let effect = effect("tags_added", &contact, &sent, &added);
    store.put(contact, request.now);
    Ok(Done::wrote(201, body, effect))
}

/// DELETE /contacts/{id}/tags
pub(crate) fn remove(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let mut contact = Contact::clone(&*request.contact(store)?);
    let sent = sent(request);
    let removed = remove_from(&mut contact, &sent);
    contact.updated_at = request.now;
    let body = json!({"tags": contact.tags, "tagsRemoved": removed});
    let effect = effect("tags_removed", &contact, &sent, &removed);
    store.put(contact, request.now);
    Ok(Done::wrote(200, body, effect))
}

/// Adds those that the contact hasn't got, and answers them.
pub(crate) fn add_to(contact: &mut Contact, tags: &[String]) -> Vec<String> {
    let has = |tag: &&String| contact.tags.iter().any(|other| same_text(other, tag));
    let added: Vec<String> = tags.iter().filter(|tag| !has(tag)).cloned().collect();
    contact.tags.extend(added.iter().cloned());
    added
}

/// Removes those that the contact has, and answers them as it had spelled them.
pub(crate) fn remove_from(contact: &mut Contact, tags: &[String]) -> Vec<String> {
    let named = |tag: &String| tags.iter().any(|other| same_text(other, tag));
    let (removed, kept) = std::mem::take(&mut contact.tags).into_iter().partition(named);
    contact.tags = kept;
    removed
}

/// The log's record: what was sent, what of it changed something, what the list is now.
pub(crate) fn effect(kind: &'static str, contact: &Contact, sent: &[String], changed: &[String]) -> Effect {
    Effect {
        kind,
        contact_id: contact.id.clone(),
        detail: json!({"email": contact.email(), "tags": sent, "changed": changed, "tags_now": contact.tags}),
    }
}

fn sent(request: &Request<'_>) -> Vec<String> {
    let tags = request.body.get("tags").and_then(Value::as_array);
    distinct(tags.into_iter().flatten().filter_map(Value::as_str))
}
