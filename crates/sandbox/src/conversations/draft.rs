//! A message on its way into a conversation, whoever wrote it.

use cartlane_model::UnixMs;
use serde_json::{Map, Value, json};

use super::channels::Channel;
use super::{EMAIL, KIND, MESSAGE, of_contact, open, view};
use crate::contacts::Contact;
use crate::documents::Document;
use crate::log::Effect;
use crate::store::Store;

/// A message before it is kept.
pub(super) struct Draft<'a> {
    pub(super) channel: &'static Channel,
    pub(super) is_inbound: bool,
    /// Whether a person wrote it, and no program.
    pub(super) is_manual: bool,
    pub(super) status: &'a str,
    pub(super) date: UnixMs,
    /// The message of the thread that an e-mail goes to, where there is one.
    pub(super) thread: Option<Document>,
    /// What it says, under the names of the API's bodies.
    pub(super) body: &'a Map<String, Value>,
    /// What only the sandbox has to know: recording, transcription, when it is due.
    pub(super) hidden: Map<String, Value>,
}

/// What became of a draft.
pub(super) struct Kept {
    pub(super) message: Document,
    pub(super) email: Option<Document>,
    pub(super) effect: Effect,
}

/// Fields that a message takes over as they are.
const TAKEN: [&str; 5] = [
    "attachments",
    "conversationProviderId",
    "altId",
    "userId",
    "appointmentId",
];

impl Draft<'_> {
    /// Keeps the message in the contact's conversation, which is opened where there is none.
    pub(super) fn keep(self, store: &mut Store, contact: &Contact, now: UnixMs) -> Kept {
        let conversation = of_contact(store, contact);
        let mut conversation =
            conversation.unwrap_or_else(|| open(store, &contact.id, &contact.location_id, now));
        let mut message = self.message(store, &conversation, now);
        let email = self
            .channel
            .is_email()
            .then(|| self.email(store, contact, &message, now));
        if let Some(email) = &email {
            add_to_thread(&mut message, &email.id);
            store.documents.put(EMAIL, email.clone());
        }
        self.note(&mut conversation, now);
        let kind = if self.is_inbound {
            "message_received"
        } else {
            "message_sent"
        };
        let detail = json!({
            "message": shown(&message, now),
            "email": email.as_ref().map(|email| shown(email, now)),
            "conversation": view(store, &conversation),
            "channel": self.channel.in_events,
        });
        store.documents.put(MESSAGE, message.clone());
        store.documents.put(KIND, conversation);
        Kept {
            message,
            email,
            effect: Effect::new(kind, &contact.id, detail),
        }
    }

    fn message(&self, store: &mut Store, conversation: &Document, now: UnixMs) -> Document {
        if let Some(mut thread) = self.thread.clone() {
            thread.updated_at = now;
            return thread;
        }
        let mut fields = Map::from_iter([
            ("type".to_owned(), json!(self.channel.number)),
            ("messageType".to_owned(), json!(self.channel.kind)),
            ("contactId".to_owned(), conversation.fields["contactId"].clone()),
            ("conversationId".to_owned(), json!(conversation.id)),
            ("direction".to_owned(), json!(self.direction())),
            ("status".to_owned(), json!(self.status)),
            ("contentType".to_owned(), json!(self.content_type())),
            ("source".to_owned(), json!(self.source())),
            ("attachments".to_owned(), json!([])),
            ("meta".to_owned(), json!({})),
        ]);
        if !self.channel.is_email() && !self.channel.is_call() {
            fields.insert("body".to_owned(), json!(self.text("message")));
        }
        for name in TAKEN {
            if let Some(value) = self.body.get(name) {
                fields.insert(name.to_owned(), value.clone());
            }
        }
        fields.insert("hidden".to_owned(), Value::Object(self.hidden.clone()));
        if let Some(call) = self.body.get("call") {
            let status = call.get("status").cloned().unwrap_or(json!("completed"));
            fields["meta"] = json!({"callStatus": status, "callDuration": call.get("duration")});
        }
        Document {
            id: store.new_id(),
            location: conversation.location.clone(),
            fields,
            added_at: self.date,
            updated_at: now,
        }
    }

    fn email(&self, store: &mut Store, contact: &Contact, message: &Document, now: UnixMs) -> Document {
        let own = contact.email().unwrap_or_default();
        let location = format!(
            "Sandbox <mail@{}.example.com>",
            contact.location_id.to_lowercase()
        );
        let (from, to) = if self.is_inbound {
            (own, location.as_str())
        } else {
            (location.as_str(), own)
        };
        let given = |name: &str, default: &str| match self.text(name) {
            "" => json!(default),
            text => json!(text),
        };
        let list = |name: &str| self.body.get(name).cloned().unwrap_or(json!([]));
        let body = given("html", self.text("message"));
        let mut fields = Map::from_iter([
            ("threadId".to_owned(), json!(message.id)),
            ("contactId".to_owned(), message.fields["contactId"].clone()),
            (
                "conversationId".to_owned(),
                message.fields["conversationId"].clone(),
            ),
            ("subject".to_owned(), json!(self.text("subject"))),
            ("body".to_owned(), body),
            ("direction".to_owned(), json!(self.direction())),
            ("status".to_owned(), json!(self.status)),
            ("contentType".to_owned(), json!(self.content_type())),
            ("attachments".to_owned(), list("attachments")),
            ("provider".to_owned(), json!("Leadconnector Mailgun")),
            ("from".to_owned(), given("emailFrom", from)),
            ("to".to_owned(), json!([given("emailTo", to)])),
            ("cc".to_owned(), list("emailCc")),
            ("bcc".to_owned(), list("emailBcc")),
            ("source".to_owned(), json!(self.source())),
        ]);
        for (name, given) in [
            ("altId", "altId"),
            ("conversationProviderId", "conversationProviderId"),
            ("replyToMessageId", "replyMessageId"),
        ] {
            if let Some(value) = self.body.get(given) {
                fields.insert(name.to_owned(), value.clone());
            }
        }
        fields.insert("hidden".to_owned(), Value::Object(self.hidden.clone()));
        Document {
            id: store.new_id(),
            location: contact.location_id.clone(),
            fields,
            added_at: self.date,
            updated_at: now,
        }
    }

    /// What the conversation has to know of its latest message.
    fn note(&self, conversation: &mut Document, now: UnixMs) {
        let before = conversation.fields["lastMessageDate"].as_i64();
        let last = before.unwrap_or_default().max(self.date.0);
        let said = if self.channel.is_email() {
            self.text("subject")
        } else {
            self.text("message")
        };
        let action = if self.is_manual { "manual" } else { "automated" };
        let mut note = |name: &str, value: Value| {
            conversation.fields.insert(name.to_owned(), value);
        };
        note("lastMessageDate", json!(last));
        note("lastMessageBody", json!(said));
        note("lastMessageType", json!(self.channel.kind));
        note("lastMessageDirection", json!(self.direction()));
        if !self.is_inbound {
            note("lastOutboundMessageAction", json!(action));
        }
        if self.is_manual {
            note("lastManualMessageDate", json!(last));
        }
        if self.is_inbound {
            let unread = conversation.fields["unreadCount"].as_i64().unwrap_or_default();
            conversation
                .fields
                .insert("unreadCount".to_owned(), json!(unread + 1));
        }
        conversation.updated_at = now;
    }

    fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn direction(&self) -> &'static str {
        if self.is_inbound { "inbound" } else { "outbound" }
    }

    fn source(&self) -> &'static str {
        if self.is_manual { "app" } else { "api" }
    }

    fn content_type(&self) -> &'static str {
        if self.body.contains_key("html") {
            "text/html"
        } else {
            "text/plain"
        }
    }
}

