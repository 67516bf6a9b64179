//! The duplicate rule of a location: e-mail first, then phone.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Contact, same_text};
use crate::reply::Reply;
use crate::store::Store;

/// A contact that already has what a body carries.
pub(super) struct Match {
    pub(super) contact: Arc<Contact>,
    /// `email`, `additionalEmail` or `phone`.
    pub(super) field: &'static str,
}

/// The other contact of the location that has the body's e-mail, or else its phone; `except` is the contact that
/// the body is for.
pub(super) fn find(
    store: &Store,
    location: &str,
    body: &Map<String, Value>,
    except: Option<&str>,
) -> Option<Match> {
    let given = |key: &str| {
        body.get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let other = |contact: &&Arc<Contact>| except != Some(contact.id.as_str());
    let by_email = given("email").and_then(|email| {
        let contact = store.by_email(location, email).filter(other)?;
        let own = contact.email().is_some_and(|own| same_text(own, email));
        let field = if own { "email" } else { "additionalEmail" };
        Some((contact, field))
    });
    let by_phone = || {
        let contact = given("phone").and_then(|phone| store.by_phone(location, phone).filter(other));
        contact.map(|contact| (contact, "phone"))
    };
    by_email.or_else(by_phone).map(|(contact, field)| Match {
        contact: Arc::clone(contact),
        field,
    })
}

impl Match {
    /// GHL's refusal, naming the contact that is in the way.
    pub(super) fn refusal(&self) -> Reply {
        Reply::duplicate(&self.contact.id, &self.contact.name(), self.field)
    }
}
