//! GET /conversations/search.

use serde_json::{Value, json};

use super::{KIND, messages, view};
use crate::accounts::Scene;
use crate::contacts::Contact;
use crate::documents::Document;
use crate::membership::texts;
use crate::reply::{Done, Reply};

/// A conversation that was found, and the value that it is sorted by.
struct Row {
    sort: i64,
    view: Value,
}

/// The newest first, or the oldest; behind the sort value of `startAfterDate`.
pub(super) fn search(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let limit = messages::limit(scene)?;
    let behind = behind(scene)?;
    let is_oldest_first = scene.query("sort") == Some("asc");
    let all = scene.store.documents.of(KIND, &location);
    let found = all.filter(|conversation| is_indexed(scene, conversation));
    let mut rows: Vec<Row> = found
        .filter_map(|conversation| row(scene, conversation))
        .collect();
    let total = rows.len();
    if is_oldest_first {
        rows.sort_by_key(|row| row.sort);
    } else {
        rows.sort_by_key(|row| std::cmp::Reverse(row.sort));
    }
    let is_behind = |row: &Row| match behind {
        Some(value) if is_oldest_first => row.sort > value,
        Some(value) => row.sort < value,
        None => true,
    };
    let page = rows.into_iter().filter(is_behind).take(limit);
    let page: Vec<Value> = page.map(|row| row.view).collect();
    Ok(Done::read(json!({"conversations": page, "total": total})))
}

/// A new conversation is found as late as a new contact.
fn is_indexed(scene: &Scene<'_>, conversation: &Document) -> bool {
    conversation.added_at.plus_ms(scene.store.lag_ms) <= scene.now
}

fn behind(scene: &Scene<'_>) -> Result<Option<i64>, Reply> {
    let Some(given) = scene.query("startAfterDate") else {
        return Ok(None);
    };
    let number = given.trim_matches(['[', ']']).parse();
    number
        .map(Some)
        .map_err(|_| Reply::invalid("startAfterDate must be a number"))
}

/// The conversation as search shows it, if it is one that is looked for.
fn row(scene: &Scene<'_>, conversation: &Document) -> Option<Row> {
    let contact = scene.store.contact(conversation.text("contactId")?)?;
    let number = |name: &str| conversation.fields.get(name).and_then(Value::as_i64);
    let sort = match scene.query("sortBy") {
        Some("last_manual_message_date") => number("lastManualMessageDate"),
        _ => number("lastMessageDate"),
    };
    if !fits(scene, conversation, contact) {
        return None;
    }
    let sort = sort.unwrap_or_default();
    let mut view = view(scene.store, conversation);
    for (name, value) in [
        ("type", json!("TYPE_PHONE")),
        ("fullName", json!(contact.name())),
        ("contactName", json!(contact.name())),
        ("email", json!(contact.email())),
        ("phone", json!(contact.phone())),
        ("tags", json!(contact.tags)),
        ("followers", json!(texts(contact.fields.get("followers")))),
        ("sort", json!([sort])),
    ] {
        view[name] = value;
    }
    Some(Row { sort, view })
}

fn fits(scene: &Scene<'_>, conversation: &Document, contact: &Contact) -> bool {
    let same = |name: &str, value: Option<&str>| {
        let wanted = scene.query(name);
        wanted.is_none_or(|wanted| value == Some(wanted))
    };
    let number = |name: &str| scene.query(name).and_then(|text| text.parse::<i64>().ok());
    let unread = conversation.fields["unreadCount"].as_i64().unwrap_or_default();
    let by_status = match scene.query("status") {
        Some("read") => unread == 0,
        Some("unread") => unread > 0,
        Some("starred") => conversation.fields["starred"] == json!(true),
        _ => true,
    };
    let added_ms = conversation.added_at.0;
    by_status
        && same("id", Some(&conversation.id))
        && same("contactId", Some(&contact.id))
        && same("lastMessageType", conversation.text("lastMessageType"))
        && same("lastMessageDirection", conversation.text("lastMessageDirection"))
        && same(
            "lastMessageAction",
            conversation.text("lastOutboundMessageAction"),
        )
        && number("startDate").is_none_or(|start_ms| added_ms >= start_ms)
        && number("endDate").is_none_or(|end_ms| added_ms <= end_ms)
        && scene.query("mentions").is_none()
        && is_among(scene.query("assignedTo"), contact)
        && follows(scene.query("followers"), contact)
        && says(scene.query("query"), contact)
}

/// Whether the contact's owner is one of these, of whom one may be `unassigned`.
fn is_among(owners: Option<&str>, contact: &Contact) -> bool {
    let owner = contact.text("assignedTo").unwrap_or("unassigned");
    owners.is_none_or(|owners| owners.split(',').any(|one| one == owner))
}

fn follows(users: Option<&str>, contact: &Contact) -> bool {
    let followers = texts(contact.fields.get("followers"));
    users.is_none_or(|users| users.split(',').any(|one| followers.iter().any(|own| own == one)))
}

/// Whether name, e-mail or phone have this text in them.
fn says(text: Option<&str>, contact: &Contact) -> bool {
    let Some(text) = text else { return true };
    let text = text.to_lowercase();
    let name = contact.name();
    let fields = [Some(name.as_str()), contact.email(), contact.phone()];
    fields
        .into_iter()
        .flatten()
        .any(|field| field.to_lowercase().contains(&text))
}
