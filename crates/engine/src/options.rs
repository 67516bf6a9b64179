//! What the engine is told at start.

use std::path::PathBuf;
use std::sync::Arc;

use cartlane_model::{Clock, NodeId, SecretString, WorkspaceId};

/// The workspace of a new installation.
pub const MAIN_WORKSPACE: WorkspaceId = WorkspaceId::from_u128(1);

/// Everything the engine is told at start.
pub struct Options {
    /// This process; new at each start.
    pub node_id: NodeId,
    /// Where the present moment comes from.
    pub clock: Arc<dyn Clock>,
    /// The outside accounts.
    pub connections: Vec<ConnectionConfig>,
    /// The key that seals what has to be kept secret: 32 bytes.
    pub master_key: [u8; 32],
    /// Where answers are kept that are files, such as recordings.
    pub files_dir: PathBuf,
    /// Sizes and times.
    pub limits: Limits,
    /// Which safety to leave out: only in builds for the torture test's controls.
    #[cfg(feature = "break")]
    pub broken: Option<Broken>,
}

/// A safety that a torture control leaves out, to see that its verdict turns red.
#[cfg(feature = "break")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Answer 2xx before the event is durable.
    AckBeforeCommit,
    /// Send an unsafe call again without looking whether it took effect.
    NoConfirm,
    /// Each event has a lane of its own.
    NoLanes,
    /// A repeat is a new event.
    NoDedupe,
    /// Every node sends a refresh token without a claim.
    NoClaim,
}

/// Sizes and times. Each has a key in the configuration's `[limits]`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long one request to an outside account may take.
    pub request_timeout_ms: i64,
    /// How long after a request has ended without an answer it may still take effect.
    pub settle_ms: i64,
    /// How long a run may hold its lane by retrying.
    pub hold_ms: i64,
    /// How many lanes are worked side by side.
    pub workers: usize,
    /// How long a node owns a lane without renewing.
    pub lease_ms: i64,
    /// How many deliveries may wait to be stored.
    pub inbox_waiting: usize,
    /// How many bytes of deliveries may be in memory.
    pub inbox_bytes: usize,
    /// How many refused deliveries are kept of each connection.
    pub quarantine_rows: i64,
    /// The first retry comes within so many milliseconds; each further one within twice as many.
    pub backoff_base_ms: i64,
    /// The longest wait between two retries.
    pub backoff_cap_ms: i64,
    /// The largest answer that is kept as a file.
    pub file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_timeout_ms: 30_000,
            settle_ms: 10_000,
            hold_ms: 30 * 60_000,
            workers: 32,
            lease_ms: 15_000,
            inbox_waiting: 4096,
            inbox_bytes: 64 << 20,
            quarantine_rows: 1000,
            backoff_base_ms: 1000,
            backoff_cap_ms: 5 * 60_000,
            file_bytes: 100 << 20,
        }
    }
}

/// One outside account, as the configuration declares it.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// Its name, unique.
    pub name: String,
    /// What it is.
    pub account: AccountConfig,
}

/// What a connection is.
#[derive(Clone, Debug)]
pub enum AccountConfig {
    /// A `ThriveCart` account that sends web hooks.
    ThriveCart(ThriveCartConfig),
    /// A `GoHighLevel` location.
    Ghl(GhlConfig),
    /// A Slack channel.
    Slack(SlackConfig),
    /// A mail server.
    Smtp(SmtpConfig),
    /// Servers that `http.request` may reach; it needs such a connection only for private networks.
    Http(HttpConfig),
}

/// Which servers `http.request` may reach.
#[derive(Clone, Copy, Debug)]
pub struct HttpConfig {
    /// Whether they may be on this machine or in a private network.
    pub allow_private_networks: bool,
}

/// A Slack channel, by an incoming web hook.
#[derive(Clone, Debug)]
pub struct SlackConfig {
    /// The web hook's address, which is its credential.
    pub url: SecretString,
    /// Whether its address may be on this machine or in a private network.
    pub allow_private_networks: bool,
}

