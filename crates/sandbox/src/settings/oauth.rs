//! Marketplace apps and the receivers of events.

use serde::{Deserialize, Serialize};

/// Marketplace apps, and what becomes of their tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OAuth {
    /// The apps that there are.
    pub apps: Vec<App>,
    /// What the person at the authorize page chooses.
    pub install: Install,
    /// Seconds that an access token lives, by the sandbox's clock. GHL: 86,399.
    pub access_token_s: i64,
    /// How long a used refresh token still answers the pair that it was used for. GHL documents none.
    pub refresh_grace_ms: i64,
}

impl Default for OAuth {
    fn default() -> Self {
        Self {
            apps: vec![App {
                client_id: "sandboxapp-1".to_owned(),
                client_secret: "sandbox-secret".to_owned(),
                scopes: None,
                redirect_uris: None,
            }],
            install: Install::FirstLocation,
            access_token_s: 86_399,
            refresh_grace_ms: 0,
        }
    }
}

/// A marketplace app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Its client id. What stands before the first dash is the app's id.
    pub client_id: String,
    /// Its secret, which opens nothing but this sandbox.
    pub client_secret: String,
    /// The scopes that it may ask for; `null` for all.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// Where a person may be sent back to; `null` for anywhere.
    #[serde(default)]
    pub redirect_uris: Option<Vec<String>>,
}

impl App {
    /// The app's id, which is its version's id too.
    pub fn id(&self) -> &str {
        self.client_id.split('-').next().unwrap_or_default()
    }
}

/// What an app is installed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Install {
    /// The first sub-account of the settings.
    FirstLocation,
    /// This sub-account.
    Location(String),
    /// The agency, with all its sub-accounts.
    Agency,
}

/// A receiver of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where they are sent.
    pub url: String,
    /// Only those of this sub-account.
    #[serde(default)]
    pub location_id: Option<String>,
    /// Only those of these types (`ContactCreate`, …).
    #[serde(default)]
    pub events: Option<Vec<String>>,
}
