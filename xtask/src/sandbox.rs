//! GHL's stand-in as a process, its controls and its log. The log is one of the two witnesses of every verdict.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::{http, processes};

/// The one location.
pub const LOCATION: &str = "loc1";
/// A token for it.
pub const TOKEN: &str = "pit-xtask";
/// The marketplace app that there is.
pub const CLIENT_ID: &str = "sandboxapp-1";
/// Its secret.
pub const CLIENT_SECRET: &str = "sandbox-secret";
/// Header lines that GHL wants from a caller of its contacts API.
pub const API_HEADERS: &str = "authorization: Bearer pit-xtask\r\nversion: 2021-07-28\r\naccept: application/json\r\nuser-agent: cartlane-xtask\r\n";

/// A running sandbox.
pub struct Sandbox {
    /// Where it listens.
    pub address: SocketAddr,
    _process: Child,
}

/// One line of the sandbox's log. Fields that no verdict needs are left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// Position in the order of requests.
    pub seq: u64,
    /// Milliseconds of the sandbox's clock when the request was looked at.
    pub at_ms: i64,
    /// `api` or `user`.
    pub actor: String,
    /// Status of the answer, if one was sent.
    pub status: Option<u16>,
    /// Name of the injected fault.
    pub fault: Option<String>,
    /// What changed.
    pub effect: Option<Effect>,
    /// When it changed.
    pub effect_at_ms: Option<i64>,
    /// Position in the order of effects.
    pub effect_seq: Option<u64>,
    /// An effect is still to come.
    pub pending: bool,
    /// Whether the fault (a 429 for one) was asked for.
    pub injected: bool,
    /// The body sent.
    pub request_body: Value,
    /// Catalog id of the operation, where the path is one.
    pub operation: Option<String>,
}

/// A change of GHL's state.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Effect {
    /// `contact_created`, `note_created`, …
    pub kind: String,
    /// The contact.
    pub contact_id: String,
    /// What of it.
    pub detail: Value,
}

impl Sandbox {
    /// Starts one on a free port, pinned to `core` if given, with `settings` laid over its defaults.
    pub async fn start(
        program: &Path,
        directory: &Path,
        core: Option<u32>,
        settings: &Value,
    ) -> Result<Self> {
        std::fs::create_dir_all(directory)?;
        let address = SocketAddr::from(([127, 0, 0, 1], processes::free_port()?));
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(directory.join("sandbox.out"))?;
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", &core.to_string()]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args([
            "sandbox",
            "ghl",
            "--listen",
            &address.to_string(),
            "--token",
            TOKEN,
            "--location",
            LOCATION,
        ]);
        command.arg("--log").arg(directory.join("sandbox.log"));
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let process = command.spawn().context("starting cartlane sandbox ghl")?;
        let sandbox = Self {
            address,
            _process: process,
        };
        for _ in 0..600 {
            if http::json(address, "GET", "/_sandbox/stats", "", &Value::Null)
                .await
                .is_ok()
            {
                sandbox.set(settings).await?;
                return Ok(sandbox);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!(
            "the sandbox isn't ready after half a minute; see {}",
            directory.display()
        );
    }

    /// Lays `settings` over the present ones.
    pub async fn set(&self, settings: &Value) -> Result<()> {
        let reply = http::json(self.address, "PUT", "/_sandbox/settings", "", settings).await?;
        ensure!(
            reply.is_success(),
            "sandbox settings refused: {}",
            String::from_utf8_lossy(&reply.body)
        );
        Ok(())
    }

    /// Adds rules to the script of faults.
    pub async fn script(&self, rules: &Value) -> Result<()> {
        let reply = http::json(self.address, "POST", "/_sandbox/script", "", rules).await?;
        ensure!(
            reply.is_success(),
            "sandbox script refused: {}",
            String::from_utf8_lossy(&reply.body)
        );
        Ok(())
    }

    /// The moment by its clock.
    pub async fn now_ms(&self) -> Result<i64> {
        let not_at_all = json!({"advance_ms": 0});
        let reply = http::json(self.address, "POST", "/_sandbox/clock", "", &not_at_all).await?;
        reply.json()["now_ms"].as_i64().context("the sandbox's clock")
    }

    /// Ends all faults and latency.
    pub async fn calm(&self) -> Result<()> {
        let none = json!({"rate_5xx": 0, "rate_429": 0, "rate_cut_before": 0, "rate_cut_after": 0,
            "rate_late_effect": 0, "rate_slow_body": 0});
        self.set(&json!({"faults": none, "latency_ms": {"mean": 0, "spread": 0}}))
            .await
    }

    /// Requests to GHL's API so far.
    pub async fn requests(&self) -> Result<f64> {
        self.stat("requests").await
    }

    /// A count of `/_sandbox/stats`.
    pub async fn stat(&self, name: &str) -> Result<f64> {
        let stats = http::json(self.address, "GET", "/_sandbox/stats", "", &Value::Null)
            .await?
            .json();
        stats
            .get(name)
            .and_then(Value::as_f64)
            .with_context(|| format!("no {name} in the sandbox's counts"))
    }

    /// Adds a tag as another user would; false where there is no such contact yet.
    pub async fn add_tag_as_user(&self, email: &str, tag: &str) -> Result<bool> {
        let edit = json!({"email": email, "add_tags": [tag]});
        Ok(http::json(self.address, "POST", "/_sandbox/edit", "", &edit)
            .await?
            .is_success())
    }

    /// The tags of a contact, read through GHL's own API; none where it doesn't exist.
    pub async fn tags(&self, contact_id: &str) -> Result<Option<Vec<String>>> {
        let path = format!("/contacts/{contact_id}");
        let reply = http::json(self.address, "GET", &path, API_HEADERS, &Value::Null).await?;
        if matches!(reply.status, 400 | 404) {
            return Ok(None);
        }
        ensure!(
            reply.is_success(),
            "reading a contact answered {}: {}",
            reply.status,
            String::from_utf8_lossy(&reply.body)
        );
        let answer = reply.json();
        let tags = answer
            .pointer("/contact/tags")
            .and_then(Value::as_array)
            .context("a contact without tags")?;
        Ok(Some(
            tags.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        ))
    }

    /// Brings `log` up to date; whether anything was new. Entries whose effect is still to come are read again.
    pub async fn read_log(&self, log: &mut BTreeMap<u64, Entry>) -> Result<bool> {
        let first_pending = log
            .values()
            .find(|entry| entry.pending)
            .map(|entry| entry.seq - 1);
        let mut after = first_pending.or(log.keys().next_back().copied()).unwrap_or(0);
        let before = (log.len(), log.values().filter(|entry| entry.pending).count());
        loop {
            let path = format!("/_sandbox/log?after={after}&limit=2000");
            let reply = http::json(self.address, "GET", &path, "", &Value::Null).await?;
            let page: Page = serde_json::from_slice(&reply.body).context("the sandbox's log")?;
            let Some(last) = page.entries.last() else { break };
            after = last.seq;
            log.extend(page.entries.into_iter().map(|entry| (entry.seq, entry)));
        }
        Ok(before != (log.len(), log.values().filter(|entry| entry.pending).count()))
    }
}

#[derive(Deserialize)]
struct Page {
    entries: Vec<Entry>,
}
