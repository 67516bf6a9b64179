//! An emulator of a `ThriveCart` account: its REST API with state, and the web hooks that it sends.
//!
//! ```text
//! REST  /api/external/…  key ─► 60 a minute ─► Shop ─► answer ┐
//! admin /_sandbox/…      sale, refund, rebill, cancel ─► Shop ┴─► web hooks: form or JSON, both vocabularies
//! OAuth /authorization/… a person agrees ─► code ─► token, which does as well as the key
//! ```
//!
//! [`server`] reads requests and posts deliveries, [`shop`] is the state, [`api`] the REST calls, [`oauth`] who may make
//! them, [`control`] the admin's calls, [`payload`] makes web hooks of recorded ones. What always holds: orders of live and test mode do not see each
//! other; a delivery that is sent again is the same to the byte; the lock is not held while anything is sent.
//! `docs/sandbox.md` lists where we had to assume.

mod api;
mod call;
mod catalog;
mod control;
mod oauth;
mod payload;
mod server;
mod shop;

use std::net::SocketAddr;
use std::sync::Arc;

use cartlane_model::Clock;

pub use oauth::App;
pub use server::Running;

/// How the emulator is started.
pub struct Options {
    /// Address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The API key that is valid.
    pub key: String,
    /// Apps that may ask persons to let them in.
    pub apps: Vec<App>,
    /// The secret word that web hooks carry.
    pub secret: String,
    /// The account's name.
    pub account: String,
    /// Account-wide web hooks.
    pub hooks: Vec<Hook>,
    /// Requests to the API that are taken in a minute.
    pub per_minute: usize,
    /// The time behind limit and dates.
    pub clock: Arc<dyn Clock>,
}

impl Options {
    /// Any free port of this machine, the key `tc-sandbox`, the app `sandboxapp-1`, no web hooks.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            key: "tc-sandbox".into(),
            apps: vec![App::default()],
            secret: "SANDBOXSECRT".into(),
            account: "sandbox".into(),
            hooks: Vec::new(),
            per_minute: 60,
            clock,
        }
    }
}

/// An account-wide web hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Where it is posted to.
    pub url: String,
    /// Whether it is posted as JSON, and not as a form.
    pub is_json: bool,
}

/// An emulated `ThriveCart` account.
pub struct ThriveCart;

impl ThriveCart {
    /// Starts to answer requests. Errors where the address can't be listened on.
    pub async fn bind(options: Options) -> std::io::Result<Running> {
        server::start(options).await
    }
}
