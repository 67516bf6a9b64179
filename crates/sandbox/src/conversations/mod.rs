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
mod conversation;
mod draft;
mod messages;
mod outside;
mod recording;
mod schedule;
mod search;
mod send;
mod status;

use crate::accounts::AccountRoute;
use crate::validate;

pub(crate) use conversation::open;
use conversation::{contact_of, find, of_contact, view};
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
        conversation::create,
    ),
    AccountRoute::new(
        "GET",
        "/conversations/{id}",
        "ghl.conversations.get",
        READ,
        conversation::get,
    ),
    AccountRoute::new(
        "PUT",
        "/conversations/{id}",
        "ghl.conversations.update",
        WRITE,
        conversation::update,
    ),
    AccountRoute::new(
        "DELETE",
        "/conversations/{id}",
        "ghl.conversations.delete_conversation",
        WRITE,
        conversation::delete,
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
