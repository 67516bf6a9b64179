//! Who an event is about.

use serde::{Deserialize, Serialize};

/// What a source says about the buyer, cleaned of the source's quirks but not completed or guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// E-mail as the source wrote it, trimmed. Compare with [`email_key`].
    pub email: Option<String>,
    /// The e-mail this person had before, where the event is a change of e-mail.
    pub previous_email: Option<String>,
    /// The source's own id of the customer, a string: `ThriveCart`'s newer ones do not fit in 53 bits.
    pub customer_id: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// The whole name, where the source gives one or both parts are known.
    pub name: Option<String>,
    /// Phone as the source wrote it; not E.164.
    pub phone: Option<String>,
    /// Company.
    pub company: Option<String>,
    /// Street and number.
    pub address1: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or region.
    pub state: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2 code in capitals.
    pub country: Option<String>,
}

/// An e-mail in the form by which people are told apart: trimmed and in lower case.
pub fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// One name under which a person is known. Two events with a key in common are about the same person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContactKey {
    /// An e-mail address, in the form of [`email_key`].
    Email(String),
    /// A customer id of one `ThriveCart` account.
    Customer {
        /// The account, by the id of its connection.
        account: String,
        /// The id there.
        id: String,
    },
}

impl ContactKey {
    /// The key as stored: its kind and its value.
    pub fn parts(&self) -> (&'static str, String) {
        match self {
            Self::Email(email) => ("email", email.clone()),
            Self::Customer { account, id } => ("customer", format!("{account}/{id}")),
        }
    }
}

impl Person {
    /// The keys of this person: e-mail first, it is the key that decides.
    pub fn keys(&self, account: &str) -> Vec<ContactKey> {
        let email = |text: &Option<String>| text.as_deref().map(|text| ContactKey::Email(email_key(text)));
        let customer = self.customer_id.as_ref().map(|id| ContactKey::Customer {
            account: account.to_owned(),
            id: id.clone(),
        });
        [email(&self.email), email(&self.previous_email), customer]
            .into_iter()
            .flatten()
            .collect()
    }
}
