//! The `[[connections]]` of the configuration, with their secrets.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use cartlane_engine::{
    AUTHORIZE_URL, AccountConfig, ApiConfig, ConnectionConfig, GhlApp, GhlConfig, GhlCredential, GhlHooks,
    HttpConfig, OAuthApp, SlackConfig, SmtpConfig, ThriveCartConfig,
};
use cartlane_model::SecretString;
use serde::Deserialize;

use super::{Config, environment};
use crate::output::BadConfig;

/// GHL's public address (FACTS: the only server in every file of its API).
const GHL_BASE_URL: &str = "https://services.leadconnectorhq.com";
/// ThriveCart's API.
const THRIVECART_BASE_URL: &str = "https://thrivecart.com/api/external";
/// The port of mail servers that take e-mail from their customers, by STARTTLS.
const SMTP_PORT: u16 = 587;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ConnectionIn {
    name: String,
    kind: String,
    account: Option<String>,
    secret_env: Option<String>,
    secret_file: Option<PathBuf>,
    secret_previous_env: Option<String>,
    secret_previous_file: Option<PathBuf>,
    hook_key_env: Option<String>,
    hook_key_file: Option<PathBuf>,
    sync_test_mode: bool,
    target: Option<String>,
    location_id: Option<String>,
    token_env: Option<String>,
    token_file: Option<PathBuf>,
    client_id: Option<String>,
    client_secret_env: Option<String>,
    client_secret_file: Option<PathBuf>,
    authorize_url: Option<String>,
    scopes: Option<Vec<String>>,
    base_url: Option<String>,
    allow_private_networks: bool,
    api_key_env: Option<String>,
    api_key_file: Option<PathBuf>,
    url_env: Option<String>,
    url_file: Option<PathBuf>,
    host: Option<String>,
    port: Option<u16>,
    tls: Option<cartlane_engine::Tls>,
    username: Option<String>,
    password_env: Option<String>,
    password_file: Option<PathBuf>,
    from: Option<String>,
    webhook_key: Option<String>,
    webhook_rsa_key: Option<String>,
    accept_unsigned: bool,
    webhook_window_minutes: Option<u32>,
}

impl Config {
    /// The outside accounts with their secrets.
    pub fn connections(&self) -> anyhow::Result<Vec<ConnectionConfig>> {
        self.connections
            .iter()
            .map(|connection| {
                let account = self
                    .account(connection)
                    .map_err(|error| BadConfig(format!("connection `{}`: {error:#}", connection.name)))?;
                Ok(ConnectionConfig {
                    name: connection.name.clone(),
                    account,
                })
            })
            .collect()
    }

    fn account(&self, read: &ConnectionIn) -> anyhow::Result<AccountConfig> {
        if read.name.is_empty() {
            bail!("it has no name; give each connection one");
        }
        match read.kind.as_str() {
            "thrivecart" => Ok(AccountConfig::ThriveCart(self.thrivecart(read)?)),
            "ghl" => Ok(AccountConfig::Ghl(self.ghl(read)?)),
            "slack" => Ok(AccountConfig::Slack(self.slack(read)?)),
            "smtp" => Ok(AccountConfig::Smtp(self.smtp(read)?)),
            "http" => Ok(AccountConfig::Http(HttpConfig {
                allow_private_networks: read.allow_private_networks,
            })),
            other => {
                bail!("kind `{other}` is not known; it is `thrivecart`, `ghl`, `slack`, `smtp` or `http`")
            }
        }
    }

    fn thrivecart(&self, read: &ConnectionIn) -> anyhow::Result<ThriveCartConfig> {
        let secret = self.secret("secret", read.secret_env.as_deref(), read.secret_file.as_deref())?;
        let previous = self.secret(
            "secret_previous",
            read.secret_previous_env.as_deref(),
            read.secret_previous_file.as_deref(),
        )?;
        let Some(secret) = secret else {
            bail!("secret_env or secret_file must name its secret word")
        };
        let hook_key = self.secret(
            "hook_key",
            read.hook_key_env.as_deref(),
            read.hook_key_file.as_deref(),
        )?;
        let key = self.secret(
            "api_key",
            read.api_key_env.as_deref(),
            read.api_key_file.as_deref(),
        )?;
        let api = key.map(|key| ApiConfig {
            base_url: read
                .base_url
                .clone()
                .unwrap_or_else(|| THRIVECART_BASE_URL.to_owned()),
            key: SecretString::from(key),
            allow_private_networks: read.allow_private_networks,
        });
        Ok(ThriveCartConfig {
            api,
            account: read.account.clone(),
            secrets: std::iter::once(secret)
                .chain(previous)
                .map(SecretString::from)
                .collect(),
            hook_key,
            sync_test_mode: read.sync_test_mode,
            target: read.target.clone(),
        })
    }

