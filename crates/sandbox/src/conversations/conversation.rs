//! The conversation itself: opened with its contact, read, changed, deleted.

use std::sync::Arc;

use cartlane_model::UnixMs;
use serde_json::{Map, Value, json};

use super::KIND;
use crate::accounts::Scene;
use crate::contacts::Contact;
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};
use crate::store::Store;

/// Opens the conversation of a contact that has none.
pub(crate) fn open(store: &mut Store, contact_id: &str, location: &str, now: UnixMs) -> Document {
    let mut fields = Map::new();
    for (name, value) in [
        ("contactId", json!(contact_id)),
        ("unreadCount", json!(0)),
        ("inbox", json!(true)),
        ("starred", json!(false)),
        ("lastMessageDate", json!(now.0)),
        ("lastMessageBody", json!("")),
    ] {
        fields.insert(name.to_owned(), value);
    }
    let conversation = Document {
        id: store.new_id(),
        location: location.to_owned(),
        fields,
        added_at: now,
        updated_at: now,
    };
    store.documents.put(KIND, conversation.clone());
    conversation
}

/// The contact's conversation, if it has one.
pub(super) fn of_contact(store: &Store, contact: &Contact) -> Option<Document> {
    let mut all = store.documents.of(KIND, &contact.location_id);
    let found = all.find(|conversation| conversation.text("contactId") == Some(contact.id.as_str()));
    found.cloned()
}

pub(super) fn find(scene: &Scene<'_>, id: &str) -> Result<Document, Reply> {
    scene.document(KIND, "Conversation", id)
}

/// GET /conversations/{id}: bare, without its messages.
pub(super) fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let conversation = find(scene, scene.param(0))?;
    let mut shown = view(scene.store, &conversation);
    shown["type"] = json!(1); // a phone's, as all are here
    Ok(Done::read(shown))
}

/// POST /conversations/: refused where the contact has one, which is named.
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    let contact = contact_of(scene, &location)?;
    if let Some(conversation) = of_contact(scene.store, &contact) {
        return Err(Reply::json(
            400,
            json!({
                "message": "Conversation already exists",
                "canonicalCode": "CONVERSATIONS_CONVERSATION_ALREADY_EXISTS",
                "conversationId": conversation.id,
            }),
        ));
    }
    let conversation = open(scene.store, &contact.id, &location, scene.now);
    Ok(wrote(
        scene,
        201,
        "conversation_created",
        &conversation,
        &json!({}),
    ))
}

/// PUT /conversations/{id}
pub(super) fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut conversation = find(scene, scene.param(0))?;
    if scene.location_in_body()? != conversation.location {
        return Err(Reply::wrong_location());
    }
    let written = json!(conversation.apply(scene.body, scene.now));
    scene.store.documents.put(KIND, conversation.clone());
    Ok(wrote(scene, 200, "conversation_updated", &conversation, &written))
}

/// DELETE /conversations/{id}: with its messages; the next one to the contact opens another.
pub(super) fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let conversation = find(scene, scene.param(0))?;
    let id = conversation.id.as_str();
    scene.store.documents.remove(KIND, id);
    let documents = &mut scene.store.documents;
    documents.remove_where(|document| document.text("conversationId") == Some(id));
    let mut done = wrote(scene, 200, "conversation_deleted", &conversation, &json!({}));
    done.reply = Reply::json(200, json!({"success": true}));
    Ok(done)
}

/// The contact that the body names; 403 where it belongs to another location than that.
pub(super) fn contact_of(scene: &Scene<'_>, location: &str) -> Result<Arc<Contact>, Reply> {
    let id = scene.body.get("contactId").and_then(Value::as_str);
    let contact = scene.contact(id.unwrap_or_default())?;
    if contact.location_id == location {
        Ok(contact)
    } else {
        Err(Reply::wrong_location())
    }
}

fn wrote(
    scene: &Scene<'_>,
    status: u16,
    kind: &'static str,
    conversation: &Document,
    written: &Value,
) -> Done {
    let shown = view(scene.store, conversation);
    let contact_id = conversation.text("contactId").unwrap_or_default();
    let detail = json!({"conversation": shown, "written": written});
    let effect = Effect::new(kind, contact_id, detail);
    Done::wrote(status, json!({"success": true, "conversation": shown}), effect)
}

/// A conversation as GHL's reads give it; its owner is its contact's.
pub(super) fn view(store: &Store, conversation: &Document) -> Value {
    let mut view = conversation.view();
    let contact = conversation.text("contactId").and_then(|id| store.contact(id));
    if let Some(owner) = contact.and_then(|contact| contact.text("assignedTo")) {
        view.insert("assignedTo".to_owned(), json!(owner));
    }
    view.insert("deleted".to_owned(), json!(false));
    view.insert("dateAdded".to_owned(), json!(conversation.added_at.0));
    view.insert("dateUpdated".to_owned(), json!(conversation.updated_at.0));
    Value::Object(view)
}