/// A mail server, and the address that e-mail comes from.
pub type SmtpConfig = cartlane_notify::Server;

/// How `ThriveCart`'s API is reached.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Where it is.
    pub base_url: String,
    /// An API key, or an OAuth access token.
    pub key: SecretString,
    /// Whether its address may be on this machine or in a private network.
    pub allow_private_networks: bool,
}

impl AccountConfig {
    /// Whether events come from it, by web hooks.
    pub fn is_source(&self) -> bool {
        matches!(self, Self::ThriveCart(_) | Self::Ghl(_))
    }

    /// The key of its web hooks' address, where the configuration names it.
    pub fn hook_key(&self) -> Option<&str> {
        match self {
            Self::ThriveCart(shop) => shop.hook_key.as_deref(),
            Self::Ghl(ghl) => ghl.hooks.hook_key.as_deref(),
            Self::Slack(_) | Self::Smtp(_) | Self::Http(_) => None,
        }
    }
}

/// A `ThriveCart` account.
#[derive(Clone, Debug)]
pub struct ThriveCartConfig {
    /// The account's name in `thrivecart_account`; unchecked when it is not declared.
    pub account: Option<String>,
    /// The secret words that are valid: one, or two while it is changed.
    pub secrets: Vec<SecretString>,
    /// The key of its hook's address, where the configuration names it.
    pub hook_key: Option<String>,
    /// Whether orders of the checkout's test mode are synced.
    pub sync_test_mode: bool,
    /// The GHL connection that automations use; the only one there is when it is not declared.
    pub target: Option<String>,
    /// Its API, where steps may use it.
    pub api: Option<ApiConfig>,
}

/// A `GoHighLevel` location.
#[derive(Clone, Debug)]
pub struct GhlConfig {
    /// Where its API is.
    pub base_url: String,
    /// The location's id.
    pub location_id: String,
    /// What calls are made with.
    pub credential: GhlCredential,
    /// Whether its address may be on this machine or in a private network.
    pub allow_private_networks: bool,
    /// How its web hooks are taken.
    pub hooks: GhlHooks,
}

/// What calls to a location are made with.
#[derive(Clone, Debug)]
pub enum GhlCredential {
    /// A private integration token.
    Token(SecretString),
    /// Tokens that the user's own marketplace app gets when a person agrees.
    App(GhlApp),
}

/// A marketplace app, and where a person agrees and comes back.
#[derive(Clone, Debug)]
pub struct GhlApp {
    /// Its client id and secret.
    pub app: cartlane_ghl::oauth::App,
    /// Where a person agrees.
    pub authorize_url: String,
    /// Where they come back: `/oauth/ghl/callback` at our public address.
    pub redirect_uri: String,
    /// What they agree to.
    pub scopes: Vec<String>,
}

/// How a location's web hooks are taken.
#[derive(Clone, Debug)]
pub struct GhlHooks {
    /// The key of their address, where the configuration names it.
    pub hook_key: Option<String>,
    /// The Ed25519 key of `X-GHL-Signature`, PEM or base64; the published one when it is not declared.
    pub key: Option<String>,
    /// The RSA key of `x-wh-signature`; without it that header proves nothing.
    pub rsa_key: Option<String>,
    /// Whether deliveries without a signature are taken: those of a workflow's Webhook action.
    pub accept_unsigned: bool,
    /// How far a signed delivery's timestamp may be from now, either way.
    pub window_ms: i64,
    /// Whether orders and invoices of test mode start automations.
    pub sync_test_mode: bool,
}

impl Default for GhlHooks {
    /// GHL sends a delivery that was answered 429 again for about 70 minutes.
    fn default() -> Self {
        Self {
            hook_key: None,
            key: None,
            rsa_key: None,
            accept_unsigned: false,
            window_ms: 2 * 60 * 60_000,
            sync_test_mode: false,
        }
    }
}
