//! Messages that went or came by a conversation provider's own way, added to a conversation afterwards.

use serde_json::{Map, Value, json};

use super::channels::Channel;
use super::draft::Draft;
use super::send::check_content;
use super::{EMAIL, MESSAGE, contact_of, find};
use crate::accounts::Scene;
use crate::contacts::Contact;
use crate::documents::Document;
use crate::reply::{Done, Reply};
use cartlane_model::UnixMs;

/// POST /conversations/messages/inbound: its `direction` may say `outbound`.
pub(super) fn inbound(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let conversation = conversation(scene)?;
    let contact = contact_of(scene, &conversation.location)?;
    if conversation.text("contactId") != Some(contact.id.as_str()) {
        let id = &conversation.id;
        return Err(Reply::bad_request(&format!(
            "Conversation {id} is not the contact's"
        )));
    }
    let is_inbound = scene.body.get("direction") != Some(&json!("outbound"));
    add(scene, &contact, is_inbound)
}

/// POST /conversations/messages/outbound: a call.
pub(super) fn outbound(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let conversation = conversation(scene)?;
    let contact = scene.contact(conversation.text("contactId").unwrap_or_default())?;
    add(scene, &contact, false)
}

fn add(scene: &mut Scene<'_>, contact: &Contact, is_inbound: bool) -> Result<Done, Reply> {
    let body = scene.body;
    let name = body.get("type").and_then(Value::as_str).unwrap_or_default();
    let channel = Channel::find(name).ok_or_else(|| Reply::invalid("type must be a valid enum value"))?;
    if !channel.is_call() {
        check_content(channel, body)?;
    }
    let call = body.get("call").and_then(|call| call.get("status"));
    let status = match call.and_then(Value::as_str) {
        Some(status) if channel.is_call() => status,
        _ if channel.is_call() => "completed",
        _ => "delivered",
    };
    let draft = Draft {
        channel,
        is_inbound,
        is_manual: false,
        status,
        date: date(scene)?,
        thread: thread(scene, contact)?.filter(|_| channel.is_email()),
        body,
        hidden: Map::new(),
    };
    let kept = draft.keep(scene.store, contact, scene.now);
    let mut answer = json!({
        "success": true,
        "conversationId": kept.message.text("conversationId"),
        "messageId": kept.message.id,
        "message": "Message added successfully",
        "contactId": contact.id,
        "dateAdded": kept.message.added_at.to_string(),
    });
    if let Some(email) = &kept.email {
        answer["emailMessageId"] = json!(email.id);
        answer["dateAdded"] = json!(email.added_at.to_string());
    }
    Ok(Done::wrote(200, answer, kept.effect))
}

fn conversation(scene: &Scene<'_>) -> Result<Document, Reply> {
    let id = scene.body.get("conversationId").and_then(Value::as_str);
    find(scene, id.unwrap_or_default())
}

/// The message of the thread that the e-mail answers.
fn thread(scene: &Scene<'_>, contact: &Contact) -> Result<Option<Document>, Reply> {
    let Some(id) = scene.body.get("emailMessageId").and_then(Value::as_str) else {
        return Ok(None);
    };
    let email = scene.document(EMAIL, "Email message", id)?;
    if email.text("contactId") != Some(contact.id.as_str()) {
        return Err(Reply::not_found("Email message", id));
    }
    let thread = email.text("threadId").unwrap_or_default();
    scene.document(MESSAGE, "Message", thread).map(Some)
}

/// When it came: `date`, else now.
fn date(scene: &Scene<'_>) -> Result<UnixMs, Reply> {
    let Some(date) = scene.body.get("date").and_then(Value::as_str) else {
        return Ok(scene.now);
    };
    let date = date.parse::<jiff::Timestamp>();
    let date = date.map_err(|_| Reply::invalid("date must be a valid ISO 8601 date string"))?;
    Ok(UnixMs(date.as_millisecond()))
}
