//! What a run is made of: a sandbox with an app, servers that share one database, and the person who authorizes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use cartlane_testkit::postgres::Cluster;
use serde_json::{Value, json};

use super::Args;
use super::relay::Relays;
use crate::http;
use crate::processes::{Credential, PUBLIC_URL, Server, Setup};
use crate::sandbox::Sandbox;

/// The servers.
const SERVERS: usize = 3;
/// The connection whose tokens are tried.
pub const CONNECTION: &str = "crm";

/// A sandbox and its servers.
pub struct House {
    /// GHL's stand-in.
    pub sandbox: Arc<Sandbox>,
    /// The servers, each behind a relay of its own.
    pub servers: Vec<Server>,
    /// The relays.
    pub relays: Relays,
    _cluster: Cluster,
}

impl House {
    /// Starts everything; nobody has authorized the connection yet.
    pub async fn start(args: &Args, program: PathBuf, directory: &Path, cluster: Cluster) -> Result<Self> {
        // As slow as a real one, so that servers ask at the same time. A limit that nobody reaches. Not none: without rate headers Cartlane keeps to the documented limit.
        let weather = json!({
            "seed": args.seed,
            "limit": {"max": 100_000, "interval_ms": 1_000, "daily": 1_000_000_000},
            "latency_ms": {"mean": 150, "spread": 100},
            "oauth": {"access_token_s": args.access_token_s},
        });
        let sandbox = Sandbox::start(&program, directory, None, &weather).await?;
        let relays = Relays::start(SERVERS, sandbox.address).await?;
        let database_url = cluster.fresh_database();
        let patience = args.patience_ms();
        let limits = format!(
            "request_timeout_ms = {}\nsettle_ms = {}\nworkers = {}\n",
            patience.request,
            patience.settle,
            args.operations.div_ceil(SERVERS)
        );
        let mut servers = Vec::new();
        for (index, relay) in relays.addresses.iter().enumerate() {
            let setup = Setup {
                program: program.clone(),
                directory: directory.to_owned(),
                database_url: database_url.clone(),
                sandbox: *relay,
                credential: Credential::App,
                sabotage: args.sabotage_name(),
                limits: limits.clone(),
                core: None,
            };
            let mut server = setup.server(index)?;
            server.start().await?;
            servers.push(server);
        }
        Ok(Self {
            sandbox: Arc::new(sandbox),
            servers,
            relays,
            _cluster: cluster,
        })
    }

    /// Authorizes the connection as a person does: opens the address that server `begun_at` prints, agrees, and comes
    /// back, by the proxy that all servers stand behind, to server `ended_at`.
    pub async fn authorize(&self, begun_at: usize, ended_at: usize) -> Result<()> {
        let begun = self.servers[begun_at]
            .json(&["connections", "reauthorize", CONNECTION])
            .await?;
        let open = begun["open"].as_str().context("no address to open")?;
        let page = open.split_once("/v2/").context("not the page's address")?.1;
        let agreed = get(self.sandbox.address, &format!("/v2/{page}")).await?;
        let back = agreed.location.context("the page leads nowhere")?;
        let back = back
            .strip_prefix(PUBLIC_URL)
            .context("the page leads elsewhere")?;
        let ended = get(self.servers[ended_at].address, back).await?;
        ensure!(
            ended.is_success(),
            "coming back was answered {}: {}",
            ended.status,
            String::from_utf8_lossy(&ended.body)
        );
        Ok(())
    }

    /// What server `at` says is wrong with the connection.
    pub async fn trouble(&self, at: usize) -> Result<Option<String>> {
        let listed = self.servers[at].json(&["connections", "list"]).await?;
        let mut connections = listed["connections"].as_array().into_iter().flatten();
        let connection = connections.find(|connection| connection["name"] == CONNECTION);
        let connection = connection.context("the connection is not listed")?;
        Ok(connection
            .pointer("/trouble/code")
            .and_then(Value::as_str)
            .map(str::to_owned))
    }

    /// The runs in this state by what server `at` says, each with its error.
    pub async fn runs(&self, at: usize, state: &str) -> Result<Vec<String>> {
        let listed = self.servers[at]
            .json(&["runs", "list", "--state", state, "--limit", "1000"])
            .await?;
        let runs = listed["runs"].as_array().context("no list of runs")?;
        Ok(runs
            .iter()
            .map(|run| format!("{state} {}: {}", run["id"], run["error"]))
            .collect())
    }
}

async fn get(address: std::net::SocketAddr, path: &str) -> Result<http::Reply> {
    http::json(address, "GET", path, "user-agent: a browser\r\n", &Value::Null).await
}
