//! The configuration: `cartlane.toml`, overridden by the environment. Every key stands in `cartlane.default.toml`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use cartlane_engine::{
    AUTHORIZE_URL, AccountConfig, ApiConfig, ConnectionConfig, GhlApp, GhlConfig, GhlCredential, GhlHooks,
    HttpConfig, Limits, OAuthApp, SlackConfig, SmtpConfig, ThriveCartConfig,
};
use cartlane_flow::names::nearest;
use cartlane_model::SecretString;
use serde::Deserialize;

use crate::output::BadConfig;

/// The configuration with every key documented.
pub const DEFAULT: &str = include_str!("../cartlane.default.toml");

/// Where the configuration is unless said otherwise: the only one that need not be there.
pub const DEFAULT_PATH: &str = "cartlane.toml";

/// GHL's public address (FACTS: the only server in every file of its API).
const GHL_BASE_URL: &str = "https://services.leadconnectorhq.com";
/// ThriveCart's API.
const THRIVECART_BASE_URL: &str = "https://thrivecart.com/api/external";
/// The port of mail servers that take e-mail from their customers, by STARTTLS.
const SMTP_PORT: u16 = 587;

/// The configuration, ready to use.
pub struct Config {
    /// Where web hooks come in.
    pub listen: String,
    /// Where the database, the master key and the administration socket are.
    pub data_dir: PathBuf,
    /// `sqlite://…` or `postgres://…`.
    pub database_url: String,
    /// What is logged.
    pub log: String,
    /// Whether logs are JSON.
    pub log_json: bool,
    /// Sizes and times.
    pub limits: Limits,
    /// The longest body that is taken.
    pub body_bytes: usize,
    /// Connections to PostgreSQL.
    pub postgres_connections: usize,
    public_url: Option<String>,
    connections: Vec<ConnectionIn>,
    base: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigIn {
    listen: String,
    data_dir: PathBuf,
    database_url: String,
    log: String,
    log_format: LogFormat,
    public_url: Option<String>,
    limits: LimitsIn,
    #[serde(default)]
    connections: Vec<ConnectionIn>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum LogFormat {
    Text,
    Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsIn {
    request_timeout_ms: u32,
    settle_ms: u32,
    hold_minutes: u32,
    workers: u32,
    body_bytes: u32,
    inbox_waiting: u32,
    inbox_bytes: u32,
    quarantine_rows: u32,
    backoff_base_ms: u32,
    backoff_cap_ms: u32,
    postgres_connections: u32,
    file_bytes: u32,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ConnectionIn {
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

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment is read"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Config {
    /// Reads the file at `path` over the defaults, and the environment over the file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && path == Path::new(DEFAULT_PATH) => {
                String::new()
            }
            Err(error) => bail!(BadConfig(format!("{} cannot be read: {error}", path.display()))),
        };
        let base = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        Self::parse(&text, base).map_err(|error| BadConfig(format!("{}: {error:#}", path.display())).into())
    }

    fn parse(text: &str, base: &Path) -> anyhow::Result<Self> {
        let mut merged: toml::Table = DEFAULT.parse().context("the built-in defaults")?;
        let given: toml::Table = text.parse()?;
        for (name, value) in given {
            match (merged.get_mut(&name), value) {
                (Some(toml::Value::Table(under)), toml::Value::Table(over)) => under.extend(over),
                (_, value) => {
                    merged.insert(name, value);
                }
            }
        }
        for (name, key) in [
            ("CARTLANE_LISTEN", "listen"),
            ("CARTLANE_DATA_DIR", "data_dir"),
            ("CARTLANE_DATABASE_URL", "database_url"),
            ("CARTLANE_LOG", "log"),
        ] {
            if let Some(value) = environment(name) {
                merged.insert(key.to_owned(), toml::Value::String(value));
            }
        }
        check_keys(&merged)?;
        let read: ConfigIn = merged.try_into()?;
        check_values(&read)?;
        Ok(Self::of(read, base))
    }

    fn of(read: ConfigIn, base: &Path) -> Self {
        let ConfigIn {
            listen,
            data_dir,
            database_url,
            log,
            log_format,
            public_url,
            limits,
            connections,
        } = read;
        Self {
            listen,
            data_dir: base.join(data_dir),
            database_url,
            log,
            log_json: log_format == LogFormat::Json,
            body_bytes: limits.body_bytes as usize,
            postgres_connections: limits.postgres_connections as usize,
            limits: Limits {
                request_timeout_ms: limits.request_timeout_ms.into(),
                settle_ms: limits.settle_ms.into(),
                hold_ms: i64::from(limits.hold_minutes) * 60_000,
                workers: limits.workers as usize,
                inbox_waiting: limits.inbox_waiting as usize,
                inbox_bytes: limits.inbox_bytes as usize,
                quarantine_rows: limits.quarantine_rows.into(),
                backoff_base_ms: limits.backoff_base_ms.into(),
                backoff_cap_ms: limits.backoff_cap_ms.into(),
                file_bytes: limits.file_bytes.into(),
                ..Limits::default()
            },
            public_url,
            connections,
            base: base.to_owned(),
        }
    }

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

const KEYS: [&str; 8] = [
    "public_url",
    "listen",
    "data_dir",
    "database_url",
    "log",
    "log_format",
    "limits",
    "connections",
];
const LIMIT_KEYS: [&str; 12] = [
    "request_timeout_ms",
    "settle_ms",
    "hold_minutes",
    "workers",
    "body_bytes",
    "inbox_waiting",
    "inbox_bytes",
    "quarantine_rows",
    "backoff_base_ms",
    "backoff_cap_ms",
    "postgres_connections",
    "file_bytes",
];
const CONNECTION_KEYS: [&str; 36] = [
    "name",
    "kind",
    "account",
    "secret_env",
    "secret_file",
    "secret_previous_env",
    "secret_previous_file",
    "hook_key_env",
    "hook_key_file",
    "sync_test_mode",
    "target",
    "location_id",
    "token_env",
    "token_file",
    "client_id",
    "client_secret_env",
    "client_secret_file",
    "authorize_url",
    "scopes",
    "base_url",
    "allow_private_networks",
    "api_key_env",
    "api_key_file",
    "url_env",
    "url_file",
    "host",
    "port",
    "tls",
    "username",
    "password_env",
    "password_file",
    "from",
    "webhook_key",
    "webhook_rsa_key",
    "accept_unsigned",
    "webhook_window_minutes",
];

/// Every wrong key at once, each with the nearest right one.
fn check_keys(merged: &toml::Table) -> anyhow::Result<()> {
    let mut faults = Vec::new();
    wrong_keys("", merged, &KEYS, &mut faults);
    if let Some(limits) = merged.get("limits").and_then(toml::Value::as_table) {
        wrong_keys("limits.", limits, &LIMIT_KEYS, &mut faults);
    }
    let connections = merged
        .get("connections")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten();
    for (index, connection) in connections.filter_map(toml::Value::as_table).enumerate() {
        wrong_keys(
            &format!("connections[{index}]."),
            connection,
            &CONNECTION_KEYS,
            &mut faults,
        );
    }
    if faults.is_empty() {
        Ok(())
    } else {
        bail!("{}", faults.join("; "))
    }
}

fn wrong_keys(path: &str, table: &toml::Table, known: &[&str], faults: &mut Vec<String>) {
    for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
        faults.push(format!(
            "there is no key `{path}{key}`; {}",
            hint(path, key, known)
        ));
    }
}

/// Values of the right type that no server can work with.
fn check_values(read: &ConfigIn) -> anyhow::Result<()> {
    let url = &read.database_url;
    if !["sqlite://", "postgres://", "postgresql://"]
        .iter()
        .any(|start| url.starts_with(start))
    {
        bail!("database_url must begin with `sqlite://` or `postgres://`");
    }
    let limits = &read.limits;
    let at_least_one = [
        ("request_timeout_ms", limits.request_timeout_ms),
        ("workers", limits.workers),
        ("body_bytes", limits.body_bytes),
        ("inbox_waiting", limits.inbox_waiting),
        ("inbox_bytes", limits.inbox_bytes),
        ("postgres_connections", limits.postgres_connections),
    ];
    let zeros = at_least_one.iter().filter(|(_, value)| *value == 0);
    let faults: Vec<String> = zeros
        .map(|(key, _)| format!("limits.{key} must be at least 1"))
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        bail!("{}", faults.join("; "))
    }
}