    fn ghl(&self, read: &ConnectionIn) -> anyhow::Result<GhlConfig> {
        let Some(location_id) = read.location_id.clone() else {
            bail!("location_id is missing; GoHighLevel shows it under Settings > Business Profile")
        };
        Ok(GhlConfig {
            base_url: read.base_url.clone().unwrap_or_else(|| GHL_BASE_URL.to_owned()),
            location_id,
            credential: self.ghl_credential(read)?,
            allow_private_networks: read.allow_private_networks,
            hooks: self.ghl_hooks(read)?,
        })
    }

    fn ghl_credential(&self, read: &ConnectionIn) -> anyhow::Result<GhlCredential> {
        let token = self.secret("token", read.token_env.as_deref(), read.token_file.as_deref())?;
        let client_secret = self.secret(
            "client_secret",
            read.client_secret_env.as_deref(),
            read.client_secret_file.as_deref(),
        )?;
        match (token, read.client_id.clone(), client_secret) {
            (Some(token), None, None) => Ok(GhlCredential::Token(SecretString::from(token))),
            (None, Some(client_id), Some(client_secret)) => {
                let Some(public_url) = &self.public_url else {
                    bail!(
                        "client_id needs `public_url` at the top of the file: the address at which this server is reached, \
                         such as https://cartlane.example.com; your app's redirect URL is that with /oauth/ghl/callback"
                    )
                };
                let default_scopes = || {
                    ["contacts.readonly", "contacts.write"]
                        .map(str::to_owned)
                        .to_vec()
                };
                let authorize_url = read.authorize_url.clone();
                Ok(GhlCredential::App(GhlApp {
                    app: OAuthApp {
                        client_id,
                        client_secret: SecretString::from(client_secret),
                    },
                    authorize_url: authorize_url.unwrap_or_else(|| AUTHORIZE_URL.to_owned()),
                    redirect_uri: format!("{}/oauth/ghl/callback", public_url.trim_end_matches('/')),
                    scopes: read.scopes.clone().unwrap_or_else(default_scopes),
                }))
            }
            (None, None, None) => bail!(
                "token_env or token_file must name its private integration token; or give client_id and client_secret_env of \
                 your own marketplace app"
            ),
            _ => {
                bail!("give either a token, or both client_id and client_secret_env (or client_secret_file)")
            }
        }
    }

    fn ghl_hooks(&self, read: &ConnectionIn) -> anyhow::Result<GhlHooks> {
        let hook_key = self.secret(
            "hook_key",
            read.hook_key_env.as_deref(),
            read.hook_key_file.as_deref(),
        )?;
        let default = GhlHooks::default();
        let minutes = read.webhook_window_minutes;
        Ok(GhlHooks {
            hook_key,
            key: read.webhook_key.clone(),
            rsa_key: read.webhook_rsa_key.clone(),
            accept_unsigned: read.accept_unsigned,
            window_ms: minutes.map_or(default.window_ms, |minutes| i64::from(minutes) * 60_000),
            sync_test_mode: read.sync_test_mode,
        })
    }

    fn slack(&self, read: &ConnectionIn) -> anyhow::Result<SlackConfig> {
        let Some(url) = self.secret("url", read.url_env.as_deref(), read.url_file.as_deref())? else {
            bail!("url_env or url_file must name the address of its incoming web hook, which is a secret")
        };
        Ok(SlackConfig {
            url: SecretString::from(url),
            allow_private_networks: read.allow_private_networks,
        })
    }

    fn smtp(&self, read: &ConnectionIn) -> anyhow::Result<SmtpConfig> {
        let (Some(host), Some(from)) = (read.host.clone(), read.from.clone()) else {
            bail!("host and from are needed: the mail server's name, and the address that e-mail comes from")
        };
        let password = self.secret(
            "password",
            read.password_env.as_deref(),
            read.password_file.as_deref(),
        )?;
        if read.username.is_some() != password.is_some() {
            bail!("username and password_env (or password_file) go together; give both or neither");
        }
        Ok(SmtpConfig {
            host,
            port: read.port.unwrap_or(SMTP_PORT),
            tls: read.tls.unwrap_or_default(),
            username: read.username.clone(),
            password: password.map(SecretString::from),
            from,
            allow_private_networks: read.allow_private_networks,
        })
    }

    fn secret(&self, key: &str, env: Option<&str>, file: Option<&Path>) -> anyhow::Result<Option<String>> {
        match (env, file) {
            (Some(_), Some(_)) => bail!("{key}_env and {key}_file are both given; give one"),
            (Some(name), None) => match environment(name) {
                Some(value) if !value.trim().is_empty() => Ok(Some(value.trim().to_owned())),
                _ => bail!("{key}_env names the variable {name}, which is not set"),
            },
            (None, Some(file)) => {
                let path = self.base.join(file);
                let value = std::fs::read_to_string(&path)
                    .with_context(|| format!("{key}_file {} cannot be read", path.display()))?;
                Ok(Some(value.trim().to_owned()))
            }
            (None, None) => Ok(None),
        }
    }
}
