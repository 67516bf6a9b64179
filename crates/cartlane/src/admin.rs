//! Talks to a running server over its administration socket, never behind its back.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, anyhow, bail};
use cartlane_server::api::ACTOR;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::Value;

use crate::config::{self, Config};
use crate::output::{BadUsage, NoServer, Refusal};

/// The socket's name in the data directory.
pub const SOCKET: &str = "admin.sock";

/// In whose name this process speaks, where the command line says so.
static AUTHOR: OnceLock<String> = OnceLock::new();

/// Lets all that follows be done in somebody's name.
pub fn speak_for(author: String) {
    let _ = AUTHOR.set(author); // it is set once, by `main`
}

/// Who calls: as the command line says, else the user's name; behind `sudo` that of the person who typed it.
fn author() -> String {
    let user = || {
        ["SUDO_USER", "USER", "LOGNAME"]
            .into_iter()
            .find_map(config::environment)
    };
    AUTHOR
        .get()
        .cloned()
        .or_else(user)
        .unwrap_or_else(|| "unknown".into())
}

/// A client of the administration socket.
pub struct Admin {
    client: reqwest::Client,
    socket: PathBuf,
}

impl Admin {
    /// Of the server that the configuration describes.
    pub fn of(config: &Path) -> anyhow::Result<Self> {
        let socket = Config::read(config)?.data_dir.join(SOCKET);
        let author = author();
        let author = HeaderValue::from_bytes(author.trim().as_bytes())
            .map_err(|_| BadUsage("--author: give a name of one line".into()))?;
        let client = reqwest::Client::builder()
            .default_headers(HeaderMap::from_iter([(ACTOR.parse()?, author)]))
            .unix_socket(socket.as_path())
            .no_proxy()
            .build()?;
        Ok(Self { client, socket })
    }

    /// Asks; `query` has the parameters that are there.
    pub async fn get(&self, path: &str, query: &[(&str, Option<String>)]) -> anyhow::Result<Value> {
        self.send(Method::GET, address(path, query)?, None).await
    }

    /// Removes, in a way that `query` says.
    pub async fn delete_where(&self, path: &str, query: &[(&str, Option<String>)]) -> anyhow::Result<Value> {
        self.send(Method::DELETE, address(path, query)?, None).await
    }

    /// Tells.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.tell(Method::POST, path, Some(body)).await
    }

    /// Changes.
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.tell(Method::PATCH, path, Some(body)).await
    }

    /// Removes.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.tell(Method::DELETE, path, None).await
    }

    async fn tell(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        self.send(method, address(path, &[])?, body).await
    }

    async fn send(&self, method: Method, url: url::Url, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| {
            if error.is_connect() {
                anyhow!(NoServer(self.socket.display().to_string()))
            } else {
                anyhow!(error).context("the server did not answer")
            }
        })?;
        let status = response.status();
        let answer: Value = response
            .json()
            .await
            .context("the server's answer cannot be read")?;
        if !status.is_success() {
            let text = |name: &str| answer[name].as_str().map(str::to_owned);
            bail!(Refusal {
                code: text("code"),
                detail: text("detail").unwrap_or_else(|| "the server refused it".into()),
            });
        }
        Ok(answer)
    }
}

fn address(path: &str, query: &[(&str, Option<String>)]) -> anyhow::Result<url::Url> {
    let mut url = url::Url::parse("http://cartlane.internal").context("the administration's address")?;
    url.set_path(path);
    for (name, value) in query {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    Ok(url)
}
