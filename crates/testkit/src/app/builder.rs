//! What a house is like before it starts.

use std::sync::Arc;

use cartlane_engine::{AccountConfig, ConnectionConfig, GhlConfig, Limits, ThriveCartConfig};
use cartlane_model::SecretString;
use cartlane_sandbox::{Limit, Options, Sandbox, Settings};

use super::node::{Node, Setup};
use super::{LOCATION, SECRET, TOKEN, TestApp};
use crate::TestClock;
use crate::postgres::Cluster;

const HOOK_KEY: &str = "test-hook-key-0123456789";

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
    sandbox: Settings,
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
            sandbox: Settings {
                limit: Some(Limit {
                    max: 1_000,
                    interval_ms: 1_000,
                    ..Limit::default()
                }),
                ..Settings::single(TOKEN, LOCATION)
            },
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

    /// Whether orders of the checkout's test mode are synced.
    #[must_use]
    pub fn sync_test_mode(self, sync: bool) -> Self {
        self.shop(|shop| shop.sync_test_mode = sync)
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
        let crm = GhlConfig {
            base_url: sandbox.url(),
            location_id: LOCATION.into(),
            token: SecretString::from(TOKEN),
            allow_private_networks: true,
        };
        let connection = |name: &str, account| ConnectionConfig {
            name: name.into(),
            account,
        };
        let hook_key = self.shop.hook_key.clone().unwrap_or_default();
        let connections = vec![
            connection("shop", AccountConfig::ThriveCart(self.shop)),
            connection("crm", AccountConfig::Ghl(crm)),
        ];
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
