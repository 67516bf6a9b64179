//! Get, find duplicate, and the deprecated list.

use cartlane_model::UnixMs;
use serde_json::{Value, json};

use super::Contact;
use crate::reply::{Done, Reply};
use crate::routes::Request;
use crate::store::Store;

/// GET /contacts/{id}
pub(crate) fn get(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let contact = request.contact(store)?;
    Ok(Done::read(json!({"contact": contact.view()})))
}

/// GET /contacts/search/duplicate: by e-mail, then by phone (called `number`). Reads the contacts themselves, not the
/// lagging index.
#[expect(
    clippy::unnecessary_wraps,
    reason = "a handler like the others, which can refuse"
)]
pub(crate) fn find_duplicate(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let location = &request.location.id;
    let by_email = request
        .query("email")
        .and_then(|email| store.by_email(location, email));
    let by_phone = || {
        request
            .query("number")
            .and_then(|number| store.by_phone(location, number))
    };
    let found = by_email.or_else(by_phone).map(|contact| contact.view());
    Ok(Done::read(json!({"contact": found})))
}

/// GET /contacts/: newest first; the cursor is the last contact's age and id, given as long as a page isn't empty.
pub(crate) fn list(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let limit = match request.query("limit").map(str::parse::<usize>) {
        None => 20,
        Some(Ok(limit)) if (1..=100).contains(&limit) => limit,
        Some(_) => {
            return Err(Reply::unprocessable(&[
                "limit must not be greater than 100".to_owned()
            ]));
        }
    };
    let start_after = request.query("startAfter").and_then(|text| text.parse().ok());
    let behind = match (start_after, request.query("startAfterId")) {
        (Some(ms), Some(id)) => Some((UnixMs(ms), id.to_owned())),
        _ => None,
    };
    let location = &request.location.id;
    let query = request.query("query").unwrap_or_default();
    let fits = |contact: &Contact| query.is_empty() || mentions(contact, query);
    let total = if query.is_empty() {
        store.count_in(location)
    } else {
        let all = store.newest_first(location, None);
        all.filter(|contact| fits(contact)).count()
    };
    let rest = store
        .newest_first(location, behind)
        .filter(|contact| fits(contact));
    let page: Vec<_> = rest.take(limit).collect();
    let contacts: Vec<Value> = page.iter().map(|contact| Value::Object(contact.view())).collect();
    let mut meta = json!({"total": total, "currentPage": 1, "nextPage": null, "prevPage": null});
    if let (Some(last), Some(meta)) = (page.last(), meta.as_object_mut()) {
        let (ms, id) = (last.added_at.0, &last.id);
        // The host of GHL's own next page can't be reached from outside either.
        let url = format!(
            "http://localhost:5058/contacts/?locationId={location}&startAfter={ms}&startAfterId={id}"
        );
        meta.insert("nextPageUrl".to_owned(), json!(url));
        meta.insert("startAfter".to_owned(), json!(ms));
        meta.insert("startAfterId".to_owned(), json!(id));
    }
    Ok(Done::read(
        json!({"contacts": contacts, "count": total, "meta": meta}),
    ))
}

/// Whether name, e-mail, phone or company has `part` in it, without case.
pub(crate) fn mentions(contact: &Contact, part: &str) -> bool {
    let part = part.to_lowercase();
    let fields = ["email", "phone", "companyName"].map(|field| contact.text(field).map(str::to_lowercase));
    let name = contact.name().to_lowercase();
    fields.into_iter().flatten().any(|text| text.contains(&part)) || name.contains(&part)
}
