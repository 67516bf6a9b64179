//! What others say and write: the contact itself, or another user of the account.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::channels::Channel;
use super::draft::Draft;
use super::recording;
use crate::edit::{Edit, EditError};
use crate::state::Inner;

/// A message from a contact, or with `outbound` one that another user sent it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Message {
    /// In which location; by default the first.
    pub location: Option<String>,
    /// The contact, by id.
    pub contact_id: Option<String>,
    /// The contact, by e-mail.
    pub email: Option<String>,
    /// By which way, under GHL's names (`SMS`, `Email`, `Call`, …); `SMS` unless said.
    pub r#type: Option<String>,
    /// Whether another user sent it, and not the contact.
    pub outbound: bool,
    /// What it says: `message`, `html`, `subject`, `attachments`, `userId`, … under GHL's names.
    pub set: Map<String, Value>,
    /// How the call was, where it is one.
    pub call: Option<PhoneCall>,
}

/// A call that took place.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhoneCall {
    /// `completed`, `voicemail`, `no-answer`, ….
    pub status: String,
    /// How long it was.
    pub duration_s: u32,
    /// Whether it was recorded; up to ten seconds of silence are heard.
    pub recorded: bool,
    /// What was said, sentence by sentence; without any there is no transcription.
    pub said: Vec<String>,
}

impl Default for PhoneCall {
    fn default() -> Self {
        Self {
            status: "completed".to_owned(),
            duration_s: 0,
            recorded: false,
            said: Vec::new(),
        }
    }
}

/// What a message became.
#[derive(Clone, Debug, Serialize)]
pub struct MessageIds {
    /// Of the contact.
    pub contact_id: String,
    /// Of the conversation.
    pub conversation_id: String,
    /// Of the message; that of the thread where it is an e-mail.
    pub message_id: String,
    /// Of the e-mail, where it is one.
    pub email_message_id: Option<String>,
}

impl Inner {
    /// Keeps a message that did not come by the API.
    pub(crate) fn message(&mut self, message: &Message) -> Result<MessageIds, EditError> {
        let channel = message.r#type.as_deref().unwrap_or("SMS");
        let channel = Channel::find(channel).ok_or(EditError::NoType)?;
        let whom = Edit {
            location: message.location.clone(),
            contact_id: message.contact_id.clone(),
            email: message.email.clone(),
            ..Edit::default()
        };
        let contact = self.edited(&whom)?;
        let now = self.time.now();
        let mut body = message.set.clone();
        let mut hidden = Map::new();
        let call = message.call.clone();
        let call = call.or_else(|| channel.is_call().then(PhoneCall::default));
        if let Some(call) = &call {
            let told = json!({"status": call.status, "duration": call.duration_s});
            body.insert("call".to_owned(), told);
            if call.recorded {
                hidden.insert("soundS".to_owned(), json!(call.duration_s));
            }
            if !call.said.is_empty() {
                hidden.insert("sentences".to_owned(), recording::transcribed(&call.said));
            }
        }
        let draft = Draft {
            channel,
            is_inbound: !message.outbound,
            is_manual: true,
            status: call.as_ref().map_or("delivered", |call| call.status.as_str()),
            date: now,
            thread: None,
            body: &body,
            hidden,
        };
        let kept = draft.keep(&mut self.store, &contact, now);
        self.record_edit(kept.effect);
        Ok(MessageIds {
            contact_id: contact.id.clone(),
            conversation_id: kept.message.text("conversationId").unwrap_or_default().to_owned(),
            message_id: kept.message.id,
            email_message_id: kept.email.map(|email| email.id),
        })
    }
}
