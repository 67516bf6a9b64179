//! What a house is like before it starts.

use std::sync::Arc;

use cartlane_engine::{
    AccountConfig, ConnectionConfig, GhlConfig, Limits, SecretName, Secrets, ThriveCartConfig,
};
use cartlane_sandbox::{Limit, Options, Sandbox, Settings};

use super::hooks;
use super::node::{Node, Setup};
use super::{LOCATION, SECRET, TOKEN, TestApp};
use crate::TestClock;
use crate::postgres::Cluster;

pub(super) const HOOK_KEY: &str = "test-hook-key-0123456789";
/// The sandbox's agency.
const COMPANY: &str = "sandboxCompany000000";
const AGENCY_TOKEN: &str = "pit-agency";
pub(super) const GHL_HOOK_KEY: &str = "ghl-hook-key-0123456789";

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file in a directory of its own.
    Sqlite,
    /// A database of its own in the test process's cluster.
    Postgres,
}

type Change<T> = Box<dyn FnOnce(T) -> T + Send>;

/// Describes a [`TestApp`].
pub struct Builder {
    backend: Backend,
    limits: Limits,
    nodes: usize,
    shop: ThriveCartConfig,
    shop_secrets: Secrets,
    crm: GhlConfig,
    crm_secrets: Option<Change<Secrets>>,
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
            shop: ThriveCartConfig::default(),
            shop_secrets: Secrets::default()
                .with(SecretName::Secret, SECRET)
                .with(SecretName::HookKey, HOOK_KEY),
            crm: GhlConfig {
                location_id: Some(LOCATION.into()),
                allow_private_networks: true,
                webhook_key: Some(hooks::public_key()),
                ..GhlConfig::default()
            },
            crm_secrets: None,
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

    /// Changes the shop's secrets: its secret word and its hook key.
    #[must_use]
    pub fn shop_secrets(mut self, change: impl FnOnce(Secrets) -> Secrets) -> Self {
        self.shop_secrets = change(self.shop_secrets);
        self
    }

    /// Changes the location's secrets: its credential and its hook key.
    #[must_use]
    pub fn crm_secrets(mut self, change: impl FnOnce(Secrets) -> Secrets + Send + 'static) -> Self {
        self.crm_secrets = Some(Box::new(change));
        self
    }

    /// Changes the location's connection.
    #[must_use]
    pub fn crm(mut self, change: impl FnOnce(&mut GhlConfig)) -> Self {
        change(&mut self.crm);
        self
    }

    /// Whether orders of the checkout's test mode are synced.
    #[must_use]
    pub fn sync_test_mode(self, sync: bool) -> Self {
        self.shop(|shop| shop.sync_test_mode = sync)
    }

    /// Adds a connection `agency`, of the sandbox's agency.
    #[must_use]
    pub fn agency(mut self) -> Self {
        self.agency = true;
        self
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
        let mut crm = GhlConfig {
            base_url: sandbox.url(),
            ..self.crm
        };
        let mut agency = GhlConfig {
            location_id: None,
            company_id: Some(COMPANY.into()),
            ..crm.clone()
        };
        let authorize_url = format!("{}/v2/oauth/chooselocation", sandbox.url().trim_end_matches('/'));
        let (mut of_crm, mut of_agency) = (Secrets::default(), Secrets::default());
        for (config, secrets, token) in [
            (&mut crm, &mut of_crm, TOKEN),
            (&mut agency, &mut of_agency, AGENCY_TOKEN),
        ] {
            if self.oauth {
                config.client_id = Some("sandboxapp-1".into());
                config.authorize_url = Some(authorize_url.clone());
            }
            let (name, secret) = if self.oauth {
                (SecretName::ClientSecret, "sandbox-secret")
            } else {
                (SecretName::Token, token)
            };
            *secrets = std::mem::take(secrets).with(name, secret);
        }
        let provider = GhlConfig {
            client_id: Some("sandboxapp-1".into()),
            authorize_url: Some(authorize_url),
            scopes: vec!["contacts.readonly".into(), "conversations/message.write".into()],
            ..crm.clone()
        };
        of_crm = of_crm.with(SecretName::HookKey, GHL_HOOK_KEY);
        if let Some(change) = self.crm_secrets {
            of_crm = change(of_crm);
        }
        let connection = |name: &str, account, secrets| ConnectionConfig {
            name: name.into(),
            account,
            secrets,
        };
        let mut connections = vec![
            connection("shop", AccountConfig::ThriveCart(self.shop), self.shop_secrets),
            connection("crm", AccountConfig::Ghl(crm), of_crm),
        ];
        if self.agency {
            connections.push(connection("agency", AccountConfig::Ghl(agency), of_agency));
        }
        if self.provider {
            let secrets = Secrets::default().with(SecretName::ClientSecret, "sandbox-secret");
            connections.push(connection("provider", AccountConfig::Ghl(provider), secrets));
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
