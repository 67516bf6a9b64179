//! The configuration: `cartlane.toml`, overridden by the environment. Every key stands in `cartlane.default.toml`.

mod connections;
mod keys;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use cartlane_engine::Limits;
use serde::Deserialize;

use crate::output::BadConfig;
pub use connections::{account, secret_in};

/// The configuration with every key documented.
pub const DEFAULT: &str = include_str!("../../cartlane.default.toml");

/// Where the configuration is unless said otherwise: the only one that need not be there.
pub const DEFAULT_PATH: &str = "cartlane.toml";

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
    /// The address at which the world reaches this server.
    pub public_url: Option<String>,
    connections: Vec<toml::Table>,
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
    connections: Vec<toml::Table>,
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

/// A variable of the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment is read"
)]
pub fn environment(name: &str) -> Option<String> {
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
        keys::check_keys(&merged)?;
        let read: ConfigIn = merged.try_into()?;
        keys::check_values(&read)?;
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
}

#[cfg(test)]
mod tests {
    use super::keys::{CONNECTION_KEYS, KEYS, LIMIT_KEYS};
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
