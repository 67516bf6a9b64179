//! `cartlane send`: post a recorded payload as `ThriveCart` does, or signed as `GoHighLevel` does.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cartlane_thrivecart::wire;
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};

use crate::output;

/// What to send, where, how often.
#[derive(clap::Args)]
pub struct Arguments {
    /// A recorded payload, `.json` or `.form`.
    file: PathBuf,
    /// The web hook's address.
    #[arg(long)]
    to: String,
    /// How often.
    #[arg(long, default_value_t = 1)]
    times: u32,
    /// Deliveries a second; as fast as they are answered when it is not given.
    #[arg(long)]
    rate: Option<f64>,
    /// Change a top-level field before sending, `thrivecart_secret=WORD`. May be given again; `{n}` is the delivery's
    /// number.
    #[arg(long = "set", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Sign as GoHighLevel does, with this Ed25519 key of yours (PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` makes
    /// it); its public half belongs into the connection's `webhook_key`.
    #[arg(long, value_name = "FILE")]
    sign_key: Option<PathBuf>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Sends. 1 when a delivery was not answered 2xx.
pub fn run(arguments: &Arguments, as_json: bool) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(send(arguments, as_json))
}

async fn send(arguments: &Arguments, as_json: bool) -> anyhow::Result<ExitCode> {
    let path = &arguments.file;
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let is_json = match path.extension().and_then(|end| end.to_str()) {
        Some("json") => true,
        Some("form") => false,
        _ => bail!(
            "{} is neither .json nor .form; a payload's ending says how it is written",
            path.display()
        ),
    };
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()?;
    let key = arguments.sign_key.as_deref().map(sign_key).transpose()?;
    let (mut good, mut bad, mut last) = (0, 0, String::new());
    for number in 1..=arguments.times {
        let body = changed(&text, is_json, &arguments.set, number)?;
        let (status, answer) = post(&client, &arguments.to, is_json, body, key.as_ref()).await?;
        if (200..300).contains(&status) {
            good += 1;
        } else {
            bad += 1;
        }
        last = format!("{status} {}", answer.trim());
        if let Some(rate) = arguments.rate.filter(|rate| *rate > 0.0) {
            tokio::time::sleep(Duration::from_secs_f64(1.0 / rate)).await;
        }
    }
    if as_json {
        output::json(&json!({"accepted": good, "refused": bad, "last": last}));
    } else {
        output::line(&format!("{good} accepted, {bad} refused; last answer: {last}"));
    }
    Ok(if bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn changed(text: &str, is_json: bool, set: &[(String, String)], number: u32) -> anyhow::Result<String> {
    if set.is_empty() {
        return Ok(text.trim_end().to_owned());
    }
    let mut tree: Value = if is_json {
        serde_json::from_str(text)?
    } else {
        wire::to_json(text.trim_end())
    };
    for (name, value) in set {
        tree[name.as_str()] = Value::String(value.replace("{n}", &number.to_string()));
    }
    Ok(if is_json {
        tree.to_string()
    } else {
        wire::to_form(&tree)
    })
}

/// The private key in a PEM file.
fn sign_key(path: &Path) -> anyhow::Result<Ed25519KeyPair> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(base64.trim()).ok();
    let pair = der.and_then(|der| Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok());
    pair.with_context(|| format!("{} is no Ed25519 key in PKCS#8 PEM", path.display()))
}

/// Posts one body, signed where there is a key; the status and the text of the answer.
pub async fn post(
    client: &reqwest::Client,
    to: &str,
    is_json: bool,
    body: String,
    key: Option<&Ed25519KeyPair>,
) -> anyhow::Result<(u16, String)> {
    let content_type = if is_json {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    };
    let mut request = client.post(to).header("content-type", content_type);
    if let Some(key) = key {
        let signature = STANDARD.encode(key.sign(body.as_bytes()));
        request = request.header("x-ghl-signature", signature);
    }
    let request = request.body(body);
    let response = request
        .send()
        .await
        .with_context(|| format!("{to} does not answer"))?;
    Ok((response.status().as_u16(), response.text().await?))
}
