//! Events about messages and conversations.
//!
//! Their detail has the message, its e-mail where it is one, its conversation, and what the channel is called in
//! events. The documented forms of texts, calls and e-mails differ.

use serde_json::{Map, Value, json};

use super::events::picked;
use crate::log::Effect;
use crate::store::Store;

/// Kind and payload of an event.
type Told = (&'static str, Map<String, Value>);

const CONVERSATION: &[&str] = &["id", "contactId", "deleted", "inbox", "starred", "unreadCount"];
const TEXT: &[&str] = &[
    "attachments",
    "body",
    "contactId",
    "contentType",
    "conversationId",
    "dateAdded",
    "direction",
    "source",
    "status",
    "userId",
    "conversationProviderId",
];
const EMAIL: &[&str] = &[
    "attachments",
    "body",
    "contactId",
    "conversationId",
    "dateAdded",
    "direction",
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "threadId",
    "provider",
    "source",
    "conversationProviderId",
];

/// The events of a message that was sent or received. One that is scheduled has none.
pub(super) fn of_message(effect: &Effect, store: &Store) -> Vec<Told> {
    let Some(message) = effect.detail.get("message").and_then(Value::as_object) else {
        return Vec::new();
    };
    if message.get("status") == Some(&json!("scheduled")) {
        return Vec::new();
    }
    let is_inbound = effect.kind == "message_received";
    let email = effect.detail.get("email").and_then(Value::as_object);
    let payload = payload(effect, message, email, is_inbound);
    if is_inbound {
        let unread = unread(effect).map(|unread| ("ConversationUnreadUpdate", unread));
        return [("InboundMessage", payload)].into_iter().chain(unread).collect();
    }
    let to_deliver = to_deliver(effect, message, email, store);
    let to_deliver = to_deliver.map(|payload| ("ProviderOutboundMessage", payload));
    [("OutboundMessage", payload)]
        .into_iter()
        .chain(to_deliver)
        .collect()
}

/// The event of a conversation whose number of unread messages was written.
pub(super) fn of_conversation(effect: &Effect) -> Vec<Told> {
    let is_written = effect.detail.pointer("/written/unreadCount").is_some();
    let unread = unread(effect).filter(|_| is_written);
    unread
        .map(|unread| ("ConversationUnreadUpdate", unread))
        .into_iter()
        .collect()
}

fn unread(effect: &Effect) -> Option<Map<String, Value>> {
    let conversation = effect.detail.get("conversation")?.as_object()?;
    Some(picked(conversation, CONVERSATION))
}

fn payload(
    effect: &Effect,
    message: &Map<String, Value>,
    email: Option<&Map<String, Value>>,
    is_inbound: bool,
) -> Map<String, Value> {
    let mut payload = match email {
        Some(email) => picked(email, EMAIL),
        None => picked(message, TEXT),
    };
    if is_inbound {
        payload.shift_remove("source");
    }
    let channel = effect.detail.get("channel").cloned().unwrap_or_default();
    payload.insert("messageType".to_owned(), channel);
    payload.insert("messageId".to_owned(), message["id"].clone());
    if let Some(email) = email {
        payload.insert("emailMessageId".to_owned(), email["id"].clone());
    }
    if let Some(meta) = message
        .get("meta")
        .filter(|meta| meta.get("callStatus").is_some())
    {
        payload.shift_remove("contentType");
        for name in ["callStatus", "callDuration"] {
            payload.insert(name.to_owned(), meta[name].clone());
        }
    }
    payload
}

/// What the app that is the message's conversation provider is to deliver. Its `type` is the channel.
fn to_deliver(
    effect: &Effect,
    message: &Map<String, Value>,
    email: Option<&Map<String, Value>>,
    store: &Store,
) -> Option<Map<String, Value>> {
    message.get("conversationProviderId")?;
    let contact = store.contact(&effect.contact_id)?;
    let mut payload = picked(message, &["contactId", "attachments", "userId"]);
    payload.insert("messageId".to_owned(), message["id"].clone());
    let rest = match email {
        Some(email) => json!({
            "type": "Email",
            "emailMessageId": email["id"],
            "emailTo": email["to"],
            "emailFrom": email["from"],
            "html": email["body"],
            "subject": email["subject"],
        }),
        None if message.contains_key("body") => {
            json!({"type": "SMS", "phone": contact.phone(), "message": message["body"]})
        }
        None => return None,
    };
    payload.extend(rest.as_object().cloned().unwrap_or_default());
    Some(payload)
}