fn add_to_thread(message: &mut Document, email_id: &str) {
    let mut ids = email_ids(message);
    ids.push(email_id.to_owned());
    message
        .fields
        .insert("meta".to_owned(), json!({"email": {"messageIds": ids}}));
}

/// The e-mails of a message, oldest first.
pub(super) fn email_ids(message: &Document) -> Vec<String> {
    let ids = message
        .fields
        .get("meta")
        .and_then(|meta| meta.pointer("/email/messageIds"));
    let ids = ids.and_then(Value::as_array).into_iter().flatten();
    ids.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A message as GHL's reads give it, an e-mail without its body, a call without its recording; or an e-mail with its body.
pub(super) fn shown(document: &Document, now: UnixMs) -> Value {
    let mut view = document.view();
    view.shift_remove("hidden");
    view.insert("dateAdded".to_owned(), json!(document.added_at.to_string()));
    if is_past_due(document, now) {
        view.insert("status".to_owned(), json!("delivered"));
    }
    Value::Object(view)
}

/// Whether the time has come for which it was scheduled.
fn is_past_due(document: &Document, now: UnixMs) -> bool {
    let due_ms = hidden(document, "dueMs").and_then(Value::as_i64);
    document.text("status") == Some("scheduled") && due_ms.is_some_and(|due_ms| due_ms <= now.0)
}

/// What only the sandbox knows of a message.
pub(super) fn hidden<'a>(message: &'a Document, name: &str) -> Option<&'a Value> {
    message.fields.get("hidden")?.get(name)
}
