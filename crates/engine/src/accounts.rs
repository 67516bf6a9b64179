//! What a connection is declared to be, by the configuration or by `cartlane connections add`: everything but its
//! secrets ([`crate::secrets`]). The keys are those of the configuration's `[[connections]]`.

use cartlane_ghl::oauth::{AUTHORIZE_URL, WHITE_LABEL_AUTHORIZE_URL};
use cartlane_model::SecretString;
use cartlane_notify::{Server, Tls};
use serde::{Deserialize, Serialize};

use crate::secrets::SecretName;

/// GHL's public address (FACTS: the only server in every file of its API).
const GHL_BASE_URL: &str = "https://services.leadconnectorhq.com";
/// `ThriveCart`'s API.
const THRIVECART_BASE_URL: &str = "https://thrivecart.com/api/external";
/// The port of mail servers that take e-mail from their customers, by STARTTLS.
const SMTP_PORT: u16 = 587;
/// GHL sends a delivery that was answered 429 again for about 70 minutes.
const WEBHOOK_WINDOW_MINUTES: u32 = 120;

/// What a connection is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum AccountConfig {
    /// A `ThriveCart` account.
    ThriveCart(ThriveCartConfig),
    /// A `GoHighLevel` location, or an agency.
    Ghl(GhlConfig),
    /// A Slack channel, by an incoming web hook whose address is its secret `url`.
    Slack(SlackConfig),
    /// A mail server.
    Smtp(SmtpConfig),
    /// Servers that `http.request` may reach; it needs such a connection only for private networks.
    Http(HttpConfig),
}

/// A `ThriveCart` account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThriveCartConfig {
    /// The account's name in `thrivecart_account`; unchecked when it is not declared.
    pub account: Option<String>,
    /// Whether orders of the checkout's test mode are synced.
    pub sync_test_mode: bool,
    /// The GHL connection that automations use; the only one there is when it is not declared.
    pub target: Option<String>,
    /// The client id of the user's own `ThriveCart` app, which gets the API's token when a person agrees.
    pub client_id: Option<String>,
    /// Where its API is.
    pub base_url: String,
    /// Whether its address may be on this machine or in a private network.
    pub allow_private_networks: bool,
}

impl Default for ThriveCartConfig {
    fn default() -> Self {
        Self {
            account: None,
            sync_test_mode: false,
            target: None,
            client_id: None,
            base_url: THRIVECART_BASE_URL.into(),
            allow_private_networks: false,
        }
    }
}

/// A `GoHighLevel` location, or an agency with its locations.
#[expect(clippy::struct_excessive_bools, reason = "each is a key that a person writes")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GhlConfig {
    /// The location's id; `None` for an agency.
    pub location_id: Option<String>,
    /// The agency's id: of an agency itself, or of a location whose calls name its agency.
    pub company_id: Option<String>,
    /// The agency's connection whose app makes this location's tokens.
    pub agency: Option<String>,
    /// The client id of the user's own marketplace app, which gets tokens when a person agrees.
    pub client_id: Option<String>,
    /// Whether a person agrees at the white-label address.
    pub white_label: bool,
    /// Where a person agrees instead: a sandbox's address.
    pub authorize_url: Option<String>,
    /// What they agree to.
    pub scopes: Vec<String>,
    /// Where its API is.
    pub base_url: String,
    /// Whether its address may be on this machine or in a private network.
    pub allow_private_networks: bool,
    /// The Ed25519 key of `X-GHL-Signature`, PEM or base64; the published one when it is not declared.
    pub webhook_key: Option<String>,
    /// The RSA key of `x-wh-signature`; without it that header proves nothing.
    pub webhook_rsa_key: Option<String>,
    /// Whether deliveries without a signature are taken: those of a workflow's Webhook action.
    pub accept_unsigned: bool,
    /// How far a signed delivery's timestamp may be from now, either way.
    pub webhook_window_minutes: u32,
    /// Whether orders and invoices of test mode start automations.
    pub sync_test_mode: bool,
}

