//! Sending a message to a contact.

use serde_json::{Map, Value, json};

use super::channels::Channel;
use super::draft::{Draft, Kept};
use super::{EMAIL, MESSAGE};
use crate::accounts::Scene;
use crate::contacts::{Contact, same_text};
use crate::documents::Document;
use crate::reply::{Done, Reply};

const TYPES: [&str; 9] = [
    "SMS",
    "RCS",
    "Email",
    "WhatsApp",
    "IG",
    "FB",
    "Custom",
    "Live_Chat",
    "TIKTOK",
];
const STATUSES: [&str; 4] = ["delivered", "failed", "pending", "read"];

/// POST /conversations/messages: opens the contact's conversation where there is none. It counts as delivered unless
/// the body says otherwise or schedules it.
pub(super) fn send(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let body = scene.body;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let channel = text("type")
        .filter(|name| TYPES.contains(name))
        .and_then(Channel::find);
    let channel = channel.ok_or_else(|| Reply::invalid("type must be a valid enum value"))?;
    if text("status").is_some_and(|status| !STATUSES.contains(&status)) {
        let allowed = STATUSES.join(", ");
        return Err(Reply::invalid(&format!(
            "status must be one of the following values: {allowed}"
        )));
    }
    let contact = scene.contact(text("contactId").unwrap_or_default())?;
    check_content(channel, body)?;
    channel.check_reach(&contact)?;
    if channel.name == "Custom" && text("conversationProviderId").is_none() {
        return Err(Reply::bad_request(
            "conversationProviderId is required for type Custom",
        ));
    }
    check_address(channel, &contact, text("emailTo"))?;
    let due = body.get("scheduledTimestamp").and_then(Value::as_i64);
    let due_ms = due.map(|seconds| seconds.saturating_mul(1_000));
    let due_ms = due_ms.filter(|due_ms| *due_ms > scene.now.0);
    let (status, hidden) = match due_ms {
        Some(due_ms) => ("scheduled", Map::from_iter([("dueMs".to_owned(), json!(due_ms))])),
        None => (text("status").unwrap_or("delivered"), Map::new()),
    };
    let draft = Draft {
        channel,
        is_inbound: false,
        is_manual: false,
        status,
        date: scene.now,
        thread: thread(scene, channel, &contact)?,
        body,
        hidden,
    };
    let kept = draft.keep(scene.store, &contact, scene.now);
    let answer = answer(&kept, status);
    Ok(Done::wrote(200, answer, kept.effect))
}

/// 422 where a message says nothing. An e-mail's text alone is nothing: it needs HTML.
pub(super) fn check_content(channel: &Channel, body: &Map<String, Value>) -> Result<(), Reply> {
    let has = |name: &str| match body.get(name) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        _ => false,
    };
    let said = if channel.is_email() { "html" } else { "message" };
    if [said, "attachments", "templateId"].into_iter().any(has) {
        return Ok(());
    }
    Err(Reply::json(
        422,
        json!({
            "statusCode": 422,
            "message": "There is no message or attachments for this message. Skip sending.",
            "canonicalCode": "CONVERSATIONS_MSG_NO_CONTENT",
        }),
    ))
}

/// 400 where an e-mail would go to an address that isn't the contact's.
fn check_address(channel: &Channel, contact: &Contact, to: Option<&str>) -> Result<(), Reply> {
    let is_own = |to: &str| contact.all_emails().iter().any(|own| same_text(own, to));
    if channel.is_email() && to.is_some_and(|to| !is_own(to)) {
        return Err(Reply::bad_request("emailTo is not an email of the contact"));
    }
    Ok(())
}

/// The message whose thread an e-mail goes on with: `threadId`, or that of `replyMessageId`. 400 where it isn't one of
/// the contact's e-mails.
fn thread(scene: &Scene<'_>, channel: &Channel, contact: &Contact) -> Result<Option<Document>, Reply> {
    let given = |name: &str| scene.body.get(name).and_then(Value::as_str);
    let Some(id) = given("threadId").or_else(|| given("replyMessageId")) else {
        return Ok(None);
    };
    let message = match scene.store.documents.get(EMAIL, id) {
        Some(email) => email.text("threadId").unwrap_or_default(),
        None => id,
    };
    let message = scene.document(MESSAGE, "Message", message)?;
    if message.text("contactId") != Some(contact.id.as_str()) {
        return Err(Reply::not_found("Message", id));
    }
    let is_thread = channel.is_email() && message.text("messageType") == Some(channel.kind);
    Ok(is_thread.then_some(message))
}

fn answer(kept: &Kept, status: &str) -> Value {
    let mut answer = json!({
        "conversationId": kept.message.text("conversationId"),
        "messageId": kept.message.id,
        "status": status,
    });
    if let Some(email) = &kept.email {
        answer["emailMessageId"] = json!(email.id);
    }
    if status == "scheduled" {
        answer["status"] = json!("pending");
        answer["msg"] = json!("Message queued successfully.");
    }
    answer
}
