//! The operations, as data: where each is, what it needs, what does it.

use std::sync::Arc;

use cartlane_model::UnixMs;
use serde_json::{Map, Value};

use crate::contacts::{self, Contact};
use crate::reply::{Done, Reply};
use crate::settings::Location;
use crate::store::Store;
use crate::validate::{self, Property};
use crate::{notes, search, tags};

/// Does an operation, or refuses it without having changed anything.
type Handler = fn(&mut Store, &Request<'_>) -> Result<Done, Reply>;

/// Where a request says which location it means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    Body,
    Query,
    /// The contact named in the path.
    Contact,
}

/// One operation.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) scope: &'static str,
    pub(crate) place: Place,
    /// Whitelists of the body; none where GHL reads no body.
    pub(crate) body: Option<&'static [&'static [Property]]>,
    pub(crate) handler: Handler,
}

const READ: &str = "contacts.readonly";
const WRITE: &str = "contacts.write";

const fn read(path: &'static str, operation: &'static str, place: Place, handler: Handler) -> Route {
    Route {
        method: "GET",
        path,
        operation,
        scope: READ,
        place,
        body: None,
        handler,
    }
}

const fn write(
    (method, path): (&'static str, &'static str),
    operation: &'static str,
    place: Place,
    body: Option<&'static [&'static [Property]]>,
    handler: Handler,
) -> Route {
    Route {
        method,
        path,
        operation,
        scope: WRITE,
        place,
        body,
        handler,
    }
}

/// All operations that are about one location's own things.
pub(crate) const ROUTES: &[Route] = &[
    read(
        "/contacts/search/duplicate",
        "ghl.contacts.find_duplicate",
        Place::Query,
        contacts::find_duplicate,
    ),
    Route {
        method: "POST",
        path: "/contacts/search",
        operation: "ghl.contacts.search",
        scope: READ,
        place: Place::Body,
        body: Some(&[validate::SEARCH]),
        handler: search::search,
    },
    read("/contacts/", "ghl.contacts.list", Place::Query, contacts::list),
    write(
        ("POST", "/contacts/"),
        "ghl.contacts.create",
        Place::Body,
        Some(&[validate::CREATE_CONTACT]),
        contacts::create,
    ),
    write(
        ("POST", "/contacts/upsert"),
        "ghl.contacts.upsert",
        Place::Body,
        Some(&[validate::CREATE_CONTACT, validate::UPSERT_ONLY]),
        contacts::upsert,
    ),
    read(
        "/contacts/{id}",
        "ghl.contacts.get",
        Place::Contact,
        contacts::get,
    ),
    write(
        ("PUT", "/contacts/{id}"),
        "ghl.contacts.update",
        Place::Contact,
        Some(&[validate::UPDATE_CONTACT]),
        contacts::update,
    ),
    write(
        ("DELETE", "/contacts/{id}"),
        "ghl.contacts.delete",
        Place::Contact,
        None,
        contacts::delete,
    ),
    write(
        ("POST", "/contacts/{id}/tags"),
        "ghl.contacts.add_tags",
        Place::Contact,
        Some(&[validate::TAGS]),
        tags::add,
    ),
    write(
        ("DELETE", "/contacts/{id}/tags"),
        "ghl.contacts.remove_tags",
        Place::Contact,
        Some(&[validate::TAGS]),
        tags::remove,
    ),
    read(
        "/contacts/{id}/notes",
        "ghl.contacts.list_notes",
        Place::Contact,
        notes::list,
    ),
    write(
        ("POST", "/contacts/{id}/notes"),
        "ghl.contacts.create_note",
        Place::Contact,
        Some(&[validate::NEW_NOTE]),
        notes::create,
    ),
    read(
        "/contacts/{id}/notes/{note}",
        "ghl.contacts.get_note",
        Place::Contact,
        notes::get,
    ),
    write(
        ("PUT", "/contacts/{id}/notes/{note}"),
        "ghl.contacts.update_note",
        Place::Contact,
        Some(&[validate::CHANGED_NOTE]),
        notes::update,
    ),
    write(
        ("DELETE", "/contacts/{id}/notes/{note}"),
        "ghl.contacts.delete_note",
        Place::Contact,
        None,
        notes::delete,
    ),
];

/// A request that was let in, as its handler sees it.
pub(crate) struct Request<'a> {
    pub(crate) params: &'a [String],
    pub(crate) query: &'a [(String, String)],
    /// Validated; empty where none was sent.
    pub(crate) body: &'a Map<String, Value>,
    pub(crate) location: &'a Location,
    pub(crate) now: UnixMs,
}

impl Request<'_> {
    /// The path's parameter at `index`; the route's template has it.
    pub(crate) fn param(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }

    /// The first value of a query parameter that isn't empty.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let found = self
            .query
            .iter()
            .find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// The contact that the path names; 400 where there is none, 403 where it belongs to another location.
    pub(crate) fn contact(&self, store: &Store) -> Result<Arc<Contact>, Reply> {
        let id = self.param(0);
        let contact = store.contact(id).ok_or_else(|| Reply::not_found("Contact", id))?;
        if contact.location_id != self.location.id {
            return Err(Reply::wrong_location());
        }
        Ok(Arc::clone(contact))
    }
}

/// All operations of this kind.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter()
}
