//! Reading messages and e-mails.

use std::cmp::Reverse;

use serde_json::json;

use super::draft::shown;
use super::{EMAIL, MESSAGE, find};
use crate::accounts::Scene;
use crate::documents::Document;
use crate::reply::{Done, Reply};

/// GET /conversations/{id}/messages: newest first, behind `lastMessageId`.
pub(super) fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let conversation = find(scene, scene.param(0))?;
    let limit = limit(scene)?;
    let kinds = scene.query("type");
    let wanted = |message: &&Document| {
        let kind = message.text("messageType").unwrap_or_default();
        let fits = kinds.is_none_or(|kinds| kinds.split(',').any(|one| one == kind));
        fits && message.text("conversationId") == Some(conversation.id.as_str())
    };
    let all = scene.store.documents.of(MESSAGE, &conversation.location);
    let mut messages: Vec<&Document> = all.rev().filter(wanted).collect();
    messages.sort_by_key(|message| Reverse(message.added_at));
    if let Some(last) = scene.query("lastMessageId") {
        let position = messages.iter().position(|message| message.id == last);
        let position = position.ok_or_else(|| Reply::not_found("Message", last))?;
        messages.drain(..=position);
    }
    let page = messages.iter().take(limit);
    let page: Vec<_> = page.map(|message| shown(message, scene.now)).collect();
    Ok(Done::read(json!({"messages": {
        "lastMessageId": page.last().map(|message| &message["id"]),
        "nextPage": messages.len() > limit,
        "messages": page,
    }})))
}

/// GET /conversations/messages/{id}: bare, as described.
pub(super) fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let message = scene.document(MESSAGE, "Message", scene.param(0))?;
    Ok(Done::read(shown(&message, scene.now)))
}

/// GET /conversations/messages/email/{id}: the id is the e-mail's, not its message's.
pub(super) fn get_email(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let email = scene.document(EMAIL, "Email message", scene.param(0))?;
    Ok(Done::read(shown(&email, scene.now)))
}

/// How many a page has: 20, at most 100.
pub(super) fn limit(scene: &Scene<'_>) -> Result<usize, Reply> {
    let problem = match scene.query("limit").map(str::parse::<usize>) {
        None => return Ok(20),
        Some(Ok(limit @ 1..=100)) => return Ok(limit),
        Some(Ok(0)) => "limit must not be less than 1",
        Some(Ok(_)) => "limit must not be greater than 100",
        Some(Err(_)) => "limit must be an integer number",
    };
    Err(Reply::invalid(problem))
}
