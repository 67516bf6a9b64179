//! What a conversation provider tells of a message, and who is typing.

use serde_json::{Value, json};

use super::draft::email_ids;
use super::{EMAIL, MESSAGE, find};
use crate::accounts::Scene;
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};

/// PUT /conversations/messages/{id}/status: only by an app, and only of a message that a conversation provider
/// delivers. Any app counts as the provider's.
pub(super) fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut message = find_delivered(scene)?;
    if scene.holder.is_none_or(|holder| holder.app.is_none()) {
        return Err(Reply::forbidden("Forbidden resource"));
    }
    let status = scene.body.get("status").cloned().unwrap_or_default();
    let email = email_of(scene, &message)?;
    if let Some(mut email) = email.clone() {
        email.fields.insert("status".to_owned(), status.clone());
        email.updated_at = scene.now;
        scene.store.documents.put(EMAIL, email);
    }
    message.fields.insert("status".to_owned(), status.clone());
    message.updated_at = scene.now;
    let mut answer = json!({
        "conversationId": message.text("conversationId"),
        "messageId": message.id,
        "status": status,
    });
    if let Some(email) = email {
        answer["emailMessageId"] = json!(email.id);
    }
    let contact_id = message.text("contactId").unwrap_or_default();
    let detail = json!({"message_id": message.id, "written": scene.body});
    let effect = Effect::new("message_updated", contact_id, detail);
    scene.store.documents.put(MESSAGE, message);
    Ok(Done::wrote(200, answer, effect))
}

/// The message that the path names. It is reported that one that isn't there is a 401, and that an e-mail of GHL's own
/// isn't there.
fn find_delivered(scene: &Scene<'_>) -> Result<Document, Reply> {
    let id = scene.param(0);
    let message = scene.store.documents.get(MESSAGE, id);
    let missing = || Reply::unauthorized(&format!("No message found for the id: {id} passed in params"));
    let message = message.ok_or_else(missing)?.clone();
    scene.location(&message.location)?;
    match message.text("conversationProviderId") {
        Some(_) => Ok(message),
        None if message.text("messageType") == Some("TYPE_EMAIL") => Err(missing()),
        None => Err(Reply::forbidden(
            "No conversation provider found for this message",
        )),
    }
}

/// The e-mail of the message that is meant: the one that the body names, else the newest.
fn email_of(scene: &Scene<'_>, message: &Document) -> Result<Option<Document>, Reply> {
    let ids = email_ids(message);
    let named = scene.body.get("emailMessageId").and_then(Value::as_str);
    let id = match named {
        Some(named) if !ids.iter().any(|id| id == named) => {
            return Err(Reply::not_found("Email message", named));
        }
        Some(named) => Some(named),
        None => ids.last().map(String::as_str),
    };
    id.map(|id| scene.document(EMAIL, "Email message", id))
        .transpose()
}

/// POST /conversations/providers/live-chat/typing
pub(super) fn show_typing(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    let id = scene.body.get("conversationId").and_then(Value::as_str);
    let conversation = find(scene, id.unwrap_or_default())?;
    if conversation.location != location {
        return Err(Reply::wrong_location());
    }
    let contact_id = conversation.text("contactId").unwrap_or_default();
    let detail = json!({
        "conversation_id": conversation.id,
        "visitorId": scene.body.get("visitorId"),
        "isTyping": scene.body.get("isTyping"),
    });
    let effect = Effect::new("typing_shown", contact_id, detail);
    Ok(Done::wrote(201, json!({"success": true}), effect))
}
