//! What belongs to the agency rather than to one location: sub-accounts with their custom fields and tag lists, users,
//! snapshots, the company itself.
//!
//! Handlers here see the whole [`Scene`], since a token may be the agency's or a location's: each says itself which
//! location it is about ([`Scene::location`]). A sub-account or custom field that is made over the API becomes a part
//! of the settings.

mod company;
mod fields;
mod locations;
mod tag_list;
mod users;

use cartlane_model::UnixMs;
use serde_json::{Map, Value};

use crate::auth::Holder;
use crate::oauth::Tokens;
use crate::reply::{Done, Reply};
use crate::settings::{Location, Settings, TokenKind};
use crate::store::Store;
use crate::validate::Property;
use tag_list::TagLists;
use users::User;

/// Does an operation, or refuses it without having changed anything.
type Handler = fn(&mut Scene<'_>) -> Result<Done, Reply>;

/// One operation.
pub(crate) struct AccountRoute {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) operation: &'static str,
    /// Where the facts name none; empty for none.
    pub(crate) scope: &'static str,
    /// Neither token nor version is asked for.
    pub(crate) open: bool,
    /// What a body may carry, where that isn't what the facts say.
    pub(crate) body: Option<&'static [Property]>,
    pub(crate) handler: Handler,
}

impl AccountRoute {
    pub(crate) const fn new(
        method: &'static str,
        path: &'static str,
        operation: &'static str,
        scope: &'static str,
        handler: Handler,
    ) -> Self {
        Self {
            method,
            path,
            operation,
            scope,
            open: false,
            body: None,
            handler,
        }
    }

    pub(crate) const fn open(
        method: &'static str,
        path: &'static str,
        operation: &'static str,
        handler: Handler,
    ) -> Self {
        Self {
            open: true,
            ..Self::new(method, path, operation, "", handler)
        }
    }
}

const LOCATIONS: &str = "locations.readonly";
const FIELDS: &str = "locations/customFields.readonly";
const WRITE_FIELDS: &str = "locations/customFields.write";
const USERS: &str = "users.readonly";
const WRITE_USERS: &str = "users.write";

/// The operations.
pub(crate) const ROUTES: &[AccountRoute] = &[
    AccountRoute::new(
        "GET",
        "/locations/search",
        "ghl.locations.search",
        LOCATIONS,
        locations::search,
    ),
    AccountRoute::new(
        "POST",
        "/locations/",
        "ghl.locations.create",
        "locations.write",
        locations::create,
    ),
    AccountRoute::new(
        "GET",
        "/locations/{id}",
        "ghl.locations.get",
        LOCATIONS,
        locations::get,
    ),
    AccountRoute::new(
        "PUT",
        "/locations/{id}",
        "ghl.locations.put_location",
        "locations.write",
        locations::update,
    ),
    AccountRoute::new(
        "DELETE",
        "/locations/{id}",
        "ghl.locations.delete",
        "",
        locations::delete,
    ),
    AccountRoute::new(
        "GET",
        "/locations/{id}/customFields",
        "ghl.locations.list_custom_fields",
        FIELDS,
        fields::list,
    ),
    AccountRoute::new(
        "POST",
        "/locations/{id}/customFields",
        "ghl.locations.create_custom_field",
        WRITE_FIELDS,
        fields::create,
    ),
    AccountRoute::new(
        "GET",
        "/locations/{id}/customFields/{field}",
        "ghl.locations.get_custom_field",
        FIELDS,
        fields::get,
    ),
    AccountRoute::new(
        "PUT",
        "/locations/{id}/customFields/{field}",
        "ghl.locations.update_custom_field",
        WRITE_FIELDS,
        fields::update,
    ),
    AccountRoute::new(
        "DELETE",
        "/locations/{id}/customFields/{field}",
        "ghl.locations.delete_custom_field",
        WRITE_FIELDS,
        fields::delete,
    ),
    AccountRoute::new(
        "GET",
        "/locations/{id}/tags",
        "ghl.locations.list_tags",
        "locations/tags.readonly",
        tag_list::list,
    ),
    AccountRoute::new(
        "POST",
        "/locations/{id}/tags",
        "ghl.locations.create_tag",
        "locations/tags.write",
        tag_list::create,
    ),
    AccountRoute::new(
        "GET",
        "/locations/{id}/tags/{tag}",
        "ghl.locations.get_tag_by_id",
        "locations/tags.readonly",
        tag_list::get,
    ),
    AccountRoute::new(
        "GET",
        "/companies/{id}",
        "ghl.companies.get",
        "companies.readonly",
        company::get,
    ),
    AccountRoute::new(
        "GET",
        "/snapshots/",
        "ghl.snapshots.list",
        "snapshots.readonly",
        company::snapshots,
    ),
    AccountRoute::new("GET", "/users/search", "ghl.users.search", USERS, users::search),
    AccountRoute::new(
        "POST",
        "/users/search/filter-by-email",
        "ghl.users.filter_by_email",
        USERS,
        users::by_email,
    ),
    AccountRoute::new("GET", "/users/", "ghl.users.list", USERS, users::list),
    AccountRoute::new("POST", "/users/", "ghl.users.create", WRITE_USERS, users::create),
    AccountRoute::new("GET", "/users/{id}", "ghl.users.get", USERS, users::get),
    AccountRoute::new(
        "PUT",
        "/users/{id}",
        "ghl.users.update",
        WRITE_USERS,
        users::update,
    ),
    AccountRoute::new(
        "DELETE",
        "/users/{id}",
        "ghl.users.delete",
        WRITE_USERS,
        users::delete,
    ),
];