impl Default for GhlConfig {
    fn default() -> Self {
        let scopes = ["contacts.readonly", "contacts.write"];
        Self {
            location_id: None,
            company_id: None,
            agency: None,
            client_id: None,
            white_label: false,
            authorize_url: None,
            scopes: scopes.map(str::to_owned).to_vec(),
            base_url: GHL_BASE_URL.into(),
            allow_private_networks: false,
            webhook_key: None,
            webhook_rsa_key: None,
            accept_unsigned: false,
            webhook_window_minutes: WEBHOOK_WINDOW_MINUTES,
            sync_test_mode: false,
        }
    }
}

impl GhlConfig {
    /// Where a person agrees.
    pub(crate) fn authorize_url(&self) -> &str {
        match &self.authorize_url {
            Some(url) => url,
            None if self.white_label => WHITE_LABEL_AUTHORIZE_URL,
            None => AUTHORIZE_URL,
        }
    }
}

/// A Slack channel, by an incoming web hook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlackConfig {
    /// Whether its address may be on this machine or in a private network.
    pub allow_private_networks: bool,
}

/// Which servers `http.request` may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Whether they may be on this machine or in a private network.
    pub allow_private_networks: bool,
}

/// A mail server, and the address that e-mail comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Its name; its certificate must be of that name.
    pub host: String,
    /// The sender, `Cartlane <cartlane@example.com>`.
    pub from: String,
    /// Its port.
    #[serde(default = "smtp_port")]
    pub port: u16,
    /// How the line is protected.
    #[serde(default)]
    pub tls: Tls,
    /// The name to sign in with, which needs the secret `password`; `None` where the server asks for none.
    #[serde(default)]
    pub username: Option<String>,
    /// Whether it may be on this machine or in a private network.
    #[serde(default)]
    pub allow_private_networks: bool,
}

fn smtp_port() -> u16 {
    SMTP_PORT
}

impl SmtpConfig {
    pub(crate) fn server(&self, password: Option<SecretString>) -> Server {
        Server {
            host: self.host.clone(),
            port: self.port,
            tls: self.tls,
            username: self.username.clone(),
            password,
            from: self.from.clone(),
            allow_private_networks: self.allow_private_networks,
        }
    }
}

impl AccountConfig {
    /// Its kind, as the configuration writes it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ThriveCart(_) => "thrivecart",
            Self::Ghl(_) => "ghl",
            Self::Slack(_) => "slack",
            Self::Smtp(_) => "smtp",
            Self::Http(_) => "http",
        }
    }

    /// The addresses that it names, by their keys.
    pub(crate) fn addresses(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::ThriveCart(shop) => vec![("base_url", &shop.base_url)],
            Self::Ghl(ghl) => vec![
                ("base_url", &ghl.base_url),
                ("authorize_url", ghl.authorize_url()),
            ],
            Self::Slack(_) | Self::Smtp(_) | Self::Http(_) => Vec::new(),
        }
    }

    /// Whether events come from it, by web hooks.
    pub fn is_source(&self) -> bool {
        matches!(self, Self::ThriveCart(_) | Self::Ghl(_))
    }

    /// The secrets that it can have.
    pub fn secret_names(&self) -> &'static [SecretName] {
        use SecretName::{ApiKey, ClientSecret, HookKey, Password, Secret, Token, Url};
        match self {
            Self::ThriveCart(_) => &[Secret, HookKey, ApiKey, ClientSecret],
            Self::Ghl(_) => &[Token, ClientSecret, HookKey],
            Self::Slack(_) => &[Url],
            Self::Smtp(_) => &[Password],
            Self::Http(_) => &[],
        }
    }

    /// The secrets that it cannot work without.
    pub fn needed_secrets(&self) -> &'static [SecretName] {
        match self {
            Self::ThriveCart(ThriveCartConfig {
                client_id: Some(_), ..
            }) => &[SecretName::Secret, SecretName::ClientSecret],
            Self::ThriveCart(_) => &[SecretName::Secret],
            Self::Ghl(GhlConfig { agency: Some(_), .. }) | Self::Http(_) => &[],
            Self::Ghl(GhlConfig {
                client_id: Some(_), ..
            }) => &[SecretName::ClientSecret],
            Self::Ghl(_) => &[SecretName::Token],
            Self::Slack(_) => &[SecretName::Url],
            Self::Smtp(SmtpConfig {
                username: Some(_), ..
            }) => &[SecretName::Password],
            Self::Smtp(_) => &[],
        }
    }
}
