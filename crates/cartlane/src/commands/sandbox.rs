//! `cartlane sandbox`: emulators of outside accounts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;
use cartlane_sandbox::thrivecart::{self, Hook, ThriveCart};
use cartlane_sandbox::{App, Install, Limit, Location, OAuth, Sandbox, Settings, Token, Webhook};
use clap::Subcommand;
use serde_json::json;

use crate::clock::SystemClock;
use crate::output;

/// Which account.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    which: Which,
}

#[derive(Subcommand)]
enum Which {
    /// `GoHighLevel`: locations, their agency, and a marketplace app.
    Ghl {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:8490")]
        listen: SocketAddr,
        /// The private integration token that is valid.
        #[arg(long, default_value = "pit-sandbox")]
        token: String,
        /// A location's id; the token is for the first. May be repeated.
        #[arg(long, default_value = "sandbox-location")]
        location: Vec<String>,
        #[command(flatten)]
        beyond: Beyond,
        /// What chance begins with.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Append the log to this file, a JSON line each.
        #[arg(long)]
        log: Option<PathBuf>,
        /// Requests / interval in ms / requests a day.
        #[arg(long, default_value = "100/10000/200000", value_parser = limit)]
        limit: Limit,
    },
    /// A `ThriveCart` account: its API, and the web hooks that it sends.
    #[command(name = "thrivecart")]
    ThriveCart {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:8491")]
        listen: SocketAddr,
        /// The API key that is valid.
        #[arg(long, default_value = "tc-sandbox")]
        key: String,
        /// Client id of the app that may be authorized by OAuth.
        #[arg(long, default_value = "sandboxapp-1")]
        client_id: String,
        /// The app's secret.
        #[arg(long, default_value = "sandbox-secret")]
        client_secret: String,
        /// Where the app may send a person back to; anywhere by default. May be repeated.
        #[arg(long, value_name = "URL")]
        redirect_uri: Vec<String>,
        /// The secret word that web hooks carry.
        #[arg(long, default_value = "SANDBOXSECRT")]
        secret: String,
        /// The account's name.
        #[arg(long, default_value = "sandbox")]
        account: String,
        /// Post web hooks to this address, as forms; may be given several times.
        #[arg(long, value_name = "URL")]
        hook: Vec<String>,
        /// Post web hooks to this address, as JSON; may be given several times.
        #[arg(long, value_name = "URL")]
        hook_json: Vec<String>,
        /// Requests to the API that are taken in a minute.
        #[arg(long, default_value_t = 60)]
        per_minute: usize,
    },
}

/// What is beyond one location: the agency's token, a marketplace app, receivers of events, many contacts.
#[derive(clap::Args)]
struct Beyond {
    /// A private integration token of the agency; none by default.
    #[arg(long)]
    agency_token: Option<String>,
    /// Client id of the marketplace app; what stands before its first dash is the app's id.
    #[arg(long, default_value = "sandboxapp-1")]
    client_id: String,
    /// The app's secret.
    #[arg(long, default_value = "sandbox-secret")]
    client_secret: String,
    /// What the authorize page installs the app in: a location's id, or `agency`; by default the first location.
    #[arg(long)]
    install: Option<String>,
    /// Seconds that the app's access tokens live.
    #[arg(long, default_value_t = 86_399)]
    access_token_s: i64,
    /// Send events to this URL, signed. May be repeated.
    #[arg(long)]
    webhook: Vec<String>,
    /// Begin with this many contacts.
    #[arg(long, default_value_t = 0)]
    contacts: usize,
}

impl Beyond {
    fn oauth(&self) -> OAuth {
        OAuth {
            apps: vec![App {
                client_id: self.client_id.clone(),
                client_secret: self.client_secret.clone(),
                scopes: None,
                redirect_uris: None,
            }],
            install: match self.install.as_deref() {
                None => Install::FirstLocation,
                Some("agency") => Install::Agency,
                Some(location) => Install::Location(location.to_owned()),
            },
            access_token_s: self.access_token_s,
            ..OAuth::default()
        }
    }

