//! Who there is: the agency, its sub-accounts, and tokens for both.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A private integration token: a bearer for one location, or for the agency, with chosen scopes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The bearer itself. Not a secret: it opens nothing but this sandbox.
    pub token: String,
    /// The sub-account that it belongs to; empty for the agency's.
    #[serde(default)]
    pub location: String,
    /// Whether it is a sub-account's or the agency's.
    #[serde(default)]
    pub kind: TokenKind,
    /// Scopes that it holds (`contacts.write`, …); `null` for all.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
}

impl Token {
    /// A token with all scopes.
    pub fn new(token: &str, location: &str) -> Self {
        Self {
            token: token.to_owned(),
            location: location.to_owned(),
            kind: TokenKind::Location,
            scopes: None,
        }
    }

    /// A token of the agency with all scopes.
    pub fn agency(token: &str) -> Self {
        Self {
            kind: TokenKind::Agency,
            ..Self::new(token, "")
        }
    }
}

/// Whose a token is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// One sub-account's.
    #[default]
    Location,
    /// The agency's.
    Agency,
}

/// The agency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Company {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its snapshots.
    pub snapshots: Vec<Snapshot>,
}

impl Default for Company {
    fn default() -> Self {
        Self {
            id: "sandboxCompany000000".to_owned(),
            name: "Sandbox Agency".to_owned(),
            snapshots: vec![Snapshot {
                id: "sandboxSnapshot00000".to_owned(),
                name: "Starter".to_owned(),
                r#type: "own".to_owned(),
            }],
        }
    }
}

/// A snapshot of the agency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `own`, `imported` or another word of GHL's.
    pub r#type: String,
}

/// A sub-account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Its id.
    pub id: String,
    /// The account's setting "Allow Duplicate Contact".
    #[serde(default)]
    pub allow_duplicates: bool,
    /// Whether a contact may have several opportunities in one pipeline.
    #[serde(default)]
    pub allow_duplicate_opportunities: bool,
    /// IANA time zone: that of its calendars.
    #[serde(default = "default_timezone")]
    pub timezone: String,
    /// Whether it is active. The app of an inactive one gets no new tokens.
    #[serde(default = "yes")]
    pub active: bool,
    /// Name, address and whatever else its profile shows, under GHL's names.
    #[serde(default)]
    pub profile: Map<String, Value>,
    /// Custom fields; those of contacts can be written by key.
    #[serde(default)]
    pub custom_fields: Vec<CustomField>,
}

fn yes() -> bool {
    true
}

impl Location {
    /// A location in New York's time that refuses duplicates and has no custom fields.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            allow_duplicates: false,
            allow_duplicate_opportunities: false,
            timezone: default_timezone(),
            active: true,
            profile: Map::new(),
            custom_fields: Vec::new(),
        }
    }
}

fn default_timezone() -> String {
    "America/New_York".to_owned()
}

/// A custom field of a location.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomField {
    /// Its id, under which values are read.
    pub id: String,
    /// Its key without `contact.`.
    pub key: String,
    /// `contact` or `opportunity`.
    #[serde(default = "contact")]
    pub model: String,
    /// Name, data type, options and whatever else is shown, under GHL's names.
    #[serde(default)]
    pub shown: Map<String, Value>,
}

impl CustomField {
    /// A text field of contacts.
    pub fn new(id: &str, key: &str) -> Self {
        Self {
            id: id.to_owned(),
            key: key.to_owned(),
            model: contact(),
            shown: Map::new(),
        }
    }
}

fn contact() -> String {
    "contact".to_owned()
}
