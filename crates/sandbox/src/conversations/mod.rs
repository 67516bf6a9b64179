//! Conversations, their messages, and what is in these: e-mails, recordings, transcriptions.
//!
//! | kind of document | is |
//! |---|---|
//! | `conversation` | what was said with one contact, by all ways together |
//! | `message` | one message or call, or a whole thread of e-mails; without the e-mails' bodies |
//! | `email` | one e-mail of a thread, with its body |
//!
//! What always holds: a contact has at most one conversation, from its creation on; a message belongs to a conversation
//! of its contact, an e-mail to a message; deleting takes along what belongs to it. Messages come in by the API
//! ([`send`], [`add`]) and by another user or the contact itself ([`outside`]); all are written by [`draft`].

mod add;
mod channels;
mod draft;
mod messages;
mod outside;
mod recording;
mod schedule;
mod search;
mod send;
mod status;

use cartlane_model::UnixMs;
use serde_json::{Map, Value, json};

use crate::accounts::{AccountRoute, Scene};
use crate::contacts::Contact;
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};
use crate::store::Store;
use crate::validate;

pub use outside::{Message, MessageIds, PhoneCall};

const READ: &str = "conversations.readonly";
const WRITE: &str = "conversations.write";
const READ_MESSAGES: &str = "conversations/message.readonly";
const WRITE_MESSAGES: &str = "conversations/message.write";
const LIVE_CHAT: &str = "conversations/livechat.write";
const KIND: &str = "conversation";
const MESSAGE: &str = "message";
const EMAIL: &str = "email";

/// The operations.
pub(crate) const ROUTES: &[AccountRoute] = &[
    AccountRoute::new(
        "GET",
        "/conversations/search",
        "ghl.conversations.search",
        READ,
        search::search,
    ),
    AccountRoute::new(
        "POST",
        "/conversations/",
        "ghl.conversations.create_conversation",
        WRITE,
        create,
    ),
    AccountRoute::new("GET", "/conversations/{id}", "ghl.conversations.get", READ, get),
    AccountRoute::new(
        "PUT",
        "/conversations/{id}",
        "ghl.conversations.update",
        WRITE,
        update,
    ),
    AccountRoute::new(
        "DELETE",
        "/conversations/{id}",
        "ghl.conversations.delete_conversation",
        WRITE,
        delete,
    ),
    AccountRoute::new(
        "GET",
        "/conversations/{id}/messages",
        "ghl.conversations.list_messages",
        READ_MESSAGES,
        messages::list,
    ),
    AccountRoute::new(
        "GET",
        "/conversations/messages/{id}",
        "ghl.conversations.get_message",
        READ_MESSAGES,
        messages::get,
    ),
    AccountRoute::new(
        "GET",
        "/conversations/messages/email/{id}",
        "ghl.conversations.get_email",
        READ_MESSAGES,
        messages::get_email,
    ),
    // The description requires `subType` and `status`; what is seen to be taken has neither.
    AccountRoute {
        body: Some(validate::SEND_MESSAGE),
        ..AccountRoute::new(
            "POST",
            "/conversations/messages",
            "ghl.conversations.send_message",
            WRITE_MESSAGES,
            send::send,
        )
    },
    AccountRoute::new(
        "POST",
        "/conversations/messages/inbound",
        "ghl.conversations.add_an_inbound_message",
        WRITE_MESSAGES,
        add::inbound,
    ),
    AccountRoute::new(
        "POST",
        "/conversations/messages/outbound",
        "ghl.conversations.add_an_outbound_message",
        WRITE_MESSAGES,
        add::outbound,
    ),
    AccountRoute::new(
        "PUT",
        "/conversations/messages/{id}/status",
        "ghl.conversations.update_message_status",
        WRITE_MESSAGES,
        status::update,
    ),
    AccountRoute::new(
        "DELETE",
        "/conversations/messages/{id}/schedule",
        "ghl.conversations.cancel_scheduled_message",
        WRITE_MESSAGES,
        schedule::cancel,
    ),
    AccountRoute::new(
        "DELETE",
        "/conversations/messages/email/{id}/schedule",
        "ghl.conversations.cancel_scheduled_email_message",
        WRITE_MESSAGES,
        schedule::cancel_email,
    ),
    AccountRoute::new(
        "POST",
        "/conversations/providers/live-chat/typing",
        "ghl.conversations.show_typing",
        LIVE_CHAT,
        status::show_typing,
    ),
    AccountRoute::new(
        "GET",
        "/conversations/messages/{id}/locations/{location}/recording",
        "ghl.conversations.get_recording",
        READ_MESSAGES,
        recording::sound,
    ),
    AccountRoute::new(
        "GET",
        "/conversations/locations/{location}/messages/{id}/transcription",
        "ghl.conversations.get_transcription",
        READ_MESSAGES,
        recording::sentences,
    ),
    AccountRoute::new(
        "GET",
        "/conversations/locations/{location}/messages/{id}/transcription/download",
        "ghl.conversations.download_transcription",
        READ_MESSAGES,
        recording::text,
    ),
];

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
fn of_contact(store: &Store, contact: &Contact) -> Option<Document> {
    let mut all = store.documents.of(KIND, &contact.location_id);
    let found = all.find(|conversation| conversation.text("contactId") == Some(contact.id.as_str()));
    found.cloned()
}

fn find(scene: &Scene<'_>, id: &str) -> Result<Document, Reply> {
    scene.document(KIND, "Conversation", id)
}

/// GET /conversations/{id}: bare, without its messages.
fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let conversation = find(scene, scene.param(0))?;
    let mut shown = view(scene.store, &conversation);
    shown["type"] = json!(1); // a phone's, as all are here
    Ok(Done::read(shown))
}

/// POST /conversations/: refused where the contact has one, which is named.
fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
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
fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut conversation = find(scene, scene.param(0))?;
    if scene.location_in_body()? != conversation.location {
        return Err(Reply::wrong_location());
    }
    let written = json!(conversation.apply(scene.body, scene.now));
    scene.store.documents.put(KIND, conversation.clone());
    Ok(wrote(scene, 200, "conversation_updated", &conversation, &written))
}

/// DELETE /conversations/{id}: with its messages; the next one to the contact opens another.
fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
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
fn contact_of(scene: &Scene<'_>, location: &str) -> Result<std::sync::Arc<Contact>, Reply> {
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
fn view(store: &Store, conversation: &Document) -> Value {
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
