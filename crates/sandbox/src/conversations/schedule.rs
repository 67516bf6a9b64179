//! Calling off a message that was scheduled and has not gone yet.

use serde_json::json;

use super::draft::{email_ids, shown};
use super::{EMAIL, MESSAGE};
use crate::accounts::Scene;
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};

/// DELETE /conversations/messages/{id}/schedule
pub(super) fn cancel(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let message = scene.document(MESSAGE, "Message", scene.param(0))?;
    check(scene, &message)?;
    for email in email_ids(&message) {
        scene.store.documents.remove(EMAIL, &email);
    }
    Ok(called_off(scene, &message))
}

/// DELETE /conversations/messages/email/{id}/schedule: the message goes with its only e-mail.
pub(super) fn cancel_email(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let email = scene.document(EMAIL, "Email message", scene.param(0))?;
    check(scene, &email)?;
    scene.store.documents.remove(EMAIL, &email.id);
    let thread = email.text("threadId").unwrap_or_default();
    let mut message = scene.document(MESSAGE, "Message", thread)?;
    let mut ids = email_ids(&message);
    ids.retain(|id| *id != email.id);
    if ids.is_empty() {
        return Ok(called_off(scene, &message));
    }
    let meta = json!({"email": {"messageIds": ids}});
    message.fields.insert("meta".to_owned(), meta);
    scene.store.documents.put(MESSAGE, message);
    Ok(done(&email))
}

fn called_off(scene: &mut Scene<'_>, message: &Document) -> Done {
    scene.store.documents.remove(MESSAGE, &message.id);
    done(message)
}

/// 400 where it is not scheduled, or has gone.
fn check(scene: &Scene<'_>, document: &Document) -> Result<(), Reply> {
    if shown(document, scene.now)["status"] == "scheduled" {
        return Ok(());
    }
    let message = "Failed cancel the scheduled message";
    Err(Reply::json(400, json!({"status": 400, "message": message})))
}

fn done(document: &Document) -> Done {
    let contact_id = document.text("contactId").unwrap_or_default();
    let detail = json!({"id": document.id});
    let effect = Effect::new("message_cancelled", contact_id, detail);
    let body = json!({"status": 200, "message": "The scheduled message was cancelled successfully"});
    Done::wrote(200, body, effect)
}
