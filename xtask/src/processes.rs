//! Cartlane servers as processes: configured, started, killed, started again.

use std::fs::OpenOptions;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::http;

/// Key of the web hook: configured, so that the address is known before the first start.
pub const HOOK_KEY: &str = "hk7q2m9v4t6x1c8z3b5n0d7f2g9h4j6k1l8p3r5s0w7y2a9e";
/// Path that deliveries are sent to.
pub const HOOK_PATH: &str = "/hooks/thrivecart/hk7q2m9v4t6x1c8z3b5n0d7f2g9h4j6k1l8p3r5s0w7y2a9e";
/// ThriveCart's secret word in every delivery.
pub const SECRET: &str = "EXAMPLESEC01";
/// ThriveCart's account name in every delivery.
pub const ACCOUNT: &str = "exampleacct";
/// Where the servers are reached, as a proxy before all of them would say; nobody listens there.
pub const PUBLIC_URL: &str = "https://cartlane.example.com";
const MASTER_KEY: &str = "5f1d0c7a9e3b48266b84e2a90d7c31f5c2a6e84f0b9d73152e60f7a8c94d1b3e";

/// What calls to GHL are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A private integration token.
    Token,
    /// A marketplace app's tokens, once a person has agreed.
    App,
}

/// What the servers of a run have in common.
pub struct Setup {
    /// The program.
    pub program: PathBuf,
    /// Where data and logs go.
    pub directory: PathBuf,
    /// Database URL; `sqlite://…` is relative to each server's data directory.
    pub database_url: String,
    /// Address of GHL's stand-in.
    pub sandbox: SocketAddr,
    /// What calls to it are made with.
    pub credential: Credential,
    /// Which safeguard to break, of a program built for it.
    pub sabotage: Option<String>,
    /// `[limits]`, as lines of TOML.
    pub limits: String,
    /// The core that servers are pinned to.
    pub core: Option<u32>,
}

impl Setup {
    /// Writes the configuration of server `index` and gives it an address; doesn't start it.
    pub fn server(&self, index: usize) -> Result<Server> {
        let directory = self.directory.join(format!("server-{index}"));
        std::fs::create_dir_all(&directory)?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let config = directory.join("cartlane.toml");
        std::fs::write(&config, self.config(address, &directory))?;
        let mut words: Vec<std::ffi::OsString> = Vec::new();
        if let Some(core) = self.core {
            words.extend(["taskset".into(), "--cpu-list".into(), core.to_string().into()]);
        }
        words.push(self.program.clone().into());
        let log = directory.join("server.log");
        Ok(Server {
            address,
            config,
            log,
            words,
            sabotage: self.sabotage.clone(),
            child: None,
        })
    }

    fn config(&self, address: SocketAddr, directory: &Path) -> String {
        let Self {
            database_url,
            limits,
            sandbox,
            ..
        } = self;
        let data_dir = directory.join("data");
        let data_dir = data_dir.display();
        let credential = match self.credential {
            Credential::Token => "token_env = \"CRM_TOKEN\"".to_owned(),
            Credential::App => format!(
                "client_id = \"{}\"\nclient_secret_env = \"CRM_CLIENT_SECRET\"\n\
                 authorize_url = \"http://{sandbox}/v2/oauth/chooselocation\"",
                crate::sandbox::CLIENT_ID
            ),
        };
        format!(
            r#"listen = "{address}"
public_url = "{PUBLIC_URL}"
data_dir = "{data_dir}"
database_url = "{database_url}"

[limits]
{limits}
[[connections]]
name = "shop"
kind = "thrivecart"
account = "{ACCOUNT}"
secret_env = "SHOP_SECRET"
hook_key_env = "SHOP_HOOK_KEY"
target = "crm"

[[connections]]
name = "crm"
kind = "ghl"
location_id = "{location}"
{credential}
base_url = "http://{sandbox}"
allow_private_networks = true
"#,
            location = crate::sandbox::LOCATION,
        )
    }
}

/// One server: running or not.
pub struct Server {
    /// Where it listens; the same after every start.
    pub address: SocketAddr,
    config: PathBuf,
    log: PathBuf,
    words: Vec<std::ffi::OsString>,
    sabotage: Option<String>,
    child: Option<Child>,
}

impl Server {
    /// Starts it and waits until it is ready; how long that took.
    pub async fn start(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        let mut command = self.command();
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        command
            .arg("serve")
            .arg("--config")
            .arg(&self.config)
            .stdout(log.try_clone()?)
            .stderr(log);
        self.child = Some(command.spawn().context("starting cartlane serve")?);
        let request = http::encode("GET", "/readyz", "text/plain", "", b"");
        loop {
            let reply = http::once(self.address, &request, Duration::from_secs(2)).await;
            if reply.is_ok_and(|reply| reply.is_success()) {
                return Ok(begun.elapsed());
            }
            self.still_running()?;
            if begun.elapsed() > Duration::from_mins(1) {
                bail!(
                    "the server isn't ready after a minute; see {}",
                    self.log.display()
                );
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// SIGKILL; returns when it is gone. An error where it had already ended by itself.
    pub async fn kill(&mut self) -> Result<()> {
        self.still_running()?;
        if let Some(mut child) = self.child.take() {
            child.kill().await.context("killing a server")?;
        }
        Ok(())
    }

    /// An error where a server that should be up has ended by itself.
    pub fn still_running(&mut self) -> Result<()> {
        let Some(child) = &mut self.child else {
            return Ok(());
        };
        if let Some(status) = child.try_wait()? {
            bail!(
                "a server ended by itself with {status}; see {}",
                self.log.display()
            );
        }
        Ok(())
    }

    /// Process id while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Runs another sub-command of the same program with this server's configuration, to its end.
    pub async fn run(&self, arguments: &[&str]) -> Result<()> {
        self.output(arguments).await.map(|_| ())
    }

    /// The same with `--json`: what it printed.
    pub async fn json(&self, arguments: &[&str]) -> Result<Value> {
        let printed = self.output(&[arguments, &["--json"]].concat()).await?;
        serde_json::from_slice(&printed)
            .with_context(|| format!("cartlane {} printed no JSON", arguments.join(" ")))
    }

    async fn output(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = self.client(arguments).output().await?;
        if !output.status.success() {
            bail!(
                "cartlane {} ended with {}: {}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(output.stdout)
    }

    /// Another sub-command of the same program with this server's configuration.
    pub fn client(&self, arguments: &[&str]) -> Command {
        let mut command = self.command();
        command.args(arguments).arg("--config").arg(&self.config);
        command
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command
            .args(&self.words[1..])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command.env("SHOP_SECRET", SECRET).env("SHOP_HOOK_KEY", HOOK_KEY);
        command
            .env("CRM_TOKEN", crate::sandbox::TOKEN)
            .env("CRM_CLIENT_SECRET", crate::sandbox::CLIENT_SECRET)
            .env("CARTLANE_MASTER_KEY", MASTER_KEY);
        if let Some(mode) = &self.sabotage {
            command.env("CARTLANE_BREAK", mode);
        }
        command
    }
}

/// A port of the loopback interface that nobody listens on.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