/// The state behind these operations that is no setting.
#[derive(Default)]
pub(crate) struct Accounts {
    users: Vec<User>,
    tags: TagLists,
}

/// A request, and everything that it may touch.
pub(crate) struct Scene<'a> {
    pub(crate) settings: &'a mut Settings,
    pub(crate) store: &'a mut Store,
    pub(crate) accounts: &'a mut Accounts,
    pub(crate) tokens: &'a mut Tokens,
    /// The agency's id.
    pub(crate) company: &'a str,
    /// None where no token is asked for.
    pub(crate) holder: Option<&'a Holder>,
    pub(crate) params: &'a [String],
    pub(crate) query: &'a [(String, String)],
    /// Validated by the facts; empty where none was sent.
    pub(crate) body: &'a Map<String, Value>,
    /// What a body that is a list consists of.
    pub(crate) items: &'a [Value],
    pub(crate) is_form: bool,
    pub(crate) version: Option<&'a str>,
    pub(crate) now: UnixMs,
}

impl Scene<'_> {
    /// The path's parameter at `index`.
    pub(crate) fn param(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }

    /// The first value of a query parameter that isn't empty.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let mut query = self.query.iter();
        let found = query.find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the token may see this location: its own, or any of the agency's.
    pub(crate) fn may_see(&self, location: &str) -> bool {
        self.holder.is_some_and(|holder| match holder.kind {
            TokenKind::Location => holder.location == location,
            TokenKind::Agency => true,
        })
    }

    /// The location of this id; 403 where it isn't the token's.
    pub(crate) fn location(&self, id: &str) -> Result<&Location, Reply> {
        let location = self
            .settings
            .location(id)
            .filter(|location| self.may_see(&location.id));
        location.ok_or_else(Reply::wrong_location)
    }

    /// The location that the path names first.
    pub(crate) fn named_location(&self) -> Result<&Location, Reply> {
        self.location(self.param(0))
    }

    /// 403 unless `company` is the agency.
    pub(crate) fn check_company(&self, company: &str) -> Result<(), Reply> {
        if company == self.company {
            Ok(())
        } else {
            Err(Reply::forbidden("Forbidden resource"))
        }
    }

    /// How many rows there are, and the page by `skip` and `limit`, which are texts.
    pub(crate) fn page(&self, rows: Vec<Value>, limit: usize) -> Result<(usize, Vec<Value>), Reply> {
        let number = |name: &str, default: usize| match self.query(name).map(str::parse::<usize>) {
            None => Ok(default),
            Some(Ok(number)) => Ok(number),
            Some(Err(_)) => Err(Reply::unprocessable(&[format!("{name} must be a number string")])),
        };
        let (skip, limit) = (number("skip", 0)?, number("limit", limit)?);
        Ok((rows.len(), rows.into_iter().skip(skip).take(limit).collect()))
    }
}