    fn webhooks(&self) -> Vec<Webhook> {
        let webhook = |url: &String| Webhook {
            url: url.clone(),
            location_id: None,
            events: None,
        };
        self.webhook.iter().map(webhook).collect()
    }
}

fn limit(text: &str) -> Result<Limit, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let parsed = match parts.as_slice() {
        [max, interval_ms, daily] => max
            .parse()
            .ok()
            .zip(interval_ms.parse().ok())
            .zip(daily.parse().ok()),
        _ => None,
    };
    let ((max, interval_ms), daily) =
        parsed.ok_or("give three numbers, MAX/INTERVAL_MS/DAILY, such as 100/10000/200000")?;
    Ok(Limit {
        max,
        interval_ms,
        daily,
    })
}

/// Runs until Ctrl-C.
pub fn run(arguments: &Arguments, as_json: bool) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let Which::Ghl {
            listen,
            token,
            location,
            beyond,
            seed,
            log,
            limit,
        } = &arguments.which
        else {
            return thrivecart(&arguments.which, as_json).await;
        };
        let tokens = location.first().map(|first| Token::new(token, first)).into_iter();
        let options = cartlane_sandbox::Options {
            listen: *listen,
            settings: Settings {
                tokens: tokens
                    .chain(beyond.agency_token.as_deref().map(Token::agency))
                    .collect(),
                locations: location.iter().map(|id| Location::new(id)).collect(),
                oauth: beyond.oauth(),
                webhooks: beyond.webhooks(),
                limit: Some(*limit),
                seed: *seed,
                ..Settings::default()
            },
            log_file: log.clone(),
            ..cartlane_sandbox::Options::new(Arc::new(SystemClock))
        };
        let running = Sandbox::bind(options)
            .await
            .map_err(|error| anyhow!("cannot listen on {listen}: {error}"))?;
        running.state().seed(beyond.contacts, None);
        if as_json {
            output::json(&json!({"url": running.url()}));
        } else {
            output::line(&format!("GoHighLevel sandbox on {}", running.url()));
        }
        tokio::signal::ctrl_c().await?;
        running.shutdown().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Runs the account until Ctrl-C.
async fn thrivecart(which: &Which, as_json: bool) -> anyhow::Result<ExitCode> {
    let Which::ThriveCart {
        listen,
        key,
        client_id,
        client_secret,
        redirect_uri,
        secret,
        account,
        hook,
        hook_json,
        per_minute,
    } = which
    else {
        return Err(anyhow!("this is no ThriveCart account"));
    };
    let hooks = |urls: &[String], is_json| -> Vec<Hook> {
        let hook = |url: &String| Hook {
            url: url.clone(),
            is_json,
        };
        urls.iter().map(hook).collect()
    };
    let running = ThriveCart::bind(thrivecart::Options {
        listen: *listen,
        key: key.clone(),
        apps: vec![thrivecart::App {
            client_id: client_id.clone(),
            client_secret: client_secret.clone(),
            redirect_uris: (!redirect_uri.is_empty()).then(|| redirect_uri.clone()),
        }],
        secret: secret.clone(),
        account: account.clone(),
        hooks: [hooks(hook, false), hooks(hook_json, true)].concat(),
        per_minute: *per_minute,
        clock: Arc::new(SystemClock),
    })
    .await
    .map_err(|error| anyhow!("cannot listen on {listen}: {error}"))?;
    if as_json {
        output::json(&json!({"url": running.api_url(), "admin_url": running.admin_url()}));
    } else {
        output::line(&format!(
            "ThriveCart sandbox on {}; customers buy at {}",
            running.api_url(),
            running.admin_url()
        ));
    }
    tokio::signal::ctrl_c().await?;
    running.shutdown().await;
    Ok(ExitCode::SUCCESS)
}