/// Where a key belongs that stands in the wrong table, else the nearest right one.
fn hint(path: &str, key: &str, known: &[&str]) -> String {
    if path != "limits." && LIMIT_KEYS.contains(&key) {
        return format!("`{key}` belongs into [limits]");
    }
    if !path.starts_with("connections") && CONNECTION_KEYS.contains(&key) {
        return format!("`{key}` belongs into a table [[connections]]");
    }
    if !path.is_empty() && KEYS.contains(&key) {
        return format!("`{key}` belongs at the top, before the first [table]");
    }
    match nearest(key, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        Config::parse(text, Path::new("."))
            .err()
            .map(|error| format!("{error:#}"))
            .unwrap_or_default()
    }

    #[test]
    fn every_key_of_the_default_file_is_known_and_read() {
        assert!(Config::parse("", Path::new(".")).is_ok());
        let keys: Vec<&str> = [&KEYS[..6], &LIMIT_KEYS, &CONNECTION_KEYS].concat();
        for key in keys {
            assert!(
                DEFAULT.contains(key),
                "{key} is not documented in cartlane.default.toml"
            );
        }
    }

    #[test]
    fn a_wrong_key_is_told_with_the_nearest_right_one() {
        assert!(fault("lisen = '1'").contains("did you mean `listen`"));
        assert!(fault("[limits]\nworker = 1").contains("did you mean `workers`"));
        assert!(fault("worker_count = 1").contains("there are listen, data_dir"));
        assert!(fault("workers = 1").contains("belongs into [limits]"));
        assert!(fault("[limits]\nlisten = '1'").contains("belongs at the top"));
        assert!(fault("[connection]\nname = 'x'").contains("did you mean `connections`"));
        let two = fault("lisen = 1\n[[connections]]\nnam = 'x'");
        assert!(
            two.contains("listen") && two.contains("did you mean `name`"),
            "{two}"
        );
    }

    #[test]
    fn values_that_no_server_can_work_with_are_told() {
        assert!(fault("database_url = 'mysql://x'").contains("must begin with `sqlite://`"));
        let both = fault("[limits]\nworkers = 0\ninbox_waiting = 0");
        assert!(
            both.contains("limits.workers") && both.contains("limits.inbox_waiting"),
            "{both}"
        );
    }

    #[test]
    fn a_secret_that_is_not_there_is_told_by_its_variable() {
        let text =
            "[[connections]]\nname = 'crm'\nkind = 'ghl'\nlocation_id = 'l'\ntoken_env = 'NO_SUCH_VARIABLE'";
        let config = Config::parse(text, Path::new(".")).unwrap();
        let error = config.connections().unwrap_err().to_string();
        assert!(
            error.contains("NO_SUCH_VARIABLE") && error.contains("crm"),
            "{error}"
        );
    }
}
