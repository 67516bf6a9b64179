//! What a house is like before it starts.

use std::sync::Arc;

use cartlane_engine::{
    AccountConfig, ConnectionConfig, GhlApp, GhlConfig, GhlCredential, GhlHooks, Limits, OAuthApp,
    ThriveCartConfig,
};
use cartlane_model::SecretString;
use cartlane_sandbox::{Limit, Options, Sandbox, Settings};

use super::hooks;
use super::node::{Node, Setup};
use super::{LOCATION, SECRET, TOKEN, TestApp};
use crate::TestClock;
use crate::postgres::Cluster;

const HOOK_KEY: &str = "test-hook-key-0123456789";
pub(super) const GHL_HOOK_KEY: &str = "ghl-hook-key-0123456789";

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file in a directory of its own.
    Sqlite,
    /// A database of its own in the test process's cluster.
    Postgres,
}

/// Describes a [`TestApp`].
pub struct Builder {
    backend: Backend,
    limits: Limits,
    nodes: usize,
    shop: ThriveCartConfig,
    hooks: GhlHooks,
    sandbox: Settings,
    agency: bool,
    oauth: bool,
    provider: bool,
}

impl Default for Builder {
    /// SQLite, one node, times short enough for tests, a sandbox with a rate limit that is hard to
    /// reach.
    fn default() -> Self {
        Self {
            backend: Backend::Sqlite,
            limits: Limits {
                request_timeout_ms: 500,
                settle_ms: 300,
                backoff_base_ms: 10,
                backoff_cap_ms: 100,
                ..Limits::default()
            },
            nodes: 1,
            shop: ThriveCartConfig {
                account: None,
                secrets: vec![SecretString::from(SECRET)],
                hook_key: Some(HOOK_KEY.into()),
                sync_test_mode: false,
                target: None,
                api: None,
            },
            hooks: GhlHooks {
                hook_key: Some(GHL_HOOK_KEY.into()),
                key: Some(hooks::public_key()),
                ..GhlHooks::default()
            },
            sandbox: Settings {
                limit: Some(Limit {
                    max: 1_000,
                    interval_ms: 1_000,
                    ..Limit::default()
                }),
                ..Settings::single(TOKEN, LOCATION)
            },
            agency: false,
            oauth: false,
            provider: false,
        }
    }
}

impl Builder {
    /// Which database.
    #[must_use]
    pub fn database(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Changes the engine's limits.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Changes the shop's connection.
    #[must_use]
    pub fn shop(mut self, change: impl FnOnce(&mut ThriveCartConfig)) -> Self {
        change(&mut self.shop);
        self
    }

    /// Changes how GHL's web hooks are taken.
    #[must_use]
    pub fn hooks(mut self, change: impl FnOnce(&mut GhlHooks)) -> Self {
        change(&mut self.hooks);
        self
    }

    /// Whether orders of the checkout's test mode are synced.
    #[must_use]
    pub fn sync_test_mode(self, sync: bool) -> Self {
        self.shop(|shop| shop.sync_test_mode = sync)
    }

    /// Adds a connection `agency`, with the token `pit-agency`; runs keep to the location's.
    #[must_use]
    pub fn agency(mut self) -> Self {
        self.agency = true;
        self.shop(|shop| shop.target = Some("crm".into()))
    }

    /// Has the connection `crm` authorized by OAuth, with the sandbox's app, instead of a private integration token.
    #[must_use]
    pub fn oauth(mut self) -> Self {
        self.oauth = true;
        self
    }

    /// Adds a connection `provider` to the same location, which the sandbox's app is to be authorized for; runs keep to
    /// `crm`.
    #[must_use]
    pub fn provider(mut self) -> Self {
        self.provider = true;
        self.shop(|shop| shop.target = Some("crm".into()))
    }

    /// Changes the sandbox's settings.
    #[must_use]
    pub fn sandbox(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.sandbox);
        self
    }

    /// How many nodes share the database; more than one only on PostgreSQL.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When a part doesn't start.
    pub async fn start(self) -> TestApp {
        cartlane_outbound::install_crypto_provider();
        let clock = TestClock::default();
        let sandbox = Sandbox::bind(Options {
            settings: self.sandbox,
            ..Options::new(Arc::new(clock.clone()))
        });
        let sandbox = sandbox.await.expect("the sandbox starts");
        let app = GhlCredential::App(GhlApp {
            app: OAuthApp {
                client_id: "sandboxapp-1".into(),
                client_secret: SecretString::from("sandbox-secret"),
            },
            authorize_url: format!("{}/v2/oauth/chooselocation", sandbox.url().trim_end_matches('/')),
            redirect_uri: "https://cartlane.example.com/oauth/ghl/callback".into(),
            scopes: [
                "contacts.readonly",
                "contacts.write",
                "conversations/message.write",
            ]
            .map(str::to_owned)
            .to_vec(),
        });
        let crm = GhlConfig {
            base_url: sandbox.url(),
            location_id: LOCATION.into(),
            credential: if self.oauth {
                app.clone()
            } else {
                GhlCredential::Token(SecretString::from(TOKEN))
            },
            allow_private_networks: true,
            hooks: self.hooks,
        };
        let connection = |name: &str, account| ConnectionConfig {
            name: name.into(),
            account,
        };
        let hook_key = self.shop.hook_key.clone().unwrap_or_default();
        let another = |credential| GhlConfig {
            credential,
            hooks: GhlHooks {
                hook_key: None,
                ..crm.hooks.clone()
            },
            ..crm.clone()
        };
        let agency = another(GhlCredential::Token(SecretString::from("pit-agency")));
        let provider = another(app);
        let mut connections = vec![
            connection("shop", AccountConfig::ThriveCart(self.shop)),
            connection("crm", AccountConfig::Ghl(crm)),
        ];
        if self.agency {
            connections.push(connection("agency", AccountConfig::Ghl(agency)));
        }
        if self.provider {
            connections.push(connection("provider", AccountConfig::Ghl(provider)));
        }
        let url = match self.backend {
            Backend::Sqlite => "sqlite://test.db".to_owned(),
            Backend::Postgres => Cluster::shared().fresh_database(),
        };
        let setup = Setup {
            url,
            data_dir: Arc::new(tempfile::tempdir().expect("a temporary directory")),
            clock: clock.clone(),
            connections,
            limits: self.limits,
            hook_key,
        };
        let mut nodes = Vec::new();
        for _ in 0..self.nodes {
            nodes.push(Some(Node::start(setup.clone()).await));
        }
        TestApp {
            clock,
            sandbox,
            setup,
            nodes,
            leaves_runs: false,
        }
    }
}
